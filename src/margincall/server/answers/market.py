"""Market data: the book, trades, prices, tickers, open interest. (Candles: `candles.py`; what else is told of a market:
`venue_data.py`.)"""

from collections.abc import Callable
from decimal import Decimal

from margincall.core.units import ZERO
from margincall.exchange.book import Depth, Side
from margincall.exchange.state import Market
from margincall.server.answers.exchange_info import exchange_info
from margincall.server.call import Call
from margincall.server.errors import ApiError
from margincall.server.positioning import open_interest
from margincall.server.request import Params
from margincall.server.routing import Param, Route
from margincall.server.tape import Shown
from margincall.wire.durations import HOUR_MS
from margincall.wire.spelling import Json, amount, text

SYMBOL, ANY_SYMBOL = Param("symbol", "symbol", required=True), Param("symbol", "symbol")
PAIR = Param("pair", "text", required=True)
SPAN = (Param("startTime", "integer"), Param("endTime", "integer"), Param("limit", "integer"))
SIDES: tuple[Side, Side] = ("BUY", "SELL")
DEPTHS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}
"""How many levels may be asked, and what that weighs."""
DEPTH = 500
LARGEST_SPAN_MS = HOUR_MS
"""Between start and end of a question for `aggTrades`, if both are said."""
TOO_FAR_APART = ApiError(-1127, "More than 1 hours between startTime and endTime.")
RPI_SINCE = "2025-11-18"
OLD_TRADES_SINCE = "2026-07-29"
"""Since then `historicalTrades` weighs ten times as much."""


def sent_limit(params: Params, default: int) -> int:
    """The limit that a request weighs by; what is no number is refused later."""
    found = params.found.get("limit", "")
    return int(found) if found.isascii() and found.isdigit() and len(found) < 10 else default


def shown(call: Call) -> tuple[Shown, Market]:
    """What a market that must be named showed, and how it stands. Raises `ApiError`."""
    symbol = call.need_symbol()
    call.venue.advance()
    return call.venue.tape.markets[symbol], call.venue.state.markets[symbol]


def of_each(row: Callable[[Call, str], Json]) -> Callable[[Call], object]:
    """One row for the symbol of a request, or a list of all."""

    def answer(call: Call) -> object:
        symbol = call.symbol()
        call.venue.advance()
        if symbol is not None:
            return row(call, symbol)
        return [row(call, each) for each in call.venue.state.markets]

    return answer


# --- the book ---------------------------------------------------------------------------------------------


def depth_weight(params: Params) -> int:
    """By the levels that are asked."""
    return DEPTHS.get(sent_limit(params, DEPTH), 1)


def depth(call: Call) -> Json:
    """`GET /fapi/v1/depth`."""
    limit = call.params.integer("limit")
    limit = DEPTH if limit is None else limit
    if limit not in DEPTHS:
        raise ApiError(-4021, f"{limit} is not valid depth limit")
    return book_of(call, limit)


def rpi_depth(call: Call) -> Json:
    """`GET /fapi/v1/rpiDepth`: there are no orders of retail price improvement, so it is the book."""
    limit = call.params.integer("limit")
    if limit not in (None, 1000):
        raise ApiError(-4021, f"{limit} is not valid depth limit")
    return book_of(call, 1000)


def book_of(call: Call, limit: int) -> Json:
    """The best levels of a book, and the number that the depth stream goes on from."""
    told, market = shown(call)
    call.venue.look(market.contract.symbol)
    return {
        "lastUpdateId": call.venue.tape.update_ids[market.contract.symbol],
        "E": call.now_ms,
        "T": told.book_ms or call.venue.state.time_ms,
        "bids": levels(market, market.book.depth("BUY", limit)),
        "asks": levels(market, market.book.depth("SELL", limit)),
    }


def levels(market: Market, found: list[Depth]) -> list[tuple[str, str]]:
    """Levels as they are printed: price and size."""
    tick, lot = market.contract.tick, market.contract.lot
    return [(text(each.ticks * tick), text(each.lots * lot)) for each in found]


def book_ticker(call: Call, symbol: str) -> Json:
    """A row of `ticker/bookTicker`; an empty side is 0."""
    market = call.venue.state.markets[symbol]
    nothing = text(ZERO * market.contract.tick), text(ZERO * market.contract.lot)
    bid, ask = ((levels(market, market.book.depth(side, 1)) or [nothing])[0] for side in SIDES)
    return {
        "lastUpdateId": call.venue.tape.update_ids[symbol],
        "symbol": symbol,
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
        "time": call.venue.tape.markets[symbol].book_ms or call.venue.state.time_ms,
    }


# --- trades -----------------------------------------------------------------------------------------------


def trades(call: Call) -> list[object]:
    """`GET /fapi/v1/trades`."""
    limit = call.params.limit(500, 1000)
    return shown(call)[0].trades.newest(call.now_ms, limit=limit)


def historical_trades(call: Call) -> list[object]:
    """`GET /fapi/v1/historicalTrades`: the last ones, or those from a number on."""
    limit, number = call.params.limit(100, 500), call.params.integer("fromId", 0)
    found = shown(call)[0].trades
    return found.newest(call.now_ms, limit=limit) if number is None else found.find(
        call.now_ms, from_id=number, limit=limit
    )  # fmt: skip


def agg_trades(call: Call) -> list[object]:
    """`GET /fapi/v1/aggTrades`: the last ones, those from a number on, or those of a span of at most an hour."""
    limit, number = call.params.limit(500, 1000), call.params.integer("fromId", 0)
    since_ms, until_ms = call.params.integer("startTime", 0, 2**52), call.params.integer("endTime", 0, 2**52)
    if since_ms is not None and until_ms is not None:
        if since_ms > until_ms:
            raise ApiError(-1023, "Start time is greater than end time.")
        if until_ms - since_ms > LARGEST_SPAN_MS:
            raise TOO_FAR_APART
    found, now_ms = shown(call)[0].agg_trades, call.now_ms
    until_ms = now_ms if until_ms is None else until_ms
    if number is None and since_ms is None:
        return found.newest(now_ms, until_ms=until_ms, limit=limit)
    return found.find(now_ms, since_ms=since_ms or 0, until_ms=until_ms, from_id=number or 0, limit=limit)


# --- prices -----------------------------------------------------------------------------------------------


def premium_index(call: Call, symbol: str) -> Json:
    """A row of `premiumIndex`. The rate is that of the last settlement (assumed: `last-funding-rate`); where no index
    was told, the mark stands for it."""
    state = call.venue.state
    market = state.markets[symbol]
    mark, funding = market.mark or ZERO, market.listing.funding
    index = market.index or mark
    return {
        "symbol": symbol,
        "markPrice": amount(mark),
        "indexPrice": amount(index),
        "estimatedSettlePrice": amount(index),
        "lastFundingRate": amount(market.rate),
        "interestRate": amount(funding.interest if funding is not None else ZERO),
        "nextFundingTime": market.next_funding_ms or 0,
        "time": state.time_ms,
    }


def price_ticker(call: Call, symbol: str) -> Json:
    """A row of `ticker/price`: the last trade, 0 before the first."""
    market, told = call.venue.state.markets[symbol], call.venue.tape.markets[symbol]
    price: Decimal = market.last if market.last is not None else ZERO * market.contract.tick
    return {"symbol": symbol, "price": text(price), "time": told.trade_ms or call.venue.state.time_ms}


def day_ticker(call: Call, symbol: str) -> Json:
    """A row of `ticker/24hr`."""
    return call.venue.tape.markets[symbol].day.row(call.now_ms)


def interest(call: Call) -> Json:
    """`GET /fapi/v1/openInterest`."""
    _, market = shown(call)
    symbol, state = market.contract.symbol, call.venue.state
    held = open_interest(state, symbol) + ZERO * market.contract.lot
    return {"openInterest": text(held), "symbol": symbol, "time": state.time_ms}


def one_or(all_of_them: int, one: int = 1) -> Callable[[Params], int]:
    """What a question weighs without a symbol, and with one."""
    return lambda params: one if params.found.get("symbol") else all_of_them


OLD_TRADES = (SYMBOL, Param("limit", "integer"), Param("fromId", "integer"))
ROUTES = (
    Route("GET", "/fapi/v1/exchangeInfo", exchange_info),
    Route("GET", "/fapi/v1/depth", depth, weight=depth_weight, params=(SYMBOL, Param("limit", "integer"))),
    Route("GET", "/fapi/v1/rpiDepth", rpi_depth, weight=20, since=RPI_SINCE, params=(
        SYMBOL, Param("limit", "integer"),
    )),
    Route("GET", "/fapi/v1/trades", trades, weight=5, params=(SYMBOL, Param("limit", "integer"))),
    Route("GET", "/fapi/v1/historicalTrades", historical_trades, security="key", weight=20, params=OLD_TRADES,
          until=OLD_TRADES_SINCE),
    Route("GET", "/fapi/v1/historicalTrades", historical_trades, security="key", weight=200, params=OLD_TRADES,
          since=OLD_TRADES_SINCE),
    Route("GET", "/fapi/v1/aggTrades", agg_trades, weight=20, params=(SYMBOL, Param("fromId", "integer"), *SPAN)),
    Route("GET", "/fapi/v1/premiumIndex", of_each(premium_index), weight=one_or(10), params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/ticker/24hr", of_each(day_ticker), weight=one_or(40), params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/ticker/price", of_each(price_ticker), weight=one_or(2), params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v2/ticker/price", of_each(price_ticker), weight=one_or(2), params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/ticker/bookTicker", of_each(book_ticker), weight=one_or(5, 2), params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/openInterest", interest, params=(SYMBOL,)),
)  # fmt: skip

"""What else the venue tells of its markets: funding, index sources, asset indices, the fund, deleveraging risk."""

import msgspec

from margincall.core.account import AssetIndex
from margincall.core.protocol.mark import price_index
from margincall.core.rounding import exact, quotient
from margincall.core.units import ONE
from margincall.exchange.state import Exchange
from margincall.server.answers.candles import span
from margincall.server.answers.market import ANY_SYMBOL, SPAN, SYMBOL, of_each, one_or, shown
from margincall.server.call import Call
from margincall.server.errors import BAD_SYMBOL
from margincall.server.routing import Route
from margincall.wire.encode_market import insurance_balance
from margincall.wire.spelling import Json, amount

RISK_SINCE, FUND_SINCE = "2025-11-19", "2025-04-23"
SCHEDULES = ("EQUITY", "COMMODITY")
AUTO_SHARE = 2
"""By which part of the buffers an asset would be exchanged by itself: the half, as in the sample of the documentation
(assumed: `auto-exchange-buffer`)."""


def funding_rate(call: Call) -> list[Json]:
    """`GET /fapi/v1/fundingRate`: the last settlements, or the first of a span, of one symbol or of all."""
    symbol, limit = call.symbol(), call.params.limit(100, 1000)
    since_ms, until_ms = span(call.params)
    call.venue.advance()
    now_ms = call.now_ms
    until_ms = now_ms if until_ms is None else until_ms
    found: list[Json] = []
    for name in [symbol] if symbol is not None else call.venue.state.markets:
        shelf = call.venue.tape.markets[name].funding
        rows = (
            shelf.newest(now_ms, until_ms=until_ms, limit=limit) if since_ms is None
            else shelf.find(now_ms, since_ms=since_ms, until_ms=until_ms, limit=limit)
        )  # fmt: skip
        found += [msgspec.json.decode(row) if isinstance(row, msgspec.Raw) else row for row in rows]  # type: ignore[misc]
    found.sort(key=lambda row: row["fundingTime"])  # type: ignore[arg-type, return-value]
    return found[-limit:] if since_ms is None else found[:limit]


def funding_info(call: Call) -> list[Json]:
    """`GET /fapi/v1/fundingInfo`: bounds and interval of each symbol; a symbol in the request changes nothing."""
    call.venue.advance()
    return [
        {
            "symbol": symbol,
            "adjustedFundingRateCap": amount(market.listing.funding.cap),
            "adjustedFundingRateFloor": amount(market.listing.funding.floor),
            "fundingIntervalHours": market.funding_hours,
            "disclaimer": False,
        }
        for symbol, market in call.venue.state.markets.items()
        if market.listing.funding is not None
    ]


def constituents(call: Call) -> Json:
    """`GET /fapi/v1/constituents`: the sources that the index was told of, with their part in it."""
    _, market = shown(call)
    state, rules = call.venue.state, market.listing.index
    terms = price_index(list(market.sources.values()), state.time_ms, rules) if rules is not None else None
    shares = {each.source: each.share for each in terms.used} if terms is not None else {}
    return {
        "symbol": market.contract.symbol,
        "time": state.time_ms,
        "constituents": [
            {
                "exchange": each.source,
                "symbol": market.contract.base + market.contract.quote,
                "price": amount(each.price),
                "weight": f"{shares.get(each.source, 0):.8f}",
            }
            for each in market.sources.values()
        ],
    }


def index_info(call: Call) -> list[Json]:
    """`GET /fapi/v1/indexInfo`: no contract here is of a composite index."""
    if call.params.text("symbol") is not None:
        raise BAD_SYMBOL
    return []


def asset_index(call: Call) -> object:
    """`GET /fapi/v1/assetIndex`: USD rates of the assets that are collateral in multi-assets mode."""
    wanted = call.params.text("symbol")
    call.venue.advance()
    tape, state = call.venue.tape, call.venue.state
    rows = {
        f"{asset}USD": asset_index_row(f"{asset}USD", index, tape.indexed_ms.get(asset, state.time_ms))
        for asset, index in sorted(state.indices.items())
    }
    if wanted is None:
        return list(rows.values())
    if wanted not in rows:
        raise BAD_SYMBOL
    return rows[wanted]


@exact
def asset_index_row(symbol: str, told: AssetIndex, time_ms: int) -> Json:
    """A row of `assetIndex`."""
    bid, ask = ONE - quotient(told.bid, told.index), quotient(told.ask, told.index) - ONE
    near_bid, near_ask = bid / AUTO_SHARE, ask / AUTO_SHARE
    return {
        "symbol": symbol,
        "time": time_ms,
        "index": amount(told.index),
        "bidBuffer": f"{bid:.8f}",
        "askBuffer": f"{ask:.8f}",
        "bidRate": amount(told.bid),
        "askRate": amount(told.ask),
        "autoExchangeBidBuffer": f"{near_bid:.8f}",
        "autoExchangeAskBuffer": f"{near_ask:.8f}",
        "autoExchangeBidRate": f"{told.index * (ONE - near_bid):.8f}",
        "autoExchangeAskRate": f"{told.index * (ONE + near_ask):.8f}",
    }


def insurance(call: Call) -> object:
    """`GET /fapi/v1/insuranceBalance`: all symbols share one fund. A list of groups, or the group of a symbol."""
    symbol = call.symbol()
    call.venue.advance()
    found = fund_group(call.venue.state, call.venue.tape.begun_ms)
    return found if symbol is not None else [found]


def fund_group(state: Exchange, begun_ms: int) -> Json:
    """The fund's wallets, each with the time of its last change."""
    changed: dict[str, int] = {}
    assets = {market.contract.margin_asset for market in state.markets.values()} | set(state.fund.account.wallets)
    for entry in reversed(state.fund_history):
        changed.setdefault(entry.asset, entry.time_ms)
        if len(changed) == len(assets):
            break
    held = state.fund.account.wallets
    balances = {asset: (held.get(asset, ONE - ONE), changed.get(asset, begun_ms)) for asset in assets}
    return insurance_balance(sorted(state.markets), balances)


def adl_risk(call: Call, symbol: str) -> Json:
    """A row of `symbolAdlRisk`."""
    risk, time_ms = call.venue.tape.adl_risk(symbol)
    return {"symbol": symbol, "adlRisk": risk, "updateTime": time_ms}


def trading_schedule(call: Call) -> Json:
    """`GET /fapi/v1/tradingSchedule`: of contracts on what has hours; there are none here, so no sessions."""
    schedules: Json = {name: {"sessions": []} for name in SCHEDULES}
    return {"updateTime": call.venue.tape.begun_ms, "marketSchedules": schedules}


ROUTES = (
    Route("GET", "/fapi/v1/fundingRate", funding_rate, pool="funding", params=(ANY_SYMBOL, *SPAN)),
    Route("GET", "/fapi/v1/fundingInfo", funding_info, pool="funding"),
    Route("GET", "/fapi/v1/constituents", constituents, weight=2, params=(SYMBOL,)),
    Route("GET", "/fapi/v1/indexInfo", index_info, "static", params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/assetIndex", asset_index, weight=one_or(10), params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/insuranceBalance", insurance, since=FUND_SINCE, params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/symbolAdlRisk", of_each(adl_risk), since=RISK_SINCE, params=(ANY_SYMBOL,)),
    Route("GET", "/fapi/v1/tradingSchedule", trading_schedule, "static", weight=5),
)  # fmt: skip

"""Candles of the last price, the mark, the index and the premium."""

from collections.abc import Callable

from margincall.server.answers.market import PAIR, SYMBOL, sent_limit
from margincall.server.call import Call
from margincall.server.candles import INTERVALS, Kind, Row
from margincall.server.errors import BAD_INTERVAL, BAD_SYMBOL, ApiError, missing
from margincall.server.request import Params
from margincall.server.routing import Param, Route
from margincall.wire.spelling import pair_of

START_AFTER_END = ApiError(-1023, "Start time is greater than end time.")
LIMIT, MOST = 500, 1500
WEIGHTS = ((100, 1), (500, 2), (1001, 5))
"""Below which limit the weight is how much; 10 beyond."""
PERPETUAL = "PERPETUAL"
CONTRACT_TYPES = frozenset({PERPETUAL, "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"})


def weight(params: Params) -> int:
    """By the limit that is asked."""
    limit = sent_limit(params, LIMIT)
    return next((found for below, found in WEIGHTS if limit < below), 10)


def span(params: Params) -> tuple[int | None, int | None]:
    """`startTime` and `endTime`, in order. Raises `ApiError`."""
    since_ms, until_ms = params.integer("startTime", 0, 2**52), params.integer("endTime", 0, 2**52)
    if since_ms is not None and until_ms is not None and since_ms > until_ms:
        raise START_AFTER_END
    return since_ms, until_ms


def symbol_of_pair(call: Call) -> str:
    """The perpetual contract of a pair. Raises `ApiError`."""
    pair = call.params.need_text("pair")
    for symbol, market in call.venue.state.markets.items():
        if pair_of(market.contract) == pair:
            return symbol
    raise BAD_SYMBOL


def rows(call: Call, kind: Kind, symbol: str) -> list[Row]:
    """Rows of one price. Raises `ApiError`."""
    interval = call.params.text("interval")
    if interval is None:
        raise missing("interval")
    if interval not in INTERVALS:
        raise BAD_INTERVAL
    limit = call.params.limit(LIMIT, MOST)
    since_ms, until_ms = span(call.params)
    call.venue.advance()
    series = call.venue.tape.markets[symbol].candles[kind]
    return series.find(interval, call.now_ms, since_ms=since_ms, until_ms=until_ms, limit=limit)


def _of_symbol(kind: Kind) -> Callable[[Call], list[Row]]:
    def answer(call: Call) -> list[Row]:
        return rows(call, kind, call.need_symbol())

    return answer


def continuous(call: Call) -> list[Row]:
    """`GET /fapi/v1/continuousKlines`: of a pair's contract; there are perpetual ones only."""
    symbol = symbol_of_pair(call)
    kind = call.params.need_word("contractType", CONTRACT_TYPES)
    return rows(call, "last", symbol) if kind == PERPETUAL else []


def of_index(call: Call) -> list[Row]:
    """`GET /fapi/v1/indexPriceKlines`."""
    return rows(call, "index", symbol_of_pair(call))


COMMON = (
    Param("interval", "word", True, tuple(INTERVALS)), Param("startTime", "integer"), Param("endTime", "integer"),
    Param("limit", "integer"),
)  # fmt: skip
ROUTES = (
    Route("GET", "/fapi/v1/klines", _of_symbol("last"), weight=weight, params=(SYMBOL, *COMMON)),
    Route("GET", "/fapi/v1/continuousKlines", continuous, weight=weight, params=(
        PAIR, Param("contractType", "word", True, tuple(sorted(CONTRACT_TYPES))), *COMMON,
    )),
    Route("GET", "/fapi/v1/indexPriceKlines", of_index, weight=weight, params=(PAIR, *COMMON)),
    Route("GET", "/fapi/v1/markPriceKlines", _of_symbol("mark"), weight=weight, params=(SYMBOL, *COMMON)),
    Route("GET", "/fapi/v1/premiumIndexKlines", _of_symbol("premium"), weight=weight, params=(SYMBOL, *COMMON)),
)  # fmt: skip

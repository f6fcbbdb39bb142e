"""`/futures/data`: open interest, long and short accounts, the takers' volumes and the basis, as they were looked at
every five minutes. Kept 30 days."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from margincall.case.retention import reach_ms
from margincall.core.rounding import exact
from margincall.core.units import ONE, ZERO
from margincall.server.answers.candles import CONTRACT_TYPES, PERPETUAL, span, symbol_of_pair
from margincall.server.answers.market import PAIR, SPAN, SYMBOL
from margincall.server.call import Call
from margincall.server.errors import ApiError
from margincall.server.positioning import Sample, Split
from margincall.server.routing import Param, Route
from margincall.server.tape import POSITIONING
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS
from margincall.wire.spelling import Json, amount, text

PERIODS = {
    "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "30m": 30 * MINUTE_MS, "1h": HOUR_MS, "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS, "6h": 6 * HOUR_MS, "12h": 12 * HOUR_MS, "1d": DAY_MS,
}  # fmt: skip
LEAST = Decimal("0.0001")
"""The smallest share that is printed: a ratio to nothing is one to it (assumed: `ratio-to-nobody`)."""
TOO_OLD = ApiError(-1130, "parameter 'startTime' is invalid.")


def looks(call: Call, symbol: str) -> Iterator[tuple[int, Sample, Sample | None]]:
    """The times that a request asks for, each with what stood then and a period before. Raises `ApiError`."""
    call.params.need_text("period")
    period_ms = PERIODS[call.params.need_word("period", frozenset(PERIODS))]
    limit = call.params.limit(30, 500)
    since_ms, until_ms = span(call.params)
    call.venue.advance()
    now_ms = call.venue.state.time_ms
    if since_ms is not None and since_ms < reach_ms(POSITIONING, now_ms):
        raise TOO_OLD
    last = min(now_ms, now_ms if until_ms is None else until_ms) // period_ms * period_ms
    first = last - (limit - 1) * period_ms
    if since_ms is not None:
        first = -(-since_ms // period_ms) * period_ms
    samples = call.venue.tape.samples(symbol, now_ms, first - period_ms, last)
    at, stood = 0, None
    for time_ms in range(first - period_ms, last + 1, period_ms):
        before = stood
        while at < len(samples) and samples[at].time_ms <= time_ms:
            stood, at = samples[at], at + 1
        if stood is not None and time_ms >= first and limit:
            limit -= 1
            yield time_ms, stood, before


def _rows(row: Callable[[str, Sample, Sample | None], Json | None]) -> Callable[[Call], list[Json]]:
    """Rows of a symbol; a look that says nothing gives none."""

    @exact
    def answer(call: Call) -> list[Json]:
        symbol = call.need_symbol()
        found = []
        for time_ms, sample, before in looks(call, symbol):
            made = row(symbol, sample, before)
            if made is not None:
                found.append({**made, "timestamp": time_ms})
        return found

    return answer


def interest_row(symbol: str, sample: Sample, before: Sample | None) -> Json:
    """A row of `openInterestHist`."""
    return {
        "symbol": symbol,
        "sumOpenInterest": amount(sample.open_interest),
        "sumOpenInterestValue": amount(sample.value),
    }


def ratio_row(symbol: str, long: Decimal, short: Decimal) -> Json | None:
    """A row of the long-short ratios; none where there is neither."""
    total = long + short
    if not total:
        return None
    return {
        "symbol": symbol,
        "longShortRatio": f"{long / total / max(short / total, LEAST):.4f}",
        "longAccount": f"{long / total:.4f}",
        "shortAccount": f"{short / total:.4f}",
    }


def by_accounts(symbol: str, split: Split) -> Json | None:
    """By the number of accounts that are long and short."""
    return ratio_row(symbol, Decimal(split.longs), Decimal(split.shorts))


def taker_row(symbol: str, sample: Sample, before: Sample | None) -> Json | None:
    """A row of `takerlongshortRatio`: the volumes of the period that ends; none where nothing was traded."""
    bought = sample.bought - (before.bought if before is not None else ZERO)
    sold = sample.sold - (before.sold if before is not None else ZERO)
    ratio = ratio_row(symbol, bought, sold)
    if ratio is None:
        return None
    return {"buySellRatio": ratio["longShortRatio"], "buyVol": f"{bought:.4f}", "sellVol": f"{sold:.4f}"}


@exact
def basis(call: Call) -> list[Json]:
    """`GET /futures/data/basis`: the last price (the mark before the first trade) against the index."""
    symbol = symbol_of_pair(call)
    kind = call.params.need_word("contractType", CONTRACT_TYPES)
    found = []
    for time_ms, sample, _ in looks(call, symbol):
        price, index = sample.last or sample.mark, sample.index or sample.mark
        if kind == PERPETUAL and price is not None and index is not None:
            found.append(
                {
                    "indexPrice": amount(index),
                    "contractType": kind,
                    "basisRate": f"{price / index - ONE:.4f}",
                    "futuresPrice": text(price),
                    "annualizedBasisRate": "",
                    "basis": amount(price - index),
                    "pair": call.params.need_text("pair"),
                    "timestamp": time_ms,
                }
            )
    return found


def delivery_price(call: Call) -> list[Json]:
    """`GET /futures/data/delivery-price`: nothing is delivered here."""
    symbol_of_pair(call)
    return []


PERIOD = Param("period", "word", True, tuple(PERIODS))


def _route(name: str, row: Callable[[str, Sample, Sample | None], Json | None]) -> Route:
    return Route("GET", f"/futures/data/{name}", _rows(row), pool="data", params=(SYMBOL, PERIOD, *SPAN))


ROUTES = (
    _route("openInterestHist", interest_row),
    _route("topLongShortPositionRatio", lambda symbol, look, _: ratio_row(symbol, look.top.bought, look.top.sold)),
    _route("topLongShortAccountRatio", lambda symbol, look, _: by_accounts(symbol, look.top)),
    _route("globalLongShortAccountRatio", lambda symbol, look, _: by_accounts(symbol, look.everybody)),
    _route("takerlongshortRatio", taker_row),
    Route("GET", "/futures/data/basis", basis, pool="data", params=(
        PAIR, Param("contractType", "word", True, tuple(sorted(CONTRACT_TYPES))), PERIOD, *SPAN,
    )),
    Route("GET", "/futures/data/delivery-price", delivery_price, "static", pool="data", params=(PAIR,)),
)  # fmt: skip

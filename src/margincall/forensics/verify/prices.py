"""Was the mark one that the rule allows? Held against index, last price and the candles of other venues.

The mark is the median of three prices, so it lies between any two of them: Price 1 (the index with the funding to come)
and the last price. In extreme conditions it may be Price 2, the index with the average basis (FAQ 360033525071): what
the basis was lately widens what is allowed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.rounding import exact, quotient
from margincall.core.units import ONE, Price
from margincall.forensics.digits import last_digit
from margincall.forensics.markline import FRESH_MS
from margincall.forensics.pools import pool_named, terms_of
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View
from margincall.history.public import HOME, Bar, FundingRate, Market, Tick, Trade
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

PERIODS_MS = (HOUR_MS, 4 * HOUR_MS, 8 * HOUR_MS)
"""Funding intervals of the venue: a message does not tell which one is in force."""
BASIS_MS = 5 * MINUTE_MS // 2
"""The longest window over which the basis has been averaged (docs/spec/mark_price.md)."""
KNOWN_MS = MINUTE_MS
"""`<symbol>@aggTrade` says every trade within 100 ms, and nothing while there is none: of a silence longer than this
nobody can tell whether the market was quiet or the recording broken off (assumed)."""
MOST_RATE = Decimal("0.02")
"""The widest cap of a funding rate that is published (FAQ 360033525031): taken where no rate is known."""
ALONE = Decimal("0.01")
"""A low or high so far beyond those of all other venues is one that this venue printed alone: the share by which the
index caps a source that stands apart."""
SETTLED = (
    "index and last price of that second (streams <symbol>@markPrice@1s, and <symbol>@aggTrade with trades at most a "
    "minute before it and after it), or their candles"
)


class Allowed(NamedTuple):
    """Between which prices a mark may lie, and what that follows from."""

    low: Decimal
    high: Decimal
    of_index: Decimal
    of_last: Decimal


@exact
def mark_checks(view: View) -> list[Check]:
    """The marks at the trigger of each symbol of the pool, and wicks of the last price."""
    pool = view.moment.pool
    symbols = {terms.symbol for terms in pool.positions} if pool is not None else {view.incident.symbol}
    found = []
    for symbol in sorted(symbols):
        found.append(_mark_check(view, symbol))
        found += _wick(view, symbol)
    return found


def _mark_check(view: View, symbol: str) -> Check:
    """The worst of the ticks that may have been the mark of the trigger; without ticks its candle."""
    ticks = _ticks_at(view, symbol)
    if ticks:
        told = [_told(view.market, tick) for tick in ticks]
        unknown = [each for each in told if each.allowed is None]
        return _against(view, symbol, unknown[0] if unknown else max(told, key=_beyond))
    bars = view.market.bars.get(symbol, ())
    mark = mark_bar(bars, view.incident.time_ms)
    if mark is None:
        return check("mark", UNCLEAR, symbol, settled_by=SETTLED)
    allowed = allowed_in(bars, mark, view.market.funding.get(symbol, ()))
    return _against(view, symbol, _Told(mark.low, mark.high, allowed, mark.time_ms, str(mark.source)))


class _Told(NamedTuple):
    """A mark, or the marks of a candle from low to high; what is allowed, and where they are printed."""

    low: Decimal
    high: Decimal
    allowed: Allowed | None
    time_ms: int
    source: str


def _told(market: Market, tick: Tick) -> _Told:
    return _Told(tick.mark, tick.mark, allowed_at(tick, market), tick.time_ms, str(tick.source))


def _beyond(told: _Told) -> Decimal:
    """How far beyond what is allowed; below 0 where it is inside."""
    assert told.allowed is not None
    return max(told.allowed.low - told.low, told.high - told.allowed.high)


def _against(view: View, symbol: str, told: _Told) -> Check:
    allowed = told.allowed
    if allowed is None:
        return check(
            "mark", UNCLEAR, symbol, numbers={"printed": told.low}, unit="price", evidence=told.source,
            settled_by=SETTLED,
        )  # fmt: skip
    unit = max(last_digit(told.low), last_digit(allowed.of_index), last_digit(allowed.of_last))
    is_wrong = _beyond(told) > unit
    is_below = allowed.low - told.low >= told.high - allowed.high
    nearest = allowed.low if is_below else allowed.high
    return check(
        "mark",
        FAILS if is_wrong else HOLDS,
        symbol,
        numbers={
            "printed": told.low if is_below else told.high,
            "allowed_from": allowed.low,
            "allowed_to": allowed.high,
            "difference": _beyond(told) if is_wrong else None,
            "index": allowed.of_index,
            "last": allowed.of_last,
        },
        unit="price",
        times_ms={"mark": told.time_ms},
        note=_note(view, symbol, nearest) if is_wrong else "",
        assumptions=("mark-median",),
        evidence=told.source,
        points_to=("bad_mark",),
    )


def _note(view: View, symbol: str, nearest: Decimal) -> str:
    """What would have been at the nearest mark that the rule allows."""
    if view.moment.pool is None:
        return f"{nearest:f} is the nearest mark that the rule allows"
    marks = view.moment.marks.with_price(symbol, Price(nearest))
    pool = pool_named(terms_of(view.moment.account, marks, view.moment.rules), view.moment.pool.name)
    survives = pool is not None and not pool.liquidated
    what = "survived" if survives else "been liquidated as well"
    return f"at {nearest:f}, the nearest mark that the rule allows, the account would have {what}"


def _ticks_at(view: View, symbol: str) -> tuple[Tick, ...]:
    """The published tick that the mark of the moment is; where the account's files stamp whole seconds, it and those
    of that second."""
    ticks = view.market.ticks.get(symbol, ())
    time_ms = view.incident.time_ms
    last = bisect_right(ticks, time_ms, key=_time)
    if not last or time_ms - ticks[last - 1].time_ms > FRESH_MS:
        return ()
    end = bisect_right(ticks, time_ms + SECOND_MS - 1, key=_time) if view.is_coarse else last
    return tuple(ticks[last - 1 : end])


@exact
def allowed_at(tick: Tick, market: Market) -> Allowed | None:
    """Between which prices the mark of a tick may lie; none where index or last price are not known. `market` holds its
    trades, and the ticks before it: they tell the basis of the time over which it may be averaged."""
    trades = market.trades.get(tick.symbol, ())
    if tick.index is None or not _is_last_known(tick, market):
        return None
    end_ms = tick.time_ms + SECOND_MS
    lasts = _lasts(trades, tick.time_ms, end_ms)
    window = trades[bisect_right(trades, tick.time_ms - BASIS_MS, key=_time) : bisect_left(trades, end_ms, key=_time)]
    ends = [tick.index * (ONE + share) for share in _shares(tick)]
    ends += [*lasts, *(each.price for each in window)]
    ends += [tick.index + basis for basis in _bases(tick, market.ticks.get(tick.symbol, ()), trades)]
    return Allowed(min(ends), max(ends), tick.index, lasts[-1])


def _is_last_known(tick: Tick, market: Market) -> bool:
    """Whether the trades tell the last price of a tick's second: the one before it is at most a minute old, and they go
    on: a trade, or another message of the same file, comes within a minute after that second."""
    trades, end_ms = market.trades.get(tick.symbol, ()), tick.time_ms + SECOND_MS
    until = bisect_left(trades, end_ms, key=_time)
    if not until or tick.time_ms - trades[until - 1].time_ms > KNOWN_MS:
        return False
    if until < len(trades) and trades[until].time_ms - end_ms <= KNOWN_MS:
        return True
    file = trades[until - 1].source.file
    lines: Iterable[Sequence[Tick | Trade]] = (*market.trades.values(), *market.ticks.values())
    return any(_goes_on(line, file, end_ms) for line in lines)


def _goes_on(line: Sequence[Tick | Trade], file: str, end_ms: int) -> bool:
    """Whether a message of a file lies within a minute after a time."""
    begin = bisect_left(line, end_ms, key=_time)
    end = bisect_right(line, end_ms + KNOWN_MS, key=_time)
    return any(each.source.file == file for each in line[begin:end])


def _lasts(trades: Sequence[Trade], time_ms: int, end_ms: int) -> list[Decimal]:
    """The last price when a span of time begins, and those within it."""
    begin, end = bisect_left(trades, time_ms, key=_time), bisect_left(trades, end_ms, key=_time)
    return [each.price for each in trades[max(begin - 1, 0) : end]]


def _bases(tick: Tick, ticks: Sequence[Tick], trades: Sequence[Trade]) -> list[Decimal]:
    """Last price less index, of each tick of the window: what Price 2 may average."""
    begin = bisect_right(ticks, tick.time_ms - BASIS_MS, key=_time)
    near = [*ticks[begin : bisect_right(ticks, tick.time_ms, key=_time)], tick]
    found: list[Decimal] = []
    for each, after in pairwise([*near, tick]):
        if each.index is not None:
            span_ms = max(after.time_ms, each.time_ms + SECOND_MS)
            found += [last - each.index for last in _lasts(trades, each.time_ms, span_ms)]
    return found


def _shares(tick: Tick) -> list[Decimal]:
    """The funding to come as a share of the index, under each interval that may be in force; where the tick prints no
    rate, the widest, and where it does not print when it is due, none or all of it."""
    if tick.rate is None:
        return [-MOST_RATE, MOST_RATE]
    if tick.next_ms is None:
        return [Decimal(0), tick.rate]
    until = max(tick.next_ms - tick.time_ms, 0)
    return [tick.rate * quotient(Decimal(min(until, each)), Decimal(each)) for each in PERIODS_MS]


def mark_bar(bars: Sequence[Bar], time_ms: int) -> Bar | None:
    """The candle of the mark that holds a time: the shortest of which index and last price are known as well, else the
    shortest."""
    own = sorted((each for each in bars if _is_own(each, "mark") and each.holds(time_ms)), key=_interval)
    known = (each for each in own if _like(bars, each, "index") and _like(bars, each, "last"))
    return next(known, own[0] if own else None)


@exact
def allowed_in(bars: Sequence[Bar], mark: Bar, rates: Sequence[FundingRate]) -> Allowed | None:
    """Between which prices the marks of a candle may lie, from those of last price and index over the very same time;
    the candles just before tell where they stood when it began, and the closes of the window what the basis was. None
    where one of the four is not known. Price 1 is reckoned with every rate that may be in force."""
    pairs = [_pair(bars, mark, number) for number in range(1 + -(-BASIS_MS // mark.interval_ms))]
    if pairs[0] is None or pairs[1] is None:
        return None
    (index, last), (index_before, last_before) = pairs[0], pairs[1]
    low, high = min(index.low, index_before.close), max(index.high, index_before.close)
    last_low, last_high = min(last.low, last_before.close), max(last.high, last_before.close)
    near = [each.rate for each in rates if abs(each.time_ms - mark.time_ms) <= DAY_MS] or [MOST_RATE, -MOST_RATE]
    shares = [ONE + rate for rate in (*near, Decimal(0))]
    ends = [low * min(shares), high * max(shares), last_low, last_high]
    ends += [low + (last_low - high), high + (last_high - low)]
    for one in pairs[1:]:
        if one is not None:
            basis = one[1].close - one[0].close
            ends += [low + basis, high + basis]
    return Allowed(min(ends), max(ends), index.close, last.close)


def _pair(bars: Sequence[Bar], mark: Bar, number: int) -> tuple[Bar, Bar] | None:
    """Index and last price of so many candles before that of the mark."""
    index, last = (_like(bars, mark, price, number) for price in ("index", "last"))
    return (index, last) if index is not None and last is not None else None


def _like(bars: Sequence[Bar], mark: Bar, price: str, number: int = 0) -> Bar | None:
    """The candle of another price over the same time as one of the mark, or so many candles before it."""
    span = (mark.time_ms - number * mark.interval_ms, mark.interval_ms)
    return next((each for each in bars if _is_own(each, price) and (each.time_ms, each.interval_ms) == span), None)


def _is_own(bar: Bar, price: str) -> bool:
    return bar.price == price and bar.venue == HOME


def _interval(bar: Bar) -> int:
    return bar.interval_ms


def _wick(view: View, symbol: str) -> list[Check]:
    """A low or high of the last price that no other venue printed. It is shown, and is no irregularity: liquidations
    go by the mark."""
    bars = [each for each in view.market.bars.get(symbol, ()) if each.holds(view.incident.time_ms)]
    own = min((each for each in bars if _is_own(each, "last")), key=_interval, default=None)
    others = [each for each in bars if each.venue != HOME and each.price == "last"]
    if own is None or not others:
        return []
    low, high = min(each.low for each in others), max(each.high for each in others)
    below, above = quotient(low - own.low, low), quotient(own.high - high, high)
    is_alone = max(below, above) > ALONE
    return [
        check(
            "wick",
            UNCLEAR if is_alone else HOLDS,
            symbol,
            numbers={"low": own.low, "high": own.high, "others_low": low, "others_high": high},
            unit="price",
            times_ms={"candle": own.time_ms},
            note="a wick that this venue alone printed; what counts is the mark" if is_alone else "",
            evidence=str(own.source),
            settled_by="the constituents of the index at that second (GET /fapi/v1/constituents)" if is_alone else "",
        )
    ]


def _time(each: Tick | Trade) -> int:
    return each.time_ms

"""Was the mark one that the rule allows? Held against index, last price and the candles of other venues.

The mark is the median of three prices, so it lies between any two of them: Price 1 (the index with the funding to come)
and the last price. In extreme conditions it may be Price 2, the index with the average basis (FAQ 360033525071): what
the basis was lately widens what is allowed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
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
from margincall.history.public import HOME, Bar, FundingRate, Tick, Trade
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

PERIODS_MS = (HOUR_MS, 4 * HOUR_MS, 8 * HOUR_MS)
"""Funding intervals of the venue: a message does not tell which one is in force."""
BASIS_MS = 5 * MINUTE_MS // 2
"""The longest window over which the basis has been averaged (docs/spec/mark_price.md)."""
MOST_RATE = Decimal("0.02")
"""The widest cap of a funding rate that is published (FAQ 360033525031): taken where no rate is known."""
ALONE = Decimal("0.01")
"""A low or high so far beyond those of all other venues is one that this venue printed alone: the share by which the
index caps a source that stands apart."""
SETTLED = "index and last price of that second (streams <symbol>@markPrice@1s and <symbol>@aggTrade), or their candles"


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
        trades = view.market.trades.get(symbol, ())
        told = [_Told(tick.mark, tick.mark, allowed_at(tick, trades), tick.time_ms, str(tick.source)) for tick in ticks]
        return _against(view, symbol, max(told, key=_beyond))
    bars = view.market.bars.get(symbol, ())
    mark = _of([each for each in bars if each.holds(view.incident.time_ms)], "mark")
    if mark is None:
        return check("mark", UNCLEAR, symbol, settled_by=SETTLED)
    allowed = allowed_in(bars, view.incident.time_ms, view.market.funding.get(symbol, ()))
    return _against(view, symbol, _Told(mark.low, mark.high, allowed, mark.time_ms, str(mark.source)))


class _Told(NamedTuple):
    """A mark, or the marks of a candle from low to high; what is allowed, and where they are printed."""

    low: Decimal
    high: Decimal
    allowed: Allowed | None
    time_ms: int
    source: str


def _beyond(told: _Told) -> Decimal:
    """How far beyond what is allowed; below 0 where it is inside."""
    return max(told.allowed.low - told.low, told.high - told.allowed.high) if told.allowed is not None else -told.high


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
    is_coarse = view.history.events[view.incident.first].source.file in view.history.evidence.whole_seconds
    end = bisect_right(ticks, time_ms + SECOND_MS - 1, key=_time) if is_coarse else last
    return tuple(ticks[last - 1 : end])


@exact
def allowed_at(tick: Tick, trades: Sequence[Trade]) -> Allowed | None:
    """Between which prices the mark of a tick may lie; none where index or last price are not known."""
    end = bisect_right(trades, tick.time_ms + SECOND_MS - 1, key=_time)
    if tick.index is None or not end:
        return None
    begin = bisect_right(trades, tick.time_ms - 1, key=_time)
    lately = bisect_right(trades, tick.time_ms - BASIS_MS, key=_time)
    lasts = [each.price for each in trades[max(begin - 1, 0) : end]]
    window = [each.price for each in trades[lately:end]] or lasts
    firsts = [tick.index * (ONE + share) for share in _shares(tick)]
    ends = [*firsts, *lasts, *window]
    return Allowed(min(ends), max(ends), tick.index, lasts[-1])


def _shares(tick: Tick) -> list[Decimal]:
    """The funding to come as a share of the index, under each interval that may be in force."""
    if not tick.rate or tick.next_ms is None:
        return [Decimal(0)]
    until = max(tick.next_ms - tick.time_ms, 0)
    return [tick.rate * quotient(Decimal(min(until, each)), Decimal(each)) for each in PERIODS_MS]


@exact
def allowed_in(bars: Sequence[Bar], time_ms: int, rates: Sequence[FundingRate]) -> Allowed | None:
    """Between which prices the marks of a minute may lie, from the candles of last price and index; the candle before
    tells where they stood when it began. Price 1 is reckoned with every rate that may be in force."""
    now = [each for each in bars if each.holds(time_ms)]
    before = [each for each in bars if each.holds(time_ms - MINUTE_MS)]
    index, last = _of(now, "index"), _of(now, "last")
    if index is None or last is None:
        return None
    low, high = _range(index, _of(before, "index"))
    last_low, last_high = _range(last, _of(before, "last"))
    near = [each.rate for each in rates if abs(each.time_ms - time_ms) <= DAY_MS] or [MOST_RATE, -MOST_RATE]
    shares = [ONE + rate for rate in (*near, Decimal(0))]
    ends = [low * min(shares), high * max(shares), last_low, last_high]
    ends += [low + (last_low - high), high + (last_high - low)]
    return Allowed(min(ends), max(ends), index.close, last.close)


def _range(bar: Bar, before: Bar | None) -> tuple[Decimal, Decimal]:
    """Low and high of a candle and the close of the one before."""
    closes = [before.close] if before is not None else []
    return min([bar.low, *closes]), max([bar.high, *closes])


def _of(bars: Iterable[Bar], price: str) -> Bar | None:
    own = [each for each in bars if each.price == price and each.venue == HOME]
    return min(own, key=lambda each: each.interval_ms, default=None)


def _wick(view: View, symbol: str) -> list[Check]:
    """A low or high of the last price that no other venue printed. It is shown, and is no irregularity: liquidations
    go by the mark."""
    bars = [each for each in view.market.bars.get(symbol, ()) if each.holds(view.incident.time_ms)]
    own = _of(bars, "last")
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

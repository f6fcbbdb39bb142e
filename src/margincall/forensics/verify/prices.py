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
from margincall.forensics.pools import pool_named, terms_of
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View
from margincall.history.public import HOME, Bar, Tick, Trade
from margincall.wire.durations import HOUR_MS, MINUTE_MS, SECOND_MS

PERIODS_MS = (HOUR_MS, 4 * HOUR_MS, 8 * HOUR_MS)
"""Funding intervals of the venue: a message does not tell which one is in force."""
BASIS_MS = 5 * MINUTE_MS // 2
"""The longest window over which the basis has been averaged (docs/spec/mark_price.md)."""
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
    tick = _tick_at(view, symbol)
    if tick is not None:
        allowed = allowed_at(tick, view.market.trades.get(symbol, ()))
        low = high = tick.mark
        source, time_ms = str(tick.source), tick.time_ms
    else:
        bars = [each for each in view.market.bars.get(symbol, ()) if each.holds(view.incident.time_ms)]
        mark = _of(bars, "mark")
        allowed = allowed_in(bars)
        if mark is None:
            return check("mark", UNCLEAR, symbol, settled_by=SETTLED)
        low, high, source, time_ms = mark.low, mark.high, str(mark.source), mark.time_ms
    if allowed is None:
        return check(
            "mark", UNCLEAR, symbol, numbers={"printed": low}, unit="price", evidence=source, settled_by=SETTLED
        )
    unit = max(last_digit(low), last_digit(allowed.of_index), last_digit(allowed.of_last))
    beyond = max(allowed.low - low, high - allowed.high)
    is_wrong = beyond > unit
    nearest = allowed.low if allowed.low - low >= high - allowed.high else allowed.high
    return check(
        "mark",
        FAILS if is_wrong else HOLDS,
        symbol,
        numbers={
            "printed": low if nearest == allowed.low else high,
            "allowed_from": allowed.low,
            "allowed_to": allowed.high,
            "difference": beyond if is_wrong else None,
            "index": allowed.of_index,
            "last": allowed.of_last,
        },
        unit="price",
        times_ms={"mark": time_ms},
        note=_note(view, symbol, nearest) if is_wrong else "",
        assumptions=("mark-median",),
        evidence=source,
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


def _tick_at(view: View, symbol: str) -> Tick | None:
    """The published tick that the mark of the moment is."""
    ticks = view.market.ticks.get(symbol, ())
    place = bisect_right(ticks, view.incident.time_ms, key=_time) - 1
    if place < 0 or view.incident.time_ms - ticks[place].time_ms > 5 * SECOND_MS:
        return None
    return ticks[place]


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
def allowed_in(bars: Iterable[Bar]) -> Allowed | None:
    """Between which prices the marks of a minute may lie, from the candles of last price and index."""
    bars = list(bars)
    index, last = _of(bars, "index"), _of(bars, "last")
    if index is None or last is None:
        return None
    low = min(last.low, index.low + (last.low - index.high))
    high = max(last.high, index.high + (last.high - index.low))
    return Allowed(low, high, index.close, last.close)


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

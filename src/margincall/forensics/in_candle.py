"""The mark at a trigger of which only a candle is known.

Between its low and its high the mark took every value, as far as anybody can tell. If the candle of the moment reaches
the liquidation price, that price is taken as the mark at the trigger (assumed: `candle-resolution`). If it does not,
its extreme on that side is what comes closest, and nobody can tell whether the mark of the second went further.
"""

from collections.abc import Sequence

from msgspec import Struct

from margincall.core.prices import Interval
from margincall.core.rounding import PRICE_UNIT
from margincall.core.units import Price
from margincall.forensics.markline import FRESH_MS, CandlePoint, How, MarkLine, MarkPoint

CANDLE_RESOLUTION = "candle-resolution"
REACHED: How = "the liquidation price, reached within a candle"
NOT_REACHED: How = "the extreme of a candle that does not reach the liquidation price"


class WithinCandle(Struct, frozen=True):
    """The mark that is taken, and how far the candle went on that side: what another rule would have needed."""

    mark: MarkPoint
    extreme: Price


def candles_of(line: MarkLine, symbol: str, time_ms: int) -> list[CandlePoint]:
    """The candle that holds a time, and the one before where that time is just after its end: an order follows its
    trigger."""
    found = [line.candle(symbol, when) for when in (time_ms, time_ms - FRESH_MS)]
    distinct = {each.place: each for each in found if each is not None}
    return list(distinct.values())


def mark_within(candles: Sequence[CandlePoint], interval: Interval) -> WithinCandle | None:
    """The mark at a trigger within one of these candles of a position that survives within `interval`; none if there is
    no candle, or if no mark liquidates the position."""
    reached = [found for each in candles for found in _sides(each, interval) if found.mark.how == REACHED]
    if reached:
        return reached[0]
    return next((found for each in candles for found in _sides(each, interval)), None)


def _sides(point: CandlePoint, interval: Interval) -> list[WithinCandle]:
    """What the candle says at each end of the interval; the end that it reaches, or comes closest to, first."""
    low, high = Price(point.candle.low), Price(point.candle.high)
    found: list[WithinCandle] = []
    if interval.empty:
        return [WithinCandle(_mark(point, Price(point.candle.open), REACHED), Price(point.candle.open))]
    if interval.lower is not None:
        # Just outside the end: at the end itself the rounded ratio may still lie on the safe side.
        outside = Price(interval.lower - PRICE_UNIT)
        how, price = (REACHED, min(outside, high)) if low <= outside else (NOT_REACHED, low)
        found.append(WithinCandle(_mark(point, Price(price), how), low))
    if interval.upper is not None:
        outside = Price(interval.upper + PRICE_UNIT)
        how, price = (REACHED, max(outside, low)) if high >= outside else (NOT_REACHED, high)
        found.append(WithinCandle(_mark(point, Price(price), how), high))
    return sorted(found, key=lambda each: each.mark.how != REACHED)


def _mark(point: CandlePoint, price: Price, how: How) -> MarkPoint:
    return MarkPoint(point.candle.time_ms, point.place, price, how, point.candle.source)

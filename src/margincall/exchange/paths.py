"""Prices for a test exchange to follow: what a symbol did, second by second, or a shape that someone drew.

A path is a sequence of points (milliseconds, price) with growing times. Candles say where a price began, ended, and how
far it went, but not on which way. The way that is drawn between is *synthetic*; its four prices are real. The same seed
gives the same path in every process, and no binary float takes part.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from random import Random

from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.wire.candle_files import Candle, candles_of

__all__ = ["Candle", "Point", "bridge", "candles_of", "crash", "from_candles", "from_points"]

Point = tuple[int, Decimal]
"""Milliseconds since 1970, and the price from then on."""

STEPS_MIN = 4
"""Points that hold open, high, low and close."""


@exact
def bridge(candle: Candle, steps: int, rng: Random, tick: Decimal) -> list[Point]:
    """A way of `steps` (at least 4) points, evenly spaced, through the four prices of a candle. The way is synthetic.

    It begins with the open at the candle's time and ends with the close one step before the next candle. A rising
    candle (close at or above the open) goes open, low, high, close; a falling one open, high, low, close: first the
    extreme that lies against its direction. Between two of them the price moves one way only, over ticks that `rng`
    draws evenly, sorted; the longer the way, the more of the steps it gets. No point lies outside of low to high. The
    four prices are kept as printed, also where they are no multiple of `tick`, as those of marks often are.
    """
    assert steps >= STEPS_MIN, "four prices need four points"
    turns = (candle.low, candle.high) if candle.close >= candle.open else (candle.high, candle.low)
    corners = (candle.open, *turns, candle.close)
    prices: list[Decimal] = []
    for (begin, end), count in zip(pairwise(corners), _shared_out(corners, steps), strict=True):
        prices += [begin, *_between(begin, end, count, tick, rng)]
    prices.append(candle.close)
    return [(candle.time_ms + at * candle.interval_ms // steps, price) for at, price in enumerate(prices)]


def from_candles(candles: Iterable[Candle], step_ms: int, seed: int, tick: Decimal) -> Iterator[Point]:
    """A bridge through each candle, one point every `step_ms` milliseconds.

    What is drawn within a candle depends on `seed` and its time alone, so a shorter span gives a part of the same path.
    From a close to the next open the price jumps, if they differ; candles that are missing leave a gap in time.

    Raises `ValueError` if `step_ms` does not divide a candle into four steps or more.
    """
    for candle in candles:
        steps, rest = divmod(candle.interval_ms, step_ms)
        if rest or steps < STEPS_MIN:
            raise ValueError(f"a step of {step_ms} ms must divide {candle.interval_ms} ms into at least {STEPS_MIN}")
        # A text as seed is hashed by SHA-512, the same in every process.
        yield from bridge(candle, steps, Random(f"{seed}:{candle.time_ms}"), tick)


@exact
def crash(
    start: Decimal, end: Decimal, steps: int, *, tick: Decimal, start_ms: int = 0, step_ms: int = 1000
) -> list[Point]:
    """A move from `start` to `end` in `steps` steps, so `steps + 1` points: slow, fast in the middle, slow again.

    After the share x of the steps the share 3x² − 2x³ of the way is done, rounded to the tick towards `start`. Without
    chance; upwards it is a squeeze. Raises `ValueError` for prices that are not positive multiples of `tick`.
    """
    first, last = _ticks(start, tick), _ticks(end, tick)
    way = abs(last - first)
    sign = 1 if last >= first else -1
    done = [way * (3 * at**2 * steps - 2 * at**3) // steps**3 for at in range(steps + 1)]
    return [(start_ms + at * step_ms, (first + sign * moved) * tick) for at, moved in enumerate(done)]


@exact
def from_points(points: Sequence[Point], *, step_ms: int, tick: Decimal) -> list[Point]:
    """Straight lines between points that someone chose, with a point every `step_ms` milliseconds after the first.

    The chosen points are in the path as given; between them prices are rounded to the tick towards the earlier point.
    Raises `ValueError` for times that do not grow and for prices that are not positive multiples of `tick`.
    """
    for at, price in points:
        _ticks(price, tick)
        if step_ms <= 0 or (at - points[0][0]) % step_ms:
            raise ValueError(f"{at} ms is not a whole number of steps of {step_ms} ms after the first point")
    path: list[Point] = []
    for (begin_ms, begin), (end_ms, end) in pairwise(points):
        if end_ms <= begin_ms:
            raise ValueError(f"times must grow: {end_ms} ms follows {begin_ms} ms")
        first, last = _ticks(begin, tick), _ticks(end, tick)
        way, sign = abs(last - first), 1 if last >= first else -1
        for at in range(begin_ms, end_ms, step_ms):
            path.append((at, (first + sign * (way * (at - begin_ms) // (end_ms - begin_ms))) * tick))
    return [*path, *points[-1:]]


def _shared_out(corners: Sequence[Decimal], steps: int) -> list[int]:
    """How many points lie between each corner and the next, by the length of the way; `steps` with the corners."""
    lengths = [abs(end - begin) for begin, end in pairwise(corners)]
    spare, total = steps - len(corners), sum(lengths, ZERO)
    counts, given, gone = [], 0, ZERO
    for length in lengths[:-1]:
        gone += length
        upto = int(spare * gone // total) if total else 0
        counts.append(upto - given)
        given = upto
    return [*counts, spare - given]


def _between(begin: Decimal, end: Decimal, count: int, tick: Decimal, rng: Random) -> list[Decimal]:
    """`count` prices on the tick from `begin` to `end`, moving one way; `begin` where no tick lies between."""
    low, high = min(begin, end), max(begin, end)
    first, last = int(low // tick), int(high // tick)
    first += first * tick < low
    if first > last:
        return [begin] * count
    drawn = sorted((rng.randint(first, last) for _ in range(count)), reverse=begin > end)
    return [each * tick for each in drawn]


def _ticks(price: Decimal, tick: Decimal) -> int:
    """A price in ticks; raises `ValueError` if it is no positive multiple of one."""
    if not price > 0 or price % tick:
        raise ValueError(f"{price} is not a positive multiple of the tick {tick}")
    return int(price // tick)

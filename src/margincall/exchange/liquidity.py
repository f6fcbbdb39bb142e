"""How much rests at which distance from the mid, as it was recorded, and resting orders that look like it.

A `Profile` says what rests per basis point, in multiples of what rests per basis point near the mid, so that the shape
of a deep book can be laid around any symbol. `RECORDED` is measured by `tools/depth_profile.py`.
"""

from decimal import Decimal
from random import Random
from typing import Literal

from msgspec import Struct

from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.exchange.book import Lots, Side, Ticks

BPS = Decimal(10_000)
"""Basis points in one."""
GRAIN = 1000
"""Parts of a quarter of a slice, by which its border is moved at random."""

Quote = tuple[Side, Ticks, Lots]
"""An order to rest: side, price in ticks, size in lots."""


class Band(Struct, frozen=True):
    """Distances from the end of the band before (or the mid) to `upto_bps` basis points; what rests per basis point on
    each side, in multiples of the profile's unit. `seen` says how the recording knows it: `whole`, or `at least` where
    only those prices are known whose size changed while it ran."""

    upto_bps: Decimal
    bid: Decimal
    ask: Decimal
    seen: Literal["whole", "at least"] = "whole"


class Profile(Struct, frozen=True):
    """Bands from the mid outwards. `unit` is the notional per basis point that a multiple of 1 stood for, in the quote
    asset, mean of both sides within `unit_bps` of the mid; `source` says where and when it was measured."""

    source: str
    unit: Decimal
    unit_bps: Decimal
    bands: tuple[Band, ...]

    @property
    def reach_bps(self) -> Decimal:
        """How far the profile goes."""
        return self.bands[-1].upto_bps

    def depth(self, side: Side, bps: Decimal) -> Decimal:
        """What rests from the mid to a distance, in units times basis points; beyond the last band no more."""
        total, begin = ZERO, ZERO
        for band in self.bands:
            width = min(band.upto_bps, bps) - begin
            if width <= 0:
                break
            total += width * (band.bid if side == "BUY" else band.ask)
            begin = band.upto_bps
        return total


# Seconds in which the snapshot covered a band on both sides, of 335: 289, 263, 240, 236, 223, 159, 109, 89, then none.
_BANDS: tuple[tuple[str, str, str, Literal["whole", "at least"]], ...] = (
    ("1", "0.450", "0.402", "whole"),
    ("2", "0.259", "0.749", "whole"),
    ("3", "0.461", "1.653", "whole"),
    ("5", "0.556", "3.344", "whole"),
    ("7", "0.740", "0.932", "whole"),
    ("10", "0.827", "0.800", "whole"),
    ("15", "0.755", "0.623", "whole"),
    ("20", "0.827", "0.619", "whole"),
    ("30", "0.950", "2.104", "at least"),
    ("50", "0.614", "1.840", "at least"),
    ("75", "0.448", "3.023", "at least"),
    ("100", "0.675", "1.607", "at least"),
    ("150", "1.094", "1.791", "at least"),
    ("200", "0.548", "0.513", "at least"),
    ("300", "0.172", "0.266", "at least"),
    ("500", "0.073", "0.060", "at least"),
)

RECORDED = Profile(
    source="recorded depth of one symbol, BTCUSDT on Binance USDⓈ-M, under six minutes of 2024-08-08",
    unit=Decimal(1_380_132),
    unit_bps=Decimal(10),
    bands=tuple(Band(Decimal(upto), Decimal(bid), Decimal(ask), seen) for upto, bid, ask, seen in _BANDS),
)
"""Six minutes of one symbol: an example of a shape, not a law. Its walls of sell orders (3 to 5 and 50 to 75 basis
points above the mid) were those of these minutes. Beyond 20 basis points it is a lower bound."""

SIDES: tuple[Side, Side] = ("BUY", "SELL")


@exact
def ladder(
    profile: Profile, mid: Decimal, *, tick: Decimal, lot: Decimal, scale: Decimal, levels: int, rng: Random
) -> list[Quote]:
    """Orders of a market maker around `mid`: at most `levels` on each side, bids first, from the mid outwards.

    `scale` is the notional per basis point, in the quote asset, that a multiple of 1 stands for here: with the
    profile's own `unit` the recorded book. Each order holds what the profile has in a slice of distances, and rests at
    a tick of that slice that `rng` draws (the next one outwards if there is none). Slices grow in proportion to their
    number, so prices lie close near the mid; `rng` moves their borders by up to a quarter of a step. Sizes are rounded
    down to the lot, what is left goes to the next order, so a side holds the profile's depth but for less than one lot.
    Bids lie below the mid and asks above it, so the orders never cross. Linear contracts: notional is price times size.
    """
    return [quote for side in SIDES for quote in _side(side, profile, mid, (tick, lot), scale, levels=levels, rng=rng)]


def _side(
    side: Side,
    profile: Profile,
    mid: Decimal,
    units: tuple[Decimal, Decimal],
    scale: Decimal,
    *,
    levels: int,
    rng: Random,
) -> list[Quote]:
    tick, lot = units
    quotes: list[Quote] = []
    owed = ZERO
    begin = ZERO
    for number in range(1, levels + 1):
        end = _border(number, levels, profile.reach_bps, rng)
        ticks = _drawn(side, mid, begin, end, tick=tick, rng=rng)
        notional = scale * (profile.depth(side, end) - profile.depth(side, begin))
        begin = end
        if ticks < 1:
            break
        owed += notional / (ticks * tick * lot)
        lots = int(owed)
        owed -= lots
        if lots:
            quotes.append((side, Ticks(ticks), Lots(lots)))
    return quotes


def _border(number: int, levels: int, reach: Decimal, rng: Random) -> Decimal:
    """Where slice `number` of `levels` ends, in basis points: at `reach · (number/levels)²`, more or less."""
    if number == levels:
        return reach
    parts = 4 * GRAIN
    return reach * (parts * number + rng.randint(-GRAIN, GRAIN)) ** 2 / (parts * levels) ** 2


def _drawn(side: Side, mid: Decimal, begin: Decimal, end: Decimal, *, tick: Decimal, rng: Random) -> int:
    """A tick between two distances from the mid, strictly on its side of it; the next one outwards if there is none."""
    sign = -1 if side == "BUY" else 1
    near, far = (mid * (1 + sign * bps / BPS) / tick for bps in (begin, end))
    if side == "BUY":
        first = min(_floor(near), _ceiling(mid / tick) - 1)
        return rng.randint(min(_ceiling(far), first), first)
    first = max(_ceiling(near), _floor(mid / tick) + 1)
    return rng.randint(first, max(_floor(far), first))


def _floor(number: Decimal) -> int:
    """The integer at or below; numbers here are not negative, unless a distance exceeds the price itself."""
    whole = int(number)
    return whole - (whole > number)


def _ceiling(number: Decimal) -> int:
    return -_floor(-number)

"""The ticker of the last 24 hours of one symbol, rolling by the minute: sums and extremes of 1,440 minutes.

Prices are ticks, sizes lots, quote values products of both, in arrays that are as large at the first trade as after a
year.
"""

from array import array
from decimal import Decimal

from msgspec import Struct

from margincall.core.contract import Contract
from margincall.core.rounding import exact
from margincall.wire.durations import MINUTE_MS
from margincall.wire.spelling import Json, text

MINUTES = 1440
HIGHEST = 2**62


class Day:
    """Trades of the last 24 hours."""

    def __init__(self, contract: Contract) -> None:
        """None."""
        self._tick, self._lot, self._symbol = contract.tick, contract.lot, contract.symbol
        self._open, self._high, self._volume, self._quote, self._count, self._first = (
            array("q", bytes(8 * MINUTES)) for _ in range(6)
        )
        self._low = array("q", [HIGHEST]) * MINUTES
        self._minute = -1
        self._totals = _Totals()
        self._last = self._last_lots = self._last_id = 0

    def trade(self, time_ms: int, price: Decimal, quantity: Decimal, number: int) -> None:
        """One more."""
        self.roll(time_ms)
        at, totals = self._minute % MINUTES, self._totals
        ticks, lots = int(price / self._tick), int(quantity / self._lot)
        if not self._count[at]:
            self._open[at] = self._high[at] = self._low[at] = ticks
            self._first[at] = number
        elif ticks > self._high[at]:
            self._high[at] = ticks
        elif ticks < self._low[at]:
            self._low[at] = ticks
        self._count[at] += 1
        self._volume[at] += lots
        self._quote[at] += ticks * lots
        totals.count += 1
        totals.volume += lots
        totals.quote += ticks * lots
        self._last, self._last_lots, self._last_id = ticks, lots, number

    def roll(self, time_ms: int) -> None:
        """Let go of the minutes that are more than 24 hours ago."""
        minute = time_ms // MINUTE_MS
        totals = self._totals
        for each in range(max(self._minute + 1, minute - MINUTES + 1), minute + 1):
            at = each % MINUTES
            if self._count[at]:
                totals.count -= self._count[at]
                totals.volume -= self._volume[at]
                totals.quote -= self._quote[at]
                self._count[at] = self._volume[at] = self._quote[at] = self._high[at] = 0
                self._low[at] = HIGHEST
        self._minute = max(self._minute, minute)

    @exact
    def row(self, now_ms: int) -> Json:
        """`ticker/24hr`: where nothing was traded in that time, all prices are the last one."""
        self.roll(now_ms)
        totals = self._totals
        first = next((each % MINUTES for each in range(self._minute + 1 - MINUTES, self._minute + 1)
                      if self._count[each % MINUTES]), None)  # fmt: skip
        opened = self._last if first is None else self._open[first]
        change, average = self._last - opened, Decimal(self._last)
        if totals.volume:
            average = Decimal(totals.quote) / totals.volume
        return {
            "symbol": self._symbol,
            "priceChange": text(change * self._tick),
            "priceChangePercent": f"{Decimal(change * 100) / opened if opened else Decimal(0):.3f}",
            "weightedAvgPrice": f"{average * self._tick:.{places(self._tick)}f}",
            "lastPrice": text(self._last * self._tick),
            "lastQty": text(self._last_lots * self._lot),
            "openPrice": text(opened * self._tick),
            "highPrice": text((max(self._high) if totals.count else self._last) * self._tick),
            "lowPrice": text((min(self._low) if totals.count else self._last) * self._tick),
            "volume": text(totals.volume * self._lot),
            "quoteVolume": text(totals.quote * (self._tick * self._lot)),
            "openTime": (self._minute + 1 - MINUTES) * MINUTE_MS,
            "closeTime": now_ms,
            "firstId": self._first[first] if first is not None else 0,
            "lastId": self._last_id if first is not None else 0,
            "count": totals.count,
        }


class _Totals(Struct, gc=False):
    """Of all minutes."""

    count: int = 0
    volume: int = 0
    quote: int = 0


def places(unit: Decimal) -> int:
    """The decimals of a unit as it is written."""
    exponent = unit.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(-exponent, 0)

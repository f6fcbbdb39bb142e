"""Candles: of one price of one symbol, in every interval of the venue.

What happens goes into the candle of its minute; a minute that is over goes into the open candle of each interval, and
what is over of those into the archive. Spans without anything are not kept: who asks is given flat ones at the close
before (assumed: `flat-candles`).
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from margincall.case.retention import PUBLIC, expires_ms
from margincall.core.rounding import CONTEXT
from margincall.server.archive import Archive
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS
from margincall.wire.serve_market import Candle, candle_row, flat_row

Kind = Literal["last", "mark", "index", "premium"]
MONTH, WEEK = "1M", "1w"
INTERVALS: Mapping[str, int] = {
    "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS, "2h": 2 * HOUR_MS, "4h": 4 * HOUR_MS, "6h": 6 * HOUR_MS, "8h": 8 * HOUR_MS, "12h": 12 * HOUR_MS,
    "1d": DAY_MS, "3d": 3 * DAY_MS, WEEK: 7 * DAY_MS, MONTH: 0,
}  # fmt: skip
"""The venue's intervals with their lengths; that of a month is the calendar's."""
MONDAY_MS = 4 * DAY_MS
"""The first Monday: weeks begin with it."""
Row = list[object]


def begin_ms(interval: str, time_ms: int) -> int:
    """When the span began that a time lies in, UTC."""
    if interval == MONTH:
        at = datetime.fromtimestamp(time_ms // 1000, UTC)
        return int(at.replace(day=1, hour=0, minute=0, second=0).timestamp()) * 1000
    first = MONDAY_MS if interval == WEEK else 0
    return time_ms - (time_ms - first) % INTERVALS[interval]


def next_ms(interval: str, start_ms: int, count: int = 1) -> int:
    """The begin of the span so many after another, or before it where `count` is negative."""
    if interval != MONTH:
        return start_ms + count * INTERVALS[interval]
    at = datetime.fromtimestamp(start_ms // 1000, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + count, 12)
    year = max(year, 1970)
    return int(datetime(year, month + 1, min(at.day, monthrange(year, month + 1)[1]), tzinfo=UTC).timestamp()) * 1000


class Series:
    """One price of one symbol."""

    def __init__(self, archive: Archive, kind: Kind, symbol: str) -> None:
        """Nothing was told yet."""
        self._archive, self._symbol, self._trades = archive, symbol, kind == "last"
        self._names = {interval: f"{kind}-{interval}" for interval in INTERVALS}
        self.minute: Candle | None = None
        """That of the minute in which something was told last."""
        self._open: dict[str, Candle] = {}
        self._ends: dict[str, int] = {}
        """When the span of each open candle ends."""
        self._first_ms: int | None = None

    def tell(self, time_ms: int, price: Decimal) -> None:
        """A price that stands from now on."""
        minute = self._at(time_ms, price)
        minute.count += 1

    def tell_often(self, time_ms: int, price: Decimal, count: int, apart_ms: int) -> None:
        """The same price so many times, from a time on, so far apart: a part of a minute that divides it."""
        assert MINUTE_MS % apart_ms == 0
        while count:
            minute = self._at(time_ms, price)
            here = min(count, (minute.start_ms + MINUTE_MS - time_ms - 1) // apart_ms + 1)
            minute.count += here
            alike = count // here - 2 if here == minute.count == MINUTE_MS // apart_ms else 0
            if alike > 0:
                self._over(minute, 1 + alike)
                self.minute = None
                here += here * alike
            time_ms += here * apart_ms
            count -= here

    def trade(self, time_ms: int, price: Decimal, quantity: Decimal, quote: Decimal, *, bought: bool) -> None:
        """A trade; `bought`: its taker was the buyer."""
        minute = self._at(time_ms, price)
        minute.count += 1
        minute.volume = CONTEXT.add(minute.volume, quantity)
        minute.quote = CONTEXT.add(minute.quote, quote)
        if bought:
            minute.bought = CONTEXT.add(minute.bought, quantity)
            minute.bought_quote = CONTEXT.add(minute.bought_quote, quote)

    def _at(self, time_ms: int, price: Decimal) -> Candle:
        """The candle of the minute, which closes at a price."""
        minute = self.minute
        if minute is None or time_ms - minute.start_ms >= MINUTE_MS:
            start_ms = time_ms - time_ms % MINUTE_MS
            if minute is not None:
                self._over(minute)
            self._first_ms = self._first_ms if self._first_ms is not None else start_ms
            minute = self.minute = Candle(start_ms, price, price, price, price)
            return minute
        minute.close = price
        if price > minute.high:
            minute.high = price
        elif price < minute.low:
            minute.low = price
        return minute

    def _over(self, minute: Candle, times: int = 1) -> None:
        """Add a minute that is over to the open candles; so many that are all alike, one after the other."""
        for interval in INTERVALS:
            start_ms, left = minute.start_ms, times
            while left:
                held = self._open.get(interval)
                if held is None or start_ms >= self._ends[interval]:
                    if held is not None:
                        self._put_away(interval, held)
                    fresh = self._open[interval] = minute.copy()
                    fresh.start_ms = begin_ms(interval, start_ms)
                    self._ends[interval] = next_ms(interval, fresh.start_ms)
                    here = 1
                else:
                    here = min(left, (self._ends[interval] - start_ms) // MINUTE_MS)
                    held.take(minute, here)
                start_ms += here * MINUTE_MS
                left -= here

    def _put_away(self, interval: str, candle: Candle) -> None:
        row = msgspec.json.encode(candle_row(candle, self._ends[interval], trades=self._trades))
        self._archive.add(
            self._names[interval], "", self._symbol, candle.start_ms, time_ms=candle.start_ms,
            keeps_ms=expires_ms(PUBLIC, candle.start_ms), row=row,
        )  # fmt: skip

    def current(self, interval: str, now_ms: int) -> Candle | None:
        """The candle of the span that goes on, flat where nothing has happened in it; none before the first."""
        found = list(self._unarchived(interval))
        if not found:
            return None
        last = found[-1]
        start_ms = begin_ms(interval, now_ms)
        return last if last.start_ms >= start_ms else Candle(start_ms, last.close, last.close, last.close, last.close)

    def _unarchived(self, interval: str) -> Iterator[Candle]:
        """The candles that may still change, in order: copies."""
        minute, held = self.minute, self._open.get(interval)
        if minute is None:
            return
        start_ms = begin_ms(interval, minute.start_ms)
        found = minute.copy()
        found.start_ms = start_ms
        if held is not None and held.start_ms == start_ms:
            found = held.copy()
            found.take(minute)
        elif held is not None:
            yield held.copy()
        yield found

    def find(
        self, interval: str, now_ms: int, *, since_ms: int | None = None, until_ms: int | None = None, limit: int
    ) -> list[Row]:
        """Rows that begin within a span, oldest first: the first ones where its begin is said, else the last."""
        if self._first_ms is None or (since_ms is not None and since_ms > now_ms):
            return []
        first = begin_ms(interval, self._first_ms)
        last = begin_ms(interval, now_ms if until_ms is None else min(until_ms, now_ms))
        start = next_ms(interval, last, 1 - limit)
        if since_ms is not None:
            start = begin_ms(interval, since_ms)
            start = start if start == since_ms else next_ms(interval, start)
            last = min(last, next_ms(interval, max(start, first), limit - 1))
        return list(self._rows(interval, max(start, first), last, now_ms)) if max(start, first) <= last else []

    def _rows(self, interval: str, start_ms: int, last_ms: int, now_ms: int) -> Iterator[Row]:
        """The rows of all spans that begin between two times."""
        name, symbol = self._names[interval], self._symbol
        raw = self._archive.find(
            name, now_ms=now_ms, symbol=symbol, from_id=start_ms, until_ms=last_ms, limit=2**31
        )  # fmt: skip
        before = self._archive.find(
            name, now_ms=now_ms, symbol=symbol, from_id=0, until_ms=start_ms - 1, limit=1, last=True
        )  # fmt: skip
        found: dict[object, Row] = {}
        close: object = None
        for each in (*before, *raw):
            row = msgspec.json.decode(each, type=list)
            found[row[0]] = row
        for candle in self._unarchived(interval):
            row = candle_row(candle, next_ms(interval, candle.start_ms), trades=self._trades)
            found[candle.start_ms] = row
        close = next((row[4] for row in reversed(found.values()) if row[0] < start_ms), None)  # type: ignore[operator]
        while start_ms <= last_ms:
            end_ms = next_ms(interval, start_ms)
            row = found.get(start_ms) or flat_row(start_ms, close, end_ms)
            close = row[4]
            yield row
            start_ms = end_ms

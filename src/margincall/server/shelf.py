"""A list of one symbol that grows at its end: the newest rows in memory, as values, older ones in the archive."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from margincall.case.retention import Retention, expires_ms, reach_ms
from margincall.server.archive import Archive
from margincall.wire.durations import DAY_MS
from margincall.wire.spelling import Json

T = TypeVar("T")
NEWEST = 200
"""Rows in memory: what streams and most questions look at. More would be megabytes for each dozen of symbols."""
LAST_MS = 2**62
encoded = msgspec.json.encode


class Shelf(Generic[T]):
    """Rows by number, oldest first. `rule` says for how long the venue keeps them."""

    def __init__(
        self, archive: Archive, name: str, symbol: str, rule: Retention, row: Callable[[T], Json]
    ) -> None:  # fmt: skip
        """An empty one."""
        self._archive, self._name, self._symbol, self._rule, self._row = archive, name, symbol, rule, row
        self._newest: deque[tuple[int, int, T]] = deque()
        self._day, self._keeps_for_ms = -1, 0
        """The day of what was put away last, and for how long what is of that day is kept."""

    def add(self, number: int, time_ms: int, value: T) -> None:
        """The next row; of the number of the last one it takes its place."""
        newest = self._newest
        if newest and newest[-1][0] == number:
            newest[-1] = number, time_ms, value
            return
        newest.append((number, time_ms, value))
        if len(newest) > NEWEST:
            self._put_away(*newest.popleft())

    @property
    def last(self) -> T | None:
        """The newest row."""
        return self._newest[-1][2] if self._newest else None

    def find(
        self, now_ms: int, *, since_ms: int = 0, until_ms: int = LAST_MS, from_id: int = 0, limit: int
    ) -> list[object]:
        """The first rows of a span, in order."""
        since_ms = max(since_ms, reach_ms(self._rule, now_ms))
        here = [each for each in self._newest if each[0] >= from_id and since_ms <= each[1] <= until_ms]
        found: list[object] = []
        if not self._is_all_here(since_ms, from_id):
            found += map(msgspec.Raw, self._archive.find(
                self._name, now_ms=now_ms, symbol=self._symbol, since_ms=since_ms, until_ms=until_ms,
                from_id=from_id or None, limit=limit,
            ))  # fmt: skip
        return [*found, *(self._row(value) for _, _, value in here[: limit - len(found)])]

    def newest(self, now_ms: int, *, until_ms: int = LAST_MS, limit: int) -> list[object]:
        """The last rows up to a time, in order."""
        since_ms = reach_ms(self._rule, now_ms)
        here = [each for each in self._newest if since_ms <= each[1] <= until_ms][-limit:]
        more = limit - len(here)
        found: list[object] = []
        if more and not self._is_all_here(since_ms, 0):
            found += map(msgspec.Raw, self._archive.find(
                self._name, now_ms=now_ms, symbol=self._symbol, since_ms=since_ms, until_ms=until_ms, limit=more,
                from_id=0, last=True,
            ))  # fmt: skip
        return [*found, *(self._row(value) for _, _, value in here)]

    def _is_all_here(self, since_ms: int, from_id: int) -> bool:
        """Whether nothing of a span was put away."""
        if len(self._newest) < NEWEST:
            return True
        number, time_ms, _ = self._newest[0]
        return number <= from_id or time_ms < since_ms

    def _put_away(self, number: int, time_ms: int, value: T) -> None:
        if time_ms // DAY_MS != self._day:
            self._day = time_ms // DAY_MS
            self._keeps_for_ms = expires_ms(self._rule, time_ms) - time_ms
        self._archive.add(
            self._name, "", self._symbol, number, time_ms=time_ms, keeps_ms=time_ms + self._keeps_for_ms,
            row=encoded(self._row(value)),
        )  # fmt: skip

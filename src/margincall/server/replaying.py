"""How far a journal has been applied again, told to whoever waits for the server to start."""

import time
from collections.abc import Callable
from pathlib import Path

from margincall.exchange.journal import scan
from margincall.exchange.state import Events, Exchange

Progress = Callable[[int, int], None]
"""Is told how many commands have been applied, and of how many."""
AFTER_S, EVERY_S = 1.0, 0.1
LOOK_AT = 100
"""Commands from one look at the time to the next."""


class Replaying:
    """Hears each command of a journal that is applied again; says nothing of one that takes less than `AFTER_S`."""

    def __init__(self, journal: Path, progress: Progress, now_s: Callable[[], float] = time.monotonic) -> None:
        """It begins now."""
        self._journal, self._progress, self._now_s = journal, progress, now_s
        self._due_s = now_s() + AFTER_S
        self._done = self._total = 0

    def hear(self, state: Exchange, events: Events) -> None:
        """One more. How many there are is counted only where it is told."""
        self._done += 1
        if self._done % LOOK_AT or self._now_s() < self._due_s:
            return
        self._total = self._total or scan(self._journal).tail.seq
        self._progress(self._done, self._total)
        self._due_s = self._now_s() + EVERY_S

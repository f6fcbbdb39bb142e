"""The server's time: that of the machine, or one that a test sets."""

import time


class WallClock:
    """That of the machine."""

    is_simulated = False

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000


class SimulatedClock:
    """One that stands still until it is set; it never runs back."""

    is_simulated = True

    def __init__(self, time_ms: int) -> None:
        """It begins at a time."""
        self._now_ms = time_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return self._now_ms

    def set(self, time_ms: int) -> None:
        """Another time. Raises `ValueError` for an earlier one."""
        if time_ms < self._now_ms:
            raise ValueError(f"{time_ms} is before {self._now_ms}")
        self._now_ms = time_ms


Clock = WallClock | SimulatedClock

"""What falls due by itself: a heap of times in the state, so that a step costs what is due and no more."""

from heapq import heappop, heappush
from typing import Literal

from margincall.exchange.state import Exchange

Kind = Literal["basis", "clearance", "countdown", "good_till", "premium", "settlement"]
"""At one moment they fall due in this order, that of their names: an interval's last samples come before its end."""


def add(state: Exchange, due_ms: int, kind: Kind, about: str) -> None:
    """Let something fall due. `about` is a symbol, an order's id, or an account and a symbol."""
    heappush(state.timers, (due_ms, kind, about))


def due(state: Exchange, until_ms: int) -> tuple[int, Kind, str] | None:
    """Take out what falls due next, if that is at or before `until_ms`."""
    if state.timers and state.timers[0][0] <= until_ms:
        at, kind, about = heappop(state.timers)
        return at, kind, about  # type: ignore[return-value]
    return None

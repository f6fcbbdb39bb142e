"""What falls due by itself: times in the state, sorted, so that a step costs what is due and no more.

Not a heap: however it came about, the same timers are the same list, and a digest of the state the same.
"""

from bisect import insort
from typing import Literal

from margincall.exchange.book import OrderId
from margincall.exchange.state import Exchange

Kind = Literal["basis", "clearance", "countdown", "good_till", "premium", "settlement"]
"""At one moment they fall due in this order, that of their names: an interval's last samples come before its end."""
SLACK = 256
"""Entries of what is no more that the list may hold beyond its living ones before they are swept away."""


def add(state: Exchange, due_ms: int, kind: Kind, about: str) -> None:
    """Let something fall due. `about` is a symbol, an order's id, or an account and a symbol; orders by number."""
    insort(state.timers, (due_ms, kind, about), key=_place)
    if len(state.timers) > 2 * (len(state.orders) + len(state.countdowns) + 3 * len(state.markets)) + SLACK:
        state.timers = [timer for timer in state.timers if _lives(state, timer)]


def due(state: Exchange, until_ms: int) -> tuple[int, Kind, str] | None:
    """Take out what falls due next, if that is at or before `until_ms`."""
    if state.timers and state.timers[0][0] <= until_ms:
        at, kind, about = state.timers.pop(0)
        return at, kind, about  # type: ignore[return-value]
    return None


def _place(timer: tuple[int, str, str]) -> tuple[int, str, int, str]:
    """By time and kind; orders by their number, of which 10 comes after 9, others by text."""
    at, kind, about = timer
    return at, kind, int(about) if kind == "good_till" else 0, about


def _lives(state: Exchange, timer: tuple[int, str, str]) -> bool:
    """Whether what the timer is about is still there: orders end and countdowns are set anew before their time."""
    at, kind, about = timer
    if kind == "good_till":
        order = state.orders.get(OrderId(int(about)))
        return order is not None and order.good_till_ms == at
    return kind != "countdown" or state.countdowns.get(about) == at

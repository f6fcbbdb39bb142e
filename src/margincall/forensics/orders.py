"""The trader's own orders as they stood before a moment: which were still open?"""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.events import AnyEvent, Fill, Order
from margincall.core.units import ZERO

ENDED = ("CANCELED", "EXPIRED", "FILLED", "REJECTED", "EXPIRED_IN_MATCH", "FINISHED", "TRIGGERED")


class OrderState(Struct, frozen=True):
    """One order before a moment: its symbol and id, whether it was neither ended nor filled; when it ended later, if
    a file tells, and which file; when it is first told of, and when last; what of it was not filled."""

    symbol: str
    is_open: bool
    ended_ms: int | None = None
    file: str = ""
    since_ms: int = 0
    last_ms: int = 0
    left: Decimal = ZERO
    order_id: str = ""


class OrderLine:
    """All states of the trader's orders, by order: asked for a moment, it looks each order up once."""

    def __init__(self, events: Sequence[AnyEvent]) -> None:
        """Collect orders and their fills in the order of the history; the venue's own orders are none of them."""
        self._places: dict[tuple[str, str], list[int]] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._made: dict[str, int] = {}
        self._states: dict[tuple[str, str], list[tuple[Order | None, Decimal]]] = {}
        for place, event in enumerate(events):
            if isinstance(event, Order):
                self._made[event.source.file] = max(self._made.get(event.source.file, 0), event.time_ms)
            if isinstance(event, Order | Fill) and event.close == "":
                self._add(place, event)

    def before(self, place: int) -> list[OrderState]:
        """Each order that had been placed before event `place`."""
        found = []
        for key, places in self._places.items():
            last = bisect_left(places, place)
            order, filled = self._states[key][last - 1] if last else (None, ZERO)
            if order is not None:
                left = order.close_position or filled < order.quantity
                first = next(each for each, _ in self._states[key] if each is not None)
                later = [each for each, _ in self._states[key][last:] if each is not None and each.status in ENDED]
                ended = later[0] if later else None
                found.append(
                    OrderState(
                        order.symbol,
                        order.status not in ENDED and left,
                        ended.time_ms if ended is not None else None,
                        (ended or order).source.file,
                        first.time_ms,
                        ended.time_ms if ended is not None else self._shown_until(key, first),
                        max(order.quantity - filled, ZERO),
                        order.order_id,
                    )
                )
        return found

    def _shown_until(self, key: tuple[str, str], first: Order) -> int:
        """When an order that has not ended is told of last. A list shows it as it was when the list was made, which was
        after the last of its orders; of a recording its own messages count, for one that ended it may be lost."""
        return self._last[key] if first.execution else max(self._last[key], self._made[first.source.file])

    def _add(self, place: int, event: Order | Fill) -> None:
        key = (event.symbol, event.order_id)
        states = self._states.setdefault(key, [])
        order, filled = states[-1] if states else (None, ZERO)
        if isinstance(event, Order):
            states.append((event, filled))
        else:
            states.append((order, filled + abs(event.quantity)))
        self._last[key] = event.time_ms
        self._places.setdefault(key, []).append(place)

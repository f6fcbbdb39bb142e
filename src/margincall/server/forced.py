"""The orders of liquidations within a second, for the streams `forceOrder`: of each symbol one is told.

It is the largest since 2026-04-14, before that the latest (change log), so that whoever reads the stream cannot know
of all liquidations.
"""

from collections.abc import Iterator
from decimal import Decimal

from margincall.core.events import Fill
from margincall.core.units import ZERO
from margincall.wire.prints import PrintedOrder
from margincall.wire.serve_streams import force_order
from margincall.wire.spelling import Json

LARGEST_SINCE = "2026-04-14"


class Forced:
    """Orders of the venue's own that traded or ended within this second."""

    def __init__(self, api_date: str) -> None:
        """None."""
        self._by_size = api_date >= LARGEST_SINCE
        self._orders: dict[str, PrintedOrder] = {}
        self._last: dict[str, Decimal] = {}

    def take(self, event: PrintedOrder | Fill) -> None:
        """A state of such an order, or a fill of it."""
        if isinstance(event, Fill):
            self._last[event.order_id] = abs(event.quantity)
        elif event.status != "NEW":
            self._orders.pop(event.order_id, None)
            self._orders[event.order_id] = event

    def messages(self, symbol: str, now_ms: int) -> Iterator[Json]:
        """What the stream of a symbol tells, or that of all."""
        chosen: dict[str, PrintedOrder] = {}
        for order in self._orders.values():
            before = chosen.get(order.symbol)
            if before is None or not self._by_size or order.quantity * order.price > before.quantity * before.price:
                chosen[order.symbol] = order
        for order in chosen.values():
            if symbol in ("", order.symbol):
                yield force_order(order, self._last.get(order.order_id, ZERO), now_ms)

    def forget(self) -> None:
        """The second is over."""
        self._orders.clear()
        self._last.clear()

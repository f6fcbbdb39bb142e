"""When a waiting order is due: the triggers of one symbol, sorted by price."""

from collections.abc import Mapping
from decimal import Decimal
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from margincall.core.units import ONE
from margincall.exchange.book import OrderId
from margincall.exchange.commands import WorkingType

if TYPE_CHECKING:
    from margincall.exchange.state import OpenOrder

HUNDRED = Decimal(100)


class Triggers:
    """The triggers of one symbol. Derived from `Market.waiting`; a digest does not see it."""

    __slots__ = ("_falling", "_rising", "_trailing")

    def __init__(self) -> None:
        """No order waits."""
        self._rising: dict[WorkingType, list[tuple[Decimal, OrderId]]] = {"MARK_PRICE": [], "CONTRACT_PRICE": []}
        self._falling: dict[WorkingType, list[tuple[Decimal, OrderId]]] = {"MARK_PRICE": [], "CONTRACT_PRICE": []}
        self._trailing: dict[WorkingType, list[OrderId]] = {"MARK_PRICE": [], "CONTRACT_PRICE": []}

    def canonical(self) -> None:
        """Nothing of the state."""

    def add(self, order: "OpenOrder") -> None:
        """Watch for an order's trigger."""
        if order.stop_price is None:
            self._trailing[order.working_type].append(order.id)
        elif is_rising(order):
            heappush(self._rising[order.working_type], (order.stop_price, order.id))
        else:
            heappush(self._falling[order.working_type], (-order.stop_price, order.id))

    def reached(self, waiting: Mapping[OrderId, "OpenOrder"], kind: WorkingType, price: Decimal) -> list["OpenOrder"]:
        """The waiting orders whose trigger `price` reaches, oldest first. Trailing ones follow it."""
        found = []
        for heap, key in ((self._rising[kind], price), (self._falling[kind], -price)):
            while heap and heap[0][0] <= key:
                order = waiting.get(heappop(heap)[1])
                if order is not None:
                    found.append(order)
        living = [order_id for order_id in self._trailing[kind] if order_id in waiting]
        followed = [order_id for order_id in living if not _follow(waiting[order_id], price)]
        found += [waiting[order_id] for order_id in living if order_id not in followed]
        self._trailing[kind] = followed
        return sorted(found, key=lambda order: order.id)


def is_rising(order: "OpenOrder") -> bool:
    """Whether the trigger is reached from below: a stop that buys, a take-profit that sells."""
    return (order.side == "BUY") == order.kind.startswith("STOP")


def _follow(order: "OpenOrder", price: Decimal) -> bool:
    """Let a trailing stop follow the price; whether its trigger is reached."""
    assert order.callback_rate is not None
    buys = order.side == "BUY"
    if order.extreme is None:
        wanted = order.activation_price
        if wanted is not None and (price > wanted if buys else price < wanted):
            return False
        order.extreme = price
    order.extreme = min(order.extreme, price) if buys else max(order.extreme, price)
    back = order.callback_rate / HUNDRED
    return price >= order.extreme * (ONE + back) if buys else price <= order.extreme * (ONE - back)

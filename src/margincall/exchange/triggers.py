"""When a waiting order is due: the triggers of one symbol, sorted by price."""

from collections.abc import Mapping
from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from margincall.core.units import ONE
from margincall.exchange.book import OrderId
from margincall.exchange.commands import WorkingType

if TYPE_CHECKING:
    from margincall.exchange.state import OpenOrder

Entry = tuple[Decimal, OrderId]
"""A trigger (of those that are reached from above its negative), and its order."""
HUNDRED = Decimal(100)
SLACK = 64
"""Entries of what waits no more that a list may hold beyond twice those that wait before they are swept away."""


class Triggers:
    """The triggers of one symbol. Derived from `Market.waiting`; a digest does not see it.

    An order that is cancelled leaves its entry behind, which costs nothing until it comes up or is swept away.
    """

    __slots__ = ("_falling", "_rising", "_trailing")

    def __init__(self) -> None:
        """No order waits."""
        self._rising: dict[WorkingType, list[Entry]] = {"MARK_PRICE": [], "CONTRACT_PRICE": []}
        self._falling: dict[WorkingType, list[Entry]] = {"MARK_PRICE": [], "CONTRACT_PRICE": []}
        self._trailing: dict[WorkingType, list[OrderId]] = {"MARK_PRICE": [], "CONTRACT_PRICE": []}

    def canonical(self) -> None:
        """Nothing of the state."""

    def add(self, order: "OpenOrder", waiting: Mapping[OrderId, "OpenOrder"]) -> None:
        """Watch for an order's trigger; `waiting` are all that wait, it among them."""
        most = 2 * len(waiting) + SLACK
        if order.stop_price is None:
            trailing = self._trailing[order.working_type]
            trailing.append(order.id)
            if len(trailing) > most:
                trailing[:] = [each for each in trailing if each in waiting]
            return
        rising = is_rising(order)
        heap = (self._rising if rising else self._falling)[order.working_type]
        heappush(heap, (order.stop_price if rising else -order.stop_price, order.id))
        if len(heap) > most:
            heap[:] = [each for each in heap if each[1] in waiting]
            heapify(heap)

    def reached(self, waiting: Mapping[OrderId, "OpenOrder"], kind: WorkingType, price: Decimal) -> list["OpenOrder"]:
        """The waiting orders whose trigger `price` reaches, oldest first. Trailing ones follow it."""
        found = []
        for heap, key in ((self._rising[kind], price), (self._falling[kind], -price)):
            while heap and heap[0][0] <= key:
                order = waiting.get(heappop(heap)[1])
                if order is not None:
                    found.append(order)
        following = []
        for order_id in self._trailing[kind]:
            order = waiting.get(order_id)
            if order is None:
                continue
            if _follow(order, price):
                found.append(order)
            else:
                following.append(order_id)
        self._trailing[kind] = following
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

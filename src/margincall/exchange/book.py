"""The order book of one symbol: what rests, in price-time priority.

Prices are whole ticks and sizes whole lots, so nothing is ever rounded here. A better price goes first; at one price
the order that came first. Adding, cancelling and reducing touch one order and its level; looking at the book costs
what is looked at. Only a level that opens or closes moves the prices that are better than it, eight bytes each.

The book is a data structure, not the rules: `matching` decides what trades, the engine who may. A wrong call (an id
twice, an order that would trade at once) is a bug and an assertion; an id that does not rest is an answer, `None`.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Literal, NewType

from msgspec import Struct

Side = Literal["BUY", "SELL"]
OPPOSITE: Mapping[Side, Side] = {"BUY": "SELL", "SELL": "BUY"}

OrderId = NewType("OrderId", int)
Ticks = NewType("Ticks", int)
"""A price in units of the contract's tick."""
Lots = NewType("Lots", int)
"""A size in units of the contract's lot; never signed, the side says the direction."""


class Resting(Struct, frozen=True, kw_only=True, gc=False):
    """An order in the book. `owner` is who may not trade with itself: the account or its trade group."""

    id: OrderId
    owner: str
    side: Side
    ticks: Ticks
    lots: Lots


class Depth(Struct, frozen=True, gc=False):
    """One price of one side: the size that rests there and the number of orders it consists of."""

    ticks: Ticks
    lots: Lots
    orders: int


class Book:
    """Resting orders of one symbol. Never crossed: the best bid lies below the best ask after every call."""

    __slots__ = ("_asks", "_bids", "_levels")

    def __init__(self) -> None:
        """An empty book."""
        self._bids = _Half(1)
        self._asks = _Half(-1)
        self._levels: dict[OrderId, _Level] = {}

    def __len__(self) -> int:
        """The number of resting orders."""
        return len(self._levels)

    def __contains__(self, order_id: object) -> bool:
        """Whether an order with this id rests."""
        return order_id in self._levels

    # --- changing it --------------------------------------------------------------------------------------

    def add(self, order: Resting) -> None:
        """Let an order rest behind all others at its price."""
        assert order.id not in self._levels, "an id rests once"
        assert min(order.ticks, order.lots) > 0, "price and size are positive"
        assert not self.crosses(order.side, order.ticks), "what would trade does not rest"
        level = self._half(order.side).open(order.ticks)
        level.orders[order.id] = order
        level.lots += order.lots
        self._levels[order.id] = level

    def cancel(self, order_id: OrderId) -> Resting | None:
        """Take an order out; returns it as it rested, or None, and changes nothing, if there is none."""
        level = self._levels.pop(order_id, None)
        if level is None:
            return None
        order = level.orders.pop(order_id)
        level.lots -= order.lots
        if not level.orders:
            self._half(order.side).close(level)
        return order

    def reduce(self, order_id: OrderId, by: Lots) -> Resting | None:
        """Take `by` lots off an order, which keeps its place; with nothing left it leaves the book.

        Returns the order as it rested before, or None, and changes nothing, if there is none.
        """
        level = self._levels.get(order_id)
        if level is None:
            return None
        order = level.orders[order_id]
        assert 0 < by <= order.lots, "an order gives what it has"
        if by == order.lots:
            return self.cancel(order_id)
        left = Lots(order.lots - by)
        # The same key keeps its place in the queue.
        level.orders[order_id] = Resting(id=order_id, owner=order.owner, side=order.side, ticks=order.ticks, lots=left)
        level.lots -= by
        return order

    # --- looking at it ------------------------------------------------------------------------------------

    @property
    def best_bid(self) -> Ticks | None:
        """The highest price that a resting order pays."""
        return self._bids.best()

    @property
    def best_ask(self) -> Ticks | None:
        """The lowest price for which a resting order sells."""
        return self._asks.best()

    def get(self, order_id: OrderId) -> Resting | None:
        """The order with this id as it rests now."""
        level = self._levels.get(order_id)
        return None if level is None else level.orders[order_id]

    def crosses(self, side: Side, ticks: Ticks) -> bool:
        """Whether an order of `side` at this price would find a counterparty."""
        if side == "BUY":
            ask = self._asks.best()
            return ask is not None and ask <= ticks
        bid = self._bids.best()
        return bid is not None and bid >= ticks

    def orders(self, side: Side, worst: Ticks | None = None) -> Iterator[Resting]:
        """The orders that rest on `side`, in priority, down to the price `worst`. Not to be walked while it changes.

        Added in this order to an empty book they give the same book.
        """
        for level in self._half(side).levels(worst):
            yield from level.orders.values()

    def canonical(self) -> tuple[list[Resting], list[Resting]]:
        """All orders of both sides, in priority: what a digest sees of a book."""
        return list(self.orders("BUY")), list(self.orders("SELL"))

    def queue(self, side: Side, ticks: Ticks) -> Iterator[Resting]:
        """The orders that rest on `side` at one price, the oldest first."""
        level = self._half(side).at(ticks)
        if level is not None:
            yield from level.orders.values()

    def depth(self, side: Side, levels: int) -> list[Depth]:
        """The best `levels` prices of one side, the best first."""
        found: list[Depth] = []
        for level in self._half(side).levels(None):
            if len(found) >= levels:
                break
            found.append(Depth(level.ticks, Lots(level.lots), len(level.orders)))
        return found

    def volume(self, side: Side, worst: Ticks | None = None) -> Lots:
        """The size that rests on `side` at `worst` or better: what the other side could get up to that price."""
        return Lots(sum(level.lots for level in self._half(side).levels(worst)))

    def _half(self, side: Side) -> "_Half":
        return self._bids if side == "BUY" else self._asks


class _Level:
    """The orders at one price, the oldest first.

    An `OrderedDict`, because a `dict` whose head is taken away again and again looks at all it once held.
    """

    __slots__ = ("lots", "orders", "ticks")

    def __init__(self, ticks: Ticks) -> None:
        self.ticks = ticks
        self.lots = 0
        self.orders: OrderedDict[OrderId, Resting] = OrderedDict()


class _Half:
    """The levels of one side. A *rank* is a price that grows as it gets better: ticks for bids, −ticks for asks.

    Ranks lie sorted, the best last, where levels open and close most often and the list is short to move.
    """

    __slots__ = ("_levels", "_ranks", "_sign")

    def __init__(self, sign: Literal[1, -1]) -> None:
        self._sign = sign
        self._ranks: list[int] = []
        self._levels: dict[int, _Level] = {}

    def best(self) -> Ticks | None:
        return Ticks(self._sign * self._ranks[-1]) if self._ranks else None

    def at(self, ticks: Ticks) -> _Level | None:
        return self._levels.get(self._sign * ticks)

    def open(self, ticks: Ticks) -> _Level:
        """The level of a price, made if there is none."""
        rank = self._sign * ticks
        level = self._levels.get(rank)
        if level is None:
            level = self._levels[rank] = _Level(ticks)
            insort(self._ranks, rank)
        return level

    def close(self, level: _Level) -> None:
        """Take an empty level away."""
        rank = self._sign * level.ticks
        del self._levels[rank]
        if self._ranks[-1] == rank:
            self._ranks.pop()
        else:
            del self._ranks[bisect_left(self._ranks, rank)]

    def levels(self, worst: Ticks | None) -> Iterator[_Level]:
        """The levels from the best price to `worst`."""
        last = None if worst is None else self._sign * worst
        for rank in reversed(self._ranks):
            if last is not None and rank < last:
                return
            yield self._levels[rank]

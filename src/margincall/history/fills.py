"""Fills and orders that several sources tell of, each kept once.

A fill is known by symbol, trade id and direction. Some executions carry no trade id in the stream (id 0): such a fill
is held against one of another source with the same order, quantity and price. An order's state is known by symbol,
order id, status and executed quantity; an answer prints only the last state, a stream each one.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from margincall.core.events import Fill, Order
from margincall.history.messages import Placed, agreed, changed, contradiction
from margincall.wire.problems import Problem

TIME_TOLERANCE_MS = 1000
"""Sources stamp one trade within a second."""
FILL_COMPARED = ("side", "quantity", "price")
FILL_COMPLETED = ("trade_id", "order_id", "client_order_id", "fee", "fee_asset", "realized", "maker", "close")
ORDER_COMPARED = ("side", "buy", "quantity", "price")
ORDER_COMPLETED = ("client_order_id", "stop_price", "average_price", "expire_reason", "close")


class Kept:
    """Events that were kept, those that others were found to repeat, and the contradictions between them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.placed: list[Placed] = []
        self.repeated: list[Placed] = []
        self.problems: list[Problem] = []

    def add(self, placed: Placed) -> int:
        """Keep an event; its number."""
        self.placed.append(placed)
        return len(self.placed) - 1


def merged_fills(fills: Iterable[Placed]) -> Kept:
    """Each fill once. `fills` come in the order in which they are believed."""
    kept = Kept()
    by_id: dict[tuple[str, str], list[int]] = {}
    nameless: list[Placed] = []
    for placed in fills:
        fill = _fill(placed)
        if not fill.trade_id:
            nameless.append(placed)
            continue
        known = by_id.setdefault((fill.symbol, fill.trade_id), [])
        if (index := _same_fill(kept, known, fill)) is None:
            known.append(kept.add(placed))
        else:
            _put_together(kept, index, placed)
    _merge_nameless(kept, nameless)
    return kept


def _same_fill(kept: Kept, known: Sequence[int], fill: Fill) -> int | None:
    """The number of the kept fill that `fill` repeats. An account that trades with itself has two fills under one
    trade id, of opposite direction and different orders."""
    for index in known:
        other = _fill(kept.placed[index])
        is_same_order = not (fill.order_id and other.order_id) or fill.order_id == other.order_id
        if is_same_order or (fill.quantity > 0) == (other.quantity > 0):
            return index
    return None


def _merge_nameless(kept: Kept, nameless: Iterable[Placed]) -> None:
    """Fills without a trade id against those of the other sort of source with the same order, quantity and price."""
    waiting: dict[object, list[int]] = {}
    for index, placed in enumerate(kept.placed):
        waiting.setdefault((placed.stream, _outline(_fill(placed))), []).append(index)
    for placed in nameless:
        found = waiting.get((not placed.stream, _outline(_fill(placed))))
        if found:
            _put_together(kept, found.pop(0), placed)
        else:
            kept.add(placed)


def _outline(fill: Fill) -> tuple[str, str, Decimal, Decimal]:
    return fill.symbol, fill.order_id, fill.quantity, fill.price


def _put_together(kept: Kept, index: int, placed: Placed) -> None:
    """Complete the kept fill by another account of it; a stream's word goes before an answer's."""
    first, other = kept.placed[index], placed
    if other.stream and not first.stream:
        first, other = other, first
    mine, theirs = _fill(first), _fill(other)
    what = f"trade {mine.trade_id or theirs.trade_id} of {mine.symbol}"
    found = agreed(what, mine, theirs, compared=FILL_COMPARED, completed=FILL_COMPLETED)
    kept.problems.extend(found.problems)
    if abs(mine.time_ms - theirs.time_ms) > TIME_TOLERANCE_MS:
        kept.problems.append(contradiction(f"{what}: time", (mine, mine.time_ms), (theirs, theirs.time_ms)))
    kept.placed[index] = changed(first, found.changes)
    kept.repeated.append(other)


def merged_orders(orders: Iterable[Placed]) -> Kept:
    """Each state of an order once. `orders` come in the order in which they are believed, streams first.

    A row of an answer repeats the last such state of the stream, whenever it was printed; everything else repeats
    what prints the same execution at the same time.
    """
    kept = Kept()
    exact: dict[object, int] = {}
    last_of_stream: dict[object, int] = {}
    for placed in orders:
        order = _order(placed)
        state = (order.symbol, order.order_id, order.execution == "ALGO", order.status, order.executed)
        moment = (state, order.execution, order.time_ms)
        index = exact.get(moment)
        if index is None and not placed.stream:
            index = last_of_stream.get(state)
        if index is None:
            exact[moment] = kept.add(placed)
            if placed.stream:
                last_of_stream[state] = exact[moment]
            continue
        first = kept.placed[index]
        what = f"order {order.order_id} of {order.symbol}"
        found = agreed(what, first.event, order, compared=ORDER_COMPARED, completed=ORDER_COMPLETED)
        kept.problems.extend(found.problems)
        kept.placed[index] = changed(first, found.changes)
        kept.repeated.append(placed)
    return kept


def with_orders(fills: Sequence[Placed], orders: Sequence[Placed]) -> list[Placed]:
    """The fills, with what their orders say of them: `userTrades` does not print the client order id, so only the order
    tells that a fill was a forced close."""
    known: dict[tuple[str, str], Order] = {}
    for placed in orders:
        order = _order(placed)
        if order.execution != "ALGO" and (order.close or order.client_order_id):
            known.setdefault((order.symbol, order.order_id), order)
    found = []
    for placed in fills:
        fill = _fill(placed)
        order_of = known.get((fill.symbol, fill.order_id))
        if order_of is None or fill.client_order_id:
            found.append(placed)
        else:
            close = fill.close or order_of.close
            found.append(changed(placed, {"client_order_id": order_of.client_order_id, "close": close}))
    return found


def _fill(placed: Placed) -> Fill:
    assert isinstance(placed.event, Fill)
    return placed.event


def _order(placed: Placed) -> Order:
    assert isinstance(placed.event, Order)
    return placed.event

"""States of orders that several sources tell of, each kept once.

A state is known by symbol, order id, status and executed quantity; an answer and an export print only the last state, a
stream each one. Where a spreadsheet has damaged the order id, the client order id stands for it.
"""

from collections.abc import Sequence
from decimal import Decimal

from margincall.core.events import Order
from margincall.history.fills import NOTHING, Kept, Silent
from margincall.history.messages import Placed, agreed, changed, order_of

ORDER_COMPARED = ("side", "buy", "quantity", "price")
ORDER_COMPLETED = ("client_order_id", "stop_price", "average_price", "expire_reason", "close")
State = tuple[str, str, bool, str, Decimal]
"""Symbol, order id, whether it is of the algo orders, which have ids of their own, status and executed quantity."""
Moment = tuple[str, int]
"""Execution and time."""


def merged_orders(orders: Sequence[Placed], silent: Silent | None = None) -> Kept:
    """Each state of an order once. `orders` come in the order in which they are believed, streams first.

    A row of an answer repeats the last such state of the stream, whenever it was printed; a row in whole seconds
    repeats such a state of any source; everything else repeats what prints the same execution at the same time.
    """
    kept = Kept(silent or {})
    by_id, by_client = _ById(kept), _ByClient()
    has_nameless = not all(order_of(placed).order_id for placed in orders)
    for placed in orders:
        order = order_of(placed)
        known = by_id.find(placed) if order.order_id else by_client.find(order)
        if known is not None:
            _put_together(kept, known, placed)
            continue
        number = kept.add(placed)
        if order.order_id:
            by_id.add(number, placed)
        if has_nameless:
            by_client.add(number, order)
    return kept


class _ById:
    """Kept states of orders by their order id. Mostly a state is printed at one moment, so that its last number alone
    is held, and the numbers before it only where there are any."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.last: dict[State, int] = {}
        self.last_of_stream: dict[State, int] = {}
        self.earlier: dict[tuple[State, Moment], int] = {}

    def find(self, placed: Placed) -> int | None:
        """The number of the kept state that a row or message repeats."""
        order = order_of(placed)
        state = _state(order)
        last = self.last.get(state)
        if last is None:
            return None
        moment = _moment(order)
        number = last if moment == self._moment_of(last) else self.earlier.get((state, moment))
        if number is None and not placed.stream:
            number = self.last_of_stream.get(state)
            if number is None and order.time_ms % 1000 == 0:
                number = _of_second(self.kept, last, order)
        return number

    def add(self, number: int, placed: Placed) -> None:
        state = _state(order_of(placed))
        if (before := self.last.get(state)) is not None:
            self.earlier[state, self._moment_of(before)] = before
        self.last[state] = number
        if placed.stream:
            self.last_of_stream[state] = number

    def _moment_of(self, number: int) -> Moment:
        return _moment(order_of(self.kept.placed[number]))


class _ByClient:
    """Kept states of orders by what identifies them without their order id."""

    def __init__(self) -> None:
        self.exact: dict[tuple[object, Moment], int] = {}
        self.last: dict[object, int] = {}

    def find(self, order: Order) -> int | None:
        """The number of the kept state that an order without its id repeats."""
        client = _client(order)
        number = self.exact.get((client, _moment(order)))
        return self.last.get(client) if number is None else number

    def add(self, number: int, order: Order) -> None:
        client = _client(order)
        self.last[client] = number
        if not order.order_id:
            self.exact[client, _moment(order)] = number


def _state(order: Order) -> State:
    return order.symbol, order.order_id, order.execution == "ALGO", order.status, order.executed


def _moment(order: Order) -> Moment:
    return order.execution, order.time_ms


def _client(order: Order) -> object:
    """What identifies a state without its order id."""
    size = (order.buy, order.quantity, order.price, order.executed)
    return order.symbol, order.client_order_id, order.status, order.time_ms // 1000, size


def _of_second(kept: Kept, number: int, order: Order) -> int | None:
    """A kept state, if it was printed within the second of a row in whole seconds."""
    if not 0 <= kept.placed[number].event.time_ms - order.time_ms < 1000:
        return None
    return number


def _put_together(kept: Kept, number: int, placed: Placed) -> None:
    first, order = kept.placed[number], order_of(placed)
    compared: tuple[str, ...] = ORDER_COMPARED
    if "side" in kept.silent.get(placed.event.source.file, NOTHING):
        compared = ORDER_COMPARED[1:]
    elif not kept.has_side(number):
        compared = ORDER_COMPARED[1:]
        kept.put_side(number, order.side)
        first = kept.placed[number]
    what = f"order {order.order_id} of {order.symbol}"
    found = agreed(what, first.event, order, compared=compared, completed=ORDER_COMPLETED)
    kept.problems.extend(found.problems)
    kept.placed[number] = changed(first, found.changes)
    kept.repeated.append(placed)

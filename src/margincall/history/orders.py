"""States of orders that several sources tell of, each kept once.

A state is known by symbol, order id, status and executed quantity; an answer and an export print only the last state, a
stream each one. Where a spreadsheet has damaged the order id, the client order id stands for it.
"""

from collections.abc import Iterable

from margincall.core.events import Order
from margincall.history.fills import NOTHING, Kept, Silent
from margincall.history.messages import Placed, agreed, changed, order_of

ORDER_COMPARED = ("side", "buy", "quantity", "price")
ORDER_COMPLETED = ("client_order_id", "stop_price", "average_price", "expire_reason", "close")


def merged_orders(orders: Iterable[Placed], silent: Silent | None = None) -> Kept:
    """Each state of an order once. `orders` come in the order in which they are believed, streams first.

    A row of an answer repeats the last such state of the stream, whenever it was printed; a row in whole seconds
    repeats such a state of any source; everything else repeats what prints the same execution at the same time.
    """
    kept = Kept(silent or {})
    exact: dict[object, int] = {}
    last_of_stream: dict[object, int] = {}
    last: dict[object, int] = {}
    by_client: dict[object, int] = {}
    for placed in orders:
        order = order_of(placed)
        client = _client(order)
        state = (order.symbol, order.order_id, order.execution == "ALGO", order.status, order.executed)
        moment = (state if order.order_id else client, order.execution, order.time_ms)
        number = exact.get(moment)
        if number is None and not placed.stream and order.order_id:
            number = last_of_stream.get(state)
            if number is None and order.time_ms % 1000 == 0:
                number = _of_second(kept, last.get(state), order)
        if number is None and not order.order_id:
            number = by_client.get(client)
        if number is None:
            number = exact[moment] = kept.add(placed)
            last[state] = by_client[client] = number
            if placed.stream:
                last_of_stream[state] = number
            continue
        _put_together(kept, number, placed)
    return kept


def _client(order: Order) -> object:
    """What identifies a state without its order id."""
    size = (order.buy, order.quantity, order.price, order.executed)
    return order.symbol, order.client_order_id, order.status, order.time_ms // 1000, size


def _of_second(kept: Kept, number: int | None, order: Order) -> int | None:
    """A kept state, if it was printed within the second of a row in whole seconds."""
    if number is None or not 0 <= kept.placed[number].event.time_ms - order.time_ms < 1000:
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

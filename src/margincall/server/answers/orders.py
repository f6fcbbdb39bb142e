"""Orders: placed, tried, amended, cancelled, asked for. (`/fapi/v1/order` and what takes back all of a symbol.)"""

import asyncio
from collections.abc import Sequence

from margincall.exchange import commands
from margincall.exchange.state import Events
from margincall.exchange.trading import BATCH_CANCEL_MAX
from margincall.server.answers.order_params import (
    PLACE_PARAMS,
    TRIGGER_PARAMS,
    TYPES,
    Amended,
    Asked,
    amended,
    asked,
    client_ids,
    is_result,
    market_of,
    words,
)
from margincall.server.answers.trial import tried
from margincall.server.call import Call
from margincall.server.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, ApiError, neither
from margincall.server.records import Placed, printed_value
from margincall.server.request import Params
from margincall.server.routing import Param, Route
from margincall.wire.encode_orders import order_row, plain_row
from margincall.wire.prints import PrintedOrder
from margincall.wire.spelling import Json

PLAIN_SINCE = "2026-07-15"
"""Since then the answers to placing, amending and cancelling print neither average price nor executed value."""
AMENDED_SINCE = "2023-05-05"
"""Since then orders can be amended."""
MODIFY_ID_SINCE = "2026-07-28"
"""Since then an amendment may carry `modifyId`, which is told back, and `reduceOnly`, which is checked."""
AMENDMENTS_MOST = 10_000
NOT_REDUCING = ApiError(-5047, "The original order is not a reduce-only order")
TOO_OFTEN = ApiError(-5026, "Exceed maximum modify order limit.")
ALL_CANCELLED: Json = {"code": 200, "msg": "The operation of cancel all open order is done."}


async def place(call: Call) -> Json:
    """`POST /fapi/v1/order`: ACK tells the order as it was taken in, RESULT as it ended."""
    return await place_one(call, call.params)


async def place_one(call: Call, params: Params) -> Json:
    """One order, that of a request or one of several. Raises `ApiError`."""
    order, tells_end = asked(call, params), is_result(params)
    own = own_orders(await carried_out(call, order), call.account)
    at = next(place for place, each in enumerate(own) if each.execution == "NEW")
    taken = ended = own[at]
    for each in own[at + 1 :]:
        if each.order_id == taken.order_id:
            ended = each
    return brief(call, ended if tells_end else taken, order.matched)


async def carried_out(call: Call, order: Asked) -> Events:
    """Place an order; lists know how its price was matched. Raises `ApiError`."""
    if order.matched is None:
        return await call.venue.do(order.command)
    matched, client = call.venue.records.of(call.account).matched, order.command.client_order_id
    matched[client] = order.matched
    try:
        return await call.venue.do(order.command)
    finally:
        matched.pop(client, None)


def own_orders(events: Events, account: str) -> list[PrintedOrder]:
    """The states of an account's orders among events."""
    return [event for event in events if type(event) is PrintedOrder and event.account == account]


def brief(call: Call, order: PrintedOrder, matched: str | None = None) -> Json:
    """An order as the answers to placing, amending and cancelling print it."""
    if call.venue.api_date >= PLAIN_SINCE:
        row = plain_row(order)
    else:
        row = order_row(printed_value(order))
        del row["time"]
    row["cumQty"] = row["executedQty"]
    if matched is not None:
        row["priceMatch"] = matched
    return row


def trial(call: Call) -> Json:
    """`POST /fapi/v1/order/test`: whether the order could come in; nothing is placed."""
    order = asked(call, call.params)
    is_result(call.params)
    call.venue.advance()
    return brief(call, tried(call.venue.state, order.command), order.matched)


async def amend(call: Call) -> Json:
    """`PUT /fapi/v1/order`: another price and size."""
    return await amend_one(call, call.params)


async def amend_one(call: Call, params: Params) -> Json:
    """One amendment, that of a request or one of several; answered as the order ended. Raises `ApiError`."""
    placed = living(call, params)
    if placed is None:
        raise NO_SUCH_ORDER
    found = amended(call, params, placed)
    if placed.amended >= AMENDMENTS_MOST:
        raise TOO_OFTEN
    is_dated = call.venue.api_date >= MODIFY_ID_SINCE
    if is_dated and params.flag("reduceOnly") and not placed.order.reduce_only:
        raise NOT_REDUCING
    number = placed.order.order_id
    own = [each for each in await _amended(call, found) if each.order_id == number]
    row = brief(call, own[-1], found.matched)
    modify_id = params.integer("modifyId") if is_dated else None
    return row if modify_id is None else {**row, "modifyId": modify_id}


async def _amended(call: Call, found: Amended) -> list[PrintedOrder]:
    before, found.placed.price_match = found.placed.price_match, found.matched or "NONE"
    try:
        events = await call.venue.do(found.command)
    except ApiError:
        found.placed.price_match = before
        raise
    return own_orders(events, call.account)


def living(call: Call, params: Params | None = None) -> Placed | None:
    """The live order that a request, or one of several in it, names by either id. Raises `ApiError` where it names
    none."""
    symbol, number, client = named(call, params)
    if number is None:
        number = client_ids(call).get(client)
    placed = live(call).get(number) if number is not None else None
    return placed if placed is not None and placed.order.symbol == symbol else None


def named(call: Call, params: Params | None = None) -> tuple[str, int | None, str]:
    """Symbol, id and client's id that a request, or one of several in it, names. Raises `ApiError`."""
    if params is None:
        params = call.params
    symbol = market_of(call, params).contract.symbol
    number, client = params.integer("orderId", 0), params.text("origClientOrderId") or ""
    if number is None and not client:
        raise neither("origClientOrderId", "orderId")
    return symbol, number, client


def live(call: Call) -> dict[int, Placed]:
    """The account's orders that live."""
    return call.venue.records.of(call.account).live


async def cancel(call: Call) -> Json:
    """`DELETE /fapi/v1/order`."""
    return await cancel_one(call, living(call))


async def cancel_one(call: Call, placed: Placed | None) -> Json:
    """Take back an order, if it lives. Raises `ApiError`."""
    if placed is None:
        raise UNKNOWN_ORDER
    order = placed.order
    command = commands.CancelOrder(account=call.account, symbol=order.symbol, order_id=int(order.order_id))
    events = await call.venue.do(command)
    last = [each for each in own_orders(events, call.account) if each.order_id == order.order_id][-1]
    row = brief(call, last, placed.price_match)
    row.pop("avgPrice", None)  # its sample has the executed value alone
    return row


async def cancel_all(call: Call) -> Json:
    """`DELETE /fapi/v1/allOpenOrders`: those in the book; conditional ones are taken back by `algoOpenOrders`."""
    symbol = call.need_symbol()
    algos = call.venue.records.algos
    if any(algos.waiting(call.account, symbol)):
        await cancel_each(call, symbol, [number for number, each in live(call).items() if each.order.symbol == symbol])
    else:
        await call.venue.do(commands.CancelAll(account=call.account, symbol=symbol))
    return ALL_CANCELLED


async def cancel_each(call: Call, symbol: str, numbers: Sequence[int]) -> None:
    """Take back orders by number; one that is gone by then is passed over."""
    all_ = [commands.CancelOrder(account=call.account, symbol=symbol, order_id=number) for number in numbers]
    parts = [all_[at : at + BATCH_CANCEL_MAX] for at in range(0, len(all_), BATCH_CANCEL_MAX)]
    await asyncio.gather(*(call.venue.do(commands.Batch(commands=tuple(part))) for part in parts))


async def countdown(call: Call) -> Json:
    """`POST /fapi/v1/countdownCancelAll`: take back all orders of a symbol later, unless asked anew; 0 stops it."""
    symbol, length = call.need_symbol(), call.params.need_integer("countdownTime", 0)
    await call.venue.do(commands.Countdown(account=call.account, symbol=symbol, countdown_ms=length))
    return {"symbol": symbol, "countdownTime": str(length)}


def open_orders(call: Call) -> list[Json]:
    """`GET /fapi/v1/openOrders`."""
    call.venue.advance()
    symbol = call.symbol()
    return [each.row() for each in live(call).values() if symbol in (None, each.order.symbol)]


def order(call: Call) -> object:
    """`GET /fapi/v1/order`: one that lives, or one that the venue still keeps."""
    call.venue.advance()
    placed = living(call)
    if placed is not None:
        return placed.row()
    symbol, number, client = named(call)
    archive, now_ms = call.venue.archive, call.now_ms
    if number is not None:
        row = archive.get("orders", call.account, symbol, number, now_ms=now_ms)
    else:
        rows = archive.find("orders", call.account, now_ms=now_ms, symbol=symbol, kinds=[client], limit=1, last=True)
        row = rows[0] if rows else None
    if row is None:
        raise NO_SUCH_ORDER
    return row


SYMBOL = Param("symbol", "symbol", required=True)
NAMED = (SYMBOL, Param("orderId", "integer"), Param("origClientOrderId"))
PLACED = (
    *PLACE_PARAMS, Param("type", "word", True, words(TYPES)), Param("newClientOrderId"), *TRIGGER_PARAMS,
    Param("stopPrice", "decimal"), Param("activationPrice", "decimal"),
)  # fmt: skip
AMENDED = (
    *NAMED, Param("side", "word", True, ("BUY", "SELL")), Param("quantity", "decimal", True),
    Param("price", "decimal"), Param("priceMatch"), Param("modifyId", "integer"), Param("reduceOnly", "flag"),
)  # fmt: skip
ROUTES = (
    Route("POST", "/fapi/v1/order", place, "stateful", "trade", 0, (1, 1), params=PLACED),
    Route("POST", "/fapi/v1/order/test", trial, "stateful", "trade", 0, params=PLACED),
    Route("PUT", "/fapi/v1/order", amend, "stateful", "trade", 0, (1, 1), params=AMENDED, since=AMENDED_SINCE),
    Route("DELETE", "/fapi/v1/order", cancel, "stateful", "trade", 1, params=NAMED),
    Route("GET", "/fapi/v1/order", order, "stateful", "read", 1, params=NAMED),
    Route("DELETE", "/fapi/v1/allOpenOrders", cancel_all, "stateful", "trade", 1, params=(SYMBOL,)),
    Route("POST", "/fapi/v1/countdownCancelAll", countdown, "stateful", "trade", 10, params=(
        SYMBOL, Param("countdownTime", "integer", True),
    )),
    Route("GET", "/fapi/v1/openOrders", open_orders, "stateful", "read",
          lambda params: 1 if params.found.get("symbol") else 40, params=(Param("symbol", "symbol"),)),
)  # fmt: skip

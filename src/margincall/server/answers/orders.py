"""Orders: placed, cancelled, asked for. (`/fapi/v1/order` and what is about several of them.)"""

from typing import Any

from margincall.exchange import commands
from margincall.exchange.rejections import Code
from margincall.exchange.state import Events
from margincall.server.call import Call
from margincall.server.errors import ApiError, missing
from margincall.server.records import Placed, printed_value
from margincall.server.request import Params
from margincall.server.routing import Param, Route
from margincall.wire.encode_orders import order_row
from margincall.wire.prints import PrintedOrder
from margincall.wire.spelling import Json

SIDES = frozenset({"BUY", "SELL"})
POSITION_SIDES = frozenset({"BOTH", "LONG", "SHORT"})
CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
TYPES = frozenset({"LIMIT", "MARKET"}) | CONDITIONAL
IN_FORCE = frozenset({"GTC", "IOC", "FOK", "GTX", "GTD"})
PREVENTIONS = frozenset({"EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE"})
RESPONSES = frozenset({"ACK", "RESULT"})
TO_ALGO = ApiError(
    -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
)
BAD_TYPE = "Invalid orderType."
PLAIN_SINCE = "2026-07-15"
"""Since then the answers to placing and cancelling print neither average price nor executed value."""
ALGO_SINCE = "2025-12-09"


def place_command(call: Call, params: Params) -> commands.PlaceOrder:
    """The order that parameters describe. Raises `ApiError`."""
    symbol = params.need_text("symbol")
    side: Any = params.need_word("side", SIDES, -1117, "Invalid side.")
    kind: Any = params.need_word("type", TYPES, -1116, BAD_TYPE)
    if kind in CONDITIONAL and call.venue.api_date >= ALGO_SINCE:
        raise TO_ALGO
    in_force: Any = params.word("timeInForce", IN_FORCE, -1115, "Invalid timeInForce.")
    price, quantity = params.decimal("price"), params.decimal("quantity")
    if kind == "LIMIT":
        needed = {"timeInForce": in_force, "quantity": quantity, "price": price}
        for name, value in needed.items():
            if value is None:
                raise missing(name)
    prevention: Any = params.word("selfTradePreventionMode", PREVENTIONS, -5039, "Invalid self trade prevention mode")
    position_side: Any = params.word("positionSide", POSITION_SIDES) or "BOTH"
    good_till = params.integer("goodTillDate")
    return commands.PlaceOrder(
        account=call.account,
        symbol=symbol,
        side=side,
        type=kind,
        quantity=quantity,
        price=price if kind == "LIMIT" else None,
        time_in_force=in_force if kind == "LIMIT" else None,
        position_side=position_side,
        reduce_only=params.flag("reduceOnly") or False,
        self_trade_prevention=prevention or "EXPIRE_MAKER",
        good_till_ms=None if good_till is None else good_till // 1000 * 1000,
        client_order_id=params.text("newClientOrderId") or "",
    )


async def place(call: Call) -> Json:
    """`POST /fapi/v1/order`: ACK tells the order as it was taken in, RESULT as it ended."""
    command = place_command(call, call.params)
    events = await call.venue.do(command)
    response = call.params.word("newOrderRespType", RESPONSES) or "ACK"
    return placed_answer(call, events, is_result=response == "RESULT")


def own_orders(events: Events, account: str) -> list[PrintedOrder]:
    """The states of an account's orders among events."""
    return [event for event in events if isinstance(event, PrintedOrder) and event.account == account]


def placed_answer(call: Call, events: Events, *, is_result: bool) -> Json:
    """What placing an order answers."""
    own = own_orders(events, call.account)
    first = next(each for each in own if each.execution == "NEW")
    last = [each for each in own if each.order_id == first.order_id][-1]
    return brief(call, last if is_result else first)


def brief(call: Call, order: PrintedOrder) -> Json:
    """An order as the answers to placing, amending and cancelling print it."""
    row = order_row(printed_value(order))
    row.pop("time", None)
    row["cumQty"] = row["executedQty"]
    if call.venue.api_date >= PLAIN_SINCE:
        row.pop("avgPrice", None)
        row.pop("cumQuote", None)
    return row


def named(call: Call) -> tuple[str, int | None, str]:
    """Symbol, id and client's id that a request names. Raises `ApiError` where it names neither."""
    symbol = call.need_symbol()
    number = call.params.integer("orderId", 0)
    client = call.params.text("origClientOrderId") or ""
    if number is None and not client:
        raise ApiError(-1102, "Either orderId or origClientOrderId must be sent.")
    return symbol, number, client


async def cancel(call: Call) -> Json:
    """`DELETE /fapi/v1/order`."""
    symbol, number, client = named(call)
    command = commands.CancelOrder(account=call.account, symbol=symbol, order_id=number, client_order_id=client)
    events = await call.venue.do(command)
    return brief(call, own_orders(events, call.account)[-1])


async def cancel_all(call: Call) -> Json:
    """`DELETE /fapi/v1/allOpenOrders`."""
    await call.venue.do(commands.CancelAll(account=call.account, symbol=call.need_symbol()))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def live(call: Call) -> dict[int, Placed]:
    """The account's orders that live."""
    return call.venue.records.of(call.account).live


def open_orders(call: Call) -> list[Json]:
    """`GET /fapi/v1/openOrders`."""
    symbol = call.symbol()
    return [each.row() for each in live(call).values() if symbol in (None, each.order.symbol)]


def order(call: Call) -> object:
    """`GET /fapi/v1/order`: one that lives, or one that the venue still keeps."""
    symbol, number, client = named(call)
    for each in live(call).values():
        if each.order.symbol == symbol and (str(number) == each.order.order_id or client == each.order.client_order_id):
            return each.row()
    archive, now_ms = call.venue.archive, call.now_ms
    if number is not None:
        row = archive.get("orders", call.account, symbol, number, now_ms=now_ms)
    else:
        rows = archive.find("orders", call.account, now_ms=now_ms, symbol=symbol, kinds=[client], limit=1, last=True)
        row = rows[0] if rows else None
    if row is None:
        raise ApiError(Code.NO_SUCH_ORDER.code, Code.NO_SUCH_ORDER.text)
    return row


SYMBOL = Param("symbol", "symbol", required=True)
ROUTES = (
    Route("POST", "/fapi/v1/order", place, "stateful", "trade", 0, (1, 1), params=(
        SYMBOL, Param("side", "word", True, tuple(sorted(SIDES))), Param("type", "word", True, tuple(sorted(TYPES))),
        Param("positionSide", "word", words=tuple(sorted(POSITION_SIDES))),
        Param("timeInForce", "word", words=tuple(sorted(IN_FORCE))), Param("quantity", "decimal"),
        Param("price", "decimal"), Param("reduceOnly", "flag"), Param("newClientOrderId"),
        Param("newOrderRespType", "word", words=tuple(sorted(RESPONSES))),
        Param("selfTradePreventionMode", "word", words=tuple(sorted(PREVENTIONS))), Param("goodTillDate", "integer"),
    )),
    Route("DELETE", "/fapi/v1/order", cancel, "stateful", "trade", 1, params=(
        SYMBOL, Param("orderId", "integer"), Param("origClientOrderId"),
    )),
    Route("GET", "/fapi/v1/order", order, "stateful", "read", 1, params=(
        SYMBOL, Param("orderId", "integer"), Param("origClientOrderId"),
    )),
    Route("DELETE", "/fapi/v1/allOpenOrders", cancel_all, "stateful", "trade", 1, params=(SYMBOL,)),
    Route("GET", "/fapi/v1/openOrders", open_orders, "stateful", "read",
          lambda params: 1 if params.found.get("symbol") else 40, params=(Param("symbol", "symbol"),)),
)  # fmt: skip

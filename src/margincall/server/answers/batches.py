"""Several orders in one request: `/fapi/v1/batchOrders`. Each is carried out and answered by itself, in its place."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from margincall.exchange.trading import BATCH_CANCEL_MAX, BATCH_MAX
from margincall.server.answers.order_params import client_ids
from margincall.server.answers.orders import AMENDED_SINCE, amend_one, cancel_one, live, place_one
from margincall.server.call import Call
from margincall.server.errors import ApiError, invalid, neither
from margincall.server.request import INTEGER, Params
from margincall.server.routing import Param, Route
from margincall.wire.spelling import Json

BAD_SIZE = ApiError(-4082, "Invalid number of batch place orders.")
TOO_MANY = ApiError(-4032, "Exceed maximum cancel order size.")
decode: Callable[[str], object] = msgspec.json.Decoder(float_hook=str).decode


async def place_batch(call: Call) -> list[Json]:
    """`POST /fapi/v1/batchOrders`: up to five orders."""
    return await answered([place_one(call, params) for params in listed(call, "batchOrders")])


async def amend_batch(call: Call) -> list[Json]:
    """`PUT /fapi/v1/batchOrders`: up to five amendments."""
    return await answered([amend_one(call, params) for params in listed(call, "batchOrders")])


async def cancel_batch(call: Call) -> list[Json]:
    """`DELETE /fapi/v1/batchOrders`: up to ten orders, by their ids or by the client's."""
    symbol = call.need_symbol()
    numbers = texts(call, "orderIdList")
    if not all(INTEGER.match(each) for each in numbers):
        raise invalid("orderIdList")
    clients = [] if numbers else texts(call, "origClientOrderIdList")
    if not numbers and not clients:
        raise neither("origClientOrderIdList", "orderIdList")
    if len(numbers or clients) > BATCH_CANCEL_MAX:
        raise TOO_MANY
    known, own = client_ids(call), live(call)
    found = [own.get(int(each)) for each in numbers] or [own.get(known.get(each, 0)) for each in clients]
    here = [each if each is not None and each.order.symbol == symbol else None for each in found]
    return await answered([cancel_one(call, each) for each in here])


async def answered(asked: Sequence[Awaitable[Json]]) -> list[Json]:
    """What each of several came to: its answer, or code and text of its refusal."""
    return await asyncio.gather(*(_answer(each) for each in asked))


async def _answer(asked: Awaitable[Json]) -> Json:
    try:
        return await asked
    except ApiError as error:
        if error.status != 400:
            raise
        error.told()
        return {"code": error.code, "msg": error.msg}


def listed(call: Call, name: str) -> list[Params]:
    """The parameters of each of several orders, from a JSON list of objects. Raises `ApiError`."""
    items = _list(call.params.need_text(name), name)
    if not 1 <= len(items) <= BATCH_MAX:
        raise BAD_SIZE
    return [Params(_parameters(each, name)) for each in items]


def texts(call: Call, name: str) -> list[str]:
    """A list of ids, as JSON; numbers as text. The name may also stand in small letters, as ccxt and python-binance
    write it (assumed: `small-letter-lists`). Raises `ApiError`."""
    value = call.params.text(name) or call.params.text(name.lower())
    found = _list(value, name) if value is not None else []
    if not all(isinstance(each, str | int) and not isinstance(each, bool) for each in found):
        raise invalid(name)
    return [str(each) for each in found]


def _list(value: str, name: str) -> list[object]:
    try:
        found = decode(value)
    except (msgspec.DecodeError, RecursionError):
        raise invalid(name) from None
    if not isinstance(found, list):
        raise invalid(name)
    return found


def _parameters(item: object, name: str) -> dict[str, str]:
    """One object of the list as parameters: numbers and truth values as text, what is null as not sent."""
    if not isinstance(item, dict):
        raise invalid(name)
    found = {}
    for key, value in item.items():
        if isinstance(value, bool):
            found[key] = "true" if value else "false"
        elif isinstance(value, str | int):
            found[key] = str(value)
        elif value is not None:
            raise invalid(key)
    return found


BATCH = (Param("batchOrders", "json", required=True),)
ROUTES = (
    Route("POST", "/fapi/v1/batchOrders", place_batch, "stateful", "trade", 5, (5, 1), params=BATCH),
    Route("PUT", "/fapi/v1/batchOrders", amend_batch, "stateful", "trade", 5, (5, 1), params=BATCH,
          since=AMENDED_SINCE),
    Route("DELETE", "/fapi/v1/batchOrders", cancel_batch, "stateful", "trade", 1, params=(
        Param("symbol", "symbol", required=True), Param("orderIdList", "json"),
        Param("origClientOrderIdList", "json"),
    )),
)  # fmt: skip

"""Conditional orders since 2025-12-09: `/fapi/v1/algoOrder` and their lists. Before, they are orders like others."""

from collections.abc import Iterator

import msgspec

from margincall.exchange import commands
from margincall.server.algos import LIST, after
from margincall.server.answers.order_params import ALGO, PLACE_PARAMS, TRIGGER_PARAMS, conditional, is_result, words
from margincall.server.answers.orders import ALL_CANCELLED, cancel_each, carried_out, own_orders
from margincall.server.call import Call
from margincall.server.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, ApiError, neither
from margincall.server.records import ALGO_SINCE
from margincall.server.routing import Param, Route
from margincall.wire.durations import DAY_MS
from margincall.wire.serve_algos import algo_row
from margincall.wire.spelling import Json

SPAN_MS = 7 * DAY_MS
"""The longest span of `allAlgoOrders`, and how far back it looks by itself."""
KINDS = frozenset({"CONDITIONAL"})
TOO_LONG = ApiError(-4165, "Invalid time interval")
REVERSED = ApiError(-1023, "Start time is greater than end time.")


async def place(call: Call) -> Json:
    """`POST /fapi/v1/algoOrder`."""
    call.params.need_word("algoType", KINDS)
    asked = conditional(call, call.params, ALGO)
    is_result(call.params)
    own = own_orders(await carried_out(call, asked), call.account)
    placed = after(None, next(each for each in own if each.execution == "NEW"))
    assert placed is not None, "what was placed waits"
    return algo_row(placed, is_told=False, has_legs=False)


async def cancel(call: Call) -> Json:
    """`DELETE /fapi/v1/algoOrder`: of one that waits."""
    call.venue.advance()
    algo = call.venue.records.algos.find(call.account, *_named(call))
    if algo is None or algo.status != "NEW":
        raise UNKNOWN_ORDER
    order = algo.order
    await call.venue.do(commands.CancelOrder(account=call.account, symbol=order.symbol, order_id=int(order.order_id)))
    return {"algoId": algo.number, "clientAlgoId": order.client_order_id, "code": "200", "msg": "success"}


async def cancel_open(call: Call) -> Json:
    """`DELETE /fapi/v1/algoOpenOrders`: all of a symbol that wait."""
    symbol = call.need_symbol()
    call.venue.advance()
    waiting = call.venue.records.algos.waiting(call.account, symbol)
    await cancel_each(call, symbol, [int(each.order.order_id) for each in waiting])
    return ALL_CANCELLED


def algo_order(call: Call) -> object:
    """`GET /fapi/v1/algoOrder`: one that has not ended, or one that the venue still keeps."""
    call.venue.advance()
    number, client = _named(call)
    algos = call.venue.records.algos
    algo = algos.find(call.account, number, client)
    if algo is not None:
        return algos.row(algo)
    for row in call.venue.archive.find(
        LIST, call.account, now_ms=call.now_ms, kinds=[client] if number is None else (), from_id=number, limit=1,
        last=number is None,
    ):  # fmt: skip
        if number is None or _id_of(row) == number:
            return row
    raise NO_SUCH_ORDER


def open_orders(call: Call) -> list[Json]:
    """`GET /fapi/v1/openAlgoOrders`: those that wait."""
    call.venue.advance()
    call.params.word("algoType", KINDS)
    symbol, number = call.symbol(), call.params.integer("algoId", 0)
    algos = call.venue.records.algos
    return [algos.row(each) for each in algos.waiting(call.account, symbol) if number in (None, each.number)]


def all_orders(call: Call) -> list[object]:
    """`GET /fapi/v1/allAlgoOrders`: from an id on, or the last ones of a span of at most seven days."""
    call.venue.advance()
    symbol, from_id = call.need_symbol(), call.params.integer("algoId", 0)
    limit, page = call.params.limit(500, 1000), call.params.integer("page", 1, 1_000_000) or 1
    since_ms, until_ms = _span(call) if from_id is None else (0, call.now_ms)
    ended = call.venue.archive.find(
        LIST, call.account, now_ms=call.now_ms, symbol=symbol, since_ms=since_ms, until_ms=until_ms, from_id=from_id,
        limit=page * limit, last=from_id is None,
    )  # fmt: skip
    rows: dict[int, object] = {_id_of(row): msgspec.Raw(row) for row in ended}
    rows |= dict(_living(call, symbol, (since_ms, until_ms), from_id or 0))
    found = [rows[number] for number in sorted(rows)]
    if from_id is not None:
        return found[(page - 1) * limit : page * limit]
    end = max(len(found) - (page - 1) * limit, 0)
    return found[max(end - limit, 0) : end]


def _living(call: Call, symbol: str, span: tuple[int, int], from_id: int) -> Iterator[tuple[int, object]]:
    algos = call.venue.records.algos
    for each in algos.live(call.account, symbol):
        if span[0] <= each.created_ms <= span[1] and each.number >= from_id:
            yield each.number, algos.row(each)


def _span(call: Call) -> tuple[int, int]:
    """From when until when is asked. Raises `ApiError`."""
    since, until = call.params.integer("startTime", 0), call.params.integer("endTime", 0)
    if until is None:
        until = call.now_ms if since is None else min(since + SPAN_MS, call.now_ms)
    if since is None:
        since = until - SPAN_MS
    if since > until:
        raise REVERSED
    if until - since > SPAN_MS:
        raise TOO_LONG
    return since, until


def _id_of(row: bytes) -> int:
    found = msgspec.json.decode(row)["algoId"]
    assert isinstance(found, int), "rows are our own"
    return found


def _named(call: Call) -> tuple[int | None, str]:
    number, client = call.params.integer("algoId", 0), call.params.text("clientAlgoId") or ""
    if number is None and not client:
        raise neither("algoId", "clientAlgoId")
    return number, client


NAMED = (Param("algoId", "integer"), Param("clientAlgoId"))
SYMBOL = Param("symbol", "symbol", required=True)
ROUTES = (
    Route("POST", "/fapi/v1/algoOrder", place, "stateful", "trade", 0, (1, 1), since=ALGO_SINCE, params=(
        Param("algoType", "word", True, words(KINDS)), *PLACE_PARAMS, Param("type", "word", True), *TRIGGER_PARAMS,
        Param("triggerPrice", "decimal"), Param("activatePrice", "decimal"), Param("clientAlgoId"),
    )),
    Route("DELETE", "/fapi/v1/algoOrder", cancel, "stateful", "trade", 1, since=ALGO_SINCE, params=NAMED),
    Route("GET", "/fapi/v1/algoOrder", algo_order, "stateful", "read", 1, since=ALGO_SINCE, params=NAMED),
    Route("DELETE", "/fapi/v1/algoOpenOrders", cancel_open, "stateful", "trade", 1, since=ALGO_SINCE,
          params=(SYMBOL,)),
    Route("GET", "/fapi/v1/openAlgoOrders", open_orders, "stateful", "read",
          lambda params: 1 if params.found.get("symbol") else 40, since=ALGO_SINCE, params=(
              Param("algoType", "word", words=words(KINDS)), Param("symbol", "symbol"), Param("algoId", "integer"),
          )),
    Route("GET", "/fapi/v1/allAlgoOrders", all_orders, "stateful", "read", 5, since=ALGO_SINCE, params=(
        SYMBOL, Param("algoId", "integer"), Param("startTime", "integer"), Param("endTime", "integer"),
        Param("page", "integer"), Param("limit", "integer"),
    )),
)  # fmt: skip

"""What happened to an account: orders, trades, income, forced orders, amendments, as long as the venue keeps them.

Where a list holds more than is asked for: with `startTime` its oldest rows are given, else the newest; always the
oldest first, amendments the newest first, as the samples show them. (Which end is cut is not documented of every list:
assumed to be as for orders and trades.)
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from margincall.case.retention import KEPT, Retention, reach_ms
from margincall.core.events import INCOME_TYPES
from margincall.exchange.rejections import Code
from margincall.server.answers.orders import live, named
from margincall.server.answers.spans import span
from margincall.server.call import Call
from margincall.server.errors import ApiError, missing
from margincall.server.request import Params
from margincall.server.routing import Param, Route
from margincall.wire.spelling import Json

WINDOW_DAYS = 7
"""The longest span of orders and trades, and the one that is taken where none is sent."""
ANY_SYMBOL_SINCE = "2026-08-25"
"""Since then `allOrders` needs no symbol (change log)."""
AMENDMENTS_SINCE, AMENDMENTS_DAYS = "2023-05-05", 93
"""Since when amendments are told, and no fewer days than three months have."""
PAGE_MOST = 2**31
INCOME_KINDS = frozenset(INCOME_TYPES)
FORCED_KINDS = frozenset({"LIQUIDATION", "ADL"})
CHANGES = "change log"
OLDER: Mapping[str, tuple[str, Retention]] = {
    "trades": ("2026-08-26", Retention("trades", months=6, source=CHANGES)),
    "forceOrders": ("2026-04-06", Retention("liquidation and deleveraging orders", months=KEPT, source=CHANGES)),
}
"""Lists that were kept longer until an API date, and how long."""
SHARED_SINCE = "2026-08-07"
"""Since then rows have the keys of COIN-M too, which are 0 here (change log, docstrings of the venue's client)."""
WITH_TIMES = ApiError(-1128, "Combination of optional parameters invalid.")


class _Placed(Struct):
    """What an order's row is sorted by, and its symbol."""

    time: int
    orderId: int
    symbol: str


PLACED: msgspec.json.Decoder[_Placed] = msgspec.json.Decoder(_Placed)


def _is_since(call: Call) -> bool:
    """Whether a start was sent, from which rows are counted."""
    return "startTime" in call.params.found


def _has_times(call: Call) -> bool:
    return bool(call.params.found.keys() & {"startTime", "endTime"})


def _kept(call: Call, name: str, since_ms: int) -> tuple[int, int]:
    """By which time rows of a list must still be kept, and since when they count: by the rule of the API date."""
    until, rule = OLDER.get(name, ("", None))
    if rule is None or call.venue.api_date >= until:
        return call.now_ms, since_ms
    return 0, max(since_ms, reach_ms(rule, call.now_ms) + 1)


def _order_raw(call: Call, row: bytes, symbol: str) -> Raw:
    """The row of an order of a symbol as it is answered on the API date."""
    return _shared(call, row, {"pair": _pair(symbol), "cumBase": "0"})


def _shared(call: Call, row: bytes, more: Json) -> Raw:
    is_shared = call.venue.api_date >= SHARED_SINCE
    return Raw(row[:-1] + b"," + msgspec.json.encode(more)[1:] if is_shared else row)


def _pair(symbol: str) -> str:
    return symbol.partition("_")[0]


def all_orders(call: Call) -> list[Raw]:
    """`GET /fapi/v1/allOrders`: those that live and those that are still kept; with `orderId` from that one on."""
    symbol, limit = call.symbol(), call.params.limit(500, 1000)
    if symbol is None and call.venue.api_date < ANY_SYMBOL_SINCE:
        raise missing("symbol")
    from_id = call.params.integer("orderId", 0)
    if from_id is not None and not _has_times(call):
        since_ms, until_ms = 0, call.now_ms
    else:
        since_ms, until_ms = span(call, days=WINDOW_DAYS, most_days=WINDOW_DAYS)
    is_first = from_id is not None or _is_since(call)
    ended = call.venue.archive.find(
        "orders", call.account, now_ms=call.now_ms, symbol=symbol or "", since_ms=since_ms, until_ms=until_ms,
        from_id=from_id, limit=limit, last=not is_first,
    )  # fmt: skip
    rows = [(PLACED.decode(row), row) for row in (*ended, *_live(call, symbol, from_id))]
    chosen = sorted(
        (each for each in rows if since_ms <= each[0].time <= until_ms),
        key=lambda each: (each[0].time if from_id is None else 0, each[0].orderId),
    )  # fmt: skip
    told = chosen[:limit] if is_first else chosen[-limit:]
    return [_order_raw(call, row, placed.symbol) for placed, row in told]


def _live(call: Call, symbol: str | None, from_id: int | None) -> list[bytes]:
    return [
        msgspec.json.encode(each.row())
        for number, each in live(call).items()
        if symbol in (None, each.order.symbol) and number >= (from_id or 0)
    ]


def open_order(call: Call) -> Json:
    """`GET /fapi/v1/openOrder`: one that lives."""
    symbol, number, client = named(call)
    for each in live(call).values():
        order = each.order
        if order.symbol == symbol and (str(number) == order.order_id or (client and client == order.client_order_id)):
            return each.row()
    raise ApiError(Code.NO_SUCH_ORDER.code, Code.NO_SUCH_ORDER.text)


def user_trades(call: Call) -> list[Raw]:
    """`GET /fapi/v1/userTrades`: of a span, or from a trade on (which goes with no span)."""
    symbol, limit = call.need_symbol(), call.params.limit(500, 1000)
    from_id, order = call.params.integer("fromId", 0), call.params.integer("orderId", 0)
    if from_id is not None and _has_times(call):
        raise WITH_TIMES
    if (from_id is not None or order is not None) and not _has_times(call):
        since_ms, until_ms = 0, call.now_ms
    else:
        since_ms, until_ms = span(call, days=WINDOW_DAYS, most_days=WINDOW_DAYS)
    kept_ms, since_ms = _kept(call, "trades", since_ms)
    rows = call.venue.archive.find(
        "trades", call.account, now_ms=kept_ms, symbol=symbol, kinds=[] if order is None else [str(order)],
        since_ms=since_ms, until_ms=until_ms, from_id=from_id, limit=limit,
        last=from_id is None and not _is_since(call),
    )  # fmt: skip
    asset = call.venue.state.markets[symbol].contract.margin_asset
    more: Json = {"pair": _pair(symbol), "marginAsset": asset, "baseQty": "0"}
    return [_shared(call, row, more) for row in rows]


def income(call: Call) -> list[Raw]:
    """`GET /fapi/v1/income`: pages count from 1, from the start of the span; the last seven days where none is sent.
    A span may be as long as what is kept."""
    symbol, limit = call.symbol(), call.params.limit(100, 1000)
    kind, page = call.params.word("incomeType", INCOME_KINDS), call.params.integer("page", 1, PAGE_MOST)
    since_ms, until_ms = span(call, days=WINDOW_DAYS)
    rows = call.venue.archive.find(
        "income", call.account, now_ms=call.now_ms, symbol=symbol or "", kinds=[] if kind is None else [kind],
        since_ms=since_ms, until_ms=until_ms, limit=limit, last=page is None and not _is_since(call),
        skip=limit * ((page or 1) - 1),
    )  # fmt: skip
    return [Raw(row) for row in rows]


def force_orders(call: Call) -> list[Raw]:
    """`GET /fapi/v1/forceOrders`: liquidation and deleveraging orders; of seven days where no start is sent."""
    symbol, limit = call.symbol(), call.params.limit(50, 100)
    kind = call.params.word("autoCloseType", FORCED_KINDS)
    since_ms, until_ms = span(call, days=WINDOW_DAYS)
    kept_ms, since_ms = _kept(call, "forceOrders", since_ms)
    rows = call.venue.archive.find(
        "forceOrders", call.account, now_ms=kept_ms, symbol=symbol or "", kinds=[] if kind is None else [kind],
        since_ms=since_ms, until_ms=until_ms, limit=limit, last=not _is_since(call),
    )  # fmt: skip
    return [_order_raw(call, row, PLACED.decode(row).symbol) for row in rows]


def amendments(call: Call) -> list[Raw]:
    """`GET /fapi/v1/orderAmendment`: of one order, by either id, or of all; the newest first."""
    symbol, limit = call.need_symbol(), call.params.limit(50, 100)
    number, client = call.params.integer("orderId", 0), call.params.text("origClientOrderId")
    since_ms, until_ms = span(call, days=AMENDMENTS_DAYS)
    if number is None and client is not None:
        number = _number_of(call, symbol, client)
    rows = call.venue.archive.find(
        "amendments", call.account, now_ms=call.now_ms, symbol=symbol, kinds=[] if number is None else [str(number)],
        since_ms=since_ms, until_ms=until_ms, limit=limit, last=not _is_since(call),
    )  # fmt: skip
    return [Raw(row) for row in reversed(rows)]


def _number_of(call: Call, symbol: str, client: str) -> int:
    """The number of an order that the client names; −1 for one of which nothing is kept."""
    for number, each in live(call).items():
        if each.order.symbol == symbol and each.order.client_order_id == client:
            return number
    rows = call.venue.archive.find(
        "orders", call.account, now_ms=call.now_ms, symbol=symbol, kinds=[client], limit=1, last=True
    )  # fmt: skip
    return PLACED.decode(rows[0]).orderId if rows else -1


def _forced_weight(params: Params) -> int:
    return 20 if params.found.get("symbol") else 50


SYMBOL, NEED_SYMBOL = Param("symbol", "symbol"), Param("symbol", "symbol", required=True)
SPAN = (Param("startTime", "integer"), Param("endTime", "integer"), Param("limit", "integer"))
ORDER_ID, CLIENT_ID = Param("orderId", "integer"), Param("origClientOrderId")
ROUTES = (
    Route("GET", "/fapi/v1/allOrders", all_orders, security="read", weight=5, params=(SYMBOL, ORDER_ID, *SPAN)),
    Route("GET", "/fapi/v1/openOrder", open_order, security="read", params=(NEED_SYMBOL, ORDER_ID, CLIENT_ID)),
    Route("GET", "/fapi/v1/userTrades", user_trades, security="read", weight=5, params=(
        NEED_SYMBOL, ORDER_ID, Param("fromId", "integer"), *SPAN,
    )),
    Route("GET", "/fapi/v1/income", income, security="read", weight=30, params=(
        SYMBOL, Param("incomeType", "word", words=tuple(sorted(INCOME_KINDS))), Param("page", "integer"), *SPAN,
    )),
    Route("GET", "/fapi/v1/forceOrders", force_orders, security="read", weight=_forced_weight, params=(
        SYMBOL, Param("autoCloseType", "word", words=tuple(sorted(FORCED_KINDS))), *SPAN,
    )),
    Route("GET", "/fapi/v1/orderAmendment", amendments, security="read", since=AMENDMENTS_SINCE, params=(
        NEED_SYMBOL, ORDER_ID, CLIENT_ID, *SPAN,
    )),
)  # fmt: skip

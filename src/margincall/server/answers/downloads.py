"""Asynchronous exports: started, asked for, fetched."""

from collections.abc import Callable

import msgspec

from margincall.server.answers.orders import live
from margincall.server.answers.spans import TURNED
from margincall.server.call import Call
from margincall.server.downloads import Kind
from margincall.server.errors import ApiError, invalid
from margincall.server.gateway import SIMULATED, Reply
from margincall.server.routing import Handler, Param, Route
from margincall.wire.durations import DAY_MS
from margincall.wire.spelling import Json

SINCE = "2023-07-01"
"""Income exports came before, those of orders and trades in July 2023 (change log)."""
YEAR_DAYS = 365
FOLDER = "/downloads/"
NOT_FOUND = ApiError(-1099, "Not found, unauthenticated, or unauthorized.", 404)


def start(kind: Kind) -> Handler:
    """`GET /fapi/v1/{kind}/asyn`."""

    async def handler(call: Call) -> Json:
        since_ms, until_ms = call.params.need_integer("startTime", 0), call.params.need_integer("endTime", 0)
        if since_ms > until_ms:
            raise TURNED
        if until_ms - since_ms > YEAR_DAYS * DAY_MS or until_ms > call.now_ms:
            raise ApiError(-4165, f"Maximum time interval is {YEAR_DAYS} days")
        orders = (
            [each for each in live(call).values() if since_ms <= each.placed_ms <= until_ms] if kind == "order" else []
        )
        found = call.venue.downloads.start(
            kind, call.account, (since_ms, until_ms), call.now_ms, [msgspec.json.encode(each.row()) for each in orders]
        )
        await call.venue.noted()
        average_ms = call.venue.downloads.average_ms(call.now_ms)
        return {"avgCostTimestampOfLast30d": average_ms, "downloadId": str(found.number)}

    return handler


def link(kind: Kind) -> Handler:
    """`GET /fapi/v1/{kind}/asyn/id`: `processing` until the file is whole; a link that has run out is told so."""

    async def handler(call: Call) -> Json:
        number = call.params.need_integer("downloadId", 0)
        found = call.venue.downloads.get(kind, call.account, number)
        if found is None:
            raise invalid("downloadId")
        call.venue.downloads.go_on(found)
        is_done, is_expired = bool(found.done_ms), bool(found.done_ms) and found.expires_ms <= call.now_ms
        return {
            "downloadId": str(found.number),
            "status": "completed" if is_done else "processing",
            "url": f"{call.request.origin}{FOLDER}{found.token}" if is_done and not is_expired else "",
            "notified": is_done,
            "expirationTimestamp": found.expires_ms,
            "isExpired": True if is_expired else None,
        }

    return handler


def file(call: Call) -> Reply:
    """`GET /downloads/…`: the file, to whoever has the link."""
    found = call.venue.downloads.file(call.request.path.removeprefix(FOLDER), call.now_ms)
    if found is None:
        raise NOT_FOUND
    name, content = found
    headers = ("content-type", "text/csv"), ("content-disposition", f'attachment; filename="{name}"'), SIMULATED
    return Reply(200, content, headers)


def _each(of: Callable[[Kind], Handler]) -> list[tuple[Kind, Handler]]:
    kinds: tuple[Kind, ...] = ("order", "trade", "income")
    return [(kind, of(kind)) for kind in kinds]


SPAN = (Param("startTime", "integer", required=True), Param("endTime", "integer", required=True))
ID = (Param("downloadId", "integer", required=True),)
ROUTES = (
    *(
        Route("GET", f"/fapi/v1/{kind}/asyn", handler, security="read", weight=1000, params=SPAN, since=SINCE)
        for kind, handler in _each(start)
    ),
    *(
        Route("GET", f"/fapi/v1/{kind}/asyn/id", handler, security="read", weight=10, params=ID, since=SINCE)
        for kind, handler in _each(link)
    ),
    Route("GET", f"{FOLDER}*", file),
)

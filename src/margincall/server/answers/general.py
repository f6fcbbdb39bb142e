"""Time, ping, and what is listed."""

from margincall.server.call import Call
from margincall.server.routing import Route
from margincall.wire.spelling import Json


def ping(call: Call) -> Json:
    """`GET /fapi/v1/ping`."""
    return {}


def time(call: Call) -> Json:
    """`GET /fapi/v1/time`."""
    return {"serverTime": call.now_ms}


ROUTES = (
    Route("GET", "/fapi/v1/ping", ping, "static"),
    Route("GET", "/fapi/v1/time", time),
)

"""Listen keys, by REST. Each answer waits until what it tells is noted."""

from margincall.server.call import Call
from margincall.server.listen_keys import UNKNOWN_LISTEN_KEY
from margincall.server.routing import Param, Route
from margincall.wire.spelling import Json

TOLD_SINCE = "2024-04-25"
"""Since then `PUT` answers with the key (change log)."""


async def create(call: Call) -> Json:
    """`POST /fapi/v1/listenKey`: the active key, or a new one."""
    key = call.venue.listen_keys.create(call.account)
    await call.venue.noted()
    return {"listenKey": key}


async def keep_alive(call: Call) -> Json:
    """`PUT /fapi/v1/listenKey`: another hour."""
    key = call.venue.listen_keys.renew(_named(call))
    await call.venue.noted()
    return {"listenKey": key} if call.venue.api_date >= TOLD_SINCE else {}


async def close(call: Call) -> Json:
    """`DELETE /fapi/v1/listenKey`."""
    call.venue.listen_keys.close(_named(call))
    await call.venue.noted()
    return {}


def _named(call: Call) -> str:
    """The account's own key: the one that is sent, which nobody else may name, or the active one."""
    sent = call.params.text("listenKey")
    if sent is not None and call.venue.listen_keys.account_of(sent) != call.account:
        raise UNKNOWN_LISTEN_KEY
    return call.account if sent is None else sent


ROUTES = (
    Route("POST", "/fapi/v1/listenKey", create, "stateful", "key"),
    Route("PUT", "/fapi/v1/listenKey", keep_alive, "stateful", "key", params=(Param("listenKey"),)),
    Route("DELETE", "/fapi/v1/listenKey", close, "stateful", "key", params=(Param("listenKey"),)),
)

"""The few paths of other markets that clients ask when they start, or before they trust a key: spot, margin, COIN-M.

Nothing is traded there: lists are empty. What a key may do is told as it is.
"""

from margincall.server.answers.exchange_info import rate_limits
from margincall.server.answers.general import ping, time
from margincall.server.call import Call
from margincall.server.routing import Route
from margincall.wire.spelling import Json


def nothing_listed(call: Call) -> Json:
    """`exchangeInfo` of a market without symbols."""
    return {
        "timezone": "UTC", "serverTime": call.now_ms, "rateLimits": rate_limits(), "exchangeFilters": [], "symbols": [],
    }  # fmt: skip


def nothing(call: Call) -> list[Json]:
    """A list without rows."""
    return []


def system_status(call: Call) -> Json:
    """`GET /sapi/v1/system/status`."""
    return {"status": 0, "msg": "normal"}


def restrictions(call: Call) -> Json:
    """`GET /sapi/v1/account/apiRestrictions`: money never leaves, whatever the key."""
    assert call.key is not None, "the route asks a key"
    return {
        "ipRestrict": False,
        "createTime": call.venue.tape.begun_ms,
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": call.key.trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": False,
        "enablePortfolioMarginTrading": False,
    }


ROUTES = (
    Route("GET", "/api/v3/ping", ping, "static"),
    Route("GET", "/api/v3/time", time),
    Route("GET", "/api/v3/exchangeInfo", nothing_listed, "static"),
    Route("GET", "/dapi/v1/exchangeInfo", nothing_listed, "static"),
    Route("GET", "/sapi/v1/capital/config/getall", nothing, "static", "read"),
    Route("GET", "/sapi/v1/margin/allPairs", nothing, "static", "key"),
    Route("GET", "/sapi/v1/margin/isolated/allPairs", nothing, "static", "read"),
    Route("GET", "/sapi/v1/system/status", system_status, "static"),
    Route("GET", "/sapi/v1/account/apiRestrictions", restrictions, "stateful", "read"),
)

"""Requests about orders with any parameters: never an error of the server, and what is refused changes nothing."""

from urllib.parse import quote_plus

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from margincall.exchange.digest import digest
from margincall.server.answers import algo, batches, orders
from margincall.server.routing import Route
from tests.server.conftest import Opened
from tests.server.desk import Desk, form

ROUTES = (*orders.ROUTES, *batches.ROUTES, *algo.ROUTES)
VALUES = {
    "symbol": ("BTCUSDT",) * 9 + ("ETHUSDT", "币安人生USDT"),
    "side": ("BUY", "SELL"), "type": ("LIMIT", "LIMIT", "LIMIT", "MARKET", "STOP", "STOP_MARKET"),
    "algoType": ("CONDITIONAL",), "timeInForce": ("GTC", "GTC", "IOC", "FOK", "GTX", "GTD", "GTE_GTC"),
    "quantity": ("0.01", "0.02", "1e-2"), "price": ("47990", "49000", "50000"),
    "triggerPrice": ("48000", "49000"), "callbackRate": ("0.1", "1", "11"),
    "goodTillDate": ("1790000700000", "0"), "orderId": ("1", "2", "3", "4"), "algoId": ("3", "4", "5"),
    "origClientOrderId": ("a", "x-1"), "newClientOrderId": ("a", "b"), "clientAlgoId": ("a", "c"),
    "priceMatch": ("QUEUE", "OPPONENT_5", "NONE"), "positionSide": ("BOTH", "LONG"), "reduceOnly": ("true", "False"),
    "closePosition": ("true",), "workingType": ("MARK_PRICE",), "newOrderRespType": ("ACK", "RESULT"),
    "countdownTime": ("0", "1000", str(2**63)), "limit": ("1", "1000"), "page": ("1", "2"),
    "startTime": ("1", "1790000000000"), "endTime": ("1", "1790000000000"),
    "orderIdList": ("[1,2]", '["1","²"]', "[]", "[" + "9" * 5000 + "]"), "origClientOrderIdList": ('["a"]', "[null]"),
}  # fmt: skip
USUAL = frozenset({
    "symbol", "side", "type", "timeInForce", "quantity", "price", "algoType", "orderId", "algoId", "countdownTime",
    "triggerPrice",
})  # fmt: skip
STRANGE = (
    "", " ", "-1", "1_0", "NaN", "Infinity", "1e999", "9" * 50, "0.1e-99", "²", "\x00", "\u0661", "true", "null", "[]",
    "{}", "[[", '{"a":1}', "%", "&", "=", "a" * 37, "autoclose-1", "é", "\U0001f600", "'; --", "../..",
)  # fmt: skip
NAMES = sorted({param.name for route in ROUTES for param in route.params} | {"batchOrders", "signature", "recvWindow"})
ONE = st.dictionaries(
    st.sampled_from(NAMES),
    st.sampled_from(STRANGE) | st.integers(-1, 60_000).map(str) | st.booleans().map(str),
    max_size=2,
)


@st.composite
def parameters(draw: st.DrawFn, route: Route) -> dict[str, str]:
    """What the route knows, mostly as it should be, and something strange."""
    wanted = [param.name for param in route.params if param.name in VALUES]
    kept = [name for name in wanted if draw(st.integers(0, 19)) < (19 if name in USUAL else 2)]
    return {
        **{name: draw(st.sampled_from(VALUES[name])) for name in kept},
        **(draw(ONE) if draw(st.booleans()) else {}),
    }


@st.composite
def requests(draw: st.DrawFn) -> tuple[Route, dict[str, str]]:
    """A route, and parameters for it."""
    route = draw(st.sampled_from(ROUTES))
    params = draw(parameters(route))
    if any(param.name == "batchOrders" for param in route.params) and draw(st.booleans()):
        several = draw(st.lists(parameters(orders.ROUTES[0]), max_size=6))
        params["batchOrders"] = msgspec.json.encode(several).decode()
    return route, params


def check(desk: Desk, route: Route, params: dict[str, str]) -> None:
    before = digest(desk.venue.state)
    payload = form({"timestamp": desk.clock.now_ms()})
    safe = {name: value.encode() for name, value in params.items() if name != "timestamp"}
    payload += b"".join(b"&%s=%s" % (name.encode(), quote_plus(value).encode()) for name, value in safe.items())
    reply = desk.signed(route.method, route.path, payload, in_body=route.method == "POST")
    found = msgspec.json.decode(reply.body)
    assert reply.status in (200, 400, 401), (route.path, params, found)
    if reply.status != 200:
        assert set(found) == {"code", "msg"}
    if reply.status != 200 or route.method == "GET" or route.path.endswith("/test"):
        assert digest(desk.venue.state) == before


def test_any_request_about_orders_is_answered(opened: Opened) -> None:
    desk = opened()
    for price in (49000, 49500):
        desk.limit("BUY", price)

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.lists(requests(), min_size=8, max_size=8))
    def tried(several: list[tuple[Route, dict[str, str]]]) -> None:
        for route, params in several:
            check(desk, route, params)

    tried()
    assert desk.venue.state.next_order > 5, "some of them are placed"

"""Every method of the WebSocket API: questions answer what REST does, orders and keys are seen in REST."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from margincall.server.hub import Listener
from margincall.server.keys import issue
from margincall.server.ws_api import METHODS, SESSIONS, WsApi
from tests.server.desk import SECRET, Desk, form, key_name

BTC = {"symbol": "BTCUSDT"}
Params = dict[str, Any]


class Socket:
    """One connection of Alice's."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.runner, self.listener = desk, asyncio.Runner(), Listener()
        self.api = WsApi(desk.gateway, self.listener, {"client": ("127.0.0.1", 1), "query_string": b""})

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.close()

    def send(self, method: str, params: Params) -> Any:
        async def ask() -> Any:
            self.api.hear(json.dumps({"id": 1, "method": method, "params": params}))
            await asyncio.gather(*self.api._under_way)
            return json.loads(self.listener.take() or "null")

        return self.runner.run(ask())

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request that is taken; it is signed unless it is about a listen key or a market."""
        found = self.send(method, params if method.startswith(PUBLIC) else self.signed(params))
        assert found["status"] == 200, found
        return found["result"]

    def signed(self, params: Params) -> Params:
        params = {**params, "apiKey": key_name("alice"), "timestamp": self.desk.clock.now_ms()}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params)).encode()
        return {**params, "signature": hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()}


PUBLIC = ("depth", "ticker", "userDataStream")
KEY = {"apiKey": key_name("alice")}
READS: Mapping[str, tuple[str, Params]] = {
    "account.position": ("/fapi/v2/positionRisk", {}),
    "v2/account.position": ("/fapi/v3/positionRisk", {}),
    "account.balance": ("/fapi/v2/balance", {}),
    "v2/account.balance": ("/fapi/v3/balance", {}),
    "account.status": ("/fapi/v2/account", {}),
    "v2/account.status": ("/fapi/v3/account", {}),
    "depth": ("/fapi/v1/depth", BTC),
    "ticker.price": ("/fapi/v2/ticker/price", BTC),
    "ticker.book": ("/fapi/v1/ticker/bookTicker", BTC),
}


@pytest.mark.parametrize("method", READS)
def test_a_question_is_answered_as_by_rest(desk: Desk, method: str) -> None:
    path, params = READS[method]
    desk.trade(50_000)
    desk.limit("BUY", 49_000)
    with Socket(desk) as socket:
        told = socket.ask(method, **params)
    reply = desk.signed("GET", path, form({**params, "timestamp": desk.clock.now_ms()}))
    assert reply.status == 200
    assert told == msgspec.json.decode(reply.body) != []


def place(socket: Socket) -> Any:
    return socket.ask(
        "order.place", **BTC, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="49000"
    )["orderId"]


def wait_for(socket: Socket) -> Any:
    return socket.ask(
        "algoOrder.place", algoType="CONDITIONAL", **BTC, side="SELL", type="STOP_MARKET", quantity="0.01",
        triggerPrice="48000",
    )["algoId"]  # fmt: skip


def placed(socket: Socket, desk: Desk) -> None:
    number = place(socket)
    assert [row["orderId"] for row in desk.ask("GET", "openOrders")] == [number]


def modified(socket: Socket, desk: Desk) -> None:
    number = place(socket)
    told = socket.ask("order.modify", **BTC, side="BUY", orderId=number, quantity="0.02", price="49010")
    (row,) = desk.ask("GET", "openOrders")
    assert (row["orderId"], row["price"], row["origQty"]) == (number, "49010.0", "0.020")
    assert (told["orderId"], told["price"], told["origQty"]) == (number, "49010.0", "0.020")


def cancelled(socket: Socket, desk: Desk) -> None:
    told = socket.ask("order.cancel", **BTC, orderId=place(socket))
    assert told["status"] == "CANCELED"
    assert desk.ask("GET", "openOrders") == []


def asked(socket: Socket, desk: Desk) -> None:
    number = place(socket)
    assert socket.ask("order.status", **BTC, orderId=number) == desk.ask("GET", "order", **BTC, orderId=number)


def algo_placed(socket: Socket, desk: Desk) -> None:
    number = wait_for(socket)
    assert [row["algoId"] for row in desk.ask("GET", "openAlgoOrders")] == [number]


def algo_cancelled(socket: Socket, desk: Desk) -> None:
    number = wait_for(socket)
    told = socket.ask("algoOrder.cancel", algoId=number)
    assert (told["algoId"], told["code"]) == (number, "200")
    assert desk.ask("GET", "openAlgoOrders") == []


def started(socket: Socket, desk: Desk) -> None:
    key = socket.ask("userDataStream.start", **KEY)["listenKey"]
    assert desk.venue.listen_keys.active("alice") == key


def pinged(socket: Socket, desk: Desk) -> None:
    key = socket.ask("userDataStream.start", **KEY)["listenKey"]
    desk.clock.set(desk.clock.now_ms() + 50 * 60_000)
    assert socket.ask("userDataStream.ping", **KEY) == {"listenKey": key}
    desk.clock.set(desk.clock.now_ms() + 50 * 60_000)
    assert desk.venue.listen_keys.active("alice") == key


def stopped(socket: Socket, desk: Desk) -> None:
    socket.ask("userDataStream.start", **KEY)
    assert socket.ask("userDataStream.stop", **KEY) == {}
    assert desk.venue.listen_keys.active("alice") is None
    assert socket.send("userDataStream.stop", KEY)["error"]["code"] == -1125


WRITES: Mapping[str, Callable[[Socket, Desk], None]] = {
    "order.place": placed, "order.modify": modified, "order.cancel": cancelled, "order.status": asked,
    "algoOrder.place": algo_placed, "algoOrder.cancel": algo_cancelled, "userDataStream.start": started,
    "userDataStream.ping": pinged, "userDataStream.stop": stopped,
}  # fmt: skip


@pytest.mark.parametrize("method", WRITES)
def test_what_is_done_is_seen_in_rest(desk: Desk, method: str) -> None:
    with Socket(desk) as socket:
        WRITES[method](socket, desk)


def test_a_session_is_told_as_it_stands(desk: Desk) -> None:
    """Logged on, neither key nor signature is sent; logged out, both are wanted again."""
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = issue("alice", public=pem)
    desk.keys.add(key)
    now = {"timestamp": desk.clock.now_ms()}
    with Socket(desk) as socket:
        assert socket.send("session.status", {})["result"]["apiKey"] is None
        sign = private.sign(f"apiKey={key.key}&timestamp={now['timestamp']}".encode())
        on = socket.send("session.logon", {"apiKey": key.key, **now, "signature": base64.b64encode(sign).decode()})
        status = socket.send("session.status", {})
        assert on["result"] == status["result"]
        assert (status["result"]["apiKey"], status["result"]["authorizedSince"]) == (key.key, now["timestamp"])
        assert socket.send("v2/account.balance", now)["result"]
        off = socket.send("session.logout", {})["result"]
        assert (off["apiKey"], off["authorizedSince"]) == (None, None)
        assert socket.send("v2/account.balance", now)["error"]["code"] == -1102


def test_every_method_has_a_case() -> None:
    assert READS.keys() | WRITES.keys() == METHODS.keys()
    assert {"session.logon", "session.status", "session.logout"} == SESSIONS

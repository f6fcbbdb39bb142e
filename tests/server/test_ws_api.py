"""The WebSocket API: the same answers as REST, signed over sorted parameters."""

import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from margincall.exchange.journal import JournalFailed
from margincall.server.answers.table import ROUTES
from margincall.server.keys import issue
from margincall.server.limits import POOLS
from margincall.server.ws_api import METHODS
from tests.server.socket_world import World, asked, served, told, until_closed

PATH = "/ws-fapi/v1"


def key_of(name: str) -> str:
    return f"SIM{name}{'k' * (61 - len(name))}"


def payload(params: dict[str, Any]) -> bytes:
    return "&".join(f"{key}={params[key]}" for key in sorted(params)).encode()


def signed(world: World, name: str, **params: Any) -> dict[str, Any]:
    """Parameters as a client with an HMAC key sends them."""
    params = {**params, "apiKey": key_of(name), "timestamp": world.clock.now_ms()}
    signature = hmac.new(f"secret of {name}".encode(), payload(params), hashlib.sha256).hexdigest()
    return {**params, "signature": signature}


def order(**more: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.01,
            "price": "49000", **more}  # fmt: skip


def run(test: Any) -> None:
    asyncio.run(test)


@pytest.mark.parametrize("number", [5, "1", "0c2b-11", None])
def test_an_order_is_placed_asked_for_and_cancelled(tmp_path: Path, number: Any) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()
            ask = {"id": number, "method": "order.place", "params": signed(world, "ann", **order(reduceOnly=False))}
            placed = await asked(client, ask)
            assert (placed["id"], placed["status"]) == (number, 200)
            assert placed["result"]["status"] == "NEW"
            weight, ten, minute = placed["rateLimits"]
            assert weight == {
                "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400, "count": 5,
            }  # fmt: skip
            assert (ten["interval"], ten["intervalNum"], ten["limit"], ten["count"]) == ("SECOND", 10, 300, 1)
            assert (minute["limit"], minute["count"]) == (1200, 1)
            named = {"symbol": "BTCUSDT", "orderId": placed["result"]["orderId"]}
            status = await asked(client, {"id": 2, "method": "order.status", "params": signed(world, "ann", **named)})
            assert status["result"]["price"] == "49000.0"
            gone = await asked(client, {"id": 3, "method": "order.cancel", "params": signed(world, "ann", **named)})
            assert gone["result"]["status"] == "CANCELED"
            assert world.venue.state.orders == {}

    run(test())


@pytest.mark.parametrize("method", [name for name, (_, path) in METHODS.items() if "order" not in path.lower()])
def test_every_method_answers(tmp_path: Path, method: str) -> None:
    """Those whose routes are served."""
    http, path = METHODS[method]
    if not any((route.method, route.path) == (http, path) for route in ROUTES):
        pytest.skip(f"{http} {path} is not served")

    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()
            stream = method.startswith("userDataStream")
            if method != "userDataStream.start" and stream:
                ask: Any = {"id": 0, "method": "userDataStream.start", "params": {"apiKey": key_of("ann")}}
                assert (await asked(client, ask))["status"] == 200
            params: Any = {"apiKey": key_of("ann")} if stream else signed(world, "ann")
            if method.startswith(("depth", "ticker")):
                params = {"symbol": "BTCUSDT"}
            answer = await asked(client, {"id": 1, "method": method, "params": params})
            assert answer["status"] == 200, answer
            assert answer["result"] is not None

    run(test())


def test_refusals(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()

            async def refused(method: str, params: Any, **more: Any) -> tuple[int, int]:
                answer = await asked(client, {"id": 9, "method": method, "params": params, **more})
                assert answer["id"] == 9
                assert "result" not in answer
                return answer["status"], answer["error"]["code"]

            wrong = {**signed(world, "ann", **order()), "quantity": 0.02}
            assert await refused("order.place", wrong) == (400, -1022)
            unsigned = {key: word for key, word in wrong.items() if key != "signature"}
            assert await refused("order.place", unsigned) == (400, -1102)
            assert await refused("order.place", order()) == (400, -1102)
            assert await refused("order.place", {**wrong, "apiKey": "x"}) == (401, -2014)
            assert await refused("order.place", {**wrong, "apiKey": "x" * 64}) == (401, -2015)
            late = {**order(), "apiKey": key_of("ann"), "timestamp": world.clock.now_ms() - 5_001}
            late["signature"] = hmac.new(b"secret of ann", payload(late), hashlib.sha256).hexdigest()
            assert await refused("order.place", late) == (400, -1021)
            lacking = order()
            del lacking["quantity"]
            answer = await asked(
                client, {"id": 1, "method": "order.place", "params": signed(world, "ann", **lacking)}
            )  # fmt: skip
            assert answer["error"]["msg"] == (
                "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."
            )
            assert await refused("order.shout", {}) == (404, -5000)
            weight = 0
            for text in ("{", '{"id":1}', '{"id":[1],"method":"depth"}', '{"method":"depth","params":[1]}', "[]"):
                await client.send(text)
                answer = await told(client)
                assert (answer["id"], answer["status"], answer["error"]["code"]) == (None, 400, -1013)
                assert answer["rateLimits"][0]["count"] > weight
                weight = answer["rateLimits"][0]["count"]
            assert world.venue.state.orders == {}

    run(test())


def test_a_session_of_an_ed25519_key(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()
            key = issue("ann", public=pem)
            world.keys.add(key)
            stamp = {"apiKey": key.key, "timestamp": world.clock.now_ms()}
            sign = base64.b64encode(private.sign(payload(stamp))).decode()
            ask = {"id": 1, "method": "session.logon", "params": {**stamp, "signature": sign}}
            answer = await asked(client, ask)
            assert answer["result"] == {
                "apiKey": key.key, "authorizedSince": world.clock.now_ms(), "connectedSince": world.clock.now_ms(),
                "returnRateLimits": True, "serverTime": world.clock.now_ms(),
            }  # fmt: skip
            now = {"timestamp": world.clock.now_ms()}
            answer = await asked(client, {"id": 2, "method": "order.place", "params": {**order(), **now}})
            assert answer["result"]["status"] == "NEW"
            answer = await asked(client, {"id": 3, "method": "order.place", "params": order()})
            assert answer["error"]["code"] == -1102
            answer = await asked(client, {"id": 4, "method": "session.logout"})
            assert (answer["result"]["apiKey"], answer["result"]["authorizedSince"]) == (None, None)
            answer = await asked(client, {"id": 5, "method": "order.place", "params": {**order(), **now}})
            assert answer["error"]["code"] == -1102
            assert len(world.venue.state.orders) == 1

    run(test())


def test_only_ed25519_keys_log_on(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()
            answer = await asked(client, {"id": 1, "method": "session.logon", "params": signed(world, "ann")})
            assert answer["error"]["code"] == -4056
            assert (await asked(client, {"id": 2, "method": "session.status"}))["result"]["apiKey"] is None

    run(test())


def test_limits_are_shared_and_told_unless_they_are_not_wanted(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            async with world.open(f"{PATH}?returnRateLimits=false") as client:
                assert "rateLimits" not in await asked(client, {"id": 1, "method": "session.status"})
            async with world.open(PATH) as client:
                ask = {"id": 1, "method": "session.status", "params": {"returnRateLimits": False}}
                assert "rateLimits" not in await asked(client, ask)
                answer = await asked(client, {"id": 1, "method": "session.status"})
                assert answer["rateLimits"][0]["count"] == 2 * 5 + 3 * 2
                world.gateway.limits.ask("127.0.0.1", POOLS["weight"].limit - 16)
                answer = await asked(client, {"id": 1, "method": "session.status"})
                assert (answer["status"], answer["error"]["code"]) == (429, -1003)
                assert answer["error"]["data"]["retryAfter"] > answer["error"]["data"]["serverTime"]

    run(test())


def test_orders_of_one_connection_keep_their_order(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()
            for number in range(50):
                params = signed(world, "ann", **order(newClientOrderId=f"c{number}"))
                await client.send(json.dumps({"id": number, "method": "order.place", "params": params}))
            found = [await told(client) for _ in range(50)]
            ids = {each["id"]: each["result"]["orderId"] for each in found}
            assert [ids[number] for number in range(50)] == sorted(ids.values())

    run(test())


def test_truths_may_be_signed_as_python_writes_them(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()
            params = signed(world, "ann", **order(reduceOnly=False))
            assert b"reduceOnly=False" in payload({key: params[key] for key in params if key != "signature"})
            answer = await asked(client, {"id": 1, "method": "order.place", "params": params})
            assert answer["status"] == 200

    run(test())


def test_a_defect_closes_the_connection(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open(PATH) as client:
            await world.begin()
            told_of: list[object] = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, what: told_of.append(what["exception"]))
            world.venue.close()
            params = signed(world, "ann", **order())
            await client.send(json.dumps({"id": 1, "method": "order.place", "params": params}))
            assert await until_closed(client) == []
            assert client.close_code == 1011
            assert [type(each) for each in told_of] == [JournalFailed]

    run(test())

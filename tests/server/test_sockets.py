"""Sockets: their addresses, what is subscribed to, and how a connection ends."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from margincall.server import hub as hubs
from margincall.server.hub import Hub, Listener
from margincall.server.socket_paths import Wanted, address, is_served
from margincall.server.sockets import LIFE_MS
from margincall.server.subscribing import NAME_MOST
from tests.server.socket_world import BEGUN_MS, World, asked, served, told, until_closed


@pytest.mark.parametrize(
    ("path", "query", "route", "is_combined", "names"),
    [
        ("/ws", "", "", False, []),
        ("/ws/btcusdt@aggTrade", "", "", False, ["btcusdt@aggTrade"]),
        ("/ws/a@trade/b@trade", "", "", False, ["a@trade", "b@trade"]),
        ("/stream", "streams=a@trade/!bookTicker", "", True, ["a@trade", "!bookTicker"]),
        ("/market/ws/0", "", "market", False, []),
        ("/public/ws/1/", "", "public", False, []),
        ("/market/stream", "streams=", "market", True, []),
        ("/market/stream", "streams=%21markPrice%40arr", "market", True, ["!markPrice@arr"]),
        ("/private/ws", "listenKey=K", "private", False, ["K"]),
        ("/private/ws/K", "", "private", False, ["K"]),
        ("/private/stream", "listenKey=K&listenKey=L", "private", True, ["K", "L"]),
        ("/btcusdt@depth", "", "", False, ["btcusdt@depth"]),
        ("/public/btcusdt@depth", "", "public", False, ["btcusdt@depth"]),
        ("/!bookTicker", "", "", False, ["!bookTicker"]),
    ],
)
def test_address(path: str, query: str, route: str, is_combined: bool, names: list[str]) -> None:
    found = address(path, query.encode())
    assert found is not None
    assert (found.route, found.is_combined, [each.name for each in found.wanted]) == (route, is_combined, names)


@pytest.mark.parametrize("path", ["/", "/fapi/v1/order", "/anything", "/wss"])
def test_no_address(path: str) -> None:
    assert address(path, b"") is None


def test_events_belong_to_the_key_before_them() -> None:
    found = address("/private/stream", b"listenKey=K&events=A/B&listenKey=L")
    assert found is not None
    assert found.wanted == (Wanted("K", frozenset({"A", "B"})), Wanted("L"))


@pytest.mark.parametrize(
    ("route", "name", "is_key", "date", "sent"),
    [
        ("", "btcusdt@aggTrade", False, "2026-04-22", True),
        ("", "K", True, "2026-04-22", True),
        ("", "btcusdt@aggTrade", False, "2026-04-23", False),
        ("", "K", True, "2026-04-23", False),
        ("", "btcusdt@depth@100ms", False, "2026-04-23", True),
        ("public", "btcusdt@depth5", False, "2026-04-23", True),
        ("public", "!bookTicker", False, "2026-04-23", True),
        ("public", "btcusdt@markPrice", False, "2026-04-23", False),
        ("market", "btcusdt@markPrice", False, "2026-04-23", True),
        ("market", "!forceOrder@arr", False, "2026-04-23", True),
        ("market", "btcusdt@bookTicker", False, "2026-04-23", False),
        ("market", "K", True, "2026-04-23", False),
        ("private", "K", True, "2026-04-23", True),
        ("private", "btcusdt@depth", False, "2026-04-23", False),
        ("market", "btcusdt@markPrice", False, "2026-03-04", False),
    ],
)
def test_routing(route: Any, name: str, is_key: bool, date: str, sent: bool) -> None:
    assert is_served(route, name, is_key=is_key, api_date=date) is sent


def test_encoded_once_and_only_for_who_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[object] = []

    def encoded(message: object) -> bytes:
        times.append(message)
        return json.dumps(message).encode()

    async def run() -> None:
        hub, one, other = Hub(), Listener(), Listener(is_combined=True)
        hub.tell("a", {"e": 1})
        assert times == []
        hub.join(one, "a")
        hub.join(other, "a")
        hub.tell("a", {"e": 1})
        assert times == [{"e": 1}, "a"]
        assert one.take() == '{"e": 1}'
        assert json.loads(other.take() or "") == {"stream": "a", "data": {"e": 1}}
        hub.leave(one, "a")
        hub.leave(other, "a")
        assert not hub.wants("a")

    monkeypatch.setattr(hubs, "encoded", encoded)
    asyncio.run(run())


def run(test: Any) -> None:
    asyncio.run(test)


@pytest.mark.parametrize("number", [1, 0, "7", "4c5e8e5e-1f0b-4d80-9d4a-000000000000", None])
def test_subscribing(tmp_path: Path, number: Any) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/market/ws/0") as client:
            ask: dict[str, Any] = {"method": "SUBSCRIBE", "params": ["a@b", "c@d"], "id": number}
            assert await asked(client, ask) == {"result": None, "id": number}
            world.hub.tell("a@b", {"e": "x"})
            assert await told(client) == {"e": "x"}
            assert await asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 2}) == {"result": ["a@b", "c@d"], "id": 2}
            assert await asked(client, {"method": "GET_PROPERTY", "params": ["combined"], "id": 3}) == {
                "result": False, "id": 3,
            }  # fmt: skip
            ask = {"method": "SET_PROPERTY", "params": ["combined", True], "id": 4}
            assert await asked(client, ask) == {"result": None, "id": 4}
            world.hub.tell("a@b", {"e": "x"})
            assert await told(client) == {"stream": "a@b", "data": {"e": "x"}}
            ask = {"method": "UNSUBSCRIBE", "params": ["a@b"], "id": 5}
            assert await asked(client, ask) == {"result": None, "id": 5}
            assert not world.hub.wants("a@b")
            assert world.hub.wants("c@d")
        assert not world.hub.wants("c@d")
        assert world.sockets.count == 0

    run(test())


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": "a@b", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": ["a@b"], "id": [1]}, 2),
        ({"method": "LISTEN", "params": ["a@b"], "id": 1}, 2),
        ({"params": ["a@b"], "id": 1}, 2),
        ([1], 2),
        ({"method": "SUBSCRIBE", "params": [f"s{each}@trade" for each in range(1025)], "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": [5, True], "id": 1}, 2),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0),
    ],
)
def test_bad_ask(tmp_path: Path, ask: Any, code: int) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws") as client:
            answer = await asked(client, ask)
            assert answer["error"]["code"] == code
            assert await asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 2}) == {"result": [], "id": 2}

    run(test())


def test_most_streams_are_1024(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws") as client:
            names = [f"s{each}@trade" for each in range(1024)]
            assert await asked(client, {"method": "SUBSCRIBE", "params": names, "id": 1}) == {"result": None, "id": 1}
            answer = await asked(client, {"method": "SUBSCRIBE", "params": ["one@more"], "id": 2})
            assert answer["error"]["code"] == 2

    run(test())


@pytest.mark.parametrize("text", ["{", "nonsense", "[" * 100_000, '{"id":NaN}'])
def test_no_json_closes(tmp_path: Path, text: str) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws") as client:
            await client.send(text)
            assert (await told(client))["error"]["code"] == 3
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008

    run(test())


def test_more_than_ten_messages_a_second_close(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws") as client:
            for number in range(11):
                await client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            for number in range(10):
                assert await told(client) == {"result": [], "id": number}
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008

    run(test())


def test_no_socket_there_is_refused(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            with pytest.raises(InvalidStatus):
                async with world.open("/elsewhere"):
                    pass

    run(test())


def test_strict_routing_sends_nothing_over_the_wrong_route(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path, is_strict=True)) as world, world.open("/public/ws/a@markPrice/a@depth") as it:
            await asked(it, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
            world.hub.tell("a@markPrice", 1)
            world.hub.tell("a@depth", 2)
            assert await told(it) == 2

    run(test())


def test_slow_consumer_is_dropped_and_slows_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MOST_WAITING", 200)

    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws/a@b") as slow, world.open("/ws/a@b") as quick:
            await asked(quick, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
            slow.transport.pause_reading()
            text = "x" * 20_000
            for number in range(1_500):
                world.hub.tell("a@b", [number, text])
                assert (await told(quick))[0] == number
            while world.sockets.count > 2:
                await asyncio.sleep(0)
            slow.transport.resume_reading()
            seen = [each[0] for each in await until_closed(slow)]
            assert slow.close_code == 1008
            assert seen == list(range(len(seen)))
            assert len(seen) < 1_500
            world.hub.tell("a@b", ["last", ""])
            assert (await told(quick))[0] == "last"

    run(test())


def test_a_connection_lives_for_a_day(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws") as client:
            await asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
            world.sockets.tick(BEGUN_MS + LIFE_MS - 1)
            assert await asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 1}) == {"result": [], "id": 1}
            world.sockets.tick(BEGUN_MS + LIFE_MS)
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001

    run(test())


def test_shutting_down_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws") as client:
            await asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
            world.sockets.shut_down()
            assert await told(client) == {"event": {"e": "serverShutdown"}}
            with pytest.raises(ConnectionClosed):
                await client.recv()

    run(test())


def test_a_name_that_no_stream_can_have_is_not_kept(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world, world.open("/ws") as client:
            ask: dict[str, Any] = {"method": "SUBSCRIBE", "params": ["a" * NAME_MOST, "b" * (NAME_MOST + 1)], "id": 1}
            assert (await asked(client, ask))["error"]["code"] == 2
            assert await asked(client, {**ask, "params": ["a" * NAME_MOST]}) == {"result": None, "id": 1}
            listed = await asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 2})
            assert listed["result"] == ["a" * NAME_MOST]

    run(test())

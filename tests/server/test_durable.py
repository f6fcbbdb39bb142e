"""What is answered is on the disk: also to who only asks, and what nobody waits for soon after."""

import asyncio
import hashlib
import hmac
import json
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.exchange import commands
from margincall.exchange.journal import scan
from margincall.server import venue as venues
from margincall.server.archive import MOST_WAITING, Archive
from margincall.server.hub import Listener
from margincall.server.request import Request
from margincall.server.ws_api import WsApi
from tests.server.desk import SECRET, Desk, form, key_name
from tests.server.running import Process, process

ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "49000",
    "newClientOrderId": "mine",
}  # fmt: skip
ASKED = {"symbol": "BTCUSDT", "origClientOrderId": "mine"}


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose venue makes safe what it acknowledges."""
    desk = Desk(tmp_path)
    desk.venue.engine.sync()
    desk.venue.durability = "group"
    yield desk
    desk.venue.close()


def on_disk(desk: Desk) -> int:
    """How many commands the file of the journal holds."""
    return scan(desk.folder / "journal").tail.seq


def signature(payload: bytes) -> str:
    return hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()


def test_who_asks_for_an_order_that_is_not_safe_yet_waits_for_it(durable: Desk) -> None:
    seen: list[tuple[str, bytes, int]] = []

    async def asked(method: str, params: dict[str, str]) -> None:
        payload = form({**params, "timestamp": durable.clock.now_ms()})
        query = payload + f"&signature={signature(payload)}".encode()
        request = Request(method=method, path="/fapi/v1/order", query=query, key=key_name("alice"))
        reply = await durable.gateway.answer(request)
        seen.append((method, reply.body, on_disk(durable)))

    async def both() -> None:
        await asyncio.gather(asked("POST", ORDER), asked("GET", ASKED))

    asyncio.run(both())
    bodies = {method: json.loads(body) for method, body, _ in seen}
    assert bodies["GET"]["orderId"] == bodies["POST"]["orderId"]
    assert {seq for _, _, seq in seen} == {durable.venue.engine.seq}


def test_so_does_who_asks_by_the_websocket_api(durable: Desk) -> None:
    seen: list[tuple[dict[str, Any], int]] = []

    class Noted(Listener):
        """One that notes what the file holds as each answer is handed over."""

        def put(self, text: str) -> None:
            seen.append((json.loads(text), on_disk(durable)))

    def asked(number: int, method: str, params: dict[str, str]) -> str:
        whole = {**params, "apiKey": key_name("alice"), "timestamp": durable.clock.now_ms()}
        signed = signature("&".join(f"{name}={whole[name]}" for name in sorted(whole)).encode())
        return json.dumps({"id": number, "method": method, "params": {**whole, "signature": signed}})

    async def both() -> None:
        api = WsApi(durable.gateway, Noted(), {"query_string": b"", "client": ("127.0.0.1", 1)})
        api.hear(asked(1, "order.place", ORDER))
        api.hear(asked(2, "order.status", ASKED))
        while len(seen) < 2:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(both(), 5))
    results = {answer["id"]: answer["result"] for answer, _ in seen}
    assert results[1]["orderId"] == results[2]["orderId"]
    assert {seq for _, seq in seen} == {durable.venue.engine.seq}


def test_nobody_is_answered_a_price_that_a_crash_could_undo(durable: Desk) -> None:
    async def played() -> bytes:
        durable.venue.carry_out(commands.SetMark(symbol="BTCUSDT", price=Decimal(49_000)))
        request = Request(method="GET", path="/fapi/v1/premiumIndex", query=b"symbol=BTCUSDT")
        return (await durable.gateway.answer(request)).body

    assert json.loads(asyncio.run(played()))["markPrice"] == "49000.00000000"
    assert on_disk(durable) == durable.venue.engine.seq


def test_what_nobody_waits_for_is_safe_within_a_second(durable: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(venues.time, "monotonic", lambda: now_s[0])
    durable.venue.tick()
    durable.venue.carry_out(commands.SetMark(symbol="BTCUSDT", price=Decimal(49_000)))
    durable.venue.tick()
    assert on_disk(durable) < durable.venue.engine.seq
    now_s[0] += venues.SYNC_S
    durable.venue.tick()
    assert on_disk(durable) == durable.venue.engine.seq


def test_the_operator_is_told_nothing_that_a_crash_could_undo(tmp_path: Path) -> None:
    with process(tmp_path, "--clock", "simulated") as server:
        server.control("POST", "/paths", {"symbol": "BTCUSDT", "points": [[0, "50000"], [9000, "51000"]]})
        assert server.control("GET", "/state")["seq"] == scan(tmp_path / "journal").tail.seq > 0


def test_few_rows_wait_for_a_question(tmp_path: Path) -> None:
    with Archive(tmp_path / "archive") as archive:
        for number in range(2 * MOST_WAITING + 5):
            archive.add("orders", "alice", "BTCUSDT", number, time_ms=0, keeps_ms=9, row=b"{}")
            assert len(archive._waiting) < MOST_WAITING
        assert len(list(archive.all("orders", "alice"))) == 2 * MOST_WAITING + 5


def test_a_clock_that_was_set_stays_set(tmp_path: Path) -> None:
    server = Process(tmp_path, "--clock", "simulated")
    time_ms = server.control("POST", "/clock", {"advance_ms": 7_200_000})["time_ms"]
    server.end(signal.SIGKILL)
    server = Process(tmp_path, "--clock", "simulated", "--start", "2020-01-01T00:00:00Z")
    try:
        assert server.control("GET", "/clock")["time_ms"] == time_ms
    finally:
        server.end()

"""Bodies of the control API that are bent: refused as JSON, or carried out; never an error of the server."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.server.running import Server, running

BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/accounts", {"name": "x", "deposits": {"USDT": "5"}, "leverage": {"BTCUSDT": 5}, "isolated": ["BTCUSDT"]}),
    ("/accounts/demo-1/deposit", {"asset": "USDT", "amount": "5"}),
    ("/accounts/demo-1/settings", {"leverage": {"BTCUSDT": 5}, "margin": {"BTCUSDT": "isolated"}}),
    ("/keys", {"account": "demo-1", "public": "", "trade": True}),
    ("/prices", {"prices": {"BTCUSDT": "50000"}}),
    ("/paths", {"symbol": "BTCUSDT", "crash": {"to": "40000", "seconds": 5}}),
    ("/paths", {"symbol": "BTCUSDT", "points": [[0, "50000"], [1000, "50100"]]}),
    ("/paths", {"symbol": "BTCUSDT", "candles": "nowhere.csv", "interval": "1m"}),
    ("/halts", {"symbol": "ETHUSDT", "on": True}),
    ("/faults", {"kind": "stale_mark", "on": True, "symbol": "BTCUSDT"}),
    ("/fund", {"asset": "USDT", "amount": "5"}),
    ("/clock", {"advance_ms": 1000}),
    ("/disputes", {"account": "demo-1", "liquidation": 1}),
    ("/disputes", {"claim": {"schema": "margincall.claim/1"}}),
    ("/commands", {"type": "set_mark", "symbol": "BTCUSDT", "price": "50000"}),
    ("/nowhere", {}),
)
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**63, 2**64, 10**400, 1.5, "", "1", "NaN", "1e999", "Infinity", "é", "\x00", "a" * 5_000, [],
    {}, [[]], {"a": 1}, "BTCUSDT", "demo-1",
)  # fmt: skip
NO_JSON = (b"", b"{", b"\xff", b"[" * 50_000, b"null", b"NaN", b'{"prices":{"BTCUSDT":1e999}}', b'{"a":"\\ud800"}')


def bent(chance: Random, value: Any) -> Any:
    """Some of it is something else, gone, or there twice."""
    if chance.random() < 0.2:
        return chance.choice(ODD)
    if isinstance(value, dict):
        found = {name: bent(chance, each) for name, each in value.items() if chance.random() < 0.95}
        return {**found, "more": 1} if chance.random() < 0.1 else found
    if isinstance(value, list):
        return [bent(chance, each) for each in value] * chance.choice((0, 1, 1, 1, 2))
    return value


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, clock="simulated", durability="none") as (found, _):
        yield found


def test_any_body_is_answered(server: Server) -> None:
    chance, until = Random(1), time.monotonic() + 2
    connection = http.client.HTTPConnection("127.0.0.1", server.control_port, timeout=20)
    headers, statuses = {"x-control-token": server.told["control_token"]}, set()
    while time.monotonic() < until:
        path, body = chance.choice(BODIES)
        sent = chance.choice(NO_JSON) if chance.random() < 0.1 else json.dumps(bent(chance, body)).encode()
        connection.request(chance.choice(("POST",) * 9 + ("GET",)), path, sent, headers)
        response = connection.getresponse()
        found = json.loads(response.read())
        statuses.add(response.status)
        assert response.status in (200, 400, 404, 405), (path, sent, found)
        assert response.status == 200 or set(found) == {"code", "msg"}, (path, sent, found)
    connection.close()
    assert statuses >= {200, 400, 404}


def test_the_clock_goes_on_by_a_year_at_most(server: Server) -> None:
    """Every minute is carried out: a number with too many digits would take for ever."""
    for asked in ({"advance_ms": 10**400}, {"time_ms": 2**62}, {"advance_ms": 366 * 86_400_000 + 1}):
        assert server.control("POST", "/clock", asked)["code"] == -1130

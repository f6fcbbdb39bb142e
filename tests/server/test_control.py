"""What the operator may do: each thing has its effect on the API or on another answer of the control API."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.sync.client import connect

from margincall.server.opened import Opened
from tests.server.running import PATIENCE_S, Credentials, Server, exchanged, process, running

START, START_MS = "2026-10-05T00:00:00Z", 1_791_158_400_000
SYMBOL = "BTCUSDT"
CANDLES = (
    "open_time,open,high,low,close\n1700000000000,50000,50600,49900,50500\n1700000060000,50500,51000,50400,51000\n"
)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[tuple[Server, Opened]]:
    """A server with a simulated clock."""
    with running(tmp_path / "folder", clock="simulated", start=START) as found:
        yield found


@pytest.fixture
def server(at: tuple[Server, Opened]) -> Server:
    """From outside."""
    return at[0]


def now_ms(server: Server) -> int:
    time_ms: int = server.control("GET", "/clock")["time_ms"]
    return time_ms


def ask(server: Server, own: Credentials, method: str, path: str, **params: object) -> tuple[int, Any]:
    return server.ask(method, f"/fapi/v1/{path}", params, own, now_ms=now_ms(server))


def with_market(server: Server, price: int = 50_000) -> None:
    """A price, and a maker around it."""
    server.control("POST", "/prices", {"prices": {SYMBOL: str(price)}})
    server.control("POST", "/accounts", {"name": "maker", "deposits": {"USDT": "100000000"}})
    levels = {
        name: [{"price": str(price + sign * step), "quantity": "100"} for step in (1, 2)]
        for name, sign in (("bids", -1), ("asks", 1))
    }
    answer = server.control("POST", "/commands", {"command": "quote", "account": "maker", "symbol": SYMBOL, **levels})
    assert answer["events"][-1]["kind"] == "quoted", answer


def with_trader(server: Server, name: str = "trader", money: str = "1000", leverage: int = 100) -> Credentials:
    """An account with leverage, and its key."""
    wanted = {"name": name, "deposits": {"USDT": money}, "leverage": {SYMBOL: leverage}}
    assert server.control("POST", "/accounts", wanted)["leverage"] == {SYMBOL: leverage}
    key = server.control("POST", "/keys", {"account": name})
    return Credentials(name, key["key"], key["secret"])


def buys(server: Server, own: Credentials, quantity: str = "1.5") -> None:
    status, answer = ask(server, own, "POST", "order", symbol=SYMBOL, side="BUY", type="MARKET", quantity=quantity)
    assert status == 200, answer


def mark(server: Server) -> Decimal:
    return Decimal(server.control("GET", "/state")["symbols"][SYMBOL]["mark"])


@pytest.mark.parametrize("token", ["", "x" * 32])
def test_without_the_token_nothing_is_told(server: Server, token: str) -> None:
    status, answer = server.control_raw("GET", "/state", None, token)
    assert (status, answer["code"]) == (401, -2015)
    status, answer = server.control_raw("POST", "/accounts", {"name": "thief"}, token)
    assert status == 401
    assert "thief" not in {each["name"] for each in server.control("GET", "/accounts")}


def test_accounts_are_opened_paid_and_set(server: Server) -> None:
    wanted = {"name": "a", "deposits": {"USDT": "12.5"}, "hedge": True, "isolated": [SYMBOL], "leverage": {SYMBOL: 7}}
    found = server.control("POST", "/accounts", wanted)
    assert found["wallets"] == {"USDT": "12.5"}
    assert (found["hedge"], found["leverage"]) == (True, {SYMBOL: 7})
    assert server.control("POST", "/accounts/a/deposit", {"asset": "USDT", "amount": "-2.5"})["wallets"] == {
        "USDT": "10"
    }
    found = server.control("POST", "/accounts/a/settings", {"hedge": False, "margin": {SYMBOL: "cross"}})
    assert found["hedge"] is False
    assert server.control("GET", "/accounts/a") == found


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/accounts", {"name": "demo-1"}, -9003),
        ("/accounts", {"name": "b", "money": 1}, -1130),
        ("/accounts", {"name": "b", "deposits": {"USDT": "NaN"}}, -1130),
        ("/accounts/nobody/deposit", {"asset": "USDT", "amount": "1"}, -1130),
        ("/accounts/demo-1/deposit", {"asset": "DOGE", "amount": "1"}, -1108),
        ("/accounts/demo-1/deposit", {"asset": "USDT", "amount": "-20000"}, -2018),
        ("/keys", {"account": "nobody"}, -1130),
        ("/keys", {"account": "demo-1", "public": "no pem"}, -1130),
        ("/prices", {"prices": {"NONEUSDT": "1"}}, -1121),
        ("/prices", {"prices": {SYMBOL: "-1"}}, -4001),
        ("/paths", {"symbol": SYMBOL}, -1130),
        ("/paths", {"symbol": SYMBOL, "points": [[0, "50000"], [1500, "50001"]]}, -1130),
        ("/paths", {"symbol": SYMBOL, "points": [[0, "50000"]], "speed": "0"}, -1130),
        ("/paths", {"symbol": SYMBOL, "candles": "no/such/file.csv"}, -1130),
        ("/paths", {"symbol": SYMBOL, "crash": {"to": "1", "seconds": 5}}, -1130),
        ("/halts", {"symbol": "NONEUSDT"}, -1121),
        ("/faults", {"kind": "no such fault"}, -1130),
        ("/faults", {"kind": "late_liquidation"}, -1128),
        ("/clock", {"time_ms": 1}, -1130),
        ("/clock", {}, -1130),
        ("/disputes", {}, -1130),
        ("/disputes", {"account": "demo-1", "liquidation": 1}, -9004),
        ("/disputes", {"claim": {"schema": "margincall.dispute/1"}}, -1130),
        ("/commands", {"command": "advance", "time_ms": START_MS + 1}, -1130),
        ("/commands", {"command": "nothing"}, -1130),
    ],
)
def test_what_cannot_be_is_refused_with_a_code(server: Server, path: str, body: Any, code: int) -> None:
    status, answer = server.control_raw("POST", path, body, server.told["control_token"])
    assert (status in (400, 404), answer["code"]) == (True, code), answer


def test_an_asset_that_is_no_margin_opens_no_account(server: Server) -> None:
    token = server.told["control_token"]
    wanted: dict[str, Any] = {"name": "carol", "deposits": {"USDT": "10", "BTC": "1"}}
    told = {"code": -1108, "msg": "BTC is no margin here; there are USDT, and what set_asset_index gave an index"}
    assert server.control_raw("POST", "/accounts", wanted, token) == (400, told)
    assert server.control_raw("GET", "/accounts/carol", None, token)[0] == 404
    index = {"command": "set_asset_index", "asset": "BTC", "index": "50000", "bid": "47500", "ask": "52500"}
    server.control("POST", "/commands", index)
    assert server.control("POST", "/accounts", wanted)["wallets"] == {"USDT": "10", "BTC": "1"}


def test_a_secret_is_told_once(server: Server) -> None:
    made = server.control("POST", "/keys", {"account": "demo-1"})
    own = Credentials("demo-1", made["key"], made["secret"])
    assert ask(server, own, "GET", "openOrders") == (200, [])
    told = str(server.control("GET", "/keys"))
    assert made["key"] in told
    assert made["secret"] not in told
    assert "secret" not in told


def test_a_key_that_may_only_read(server: Server) -> None:
    with_market(server)
    made = server.control("POST", "/keys", {"account": "demo-1", "trade": False})
    own = Credentials("demo-1", made["key"], made["secret"])
    assert ask(server, own, "GET", "openOrders") == (200, [])
    status, answer = ask(server, own, "POST", "order", symbol=SYMBOL, side="BUY", type="MARKET", quantity="1")
    assert (status, answer["code"]) == (401, -2015)


def test_a_public_key_signs(server: Server) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    made = server.control("POST", "/keys", {"account": "demo-1", "public": pem})
    assert made["kind"] == "ed25519"
    assert "secret" not in made
    for payload, status in (("", 200), ("&limit=1", 400)):
        query = urlencode({"timestamp": now_ms(server)})
        signature = quote(base64.b64encode(private.sign(query.encode())).decode(), safe="")
        path = f"/fapi/v1/openOrders?{query}{payload}&signature={signature}"
        assert exchanged(server.port, "GET", path, None, {"X-MBX-APIKEY": made["key"]})[0] == status


def test_a_price_is_mark_and_index(server: Server) -> None:
    answer = server.control("POST", "/prices", {"prices": {SYMBOL: "50000.5"}})
    assert answer["marks"] == {SYMBOL: "50000.5"}
    found = server.control("GET", "/state")["symbols"][SYMBOL]
    assert (found["mark"], found["index"]) == ("50000.5", "50000.5")


def test_points_are_played_as_the_clock_goes_on(server: Server) -> None:
    server.control("POST", "/prices", {"prices": {SYMBOL: "50000"}})
    playing = server.control("POST", "/paths", {"symbol": SYMBOL, "points": [[0, "50000"], [10_000, "51000"]]})
    assert [each[0] for each in playing] == [SYMBOL]
    assert server.control("POST", "/clock", {"advance_ms": 5_000})["time_ms"] == START_MS + 5_000
    assert mark(server) == 50_500
    server.control("POST", "/paths/BTCUSDT/stop")
    server.control("POST", "/clock", {"advance_ms": 5_000})
    assert mark(server) == 50_500
    assert server.control("GET", "/paths") == []


TOO_LARGE = "9" * 19 + ".9"
"""A price that a body may hold; with a tick more, as a source of the index says it, it is no price any more."""


def test_a_price_that_is_refused_ends_its_path(server: Server) -> None:
    server.control("POST", "/prices", {"prices": {SYMBOL: "50000", "ETHUSDT": "2500"}})
    for symbol, last in ((SYMBOL, TOO_LARGE), ("ETHUSDT", "2600")):
        server.control("POST", "/paths", {"symbol": symbol, "points": [[0, "3000"], [2000, last]], "step_ms": 1000})
    server.control("POST", "/clock", {"advance_ms": 1000})
    points = [[0, "50000"], [500, TOO_LARGE], [9000, "51000"]]
    server.control("POST", "/paths", {"symbol": SYMBOL, "points": points, "step_ms": 500})
    assert server.control("POST", "/clock", {"advance_ms": 5_000})["code"] == -1102
    assert [each[0] for each in server.control("GET", "/state")["paths"]] == ["ETHUSDT"]
    server.control("POST", "/clock", {"advance_ms": 5_000})
    assert (mark(server), server.control("GET", "/state")["symbols"]["ETHUSDT"]["mark"]) == (50_000, "2600")


@pytest.mark.parametrize("is_demo", [False, True])
def test_and_not_the_server(tmp_path: Path, *, is_demo: bool) -> None:
    with running(tmp_path, is_demo=is_demo, seed=1) as (server, _):
        points = [[0, "50000"], [20, TOO_LARGE]]
        server.control("POST", "/paths", {"symbol": SYMBOL, "points": points, "step_ms": 20})
        until = time.monotonic() + PATIENCE_S
        while server.control("GET", "/state")["paths"]:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert exchanged(server.port, "GET", "/fapi/v1/ping", None, {}) == (200, {})


def test_a_clock_on_its_way_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with process(tmp_path, "--clock", "simulated", "--start", START) as server, ThreadPoolExecutor(1) as pool:
        told = pool.submit(server.control, "POST", "/clock", {"advance_ms": 300 * 86_400_000})
        until = time.monotonic() + PATIENCE_S
        while now_ms(server) == START_MS:
            assert time.monotonic() < until
        assert server.end() == (0, "")
        assert START_MS < told.result()["time_ms"] < START_MS + 300 * 86_400_000


def test_candles_are_played_at_any_speed(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2023-11.csv"
    path.write_text(CANDLES, encoding="utf-8")
    server.control("POST", "/paths", {"symbol": SYMBOL, "candles": str(path), "speed": "60"})
    assert mark(server) == 50_000
    server.control("POST", "/clock", {"advance_ms": 1_000})
    assert mark(server) == 50_500
    server.control("POST", "/clock", {"advance_ms": 1_000})
    assert mark(server) == 51_000


def test_a_crash_below_the_least_price_is_refused(server: Server) -> None:
    """Down there no order can follow the price."""
    with_market(server)
    wanted = {"symbol": SYMBOL, "crash": {"to": "556.7", "seconds": 5}}
    status, answer = server.control_raw("POST", "/paths", wanted, server.told["control_token"])
    assert (status, answer["code"], answer["msg"]) == (
        400, -1130, "BTCUSDT has no orders below 556.80: crash to that or more"
    )  # fmt: skip


def test_a_crash_liquidates(server: Server) -> None:
    with_market(server)
    own = with_trader(server)
    buys(server, own)
    server.control("POST", "/paths", {"symbol": SYMBOL, "crash": {"to": "49000", "seconds": 60}})
    server.control("POST", "/clock", {"advance_ms": 10_000})
    assert server.control("GET", "/state")["liquidations"] == []
    server.control("POST", "/clock", {"advance_ms": 50_000})
    assert mark(server) == 49_000
    (line,) = server.control("GET", "/state")["liquidations"]
    assert (line["account"], line["symbol"], line["quantity"]) == ("trader", SYMBOL, "-1.5")
    assert server.control("GET", "/accounts/trader")["positions"] == []


def test_a_fault_that_liquidates_is_refunded_by_the_desk(server: Server) -> None:
    with_market(server)
    buys(server, with_trader(server))
    server.control("POST", "/fund", {"asset": "USDT", "amount": "1000"})
    fault = {"kind": "wrong_mark", "symbol": SYMBOL, "value": "45000"}
    assert server.control("POST", "/faults", fault) == {"wrong_mark:BTCUSDT": "45000"}
    assert server.control("POST", "/faults", fault | {"on": False, "value": None}) == {}
    number = server.control("GET", "/state")["liquidations"][0]["number"]
    (decision,) = server.control("POST", "/disputes", {"account": "trader", "liquidation": number})
    assert decision["upheld"] is True
    assert Decimal(decision["refund"]["USDT"]) > 0
    (entry,) = server.control("GET", "/disputes")
    assert (entry["status"], entry["refund"]) == ("upheld", decision["refund"])
    assert server.control("GET", "/accounts/trader")["wallets"]["USDT"] == decision["refund"]["USDT"]
    assert server.control("POST", "/disputes", {"account": "trader", "liquidation": number})["code"] == -9005


def test_a_dispute_that_was_left_open_is_answered(server: Server) -> None:
    """As a crash leaves one, between its opening and its answer."""
    with_market(server)
    buys(server, with_trader(server))
    server.control("POST", "/prices", {"prices": {SYMBOL: "49000"}})
    (line,) = server.control("GET", "/state")["liquidations"]
    disputed = {"account": "trader", "liquidation": line["number"]}
    server.control("POST", "/commands", {"command": "dispute", **disputed})
    (decision,) = server.control("POST", "/disputes", disputed)
    (entry,) = server.control("GET", "/disputes")
    assert (decision["upheld"], entry["status"]) == (False, "rejected")
    assert server.control("POST", "/disputes", disputed)["code"] == -9005


def test_a_claim_is_judged_by_the_journal(server: Server) -> None:
    with_market(server)
    buys(server, with_trader(server))
    server.control("POST", "/prices", {"prices": {SYMBOL: "49000"}})
    (line,) = server.control("GET", "/state")["liquidations"]
    disputed = {
        "subject": "liquidation", "asked": "refund", "symbol": SYMBOL, "position_side": "BOTH",
        "times_ms": [line["time_ms"]],
    }  # fmt: skip
    claim = {
        "schema": "margincall.dispute/1", "venue": "binance_usdm", "account": "trader", "conclusion": "irregular",
        "advice": "dispute", "disputed": [disputed],
    }  # fmt: skip
    assert server.control("POST", "/disputes", {"claim": claim | {"account": "nobody"}})["code"] == -1130
    decisions = server.control("POST", "/disputes", {"claim": claim})
    assert [(each["account"], each["liquidation"], each["upheld"]) for each in decisions] == [
        ("trader", line["number"], False)
    ]


def test_a_symbol_that_is_halted_takes_no_orders(server: Server) -> None:
    with_market(server)
    own = with_trader(server)
    resting = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    status, order = ask(server, own, "POST", "order", **resting, price="49000")
    assert status == 200
    assert server.control("POST", "/halts", {"symbol": SYMBOL}) == [SYMBOL]
    assert server.control("GET", "/state")["symbols"][SYMBOL]["is_halted"] is True
    status, answer = ask(server, own, "POST", "order", **resting, price="49000")
    assert (status, answer["code"]) == (400, -1122)
    assert ask(server, own, "DELETE", "order", symbol=SYMBOL, orderId=order["orderId"])[0] == 200
    assert server.control("POST", "/halts", {"symbol": SYMBOL, "on": False}) == server.control("GET", "/halts") == []
    assert ask(server, own, "POST", "order", **resting, price="49000")[0] == 200


def test_the_clock_goes_on_and_never_back(server: Server) -> None:
    later = START_MS + 3_600_000
    assert server.control("POST", "/clock", {"time_ms": later})["time_ms"] == later
    assert exchanged(server.port, "GET", "/fapi/v1/time", None, {}) == (200, {"serverTime": later})
    assert server.control("POST", "/clock", {"time_ms": START_MS})["code"] == -1130


@pytest.mark.slow
def test_the_clock_goes_on_by_more_than_the_engine_does_at_once(tmp_path: Path) -> None:
    with running(tmp_path, clock="simulated", start=START, symbols=(SYMBOL,)) as (server, found):
        later = START_MS + 40 * 86_400_000
        assert server.control("POST", "/clock", {"time_ms": later})["time_ms"] == later
        assert found.built.venue.state.time_ms == later


def test_sockets_hear_what_the_clock_brings_and_that_the_server_stops(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with running(tmp_path, clock="simulated", start=START) as (server, _):
            server.control("POST", "/prices", {"prices": {SYMBOL: "50000"}})
            address = f"ws://127.0.0.1:{server.port}/market/ws/btcusdt@markPrice@1s"
            client = stack.enter_context(connect(address, proxy=None, open_timeout=PATIENCE_S))
            server.control("POST", "/paths", {"symbol": SYMBOL, "points": [[0, "50000"], [10_000, "51000"]]})
            server.control("POST", "/clock", {"advance_ms": 10_000})
            marks = [json.loads(client.recv(PATIENCE_S))]
            while Decimal(marks[-1]["p"]) < 51_000:
                marks.append(json.loads(client.recv(PATIENCE_S)))
            assert {each["e"] for each in marks} == {"markPriceUpdate"}
        assert "serverShutdown" in [json.loads(each).get("event", {}).get("e") for each in client]


def test_started_again_everything_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with running(folder, clock="simulated", start=START) as (server, found):
        with_market(server)
        own = with_trader(server)
        buys(server, own)
        server.control("POST", "/clock", {"advance_ms": 60_000})
        _, order = ask(server, own, "GET", "order", symbol=SYMBOL, orderId=7)
        digest, day = found.built.venue.engine.digest(), ask(server, own, "GET", "ticker/24hr", symbol=SYMBOL)
        told = server.control("GET", "/state")
    with running(folder, clock="simulated", start=START) as (server, found):
        assert server.keys == []
        assert found.built.venue.engine.digest() == digest
        assert server.control("GET", "/state") == told
        assert ask(server, own, "GET", "ticker/24hr", symbol=SYMBOL) == day
        assert day[1]["count"] == 1
        assert ask(server, own, "GET", "order", symbol=SYMBOL, orderId=7)[1] == order

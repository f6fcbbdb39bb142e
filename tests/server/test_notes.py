"""What the journal does not know outlives a restart, and a kill: halts, fees in BNB, price matches, exports,
listen keys."""

import http.client
import json
import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from margincall.errors import UsageError
from margincall.server.downloads import _save
from margincall.server.keys import Key, Keys
from margincall.server.notes import Halted, Notes
from margincall.server.venue import NOTES
from tests.server.running import PATIENCE_S, Process, process

SYMBOL = "BTCUSDT"
ORDER = "/fapi/v1/order"


def prepared(server: Process) -> None:
    """A price, and a maker on both sides."""
    server.control("POST", "/prices", {"prices": {SYMBOL: "50000"}})
    server.control("POST", "/accounts", {"name": "maker", "deposits": {"USDT": "100000000"}})
    sides = {"bids": [{"price": "49999", "quantity": "9"}], "asks": [{"price": "50001", "quantity": "9"}]}
    server.control("POST", "/commands", {"command": "quote", "account": "maker", "symbol": SYMBOL, **sides})


def exported(server: Process, own: Any, number: str) -> tuple[str, bytes]:
    """The link of an export that is whole, and its file."""
    until = time.monotonic() + 20
    while True:
        found = server.ask("GET", "/fapi/v1/order/asyn/id", {"downloadId": number}, own)[1]
        if found["status"] == "completed":
            break
        assert time.monotonic() < until
        time.sleep(0.05)
    path = found["url"].split(str(server.port))[1]
    return path, file_of(server, path)


def file_of(server: Process, path: str) -> bytes:
    """What is behind a link."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200
    found = response.read()
    connection.close()
    return found


def test_what_a_user_set_outlives_a_kill(tmp_path: Path) -> None:
    with process(tmp_path, "--no-limits") as server:
        own = server.keys[0]
        prepared(server)
        place = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010"}
        matched = server.ask("POST", ORDER, {**place, "priceMatch": "QUEUE"}, own)[1]["orderId"]
        plain = server.ask("POST", ORDER, {**place, "price": "48000"}, own)[1]["orderId"]
        both = [{"symbol": SYMBOL, "orderId": each} for each in (matched, plain)]
        change = {**both[1], "side": "BUY", "quantity": "0.020"}
        assert server.ask("PUT", ORDER, {**change, "priceMatch": "QUEUE"}, own)[0] == 200
        ended = server.ask("POST", ORDER, {**place, "priceMatch": "OPPONENT"}, own)[1]["orderId"]
        assert server.ask("POST", "/fapi/v1/feeBurn", {"feeBurn": "true"}, own)[0] == 200
        server.control("POST", "/halts", {"symbol": SYMBOL})
        now_ms = time.time_ns() // 1_000_000
        asked = server.ask("GET", "/fapi/v1/order/asyn", {"startTime": now_ms - 60_000, "endTime": now_ms - 1}, own)[1]
        link, content = exported(server, own, asked["downloadId"])
        questions = [*both, {"symbol": SYMBOL, "orderId": ended}]
        before = [server.ask("GET", ORDER, each, own) for each in questions]
        assert [each[1]["priceMatch"] for each in before] == ["QUEUE", "QUEUE", "OPPONENT"]
        server.end(signal.SIGKILL)
    for _ in range(2):  # the second time from notes that were written anew
        with process(tmp_path, "--no-limits") as server:
            assert [server.ask("GET", ORDER, each, own) for each in questions] == before
            assert server.ask("GET", "/fapi/v1/feeBurn", {}, own)[1] == {"feeBurn": True}
            assert server.control("GET", "/halts") == [SYMBOL]
            assert server.ask("POST", ORDER, {**place, "price": "48000"}, own)[1]["code"] == -1122
            assert file_of(server, link) == content
            assert exported(server, own, asked["downloadId"])[0] == link


def test_an_export_that_was_not_whole_is_made_again(tmp_path: Path) -> None:
    with process(tmp_path, "--no-limits") as server:
        own = server.keys[0]
        now_ms = time.time_ns() // 1_000_000
        asked = server.ask("GET", "/fapi/v1/order/asyn", {"startTime": now_ms - 60_000, "endTime": now_ms - 1}, own)[1]
        server.end(signal.SIGKILL)
    with process(tmp_path, "--no-limits") as server:
        assert exported(server, own, asked["downloadId"])[1].lstrip(b"\xef\xbb\xbf").startswith(b"Uid,")


def test_a_listen_key_opens_its_accounts_stream_after_a_kill(tmp_path: Path) -> None:
    path, order = "/fapi/v1/listenKey", {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    with process(tmp_path, "--no-limits") as server:
        own, other = server.keys
        prepared(server)
        key = server.ask("POST", path, {}, own)[1]["listenKey"]
        gone = server.ask("POST", path, {}, other)[1]["listenKey"]
        assert server.ask("DELETE", path, {}, other) == (200, {})
        server.end(signal.SIGKILL)
    assert (tmp_path / NOTES).stat().st_mode & 0o777 == 0o600
    with process(tmp_path, "--no-limits") as server:
        address = f"ws://127.0.0.1:{server.port}/ws/"
        with connect(address + key, proxy=None) as heard, connect(address + gone, proxy=None) as silent:
            for each in (own, other):
                placed = server.ask("POST", ORDER, {**order, "quantity": "0.010", "price": "48000"}, each)
                assert placed[0] == 200, placed
            message = json.loads(heard.recv(PATIENCE_S))
            assert (message["e"], message["o"]["X"]) == ("ORDER_TRADE_UPDATE", "NEW")
            assert server.ask("PUT", path, {"listenKey": key}, own) == (200, {"listenKey": key})
            assert server.ask("PUT", path, {}, other)[1]["code"] == -1125
            assert server.ask("DELETE", path, {"listenKey": key}, own) == (200, {})
            with pytest.raises(ConnectionClosedOK):
                heard.recv(PATIENCE_S)
            with pytest.raises(TimeoutError):
                silent.recv(0.1)


def test_notes_are_their_owners_alone_whatever_was_left_there(tmp_path: Path) -> None:
    path, part = tmp_path / NOTES, tmp_path / "notes.part"
    for each in (path, part):
        each.touch(mode=0o644)
        each.chmod(0o644)
    Notes(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_on_the_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and exports: what is acknowledged of them must be there after a loss of power."""
    synced: list[str] = []

    def sync(number: int) -> None:
        state = os.fstat(number)
        synced.append("folder" if stat.S_ISDIR(state.st_mode) else f"{state.st_size} bytes {state.st_mode & 0o777:o}")

    monkeypatch.setattr(os, "fsync", sync)
    Keys(tmp_path / "keys.json").add(Key(key="k", account="alice"))
    size = (tmp_path / "keys.json").stat().st_size
    _save(tmp_path / "downloads" / "order-1.csv", b"abc")
    assert synced == [f"{size} bytes 600", "folder", "3 bytes 600", "folder"]
    assert [each.name for each in (tmp_path / "downloads").iterdir()] == ["order-1.csv"]


def test_a_torn_last_line_is_passed_over_and_a_bad_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    notes = Notes(path)
    notes.add(Halted("A", on=True))
    notes.add(Halted("B", on=True))
    notes.add(Halted("A", on=False))
    notes.sync(is_durable=True)
    notes.close()
    with path.open("ab") as file:
        file.write(b'{"type":"halt","symb')
    again = Notes(path)
    again.close()
    assert again.halted == {"B"}
    assert path.read_bytes() == b'{"type":"halt","symbol":"B","on":true}\n'
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(UsageError, match="line 1"):
        Notes(path)


def test_a_note_of_a_match_is_of_its_order_alone(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes.jsonl")
    notes.restored()
    assert notes.matched(7, 0, "QUEUE") == "QUEUE"
    assert notes.matched(8, 0, "NONE") == "NONE"
    notes.close()
    again = Notes(tmp_path / "notes.jsonl")
    found = [again.matched(order, change, "NONE") for order, change in ((7, 0), (7, 1), (8, 0))]
    again.close()
    assert found == ["QUEUE", "NONE", "NONE"]

"""What no client sends, for a few seconds with one seed; `make fuzz` does it for minutes with another each time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.exchange import commands
from margincall.server.connections import HttpConnection, SocketConnection
from margincall.server.gateway import Gateway, Reply
from margincall.server.request import Request
from tests.fuzz import http_inputs, slow, socket_inputs
from tests.fuzz.http_inputs import World
from tests.fuzz.raw import Figures, Raw
from tests.fuzz.replies import Wrong, replies
from tests.fuzz.socket_frames import frames
from tests.fuzz.target import ISSUED, START, Target, issue_keys
from tests.server.running import Credentials, running

SEED = 1
OWN = Credentials(ISSUED[0].account, ISSUED[0].key, ISSUED[0].secret)
JSON = b"content-type: application/json\r\nx-simulated: 1\r\n"


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that slow connections end soon."""
    monkeypatch.setattr(HttpConnection, "look_s", 0.5)
    monkeypatch.setattr(SocketConnection, "look_s", 0.5)


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    issue_keys(folder)
    with running(folder, clock="simulated", start=START, is_lenient=True, durability="none") as (server, _):
        found = Target(server.told)
        yield found.prepare()
        found.close()


def fuzzed(folder: Path, seconds: float, slow_at_once: int = 0) -> Figures:
    with target(folder) as found:
        return asyncio.run(Raw(found, SEED).run(seconds, slow_at_once=slow_at_once))


def test_nothing_is_wrong(tmp_path: Path) -> None:
    figures = fuzzed(tmp_path, 4.0, slow.COUNT)
    assert figures.wrong == []
    assert figures.counts["looked"] > 50, figures.figure
    assert figures.counts["taken"] > 5, figures.figure
    assert figures.counts["slow"] == slow.COUNT
    assert figures.served > 10, figures.figure


def test_an_error_of_the_server_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Gateway, name: str) -> Any:
        raise ZeroDivisionError

    with target(tmp_path) as found:
        raw = Raw(found, SEED)
        monkeypatch.setattr(Gateway, "key_of", broken)
        figures = asyncio.run(raw.run(0.5, slow_at_once=0))
    assert any("500" in each and "--replay http" in each for each in figures.wrong), figures.wrong


def test_a_change_by_what_is_refused_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Gateway.answer

    async def changing(self: Gateway, request: Request) -> Reply:
        reply = await whole(self, request)
        if reply.status == 400:
            self.venue.carry_out(commands.Transfer(account="demo-1", asset="USDT", amount=Decimal(1)))
        return reply

    monkeypatch.setattr(Gateway, "answer", changing)
    figures = fuzzed(tmp_path, 1.0)
    assert any("the exchange has changed" in each for each in figures.wrong), figures.figure


def test_a_client_that_is_not_served_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.raw.PATIENCE_S", 0.0)
    assert any("waited" in each for each in fuzzed(tmp_path, 0.5).wrong)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 500 Internal Server Error\r\n" + JSON + b"content-length: 2\r\n\r\n{}",
        b"HTTP/1.1 400 Bad Request\r\n" + JSON + b"content-length: 2\r\n\r\n{}",
        b"HTTP/1.1 400 Bad Request\r\n" + JSON + b'content-length: 19\r\n\r\n{"code":1,"msg":""}',
        b"HTTP/1.1 200 OK\r\n" + JSON + b"content-length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + JSON + b"content-length: 1\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n",
        b"<html>",
    ],
)
def test_wrong_answers_are_known(raw: bytes) -> None:
    with pytest.raises(Wrong):
        replies(raw, has_head=False, is_upgrade=False)


@pytest.mark.parametrize("raw", [b"\x81\x85abc", b"\x83\x00", b"\x81\x05abc", b"\x01\x00"])
def test_wrong_frames_are_known(raw: bytes) -> None:
    with pytest.raises(Wrong):
        frames(raw, is_cut=False)


def test_a_number_names_an_input() -> None:
    """Another one is another input; all kinds come."""
    world = World(OWN, 1_795_824_000_000)
    for made in (http_inputs.made, socket_inputs.made, slow.slow):
        inputs = [made(SEED, number, world) for number in range(40)]
        assert inputs == [made(SEED, number, world) for number in range(40)]
        assert inputs != [made(SEED + 1, number, world) for number in range(40)]
    assert {socket_inputs.made(SEED, each, world).name for each in range(8)} == {
        each.__name__ for each in socket_inputs.FAMILIES
    }

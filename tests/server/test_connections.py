"""Connections that do nothing, half of something, or do not read: each is answered or closed, and no other notices."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.server.app import App
from margincall.server.connections import HEAD_MAX, HttpConnection, SocketConnection
from margincall.server.opened import Opened
from tests.server.running import Server, process, running

LOOK_S = 0.1
PATIENCE_S = 5.0
HOST = b"Host: x\r\n"
TIME = b"GET /fapi/v1/time HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /fapi/v1/order HTTP/1.1\r\n" + HOST
OPENING = (
    HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Opened]]:
    """One that looks at its connections ten times a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HttpConnection, "look_s", LOOK_S)
        patch.setattr(SocketConnection, "look_s", LOOK_S)
        with running(tmp_path_factory.mktemp("served"), clock="simulated", is_lenient=True) as found:
            yield found


def opened(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def told(client: socket.socket) -> bytes:
    """All that comes until the server closes; `TimeoutError` where it does not. (It may cut the connection off.)"""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            found += piece
    return found


def cut_off(client: socket.socket, sent: bytes, pause_s: float) -> bool:
    """Whether the server cuts off who sends the same again and again."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        try:
            client.sendall(sent)
        except ConnectionError:
            return True
        time.sleep(pause_s)
    return False


def open_ones(inside: Opened) -> int:
    """How many connections the API has."""
    return len(inside.serving._servers[0].server_state.connections)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /fapi",
        b"GET /fapi/v1/time HTTP/1.1\r\nHost: x\r\nX",
        b"\r\n\r\n",
        POST + b"Content-Length: 10\r\n\r\nabc",
        POST + b"Transfer-Encoding: chunked\r\n\r\n10\r\nabc",
        POST + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[-24:]),
)
def test_half_of_something_is_closed(server: tuple[Server, Opened], sent: bytes) -> None:
    with opened(server[0].port) as client:
        client.sendall(sent)
        told(client)


@pytest.mark.parametrize(
    ("first", "status", "then"),
    [
        (TIME, b"200", b"\r\n"),
        (TIME, b"200", b"GET /fapi"),
        (POST + b"Content-Length: 3000000\r\n\r\n" + b"a" * 1_100_000, b"413", b"a"),
    ],
    ids=["an empty line", "half a request", "the rest of too long a body"],
)
def test_half_of_something_after_an_answer_is_closed(
    server: tuple[Server, Opened], first: bytes, status: bytes, then: bytes
) -> None:
    with opened(server[0].port) as client:
        client.sendall(first)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 " + status)
        client.sendall(then)
        told(client)


def test_a_slow_loris_is_closed(server: tuple[Server, Opened]) -> None:
    """Byte by byte is not fast enough, however long it goes on."""
    with opened(server[0].port) as client:
        client.sendall(b"GET /")
        assert cut_off(client, b"a", LOOK_S / 5)


def test_a_quiet_client_keeps_its_connection(server: tuple[Server, Opened]) -> None:
    """Between two requests nothing needs to come for a while."""
    with opened(server[0].port) as client:
        for _ in range(2):
            client.sendall(TIME)
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
            time.sleep(4 * LOOK_S)


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00", b"GET /fapi/\xc3\xa9 HTTP/1.1\r\n\r\n", POST + b"Content-Length: -1\r\n\r\n",
     POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"CONNECT x:80 HTTP/1.1\r\n\r\n",
     b"GET /ws/" + b"a" * 9_000 + b" HTTP/1.1\r\n" + OPENING + b"\r\n",
     b"GET /ws HTTP/1.1\r\n" + OPENING + b"A: b\r\n" * 200 + b"\r\n"],
    ids=lambda sent: repr(sent[:24]),
)  # fmt: skip
def test_what_is_no_http_is_refused_as_json(server: tuple[Server, Opened], sent: bytes) -> None:
    with opened(server[0].port) as client:
        client.sendall(sent)
        head, _, body = told(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-simulated: 1\r\n" in head
    assert msgspec.json.decode(body) == {"code": -1013, "msg": "INVALID_MESSAGE."}


def test_a_head_has_an_end(server: tuple[Server, Opened], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is fast."""
    monkeypatch.setattr(HttpConnection, "look_s", 60.0)
    with opened(server[0].port) as client:
        client.sendall(b"GET /fapi/v1/time HTTP/1.1\r\n")
        assert cut_off(client, b"X-A: " + b"b" * (HEAD_MAX // 8) + b"\r\n", LOOK_S / 100)


def test_what_was_asked_before_no_http_is_answered(server: tuple[Server, Opened]) -> None:
    """It has been carried out, so its answer may not read like a refusal."""
    with opened(server[0].port) as client:
        client.sendall(TIME + b"\x00\x00\x00")
        found = told(client)
    assert found.startswith(b"HTTP/1.1 200 ")
    assert found.count(b"HTTP/1.1") == 1


def test_who_does_not_read_is_cut_off(server: tuple[Server, Opened]) -> None:
    with opened(server[0].port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /fapi/v1/exchangeInfo HTTP/1.1\r\n" + HOST + b"\r\n")
        began = time.monotonic()
        while open_ones(server[1]) and time.monotonic() - began < PATIENCE_S:
            with contextlib.suppress(OSError):
                client.send(b"GET /fapi/v1/exchangeInfo HTTP/1.1\r\n" + HOST + b"\r\n", socket.MSG_DONTWAIT)
            time.sleep(0.001)
        assert open_ones(server[1]) == 0


def frame(opcode: int, payload: bytes, *, is_last: bool = True) -> bytes:
    """A frame of a client; its mask is zero."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return bytes([(0x80 if is_last else 0) | opcode]) + length + b"\0\0\0\0" + payload


def socket_to(port: int) -> socket.socket:
    client = opened(port)
    client.sendall(b"GET /ws HTTP/1.1\r\n" + OPENING + b"\r\n")
    assert client.recv(1 << 12).startswith(b"HTTP/1.1 101 ")
    return client


@pytest.mark.parametrize("more", [b"", b"a"], ids=["once", "again and again"])
def test_a_message_in_pieces_has_an_end(server: tuple[Server, Opened], more: bytes) -> None:
    found = b""
    with socket_to(server[0].port) as client:
        client.sendall(frame(1, b"{", is_last=False))
        client.settimeout(LOOK_S / 5)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < PATIENCE_S:
                if more:
                    client.sendall(frame(0, more, is_last=False))
                with contextlib.suppress(TimeoutError):
                    if not (piece := client.recv(1 << 12)):
                        break
                    found += piece
        assert time.monotonic() - began < PATIENCE_S
    assert b"A message must come" in found
    assert found[2:4] == struct.pack("!H", 1008)


def test_text_that_is_none_closes(server: tuple[Server, Opened]) -> None:
    """Also where the client has closed in the same breath."""
    for more, code in ((b"", 1007), (frame(8, b"\x03\xe8"), 1000)):
        with socket_to(server[0].port) as client:
            client.sendall(frame(1, b"\xff") + more)
            assert told(client)[2:4] == struct.pack("!H", code)


@pytest.mark.parametrize(
    ("sent", "told_last"),
    [
        (frame(9, b"p"), b"\x8a\x01p"),
        (frame(8, b"\x03\xe8"), b"\x88\x02\x03\xe8"),
        (frame(1, b'{"method":"LIST_SUBSCRIPTIONS","id":1}'), b'{"result":[],"id":1}'),
        (frame(1, b"\xff"), b"A text must be UTF-8."),
        (b"\xff\xff", b""),
    ],
    ids=["ping", "closing", "message", "no text", "no frame"],
)
def test_what_comes_with_the_opening_is_heard(server: tuple[Server, Opened], sent: bytes, told_last: bytes) -> None:
    with opened(server[0].port) as client:
        client.sendall(b"GET /ws HTTP/1.1\r\n" + OPENING + b"\r\n" + sent)
        client.settimeout(0.5)
        found = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while piece := client.recv(1 << 12):
                found += piece
        assert found.endswith(told_last), found


def test_half_a_frame_is_closed(server: tuple[Server, Opened]) -> None:
    """Also where another byte comes now and then; not where frames follow each other."""
    with socket_to(server[0].port) as client:
        client.sendall(frame(1, b"a" * 125)[:20])
        assert b"A message must come" in told(client)
    with socket_to(server[0].port) as client:
        client.sendall(frame(1, b"a" * 60_000)[:20])
        assert cut_off(client, b"a", LOOK_S / 5)
    with socket_to(server[0].port) as client:
        pings = frame(9, b"p") * 40
        for begin in range(0, len(pings), 5):
            client.sendall(pings[begin : begin + 5])
            time.sleep(LOOK_S / 5)
        assert client.recv(1 << 12) == b"\x8a\x01p" * 40


def test_who_has_said_all_is_answered(server: tuple[Server, Opened]) -> None:
    with opened(server[0].port) as client:
        client.sendall(TIME * 3)
        client.shutdown(socket.SHUT_WR)
        assert told(client).count(b"HTTP/1.1 200 ") == 3
    half = POST + b"Content-Length: 9\r\n\r\nab"
    for count, more in (
        (1, TIME[:9]),
        (2, half),
        (1, POST + b"Transfer-Encoding: chunked\r\n\r\n"),
        (3, b"\x00"),
        (0, half),
    ):
        with opened(server[0].port) as client:
            client.sendall(TIME * count + more)
            client.shutdown(socket.SHUT_WR)
            assert told(client).count(b"HTTP/1.1 200 ") == count


def test_what_was_whole_before_what_is_broken_is_answered(server: tuple[Server, Opened]) -> None:
    """Also where the broken one has begun well."""
    with opened(server[0].port) as client:
        client.sendall(TIME * 2 + POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        found = told(client)
        assert found.count(b"HTTP/1.1 200 ") == found.count(b"HTTP/1.1 ") == 2


def test_pings_of_who_does_not_read_have_an_end(server: tuple[Server, Opened]) -> None:
    with socket_to(server[0].port) as client:
        assert cut_off(client, frame(9, b"p" * 125) * 1_000, 0)


def test_nothing_is_carried_out_for_who_went_before_the_end() -> None:
    """Of a body of which the end never came."""
    asked: list[Any] = []

    class Asked:
        async def answer(self, request: Any) -> Any:
            asked.append(request)

    async def tried(*messages: dict[str, Any]) -> None:
        left = list(messages)

        async def receive() -> dict[str, Any]:
            return left.pop(0)

        async def send(message: Any) -> None:
            raise AssertionError(message)

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [], "scheme": "http"}
        await App(Asked())(scope, receive, send)  # type: ignore[arg-type]

    gone = {"type": "http.disconnect"}
    asyncio.run(tried({"type": "http.request", "body": b"symbol=", "more_body": True}, gone))
    asyncio.run(tried(gone))
    assert asked == []


def test_the_end_waits_for_no_half_request(tmp_path: Path) -> None:
    """Nor does it complain of one."""
    with process(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(b"POST /fapi/v1/order HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
        assert server.ask("GET", "/fapi/v1/openOrders", {}, server.keys[0])[0] == 200
        assert server.end() == (0, "")

"""Frames of sockets (RFC 6455), as they should be and as they should not; and what came back, read again."""

import struct
from typing import NamedTuple

from tests.fuzz.replies import Wrong

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x00\x00\x00\x00"
"""Any mask will do; this one leaves the bytes as they are."""


class Frame(NamedTuple):
    """A frame of the server."""

    opcode: int
    payload: bytes


def opening(path: str, *, more: bytes = b"", version: bytes = b"13") -> bytes:
    """The opening of a socket."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode() + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: " + version + b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + more + b"\r\n"
    )


def frame(
    opcode: int, payload: bytes, *, is_last: bool = True, is_masked: bool = True, reserved: int = 0, length: int = -1
) -> bytes:
    """A frame; `length` is told in place of the true one."""
    told = len(payload) if length < 0 else length
    mark = 0x80 if is_masked else 0
    head = bytes([(0x80 if is_last else 0) | reserved << 4 | opcode])
    if told < 126:
        head += bytes([mark | told])
    elif told < 1 << 16:
        head += bytes([mark | 126]) + struct.pack("!H", told)
    else:
        head += bytes([mark | 127]) + struct.pack("!Q", told)
    return head + (MASK if is_masked else b"") + payload


def frames(raw: bytes, *, is_cut: bool) -> list[Frame]:
    """What the server sent after the opening. Raises `Wrong` for what is none, unless the connection was cut off."""
    found = []
    while raw:
        if len(raw) < 2:
            break
        first, second, at = raw[0], raw[1], 2
        size = second & 0x7F
        if size == 126:
            size, at = int.from_bytes(raw[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(raw[2:10], "big"), 10
        if not first & 0x80 or first & 0x70 or second & 0x80 or first & 0x0F not in (TEXT, BINARY, CLOSE, PING, PONG):
            raise Wrong(f"no frame of a server: {raw[:40]!r}")
        if len(raw) < at + size:
            break
        found.append(Frame(first & 0x0F, raw[at : at + size]))
        raw = raw[at + size :]
    if raw and not is_cut:
        raise Wrong(f"half a frame: {raw[:40]!r}")
    return found

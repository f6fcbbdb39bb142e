"""Clients of a served exchange for the long runs: REST over connections that stay open, sockets, the control API.

Small on purpose: on a machine of two cores whoever asks must cost less than whoever answers.
"""

import asyncio
import itertools
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.server.running import Credentials, Process, signed

END = b"\r\n\r\n"
IDLE_S = 3
"""A connection that nobody has used for so long is opened anew: the server closes idle ones after five seconds."""
Answer = tuple[int, Any]


class Gone(ConnectionError):
    """The server is gone; what was asked last may have been carried out or not."""


class Line:
    """One connection of one account. A request that breaks off raises `Gone`; the next one opens it anew."""

    def __init__(self, port: int, own: Credentials | None = None) -> None:
        """Not connected yet."""
        self.port, self.own = port, own
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used_s = 0.0

    async def ask(self, method: str, path: str, params: Mapping[str, object], *, now_ms: int) -> Answer:
        """Status and answer of a signed request."""
        assert self.own is not None
        query = signed({**params, "recvWindow": 60_000, "timestamp": now_ms}, self.own.secret)
        return await self.send(method, f"{path}?{query}", b"", f"X-MBX-APIKEY: {self.own.key}\r\n")

    async def send(self, method: str, target: str, body: bytes = b"", headers: str = "") -> Answer:
        """Status and answer of a request as it is."""
        try:
            reader, writer = await self._connected()
            head = f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            return await _answer(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise Gone(str(error)) from error

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        now_s, self._used_s = self._used_s, time.monotonic()
        if self._used_s - now_s > IDLE_S:
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        return self._streams

    def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(END)
    length = next(
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"
    )
    return int(head[9:12]), json.loads(await reader.readexactly(length))


class Operator:
    """The control API of a server."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        """What the server printed."""
        self._line = Line(int(told["control_port"]))
        self._headers = f"x-control-token: {told['control_token']}\r\n"

    async def post(self, path: str, body: object) -> Any:
        """The answer, which must be no refusal."""
        status, answer = await self._line.send("POST", path, json.dumps(body).encode(), self._headers)
        assert status == 200, (path, answer)
        return answer

    async def get(self, path: str) -> Any:
        """The answer, which must be no refusal."""
        status, answer = await self._line.send("GET", path, b"", self._headers)
        assert status == 200, (path, answer)
        return answer

    async def account(self, name: str, money: str, **more: object) -> Credentials:
        """A new account with a key."""
        await self.post("/accounts", {"name": name, "deposits": {"USDT": money}, **more})
        key = await self.post("/keys", {"account": name})
        return Credentials(name, key["key"], key["secret"])

    def close(self) -> None:
        """Let go of the connection."""
        self._line.close()


class Memory(NamedTuple):
    """What a process holds, in MiB: resident, resident without the share of others, and what is its own alone."""

    rss: float
    pss: float
    anonymous: float


def memory(pid: int) -> Memory:
    """Of a process, from `/proc/PID/smaps_rollup` (Linux)."""
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:])
    found = {row[0]: int(row[1]) / 1024 for row in rows}
    return Memory(found["Rss:"], found["Pss:"], found["Anonymous:"])


def processor_s(pid: int) -> float:
    """The time that a process has had of the processors."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def now_ms() -> int:
    """The clock of the machine."""
    return time.time_ns() // 1_000_000


@contextmanager
def process(folder: Path, *flags: str) -> Iterator[Process]:
    """A server in a process, ended by SIGTERM if nobody has killed it."""
    server = Process(folder, *flags)
    try:
        yield server
    finally:
        server.end(signal.SIGTERM)


def names(prefix: str) -> Iterator[str]:
    """Client order ids, none twice."""
    return (f"{prefix}-{number}" for number in itertools.count())

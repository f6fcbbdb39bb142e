"""Servers on free ports of the loopback, for tests where sockets matter.

with running(tmp_path) as server:               in a thread of this process
with process(tmp_path) as server:               a process of its own, which can be killed
    server.control("POST", "/prices", {...})
    server.ask("GET", "/fapi/v1/order", {...}, server.keys[0])
"""

import asyncio
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from margincall.server.opened import Opened, Options, opened
from margincall.server.serving import Ports, run
from tests.sources import ROOT

CODE = "from margincall.cli.main import main; main()"
PATIENCE_S = 30


class Credentials(NamedTuple):
    """A key of an account, and its secret."""

    account: str
    key: str
    secret: str


class Server:
    """Where a server listens, and how to ask it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        """What it printed for scripts."""
        self.told = told
        self.port, self.control_port = int(told["port"]), int(told["control_port"])
        self.keys = [Credentials(each["account"], each["key"], each["secret"]) for each in told["keys"]]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of the control API, whatever its status."""
        return self.control_raw(method, path, body, self.told["control_token"])[1]

    def control_raw(self, method: str, path: str, body: Any, token: str) -> tuple[int, Any]:
        """Status and answer."""
        data = None if body is None else json.dumps(body)
        return exchanged(self.control_port, method, path, data, {"x-control-token": token})

    def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, object],
        own: Credentials,
        *,
        now_ms: int | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> tuple[int, Any]:
        """Status and answer of a signed request."""
        query = signed({**params, "timestamp": now_ms or time.time_ns() // 1_000_000}, own.secret)
        return exchanged(self.port, method, f"{path}?{query}", None, {"X-MBX-APIKEY": own.key}, connection=connection)


def signed(params: Mapping[str, object], secret: str) -> str:
    """A query with its signature."""
    query = urlencode(params)
    return f"{query}&signature={hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"


def exchanged(
    port: int,
    method: str,
    path: str,
    body: str | None,
    headers: Mapping[str, str],
    *,
    connection: http.client.HTTPConnection | None = None,
) -> tuple[int, Any]:
    """One request and its answer; without a connection by one of its own."""
    used = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        used.request(method, path, body, dict(headers))
        response = used.getresponse()
        return response.status, json.loads(response.read())
    finally:
        if connection is None:
            used.close()


@contextmanager
def running(folder: Path | None = None, **options: Any) -> Iterator[tuple[Server, Opened]]:
    """A server in a thread, with its inside; it has ended cleanly when this has."""
    wanted = Options(folder=folder, port=0, control_port=0, **options)
    started = threading.Event()
    inside: list[tuple[Opened, Ports, asyncio.AbstractEventLoop]] = []

    def work() -> None:
        try:
            with opened(wanted) as found:
                run(_served(found, inside, started))
        finally:
            started.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            assert started.wait(PATIENCE_S)
            if not inside:
                future.result()
            found, ports, _ = inside[0]
            keys = [{"account": each.account, "key": each.key, "secret": each.secret} for each in found.keys]
            told = {"port": ports.api, "control_port": ports.control, "control_token": found.token, "keys": keys}
            yield Server(told), found
        finally:
            if inside and not future.done():
                inside[0][2].call_soon_threadsafe(inside[0][0].serving.stop)
        future.result(PATIENCE_S)


async def _served(
    found: Opened, inside: list[tuple[Opened, Ports, asyncio.AbstractEventLoop]], started: threading.Event
) -> None:
    """Serve; `inside` is told what a test may look at."""

    def listen(at: Ports) -> None:
        inside.append((found, at, asyncio.get_running_loop()))
        started.set()

    await found.serving.run("127.0.0.1", (0, 0), listen)


class Process(Server):
    """A server in a process of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        """Start it, and wait until it listens."""
        self.process = self.begun(folder, *flags)
        try:
            super().__init__(json.loads(self._line()))
        except BaseException:
            self.end(signal.SIGKILL)
            raise

    def _line(self) -> str:
        """What it prints once it listens."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate(timeout=PATIENCE_S)
            raise AssertionError(f"it did not start: {errors}")
        return line

    @staticmethod
    def begun(folder: Path, *flags: str) -> subprocess.Popen[str]:
        """Its process, which does not listen yet."""
        command = [
            sys.executable, "-c", CODE, "exchange", "serve", "--json", "--port", "0", "--control-port", "0",
            "--folder", str(folder), *flags,
        ]  # fmt: skip
        environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; its exit code and what it said on standard error. One that does not end by then is killed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            _, errors = self.process.communicate(timeout=PATIENCE_S)
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, errors


@contextmanager
def process(folder: Path, *flags: str) -> Iterator[Process]:
    """A server in a process, ended by SIGTERM if nobody has killed it."""
    server = Process(folder, *flags)
    try:
        yield server
    finally:
        server.end()

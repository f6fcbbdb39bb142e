"""A recorded server on the loopback, and a rescue from it: as a process, to be killed and watched, or in this one."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from tests.cli.calling import Called, call
from tests.recorded.server import KEY, SECRET, parser, recorded_of, started
from tests.sources import ROOT

PATIENCE_S = 30.0
COMMAND = "from margincall.cli.main import main; main()"


class Served(NamedTuple):
    """A running server: its base address, and the file to which it writes every request when it arrives."""

    base: str
    log: Path

    def requests(self) -> list[str]:
        """The requests so far, without their numbers."""
        text = self.log.read_text() if self.log.exists() else ""
        return [line.partition(" ")[2] for line in text.splitlines()]

    def wait_until_stalled(self) -> None:
        """Until the request that is to hang has arrived."""
        flag = self.log.with_suffix(".stalled")
        end = time.monotonic() + PATIENCE_S
        while not flag.exists():
            assert time.monotonic() < end, "the request never arrived"
            time.sleep(0.01)


@contextmanager
def server(scratch: Path, *options: str) -> Iterator[Served]:
    """A server with the options of its command, on a free port of the loopback, ended with the context. It runs in a
    thread of this process, with a loop of its own."""
    scratch.mkdir(parents=True, exist_ok=True)
    log = scratch / "server.log"
    recorded = recorded_of(parser().parse_args(["--log", str(log), *options]))
    listening: Future[asyncio.AbstractEventLoop] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        runner = await started(recorded)
        listening.set_result(asyncio.get_running_loop())
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    loop = listening.result(PATIENCE_S)
    try:
        yield Served(f"http://127.0.0.1:{recorded.port}", log)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE_S)


def words(folder: Path, served: Served, *options: str) -> list[str]:
    """The words of a rescue from a server."""
    hosts = [word for name in ("fapi", "dapi", "spot") for word in (f"--{name}", served.base)]
    return ["rescue", "--to", str(folder), *hosts, "--weight", "1000000", *options]


def command(folder: Path, served: Served, *options: str) -> list[str]:
    """Its command line."""
    return [sys.executable, "-c", COMMAND, *words(folder, served, *options)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours with the planted key, and no answer of a terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARGINCALL")}
    return {**kept, "MARGINCALL_API_KEY": KEY, "MARGINCALL_API_SECRET": SECRET, "COLUMNS": "140", **(extra or {})}


def rescue(folder: Path, served: Served, *options: str) -> subprocess.CompletedProcess[str]:
    """A rescue from beginning to end, as a process."""
    return subprocess.run(
        command(folder, served, *options), env=environment(), cwd=ROOT, capture_output=True, text=True,
        timeout=PATIENCE_S * 4, check=False,
    )  # fmt: skip


def rescue_here(folder: Path, served: Served, *options: str) -> Called:
    """The same in this process, which spares the start of another."""
    with mock.patch.dict(os.environ, environment(), clear=True):
        return call(*words(folder, served, *options))


def killed(folder: Path, served: Served) -> str:
    """A rescue that is killed while a request hangs; the arguments with which it ran, as everybody could read them."""
    process = subprocess.Popen(
        command(folder, served), env=environment(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        served.wait_until_stalled()
        listed = Path(f"/proc/{process.pid}/cmdline")
        arguments = listed.read_bytes().decode("utf-8", "replace") if listed.exists() else ""
    finally:
        process.kill()
        process.communicate()
    return arguments

"""A recorded server and a rescue as processes of their own, to be killed, watched, and listened to."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.recorded.server import KEY, SECRET
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
    """A server process on a free port of the loopback, ended with the context."""
    scratch.mkdir(parents=True, exist_ok=True)
    log = scratch / "server.log"
    command = [sys.executable, "-m", "tests.recorded.server", "--log", str(log), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        assert ready, "the server did not start"
        word, port = process.stdout.readline().split()
        assert word == "listening"
        yield Served(f"http://127.0.0.1:{port}", log)
    finally:
        process.kill()
        process.communicate()


def command(folder: Path, served: Served, *options: str) -> list[str]:
    """The command line of a rescue from a server."""
    hosts = [word for name in ("fapi", "dapi", "spot") for word in (f"--{name}", served.base)]
    return [sys.executable, "-c", COMMAND, "rescue", "--to", str(folder), *hosts, "--weight", "1000000", *options]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours with the planted key, and no answer of a terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARGINCALL")}
    return {**kept, "MARGINCALL_API_KEY": KEY, "MARGINCALL_API_SECRET": SECRET, "COLUMNS": "140", **(extra or {})}


def rescue(folder: Path, served: Served, *options: str) -> subprocess.CompletedProcess[str]:
    """A rescue from beginning to end."""
    return subprocess.run(
        command(folder, served, *options), env=environment(), cwd=ROOT, capture_output=True, text=True,
        timeout=PATIENCE_S * 4, check=False,
    )  # fmt: skip


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

"""A planted key and secret appear nowhere: no file, no output, no log, no traceback, no list of processes."""

import logging
from collections.abc import Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from margincall.case import transport
from margincall.case.client import Reply
from margincall.errors import BUG
from tests.accept.rescue import FAULTS, secrets, where_secrets_are
from tests.cli.calling import call
from tests.recorded.processes import killed, rescue, server
from tests.recorded.server import KEY, SECRET


@pytest.mark.parametrize("fault", FAULTS[:4])
def test_no_secret_anywhere_whatever_the_server_does(tmp_path: Path, fault: str) -> None:
    """It echoes the request, answers garbage, breaks off."""
    assert secrets(tmp_path, [fault]) == (1, [])


@pytest.mark.slow
def test_no_secret_anywhere_whatever_else_the_server_does(tmp_path: Path) -> None:
    """It redirects, fails, refuses, bans."""
    assert secrets(tmp_path, FAULTS[4:]) == (len(FAULTS) - 4, [])


def test_the_list_of_processes_shows_none(tmp_path: Path) -> None:
    """While the rescue runs, anybody may read its arguments."""
    with server(tmp_path / "server", "--fault", "30:stall") as served:
        arguments = killed(tmp_path / "case", served)
    assert "rescue" in arguments
    assert where_secrets_are(tmp_path, {"arguments": arguments}) == []


def test_the_grep_finds_what_is_planted(tmp_path: Path) -> None:
    """It can fail."""
    (tmp_path / "a").write_text(f"x{SECRET}")
    (tmp_path / "b").write_text("https://x.test?signature=00")
    assert len(where_secrets_are(tmp_path, {"c": KEY, "d": "nothing"})) == 3


def test_a_crash_of_the_client_shows_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug whose message holds key, secret and signed address: exit code 70, a traceback, and none of them."""

    @asynccontextmanager
    async def broken() -> Any:
        async def get(address: str, headers: Mapping[str, str]) -> Reply:
            if address.endswith("/time"):
                return Reply(200, {}, b'{"serverTime":1780000000000}')
            raise RuntimeError(f"{address} {headers} {SECRET}")

        yield get

    monkeypatch.setattr(transport, "network", broken)
    monkeypatch.setenv("MARGINCALL_API_KEY", KEY)
    monkeypatch.setenv("MARGINCALL_API_SECRET", SECRET)
    with caplog.at_level(logging.DEBUG):
        called = call("rescue", "--to", str(tmp_path / "case"))
    assert called.code == BUG
    assert "RuntimeError" in called.err
    assert "timestamp=" in called.err
    heard = {"out": called.out, "err": called.err.replace("signature=(hidden)", ""), "log": caplog.text}
    assert where_secrets_are(tmp_path, heard) == []


def test_development_mode_and_debug_logs_show_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio in debug mode writes what it waits for."""
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    with server(tmp_path / "server", "--fault", "20:echo") as served:
        done = rescue(tmp_path / "case", served, "--no-exports")
    assert done.returncode == 0, done.stderr
    assert where_secrets_are(tmp_path, {"out": done.stdout, "err": done.stderr}) == []

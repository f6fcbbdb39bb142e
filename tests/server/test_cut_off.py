"""A client that never reads is dropped, and nothing of it stays behind in the server."""

import time
from pathlib import Path

import pytest

from margincall.server import hub, sockets
from margincall.server.connections import SocketConnection
from tests.accept.serve_listeners import Silent
from tests.server.running import PATIENCE_S, running


def test_who_never_reads_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MOST_WAITING", 5)
    monkeypatch.setattr(sockets, "CLOSE_WITHIN_S", 0.1)
    monkeypatch.setattr(SocketConnection, "look_s", 0.1)
    with running(tmp_path) as (server, found):
        streaming, connections = found.built.streaming, found.serving._servers[0].server_state.connections
        silent = Silent(server.port, ["a@b"])
        until = time.monotonic() + PATIENCE_S
        while not streaming.hub.wants("a@b"):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert len(connections) == 1
        loop = next(iter(connections)).loop
        while streaming.hub.wants("a@b") or connections:
            assert time.monotonic() < until, "it was not dropped, or its connection stays"
            loop.call_soon_threadsafe(streaming.hub.tell, "a@b", "x" * 100_000)
            time.sleep(0.01)
        assert streaming.sockets.count == 0
        silent.close()

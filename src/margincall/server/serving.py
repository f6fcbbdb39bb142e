"""The running server: two ports on one loop, a timer for the exchange's clock, and a clean end.

The API and the control API are two servers of uvicorn on one loop, so that both speak to the engine in its thread.
"""

import asyncio
import contextlib
import errno
import ipaddress
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from decimal import setcontext
from typing import Any, NamedTuple

import uvicorn

from margincall.core.rounding import CONTEXT
from margincall.errors import UsageError
from margincall.server.assembled import Assembled
from margincall.server.connections import HttpConnection
from margincall.server.errors import ApiError
from margincall.server.player import Player
from margincall.server.sockets import OPTIONS
from margincall.server.tls import Tls
from margincall.server.venue import TICK_MS

if sys.platform != "win32":
    import uvloop

GRACE_S = 2
"""How long requests that are under way may take when the server ends."""
SEND_BUFFER = 1 << 18
"""Bytes that the system keeps for one connection: else it lets megabytes wait for whoever does not read, unseen by the
queue of its socket."""
Work = Callable[[], Coroutine[Any, Any, None]]


class Ports(NamedTuple):
    """Where it listens."""

    host: str
    api: int
    control: int


class _Server(uvicorn.Server):
    """One that leaves signals to whoever runs two of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Serving:
    """Serves until it is stopped.

    `works` run beside it (a market for show); one that fails ends the server.
    """

    def __init__(
        self, built: Assembled, control: Any, player: Player, *, works: tuple[Work, ...] = (), tls: Tls | None = None
    ) -> None:
        """`control` is the ASGI application of the control API, which is never encrypted: `tls` is for the other."""
        self.built, self._player, self._works = built, player, works
        self._servers = (_Server(_config(built.app, tls)), _Server(_config(control)))
        self._ended = asyncio.Event()

    @property
    def requests(self) -> int:
        """How many the API has answered."""
        return self._servers[0].server_state.total_requests

    def beside(self, work: Work) -> None:
        """Another work, before it runs."""
        self._works = (*self._works, work)

    def stop(self) -> None:
        """End it; to be called in its loop."""
        self._ended.set()

    async def run(self, host: str, ports: tuple[int, int], started: Callable[[Ports], None]) -> None:
        """Serve until `stop`; then answer what is under way, sync the journal and close. `started` is told the ports
        once both are open. Raises `UsageError` where a port cannot be had, and `JournalFailed`."""
        with contextlib.closing(self.built), contextlib.ExitStack() as stack:
            flags = zip(ports, ("--port", "--control-port"), strict=True)
            sockets = [stack.enter_context(_listening(host, port, flag)) for port, flag in flags]
            tasks = [
                asyncio.create_task(server.serve([each])) for server, each in zip(self._servers, sockets, strict=True)
            ]
            try:
                while not all(server.started for server in self._servers) and not any(each.done() for each in tasks):
                    await asyncio.sleep(TICK_MS / 1000)
                started(Ports(host, *(each.getsockname()[1] for each in sockets)))
                works = [asyncio.create_task(work()) for work in (self._keep_time, *self._works)]
                await self._until_ended(works)
            finally:
                self._player.end()
                self.built.streaming.sockets.shut_down()
                for server in self._servers:
                    server.should_exit = True
                await asyncio.gather(*tasks)

    async def _until_ended(self, works: list[asyncio.Task[None]]) -> None:
        """Wait for the end, or for a work that breaks off, whose error is raised."""
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({ended, *works}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        for each in works:
            each.cancel()
        for found in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(found, Exception):
                raise found

    async def _keep_time(self) -> None:
        """Let the exchange's clock follow the server's, and play what is to be played. (A simulated clock has gone
        nowhere in between, and its prices have been played as it was set.)"""
        while True:
            self.built.venue.tick()
            try:
                self._player.follow()
            except ApiError as error:  # a path is over with a price that the exchange refuses, and the server is not
                error.told()
            self.built.streaming.tick()
            await asyncio.sleep(TICK_MS / 1000)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; of a name only `localhost` is known to be so."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in the fastest loop that there is here."""
    setcontext(CONTEXT.copy())  # which each exact function would else set for itself
    factory = uvloop.new_event_loop if sys.platform != "win32" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def _config(app: Any, tls: Tls | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app, **OPTIONS, http=HttpConnection, lifespan="off", access_log=False, log_level="warning", log_config=None,
        server_header=False, timeout_graceful_shutdown=GRACE_S,
        proxy_headers=False,  # else any local client says by X-Forwarded-For whose limits it uses
        ssl_certfile=tls.certificate if tls is not None else None, ssl_keyfile=tls.key if tls is not None else None,
    )  # fmt: skip


def _listening(host: str, port: int, flag: str) -> socket.socket:
    """A socket that listens. Raises `UsageError`, which names the flag of another port where this one is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        found.bind((host, port))
    except OSError as error:
        found.close()
        other = f"; choose another with {flag}, or 0 for any" if error.errno == errno.EADDRINUSE else ""
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}{other}") from None
    return found

"""Sockets: streams of markets and accounts, subscribed to by address or by message, and the WebSocket API.

Rules of the venue (documentation, Websocket Market Streams, 2026-05): at most 1,024 streams a connection, 10 messages
a second from a client, a life of 24 hours; what is no JSON disconnects. Pings are the server's (`OPTIONS`).
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from margincall.server.app import Receive, Scope, Send
from margincall.server.connections import SocketConnection
from margincall.server.hub import GOING_AWAY, POLICY, Hub, Listener
from margincall.server.socket_paths import API, address
from margincall.server.subscribing import Accounts, Routing, Subscriber
from margincall.server.venue import Venue

LIFE_MS = 24 * 3_600_000
CLOSE_WITHIN_S = 5.0
"""So long a connection that does not read is given to take its closing; then it is cut off."""
OPTIONS: Mapping[str, Any] = {
    "ws": SocketConnection, "ws_ping_interval": 180.0, "ws_ping_timeout": 600.0, "ws_max_size": 1 << 20,
    "ws_per_message_deflate": False,
}  # fmt: skip
"""What uvicorn is told: a ping every three minutes, a pong within ten, messages of at most 1 MiB."""


class Talk(Protocol):
    """What answers one connection."""

    def hear(self, text: str) -> None:
        """A message of the client."""

    def end(self) -> None:
        """The connection is gone."""


Opener = Callable[[Listener, Scope], Talk]


class Sockets:
    """The handler that `App` is given. `is_strict`: the venue's routing is kept, else any stream is sent over any
    route. `api` opens a connection of the WebSocket API."""

    def __init__(
        self, venue: Venue, hub: Hub, accounts: Accounts, *, api: Opener | None = None, is_strict: bool = False
    ) -> None:
        """Nobody is connected."""
        self._venue, self._hub, self._api = venue, hub, api
        self._routing = Routing(accounts, venue.api_date, is_strict=is_strict)
        self._open: dict[Listener, int] = {}
        """Connections, the oldest first, and since when they are there."""

    @property
    def count(self) -> int:
        """How many are connected."""
        return len(self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its opening to its end."""
        await receive()
        opener = self._opener(scope)
        if opener is None:
            await send({"type": "websocket.close", "code": POLICY})
            return
        await send({"type": "websocket.accept", "headers": [(b"x-simulated", b"1")]})
        listener = Listener()
        self._open[listener] = self._venue.now_ms()
        talk = opener(listener, scope)
        try:
            await _serve(listener, talk, receive, send)
        finally:
            del self._open[listener]
            talk.end()

    def _opener(self, scope: Scope) -> Opener | None:
        if scope["path"].rstrip("/") == API:
            return self._api
        found = address(scope["path"], scope["query_string"])
        return None if found is None else lambda listener, _: Subscriber(self._hub, self._routing, listener, found)

    def tick(self, now_ms: int) -> None:
        """Close what has lived its life."""
        for listener, since_ms in self._open.items():
            if now_ms - since_ms < LIFE_MS:
                break
            listener.close(GOING_AWAY, "The connection was open for 24 hours.")

    def shut_down(self) -> None:
        """Tell everybody that the server stops, and close."""
        for listener in self._open:
            listener.put('{"event":{"e":"serverShutdown"}}')
            listener.close(GOING_AWAY, "The server stops.")


async def _serve(listener: Listener, talk: Talk, receive: Receive, send: Send) -> None:
    """Read and write until one of them ends. Once the connection is to be closed, the client is not waited for long."""
    reading = asyncio.ensure_future(_read(talk, receive))
    writing = asyncio.ensure_future(_write(listener, send))
    closing = asyncio.ensure_future(listener.closes.wait())
    tasks: tuple[asyncio.Future[Any], ...] = reading, writing, closing
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if closing.done() and not reading.done():
            await asyncio.wait((writing,), timeout=CLOSE_WITHIN_S)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception) and not isinstance(each, OSError):
            raise each


async def _read(talk: Talk, receive: Receive) -> None:
    """Hear a client until it goes."""
    while (message := await receive())["type"] != "websocket.disconnect":
        text = message.get("text")
        talk.hear(message.get("bytes", b"").decode("utf-8", "replace") if text is None else text)


async def _write(listener: Listener, send: Send) -> None:
    """Send what waits, until the connection is to be closed."""
    while True:
        while (text := listener.take()) is not None:
            await send({"type": "websocket.send", "text": text})
        if listener.closing is not None:
            code, reason = listener.closing
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        await listener.wait()

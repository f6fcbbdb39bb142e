"""The ASGI application: requests as raw bytes to the gateway. (Signatures cover raw bytes, and clients send bodies of
any Content-Type with any method, so nothing here parses one.)"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from margincall.server.gateway import JSON, SIMULATED, Gateway, Reply
from margincall.server.request import BODY_MAX, Request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Sockets = Callable[[Scope, Receive, Send], Awaitable[None]]
TOO_LONG = Reply(413, b'{"code":-1101,"msg":"Request body is too large."}', (JSON, SIMULATED))


class App:
    """Serves REST; sockets are handed to `sockets`."""

    def __init__(self, gateway: Gateway, sockets: Sockets | None = None) -> None:
        """The gateway that answers."""
        self._gateway, self._sockets = gateway, sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one socket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and self._sockets is not None:
            await self._sockets(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await whole_body(receive)
        if body is not None:
            reply = await self.reply(scope, body)
            await send({"type": "http.response.start", "status": reply.status, "headers": _headers_of(reply)})
            await send({"type": "http.response.body", "body": reply.body})

    async def reply(self, scope: Scope, body: bytes) -> Reply:
        """The answer to a request, in one piece."""
        if len(body) > BODY_MAX:
            return TOO_LONG
        key, host = b"", b"127.0.0.1"
        for name, value in scope["headers"]:
            if name == b"x-mbx-apikey":
                key = value
            elif name == b"host":
                host = value
        client = scope.get("client")
        request = Request(
            method=scope["method"], path=scope["path"], query=scope["query_string"], body=body,
            key=key.decode("latin-1"), ip=client[0] if client else "127.0.0.1", host=host.decode("latin-1"),
            scheme=scope["scheme"],
        )  # fmt: skip
        return await self._gateway.answer(request)


async def whole_body(receive: Receive) -> bytes | None:
    """The whole body, or as much of one that is longer than any request may be; none if the client went before that:
    nothing of its request is carried out."""
    found, is_whole = b"", False
    while not is_whole and len(found) <= BODY_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        found += message.get("body", b"")
        is_whole = not message.get("more_body")
    return found


def _headers_of(reply: Reply) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, with its length."""
    headers = [(name.encode(), value.encode()) for name, value in reply.headers]
    headers.append((b"content-length", b"%d" % len(reply.body)))
    return headers


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

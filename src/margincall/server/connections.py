"""Connections that do not get stuck: what uvicorn's protocols leave unbounded, bounded.

Whoever sends nothing, or sends a head, a body or a message so slowly that it is not whole, is closed; whoever does not
take an answer, too. Each connection is looked at every `LOOK_S` seconds, and what has not moved on from one look to the
next is over: so after one to two of them. What is no HTTP is refused as JSON, like everything else that is refused.
"""

import asyncio
from typing import Any, ClassVar, cast

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from margincall.server.app import App, Receive, Scope, whole_body
from margincall.server.errors import NO_MESSAGE
from margincall.server.gateway import JSON, SIMULATED, Reply, encoded

LOOK_S = 10.0
HEAD_MAX = 1 << 16
"""Bytes of an address and its headers that come in several pieces. (One piece is at most 256 KiB.)"""
UNSENT_MAX = 1 << 20
"""Bytes that may wait for a client that pings and does not read."""
NO_TEXT, POLICY = 1007, 1008
BAD_REQUEST, HEAD_TOO_LARGE = 400, 431
DEFECT = Reply(
    500, b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}', (JSON, SIMULATED)
)


class HttpConnection(HttpToolsProtocol):
    """One connection of HTTP."""

    look_s: ClassVar[float] = LOOK_S

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to look at it."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._seen: object = self  # what was read at the last look: nothing yet, not even that nothing came
        self._unsent = self._head = 0
        self._answered: RequestResponseCycle | None = None
        self._is_over = False
        self._next = self.loop.call_later(self.look_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more; nothing is written to who has gone."""
        self._next.cancel()
        if self._answered is not None:
            self._answered.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a piece; of a head only so much. What comes right behind the opening of a socket is the socket's."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self.send_400_response("")
            return
        except HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                self._hand_over(data[upgrade.args[0] :])
                return
        if self._is_head_whole():
            self._head = 0
        else:
            self._head += len(data)
            if self._head > HEAD_MAX and not self.transport.is_closing():
                self._refuse(HEAD_TOO_LARGE)

    def shutdown(self) -> None:
        """The server ends: what is not asked as a whole by now is not waited for."""
        if self._is_waiting():
            self.transport.abort()
        else:
            super().shutdown()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client says no more: it may still wait for the answer to what it has said."""
        return self._finish() or None

    def handle_websocket_upgrade(self) -> None:
        """From now on it is a `SocketConnection`."""
        self._next.cancel()
        super().handle_websocket_upgrade()

    def _hand_over(self, rest: bytes) -> None:
        connection = self.transport.get_protocol()
        if rest and not self.transport.is_closing():
            assert isinstance(connection, SocketConnection), "`Serving` sets it"
            connection.data_received(rest)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP. Requests before it, which were whole, are answered first: they are carried out."""
        if self._is_over:
            return
        if self._finish():
            self.flow.pause_reading()
        else:
            self._refuse(BAD_REQUEST)

    def _finish(self) -> bool:
        """Let what was asked as a whole be answered, and nothing after it; whether there is any such request."""
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._answered
        if last is None or last.response_complete or last.more_body:
            return False
        last.keep_alive = False
        self._is_over = True
        return True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Know which request is being answered: of several at once it is not the latest. What answers in one piece is
        written in one: as messages it takes a twelfth of the time of an order."""
        self._answered = cycle
        if not isinstance(app, App):
            super()._start_asgi_task(cycle, app)
            return
        task = self.loop.create_task(self._answer(cycle, app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _answer(self, cycle: RequestResponseCycle, app: App) -> None:
        """What `RequestResponseCycle.run_asgi` and `send` do for an answer in messages."""
        body = None if cycle.disconnected else bytes(cycle.body)
        if cycle.more_body:
            body = await whole_body(cast(Receive, cycle.receive))
        if body is None:
            return
        try:
            reply = await app.reply(cast(Scope, cycle.scope), body)
        except Exception as error:
            self.logger.error("Exception in the application\n", exc_info=error)
            reply = DEFECT
            cycle.keep_alive = False
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        self.transport.write(_whole(reply, cycle))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _refuse(self, status: int) -> None:
        self.transport.write(refusal(status))
        self.transport.close()

    def _look(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent == self._unsent:
            self.transport.abort()
            return
        if self.scope is self._seen and self._is_waiting():
            self.transport.close()
        self._seen, self._unsent = self.scope, unsent
        self._next = self.loop.call_later(self.look_s, self._look)

    def _is_waiting(self) -> bool:
        """Whether the client is to send something. (Between two requests the timer of uvicorn counts, if it runs.)"""
        cycle = self._asked()
        if cycle is None or not self._is_head_whole():
            return True
        if cycle.response_complete:
            return self.timeout_keep_alive_task is None and not self.pipeline
        return cycle.more_body

    def _asked(self) -> RequestResponseCycle | None:
        """The latest request whose head is whole."""
        return self.cycle

    def _is_head_whole(self) -> bool:
        """Whether the head is, of what was read last."""
        cycle = self._asked()
        return cycle is not None and cycle.scope is self.scope


class SocketConnection(WebSocketsSansIOProtocol):
    """One connection of a socket. Pings and pongs are uvicorn's; queues and their bounds `hub.py`."""

    look_s: ClassVar[float] = LOOK_S

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to look at it."""
        super().connection_made(transport)
        self._seen: list[bytes] | None = None
        self._unsent = 0
        self._is_in_frame, self._has_moved = False, True
        self._early = b""
        self._next = self.loop.call_later(self.look_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        self._next.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a piece, once the opening is answered. One that cannot be read is refused."""
        if self.handshake_initiated and not self.handshake_complete:
            self._early += data
            return
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = True
            self.transport.write(refusal(BAD_REQUEST))
            self.transport.close()

    def start_keepalive(self) -> None:
        """The opening is answered: take what came before that."""
        super().start_keepalive()
        if self._early:
            self.loop.call_soon(self.data_received, self._early)

    def handle_events(self) -> None:
        """Know that something came that was whole."""
        if self.conn.events:
            self._has_moved = True
        super().handle_events()

    def send_receive_event_to_app(self) -> None:
        """Hand a message on. Text that is no UTF-8 ends the connection."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(b"".join(self.frames)):
            self.frames = []
            self._fail(NO_TEXT, "A text must be UTF-8.")
        else:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """The client broke the protocol: what waits to be sent to it is not sent."""
        super().handle_parser_exception()
        self.disconnected = True

    def handle_ping(self) -> None:
        """Answer it, if answers are taken."""
        if self.transport.get_write_buffer_size() > UNSENT_MAX:
            self.transport.abort()
        else:
            super().handle_ping()

    def _look(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if self.transport.is_closing() and unsent and unsent == self._unsent:
            self.transport.abort()
            return
        is_stuck = bool(self.frames) and self.frames is self._seen
        is_in_frame = bool(self.conn.reader.buffer)
        if (is_stuck or (is_in_frame and self._is_in_frame and not self._has_moved)) and not self.close_sent:
            self._fail(POLICY, "A message must come within a few seconds.")
        self._seen, self._unsent = self.frames, unsent
        self._is_in_frame, self._has_moved = is_in_frame, False
        self._next = self.loop.call_later(self.look_s, self._look)

    def _fail(self, code: int, reason: str) -> None:
        """Close for what the client did."""
        self.conn.fail(code, reason)
        self.handle_parser_exception()


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


def _whole(reply: Reply, cycle: RequestResponseCycle) -> bytes:
    """Head and body of an answer, as they go over the line."""
    parts = [STATUS_LINE[reply.status]]
    for name, value in cycle.default_headers:
        parts += (name, b": ", value, b"\r\n")
    parts.append("".join([f"{name}: {value}\r\n" for name, value in reply.headers]).encode())
    parts.append(b"content-length: %d\r\n" % len(reply.body))
    parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    if cycle.scope["method"] != "HEAD":
        parts.append(reply.body)
    return b"".join(parts)


def refusal(status: int) -> bytes:
    """A whole answer to what is no request; the connection is closed after it."""
    body = encoded({"code": NO_MESSAGE.code, "msg": NO_MESSAGE.msg})
    lines = [
        f"{name}: {value}\r\n"
        for name, value in (JSON, SIMULATED, ("content-length", str(len(body))), ("connection", "close"))
    ]
    return STATUS_LINE[status] + "".join(lines).encode() + b"\r\n" + body

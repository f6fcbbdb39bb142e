"""Who listens to what. A message is encoded once, and only if somebody listens; each connection takes its copy from a
bounded queue, so that a slow consumer is dropped and never slows the engine.

A topic is the name of a stream as clients write it (`btcusdt@aggTrade`), or a listen key.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

MOST_WAITING, MOST_WAITING_BYTES = 4_096, 4 << 20
"""More messages, or more of them in bytes, may not wait for one connection (assumed: `socket-queue`)."""
NORMAL, GOING_AWAY, POLICY, DEFECT = 1000, 1001, 1008, 1011
"""Codes of a closing (RFC 6455)."""
TOO_SLOW = "The connection does not read as fast as its streams are."
encoded = msgspec.json.encode
EVERYTHING: frozenset[str] = frozenset()


class Listener:
    """One connection: what waits to be sent to it, and whether and how it is to be closed."""

    __slots__ = ("_bytes", "_waiting", "_woken", "closes", "closing", "is_combined")

    def __init__(self, *, is_combined: bool = False) -> None:
        """Nothing waits. `is_combined`: messages are wrapped with the name of their stream."""
        self.is_combined = is_combined
        self.closing: tuple[int, str] | None = None
        """The code and reason of the closing that is due once what waits has been sent."""
        self.closes = asyncio.Event()
        """Set with it."""
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()

    def put(self, text: str) -> None:
        """Let a message wait; one too many drops the connection with all that waits."""
        if self.closing is not None:
            return
        self._waiting.append(text)
        self._bytes += len(text)
        if len(self._waiting) > MOST_WAITING or self._bytes > MOST_WAITING_BYTES:
            self._waiting.clear()
            self.close(POLICY, TOO_SLOW)
        self._woken.set()

    def close(self, code: int, reason: str) -> None:
        """Take no more messages; the connection is closed after those that wait."""
        if self.closing is None:
            self.closing = code, reason
        self.closes.set()
        self._woken.set()

    async def wait(self) -> None:
        """Until something waits, or the connection is to be closed."""
        await self._woken.wait()
        self._woken.clear()

    def take(self) -> str | None:
        """The next message, if one waits."""
        if not self._waiting:
            return None
        text = self._waiting.popleft()
        self._bytes -= len(text)
        return text


class Hub:
    """Topics and their listeners."""

    def __init__(self) -> None:
        """Nobody listens."""
        self._topics: dict[str, dict[Listener, frozenset[str]]] = {}
        self.opened: list[Callable[[str], None]] = []
        """Told of a topic that somebody listens to now, and nobody did before."""
        self.closed: list[Callable[[str], None]] = []
        """Told of a topic that nobody listens to any more."""

    def wants(self, topic: str) -> bool:
        """Whether anybody listens."""
        return topic in self._topics

    def is_heard(self) -> bool:
        """Whether anybody listens to anything."""
        return bool(self._topics)

    def join(self, listener: Listener, topic: str, kinds: frozenset[str] = EVERYTHING) -> None:
        """Let a connection listen to a topic: to the given kinds of message, if any are given."""
        listeners = self._topics.get(topic)
        if listeners is None:
            self._topics[topic] = {listener: kinds}
            for tell in self.opened:
                tell(topic)
        else:
            listeners[listener] = kinds

    def leave(self, listener: Listener, topic: str) -> None:
        """A connection listens to a topic no more; nothing happens if it did not."""
        listeners = self._topics.get(topic)
        if listeners is None or listener not in listeners:
            return
        del listeners[listener]
        if not listeners:
            del self._topics[topic]
            for tell in self.closed:
                tell(topic)

    def end(self, topic: str, reason: str) -> None:
        """Nothing more comes by a topic: who listens to nothing else is closed (1000)."""
        for listener in list(self._topics.get(topic, ())):
            self.leave(listener, topic)
            if not any(listener in others for others in self._topics.values()):
                listener.close(NORMAL, reason)

    def tell(self, topic: str, message: object, kind: str = "") -> None:
        """Send a message of a kind to all who listen."""
        listeners = self._topics.get(topic)
        if not listeners:
            return
        bare = encoded(message).decode()
        wrapped = ""
        for listener, kinds in listeners.items():
            if kinds and kind not in kinds:
                continue
            if listener.is_combined:
                wrapped = wrapped or f'{{"stream":{encoded(topic).decode()},"data":{bare}}}'
                listener.put(wrapped)
            else:
                listener.put(bare)

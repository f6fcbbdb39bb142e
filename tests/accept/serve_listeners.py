"""Sockets that listen to a served exchange and hold what they hear against the rules of each stream.

Every rule is about the times and numbers that the server puts into its messages, so that a slow reader cannot make a
server look late: a period that is missing was not sent.
"""

import asyncio
import base64
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

SECOND_MS, MINUTE_MS, TICKER_MS = 1_000, 60_000, 2_000
ALL_MARKS = "!markPrice@arr@1s"
SETS: tuple[tuple[str, ...], ...] = (
    ("{}@markPrice@1s", "{}@kline_1m", "{}@depth@100ms"),
    ("{}@markPrice@1s", "{}@kline_1m", "{}@aggTrade", "{}@ticker"),
    ("{}@markPrice@1s", "{}@depth", "{}@bookTicker", "{}@trade"),
    (ALL_MARKS, "{}@kline_1m", "{}@depth5@100ms", "{}@miniTicker"),
)
"""What one socket listens to."""
END_S = 5
"""So long an end may take to be read."""


class Rules:
    """What has been heard of one stream on one socket, and what broke a rule."""

    def __init__(self, stream: str) -> None:
        """Nothing yet."""
        self.stream, self.count = stream, 0
        self.wrong: list[str] = []
        self.first: Any = None
        self.last: Any = None
        self.book: tuple[dict[str, str], dict[str, str]] = ({}, {})
        """What differences of a book have told, by price."""
        kind = stream.partition("@")[2]
        self._check: Callable[[Any, Any], str] = next(
            (check for name, check in CHECKS.items() if kind.startswith(name) or stream.startswith(name)), _nothing
        )

    def hear(self, data: Any) -> None:
        """The next message."""
        self.count += 1
        if self.last is None:
            self.first = data
        elif found := self._check(self.last, data):
            self.wrong.append(f"{self.stream}: {found}")
        if self.stream.partition("@")[2] in ("depth", "depth@100ms"):
            for side, rows in zip(self.book, (data["b"], data["a"]), strict=True):
                side.update(rows)
        self.last = data


def _nothing(before: Any, now: Any) -> str:
    return ""


def _second(before: Any, now: Any) -> str:
    """A mark comes every second."""
    then_ms, now_ms = (each[0]["E"] if isinstance(each, list) else each["E"] for each in (before, now))
    return "" if now_ms == then_ms + SECOND_MS else f"mark of {now_ms} after that of {then_ms}"


def _ticker(before: Any, now: Any) -> str:
    """A ticker comes in every period of two seconds."""
    return "" if now["E"] // TICKER_MS == before["E"] // TICKER_MS + 1 else f"ticker of {now['E']} after {before['E']}"


def _depth(before: Any, now: Any) -> str:
    """Differences are a chain."""
    is_chain = now["pu"] == before["u"] and now["U"] == now["pu"] + 1 <= now["u"]
    return "" if is_chain else f"u {before['u']}, then U {now['U']} u {now['u']} pu {now['pu']}"


def _levels(before: Any, now: Any) -> str:
    """Best levels name the book that was shown before."""
    return "" if now["pu"] == before["u"] < now["u"] else f"u {before['u']}, then u {now['u']} pu {now['pu']}"


def _kline(before: Any, now: Any) -> str:
    """A candle goes on until its last message says that it is closed; then the next minute begins."""
    then, here = before["k"], now["k"]
    if then["x"]:
        return "" if here["t"] == then["t"] + MINUTE_MS else f"candle of {here['t']} after that of {then['t']}"
    same = here["t"] == then["t"] and here["n"] >= then["n"] and Decimal(here["v"]) >= Decimal(then["v"])
    return "" if same else f"candle of {then['t']} was not closed before {here['t']}, or shrank"


def _agg(before: Any, now: Any) -> str:
    """Rows by number, with later trades. (Trades are counted over all symbols here, so of one some are left out.)"""
    good = now["a"] == before["a"] + 1 and before["l"] < now["f"] <= now["l"]
    return "" if good else f"row {before['a']} to trade {before['l']}, then {now['a']} from trade {now['f']}"


def _trade(before: Any, now: Any) -> str:
    """Trades of a symbol, each once, in order of time."""
    return "" if now["t"] > before["t"] and now["T"] >= before["T"] else f"trade {now['t']} after {before['t']}"


def _best(before: Any, now: Any) -> str:
    """Best prices when they change."""
    changed = any(now[key] != before[key] for key in "bBaA")
    return "" if changed and now["u"] >= before["u"] else f"u {now['u']} after {before['u']}, changed: {changed}"


CHECKS: Mapping[str, Callable[[Any, Any], str]] = {
    "!markPrice": _second, "markPrice@1s": _second, "ticker": _ticker, "miniTicker": _ticker, "depth5": _levels,
    "depth": _depth, "kline_1m": _kline, "aggTrade": _agg, "trade": _trade, "bookTicker": _best,
}  # fmt: skip


class Listener:
    """One socket with several streams."""

    def __init__(self, number: int, symbols: tuple[str, ...]) -> None:
        """Not connected yet."""
        self.symbol = symbols[number % len(symbols)]
        self.streams = tuple(each.format(self.symbol.lower()) for each in SETS[number // len(symbols) % len(SETS)])
        self.rules = {stream: Rules(stream) for stream in self.streams}
        self.closed = ""
        self.opened = asyncio.Event()

    async def listen(self, port: int) -> None:
        """Until it is cancelled or closed."""
        address = f"ws://127.0.0.1:{port}/stream?streams={'/'.join(self.streams)}"
        try:
            async with connect(address, proxy=None, compression=None, max_queue=4_096) as found:
                self.opened.set()
                async for text in found:
                    message = msgspec.json.decode(text)
                    self.rules[message["stream"]].hear(message["data"])
        except ConnectionClosed as error:
            self.closed = str(error)

    def wrong(self, since_ms: int, until_ms: int) -> list[str]:
        """What broke a rule, and streams with periods that began or ended too late. Times are those between which the
        socket was surely open."""
        found = [each for rules in self.rules.values() for each in rules.wrong]
        if self.closed:
            found.append(f"closed: {self.closed}")
        for stream, rules in self.rules.items():
            if rules.last is None:
                found.append(f"{stream}: silent")
            elif "markPrice" in stream:
                first, last = (each[0] if isinstance(each, list) else each for each in (rules.first, rules.last))
                if first["E"] > since_ms + SECOND_MS or last["E"] < until_ms - SECOND_MS:
                    found.append(f"{stream}: from {first['E']} to {last['E']}, open from {since_ms} to {until_ms}")
            elif "kline" in stream and not until_ms - MINUTE_MS < rules.last["k"]["T"] + MINUTE_MS:
                found.append(f"{stream}: ends with {rules.last['k']['t']}, open until {until_ms}")
        return found


class Silent:
    """A socket that asks for a lot and never reads."""

    def __init__(self, port: int, streams: list[str]) -> None:
        """It is connected, with as small a buffer as there is."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /stream?streams={'/'.join(streams)} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def rest(self) -> int | None:
        """What still comes until the end, in bytes; none where there is no end."""
        self._socket.settimeout(END_S)
        found, until = 0, time.monotonic() + END_S
        try:
            while data := self._socket.recv(1 << 16):
                found += len(data)
                if time.monotonic() > until:
                    return None
        except ConnectionError:
            pass
        except TimeoutError:
            return None
        return found

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


def counted(listeners: list[Listener]) -> dict[str, int]:
    """Messages by kind of stream."""
    found: Counter[str] = Counter()
    for each in listeners:
        for stream, rules in each.rules.items():
            found[stream if stream.startswith("!") else stream.partition("@")[2]] += rules.count
    return dict(sorted(found.items()))

"""A small exchange with sockets, served by uvicorn on a loopback port, and what tests of sockets need to talk to it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from margincall.exchange import commands
from margincall.exchange.catalogue import usdm
from margincall.server.answers.table import ROUTES
from margincall.server.app import App
from margincall.server.archive import Archive
from margincall.server.clock import Clock, SimulatedClock
from margincall.server.gateway import Gateway
from margincall.server.keys import Key, Keys
from margincall.server.limits import Limits
from margincall.server.routing import Table
from margincall.server.sockets import OPTIONS
from margincall.server.streaming import Streaming
from margincall.server.tape import Tape
from margincall.server.venue import Venue

BEGUN_MS = 1_795_824_000_000
"""2026-11-28."""
DATE = "2026-11-28"
HOUR_MS = 3_600_000


class Listening:
    """Listen keys in the least form that streams need."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.until: dict[str, tuple[str, int]] = {}
        self.on_close: list[Callable[[str], None]] = []

    def create(self, account: str) -> str:
        key = f"{account}{'k' * (64 - len(account))}"
        self.until[key] = account, self.now_ms() + HOUR_MS
        return key

    def account_of(self, key: str) -> str | None:
        account, until_ms = self.until.get(key, ("", 0))
        return account if self.now_ms() < until_ms else None

    def expired(self, now_ms: int) -> list[tuple[str, str]]:
        gone = [(key, account) for key, (account, until_ms) in self.until.items() if now_ms >= until_ms]
        for key, _ in gone:
            del self.until[key]
        return gone


class World:
    """An exchange with two traders on BTCUSDT, and everything that serves it."""

    def __init__(self, folder: Path, clock: Clock | None = None, *, date: str = DATE, is_strict: bool = False) -> None:
        self.clock = clock or SimulatedClock(BEGUN_MS)
        self.venue = Venue.opened(
            folder / "journal", usdm(), self.clock, durability="none", archive=Archive(), api_date=date
        )
        self.keys = Keys()
        self.gateway = Gateway(self.venue, Table(ROUTES, date), self.keys, Limits(self.clock.now_ms, is_lenient=False))
        self.tape = Tape(self.venue.archive, self.venue.state, date)
        records = self.venue.records.take
        self.venue.records.take = lambda events: (records(events), self.tape.take(events))  # type: ignore[assignment]
        self.listening = Listening(self.clock.now_ms)
        self.streaming = Streaming(self.gateway, self.listening, self.tape, is_strict=is_strict)
        self.hub, self.users = self.streaming.hub, self.streaming.users
        self.markets, self.sockets = self.streaming.markets, self.streaming.sockets
        self.app = App(self.gateway, self.sockets)
        self.port = 0

    async def begin(self, *names: str, mark: int = 50_000) -> None:
        """Accounts with money and keys, and a mark."""
        await self.do(commands.SetMark(symbol="BTCUSDT", price=Decimal(mark)))
        for name in names or ("ann", "bob"):
            await self.do(commands.OpenAccount(account=name))
            await self.do(commands.Transfer(account=name, asset="USDT", amount=Decimal(100_000)))
            self.keys.add(Key(key=f"SIM{name}{'k' * (61 - len(name))}", account=name, secret=f"secret of {name}"))
        await settled()

    def tick(self, after_ms: int) -> None:
        """Some time later."""
        assert isinstance(self.clock, SimulatedClock)
        self.clock.set(self.clock.now_ms() + after_ms)
        self.venue.advance()
        self.streaming.tick()

    async def do(self, command: commands.AnyCommand) -> Any:
        return await self.venue.do(command)

    async def limit(self, name: str, side: Any, price: str, quantity: str = "0.010", **more: Any) -> Any:
        order = commands.PlaceOrder(
            account=name, symbol="BTCUSDT", side=side, type="LIMIT", price=Decimal(price), quantity=Decimal(quantity),
            time_in_force="GTC", **more,
        )  # fmt: skip
        return await self.do(order)

    @asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[ClientConnection]:
        async with connect(f"ws://127.0.0.1:{self.port}{path}", max_size=None, proxy=None) as client:
            yield client


async def settled() -> None:
    """Until the venue has told what it was asked."""
    for _ in range(3):
        await asyncio.sleep(0)


@asynccontextmanager
async def served(world: World) -> AsyncIterator[World]:
    """The exchange behind a port of loopback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        world.port = taken.getsockname()[1]
    config = uvicorn.Config(
        world.app, host="127.0.0.1", port=world.port, log_level="critical", access_log=False, lifespan="off", **OPTIONS
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    task = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield world
    finally:
        server.should_exit = True
        await task
        world.venue.close()


async def told(client: ClientConnection, within_s: float = 5.0) -> Any:
    """The next message."""
    async with asyncio.timeout(within_s):
        return json.loads(await client.recv())


async def until_closed(client: ClientConnection) -> list[Any]:
    """All messages until the connection is closed."""
    found = []
    with suppress(ConnectionClosed):
        async for text in client:
            found.append(json.loads(text))
    return found


async def asked(client: ClientConnection, message: object) -> Any:
    """What a message is answered, with nothing else coming between."""
    await client.send(json.dumps(message))
    return await told(client)


async def silent(client: ClientConnection, for_s: float = 0.1) -> bool:
    """Whether nothing comes for a while."""
    try:
        await asyncio.wait_for(client.recv(), for_s)
    except TimeoutError:
        return True
    return False

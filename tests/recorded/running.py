"""Runs a recorded server in this process and rescues from it: with a clock that only moves when somebody waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from margincall.case.client import Client, World
from margincall.case.folder import Writer, create, is_case
from margincall.case.keys import Credentials
from margincall.case.plan import Known, Scope
from margincall.case.rescue import Outcome, Rescue, Settings, begun, permissions_of
from margincall.case.transport import network
from margincall.wire.iso_time import utc
from tests.recorded import account as made
from tests.recorded.server import AGES, KEY, SECRET, Recorded, started

T = TypeVar("T")
SKEW_MS = 3_600_123
"""The server's clock is ahead of ours by this."""
PLENTY = 1_000_000_000


class Clock:
    """Our clock: it moves when somebody sleeps, and a little with every look, as time does."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += round(seconds * 1000)


def recorded_at(age: str, *, faults: dict[int, str] | None = None) -> tuple[Recorded, Clock]:
    """A server some time after the event, and our clock."""
    clock = Clock(made.EVENT + AGES[age] + 1000 - SKEW_MS)
    return Recorded(lambda: clock.ms + SKEW_MS, faults=faults), clock


@asynccontextmanager
async def client_of(recorded: Recorded, clock: Clock, *, budget: int = PLENTY) -> AsyncIterator[Client]:
    """A client whose hosts are all this server."""
    runner = await started(recorded)
    try:
        base = f"http://127.0.0.1:{recorded.port}"
        async with network() as get:
            world = World(get, clock.now_ms, clock.sleep, utc)
            yield Client(world, dict.fromkeys(("fapi", "dapi", "spot"), base), Credentials(KEY, SECRET), budget=budget)
    finally:
        await runner.cleanup()


def with_client(recorded: Recorded, clock: Clock, use: Callable[[Client], Awaitable[T]], **more: Any) -> T:
    """Run one coroutine function with a client."""

    async def run() -> T:
        async with client_of(recorded, clock, **more) as client:
            return await use(client)

    return asyncio.run(run())


def rescued(
    folder: Path,
    recorded: Recorded,
    clock: Clock,
    *,
    settings: Settings | None = None,
    budget: int = PLENTY,
    **scope: Any,
) -> Outcome:
    """A rescue into a folder, as the command does it."""

    async def run(client: Client) -> Outcome:
        key = await permissions_of(client)
        market = scope.get("market", "fapi")
        now = await client.server_now_ms(market)
        wanted = Scope(**{"market": market, "until_ms": -(-now // 60_000) * 60_000, **scope})
        if not is_case(folder):
            create(folder, "test", clock.now_ms())
        with Writer(folder) as writer:
            found, _ = begun(writer, wanted, key, clock.now_ms(), again=False)
            run_ = Rescue(client, writer, found, settings or Settings())
            return await run_.run(Known(found), lambda done, left, what: None)

    return with_client(recorded, clock, run, budget=budget)

"""A day of an exchange behind its API, in minutes: does its memory grow?

    python -m tests.accept.serve_soak [--hours 24] [--seed 1] [--out FILE]

A server of its own process with a simulated clock; 50 symbols whose index and mark move every three simulated seconds,
and ten bots that trade, take back, ask and listen over real connections. Its memory (`/proc/PID/smaps_rollup`) is read
every five simulated minutes. What grows in an hour is the slope of a line by least squares through all readings after
`WARM_UP_H`. Writes `docs/accept/serve_soak.json`; the exit code is 0 only if the slope is within `MOST_MIB`.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from margincall.server.serving import run as run_loop
from tests.accept.hashes import serve_hash
from tests.accept.serve_bots import Bot, Market, symbols
from tests.accept.serve_client import Memory, Operator, memory, process, processor_s
from tests.server.running import Process
from tests.sources import ROOT

RESULT = ROOT / "docs/accept/serve_soak.json"
HOURS, WARM_UP_H = 24, 10
"""Two things that have a bound fill up first, and are then as full for ever: the samples of the premium of a funding
interval (eight hours), and the newest trades of each symbol."""
MOST_MIB = 0.95
"""Less than 1 MB."""
SYMBOLS, BOTS = 50, 10
TICK_MS, PIECE, READ = 3_000, 100, 100
"""A price every three seconds; prices are handed over, and memory is read, every five minutes."""
HOUR_TICKS = 3_600_000 // TICK_MS
START, START_MS = "2026-10-05T00:00:00Z", 1_791_158_400_000
MONEY = "1000000"
STREAMS = (
    "!markPrice@arr",
    "!miniTicker@arr",
    "btcusdt@depth@100ms",
    "btcusdt@aggTrade",
    "btcusdt@kline_1m",
    "ethusdt@depth",
)


def slope(points: list[tuple[float, float]]) -> float:
    """By least squares: what grows in one unit of the first number."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    over = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / over if over else 0.0


async def listen(port: int, path: str, heard: Counter[str]) -> None:
    """Read a socket, and open it again when its life is over."""
    while True:
        try:
            async with connect(f"ws://127.0.0.1:{port}{path}", proxy=None, compression=None) as socket:
                async for text in socket:
                    heard["messages"] += 1
                    heard["bytes"] += len(text)
        except ConnectionClosed:
            heard["closed"] += 1


class Day:
    """One run."""

    def __init__(self, server: Process, seed: int) -> None:
        """Nothing has happened yet."""
        self.server, self.operator = server, Operator(server.told)
        self.market = Market(symbols(SYMBOLS), Random(f"{seed}-prices"))
        self.heard: Counter[str] = Counter()
        self.readings: list[tuple[float, Memory]] = []
        self._seed = seed
        self.now_ms = START_MS

    async def play(self, hours: int) -> list[Bot]:
        """All of it; the bots as they are at the end."""
        for symbol in self.market.names:
            await self.operator.post("/prices", {"prices": {symbol: str(self.market.price(symbol))}})
        bots = []
        for number in range(BOTS):
            own = await self.operator.account(f"bot-{number}", MONEY)
            bots.append(Bot(self.server.port, own, self.market, Random(f"{self._seed}-{number}")))
        paths = [
            f"/stream?streams={'/'.join(STREAMS)}",
            *[f"/private/ws/{await bot.listen(self.now_ms)}" for bot in bots],
        ]
        sockets = [asyncio.create_task(listen(self.server.port, path, self.heard)) for path in paths]
        try:
            await self._play(bots, hours * HOUR_TICKS)
        finally:
            for each in sockets:
                each.cancel()
            await asyncio.gather(*sockets, return_exceptions=True)
        return bots

    async def _play(self, bots: list[Bot], ticks: int) -> None:
        for tick in range(ticks):
            if tick % PIECE == 0:
                for symbol, points in self.market.piece(PIECE, TICK_MS).items():
                    await self.operator.post("/paths", {"symbol": symbol, "points": points, "step_ms": TICK_MS})
            told = self.operator.post("/clock", {"advance_ms": TICK_MS})
            await asyncio.gather(told, *(bot.act(self.now_ms, tick) for bot in bots))
            self.now_ms += TICK_MS
            self.market.tick()
            if (tick + 1) % READ == 0:
                self.readings.append(((tick + 1) / HOUR_TICKS, memory(self.server.process.pid)))
            if (tick + 1) % HOUR_TICKS == 0:
                print(f"{(tick + 1) // HOUR_TICKS} h: {self.readings[-1][1]}", file=sys.stderr, flush=True)


def hourly(readings: list[tuple[float, Memory]]) -> list[dict[str, float]]:
    """The last reading of each hour."""
    return [
        {"hour": int(at), **{name: round(value, 1) for name, value in found._asdict().items()}}
        for at, found in readings
        if at == int(at)
    ]


def result_of(day: Day, bots: list[Bot], hours: int, spent_s: tuple[float, float], folder: Path) -> dict[str, Any]:
    """The figures of a run, which took so many seconds, and so many of the server's processor."""
    settled = [(at, found) for at, found in day.readings if at > min(WARM_UP_H, hours / 2)]
    return {
        "hours": hours,
        "symbols": SYMBOLS,
        "bots": BOTS,
        "warm_up_hours": WARM_UP_H,
        "slope_mib_an_hour": {
            name: round(slope([(at, getattr(found, name)) for at, found in settled]), 3) for name in Memory._fields
        },
        "memory_mib": hourly(day.readings),
        "requests": sum((bot.asked for bot in bots), Counter[str]()).total(),
        "asked": dict(sorted(sum((bot.asked for bot in bots), Counter[str]()).items())),
        "refused": dict(sorted(sum((bot.refused for bot in bots), Counter[str]()).items())),
        "heard": dict(day.heard),
        "journal_mib": round((folder / "journal").stat().st_size / 2**20, 1),
        "archive_mib": round((folder / "archive").stat().st_size / 2**20, 1),
        "server_processor_seconds": round(spent_s[1]),
        "seconds": round(spent_s[0]),
    }


def run(hours: int, seed: int) -> dict[str, Any]:
    """One run; its figures."""
    with tempfile.TemporaryDirectory(prefix="serve-soak-") as name:
        folder = Path(name) / "data"
        flags = ("--symbols", ",".join(symbols(SYMBOLS)), "--clock", "simulated", "--start", START, "--no-limits")
        with process(folder, *flags) as server:
            began = time.monotonic()
            day = Day(server, seed)
            found: list[Bot] = []

            async def main() -> None:
                found.extend(await day.play(hours))

            run_loop(main())
            pid = server.process.pid
            return result_of(day, found, hours, (time.monotonic() - began, processor_s(pid)), folder)


def main() -> int:
    """Run, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=HOURS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    chosen = parser.parse_args()
    code = serve_hash()
    command = f"python -m tests.accept.serve_soak --hours {chosen.hours} --seed {chosen.seed}"
    result = {"command": command, "seed": chosen.seed, **run(chosen.hours, chosen.seed), "hash": code}
    chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    grown = result["slope_mib_an_hour"]["rss"]
    print(f"{chosen.hours} h, {result['requests']:,} requests, {result['seconds']} s: {grown:+.2f} MiB an hour")
    return 0 if grown < MOST_MIB else 1


if __name__ == "__main__":
    sys.exit(main())

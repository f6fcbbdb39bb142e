"""Two hundred sockets on five symbols, in real time: no period is missed, and who does not read disturbs nobody.

    python -m tests.accept.serve_sockets [--seconds 120] [--seed 1] [--out FILE]

A server of its own process with the clock of the machine. Traders keep five books moving over REST, prices are played,
and 200 sockets with three or four streams each hold every message against the rules of its stream
(`serve_listeners.py`). Orders are timed all the while. After half of the time twenty sockets come that ask for
everything and read nothing: they must be dropped, with nothing left of them in the server, and orders must be as quick
as before. Writes `docs/accept/serve_sockets.json`; the exit code is 0 only if all of that holds.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from margincall.server.candles import INTERVALS
from margincall.server.serving import run as run_loop
from tests.accept.hashes import serve_hash
from tests.accept.serve_client import Line, Operator, memory, names, now_ms, process, processor_s
from tests.accept.serve_listeners import Listener, Silent, counted
from tests.server.running import Credentials, Process
from tests.sources import ROOT

RESULT = ROOT / "docs/accept/serve_sockets.json"
SECONDS, SOCKETS, SILENT = 120, 200, 20
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")
PRICES = {"BTCUSDT": ("50000", 10, "0.002"), "ETHUSDT": ("2500", 100, "0.02"), "BNBUSDT": ("500", 100, "0.2"),
          "SOLUSDT": ("100", 100, "1"), "XRPUSDT": ("50", 100, "2")}  # fmt: skip
"""Where each price begins, how many steps a unit has, and the size of an order."""
EVERYTHING = (
    *(f"kline_{interval}" for interval in INTERVALS), "aggTrade", "trade", "bookTicker", "ticker", "miniTicker",
    *(f"depth{levels}{speed}" for levels in ("", "5", "10", "20") for speed in ("", "@100ms", "@500ms")),
)  # fmt: skip
BETWEEN_S = 0.01
"""A trader waits so long after an answer."""
SLOWER_MOST = 1.5
"""So many times as long may half of the orders take while sockets that do not read are there."""


class Trading:
    """A trader of one symbol: an order near the price, another that takes, one back; each is timed."""

    def __init__(self, port: int, own: Credentials, symbol: str, random: Random) -> None:
        """It has no orders yet."""
        self._line, self._symbol, self._random = Line(port, own), symbol, random
        self._names, self._open = names(own.account), list[str]()
        price, self._steps, self._size = PRICES[symbol]
        self._price = int(price) * self._steps
        self.took: list[tuple[float, float]] = []
        """When an order was sent, and how long its answer took, in seconds."""
        self.counts: Counter[str] = Counter()

    async def trade(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._one()
            await asyncio.sleep(BETWEEN_S)

    async def _one(self) -> None:
        if len(self._open) > 15:
            await self._ask("DELETE", origClientOrderId=self._open.pop(0))
            return
        side, name = self._random.choice(("BUY", "SELL")), next(self._names)
        sign = -1 if side == "BUY" else 1
        kind: dict[str, object] = {"type": "MARKET"}
        if self._random.random() < 0.75:
            steps = self._price + sign * self._random.randint(-2, 40)
            kind = {"type": "LIMIT", "timeInForce": "GTC", "price": f"{steps // self._steps}.{steps % self._steps:02d}"
                    if self._steps == 100 else f"{steps / self._steps:.1f}"}  # fmt: skip
            self._open.append(name)
        began = time.perf_counter()
        await self._ask("POST", side=side, quantity=self._size, newClientOrderId=name, **kind)
        self.took.append((began, time.perf_counter() - began))

    async def _ask(self, method: str, **params: object) -> None:
        status, answer = await self._line.ask(
            method, "/fapi/v1/order", {"symbol": self._symbol, **params}, now_ms=now_ms()
        )
        assert status == 200 or answer["code"] in (-2011, -4131), (method, params, answer)
        self.counts[f"{method} {status}"] += 1

    async def stop(self) -> None:
        """Let go of the connection."""
        self._line.close()


async def begun(server: Process, operator: Operator, seed: int, seconds: int) -> list[Trading]:
    """Prices that are played, and two traders for each symbol."""
    traders = []
    for place, symbol in enumerate(SYMBOLS):
        price, steps, _ = PRICES[symbol]
        await operator.post("/prices", {"prices": {symbol: price}})
        walk = Random(f"{seed}-{symbol}")
        points = [(at * 1000, str(float(price) + walk.randint(-20, 20) / steps)) for at in range(seconds + 60)]
        await operator.post("/paths", {"symbol": symbol, "points": points})
        for each in ("a", "b"):
            own = await operator.account(f"{symbol.lower()}-{each}", "1000000")
            traders.append(Trading(server.port, own, symbol, Random(f"{seed}-{place}-{each}")))
    return traders


async def books(server: Process, listeners: list[Listener]) -> list[str]:
    """Where the book that a socket was told differs from the one that is asked for, once nobody trades any more. (What
    rested before the socket came may not have been told: only prices that were told are compared.)"""
    wrong = []
    line = Line(server.port)
    asked = {symbol: (await line.send("GET", f"/fapi/v1/depth?symbol={symbol}&limit=1000"))[1] for symbol in SYMBOLS}
    line.close()
    for listener in listeners:
        for rules in listener.rules.values():
            if any(rules.book):
                for told, key in zip(rules.book, ("bids", "asks"), strict=True):
                    there = dict(asked[listener.symbol][key])
                    told_now = {price: size for price, size in told.items() if float(size)}
                    if {price: there.get(price) for price in told_now} != told_now:
                        wrong.append(f"{rules.stream}: the {key} that were told are not those of the book")
                    if gone := [price for price, size in told.items() if not float(size) and price in there]:
                        wrong.append(f"{rules.stream}: {key} are there that were told gone: {gone[:3]}")
    return wrong


async def played(server: Process, seconds: int, seed: int) -> dict[str, Any]:
    """All of it; the figures."""
    pid, operator = server.process.pid, Operator(server.told)
    traders = await begun(server, operator, seed, seconds)
    trading = [asyncio.create_task(each.trade()) for each in traders]
    await asyncio.sleep(1)  # every stream has something to tell from the start
    listeners = [Listener(number, SYMBOLS) for number in range(SOCKETS)]
    listening = [asyncio.create_task(each.listen(server.port)) for each in listeners]
    await asyncio.gather(*(each.opened.wait() for each in listeners))
    since_ms, before, processor = now_ms(), sockets_of(pid), processor_s(pid)
    await asyncio.sleep(seconds / 2)
    middle = time.perf_counter()
    streams = [f"{symbol.lower()}@{each}" for symbol in SYMBOLS for each in EVERYTHING]
    silent = [await asyncio.to_thread(Silent, server.port, streams) for _ in range(SILENT)]
    mib = memory(pid).rss
    await asyncio.sleep(seconds / 2)
    processor, most = processor_s(pid) - processor, memory(pid).rss
    until_ms, failed = now_ms(), [each for each in trading if each.done()]
    for each in failed:
        each.result()
    await stopped(trading)
    await after(lambda: sockets_of(pid) <= before, 20)
    left = max(sockets_of(pid) - before, 0)
    await asyncio.sleep(1)
    wrong = [each for listener in listeners for each in listener.wrong(since_ms, until_ms)] + await books(
        server, listeners
    )
    await stopped(listening)
    rest = await asyncio.gather(*(asyncio.to_thread(each.rest) for each in silent))
    for each in silent:
        each.close()
    for each in traders:
        await each.stop()
    operator.close()
    took = [each for trader in traders for each in trader.took]
    return {
        "seconds": seconds, "sockets": SOCKETS, "symbols": len(SYMBOLS),
        "seconds_open": round((until_ms - since_ms) / 1000),
        "messages": counted(listeners), "wrong": wrong[:50], "wrong_count": len(wrong),
        "silent": {"sockets": SILENT, "dropped": sum(each is not None for each in rest), "left_in_server": left,
                   "bytes_that_still_came": max(each or 0 for each in rest)},
        "orders": sum((each.counts for each in traders), Counter[str]()),
        "order_ms": {
            "without": of([s for at, s in took if at < middle]),
            "with_silent": of([s for at, s in took if at >= middle]),
        },
        "memory_mib": {"without": round(mib, 1), "with_silent": round(most, 1)},
        "server_processor_share": round(processor / (until_ms - since_ms) * 1000, 2),
    }  # fmt: skip


def of(seconds: list[float]) -> dict[str, float]:
    """The median and the 99th percentile, in milliseconds."""
    found = sorted(seconds)
    return {
        "p50": round(found[len(found) // 2] * 1000, 2),
        "p99": round(found[len(found) * 99 // 100] * 1000, 2),
        "count": len(found),
    }


def sockets_of(pid: int) -> int:
    """How many sockets a process has open."""
    folder = f"/proc/{pid}/fd"
    return sum(_link(f"{folder}/{each}").startswith("socket:") for each in os.listdir(folder))


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # closed meanwhile
        return ""


async def after(holds: Any, seconds: float) -> bool:
    """Whether something comes to hold within a time."""
    until = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    return bool(found)


async def stopped(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel all."""
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def run(seconds: int, seed: int) -> dict[str, Any]:
    """One run; its figures."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="serve-sockets-") as name:
        with process(Path(name) / "data", "--symbols", ",".join(SYMBOLS), "--no-limits") as server:

            async def work() -> None:
                found.append(await played(server, seconds, seed))

            run_loop(work())
        code, errors = server.process.returncode, server.process.stderr
        assert code == 0, (code, errors)
    return found[0]


def is_whole(found: dict[str, Any]) -> bool:
    """Whether nothing was missed, and who did not read is gone."""
    silent = found["silent"]
    is_dropped = silent["dropped"] == silent["sockets"] and not silent["left_in_server"]
    return not found["wrong_count"] and is_dropped


def is_good(found: dict[str, Any]) -> bool:
    """Whether besides nobody was disturbed."""
    took = found["order_ms"]
    return is_whole(found) and took["with_silent"]["p50"] <= SLOWER_MOST * took["without"]["p50"]


def main() -> int:
    """Run, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    chosen = parser.parse_args()
    code = serve_hash()
    command = f"python -m tests.accept.serve_sockets --seconds {chosen.seconds} --seed {chosen.seed}"
    found = run(chosen.seconds, chosen.seed)
    chosen.out.write_text(
        json.dumps({"command": command, "seed": chosen.seed, **found, "hash": code}, indent=2) + "\n", encoding="utf-8"
    )
    print(
        f"{SOCKETS} sockets, {sum(found['messages'].values()):,} messages, {found['wrong_count']} wrong; "
        f"orders {found['order_ms']}"
    )
    return 0 if is_good(found) else 1


if __name__ == "__main__":
    sys.exit(main())

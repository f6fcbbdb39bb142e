"""A served exchange that is killed a hundred times under load has lost no acknowledged order, and made none twice.

    python -m tests.accept.serve_kills [--kills 100] [--seed 1] [--out FILE]

Six clients, half of them by REST and half by the WebSocket API, each with several requests under way and its user
stream open, place, amend and take back orders, and trade with a maker. The server (group durability) is killed with
SIGKILL at moments of chance, now and then also while it starts or while clients reconcile. Started again on the same
folder, every client reconciles: `serve_trader.py` says what must hold. Writes `docs/accept/serve_kills.json`; the exit
code is 0 only if everything held.
"""

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from margincall.server.serving import run as run_loop
from tests.accept.hashes import serve_hash
from tests.accept.serve_client import Gone, Operator
from tests.accept.serve_trader import PRICE, Trader, Unkept
from tests.server.running import Process
from tests.sources import ROOT

RESULT = ROOT / "docs/accept/serve_kills.json"
KILLS, TRADERS, LINES = 100, 6, 4
MONEY = "10000000"
UNDER_LOAD = "under load"
LOAD_S = (0.05, 0.6)
"""How long the load lasts before a kill."""
EARLY, MEANWHILE = 0.1, 0.1
"""In so many rounds the server is killed once more while it starts, or while clients reconcile."""
STARTING_S = (0.3, 1.5)


async def prepared(server: Process, seed: int) -> list[Trader]:
    """Prices, a maker on both sides, and the clients."""
    operator = Operator(server.told)
    await operator.post("/prices", {"prices": {symbol: str(price) for symbol, price in PRICE.items()}})
    await operator.post("/accounts", {"name": "maker", "deposits": {"USDT": "1000000000"}})
    for symbol, price in PRICE.items():
        sides = {
            name: [{"price": str(price + sign * step), "quantity": "500"} for step in (1, 2, 3)]
            for name, sign in (("bids", -1), ("asks", 1))
        }
        await operator.post("/commands", {"command": "quote", "account": "maker", "symbol": symbol, **sides})
    found = []
    for number in range(TRADERS):
        own = await operator.account(f"trader-{number}", MONEY)
        found.append(Trader(own, Random(f"{seed}-{number}"), by_socket=bool(number % 2), lines=LINES))
    operator.close()
    return found


async def loaded(server: Process, traders: list[Trader], seconds: float) -> None:
    """Let the clients go at it, and kill the server."""
    tasks = [asyncio.create_task(trader.trade(server.port)) for trader in traders]
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for each in done:
        each.result()
    server.process.send_signal(signal.SIGKILL)
    await asyncio.gather(*tasks)


async def reconciled(server: Process, traders: list[Trader], kill_after: float | None) -> Counter[str]:
    """All clients ask about what they sent. `kill_after`: the server is killed meanwhile, and they will ask again."""
    tasks = [asyncio.create_task(trader.reconcile(server.port)) for trader in traders]
    if kill_after is not None:
        await asyncio.sleep(kill_after)
        server.process.send_signal(signal.SIGKILL)
    found: Counter[str] = Counter()
    for each in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(each, BaseException) and not (kill_after is not None and isinstance(each, Gone)):
            raise each
        if isinstance(each, Counter):
            found += each
    return found


class Run:
    """All rounds on one folder."""

    def __init__(self, folder: Path, seed: int, flags: Sequence[str]) -> None:
        """Nothing has happened yet. `flags` are those of the server."""
        self._folder, self._seed, self._flags, self._random = folder, seed, (*flags, "--no-limits"), Random(seed)
        self.starts: list[float] = []
        self.found: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.traders: list[Trader] = []

    def play(self, kills: int) -> dict[str, int]:
        """So many kills under load, those of other moments between them, and the end. Raises `Unkept`, alone or in a
        group."""
        while self.kills[UNDER_LOAD] < kills:
            self.round()
            if self.kills[UNDER_LOAD] < kills and self._random.random() < EARLY:
                self.killed_early()
            if sys.stderr.isatty():
                print(f"\r{self.kills.total()} kills", end="", file=sys.stderr)
        return self.end()

    def started(self) -> Process:
        """The server, once it listens."""
        began = time.monotonic()
        server = Process(self._folder, *self._flags)
        self.starts.append(round(time.monotonic() - began, 2))
        return server

    def killed_early(self) -> None:
        """A server that is killed before it listens, if it does not listen by then."""
        with Process.begun(self._folder, *self._flags) as process:
            try:
                time.sleep(self._random.uniform(*STARTING_S))
            finally:
                process.send_signal(signal.SIGKILL)
        self.kills["while it started"] += 1

    def round(self) -> None:
        """Start, reconcile, load, kill."""
        server = self.started()
        try:
            if not self.traders:
                self.traders = asyncio.run(prepared(server, self._seed))
            elif self._random.random() < MEANWHILE:
                run_loop(self._meanwhile(server))
                self.kills["while clients reconciled"] += 1
                server.end()
                server = self.started()
            run_loop(self._loaded(server))
            self.kills[UNDER_LOAD] += 1
        finally:
            server.end(signal.SIGKILL)

    async def _meanwhile(self, server: Process) -> None:
        self.found += await reconciled(server, self.traders, self._random.uniform(0, 0.3))

    async def _loaded(self, server: Process) -> None:
        self.found += await reconciled(server, self.traders, None)
        await loaded(server, self.traders, self._random.uniform(*LOAD_S))

    def end(self) -> dict[str, int]:
        """The last reconciliation, of every order that was ever sent, and the books."""
        server = self.started()
        try:
            books: Counter[str] = Counter()

            async def work() -> None:
                for trader in self.traders:
                    self.found += await trader.reconcile(server.port, everything=True)
                    books.update(await trader.books(server.port))

            run_loop(work())
            return dict(books)
        finally:
            code, errors = server.end()
            if code or errors:
                raise Unkept(f"the server ended with {code}: {errors[-500:]}")


def run(kills: int, seed: int, flags: Sequence[str] = ()) -> dict[str, Any]:
    """So many kills; the figures. What was not kept ends the run, and is named in them."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="serve-kills-") as name:
        found = Run(Path(name) / "data", seed, flags)
        unkept, books = [], dict[str, int]()
        try:
            books = found.play(kills)
        except Unkept as error:
            unkept.append(str(error))
        except ExceptionGroup as errors:
            unkept += map(str, errors.exceptions)
        size = (Path(name) / "data" / "journal").stat().st_size
    counts = sum((each.counts for each in found.traders), Counter[str]())
    sent = [order for trader in found.traders for order in trader.orders.values()]
    return {
        "kills": dict(found.kills),
        "clients": TRADERS,
        "requests_at_a_time": TRADERS * LINES,
        "answers": dict(sorted(counts.items())),
        "orders_sent": len(sent),
        "orders_acknowledged": sum(bool(each.told) for each in sent),
        "reconciled": dict(sorted(found.found.items())),
        "unkept": unkept,
        "books": books,
        "start_seconds": {
            "first": found.starts[0], "median": round(statistics.median(found.starts), 2), "last": found.starts[-1],
        },
        "journal_mib": round(size / 2**20, 1),
        "seconds": round(time.monotonic() - began),
    }  # fmt: skip


def main() -> int:
    """Run, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    chosen = parser.parse_args()
    code = serve_hash()
    found = run(chosen.kills, chosen.seed)
    command = f"python -m tests.accept.serve_kills --kills {chosen.kills} --seed {chosen.seed}"
    result = {"command": command, "seed": chosen.seed, **found, "hash": code}
    chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    told = found["unkept"] or "none lost, none doubled"
    print(f"{found['kills']}, {found['orders_acknowledged']:,} orders acknowledged: {told}, {found['seconds']} s")
    return 1 if found["unkept"] else 0


if __name__ == "__main__":
    sys.exit(main())

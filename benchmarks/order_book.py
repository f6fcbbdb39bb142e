"""The order book beside other order books for Python: the same commands, in turn, in one process.

`python -m benchmarks.order_book` makes an environment in `.bench/` that holds the others (for the measurement only;
they are no part of this project), runs itself there and prints tables and JSON. One call per command for each of them,
through adapters that differ in nothing but the call. Before anything is measured all of them must agree on what is left
of the same 2,000 commands.

The others match and no more: two are pure Python, two are C++ behind ctypes. Ours gives a value that names every fill,
knows times in force, owners and reduce-only limits, and leaves the book alone until the outcome is known.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from benchmarks.timing import best
from margincall.exchange.book import Book
from margincall.exchange.matching import Order, execute

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / ".bench" / "order_book"
PEERS = {
    "lightmatchingengine": "2019.1.4",
    "pyorderbook": "0.4.9",
    "orderly-chaos": "0.2.0",
    "limit-order-book": "2.0.0",
}
MIDDLE, LEVELS, DEEP, LOTS = 200_000, 500, 4, 5
"""The book to begin with: on each side of the middle, so many prices, orders at each, lots of each."""
SWEPT = 9
"""Orders that a market order takes: a little more than two levels."""
FILLS = 300_000
SIZES = (1_000, 10_000, 100_000)


class Engine(Protocol):
    """What is asked of an order book. Orders are of whole ticks and lots; ids are ours."""

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        """Match a limit order; what is left rests."""

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        """Match a market order; there is always enough."""

    def cancel(self, order_id: int) -> None:
        """Take a resting order out."""

    def left(self) -> int:
        """Lots that rest."""


class Ours:
    """margincall."""

    def __init__(self) -> None:
        self.book = Book()

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        side = "BUY" if buy else "SELL"
        execute(self.book, Order(id=order_id, owner="a", side=side, lots=lots, ticks=ticks))

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        side = "BUY" if buy else "SELL"
        execute(self.book, Order(id=order_id, owner="a", side=side, lots=lots, type="MARKET"))

    def cancel(self, order_id: int) -> None:
        self.book.cancel(order_id)

    def left(self) -> int:
        return self.book.volume("BUY") + self.book.volume("SELL")


class LightMatchingEngine:
    """Pure Python; levels in a dict whose least key is looked for."""

    def __init__(self) -> None:
        self.engine = import_module("lightmatchingengine.lightmatchingengine").LightMatchingEngine()
        self.ids: dict[int, int] = {}

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        order, _ = self.engine.add_order("A", ticks, lots, 1 if buy else 2)
        self.ids[order_id] = order.order_id

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        self.engine.add_order("A", 0, lots, 1 if buy else 2)

    def cancel(self, order_id: int) -> None:
        self.engine.cancel_order(self.ids[order_id], "A")

    def left(self) -> int:
        book = self.engine.order_books["A"]
        return sum(order.leaves_qty for side in (book.bids, book.asks) for level in side.values() for order in level)


class PyOrderBook:
    """Pure Python; a heap of levels, prices as decimals. It knows no market orders: a limit far away stands for one."""

    def __init__(self) -> None:
        self.order = import_module("pyorderbook.order")
        self.book = import_module("pyorderbook.book").Book()
        self.orders: dict[int, Any] = {}

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        side = self.order.Side.BID if buy else self.order.Side.ASK
        order = self.orders[order_id] = self.order.Order(side, "A", ticks, lots)
        self.book.match(order)

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        self.limit(order_id, buy, lots, 2 * MIDDLE if buy else 1)

    def cancel(self, order_id: int) -> None:
        self.book.cancel(self.orders[order_id])

    def left(self) -> int:
        return sum(order.quantity for order in self.book.order_map.values())


class Compiled:
    """Either of the two in C++, which have the same methods."""

    def __init__(self, module: str) -> None:
        self.book = import_module(module).LimitOrderBook()

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        (self.book.limit_buy if buy else self.book.limit_sell)(order_id, lots, ticks)

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        (self.book.market_buy if buy else self.book.market_sell)(order_id, lots)

    def cancel(self, order_id: int) -> None:
        self.book.cancel(order_id)

    def left(self) -> int:
        return int(self.book.volume())


ENGINES: dict[str, Callable[[], Engine]] = {
    "margincall": Ours,
    "lightmatchingengine": LightMatchingEngine,
    "pyorderbook": PyOrderBook,
    "orderly-chaos": lambda: Compiled("orderly_chaos"),
    "limit-order-book": lambda: Compiled("limit_order_book"),
}


class Work:
    """One engine, filled to begin with, and endless commands for it."""

    def __init__(self, make: Callable[[], Engine], levels: int = LEVELS) -> None:
        self.engine = make()
        self.last_id = 0
        for distance in range(1, levels + 1):
            self.fill(distance)

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def fill(self, distance: int) -> None:
        """A full level on both sides."""
        for _ in range(DEEP):
            self.engine.limit(self.next_id(), True, LOTS, MIDDLE - distance)
            self.engine.limit(self.next_id(), False, LOTS, MIDDLE + distance)

    def limit_and_cancel(self, count: int = 500) -> None:
        """Bids at 20 prices near the best one, each cancelled again."""
        for number in range(count):
            order_id = self.next_id()
            self.engine.limit(order_id, True, LOTS, MIDDLE - 1 - number % 20)
            self.engine.cancel(order_id)

    def open_and_close(self, count: int = 500) -> None:
        """The same at the free price in the middle: a level opens and closes each time."""
        for _ in range(count):
            order_id = self.next_id()
            self.engine.limit(order_id, True, LOTS, MIDDLE)
            self.engine.cancel(order_id)

    def sweep(self, count: int = 50) -> None:
        """A market buy of nine orders, a little more than two levels, and new asks in their place; then a sell."""
        for number in range(count):
            buy = number % 2 == 0
            self.engine.market(self.next_id(), buy, SWEPT * LOTS)
            for place in range(SWEPT):
                ticks = MIDDLE + (1 + place // DEEP) * (1 if buy else -1)
                self.engine.limit(self.next_id(), not buy, LOTS, ticks)


def agree() -> int:
    """What every engine has left after the same commands; ends the run if one of them differs."""
    left = {}
    for name, make in ENGINES.items():
        work = Work(make)
        chance = random.Random(1)
        for _ in range(2_000):
            kind = chance.random()
            buy = chance.random() < 0.5
            if kind < 0.2:
                work.engine.market(work.next_id(), buy, chance.randint(1, 60))
            else:
                # Some of these trade, since the market orders move the best prices.
                ticks = MIDDLE + chance.randint(-30, 30)
                work.engine.limit(work.next_id(), buy, chance.randint(1, 20), ticks)
        left[name] = work.engine.left()
    if len(set(left.values())) != 1:
        sys.exit(f"the engines do not agree: {left}")
    return left["margincall"]


def rates() -> Iterator[dict[str, Any]]:
    """Commands a second of each engine, and how many times as fast ours is."""
    works = {name: Work(make) for name, make in ENGINES.items()}
    plans = {
        "limit + cancel": ([work.limit_and_cancel for work in works.values()], 2 * 500),
        "limit + cancel, a level opens": ([work.open_and_close for work in works.values()], 2 * 500),
        "market sweep and refill": ([work.sweep for work in works.values()], 50 * (1 + SWEPT)),
    }
    for work_name, (functions, commands) in plans.items():
        seconds = best(functions)
        for name, taken in zip(works, seconds, strict=True):
            rate = round(commands / taken)
            yield {"work": work_name, "engine": name, "per_s": rate, "ours_to_it": round(taken / seconds[0], 2)}


def sustained() -> dict[str, Any]:
    """The rate of the last tenth of many fills against that of the first, commands as in `sweep`."""
    work = Work(Ours)
    tenth = -(-FILLS // (10 * SWEPT))
    taken = []
    for _ in range(10):
        began = time.process_time()
        work.sweep(tenth)
        taken.append(time.process_time() - began)
    fills = [round(tenth * SWEPT / each) for each in taken]
    return {"fills": 10 * tenth * SWEPT, "per_s": fills, "last_to_first": round(taken[0] / taken[-1], 3)}


def growth() -> list[dict[str, Any]]:
    """Microseconds of one command pair on books of growing size: near the best price, and at the far end."""
    works = [Work(Ours, levels) for levels in SIZES]

    def far(work: Work, levels: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(100):
                work.engine.limit(order_id := work.next_id(), True, LOTS, MIDDLE - levels - 1)
                work.engine.cancel(order_id)

        return run

    near = best([work.open_and_close for work in works])
    sweeps = best([work.sweep for work in works])
    ends = best([far(work, levels) for work, levels in zip(works, SIZES, strict=True)])
    return [
        {
            "levels_a_side": levels,
            "open_close_us": round(1e6 * near[n] / 500, 2),
            "sweep_refill_us": round(1e6 * sweeps[n] / 50, 1),
            "far_end_us": round(1e6 * ends[n] / 100, 2),
        }
        for n, levels in enumerate(SIZES)
    ]


def inside() -> None:
    """Measure, in the environment that has all engines."""
    left = agree()
    versions = {name: version(name) for name in PEERS}
    rows = list(rates())
    print(f"Python {platform.python_version()}; {versions}; all have {left} lots left of the same 2,000 commands")
    for row in rows:
        print(f"{row['work']:32} {row['engine']:22} {row['per_s']:>10,}/s  ours / it {row['ours_to_it']:.2f}")
    lasting = sustained()
    print(f"{lasting['fills']:,} fills, each tenth: {lasting['per_s']} /s, last / first {lasting['last_to_first']}")
    grown = growth()
    for size in grown:
        print(size)
    print(json.dumps({"versions": versions, "rates": rows, "sustained": lasting, "growth": grown}))


def main() -> None:
    """Make the environment if there is none, and measure there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.order_book", description=__doc__)
    parser.add_argument("--inside", action="store_true", help="measure with the packages of this environment")
    if parser.parse_args().inside:
        return inside()
    python = PEER / "bin" / "python"
    if not (PEER / ".ready").exists():
        venv.create(PEER, with_pip=True)
        packages = [f"{name}=={wanted}" for name, wanted in PEERS.items()]
        subprocess.run([python, "-m", "pip", "install", "--quiet", "msgspec", *packages], check=True)
        (PEER / ".ready").touch()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    subprocess.run([python, "-m", "benchmarks.order_book", "--inside"], cwd=ROOT, env=environment, check=True)
    return None


if __name__ == "__main__":
    main()

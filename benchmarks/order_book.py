"""The order book beside other order books for Python: the same commands, in turn, in one process.

`python -m benchmarks.order_book` makes an environment in `.bench/` that holds the others (for the measurement only;
they are no part of this project), runs itself there and prints tables and JSON. One call per command for each of them,
through the adapters of `order_book_engines.py`. Before anything is measured all of them must agree on what is left
of the same 2,000 commands.

The others match and no more: pure Python, Cython, Rust, C++, a C interface. Ours gives a value that names every fill,
knows times in force, owners and reduce-only limits, and leaves the book alone until the outcome is known. There is no
bound to meet here. `matching-engine` and newer versions of `limit-order-book` want a newer Python than 3.11.
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
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.order_book_engines import DEAREST, ENGINES, PEERS, SLOW, Engine, Ours
from benchmarks.timing import best

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / ".bench" / "order_book"
MIDDLE, LEVELS, DEEP, LOTS = DEAREST // 2, 500, 4, 5
"""The book to begin with: on each side of the middle, so many prices, orders at each, lots of each."""
SWEPT = 9
"""Orders that a market order takes: a little more than two levels."""
FILLS = 300_000
SIZES = (1_000, 10_000, 100_000)


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
        work.limit_and_cancel(100)
        left[name] = work.engine.left()
    if len(set(left.values())) != 1:
        sys.exit(f"the engines do not agree: {left}")
    return left["margincall"]


def rates() -> Iterator[dict[str, Any]]:
    """Commands a second of each engine, and how many times as fast ours is."""
    works = {name: Work(make) for name, make in ENGINES.items()}
    pairs = {name: 20 if name in SLOW else 500 for name in works}
    sweeps = {name: 2 if name in SLOW else 50 for name in works}
    plans = {
        "limit + cancel": (Work.limit_and_cancel, pairs, 2),
        "limit + cancel, a level opens": (Work.open_and_close, pairs, 2),
        "market sweep and refill": (Work.sweep, sweeps, 1 + SWEPT),
    }
    for work_name, (method, counts, commands) in plans.items():
        functions = [partial(method, work, counts[name]) for name, work in works.items()]
        seconds = dict(zip(works, best(functions), strict=True))
        each = {name: seconds[name] / (counts[name] * commands) for name in works}
        for name, taken in each.items():
            yield {
                "work": work_name,
                "engine": name,
                "per_s": round(1 / taken),
                "ours_to_it": round(taken / each["margincall"], 2),
            }


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
    packages = ["msgspec", "order-matching[polars]", *(f"{name}=={wanted}" for name, wanted in PEERS.items())]
    ready = PEER / ".ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") != "\n".join(packages):
        venv.create(PEER, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        ready.write_text("\n".join(packages), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    subprocess.run([python, "-m", "benchmarks.order_book", "--inside"], cwd=ROOT, env=environment, check=True)
    return None


if __name__ == "__main__":
    main()

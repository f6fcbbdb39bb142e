"""The order book beside other order books for Python: the same commands, in turn, in one process.

`python -m benchmarks.order_book` makes an environment in `.bench/` that holds the others (for the measurement only;
they are no part of this project), runs itself there and prints tables and JSON. One call per command for each of them,
through adapters that differ in nothing but the call. Before anything is measured all of them must agree on what is left
of the same 2,000 commands.

The others match and no more: pure Python, Cython, Rust, C++, a C interface. Ours gives a value that names every fill,
knows times in force, owners and reduce-only limits, and leaves the book alone until the outcome is known. There is no
bound to meet here. `matching-engine` and newer versions of `limit-order-book` want a newer Python than 3.11.
"""

import argparse
import json
import logging
import os
import platform
import random
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
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
    "litebook": "0.0.1",
    "liquibook": "2.0.1",
    "cython-orderbook": "0.1.2",
    "obook": "0.1.0",
    "fastlob": "0.0.24",
    "order-matching": "0.12.0",
    "manticore-orderbook": "1.0.1",
}
MIDDLE, LEVELS, DEEP, LOTS = 200_000, 500, 4, 5
"""The book to begin with: on each side of the middle, so many prices, orders at each, lots of each."""
SWEPT = 9
"""Orders that a market order takes: a little more than two levels."""
FILLS = 300_000
SIZES = (1_000, 10_000, 100_000)
SLOW = {"order-matching"}
"""Engines that look through the whole book for each command: they get fewer."""


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


class LiteBook:
    """Rust; prices and quantities as floats, ids of its own. It knows no market orders."""

    def __init__(self) -> None:
        self.module = import_module("litebook")
        self.book = self.module.OrderBook(tick_size=1.0)
        self.ids: dict[int, str] = {}

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        side = self.module.OrderType.Buy if buy else self.module.OrderType.Sell
        order = self.book.create_order(side, ticks, lots)
        self.ids[order_id] = order.id
        self.book.add(order)

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        self.limit(order_id, buy, lots, 2 * MIDDLE if buy else 1)

    def cancel(self, order_id: int) -> None:
        self.book.cancel(self.ids[order_id])

    def left(self) -> int:
        return int(sum(order.quantity for order in (*self.book.buy_orders, *self.book.sell_orders)))


class LiquiBook:
    """C++; without listeners, so that it calls nothing back."""

    def __init__(self) -> None:
        self.module = import_module("liquibook")
        self.book = self.module.DepthOrderBook()
        self.orders: dict[int, Any] = {}

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        order = self.orders[order_id] = self.module.SimpleOrder(buy, ticks, lots)
        self.book.add(order)

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        self.limit(order_id, buy, lots, 0)

    def cancel(self, order_id: int) -> None:
        self.book.cancel(self.orders[order_id])

    def left(self) -> int:
        sides = (self.book.bids(), self.book.asks())
        return sum(int(tracker.open_qty()) for side in sides for tracker in side.values())


class CythonOrderBook:
    """Cython; ids of its own."""

    def __init__(self) -> None:
        self.module = import_module("cython_orderbook")
        self.book = self.module.OrderBook()
        self.orders: dict[int, Any] = {}

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        side = self.module.OrderSide.BID if buy else self.module.OrderSide.ASK
        order = self.orders[order_id] = self.module.Order(side=side, price=ticks, original_quantity=lots)
        self.book.add_limit_order(order)

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        side = self.module.OrderSide.BID if buy else self.module.OrderSide.ASK
        self.book.add_market_order(self.module.Order(side=side, original_quantity=lots))

    def cancel(self, order_id: int) -> None:
        self.book.cancel_order(self.orders.pop(order_id).order_id)

    def left(self) -> int:
        return int(sum(order.remaining_quantity for order in self.orders.values()))


class OBook:
    """A library behind ctypes; ids of its own. Its events are not read."""

    def __init__(self) -> None:
        self.module = import_module("obook")
        self.book = self.module.Book(max_orders=10_000)
        self.ids: dict[int, int] = {}

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        side = self.module.BUY if buy else self.module.SELL
        self.ids[order_id] = self.book.submit(1 if buy else 2, side, ticks, lots).order_id

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        side = self.module.BUY if buy else self.module.SELL
        self.book.submit(1 if buy else 2, side, 0, lots, self.module.MARKET)

    def cancel(self, order_id: int) -> None:
        self.book.cancel(self.ids[order_id], 1)

    def left(self) -> int:
        return sum(order.qty - order.filled for order in self.book.book())


class FastLob:
    """Pure Python, decimals, ids of its own. It knows no market orders.

    Without its thread that looks for expired orders: its time would count for all.
    """

    def __init__(self) -> None:
        self.module = import_module("fastlob")
        logging.getLogger("[A]").setLevel(logging.ERROR)
        self.book = self.module.Orderbook(name="A")
        self.book._alive = True
        self.ids: dict[int, str] = {}

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        side = self.module.OrderSide.BID if buy else self.module.OrderSide.ASK
        self.ids[order_id] = self.book.process(self.module.OrderParams(side, ticks, lots)).orderid()

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        self.limit(order_id, buy, lots, 2 * MIDDLE if buy else 1)

    def cancel(self, order_id: int) -> None:
        self.book.cancel(self.ids[order_id])

    def left(self) -> int:
        return int(self.book._bidside.volume() + self.book._askside.volume())


class OrderMatching:
    """Pure Python: sorts, and looks for an id through the whole book. Orders are placed, then matched."""

    def __init__(self) -> None:
        import_module("loguru").logger.disable("order_matching")
        self.order = import_module("order_matching.order")
        self.orders = import_module("order_matching.orders").Orders
        self.side = import_module("order_matching.enums").Side
        self.engine = import_module("order_matching.matching_engine").MatchingEngine(seed=1)
        self.now = datetime(2026, 1, 1)

    def submit(self, kind: Callable[..., Any], order_id: int, buy: bool, lots: int, **price: int) -> None:
        side = self.side.BUY if buy else self.side.SELL
        order = kind(side=side, size=lots, timestamp=self.now, order_id=str(order_id), trader_id="a", **price)
        self.engine.place(self.orders([order]))
        self.engine.match(self.now)

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        self.submit(self.order.LimitOrder, order_id, buy, lots, price=ticks)

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        self.submit(self.order.MarketOrder, order_id, buy, lots)

    def cancel(self, order_id: int) -> None:
        self.engine.cancel_order(str(order_id))

    def left(self) -> int:
        book = self.engine.unprocessed_orders
        return int(sum(order.size for side in (book.bids, book.offers) for level in side.values() for order in level))


class Manticore:
    """Pure Python, with locks, metrics and events."""

    def __init__(self) -> None:
        logging.getLogger("manticore_orderbook").setLevel(logging.ERROR)
        events = import_module("manticore_orderbook.event_manager").EventManager(enable_logging=False)
        book = import_module("manticore_orderbook.core.orderbook").OrderBook
        self.book = book("A", enable_logging=False, event_manager=events, check_expiry_interval=1e6)

    def limit(self, order_id: int, buy: bool, lots: int, ticks: int) -> None:
        self.book.add_order("buy" if buy else "sell", ticks, lots, str(order_id))

    def market(self, order_id: int, buy: bool, lots: int) -> None:
        self.book.add_order("buy" if buy else "sell", None, lots, str(order_id), order_type="MARKET")

    def cancel(self, order_id: int) -> None:
        self.book.cancel_order(str(order_id))

    def left(self) -> int:
        manager = self.book.book_manager
        return int(sum(level["quantity"] for side in (manager.get_bids(), manager.get_asks()) for level in side))


ENGINES: dict[str, Callable[[], Engine]] = {
    "margincall": Ours,
    "lightmatchingengine": LightMatchingEngine,
    "pyorderbook": PyOrderBook,
    "orderly-chaos": lambda: Compiled("orderly_chaos"),
    "limit-order-book": lambda: Compiled("limit_order_book"),
    "litebook": LiteBook,
    "liquibook": LiquiBook,
    "cython-orderbook": CythonOrderBook,
    "obook": OBook,
    "fastlob": FastLob,
    "order-matching": OrderMatching,
    "manticore-orderbook": Manticore,
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

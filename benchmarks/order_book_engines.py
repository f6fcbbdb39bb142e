"""Order books for Python behind one interface, so that `benchmarks/order_book.py` can give all the same commands.

The adapters differ in nothing but the call. A package is imported when its engine is made: only the environment of the
measurement has them all.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol

from margincall.exchange.book import Book
from margincall.exchange.matching import Order, execute

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
"""The other packages, each in the version that is measured."""
CHEAPEST, DEAREST = 1, 400_000
"""All prices lie between them: where an engine knows no market orders, a limit there stands for one."""
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
        self.limit(order_id, buy, lots, DEAREST if buy else CHEAPEST)

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
        self.limit(order_id, buy, lots, DEAREST if buy else CHEAPEST)

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
        self.limit(order_id, buy, lots, DEAREST if buy else CHEAPEST)

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

"""Cost grows linearly: cost(2n) / cost(n) in positions and in events."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

from benchmarks.timing import best
from margincall.core.account import Account, Marks, Position
from margincall.core.events import AnyEvent, Fill, Flow
from margincall.core.fold import fold
from margincall.core.margin import margin
from margincall.core.prices import prices
from margincall.core.units import Collateral, Price, Quantity
from margincall.forensics.explain import explain
from margincall.venues.binance_usdm import rules
from margincall.venues.embedded import embedded_book

BOUND = 2.1
POSITIONS = (25, 50, 100, 200)
EVENTS = (1000, 2000, 4000, 8000)
START = 1_780_000_000_000


def measure() -> dict[str, Any]:
    """Seconds and ratios for each kind of growth."""
    return {
        "bound": BOUND,
        "positions": growth({count: pricing(count) for count in POSITIONS}),
        "events, fold": growth({count: folding(count) for count in EVENTS}),
        "events, explain": growth({count: explaining(count) for count in EVENTS}),
    }


def growth(work: dict[int, Callable[[], object]]) -> dict[str, Any]:
    """Best seconds per size and the ratio of each size to the one before, interleaved."""
    seconds = best(list(work.values()), seconds=0.1, rounds=25)
    ratios = [round(after / before, 3) for before, after in pairwise(seconds)]
    return {"sizes": list(work), "ms": [round(each * 1e3, 3) for each in seconds], "ratios": ratios}


def pricing(count: int) -> Callable[[], object]:
    """Margin and all prices of a cross account with `count` positions."""
    table = embedded_book({"BTCUSDT"}).select("BTCUSDT", "2026-10-01").table
    assert table is not None
    symbols = [f"C{number}USDT" for number in range(count)]
    venue = rules(symbols, dict.fromkeys(symbols, table), day="2026-10-01")
    held = [Position(name, "BOTH", Quantity(Decimal(1 - 2 * (n % 2)))) for n, name in enumerate(symbols)]
    held = [Position(p.symbol, "BOTH", p.quantity, p.quantity * Decimal(1000 + n)) for n, p in enumerate(held)]
    account = Account({"USDT": Collateral(Decimal(500 * count))}, {each.key: each for each in held})
    marks = Marks({name: Price(Decimal("1017.25")) for name in symbols})
    return lambda: prices(margin(account, marks, venue), marks, venue)


def history(count: int) -> list[AnyEvent]:
    """Fills that open and close, with a funding payment after every tenth."""
    events: list[AnyEvent] = []
    for number in range(count):
        when = START + 1000 * number
        if number % 10 == 9:
            fee = {"USDT": Decimal("-0.01")}
            flow = Flow(time_ms=when, category="funding", reason="FUNDING_FEE", symbol="BTCUSDT", applied=fee)
            events.append(flow)
            continue
        quantity = Decimal("0.002") if number % 3 else Decimal("-0.003")
        price = Decimal(60000 + number % 97)
        fill = Fill(
            time_ms=when, symbol="BTCUSDT", side="BOTH", quantity=quantity, price=price, trade_id=str(number),
            fee=Decimal("0.05"), fee_asset="USDT", maker=False,
        )  # fmt: skip
        events.append(fill)
    return events


def folding(count: int) -> Callable[[], object]:
    """An account folded from `count` events."""
    events = history(count)
    venue = rules(["BTCUSDT"], {}, day="2026-06-01")

    def run() -> Account:
        account = Account()
        for event in events:
            account = fold(account, event, venue)
        return account

    return run


def explaining(count: int) -> Callable[[], object]:
    """The whole reconstruction of `count` events."""
    events = history(count)
    book = embedded_book({"BTCUSDT"})
    return lambda: explain(events, book)

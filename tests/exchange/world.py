"""A small venue for tests of the engine: four contracts with round figures, and few words to play it.

    world = World()
    world.rich("alice", "bob")
    world.sell("alice", 1, 50_000)
    world.buy("bob", 1, 50_000)

After every command the books are checked (`books.py`).
"""

import json
from decimal import Decimal
from typing import Any

from msgspec import structs

from margincall.core.brackets import Bracket, BracketTable
from margincall.core.contract import Contract
from margincall.core.events import Order as OrderEvent
from margincall.core.protocol.funding import FundingRules, IntervalRules
from margincall.core.protocol.mark import IndexRules, MarkRules, Window
from margincall.core.rules import FeeRates, VenueRules
from margincall.exchange import commands
from margincall.exchange.events import Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rejections import Code
from margincall.exchange.rulesets import Filters, Listing, RuleSet
from margincall.exchange.state import OpenOrder, Trader
from margincall.exchange.step import receive, step
from tests.exchange.books import check_books

BTC, ETH, COIN, RULED = "BTCUSDT", "ETHUSDT", "BTCUSD_PERP", "SOLUSDT"
"""Linear, linear, inverse, and linear with a mark made by rule."""
NOON = 1_790_078_400_000
"""2026-09-22 12:00 UTC, half-way between two times of funding."""
HOUR = 3_600_000
MARKS = {BTC: 50_000, ETH: 2_000, COIN: 50_000}


def table(symbol: str, *rows: tuple[Any, ...]) -> BracketTable:
    """Floor, cap, rate, highest leverage; the maintenance amounts follow."""
    found: list[Bracket] = []
    for number, (floor, cap, rate, most) in enumerate(rows, 1):
        last = found[-1] if found else None
        cum = Decimal(floor) * (Decimal(rate) - last.rate) + last.cum if last else Decimal(0)
        found.append(Bracket(number, Decimal(floor), Decimal(cap), Decimal(rate), cum, most))
    return BracketTable(symbol, tuple(found), "2026-09-01", "test")


def linear(symbol: str, tick: str, lot: str) -> Contract:
    return Contract(
        symbol, "linear", symbol[:-4], "USDT", "USDT", Decimal(tick), Decimal(lot), liquidation_fee=Decimal("0.01")
    )


CONTRACTS = {
    BTC: linear(BTC, "0.1", "0.001"),
    ETH: linear(ETH, "0.01", "0.001"),
    RULED: linear(RULED, "0.01", "0.1"),
    COIN: Contract(
        COIN, "inverse", "BTC", "USD", "BTC", Decimal("0.1"), Decimal(1), Decimal(100), liquidation_fee=Decimal("0.01")
    ),
}
ROWS = (("0", "100000", "0.004", 100), ("100000", "1000000", "0.01", 50), ("1000000", "90000000", "0.1", 5))
TABLES = {
    BTC: table(BTC, *ROWS),
    ETH: table(ETH, *ROWS),
    RULED: table(RULED, *ROWS),
    COIN: table(COIN, ("0", "10", "0.004", 100), ("10", "100", "0.01", 50), ("100", "9000", "0.1", 5)),
}
FILTERS = Filters(
    min_price=Decimal(10), max_price=Decimal(1_000_000), min_quantity=Decimal("0.001"), max_quantity=Decimal(1000),
    max_market_quantity=Decimal(100), min_notional=Decimal(5), max_orders=20, max_stop_orders=10,
    multiplier_up=Decimal("1.2"), multiplier_down=Decimal("0.8"), market_bound=Decimal("0.1"),
)  # fmt: skip
FUNDING = FundingRules(hours=8, cap=Decimal("0.02"), floor=Decimal("-0.02"))
LISTINGS = {
    BTC: Listing(filters=FILTERS),
    ETH: Listing(filters=FILTERS),
    COIN: Listing(filters=Filters(min_quantity=Decimal(1), max_quantity=Decimal(100_000))),
    RULED: Listing(
        filters=Filters(),
        mark_source="rule",
        index=IndexRules(band=Decimal("0.03"), stale_ms=300_000),
        mark=MarkRules("median", Window(0, points=30, interval_ms=1_000)),
        funding=FUNDING,
        intervals=IntervalRules(),
    ),
}


def rule_set(**changed: Any) -> RuleSet:
    """The test venue; `changed` replaces parts of the rule-set."""
    venue = VenueRules("test", CONTRACTS, TABLES, FeeRates(Decimal("0.0002"), Decimal("0.0005")))
    return structs.replace(RuleSet(name="test", venue=venue, listings=LISTINGS), **changed)


def listed(symbol: str, **changed: Any) -> RuleSet:
    """The test venue with one listing changed."""
    return rule_set(listings={**LISTINGS, symbol: structs.replace(LISTINGS[symbol], **changed)})


class World:
    """An exchange that is played by commands; each is checked, and must be accepted unless `refused` gives it."""

    def __init__(self, rules: RuleSet | None = None, *, time_ms: int = NOON, marks: bool = True) -> None:
        self.state = new_exchange(rules or rule_set(), time_ms)
        for symbol, mark in MARKS.items() if marks else ():
            self.mark(symbol, mark)

    # --- commands -----------------------------------------------------------------------------------------

    def say(self, command: commands.AnyCommand) -> list[Any]:
        """Carry a command out and check the books."""
        events = step(self.state, command)
        check_books(self.state)
        return events

    def do(self, command: commands.AnyCommand) -> list[Any]:
        """Carry a command out that must be accepted."""
        events = self.say(command)
        assert not [each for each in events if isinstance(each, Rejected)], events
        return events

    def refused(self, command: commands.AnyCommand) -> Code:
        """Carry a command out that must be refused; which code."""
        (event,) = self.say(command)
        assert isinstance(event, Rejected)
        return code_of(event)

    def raw(self, **fields: Any) -> list[Any]:
        """A command as JSON."""
        return receive(self.state, json.dumps(fields).encode())

    def mark(self, symbol: str, price: Any) -> list[Any]:
        return self.do(commands.SetMark(symbol=symbol, price=Decimal(price)))

    def index(self, price: Any, symbol: str = RULED) -> list[Any]:
        """One source that says the index."""
        return self.do(commands.SetIndex(symbol=symbol, sources=(commands.Source("spot", Decimal(price)),)))

    def to(self, time_ms: int) -> list[Any]:
        return self.do(commands.Advance(time_ms=time_ms))

    def later(self, milliseconds: int) -> list[Any]:
        return self.to(self.state.time_ms + milliseconds)

    def rich(self, *names: str, asset: str = "USDT", amount: Any = 1_000_000) -> None:
        """Accounts with money."""
        for name in names:
            if name not in self.state.traders:
                self.do(commands.OpenAccount(account=name))
            self.do(commands.Transfer(account=name, asset=asset, amount=Decimal(amount)))

    def buy(self, name: str, quantity: Any, price: Any = None, **more: Any) -> list[Any]:
        return self.do(order(name, "BUY", quantity, price, **more))

    def sell(self, name: str, quantity: Any, price: Any = None, **more: Any) -> list[Any]:
        return self.do(order(name, "SELL", quantity, price, **more))

    def trade(self, buyer: str, seller: str, quantity: Any, price: Any, symbol: str = BTC, **more: Any) -> list[Any]:
        """A trade between two accounts; the seller rests first."""
        self.sell(seller, quantity, price, symbol=symbol)
        return self.buy(buyer, quantity, price, symbol=symbol, **more)

    # --- looking ------------------------------------------------------------------------------------------

    def trader(self, name: str) -> Trader:
        return self.state.traders[name]

    def wallet(self, name: str, asset: str = "USDT") -> Decimal:
        return self.trader(name).account.wallets.get(asset, Decimal(0))

    def held(self, name: str, symbol: str = BTC, side: str = "BOTH") -> Decimal:
        return self.trader(name).account.position((symbol, side)).quantity  # type: ignore[arg-type]

    def orders(self, name: str) -> list[OpenOrder]:
        """Orders that live, the oldest first."""
        return sorted(self.trader(name).orders.values(), key=lambda each: each.id)

    def newest(self, name: str) -> OpenOrder:
        return self.orders(name)[-1]


def order(name: str, side: Any, quantity: Any, price: Any = None, **more: Any) -> commands.PlaceOrder:
    """A limit order, or a market order without a price; `more` as in `PlaceOrder`."""
    fields: dict[str, Any] = {"symbol": BTC, "type": "MARKET" if price is None else "LIMIT", **more}
    for key in ("stop_price", "activation_price", "callback_rate"):
        if fields.get(key) is not None:
            fields[key] = Decimal(str(fields[key]))
    return commands.PlaceOrder(
        account=name, side=side, quantity=None if quantity is None else Decimal(str(quantity)),
        price=None if price is None else Decimal(str(price)), **fields,
    )  # fmt: skip


def code_of(event: Rejected) -> Code:
    """The member that a rejection's number stands for."""
    (found,) = [each for each in Code if each.code == event.code]
    return found


def of(kind: Any, events: list[Any]) -> list[Any]:
    """The events of a kind."""
    return [each for each in events if isinstance(each, kind)]


def said(events: list[Any], name: str | None = None) -> list[tuple[str, str]]:
    """What became of orders: execution and status, of all or of one account."""
    return [(each.execution, each.status) for each in of(OrderEvent, events) if name in (None, each.account)]

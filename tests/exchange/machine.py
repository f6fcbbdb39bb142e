"""Any course of commands to any rule-set: after every step each invariant that its page says holds is asked.

The machine trades, moves marks, money and time as Hypothesis draws them. What a step did is told again from its events
(`audit/shadow.py`) and judged by the laws; refused commands must leave the fingerprint as it was (22), and at the end
the same commands on a new exchange must give the same state (17).
"""

from collections import Counter
from decimal import Decimal, localcontext
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from margincall.core.rounding import CONTEXT
from margincall.exchange import commands, exposure
from margincall.exchange.audit.auditor import books
from margincall.exchange.audit.laws import LAWS
from margincall.exchange.audit.matrix import holding
from margincall.exchange.audit.shadow import Shadow
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.digest import digest
from margincall.exchange.events import Rejected
from margincall.exchange.exposure import free, leverage
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.step import step

NAMES = tuple(f"t{number}" for number in range(5))
PRICES = {"BTC": 50_000, "ETH": 2_500, "BNB": 500}
START_MS = 1_789_516_710_000
JOURNAL = 17
ATOMICITY = 22
ASKED = frozenset({*LAWS, JOURNAL, ATOMICITY})
"""The invariants that the machine asks, by number."""

names = st.sampled_from(NAMES)
places = st.integers(0, 2)
shares = st.integers(1, 100)


class VenueMachine(RuleBasedStateMachine):
    """A venue under one rule-set; a subclass says which."""

    rules_name: ClassVar[str] = "usdm"
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.rules: RuleSet = CATALOGUE[self.rules_name]()
        self.state = new_exchange(self.rules, START_MS)
        self.shadow = Shadow(self.state)
        self.journal: list[Any] = []
        self.holding = holding(self.rules_name)
        self.symbols = list(self.state.markets)

    def send(self, command: Any) -> None:
        """One command, and every law that holds."""
        before = digest(self.state) if not self.journal or self.is_doubtful(command) else None
        events = step(self.state, command)
        self.journal.append(command)
        self.seen.update(type(event).__name__ for event in events)
        if before is not None and events and isinstance(events[0], Rejected):
            assert digest(self.state) == before, f"{ATOMICITY}: {command}"
        with localcontext(CONTEXT):
            around = self.shadow.tell(self.state, command, events)
            for number in self.holding:
                if number in LAWS:
                    problems = list(LAWS[number](around))
                    assert not problems, f"{number}: {problems}"
            assert all(self.shadow.accounts[name] == self.state.traders[name].account for name in NAMES if
                       name in self.state.traders)  # fmt: skip

    def is_doubtful(self, command: Any) -> bool:
        """Whether a command may well be refused: only then the fingerprint is worth its time."""
        return isinstance(command, commands.PlaceOrder | commands.Transfer | commands.SetLeverage)

    def mark(self, symbol: str) -> Decimal:
        mark = self.state.markets[symbol].mark
        assert mark is not None
        return mark

    def size(self, name: str, symbol: str, share: int) -> Decimal:
        """A quantity that this share of what is free pays for."""
        market, trader = self.state.markets[symbol], self.state.traders[name]
        contract = market.contract
        with localcontext(CONTEXT):
            worth = max(free(self.state, trader, contract.margin_asset), Decimal(0)) * share / 100
            worth *= leverage(trader, market)
            units = worth * self.mark(symbol) / contract.contract_size if contract.is_inverse else None
            units = units if units is not None else worth / self.mark(symbol)
        return contract.lot * max(int(units / contract.lot), 1)

    def order(self, name: str, symbol: str, side: str, quantity: Decimal, **terms: Any) -> None:
        self.send(commands.PlaceOrder(account=name, symbol=symbol, side=side, quantity=quantity, **terms))

    def limit(self, name: str, symbol: str, side: str, quantity: Decimal, permille: int) -> None:
        tick = self.state.markets[symbol].contract.tick
        price = tick * int(self.mark(symbol) * (1000 + permille) / 1000 / tick)
        self.order(name, symbol, side, quantity, type="LIMIT", price=price, time_in_force="GTC")

    @initialize(money=st.lists(st.integers(500, 20_000), min_size=5, max_size=5), fund=st.integers(1, 5_000))
    def opened(self, money: list[int], fund: int) -> None:
        for symbol, market in self.state.markets.items():
            self.send(commands.SetMark(symbol=symbol, price=Decimal(PRICES[market.contract.base])))
        assets = sorted({market.contract.margin_asset for market in self.state.markets.values()})
        for name, amount in zip(NAMES, money, strict=True):
            self.send(commands.OpenAccount(account=name))
            for asset in assets:
                self.send(commands.Transfer(account=name, asset=asset, amount=self.worth(asset, amount)))
        for asset in assets:
            self.send(commands.Fund(asset=asset, amount=self.worth(asset, fund)))
        for long, short, symbol in ((0, 1, 0), (2, 3, 0), (1, 2, -1)):
            self.meet(NAMES[long], NAMES[short], symbol % len(self.symbols), 60)

    def worth(self, asset: str, usd: int) -> Decimal:
        return Decimal(usd * 10**8 // PRICES.get(asset, 1)) / 10**8

    @rule(long=names, short=names, place=places, share=shares)
    def meet(self, long: str, short: str, place: int, share: int) -> None:
        """Two accounts trade with each other at the mark."""
        symbol = self.symbols[place % len(self.symbols)]
        size = min(self.size(long, symbol, share), self.size(short, symbol, share))
        self.limit(short, symbol, "SELL", size, 0)
        self.order(long, symbol, "BUY", size, type="MARKET")

    @rule(name=names, place=places, share=shares, permille=st.integers(-30, 30), side=st.sampled_from(["BUY", "SELL"]))
    def rest(self, *, name: str, place: int, share: int, permille: int, side: str) -> None:
        symbol = self.symbols[place % len(self.symbols)]
        self.limit(name, symbol, side, self.size(name, symbol, share), permille)

    @rule(name=names, place=places, permille=st.integers(-20, 20))
    def close(self, name: str, place: int, permille: int) -> None:
        """An order that only reduces."""
        symbol = self.symbols[place % len(self.symbols)]
        held = self.state.traders[name].account.position((symbol, "BOTH")).quantity
        side = "SELL" if held > 0 else "BUY"
        tick = self.state.markets[symbol].contract.tick
        price = tick * int(self.mark(symbol) * (1000 + permille) / 1000 / tick)
        size = abs(held) or self.state.markets[symbol].contract.lot
        self.order(name, symbol, side, size, type="LIMIT", price=price, time_in_force="GTC", reduce_only=True)

    @rule(place=places, permille=st.integers(-120, 120))
    def moved(self, place: int, permille: int) -> None:
        symbol = self.symbols[place % len(self.symbols)]
        tick = self.state.markets[symbol].contract.tick
        price = tick * max(int(self.mark(symbol) * (1000 + permille) / 1000 / tick), 100)
        self.send(commands.SetMark(symbol=symbol, price=price))

    @rule(name=names, share=st.integers(3, 30))
    def squeezed(self, name: str, share: int) -> None:
        """The mark of a position runs against its account, by so many times its wallet over its size."""
        for position in self.state.traders[name].account.open_positions():
            market = self.state.markets[position.symbol]
            wallet = self.state.traders[name].account.wallets[market.contract.margin_asset]
            with localcontext(CONTEXT):
                at_mark = exposure.worth(market, int(abs(position.quantity) / market.contract.lot), market.mark)
                far = min(max(wallet * share / 20 / at_mark, Decimal("0.001")), Decimal("0.3"))
                tick = market.contract.tick
                price = tick * max(int(self.mark(position.symbol) * (1 - position.direction * far) / tick), 100)
            self.send(commands.SetMark(symbol=position.symbol, price=price))
            return

    @rule(place=places)
    def again(self, place: int) -> None:
        """The same mark once more."""
        symbol = self.symbols[place % len(self.symbols)]
        self.send(commands.SetMark(symbol=symbol, price=self.mark(symbol)))

    @rule(name=names, usd=st.integers(-5_000, 5_000), place=places)
    def transferred(self, name: str, usd: int, place: int) -> None:
        asset = self.state.markets[self.symbols[place % len(self.symbols)]].contract.margin_asset
        self.send(commands.Transfer(account=name, asset=asset, amount=self.worth(asset, usd)))

    @rule(name=names, place=places, wanted=st.sampled_from([1, 10, 20, 50, 75]))
    def leveraged(self, name: str, place: int, wanted: int) -> None:
        symbol = self.symbols[place % len(self.symbols)]
        self.send(commands.SetLeverage(account=name, symbol=symbol, leverage=wanted))

    @rule(name=names, place=places)
    def isolated(self, name: str, place: int) -> None:
        symbol = self.symbols[place % len(self.symbols)]
        self.send(commands.SetMarginType(account=name, symbol=symbol, margin="isolated"))

    @rule(ms=st.sampled_from([1, 1_000, 60_000, 600_000]))
    def passed(self, ms: int) -> None:
        self.send(commands.Advance(time_ms=self.state.time_ms + ms))

    def teardown(self) -> None:
        """17: the journal once more, and the books."""
        with localcontext(CONTEXT):
            arrivals: dict[int, int] = {}
            for market in self.state.markets.values():
                for side in ("BUY", "SELL"):
                    for order in market.book.orders(side):
                        arrivals[order.id] = len(arrivals)
            problems = list(books(self.state, arrivals))
        assert not problems, problems
        again = new_exchange(self.rules, START_MS)
        for command in self.journal:
            step(again, command)
        assert digest(again) == digest(self.state), f"{JOURNAL}: another state from the same commands"

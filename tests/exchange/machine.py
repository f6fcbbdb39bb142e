"""Any course of commands to any rule-set: after every step each invariant that its page says holds is asked.

The machine trades in one-way and hedge mode, cross and isolated, in single- and multi-assets mode, places orders that
wait and quotes, moves marks, indices, money, margin and time, and lets prices be wrong or stale, as Hypothesis draws
it. What a step did is told again from its events (`audit/shadow.py`) and judged by the laws; a refused command must
leave the state as it was (22), and at the end the same commands on a new exchange must give the same state (17).

Faults of the operator are those of prices: a desk that errs breaks the laws, which is what those faults are for.
"""

from collections import Counter
from decimal import Decimal, localcontext
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from margincall.core.events import Fill, Flow
from margincall.core.margin import margin
from margincall.core.protocol.moves import FUND
from margincall.core.rounding import CONTEXT
from margincall.exchange import commands, exposure
from margincall.exchange.audit.auditor import books
from margincall.exchange.audit.laws import LAWS
from margincall.exchange.audit.matrix import holding
from margincall.exchange.audit.shadow import Shadow
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.digest import digest
from margincall.exchange.events import AnyExchangeEvent, LiquidationStarted, Moved, Rejected
from margincall.exchange.exposure import free, leverage
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import Exchange
from margincall.exchange.step import step
from margincall.wire.prints import PrintedOrder

NAMES = tuple(f"t{number}" for number in range(5))
PRICES = {"BTC": 50_000, "ETH": 2_500, "BNB": 500}
START_MS = 1_789_516_710_000
JOURNAL = 17
ATOMICITY = 22
ASKED = frozenset({*LAWS, JOURNAL, ATOMICITY})
"""The invariants that the machine asks, by number."""
NEVER_REFUSED = (commands.SetMark, commands.SetAssetIndex, commands.Fund, commands.OpenAccount, commands.Advance)
"""As the machine sends them: their state before is not worth its digest."""
STOPS = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")

names = st.sampled_from(NAMES)
places = st.integers(0, 2)
shares = st.integers(1, 100)
sides = st.sampled_from(["BUY", "SELL"])
modes = st.sampled_from(["one-way", "one-way", "hedge", "multi", "isolated"])


def everything(state: Exchange) -> tuple[object, ...]:
    """The state for comparison. The rules, which are large, are compared as they are."""
    changing = [getattr(state, name) for name in state.__struct_fields__ if name not in ("rules", "genuine")]
    return state.rules, state.genuine, digest(changing)


class Venue:
    """A venue under one rule-set, and the words to play it. `seen` counts what has happened, by the name of the event;
    moves of money as `Moved: reason`, liquidations also by what is special about the account."""

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
        self.assets = sorted({market.contract.margin_asset for market in self.state.markets.values()})

    def send(self, command: Any) -> None:
        """One command, and every law that holds."""
        before = None if isinstance(command, NEVER_REFUSED) else everything(self.state)
        events = step(self.state, command)
        self.journal.append(command)
        self.seen.update(what for event in events for what in self.happenings(event))
        if any(isinstance(event, Rejected) for event in events):
            assert before == everything(self.state), f"{ATOMICITY}: {command}"
        with localcontext(CONTEXT):
            around = self.shadow.tell(self.state, command, events)
            for number in self.holding:
                if number in LAWS:
                    problems = list(LAWS[number](around))
                    assert not problems, f"{number}: {problems}"
            assert all(self.shadow.accounts[name] == self.state.traders[name].account for name in NAMES if
                       name in self.state.traders)  # fmt: skip

    def happenings(self, event: AnyExchangeEvent) -> list[str]:
        """What an event counts as."""
        found = [type(event).__name__]
        if isinstance(event, Moved):
            found.append(f"Moved: {event.reason}")
        if isinstance(event, Flow) and event.reason == "INSURANCE_CLEAR":
            found.append("clearance fee")
        if isinstance(event, PrintedOrder) and event.original_type:
            found.append("triggered")
        if isinstance(event, Fill) and event.account == FUND:
            found.append("taken over")
        if isinstance(event, LiquidationStarted):
            trader = self.state.traders[event.account]
            found.append(f"{event.pool.partition(':')[0]} pool")
            found += ["hedged"] * trader.hedge
        return found

    def check_end(self) -> None:
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

    def symbol(self, place: int) -> str:
        return self.symbols[place % len(self.symbols)]

    def mark(self, symbol: str) -> Decimal:
        mark = self.state.markets[symbol].mark
        assert mark is not None
        return mark

    def near(self, symbol: str, permille: int) -> Decimal:
        """A price on the tick, so far from the mark."""
        tick = self.state.markets[symbol].contract.tick
        return tick * max(int(self.mark(symbol) * (1000 + permille) / 1000 / tick), 100)

    def worth(self, asset: str, usd: int) -> Decimal:
        return Decimal(usd * 10**8 // PRICES.get(asset, 1)) / 10**8

    def size(self, name: str, symbol: str, share: int) -> Decimal:
        """A quantity that this share of what is free pays for."""
        market, trader = self.state.markets[symbol], self.state.traders[name]
        contract = market.contract
        with localcontext(CONTEXT):
            worth = max(free(self.state, trader, contract.margin_asset), Decimal(0)) * share / 100
            if trader.account.multi_assets:
                worth /= exposure.in_pool_asset(self.state, trader, contract.margin_asset, Decimal(1))
            worth *= leverage(trader, market)
            units = worth * self.mark(symbol) / contract.contract_size if contract.is_inverse else None
            units = units if units is not None else worth / self.mark(symbol)
        return contract.lot * max(int(units / contract.lot), 1)

    def order(self, name: str, symbol: str, side: str, quantity: Decimal | None, *, closes: bool = False,
              **terms: Any) -> None:  # fmt: skip
        """An order that opens, or one that only reduces, as the account's mode says it."""
        if self.state.traders[name].hedge:
            terms["position_side"] = "LONG" if (side == "BUY") != closes else "SHORT"
        elif closes and quantity is not None:
            terms["reduce_only"] = True
        self.send(commands.PlaceOrder(account=name, symbol=symbol, side=side, quantity=quantity, **terms))

    def limit(self, name: str, symbol: str, side: str, quantity: Decimal, permille: int, **terms: Any) -> None:
        price = self.near(symbol, permille)
        self.order(name, symbol, side, quantity, type="LIMIT", price=price, time_in_force="GTC", **terms)

    def asset_index(self, asset: str, usd: Decimal) -> None:
        self.send(commands.SetAssetIndex(asset=asset, index=usd, bid=usd * 95 / 100, ask=usd * 102 / 100))

    def settle_mode(self, name: str, mode: str) -> None:
        """How an account trades: it can hardly be changed once something is open."""
        match mode:
            case "hedge":
                self.send(commands.SetPositionMode(account=name, hedge=True))
            case "multi":
                self.send(commands.SetAssetMode(account=name, multi_assets=True))
            case "isolated":
                self.send(commands.SetMarginType(account=name, symbol=self.symbols[0], margin="isolated"))


class Trading(Venue, RuleBasedStateMachine):
    """What accounts do."""

    @rule(long=names, short=names, place=places, share=shares)
    def meet(self, long: str, short: str, place: int, share: int) -> None:
        """Two accounts trade with each other at the mark."""
        symbol = self.symbol(place)
        size = min(self.size(long, symbol, share), self.size(short, symbol, share))
        self.limit(short, symbol, "SELL", size, 0)
        self.order(long, symbol, "BUY", size, type="MARKET")

    @rule(name=names, place=places, share=shares, permille=st.integers(-30, 30), side=sides)
    def rest(self, *, name: str, place: int, share: int, permille: int, side: str) -> None:
        symbol = self.symbol(place)
        self.limit(name, symbol, side, self.size(name, symbol, share), permille)

    @rule(name=names, place=places, permille=st.integers(-20, 20))
    def close(self, name: str, place: int, permille: int) -> None:
        """An order that only reduces."""
        symbol = self.symbol(place)
        held = [each for each in self.state.traders[name].account.open_positions() if each.symbol == symbol]
        side = "SELL" if held and held[0].quantity > 0 else "BUY"
        size = abs(held[0].quantity) if held else self.state.markets[symbol].contract.lot
        self.limit(name, symbol, side, size, permille, closes=True)

    @rule(name=names, place=places, share=shares, permille=st.integers(-40, 40), side=sides,
          kind=st.sampled_from(STOPS), by_mark=st.booleans(), closes=st.booleans())  # fmt: skip
    def wait(self, *, name: str, place: int, share: int, permille: int, side: str, kind: str, by_mark: bool,
             closes: bool) -> None:  # fmt: skip
        """An order that waits: to open, to reduce, or to close the whole position."""
        symbol = self.symbol(place)
        price = self.near(symbol, permille)
        terms: dict[str, Any] = {"stop_price": price, "working_type": "MARK_PRICE" if by_mark else "CONTRACT_PRICE"}
        if kind == "TRAILING_STOP_MARKET":
            terms = {**terms, "stop_price": None, "callback_rate": Decimal(1)}
        elif not kind.endswith("MARKET"):
            terms["price"] = price
        whole = closes and kind in ("STOP_MARKET", "TAKE_PROFIT_MARKET")
        size = None if whole else self.size(name, symbol, share)
        self.order(name, symbol, side, size, type=kind, closes=closes, close_position=whole, **terms)

    @rule(name=names, place=places, share=shares, permille=st.integers(1, 30), levels=st.integers(0, 3))
    def quote(self, *, name: str, place: int, share: int, permille: int, levels: int) -> None:
        """Orders on both sides of the mark, instead of those of the quote before."""
        symbol = self.symbol(place)
        size = self.size(name, symbol, share)
        bids, asks = (
            tuple(commands.Level(self.near(symbol, sign * permille * each), size) for each in range(1, levels + 1))
            for sign in (-1, 1)
        )
        self.send(commands.Quote(account=name, symbol=symbol, bids=bids, asks=asks))

    @rule(name=names, usd=st.integers(-5_000, 5_000), place=places)
    def transferred(self, name: str, usd: int, place: int) -> None:
        asset = self.state.markets[self.symbol(place)].contract.margin_asset
        self.send(commands.Transfer(account=name, asset=asset, amount=self.worth(asset, usd)))

    @rule(name=names, usd=st.integers(-500, 500))
    def margined(self, name: str, usd: int) -> None:
        """Margin to an isolated position, or back; to another it is refused."""
        for position in self.state.traders[name].account.open_positions():
            amount = self.worth(self.state.markets[position.symbol].contract.margin_asset, usd)
            self.send(commands.MoveMargin(account=name, symbol=position.symbol, amount=amount,
                                          position_side=position.side))  # fmt: skip

    @rule(name=names, place=places, wanted=st.sampled_from([1, 10, 20, 50, 75]))
    def leveraged(self, name: str, place: int, wanted: int) -> None:
        self.send(commands.SetLeverage(account=name, symbol=self.symbol(place), leverage=wanted))

    @rule(name=names, mode=modes)
    def settled(self, name: str, mode: str) -> None:
        self.settle_mode(name, mode)


class VenueMachine(Trading):
    """How it begins, and what happens to accounts: prices, faults and time. A subclass says under which rule-set, and
    has a `seen` of its own."""

    @initialize(money=st.lists(st.integers(500, 20_000), min_size=5, max_size=5), fund=st.integers(1, 5_000),
                kinds=st.lists(modes, min_size=5, max_size=5))  # fmt: skip
    def opened(self, money: list[int], fund: int, kinds: list[str]) -> None:
        for symbol, market in self.state.markets.items():
            self.send(commands.SetMark(symbol=symbol, price=Decimal(PRICES[market.contract.base])))
        for asset in self.assets:
            self.asset_index(asset, Decimal(PRICES.get(asset, 1)))
            self.send(commands.Fund(asset=asset, amount=self.worth(asset, fund)))
        for name, amount, mode in zip(NAMES, money, kinds, strict=True):
            self.send(commands.OpenAccount(account=name))
            for asset in self.assets:
                self.send(commands.Transfer(account=name, asset=asset, amount=self.worth(asset, amount)))
            self.settle_mode(name, mode)
        for long, short, place in ((0, 1, 0), (2, 3, 0), (1, 2, -1)):
            self.meet(NAMES[long], NAMES[short], place, 60)
        for name in NAMES[:4]:
            self.margined(name, 20)
        self.quote(name=NAMES[4], place=0, share=30, permille=5, levels=3)
        self.pressed(NAMES[0], 90)

    @rule(place=places, permille=st.integers(-120, 120))
    def moved(self, place: int, permille: int) -> None:
        symbol = self.symbol(place)
        self.send(commands.SetMark(symbol=symbol, price=self.near(symbol, permille)))

    @rule(permilles=st.lists(st.integers(-60, 60), min_size=3, max_size=3))
    def moved_at_once(self, permilles: list[int]) -> None:
        """All marks of one moment."""
        told = {symbol: self.near(symbol, each) for symbol, each in zip(self.symbols, permilles, strict=False)}
        self.send(commands.SetMarks(prices=told))

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

    @rule(name=names, percent=st.integers(75, 105))
    def pressed(self, name: str, percent: int) -> None:
        """The mark of a position goes to where its pool's maintenance margin is about so much of its balance."""
        found = self.pressing(name, percent)
        if found is not None:
            self.send(commands.SetMark(symbol=found[0], price=found[1]))

    @rule(name=names, other=names, share=shares, percent=st.integers(100, 120))
    def caught(self, *, name: str, other: str, share: int, percent: int) -> None:
        """The same with somebody who is ready to trade there."""
        found = self.pressing(name, percent)
        if found is not None:
            symbol, price, side = found
            self.order(other, symbol, side, self.size(other, symbol, share), type="LIMIT", price=price,
                       time_in_force="GTC")  # fmt: skip
            self.send(commands.SetMark(symbol=symbol, price=price))

    def pressing(self, name: str, percent: int) -> tuple[str, Decimal, str] | None:
        """Symbol and price of `pressed`, and the side of an order that the position could be closed with."""
        with localcontext(CONTEXT):
            account = self.state.traders[name].account
            pools = [each for each in margin(account, self.state.marks, self.rules.venue).pools if each.positions]
            if not pools:
                return None
            held, tick = pools[0].positions[0], self.state.markets[pools[0].positions[0].symbol].contract.tick
            direction = held.position.direction
            far = min((pools[0].balance - pools[0].maintenance * 100 / percent) / held.notional, Decimal("0.3"))
            if held.contract.is_inverse:
                far /= 1 + direction * far
            price = tick * int(held.mark * (1 - direction * far) / tick)
        return (held.symbol, price, "BUY" if direction > 0 else "SELL") if price > 100 * tick else None

    @rule(place=places)
    def again(self, place: int) -> None:
        """The same mark once more."""
        symbol = self.symbol(place)
        self.send(commands.SetMark(symbol=symbol, price=self.mark(symbol)))

    @rule(place=places, permille=st.integers(-150, 150))
    def collateral(self, place: int, permille: int) -> None:
        """The index of an asset moves: in multi-assets mode it counts."""
        asset = self.assets[place % len(self.assets)]
        self.asset_index(asset, self.state.indices[asset].index * (1000 + permille) / 1000)

    @rule(place=places, permille=st.integers(-80, 80), on=st.booleans(),
          kind=st.sampled_from(["stale_index", "wrong_mark", "stale_asset_index", "wrong_asset_index"]))  # fmt: skip
    def erred(self, *, place: int, permille: int, on: bool, kind: str) -> None:
        """A price is wrong or stale until the fault is switched off."""
        asset = self.assets[place % len(self.assets)] if "asset" in kind else ""
        symbol = "" if asset else self.symbol(place)
        value = self.state.indices[asset].index * (1000 + permille) / 1000 if asset else self.near(symbol, permille)
        is_wrong = on and kind.startswith("wrong")
        self.send(commands.InjectFault(kind=kind, on=on, symbol=symbol, asset=asset, value=value if is_wrong else None))

    @rule(ms=st.sampled_from([1, 1_000, 60_000, 600_000]))
    def passed(self, ms: int) -> None:
        self.send(commands.Advance(time_ms=self.state.time_ms + ms))

    def teardown(self) -> None:
        self.check_end()

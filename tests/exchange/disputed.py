"""Small exchanges that liquidate, with the journal of their commands: what the tests of disputes are played in."""

import random
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, get_args

from msgspec import structs

from margincall.core.brackets import Bracket, BracketTable
from margincall.core.contract import Contract
from margincall.core.protocol.funding import FundingRules
from margincall.core.protocol.mark import IndexRules, MarkRules, Window
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.core.rounding import exact
from margincall.core.rules import FeeRates, VenueRules
from margincall.core.units import ZERO
from margincall.exchange import commands as c
from margincall.exchange.faults import WITH_ASSET, WITH_SYMBOL
from margincall.exchange.genesis import new_exchange
from margincall.exchange.judgement import Decision, answer, judge
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.state import Events, Exchange
from margincall.exchange.step import step

BTC, ETH, INDEXED, ALSO_INDEXED = "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"
FEE_RATE = Decimal("0.0125")
USDT = "USDT"


def contract(symbol: str) -> Contract:
    return Contract(
        symbol=symbol, kind="linear", base=symbol[:3], quote=USDT, margin_asset=USDT, tick=Decimal("0.1"),
        lot=Decimal("0.001"), liquidation_fee=FEE_RATE,
    )  # fmt: skip


def table(symbol: str) -> BracketTable:
    rows = (
        Bracket(1, ZERO, Decimal(300_000), Decimal("0.004"), ZERO, 125),
        Bracket(2, Decimal(300_000), Decimal(10_000_000), Decimal("0.01"), Decimal(1800), 50),
    )
    return BracketTable(symbol, rows, "2026-01-01", "test")


def rules(**changes: Any) -> RuleSet:
    """Two symbols with marks as given, two with index, mark and funding by rule. Linear, USDT."""
    symbols = (BTC, ETH, INDEXED, ALSO_INDEXED)
    by_rule = Listing(
        mark_source="rule",
        index=IndexRules(band=Decimal("0.03"), stale_ms=300_000),
        mark=MarkRules("median", Window(0, 30, 1000)),
        funding=FundingRules(8, Decimal("0.02"), Decimal("-0.02")),
    )
    found = RuleSet(
        name="small",
        venue=VenueRules(
            "small", {each: contract(each) for each in symbols}, {each: table(each) for each in symbols},
            FeeRates(Decimal("0.0002"), Decimal("0.0005")),
        ),
        listings={BTC: Listing(), ETH: Listing(), INDEXED: by_rule, ALSO_INDEXED: by_rule},
    )  # fmt: skip
    return structs.replace(found, **changes)


class Story:
    """An exchange with everything that it was told, in order."""

    def __init__(self, rules_in_force: RuleSet | None = None, *, fund: int = 100_000) -> None:
        self.rules = rules_in_force or rules()
        self.state = new_exchange(self.rules)
        self.journal: list[c.AnyCommand] = []
        self.events: Events = []
        for name in ("ann", "bob", "maker"):
            self.tell(c.OpenAccount(account=name))
        self.tell(c.Transfer(account="maker", asset=USDT, amount=Decimal(10_000_000)))
        if fund:
            self.tell(c.Fund(asset=USDT, amount=Decimal(fund)))

    def tell(self, command: c.AnyCommand) -> Events:
        """Carry a command out, and check that the books balance."""
        self.journal.append(command)
        events = step(self.state, command)
        self.events += events
        assert imbalance(self.state) == {}, command
        return events

    def mark(self, price: int | str, symbol: str = BTC) -> Events:
        return self.tell(c.SetMark(symbol=symbol, price=Decimal(price)))

    def later(self, milliseconds: int) -> Events:
        return self.tell(c.Advance(time_ms=self.state.time_ms + milliseconds))

    def order(
        self, account: str, side: str, quantity: str, price: str | None, *, symbol: str = BTC, **more: Any
    ) -> Events:
        """A limit order, or without a price one at the market."""
        return self.tell(
            c.PlaceOrder(
                account=account, symbol=symbol, side=side, quantity=Decimal(quantity),  # type: ignore[arg-type]
                type="MARKET" if price is None else "LIMIT", price=None if price is None else Decimal(price), **more,
            )
        )  # fmt: skip

    def long(self, account: str, wallet: str, *, quantity: str = "1", price: str = "50000", symbol: str = BTC) -> None:
        """Money, and a purchase from the maker at leverage 100."""
        if wallet != "0":
            self.tell(c.Transfer(account=account, asset=USDT, amount=Decimal(wallet)))
        self.mark(price, symbol)
        self.tell(c.SetLeverage(account=account, symbol=symbol, leverage=100))
        self.order("maker", "SELL", quantity, price, symbol=symbol)
        self.order(account, "BUY", quantity, None, symbol=symbol)
        assert self.held(account, symbol) == Decimal(quantity), self.events[-1]

    def fault(self, kind: str, value: str | None = None, *, symbol: str = "", on: bool = True, **about: str) -> Events:
        wrong = None if value is None else Decimal(value)
        return self.tell(c.InjectFault(kind=kind, on=on, symbol=symbol, value=wrong, **about))  # type: ignore[arg-type]

    def index(self, asset: str, price: str) -> Events:
        """The index of a collateral asset, which counts in full."""
        at = Decimal(price)
        return self.tell(c.SetAssetIndex(asset=asset, index=at, bid=at, ask=at))

    def held(self, account: str, symbol: str = BTC) -> Decimal:
        return self.state.traders[account].account.position((symbol, "BOTH")).quantity

    def wallet(self, account: str) -> Decimal:
        return self.state.traders[account].account.wallets.get(USDT, ZERO)

    def dispute(self, account: str = "ann", liquidation: int = 1) -> int:
        """Open a dispute; its number."""
        (event,) = self.tell(c.Dispute(account=account, liquidation=liquidation))
        return event.number  # type: ignore[union-attr]

    def judged(self, number: int) -> Decision:
        return judge(self.rules, self.journal, self.state.disputes[number])

    def decided(self, account: str = "ann", liquidation: int = 1) -> Decision:
        """Dispute, judge, and book the answer."""
        decision = self.judged(self.dispute(account, liquidation))
        self.tell(answer(self.state, decision))
        return decision


@exact
def imbalance(state: Exchange) -> dict[str, Decimal]:
    """By asset, what wallets hold beyond deposits, open costs and what the folds' rounding left: nothing."""
    total = {asset: -amount for asset, amount in state.deposits.items()}
    for trader in state.traders.values():
        for asset, wallet in trader.account.wallets.items():
            total[asset] = total.get(asset, ZERO) + wallet
        for position in trader.account.positions.values():
            total[USDT] = total.get(USDT, ZERO) - position.cost
        for asset, amount in trader.account.remainder.items():
            total[asset] = total.get(asset, ZERO) + amount
    return {asset: amount for asset, amount in total.items() if abs(amount) > Decimal("1e-20")}


def findings(decision: Decision, *kinds: str) -> list[tuple[str, str]]:
    """Kind and verdict of the findings of these kinds."""
    return [(each.kind, each.verdict) for each in decision.findings if each.kind in kinds]


def liquidations(state: Exchange) -> Iterable[tuple[int, str]]:
    """Number and account of every liquidation of the public history."""
    return sorted({(line.number, line.account) for line in state.liquidations})


KEEPERS = ("ann", "bob")


def random_story(seed: int, length: int, *, faults: bool) -> Story:
    """A small exchange under one of several sets of rules, in which two accounts trade with too much leverage."""
    chance = random.Random(seed)
    story = Story(chance.choice(VENUES), fund=chance.choice((0, 500, 100_000)))
    prices = dict.fromkeys((BTC, ETH, INDEXED), Decimal(50_000))
    for symbol in prices:
        _quote(story, chance, symbol, prices[symbol])
    for name in KEEPERS:
        story.tell(c.Transfer(account=name, asset=USDT, amount=Decimal(chance.randint(300, 3000))))
        for symbol in prices:
            story.tell(c.SetLeverage(account=name, symbol=symbol, leverage=chance.choice((50, 100, 125))))
            if chance.random() < 0.3:
                story.tell(c.SetMarginType(account=name, symbol=symbol, margin="isolated"))
    for _ in range(length):
        symbol = chance.choice(list(prices))
        _act(story, chance, symbol, prices)
        if faults and chance.random() < 0.15:
            _err(story, chance, symbol, prices[symbol])
    return story


def _act(story: Story, chance: random.Random, symbol: str, prices: dict[str, Decimal]) -> None:
    """One move of a price, with the maker's orders around it; or an order, or money, of an account."""
    name, draw = chance.choice(KEEPERS), chance.random()
    if draw < 0.4:
        prices[symbol] = (prices[symbol] * (1 + Decimal(chance.randint(-120, 120)) / 10_000)).quantize(Decimal("0.1"))
        _quote(story, chance, symbol, prices[symbol])
    elif draw < 0.8:
        side = chance.choice(("BUY", "SELL"))
        offset = 1 + Decimal(chance.randint(-60, 60)) / 10_000
        price = None if chance.random() < 0.5 else str((prices[symbol] * offset).quantize(Decimal("0.1")))
        story.order(name, side, f"{chance.randint(1, 1200) / 1000:.3f}", price, symbol=symbol)
    elif draw < 0.9:
        amount = Decimal(chance.choice((-200, 50, 400)))
        more = c.MoveMargin(account=name, symbol=symbol, amount=amount)
        story.tell(chance.choice((c.Transfer(account=name, asset=USDT, amount=amount), more)))
    else:
        story.later(chance.choice((1, 1500, 61_000, 700_000)))


def _quote(story: Story, chance: random.Random, symbol: str, price: Decimal) -> None:
    """A new price, and thin orders of the maker around it, further or nearer. A mark by rule needs a second to pass."""
    story.tell(c.CancelAll(account="maker", symbol=symbol))
    for side, sign in (("BUY", -1), ("SELL", 1)):
        for step_away in range(1, 4):
            away = 1 + sign * Decimal(step_away * chance.randint(1, 40)) / 10_000
            at = str((price * away).quantize(Decimal("0.1")))
            story.order("maker", side, f"{chance.randint(1, 700) / 1000:.3f}", at, symbol=symbol)
    if symbol == INDEXED:
        story.tell(c.SetIndex(symbol=symbol, sources=(c.Source(name="spot", price=price),)))
        story.later(1000)
    else:
        story.mark(str(price), symbol)


def _err(story: Story, chance: random.Random, symbol: str, price: Decimal) -> None:
    """Any fault of a symbol or of the whole exchange, on or off."""
    kind = chance.choice(sorted(set(get_args(c.FaultKind)) - WITH_ASSET))
    if kind == "early_liquidation":
        story.fault(kind, symbol=symbol, account=chance.choice(KEEPERS))
        return
    value = {
        "wrong_mark": str((price * chance.choice((Decimal("0.99"), Decimal("1.01")))).quantize(Decimal("0.1"))),
        "wrong_brackets": chance.choice(("0.5", "2")),
        "wrong_clearance_rate": chance.choice(("0.005", "0.02")),
        "fee_twice": chance.choice(("1", "0.001")),
        "wrong_fee_base": chance.choice(("0.01", "5000")),
        "fill_beyond_bankruptcy": chance.choice(("0.1", "200")),
        "adl_out_of_rank": chance.choice(("1", "2")),
        "wrong_funding_rate": chance.choice(("-0.0001", "0.003")),
        "socialise_despite_fund": chance.choice(("0.00000001", "100")),
        "oversized_order": chance.choice(("0.001", "0.5")),
        "wrong_entry": chance.choice(("0.00000001", "300")),
        "wrong_commission": chance.choice(("0.00000001", "0.01")),
        "adl_commission": chance.choice(("0.0000001", "0.002")),
        "oversized_adl": chance.choice(("0.001", "0.5")),
    }.get(kind)
    on = chance.random() < 0.6
    story.fault(kind, value if on else None, symbol=symbol if kind in WITH_SYMBOL else "", on=on)


VENUES = (
    rules(),
    rules(waterfall=WaterfallRules(cancel="account", partial="tier", takeover="one-by-one", fee_cap="uncapped")),
    rules(waterfall=WaterfallRules(partial="whole", after_fund="socialise", fund_share=Decimal("0.5"))),
    rules(waterfall=WaterfallRules(cancel="none", after_fund="claw-back", order="notional")),
    rules(
        waterfall=WaterfallRules(
            partial="share", partial_share=Decimal("0.1"), least_notional=Decimal(1000), limit="fillable",
            takeover="none", fee="improvement", only_bankrupt=True,
        )
    ),
)  # fmt: skip
"""Binance's way and others': what they share is that without a fault nobody is wronged."""

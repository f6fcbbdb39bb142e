"""`docs/spec/invariants.md` against what is tested: each cell "holds" is asked by the machine, each "violated" has its
counter-example here, and nothing is missing on either side."""

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from margincall.core.account import Position
from margincall.core.events import Fill
from margincall.core.fold import fill_terms
from margincall.core.protocol.deleverage import Candidate, Deleveraging, deleverage, leverage_pnl, rank
from margincall.core.protocol.losses import socialise
from margincall.core.rounding import CONTEXT
from margincall.exchange import commands
from margincall.exchange.audit.laws import LAWS
from margincall.exchange.audit.matrix import MATRIX, SETS
from margincall.exchange.audit.shadow import Around, Shadow
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.events import LiquidationStarted, LiquidationStep
from margincall.exchange.genesis import new_exchange
from margincall.exchange.step import step
from tests.exchange.machine import ASKED, PRICES, VenueMachine
from tests.sources import ROOT

PAGE = ROOT / "docs/spec/invariants.md"
ROW = re.compile(r"^\| (\d+) \|(.+)\|$", re.MULTILINE)
SEED = 4711
EVERYWHERE = {
    "LiquidationStarted": 40, "cross pool": 15, "isolated pool": 3, "multi pool": 2, "hedged": 2, "triggered": 5,
    "Warned": 8, "Rejected": 50, "Quoted": 8, "MarginMove": 4, "FaultSet": 10,
}  # fmt: skip
"""What has to happen in the courses of each rule-set: an invariant that nothing could have broken says nothing. Other
seeds give twice as much and more."""
QUEUE = {"Deleveraged": 20}
SHARED = {"LossShared": 10, "Moved: negative_balance": 5, "taken over": 30}
OF_ITS_RULES = {
    "usdm": {**QUEUE, "taken over": 8},
    "coinm": {**QUEUE, "taken over": 8},
    "dydx": {**QUEUE, "Moved: improvement": 8},
    "socialised": {**SHARED, "Moved: socialised_loss": 10},
    "clawback": {**SHARED, "Moved: clawback": 10},
}
"""A queue where there is one; what the fund takes over, and what it pays; shared losses by their kind."""
WORDS = ("holds", "violated", "n/a")
D = Decimal


def page() -> dict[tuple[int, str], str]:
    """The matrix as the page has it."""
    found = {}
    for number, rest in ROW.findall(PAGE.read_text(encoding="utf-8")):
        cells = [cell.strip() for cell in rest.split("|")]
        found |= {(int(number), name): cell for name, cell in zip(SETS, cells[1:-1], strict=True)}
        if "n/a" in cells[1:-1] or "violated" in cells[1:-1]:
            assert cells[-1], f"{number}: no reason is given"
    return found


# --- counter-examples -----------------------------------------------------------------------------------------

Example = Callable[[str], None]
EXAMPLES: dict[int, Example] = {}


def example(number: int) -> Callable[[Example], Example]:
    """Enter a counter-example under the number of what it violates."""

    def enter(show: Example) -> Example:
        EXAMPLES[number] = show
        return show

    return enter


def shorts(*told: tuple[str, str, str, str]) -> list[Candidate]:
    """Short positions as account, quantity, score, own bankruptcy price."""
    return [Candidate(name, "X", "BOTH", -D(size), D(score), D(own)) for name, size, score, own in told]


def chosen(name: str, candidates: list[Candidate], quantity: str, price: str, seed: int = 0) -> Deleveraging:
    """Who is closed under a rule-set's rules."""
    rules = CATALOGUE[name]().deleveraging
    ranked = rank(candidates, rules)
    return deleverage(ranked, D(quantity), D(price), lot=D(1), rules=rules, seed=seed)


def given(found: Deleveraging) -> dict[str, Decimal]:
    return {each.candidate.account: abs(each.quantity) for each in found.closings}


@example(6)
def principal_is_taken(name: str) -> None:
    """Who has won nothing loses by being closed, or by holding."""
    if name == "socialised":
        assert socialise("debtor", "USDT", D(10), {"has lost": D(1), "other": D(1)}).charges["has lost"] == 5
        return
    # A short from 100 at a mark of 100 has no profit; it is closed at 110, the price of the bankrupt long.
    found = chosen(name, shorts(("even", "1", "0", "200")), "1", "110")
    assert given(found) == {"even": 1}
    assert found.price > 100


@example(7)
def more_is_collected(name: str) -> None:
    """The rate is rounded up, and losers pay as winners do."""
    shared = socialise("debtor", "USDT", D(10), {"loser": D(3), "winner": D(4)})
    assert sum(shared.charges.values()) > 10
    assert shared.charges["loser"] > 0
    assert name == "socialised"


@example(9)
def overlap_is_taken(name: str) -> None:
    """The head of the queue is closed at 110, though it is bankrupt at 105."""
    assert given(chosen(name, shorts(("head", "1", "2", "105"), ("next", "1", "1", "500")), "1", "110")) == {"head": 1}


@example(10)
def fee_worsens(name: str) -> None:
    """A reducing order that fills at its limit keeps balance : maintenance; the taker's fee comes on top."""
    around, started, reduced = reduced_at_the_limit(name)
    event = started.event
    assert isinstance(event, LiquidationStarted)
    before = around.pool(started, "long", event.pool)
    after = around.pool(reduced, "long", event.pool)
    assert before is not None
    assert after is not None
    with localcontext(CONTEXT):
        assert after.balance * before.maintenance < before.balance * after.maintenance


@example(11)
def rest_is_at_the_trigger(name: str) -> None:
    """A share of 10 % is closed; the rest is still at its trigger."""
    world = World(name)
    around = world.fall_to_trigger(buyers=True)
    assert any(isinstance(event, Fill) for event in around.events)
    assert list(LAWS[11](around))


@example(14)
def rounding_favours(name: str) -> None:
    """A loss of more than 8 decimals is truncated: the account loses less than it should."""
    rules = CATALOGUE[name]()
    contract = next(iter(rules.venue.contracts.values()))
    held = Position(contract.symbol, "BOTH", contract.lot, cost=contract.lot * 50_000)
    if contract.is_inverse:
        held = Position(contract.symbol, "BOTH", contract.lot, cost=D("0.002"))
    fill = Fill(time_ms=0, symbol=contract.symbol, side="BOTH", quantity=-contract.lot, price=D("49999.123456789012"),
                trade_id="", close="liquidation")  # fmt: skip
    terms = fill_terms(held, fill, contract, rules.venue.fees)
    assert terms.realized > terms.profit
    assert terms.profit < 0


@example(16)
def again_closes_more(name: str) -> None:
    """The same mark once more closes the next share."""
    world = World(name)
    world.fall_to_trigger(buyers=True)
    symbol = world.symbol
    around = world.send(commands.SetMark(symbol=symbol, price=world.state.markets[symbol].mark))
    assert any(isinstance(event, Fill) for event in around.events)


@example(18)
def names_decide(name: str) -> None:
    """Two equals: the burden stays with the name, not with the position, when names are turned round."""
    first = given(chosen(name, shorts(("a", "5", "1", "500"), ("b", "6", "1", "500")), "1", "110"))
    turned = given(chosen(name, shorts(("b", "5", "1", "500"), ("a", "6", "1", "500")), "1", "110"))
    assert first == turned == {"a": 1}


@example(19)
def splitting_pays(name: str) -> None:
    """A winner who splits the position over two accounts gives up less."""
    other = ("other", "10", "0.5", "500")
    whole = given(chosen(name, shorts(("w", "10", "0.8", "500"), other), "8", "110", seed=1))
    parts = shorts(("w1", "5", "0.9", "500"), ("w2", "5", "0.1", "500"), other)
    split = given(chosen(name, parts, "8", "110", seed=3))
    if CATALOGUE[name]().deleveraging.choice == "seeded-start":
        whole = given(chosen(name, shorts(("w", "10", "0", "500"), other), "8", "110", seed=3))
    assert split.get("w1", D(0)) + split.get("w2", D(0)) < whole["w"] == 8


@example(20)
def larger_pays_less(name: str) -> None:
    """The larger winner gives nothing, or less."""
    if name == "socialised":
        charges = socialise("debtor", "USDT", D(10), {"won much with little": D(1), "lost": D(9)}).charges
        assert charges["won much with little"] < charges["lost"]
        return
    small, large = leverage_pnl(D(10), D(10), D(20), D(1)), leverage_pnl(D(20), D(200), D(220), D(2))
    told = [("has won 10", "1", str(small), "500"), ("has won 20", "2", str(large), "500")]
    found = given(chosen(name, shorts(*told), "1", "110"))
    assert found == {"has won 10": 1}


# --- a small world --------------------------------------------------------------------------------------------


class World:
    """One long against others, in a rule-set; `long` has 20 times its money in the market."""

    def __init__(self, name: str, fund: int = 1) -> None:
        self.rules = CATALOGUE[name]()
        self.state = new_exchange(self.rules)
        self.shadow = Shadow(self.state)
        self.symbol, self.market = next(iter(self.state.markets.items()))
        self.price = D(PRICES[self.market.contract.base])
        self.send(commands.SetMark(symbol=self.symbol, price=self.price))
        asset = self.market.contract.margin_asset
        unit = self.price if self.market.contract.is_inverse else D(1)
        self.send(commands.Fund(asset=asset, amount=D(fund)))
        for account, money in (("long", 5_000), ("short", 500_000), ("buyer", 500_000)):
            self.send(commands.OpenAccount(account=account))
            self.send(commands.Transfer(account=account, asset=asset, amount=round(money / unit, 8)))
            self.send(commands.SetLeverage(account=account, symbol=self.symbol, leverage=25))
        self.size = self.units(100_000)
        self.order("short", "SELL", self.price, self.size)
        self.order("long", "BUY", self.price, self.size)

    def units(self, usd: int) -> Decimal:
        contract = self.market.contract
        return contract.lot * int(D(usd) / (contract.contract_size if contract.is_inverse else self.price)
                                  / contract.lot)  # fmt: skip

    def send(self, command: commands.AnyCommand) -> Around:
        events = step(self.state, command)
        with localcontext(CONTEXT):
            return self.shadow.tell(self.state, command, events)

    def order(self, account: str, side: str, price: Decimal, quantity: Decimal) -> None:
        self.send(commands.PlaceOrder(account=account, symbol=self.symbol, side=side, type="LIMIT", price=price,
                                      quantity=quantity, time_in_force="GTC"))  # fmt: skip

    def fall_to_trigger(self, *, buyers: bool) -> Around:
        """The mark falls until the long is at its trigger, just."""
        price = self.price
        while True:
            price -= self.price / 1000
            if buyers:
                self.order("buyer", "BUY", price, self.size)
            around = self.send(commands.SetMark(symbol=self.symbol, price=price))
            if any(isinstance(event, LiquidationStarted) for event in around.events):
                return around
            if buyers:
                self.send(commands.CancelAll(account="buyer", symbol=self.symbol))


@pytest.mark.parametrize("name", SETS)
def test_only_what_was_done_is_told(name: str) -> None:
    """Where orders stay in the book, no step says that they were cancelled."""
    around = World(name).fall_to_trigger(buyers=True)
    steps = [each.event.step for each in around.of(LiquidationStep) if isinstance(each.event, LiquidationStep)]
    assert ("cancel" in steps) == (CATALOGUE[name]().waterfall.cancel != "none")


def reduced_at_the_limit(name: str) -> tuple[Around, object, object]:
    """A small purchase rests exactly at the limit of the reducing order; the moments before and after its fill."""
    limit = next(
        each.event.price for each in World(name).fall_to_trigger(buyers=False).of(LiquidationStep)
        if isinstance(each.event, LiquidationStep) and each.event.step == "reduce"
    )  # fmt: skip
    world = World(name)
    assert limit is not None
    world.order("buyer", "BUY", limit, world.units(1_000))
    around = world.fall_to_trigger(buyers=False)
    (started,) = around.of(LiquidationStarted)
    reduced = next(each for each in around.of(LiquidationStep) if each.event.step == "reduce")
    return around, started, reduced


# --- the tests ------------------------------------------------------------------------------------------------


def test_the_page_is_the_matrix() -> None:
    assert page() == MATRIX
    assert sorted({number for number, _ in MATRIX}) == list(range(1, 27))
    assert set(MATRIX.values()) <= set(WORDS)


def test_what_holds_is_asked() -> None:
    assert {number for (number, _), verdict in page().items() if verdict == "holds"} - ASKED == set()


def test_what_is_violated_is_shown() -> None:
    assert {number for (number, _), verdict in page().items() if verdict == "violated"} == set(EXAMPLES)


@pytest.mark.parametrize(
    ("number", "name"), [cell for cell, verdict in page().items() if verdict == "violated"], ids=str
)  # fmt: skip
def test_counter_example(number: int, name: str) -> None:
    EXAMPLES[number](name)


@pytest.mark.parametrize("name", SETS)
def test_invariants_hold(name: str) -> None:
    machine = type(f"{name.title()}Machine", (VenueMachine,), {"rules_name": name, "seen": Counter()})
    course = settings(max_examples=30, stateful_step_count=40, derandomize=True, database=None)
    run_state_machine_as_test(seed(SEED)(machine), settings=course)
    least = {**EVERYWHERE, **OF_ITS_RULES[name]}
    assert {what: machine.seen[what] for what in least if machine.seen[what] < least[what]} == {}

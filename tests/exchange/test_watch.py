"""Who is looked at when a mark moves: always everybody whom it brings to the trigger, or across the warning ratio.

Bands are bounds, so an account that `Watch.concerned` leaves out stands as it stood. First of accounts that are made
up, under tables up to the steepest, then of accounts that trade and are liquidated on the exchange.
"""

from decimal import Decimal as D
from decimal import localcontext
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.account import AssetIndex, Marks, Position
from margincall.core.contract import value
from margincall.core.fold import open_account
from margincall.core.margin import Terms, margin
from margincall.core.rounding import CONTEXT
from margincall.core.rules import VenueRules
from margincall.exchange import commands
from margincall.exchange.events import LiquidationStarted, Rejected, Warned
from margincall.exchange.step import step
from margincall.exchange.watch import Watch
from tests.depth import few
from tests.exchange.books import check_books
from tests.exchange.world import BTC, COIN, ETH, MARKS, World, of, order, rule_set, table

WARNING = D("0.8")
TRADED = (BTC, ETH, COIN)
STEEP = {
    symbol: table(symbol, ("0", low, "0.01", 50), (low, "900000000", "1", 1))
    for symbol, low in ((BTC, "20000"), (ETH, "5000"), (COIN, "0.5"))
}
"""Tables whose last row asks for all of the notional, and more for each unit won than the unit."""


def told(terms: Terms) -> list[str]:
    """The pools at or above the warning ratio, as the desk sees them."""
    return [pool.name for pool in terms.pools if pool.positions and pool.maintenance >= WARNING * pool.balance]


def liquidated(terms: Terms) -> list[str]:
    return [pool.name for pool in terms.pools if pool.liquidated]


# --- accounts that are made up ----------------------------------------------------------------------------

POSITIONS = st.lists(
    st.tuples(
        st.sampled_from(TRADED), st.sampled_from(["LONG", "SHORT"]), st.integers(1, 60),
        st.sampled_from(["cross", "cross", "isolated"]), st.integers(1, 40),
    ),
    min_size=1, max_size=5, unique_by=lambda each: each[:2],
)  # fmt: skip
MOVES = st.lists(st.tuples(st.sampled_from(TRADED), st.integers(-400, 400)), min_size=1, max_size=12)
UNIT = {BTC: D("0.05"), ETH: D(1), COIN: D(20)}


def made_up(rows: list[Any], wallet: Any, multi: bool) -> Any:
    """An account with these positions at the first marks; `wallet` in thousandths of what it holds."""
    rules = rule_set().venue
    positions, worth = [], {"USDT": D(0), "BTC": D(0)}
    for symbol, side, size, kind, isolated in rows:
        contract = rules.contract(symbol)
        quantity = UNIT[symbol] * size * (1 if side == "LONG" else -1)
        cost = value(contract, quantity, D(MARKS[symbol]))  # type: ignore[arg-type]
        kept = D(0) if multi or kind == "cross" else abs(cost) * isolated / 1000
        positions.append(
            Position(symbol, side, quantity, cost, "isolated" if kept else "cross", kept)  # type: ignore[arg-type]
        )
        worth[contract.margin_asset] += abs(cost) * wallet / 1000 + kept
    return open_account(worth, tuple(positions), contracts=rules.contracts, multi_assets=multi)


def look(account: Any, prices: dict[str, D], rules: VenueRules) -> Terms:
    half = D("0.6")
    indices = {"USDT": AssetIndex(D(1), D("0.999"), D("1.001")), "BTC": AssetIndex(D(50_000), 50_000 * half, D(51_000))}
    return margin(account, Marks(dict(prices), indices), rules)  # type: ignore[arg-type]


@settings(max_examples=few(100), deadline=None)
@given(POSITIONS, st.integers(2, 60) | st.integers(200, 1_200), st.booleans(), st.booleans(), MOVES)
@example([(BTC, "LONG", 60, "cross", 1)], 1_100, False, True, [(BTC, 400), (BTC, 400), (BTC, 400)])
@example([(COIN, "LONG", 50, "cross", 1)], 8, False, False, [(COIN, -2), (COIN, -1), (COIN, -1), (COIN, -1)])
def test_a_band_is_a_bound(
    rows: list[Any], wallet: int, multi: bool, steep: bool, moves: list[tuple[str, int]]
) -> None:
    with localcontext(CONTEXT):
        rules = rule_set().venue
        rules = rules.with_tables(STEEP) if steep else rules
        account = made_up(rows, wallet, multi)
        prices = {symbol: D(mark) for symbol, mark in MARKS.items()}
        watch = Watch()
        terms = look(account, prices, rules)
        warned, at_trigger = told(terms), liquidated(terms)
        watch.update("a", terms, warned, WARNING)
        for symbol, percentage in moves:
            prices[symbol] = (prices[symbol] * (1000 + percentage // 4) / 1000).quantize(D("0.1"))
            found = watch.concerned(symbol, prices[symbol])
            terms = look(account, prices, rules)
            if found:
                warned, at_trigger = told(terms), liquidated(terms)
                watch.update("a", terms, warned, WARNING)
            else:
                assert (told(terms), liquidated(terms)) == (warned, at_trigger), (symbol, prices)


@pytest.mark.parametrize(("symbol", "side"), [(BTC, "LONG"), (BTC, "SHORT"), (COIN, "LONG"), (COIN, "SHORT")])
def test_the_very_mark_that_triggers_is_seen(symbol: str, side: str) -> None:
    """By bisection over marks of 8 decimals: the first one that is liquidated is always outside the band."""
    with localcontext(CONTEXT):
        rules = rule_set().venue
        account = made_up([(symbol, side, 7, "cross", 1)], D("4.5"), False)
        start = D(MARKS[symbol])
        terms = look(account, {**MARKS_AT, symbol: start}, rules)
        warned = told(terms)
        assert (bool(warned), liquidated(terms)) == (True, [])
        good, bad = start, start * (D("0.9") if side == "LONG" else D("1.1"))
        while abs(good - bad) > D("1e-8"):
            middle = ((good + bad) / 2).quantize(D("1e-8"))
            at = liquidated(look(account, {**MARKS_AT, symbol: middle}, rules))
            good, bad = (good, middle) if at else (middle, bad)
        watch = Watch()
        watch.update("a", terms, warned, WARNING)
        assert watch.concerned(symbol, bad) == {"a"}


@pytest.mark.parametrize("symbol", [BTC, COIN])
def test_a_trigger_that_lies_exactly_on_a_mark(symbol: str) -> None:
    """One row, so nothing is to spare: the budget of a long is used up at the trigger, to the last digit."""
    with localcontext(CONTEXT):
        rate = D("0.004")
        rules = rule_set().venue.with_tables({symbol: table(symbol, ("0", "90000000", rate, 100))})
        contract, size = rules.contract(symbol), UNIT[symbol] * 7
        for step_ in range(1, 301):
            at = D(50_000) - step_ * D("0.7")
            position = Position(symbol, "LONG", size, value(contract, size, D(50_000)))  # type: ignore[arg-type]
            worth = value(contract, size, at)  # type: ignore[arg-type]
            wallet = rate * worth + (worth - position.cost if contract.is_inverse else position.cost - worth)
            account = open_account({contract.margin_asset: wallet}, (position,), contracts=rules.contracts)
            watch = Watch()
            terms = look(account, MARKS_AT, rules)
            watch.update("a", terms, [terms.pools[0].name], WARNING)
            assert liquidated(look(account, {**MARKS_AT, symbol: at}, rules))
            assert watch.concerned(symbol, at) == {"a"}


MARKS_AT = {symbol: D(mark) for symbol, mark in MARKS.items()}


def test_a_mark_costs_those_it_concerns() -> None:
    """A thousand accounts far from their triggers: a mark that moves a little looks at none of them."""
    with localcontext(CONTEXT):
        rules, watch = rule_set().venue, Watch()
        account = made_up([(BTC, "LONG", 4, "cross", 1), (ETH, "SHORT", 9, "cross", 1)], 300, False)
        terms = look(account, MARKS_AT, rules)
        for number in range(1_000):
            watch.update(f"a{number}", terms, [], WARNING)
        looked_at = watch.looked_at
        assert [watch.concerned(BTC, D(50_000 + step)) for step in range(-500, 500)] == [set()] * 1_000
        assert watch.looked_at == looked_at
        assert len(watch.concerned(BTC, D(30_000))) == 1_000


def test_stale_bands_are_swept_away() -> None:
    with localcontext(CONTEXT):
        rules, watch = rule_set().venue, Watch()
        account = made_up([(BTC, "LONG", 4, "cross", 1)], 300, False)
        terms = look(account, MARKS_AT, rules)
        for _ in range(5_000):
            watch.update("a", terms, [], WARNING)
        assert len(watch._lower[BTC]) < 100
        assert watch.concerned(BTC, D(30_000)) == {"a"}


# --- accounts of an exchange ------------------------------------------------------------------------------


class Spy(Watch):
    """Remembers whom the last mark concerned."""

    found: set[str]

    def concerned(self, symbol: str, mark: D) -> set[str]:
        self.found = super().concerned(symbol, mark)
        return self.found


def must_be_looked_at(world: World, symbol: str, mark: D) -> set[str]:
    """Whom this mark brings to the trigger or across the warning ratio, by looking at everybody."""
    state = world.state
    marks = structs.replace(state.marks, prices={**state.prices, symbol: mark})
    found = set()
    for trader in state.owners():
        terms = margin(trader.account, marks, state.rules.venue)
        if liquidated(terms) or sorted(told(terms)) != sorted(trader.warned):
            found.add(trader.name)
    return found


def crowd(random: Random) -> World:
    """A market maker and a dozen thin accounts of every sort."""
    world = World()
    world.state.watch = Spy()
    for asset, price in (("USDT", 1), ("BTC", 50_000)):
        world.do(
            commands.SetAssetIndex(asset=asset, index=D(price), bid=D(price) * D("0.95"), ask=D(price) * D("1.05"))
        )
    world.rich("maker", amount=100_000_000)
    world.rich("maker", asset="BTC", amount=100_000)
    for number in range(12):
        name = f"t{number}"
        world.rich(name, amount=random.randint(300, 3_000))
        world.rich(name, asset="BTC", amount=D(random.randint(5, 50)) / 1_000)
        if number % 4 == 1:
            world.do(commands.SetPositionMode(account=name, hedge=True))
        if number % 4 == 2:
            world.do(commands.SetAssetMode(account=name, multi_assets=True))
        for symbol in TRADED:
            if number % 4 == 3 or (number % 4 == 1 and random.random() < 0.5):
                world.do(commands.SetMarginType(account=name, symbol=symbol, margin="isolated"))
            world.do(commands.SetLeverage(account=name, symbol=symbol, leverage=random.choice([20, 50, 100])))
    world.do(commands.Fund(asset="USDT", amount=D(random.choice([100, 100_000]))))
    return world


def quote(world: World, random: Random, symbol: str) -> None:
    """The maker's orders around the mark, with a little width."""
    mark, tick = world.state.prices[symbol], world.state.markets[symbol].contract.tick
    world.do(commands.CancelAll(account="maker", symbol=symbol))
    for side, away in (("BUY", D("0.999")), ("SELL", D("1.001"))):
        price = (mark * away / tick).quantize(D(1)) * tick
        size = UNIT[symbol] * random.randint(5, 60)
        step(world.state, order("maker", side, size, price, symbol=symbol))


@pytest.mark.parametrize("seed", range(6))
def test_nobody_is_overlooked(seed: int) -> None:
    random = Random(seed)
    world = crowd(random)
    kinds: set[type] = set()
    for _ in range(300):
        symbol = random.choice(TRADED)
        action = random.random()
        if action < 0.45:
            mark = (world.state.prices[symbol] * D(random.randint(9_940, 10_060)) / 10_000).quantize(D("0.01"))
            wanted = must_be_looked_at(world, symbol, mark)
            events = world.mark(symbol, mark)
            assert wanted <= world.state.watch.found  # type: ignore[attr-defined]
            kinds |= {type(each) for each in events}
        elif action < 0.6:
            quote(world, random, symbol)
        else:
            trader = world.trader(f"t{random.randrange(12)}")
            place = order(
                trader.name, random.choice(["BUY", "SELL"]), UNIT[symbol] * random.randint(1, 4), symbol=symbol,
                position_side=random.choice(["LONG", "SHORT"]) if trader.hedge else "BOTH",
            )  # fmt: skip
            events = step(world.state, place)
            kinds |= {type(each) for each in events}
        check_books(world.state)
    assert {Warned, LiquidationStarted, Rejected} <= kinds


def test_an_account_that_can_be_helped_by_nothing_is_concerned_by_every_mark() -> None:
    """No book, no fund, nobody to deleverage but the counterparty, who is gone into debt as well: it waits."""
    world = World()
    world.state.watch = Spy()
    world.rich("bob")
    world.rich("alice", amount=600)
    world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=100))
    world.do(commands.InjectFault(kind="late_liquidation", on=True, symbol=BTC))
    world.trade("alice", "bob", 1, 50_000)
    for mark in (49_500, 49_400, 49_400, 49_300):
        assert of(LiquidationStarted, world.mark(BTC, mark)) == []
        assert world.state.watch.found == {"alice"} or mark == 49_500
    events = world.do(commands.InjectFault(kind="late_liquidation", on=False, symbol=BTC))
    assert len(of(LiquidationStarted, events)) == 1

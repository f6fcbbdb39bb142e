"""What a liquidation tells: each step with its rule, what was asked and applied, and the assumptions that it rests on;
and the histories that are kept of it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from margincall.core.assumptions import Assumptions
from margincall.core.events import Order
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.core.rounding import booked
from margincall.exchange import commands, histories
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.events import (
    Deleveraged,
    LiquidationEnded,
    LiquidationStarted,
    LiquidationStep,
    LossShared,
    Moved,
)
from margincall.exchange.state import DeleveragingLine
from tests.exchange.test_dydx_desk import Chain
from tests.exchange.test_funding_clock import in_debt
from tests.exchange.world import BTC, COIN, ETH, NOON, World, of, rule_set

D = Decimal
MINUTES = 60_000


def long_alice(fund: Any = 0, money: Any = 1_000, **changed: Any) -> World:
    """Alice is long 1 BTC from 50,000 with little, Bob short."""
    world = World(rule_set(**changed))
    world.rich("bob")
    world.rich("alice", amount=money)
    if fund:
        world.do(commands.Fund(asset="USDT", amount=D(fund)))
    world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=100))
    world.trade("alice", "bob", 1, 50_000)
    return world


def steps(events: list[Any], kind: str) -> list[LiquidationStep]:
    return [each for each in of(LiquidationStep, events) if each.step == kind]


# --- steps ------------------------------------------------------------------------------------------------


def test_a_cancellation_says_which_orders() -> None:
    world = long_alice()
    world.buy("alice", "0.001", 45_000)
    first = world.newest("alice").id
    world.buy("alice", "0.001", 44_000)
    second = world.newest("alice").id
    (told,) = steps(world.mark(BTC, 49_100), "cancel")
    assert told.orders == (str(first), str(second))
    assert (told.asked, told.applied) == (2, {"orders": 2})


def test_a_fee_says_what_the_rate_asks_for_and_what_was_taken() -> None:
    """1 % of 49,300 is 493; 250.35 are left after the fill and the taker's fee."""
    world = long_alice()
    world.buy("bob", 2, 49_300)
    (told,) = steps(world.mark(BTC, 49_100), "fee")
    assert told.asked == 493
    assert told.applied == {"USDT": 1_000 - 25 - 700 - D("24.65")}
    assert told.assumptions == ("clearance-fee-cap", "clearance-fee-share")


def test_a_penalty_says_what_the_rate_asks_for_and_what_was_taken() -> None:
    """0.1 at 47,800: 1.5 % would be 71.7, better than bankruptcy are 40. At 46,800 the fund pays the 60 that lack."""
    for price, asked, applied in ((47_800, D("71.7"), 40), (46_800, -60, -60)):
        around = Chain("60", ("bob", price, "1")).mark(47_000)
        (told,) = steps(around.events, "fee")
        assert (told.asked, told.applied) == (asked, {"USDC": applied})
        assert "penalty" in told.rule
        assert told.assumptions == ("bankruptcy-split", "improvement-whole-order")


@pytest.mark.parametrize("rule", ["socialise", "claw-back"])
def test_a_takeover_at_the_mark_is_told(rule: Any) -> None:
    world = long_alice(waterfall=WaterfallRules(after_fund=rule))
    events = world.mark(BTC, 48_000)
    (first,) = steps(events, "takeover")
    (second,) = steps(events, "takeover_at_mark")
    assert (first.price, first.applied["quantity"]) == (D("49025"), 0)
    assert (second.price, second.asked, second.applied["quantity"]) == (48_000, -1, -1)
    (shared,) = of(LossShared, events)
    assert (shared.loss, shared.assumptions) == (1_025, ("shared-loss-base",))
    assert not of(Order, [each for each in events if isinstance(each, Order) and each.price == 48_000])


def test_a_deleveraging_names_its_rule() -> None:
    events = long_alice().mark(BTC, 48_000)
    (told,) = of(Deleveraged, events)
    (step,) = steps(events, "deleverage")
    assert told.rule == step.rule == "queue by leverage-pnl, at the bankruptcy price"
    assert told.assumptions == (*step.assumptions, "deleveraging-lights")
    (told,) = of(Deleveraged, Chain("0.00000001").mark(47_000).events)
    assert (told.rule, told.assumptions) == ("seeded-start by account, at the bankruptcy price", ())


def test_what_the_fund_does_not_take_leaves_no_order() -> None:
    """Of the account's own orders one met the book and found nothing, one is the deleveraging."""
    world = long_alice()
    own = [each for each in world.mark(BTC, 48_000) if isinstance(each, Order) and each.account == "alice"]
    assert [each.status for each in own] == ["NEW", "EXPIRED", "NEW", "FILLED"]
    assert [each.status for each in long_alice(fund=10**6).mark(BTC, 48_000)
            if isinstance(each, Order) and each.account == "alice"] == ["NEW", "EXPIRED", "NEW", "EXPIRED"]  # fmt: skip


# --- what it rests on -------------------------------------------------------------------------------------

NOT_OF_THE_DESK = {
    "contract-filters", "order-margin", "market-order-margin", "check-order", "reduce-only-trim", "trigger-sequence",
    "asset-mode-open", "bracket-date", "bracket-rows", "bracket-unchanged", "package-version-date",
    "funding-isolated-source", "isolated-margin-source", "stop-limit-price", "trigger-told",
}  # fmt: skip
"""What a rule-set assumes of its orders, tables and funding: no event of a liquidation rests on it."""


def gap(after_fund: Any = "deleverage") -> Iterator[Any]:
    """Alice, short of both, is ruined by ETH: where BTC may lose all of the balance, no price saves it."""
    venue = structs.replace(rule_set().venue, assumptions=Assumptions(bankruptcy_split="whole"))
    world = World(rule_set(venue=venue, waterfall=WaterfallRules(order="symbol", after_fund=after_fund)))
    world.rich("bob")
    world.rich("alice", amount=2_000)
    for symbol, price, size in ((BTC, 50_000, "0.2"), (ETH, 2_000, 5)):
        world.do(commands.SetLeverage(account="alice", symbol=symbol, leverage=100))
        world.trade("bob", "alice", size, price, symbol=symbol)
    yield from world.mark(ETH, 20_000)


def debt() -> Iterator[Any]:
    yield from in_debt(fund=100).later(10 * MINUTES)


def isolated() -> Iterator[Any]:
    world = World(rule_set())
    world.rich("alice", "bob")
    world.do(commands.SetMarginType(account="alice", symbol=BTC, margin="isolated"))
    world.trade("alice", "bob", 1, 50_000)
    world.buy("bob", "0.5", 49_000)
    yield from world.mark(BTC, 48_000)
    yield from world.mark(BTC, 47_550)


def with_fund() -> Iterator[Any]:
    world = long_alice(fund=10**6)
    world.buy("bob", "0.5", 49_300)
    yield from world.mark(BTC, 49_240)
    yield from world.mark(BTC, 49_100)


def everything() -> list[Any]:
    chain = Chain("60", ("bob", 47_800, "1"))
    return [*gap(), *gap("claw-back"), *debt(), *isolated(), *with_fund(), *chain.mark(47_000).events]


def test_each_assumption_of_a_rule_set_is_named_by_an_event() -> None:
    named = {name for event in everything() for name in getattr(event, "assumptions", ())}
    assumed = {name for make in CATALOGUE.values() for name in make().assumed}
    assert assumed - NOT_OF_THE_DESK - named == set()
    assert named & NOT_OF_THE_DESK == set()
    # Whatever a set's liquidations name, the set says that it assumes it.
    assert named - assumed == set()


def test_an_assumed_fee_rate_is_named() -> None:
    world = World(structs.replace(rule_set(), assumed=("liquidation-fee-rate",)))
    world.rich("bob")
    world.rich("alice", amount=1_000)
    world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=100))
    world.trade("alice", "bob", 1, 50_000)
    world.buy("bob", 2, 49_300)
    (told,) = steps(world.mark(BTC, 49_100), "fee")
    assert "liquidation-fee-rate" in told.assumptions


def test_every_event_of_a_liquidation_names_rule_and_assumptions() -> None:
    for event in everything():
        if isinstance(event, LiquidationStarted | LiquidationStep | Deleveraged | LossShared):
            assert event.rule
            assert event.assumptions, event
        if isinstance(event, Moved) and event.reason not in ("negative_balance", "funding"):
            assert event.assumptions, event


# --- histories --------------------------------------------------------------------------------------------


def test_deleveragings_are_kept() -> None:
    world = long_alice()
    world.later(1)
    world.mark(BTC, 48_000)
    (line,) = histories.deleveragings(world.state)
    assert line == DeleveragingLine(
        number=1, time_ms=NOON + 1, account="bob", counterparty="alice", symbol=BTC, side="BOTH", quantity=D(1),
        price=D("49025"), rank=1, lights=1, score=line.score,
    )  # fmt: skip
    asked = histories.deleveragings
    for found in (
        asked(world.state, account="bob"), asked(world.state, account="alice"), asked(world.state, symbol=BTC),
        asked(world.state, since_ms=NOON + 1, until_ms=NOON + 1),
    ):  # fmt: skip
        assert found == (line,)
    for found in (
        asked(world.state, account="carl"), asked(world.state, symbol=ETH), asked(world.state, since_ms=NOON + 2),
        asked(world.state, until_ms=NOON),
    ):  # fmt: skip
        assert found == ()


def test_liquidations_by_account_symbol_and_time() -> None:
    world = long_alice()
    (ended,) = of(LiquidationEnded, world.mark(BTC, 48_000))
    (line,) = histories.liquidations(world.state, account="alice", symbol=BTC, since_ms=NOON, until_ms=NOON)
    assert (line.number, line.price, line.lost) == (ended.number, D("49025"), ended.lost["USDT"])
    assert histories.liquidations(world.state, account="bob") == ()
    assert histories.liquidations(world.state, symbol=ETH) == ()
    assert histories.liquidations(world.state, until_ms=NOON - 1) == ()


def test_the_fund_by_asset_and_time() -> None:
    world = long_alice(fund=10**6)
    world.later(5)
    world.mark(BTC, 48_000)
    world.do(commands.Fund(asset="BTC", amount=D(1)))
    every = histories.fund(world.state)
    assert [each.reason for each in histories.fund(world.state, asset="USDT")] == ["deposit"]
    assert [each.asset for each in histories.fund(world.state, since_ms=NOON + 5)] == ["BTC"]
    assert len(histories.fund(world.state, until_ms=NOON + 5)) == len(every) == 2


def test_the_average_price_of_an_inverse_liquidation_is_the_harmonic_one() -> None:
    """10 contracts at 48,990 and the rest at 48,900: Σq / Σ(q/p), not the mean by contracts."""
    world = World()
    world.rich("bob", asset="BTC", amount=10_000)
    world.rich("alice", asset="BTC", amount="0.05")
    world.do(commands.SetLeverage(account="alice", symbol=COIN, leverage=100))
    world.trade("alice", "bob", 1000, 50_000, symbol=COIN)
    world.buy("bob", 10, 48_990, symbol=COIN)
    world.buy("bob", 990, 48_900, symbol=COIN)
    world.mark(COIN, 48_950)
    (line,) = histories.liquidations(world.state)
    size = abs(line.quantity)
    assert line.symbol == COIN
    assert size > 10
    value = 10 * 100 / D(48_990) + (size - 10) * 100 / D(48_900)
    assert abs(line.price - size * 100 / value) < D("1e-18")
    assert booked(line.price) != booked((10 * D(48_990) + (size - 10) * 48_900) / size)

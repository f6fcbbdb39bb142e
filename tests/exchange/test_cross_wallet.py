"""What leaves a cross wallet by its owner's word is in it: profit that is not realised is no money."""

from decimal import Decimal as D
from random import Random
from typing import Any

import pytest
from msgspec import structs

from margincall.core.margin import cross_wallet
from margincall.core.rules import FeeRates
from margincall.exchange import commands
from margincall.exchange.audit.auditor import Auditor
from margincall.exchange.exposure import free, unreserved
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rejections import Code
from tests.exchange.world import BTC, ETH, NOON, World, order, rule_set

NO_FEES = structs.replace(rule_set().venue, fees=FeeRates(D(0), D(0)))


def moved(amount: Any) -> commands.MoveMargin:
    return commands.MoveMargin(account="alice", symbol=ETH, amount=D(str(amount)))


def paid_out(amount: Any) -> commands.Transfer:
    return commands.Transfer(account="alice", asset="USDT", amount=-D(str(amount)))


def cross(world: World) -> D:
    return cross_wallet(world.trader("alice").account, "USDT", world.state.rules.venue)


@pytest.fixture
def world() -> World:
    """Alice paid 2,000 in, is long 0.5 BTC in cross margin with 5,000 of profit, and holds an isolated 0.1 ETH."""
    found = World(rule_set(venue=NO_FEES))
    found.rich("bob")
    found.rich("alice", amount=2_000)
    found.do(commands.SetMarginType(account="alice", symbol=ETH, margin="isolated"))
    found.trade("alice", "bob", "0.5", 50_000)
    found.trade("alice", "bob", "0.1", 2_000, symbol=ETH)
    found.mark(BTC, 60_000)
    assert (cross(found), free(found.state, found.trader("alice"), "USDT")) == (1_990, 1_990 + 5_000 - 1_500)
    return found


def test_profit_does_not_become_isolated_margin(world: World) -> None:
    assert world.refused(moved(3_300)) == Code.CROSS_INSUFFICIENT
    assert world.refused(moved("1990.01")) == Code.CROSS_INSUFFICIENT
    world.do(moved(1_990))
    assert cross(world) == 0


def test_profit_backs_no_order_of_an_isolated_position(world: World) -> None:
    """At 20x, 19 coins at 2,000 will take 1,900 out of the wallet: 90 are left for a further order, or to be taken."""
    world.buy("alice", 19, 2_000, symbol=ETH)
    assert unreserved(world.state, world.trader("alice"), "USDT") == 90
    assert world.refused(order("alice", "BUY", 1, 2_000, symbol=ETH)) == Code.MARGIN_NOT_SUFFICIENT
    assert world.refused(moved(91)) == Code.CROSS_INSUFFICIENT
    assert world.refused(paid_out(91)) == Code.BALANCE_NOT_SUFFICIENT
    world.buy("alice", "0.03", 59_000)  # 88.5 of a cross position: the profit backs as much as is free
    world.do(paid_out(90))
    world.sell("bob", 19, 2_000, symbol=ETH)
    assert cross(world) == 0


def test_profit_pays_no_lower_leverage_of_isolated_orders(world: World) -> None:
    world.buy("bob", "0.1", 2_000, symbol=ETH)
    world.sell("alice", "0.1", symbol=ETH)
    world.buy("alice", 10, 2_000, symbol=ETH)
    lower = commands.SetLeverage(account="alice", symbol=ETH, leverage=10)
    assert world.refused(structs.replace(lower, leverage=9)) == Code.MIN_LEVERAGE_RATIO
    world.do(lower)
    assert unreserved(world.state, world.trader("alice"), "USDT") == 0


@pytest.mark.parametrize("seed", range(12))
def test_no_command_of_the_owner_makes_a_cross_wallet_negative(seed: int) -> None:
    """Without fees and at one price, orders included; the auditor expects the same refusals."""
    chance = Random(seed)
    auditor = Auditor(new_exchange(rule_set(venue=NO_FEES), NOON))
    state = auditor.state

    def say(command: commands.AnyCommand) -> None:
        assert auditor.step(command) == []

    for name, amount in (("alice", 2_000), ("bob", 1_000_000)):
        say(commands.OpenAccount(account=name))
        say(commands.Transfer(account=name, asset="USDT", amount=D(amount)))
    say(commands.SetMark(symbol=BTC, price=D(50_000)))
    say(commands.SetMark(symbol=ETH, price=D(2_000)))
    say(commands.SetMarginType(account="alice", symbol=ETH, margin="isolated"))
    say(order("bob", "SELL", "0.5", 50_000))
    say(order("alice", "BUY", "0.5", 50_000))
    say(commands.SetMark(symbol=BTC, price=D(60_000)))
    seen = 0
    for _ in range(100):
        size = D(chance.randint(1, 200)) / 10
        say(
            chance.choice(
                (
                    moved(chance.choice((-1, 1)) * chance.randint(1, 2_000)),
                    paid_out(chance.randint(1, 1_000)),
                    order("alice", "BUY", size, 2_000, symbol=ETH),
                    order("bob", chance.choice(("BUY", "SELL")), size, 2_000, symbol=ETH),
                    order("alice", "SELL", size, 2_000, symbol=ETH, reduce_only=True),
                    commands.CancelAll(account="alice", symbol=ETH),
                    commands.SetLeverage(account="alice", symbol=ETH, leverage=chance.randint(5, 50)),
                )
            )
        )
        left = cross_wallet(state.traders["alice"].account, "USDT", state.rules.venue)
        assert left >= 0
        seen += left < 500
    assert seen, "the wallet was never short of money"

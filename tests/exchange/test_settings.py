"""What an account sets, and what follows for its margin: leverage, isolated margin, modes, transfers."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec import structs

from margincall.core.events import Fill, MarginMove, Setting
from margincall.core.margin import margin
from margincall.exchange import commands
from margincall.exchange.events import LiquidationStarted, PositionMode, Warned
from margincall.exchange.exposure import free
from margincall.exchange.rejections import Code
from tests.exchange.world import BTC, COIN, ETH, World, of, order, rule_set


@pytest.fixture
def world() -> World:
    found = World()
    found.rich("alice", "bob", amount=10_000)
    return found


def leverage(value: int, name: str = "alice", symbol: str = BTC) -> commands.SetLeverage:
    return commands.SetLeverage(account=name, symbol=symbol, leverage=value)


def isolated(name: str = "alice", symbol: str = BTC) -> commands.SetMarginType:
    return commands.SetMarginType(account=name, symbol=symbol, margin="isolated")


def move(amount: Any, **more: Any) -> commands.MoveMargin:
    return commands.MoveMargin(account="alice", symbol=BTC, amount=D(str(amount)), **more)


def left(world: World, name: str = "alice", asset: str = "USDT") -> D:
    return free(world.state, world.trader(name), asset)


def in_isolation(world: World, side: Any = "BOTH", symbol: str = BTC) -> D:
    return world.trader("alice").account.position((symbol, side)).isolated_wallet


# --- leverage ---------------------------------------------------------------------------------------------


def test_leverage_down_needs_margin_and_up_frees_it(world: World) -> None:
    world.trade("alice", "bob", 1, 50_000)
    assert left(world) == 10_000 - 25 - 2_500
    (setting,) = of(Setting, world.do(leverage(10)))
    assert setting.leverage == 10
    assert left(world) == 10_000 - 25 - 5_000
    assert world.refused(leverage(5)) == Code.MIN_LEVERAGE_RATIO
    world.do(leverage(100))
    assert left(world) == 10_000 - 25 - 500


def test_leverage_bounds_what_can_be_held(world: World) -> None:
    world.rich("alice", amount=1_000_000)
    world.do(leverage(50))
    world.buy("alice", 10, 49_000)
    assert world.refused(leverage(100)) == Code.MAX_LEVERAGE_RATIO  # at most 100,000 at 100x
    assert world.refused(order("alice", "BUY", 11, 49_000)) == Code.MAX_LEVERAGE_RATIO  # 1,000,000 at 50x
    world.buy("alice", 10, 49_000)


def test_resting_orders_count_for_leverage_both_ways(world: World) -> None:
    world.buy("alice", 1, 50_000)
    assert world.refused(leverage(4)) == Code.MIN_LEVERAGE_RATIO
    world.do(leverage(5))
    assert left(world) == 0


# --- isolated margin --------------------------------------------------------------------------------------


def test_an_isolated_position_keeps_its_own_margin(world: World) -> None:
    world.do(isolated())
    world.do(leverage(10))
    world.trade("alice", "bob", 1, 50_000)
    assert in_isolation(world) == 5_000 - 25
    assert left(world) == 10_000 - 25 - in_isolation(world)
    world.mark(BTC, 51_000)
    assert left(world) == 10_000 - 25 - in_isolation(world)


def test_a_resting_order_reserves_and_closing_releases(world: World) -> None:
    world.do(isolated())
    world.do(leverage(10))
    world.buy("alice", 1, 49_000)
    assert left(world) == 10_000 - 4_900
    world.sell("bob", 1, 49_000)
    assert in_isolation(world) == 4_900 - D("9.8")
    world.trade("bob", "alice", "0.5", 49_500)
    assert in_isolation(world) == (4_900 - D("9.8")) / 2
    world.trade("bob", "alice", "0.5", 49_500)
    assert in_isolation(world) == 0
    assert left(world) == world.wallet("alice") == 10_000 + 500 - D("9.8") - D("9.9")


def test_margin_is_added_and_taken_away(world: World) -> None:
    world.do(isolated())
    world.trade("alice", "bob", 1, 50_000)
    start = in_isolation(world)
    (moved,) = of(MarginMove, world.do(move(1_000)))
    assert (moved.asset, moved.amount, in_isolation(world)) == ("USDT", 1_000, start + 1_000)
    assert world.refused(move(left(world) + D("0.00000001"))) == Code.CROSS_INSUFFICIENT
    assert world.refused(move("-975.00000001")) == Code.ISOLATED_INSUFFICIENT
    world.do(move(-975))
    assert in_isolation(world) == 2_500


def test_what_an_isolated_position_has_lost_cannot_be_taken(world: World) -> None:
    world.do(isolated())
    world.trade("alice", "bob", 1, 50_000)
    world.do(move(2_000))
    world.mark(BTC, 49_000)  # 2,450 of margin and 1,000 of loss must stay of 4,475
    assert world.refused(move("-1025.01")) == Code.ISOLATED_INSUFFICIENT
    world.do(move("-1025"))


def test_profit_of_an_isolated_position_cannot_be_taken(world: World) -> None:
    world.do(isolated())
    world.trade("alice", "bob", 1, 50_000)
    world.mark(BTC, 55_000)
    assert world.refused(move("-0.01")) == Code.ISOLATED_INSUFFICIENT


def test_in_hedge_mode_each_side_has_its_own_margin(world: World) -> None:
    world.do(commands.SetPositionMode(account="alice", hedge=True))
    world.do(isolated())
    world.sell("bob", 1, 50_000)
    world.buy("alice", 1, 50_000, position_side="LONG")
    world.buy("bob", 1, 50_000)
    world.sell("alice", 1, 50_000, position_side="SHORT")
    world.do(move(100, position_side="SHORT"))
    assert (in_isolation(world, "LONG"), in_isolation(world, "SHORT")) == (2_475, 2_575)
    assert world.refused(move(100)) == Code.NO_POSITION_TO_ADD
    terms = margin(world.trader("alice").account, world.state.marks, world.state.rules.venue)
    assert [pool.name for pool in terms.pools] == ["cross:USDT", f"isolated:{BTC}:LONG", f"isolated:{BTC}:SHORT"]


def test_leverage_of_an_isolated_position_only_goes_up(world: World) -> None:
    world.do(isolated())
    world.trade("alice", "bob", 1, 50_000)
    assert world.refused(leverage(10)) == Code.REDUCE_LEVERAGE_ISOLATED
    world.do(leverage(25))
    assert in_isolation(world) == 2_475
    world.do(move(-475))


def test_margin_type_is_free_again_when_nothing_is_open(world: World) -> None:
    world.do(isolated())
    world.trade("alice", "bob", 1, 50_000)
    world.trade("bob", "alice", 1, 50_000)
    world.do(commands.SetMarginType(account="alice", symbol=BTC, margin="cross"))
    world.trade("alice", "bob", 1, 50_000)
    assert in_isolation(world) == 0


def test_an_inverse_position_is_isolated_in_its_coin(world: World) -> None:
    world.rich("alice", "bob", asset="BTC", amount=1)
    world.do(isolated(symbol=COIN))
    world.trade("alice", "bob", 100, 50_000, symbol=COIN)
    assert in_isolation(world, symbol=COIN) == D("0.01") - D("0.0001")
    assert left(world, asset="BTC") == 1 - D("0.01")


# --- modes ------------------------------------------------------------------------------------------------


def test_position_mode(world: World) -> None:
    (event,) = world.do(commands.SetPositionMode(account="alice", hedge=True))
    assert isinstance(event, PositionMode)
    assert world.trader("alice").hedge
    world.buy("alice", 1, 49_000, position_side="LONG")
    assert world.refused(commands.SetPositionMode(account="alice", hedge=False)) == Code.POSITION_MODE_HAS_ORDERS


def asset_index(asset: str, index: Any, haircut: str = "0.05") -> commands.SetAssetIndex:
    price = D(str(index))
    return commands.SetAssetIndex(asset=asset, index=price, bid=price * (1 - D(haircut)), ask=price * (1 + D(haircut)))


def multi(world: World, name: str = "alice", on: bool = True) -> None:
    world.do(asset_index("USDT", 1, "0"))
    world.do(asset_index("BTC", 50_000))
    world.do(commands.SetAssetMode(account=name, multi_assets=on))


def test_in_multi_assets_mode_collateral_counts_at_its_haircut(world: World) -> None:
    world.do(commands.OpenAccount(account="carol"))
    world.do(commands.Transfer(account="carol", asset="BTC", amount=D("0.1")))
    multi(world, "carol")
    assert left(world, "carol") == D("4750")
    world.trade("carol", "bob", 1, 50_000)
    # 25 of fees are owed in USDT, and the position needs 2,500.
    assert left(world, "carol") == 4_750 - 25 - 2_500
    assert world.refused(order("carol", "BUY", 1, 50_000)) == Code.MARGIN_NOT_SUFFICIENT


def test_money_that_backs_positions_stays(world: World) -> None:
    world.do(commands.OpenAccount(account="carol"))
    world.do(commands.Transfer(account="carol", asset="BTC", amount=D("0.1")))
    multi(world, "carol")
    world.trade("carol", "bob", 1, 50_000)

    def take(amount: str) -> commands.Transfer:
        return commands.Transfer(account="carol", asset="BTC", amount=-D(amount))

    assert world.refused(take("0.0446")) == Code.BALANCE_NOT_SUFFICIENT
    world.do(take("0.0445"))  # 2,225 at the index


def test_an_index_that_falls_concerns_those_who_hold_the_asset(world: World) -> None:
    world.do(commands.OpenAccount(account="carol"))
    world.do(commands.Transfer(account="carol", asset="BTC", amount=D("0.02")))
    multi(world, "carol")
    world.do(leverage(100, "carol"))
    world.trade("carol", "bob", 1, 50_000)
    events = world.do(asset_index("BTC", 13_500))  # 256.5 − 25 against 200
    assert [each.account for each in of(Warned, events)] == ["carol"]
    events = world.do(asset_index("BTC", 11_000))
    assert [each.account for each in of(LiquidationStarted, events)] == ["carol"]


def test_a_debt_in_one_asset_keeps_the_mode(world: World) -> None:
    """Else the insurance fund would clear it, though there is more than enough of another asset."""
    world.do(commands.Fund(asset="USDT", amount=D(1_000)))
    world.do(commands.OpenAccount(account="carol"))
    world.do(commands.Transfer(account="carol", asset="BTC", amount=D(1)))
    multi(world, "carol")
    world.trade("carol", "bob", 1, 50_000)
    world.trade("bob", "carol", 1, 49_500)
    assert world.wallet("carol") == -500 - 25 - D("9.9")
    change = commands.SetAssetMode(account="carol", multi_assets=False)
    assert world.refused(change) == Code.ASSET_MODE_NEGATIVE
    world.later(600_000)
    assert world.wallet("insurance_fund") == 1_000
    world.do(commands.Transfer(account="carol", asset="USDT", amount=D(600)))
    world.do(change)


def test_multi_assets_mode_needs_every_index(world: World) -> None:
    world.do(asset_index("USDT", 1))
    assert world.refused(commands.SetAssetMode(account="alice", multi_assets=True)) == Code.BAD_ASSET
    world.do(asset_index("BTC", 50_000))
    world.do(commands.SetAssetMode(account="alice", multi_assets=True))
    world.do(commands.Transfer(account="alice", asset="BTC", amount=D(1)))


# --- transfers --------------------------------------------------------------------------------------------


def test_unrealised_profit_is_not_paid_out(world: World) -> None:
    world.trade("alice", "bob", 1, 50_000)
    world.mark(BTC, 58_000)
    assert left(world) == 10_000 - 25 + 8_000 - 2_900
    out = commands.Transfer(account="alice", asset="USDT", amount=-D("9975.01"))
    assert world.refused(out) == Code.BALANCE_NOT_SUFFICIENT
    world.do(structs.replace(out, amount=-D("9975")))


def test_a_loss_cannot_be_taken_out(world: World) -> None:
    world.trade("alice", "bob", 1, 50_000)
    world.mark(BTC, 49_000)
    assert left(world) == 10_000 - 25 - 1_000 - 2_450
    out = commands.Transfer(account="alice", asset="USDT", amount=-(left(world) + D("0.01")))
    assert world.refused(out) == Code.BALANCE_NOT_SUFFICIENT


def test_pools_of_single_assets_are_apart(world: World) -> None:
    world.rich("alice", "bob", asset="BTC", amount=1)
    world.trade("alice", "bob", 100, 50_000, symbol=COIN)
    assert left(world) == 10_000
    assert left(world, asset="BTC") == 1 - D("0.0001") - D("0.01")


# --- warnings ---------------------------------------------------------------------------------------------


def thin(world: World) -> None:
    """Alice is long 1 BTC with a balance of 1,000 at the mark; 200 must be maintained."""
    world.do(leverage(100))
    world.do(commands.Transfer(account="alice", asset="USDT", amount=-D(8_975)))
    world.trade("alice", "bob", 1, 50_000)


def test_a_warning_comes_once_until_it_is_better(world: World) -> None:
    thin(world)
    quiet = [len(of(Warned, world.mark(BTC, mark))) for mark in (49_400, 49_249, 49_248)]
    (warned,) = of(Warned, world.mark(BTC, 49_245))  # 245 against 196.98
    assert (warned.account, warned.pool, warned.balance) == ("alice", "cross:USDT", 245)
    again = [len(of(Warned, world.mark(BTC, mark))) for mark in (49_240, 49_230, 49_246, 49_260, 49_300)]
    assert (quiet, again) == ([0, 0, 0], [0, 0, 0, 0, 0])
    assert len(of(Warned, world.mark(BTC, 49_245))) == 1
    assert of(LiquidationStarted, world.mark(BTC, "49197.1")) == []
    assert len(of(LiquidationStarted, world.mark(BTC, 49_196))) == 1


def test_who_is_liquidated_at_once_is_not_warned(world: World) -> None:
    thin(world)
    events = world.mark(BTC, 49_000)
    assert len(of(LiquidationStarted, events)) == 1
    assert of(Warned, events) == []


def test_paying_in_ends_a_warning(world: World) -> None:
    thin(world)
    world.mark(BTC, 49_240)
    assert world.trader("alice").warned == ["cross:USDT"]
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D(500)))
    assert world.trader("alice").warned == []


def test_a_withdrawal_or_an_order_can_bring_the_warning(world: World) -> None:
    thin(world)
    world.mark(BTC, 49_700)
    events = world.do(commands.Transfer(account="alice", asset="USDT", amount=-left(world)))
    assert of(Warned, events) == []  # what must stay for 100x is 497, more than twice the maintenance


def test_fees_and_profits_follow_the_other_fee_rates() -> None:
    rules = rule_set()
    world = World(
        structs.replace(
            rules, venue=structs.replace(rules.venue, fees=structs.replace(rules.venue.fees, maker=D("-0.0001")))
        )
    )
    world.rich("alice", "bob")
    fills = of(Fill, world.trade("alice", "bob", 1, 2_000, symbol=ETH))
    assert [each.fee for each in fills] == [1, D("-0.2")]
    assert world.wallet("fees") == D("0.8")

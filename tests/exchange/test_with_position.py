"""Orders that wait no longer than the position that they would reduce: GTE_GTC."""

from decimal import Decimal as D
from typing import Any

import pytest

from margincall.core.events import Order as OrderEvent
from margincall.exchange import commands
from margincall.exchange.digest import digest
from margincall.exchange.events import Deleveraged, LiquidationStarted
from margincall.exchange.genesis import new_exchange
from margincall.exchange.orders import LIQUIDATED, POSITION_ENDED
from margincall.exchange.rejections import Code
from margincall.exchange.state import Exchange
from margincall.exchange.step import step
from tests.exchange.world import BTC, ETH, NOON, World, of, order, rule_set


@pytest.fixture
def world() -> World:
    """Alice is long 1 at 50,000, bob short; there is a book to trade with."""
    found = World()
    found.rich("alice", "bob", "maker")
    found.trade("alice", "bob", 1, 50_000)
    for away in (100, 200, 300):
        found.buy("maker", 1, 50_000 - away)
        found.sell("maker", 1, 50_000 + away)
    return found


def tied(name: str = "alice", side: Any = "SELL", quantity: Any = 1, stop: Any = 49_000, **more: Any) -> Any:
    """A stop that ends with the position."""
    given = {"type": "STOP_MARKET", "working_type": "MARK_PRICE", "time_in_force": "GTE_GTC", **more}
    return order(name, side, quantity, stop_price=None if stop is None else stop, **given)


def ended(events: list[Any], name: str = "alice") -> list[tuple[str, str, str, str | None]]:
    """How the orders that wait of an account ended: type, execution, status, reason."""
    return [
        (each.order_type, each.execution, each.status, each.expire_reason)
        for each in of(OrderEvent, events)
        if each.account == name and each.order_type not in ("LIMIT", "MARKET", "LIQUIDATION") and each.status != "NEW"
    ]


EXPIRED = ("STOP_MARKET", "EXPIRED", "EXPIRED", POSITION_ENDED)


# --- it ends with its position ----------------------------------------------------------------------------


def test_it_lives_while_the_position_shrinks_and_ends_when_it_is_closed(world: World) -> None:
    (told,) = of(OrderEvent, world.do(tied(reduce_only=True)))
    assert (told.status, told.time_in_force) == ("NEW", "GTE_GTC")
    assert ended(world.sell("alice", "0.4", type="MARKET")) == []
    assert [each.time_in_force for each in world.orders("alice")] == ["GTE_GTC"]
    assert ended(world.sell("alice", "0.6", type="MARKET")) == [EXPIRED]
    assert world.orders("alice") == []
    assert world.state.traders["alice"].tied == 0


def test_it_ends_when_the_position_turns(world: World) -> None:
    world.do(tied())
    assert ended(world.sell("alice", 2, type="MARKET")) == [EXPIRED]
    assert world.held("alice") == -1


def test_it_ends_when_a_resting_order_of_the_account_closes_the_position(world: World) -> None:
    world.do(tied())
    world.sell("alice", 1, 50_000)
    assert ended(world.buy("maker", 1, 50_000)) == [EXPIRED]


@pytest.mark.parametrize("kind", ["STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"])
def test_every_kind_that_waits_can_be_tied(world: World, kind: Any) -> None:
    stop = 51_000 if kind.startswith("TAKE") else 49_000
    more: dict[str, Any] = {"type": kind}
    if kind == "TRAILING_STOP_MARKET":
        more |= {"callback_rate": D(5)}
    if kind in ("STOP", "TAKE_PROFIT"):
        more |= {"price": D(stop)}
    world.do(tied(stop=None if kind == "TRAILING_STOP_MARKET" else stop, **more))
    (row,) = ended(world.sell("alice", 1, type="MARKET"))
    assert row == (kind, "EXPIRED", "EXPIRED", POSITION_ENDED)


def test_the_others_of_the_account_stay(world: World) -> None:
    """Of another symbol, of another account, or good till cancelled."""
    world.trade("alice", "bob", 1, 2_000, symbol=ETH)
    world.do(tied(symbol=ETH, stop=1_900))
    world.do(tied(time_in_force=None))
    world.do(tied("bob", "BUY", stop=51_000))
    world.do(tied())
    assert ended(world.sell("alice", 1, type="MARKET")) == [EXPIRED]
    assert [(each.symbol, each.time_in_force) for each in world.orders("alice")] == [(ETH, "GTE_GTC"), (BTC, "GTC")]
    assert len(world.orders("bob")) == 1


def test_in_hedge_mode_each_side_is_a_position_of_its_own(world: World) -> None:
    world.rich("hedge")
    world.do(commands.SetPositionMode(account="hedge", hedge=True))
    for side, position in (("BUY", "LONG"), ("SELL", "SHORT")):
        world.do(order("hedge", side, "0.5", type="MARKET", position_side=position))
    world.do(tied("hedge", "SELL", position_side="LONG"))
    world.do(tied("hedge", "BUY", stop=51_000, position_side="SHORT"))
    assert world.refused(tied("hedge", "BUY", stop=51_000, position_side="LONG")) == Code.NO_POSITION_TO_FOLLOW
    assert ended(world.sell("hedge", "0.5", type="MARKET", position_side="LONG"), "hedge") == [EXPIRED]
    assert [each.position_side for each in world.orders("hedge")] == ["SHORT"]


def test_one_of_two_fires_and_the_other_one_ends(world: World) -> None:
    """A take-profit and a stop that close all: what the first of them sells ends the second one."""
    world.do(tied(quantity=None, close_position=True))
    world.do(tied(quantity=None, close_position=True, type="TAKE_PROFIT_MARKET", stop=50_050))
    events = world.mark(BTC, 50_050)
    assert ended(events) == [("TAKE_PROFIT_MARKET", "EXPIRED", "EXPIRED", "8"), EXPIRED]
    assert world.held("alice") == 0
    assert world.orders("alice") == []


def test_what_the_same_sweep_would_have_fired_ends_first(world: World) -> None:
    """The position ends by a sweep whose last price reaches the stop: it does not sell what is no longer held."""
    world.trade("maker", "bob", "0.001", 50_000)
    world.do(tied(working_type="CONTRACT_PRICE", stop=49_800, reduce_only=False))
    events = world.sell("alice", 1, type="MARKET") + world.sell("bob", 2, type="MARKET")
    assert ended(events) == [EXPIRED]
    assert world.held("alice") == 0


def test_an_order_that_only_rests_takes_nothing_away(world: World) -> None:
    world.do(tied())
    assert ended(world.sell("alice", 5, 55_000)) == []
    assert len(world.orders("alice")) == 2


def test_a_cancelled_one_is_cancelled(world: World) -> None:
    world.do(tied())
    events = world.do(commands.CancelAll(account="alice", symbol=BTC))
    assert ended(events) == [("STOP_MARKET", "CANCELED", "CANCELED", None)]
    assert world.state.traders["alice"].tied == 0


# --- what comes of it when it fires -----------------------------------------------------------------------


def test_fired_it_is_good_till_cancelled(world: World) -> None:
    """A limit order that it has become rests on when the position is gone, unless it only reduces."""
    world.do(tied(type="STOP", price=D(50_050), stop=49_950, quantity=D(1)))
    world.mark(BTC, 49_950)
    (rests,) = world.orders("alice")
    assert (rests.kind, rests.waiting, rests.time_in_force) == ("LIMIT", False, "GTE_GTC")
    assert world.state.traders["alice"].tied == 0
    world.sell("alice", 1, type="MARKET")
    assert world.held("alice") == 0
    assert [each.id for each in world.orders("alice")] == [rests.id]


# --- liquidation, takeover, deleveraging ------------------------------------------------------------------


def test_a_liquidation_ends_it_with_the_others() -> None:
    """Orders are cancelled first: for the reason of all of them."""
    world = World()
    world.rich("bob", "maker")
    world.rich("alice", amount=3_000)
    world.trade("alice", "bob", 1, 50_000)
    world.buy("maker", 5, 46_900)
    world.do(tied(stop=40_000))
    events = world.mark(BTC, 47_100)
    assert of(LiquidationStarted, events)
    assert ended(events) == [("STOP_MARKET", "EXPIRED", "EXPIRED", LIQUIDATED)]


@pytest.mark.parametrize("funded", [0, 10_000_000])
def test_orders_that_a_fault_left_end_with_the_position(funded: int) -> None:
    """Where the desk forgets to cancel them: what the fund takes over, or a deleveraging closes, ends them."""
    world = World()
    world.rich("bob", "carol")
    world.rich("alice", amount=3_000)
    if funded:
        world.do(commands.Fund(asset="USDT", amount=D(funded)))
    world.trade("alice", "bob", 1, 50_000)
    world.do(tied("bob", "BUY", stop=60_000))
    world.do(tied(stop=30_000))
    world.do(commands.InjectFault(kind="orders_not_cancelled", on=True))
    events = world.mark(BTC, 46_000)
    assert bool(of(Deleveraged, events)) is not bool(funded)
    assert world.held("alice") == 0
    assert ended(events) == [EXPIRED]
    gone = [] if funded else [("STOP_MARKET", "CANCELED", "CANCELED", None)]
    assert ended(events, "bob") == gone, "who is deleveraged loses the orders of the symbol before"


# --- what is told of it stays -----------------------------------------------------------------------------


def played(*more: commands.AnyCommand) -> Exchange:
    state = new_exchange(rule_set(), NOON)
    for name in ("alice", "bob"):
        step(state, commands.OpenAccount(account=name))
    for command in more:
        step(state, command)
    return state


def test_an_exchange_without_one_is_the_exchange_of_before(world: World) -> None:
    """The count is at its default, which no digest sees: journals of before agree with this engine."""
    assert played().traders["alice"].tied == 0
    before = digest(world.state)
    world.do(tied())
    world.do(commands.CancelAll(account="alice", symbol=BTC))
    world.state.next_order -= 1
    world.state.next_flow -= 2
    assert digest(world.state) == before

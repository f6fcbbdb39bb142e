"""Orders that wait: stops, take-profits, trailing stops, what holds them back, and what they set off."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec import structs

from margincall.core.events import Order as OrderEvent
from margincall.exchange import commands
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.events import LiquidationStarted, Trade, TriggerRefused
from margincall.exchange.rejections import Code
from margincall.exchange.triggers import SLACK
from tests.exchange.world import BTC, ETH, World, of, order, rule_set, said


@pytest.fixture
def world() -> World:
    """The last price is 50,000 as the mark is, and there is a book to trade with."""
    found = World()
    found.rich("alice", "bob", "maker")
    found.trade("maker", "bob", 1, 50_000)
    for step in range(-5, 6):
        if step < 0:
            found.buy("maker", 1, 50_000 + step * 100)
        elif step > 0:
            found.sell("maker", 1, 50_000 + step * 100)
    return found


def last_at(world: World, price: int) -> list[Any]:
    """A trade at this price, between two that have nothing else to do."""
    world.rich("x", "y", amount=1_000_000) if "x" not in world.state.traders else None
    world.do(commands.CancelAll(account="maker", symbol=BTC))
    return world.trade("x", "y", "0.001", price)


# --- triggers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("working", ["MARK_PRICE", "CONTRACT_PRICE"])
@pytest.mark.parametrize(
    ("kind", "side", "stop", "not_yet", "then"),
    [
        ("STOP_MARKET", "BUY", 50_300, 50_299, 50_300),
        ("STOP_MARKET", "SELL", 49_700, 49_701, 49_700),
        ("TAKE_PROFIT_MARKET", "BUY", 49_700, 49_701, 49_700),
        ("TAKE_PROFIT_MARKET", "SELL", 50_300, 50_299, 50_300),
    ],
)
def test_a_trigger_is_reached(
    world: World, kind: Any, side: Any, stop: int, not_yet: int, then: int, working: Any
) -> None:
    world.do(order("alice", side, 1, type=kind, stop_price=stop, working_type=working))
    for price, triggered in ((not_yet, False), (then, True)):
        if working == "MARK_PRICE":
            world.mark(BTC, price)
        else:
            last_at(world, price)
        assert (world.orders("alice") == []) is triggered, price


@pytest.mark.parametrize(
    ("kind", "side", "stop"),
    [
        ("STOP_MARKET", "BUY", 50_000),
        ("STOP_MARKET", "SELL", 50_000),
        ("TAKE_PROFIT_MARKET", "BUY", 50_000),
        ("TAKE_PROFIT_MARKET", "SELL", 49_999),
    ],
)
@pytest.mark.parametrize("working", ["MARK_PRICE", "CONTRACT_PRICE"])
def test_a_trigger_that_is_reached_already_is_refused(
    world: World, kind: Any, side: Any, stop: int, working: Any
) -> None:
    assert world.refused(order("alice", side, 1, type=kind, stop_price=stop, working_type=working)) == (
        Code.WOULD_TRIGGER
    )


def test_before_the_first_trade_nothing_is_reached() -> None:
    world = World()
    world.rich("alice", "x", "y")
    world.sell("alice", 1, type="STOP_MARKET", stop_price=60_000)
    world.trade("x", "y", "0.001", 50_000)
    assert world.orders("alice") == []


def test_a_triggered_limit_order_rests(world: World) -> None:
    world.sell("alice", 1, 51_000, type="STOP", stop_price=49_700, working_type="MARK_PRICE")
    events = world.mark(BTC, 49_700)
    assert said(events, "alice") == [("EXPIRED", "EXPIRED"), ("NEW", "NEW")]
    was, now = of(OrderEvent, events)
    assert (was.order_type, was.expire_reason, was.stop_price) == ("STOP", "8", 49_700)
    assert (now.order_type, now.original_type, now.expire_reason) == ("LIMIT", "STOP", None)
    assert was.order_id == now.order_id
    rests = world.newest("alice")
    assert (rests.kind, rests.waiting) == ("LIMIT", False)
    assert world.trader("alice").exposures[BTC, "BOTH"].sells == 51_000


def test_no_margin_is_asked_before_the_trigger(world: World) -> None:
    world.rich("poor", amount=100)
    world.buy("poor", 1, type="STOP_MARKET", stop_price=50_050, working_type="MARK_PRICE")
    events = world.mark(BTC, 50_050)
    (gone,) = [each for each in of(OrderEvent, events) if each.account == "poor"]
    assert (gone.status, gone.expire_reason, gone.order_type) == ("EXPIRED", None, "STOP_MARKET")
    (why,) = of(TriggerRefused, events)
    assert (why.account, str(why.order_id)) == ("poor", gone.order_id)
    assert (why.code, why.text) == Code.MARGIN_NOT_SUFFICIENT.value


@pytest.mark.parametrize(
    ("then", "code", "waits"),
    [
        (50_100, Code.POST_ONLY_REJECTED, order("alice", "BUY", 1, 50_200, type="STOP", time_in_force="GTX")),
        (50_100, Code.FOK_REJECTED, order("alice", "BUY", 5, 50_200, type="STOP", time_in_force="FOK")),
        (51_000, Code.BELOW_FLOOR, order("alice", "SELL", 1, 40_100, type="TAKE_PROFIT")),
    ],
    ids=["GTX", "FOK", "far from the mark"],
)
def test_what_the_gate_refuses_at_the_trigger_expires(
    world: World, then: int, code: Code, waits: commands.PlaceOrder
) -> None:
    world.do(structs.replace(waits, stop_price=D(50_100), working_type="MARK_PRICE"))
    events = world.mark(BTC, then)
    assert said(events, "alice") == [("EXPIRED", "EXPIRED")]
    assert [each.code for each in of(TriggerRefused, events)] == [code.code]


def test_reduce_only_finds_nothing_to_reduce(world: World) -> None:
    world.sell("alice", 1, type="STOP_MARKET", stop_price=49_900, working_type="MARK_PRICE", reduce_only=True)
    assert said(world.mark(BTC, 49_900), "alice") == [("EXPIRED", "EXPIRED")]


# --- close-position ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opens", "kind", "stop"), [("BUY", "STOP_MARKET", 49_600), ("SELL", "STOP_MARKET", 50_400)])
def test_close_position_closes_what_there_is(world: World, opens: Any, kind: Any, stop: int) -> None:
    world.do(order("alice", opens, "1.5"))
    closes = "SELL" if opens == "BUY" else "BUY"
    world.do(order("alice", closes, None, type=kind, stop_price=stop, close_position=True, working_type="MARK_PRICE"))
    world.do(order("alice", opens, "0.5"))
    assert abs(world.held("alice")) == 2
    events = world.mark(BTC, stop)
    assert world.held("alice") == 0
    (was, new, *_, filled) = [each for each in of(OrderEvent, events) if each.account == "alice"]
    assert (was.expire_reason, was.quantity, was.close_position) == ("8", 0, True)
    assert (new.quantity, filled.status, filled.close_position) == (2, "FILLED", True)


def test_close_position_without_a_position_expires(world: World) -> None:
    world.sell("alice", None, type="STOP_MARKET", stop_price=49_600, close_position=True, working_type="MARK_PRICE")
    assert said(world.mark(BTC, 49_600), "alice") == [("EXPIRED", "EXPIRED")]


def test_close_position_in_hedge_mode_is_of_the_side_that_closes(world: World) -> None:
    world.do(commands.SetPositionMode(account="alice", hedge=True))
    stop: dict[str, Any] = {"type": "STOP_MARKET", "close_position": True, "working_type": "MARK_PRICE"}
    opens = order("alice", "BUY", None, stop_price=51_000, position_side="LONG", **stop)
    assert world.refused(opens) == Code.BAD_COMBINATION
    world.buy("alice", 1, position_side="LONG")
    world.sell("alice", 1, position_side="SHORT")
    world.sell("alice", None, stop_price=49_600, position_side="LONG", **stop)
    world.mark(BTC, 49_600)
    assert (world.held("alice", side="LONG"), world.held("alice", side="SHORT")) == (0, -1)


# --- trailing stops ---------------------------------------------------------------------------------------


def trail(world: World, side: Any, path: list[Any], **more: Any) -> int:
    """Place a trailing stop of 1 % that looks at the mark, and say at which mark of the path it fired."""
    world.do(order("alice", side, 1, type="TRAILING_STOP_MARKET", callback_rate=1, working_type="MARK_PRICE", **more))
    for place, mark in enumerate(path):
        world.mark(BTC, mark)
        if not world.orders("alice"):
            return place
    return -1


def test_a_trailing_sale_follows_up(world: World) -> None:
    assert trail(world, "SELL", [50_400, 50_200, 50_800, 50_400, "50292.1", 50_292]) == 5


def test_a_trailing_purchase_follows_down(world: World) -> None:
    assert trail(world, "BUY", [49_800, 50_000, 49_400, 49_800, "49893.9", 49_894]) == 5


def test_a_trailing_stop_follows_from_the_price_at_which_it_was_placed(world: World) -> None:
    """Without an activation price: a fall of 1 % at once fires it."""
    assert trail(world, "SELL", ["49500.1", 49_500]) == 1


def test_a_trailing_stop_waits_for_its_activation(world: World) -> None:
    assert trail(world, "SELL", [49_000, 50_400, 50_500, 50_000, "49995.1", 49_995], activation_price=50_500) == 5


def test_a_trailing_purchase_waits_for_its_activation(world: World) -> None:
    assert trail(world, "BUY", [51_000, 49_600, 49_500, 49_800, "49994.9", 49_995], activation_price=49_500) == 5


@pytest.mark.parametrize(("side", "price"), [("SELL", 50_000), ("BUY", 50_000), ("SELL", 49_000), ("BUY", 51_000)])
def test_an_activation_price_that_is_reached_already(world: World, side: Any, price: int) -> None:
    trailing = order("alice", side, 1, type="TRAILING_STOP_MARKET", callback_rate=1, activation_price=price)
    assert world.refused(trailing) == Code.WOULD_TRIGGER


def test_a_trailing_stop_can_follow_the_last_price(world: World) -> None:
    world.sell("alice", 1, type="TRAILING_STOP_MARKET", callback_rate="0.5")
    last_at(world, 50_500)
    last_at(world, 50_248)
    assert len(world.orders("alice")) == 1
    world.mark(BTC, 45_000)
    last_at(world, 50_247)
    assert world.orders("alice") == []


# --- price protection -------------------------------------------------------------------------------------


def test_price_protection_holds_a_trigger_back(world: World) -> None:
    """Mark and last lie 6 % apart: the trigger does not count, and does once they are near again."""
    world.sell("alice", 1, type="STOP_MARKET", stop_price=48_000, working_type="MARK_PRICE", price_protect=True)
    world.mark(BTC, 47_000)
    world.mark(BTC, 47_619)  # 50,000 is 5.0001 % above it
    assert len(world.orders("alice")) == 1
    world.mark(BTC, 47_620)
    assert world.orders("alice") == []


def test_price_protection_of_a_trailing_stop(world: World) -> None:
    world.sell("alice", 1, type="TRAILING_STOP_MARKET", callback_rate=1, working_type="MARK_PRICE", price_protect=True)
    world.mark(BTC, 47_000)
    world.mark(BTC, 47_100)
    assert len(world.orders("alice")) == 1
    world.mark(BTC, 48_000)
    assert world.orders("alice") == []


# --- what one sets off ------------------------------------------------------------------------------------


def test_a_cascade_of_stops(world: World) -> None:
    """The mark fires the first; each sells through the bids to where the next one waits."""
    for name, stop in (("a", 49_900), ("b", 49_800), ("c", 49_700)):
        world.rich(name)
        world.sell(
            name, 1, type="STOP_MARKET", stop_price=stop, working_type="MARK_PRICE" if name == "a" else "CONTRACT_PRICE"
        )
    world.mark(BTC, 49_900)
    assert [world.held(name) for name in "abc"] == [-1, 0, 0]
    world.sell("alice", 1)
    assert [world.held(name) for name in "abc"] == [-1, -1, -1]
    assert world.state.markets[BTC].last == 49_600


def test_every_price_that_a_sweep_passes_counts(world: World) -> None:
    """From 50,100 up to 50,500: the take-profit at 50,100 or below was reached by the first trade alone."""
    world.do(commands.CancelAll(account="maker", symbol=BTC))
    last_at(world, 50_300)
    world.buy("alice", "0.5", type="TAKE_PROFIT_MARKET", stop_price=50_100)
    for price in (50_100, 50_400, 50_500):
        world.sell("maker", 1, price)
    world.buy("bob", 2)
    assert world.orders("alice") == []


def test_a_stop_that_two_others_pass_is_not_missed(world: World) -> None:
    """Two orders fire at one mark: the first lifts the last price to 50,200, the second brings it down again."""
    for name in ("a", "b", "c"):
        world.rich(name)
    world.buy("a", 2, type="STOP_MARKET", stop_price=50_050, working_type="MARK_PRICE")
    world.sell("b", 1, type="TAKE_PROFIT_MARKET", stop_price=50_050, working_type="MARK_PRICE")
    world.buy("c", "0.5", type="STOP_MARKET", stop_price=50_200)
    world.mark(BTC, 50_050)
    assert world.held("c") == D("0.5")


def test_a_liquidation_s_trades_fire_stops() -> None:
    """The desk sells into the bids; the last price that it makes triggers what waits for it."""
    world = World()
    world.rich("bob", "maker", "late")
    world.rich("alice", amount=600)
    world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=100))
    world.trade("alice", "maker", 1, 50_000)
    world.buy("maker", 1, 49_590)
    world.buy("maker", 1, 49_500)
    world.sell("late", "0.5", type="STOP_MARKET", stop_price=49_595)
    events = world.mark(BTC, 49_600)
    assert len(of(LiquidationStarted, events)) == 1
    assert world.held("late") == D("-0.5")
    assert [each.price for each in of(Trade, events)] == [49_590, 49_500]


def test_a_stop_on_another_symbol_waits_on(world: World) -> None:
    world.buy("alice", 1, type="STOP_MARKET", stop_price=2_100, symbol=ETH)
    world.mark(BTC, 60_000)
    last_at(world, 55_000)
    assert len(world.orders("alice")) == 1


def test_cancelled_orders_do_not_fire(world: World) -> None:
    world.buy("alice", 1, type="STOP_MARKET", stop_price=50_100, working_type="MARK_PRICE")
    world.buy("alice", 1, type="TRAILING_STOP_MARKET", callback_rate=1, working_type="MARK_PRICE")
    world.do(commands.CancelAll(account="alice", symbol=BTC))
    assert said(world.mark(BTC, 52_000)) == []


# --- how many may wait ------------------------------------------------------------------------------------


def waits(stop: int, symbol: str = BTC) -> commands.PlaceOrder:
    return order("alice", "BUY", 1, type="STOP_MARKET", stop_price=stop, symbol=symbol)


def test_the_limit_of_an_account_counts_all_symbols() -> None:
    """And nothing but what waits: the orders in the book have a limit of their own."""
    world = World(rule_set(max_waiting_orders=12))
    world.rich("alice")
    world.buy("alice", 1, 49_000)
    for step in range(11):
        world.do(waits(51_000 + step))
    world.do(waits(2_100, ETH))
    assert world.refused(waits(2_200, ETH)) == world.refused(waits(52_000)) == Code.MAX_STOP_ORDERS
    world.do(commands.CancelOrder(account="alice", symbol=BTC, order_id=world.orders("alice")[1].id))
    world.do(waits(2_200, ETH))


def test_without_one_each_symbol_has_its_own() -> None:
    world = World()
    world.rich("alice")
    for step in range(10):
        world.do(waits(51_000 + step))
    assert world.refused(waits(52_000)) == Code.MAX_STOP_ORDERS
    world.do(waits(2_100, ETH))


@pytest.mark.parametrize(
    ("name", "day", "most"),
    [("usdm", "2025-12-28", None), ("usdm", "2025-12-29", 200), ("clawback", "2026-09-15", 200),
     ("coinm", "2026-09-15", None), ("dydx", "2026-09-15", None)],
)  # fmt: skip
def test_since_when_there_is_one_limit(name: str, day: str, most: int | None) -> None:
    assert CATALOGUE[name](day=day).max_waiting_orders == most


# --- what is kept of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "STOP_MARKET", "stop_price": 51_000},
        {"type": "TAKE_PROFIT_MARKET", "stop_price": 49_000},
        {"type": "TRAILING_STOP_MARKET", "callback_rate": 1},
    ],
    ids=lambda kind: kind["type"],
)
def test_triggers_of_cancelled_orders_are_swept_away(kind: dict[str, Any]) -> None:
    """The price never moves; one order of the kind waits on, and still fires."""
    world = World()
    world.rich("alice")
    wanted: dict[str, Any] = {**kind, "working_type": "MARK_PRICE"}
    world.buy("alice", 1, **wanted)
    (kept,) = world.orders("alice")
    for _ in range(300):
        world.do(order("alice", "BUY", 1, **wanted))
        world.do(commands.CancelOrder(account="alice", symbol=BTC, order_id=world.newest("alice").id))
    triggers = world.state.markets[BTC].triggers
    lists = [*triggers._rising.values(), *triggers._falling.values(), *triggers._trailing.values()]
    assert sum(len(each) for each in lists) <= SLACK + 2
    assert world.orders("alice") == [kept]
    world.mark(BTC, 49_000)
    world.mark(BTC, 51_000)
    assert world.orders("alice") == []


# --- marks of one moment ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money", "ether", "becomes"),
    [(4_000, 1_900, ("EXPIRED", "EXPIRED")), (3_000, 2_600, ("TRADE", "FILLED"))],
    ids=["loses", "wins"],
)
def test_marks_of_one_moment_are_all_known_before_a_trigger_fires(
    world: World, money: int, ether: int, becomes: tuple[str, str]
) -> None:
    """Carol holds 10 of ether and has a stop on bitcoin, which comes first by name: what ether has done in the same
    moment counts for her margin. Free are money + 10 · (mark − 2,000) − 10 · mark / 20; the stop needs some 2,500."""
    world.rich("carol", amount=money)
    world.trade("carol", "maker", 10, 2_000, symbol=ETH)
    world.buy("carol", 1, type="STOP_MARKET", stop_price=50_300, working_type="MARK_PRICE")
    events = world.do(commands.SetMarks(prices={ETH: D(ether), BTC: D(50_300)}))
    assert [(each.symbol, each.price) for each in events[:2]] == [(BTC, 50_300), (ETH, D(ether))]
    assert said([each for each in events if getattr(each, "symbol", "") == BTC], "carol")[-1] == becomes


def test_triggers_of_one_moment_fire_by_symbol(world: World) -> None:
    world.sell("maker", 1, 2_001, symbol=ETH)
    world.buy("alice", 1, type="STOP_MARKET", stop_price=2_001, working_type="MARK_PRICE", symbol=ETH)
    world.buy("bob", 1, type="STOP_MARKET", stop_price=50_300, working_type="MARK_PRICE")
    events = world.do(commands.SetMarks(prices={ETH: D(2_001), BTC: D(50_300)}))
    assert [each.symbol for each in of(Trade, events)] == [BTC, ETH]

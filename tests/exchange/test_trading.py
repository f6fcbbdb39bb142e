"""Orders that meet the book: fills and fees, what rests, what is cut, what is amended, what is taken back."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margincall.core.events import Fill, Flow, Setting
from margincall.core.events import Order as OrderEvent
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.exchange import commands
from margincall.exchange.events import Rejected, Trade
from margincall.exchange.exposure import free
from margincall.exchange.rejections import Code
from tests.exchange.world import BTC, COIN, ETH, NOON, World, code_of, of, order, rule_set, said


@pytest.fixture
def world() -> World:
    found = World()
    found.rich("alice", "bob", "carol")
    return found


def cancel(name: str, **which: Any) -> commands.CancelOrder:
    return commands.CancelOrder(account=name, symbol=BTC, **which)


def amend(name: str, order_id: int, quantity: Any, price: Any) -> commands.AmendOrder:
    return commands.AmendOrder(
        account=name, symbol=BTC, order_id=order_id, quantity=D(str(quantity)), price=D(str(price))
    )


# --- fills ------------------------------------------------------------------------------------------------


def test_a_trade_pays_both_fees(world: World) -> None:
    world.sell("alice", 1, 50_000)
    events = world.buy("bob", "0.4", 50_010)
    taker, maker = of(Fill, events)
    assert (taker.account, taker.quantity, taker.price, taker.fee, taker.maker) == ("bob", D("0.4"), 50_000, 10, False)
    assert (maker.account, maker.quantity, maker.fee, maker.maker) == ("alice", D("-0.4"), 4, True)
    (trade,) = of(Trade, events)
    assert (trade.price, trade.quantity, trade.buyer_is_maker) == (50_000, D("0.4"), False)
    assert said(events) == [("NEW", "NEW"), ("TRADE", "FILLED"), ("TRADE", "PARTIALLY_FILLED")]
    assert world.wallet("bob") == 1_000_000 - 10
    assert world.wallet("alice") == 1_000_000 - 4
    assert world.wallet("fees") == 14
    assert world.held("bob") == D("0.4")
    assert world.held("alice") == D("-0.4")
    assert world.newest("alice").left == 600


def test_fees_of_an_inverse_contract_are_truncated(world: World) -> None:
    world.rich("alice", "bob", asset="BTC", amount=10)
    events = world.trade("alice", "bob", 7, "49999.9", symbol=COIN)
    taker, maker = of(Fill, events)
    assert (taker.fee, maker.fee) == (D("0.00000700"), D("0.00000280"))  # 700 / 49999.9 BTC at 0.05 % and 0.02 %
    assert world.wallet("fees", "BTC") == D("0.00000980")


def test_a_sweep_fills_in_priority_and_the_average_is_of_what_traded(world: World) -> None:
    world.sell("alice", 1, 50_020)
    world.sell("carol", 1, 50_010)
    events = world.buy("bob", 2, 50_020)
    assert [each.price for each in of(Trade, events)] == [50_010, 50_020]
    last = [each for each in of(OrderEvent, events) if each.account == "bob"][-1]
    assert (last.status, last.average_price, last.executed) == ("FILLED", 50_015, 2)


def test_the_first_order_on_a_symbol_sets_its_leverage(world: World) -> None:
    events = world.buy("alice", 1, 49_000)
    assert [(each.symbol, each.leverage) for each in of(Setting, events)] == [(BTC, 20)]
    assert of(Setting, world.buy("alice", 1, 49_000)) == []


def test_a_position_turns_through_zero(world: World) -> None:
    world.trade("alice", "bob", 1, 50_000)
    world.trade("bob", "alice", 3, 50_100)
    assert (world.held("alice"), world.held("bob")) == (-2, 2)
    assert world.trader("alice").account.ledger["USDT", "realized_pnl"] == 100


# --- time in force ----------------------------------------------------------------------------------------


def test_ioc_expires_with_its_reason(world: World) -> None:
    world.sell("alice", 1, 50_000)
    events = world.buy("bob", 3, 50_000, time_in_force="IOC")
    last = of(OrderEvent, events)[-1]
    assert (last.status, last.expire_reason, last.executed) == ("EXPIRED", "2", 1)
    assert world.orders("bob") == []


def test_fok_is_all_or_a_rejection(world: World) -> None:
    world.sell("alice", 1, 50_000)
    assert world.refused(order("bob", "BUY", 2, 50_000, time_in_force="FOK")) == Code.FOK_REJECTED
    assert said(world.buy("bob", 1, 50_000, time_in_force="FOK"), "bob")[-1] == ("TRADE", "FILLED")


def test_fok_that_only_reduces_asks_for_what_it_may_reduce(world: World) -> None:
    world.trade("alice", "bob", 1, 50_000)
    world.buy("carol", 1, 49_990)
    events = world.sell("alice", 5, 49_990, time_in_force="FOK", reduce_only=True)
    assert said(events, "alice") == [("NEW", "NEW"), ("TRADE", "FILLED")]
    assert world.held("alice") == 0


def test_gtx_never_takes(world: World) -> None:
    world.sell("alice", 1, 50_000)
    assert world.refused(order("bob", "BUY", 1, 50_000, time_in_force="GTX")) == Code.POST_ONLY_REJECTED
    assert said(world.buy("bob", 1, "49999.9", time_in_force="GTX")) == [("NEW", "NEW")]


def test_gtd_ends_at_its_second(world: World) -> None:
    world.buy("alice", 1, 49_000, time_in_force="GTD", good_till_ms=NOON + 700_999)
    assert world.newest("alice").good_till_ms == NOON + 700_000
    assert world.to(NOON + 699_999) == []
    (event,) = of(OrderEvent, world.to(NOON + 700_000))
    assert (event.execution, event.status, event.expire_reason) == ("EXPIRED", "EXPIRED", None)


def test_gtd_counts_for_an_order_that_waits_and_for_one_that_was_triggered(world: World) -> None:
    date = NOON + 700_000
    for stop in (51_000, 52_000):
        world.buy("alice", 1, 49_000, type="STOP", stop_price=stop, working_type="MARK_PRICE", time_in_force="GTD",
                  good_till_ms=date)  # fmt: skip
    world.mark(BTC, 51_000)
    assert [each.waiting for each in world.orders("alice")] == [False, True]
    events = world.to(date)
    assert said(events) == [("EXPIRED", "EXPIRED")] * 2
    assert world.orders("alice") == []


def test_a_market_order_takes_up_to_its_bound(world: World) -> None:
    world.sell("alice", 1, 54_000)
    world.sell("alice", 1, 56_000)
    events = world.buy("bob", 2)
    last = of(OrderEvent, events)[-1]
    assert (last.status, last.expire_reason, last.executed) == ("EXPIRED", "9", 1)
    assert world.refused(order("bob", "BUY", 1)) == Code.NO_COUNTERPARTY


def test_the_bound_of_a_sale_lies_on_the_tick_inside(world: World) -> None:
    world.mark(BTC, "50000.05")
    world.buy("alice", 1, "45000.0")
    assert world.refused(order("bob", "SELL", 1)) == Code.NO_COUNTERPARTY  # 45,000.045 is the farthest
    world.buy("alice", 1, "45000.1")
    assert world.sell("bob", 1)


def test_a_market_order_without_a_counterparty_expires(world: World) -> None:
    events = world.buy("bob", 1)
    assert said(events) == [("NEW", "NEW"), ("EXPIRED", "EXPIRED")]


# --- reduce-only ------------------------------------------------------------------------------------------


def test_reduce_only_is_cut_and_ends_as_filled(world: World) -> None:
    world.trade("alice", "bob", 1, 50_000)
    world.buy("carol", 5, 49_990)
    events = world.sell("alice", 3, 49_990, reduce_only=True)
    assert said(events, "alice") == [("NEW", "NEW"), ("TRADE", "FILLED")]
    assert [each.quantity for each in of(OrderEvent, events) if each.account == "alice"] == [3, 1]
    assert world.held("alice") == 0


def test_reduce_only_that_was_cut_rests_with_what_it_may(world: World) -> None:
    world.trade("alice", "bob", 2, 50_000)
    world.buy("carol", 1, 49_990)
    world.sell("alice", 5, 49_990, reduce_only=True)
    assert (world.held("alice"), world.newest("alice").left) == (1, 1_000)


def test_a_resting_reduce_only_order_follows_its_position_down(world: World) -> None:
    world.trade("alice", "bob", 3, 50_000)
    world.sell("alice", 3, 51_000, reduce_only=True)
    world.buy("carol", 5, 49_990)
    events = world.sell("alice", 2)
    assert ("AMENDMENT", "NEW") in said(events, "alice")
    assert world.newest("alice").left == 1_000
    events = world.sell("alice", 1)
    (gone,) = [each for each in of(OrderEvent, events) if each.status == "EXPIRED"]
    assert (gone.account, gone.expire_reason) == ("alice", "4")
    assert world.orders("alice") == []


def test_orders_that_stand_before_it_count(world: World) -> None:
    world.trade("alice", "bob", 3, 50_000)
    world.sell("alice", 3, 51_000, reduce_only=True)
    world.sell("alice", 2, 50_900)
    assert [each.left for each in world.orders("alice")] == [1_000, 2_000]
    world.buy("bob", 5, 51_000)
    assert world.held("alice") == 0


def test_an_amended_order_stands_behind_others_at_its_price(world: World) -> None:
    """It keeps its id and loses its place: what was ordered later now trades first."""
    world.trade("alice", "bob", 5, 50_000)
    world.sell("alice", 5, 51_000, reduce_only=True)
    first = world.newest("alice").id
    world.sell("alice", 2, 51_100)
    world.do(amend("alice", first, 5, 51_100))
    assert [each.left for each in world.orders("alice")] == [3_000, 2_000]
    world.buy("carol", 5, 51_100)
    assert world.held("alice") == 0


def test_in_hedge_mode_the_closing_side_only_reduces(world: World) -> None:
    world.do(commands.SetPositionMode(account="alice", hedge=True))
    assert world.refused(order("alice", "SELL", 1, 50_000, position_side="LONG")) == Code.REDUCE_ONLY_REJECT
    world.sell("bob", 2, 50_000)
    world.buy("alice", 2, 50_000, position_side="LONG")
    world.buy("bob", 1, 49_000)
    world.sell("alice", 1, 49_000, position_side="SHORT")
    assert (world.held("alice", side="LONG"), world.held("alice", side="SHORT")) == (2, -1)
    world.buy("carol", 9, 49_990)
    world.sell("alice", 9, position_side="LONG")
    assert (world.held("alice", side="LONG"), world.held("alice", side="SHORT")) == (0, -1)


def test_a_takeover_leaves_no_order_that_would_open() -> None:
    """Where a liquidation cancels nothing: the fund took the position, so nothing is left to reduce."""
    world = World(rule_set(waterfall=WaterfallRules(cancel="none")))
    world.rich("bob")
    world.rich("alice", amount=600)
    world.do(commands.Fund(asset="USDT", amount=D(1_000_000)))
    world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=100))
    world.trade("alice", "bob", 1, 50_000)
    world.sell("alice", 1, 50_100, reduce_only=True)
    world.mark(BTC, 49_600)
    assert (world.held("alice"), world.held("insurance_fund"), world.orders("alice")) == (0, 1, [])


SIDES = st.sampled_from(["BUY", "SELL"])
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["alice", "alice", "bob", "carol"]), SIDES, st.integers(1, 4), st.integers(0, 6),
        st.sampled_from(["plain", "reduce", "amend", "cancel", "market"]), st.integers(0, 5),
    ),
    min_size=5, max_size=40,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_no_sweep_can_turn_a_position(actions: list[Any]) -> None:
    """Whatever rests: `check_reduces` walks the book after every command, and fills of reduce-only orders are
    watched."""
    world = World()
    world.rich("alice", "bob", "carol")
    for name, side, quantity, level, action, which in actions:
        before = {each: world.held(each) for each in ("alice", "bob", "carol")}
        only = {str(each.id) for each in world.state.orders.values() if each.closes}
        price = 49_997 + level
        mine = world.orders(name)
        if action == "amend" and mine:
            chosen = mine[which % len(mine)]
            events = world.say(amend(name, chosen.id, quantity, price))
        elif action == "cancel" and mine:
            events = world.say(cancel(name, order_id=mine[which % len(mine)].id))
        elif action == "market":
            events = world.say(order(name, side, quantity))
        else:
            events = world.say(order(name, side, quantity, price, reduce_only=action == "reduce"))
        for each in of(OrderEvent, events):
            only |= {each.order_id} if each.reduce_only else set()
        for fill in of(Fill, events):
            now = before[fill.account] + fill.quantity
            if fill.order_id in only:
                assert abs(now) < abs(before[fill.account])
                assert now * before[fill.account] >= 0
            before[fill.account] = now


# --- self-trade prevention --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "own_rests", "filled", "rests"),
    [
        ("NONE", False, 2, 0),
        ("EXPIRE_TAKER", True, 0, 0),
        ("EXPIRE_MAKER", False, 1, 1),
        ("EXPIRE_BOTH", False, 0, 0),
    ],
)
def test_self_trade_prevention(world: World, mode: Any, own_rests: bool, filled: int, rests: int) -> None:
    """The mode of the incoming order counts: its own ask is the first that it meets, carol's the second."""
    world.sell("alice", 1, 50_000)
    own = world.newest("alice").id
    world.sell("carol", 1, 50_000)
    events = world.buy("alice", 2, 50_000, self_trade_prevention=mode)
    assert (own in world.state.orders) is own_rests
    mine = [each for each in of(Fill, events) if each.account == "alice" and not each.maker]
    assert sum((each.quantity for each in mine), D(0)) == filled
    assert sum(each.left for each in world.orders("alice") if each.side == "BUY") == rests * 1_000


def test_an_expired_maker_says_so(world: World) -> None:
    world.sell("alice", 1, 50_000)
    events = world.buy("alice", 1, 50_000, self_trade_prevention="EXPIRE_MAKER")
    expired = next(each for each in of(OrderEvent, events) if each.status == "EXPIRED_IN_MATCH")
    assert (expired.execution, expired.expire_reason) == ("EXPIRED", "1")


# --- amending and cancelling ------------------------------------------------------------------------------


def test_an_amended_order_loses_its_place(world: World) -> None:
    world.sell("alice", 1, 50_000)
    world.sell("bob", 1, 50_000)
    world.do(amend("alice", world.newest("alice").id, "0.5", 50_000))
    world.buy("carol", 1, 50_000)
    assert (world.held("bob"), world.held("alice")) == (-1, 0)


def test_an_amended_order_may_trade(world: World) -> None:
    world.sell("alice", 1, 50_100)
    world.buy("bob", 2, 50_000)
    events = world.do(amend("bob", world.newest("bob").id, 2, 50_100))
    assert said(events, "bob") == [("AMENDMENT", "NEW"), ("TRADE", "PARTIALLY_FILLED")]
    assert (world.held("bob"), world.newest("bob").left) == (1, 1_000)


def test_an_amended_post_only_order_that_would_trade_is_gone(world: World) -> None:
    world.sell("alice", 1, 50_100)
    world.buy("bob", 2, 50_000, time_in_force="GTX")
    events = world.do(amend("bob", world.newest("bob").id, 2, 50_100))
    last = of(OrderEvent, events)[-1]
    assert (last.status, last.expire_reason) == ("EXPIRED", "11")
    assert world.orders("bob") == []


@pytest.mark.parametrize("quantity", ["0.4", "0.5"])
def test_amending_below_what_was_filled_cancels(world: World, quantity: str) -> None:
    world.sell("alice", 1, 50_000)
    world.buy("bob", "0.5", 50_000)
    events = world.do(amend("alice", world.newest("alice").id, quantity, 50_000))
    assert said(events) == [("CANCELED", "CANCELED")]


def test_amending_counts_what_was_filled(world: World) -> None:
    world.sell("alice", 1, 50_000)
    world.buy("bob", "0.5", 50_000)
    world.do(amend("alice", world.newest("alice").id, 2, 50_000))
    assert world.newest("alice").left == 1_500


def test_a_refused_amendment_leaves_the_order_in_its_place(world: World) -> None:
    world.sell("alice", 1, 50_000)
    world.sell("bob", 1, 50_000)
    for price, code in ((40_000, None), (30_000, Code.BELOW_FLOOR)):
        if code is not None:
            assert world.refused(amend("alice", world.newest("alice").id, 1, price)) == code
    world.buy("carol", 1, 50_000)
    assert world.held("alice") == -1


def test_an_amended_mode_is_none(world: World) -> None:
    world.buy("alice", 1, 49_000, self_trade_prevention="EXPIRE_MAKER")
    world.sell("alice", 1, 50_000)
    world.do(amend("alice", world.orders("alice")[0].id, 1, 50_000))
    assert world.orders("alice") == []
    assert len(of(Trade, world.trade("bob", "carol", 1, 50_500))) == 1


def test_cancel_by_either_id(world: World) -> None:
    world.buy("alice", 1, 49_000, client_order_id="mine")
    world.buy("alice", 1, 48_000)
    assert said(world.do(cancel("alice", client_order_id="mine"))) == [("CANCELED", "CANCELED")]
    assert said(world.do(cancel("alice", order_id=world.newest("alice").id))) == [("CANCELED", "CANCELED")]
    assert world.state.orders == {}


def test_a_given_client_id_is_never_given_again(world: World) -> None:
    world.buy("alice", 1, 49_000, client_order_id="x-2")
    world.buy("alice", 1, 48_000)
    first, second = world.orders("alice")
    assert (first.client_order_id, second.client_order_id) == ("x-2", "x-2x")
    world.do(cancel("alice", client_order_id="x-2"))
    assert world.orders("alice") == [second]


def test_a_client_id_is_free_again(world: World) -> None:
    world.buy("alice", 1, 49_000, client_order_id="mine")
    world.do(cancel("alice", client_order_id="mine"))
    world.buy("alice", 1, 49_000, client_order_id="mine")


def test_cancel_all_takes_back_the_oldest_first(world: World) -> None:
    world.buy("alice", 1, 49_000)
    world.buy("alice", 1, 48_000)
    world.buy("alice", 1, stop_price=51_000, type="STOP_MARKET")
    world.buy("alice", 1, 1_900, symbol=ETH)
    world.do(amend("alice", 1, 2, 49_000))
    events = world.do(commands.CancelAll(account="alice", symbol=BTC))
    assert [each.order_id for each in of(OrderEvent, events)] == ["1", "2", "3"]
    assert [each.symbol for each in world.orders("alice")] == [ETH]


# --- batches and the countdown ----------------------------------------------------------------------------


def test_each_of_a_batch_is_answered_by_itself(world: World) -> None:
    world.sell("alice", 1, 50_000)
    batch = commands.Batch(
        commands=(
            order("bob", "BUY", 1, 50_000),
            order("bob", "BUY", 0, 50_000),
            cancel("bob", order_id=99),
            cancel("alice", order_id=99),
            order("bob", "BUY", 1, 49_000),
        )
    )
    events = world.say(batch)
    refused = of(Rejected, events)
    assert [(each.place, code_of(each)) for each in refused] == [
        (1, Code.QUANTITY_NOT_POSITIVE), (2, Code.CANCEL_REJECTED), (3, Code.CANCEL_REJECTED),
    ]  # fmt: skip
    assert (world.held("bob"), len(world.orders("bob"))) == (1, 1)


@pytest.mark.parametrize("count", [0, 6])
def test_the_size_of_a_batch(world: World, count: int) -> None:
    assert world.refused(commands.Batch(commands=(order("bob", "BUY", 1, 49_000),) * count)) == Code.BAD_BATCH_SIZE


def countdown(milliseconds: int) -> commands.Countdown:
    return commands.Countdown(account="alice", symbol=BTC, countdown_ms=milliseconds)


def test_a_countdown_takes_orders_back(world: World) -> None:
    world.buy("alice", 1, 49_000)
    world.buy("alice", 1, 1_900, symbol=ETH)
    world.do(countdown(5_000))
    assert world.later(4_999) == []
    assert said(world.later(1)) == [("CANCELED", "CANCELED")]
    assert [each.symbol for each in world.orders("alice")] == [ETH]
    assert world.later(60_000) == []


def test_a_countdown_that_is_renewed_or_stopped(world: World) -> None:
    world.buy("alice", 1, 49_000)
    world.do(countdown(5_000))
    world.later(4_000)
    world.do(countdown(5_000))
    world.later(4_999)
    assert len(world.orders("alice")) == 1
    world.do(countdown(0))
    world.later(60_000)
    assert len(world.orders("alice")) == 1
    assert world.refused(countdown(-1)) == Code.NOT_VALID


# --- margin -----------------------------------------------------------------------------------------------


def test_initial_margin_and_open_loss(world: World) -> None:
    """20x: 1 BTC at 51,000 needs 2,550 and could lose 1,000 against the mark at once."""
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D("-996450.01")))
    assert world.refused(order("alice", "BUY", 1, 51_000)) == Code.MARGIN_NOT_SUFFICIENT
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D("0.01")))
    world.buy("alice", 1, 51_000)
    assert free(world.state, world.trader("alice"), "USDT") == 1_000


def test_what_reduces_needs_no_margin(world: World) -> None:
    world.trade("alice", "bob", 1, 50_000)
    world.do(commands.Transfer(account="alice", asset="USDT", amount=-free(world.state, world.trader("alice"), "USDT")))
    assert world.refused(order("alice", "BUY", "0.001", 50_000)) == Code.MARGIN_NOT_SUFFICIENT
    world.sell("alice", 1, 50_000)
    world.sell("alice", "0.99", 50_100)  # could turn it to −0.99, which needs no more than the long does
    assert world.refused(order("alice", "SELL", 1, 50_200)) == Code.MARGIN_NOT_SUFFICIENT


def test_a_turn_that_reaches_no_farther_counts_its_loss(world: World) -> None:
    """Long 1, a sale of 2 at 45,000: it ends as large as it began, and could lose 10,000 at once."""
    world.trade("alice", "bob", 1, 50_000)
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D(12_500 + 25 - 1_000_000) - D("0.01")))
    assert world.refused(order("alice", "SELL", 2, 45_000)) == Code.MARGIN_NOT_SUFFICIENT
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D("0.01")))
    world.sell("alice", 2, 45_000)


def test_a_market_sale_loses_at_the_best_bid(world: World) -> None:
    """1 BTC at a bid of 49,000: 2,500 of margin at the mark, and 1,000 that are lost at once."""
    world.buy("bob", 1, 49_000)
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D(3_500 - 1_000_000) - D("0.01")))
    assert world.refused(order("alice", "SELL", 1)) == Code.MARGIN_NOT_SUFFICIENT
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D("0.01")))
    world.sell("alice", 1)


def test_the_larger_side_counts(world: World) -> None:
    world.buy("alice", 1, 49_000)
    world.sell("alice", 1, 51_000)
    assert free(world.state, world.trader("alice"), "USDT") == 1_000_000 - 2_550
    world.buy("alice", 1, 49_000)
    assert free(world.state, world.trader("alice"), "USDT") == 1_000_000 - 4_900


def test_in_hedge_mode_both_sides_count(world: World) -> None:
    world.do(commands.SetPositionMode(account="alice", hedge=True))
    world.buy("alice", 1, 49_000, position_side="LONG")
    world.sell("alice", 1, 51_000, position_side="SHORT")
    assert free(world.state, world.trader("alice"), "USDT") == 1_000_000 - 5_000


def test_a_market_order_of_an_inverse_contract_counts_at_the_lower_price(world: World) -> None:
    """Its value grows as the price falls: 1,000 contracts are 2 BTC at the mark, 2.0833 at an ask of 48,000."""
    world.rich("alice", "bob", asset="BTC", amount=100)
    world.sell("bob", 1_000, 48_000, symbol=COIN)
    world.do(commands.Transfer(account="alice", asset="BTC", amount=D("-99.897")))
    assert world.refused(order("alice", "BUY", 1_000, symbol=COIN)) == Code.MARGIN_NOT_SUFFICIENT
    world.do(commands.Transfer(account="alice", asset="BTC", amount=D("0.002")))
    world.buy("alice", 1_000, symbol=COIN)


def test_filters_can_be_absent() -> None:
    world = World()
    world.rich("alice", "bob", asset="BTC")
    world.sell("alice", 1, 400_000, symbol=COIN)
    assert world.buy("bob", 1, symbol=COIN)


def test_deposits_are_what_came_in(world: World) -> None:
    events = world.do(commands.Transfer(account="alice", asset="USDT", amount=D("-1000.5")))
    assert [(each.reason, each.applied) for each in of(Flow, events)] == [("WITHDRAW", {"USDT": D("-1000.5")})]
    assert world.state.deposits == {"USDT": D("2998999.5")}

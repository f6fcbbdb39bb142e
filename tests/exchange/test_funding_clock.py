"""What comes by itself: index and mark by rule, funding, clearance of negative balances; and in which order."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.events import Flow, MarkPrice
from margincall.core.events import Order as OrderEvent
from margincall.core.protocol.mark import MarkRules, Window
from margincall.core.protocol.moves import REMAINDER
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.exchange import commands
from margincall.exchange.events import FundingSet, IndexSet, Moved
from margincall.exchange.rejections import Code
from margincall.exchange.step import step
from tests.exchange.world import BTC, ETH, FUNDING, HOUR, NOON, RULED, World, listed, of, order, rule_set, said

DUE = NOON + 4 * HOUR
"""The next funding."""


def sources(world: World, symbol: str = RULED, **prices: Any) -> list[Any]:
    found = tuple(commands.Source(name, D(str(price))) for name, price in prices.items())
    return world.do(commands.SetIndex(symbol=symbol, sources=found))


def ruled(name: str = RULED, **changed: Any) -> World:
    """A world with accounts; `changed` parts of the listing whose mark is made by rule."""
    world = World(listed(name, **changed))
    world.rich("alice", "bob", "carol")
    return world


def slow(**changed: Any) -> World:
    """The same with a sample of the basis each minute: for tests that wait for hours."""
    return ruled(mark=MarkRules("median", Window(0, points=30, interval_ms=60_000)), **changed)


def market(world: World) -> Any:
    return world.state.markets[RULED]


# --- index and mark ---------------------------------------------------------------------------------------


def test_an_outlier_is_capped_at_the_band() -> None:
    world = ruled()
    (index, mark) = sources(world, a=100, b=101, c=150)
    assert isinstance(index, IndexSet)
    assert index.median == 101
    assert index.index == D("101.67666666")  # (100 + 101 + 1.03 · 101) / 3
    assert isinstance(mark, MarkPrice)


def test_a_source_without_news_counts_no_more() -> None:
    world = ruled()
    sources(world, a=100, b=102)
    assert market(world).index == 101
    sources(world, a=100)
    world.later(1_000)
    sources(world, a=100)
    world.later(298_999)
    assert market(world).index == 101
    index, mark = world.later(1)
    assert isinstance(index, IndexSet)
    assert isinstance(mark, MarkPrice)
    assert market(world).index == market(world).mark == 100


def test_between_two_samples_a_source_still_counts() -> None:
    """Five minutes from NOON + 500 ms: the index is made anew with the next full second."""
    world = ruled()
    world.later(500)
    sources(world, b=102)
    world.later(1_000)
    sources(world, a=100)
    world.later(299_499)
    assert market(world).index == 101
    world.later(1)
    assert (market(world).index, world.state.time_ms) == (100, NOON + 301_000)


def test_without_samples_of_the_basis_those_of_the_premium_make_the_index_anew() -> None:
    world = ruled(mark_source="given", mark=None)
    sources(world, a=100, b=102)
    world.later(1_000)
    sources(world, a=100)
    world.later(299_000)
    assert market(world).index == 100


# --- no index --------------------------------------------------------------------------------------------------


def without_an_index(last: Any) -> World:
    """The mark was 100 as long as the index was; the last trade is at `last`, and nobody has told an index for five
    minutes less a second."""
    by_last = MarkRules("price-1", Window(0, points=30, interval_ms=1_000), without_index="last-price-protected")
    world = ruled(mark=by_last)
    sources(world, a=100)
    world.trade("alice", "bob", 1, 100, symbol=RULED)
    world.later(1_000)
    sources(world, a=100)
    world.trade("alice", "bob", 1, last, symbol=RULED)
    world.later(299_000)
    assert market(world).mark == 100
    return world


@pytest.mark.parametrize(("last", "mark"), [("103", "103"), ("97", "97"), ("120", "105"), ("80", "95")])
def test_without_a_source_the_last_price_is_the_mark_near_the_last_one_that_had_an_index(last: str, mark: str) -> None:
    world = without_an_index(last)
    (told,) = of(MarkPrice, world.later(1_000))
    assert told.price == D(mark)
    assert of(MarkPrice, world.later(60_000)) == []
    world.trade("alice", "bob", 1, "101.5", symbol=RULED)
    (told,) = of(MarkPrice, world.later(1_000))
    assert told.price == D("101.5")


def test_the_index_is_back_with_its_first_source() -> None:
    world = without_an_index(120)
    world.later(60_000)
    assert market(world).mark == 105
    sources(world, a=110)
    assert (market(world).index, market(world).mark) == (110, 110)
    world.later(600_000)
    assert market(world).mark == D("115.5")  # 5 % from the new one


def test_without_a_source_and_a_trade_the_mark_stays() -> None:
    by_last = MarkRules("median", Window(0, points=30, interval_ms=1_000), without_index="last-price-protected")
    world = ruled(mark=by_last)
    sources(world, a=100)
    assert of(MarkPrice, world.later(600_000)) == []
    assert market(world).mark == 100


def test_the_last_index_may_stand() -> None:
    world = ruled()
    sources(world, a=100)
    world.later(600_000)
    world.trade("alice", "bob", 1, 120, symbol=RULED)
    world.later(1_000)
    assert (market(world).index, market(world).mark) == (100, 110)


def test_a_source_of_no_weight_is_none() -> None:
    world = without_an_index(120)
    none = commands.SetIndex(symbol=RULED, sources=(commands.Source("a", D(100), D(0)),))
    assert [each.price for each in of(MarkPrice, world.do(none))] == [105]


def test_the_mark_is_the_median_of_three() -> None:
    world = ruled()
    sources(world, a=100)
    assert market(world).mark == 100
    world.trade("alice", "bob", 1, 104, symbol=RULED)
    world.later(1_000)
    # Price 1 (100, as no rate is in force) and the last trade; no basis yet, for want of a book.
    assert market(world).mark == 102
    world.buy("alice", 1, 100, symbol=RULED)
    world.sell("bob", 1, 102, symbol=RULED)
    world.later(1_000)
    assert market(world).samples == [1]
    assert market(world).mark == 101
    world.do(commands.CancelAll(account="bob", symbol=RULED))
    world.sell("bob", 1, 110, symbol=RULED)
    world.later(3_000)
    assert market(world).samples == [1, 5, 5, 5]
    assert market(world).mark == 104


def test_samples_of_the_basis_are_those_of_the_window() -> None:
    world = ruled()
    sources(world, a=100)
    world.buy("alice", 1, 100, symbol=RULED)
    world.sell("bob", 1, 102, symbol=RULED)
    world.later(60_000)
    assert market(world).samples == [1] * 30


def test_last_price_protection_holds_the_mark_near_the_one_before() -> None:
    protected = MarkRules("last-price-protected", Window(0, points=30, interval_ms=1_000))
    world = ruled(mark=protected)
    sources(world, a=100)
    assert market(world).mark == 100
    world.trade("alice", "bob", 1, 120, symbol=RULED)
    marks = [each.price for each in of(MarkPrice, world.later(5_000))]
    assert marks == [105, D("110.25"), D("115.7625"), 120]


def test_the_index_alone_rules_before_there_was_a_median() -> None:
    world = ruled(mark=MarkRules("price-1", None))
    sources(world, a=100)
    world.trade("alice", "bob", 1, 120, symbol=RULED)
    sources(world, a=101)
    assert market(world).mark == 101


def test_the_first_price_moves_towards_the_index_as_funding_comes_near() -> None:
    world = ruled(mark=MarkRules("price-1", Window(0, points=30, interval_ms=60_000)))
    sources(world, a=10_000)
    world.buy("alice", 10, 10_010, symbol=RULED)
    world.to(DUE)
    rate = market(world).rate
    assert rate == D("0.00050000")  # premium 0.1 %, less 0.05 %
    world.later(2 * HOUR)
    sources(world, a=10_000)
    assert market(world).mark == 10_000 * (1 + rate * 6 / 8)


def test_a_mark_by_rule_is_not_given() -> None:
    assert ruled().refused(commands.SetMark(symbol=RULED, price=D(1))) == Code.MARK_BY_RULE


def test_stops_and_the_desk_see_a_mark_that_is_made_by_rule() -> None:
    world = ruled()
    sources(world, a=100)
    world.buy("alice", 1, type="STOP_MARKET", stop_price=101, working_type="MARK_PRICE", symbol=RULED)
    world.sell("bob", 1, 103, symbol=RULED)
    assert said(sources(world, a=101), "alice")[-1] == ("TRADE", "FILLED")


# --- funding ----------------------------------------------------------------------------------------------


def premium_of_one_percent(**changed: Any) -> World:
    """Index 100, a bid of 101 as large as the impact size, alice long of 10, bob and carol short."""
    world = slow(**changed)
    sources(world, a=100)
    world.trade("alice", "bob", 7, 100, symbol=RULED)
    world.trade("alice", "carol", 3, 100, symbol=RULED)
    world.buy("bob", 500, 101, symbol=RULED, time_in_force="GTC")
    return world


def test_funding_takes_the_average_premium_and_pays_by_the_mark() -> None:
    world = premium_of_one_percent()
    before = {name: world.wallet(name) for name in ("alice", "bob", "carol")}
    events = world.to(DUE)
    (told,) = of(FundingSet, events)
    assert (told.premium, told.rate, told.hours) == (D("0.01"), D("0.0095"), 8)
    paid = {name: world.wallet(name) - before[name] for name in before}
    size = {"alice": 10, "bob": -7, "carol": -3}
    assert paid == {name: -size[name] * told.mark * told.rate for name in size}
    flows = [each for each in of(Flow, events) if each.account != REMAINDER]
    assert [(each.account, each.category, each.reason, each.symbol) for each in flows] == [
        (name, "funding", "FUNDING_FEE", RULED) for name in ("alice", "bob", "carol")
    ]
    assert events.index(told) < events.index(flows[0])


def test_a_first_whole_interval_has_all_its_samples() -> None:
    """5,760 in eight hours: the last one comes with the end of the interval, and before it."""
    world = slow(funding=structs.replace(FUNDING, hours=1), intervals=None)
    sources(world, a=100)
    world.to(DUE - 1)
    assert len(market(world).premiums) == 719
    sources(world, a=100)
    world.buy("alice", 500, 101, symbol=RULED)
    (told,) = of(FundingSet, world.to(DUE))
    assert told.premium == D("0.000013888888888888888888888889")
    assert market(world).premiums == []


@pytest.mark.parametrize(
    ("hours", "bid", "rate"),
    [
        (8, None, "0.0001"),  # interest alone
        (8, "100.04", "0.0001"),  # inside the clamp
        (8, "100.10", "0.0005"),
        (4, "100.10", "0.00025"),
        (1, "100.10", "0.0000625"),
        (8, "103", "0.02"),  # the cap
        (4, "104", "0.01975"),
    ],
)
def test_the_rate(hours: int, bid: str | None, rate: str) -> None:
    world = slow(funding=structs.replace(FUNDING, hours=hours), intervals=None)
    sources(world, a=100)
    if bid is not None:
        world.buy("alice", 500, bid, symbol=RULED)
    world.to(DUE)
    assert market(world).rate == D(rate)


def test_the_floor() -> None:
    world = slow()
    sources(world, a=100)
    world.sell("alice", 500, 97, symbol=RULED)
    world.to(DUE)
    assert market(world).rate == D("-0.02")


def test_a_rate_at_the_cap_shortens_the_interval_and_calm_lengthens_it() -> None:
    world = slow()
    sources(world, a=100)
    world.buy("alice", 500, 104, symbol=RULED)
    world.to(DUE)
    assert (market(world).funding_hours, market(world).next_funding_ms) == (1, DUE + HOUR)
    world.do(commands.CancelAll(account="alice", symbol=RULED))
    events = world.to(DUE + 16 * HOUR)
    assert [each.hours for each in of(FundingSet, events)] == [1] * 16
    assert market(world).funding_hours == 4
    assert [each.hours for each in of(FundingSet, world.to(DUE + 24 * HOUR))] == [4, 4]


def test_without_an_index_nothing_is_paid() -> None:
    world = slow()
    (told,) = of(FundingSet, world.to(DUE))
    assert (told.rate, told.mark) == (D("0.0001"), 0)


def test_an_isolated_position_pays_from_its_own_margin() -> None:
    world = slow()
    world.do(commands.SetMarginType(account="alice", symbol=RULED, margin="isolated"))
    sources(world, a=100)
    world.trade("alice", "bob", 10, 100, symbol=RULED)
    kept = world.trader("alice").account.position((RULED, "BOTH")).isolated_wallet
    world.to(DUE)
    assert world.trader("alice").account.position((RULED, "BOTH")).isolated_wallet == kept - D("0.1")


def test_both_sides_of_a_hedge_are_paid_for() -> None:
    world = slow()
    world.do(commands.SetPositionMode(account="alice", hedge=True))
    sources(world, a=100)
    world.trade("alice", "bob", 4, 100, symbol=RULED, position_side="LONG")
    world.buy("bob", 1, 100, symbol=RULED)
    world.sell("alice", 1, 100, symbol=RULED, position_side="SHORT")
    flows = [each for each in of(Flow, world.to(DUE)) if each.account == "alice"]
    assert [(each.side, each.applied["USDT"]) for each in flows] == [("LONG", D("-0.04")), ("SHORT", D("0.01"))]


SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(SIZES, SIZES, st.integers(90_000_000, 110_000_000))
def test_what_truncation_leaves_is_the_remainder_s(longs: list[int], shorts: list[int], index: int) -> None:
    """Payments and remainder sum to nothing, and the remainder is less than a unit for each payment."""
    world = World(listed(RULED, funding=structs.replace(FUNDING, hours=4), intervals=None), time_ms=DUE - 60_000)
    names = [f"t{number}" for number in range(len(longs) + len(shorts))]
    world.rich("hub", *names)
    sources(world, a=D(index).scaleb(-6))
    for number, size in enumerate([*longs, *(-each for each in shorts)]):
        pair = (names[number], "hub") if size > 0 else ("hub", names[number])
        world.trade(*pair, D(abs(size)) / 10, 100, symbol=RULED)
    events = world.to(DUE)
    moved = [each for each in of(Moved, events) if each.reason == "funding"]
    total: dict[str, D] = {}
    for each in of(Flow, events):
        total[each.account] = total.get(each.account, D(0)) + each.applied["USDT"]
    assert sum(total.values()) == 0
    assert abs(total[REMAINDER]) < len(moved) * D("1e-8")
    assert world.wallet(REMAINDER) == total[REMAINDER]


# --- clearance of negative balances -----------------------------------------------------------------------


def in_debt(fund: Any = 1_000, **changed: Any) -> World:
    """Alice's wallet is at −500 with nothing open: she sold for less than she had."""
    world = World(rule_set(**changed), time_ms=NOON + 1)
    world.rich("bob")
    world.rich("alice", amount=3_000)
    if fund:
        world.do(commands.Fund(asset="USDT", amount=D(fund)))
    world.trade("alice", "bob", 1, 50_000)
    world.trade("bob", "alice", 1, "46534.3")
    assert world.wallet("alice") == 3_000 - D("3465.7") - 25 - D("9.30686")
    return world


def test_a_negative_balance_is_cleared_at_the_next_full_ten_minutes() -> None:
    world = in_debt()
    assert of(Flow, world.to(NOON + 599_999)) == []
    flows = of(Flow, world.to(NOON + 600_000))
    assert [(each.account, each.reason, each.category) for each in flows] == [
        ("insurance_fund", "INSURANCE_CLEAR", "insurance_clear"), ("alice", "INSURANCE_CLEAR", "insurance_clear"),
    ]  # fmt: skip
    assert world.wallet("alice") == 0
    assert world.wallet("insurance_fund") == 1_000 - D("500.00686")


def test_the_fund_clears_as_far_as_it_can() -> None:
    world = in_debt(fund=100)
    world.later(600_000)
    assert (world.wallet("alice"), world.wallet("insurance_fund")) == (0, 0)
    assert world.wallet("bad_debt") == D("-400.00686"), "what nobody has covered"
    world.do(commands.Fund(asset="USDT", amount=D(300)))
    world.later(600_000)
    assert (world.wallet("bad_debt"), world.wallet("insurance_fund")) == (D("-100.00686"), 0)
    world.do(commands.Fund(asset="USDT", amount=D(1_000)))
    world.later(600_000)
    assert (world.wallet("bad_debt"), world.wallet("insurance_fund")) == (0, 1_000 - D("100.00686"))
    assert world.wallet("alice") == 0


def test_a_write_off_is_told_as_a_move() -> None:
    world = in_debt(fund=100)
    moved = of(Moved, world.to(NOON + 600_000))
    assert [(each.reason, each.giver, each.taker, each.amount) for each in moved] == [
        ("negative_balance", "insurance_fund", "alice", 100), ("bad_debt", "bad_debt", "alice", D("400.00686")),
    ]  # fmt: skip
    assert world.state.fund_history[-1].balance == 0, "the fund's history tells only what the fund paid"


def test_a_fund_that_repays_nothing() -> None:
    world = in_debt(fund=100, waterfall=WaterfallRules(repay_bad_debt=False))
    world.later(600_000)
    world.do(commands.Fund(asset="USDT", amount=D(1_000)))
    world.later(600_000)
    assert (world.wallet("bad_debt"), world.wallet("insurance_fund")) == (D("-400.00686"), 1_000)


def test_older_bad_debt_comes_after_who_is_in_debt_now() -> None:
    world = in_debt(fund=100)
    world.later(600_000)
    world.rich("carl", amount=3_000)
    world.mark(BTC, 50_000)
    world.trade("carl", "bob", 1, 50_000)
    world.trade("bob", "carl", 1, "46534.3")
    world.do(commands.Fund(asset="USDT", amount=D(600)))
    world.later(600_000)
    assert (world.wallet("carl"), world.wallet("insurance_fund")) == (0, 0)
    assert world.wallet("bad_debt") == D("-400.00686") + (600 - D("500.00686"))


def test_a_shared_loss_leaves_no_debt_for_the_fund() -> None:
    """With nobody to charge, what a winner's fund did not pay is written off, and never paid back."""
    world = in_debt(fund=0, waterfall=WaterfallRules(after_fund="claw-back"))
    world.do(commands.Fund(asset="USDT", amount=D(100)))
    world.later(1_200_000)
    assert (world.wallet("alice"), world.wallet("bad_debt")) == (0, D("-500.00686"))
    assert world.wallet("insurance_fund") == 100


def test_who_pays_in_is_not_cleared() -> None:
    world = in_debt()
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D(100)))
    world.later(1_200_000)
    assert world.wallet("alice") == D("-400.00686")
    world.do(commands.Transfer(account="alice", asset="USDT", amount=D(500)))
    world.later(600_000)
    assert not world.trader("alice").topped_up


def test_who_holds_something_is_not_cleared() -> None:
    world = in_debt()
    refused = order("alice", "BUY", "0.001", 50_000)
    assert world.refused(refused) == Code.MARGIN_NOT_SUFFICIENT


# --- the clock --------------------------------------------------------------------------------------------


def test_what_falls_due_happens_at_its_time_and_in_its_order() -> None:
    world = ruled(mark=MarkRules("median", Window(0, points=30, interval_ms=HOUR)))
    sources(world, a=100)
    world.trade("alice", "bob", 1, 102, symbol=RULED)
    world.do(commands.Countdown(account="alice", symbol=BTC, countdown_ms=4 * HOUR))
    world.buy("alice", 1, 49_000)
    world.buy("bob", 1, 49_000, time_in_force="GTD", good_till_ms=DUE)
    events = world.to(DUE + 1)
    told = [(each.time_ms - DUE, type(each).__name__) for each in events if not isinstance(each, Moved)]
    assert told[0] == (-3 * HOUR, "MarkPrice")
    assert [name for due, name in told if due == 0 and name != "Flow"] == ["PrintedOrder", "PrintedOrder", "FundingSet"]
    assert world.state.time_ms == DUE + 1


def test_in_one_step_or_in_many() -> None:
    """The clock may be moved in any steps: what happens is the same."""
    one, many = premium_of_one_percent(), premium_of_one_percent()
    whole = one.to(DUE + HOUR)
    parts = []
    while many.state.time_ms < DUE + HOUR:
        parts += many.to(min(many.state.time_ms + 1_234_567, DUE + HOUR))
    assert whole == parts


def test_the_same_time_again_is_no_step_back() -> None:
    assert World().to(NOON) == []


def test_what_ends_before_its_time_is_not_kept() -> None:
    """Dates of orders that were taken back, countdowns that were set anew: the heap holds what lives."""
    world = World()
    world.rich("alice")
    world.buy("alice", 1, 49_000, time_in_force="GTD", good_till_ms=NOON + 700_000)
    for number in range(1_500):
        step(world.state, commands.Countdown(account="alice", symbol=BTC, countdown_ms=1_000_000 + number))
        step(world.state, order("alice", "BUY", 1, 1_900, symbol=ETH, time_in_force="GTD", good_till_ms=NOON + HOUR))
        assert (NOON + HOUR, "good_till", str(world.newest("alice").id)) in world.state.timers
        step(world.state, commands.CancelAll(account="alice", symbol=ETH))
    assert len(world.state.timers) < 300
    assert said(world.to(NOON + 700_000)) == [("EXPIRED", "EXPIRED")]


def test_orders_of_one_date_expire_by_number() -> None:
    """Not by text, in which 10 comes before 9."""
    world = World()
    world.rich("alice")
    for _ in range(12):
        world.buy("alice", 1, 49_000, time_in_force="GTD", good_till_ms=NOON + 700_000)
    ids = [each.id for each in world.orders("alice")]
    events = world.to(NOON + 700_000)
    assert [int(each.order_id) for each in of(OrderEvent, events)] == ids
    assert len({len(str(each)) for each in ids}) == 2

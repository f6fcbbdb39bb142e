"""The dispute desk: each fault is found and refunded, the same liquidation without it is not, and the books balance."""

import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.account import AssetIndex
from margincall.core.protocol.funding import FundingRules
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.exchange import commands as c
from margincall.exchange.disputes import history
from margincall.exchange.events import DisputeDecided, LiquidationEnded, Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.judgement import Decision, answer, judge, sentence
from margincall.exchange.replay import NotInJournal
from margincall.exchange.step import step
from tests.depth import few
from tests.exchange.disputed import (
    ALSO_INDEXED,
    BTC,
    ETH,
    INDEXED,
    USDT,
    Story,
    findings,
    liquidations,
    random_story,
    rules,
)

D = Decimal
Play = Callable[[bool], Story]


def started(bid: str = "49450", **more: Any) -> Story:
    """Ann is long 1 BTC at 50,000 with 975 left, and the maker bids for 5."""
    story = Story(**more)
    story.long("ann", "1000")
    story.order("maker", "BUY", "5", bid)
    return story


def wrong_mark(fault: bool) -> Story:
    """The mark is 49,500 when the venue says 49,200; or it is 49,200."""
    story = started()
    story.mark(49_500)
    if fault:
        story.fault("wrong_mark", "49200", symbol=BTC)
    else:
        story.mark(49_200)
    return story


def wrong_brackets(fault: bool) -> Story:
    """At 49,500 the balance of 475 is enough for 198, not for three times as much."""
    story = started()
    if fault:
        story.fault("wrong_brackets", "3", symbol=BTC)
    story.mark(49_500 if fault else 49_200)
    return story


def wrong_clearance_rate(fault: bool) -> Story:
    """A good fill leaves enough for a fee of 1.5 % instead of 1.25 %."""
    story = started("49950")
    if fault:
        story.fault("wrong_clearance_rate", "0.015")
    story.mark(49_200)
    return story


def late_liquidation(fault: bool) -> Story:
    """The desk sleeps while the book is good, and wakes when it is not."""
    story = started("49950")
    if fault:
        story.fault("late_liquidation", symbol=BTC)
    story.mark(49_200)
    story.later(5000)
    story.tell(c.CancelAll(account="maker", symbol=BTC))
    story.order("maker", "BUY", "5", "49100")
    story.mark(49_150)
    if fault:
        story.fault("late_liquidation", symbol=BTC, on=False)
    return story


def stale_index(fault: bool) -> Story:
    """Bitcoin falls, ether rises by more, and the venue does not hear of ether."""
    story = Story()
    story.long("ann", "1900")
    story.long("ann", "0", symbol=ETH)
    story.order("maker", "BUY", "5", "48500")
    story.order("maker", "BUY", "5", "49900", symbol=ETH)
    if fault:
        story.fault("stale_index", symbol=ETH)
        story.mark(51_000, ETH)
    story.mark(48_500)
    return story


def stale_and_late(fault: bool) -> Story:
    """The venue hears of a fall only when the book is empty."""
    story = started("49950")
    if fault:
        story.fault("stale_index", symbol=BTC)
    story.mark(49_200)
    story.later(5000)
    story.tell(c.CancelAll(account="maker", symbol=BTC))
    if fault:
        story.fault("stale_index", symbol=BTC, on=False)
    story.mark(48_900)
    return story


def orders_not_cancelled(fault: bool) -> Story:
    """A purchase that should have gone fills after the liquidation, and the price falls on."""
    story = started()
    story.order("ann", "BUY", "0.01", "49000")
    if fault:
        story.fault("orders_not_cancelled")
    story.mark(49_200)
    story.tell(c.CancelAll(account="maker", symbol=BTC))
    story.order("maker", "SELL", "1", "48900")
    story.mark(48_000)
    return story


def collateral(usde: str = "1") -> Story:
    """Ann is long 1 BTC at 50,000 with 75 USDT and 900 USDE left, and the maker bids for 5 at 49,450."""
    story = Story()
    story.index(USDT, "1")
    story.index("USDE", usde)
    story.tell(c.SetAssetMode(account="ann", multi_assets=True))
    story.tell(c.Transfer(account="ann", asset="USDE", amount=D(900)))
    story.long("ann", "100")
    story.order("maker", "BUY", "5", "49450")
    return story


def wrong_asset_index(fault: bool) -> Story:
    """At 49,500 the balance is 900 − 425 = 475 beside 198; with USDE at 0.65 it would be 160."""
    story = collateral()
    if fault:
        story.fault("wrong_asset_index", "0.65", asset="USDE")
    story.index("USDE", "1")
    story.mark(49_500 if fault else 49_200)
    return story


def stale_asset_index(fault: bool) -> Story:
    """USDE is back at 1, and the venue does not hear of it."""
    story = collateral("0.65")
    if fault:
        story.fault("stale_asset_index", asset="USDE")
    story.index("USDE", "1")
    story.mark(49_500 if fault else 49_200)
    return story


def drifting(story: Story, wallet: str, *symbols: str, until: int = 580_000) -> None:
    """At `until`, ann is long 1 of each of these at 50,000, whose marks by rule fall by 67 a second from then on: the
    index stays, the last trades and the book are at 48,000."""
    story.tell(c.Transfer(account="ann", asset=USDT, amount=D(wallet)))
    for symbol in symbols:
        quote(story, "50000", symbol)
        story.tell(c.SetLeverage(account="ann", symbol=symbol, leverage=100))
        story.order("ann", "BUY", "1", None, symbol=symbol)
    story.later(until - story.state.time_ms)
    for symbol in symbols:
        story.tell(c.CancelAll(account="maker", symbol=symbol))
        story.order("maker", "BUY", "5", "48000", symbol=symbol)
        story.order("maker", "SELL", "5", "48000.2", symbol=symbol)
        story.tell(c.Transfer(account="bob", asset=USDT, amount=D(10)))
        story.order("bob", "BUY", "0.001", None, symbol=symbol)


def index_by_rule(fault: bool) -> Story:
    """The mark is made by rule, as time goes by; the index stands still, and hears of the recovery too late."""
    story = Story()
    quote(story, "50000")
    story.tell(c.Transfer(account="ann", asset=USDT, amount=D(1000)))
    story.tell(c.SetLeverage(account="ann", symbol=INDEXED, leverage=100))
    story.order("ann", "BUY", "1", "50000.1", symbol=INDEXED)
    quote(story, "49400")
    if fault:
        story.fault("stale_index", symbol=INDEXED)
        quote(story, "50400")
        story.tell(c.Transfer(account="ann", asset=USDT, amount=D("-1")))
        story.fault("wrong_brackets", "4", symbol=INDEXED)
    else:
        quote(story, "49200")
    return story


def quote(story: Story, price: str, symbol: str = INDEXED) -> None:
    """The maker's orders around a price of the index; two seconds of it."""
    story.tell(c.CancelAll(account="maker", symbol=symbol))
    story.tell(c.SetIndex(symbol=symbol, sources=(c.Source(name="spot", price=D(price)),)))
    story.later(1000)
    story.order("maker", "BUY", "5", str(D(price) - D("0.1")), symbol=symbol)
    story.order("maker", "SELL", "5", str(D(price) + D("0.1")), symbol=symbol)
    story.later(1000)


REFUNDS: list[tuple[Play, str, str]] = [
    (wrong_mark, "475", "trigger"),
    (wrong_brackets, "475", "trigger"),
    # 749.25 instead of 624.375
    (wrong_clearance_rate, "124.875", "clearance_fee"),
    # in time 1,000 − 25 − 50 − 24.975 − 624.375 = 275.65 were left, now the fee takes all
    (late_liquidation, "275.65", "harm"),
    # 1,900 − 50 − 1,500 + 1,000 at the true marks; nothing is left
    (stale_index, "1350", "trigger"),
    (stale_and_late, "275.65", "harm"),
    # 75 − 500 at the true mark; 75 − 550 − 24.725, and the fee takes what 900 USDE at 0.65 leave: −585
    (wrong_asset_index, "160", "trigger"),
    (stale_asset_index, "160", "trigger"),
    # what the order costs comes after the end of the liquidation
    (orders_not_cancelled, "0", "orders_cancelled"),
]
PLAYS = [play for play, *_ in REFUNDS]


@pytest.mark.parametrize(("play", "refund", "ground"), REFUNDS, ids=[play.__name__ for play, *_ in REFUNDS])
def test_a_fault_is_refunded(play: Play, refund: str, ground: str) -> None:
    story = play(True)
    before, fund = story.wallet("ann"), story.wallet("insurance_fund")
    decision = story.decided()
    refunds = {USDT: D(refund)} if D(refund) else {}
    assert decision.upheld
    assert decision.refund == refunds
    assert (ground, "does not hold") in findings(decision, ground)
    assert story.wallet("ann") == before + D(refund)
    assert story.wallet("insurance_fund") == fund - D(refund)
    (said,) = [event for event in story.events if isinstance(event, DisputeDecided)]
    assert (said.upheld, said.refund, said.unpaid) == (True, refunds, {})
    assert said.findings == tuple(map(sentence, decision.findings))


@pytest.mark.parametrize("play", PLAYS)
def test_the_same_liquidation_without_a_fault_is_not(play: Play) -> None:
    story = play(False)
    if not list(liquidations(story.state)):
        story.mark(47_000)
    before, fund = story.wallet("ann"), story.wallet("insurance_fund")
    decision = story.decided()
    assert not decision.upheld
    assert decision.refund == {}
    assert {verdict for _, verdict in findings(decision, "trigger", "clearance_fee", "harm")} == {"holds"}
    assert (story.wallet("ann"), story.wallet("insurance_fund")) == (before, fund)
    assert story.state.disputes[1].status == "rejected"
    assert all(" (" in line or "; " in line for line in story.state.disputes[1].findings)


@pytest.mark.parametrize("play", PLAYS)
def test_each_fault_changes_a_liquidation(play: Play) -> None:
    """The journal without its faults liquidates ann otherwise, at another time, or not at all."""
    story = play(True)
    state = new_exchange(story.rules)
    events = [each for one in story.journal if not isinstance(one, c.InjectFault) for each in step(state, one)]
    ours = [event for event in story.events if isinstance(event, LiquidationEnded)]
    others = [event for event in events if isinstance(event, LiquidationEnded)]
    left = story.wallet("ann"), story.held("ann")
    account = state.traders["ann"].account
    assert ours
    assert (ours, left) != (others, (account.wallets[USDT], account.position((BTC, "BOTH")).quantity))


def test_a_fault_of_a_mark_by_rule() -> None:
    story = index_by_rule(fault=True)
    decision = story.decided()
    assert decision.upheld
    assert ("mark", "does not hold") in findings(decision, "mark")
    assert decision.refund[USDT] > 0
    story = index_by_rule(fault=False)
    assert not story.decided().upheld


def test_what_happens_in_the_same_command_is_told_apart() -> None:
    """Both marks fall within one command, by the second. The first reaches the trigger, and the other follows in the
    same millisecond: what counts is what had been told before."""
    story = Story()
    drifting(story, "2050", INDEXED, ALSO_INDEXED)
    story.later(30_000)
    decision = story.decided()
    assert findings(decision, "mark") == [("mark", "holds"), ("mark", "holds")]
    assert not decision.upheld


def test_what_happens_after_it_in_the_same_command_is_not_its_doing() -> None:
    """An isolated position goes, and some seconds later a short is paid funding, all in one command."""
    hourly = {
        name: structs.replace(each, funding=FundingRules(1, D("0.02"), D("-0.02"))) if each.funding else each
        for name, each in rules().listings.items()
    }
    story = Story(rules(listings=hourly))
    story.tell(c.SetMarginType(account="ann", symbol=INDEXED, margin="isolated"))
    quote(story, "50000", ALSO_INDEXED)
    drifting(story, "1000", INDEXED, until=3_570_000)
    story.order("ann", "SELL", "0.01", None, symbol=ALSO_INDEXED)
    told = story.later(60_000)
    funding = sum(each.applied[USDT] for each in told if getattr(each, "category", "") == "funding" and
                  getattr(each, "account", "") == "ann")  # fmt: skip
    assert funding > 0
    decision = story.decided()
    assert findings(decision, "harm") == [("harm", "holds")]
    assert not decision.upheld


def test_a_debt_paid_in_the_same_command_counts() -> None:
    """The liquidation leaves a debt; the fund pays it at the full ten minutes."""
    story = Story(rules(waterfall=WaterfallRules(limit="fillable", fillable_spread=D(1000))))
    drifting(story, "1000", INDEXED)
    story.later(50_000)
    assert story.wallet("ann") == 0
    decision = story.decided()
    harm = next(each for each in decision.findings if each.kind == "harm")
    assert (harm.verdict, harm.printed, harm.derived) == ("holds", D("-1049.10005"), D("-1049.10005"))
    assert findings(decision, "balance_after", "cleared") == [("balance_after", "cannot tell"), ("cleared", "holds")]
    assert not decision.upheld


def test_a_wrong_mark_elsewhere_costs_what_it_costs() -> None:
    """Bitcoin alone brings ann to her trigger, and its sale would have saved her: 2,147.5 − 1,155 − 26.9225 − 673.0625
    would be left. That ether was marked too low took it."""
    story = Story()
    story.long("ann", "2200", quantity="1.1")
    story.long("ann", "0", symbol=ETH)
    story.order("maker", "BUY", "5", "48950")
    story.fault("wrong_mark", "49500", symbol=ETH)
    story.mark(48_400)
    decision = story.decided()
    assert findings(decision, "trigger") == [("trigger", "holds")]
    assert (decision.upheld, decision.refund) == (True, {USDT: D("292.515")})


def test_the_worked_example() -> None:
    """`docs/spec/disputes.md`."""
    story = wrong_mark(True)
    (ended,) = [event for event in story.events if isinstance(event, LiquidationEnded)]
    assert ended.lost == {USDT: D(975)}
    assert story.wallet("insurance_fund") == D("100400.275")
    decision = story.decided()
    trigger = next(each for each in decision.findings if each.kind == "trigger")
    assert (trigger.printed, trigger.derived, trigger.amount) == (175, 475, 277)
    assert sentence(trigger).startswith(
        "trigger does not hold: cross:USDT, balance beside a maintenance margin of 198; was 175; by the rules 475; "
        "above the margin by 277; liquidation when"
    )
    assert decision.refund == {USDT: 475}
    assert story.wallet("ann") == 475


def test_a_fault_in_multi_assets_mode() -> None:
    """The refund is in the asset of the loss, whatever else backs the account."""
    story = Story()
    for asset in (USDT, "USDC"):
        story.tell(c.SetAssetIndex(asset=asset, index=D(1), bid=D(1), ask=D(1)))
    story.tell(c.SetAssetMode(account="ann", multi_assets=True))
    story.tell(c.Transfer(account="ann", asset="USDC", amount=D(600)))
    story.long("ann", "400")
    story.order("maker", "BUY", "5", "49450")
    story.mark(49_500)
    story.fault("wrong_mark", "49200", symbol=BTC)
    decision = story.decided()
    assert (decision.upheld, decision.refund) == (True, {USDT: D(475)})


@pytest.mark.parametrize("play", [wrong_asset_index, stale_asset_index])
def test_a_wrong_index_of_the_collateral_is_told(play: Play) -> None:
    found = [each for each in play(True).decided().findings if each.kind == "asset_index"]
    assert [(each.about, each.verdict, each.printed, each.derived) for each in found[:3]] == [
        (f"USDE {name}", "does not hold", D("0.65"), 1) for name in ("index", "bid", "ask")
    ]
    assert {each.verdict for each in found[3:]} == {"holds"}
    found = [each for each in play(False).decided().findings if each.kind == "asset_index"]
    assert {each.verdict for each in found} == {"holds"}


def test_a_wrong_index_stays_until_the_next_one_comes() -> None:
    """Bid and ask keep their proportion to it."""
    story = Story()
    story.tell(c.SetAssetIndex(asset="USDE", index=D(2), bid=D("1.9"), ask=D("2.2")))
    story.fault("wrong_asset_index", "0.7", asset="USDE")
    wrong = AssetIndex(D("0.7"), D("0.665"), D("0.77"))
    assert story.state.indices["USDE"] == wrong
    story.tell(c.SetAssetIndex(asset="USDE", index=D(1), bid=D("0.95"), ask=D("1.1")))
    assert story.state.indices["USDE"] == wrong
    story.fault("wrong_asset_index", asset="USDE", on=False)
    assert story.state.indices["USDE"] == wrong
    story.index("USDE", "1")
    assert story.state.indices["USDE"] == AssetIndex(D(1), D(1), D(1))


def test_an_index_that_is_wrong_while_the_account_is_liquidated_rightly_costs_what_it_costs() -> None:
    """The mark alone brings ann to her trigger; that her collateral counted for less left less for the fee."""
    story = collateral()
    story.fault("wrong_asset_index", "0.9", asset="USDE")
    story.mark(49_200)
    decision = story.decided()
    assert findings(decision, "trigger") == [("trigger", "holds")]
    assert ("asset_index", "does not hold") in findings(decision, "asset_index")
    assert (decision.upheld, decision.refund) == (True, {})  # the order's limit was another, and nothing was lost


def test_a_fund_that_cannot_pay_all() -> None:
    story = started(fund=0)
    story.mark(49_500)
    story.fault("wrong_mark", "49200", symbol=BTC)
    assert story.decided().refund == {USDT: 475}
    entry = story.state.disputes[1]
    assert (entry.refund, entry.unpaid) == ({USDT: D("400.275")}, {USDT: D("74.725")})
    assert (story.wallet("ann"), story.wallet("insurance_fund")) == (D("400.275"), 0)


def test_a_debt_that_the_fund_has_paid_is_not_paid_twice() -> None:
    """At 48,000 that should be 49,500, orders go below bankruptcy: 975 − 2,100 − 23.95 = −1,148.95 are left, until the
    fund pays them at the full ten minutes. The harm is 475 + 1,148.95; of that the fund has paid the debt, and 475 are
    booked."""
    story = started("47900", rules_in_force=rules(waterfall=WaterfallRules(limit="fillable", fillable_spread=D(1))))
    story.mark(49_500)
    story.fault("wrong_mark", "48000", symbol=BTC)
    number = story.dispute()
    assert story.wallet("ann") == D("-1148.95")
    decision = story.judged(number)
    assert findings(decision, "balance_after", "cleared") == [("balance_after", "cannot tell")]
    assert decision.refund == {USDT: D("1623.95")}
    story.later(600_000)
    decision = story.judged(number)
    assert findings(decision, "cleared") == [("cleared", "holds")]
    assert decision.refund == {USDT: D("1623.95")}
    story.tell(answer(story.state, decision))
    assert story.wallet("ann") == 475


def snapshot(state: Any) -> object:
    """What a refused command must leave alone."""
    accounts = {name: trader.account for name, trader in state.traders.items()}
    counters = state.next_dispute, state.next_flow, state.next_order, len(state.fund_history)
    return accounts, counters, dict(state.disputes), dict(state.disputed)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (c.Dispute(account="ann", liquidation=7), -9004),
        (c.Dispute(account="bob", liquidation=1), -9004),
        (c.Dispute(account="nobody", liquidation=1), -1109),
        (c.Dispute(account="insurance_fund", liquidation=1), -1109),
        (c.Dispute(account="ann", liquidation=1), -9005),
        (c.Decide(number=2, upheld=False), -9007),
        (c.Decide(number=1, upheld=False, refund={USDT: D(1)}), -1128),
        (c.Decide(number=1, upheld=True, refund={USDT: D(-1)}), -4055),
        (c.Decide(number=1, upheld=True, refund={USDT: D(0)}), -4055),
        (c.Decide(number=1, upheld=True, refund={USDT: D("1e-9")}), -1111),
        (c.Decide(number=1, upheld=True, refund={"DOGE": D(1)}), -1108),
    ],
)
def test_what_is_refused_changes_nothing(command: c.AnyCommand, code: int) -> None:
    story = wrong_mark(True)
    story.dispute()
    before = snapshot(story.state)
    (event,) = story.tell(command)
    assert isinstance(event, Rejected)
    assert event.code == code
    assert snapshot(story.state) == before


def test_a_dispute_is_decided_once() -> None:
    story = wrong_mark(True)
    decision = story.decided()
    before = snapshot(story.state)
    for again in (answer(story.state, decision), c.Dispute(account="ann", liquidation=1)):
        (event,) = story.tell(again)
        assert isinstance(event, Rejected)
    assert snapshot(story.state) == before


def test_the_history_lists_number_status_and_times() -> None:
    story = wrong_mark(True)
    story.fault("wrong_mark", symbol=BTC, on=False)
    story.later(1000)
    story.dispute()
    story.long("bob", "1000", price="49500")
    story.mark(48_700)
    story.later(500)
    story.dispute("bob", 2)
    story.later(250)
    story.tell(answer(story.state, story.judged(2)))
    found = [(each.number, each.account, each.status, each.opened_ms, each.decided_ms) for each in history(story.state)]
    assert found == [(1, "ann", "open", 1000, None), (2, "bob", "rejected", 1500, 1750)]
    assert [each.number for each in history(story.state, "ann")] == [1]
    assert history(story.state, "maker") == ()


def test_a_fault_before_is_named_and_not_guessed_at() -> None:
    """Ann is liquidated wrongly, begins anew, and is liquidated rightly: the second is judged as she stood then."""
    story = wrong_mark(True)
    story.fault("wrong_mark", symbol=BTC, on=False)
    story.mark(49_500)
    story.long("ann", "1000", price="49500")
    story.mark(48_600)
    story.dispute(liquidation=1)
    story.dispute(liquidation=2)
    first, second = story.judged(1), story.judged(2)
    assert (first.upheld, findings(first, "diverged")) == (True, [])
    assert (second.upheld, findings(second, "diverged", "harm")) == (
        False, [("diverged", "cannot tell"), ("harm", "holds")],
    )  # fmt: skip


def liquidated_again(story: Story, *, fault: bool) -> None:
    """The fault ends, ann is long 1 BTC once more, and is liquidated in the same way; if asked, by the same fault."""
    if not fault:
        story.fault("wrong_clearance_rate", on=False)
    story.tell(c.CancelAll(account="maker", symbol=BTC))
    story.long("ann", "1000")
    story.order("maker", "BUY", "5", "49950")
    story.mark(48_500)


@pytest.mark.parametrize("wait", [0, 1000])
def test_a_harm_that_was_refunded_before_the_next_liquidation_is_paid(wait: int) -> None:
    """Of the second one nothing is wrong: what the first cost too much has been paid by then."""
    story = wrong_clearance_rate(True)
    assert story.decided().refund == {USDT: D("124.875")}
    story.later(wait)
    liquidated_again(story, fault=False)
    decision = story.judged(story.dispute(liquidation=2))
    assert findings(decision, "harm", "clearance_fee") == [("clearance_fee", "holds"), ("harm", "holds")]
    assert (decision.upheld, decision.refund) == (False, {})
    assert answer(story.state, decision).refund == {}


@pytest.mark.parametrize("wait", [0, 1000])
def test_a_new_harm_is_refunded_whenever_the_one_before_was(wait: int) -> None:
    """Both fees are 124.875 too high: 249.75 are paid in all, the first before the second liquidation, in the same
    millisecond too, or after it."""
    for is_before in (True, False):
        story = wrong_clearance_rate(True)
        first = story.dispute()
        if is_before:
            story.tell(answer(story.state, story.judged(first)))
        story.later(wait)
        liquidated_again(story, fault=True)
        if not is_before:
            story.tell(answer(story.state, story.judged(first)))
        story.decided(liquidation=2)
        assert [each.refund for each in history(story.state)] == [{USDT: D("124.875")}] * 2


@pytest.mark.parametrize("play", PLAYS)
def test_the_same_journal_gives_the_same_decision(play: Play) -> None:
    """Also when it was written down and read in between, and when it holds the decision and what came after."""
    story = play(True)
    number = story.dispute()
    decision = story.judged(number)
    again = [c.decode(c.encode(command)) for command in story.journal]
    assert judge(story.rules, again, story.state.disputes[number]) == decision
    told = answer(story.state, decision)
    assert c.decode(c.encode(told)) == told
    story.tell(told)
    story.mark(55_000)
    assert story.judged(number) == decision
    state = new_exchange(story.rules)
    assert [each for command in story.journal for each in step(state, command)] == story.events


def test_another_journal_is_refused() -> None:
    story = wrong_mark(True)
    story.dispute()
    with pytest.raises(NotInJournal, match="liquidation 1 of ann"):
        judge(story.rules, story.journal[:4], story.state.disputes[1])


def test_a_fee_too_low_is_no_complaint() -> None:
    story = started("49950")
    story.fault("wrong_clearance_rate", "0.01")
    story.mark(49_200)
    decision = story.decided()
    assert findings(decision, "clearance_fee") == [("clearance_fee", "does not hold")]
    assert (decision.upheld, decision.refund) == (False, {})


@pytest.mark.parametrize(
    "order",
    [
        {"side": "BUY", "quantity": "0.01", "price": "49000"},
        {"side": "SELL", "quantity": "0.5", "price": "51000", "reduce_only": True},
    ],
)
def test_an_order_that_did_no_harm_is_upheld_without_a_refund(order: dict[str, Any]) -> None:
    """One that rests on; one that goes by itself, because there is nothing left to reduce."""
    story = started()
    story.order("ann", **order)
    story.fault("orders_not_cancelled")
    story.mark(49_200)
    decision = story.decided()
    assert (decision.upheld, decision.refund) == (True, {})


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"refund": {USDT: "NaN"}}, "refund"),
        ({"refund": {USDT: "1_0"}}, "refund"),
        ({"refund": {USDT: "1" * 50}}, "refund"),
        ({"refund": [1]}, "refund"),
        ({"findings": [1]}, "findings"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_decision_of_bad_bytes_is_refused(changes: dict[str, Any], where: str) -> None:
    raw = {"command": "decide", "number": 1, "upheld": True, "findings": ["1_0 or so"], **changes}
    with pytest.raises(c.BadCommand, match=where):
        c.decode(json.dumps(raw).encode())


def test_findings_are_text_that_may_look_like_numbers() -> None:
    raw = json.dumps({"command": "decide", "number": 1, "upheld": True, "refund": {USDT: "1"}, "findings": ["1_0"]})
    assert c.decode(raw.encode()) == c.Decide(number=1, upheld=True, refund={USDT: D(1)}, findings=("1_0",))


@pytest.mark.parametrize(
    "command",
    [
        c.InjectFault(kind="wrong_mark", on=True, symbol=BTC),
        c.InjectFault(kind="wrong_mark", on=True, value=D(1)),
        c.InjectFault(kind="late_liquidation", on=True, symbol=BTC, value=D(1)),
        c.InjectFault(kind="wrong_clearance_rate", on=True, symbol=BTC, value=D(1)),
        c.InjectFault(kind="wrong_brackets", on=True, symbol=BTC, value=D(101)),
        c.InjectFault(kind="wrong_brackets", on=True, symbol=BTC, value=D(-1)),
        c.InjectFault(kind="stale_index", on=True, symbol="NONE"),
        c.InjectFault(kind="early_liquidation", on=True, symbol=BTC),
        c.InjectFault(kind="early_liquidation", on=True, symbol=BTC, account="nobody"),
        c.InjectFault(kind="wrong_mark", on=True, symbol=BTC, value=D(1), account="ann"),
        c.InjectFault(kind="fee_twice", on=True, value=D("1.1")),
        c.InjectFault(kind="wrong_fee_base", on=True, value=D(0)),
        c.InjectFault(kind="adl_out_of_rank", on=True, value=D("1.5")),
        c.InjectFault(kind="fill_beyond_bankruptcy", on=True, symbol=BTC, value=D("0.05")),
        c.InjectFault(kind="wrong_funding_rate", on=True, symbol=INDEXED, value=D(0)),
        c.InjectFault(kind="wrong_funding_rate", on=True, symbol=BTC, value=D(1)),
        c.InjectFault(kind="socialise_despite_fund", on=True, value=D(-1)),
    ],
)
def test_a_fault_that_cannot_be_is_refused(command: c.InjectFault) -> None:
    story = Story()
    (event,) = story.tell(command)
    assert isinstance(event, Rejected)
    assert story.state.faults == {}
    assert story.state.rules is story.state.genuine


SMALL = settings(max_examples=few(10), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def judged_all(story: Story) -> list[Decision]:
    """Every liquidation of a story, disputed, judged and booked."""
    return [story.decided(account, number) for number, account in list(liquidations(story.state))[:4]]


@SMALL
@given(seed=st.integers(0, 2**32))
def test_without_a_fault_nobody_is_wronged(seed: int) -> None:
    for decision in judged_all(random_story(seed, 40, faults=False)):
        assert not decision.upheld, "\n".join(map(sentence, decision.findings))
        assert decision.refund == {}
        assert findings(decision, "diverged", "moment") == []


@SMALL
@given(seed=st.integers(0, 2**32))
def test_whatever_errs_every_dispute_is_decided(seed: int) -> None:
    """Refunds come only with what does not hold, cost the fund at most what it has, and the books balance (`tell`). A
    harm that lasts is refunded once: paid or owed is what of it nobody has paid, and an account gets at most the
    largest of its harms."""
    story = random_story(seed, 40, faults=True)
    paid, worst = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for decision in judged_all(story):
        assert decision.upheld or not decision.refund
        assert set(decision.refund) <= {USDT}
        harm = decision.refund.get(USDT, D(0))
        assert harm > 0 or not decision.refund
        entry = story.state.disputes[decision.number]
        assert entry.status == ("upheld" if decision.upheld else "rejected")
        cleared = sum(each.printed or D(0) for each in decision.findings if each.kind == "cleared")
        told = entry.refund.get(USDT, D(0)) + entry.unpaid.get(USDT, D(0))
        assert told == max(D(0), harm - paid[entry.account] - cleared)
        paid[entry.account] += entry.refund.get(USDT, D(0))
        worst[entry.account] = max(harm, worst[entry.account])
        assert paid[entry.account] <= worst[entry.account]

"""Faults of the desk and of its payments: each is seen in the account's exports, upheld by the dispute desk, and its
refund is the difference of two runs; switched off, nothing is changed by it."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from margincall.core.protocol.funding import FundingRules
from margincall.exchange import commands as c
from margincall.exchange.digest import digest
from margincall.exchange.events import LiquidationEnded, Rejected
from margincall.exchange.exports import write_account
from margincall.exchange.genesis import new_exchange
from margincall.exchange.histories import shared_losses
from margincall.exchange.judgement import answer
from margincall.exchange.rulesets import Listing
from margincall.exchange.step import step
from tests.exchange.disputed import BTC, USDT, Story, findings, rules
from tests.worth import worth

D = Decimal
Rows = list[dict[str, Any]]
HOURLY = FundingRules(1, D("0.02"), D("-0.02"))


class Kind(NamedTuple):
    """How a fault is played, whom it harms, the check that does not hold, and by how much at which value."""

    play: Callable[[str | None], Story]
    value: str | None
    account: str
    ground: str
    harm: str


def started(bid: str | None, **more: Any) -> Story:
    """Ann is long 1 BTC at 50,000 with 975 left; the maker bids for 5."""
    story = Story(**more)
    story.long("ann", "1000")
    if bid is not None:
        story.order("maker", "BUY", "5", bid)
    return story


def early_liquidation(value: str | None) -> Story:
    """The mark is 49,900: 875 beside a margin of 199.6."""
    story = started("49899")
    story.mark(49_900)
    if value is not None:
        story.fault("early_liquidation", symbol=BTC, account="ann")
    return story


def of_the_fee(kind: str) -> Callable[[str | None], Story]:
    """A good fill leaves enough for a higher fee."""

    def play(value: str | None) -> Story:
        story = started("49950")
        if value is not None:
            story.fault(kind, value)
        story.mark(49_200)
        return story

    return play


def fill_beyond_bankruptcy(value: str | None) -> Story:
    """At 49,200 the limit is 49,025, and the best bid lies below it."""
    story = started("49000")
    if value is not None:
        story.fault("fill_beyond_bankruptcy", value, symbol=BTC)
    story.mark(49_200)
    return story


def between_traders(fund: int) -> Story:
    """Ann's long of 1 BTC was sold by bob, who has little; carl is short 0.5 against dan, and rich."""
    story = Story(fund=fund)
    for name in ("carl", "dan"):
        story.tell(c.OpenAccount(account=name))
    for name, wallet in (("ann", 1000), ("bob", 2000), ("carl", 20_000), ("dan", 20_000)):
        story.tell(c.Transfer(account=name, asset=USDT, amount=D(wallet)))
        story.tell(c.SetLeverage(account=name, symbol=BTC, leverage=100))
    story.mark(50_000)
    for seller, buyer, quantity in (("bob", "ann", "1"), ("carl", "dan", "0.5")):
        story.order(seller, "SELL", quantity, "50000")
        story.order(buyer, "BUY", quantity, None)
    return story


def adl_out_of_rank(value: str | None) -> Story:
    """The fund is empty and nobody bids: bob goes first, and is enough."""
    story = between_traders(0)
    if value is not None:
        story.fault("adl_out_of_rank", value)
    story.mark(48_900)
    return story


def socialise_despite_fund(value: str | None) -> Story:
    """The fund takes 1 BTC over at 49,025 while the mark is 48,900: it loses 125, and has 100,000."""
    story = between_traders(100_000)
    if value is not None:
        story.fault("socialise_despite_fund", value)
    story.mark(48_900)
    return story


def wrong_funding_rate(value: str | None) -> Story:
    """One settlement at the mark of 50,000: the rate that is told is 0.01 % / 8."""
    story = started("49950", rules_in_force=rules(listings={BTC: Listing(funding=HOURLY)}))
    if value is not None:
        story.fault("wrong_funding_rate", value, symbol=BTC)
    story.later(3_600_000)
    story.mark(49_200)
    return story


KINDS: dict[str, Kind] = {
    # 1,000 − 25 − 100 at the mark; sold at 49,899: −101 − 24.9495, and the fee of 623.7375
    "early_liquidation": Kind(early_liquidation, "", "ann", "trigger", "649.687"),
    # the fee is 624.375, 275.65 are left: half of it again is more than that
    "fee_twice": Kind(of_the_fee("fee_twice"), "0.5", "ann", "fee_twice", "312.1875"),
    "wrong_fee_base": Kind(of_the_fee("wrong_fee_base"), "1000", "ann", "clearance_fee", "12.5"),
    # −1,000 − 24.5 of 975, where the fund would have taken over at 49,025
    "fill_beyond_bankruptcy": Kind(fill_beyond_bankruptcy, "25", "ann", "fill_price", "49.5"),
    # 0.5 · (49,025 − 48,900)
    "adl_out_of_rank": Kind(adl_out_of_rank, "1", "carl", "adl_rank", "62.5"),
    "wrong_funding_rate": Kind(wrong_funding_rate, "0.0005", "ann", "funding_rate", "25"),
    # bob holds 1 of 1.5, carl 0.5: 30 · 2/3, the rate rounded up
    "socialise_despite_fund": Kind(socialise_despite_fund, "30", "bob", "shared_loss", "20"),
}
SMALLEST = {
    "fee_twice": ("1e-12", "0.00000001"),
    "wrong_fee_base": ("0.0000008", "0.00000001"),
    "wrong_funding_rate": ("0.00000001", "0.0005"),
    "socialise_despite_fund": ("0.00000001", "0.00000001"),
}
"""The least value that shows, and the harm of it."""


def harm(story: Story, name: str) -> Decimal:
    """What the account is worth less at the end of the first liquidation than in a run without the faults, at the marks
    of that one: by the states of the two runs alone."""
    state, true = new_exchange(story.rules), new_exchange(story.rules)
    for command in story.journal:
        events = step(state, command)
        if not isinstance(command, c.InjectFault):
            step(true, command)
        if any(isinstance(each, LiquidationEnded) for each in events):
            accounts = (each.traders[name].account for each in (state, true))
            was, due = (worth(each, true.prices, story.rules.venue).get(USDT, D(0)) for each in accounts)
            return max(D(0), due - was)
    raise AssertionError("nobody was liquidated")


def rows(story: Story, name: str, folder: Path) -> dict[str, Rows]:
    """The answers that the account can save."""
    write_account(folder, name, story.events, story.rules.venue, story.state.time_ms)
    return {each.stem: json.loads(each.read_bytes()) for each in (folder / "api").glob("*.json")}


def income(answers: dict[str, Rows], kind: str) -> list[Decimal]:
    return [D(each["income"]) for each in answers["income"] if each["incomeType"] == kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_upheld_and_refunded_as_two_runs_differ(kind: str) -> None:
    play, value, account, ground, amount = KINDS[kind]
    story = play(value)
    assert harm(story, account) == D(amount)
    charged = [(each.account, each.amount) for each in shared_losses(story.state, account=account)]
    assert charged == ([(account, D(amount))] if kind == "socialise_despite_fund" else [])
    before = story.wallet(account)
    decision = story.decided(account)
    assert decision.upheld
    assert (ground, "does not hold") in findings(decision, ground)
    assert decision.refund == {USDT: D(amount)}
    entry = story.state.disputes[1]  # what an empty fund has not, stays unpaid
    paid = entry.refund.get(USDT, D(0))
    assert paid + entry.unpaid.get(USDT, D(0)) == D(amount)
    assert story.wallet(account) == before + paid


@pytest.mark.parametrize("kind", KINDS)
def test_without_it_nothing_is_wrong(kind: str) -> None:
    """Who can dispute is rejected; who was not hit cannot; a fault that is switched off again changes nothing."""
    play, _, account, *_ = KINDS[kind]
    story = play(None)
    if any(line.account == account for line in (*story.state.liquidations, *story.state.deleveraged)):
        decision = story.decided(account)
        assert (decision.upheld, decision.refund) == (False, {})
    else:
        assert isinstance(story.tell(c.Dispute(account=account, liquidation=1))[0], Rejected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "early_liquidation"])
def test_a_fault_that_was_switched_off_is_none(kind: str) -> None:
    play, value, *_ = KINDS[kind]
    story, told = play(value), play(None)
    (place,) = [at for at, each in enumerate(story.journal) if isinstance(each, c.InjectFault)]
    fault = story.journal[place]
    assert isinstance(fault, c.InjectFault)
    off = c.InjectFault(kind=fault.kind, on=False, symbol=fault.symbol)
    state = new_exchange(story.rules)
    for command in (*story.journal[: place + 1], off, *story.journal[place + 1 :]):
        step(state, command)
    assert digest(state) == digest(told.state) != digest(story.state)


@pytest.mark.parametrize("kind", SMALLEST)
def test_the_smallest_one_shows(kind: str) -> None:
    play, _, account, *_ = KINDS[kind]
    value, amount = SMALLEST[kind]
    story = play(value)
    decision = story.decided(account)
    assert decision.upheld
    assert decision.refund == {USDT: harm(story, account)} == {USDT: D(amount)}


def test_a_mark_that_is_wrong_by_one_tick() -> None:
    """At 49,221.9 the balance of 196.9 is above the margin of 196.8876, one tick lower it is 196.8 beside 196.8872."""
    story = started("49100")
    story.mark("49221.9")
    assert not story.state.liquidations
    story.fault("wrong_mark", "49221.8", symbol=BTC)
    assert story.state.liquidations
    decision = story.decided()
    assert decision.upheld
    assert decision.refund == {USDT: harm(story, "ann")}


def test_what_the_exports_show(tmp_path: Path) -> None:
    told = {kind: rows(each.play(each.value), each.account, tmp_path / kind) for kind, each in KINDS.items()}
    assert [row["origQty"] for row in told["early_liquidation"]["forceOrders"]] == ["1.000"]
    assert income(told["fee_twice"], "INSURANCE_CLEAR") == [D("-624.375"), D("-312.1875")]
    assert income(told["wrong_fee_base"], "INSURANCE_CLEAR") == [D("-636.875")]
    (order,) = [row for row in told["fill_beyond_bankruptcy"]["forceOrders"] if D(row["executedQty"])]
    assert (order["price"], D(order["avgPrice"])) == ("49025.0", 49_000)
    assert [D(row["price"]) for row in told["fill_beyond_bankruptcy"]["userTrades"]] == [50_000, 49_000]
    assert [row["clientOrderId"] for row in told["adl_out_of_rank"]["forceOrders"]] == ["adl_autoclose"]
    assert income(told["wrong_funding_rate"], "FUNDING_FEE") == [D("-25.625")]
    assert income(told["socialise_despite_fund"], "ADJUSTMENT") == [D("-20")]


def test_wrong_brackets_are_printed_as_they_are_applied(tmp_path: Path) -> None:
    """A margin call prints the margin by the wrong table, and so does the answer that tells the brackets."""
    story = started("49450")
    story.fault("wrong_brackets", "2", symbol=BTC)
    story.mark(49_470)
    story.mark(49_300)
    folder = tmp_path / "ann"
    brackets = {name: each for name, each in rows(story, "ann", folder).items() if name.startswith("leverageBracket")}
    ((name, tables),) = brackets.items()
    assert name == "leverageBracket-1970-01-01"
    rates = {each["symbol"]: [row["maintMarginRatio"] for row in each["brackets"]] for each in tables}
    assert rates[BTC] == [0.008, 0.02]
    assert rates["ETHUSDT"] == [0.004, 0.01]
    stream = [json.loads(line) for line in (folder / "stream.jsonl").read_text().splitlines()]
    (call,) = [each for each in stream if each["e"] == "MARGIN_CALL"]
    assert D(call["p"][0]["mm"]) == D("395.76")


def test_who_is_deleveraged_by_rank_is_not_wronged() -> None:
    """Bob disputes it, once; what hit nobody else cannot be disputed by others."""
    story = adl_out_of_rank(None)
    decision = story.decided("bob")
    assert findings(decision, "adl_rank", "adl_fee", "harm") == [
        ("adl_fee", "holds"), ("adl_rank", "holds"), ("harm", "holds")
    ]  # fmt: skip
    assert not decision.upheld
    for name in ("bob", "carl", "maker"):
        (event,) = story.tell(c.Dispute(account=name, liquidation=1))
        assert isinstance(event, Rejected)
        assert event.code == (-9005 if name == "bob" else -9004)
    assert story.decided("ann").upheld is False  # the liquidation itself is still open to its own account


def test_a_harm_that_lasts_is_refunded_once() -> None:
    """The fee of a first liquidation is in the difference at the end of the second, too."""
    story = started("49950")
    story.fault("fee_twice", "0.1")
    story.mark(49_200)
    story.fault("fee_twice", on=False)
    story.tell(c.Transfer(account="ann", asset=USDT, amount=D(800)))
    story.mark(50_000)
    story.tell(c.CancelAll(account="maker", symbol=BTC))
    story.order("maker", "SELL", "1", "50000")
    story.order("ann", "BUY", "1", None)
    story.order("maker", "BUY", "5", "49950")
    story.mark(48_900)
    first, second = (story.judged(story.dispute(liquidation=number)) for number in (1, 2))
    assert first.refund == second.refund == {USDT: D("62.4375")}
    story.tell(answer(story.state, first))
    assert answer(story.state, second).refund == {}

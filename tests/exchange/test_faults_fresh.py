"""Three faults of what comes after the liquidation order: each is seen in the account's exports, upheld by the dispute
desk, and its refund is the difference of two runs; switched off, nothing is changed by it."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from margincall.core.protocol.waterfall import WaterfallRules
from margincall.exchange import commands as c
from margincall.exchange.digest import digest
from margincall.exchange.events import Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.scenario import read_scenario
from margincall.exchange.step import step
from tests.exchange.disputed import BTC, USDT, Story, findings
from tests.exchange.test_faults import between_traders, harm, rows
from tests.exchange.test_faults_more import SCENARIO, low_fee

D = Decimal


def needless_takeover(on: bool) -> Story:
    """At 49,200 the balance of 175 is under the margin of 196.8; after the sale of 0.361 it is not."""
    story = low_fee()
    story.rules = structs.replace(story.rules, waterfall=WaterfallRules())
    story = replayed(story)
    story.order("maker", "BUY", "5", "49199")
    if on:
        story.fault("needless_takeover", symbol=BTC)
    story.mark(49_200)
    return story


def replayed(told: Story) -> Story:
    """The same commands by the rules that the story has now."""
    story = Story(told.rules)
    for command in told.journal[len(story.journal) :]:
        story.tell(command)
    return story


def deleveraged(kind: str, value: str) -> Callable[[bool], Story]:
    """The fund is empty and nobody bids: bob's short of 1 BTC is closed at 49,025, while the mark is 48,900."""

    def told(on: bool) -> Story:
        story = between_traders(0)
        if on:
            story.fault(kind, value, symbol=BTC)
        story.mark(48_900)
        return story

    return told


class Kind(NamedTuple):
    """How a fault is played, whom it harms, the check that does not hold, the harm."""

    play: Callable[[bool], Story]
    account: str
    ground: str
    harm: str


KINDS = {
    # 175 − 0.361 · (1 + 49,199 · (0.05 % + 0.1 %)) are left, and lost with the rest
    "needless_takeover": Kind(needless_takeover, "ann", "gone_on", "147.9977415"),
    # 49,025 · 0.02 %
    "adl_commission": Kind(deleveraged("adl_commission", "0.0002"), "bob", "adl_fee", "9.805"),
    # 0.1 · (49,025 − 48,900)
    "oversized_adl": Kind(deleveraged("oversized_adl", "0.1"), "bob", "adl_size", "12.5"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_upheld_and_refunded_as_two_runs_differ(kind: str) -> None:
    each = KINDS[kind]
    story = each.play(True)
    assert harm(story, each.account) == D(each.harm)
    decision = story.decided(each.account)
    assert decision.upheld
    assert (each.ground, "does not hold") in findings(decision, each.ground)
    assert decision.refund == {USDT: D(each.harm)}


@pytest.mark.parametrize("kind", KINDS)
def test_without_it_nothing_is_wrong(kind: str) -> None:
    each = KINDS[kind]
    decision = each.play(False).decided(each.account)
    assert (decision.upheld, decision.refund) == (False, {})
    assert all(verdict == "holds" for _, verdict in findings(decision, "adl_fee", "adl_size", "gone_on"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_was_switched_off_is_none(kind: str) -> None:
    story, told = KINDS[kind].play(True), KINDS[kind].play(False)
    (place,) = [at for at, command in enumerate(story.journal) if isinstance(command, c.InjectFault)]
    off = structs.replace(story.journal[place], on=False, value=None)
    state = new_exchange(story.rules)
    for command in (*story.journal[: place + 1], off, *story.journal[place + 1 :]):
        step(state, command)
    assert digest(state) == digest(told.state) != digest(story.state)


def test_what_the_exports_show(tmp_path: Path) -> None:
    told = {kind: rows(each.play(True), each.account, tmp_path / kind) for kind, each in KINDS.items()}
    assert not [row for row in told["needless_takeover"]["positionRisk"] if D(row["positionAmt"])]
    (row,) = [row for row in told["adl_commission"]["userTrades"] if row["side"] == "BUY"]
    assert (D(row["qty"]), D(row["commission"])) == (D(1), D("9.805"))
    (order,) = told["oversized_adl"]["forceOrders"]
    assert (D(order["executedQty"]), order["clientOrderId"]) == (D("1.1"), "adl_autoclose")
    (turned,) = [row for row in told["oversized_adl"]["positionRisk"] if row["symbol"] == BTC]
    assert D(turned["positionAmt"]) == D("0.1")


def test_the_fund_trades_what_is_closed_beyond_the_part() -> None:
    story = KINDS["oversized_adl"].play(True)
    assert story.state.fund.account.position((BTC, "BOTH")).quantity == D("-0.1")
    (line,) = story.state.deleveraged
    assert (line.account, line.quantity) == ("bob", D("1.1"))


def test_one_side_of_a_hedge_is_closed_for_its_part_only() -> None:
    story = between_traders(0)
    for name in ("ann", "bob"):
        story.order("maker", "SELL" if name == "bob" else "BUY", "1", "50000")
        story.order(name, "BUY" if name == "bob" else "SELL", "1", None)
        story.tell(c.CancelAll(account="maker", symbol=BTC))
    story.tell(c.SetPositionMode(account="bob", hedge=True))
    story.order("ann", "BUY", "1", "50000")
    story.order("bob", "SELL", "1", None, position_side="SHORT")
    story.fault("oversized_adl", "0.1", symbol=BTC)
    story.mark(48_900)
    (line,) = story.state.deleveraged
    assert (line.account, line.side, line.quantity) == ("bob", "SHORT", D(1))


@pytest.mark.parametrize("kind", ["adl_commission", "oversized_adl"])
def test_a_scenario_takes_the_others(kind: str) -> None:
    text = SCENARIO.format(kind=kind, about='symbol = "BTCUSDT"\nvalue = 0.1')
    assert [(each.kind, each.value) for each in read_scenario(text).fault] == [(kind, D("0.1"))]


@pytest.mark.parametrize(
    ("kind", "value", "symbol"),
    [
        ("needless_takeover", "1", BTC),
        ("needless_takeover", None, ""),
        ("adl_commission", "1.1", BTC),
        ("adl_commission", "0.1", ""),
        ("oversized_adl", "0.0001", BTC),
        ("oversized_adl", None, BTC),
        ("oversized_adl", "-1", BTC),
    ],
)
def test_a_fault_that_cannot_be_is_refused(kind: str, value: str | None, symbol: str) -> None:
    (event,) = low_fee().fault(kind, value, symbol=symbol)
    assert isinstance(event, Rejected)

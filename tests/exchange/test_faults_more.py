"""Three more faults of the desk: each is seen in the account's exports, upheld by the dispute desk, and its refund is
the difference of two runs; switched off, nothing is changed by it."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from margincall.core.protocol.waterfall import WaterfallRules
from margincall.core.rules import VenueRules
from margincall.exchange import commands as c
from margincall.exchange.digest import digest
from margincall.exchange.events import Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.judgement import Decision
from margincall.exchange.play import Played, dispute, play
from margincall.exchange.scenario import read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.exchange.step import step
from margincall.venues.embedded import embedded_book
from tests.exchange.disputed import BTC, USDT, Story, contract, findings, rules
from tests.exchange.test_faults import harm, income, rows

D = Decimal


def low_fee() -> Story:
    """A venue whose clearance fee of 0.1 % never takes all that is left; ann is long 1 BTC at 50,000 with 975 left."""
    found = rules()
    listed = {**found.venue.contracts, BTC: structs.replace(contract(BTC), liquidation_fee=D("0.001"))}
    venue = VenueRules("small", listed, found.venue.tables, found.venue.fees)
    story = Story(structs.replace(found, venue=venue, waterfall=WaterfallRules(partial="whole")))
    story.long("ann", "1000")
    return story


def liquidated(kind: str, value: str | None, *, symbol: str = BTC, short: bool = False) -> Story:
    """At 49,200 the balance of 175 is under the margin of 196.8; the order sells at 49,150. Short: at 50,800
    the balance is 185 beside 203.2, and it buys at 50,850."""
    story = low_fee()
    if short:
        story.tell(c.Transfer(account="ann", asset=USDT, amount=D(60)))
        story.order("maker", "BUY", "5", "50000")
        story.order("ann", "SELL", "2", None)
        story.tell(c.CancelAll(account="maker", symbol=BTC))
    story.order("maker", "SELL" if short else "BUY", "5", "50850" if short else "49150")
    if value is not None:
        story.fault(kind, value, symbol=symbol)
    story.mark(50_800 if short else 49_200)
    return story


def oversized_order(value: str | None, **more: bool) -> Story:
    return liquidated("oversized_order", value, **more)


def wrong_entry(value: str | None, **more: bool) -> Story:
    return liquidated("wrong_entry", value, **more)


def wrong_commission(value: str | None, **more: bool) -> Story:
    return liquidated("wrong_commission", value, symbol="", **more)


class Kind(NamedTuple):
    """How a fault is played, a value, the check that does not hold, the harm; and the least value with its harm."""

    play: Callable[..., Story]
    value: str
    ground: str
    harm: str
    least: str
    least_harm: str


KINDS = {
    # 0.1 · (49,200 − 49,150) lost at the mark, 4,915 · (0.05 % + 0.1 %) of fees
    "oversized_order": Kind(oversized_order, "0.1", "order_size", "12.3725", "0.001", "0.123725"),
    "wrong_entry": Kind(wrong_entry, "20", "realized_pnl", "20", "0.00000001", "0.00000001"),
    # 49,150 · 0.02 %
    "wrong_commission": Kind(wrong_commission, "0.0002", "commission", "9.83", "0.0000000000003", "0.00000001"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("least", [False, True])
def test_a_fault_is_upheld_and_refunded_as_two_runs_differ(kind: str, least: bool) -> None:
    each = KINDS[kind]
    value, amount = (each.least, each.least_harm) if least else (each.value, each.harm)
    story = each.play(value)
    assert harm(story, "ann") == D(amount)
    before = story.wallet("ann")
    decision = story.decided()
    assert decision.upheld
    assert (each.ground, "does not hold") in findings(decision, each.ground)
    assert decision.refund == {USDT: D(amount)}
    assert story.wallet("ann") == before + D(amount)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_is_harmed_alike(kind: str) -> None:
    story = KINDS[kind].play(KINDS[kind].value, short=True)
    decision = story.decided()
    assert decision.upheld
    assert decision.refund == {USDT: harm(story, "ann")}
    assert harm(story, "ann") > 0


@pytest.mark.parametrize("kind", KINDS)
def test_without_it_nothing_is_wrong(kind: str) -> None:
    decision = KINDS[kind].play(None).decided()
    assert (decision.upheld, decision.refund) == (False, {})
    assert not findings(decision, "realized_pnl", "commission")


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_was_switched_off_is_none(kind: str) -> None:
    each = KINDS[kind]
    story, told = each.play(each.value), each.play(None)
    (place,) = [at for at, command in enumerate(story.journal) if isinstance(command, c.InjectFault)]
    fault = story.journal[place]
    assert isinstance(fault, c.InjectFault)
    off = c.InjectFault(kind=fault.kind, on=False, symbol=fault.symbol)
    state = new_exchange(story.rules)
    for command in (*story.journal[: place + 1], off, *story.journal[place + 1 :]):
        step(state, command)
    assert digest(state) == digest(told.state) != digest(story.state)


def test_what_the_exports_show(tmp_path: Path) -> None:
    told = {kind: rows(each.play(each.value), "ann", tmp_path / kind) for kind, each in KINDS.items()}
    sold = {kind: [row for row in each["userTrades"] if row["side"] == "SELL"] for kind, each in told.items()}
    (order,) = [row for row in told["oversized_order"]["forceOrders"] if D(row["executedQty"])]
    assert (D(order["origQty"]), D(order["executedQty"])) == (D("1.1"), D("1.1"))
    (turned,) = [row for row in told["oversized_order"]["positionRisk"] if row["symbol"] == BTC]
    assert D(turned["positionAmt"]) == D("-0.1")
    assert income(told["oversized_order"], "INSURANCE_CLEAR") == [D("-54.065")]
    (row,) = sold["wrong_entry"]
    assert D(row["realizedPnl"]) == D("-870")
    (row,) = sold["wrong_commission"]
    assert (D(row["realizedPnl"]), D(row["commission"])) == (D("-850"), D("34.405"))


SCENARIO = """
name = "a fault"
seed = 7
start = 2026-09-20T07:59:00Z
fund = {{ USDT = 100000 }}
[[contract]]
symbol = "BTCUSDT"
liquidation_fee = 0.001
path = [["0s", 50000], ["139s", 49400], ["200s", 48300], ["210s", 48500]]
[contract.liquidity]
depth = 20000
[[account]]
name = "ann"
deposit = {{ USDT = 1000 }}
position = [{{ symbol = "BTCUSDT", side = "long", quantity = 0.8, leverage = 50, at = "5s" }}]
[[fault]]
kind = "{kind}"
at = "0s"
{about}
"""
ABOUT = {
    "oversized_order": 'symbol = "BTCUSDT"\nvalue = 0.2',
    "wrong_entry": 'symbol = "BTCUSDT"\nvalue = 30',
    "wrong_commission": "value = 0.0005",
    "needless_takeover": 'symbol = "BTCUSDT"',
}


@cache
def disputed(text: str) -> tuple[Played, list[Decision]]:
    """A scenario, which needs no other file, and what becomes of ann's disputes."""
    scenario = read_scenario(text)
    in_force = rule_set_of(scenario, Path(), embedded_book())
    run = play(scenario, in_force, Path())
    return run, dispute(run, in_force, scenario, "ann")


@pytest.mark.parametrize("kind", ABOUT)
def test_a_scenario_can_ask_for_it(kind: str) -> None:
    """Upheld where it errs; the same file without the fault, and nothing is refunded."""
    text = SCENARIO.format(kind=kind, about=ABOUT[kind])
    for each, is_wrong in ((text, True), (text.partition("[[fault]]")[0], False)):
        run, decisions = disputed(each)
        assert decisions
        assert run.refused == []
        assert any(decision.upheld and decision.refund for decision in decisions) == is_wrong


def test_a_position_that_is_turned_has_the_price_of_its_order() -> None:
    story = oversized_order("0.1")
    position = story.state.traders["ann"].account.position((BTC, "BOTH"))
    assert (position.quantity, position.cost) == (D("-0.1"), D("-4915"))


def test_what_others_do_is_not_changed() -> None:
    """A purchase and a sale of somebody who is not liquidated, while all three are on."""
    story = low_fee()
    for kind, value, symbol in (
        ("oversized_order", "1", BTC),
        ("wrong_entry", "20", BTC),
        ("wrong_commission", "1", ""),
    ):
        story.fault(kind, value, symbol=symbol)
    story.long("bob", "5000")
    story.order("maker", "BUY", "1", "49990")
    story.order("bob", "SELL", "1", None)
    assert story.wallet("bob") == D(5000) - 10 - 25 - D("24.995")


@pytest.mark.parametrize(
    ("kind", "value", "symbol"),
    [
        ("oversized_order", "0.0001", BTC),
        ("oversized_order", "-1", BTC),
        ("oversized_order", "1", ""),
        ("oversized_order", None, BTC),
        ("wrong_entry", "0", BTC),
        ("wrong_entry", "1", ""),
        ("wrong_commission", "1.1", ""),
        ("wrong_commission", "0.1", BTC),
    ],
)
def test_a_fault_that_cannot_be_is_refused(kind: str, value: str | None, symbol: str) -> None:
    (event,) = low_fee().fault(kind, value, symbol=symbol)
    assert isinstance(event, Rejected)


def test_no_more_than_is_held_where_the_fee_is_a_part_of_the_improvement() -> None:
    story = Story(rules(waterfall=WaterfallRules(fee="improvement", limit="fillable", takeover="none")))
    (event,) = story.fault("oversized_order", "1", symbol=BTC)
    assert isinstance(event, Rejected)

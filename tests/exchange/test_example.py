"""The example that comes with the package: made again byte for byte, explained with the numbers that were booked."""

from decimal import Decimal

import pytest

from margincall.core.events import Fill, Flow
from margincall.core.rounding import exact
from margincall.exchange.events import AnyExchangeEvent, LiquidationStep
from margincall.exchange.ledger import TAKEN_OVER
from margincall.forensics.answer import Answer, example
from margincall.forensics.sheet import Explanation
from margincall.venues.embedded import embedded_book
from tools.make_example import ACCOUNT, FOLDER, Made, assumed, liquidations, make

SIZE_MAX = 60_000


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


@pytest.fixture(scope="module")
def answer() -> Answer:
    return example(embedded_book())


@pytest.fixture(scope="module")
def told(answer: Answer) -> tuple[Explanation, ...]:
    """The order in the book, then what the fund took over."""
    return tuple(case.explanation for case in answer.explained.cases)


def own(made: Made) -> list[AnyExchangeEvent]:
    return [event for event in made.played.events if getattr(event, "account", "") == ACCOUNT]


def steps(made: Made, name: str) -> list[LiquidationStep]:
    return [event for event in own(made) if isinstance(event, LiquidationStep) and event.step == name]


def forced(made: Made) -> list[Fill]:
    return [event for event in own(made) if isinstance(event, Fill) and event.close == "liquidation"]


def test_both_files_are_what_the_generator_makes(made: Made) -> None:
    """`python -m tools.make_example` writes them."""
    assert (FOLDER / "example.jsonl").read_bytes() == made.stream
    assert (FOLDER / "example.txt").read_text(encoding="utf-8") == made.notes
    assert len(made.stream) < SIZE_MAX


def test_the_notes_say_first_that_it_is_simulated_and_how_to_play_it(made: Made) -> None:
    assert made.notes.splitlines()[0] == "Example: simulated, made by `margincall exchange run two_longs`, seed 4."
    assert set(assumed(made.played)) <= set(made.notes.replace(",", " ").split())


def test_nothing_is_irregular_and_every_trigger_was_right(answer: Answer, told: tuple[Explanation, ...]) -> None:
    assert answer.problems == ()
    assert not answer.is_irregular
    triggers = [finding.verdict for each in told for finding in each.findings if finding.kind == "trigger"]
    assert triggers == ["holds"] * len(told)


def test_the_verdict_is_the_exchanges(made: Made, told: tuple[Explanation, ...]) -> None:
    """Balance, maintenance and marks at the trigger, digit for digit."""
    (started,) = liquidations(made.played)
    verdict = told[0].verdict
    assert (verdict.margin_balance, verdict.maintenance_margin) == (started.balance, started.maintenance)
    assert (verdict.pool, told[0].time_ms) == (started.pool, started.time_ms)
    assert told[0].prices.mark_at_trigger == started.marks[told[0].symbol]


@exact
def test_limit_fills_and_fee_are_what_was_booked(made: Made, told: tuple[Explanation, ...]) -> None:
    (reduced,) = steps(made, "reduce")
    fills = [fill for fill in forced(made) if fill.trade_id != TAKEN_OVER]
    first = told[0]
    assert (first.symbol, first.prices.order_limit) == (reduced.symbol, reduced.price)
    assert first.quantity == abs(reduced.applied["quantity"]) == sum(abs(fill.quantity) for fill in fills)
    assert first.realized_pnl == sum(fill.realized or 0 for fill in fills)
    assert first.clearance.base == sum(abs(fill.quantity) * fill.price for fill in fills)
    (fee,) = steps(made, "fee")
    booked = [each for each in own(made) if isinstance(each, Flow) and each.reason == "INSURANCE_CLEAR"]
    assert first.clearance.fee == fee.applied["USDT"] == -sum(flow.applied["USDT"] for flow in booked)


@exact
def test_the_money_that_was_taken_over_is_what_was_booked(made: Made, told: tuple[Explanation, ...]) -> None:
    taken = {fill.symbol: fill.realized for fill in forced(made) if fill.trade_id == TAKEN_OVER}
    shown = {each.symbol: step.amount for each in told for step in each.waterfall if step.step == "taken over"}
    assert shown == taken
    assert told[-1].left == {"USDT": made.played.state.traders[ACCOUNT].account.wallets["USDT"]}


def test_the_story_has_all_that_a_liquidation_can_have(made: Made) -> None:
    """Orders cancelled, a part filled, a fee capped by what is left, the rest taken over; the stop came too late."""
    (reduced,) = steps(made, "reduce")
    assert 0 < abs(reduced.applied["quantity"]) < abs(reduced.asked)
    (fee,) = steps(made, "fee")
    rate = made.played.state.rules.venue.contract(reduced.symbol).liquidation_fee
    assert rate is not None
    base = sum((abs(fill.quantity) * fill.price for fill in forced(made) if fill.trade_id != TAKEN_OVER), Decimal(0))
    assert 0 < fee.applied["USDT"] < base * rate
    assert [each.symbol for each in steps(made, "takeover")] == ["ETHUSDT", "BTCUSDT"]
    assert next(each.step for each in own(made) if isinstance(each, LiquidationStep)) == "cancel"
    (started,) = liquidations(made.played)
    assert started.marks["BTCUSDT"] > 48_400 > 48_300

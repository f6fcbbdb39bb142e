"""What there is to dispute: losses, not gains; and of the orders that stayed open those that the verdict names."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from msgspec import structs

from margincall.case.dispute import Decided, Matter, claim_of, decide, orders_left
from margincall.case.dispute_cited import Lines
from margincall.case.dispute_sheet import verdict_sheet
from margincall.case.dispute_text import long_ticket, short_ticket, summary
from margincall.core.events import Order, Source
from margincall.forensics.orders import OrderLine
from margincall.forensics.verify.check import IRREGULAR, REGULAR, Check, Judged, Verified
from margincall.forensics.verify.conclude import irregularities
from margincall.forensics.verify.founded import Founded
from margincall.forensics.verify.make import check

D = Decimal
BRACKETS = "the venue applied other brackets than those in force"
HISTORY: Any = SimpleNamespace(events=(), book=SimpleNamespace(contracts={}, elsewhere=None))
ANSWER: Any = SimpleNamespace(explained=SimpleNamespace(history=HISTORY, cases=()))


def funding(difference: str) -> Check:
    """A funding fee that differs from its rate by so much: positive was in favour of the account."""
    return check(
        "funding", "does not hold", "BTCUSDT at 5",
        numbers={"difference": D(difference)}, unit="USDT", points_to=("funding_rate",),
    )  # fmt: skip


def decided(*checks: Check, liquidations: tuple[Judged, ...] = ()) -> tuple[Verified, Decided]:
    """What verify says of bookings, and what is to be done."""
    verdict = Verified(liquidations=liquidations, checks=checks, irregularities=irregularities(checks))
    return verdict, decide(ANSWER, verdict)


def test_what_is_only_in_favour_stays_irregular() -> None:
    """As verify concludes: it is not disputed, and it is not called regular."""
    verdict, found = decided(funding("2"))
    assert (verdict.conclusion, found.conclusion, found.advice) == (IRREGULAR, IRREGULAR, "nothing")
    assert [each.kind for matter in found.in_favour for each in matter.irregularities] == ["funding_rate"]


def test_the_summary_says_that_it_was_in_favour() -> None:
    """And never that nothing irregular was found."""
    _, found = decided(funding("2"))
    claim = claim_of(ANSWER, found, ())
    said = "\n".join(summary(claim, found.advice, "", found.in_favour))
    assert "in your favour: a funding fee was not paid at the published rate, by 2 USDT (BTCUSDT at 5)" in said
    assert "What is irregular was in your favour; a dispute is not advised." in said
    assert "Nothing irregular" not in said
    ticket = long_ticket(claim, found, None, Lines({})) + short_ticket(claim)
    for words in ("favour", "irregular", "funding fee was not", "What is wrong"):
        assert words not in ticket
    assert "What is irregular was in your favour; a dispute is not advised." in verdict_sheet(
        claim, found, None, Lines({})
    )


def test_a_loss_is_disputed_and_a_gain_beside_it_is_not() -> None:
    """Both are told."""
    _, found = decided(funding("2"), funding("-3"))
    assert (found.advice, found.conclusion) == ("dispute", IRREGULAR)
    assert [_difference(each) for each in found.matters] == [D(-3)]
    assert [_difference(each) for each in found.in_favour] == [D(2)]


def test_what_was_found_is_named_before_its_cause() -> None:
    """Where the trigger fails, that it was not reached, by its surplus; the table may be the cause. Where the printed
    margin alone fails, the table is what was found."""
    trigger = check(
        "trigger", "does not hold", "cross:USDT",
        numbers={"surplus": D(5)}, unit="USDT", points_to=("wrong_brackets",),
    )  # fmt: skip
    printed = check(
        "maintenance", "does not hold", "BTCUSDT",
        numbers={"difference": D(7)}, unit="USDT", points_to=("wrong_brackets",),
    )  # fmt: skip
    for checks, says, amount, causes in (
        ((trigger, printed), "liquidated before the margin was used up", D(5), (BRACKETS,)),
        ((printed,), BRACKETS, D(7), ()),
    ):
        (wrong,) = irregularities(checks)
        judged = Judged(
            kind="liquidation", symbol="BTCUSDT", position_side="BOTH", time_ms=1, order_id="", client_order_id="",
            conclusion=IRREGULAR, checks=checks, irregularities=(wrong,),
        )  # fmt: skip
        matter = Matter(subject="liquidation", judged=(judged,), irregularities=(wrong,))
        claim = claim_of(ANSWER, Decided(advice="dispute", matters=(matter,), conclusion=IRREGULAR), ())
        (said,) = claim.disputed[0].irregularities
        assert (said.says, said.amount, said.causes, said.kind) == (says, amount, causes, "wrong_brackets")
        assert f"{says}, by {amount} USDT" in short_ticket(claim)


def test_nothing_irregular_is_regular() -> None:
    """Without a check that does not hold."""
    _, found = decided()
    assert (found.advice, found.conclusion, found.in_favour) == ("nothing", REGULAR, ())


def test_an_adjustment_is_called_what_the_venue_calls_it() -> None:
    """No loss of others is alleged; the sheet says that no store was used."""
    adjusted = check(
        "loss_shared", "does not hold", "USDT",
        numbers={"printed": D(-3), "fund": D(9)}, unit="USDT", points_to=("loss_socialised",),
    )  # fmt: skip
    _, found = decided(adjusted)
    claim = claim_of(ANSWER, found, ())
    assert claim.refund == {"USDT": D(3)}
    assert claim.disputed[0].irregularities[0].says == "a debit called adjustment, for which no reason is given"
    sheet, ticket = verdict_sheet(claim, found, None, Lines({})), long_ticket(claim, found, None, Lines({}))
    assert "By the attached records it does not follow from the rules named below." in ticket
    for text in (sheet, ticket, short_ticket(claim), "\n".join(summary(claim, "dispute", "folder"))):
        assert "loss of others" not in text
        assert "losses of others" not in text
        assert "ebit called adjustment" in text
    for text in (sheet, ticket):
        assert "No stored market data was used, only these files." in text


def placed(symbol: str, number: str, second: int, status: str = "NEW") -> Order:
    """One state of an order."""
    return Order(
        time_ms=second * 1000, source=Source("stream.jsonl", line=second), symbol=symbol, side="BOTH", order_id=number,
        client_order_id="", status=status, execution=status, order_type="STOP_MARKET", time_in_force="GTC", buy=False,
        quantity=D(1), price=D(0),
    )  # fmt: skip


def test_orders_that_stayed_open_are_those_of_the_verdict() -> None:
    """Of the pool, told of before the liquidation and not ended with it: no order of another pool, and none that was
    cancelled in time or placed in the same millisecond."""
    events = [
        placed("BTCUSDT", "stayed", 1),
        placed("ETHUSDT", "other pool", 2),
        placed("BTCUSDT", "cancelled", 3),
        placed("BTCUSDT", "late", 10),
        placed("BTCUSDT", "the venue's", 10),
        placed("BTCUSDT", "cancelled", 10, "CANCELED"),
        placed("BTCUSDT", "stayed", 20, "CANCELED"),
    ]
    history: Any = SimpleNamespace(
        events=events, orders=OrderLine(events), evidence=SimpleNamespace(whole_seconds=frozenset()),
        compared=SimpleNamespace(comparisons=()),
        book=SimpleNamespace(contracts={}),
    )  # fmt: skip
    incident = SimpleNamespace(first=4, time_ms=10_000, symbol="BTCUSDT")
    case: Any = SimpleNamespace(incident=incident, moment=SimpleNamespace(pool=SimpleNamespace(kind="isolated")))
    failed = check(
        "orders_cancelled", "does not hold", "BTCUSDT",
        numbers={"still_open": D(1), "difference": D(1)}, unit="quantity", points_to=("orders_not_cancelled",),
    )  # fmt: skip
    found = irregularities((failed,))
    judged = Judged(
        kind="liquidation", symbol="BTCUSDT", position_side="BOTH", time_ms=10_000, order_id="", client_order_id="",
        conclusion=IRREGULAR, checks=(failed,), irregularities=found,
    )  # fmt: skip
    matter = Matter(subject="liquidation", cases=(case,), judged=(judged,), irregularities=found)
    assert list(orders_left(history, matter, lambda: Founded(history))) == ["stayed"]
    accused_of_nothing = Matter(
        subject="liquidation", cases=(case,), judged=(structs.replace(judged, irregularities=()),)
    )
    assert list(orders_left(history, accused_of_nothing, lambda: Founded(history))) == []


def _difference(matter: Matter) -> Decimal:
    return matter.checks[0].numbers["difference"]

"""What there is to dispute: losses, not gains; and of the orders that stayed open those that the verdict names."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from margincall.case.dispute import Decided, Matter, claim_of, decide
from margincall.case.dispute_text import long_ticket, short_ticket, summary
from margincall.forensics.verify.check import IRREGULAR, REGULAR, Check, Judged, Verified
from margincall.forensics.verify.conclude import irregularities
from margincall.forensics.verify.make import check

D = Decimal
HISTORY: Any = SimpleNamespace(events=(), book=SimpleNamespace(contracts={}))
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
    ticket = long_ticket(claim, found, None, {}) + short_ticket(claim)
    assert "In my favour: a funding fee" in ticket
    assert "What is wrong" not in ticket
    assert "show nothing irregular to my loss." in ticket


def test_a_loss_is_disputed_and_a_gain_beside_it_is_not() -> None:
    """Both are told."""
    _, found = decided(funding("2"), funding("-3"))
    assert (found.advice, found.conclusion) == ("dispute", IRREGULAR)
    assert [_difference(each) for each in found.matters] == [D(-3)]
    assert [_difference(each) for each in found.in_favour] == [D(2)]


def test_nothing_irregular_is_regular() -> None:
    """Without a check that does not hold."""
    _, found = decided()
    assert (found.advice, found.conclusion, found.in_favour) == ("nothing", REGULAR, ())


def _difference(matter: Matter) -> Decimal:
    return matter.checks[0].numbers["difference"]

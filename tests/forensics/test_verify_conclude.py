"""What follows from a wrong number, and what is an irregularity of its own."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Verdict
from margincall.forensics.verify.check import DEBIT, IRREGULAR, OPEN, REGULAR, Check, Kind, Verified
from margincall.forensics.verify.conclude import DECISIVE, NOT_ALWAYS, concluded, irregularities
from margincall.forensics.verify.document import document
from margincall.forensics.verify.make import check


def failing(kind: str, points_to: Kind, about: str, unit: str, place: str) -> Check:
    """A check that does not hold, off by 1."""
    return check(
        kind, FAILS, about, numbers={"difference": Decimal(1)}, unit=unit, evidence=place, points_to=(points_to,)
    )


COMMISSION = failing("commission", "commission", "BTCUSDT trade 7", "USDT", "a.jsonl:10")


def kinds(*checks: Check) -> dict[Kind, tuple[int, ...]]:
    """What is found, and the checks that show it."""
    return {each.kind: each.checks for each in irregularities(checks)}


def test_a_fill_does_not_follow_from_a_fee_that_came_after_it() -> None:
    """A balance does."""
    fee = failing("clearance_fee", "clearance_fee_base", "BTCUSDT", "USDT", "a.jsonl:20")
    fill = failing("fill_price", "fill_beyond_bankruptcy", "BTCUSDT", "price", "a.jsonl:5")
    after = failing("balance_after", "balance_after", "BTCUSDT", "USDT", "a.jsonl:5")
    assert kinds(fill, fee, after) == {"fill_beyond_bankruptcy": (0,), "clearance_fee_base": (1, 2)}


LIQUIDATION = {"trigger": HOLDS, "orders_cancelled": HOLDS, "fill_price": HOLDS, "clearance_fee": HOLDS}
DELEVERAGING = {"deleveraging_rank": HOLDS, "deleveraging_size": HOLDS, "deleveraging_price": UNCLEAR}


def told(verdicts: Mapping[str, Verdict]) -> list[Check]:
    """Checks by kind."""
    return [check(kind, verdict, "X") for kind, verdict in verdicts.items()]


@pytest.mark.parametrize(("kind", "whole"), [("liquidation", LIQUIDATION), ("adl", DELEVERAGING)])
def test_nothing_irregular_only_with_every_decisive_answer(kind: str, whole: dict[str, Verdict]) -> None:
    """One that cannot be told leaves it open, and one that is missing, unless it is not asked of all; so does an empty
    list."""
    assert concluded(kind, told(whole), ()) == REGULAR
    for each in DECISIVE[kind]:
        assert concluded(kind, told({**whole, each: UNCLEAR}), ()) == OPEN
        without = {name: verdict for name, verdict in whole.items() if name != each}
        assert concluded(kind, told(without), ()) == (REGULAR if each in NOT_ALWAYS else OPEN)
    assert concluded(kind, [], ()) == OPEN


def test_other_closings_are_never_called_regular() -> None:
    """Whatever else is checked."""
    for kind in ("indirect", "support"):
        assert concluded(kind, told(LIQUIDATION), ()) == OPEN


def test_what_is_found_is_irregular() -> None:
    """Also where a decisive check is missing."""
    assert concluded("liquidation", [COMMISSION], irregularities([COMMISSION])) == IRREGULAR


@pytest.mark.parametrize(("verdict", "conclusion"), [(UNCLEAR, OPEN), (HOLDS, REGULAR)])
def test_a_debit_without_a_reason_leaves_it_open(verdict: Verdict, conclusion: str) -> None:
    """Everything together, for people and in the document alike; what is irregular stays so, and a debit is something
    to judge only as long as nobody can explain it."""
    debit = check(DEBIT, verdict, "USDT", unit="USDT")
    found = Verified(liquidations=(), checks=(debit,), irregularities=())
    assert found.conclusion == document(found)["conclusion"] == conclusion
    assert found.is_judged == bool(found.open_debits) == (verdict == UNCLEAR)
    wrong = Verified(liquidations=(), checks=(debit, COMMISSION), irregularities=irregularities((COMMISSION,)))
    assert wrong.conclusion == IRREGULAR
    refused = Verified(liquidations=(), checks=(debit,), irregularities=(), refused=("another venue",))
    assert (refused.conclusion, refused.is_judged) == (OPEN, False)

"""What is asked for an irregularity: in an asset, once, and no more than it cost."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from margincall.case.dispute_amounts import IN_FAVOUR, owed_for
from margincall.core.contract import Contract
from margincall.core.events import Fill, Order, Source
from margincall.forensics.verify.check import Check, Kind
from margincall.forensics.verify.conclude import irregularities
from margincall.forensics.verify.make import check

D = Decimal
NOWHERE: Any = None
"""Amounts of bookings need no history."""


def failed(kind: str, points_to: Kind, *, unit: str = "", **numbers: str) -> Check:
    """A check that does not hold."""
    return check(
        kind,
        "does not hold",
        "BTCUSDT",
        numbers={name: D(text) for name, text in numbers.items()},
        unit=unit,
        points_to=(points_to,),
    )


COMMISSION = failed("commission", "commission", unit="USDT", difference="0.5")
FEE = failed("clearance_fee", "clearance_fee_twice", unit="USDT", difference="5")
BOOKS = failed("books", "books", difference="7")
LIMIT = failed("limit_price", "order_limit", unit="price", difference="3")
BALANCE = failed("balance_after", "balance_after", unit="USDT", difference="-4", printed="-4")
PROFIT = failed("realized_pnl", "realized_pnl", unit="USDT", difference="-2")


@pytest.mark.parametrize("effect", [BOOKS, LIMIT, BALANCE], ids=["books", "limit", "balance"])
@pytest.mark.parametrize(
    ("cause", "due"),
    [(COMMISSION, "0.5"), (FEE, "5"), (PROFIT, "2")],
    ids=["commission", "fee", "profit"],
)
def test_what_merely_follows_from_a_wrong_number_is_not_asked_again(cause: Check, due: str, effect: Check) -> None:
    """Nor in a price, nor in nothing: only the number itself, in its asset."""
    checks = (cause, effect)
    (found,) = irregularities(checks)
    assert found.checks == (0, 1)
    assert owed_for(NOWHERE, (), {found.kind: checks}).refund == {"USDT": D(due)}


def test_what_was_in_favour_is_not_asked() -> None:
    """A funding fee that was too small for the venue."""
    funding = failed("funding", "funding_rate", unit="USDT", difference="2")
    assert owed_for(NOWHERE, (), {"funding_rate": (funding,)}) == ({}, IN_FAVOUR, False)

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
BALANCE = failed("balance_after", "balance_after", unit="USDT", difference="-4", printed="-4")
PROFIT = failed("realized_pnl", "realized_pnl", unit="USDT", difference="-2")


@pytest.mark.parametrize("effect", [BALANCE], ids=["balance"])
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


BTC = Contract("BTCUSDT", "linear", "BTC", "USDT", "USDT", D("0.1"), D("0.001"), liquidation_fee=D("0.005"))
HERE = Source("stream.jsonl", line=1)
BEYOND = failed("fill_price", "fill_beyond_bankruptcy", unit="price", difference="-100")


def sold_beyond(fee: str) -> tuple[Any, tuple[Any, ...]]:
    """A history and a case: 0.1 BTC sold at 3,900 with a limit of 4,000 left 100 USDT, then a fee was charged. Due are
    0.5 % of 390."""
    order = Order(
        time_ms=1, source=HERE, symbol="BTCUSDT", side="BOTH", order_id="7", client_order_id="autoclose-1",
        status="FILLED", execution="TRADE", order_type="LIMIT", time_in_force="IOC", buy=False, quantity=D("0.1"),
        price=D(4000), close="liquidation",
    )  # fmt: skip
    fill = Fill(time_ms=1, source=HERE, symbol="BTCUSDT", side="BOTH", quantity=D("-0.1"), price=D(3900), trade_id="1")
    history = SimpleNamespace(events=[fill], book=SimpleNamespace(contracts={"BTCUSDT": BTC}))
    clearance = SimpleNamespace(fee=D(fee), base=D(390))
    case = SimpleNamespace(
        moment=None,
        money=SimpleNamespace(before_fee=D(100), clearance=clearance),
        incident=SimpleNamespace(order=order, symbol="BTCUSDT", fills=(0,)),
    )
    return history, (case,)


@pytest.mark.parametrize(("fee", "excess"), [("1.95", "0"), ("3.9", "1.95"), ("7", "5.05")])
def test_a_fee_charged_twice_is_asked_once_beside_fills_beyond_the_limit(fee: str, excess: str) -> None:
    """With fills at the limit and the fee that is due 108.05 were left, 10 more by the fills and the rest by the
    fee."""
    history, cases = sold_beyond(fee)
    kinds: dict[Kind, tuple[Check, ...]] = {"fill_beyond_bankruptcy": (BEYOND,)}
    assert owed_for(history, cases, kinds).refund == {"USDT": D(10)}
    kinds["clearance_fee_twice"] = (failed("clearance_fee", "clearance_fee_twice", unit="USDT", difference=excess),)
    left = D(100) - D(fee)
    assert owed_for(history, cases, kinds).refund == {"USDT": D("108.05") - left}

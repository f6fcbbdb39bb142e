"""Bundles before the dispute desk: one seed of every kind of fault (`tests/accept/disputes.py` shows 200 of each)."""

import random
from decimal import Decimal

import pytest
from msgspec import structs

from margincall.case.bundle import is_same_case
from margincall.errors import UsageError
from margincall.exchange.bundles import NotFound, meant
from margincall.exchange.exports import number_of
from margincall.wire.claims import Claim, Disputed, decode, encode
from tests.accept.disputes import KINDS, VICTIM, played, shown

D = Decimal


@pytest.mark.parametrize("seed", range(len(KINDS)), ids=list(KINDS))
def test_upheld_with_the_fault_and_rejected_without_it(seed: int) -> None:
    """The refund is the harm of two runs; a question and a forgery about the run without the fault are rejected."""
    found = shown(seed)
    assert [each.problem for each in found] == [""] * len(found)
    assert found[0].outcome.startswith("upheld")
    assert {each.outcome for each in found[1:]} <= {"question", "forged", "no liquidation"}


def claim(*orders: str, account: str = "", **more: object) -> Claim:
    """A claim about orders of BTCUSDT."""
    fields = {"subject": "liquidation", "asked": "refund", "symbol": "BTCUSDT", "position_side": "BOTH", **more}
    each = Disputed(times_ms=(0,), order_ids=orders, **fields)  # type: ignore[arg-type]
    return Claim(venue="binance_usdm", account=account, conclusion="irregular", advice="dispute", disputed=(each,))


@pytest.fixture(scope="module", name="run")
def of_fees() -> object:
    """A run in which the victim is liquidated."""
    return played(KINDS["early_liquidation"](random.Random(1)), faulty=True)[0]


def test_found_is_what_the_orders_are(run: object) -> None:
    """By order id, whatever else the claim says; by another account's name, or an id that is nowhere, not at all."""
    events = run.events  # type: ignore[attr-defined]
    (order,) = {each.order_id for each in events if getattr(each, "close", "") == "liquidation"}
    assert [each.account for each in meant(claim(order), events)] == [VICTIM]
    named = structs.replace(claim(order), account=str(number_of(VICTIM)))
    assert [each.account for each in meant(named, events)] == [VICTIM]
    for wrong in (claim("999999"), claim(order, symbol="ETHUSDT"), structs.replace(named, account="bob")):
        with pytest.raises(NotFound):
            meant(wrong, events)


def test_without_an_order_the_time_tells(run: object) -> None:
    """The second, the symbol and what it was."""
    events = run.events  # type: ignore[attr-defined]
    at = next(each.time_ms for each in events if getattr(each, "close", "") == "liquidation")
    timed = claim()
    (each,) = timed.disputed
    by_time = structs.replace(timed, disputed=(structs.replace(each, times_ms=(at,)),))
    assert [one.account for one in meant(by_time, events)] == [VICTIM]
    for wrong in (
        structs.replace(each, times_ms=(at + 5000,)),
        structs.replace(each, times_ms=(at,), subject="deleveraging"),
        structs.replace(each, times_ms=(at,), symbol="ETHUSDT"),
    ):
        with pytest.raises(NotFound):
            meant(structs.replace(timed, disputed=(wrong,)), events)


def test_a_claim_comes_back_as_it_was_written() -> None:
    """Amounts as plain text."""
    said = structs.replace(claim("7"), refund={"USDT": D("1E+2")})
    assert b'"100"' in encode(said)
    assert decode(encode(said)) == structs.replace(said, refund={"USDT": D(100)})


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"schema":"margincall.explain/1"}']
    + [
        encode(claim("7")).replace(b'"refund": {}', b'"refund": {"USDT": "%s"}' % amount)
        for amount in (b"-1", b"0", b"NaN", b"Infinity", b"1" * 41)
    ]
    + [encode(claim("7")).replace(b"margincall.dispute/1", b"margincall.dispute/2")],
)
def test_what_is_no_claim_is_refused(data: bytes) -> None:
    """With the reason, and never a crash."""
    with pytest.raises(UsageError):
        decode(data)


@pytest.mark.parametrize(
    ("new", "is_same"),
    [
        (claim("7", account="1"), True),
        (claim("7", "8"), True),
        (claim("8"), False),
        (claim(), True),
        (claim("7", account="2"), False),
        (claim("7", symbol="ETHUSDT"), False),
        (claim("7", subject="deleveraging"), False),
        (structs.replace(claim("7"), venue="binance_coinm"), False),
        (structs.replace(claim("order-1", account="account-1"), redacted=True), True),
    ],
)
def test_the_same_case_has_something_in_common(new: Claim, *, is_same: bool) -> None:
    """An order, or without one the second; never another account, venue, symbol or subject."""
    assert is_same_case(claim("7", account="1"), new) == is_same
    assert is_same_case(new, claim("7", account="1")) == is_same

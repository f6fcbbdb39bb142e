"""Numbers as people read them."""

from decimal import Decimal as D

import pytest

from margincall.forensics.present import amount, percent, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("-0.0000000000008316", "0"),
        ("0.0000000000008316", "0"),
        ("-0.00000001", "-0.00000001"),
        ("1234.500000000000", "1,234.5"),
        ("-1234.123456789", "-1,234.12345679"),
    ],
)
def test_what_rounds_to_nothing_has_no_sign(value: str, text: str) -> None:
    assert amount(D(value)) == text


def test_of_shares_and_changes_too() -> None:
    assert (percent(D("-0.00000001")), signed(D("-0.000000001"))) == ("0 %", "0")
    assert signed(D("0.5")) == "+0.5"

"""The one way from text to a number."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.wire.numbers import BadNumber, decimal_of


@pytest.mark.parametrize("text", ["0", "1", "-1", "+1", "0.0040", ".5", "5.", "1e-8", "1E+39", "9223372036854775807"])
def test_numbers_are_exact(text: str) -> None:
    assert decimal_of(text) == Decimal(text)


def test_integers_and_decimals_are_numbers_too() -> None:
    assert decimal_of(42) == Decimal(42)
    assert decimal_of(Decimal("0.10")).as_tuple() == Decimal("0.10").as_tuple()


TEXTS = [
    "",
    " ",
    "NaN",
    "nan",
    "sNaN",
    "Infinity",
    "-inf",
    "1_000",
    "1,000",
    "0x10",
    " 1",
    "1 ",
    "1\n",
    "٣",
    "1e",
    "--1",
]
LONG = ["1" * 41, "0." + "0" * 41, "1e40", "1e-41", "1e999999999", "1e-999999999", "1" * 100_000]
OTHERS = [True, False, None, 1.5, Decimal("NaN"), Decimal("Infinity"), 10**40, 10**5000, [], b"1"]


@pytest.mark.parametrize("value", [*TEXTS, *LONG, *OTHERS], ids=lambda value: f"{type(value).__name__}")
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(BadNumber) as caught:
        decimal_of(value)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20), max_value=10**20))
def test_what_is_printed_is_read_back(number: Decimal) -> None:
    assert decimal_of(f"{number:f}") == number


@given(st.text(max_size=50))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        number = decimal_of(text)
    except BadNumber:
        return
    assert number.is_finite()
    assert number == Decimal(text)

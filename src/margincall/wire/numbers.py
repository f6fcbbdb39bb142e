"""The one way from a number in a file to a `Decimal`."""

import re
from decimal import Decimal

from margincall.wire.problems import excerpt

DIGITS_MAX = 40
"""Digits of a number written without exponent; more is refused, so that 50-digit arithmetic stays exact."""

AMOUNT_DIGITS = 20
"""Digits before or after the point of an amount, price or quantity in an event. Products of two then fit into the 50
digits of exact arithmetic; a venue prints at most 8 decimals, a careless program 17 digits."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class BadNumber(ValueError):
    """A text that is no finite decimal of at most 40 digits; carries the raw text."""

    def __init__(self, raw: str, why: str) -> None:
        """`raw` is kept as it came; `why` completes the sentence "<raw> is …"."""
        self.raw = raw
        super().__init__(f"{excerpt(raw)!r} is {why}")


def decimal_of(value: str | int | Decimal) -> Decimal:
    """The exact decimal; raises `BadNumber` for NaN, Infinity, blanks, underscores, booleans and over-long numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadNumber(str(value), "not a number")
    if isinstance(value, int) and value.bit_length() > 4 * DIGITS_MAX:
        raise BadNumber(f"an integer of {value.bit_length()} bits", f"longer than {DIGITS_MAX} digits")
    text = str(value)
    match = NUMBER.fullmatch(text)
    if match is None:
        raise BadNumber(text, "not a finite decimal number")
    number = Decimal(text)
    # A short text without exponent, which nearly all are, cannot be too long.
    if (match[2] or len(text) > DIGITS_MAX) and _length(number) > DIGITS_MAX:
        raise BadNumber(text, f"longer than {DIGITS_MAX} digits")
    return number


def is_plausible(number: Decimal) -> bool:
    """Whether a number can stand in an event (see `AMOUNT_DIGITS`)."""
    text = str(number)
    if len(text) <= AMOUNT_DIGITS and "E" not in text:
        return True  # as nearly all do
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "NaN and Infinity are no numbers here"
    return len(digits) + exponent <= AMOUNT_DIGITS and -exponent <= AMOUNT_DIGITS and len(digits) <= AMOUNT_DIGITS


def _length(number: Decimal) -> int:
    """Digits of a number written out without exponent."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "NaN and Infinity do not match the pattern"
    return max(len(digits) + max(exponent, 0), -exponent)

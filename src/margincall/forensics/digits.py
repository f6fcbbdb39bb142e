"""How fine a number is printed."""

from decimal import Decimal

ONE = Decimal(1)


def last_digit(printed: Decimal) -> Decimal:
    """One unit of the last printed digit, at most 1."""
    exponent = printed.as_tuple().exponent
    assert isinstance(exponent, int), "a printed number is finite"
    return ONE.scaleb(min(exponent, 0))

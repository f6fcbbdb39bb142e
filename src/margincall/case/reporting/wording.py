"""How a report writes numbers: exact where they are listed, brief where they stand out."""

from decimal import Decimal

from margincall.core.rounding import exact, plain
from margincall.forensics.present import amount, signed

CENTS = 2
SIGNIFICANT = 7


@exact
def brief(value: Decimal | None) -> str:
    """A number for a label: cents, or of small ones four significant digits. All digits stand in the tables."""
    if value is None:
        return "–"
    if abs(value) >= 1 or not value:
        return f"{round(value, CENTS):,f}"
    return format(plain(Decimal(f"{value:.4g}")), ",f")


@exact
def brief_price(value: Decimal) -> str:
    """A price for a label, with seven significant digits at most."""
    places = max(SIGNIFICANT - 1 - max(value.adjusted(), 0), 0)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > places:
        value = round(value, places)
    return format(plain(value), ",f")


@exact
def brief_signed(value: Decimal) -> str:
    """As `brief`, with the sign."""
    return f"{'+' if value > 0 else ''}{brief(value)}"


@exact
def brief_percent(value: Decimal | None) -> str:
    """A share as a percentage with two decimals; from 1,000 % on only that it is so."""
    if value is None:
        return "–"
    return "over 1,000 %" if value >= 10 else f"{round(value * 100, CENTS):f} %"


def sentence(text: str) -> str:
    """A text that begins with a capital."""
    return text[:1].upper() + text[1:]


def sized(quantity: Decimal, unit: str = "") -> str:
    """A size with its unit."""
    return f"{amount(quantity)} {unit}".strip()


__all__ = ["amount", "brief", "brief_percent", "brief_price", "brief_signed", "sentence", "signed", "sized"]

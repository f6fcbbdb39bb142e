"""How a report writes numbers: exact where they are listed, brief where they stand out."""

import re
from decimal import Decimal

from msgspec import structs

from margincall.core.rounding import AMOUNT_UNIT, exact, plain
from margincall.core.units import ZERO
from margincall.forensics.present import Section, amount, signed
from margincall.forensics.sheet import Explanation

CENTS = 2
SIGNIFICANT = 7
TINY = AMOUNT_UNIT
"""Smaller amounts are none: venues print eight decimals."""
FAR = 10_000
"""Above so many per cent a share is a word."""
PERCENTAGE = re.compile(r"([\d,]+(?:\.\d+)?) %")
FIGURES = "wallet_balance", "unrealized_pnl", "margin_balance", "maintenance_margin"


@exact
def brief(value: Decimal | None) -> str:
    """A number for a label: cents, or of small ones four significant digits. All digits stand in the tables."""
    if value is None:
        return "–"
    if abs(value) < TINY:
        value = ZERO
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


def legible(told: Explanation) -> Explanation:
    """The explanation with amounts at the trigger that no venue prints (below 8 decimals) as 0."""
    figures = {name: getattr(told.verdict, name) for name in FIGURES}
    tiny = {name: ZERO for name, value in figures.items() if value is not None and abs(value) < TINY}
    return structs.replace(told, verdict=structs.replace(told.verdict, **tiny)) if tiny else told


def without_far(section: Section) -> Section:
    """A table in which a percentage that says nothing but that it is very large is a word."""
    return structs.replace(section, rows=tuple(tuple(map(_far, row)) for row in section.rows))


def _far(cell: str) -> str:
    found = PERCENTAGE.fullmatch(cell)
    return "far above 100 %" if found and Decimal(found[1].replace(",", "")) > FAR else cell


def sentence(text: str) -> str:
    """A text that begins with a capital."""
    return text[:1].upper() + text[1:]


def sized(quantity: Decimal, unit: str = "") -> str:
    """A size with its unit."""
    return f"{amount(quantity)} {unit}".strip()


__all__ = [
    "amount",
    "brief",
    "brief_percent",
    "brief_price",
    "brief_signed",
    "legible",
    "sentence",
    "signed",
    "sized",
    "without_far",
]

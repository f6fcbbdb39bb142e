"""What was booked beside a liquidation, in the words of a support desk: which trade, what was charged, what is due."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from margincall.case.dispute import Matter
from margincall.case.dispute_cited import Lines
from margincall.case.dispute_sheet import HIDDEN, Row, money, number
from margincall.core.rules import MissingContract
from margincall.forensics.present import percent
from margincall.forensics.verify.check import Check
from margincall.venues.registry import contract_of

NAMES: Mapping[str, tuple[str, str]] = {
    "commission": ("commission charged", "commission due"),
    "realized_pnl": ("realised PnL booked", "realised PnL due"),
    "funding": ("funding fee booked", "funding fee due"),
    "loss_shared": ("debit", "due"),
    "books": ("printed", "it adds up to"),
}
"""What the printed and the derived number of a check are called."""
HOW: Mapping[str, str] = {
    "commission": "(calculated: value of the trade × rate)",
    "realized_pnl": "(calculated: from the entry price)",
    "funding": "(calculated: mark price × size × rate)",
}
TRADE = re.compile(r"\btrade (\S+)")
TIME_MS = re.compile(r"\bat (\d{13})\b")
POOLS: Mapping[str, str] = {"cross:": "cross wallet in ", "isolated:": "isolated position in "}


def booking_rows(matter: Matter, lines: Lines, *, hide: bool = False) -> Iterator[Row]:
    """The numbers of each booking: trade, what was booked, what is due, by which rate; of a liquidation nothing."""
    for check in () if matter.cases else matter.checks:
        yield from _rows(check, lines, hide=hide)


def _rows(check: Check, lines: Lines, *, hide: bool) -> Iterator[Row]:
    booked, due = NAMES.get(check.kind, ("printed", "due"))
    numbers = check.numbers
    if trade := TRADE.search(check.about):
        yield "trade", trade[1], ""
    if (printed := numbers.get("printed")) is not None:
        yield booked, money(printed, check.unit, hide=hide), lines.cite(check.evidence, printed)
    if (derived := numbers.get("derived")) is not None:
        yield due, money(derived, check.unit, hide=hide), HOW.get(check.kind, "")
    if (rate := numbers.get("rate")) is not None:
        yield "rate", percent(rate), ""
    if (implied := numbers.get("implied_rate")) is not None and not hide:
        yield "rate that was applied", percent(implied), ""
    if (mark := numbers.get("mark")) is not None:
        yield "mark price", number(mark), ""
    if (size := numbers.get("quantity")) is not None:
        yield "size", HIDDEN if hide else number(size), ""


def about_in_words(check: Check) -> str:
    """What a check is about, without the names that only this program uses."""
    text = TIME_MS.sub("", check.about).strip()
    for name, words in POOLS.items():
        text = text.replace(name, words)
    return text


def by(amount: Decimal | None, unit: str, symbol: str) -> str:
    """By how much, with its unit: a price is one in the quote asset of its symbol, a rate a percentage."""
    if not amount:
        return ""
    if unit == "rate":
        return f", by {percent(abs(amount))}"
    words = {"price": _quote(symbol), "quantity": "of size"}.get(unit, unit)
    return f", by {number(abs(amount))} {words}".rstrip()


def _quote(symbol: str) -> str:
    try:
        return contract_of(symbol).quote
    except MissingContract:
        return ""


def figures(rows: Sequence[Row]) -> str:
    """Rows in one line: a place only where the number is printed."""
    return ", ".join(
        f"{name} {value}{f' [{place}]' if place and not place.startswith('(') else ''}" for name, value, place in rows
    )

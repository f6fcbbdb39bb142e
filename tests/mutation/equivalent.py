"""Mistakes that are none: what they change cannot be seen in any answer, each with the reason.

A mutation is one of these if file, what stood there and what stands there now are the same.
"""

from typing import NamedTuple


class Equivalent(NamedTuple):
    """A mutation that changes no answer, and why."""

    file: str
    original: str
    mutated: str
    why: str


STEP = "a number that says by its exponent to how many decimals another is rounded; its digit is not looked at"
VERSION = "the version of the form in which an event is stored; no rule reads it"

DIGITS = (
    "digits beyond those of a product of four amounts; one more or less changes no quotient that is rounded to 1e-12"
)

EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent("rounding.py", "1", "2", STEP),
    Equivalent("rounding.py", "1", "(0)", STEP),
    Equivalent(
        "rounding.py",
        "context.prec == PRECISION and context.rounding == ROUND_HALF_EVEN",
        "False",
        "saves entering the context where it is in force already",
    ),
    Equivalent("rounding.py", "150", "(149)", DIGITS),
    Equivalent("rounding.py", "150", "151", DIGITS),
    Equivalent("remedy.py", "missing <= 0", "missing < 0", "where nothing is missing, what follows gives 0 as well"),
    Equivalent(
        "fold.py",
        "position.quantity * fill.quantity",
        "position.quantity / fill.quantity",
        "only the sign is looked at, and a fill of nothing is refused by the readers",
    ),
    Equivalent("fold.py", "fill.quantity > 0", "fill.quantity >= 0", "a fill of nothing is refused by the readers"),
    Equivalent("events.py", "0", "1", "a place that no reader has numbered; only the order counts"),
    Equivalent("events.py", "1", "2", VERSION),
    Equivalent("events.py", "1", "(0)", VERSION),
)

"""Types for fields of a configuration that Python has not: bounded decimals, moments and spans of time.

A `Decimal` field takes a TOML integer, a TOML float (its digits, never a binary float) and a string, all finite and of
at most 40 digits. A `TimeMs` field takes a TOML time with its zone, a `SpanMs` field a text like `1h30m`.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, NewType

from msgspec import Struct

from margincall.core.units import ONE, ZERO
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

TimeMs = NewType("TimeMs", int)
"""A moment in milliseconds since 1970, written in TOML as a time with its zone."""

SpanMs = NewType("SpanMs", int)
"""A span of time in milliseconds, written in TOML as a text: `250ms`, `90s`, `1h30m`."""

TIME_EXPECTED = "a time with zone, like 2026-01-01T00:00:00Z"
SPAN_EXPECTED = "a span of time like 90s, 10m or 1h30m"
SPAN = re.compile(r"(?:\d{1,12}(?:ms|s|m|h|d))+", re.ASCII)
SPAN_PART = re.compile(r"(\d+)(ms|s|m|h|d)", re.ASCII)
UNITS_MS = {"ms": 1, "s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Bounds(Struct, frozen=True):
    """What a decimal must satisfy, as `Annotated[Decimal, Bounds(above=ZERO)]`; msgspec's own `Meta` bounds integers
    only. `above` and `below` exclude the bound, `least` and `most` include it."""

    above: Decimal | None = None
    least: Decimal | None = None
    below: Decimal | None = None
    most: Decimal | None = None

    def hold(self, number: Decimal) -> bool:
        """Whether `number` lies within."""
        return (
            (self.above is None or number > self.above)
            and (self.least is None or number >= self.least)
            and (self.below is None or number < self.below)
            and (self.most is None or number <= self.most)
        )

    def __str__(self) -> str:
        """The bounds in words, to follow "a number": ` above 0 and at most 1`."""
        words = (("above", self.above), ("at least", self.least), ("below", self.below), ("at most", self.most))
        said = " and ".join(f"{word} {bound}" for word, bound in words if bound is not None)
        return f" {said}" if said else ""


Positive = Annotated[Decimal, Bounds(above=ZERO)]
NotNegative = Annotated[Decimal, Bounds(least=ZERO)]
Share = Annotated[Decimal, Bounds(least=ZERO, most=ONE)]
"""A share of a whole, from 0 to 1."""


def time_ms(value: object) -> TimeMs:
    """Milliseconds since 1970 of a TOML time.

    Raises `ValueError`, with what was expected, for a time without a zone (it could be anyone's), for a date or a time
    of day alone, for what is no time, and for digits below a millisecond, which would have to be dropped.
    """
    if isinstance(value, str):
        raise ValueError(f"{TIME_EXPECTED}, without quotes")
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(TIME_EXPECTED)
    whole, rest = divmod(value - EPOCH, MILLISECOND)
    if rest:
        raise ValueError(f"{TIME_EXPECTED}, with at most 3 decimals of a second")
    return TimeMs(whole)


def span_ms(value: object) -> SpanMs:
    """Milliseconds of a text like `90s`, `10m` or `1h30m`. Raises `ValueError` with what was expected."""
    if not isinstance(value, str) or not SPAN.fullmatch(value):
        raise ValueError(SPAN_EXPECTED)
    return SpanMs(sum(int(number) * UNITS_MS[unit] for number, unit in SPAN_PART.findall(value)))

"""Days, from a file's name (for tables and dumps that do not print when they were made) and from printed times."""

import re
from datetime import date

from margincall.wire.iso_time import day_of

DAY = re.compile(r"(?<!\d)(20\d\d)(?:-(\d\d)-(\d\d)|_(\d\d)_(\d\d)|\.(\d\d)\.(\d\d)|(\d\d)(\d\d))(?!\d)")
VERSION = re.compile(r"(?<![\d.])(20\d\d)\.(\d{1,2})(?!\d)")
TIME = re.compile(r"\d{13}", re.ASCII)
"""A time in milliseconds, of the years 2001 to 2286: in seconds or microseconds it has fewer or more digits."""
VERSION_DATE = "package-version-date"
"""Id of the assumption that a package version stands for the first day of its month."""


def day_in_name(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The ISO date in a file's name, and the ids of what is assumed about it; none without exactly one date.

    `2024-10-24`, `2024_10_24`, `2024.10.24` and `20241024` are dates; the package version `2024.12` counts as the
    first day of that month.
    """
    days = {day for found in DAY.finditer(name) if (day := iso_day("".join(filter(None, found.groups()))))}
    if days:
        return (days.pop(), ()) if len(days) == 1 else None
    months = {day for found in VERSION.finditer(name) if (day := iso_day(f"{found[1]}{found[2]:0>2}01"))}
    return (months.pop(), (VERSION_DATE,)) if len(months) == 1 else None


def iso_day(digits: str) -> str:
    """`20241024` as `2024-10-24`; empty if there is no such day."""
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        return ""


def day_of_time(time_ms: object) -> str:
    """The UTC day of a time in milliseconds as a file prints it; empty if it is none."""
    if not isinstance(time_ms, str) or not TIME.fullmatch(time_ms):
        return ""
    return day_of(int(time_ms))

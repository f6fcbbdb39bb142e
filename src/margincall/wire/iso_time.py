"""Times as other venues and the canonical CSV write them: ISO-8601 in UTC, or milliseconds since 1970."""

import re
from datetime import UTC, datetime, timedelta

from margincall.wire.problems import excerpt
from margincall.wire.row import TIME_MAX, TIME_MIN, Row

ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII)
MILLISECONDS = re.compile(r"\d{13}", re.ASCII)
UTC_ZONES = frozenset({"Z", "+00:00", "+0000", "-00:00", "-0000"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadTime(ValueError):
    """A text that is no time; the message says why."""


def time_of(text: str) -> int:
    """Milliseconds since 1970. Digits beyond the millisecond are cut. Raises `BadTime`.

    A time without a zone, or of another zone than UTC, is refused: a guess would move events past each other.
    """
    if MILLISECONDS.fullmatch(text):
        return int(text)
    match = ISO.fullmatch(text)
    if match is None:
        raise BadTime(f"{excerpt(text)!r} is neither ISO-8601 nor milliseconds since 1970")
    if match["zone"] not in UTC_ZONES:
        raise BadTime(f"{excerpt(text)!r} is not marked as UTC")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    try:
        whole = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise BadTime(f"{excerpt(text)!r}: {error}") from None
    time_ms = (whole - EPOCH) // timedelta(milliseconds=1) + int((match[7] or "0").ljust(3, "0")[:3])
    if not TIME_MIN <= time_ms <= TIME_MAX:
        raise BadTime(f"{excerpt(text)!r} is before 2001 or after 2286")
    return time_ms


def time_in(row: Row, name: str = "time") -> int:
    """The time under `name` of a row, in milliseconds since 1970. Raises `BadRow`."""
    try:
        return time_of(row.text(name))
    except BadTime as error:
        raise row.bad(name, str(error)) from None


def iso_of(time_ms: int) -> str:
    """The ISO-8601 text of a time, in UTC with milliseconds."""
    moment = EPOCH + timedelta(milliseconds=time_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}Z"


def utc(time_ms: int) -> str:
    """A time in words: `2026-05-28 20:26:40 UTC`."""
    return (EPOCH + timedelta(milliseconds=time_ms)).strftime("%Y-%m-%d %H:%M:%S UTC")


def day_of(time_ms: int) -> str:
    """The UTC day of a time, as ISO text."""
    return (EPOCH + timedelta(milliseconds=time_ms)).date().isoformat()

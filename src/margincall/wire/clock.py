"""Times in the cells of exports -> milliseconds since 1970, UTC.

Read are `yyyy-MM-dd HH:mm:ss` and `yy-MM-dd HH:mm:ss` (the venue's own), ISO with `T`, fractions, `Z` or an offset,
milliseconds since 1970, and what a spreadsheet leaves behind: day or month first, with `/`, `.` or `-`, with or without
AM and PM. A time without seconds is refused, because nothing can be matched by it.
"""

import re
from datetime import datetime
from typing import Literal

from margincall.wire.durations import HOUR_MS, MINUTE_MS
from margincall.wire.problems import excerpt
from margincall.wire.row import TIME_MAX, TIME_MIN
from margincall.wire.zones import EPOCH, MILLISECOND, UTC_ZONE, Zone, zone_named

DateOrder = Literal["day first", "month first"]

STAMP = re.compile(
    r"(\d{4}|\d{2})-(\d{1,2})-(\d{1,2})[ T](\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
SHEET = re.compile(
    r"(\d{1,2})(?:([/.])(\d{1,2})\2(\d{4}|\d{2})|-(\d{1,2})-(\d{4})),? +"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([AaPp][Mm]))?",
    re.ASCII,
)
NO_SECONDS = re.compile(r"\d{2,4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}", re.ASCII)
NUMBER = re.compile(r"\d{10,16}", re.ASCII)
IN_HOUR = {f"{at // 60:02}:{at % 60:02}": 1000 * at for at in range(3600)}
"""The last five letters of a time in whole seconds, its minutes and seconds -> milliseconds."""
HOURS_KEPT = 20_000
"""Hours that a clock remembers."""

WITHOUT_SECONDS = "has no seconds: a spreadsheet dropped them when it saved the file. Download the export again"
UNDECIDED = (
    "can be day first or month first, and no date in the file says which: a spreadsheet rewrote it. "
    "Download the export again and do not save it from a spreadsheet"
)
NO_ZONE = (
    "says no time zone, nor does the column or the file's name: give it with --tz, as --tz UTC+3 or --tz Europe/Paris"
)


class BadTime(ValueError):
    """A cell that is no time; the message completes the sentence "<cell> …"."""


class NoZone(BadTime):
    """A local time, and nothing that names its zone."""


class Undecided(BadTime):
    """A date that can be day first or month first."""


class Clock:
    """Reads the times of one file. Without a zone only times that carry their own are read.

    `hours` maps what precedes the minutes of a time to its hour, for readers that look there first: most rows of a file
    lie in an hour that was read before. `doubts` maps minutes that occur twice in the zone to how much later the second
    one is; `ms` gives the first.
    """

    def __init__(self, zone: Zone | None = UTC_ZONE, order: DateOrder | None = None) -> None:
        """Begin with nothing read; `resolution_ms` is 1000 until a time shows milliseconds."""
        self.zone = zone
        self.order = order
        self.hours: dict[str, int] = {}
        self.doubts: dict[int, int] = {}
        self.resolution_ms = 1000

    def ms(self, text: str) -> int:
        """The moment of a cell; raises `BadTime`."""
        try:
            return self.hours[text[:-5]] + IN_HOUR[text[-5:]]
        except KeyError:
            return self._read(text.strip())

    def _read(self, text: str) -> int:
        if found := STAMP.fullmatch(text):
            *digits, fraction, offset = found.groups()
            local_ms = _local(text, [int(each) for each in digits])
            if offset:
                moment = local_ms - zone_named(offset).offset_ms
            else:
                moment = self._moment(text, local_ms, is_plain=not fraction)
            if fraction:
                self.resolution_ms = 1
                moment += int(fraction[:3].ljust(3, "0"))
            return moment
        if found := SHEET.fullmatch(text):
            return self._moment(text, self._of_sheet(text, found), is_plain=False)
        if NUMBER.fullmatch(text):
            self.resolution_ms = 1
            if not TIME_MIN <= int(text) <= TIME_MAX:
                raise BadTime(f"{excerpt(text)!r} is no time in milliseconds")
            return int(text)
        if NO_SECONDS.fullmatch(text):
            raise BadTime(f"{excerpt(text)!r} {WITHOUT_SECONDS}")
        raise BadTime(f"{excerpt(text)!r} is no time")

    def _of_sheet(self, text: str, found: re.Match[str]) -> int:
        first, _, second, year, other_second, other_year, hour, minute, seconds, half = found.groups()
        if seconds is None:
            raise BadTime(f"{excerpt(text)!r} {WITHOUT_SECONDS}")
        if self.order is None:
            raise Undecided(f"{excerpt(text)!r} {UNDECIDED}")
        day, month = int(first), int(second or other_second)
        if self.order == "month first":
            day, month = month, day
        hours = int(hour)
        if half:
            if not 1 <= hours <= 12:
                raise BadTime(f"{excerpt(text)!r} is no time")
            hours = hours % 12 + (12 if half.lower() == "pm" else 0)
        return _local(text, [int(year or other_year), month, day, hours, int(minute), int(seconds)])

    def _moment(self, text: str, local_ms: int, *, is_plain: bool) -> int:
        """The moment of a local time, kept for the next one of its minute."""
        if self.zone is None:
            raise NoZone(f"{excerpt(text)!r} {NO_ZONE}")
        moments = self.zone.moments(local_ms)
        if not moments:
            raise BadTime(f"{excerpt(text)!r} does not exist in {self.zone.name}: the clock was put forward over it")
        moment = moments[0]
        if len(moments) > 1:
            self.doubts[moment - moment % MINUTE_MS] = moments[1] - moment
        elif is_plain:
            self._keep(text, local_ms, self.zone)
        return moment

    def _keep(self, text: str, local_ms: int, zone: Zone) -> None:
        """Remember the hour of a plain time, if the clock runs through it evenly."""
        begin = local_ms - local_ms % HOUR_MS
        first, last = zone.moments(begin), zone.moments(begin + HOUR_MS - 1)
        if len(first) == len(last) == 1 and last[0] - first[0] == HOUR_MS - 1:
            if len(self.hours) >= HOURS_KEPT:
                self.hours.clear()
            self.hours[text[:-5]] = first[0]


def sheet_order(text: str) -> DateOrder | Literal[""] | None:
    """What a cell says about the order of day and month: "" if it could be both, none if it is no such date."""
    found = SHEET.fullmatch(text.strip())
    if found is None:
        return None
    first, second = int(found[1]), int(found[3] or found[5])
    return "day first" if first > 12 else "month first" if second > 12 else ""


def _local(text: str, parts: list[int]) -> int:
    """Milliseconds of a local date and time; of two digits a year is one of this century."""
    year, month, day, hour, minute, second = parts
    try:
        found = datetime(year + 2000 if year < 100 else year, month, day, hour, minute, second)
    except ValueError:
        raise BadTime(f"{excerpt(text)!r} is no date and time that exists") from None
    local_ms = (found - EPOCH) // MILLISECOND
    if not TIME_MIN - 24 * HOUR_MS <= local_ms <= TIME_MAX:
        raise BadTime(f"{excerpt(text)!r} is no time of any exchange")
    return local_ms

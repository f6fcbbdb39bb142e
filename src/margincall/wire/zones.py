"""Time zones as exports and users name them: `UTC+3`, `(UTC--6)` in a file's name, `Time(UTC)` over a column, or IANA.

The venue prints local times without a zone in the cells; the zone stands over the column or in the file's name.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from margincall.wire.durations import HOUR_MS, MINUTE_MS
from margincall.wire.problems import excerpt

EPOCH = datetime(1970, 1, 1)
EPOCH_UTC = EPOCH.replace(tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
OFFSET_MAX_MS = 14 * HOUR_MS

OFFSET = re.compile(r"([+-])-?(\d{1,2})(?:([:_.]?)(\d{1,2}))?", re.ASCII)
"""`+3`, `--6`, `+05:30`, `+0530`, `+5_30`, `+5.5`. Two minus signs are one: the venue writes `UTC-` and then `-6`."""
IN_NAME = re.compile(r"\((?:UTC|GMT)([^()]*)\)", re.IGNORECASE)
OVER_COLUMN = re.compile(r"utc(?:_time)?|.*\(utc\)", re.IGNORECASE)


HOW = "write an offset, as UTC+3 or UTC-05:30, or an IANA name, as Europe/Paris (on Windows they need `tzdata`)"


class BadZone(ValueError):
    """A text that names no time zone."""


class Zone(Struct, frozen=True):
    """A fixed offset from UTC in milliseconds, positive to the east, or (`iana`) a zone with a history of its own."""

    name: str
    offset_ms: int = 0
    iana: bool = False

    def moments(self, local_ms: int) -> tuple[int, ...]:
        """The moments (UTC) at which a clock in this zone shows `local_ms`: two where the hour occurs twice, none
        where it is left out."""
        if not self.iana:
            return (local_ms - self.offset_ms,)
        zone = _loaded(self.name)
        local = EPOCH + timedelta(milliseconds=local_ms)
        found = []
        for fold in (0, 1):
            moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            if moment.astimezone(zone).replace(tzinfo=None) == local:
                found.append((moment - EPOCH_UTC) // MILLISECOND)
        return tuple(dict.fromkeys(found))

    def local_ms(self, time_ms: int) -> int:
        """What a clock in this zone shows at a moment."""
        if not self.iana:
            return time_ms + self.offset_ms
        moment = EPOCH_UTC + timedelta(milliseconds=time_ms)
        return (moment.astimezone(_loaded(self.name)).replace(tzinfo=None) - EPOCH) // MILLISECOND


UTC_ZONE = Zone("UTC")


@lru_cache(maxsize=64)
def zone_named(text: str) -> Zone:
    """The zone of `UTC`, `Z`, `UTC+3`, `+05:30` or an IANA name; raises `BadZone`."""
    words = text.strip()
    offset = re.sub(r"^(UTC|GMT)\s*", "", words, flags=re.IGNORECASE)
    if offset in ("", "Z", "z"):
        if words:
            return UTC_ZONE
    elif (found := _offset(offset)) is not None:
        return found
    try:
        _loaded(words)
    except (LookupError, ValueError, OSError):
        raise BadZone(f"{excerpt(text)!r} is no time zone: {HOW}") from None
    return Zone(words, iana=True)


def zone_in_name(name: str) -> Zone | None:
    """The zone in a file's name, as `…(UTC+3)…` or `…(UTC--6)…`; none without exactly one."""
    zones = {UTC_ZONE if not text.strip() else _offset(text.strip()) for text in IN_NAME.findall(name)}
    return zones.pop() if len(zones) == 1 else None


def is_utc_column(header: str) -> bool:
    """Whether the name of a column says that its times are UTC: `UTC_Time`, `Time(UTC)`, `Date(UTC)`."""
    return OVER_COLUMN.fullmatch(header.strip()) is not None


def spelled(zone: Zone) -> str:
    """A fixed offset as the venue puts it into a file's name: `UTC+3`, `UTC--6`; half hours as `UTC+5.5` (assumed)."""
    assert not zone.iana, "the venue names offsets only"
    hours, rest = divmod(abs(zone.offset_ms), HOUR_MS)
    sign = "--" if zone.offset_ms < 0 else "+"
    part = f"{rest / HOUR_MS:.2f}".lstrip("0").rstrip("0") if rest else ""
    return f"UTC{sign}{hours}{part}"


def _offset(text: str) -> Zone | None:
    """The zone of an offset; none if the text is none, or further from UTC than any place."""
    found = OFFSET.fullmatch(text)
    if found is None:
        return None
    sign, hours, mark, rest = found.groups()
    if not mark and rest and len(hours + rest) == 3:  # `530` is 5:30, not 53:0
        hours, rest = (hours + rest)[0], (hours + rest)[1:]
    part_ms = int(rest.ljust(2, "0")) * HOUR_MS // 100 if mark == "." else int(rest or 0) * MINUTE_MS
    total = int(hours) * HOUR_MS + part_ms
    if total > OFFSET_MAX_MS or part_ms >= HOUR_MS:
        return None
    offset_ms = -total if sign == "-" else total
    minutes = total % HOUR_MS // MINUTE_MS
    name = f"UTC{sign}{total // HOUR_MS}" + (f":{minutes:02}" if minutes else "")
    return Zone(name, offset_ms) if total else UTC_ZONE


@lru_cache(maxsize=64)
def _loaded(name: str) -> ZoneInfo:
    return ZoneInfo(name)

"""What the user says beside the files: the zone of local times that no file names, and the time that is looked at."""

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from margincall.errors import UsageError
from margincall.wire.problems import excerpt
from margincall.wire.zones import EPOCH_UTC, MILLISECOND, Zone, zone_named

DAY = timedelta(days=1)


class Scope(Struct, frozen=True):
    """`zone` counts where neither a column nor a file's name tells one. Events from `from_ms` to before `to_ms` are
    read; events of unknown time (0) always are. `account` is the one that is kept of several, "" that with most rows.
    """

    zone: Zone | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    account: str = ""

    @property
    def is_window(self) -> bool:
        """Whether only part of the files is read."""
        return self.from_ms is not None or self.to_ms is not None

    def holds(self, time_ms: int) -> bool:
        """Whether an event of this time is read."""
        if not time_ms:
            return True
        return (self.from_ms is None or self.from_ms <= time_ms) and (self.to_ms is None or time_ms < self.to_ms)


EVERYTHING = Scope()


def scope_of(tz: str = "", start: str = "", end: str = "", account: str = "") -> Scope:
    """The scope of four options: a zone, two ISO dates or times (UTC where they name no offset), and the name of an
    account. A date as the end includes its day. Raises `UsageError`."""
    try:
        zone = zone_named(tz) if tz else None
    except ValueError as error:
        raise UsageError(str(error)) from None
    scope = Scope(zone, _moment(start, is_end=False), _moment(end, is_end=True), account.strip())
    if scope.from_ms is not None and scope.to_ms is not None and scope.from_ms >= scope.to_ms:
        raise UsageError(f"nothing lies between {start} and {end}")
    return scope


def _moment(text: str, *, is_end: bool) -> int | None:
    if not text:
        return None
    try:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            moment = datetime.fromisoformat(text)
        else:
            moment = datetime(day.year, day.month, day.day) + (DAY if is_end else timedelta())
    except ValueError:
        raise UsageError(
            f"{excerpt(text)!r} is no date or time: write it as 2026-03-17 or 2026-03-17T09:30:00"
        ) from None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH_UTC) // MILLISECOND

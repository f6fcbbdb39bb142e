"""`startTime` and `endTime` of the lists: what is not sent follows from the longest span that a list has."""

from margincall.server.call import Call
from margincall.server.errors import ApiError
from margincall.wire.durations import DAY_MS

TURNED = ApiError(-1023, "Start time is greater than end time.")
LAST_MS = 2**53
"""Times beyond it are no times."""


def span(call: Call, *, days: int, most_days: int = 0) -> tuple[int, int]:
    """From when until when, in ms: what was sent, else `days` up to the other end, or up to now. Raises `ApiError`
    where the start is after the end (−1023), or the span longer than `most_days` (−4165; 0: however long)."""
    since_ms = call.params.integer("startTime", 0, LAST_MS)
    until_ms = call.params.integer("endTime", 0, LAST_MS)
    if since_ms is not None and until_ms is not None:
        if since_ms > until_ms:
            raise TURNED
        if most_days and until_ms - since_ms > most_days * DAY_MS:
            raise ApiError(-4165, f"Maximum time interval is {most_days} days")
        return since_ms, until_ms
    if since_ms is not None:
        return since_ms, since_ms + days * DAY_MS if most_days else call.now_ms
    end = call.now_ms if until_ms is None else until_ms
    return end - days * DAY_MS, end

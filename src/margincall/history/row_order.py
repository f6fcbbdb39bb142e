"""Rows of an export in the order in which they happened, and hours that occur twice resolved by that order."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from operator import gt, lt

from msgspec import structs

from margincall.core.events import AnyEvent, PositionClosed
from margincall.wire.durations import DAY_MS, MINUTE_MS
from margincall.wire.problems import Problem
from margincall.wire.row import place_of

TWICE = "lies in an hour that occurred twice, as the clock was put back, and the order of the rows does not tell which"


def oldest_first(events: list[AnyEvent]) -> list[AnyEvent]:
    """The events of a file, turned around if it begins with the newest. Rows of one time come in the order in which
    they happened (a stable sort by time would reverse them), events of one row in their own. A row counts with the time
    of its last event: a row of an order tells its placing too, so that times inside of a row always rise."""
    times = [event.time_ms for event, after in pairwise(events) if event.source.line != after.source.line]
    times += [event.time_ms for event in events[-1:]]
    falls, rises = sum(map(gt, times, times[1:])), sum(map(lt, times, times[1:]))
    if falls <= rises:
        return events
    turned = events[::-1]
    return [event for _, row in groupby(turned, lambda event: event.source.line) for event in list(row)[::-1]]


def told_apart(events: list[AnyEvent], doubts: Mapping[int, int], file: str) -> tuple[list[AnyEvent], list[Problem]]:
    """The events, oldest first, with those of an hour that occurs twice in its first or second turn: where the times
    fall once, the second turn begins. Undecided ones stay in the first, and are problems.

    `doubts`: minutes that occur twice (first turn) -> how much later the second is (`wire/clock.py`).
    """
    if not doubts:
        return events, []
    turns: dict[int, list[int]] = {}
    for number, event in enumerate(events):
        if _minute(event.time_ms) in doubts:
            turns.setdefault(event.time_ms // DAY_MS, []).append(number)
    found, problems = list(events), []
    for numbers in turns.values():
        times = [events[number].time_ms for number in numbers]
        falls = [place for place, pair in enumerate(pairwise(times), 1) if pair[0] > pair[1]]
        if len(falls) == 1:
            for number in numbers[falls[0] :]:
                later = events[number].time_ms + doubts[_minute(events[number].time_ms)]
                found[number] = structs.replace(events[number], time_ms=later)
        else:
            problems.append(_undecided(file, [events[number] for number in numbers]))
    opened = [event for event in events if isinstance(event, PositionClosed) and _minute(event.opened_ms) in doubts]
    if opened:
        problems.append(_undecided(file, opened))
    return found, problems


def _minute(time_ms: int) -> int:
    return time_ms - time_ms % MINUTE_MS


def _undecided(file: str, events: Sequence[AnyEvent]) -> Problem:
    first, *others = events
    more = f" (nor of {len(others)} more rows)" if others else ""
    return Problem(
        file, place_of(first.source), f"the time {TWICE}{more}: the first is taken", str(first.time_ms), "time-zone"
    )

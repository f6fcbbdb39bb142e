"""Which printed state belongs to which fill.

The venue sends an account update before the fill that caused it, with the same time; several of both may share one
millisecond. An update about an order therefore prints the state *after* the next fill, if no other such update comes
between. (The order within one millisecond is not documented: where a moment begins with a fill, the update follows.)
This module puts each update behind its fill, so that "fold, then compare" holds for every event.
"""

from collections.abc import Sequence

from margincall.core.events import AnyEvent, Fill, Statement

SAME_MOMENT_MS = 1000
"""A fill further away than this is not the one that an update reports."""


def statements_after_fills(events: Sequence[AnyEvent]) -> tuple[list[AnyEvent], set[int]]:
    """The events with each ORDER update moved behind its fill, and the places (in the new order) of ORDER updates for
    which no fill was found: repeats of an earlier recording, or updates whose fill is missing."""
    ordered: list[AnyEvent] = []
    alone: set[int] = set()
    waiting: Statement | None = None
    moment, fills_first, unstated = None, False, -1
    for event in events:
        is_update = isinstance(event, Statement) and is_order_update(event)
        if (is_update or isinstance(event, Fill)) and event.time_ms != moment:
            moment, fills_first, unstated = event.time_ms, isinstance(event, Fill), -1
        if waiting is not None and isinstance(event, Fill) and belongs(waiting, event):
            ordered += [event, waiting]
            waiting = None
            continue
        if waiting is not None and (is_update or event.time_ms - waiting.time_ms > SAME_MOMENT_MS):
            _settle(waiting, ordered, alone)
            waiting = None
        if isinstance(event, Statement) and is_update:
            stated = ordered[unstated] if fills_first and unstated >= 0 else None
            if isinstance(stated, Fill) and belongs(event, stated):
                # A source that sends the fill first: the update reports the last fill of its moment.
                ordered.insert(unstated + 1, event)
                unstated = -1
            else:
                waiting = event
            continue
        if isinstance(event, Fill):
            unstated = len(ordered)
        ordered.append(event)
    if waiting is not None:
        _settle(waiting, ordered, alone)
    return ordered, alone


def _settle(statement: Statement, ordered: list[AnyEvent], alone: set[int]) -> None:
    """No fill follows: the update may report the fill just before it (a source that sends fills first)."""
    before = ordered[-1] if ordered else None
    if not (isinstance(before, Fill) and belongs(statement, before)):
        alone.add(len(ordered))
    ordered.append(statement)


def is_order_update(event: Statement) -> bool:
    """Whether a statement reports what a fill did."""
    return event.origin == "update" and event.about == "ORDER"


def belongs(statement: Statement, fill: Fill) -> bool:
    """Whether `fill` can be the one that `statement` reports: close in time, and its symbol is printed."""
    if abs(fill.time_ms - statement.time_ms) > SAME_MOMENT_MS:
        return False
    return any(printed.symbol == fill.symbol for printed in statement.positions)

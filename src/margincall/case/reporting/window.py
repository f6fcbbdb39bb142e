"""Which time a chart shows: the life of a position, or the last moments before the venue's order."""

from margincall.case.reporting.facts import Spell
from margincall.core.events import Fill
from margincall.core.units import ZERO
from margincall.forensics.explain import Case
from margincall.forensics.reconstruct import Reconstruction

CLOSE_UP_MS = 90_000
"""So long before the order a close-up begins."""
LEAST_AFTER_MS = 5_000
CLOSE_UP_FROM = 6
"""A close-up is worth drawing where the whole is at least so many times longer."""


def opened_ms(history: Reconstruction, case: Case) -> int:
    """When the position was opened, as far as the fills tell: backwards until they add up to nothing; else when the
    files begin."""
    incident = case.incident
    left = history.timeline.before(incident.first).position((incident.symbol, incident.side)).quantity
    for place in range(incident.first - 1, -1, -1):
        event = history.events[place]
        if isinstance(event, Fill) and (event.symbol, event.side) == (incident.symbol, incident.side):
            if not (left - event.quantity) * left > ZERO:
                return event.time_ms
            left = type(left)(left - event.quantity)
    return history.events[0].time_ms


def life_of(history: Reconstruction, case: Case) -> Spell:
    """From the opening of the position to the last booking of its closing, with a little room on both sides."""
    start, end = opened_ms(history, case), history.events[case.incident.last].time_ms
    span = max(end - start, CLOSE_UP_MS)
    return Spell(start - span // 50, end + max(span // 20, LEAST_AFTER_MS))


def close_up(history: Reconstruction, case: Case, life: Spell) -> Spell | None:
    """The last moments before the order, to the last booking; none where the whole is hardly longer."""
    incident = case.incident
    end = history.events[incident.last].time_ms
    start = incident.time_ms - CLOSE_UP_MS
    if life.end_ms - life.start_ms < CLOSE_UP_FROM * (end - start):
        return None
    return Spell(start, end + max((end - start) // 8, LEAST_AFTER_MS))

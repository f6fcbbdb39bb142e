"""Liquidations that go on: one position, closed by several orders of the venue within a second.

An order that could not close everything is followed by one that hands the rest to the insurance fund, and by one for
what is deleveraged. The trigger is that of the first; the others have none of their own.
"""

from collections.abc import Sequence

from margincall.core.events import AnyEvent, Fill
from margincall.forensics.incidents import Incident
from margincall.wire.durations import SECOND_MS


def goes_on_from(events: Sequence[AnyEvent], incidents: Sequence[Incident]) -> tuple[str, ...]:
    """For each incident the order id of the liquidation that it goes on from, "" if it is one of its own."""
    found: list[str] = []
    last: dict[tuple[str, str], tuple[Incident, str]] = {}
    for incident in incidents:
        if incident.kind != "liquidation" or not incident.order_id:
            found.append("")
            continue
        key = (incident.symbol, incident.side)
        before, root = last.get(key, (None, ""))
        goes_on = before is not None and _is_same(events, before, incident)
        found.append(root if goes_on else "")
        last[key] = (incident, root if goes_on else incident.order_id)
    return tuple(found)


def _is_same(events: Sequence[AnyEvent], before: Incident, incident: Incident) -> bool:
    """Whether an incident closes what an earlier one left of its position: of the same second, and the trader did not
    trade it in between."""
    if incident.time_ms - before.time_ms > SECOND_MS:
        return False
    return not any(
        isinstance(event, Fill) and (event.symbol, event.side) == (incident.symbol, incident.side) and not event.close
        for event in events[before.first : incident.first]
    )

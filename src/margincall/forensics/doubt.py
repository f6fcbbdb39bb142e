"""How far the wallet at a trigger is in doubt, and the poorest and the richest account that the files allow.

Two things leave it open. Files that stamp whole seconds do not tell whether a flow of the same second came before or
after the trigger. And where no wallet is printed before the event, it is cast back from one printed later: the wallet
then = the wallet printed − everything applied in between (assumed: `wallet-back-cast`, the files hold every change);
fees that no file prints are derived on the way and in doubt as a whole.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import structs

from margincall.core.account import Account
from margincall.core.events import Fill, Flow
from margincall.core.fold import fold
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.forensics.incidents import AFTERMATH_MS, Incident
from margincall.forensics.reconstruct import Reconstruction

BACK_CAST = "wallet-back-cast"
NEAR_MS = 1000
"""A snapshot dates a change to the millisecond, an export to the second."""


class Doubt(NamedTuple):
    """The accounts between which the true one lies."""

    poorest: Account
    richest: Account


def is_back_cast(history: Reconstruction, incident: Incident, asset: str) -> bool:
    """Whether the wallet of `asset` at the incident follows from a snapshot that was made later."""
    snapshot = history.opening.snapshots.get(asset)
    return snapshot is not None and snapshot > incident.first


def reaches_snapshot(history: Reconstruction, incident: Incident, asset: str) -> bool:
    """Whether the files hold the changes between the event and the snapshot: some file lists wallet changes from the
    event on, and one of its events explains the change that the snapshot dates (it prints when the balance changed
    last)."""
    evidence = history.evidence
    if not evidence.lists_flows or evidence.flows_since > incident.time_ms + AFTERMATH_MS:
        return False
    place = history.opening.snapshots[asset]
    printed = history.events[place].time_ms
    return any(abs(event.time_ms - printed) <= NEAR_MS for event in _changes_before(history, place, printed))


def _changes_before(history: Reconstruction, place: int, printed: int) -> Iterator[Fill | Flow]:
    for before in range(place - 1, -1, -1):
        event = history.events[before]
        if event.time_ms < printed - NEAR_MS:
            return
        if isinstance(event, Fill | Flow):
            yield event


def doubt_of(history: Reconstruction, incident: Incident, account: Account, rules: VenueRules) -> Doubt | None:
    """The poorest and the richest account at the trigger; none where nothing is in doubt."""
    poorest = richest = account
    for flow in [*_of_its_second(history, incident), *_derived_fees(history, incident)]:
        gains = sum(flow.applied.values(), ZERO) > 0
        other = fold(richest if gains else poorest, flow, rules)
        poorest, richest = (poorest, other) if gains else (other, richest)
    return None if poorest is richest else Doubt(poorest, richest)


def _of_its_second(history: Reconstruction, incident: Incident) -> list[Flow]:
    """What would be different if each flow of the trigger's second stood on the other side of it."""
    first, events = history.events[incident.first], history.events
    found: list[Flow] = []
    for step, sign in ((-1, -1), (1, 1)):
        place = incident.first + step
        while 0 <= place < len(events) and history.evidence.same_second(first, events[place]):
            event = events[place]
            if isinstance(event, Flow) and event.category not in ("insurance_clear", "realized_pnl", "commission"):
                found.append(
                    structs.replace(event, applied={name: sign * each for name, each in event.applied.items()})
                )
            place += step
    return found


def _derived_fees(history: Reconstruction, incident: Incident) -> Iterator[Flow]:
    """Fees between the event and a snapshot that no file prints: booked as derived, and in doubt as a whole."""
    for asset, snapshot in history.opening.snapshots.items():
        feeless = history.compared.feeless
        between = feeless[bisect_left(feeless, incident.first) : bisect_left(feeless, snapshot)]
        checks = [history.compared.checks[place] for place in between]
        own = [each for each in checks if history.book.contracts[each.fill.symbol].margin_asset == asset]
        total = sum((each.terms.fee or ZERO for each in own), ZERO)
        for amount in (total, -total):
            if amount:
                at = history.events[incident.first].time_ms
                yield Flow(time_ms=at, category="commission", reason="derived fees", applied={asset: amount})

"""One account's history, folded again: events in order, the account at each moment, and what disagrees.

order -> solve the opening -> infer what is told only by its result -> fold -> compare -> diagnose
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct

from margincall.core.checks import UNCLEAR, Finding
from margincall.core.events import AnyEvent, Fill, Source, Statement
from margincall.core.fold import books_problem
from margincall.core.rounding import exact, ratio_nearest
from margincall.core.rules import FeeRates
from margincall.forensics.compare import Compared, Comparer
from margincall.forensics.diagnose import diagnose
from margincall.forensics.evidence import Evidence, evidence_of
from margincall.forensics.inferred import TAKEN_OVER, Prober, infer
from margincall.forensics.markline import Marker, MarkLine
from margincall.forensics.opening import Opening, about, solve_opening
from margincall.forensics.ordering import belongs, is_order_update, statements_after_fills
from margincall.forensics.orders import OrderLine
from margincall.forensics.positions import closed_positions
from margincall.forensics.rulebook import Rulebook, RulesAt
from margincall.forensics.timeline import Timeline

RATE_UNIT = Decimal("1e-6")
"""Fee rates are multiples of this."""


class Reconstruction(Struct, frozen=True):
    """A folded history. `inferred` are the places of events that were told only by their result."""

    events: tuple[AnyEvent, ...]
    opening: Opening
    timeline: Timeline
    marks: MarkLine
    compared: Compared
    findings: tuple[Finding, ...]
    inferred: frozenset[int]
    orders: OrderLine
    book: Rulebook
    evidence: Evidence

    @property
    def rules_at(self) -> RulesAt:
        """The rules in force at a time."""
        return self.book.at


@exact
def reconstruct(
    events: Sequence[AnyEvent], book: Rulebook, *, rates: FeeRates | None = None, evidence: Evidence | None = None
) -> Reconstruction:
    """Fold a merged history. `evidence` tells what its files can show. `rates` overrides the fee rates; by default they
    are the account's own, if its fills show them, else the schedule's. Events of symbols that no venue lists must have
    been left out."""
    chosen = rates if rates is not None or book.elsewhere is not None else own_rates(events)
    book = book if chosen is None else book.with_fees(chosen)
    rules_at = book.at
    ordered, alone = statements_after_fills(events)
    folded = _fold(ordered, book)
    inferred: frozenset[int] = frozenset()
    if folded.prober.is_needed:
        found = infer(folded.opening.account, ordered, rules_at)
        inferred = found.places
        if inferred:
            # Places have shifted; solving once more gives the same opening with the new places.
            lonely = {_identity(ordered[place]) for place in alone}
            ordered = list(found.events)
            alone = {place for place, event in enumerate(ordered) if _identity(event) in lonely}
            folded = _fold(ordered, book)
    opening, timeline = folded.opening, folded.timeline
    problem = books_problem(timeline.last, rules_at(ordered[-1].time_ms if ordered else 0))
    assert problem is None, problem
    compared = folded.comparer.compared()
    findings = (
        *(_missing_fees(compared) if book.elsewhere is None else ()),
        *_unpaired(ordered, alone),
        *_inferred_inputs(ordered, opening, inferred),
        *diagnose(ordered, compared, rules_at),
        *closed_positions(ordered, rules_at),
    )
    return Reconstruction(
        events=tuple(ordered),
        opening=opening,
        timeline=timeline,
        marks=folded.marker.line,
        compared=compared,
        findings=findings,
        inferred=inferred,
        orders=OrderLine(ordered),
        book=book,
        evidence=evidence if evidence is not None else evidence_of((), events),
    )


class _Folded(NamedTuple):
    opening: Opening
    timeline: Timeline
    prober: Prober
    comparer: Comparer
    marker: Marker


def _fold(events: Sequence[AnyEvent], book: Rulebook) -> _Folded:
    """Solve the opening and fold once, with everybody watching who needs the accounts on the way."""
    opening = solve_opening(events, book.at)
    prober, comparer, marker = Prober(events, book.at), Comparer(opening, events, book.at), Marker(book.contracts)
    timeline = Timeline(opening.account, events, book.at, (prober, comparer, marker))
    return _Folded(opening, timeline, prober, comparer, marker)


def own_rates(events: Sequence[AnyEvent]) -> FeeRates | None:
    """The fee rates that most of the account's own fills show, separately for maker and taker; none without fees. Of a
    long history every so many events are looked at.

    Only linear fills whose fee is in the quote asset can show one: rate = fee / (quantity × price).
    """
    shown: dict[bool, Counter[Decimal]] = {True: Counter(), False: Counter()}
    for event in events[:: len(events) // SAMPLE + 1]:
        if isinstance(event, Fill) and event.fee and event.maker is not None and event.close == "":
            worth = abs(event.quantity) * event.price
            same_asset = event.fee_asset is None or event.symbol.partition("_")[0].endswith(event.fee_asset)
            if worth and same_asset and "USD_" not in event.symbol:
                rate = ratio_nearest(event.fee / worth)
                shown[event.maker][_to_unit(rate)] += 1
    if sum(shown[False].values()) + sum(shown[True].values()) < MANY:
        return None
    maker, taker = (_most(shown[True]), _most(shown[False]))
    return FeeRates(maker=maker, taker=taker) if maker is not None and taker is not None else None


SAMPLE = 20_000
"""So many events are looked at for the account's fee rates at most."""
MANY = 10
"""Fewer fills with a fee than this do not overrule the schedule: one wrong print must not become a rate."""


def _to_unit(rate: Decimal) -> Decimal:
    return (rate / RATE_UNIT + Decimal("0.5")) // 1 * RATE_UNIT


def _most(counter: Counter[Decimal]) -> Decimal | None:
    return max(sorted(counter), key=lambda rate: counter[rate]) if counter else None


def _identity(event: AnyEvent) -> tuple[type, Source, int]:
    return type(event), event.source, event.seq


def _missing_fees(compared: Compared) -> list[Finding]:
    """Fills without a printed fee: the derived one was booked."""
    return [
        Finding(
            kind="fee_missing",
            verdict=UNCLEAR,
            about=f"{about(check.fill)} trade {check.fill.trade_id}",
            rule="no fee is printed; booked is |quantity| × price × rate (docs/spec/fold.md)",
            derived=check.terms.fee,
            source=str(check.fill.source),
        )
        for check in compared.fills
        if check.fill.fee is None
    ]


def _unpaired(events: Sequence[AnyEvent], alone: set[int]) -> list[Finding]:
    """Updates without their fill, and fills without their update where the source prints updates."""
    found = []
    updating = {event.source.file for event in events if isinstance(event, Statement) and is_order_update(event)}
    for place, event in enumerate(events):
        if place in alone:
            found.append(_note(event, "update_without_fill", "an update about an order, without the fill it reports"))
        following = events[place + 1] if place + 1 < len(events) else None
        if not isinstance(event, Fill) or event.source.file not in updating or event.trade_id == TAKEN_OVER:
            continue
        if not (isinstance(following, Statement) and belongs(following, event)):
            found.append(_note(event, "fill_without_update", "a fill whose account update is missing"))
    return found


def _inferred_inputs(events: Sequence[AnyEvent], opening: Opening, places: frozenset[int]) -> list[Finding]:
    """Settings and events that no file states."""
    found = [
        Finding(
            kind="leverage_inferred",
            verdict=UNCLEAR,
            about=symbol,
            rule="leverage = value / (isolated wallet + fee) at the first isolated print (docs/spec/fold.md)",
            derived=Decimal(opening.account.leverage[symbol]),
            source=str(events[place].source),
        )
        for symbol, place in opening.leverage_from.items()
    ]
    return found + [
        _note(events[place], f"{type(events[place]).__name__.lower()}_inferred", "told only by its result")
        for place in sorted(places)
    ]


def _note(event: AnyEvent, kind: str, rule: str) -> Finding:
    name = about(event) if isinstance(event, Fill) else getattr(event, "symbol", "") or type(event).__name__.lower()
    return Finding(kind=kind, verdict=UNCLEAR, about=name, rule=rule, source=str(event.source))

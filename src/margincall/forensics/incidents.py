"""Finds every liquidation and auto-deleveraging in a history.

Markers, strongest first: client order ids `autoclose-…` and `adl_autoclose`, order type LIQUIDATION, execution
CALCULATED (Binance documentation; facts in `docs/spec/incidents.md`); an INSURANCE_CLEAR without an order; a position
that vanishes; a wallet that drops. The last three are indirect: they say that something was closed, not how.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.account import PositionSide
from margincall.core.events import AnyEvent, CloseKind, Fill, Flow, Order, Statement
from margincall.core.protocol.waterfall import CLEARANCE_INTERVAL_MS
from margincall.core.units import ZERO
from margincall.forensics.compare import Comparison
from margincall.forensics.inferred import TAKEN_OVER
from margincall.wire.hyperliquid import LIQUIDATED

Kind = Literal["liquidation", "adl", "indirect", "support"]
AFTERMATH_MS = 60_000
"""Clearance fee and takeover follow a liquidation order within this time (the venue states no bound: assumed)."""
JUST_BEFORE_MS = 2_000
"""Orders that expire because of a liquidation do so within this time before it (assumed)."""


class Incident(Struct, frozen=True):
    """One liquidation or deleveraging. `first` is the place of its first event: the account before it is the trigger's.

    `last` is the place of the last event that belongs to it; `fills`, `clearances` and `cancelled` are places.
    """

    kind: Kind
    symbol: str
    side: PositionSide
    time_ms: int
    first: int
    last: int
    order: Order | None = None
    order_id: str = ""
    client_order_id: str = ""
    fills: tuple[int, ...] = ()
    clearances: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()
    traces: tuple[str, ...] = ()


def find_incidents(events: Sequence[AnyEvent], comparisons: Sequence[Comparison]) -> tuple[Incident, ...]:
    """All incidents, in the order of their first events."""
    groups = _forced_orders(events)
    found = sorted((_incident(key, places, events) for key, places in groups.items()), key=_first)
    found, claimed = _with_aftermath(found, events)
    found += _listed(events)
    claimed |= {place for incident in found for place in (*incident.fills, *incident.clearances)}
    found += _indirect(events, comparisons, claimed, found)
    found += [_support(place, event) for place, event in enumerate(events) if _is_support(event)]
    return tuple(sorted(found, key=lambda incident: (incident.first, incident.symbol)))


def _forced_orders(events: Sequence[AnyEvent]) -> dict[tuple[str, str, CloseKind], list[int]]:
    groups: dict[tuple[str, str, CloseKind], list[int]] = {}
    for place, event in enumerate(events):
        if isinstance(event, Fill | Order) and event.close in ("liquidation", "adl"):
            if isinstance(event, Fill) and event.trade_id == TAKEN_OVER:
                continue
            name = event.order_id or event.client_order_id
            groups.setdefault((event.symbol, name, event.close), []).append(place)
    return groups


def _incident(key: tuple[str, str, CloseKind], places: list[int], events: Sequence[AnyEvent]) -> Incident:
    members = [event for place in places if isinstance(event := events[place], Fill | Order)]
    orders = [event for event in members if isinstance(event, Order)]
    limited = [order for order in orders if order.price]
    fills = tuple(place for place in places if isinstance(events[place], Fill))
    first = members[0]
    return Incident(
        kind="adl" if key[2] == "adl" else "liquidation",
        symbol=key[0],
        side=first.side,
        time_ms=first.time_ms,
        first=places[0],
        last=places[-1],
        order=limited[-1] if limited else orders[-1] if orders else None,
        order_id=first.order_id,
        client_order_id=next((event.client_order_id for event in members if event.client_order_id), ""),
        fills=fills,
    )


def _with_aftermath(found: list[Incident], events: Sequence[AnyEvent]) -> tuple[list[Incident], set[int]]:
    """Give each clearance fee and takeover to the last liquidation of its symbol before it; and the places of those
    that belong to one of several, nobody can tell which. As many fees as orders of one position in one moment are given
    to them by size: the rate is one, and rows of one moment need not stand in their order."""
    shared: set[int] = set()
    fills = {incident.first: list(incident.fills) for incident in found}
    fees: dict[int, list[int]] = {incident.first: [] for incident in found}
    together: dict[tuple[int, ...], list[int]] = {}
    for place, event in enumerate(events):
        taken = isinstance(event, Fill) and event.trade_id == TAKEN_OVER
        cleared = isinstance(event, Flow) and event.category == "insurance_clear"
        if not taken and not cleared:
            continue
        assert isinstance(event, Fill | Flow)
        owners = _owners(found, place, event, events)
        if len(owners) == 1:
            (fills if taken else fees)[owners[0].first].append(place)
        elif owners:
            shared.add(place)
            if not taken:
                together.setdefault(tuple(sorted(each.first for each in owners)), []).append(place)
    for firsts, places in together.items():
        if len(firsts) == len(places) and _is_one_position(firsts, found):
            shared -= set(places)
            orders = sorted((each for each in found if each.first in firsts), key=lambda each: _traded(each, events))
            for incident, place in zip(orders, sorted(places, key=lambda each: _charged(events[each])), strict=True):
                fees[incident.first].append(place)
    completed = [_completed(incident, fills[incident.first], fees[incident.first], events) for incident in found]
    return completed, shared


def _owners(found: Sequence[Incident], place: int, event: Fill | Flow, events: Sequence[AnyEvent]) -> list[Incident]:
    """The last liquidation before it that it can belong to; several if a row without symbol, or without its leg in
    hedge mode, does not tell which."""
    fitting: list[Incident] = []
    for incident in reversed(found):
        if event.time_ms - incident.time_ms > _within_ms(event):
            break
        fits = incident.kind == "liquidation" and incident.first < place and event.side in (None, incident.side)
        if fits and event.symbol in ("", incident.symbol) and (_is_charged(incident) or not _is_fee(event)):
            fitting.append(incident)
    if isinstance(event, Fill) and event.order_id:
        return [each for each in fitting if each.order_id == event.order_id][:1]
    if _is_fee(event):
        fitting = [each for each in fitting if _met_the_market(each, events)] or fitting
    followed = [each for each in fitting if _follows(each, place, event, events)]
    if len(followed) == 1 and not any(_of_one_moment(followed[0], each) for each in fitting):
        return followed
    last = fitting[:1]
    return last + [
        each
        for each in fitting[1:]
        if (each.symbol, each.side) != (last[0].symbol, last[0].side) or _of_one_moment(last[0], each)
    ]


def _within_ms(event: Fill | Flow) -> int:
    """How long after a liquidation it may still belong to it: a wallet below 0 is made good at full ten minutes."""
    return AFTERMATH_MS if isinstance(event, Fill) or _is_fee(event) else CLEARANCE_INTERVAL_MS


def _is_fee(event: Fill | Flow) -> bool:
    """A clearance fee, and not what the fund makes good."""
    return isinstance(event, Flow) and sum(event.applied.values(), ZERO) < ZERO


def _is_charged(incident: Incident) -> bool:
    """Whether a fee can have been charged: it is taken on the amount liquidated only (FAQ 360033525271), so an order
    that ended without a fill pays none."""
    order = incident.order
    return bool(incident.fills) or order is None or bool(order.executed) or order.status == "NEW"


def _met_the_market(incident: Incident, events: Sequence[AnyEvent]) -> bool:
    """Whether a fill of it paid a commission: the venue's own closings, against the fund or who is deleveraged, are
    free (assumed: `takeover-fee`)."""
    return any(isinstance(event := events[place], Fill) and bool(event.fee) for place in incident.fills)


def _follows(incident: Incident, place: int, event: Fill | Flow, events: Sequence[AnyEvent]) -> bool:
    """Whether a row without a symbol comes right after the order's last fill, in the same millisecond: between them is
    nothing but what the venue prints about it. A stamp of a whole second is none of a millisecond."""
    if event.time_ms % 1000 == 0 or not incident.fills or events[incident.fills[-1]].time_ms != event.time_ms:
        return False
    between = events[incident.fills[-1] + 1 : place]
    return all(isinstance(each, Statement | Order) and each.time_ms == event.time_ms for each in between)


def _traded(incident: Incident, events: Sequence[AnyEvent]) -> Decimal:
    """Price × quantity of all fills of an order."""
    fills = [event for place in incident.fills if isinstance(event := events[place], Fill)]
    return sum((abs(fill.quantity) * fill.price for fill in fills), ZERO)


def _charged(event: AnyEvent) -> Decimal:
    """What a fee takes, as a positive amount."""
    return -sum(event.applied.values(), ZERO) if isinstance(event, Flow) else ZERO


def _is_one_position(firsts: Sequence[int], found: Sequence[Incident]) -> bool:
    """Whether these orders closed one position."""
    return len({(each.symbol, each.side) for each in found if each.first in firsts}) == 1


def _of_one_moment(one: Incident, other: Incident) -> bool:
    """Whether both orders bear the same stamp and are told by lists, or by no order at all: which fee is whose is not
    told by its place then, as it is in a recording."""
    is_recorded = all(each.order is not None and bool(each.order.execution) for each in (one, other))
    return one.time_ms == other.time_ms and not is_recorded and one.order_id != other.order_id


def _completed(incident: Incident, fills: list[int], fees: list[int], events: Sequence[AnyEvent]) -> Incident:
    cancelled = tuple(
        place
        for place in range(max(incident.first - 1000, 0), min(incident.last + 1000, len(events)))
        if isinstance(event := events[place], Order) and _is_cancelled_by(incident, event)
    )
    return Incident(
        kind=incident.kind,
        symbol=incident.symbol,
        side=incident.side,
        time_ms=incident.time_ms,
        first=incident.first,
        last=max([incident.last, *fills, *fees]),
        order=incident.order,
        order_id=incident.order_id,
        client_order_id=incident.client_order_id,
        fills=tuple(sorted(fills)),
        clearances=tuple(fees),
        cancelled=cancelled,
    )


def _is_cancelled_by(incident: Incident, order: Order) -> bool:
    """Whether an order expired because of the liquidation. Lists of orders print no reason: there it is one that would
    have stayed in the book and expired in the same moment, as finely as it is stamped."""
    if order.expire_reason:
        return order.expire_reason == "5" and abs(order.time_ms - incident.time_ms) <= JUST_BEFORE_MS
    stayed = order.time_in_force not in ("IOC", "FOK") and not order.close and not order.execution
    return stayed and order.status == "EXPIRED" and order.time_ms == incident.time_ms


def _listed(events: Sequence[AnyEvent]) -> list[Incident]:
    """Liquidations of which a venue prints the second and the account, but no order (Hyperliquid): one for each
    position that the fills of that second reduce. In its sample these close what was held, in 33 of 33."""
    found: list[Incident] = []
    held: dict[tuple[str, PositionSide], Decimal] = {}
    before: dict[tuple[str, PositionSide], Decimal] = {}
    second = -1
    places: list[int] = []
    for place, event in enumerate(events) if any(map(_is_listed, events)) else ():
        if event.time_ms // 1000 != second:
            second, places, before = event.time_ms // 1000, [], dict(held)
        if isinstance(event, Fill):
            key = (event.symbol, event.side)
            held[key] = held.get(key, ZERO) + event.quantity
            places.append(place)
        elif isinstance(event, Statement) and _is_listed(event):
            found += _closed_in(events, places, before, (place, event))
    return found


def _closed_in(
    events: Sequence[AnyEvent],
    places: Sequence[int],
    held: Mapping[tuple[str, PositionSide], Decimal],
    listed: tuple[int, Statement],
) -> list[Incident]:
    """The incidents of a listed liquidation, by the fills of its second (at `places`) and what was held before it."""
    last, statement = listed
    value = statement.totals.balance if statement.totals is not None else None
    text = f"the venue lists this second's {statement.about}, at an account value of {value}"
    fills: dict[tuple[str, PositionSide], list[int]] = {}
    for place in places:
        event = events[place]
        assert isinstance(event, Fill)
        if held.get((event.symbol, event.side), ZERO) * event.quantity < ZERO:
            fills.setdefault((event.symbol, event.side), []).append(place)
    if not fills:
        missing = f"{text}; its fills are not in the files"
        return [Incident("indirect", "", "BOTH", statement.time_ms, last, last, traces=(missing,))]
    return [
        Incident(
            kind="liquidation",
            symbol=symbol,
            side=side,
            time_ms=statement.time_ms,
            first=found[0],
            last=last,
            fills=tuple(found),
            traces=(f"{text}; the fills of that second that reduce this position are taken as its own",),
        )
        for (symbol, side), found in fills.items()
    ]


def _is_listed(event: AnyEvent) -> bool:
    return isinstance(event, Statement) and event.origin == "margin_call" and event.about.startswith(LIQUIDATED)


def _indirect(
    events: Sequence[AnyEvent], comparisons: Sequence[Comparison], claimed: set[int], known: Sequence[Incident]
) -> list[Incident]:
    """Closings of which only traces are left: a takeover, a clearance fee or a wallet drop that no order explains."""
    found: list[Incident] = []
    for place, event in enumerate(events):
        if place in claimed:
            continue
        if isinstance(event, Fill) and event.trade_id == TAKEN_OVER:
            found.append(_trace(place, event, "a position vanished without a trade"))
        elif isinstance(event, Flow) and event.category == "insurance_clear":
            closing = _closing_fills(events, place, event)
            found.append(_cleared(place, event, closing, events))
    times = sorted(other.time_ms for other in [*known, *found])
    for comparison, fallen in _wallet_drops(comparisons):
        when = comparison.time_ms
        near = bisect_left(times, when - AFTERMATH_MS)
        if near == len(times) or times[near] > when + AFTERMATH_MS:
            insort(times, when)
            text = f"the {comparison.about} wallet is printed {-fallen} lower than its events say"
            found.append(Incident("indirect", "", "BOTH", when, comparison.place, comparison.place, traces=(text,)))
    return _joined(found)


def _trace(place: int, event: Fill, text: str) -> Incident:
    return Incident("indirect", event.symbol, event.side, event.time_ms, place, place, fills=(place,), traces=(text,))


def _closing_fills(events: Sequence[AnyEvent], place: int, flow: Flow) -> tuple[int, ...]:
    """The fills of the last order of the symbol just before a clearance fee: the fee is charged on them."""
    found: list[int] = []
    for before in range(place - 1, -1, -1):
        event = events[before]
        if flow.time_ms - event.time_ms > AFTERMATH_MS:
            break
        if isinstance(event, Fill) and event.symbol == flow.symbol:
            last = events[found[0]] if found else event
            assert isinstance(last, Fill)
            if event.order_id != last.order_id:
                break
            found.insert(0, before)
    return tuple(found)


def _cleared(place: int, flow: Flow, closing: tuple[int, ...], events: Sequence[AnyEvent]) -> Incident:
    """A clearance fee without a marked order: the fills just before it, if any, are what was liquidated."""
    first = events[closing[0]] if closing else flow
    assert isinstance(first, Fill | Flow)
    return Incident(
        kind="indirect",
        symbol=flow.symbol,
        side=first.side or "BOTH",
        time_ms=first.time_ms,
        first=closing[0] if closing else place,
        last=place,
        order_id=first.order_id if isinstance(first, Fill) else "",
        fills=closing,
        clearances=(place,),
        traces=("a clearance fee (INSURANCE_CLEAR) without an order that is marked as a liquidation",),
    )


def _joined(found: list[Incident]) -> list[Incident]:
    """Traces of one symbol within the aftermath are one incident."""
    joined: list[Incident] = []
    for incident in sorted(found, key=lambda each: each.first):
        last = joined[-1] if joined else None
        close = last is not None and incident.time_ms - last.time_ms <= AFTERMATH_MS
        if last is not None and close and incident.symbol in ("", last.symbol):
            joined[-1] = Incident(
                kind="indirect",
                symbol=last.symbol,
                side=last.side,
                time_ms=last.time_ms,
                first=last.first,
                last=incident.last,
                fills=last.fills + incident.fills,
                clearances=last.clearances + incident.clearances,
                traces=last.traces + incident.traces,
            )
        else:
            joined.append(incident)
    return joined


def _wallet_drops(comparisons: Sequence[Comparison]) -> list[tuple[Comparison, Decimal]]:
    """Prints of a wallet that fall behind the fold, further than the print before, with by how much. A gap that only
    closes again is none."""
    gaps: dict[str, Decimal] = {}
    drops = []
    for comparison in comparisons:
        if comparison.field == "wallet" and comparison.counted:
            fallen = comparison.difference - min(gaps.get(comparison.about, ZERO), ZERO)
            if fallen < 0:
                drops.append((comparison, fallen))
            gaps[comparison.about] = comparison.difference
    return drops


def _first(incident: Incident) -> int:
    return incident.first


def _is_support(event: AnyEvent) -> bool:
    return isinstance(event, Statement) and event.origin == "support"


def _support(place: int, event: AnyEvent) -> Incident:
    return Incident("support", "", "BOTH", event.time_ms, place, place)

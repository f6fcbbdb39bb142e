"""The realised loss of each closing, part by part, as a figure for a tax adviser. It is no tax advice.

The parts are what the venue booked: the result of the closing trades, of a takeover, fees, the clearance fee, what the
fund made good, and of the same position the fees of its opening and the funding since it was opened.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import PositionKey
from margincall.core.events import Fill, Flow
from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.forensics.explain import Case
from margincall.forensics.reconstruct import Reconstruction

NOT_ADVICE = "a figure from the bookings for your tax adviser, no tax advice: what counts, and when, depends on the law"
BOOKED = ("profit", "loss", "taken over", "commission", "clearance fee", "made good")
"""Steps of the waterfall that are part of the result."""


class Part(Struct, frozen=True):
    """One part, signed: negative is a loss."""

    what: str
    amount: Decimal


class TaxLoss(Struct, frozen=True):
    """The result of a closing in one asset: `total` is the sum of its parts, none where the closing trades are not
    known. `lacks` names what is not in it."""

    asset: str
    parts: tuple[Part, ...]
    total: Decimal | None
    lacks: tuple[str, ...] = ()
    note: str = NOT_ADVICE


@exact
def losses_of(history: Reconstruction, cases: Sequence[Case]) -> tuple[tuple[TaxLoss, ...], ...]:
    """For each closing its result by asset. Funding between two closings of one position counts for the later one."""
    found = []
    until: dict[PositionKey, int] = {}
    for case in cases:
        key: PositionKey = (case.incident.symbol, case.incident.side)
        found.append(_losses(history, case, until.get(key, 0)))
        until[key] = case.incident.last + 1
    return tuple(found)


@exact
def together(losses: Sequence[tuple[TaxLoss, ...]]) -> tuple[TaxLoss, ...]:
    """All closings of the files by asset; the total is none where one is not known."""
    by_asset: dict[str, list[TaxLoss]] = {}
    for each in losses:
        for loss in each:
            by_asset.setdefault(loss.asset, []).append(loss)
    return tuple(_sum(asset, listed) for asset, listed in sorted(by_asset.items()))


def _sum(asset: str, listed: Sequence[TaxLoss]) -> TaxLoss:
    parts: dict[str, Decimal] = {}
    for loss in listed:
        for part in loss.parts:
            parts[part.what] = parts.get(part.what, ZERO) + part.amount
    total = None if any(loss.total is None for loss in listed) else sum(parts.values(), ZERO)
    lacks = tuple(dict.fromkeys(each for loss in listed for each in loss.lacks))
    return TaxLoss(asset, tuple(Part(what, amount) for what, amount in parts.items()), total, lacks)


def _losses(history: Reconstruction, case: Case, after: int) -> tuple[TaxLoss, ...]:
    told = case.explanation
    if not told.symbol or case.money is None:
        return ()
    asset = history.rules_at(told.time_ms).contract(told.symbol).margin_asset
    parts: dict[str, list[Part]] = {asset: []}
    for step in told.waterfall:
        if step.step in BOOKED:
            name = "result of the closing trades" if step.step in ("profit", "loss") else step.step
            parts.setdefault(step.asset, []).append(Part(name, step.amount))
    opened, is_whole = _opened(history, case)
    opening_fees = _opening_fees(history, case)
    if opening_fees:
        parts[asset].append(Part("fees of its opening", -opening_fees))
    funding, is_doubtful = _funding(history, case, max(opened, after))
    for name, amount in sorted(funding.items()):
        parts.setdefault(name, []).append(Part("funding since it was opened", amount))
    lacks = []
    if told.realized_pnl is None:
        lacks.append("the result of all closing trades")
    if is_doubtful:
        lacks.append("funding that is booked without a symbol while several positions were open (income history)")
    if not is_whole:
        lacks.append("fees and funding before the files begin, inside the position")
    if not history.evidence.lists_flows:
        lacks.append("funding and the clearance fee (income history, or a user-data stream)")
    elif told.clearance.fee is None and any(each.term == "clearance.fee" for each in told.unknown):
        lacks.append("the clearance fee")
    return tuple(
        _loss(name, listed, told.realized_pnl is not None or name != asset, lacks) for name, listed in parts.items()
    )


def _loss(asset: str, parts: Sequence[Part], is_known: bool, lacks: Sequence[str]) -> TaxLoss:
    total = sum((part.amount for part in parts), ZERO) if is_known else None
    return TaxLoss(asset, tuple(parts), total, tuple(lacks))


def _opened(history: Reconstruction, case: Case) -> tuple[int, bool]:
    """The place of the fill that opened the position, and whether the files hold it; 0 where they begin inside it."""
    key: PositionKey = (case.incident.symbol, case.incident.side)
    left = history.timeline.before(case.incident.first).position(key).quantity
    if not left:
        return case.incident.first, False
    direction = left > ZERO
    for place in range(case.incident.first - 1, -1, -1):
        event = history.events[place]
        if isinstance(event, Fill) and (event.symbol, event.side) == key:
            left -= event.quantity  # type: ignore[assignment]
            if not left or (left > ZERO) != direction:
                return place, True
    return 0, False


def _opening_fees(history: Reconstruction, case: Case) -> Decimal:
    """What was paid for opening the part that was closed, in the margin asset."""
    key: PositionKey = (case.incident.symbol, case.incident.side)
    before = history.timeline.before(case.incident.first).position(key)
    after = history.timeline.after(case.incident.last).position(key)
    kept = after.entry_fees if after.quantity * before.quantity > ZERO else ZERO
    return max(before.entry_fees - kept, ZERO)


def _funding(history: Reconstruction, case: Case, start: int) -> tuple[dict[str, Decimal], bool]:
    """Funding of the position by asset, and whether some in that time is booked without telling of which position (a
    stream names none in cross margin): it is this one's only where nothing else was open."""
    key: PositionKey = (case.incident.symbol, case.incident.side)
    found: dict[str, Decimal] = {}
    is_doubtful = False
    for place in range(start, case.incident.last + 1):
        event = history.events[place]
        if not isinstance(event, Flow) or event.category != "funding":
            continue
        if not event.symbol:
            held = [each.key for each in history.timeline.before(place).open_positions()]
            if held != [key]:
                is_doubtful = True
                continue
        elif event.symbol != key[0] or event.side not in (None, key[1]):
            continue
        for asset, amount in event.applied.items():
            found[asset] = found.get(asset, ZERO) + amount
    return {asset: amount for asset, amount in found.items() if amount}, is_doubtful

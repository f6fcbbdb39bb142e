"""In which steps a liquidation went: no more closed than was held, and no further step once the margin was met again.

After each order of the venue, and the fee for it, the account is looked at anew: what meets its margin again is left
alone (FAQ 360033525271).
"""

from collections.abc import Sequence
from decimal import Decimal

from margincall.core.account import Account
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from margincall.core.events import Fill, Flow
from margincall.core.rounding import AMOUNT_UNIT, exact
from margincall.core.units import ZERO
from margincall.forensics.incidents import Incident
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.clearance import order_ended
from margincall.forensics.verify.make import check
from margincall.forensics.verify.trigger import above_for_sure
from margincall.forensics.verify.view import View, pool_after
from margincall.wire.durations import SECOND_MS

SETTLED_BY = "a recorded user-data stream with the marks of those seconds"


@exact
def steps_check(view: View) -> Check | None:
    """Whether the rest was taken over although the order's fills, with its fee, had left the account above its margin.
    None where nothing was taken over after an order."""
    place = _taken_over_at(view)
    if place is None:
        return None
    account = view.history.timeline.before(place)
    is_told, later = _fees(view, view.incident.clearances, place)
    pool = pool_after(view, place - 1, view.moment.rules)
    is_reached = pool is not None and bool(pool.positions) and pool.liquidated
    return _step(
        view,
        "the rest was taken over",
        account,
        later,
        is_reached=is_reached,
        is_told=is_told and order_ended(view),
        evidence=str(view.history.events[place].source),
    )


def _step(
    view: View, what: str, account: Account, later: Decimal, *, is_reached: bool, is_told: bool, evidence: str
) -> Check:
    """One step further, from an account whose fees up to then are told, `later` of them booked only afterwards."""
    above = None if is_reached else above_for_sure(view, account)
    verdict: Verdict = HOLDS if is_reached else UNCLEAR
    if above is not None and is_told and above.surplus > later + AMOUNT_UNIT and _is_alone(view):
        verdict = FAILS
    pool = above or view.moment.pool
    return check(
        "partial_steps",
        verdict,
        f"{view.incident.symbol}: {what}",
        numbers={} if above is None or pool is None else {
            "margin_balance": pool.balance - later,
            "maintenance_margin": pool.maintenance,
            "surplus": pool.surplus - later,
        },
        unit=pool.asset if pool is not None else "",
        assumptions=("margin-after-fee",),
        evidence=evidence,
        settled_by=SETTLED_BY if verdict == UNCLEAR else "",
        points_to=("closed_too_much",),
    )  # fmt: skip


def _fees(view: View, places: Sequence[int], first: int) -> tuple[bool, Decimal]:
    """Whether clearance fees at these places are told, and how much of them is booked only after event `first`: lists,
    and messages of one moment, need not tell the order."""
    flows = [(place, view.history.events[place]) for place in places]
    fees = [(place, -flow.applied.get(view.asset, ZERO)) for place, flow in flows if isinstance(flow, Flow)]
    return bool(fees), sum((fee for place, fee in fees if place > first and fee > ZERO), ZERO)


def _taken_over_at(view: View) -> int | None:
    """The place of a takeover after fills of the order."""
    traded = False
    for place in sorted({*view.incident.fills, *view.incident.clearances}):
        event = view.history.events[place]
        if isinstance(event, Fill) and event.trade_id == TAKEN_OVER:
            return place if traded else None
        traded = traded or isinstance(event, Fill)
    return None


@exact
def size_check(view: View) -> Check | None:
    """Whether more was closed than was held, by fills that the files tell: how much the fund took over follows from
    what was left of the position."""
    held = view.moment.account.positions.get((view.incident.symbol, view.incident.side))
    if held is None or not held.quantity or view.money.quantity is None or "fills" in view.moment.lacks:
        return None
    if not view.founded.size_known(held.key, view.incident.first):
        return None
    closed = sum((abs(fill.quantity) for fill in view.fills if fill.trade_id != TAKEN_OVER), ZERO)
    over = closed - abs(held.quantity)
    return check(
        "partial_steps",
        FAILS if over > ZERO else HOLDS,
        f"{view.incident.symbol}: closed against held",
        numbers={"printed": closed, "derived": abs(held.quantity), "difference": over if over > ZERO else None},
        unit="quantity",
        evidence=view.evidence,
        points_to=("closed_too_much",),
    )


@exact
def going_on_check(view: View, finding: Finding, before: Sequence[Incident]) -> Check:
    """Whether another order followed although those `before` it, with their fees, had left the account above its
    margin: as for a trigger, under every assumption."""
    is_told, later = _fees_before(view, before)
    return _step(
        view,
        "another order followed",
        view.moment.account,
        later,
        is_reached=finding.verdict == HOLDS,
        is_told=is_told,
        evidence=view.evidence,
    )


def _fees_before(view: View, before: Sequence[Incident]) -> tuple[bool, Decimal]:
    """Whether the fee for the order before is told; and at most how much of the fees for the orders before is booked
    only after this one began. Which of the fees of one moment is whose lists do not tell: the largest are taken."""
    places = [place for incident in (*before, view.incident) for place in incident.clearances]
    is_told = bool(before) and bool(before[-1].clearances)
    fees = [_fees(view, (place,), view.incident.first)[1] for place in places]
    late = sum(place > view.incident.first for incident in before for place in incident.clearances)
    return is_told, sum(sorted(fees)[len(fees) - late :], ZERO) if late else ZERO


def _is_alone(view: View) -> bool:
    """Whether no other position was liquidated before in that moment: a pool may be taken as a whole (assumed:
    `takeover-scope`)."""
    key = view.incident.symbol, view.incident.side
    for place in range(view.incident.first - 1, -1, -1):
        event = view.history.events[place]
        if view.incident.time_ms - event.time_ms > SECOND_MS:
            break
        if isinstance(event, Fill) and event.close == "liquidation" and (event.symbol, event.side) != key:
            return False
    return True

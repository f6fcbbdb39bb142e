"""In which steps a liquidation went: no more closed than was held, and no further step once the margin was met again.

After each order of the venue, and the fee for it, the account is looked at anew: what meets its margin again is left
alone (FAQ 360033525271).
"""

from collections.abc import Sequence
from decimal import Decimal

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from margincall.core.events import Fill, Flow
from margincall.core.rounding import AMOUNT_UNIT, exact
from margincall.core.units import ZERO
from margincall.forensics.incidents import Incident
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.clearance import order_ended
from margincall.forensics.verify.make import check
from margincall.forensics.verify.trigger import survived_for_sure
from margincall.forensics.verify.view import View, pool_after, wallet_sure
from margincall.wire.durations import SECOND_MS

SETTLED_BY = "a recorded user-data stream with the marks of those seconds"


@exact
def steps_check(view: View) -> Check | None:
    """Whether the liquidation went on although the account met its margin again: after the order's fills and its fee,
    at the last known marks. None where nothing was taken over and no order followed."""
    last = _before_going_on(view)
    if last is None:
        return None
    place, what = last
    pool = pool_after(view, place - 1, view.moment.rules)
    about = f"{view.incident.symbol}: {what}"
    if pool is None or not pool.positions or not order_ended(view):
        return check(
            "partial_steps", UNCLEAR, about, evidence=view.evidence,
            settled_by=SETTLED_BY,
        )  # fmt: skip
    is_sure = wallet_sure(view) and view.moment.is_complete and view.moment.extreme is None
    assumed = view.moment.assumed
    verdict = HOLDS if pool.liquidated else FAILS if is_sure and not assumed else UNCLEAR
    return check(
        "partial_steps",
        verdict,
        about,
        numbers={"margin_balance": pool.balance, "maintenance_margin": pool.maintenance, "surplus": pool.surplus},
        unit=pool.asset,
        assumptions=assumed,
        evidence=str(view.history.events[place].source),
        points_to=("closed_too_much",),
    )


def _before_going_on(view: View) -> tuple[int, str] | None:
    """Where the liquidation went on after its first order: the takeover of the rest."""
    traded = False
    for place in sorted({*view.incident.fills, *view.incident.clearances}):
        event = view.history.events[place]
        if isinstance(event, Fill) and event.trade_id == TAKEN_OVER:
            return (place, "the rest was taken over") if traded else None
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
    pool = view.moment.pool
    is_told, later = _fee_before(view, before)
    verdict: Verdict = HOLDS if finding.verdict == HOLDS else UNCLEAR
    if pool is not None and verdict == UNCLEAR and survived_for_sure(view):
        is_left = is_told and pool.surplus > later + AMOUNT_UNIT
        verdict = FAILS if is_left and _is_alone(view) else UNCLEAR
    return check(
        "partial_steps",
        verdict,
        f"{view.incident.symbol}: another order followed",
        numbers={} if pool is None else {
            "margin_balance": pool.balance - later,
            "maintenance_margin": pool.maintenance,
            "surplus": pool.surplus - later,
        },
        unit=pool.asset if pool is not None else "",
        assumptions=("margin-after-fee",),
        evidence=view.evidence,
        settled_by=SETTLED_BY if verdict == UNCLEAR else "",
        points_to=("closed_too_much",),
    )  # fmt: skip


def _fee_before(view: View, before: Sequence[Incident]) -> tuple[bool, Decimal]:
    """Whether the fee for the order before is told; and how much of the fees for the orders before is booked only after
    this one began: lists do not tell the order of what was booked in one moment."""
    places = [place for incident in before for place in incident.clearances if place > view.incident.first]
    flows = [view.history.events[place] for place in places]
    later = -sum((flow.applied.get(view.asset, ZERO) for flow in flows if isinstance(flow, Flow)), ZERO)
    return bool(before) and bool(before[-1].clearances), max(later, ZERO)


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

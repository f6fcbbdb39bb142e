"""Orders, limit and fills of the liquidation, and what was left. (The fee: `clearance.py`; the steps: `steps.py`.)

The comparisons are those of an explanation (`core/checks.py`); here they are named by the rule, and what an explanation
must leave open for want of a wallet is decided where no wallet is needed.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import structs

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from margincall.core.events import Flow
from margincall.core.protocol.waterfall import CLEARANCE_INTERVAL_MS
from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.forensics.order_checks import pool_symbols
from margincall.forensics.orders import OrderState
from margincall.forensics.verify.booked import fund_after
from margincall.forensics.verify.check import Check, Kind
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View, wallet_sure
from margincall.wire.durations import MINUTE_MS, SECOND_MS

POINTS: dict[str, tuple[Kind, ...]] = {
    "orders_cancelled": ("orders_not_cancelled",),
    "limit_price": (),
    "fill_price": ("fill_beyond_bankruptcy",),
    "balance_after": ("balance_after",),
    "adl_fee": ("deleveraging_fee",),
}
"""What each finding speaks for where it does not hold. A limit speaks for nothing: that it is the bankruptcy price is
inferred, so a difference is shown and accuses nobody."""
ACCUSES_NOBODY = frozenset(kind for kind, points in POINTS.items() if not points)
RULE_OF = {"adl_fee": "deleveraging_fee"}
MADE_GOOD = "made good at the next full ten minutes if nothing is open and the fund can: that is not told here"
MAY_HAVE_ENDED = "open before the liquidation; that it still was after it no later record shows"
UNITS = {"limit_price": "price", "fill_price": "price"}


def from_findings(view: View, findings: Iterable[Finding]) -> list[Check]:
    """The findings of an explanation that need no second look."""
    return [_from_finding(view, each) for each in findings if each.kind in POINTS]


def _from_finding(view: View, finding: Finding) -> Check:
    verdict, note = _verdict_and_note(view, finding)
    return check(
        RULE_OF.get(finding.kind, finding.kind),
        verdict,
        finding.about,
        numbers={"printed": finding.printed, "derived": finding.derived, "difference": finding.amount},
        unit=UNITS.get(finding.kind, "" if finding.kind == "orders_cancelled" else view.asset),
        note=note,
        assumptions=finding.assumptions,
        evidence=finding.source,
        settled_by=finding.settled_by,
        points_to=POINTS[finding.kind],
    )


def _verdict_and_note(view: View, finding: Finding) -> tuple[Verdict, str]:
    """What is said here of what an explanation found: the fund makes a negative balance good, and not every finding
    accuses somebody."""
    if finding.verdict != FAILS:
        return finding.verdict, finding.rule if finding.verdict == UNCLEAR else ""
    if finding.kind == "balance_after" and finding.amount is not None:
        due_ms = (view.incident.time_ms // CLEARANCE_INTERVAL_MS + 1) * CLEARANCE_INTERVAL_MS
        if _was_made_good(view, finding.about, due_ms):
            return HOLDS, "made good by the fund afterwards"
        if _may_be_made_good(view, -finding.amount, due_ms):
            return UNCLEAR, MADE_GOOD
    is_unsure = finding.kind == "balance_after" and not wallet_sure(view)
    return UNCLEAR if finding.kind in ACCUSES_NOBODY or is_unsure else FAILS, ""


def _was_made_good(view: View, asset: str, due_ms: int) -> bool:
    """Whether the fund brought a negative balance of an asset back to 0, at the latest when it is due: a payment of one
    moment may be for another of its liquidations."""
    events = view.history.events
    for place in range(view.incident.first, len(events)):
        event = events[place]
        if event.time_ms > due_ms + MINUTE_MS:
            break
        is_paid = isinstance(event, Flow) and event.category == "insurance_clear" and event.applied.get(asset, ZERO) > 0
        if is_paid and view.history.timeline.after(place).wallets.get(asset, ZERO) >= ZERO:
            return True
    return False


def _may_be_made_good(view: View, lacking: Decimal, due_ms: int) -> bool:
    """Whether a balance that lacks so much is no irregularity yet: the fund brings it back to 0 every ten minutes as
    far as it can, and the files end before, or do not tell that it could."""
    fund = fund_after(view.market, view.incident.symbol, view.asset, due_ms)
    holds_more = next(view.history.timeline.after(view.incident.last).open_positions(), None) is not None
    could = not holds_more and fund is not None and fund.balance >= lacking
    return view.history.events[-1].time_ms < due_ms + MINUTE_MS or not could


@exact
def orders_check(view: View, finding: Finding | None) -> list[Check]:
    """Open orders are cancelled first. One that is shown open before and after the liquidation's moment proves that it
    was not, whatever else the files lack."""
    still = [each for each in view.history.orders.before(view.incident.first) if stayed(view, each)]
    if not still:
        told = from_findings(view, [finding]) if finding is not None else []
        return [
            structs.replace(each, verdict=UNCLEAR, note=MAY_HAVE_ENDED) if each.verdict == FAILS else each
            for each in told
        ]
    return [
        check(
            "orders_cancelled",
            FAILS,
            view.incident.symbol,
            numbers={
                "cancelled": Decimal(len(view.incident.cancelled)),
                "still_open": Decimal(len(still)),
                "difference": sum((each.left for each in still), ZERO),
            },
            unit="quantity",
            times_ms={"order": view.incident.time_ms, "ended": still[0].ended_ms},
            evidence=still[0].file,
            points_to=("orders_not_cancelled",),
        )
    ]


def stayed(view: View, order: OrderState) -> bool:
    """Whether an order of the pool was open before the liquidation order came, and is shown open, or ended, a second
    later or more: messages of one moment need not be stamped in their order."""
    if not order.is_open or order.symbol not in pool_symbols(view.history, view.incident, view.moment):
        return False
    is_before = order.since_ms < view.incident.time_ms - SECOND_MS
    return is_before and order.last_ms > view.incident.time_ms + SECOND_MS

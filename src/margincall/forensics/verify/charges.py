"""What the liquidation was charged: orders, fills, fee, what came after. (In which steps it went: `steps.py`.)

The comparisons are those of an explanation (`core/checks.py`); here they are named by the rule, and what an explanation
must leave open for want of a wallet is decided where no wallet is needed.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import structs

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.events import Flow
from margincall.core.protocol.waterfall import CLEARANCE_INTERVAL_MS
from margincall.core.rounding import AMOUNT_UNIT, booked, exact
from margincall.core.units import ZERO
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.order_checks import pool_symbols
from margincall.forensics.orders import ENDED, OrderState
from margincall.forensics.verify.booked import fund_after
from margincall.forensics.verify.check import Check, Kind
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View, wallet_sure
from margincall.wire.durations import DAY_MS, MINUTE_MS, SECOND_MS

POINTS: dict[str, tuple[Kind, ...]] = {
    "orders_cancelled": ("orders_not_cancelled",),
    "limit_price": ("order_limit",),
    "fill_price": ("fill_beyond_bankruptcy",),
    "balance_after": ("balance_after",),
    "adl_fee": ("deleveraging_fee",),
}
RULE_OF = {"adl_fee": "deleveraging_fee"}
MADE_GOOD = "made good at the next full ten minutes if nothing is open and the fund can: that is not told here"
RATE_SEEN_MS = 1_789_430_400_000
RATE_HOLDS_MS = 31 * DAY_MS
"""The rates of `venues/binance_usdm.py` were seen on 2026-09-15; within a month they are taken to hold."""
ALL_LEFT = "less than the rate gives: it is all that was left of the margin balance (wallet and unrealised PnL)"
MAY_HAVE_ENDED = "open before the liquidation; that it still was after it no later record shows"
BASE_OF_FEE = "the liquidation order with all its fills (GET /fapi/v1/forceOrders, GET /fapi/v1/userTrades)"
LEFT_BEFORE = "a recorded user-data stream, which prints the balance before and after the fee"
RATE_OF_DAY = "the clearance fee rate of that day (exchangeInfo, `liquidationFee`)"
UNITS = {"limit_price": "price", "fill_price": "price"}


def from_findings(view: View, findings: Iterable[Finding]) -> list[Check]:
    """The findings of an explanation that need no second look."""
    return [
        check(
            RULE_OF.get(each.kind, each.kind),
            UNCLEAR if _is_open(view, each) else each.verdict,
            each.about,
            numbers={"printed": each.printed, "derived": each.derived, "difference": each.amount},
            unit=UNITS.get(each.kind, "" if each.kind == "orders_cancelled" else view.asset),
            note=MADE_GOOD if _may_be_made_good(view, each) else each.rule if each.verdict == UNCLEAR else "",
            assumptions=each.assumptions,
            evidence=each.source,
            settled_by=each.settled_by,
            points_to=POINTS[each.kind],
        )
        for each in findings
        if each.kind in POINTS
    ]


def _may_be_made_good(view: View, finding: Finding) -> bool:
    """Whether a negative balance is no irregularity yet: the fund brings it back to 0 every ten minutes as far as it
    can, and the files end before, or do not tell that it could."""
    if finding.kind != "balance_after" or finding.verdict != FAILS or finding.amount is None:
        return False
    due = (view.incident.time_ms // CLEARANCE_INTERVAL_MS + 1) * CLEARANCE_INTERVAL_MS
    fund = fund_after(view.market, view.incident.symbol, view.asset, due)
    holds_more = next(view.history.timeline.after(view.incident.last).open_positions(), None) is not None
    could = not holds_more and fund is not None and fund.balance >= -finding.amount
    return view.history.events[-1].time_ms < due + MINUTE_MS or not could


def _is_open(view: View, finding: Finding) -> bool:
    """Whether a finding accuses nobody, although an explanation shows that it does not hold."""
    is_inferred = finding.kind == "limit_price"  # that the limit is the bankruptcy price is no published rule
    is_unsure = finding.kind == "balance_after" and not wallet_sure(view)
    return (finding.verdict == FAILS and (is_inferred or is_unsure)) or _may_be_made_good(view, finding)


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


@exact
def fee_check(view: View, finding: Finding | None) -> list[Check]:
    """The clearance fee: charged once, at the symbol's rate on what the order liquidated. More than that is wrong
    whatever was left; less may be all that was left."""
    taken, due = taken_fees(view), fee_due(view)
    if not taken or due is None:
        return [_unclear_fee(view, finding, taken)] if finding is not None else []
    if sum(taken, ZERO) > due + AMOUNT_UNIT:
        return [_excused(view, _too_much(view, taken, due))]
    return [_no_more_than_due(view, taken, due, finding)]


@exact
def fee_due(view: View) -> Decimal | None:
    """The rate on what the order liquidated; none where the files do not hold all of it."""
    base = view.money.clearance.base
    rate = view.moment.rules.contract(view.incident.symbol).liquidation_fee
    return booked(base * rate) if base is not None and rate is not None and _has_all_fills(view) else None


def _too_much(view: View, taken: list[Decimal], due: Decimal) -> Check:
    """More than the rate gives: where the first charges are right by themselves, the others came on top."""
    firsts = [abs(sum(taken[:number], ZERO) - due) <= AMOUNT_UNIT for number in range(1, len(taken))]
    twice: tuple[Kind, ...] = ("clearance_fee_twice", "clearance_fee_base")
    points = twice if any(firsts) else ("clearance_fee_base", "clearance_fee_twice")
    told = _fee(view, taken, due)
    note = f"charged {len(taken)} times" if len(taken) > 1 else ""
    return structs.replace(told, verdict=FAILS, points_to=points, note=note)


def _has_all_fills(view: View) -> bool:
    """Whether the fee's base is known: the files hold all fills of the liquidation order, and lists those of the
    symbol's other orders as well, to which a fee may belong."""
    order = view.incident.order
    if view.incident.kind != "liquidation" or order is None:
        return False
    filled = sum((abs(fill.quantity) for fill in view.fills if fill.trade_id != TAKEN_OVER), ZERO)
    return (
        order_ended(view)
        and filled == order.executed
        and (bool(order.execution) or view.founded.lists_agree(order.symbol))
    )


def order_ended(view: View) -> bool:
    """Whether the files tell how the venue's order ended. Until then fills of it may be missing, and a position that
    is gone need not have been taken over."""
    order = view.incident.order
    return order is not None and (order.status in ENDED or order.executed == order.quantity)


def _excused(view: View, told: Check) -> Check:
    """Where the fund took the position over, a part of what was left may go to it as well; and the rate is that of one
    day: long before or after it another may have been in force, unless the first charge by itself shows it."""
    was_taken_over = any(fill.trade_id == TAKEN_OVER for fill in view.fills)
    is_shown = told.points_to[0] == "clearance_fee_twice"
    age_ms = abs(view.incident.time_ms - RATE_SEEN_MS)
    if was_taken_over:
        note = "the fund took the position over: a part of what was left may go to it as well"
    elif not is_shown and age_ms > RATE_HOLDS_MS:
        note = "the rate is known of 2026-09-15 only"
    else:
        return told
    return structs.replace(
        told, verdict=UNCLEAR, points_to=(), note=note, assumptions=("clearance-rate-date",), settled_by=RATE_OF_DAY
    )


def _no_more_than_due(view: View, taken: list[Decimal], due: Decimal, finding: Finding | None) -> Check:
    told = _fee(view, taken, due)
    if sum(taken, ZERO) >= due - AMOUNT_UNIT:
        return told
    is_told = finding is not None and finding.verdict == HOLDS
    numbers = {name: number for name, number in told.numbers.items() if name not in ("derived", "difference")}
    if is_told and finding is not None and finding.derived is not None and finding.amount is not None:
        # What is due is the explanation's figure: the smaller one of the limit and what was left.
        numbers |= {"derived": finding.derived, "difference": finding.amount}
    return structs.replace(
        told,
        verdict=HOLDS if is_told else UNCLEAR,
        numbers={**numbers, "limit": due},
        note=ALL_LEFT if is_told else "less than the rate gives: it may have been all that was left",
        assumptions=("clearance-fee-cap",),
        settled_by=finding.settled_by if finding is not None and not is_told else "",
    )


def _fee(view: View, taken: list[Decimal], due: Decimal) -> Check:
    paid = sum(taken, ZERO)
    return check(
        "clearance_fee",
        HOLDS,
        view.incident.symbol,
        numbers={"printed": paid, "derived": due, "difference": paid - due, "base": view.money.clearance.base},
        unit=view.asset,
        evidence=_fee_source(view),
    )


def _unclear_fee(view: View, finding: Finding, taken: list[Decimal]) -> Check:
    return check(
        "clearance_fee", UNCLEAR, finding.about, numbers={"printed": sum(taken, ZERO) if taken else None},
        unit=view.asset, note=finding.rule, evidence=finding.source,
        settled_by=finding.settled_by or _settles_fee(view),
    )  # fmt: skip


def _settles_fee(view: View) -> str:
    """What would tell a fee of which an explanation lacks no file: the rate of the day, all fills that it was charged
    on, or what was left before it."""
    if view.moment.rules.contract(view.incident.symbol).liquidation_fee is None:
        return RATE_OF_DAY
    return BASE_OF_FEE if view.money.clearance.base is None or not _has_all_fills(view) else LEFT_BEFORE


def taken_fees(view: View) -> list[Decimal]:
    """Each clearance fee, in order, as a positive amount."""
    flows = [view.history.events[place] for place in view.incident.clearances]
    amounts = [flow.applied.get(view.asset, ZERO) for flow in flows if isinstance(flow, Flow)]
    return [-amount for amount in amounts if amount < ZERO]


def _fee_source(view: View) -> str:
    places = view.incident.clearances
    return str(view.history.events[places[-1]].source) if places else view.evidence

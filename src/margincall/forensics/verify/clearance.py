"""The clearance fee: its rate, what it was due on, how often it was charged.

The rates are those of exchangeInfo answers among the files, seen within a month of the liquidation, else the one that
is known of 2026-09-15 (`venues/binance_usdm.py`); rates change without notice (assumed: `clearance-rate-date`).
"""

from decimal import Decimal
from typing import NamedTuple

from msgspec import structs

from margincall.core import checks
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.events import Flow
from margincall.core.rounding import AMOUNT_UNIT, booked, exact
from margincall.core.units import ZERO
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.orders import ENDED
from margincall.forensics.verify.check import Check, Kind
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View
from margincall.wire.durations import DAY_MS
from margincall.wire.iso_time import day_of

RATE_SEEN_MS = 1_789_430_400_000
RATE_HOLDS_MS = 31 * DAY_MS
"""A rate is taken to hold within a month of the day on which it was seen; those of the package on 2026-09-15."""
ALL_LEFT = "less than the rate gives: it is all that was left of the margin balance (wallet and unrealised PnL)"
BASE_OF_FEE = "the liquidation order with all its fills (GET /fapi/v1/forceOrders, GET /fapi/v1/userTrades)"
LEFT_BEFORE = "a recorded user-data stream, which prints the balance before and after the fee"
RATE_OF_DAY = "the clearance fee rate of that day (exchangeInfo, `liquidationFee`)"


class Rate(NamedTuple):
    """A rate, and when it was seen."""

    value: Decimal
    seen_ms: int


def _rates(view: View) -> list[Rate]:
    """The rates of the symbol that may have been in force, the highest first: those that the files tell within a month
    of the liquidation, which may differ, else that of the package."""
    now, symbol = view.incident.time_ms, view.incident.symbol
    told = [Rate(each.rate, each.time_ms) for each in view.market.clearance.get(symbol, ())]
    near = [each for each in told if abs(each.seen_ms - now) <= RATE_HOLDS_MS]
    known = view.moment.rules.contract(symbol).liquidation_fee
    return sorted(near, reverse=True) or ([Rate(known, RATE_SEEN_MS)] if known is not None else [])


@exact
def fee_check(view: View, finding: Finding | None) -> list[Check]:
    """The clearance fee: charged once, at the symbol's rate on what the order liquidated. More than that is wrong
    whatever was left; less may be all that was left."""
    taken, due = taken_fees(view), fee_due(view)
    if not taken or due is None:
        return [_unclear_fee(view, finding, taken)] if finding is not None else []
    if sum(taken, ZERO) > due + AMOUNT_UNIT:
        return [_excused(view, _too_much(view, taken, due))]
    return [_no_more_than_due(view, taken, due, _with_told_rate(view, finding))]


def _with_told_rate(view: View, finding: Finding | None) -> Finding | None:
    """The explanation's finding; where the files tell rates, by the first of them by which it holds, for an explanation
    does not read them."""
    clearance = view.money.clearance
    if clearance.fee is None or clearance.base is None or not view.market.clearance.get(view.incident.symbol):
        return finding
    told = [
        checks.clearance_fee(
            fee=clearance.fee,
            base=clearance.base,
            rate=rate.value,
            left=view.money.before_fee,
            about=view.incident.symbol,
            source=finding.source if finding is not None else view.evidence,
        )
        for rate in _rates(view)
    ]
    return next((each for each in told if each.verdict == HOLDS), told[0] if told else finding)


@exact
def fee_due(view: View) -> Decimal | None:
    """The highest rate that may have been in force on what the order liquidated; none where the files do not hold all
    of it."""
    base, rates = view.money.clearance.base, _rates(view)
    return booked(base * rates[0].value) if base is not None and rates and _has_all_fills(view) else None


def _too_much(view: View, taken: list[Decimal], due: Decimal) -> Check:
    """More than the rate gives: where the first charges are right by themselves, the others came on top."""
    firsts = [abs(sum(taken[:number], ZERO) - due) <= AMOUNT_UNIT for number in range(1, len(taken))]
    twice: tuple[Kind, ...] = ("clearance_fee_twice", "clearance_fee_base")
    points = twice if any(firsts) else ("clearance_fee_base", "clearance_fee_twice")
    told = _fee(view, taken, due)
    return structs.replace(told, verdict=FAILS, points_to=points, note=_times(taken).removesuffix("; "))


def _times(taken: list[Decimal]) -> str:
    """How often, where it was more than once."""
    return f"charged {len(taken)} times; " if len(taken) > 1 else ""


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
    rates = _rates(view)
    seen_ms = rates[0].seen_ms if rates else RATE_SEEN_MS
    if was_taken_over:
        note = "the fund took the position over: a part of what was left may go to it as well"
    elif not is_shown and abs(view.incident.time_ms - seen_ms) > RATE_HOLDS_MS:
        note = f"the rate is known of {day_of(seen_ms)} only"
    else:
        return told
    return structs.replace(
        told, verdict=UNCLEAR, points_to=(), note=note, assumptions=("clearance-rate-date",), settled_by=RATE_OF_DAY
    )


def _no_more_than_due(view: View, taken: list[Decimal], due: Decimal, finding: Finding | None) -> Check:
    told, paid = _fee(view, taken, due), sum(taken, ZERO)
    base = view.money.clearance.base or ZERO
    for own in (booked(base * each.value) for each in _rates(view)):
        if abs(paid - own) <= AMOUNT_UNIT:
            return _fee(view, taken, own)
    is_told = finding is not None and finding.verdict == HOLDS
    numbers = {name: number for name, number in told.numbers.items() if name not in ("derived", "difference")}
    if is_told and finding is not None and finding.derived is not None and finding.amount is not None:
        # What is due is the explanation's figure: the smaller one of the limit and what was left.
        numbers |= {"derived": finding.derived, "difference": finding.amount}
    return structs.replace(
        told,
        verdict=HOLDS if is_told else UNCLEAR,
        numbers={**numbers, "limit": due},
        note=_times(taken) + (ALL_LEFT if is_told else "less than the rate gives: it may have been all that was left"),
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
    if not _rates(view):
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

"""The verification of a whole history: every liquidation and deleveraging, and what was booked beside them."""

from collections.abc import Iterable, Sequence

from margincall.core.checks import Finding
from margincall.core.rounding import exact
from margincall.forensics.answer import Answer
from margincall.forensics.explain import Case
from margincall.forensics.incidents import Incident
from margincall.forensics.verify.booked import (
    book_checks,
    commission_checks,
    funding_checks,
    loss_checks,
    warning_check,
)
from margincall.forensics.verify.brackets import bracket_checks
from margincall.forensics.verify.charges import from_findings, orders_check
from margincall.forensics.verify.check import OPEN, Check, Interval, Judged, Verified
from margincall.forensics.verify.clearance import fee_check
from margincall.forensics.verify.conclude import concluded, irregularities
from margincall.forensics.verify.deleveraging import deleveraging_checks
from margincall.forensics.verify.founded import Founded
from margincall.forensics.verify.prices import mark_checks
from margincall.forensics.verify.profits import profit_checks
from margincall.forensics.verify.steps import going_on_check, size_check, steps_check
from margincall.forensics.verify.trigger import interval, moment_check, trigger_check
from margincall.forensics.verify.view import View
from margincall.history.public import NO_MARKET, Market


@exact
def verify(
    answer: Answer,
    market: Market = NO_MARKET,
    *,
    beside: Sequence[Answer] = (),
) -> Verified:
    """Verify what an answer explains, against what the market showed. `beside` are other
    accounts of the same owner (for the rank of a deleveraging). Accounts of a kind that is not modelled, and those at
    other venues, are not judged."""
    history = answer.explained.history
    refused = (*answer.refused, *((answer.no_verdict,) if answer.no_verdict else ()))
    if history is None or refused:
        return Verified(
            liquidations=tuple(_unjudged(case) for case in answer.explained.cases),
            checks=(),
            irregularities=(),
            refused=refused,
        )
    others = [Founded(each.explained.history) for each in beside if each.explained.history is not None]
    founded = Founded(history)
    cases = answer.explained.cases
    judged = tuple(
        _judged(View(history, case, market, founded), others, _orders_before(cases[:place], case))
        for place, case in enumerate(cases)
    )
    checks = (
        *funding_checks(history, market, founded),
        *commission_checks(history),
        *profit_checks(history, founded),
        *loss_checks(history, market),
        *book_checks(history),
    )
    named = {name for each in (*checks, *(one for case in judged for one in case.checks)) for name in each.assumptions}
    return Verified(
        liquidations=judged,
        checks=checks,
        irregularities=irregularities(checks),
        assumptions=tuple(sorted(name for name in named if ":" not in name and " " not in name)),
    )


def _orders_before(cases: Sequence[Case], case: Case) -> list[Incident]:
    """The orders of the liquidation that one goes on from; none if it is one of its own."""
    first = case.explanation.goes_on_from
    names = [(each.explanation.goes_on_from or each.incident.order_id) for each in cases]
    return [each.incident for each, name in zip(cases, names, strict=True) if first and name == first]


def _judged(view: View, others: Sequence[Founded], before: Sequence[Incident]) -> Judged:
    case = view.case
    told = case.explanation
    if case.moment is None or case.money is None or not told.symbol:
        return _unjudged(case)
    if told.kind == "adl":
        checks = [*from_findings(view, told.findings), *deleveraging_checks(view, others)]
        return _as(case, checks, None)
    found = interval(view)
    return _as(case, _liquidation_checks(view, told.findings, found, before), found)


def _liquidation_checks(
    view: View, findings: Iterable[Finding], found: Interval, before: Sequence[Incident]
) -> list[Check]:
    by_kind = {each.kind: each for each in findings}
    checks: list[Check] = []
    is_first = not view.case.explanation.goes_on_from
    if is_first and (trigger := by_kind.get("trigger")) is not None:
        checks.append(trigger_check(view, trigger))
        checks.append(moment_check(view, found))
    elif (goes_on := by_kind.get("trigger")) is not None:
        checks.append(going_on_check(view, goes_on, before))
    checks += bracket_checks(view)
    checks += mark_checks(view)
    checks += orders_check(view, by_kind.get("orders_cancelled"))
    checks += from_findings(view, [each for each in findings if each.kind != "orders_cancelled"])
    checks += fee_check(view, by_kind.get("clearance_fee"))
    checks += [each for each in (size_check(view), steps_check(view)) if each is not None]
    checks.append(warning_check(view.history, view.incident.first, view.incident.time_ms))
    return checks


def _as(case: Case, checks: Sequence[Check], found: Interval | None) -> Judged:
    told = case.explanation
    wrong = irregularities(checks)
    return Judged(
        kind=told.kind,
        symbol=told.symbol,
        position_side=told.position_side,
        time_ms=told.time_ms,
        order_id=told.order_id,
        client_order_id=told.client_order_id,
        conclusion=concluded(told.kind, checks, wrong),
        checks=tuple(checks),
        irregularities=wrong,
        interval=found,
    )


def _unjudged(case: Case) -> Judged:
    """A liquidation of which the files tell too little, or of an account that is not judged."""
    told = case.explanation
    return Judged(
        kind=told.kind,
        symbol=told.symbol,
        position_side=told.position_side,
        time_ms=told.time_ms,
        order_id=told.order_id,
        client_order_id=told.client_order_id,
        conclusion=OPEN,
        checks=(),
        irregularities=(),
    )

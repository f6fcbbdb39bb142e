"""Terms that the files leave open, each with the file that would settle it."""

from collections.abc import Iterator, Mapping

from margincall.forensics.moment import Moment
from margincall.forensics.sheet import Explanation, Unknown

ACCOUNT = "a recorded user-data stream, or an `account` answer (GET /fapi/v3/account) with the income history since"
FILLS = "the trades of the position (GET /fapi/v1/userTrades) since it was opened"
MARK = "the mark price of that second (stream <symbol>@markPrice@1s) or its one-minute mark candles"
ORDER = "the liquidation order (GET /fapi/v1/forceOrders, kept for 90 days)"
BRACKETS = "a bracket table dated at or before the event (margincall brackets import FILE)"
INCOME = "the income history (GET /fapi/v1/income, kept for three months)"

SETTLED_BY: Mapping[str, str] = {
    "verdict.liquidated": f"{ACCOUNT}; {MARK}; {BRACKETS}",
    "verdict.wallet_balance": ACCOUNT,
    "verdict.unrealized_pnl": f"{FILLS}; {MARK}",
    "verdict.margin_balance": f"{ACCOUNT}; {MARK}",
    "verdict.maintenance_margin": f"{MARK}; {BRACKETS}",
    "verdict.margin_ratio": f"{ACCOUNT}; {MARK}; {BRACKETS}",
    "prices.entry": FILLS,
    "prices.mark_at_trigger": MARK,
    "prices.liquidation": f"{ACCOUNT}; {FILLS}; {BRACKETS}",
    "prices.bankruptcy": f"{ACCOUNT}; {FILLS}",
    "prices.order_limit": ORDER,
    "prices.average_fill": ORDER,
    "bracket.table": BRACKETS,
    "bracket.as_of": BRACKETS,
    "bracket.notional": f"{FILLS}; {MARK}",
    "bracket.rate": f"{MARK}; {BRACKETS}",
    "bracket.cum": f"{MARK}; {BRACKETS}",
    "clearance.fee": INCOME,
    "clearance.rate": INCOME,
    "clearance.base": ORDER,
    "quantity": ORDER,
    "realized_pnl": f"{FILLS}; {INCOME}",
    "left": ACCOUNT,
    "cause": f"{MARK}, also at an earlier moment",
}
TERMS = tuple(SETTLED_BY)
NOT_FOR_ADL = ("clearance.fee", "clearance.rate", "prices.order_limit", "cause", "clearance.base")


def unknown_terms(explanation: Explanation, moment: Moment, *, cause_known: bool) -> Iterator[Unknown]:
    """Every term that is none for want of evidence. An interval's missing end is an answer if the pool is known."""
    for term in TERMS:
        if explanation.kind == "adl" and term in NOT_FOR_ADL:
            continue
        if not _is_known(term, explanation, moment, cause_known=cause_known):
            yield Unknown(term, _hint(term, moment))


def _is_known(term: str, explanation: Explanation, moment: Moment, *, cause_known: bool) -> bool:
    if term == "cause":
        return cause_known
    if term == "left":
        return bool(explanation.left)
    if term == "prices.liquidation":
        return moment.prices is not None and "none" not in moment.tables.values()
    if term == "prices.bankruptcy" and explanation.prices.bankruptcy is None:
        return moment.prices is not None and (moment.own_mark_known or _is_alone(moment))
    value: object = explanation
    for name in term.split("."):
        value = getattr(value, name)
    return value is not None


def _is_alone(moment: Moment) -> bool:
    return moment.pool is not None and len(moment.pool.positions) == 1


def _hint(term: str, moment: Moment) -> str:
    if moment.missing and ("verdict" in term or "prices" in term or term == "cause"):
        return f"{SETTLED_BY[term]} (missing: {', '.join(moment.missing)})"
    return SETTLED_BY[term]

"""Terms that the files leave open, each with the file that would settle it.

A term rests on kinds of evidence; what is named is the evidence that is missing, not everything that it rests on.
"""

from collections.abc import Collection, Iterator, Mapping

from margincall.forensics.evidence import ENDED_UNFILLED, Evidence
from margincall.forensics.incidents import Incident
from margincall.forensics.moment import Moment
from margincall.forensics.sheet import Explanation, Unknown

EVIDENCE: Mapping[str, str] = {
    "account": "a recorded user-data stream, or an `account` answer (GET /fapi/v3/account) with the income since",
    "mode": "whether the position was cross or isolated (GET /fapi/v1/symbolConfig, the position history, or a "
    "recorded user-data stream)",
    "sides": "the position side of the trades (the order history, or the trade history of GET /fapi/v1/trade/asyn)",
    "margin": "the margin history (GET /fapi/v1/positionMargin/history, kept for 30 days), or a recorded user-data "
    "stream",
    "fills": "the trades of the position since it was opened (GET /fapi/v1/userTrades)",
    "marks": "the mark price of that second (stream <symbol>@markPrice@1s) or its one-minute mark candles",
    "earlier": "mark prices between the last event before and the trigger",
    "order": "the liquidation order (GET /fapi/v1/forceOrders, kept for 90 days)",
    "orders": "the order history (export, or GET /fapi/v1/allOrders), whose client order ids tell forced closes",
    "brackets": "a bracket table dated at or before the event (margincall brackets import FILE)",
    "unfilled": "the orders that ended without a fill (GET /fapi/v1/allOrders, kept for three days), the order history "
    "or a recorded user-data stream",
    "takeover": "the account update that tells what became of the rest of the order (a recorded user-data stream), or "
    "an `account` answer and the income since",
    "income": "the income history (GET /fapi/v1/income, kept for three months)",
}
ELSEWHERE_TERMS = "the venue's own rules, orders and prices, which are not modelled or not in these files"
ELSEWHERE_ORDERS = "fills that say which of them the venue forced (`close` in the canonical CSV)"
"""What is said of other venues than Binance, whose files are not known."""

RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "verdict.liquidated": ("account", "mode", "margin", "income", "fills", "sides", "marks", "brackets"),
    "verdict.wallet_balance": ("income", "mode", "margin", "account"),
    "verdict.unrealized_pnl": ("fills", "sides", "marks"),
    "verdict.margin_balance": ("account", "mode", "margin", "income", "fills", "sides", "marks"),
    "verdict.maintenance_margin": ("fills", "sides", "marks", "brackets"),
    "verdict.margin_ratio": ("account", "mode", "margin", "income", "fills", "sides", "marks", "brackets"),
    "prices.entry": (
        "fills",
        "sides",
    ),
    "prices.mark_at_trigger": ("marks",),
    "prices.liquidation": ("account", "mode", "margin", "income", "fills", "sides", "brackets"),
    "prices.bankruptcy": ("account", "mode", "margin", "income", "fills", "sides", "marks"),
    "prices.order_limit": ("order",),
    "prices.average_fill": ("order",),
    "prices.break_even": (
        "fills",
        "sides",
    ),
    "bracket.table": ("fills", "sides", "brackets"),
    "bracket.as_of": ("fills", "sides", "brackets"),
    "bracket.notional": ("fills", "sides", "marks"),
    "bracket.rate": ("fills", "sides", "marks", "brackets"),
    "bracket.cum": ("fills", "sides", "marks", "brackets"),
    "clearance.fee": ("income",),
    "clearance.rate": ("income", "order"),
    "clearance.base": ("order",),
    "quantity": ("takeover", "order"),
    "realized_pnl": ("takeover", "fills", "sides", "income"),
    "left": ("mode", "margin", "account", "income"),
    "cause": ("account", "mode", "margin", "income", "fills", "sides", "marks", "brackets", "earlier"),
}
TERMS = tuple(RESTS_ON)
CHECKS: Mapping[str, tuple[str, ...]] = {
    "trigger": ("account", "mode", "margin", "income", "fills", "sides", "marks", "brackets"),
    "limit_price": ("order", "account", "mode", "margin", "income", "fills", "sides", "marks"),
    "fill_price": ("order", "fills", "sides"),
    "orders_cancelled": ("account", "mode", "margin", "income", "fills", "sides", "unfilled"),
    "clearance_fee": ("income", "account", "mode", "margin", "order"),
    "balance_after": ("account", "mode", "margin", "income"),
}
"""What each check of a liquidation rests on."""
OF_FILLS = frozenset({"prices.average_fill", "clearance.fee", "clearance.rate", "clearance.base"})
"""What an order has that was filled."""
OF_CLOSING = frozenset({"quantity", "realized_pnl", "left"})
"""What there is once anything was closed."""
NOT_FOR_ADL = ("clearance.fee", "clearance.rate", "prices.order_limit", "cause", "clearance.base")


def unknown_incidents(evidence: Evidence, *, is_elsewhere: bool = False) -> Iterator[Unknown]:
    """Without orders a forced close looks like any other: there may have been liquidations that nobody can see."""
    if not evidence.lists_orders:
        yield Unknown("liquidations", ELSEWHERE_ORDERS if is_elsewhere else EVIDENCE["orders"])


def settled_by(kinds: tuple[str, ...]) -> str:
    """The files of some kinds of evidence, in words."""
    return "; ".join(EVIDENCE[kind] for kind in kinds)


def void_terms(incident: Incident, *, rest_unknown: bool) -> frozenset[str]:
    """Terms that are none because there is nothing to tell: an order that ended without a fill has no average price and
    pays no fee, and unless the fund may have taken the position over (`rest_unknown`) it closed nothing."""
    order = incident.order
    if order is None or order.executed or order.status not in ENDED_UNFILLED:
        return frozenset()
    return OF_FILLS if incident.fills or rest_unknown else OF_FILLS | OF_CLOSING


def unknown_terms(
    explanation: Explanation,
    moment: Moment,
    *,
    cause_known: bool,
    lacks: Collection[str] = (),
    void: Collection[str] = (),
) -> Iterator[Unknown]:
    """Every term that is none for want of evidence, but those that are `void`. An interval's missing end is an answer
    if the pool is known. `lacks` are kinds of evidence that are missing beside what the moment tells."""
    missing = missing_evidence(moment) | set(lacks)
    for term, kinds in RESTS_ON.items():
        if term in void or (explanation.kind == "adl" and term in NOT_FOR_ADL):
            continue
        if not _is_known(term, explanation, moment, cause_known=cause_known):
            lacking = tuple(kind for kind in kinds if kind in missing) or moment.lacks or kinds[-1:]
            yield Unknown(term, settled_by(lacking) + _names(lacking, moment))


def _names(lacking: tuple[str, ...], moment: Moment) -> str:
    """The symbols and assets that lack it, where not all do."""
    names = set(moment.missing) if "marks" in lacking else set()
    if "brackets" in lacking:
        names |= {symbol for symbol, certainty in moment.tables.items() if certainty != "dated"}
    return f" ({', '.join(sorted(names))})" if names else ""


def missing_evidence(moment: Moment) -> set[str]:
    """The kinds of evidence that the files do not hold for the moment of the trigger."""
    missing = set(moment.lacks)
    if moment.missing or not moment.own_mark_known:
        missing.add("marks")
    if not moment.brackets_known or not moment.tables:
        missing.add("brackets")
    return missing


def _is_known(term: str, explanation: Explanation, moment: Moment, *, cause_known: bool) -> bool:
    if term == "cause":
        return cause_known
    if term == "verdict.margin_ratio" and moment.is_complete:
        return True  # no ratio where the balance is not positive
    if term == "left":
        return bool(explanation.left)
    if term == "prices.liquidation":
        return moment.prices is not None and moment.has_rows
    if term == "prices.bankruptcy" and explanation.prices.bankruptcy is None:
        return moment.prices is not None and (moment.own_mark_known or _is_alone(moment))
    value: object = explanation
    for name in term.split("."):
        value = getattr(value, name)
    return value is not None


def _is_alone(moment: Moment) -> bool:
    return moment.pool is not None and len(moment.pool.positions) == 1 and moment.pool.kind != "multi"

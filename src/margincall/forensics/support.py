"""The venue's own reply to a complaint, held against itself: does its sheet add up, and does it imply its verdict?"""

from decimal import Decimal

from margincall.core.assumptions import Assumptions
from margincall.core.checks import FAILS, Finding, agrees
from margincall.core.events import Statement, TotalsPrint
from margincall.core.margin import is_liquidated
from margincall.core.rounding import AMOUNT_UNIT, exact, ratio_nearest
from margincall.forensics.digits import last_digit
from margincall.forensics.sheet import (
    BracketUsed,
    Clearance,
    Explanation,
    Prices,
    Unknown,
    Verdict,
)
from margincall.forensics.unknown import RESTS_ON, settled_by


@exact
def explain_support(statement: Statement) -> Explanation:
    """The verdict sheet that a support reply holds. Everything that it does not say is unknown."""
    totals = statement.totals or TotalsPrint()
    balance = _balance(totals)
    maintenance = totals.maintenance
    liquidated = ratio = None
    if balance is not None and maintenance is not None:
        liquidated = is_liquidated(balance, maintenance, Assumptions())
        ratio = ratio_nearest(maintenance / balance) if balance > 0 else None
    findings = tuple(_adds_up(totals, statement))
    if any(finding.verdict == FAILS for finding in findings):
        liquidated = None  # the reply contradicts itself: nobody can tell which of its figures is meant
    verdict = Verdict(
        pool="account",
        asset="",
        liquidated=liquidated,
        wallet_balance=totals.wallet,
        unrealized_pnl=totals.unrealized,
        margin_balance=balance,
        maintenance_margin=maintenance,
        margin_ratio=ratio,
    )
    known = {f"verdict.{name}" for name in Verdict.__struct_fields__ if getattr(verdict, name) is not None}
    return Explanation(
        kind="support",
        symbol="",
        position_side="",
        time_ms=statement.time_ms,
        order_id="",
        client_order_id="",
        verdict=verdict,
        prices=Prices(),
        bracket=BracketUsed(),
        clearance=Clearance(),
        quantity=None,
        realized_pnl=None,
        waterfall=(),
        left={},
        cause=(),
        findings=findings,
        unknown=tuple(Unknown(term, settled_by(kinds)) for term, kinds in RESTS_ON.items() if term not in known),
        assumptions=("trigger-comparison",),
    )


def _balance(totals: TotalsPrint) -> Decimal | None:
    """The balance from its parts, else as printed."""
    if totals.wallet is not None and totals.unrealized is not None:
        return totals.wallet + totals.unrealized
    return totals.balance


def _adds_up(totals: TotalsPrint, statement: Statement) -> list[Finding]:
    if totals.wallet is None or totals.unrealized is None or totals.balance is None:
        return []
    return [
        agrees(
            "balance",
            "margin balance",
            printed=totals.balance,
            derived=totals.wallet + totals.unrealized,
            tolerance=max(AMOUNT_UNIT, last_digit(totals.balance)),
            rule="margin balance = wallet balance + unrealised PnL (FAQ 360033525271)",
            source=str(statement.source),
        )
    ]

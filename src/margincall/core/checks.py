"""Checks: pure functions from evidence to findings. Each says what it compared, under which rule, and how it came out.

A check never guesses: what the evidence does not hold is "cannot tell". Amounts carry the unit of what is compared.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.assumptions import Assumptions
from margincall.core.clearance import clearance_fee as derived_fee
from margincall.core.margin import PoolTerms, is_liquidated
from margincall.core.rounding import AMOUNT_UNIT, exact
from margincall.core.units import ZERO

Verdict = Literal["holds", "does not hold", "cannot tell"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold"
UNCLEAR: Verdict = "cannot tell"


class Finding(Struct, frozen=True, kw_only=True):
    """One check's outcome. `amount` is printed − derived where both are numbers; `about` names what was checked,
    `settled_by` the file without which nobody can tell."""

    kind: str
    verdict: Verdict
    about: str
    rule: str
    printed: Decimal | None = None
    derived: Decimal | None = None
    amount: Decimal | None = None
    source: str = ""
    assumptions: tuple[str, ...] = ()
    settled_by: str = ""


@exact
def agrees(
    kind: str,
    about: str,
    *,
    printed: Decimal,
    derived: Decimal,
    tolerance: Decimal = ZERO,
    rule: str,
    source: str = "",
) -> Finding:
    """Printed equals derived, within a tolerance that the caller derives from printed digits."""
    amount = printed - derived
    verdict = HOLDS if abs(amount) <= tolerance else FAILS
    return Finding(
        kind=kind, verdict=verdict, about=about, rule=rule,
        printed=printed, derived=derived, amount=amount, source=source,
    )  # fmt: skip


@exact
def trigger(pool: PoolTerms, alternatives: dict[str, bool], assumptions: Assumptions, *, source: str = "") -> Finding:
    """The venue liquidated: was the balance at or under the maintenance margin? `derived` is the balance, `amount` what
    it lies above the margin. `alternatives` are the verdicts under each other assumption or bracket table; where they
    disagree nobody can tell from outside."""
    rule = "liquidation when balance reaches the maintenance margin, at the mark price (FAQ 360033525271)"
    own = is_liquidated(pool.balance, pool.maintenance, assumptions)
    disagreeing = tuple(sorted(name for name, verdict in alternatives.items() if verdict != own))
    verdict = UNCLEAR if disagreeing else HOLDS if own else FAILS
    return Finding(
        kind="trigger", verdict=verdict, about=pool.name, rule=rule,
        derived=pool.balance, amount=pool.surplus, source=source, assumptions=disagreeing,
    )  # fmt: skip


@exact
def fill_within_limit(*, buy: bool, price: Decimal, limit: Decimal, about: str, source: str = "") -> Finding:
    """A limit order fills at its limit or better; a liquidation order's limit is the bankruptcy price."""
    worse = price > limit if buy else price < limit
    return Finding(
        kind="fill_price", verdict=FAILS if worse else HOLDS, about=about,
        rule="orders of a liquidation are limited by the bankruptcy price (FAQ 360033525271)",
        printed=price, derived=limit, amount=price - limit, source=source,
    )  # fmt: skip


@exact
def clearance_fee(
    *, fee: Decimal, base: Decimal, rate: Decimal | None, left: Decimal | None, about: str, source: str = ""
) -> Finding:
    """The fee is `rate × liquidated notional`, at most the collateral left (assumed: `clearance-fee-cap`).

    `fee` and `base` are in the margin asset; `left` is the collateral before the fee. A fee that is right only if it is
    not capped is "cannot tell".
    """
    rule = "clearance fee = min(rate × liquidated notional, collateral left) (FAQ 360033525271)"
    if rate is None or left is None:
        return Finding(
            kind="clearance_fee", verdict=UNCLEAR, about=about, rule=rule, printed=fee, source=source,
            assumptions=("clearance-fee-cap",),
        )  # fmt: skip
    expected = derived_fee(base, rate, left)
    verdict: Verdict = HOLDS if abs(fee - expected) <= AMOUNT_UNIT else FAILS
    if verdict == FAILS and abs(fee - derived_fee(base, rate, left, "uncapped")) <= AMOUNT_UNIT:
        verdict = UNCLEAR  # right if the fee is not capped by what is left
    return Finding(
        kind="clearance_fee", verdict=verdict, about=about, rule=rule,
        printed=fee, derived=expected, amount=fee - expected, source=source, assumptions=("clearance-fee-cap",),
    )  # fmt: skip


def orders_cancelled_first(*, cancelled: int, still_open: int, about: str, evidence: bool, source: str = "") -> Finding:
    """Open orders are cancelled before the liquidation order. Without order events nobody can tell."""
    verdict = UNCLEAR if not evidence else HOLDS if still_open == 0 else FAILS
    return Finding(
        kind="orders_cancelled", verdict=verdict, about=about,
        rule="all open orders are cancelled first (FAQ 360033525271)",
        printed=Decimal(cancelled), derived=Decimal(cancelled + still_open), amount=Decimal(-still_open), source=source,
    )  # fmt: skip


@exact
def not_negative(*, wallet: Decimal, about: str, source: str = "") -> Finding:
    """After a liquidation the insurance fund brings a negative wallet back to 0."""
    return Finding(
        kind="balance_after", verdict=HOLDS if wallet >= 0 else FAILS, about=about,
        rule="the insurance fund pays out to balance a bankrupt account back to 0 (FAQ 360033525271)",
        printed=wallet, derived=ZERO, amount=min(wallet, ZERO), source=source,
    )  # fmt: skip


@exact
def deleveraging_fee(*, fee: Decimal, about: str, source: str = "") -> Finding:
    """An auto-deleveraged position pays no trading fee."""
    return Finding(
        kind="adl_fee", verdict=HOLDS if fee == 0 else FAILS, about=about,
        rule="no trading fee for the deleveraged account (FAQ 360033525471)",
        printed=fee, derived=ZERO, amount=fee, source=source,
    )  # fmt: skip

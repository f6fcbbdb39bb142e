"""The answer: what is said about one liquidation, as values. Field names are those of `margincall.explain/1`.

A term that the files do not hold is none, and stands in `unknown` with the file that would settle it.
"""

from decimal import Decimal

from msgspec import Struct

from margincall.core.checks import Finding
from margincall.forensics.cause import Cause, CauseTerm


class Verdict(Struct, frozen=True):
    """The margin pool at the trigger, in the form the venue's support uses. `liquidated` is none where nobody can
    tell. Where the wallet is in doubt (`forensics/doubt.py`), `wallet_lowest` and `wallet_highest` enclose it."""

    pool: str
    asset: str
    liquidated: bool | None = None
    wallet_balance: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    margin_balance: Decimal | None = None
    maintenance_margin: Decimal | None = None
    margin_ratio: Decimal | None = None
    wallet_lowest: Decimal | None = None
    wallet_highest: Decimal | None = None


class Liquidation(Struct, frozen=True):
    """The survival interval and the price that the venue displays."""

    lower: Decimal | None = None
    upper: Decimal | None = None
    displayed: Decimal | None = None
    empty: bool = False


class Prices(Struct, frozen=True):
    """Prices of the liquidated position. `mark_source` says how the mark is known, `implied_share` which share of the
    pool's balance the order's limit gives to the position, `implied_split` the assumption closest to it.
    In multi-assets mode `moving` is the interval with the collateral's index
    moving along, and `collateral` the interval of each asset's index."""

    entry: Decimal | None = None
    mark_at_trigger: Decimal | None = None
    mark_source: str | None = None
    liquidation: Liquidation = Liquidation()
    bankruptcy: Decimal | None = None
    order_limit: Decimal | None = None
    average_fill: Decimal | None = None
    break_even: Decimal | None = None
    moving: Liquidation | None = None
    collateral: dict[str, Liquidation] = {}
    implied_share: Decimal | None = None
    implied_split: str | None = None


class BracketAlternative(Struct, frozen=True):
    """A later table of a symbol of the pool that differs in the rows used, and the verdict under it."""

    table: str
    as_of: str
    rate: Decimal
    cum: Decimal
    liquidated: bool | None
    symbol: str = ""


class BracketUsed(Struct, frozen=True):
    """The bracket row in force for the liquidated position at the trigger."""

    table: str | None = None
    as_of: str | None = None
    notional: Decimal | None = None
    rate: Decimal | None = None
    cum: Decimal | None = None
    alternatives: tuple[BracketAlternative, ...] = ()


class Clearance(Struct, frozen=True):
    """The liquidation clearance fee (positive: paid), the notional liquidated by orders, and fee / base."""

    fee: Decimal | None = None
    rate: Decimal | None = None
    base: Decimal | None = None


class Step(Struct, frozen=True):
    """One movement of the money: signed for the account, and who stands at the other end."""

    step: str
    amount: Decimal
    asset: str
    to: str


class Unknown(Struct, frozen=True):
    """A term that the files do not hold, and what would settle it."""

    term: str
    settled_by: str


class Explanation(Struct, frozen=True):
    """All that is said about one liquidation or deleveraging. Times are UTC milliseconds. `goes_on_from` is the order
    id of the liquidation that this order of the venue goes on with: the trigger is told there."""

    kind: str
    symbol: str
    position_side: str
    time_ms: int
    order_id: str
    client_order_id: str
    verdict: Verdict
    prices: Prices
    bracket: BracketUsed
    clearance: Clearance
    quantity: Decimal | None
    realized_pnl: Decimal | None
    waterfall: tuple[Step, ...]
    left: dict[str, Decimal]
    cause: tuple[CauseTerm, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[Unknown, ...]
    assumptions: tuple[str, ...]
    cause_since: Cause | None = None
    traces: tuple[str, ...] = ()
    goes_on_from: str = ""

"""The clearance fee: what a liquidation pays into the insurance fund."""

from decimal import Decimal
from typing import Literal

from margincall.core.rounding import booked, exact
from margincall.core.units import ZERO, Collateral

FeeCap = Literal["collateral-left", "uncapped"]


@exact
def clearance_fee(base: Decimal, rate: Decimal, left: Decimal, cap: FeeCap = "collateral-left") -> Collateral:
    """`min(rate · liquidated notional, collateral left)`, truncated to 8 decimals (assumed: `clearance-fee-cap`).

    `base` and `left` are in the margin asset, `left` before the fee; nothing left pays nothing.
    """
    fee = base * rate
    return Collateral(booked(fee if cap == "uncapped" else min(fee, max(left, ZERO))))

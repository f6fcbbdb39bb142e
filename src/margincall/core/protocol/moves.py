"""Money moved between accounts of the books: each move takes from one what it gives to another, so moves always sum to
zero.

Besides traders the books hold the venue's own accounts: the insurance fund, the fee account, the remainder, which gives
or takes what rounding leaves (`docs/spec/rounding.md`), and the bad debt, which is below zero by what nobody has
covered (`docs/spec/liquidation_desk.md`, g).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.rounding import exact
from margincall.core.units import ZERO

FUND = "insurance_fund"
FEES = "fees"
REMAINDER = "remainder"
BAD_DEBT = "bad_debt"
VENUE_ACCOUNTS = (FUND, FEES, REMAINDER, BAD_DEBT)

MoveReason = Literal[
    "funding", "clearance_fee", "improvement", "negative_balance", "socialised_loss", "clawback", "refund", "bad_debt"
]


class Move(Struct, frozen=True):
    """`amount` (never negative) of `asset` from one account to another, and why."""

    reason: MoveReason
    giver: str
    taker: str
    asset: str
    amount: Decimal


def move(reason: MoveReason, giver: str, taker: str, asset: str, amount: Decimal) -> tuple[Move, ...]:
    """One move; none for nothing, and the other way round for a negative amount."""
    if not amount:
        return ()
    if amount < 0:
        return (Move(reason, taker, giver, asset, -amount),)
    return (Move(reason, giver, taker, asset, amount),)


@exact
def changes(moves: Iterable[Move]) -> Mapping[tuple[str, str], Decimal]:
    """What moves change, by account and asset."""
    total: dict[tuple[str, str], Decimal] = {}
    for each in moves:
        for account, amount in ((each.giver, -each.amount), (each.taker, each.amount)):
            key = account, each.asset
            total[key] = total.get(key, ZERO) + amount
    return total

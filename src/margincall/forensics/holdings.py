"""What the files add up to: each wallet by cause, and each position. For ledgers without a liquidation, and for venues
whose margin rules are not modelled, this is the answer."""

from decimal import Decimal

from msgspec import Struct

from margincall.core.contract import entry_price
from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.forensics.reconstruct import Reconstruction

OPENING = "opening"
DERIVED = ("commission", "realized_pnl")
"""What every fill books, printed or not: nothing is said where it comes to nothing."""


class WalletTold(Struct, frozen=True):
    """One asset: what each cause moved, signed from the wallet's view; what was there when the files begin, and what is
    at their end. Both are none where no file prints a balance."""

    asset: str
    causes: dict[str, Decimal]
    change: Decimal
    opening: Decimal | None
    balance: Decimal | None


class PositionTold(Struct, frozen=True):
    """One position at the end of the files: its signed size, its entry, and the profit that its closes booked."""

    symbol: str
    position_side: str
    quantity: Decimal
    entry: Decimal | None
    realized_pnl: Decimal


@exact
def wallets_of(history: Reconstruction) -> tuple[WalletTold, ...]:
    """Each asset that anything moved or that was there, in order of the names."""
    account, unknown = history.timeline.last, history.opening.unknown_wallets
    booked: dict[str, dict[str, Decimal]] = {}
    for (asset, cause), amount in sorted(account.ledger.items()):
        causes = booked.setdefault(asset, {})
        if amount or cause not in DERIVED:
            causes[cause] = amount
    found = []
    for asset, causes in booked.items():
        is_known = asset not in unknown
        opening = causes.pop(OPENING, ZERO) if is_known else None
        found.append(
            WalletTold(
                asset=asset,
                causes=causes,
                change=sum(causes.values(), ZERO),
                opening=opening,
                balance=account.wallets.get(asset, ZERO) if is_known else None,
            )
        )
    return tuple(found)


@exact
def positions_of(history: Reconstruction) -> tuple[PositionTold, ...]:
    """Each position that was traded, in order of the names."""
    account = history.timeline.last
    rules = history.rules_at(history.events[-1].time_ms)
    return tuple(
        PositionTold(
            symbol=held.symbol,
            position_side=held.side,
            quantity=held.quantity,
            entry=entry_price(rules.contract(held.symbol), held.quantity, held.cost),
            realized_pnl=held.realized,
        )
        for _, held in sorted(account.positions.items())
    )

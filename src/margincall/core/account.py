"""An account: wallets, positions, settings, and the books that prove them.

All wallets and ledger entries are amounts of one asset. `Account` is a value: `fold` returns a new one.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.units import ZERO, Collateral, Price, Quantity

PositionSide = Literal["BOTH", "LONG", "SHORT"]
"""BOTH in one-way mode; LONG and SHORT in hedge mode."""
MarginType = Literal["cross", "isolated"]
PositionKey = tuple[str, PositionSide]
SIDES: Mapping[str, PositionSide] = {"BOTH": "BOTH", "LONG": "LONG", "SHORT": "SHORT"}
"""Position sides by the venue's word."""


class Position(Struct, frozen=True, gc=False):
    """One position. `quantity` and `cost` carry the sign of the direction; `cost` is exact, Σ q·p (inverse Σ q·C/p).

    `isolated_wallet` is 0 for cross. `realized` is profit booked so far, before fees. `entry_fees` are the fees of
    what is still open, in the margin asset.
    """

    symbol: str
    side: PositionSide = "BOTH"
    quantity: Quantity = Quantity(ZERO)
    cost: Decimal = ZERO
    margin: MarginType = "cross"
    isolated_wallet: Collateral = Collateral(ZERO)
    realized: Decimal = ZERO
    entry_fees: Decimal = ZERO

    @property
    def key(self) -> PositionKey:
        """Symbol and position side: what identifies a position."""
        return self.symbol, self.side

    @property
    def direction(self) -> int:
        """+1 long, −1 short, 0 flat."""
        return (self.quantity > 0) - (self.quantity < 0)


class AssetIndex(Struct, frozen=True):
    """USD price of one unit of a collateral asset: `bid` values what one has, `ask` what one owes."""

    index: Decimal
    bid: Decimal
    ask: Decimal


class Marks(Struct, frozen=True):
    """Prices at one moment: mark price per symbol, and asset index per asset (multi-assets mode only)."""

    prices: Mapping[str, Price]
    indices: Mapping[str, AssetIndex] = {}

    def with_price(self, symbol: str, price: Price) -> "Marks":
        """The same marks with one symbol elsewhere."""
        return Marks({**self.prices, symbol: price}, self.indices)


class Account(Struct, frozen=True, gc=False):
    """`wallets` are total wallet balances (cross and isolated) per asset.

    `ledger` maps (asset, category) to the sum booked there since the opening; category "opening" holds what was there.
    `trade_cash` is Σ −signed value of all fills per asset, `remainder` what truncation left, so that
    trade cash + open cost − booked profit = remainder (docs/spec/rounding.md; inverse: with the opposite sign).
    """

    wallets: Mapping[str, Collateral] = {}
    positions: Mapping[PositionKey, Position] = {}
    multi_assets: bool = False
    leverage: Mapping[str, int] = {}
    margin_types: Mapping[str, MarginType] = {}
    ledger: Mapping[tuple[str, str], Decimal] = {}
    trade_cash: Mapping[str, Decimal] = {}
    remainder: Mapping[str, Decimal] = {}

    def position(self, key: PositionKey) -> Position:
        """The position of that key, flat if there is none."""
        found = self.positions.get(key)
        return found if found is not None else Position(key[0], key[1], margin=self.margin_types.get(key[0], "cross"))

    def open_positions(self) -> Iterator[Position]:
        """Positions with a quantity, in order of their keys."""
        for key in sorted(self.positions):
            if self.positions[key].quantity:
                yield self.positions[key]

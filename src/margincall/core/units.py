"""Names for the kinds of decimal, so that the type checker sees a notional where a collateral is wanted.

They cost nothing at run time: each is a `Decimal`.
"""

from decimal import Decimal
from typing import NewType

Price = NewType("Price", Decimal)
"""Quote units per base unit, always positive."""

Quantity = NewType("Quantity", Decimal)
"""Signed: positive long, negative short. Base units (linear) or contracts (inverse)."""

Notional = NewType("Notional", Decimal)
"""Size of a position in its margin asset at some price; never negative."""

Collateral = NewType("Collateral", Decimal)
"""An amount of a margin asset (or of USD in multi-assets mode); signed."""

ZERO = Decimal(0)
ONE = Decimal(1)

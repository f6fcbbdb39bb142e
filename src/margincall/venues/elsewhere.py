"""Venues whose margin rules are not modelled: their fills and flows can be folded, nothing more.

Sizes, profits and wallets follow from the contracts alone. There are no bracket tables, so whatever needs a
maintenance margin raises `MissingBrackets`: no ratio, no liquidation price, no verdict. There are no fee rates either:
a fee counts where the venue printed one.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from margincall.core.contract import Contract
from margincall.core.rules import FeeRates, VenueRules
from margincall.core.units import ONE, ZERO

VENUE = "elsewhere"
NO_FEES = FeeRates(maker=ZERO, taker=ZERO)
STEP = Decimal("1e-8")
"""Tick and lot of a contract whose steps are not known. They matter to remedies only, which are not given here."""
ENTRY_PLACES = 8


def contract(
    symbol: str, kind: Literal["linear", "inverse"], base: str, quote: str, *, contract_size: Decimal = ONE
) -> Contract:
    """A contract of another venue. Linear: quantities in base units, profit in the quote asset. Inverse: quantities
    in contracts of `contract_size` quote units, profit in the base coin."""
    return Contract(
        symbol=symbol,
        kind=kind,
        base=base,
        quote=quote,
        margin_asset=base if kind == "inverse" else quote,
        tick=STEP,
        lot=STEP,
        contract_size=contract_size,
        entry_places=ENTRY_PLACES,
    )


def rules(contracts: Mapping[str, Contract]) -> VenueRules:
    """What can be said of another venue: its contracts."""
    return VenueRules(venue=VENUE, contracts=contracts, tables={}, fees=NO_FEES)

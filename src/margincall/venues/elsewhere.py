"""Venues whose margin rules are not modelled: their fills and flows can be folded, nothing more.

Sizes, profits and wallets follow from the contracts alone. There are no bracket tables, so whatever needs a
maintenance margin raises `MissingBrackets`: no ratio, no liquidation price, no verdict. There are no fee rates either:
a fee counts where the venue printed one.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.contract import Contract
from margincall.core.rules import FeeRates, MissingContract, VenueRules
from margincall.core.units import ONE, ZERO

VENUE = "elsewhere"
NO_FEES = FeeRates(maker=ZERO, taker=ZERO)
STEP = Decimal("1e-8")
"""Tick and lot of a contract whose steps are not known. They matter to remedies only, which are not given here."""
ENTRY_PLACES = 8


class Elsewhere(Struct, frozen=True):
    """A venue whose margin rules are not modelled: what to call it, and the contracts that its files describe."""

    name: str
    contracts: Mapping[str, Contract] = {}

    def contract(self, symbol: str) -> Contract:
        """The contract of a symbol; raises `MissingContract`."""
        try:
            return self.contracts[symbol]
        except KeyError:
            raise MissingContract(symbol) from None

    @property
    def why_no_verdict(self) -> str:
        """One sentence for reports."""
        return f"The margin rules of {self.name} are not modelled: sizes, profits and wallets follow, no verdict."


def is_modelled(rules: VenueRules) -> bool:
    """Whether rates and margin rules of the venue are known."""
    return rules.venue != VENUE


def words(contract: Contract) -> str:
    """A contract as messages name it."""
    size = f", {contract.contract_size} {contract.quote} each" if contract.is_inverse else ""
    return f"{contract.kind} {contract.base}/{contract.quote}{size}"


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

"""What a venue must say for the rules to compute: contracts, brackets in force, fee rates, assumptions."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.assumptions import Assumptions
from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract


class MissingContract(LookupError):
    """A symbol of which the rules know nothing."""


class MissingBrackets(LookupError):
    """A symbol for which no bracket table is in force."""


class FeeRates(Struct, frozen=True):
    """Commission as a fraction of the notional traded."""

    maker: Decimal
    taker: Decimal


class VenueRules(Struct, frozen=True):
    """One venue at one moment. `tables` holds the bracket table in force for each symbol."""

    venue: str
    contracts: Mapping[str, Contract]
    tables: Mapping[str, BracketTable]
    fees: FeeRates
    assumptions: Assumptions = Assumptions()

    def contract(self, symbol: str) -> Contract:
        """The contract of `symbol`; raises `MissingContract`."""
        try:
            return self.contracts[symbol]
        except KeyError:
            raise MissingContract(symbol) from None

    def brackets(self, symbol: str) -> BracketTable:
        """The bracket table in force for `symbol`; raises `MissingBrackets`."""
        try:
            return self.tables[symbol]
        except KeyError:
            raise MissingBrackets(symbol) from None

    def assuming(self, assumptions: Assumptions) -> "VenueRules":
        """The same rules under other assumptions."""
        return structs.replace(self, assumptions=assumptions)

    def with_tables(self, tables: Mapping[str, BracketTable]) -> "VenueRules":
        """The same rules with other bracket tables in force (missing symbols keep theirs)."""
        return structs.replace(self, tables={**self.tables, **tables})

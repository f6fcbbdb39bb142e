"""With how many decimals prices are taken: `pricePrecision` of `exchangeInfo`, which may be more than the tick has."""

from collections.abc import Mapping
from decimal import Decimal

from margincall.core.contract import Contract

FINER_THAN_TICK: Mapping[str, Decimal] = {"BTCUSDT": Decimal("0.01")}
"""Documentation: the precision is not the tick's. Public copies of the venue's exchangeInfo print 2 beside a tick of
0.10. Of other symbols the tick's are assumed (`price-precision`)."""


def price_unit(contract: Contract) -> Decimal:
    """The last decimal that a price of the contract may have, in quote units."""
    return min(FINER_THAN_TICK.get(contract.symbol, contract.tick), contract.tick)

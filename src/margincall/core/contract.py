"""A perpetual (or delivery) contract and what a quantity of it is worth.

Linear (USDⓈ-M): quantity in base coin, value `q·p` in the quote asset.
Inverse (COIN-M): quantity in contracts of `contract_size` quote units, value `q·C/p` in coin.
Formulas: Binance FAQ b3c689c1… (linear) and ceccfcfb… (inverse); `docs/spec/margin.md`.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.rounding import printed_entry, quotient
from margincall.core.units import ONE, Notional, Price, Quantity


class Contract(Struct, frozen=True):
    """One symbol. `tick` is the price step, `lot` the quantity step, `contract_size` quote units per contract
    (inverse only, 1 for linear), `entry_places` the decimals of the entry price that the venue prints,
    `liquidation_fee` the rate of the clearance fee where it is known."""

    symbol: str
    kind: Literal["linear", "inverse"]
    base: str
    quote: str
    margin_asset: str
    tick: Decimal
    lot: Decimal
    contract_size: Decimal = ONE
    entry_places: int = 5
    liquidation_fee: Decimal | None = None

    @property
    def is_inverse(self) -> bool:
        """Whether profit is paid in the base coin."""
        return self.kind == "inverse"


def value(contract: Contract, quantity: Quantity, price: Price) -> Decimal:
    """Signed worth of `quantity` at `price` in the margin asset: what a fill adds to the cost basis."""
    if contract.is_inverse:
        return quotient(quantity * contract.contract_size, price)
    return quantity * price


def notional(contract: Contract, quantity: Quantity, mark: Price) -> Notional:
    """Unsigned size at the mark, in the margin asset; inverse rounded to 1e-30."""
    return Notional(abs(value(contract, quantity, mark)))


def profit(contract: Contract, quantity: Quantity, cost: Decimal, price: Price) -> Decimal:
    """Profit of a position of signed `quantity` and signed `cost` at `price`; unrealised PnL at the mark."""
    return gain(contract, cost, value(contract, quantity, price))


def gain(contract: Contract, cost: Decimal, worth: Decimal) -> Decimal:
    """Profit of a position of signed `cost` that is now worth `worth`."""
    return cost - worth if contract.is_inverse else worth - cost


def entry_price(contract: Contract, quantity: Quantity, cost: Decimal) -> Price | None:
    """The average entry as the venue prints it; none for a flat position."""
    if not quantity or not cost:
        return None
    entry = quantity * contract.contract_size / cost if contract.is_inverse else cost / quantity
    return printed_entry(entry, contract.entry_places)


def price_at_profit(contract: Contract, quantity: Quantity, cost: Decimal, profit: Decimal) -> Price | None:
    """The price at which a position shows `profit`, the inverse of `profit()`; none if no positive price does."""
    size = quantity * contract.contract_size
    worth = cost - profit if contract.is_inverse else cost + profit
    if not worth * size > 0:
        return None
    return Price(size / worth if contract.is_inverse else worth / size)

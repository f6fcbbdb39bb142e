"""Binance COIN-M futures: inverse contracts, margined in the base coin, sized in contracts of 100 USD (BTC) or 10 USD.

Sources: FAQ ceccfcfb… (liquidation price), dapi exchangeInfo (`contractSize`), commission sample.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.rules import FeeRates, MissingContract, VenueRules

VENUE = "binance_coinm"
QUOTE = "USD"
CONTRACT_SIZES: Mapping[str, Decimal] = {"BTC": Decimal(100)}
DEFAULT_CONTRACT_SIZE = Decimal(10)
TICKS: Mapping[str, str] = {"BTC": "0.1"}
DEFAULT_TICK = "0.0001"

FEES = FeeRates(maker=Decimal("0.0002"), taker=Decimal("0.0005"))
"""Regular users' rates (the documented userTrades sample: 0.00000454 / 0.01136364 = 0.04 % is an older one)."""


def contract(symbol: str) -> Contract:
    """The contract of a COIN-M symbol (`BTCUSD_PERP`, `BTCUSD_201225`). Raises `MissingContract`."""
    pair, _, expiry = symbol.partition("_")
    base = pair.removesuffix(QUOTE)
    if not expiry or base == pair or not base:
        raise MissingContract(symbol)
    return Contract(
        symbol=symbol,
        kind="inverse",
        base=base,
        quote=QUOTE,
        margin_asset=base,
        tick=Decimal(TICKS.get(base, DEFAULT_TICK)),
        lot=Decimal(1),
        contract_size=CONTRACT_SIZES.get(base, DEFAULT_CONTRACT_SIZE),
        entry_places=8,
    )


def rules(symbols: Iterable[str], tables: Mapping[str, BracketTable], *, day: str) -> VenueRules:
    """The venue's rules on an ISO day for these symbols, with the bracket tables in force."""
    del day  # no change of COIN-M rules with a known date
    return VenueRules(
        venue=VENUE,
        contracts={symbol: contract(symbol) for symbol in symbols},
        tables=tables,
        fees=FEES,
    )

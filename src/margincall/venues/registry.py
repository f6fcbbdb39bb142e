"""The only look-up of a venue by name, and of the venue that lists a symbol."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.rules import MissingContract, VenueRules
from margincall.venues import binance_coinm, binance_usdm

RULES: Mapping[str, Callable[..., VenueRules]] = {
    binance_usdm.VENUE: binance_usdm.rules,
    binance_coinm.VENUE: binance_coinm.rules,
}
CONTRACTS: Mapping[str, Callable[[str], Contract]] = {
    binance_usdm.VENUE: binance_usdm.contract,
    binance_coinm.VENUE: binance_coinm.contract,
}


class UnknownVenue(LookupError):
    """A venue of which the project knows no rules."""


def rules_of(venue: str, symbols: Iterable[str], tables: Mapping[str, BracketTable], *, day: str) -> VenueRules:
    """The rules of a venue on an ISO day. Raises `UnknownVenue`, `MissingContract`."""
    try:
        rules = RULES[venue]
    except KeyError:
        raise UnknownVenue(venue) from None
    return rules(symbols, tables, day=day)


def venue_of(symbol: str) -> str:
    """The venue that lists `symbol`, by its form: `BTCUSD_PERP` is COIN-M, `BTCUSDT` USDⓈ-M. Raises
    `MissingContract`."""
    try:
        binance_coinm.contract(symbol)
    except MissingContract:
        binance_usdm.contract(symbol)
        return binance_usdm.VENUE
    return binance_coinm.VENUE


@lru_cache(maxsize=4096)
def contract_of(symbol: str) -> Contract:
    """The contract of a symbol of any venue. Raises `MissingContract`."""
    return CONTRACTS[venue_of(symbol)](symbol)

"""Binance USDⓈ-M futures: linear contracts, margined in the quote asset.

Sources: FAQ b3c689c1… (liquidation price), 360033525271 (liquidation protocol), exchangeInfo, commissionRate sample.
Ticks and lots of symbols without an embedded specification are assumed (`contract-steps`): they affect remedies only.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import structs

from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.rules import FeeRates, MissingContract, VenueRules

VENUE = "binance_usdm"
QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "USD1", "BTC", "U")
"""Margin assets of listed contracts, longest match first; a symbol ends in one of them (before a delivery date)."""

STEPS: Mapping[str, tuple[str, str]] = {
    "BTCUSDT": ("0.1", "0.001"),
    "ETHUSDT": ("0.01", "0.001"),
    "BNBUSDT": ("0.01", "0.01"),
}
"""Tick and lot (exchangeInfo PRICE_FILTER and LOT_SIZE), where known."""
DEFAULT_STEPS = ("0.00000001", "0.001")

LIQUIDATION_FEES: Mapping[str, str] = {"BTCUSDT": "0.0125", "LPTUSDT": "0.015"}
"""exchangeInfo `liquidationFee` on 2026-09-15, per symbol; of other symbols no value is known."""
LIQUIDATION_FEES_SINCE = "2026-01-01"
"""The fees were lower before, and when they changed is not published (assumed: some time before 2026)."""

FEE_SCHEDULE: tuple[tuple[str, FeeRates], ...] = (
    ("0000-00-00", FeeRates(maker=Decimal("0.0002"), taker=Decimal("0.0004"))),
    ("2023-11-01", FeeRates(maker=Decimal("0.0002"), taker=Decimal("0.0005"))),
)
"""Regular users' rates from a day on. 2022: a real account's stream; 2024: real fills (0.05 % / 0.02 %).
The day of the change is assumed."""


def contract(symbol: str) -> Contract:
    """The contract of a USDⓈ-M symbol (`BTCUSDT`, `BTCUSDT_260925`). Raises `MissingContract`."""
    pair = symbol.partition("_")[0]
    for quote in QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            tick, lot = STEPS.get(pair, DEFAULT_STEPS)
            return Contract(
                symbol=symbol,
                kind="linear",
                base=pair[: -len(quote)],
                quote=quote,
                margin_asset=quote,
                tick=Decimal(tick),
                lot=Decimal(lot),
            )
    raise MissingContract(symbol)


def fee_rates(day: str) -> FeeRates:
    """Regular users' fee rates on an ISO day."""
    return [rates for since, rates in FEE_SCHEDULE if since <= day][-1]


def rules(symbols: Iterable[str], tables: Mapping[str, BracketTable], *, day: str) -> VenueRules:
    """The venue's rules on an ISO day for these symbols, with the bracket tables in force."""
    return VenueRules(
        venue=VENUE,
        contracts={symbol: _on(day, contract(symbol)) for symbol in symbols},
        tables=tables,
        fees=fee_rates(day),
    )


def _on(day: str, listed: Contract) -> Contract:
    """The contract with its liquidation fee rate, if that is known for the day."""
    fee = LIQUIDATION_FEES.get(listed.symbol) if day >= LIQUIDATION_FEES_SINCE else None
    return structs.replace(listed, liquidation_fee=Decimal(fee)) if fee is not None else listed

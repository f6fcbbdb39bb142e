"""Symbols as Binance writes them, from the styles that other programs use.

`BTC/USDT:USDT`, `BTC/USDT` and `BTCUSDT` are one contract; `BTC/USDT:USDT-260626` is the delivery `BTCUSDT_260626`;
`BTC/USD:BTC` is the inverse `BTCUSD_PERP`. Styles seen: freqtrade 2022 to 2026, ccxt, raw ids.
"""

import re

from margincall.venues import binance_coinm, binance_usdm

UNIFIED = re.compile(r"(?P<base>[^\s/:]+)/(?P<quote>[^\s/:-]+)(?::(?P<settle>[^\s/:-]+))?(?:-(?P<expiry>\d{6}))?")
RAW = re.compile(r"[^\s/:-]+")


class BadSymbol(ValueError):
    """A text that is no symbol of either style."""


def identify(symbol: str) -> tuple[str, str]:
    """The venue and the venue's own name of a symbol in any style; raises `BadSymbol`."""
    unified = UNIFIED.fullmatch(symbol)
    if unified:
        base, quote, settle, expiry = unified.group("base", "quote", "settle", "expiry")
        pair = base + quote
        is_inverse = settle == base if settle else quote == binance_coinm.QUOTE
        if is_inverse:
            return binance_coinm.VENUE, f"{pair}_{expiry or 'PERP'}"
        return binance_usdm.VENUE, f"{pair}_{expiry}" if expiry else pair
    if not RAW.fullmatch(symbol):
        raise BadSymbol(f"{symbol!r} is not a symbol")
    pair, _, _ = symbol.partition("_")
    return (binance_coinm.VENUE if pair.endswith(binance_coinm.QUOTE) else binance_usdm.VENUE), symbol

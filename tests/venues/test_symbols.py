"""Symbols of other programs in the venue's own style."""

import pytest

from margincall.venues.registry import venue_of
from margincall.venues.symbols import BadSymbol, identify


@pytest.mark.parametrize(
    ("symbol", "venue", "name"),
    [
        ("BTC/USDT:USDT", "binance_usdm", "BTCUSDT"),
        ("BTC/USDT", "binance_usdm", "BTCUSDT"),
        ("BTCUSDT", "binance_usdm", "BTCUSDT"),
        ("BTC/USDT:USDT-260626", "binance_usdm", "BTCUSDT_260626"),
        ("BTCUSDT_210326", "binance_usdm", "BTCUSDT_210326"),
        ("1000SHIB/BUSD:BUSD", "binance_usdm", "1000SHIBBUSD"),
        ("ETH/BTC:BTC", "binance_usdm", "ETHBTC"),
        ("DOTECOUSDT", "binance_usdm", "DOTECOUSDT"),
        ("币安人生/USDT:USDT", "binance_usdm", "币安人生USDT"),
        ("BTC/USD:BTC", "binance_coinm", "BTCUSD_PERP"),
        ("BTC/USD", "binance_coinm", "BTCUSD_PERP"),
        ("ETH/USD:ETH-260626", "binance_coinm", "ETHUSD_260626"),
        ("BTCUSD_PERP", "binance_coinm", "BTCUSD_PERP"),
        ("BTCUSD_201225", "binance_coinm", "BTCUSD_201225"),
    ],
)
def test_every_style_gives_one_name(symbol: str, venue: str, name: str) -> None:
    assert identify(symbol) == (venue, name)
    assert venue_of(name) == venue


@pytest.mark.parametrize("symbol", ["", " ", "BTC USDT", "BTC/USDT:USDT-2606", "/USDT", "BTC/", "BTC:USDT", "a/b/c"])
def test_what_is_no_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(BadSymbol):
        identify(symbol)

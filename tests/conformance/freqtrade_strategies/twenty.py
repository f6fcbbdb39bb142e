"""What freqtrade is told to trade: long at once, twenty times, and nothing else.

It runs inside freqtrade, in freqtrade's own environment.
"""

from typing import Any

from freqtrade.strategy import IStrategy
from pandas import DataFrame

LEVERAGE = 20.0


class Twenty(IStrategy):
    """Enters with the first candle that it sees. The stop lies 10 % of the stake away: 0.5 % of the price."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = False
    startup_candle_count = 0
    process_only_new_candles = False
    minimal_roi: dict[str, float] = {"0": 100.0}  # noqa: RUF012
    stoploss = -0.10
    order_types: dict[str, Any] = {  # noqa: RUF012
        "entry": "market",
        "exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 5,
        "stoploss_price_type": "mark",
    }

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """None."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Always."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Never."""
        dataframe["exit_long"] = 0
        return dataframe

    def leverage(self, **asked: Any) -> float:  # the bot names all that it tells
        """Twenty times."""
        return LEVERAGE


class TwentyWithoutStop(Twenty):
    """No stop on the exchange, and none of its own before the liquidation price."""

    stoploss = -0.99
    order_types: dict[str, Any] = {**Twenty.order_types, "stoploss_on_exchange": False}  # noqa: RUF012

"""Answers about a market, as the venue prints them: trades, candles, the 24 hours' ticker.

Shapes: Binance USDⓈ-M documentation 2026-05 with the typed models of its own client library (2026-09).
"""

from decimal import Decimal

from msgspec import Struct

from margincall.core.rounding import CONTEXT, plain
from margincall.core.units import ZERO
from margincall.wire.encode_market import AggTrade
from margincall.wire.spelling import Json, amount, text

NONE = "0"
"""What a candle prints of volumes where its price has none, and in its last column, which says nothing."""
OWN_SHARE_SINCE = "2025-12-31"
"""Since then `nq` is the quantity without orders of retail price improvement; here there are none."""
RETAIL_SINCE = "2025-11-18"
"""Since then a trade says whether it was one of those."""


class Candle(Struct, gc=False):
    """A price over a span that begins at `start_ms`. `volume` and the takers' purchases among it are in base units,
    both also in quote units; `count` are trades, or prices that were told."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote: Decimal = ZERO
    count: int = 0
    bought: Decimal = ZERO
    bought_quote: Decimal = ZERO

    def copy(self) -> "Candle":
        """One that may be changed."""
        return Candle(
            self.start_ms, self.open, self.high, self.low, self.close, self.volume, self.quote, self.count, self.bought,
            self.bought_quote,
        )  # fmt: skip

    def take(self, other: "Candle", times: int = 1) -> None:
        """A later candle within the same span; one of a price that is not traded at so many times."""
        self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
        self.count += other.count * times
        if not other.volume:
            return  # a price that is not traded at
        self.volume = CONTEXT.add(self.volume, other.volume)
        self.quote = CONTEXT.add(self.quote, other.quote)
        self.bought = CONTEXT.add(self.bought, other.bought)
        self.bought_quote = CONTEXT.add(self.bought_quote, other.bought_quote)


class PublicTrade(Struct, frozen=True, gc=False):
    """A trade as everybody sees it; `quote` is what it is worth."""

    number: int
    time_ms: int
    price: Decimal
    quantity: Decimal
    quote: Decimal
    buyer_is_maker: bool


def trade_row(trade: PublicTrade, api_date: str) -> Json:
    """A row of `trades` and `historicalTrades`."""
    row: Json = {
        "id": trade.number,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": text(plain(trade.quote)),
        "time": trade.time_ms,
        "isBuyerMaker": trade.buyer_is_maker,
    }
    if api_date >= RETAIL_SINCE:
        row["isRPITrade"] = False
    return row


def agg_trade_row(trade: AggTrade, api_date: str) -> Json:
    """A row of `aggTrades`."""
    row: Json = {"a": trade.number, "p": text(trade.price), "q": text(trade.quantity)}
    if api_date >= OWN_SHARE_SINCE:
        row["nq"] = row["q"]
    return {**row, "f": trade.first, "l": trade.last, "T": trade.time_ms, "m": trade.buyer_is_maker}


def candle_row(candle: Candle, end_ms: int, *, trades: bool) -> list[object]:
    """A row of `klines`, or of a price that is not traded at: it has eight decimals and no volumes. `end_ms` is the
    begin of the next one."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    printed = [(text if trades else amount)(each) for each in prices]
    volumes = (candle.volume, candle.quote, candle.bought, candle.bought_quote)
    volume, quote, bought, bought_quote = (text(each) if trades else NONE for each in volumes)
    return [candle.start_ms, *printed, volume, end_ms - 1, quote, candle.count, bought, bought_quote, NONE]


def flat_row(start_ms: int, price: object, end_ms: int) -> list[object]:
    """A span in which nothing happened, after a row that closed at `price`."""
    return [start_ms, price, price, price, price, NONE, end_ms - 1, NONE, 0, NONE, NONE, NONE]

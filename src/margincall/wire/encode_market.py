"""The other direction: what a market shows -> messages and answers that say so: `aggTrade`, `insuranceBalance`,
`fundingRate`, and of one account `adlQuantile`. Sources: Binance documentation 2026-05 and its samples.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import PositionKey
from margincall.core.rounding import booked, plain
from margincall.wire.spelling import Json, amount, text


class AggTrade(Struct, frozen=True, kw_only=True):
    """Trades that one message adds up: `number` is its own, `first` and `last` are those of the trades; `quantity` is
    unsigned."""

    time_ms: int
    symbol: str
    number: int
    price: Decimal
    quantity: Decimal
    first: int
    last: int
    buyer_is_maker: bool


def agg_trade_message(trade: AggTrade) -> Json:
    """A message of `<symbol>@aggTrade`."""
    return {
        "e": "aggTrade",
        "E": trade.time_ms,
        "s": trade.symbol,
        "a": trade.number,
        "p": text(plain(trade.price)),
        "q": text(plain(trade.quantity)),
        "f": trade.first,
        "l": trade.last,
        "T": trade.time_ms,
        "m": trade.buyer_is_maker,
    }


def insurance_balance(symbols: Sequence[str], held: Mapping[str, tuple[Decimal, int]]) -> Json:
    """`GET /fapi/v1/insuranceBalance` of one group of symbols; `held` is, by asset, the balance and when it changed."""
    assets = [
        {"asset": asset, "marginBalance": amount(booked(balance)), "updateTime": time_ms}
        for asset, (balance, time_ms) in sorted(held.items())
    ]
    return {"symbols": list(symbols), "assets": assets}


def funding_rate_row(symbol: str, *, rate: Decimal, time_ms: int, mark: Decimal) -> Json:
    """A row of `GET /fapi/v1/fundingRate`."""
    return {
        "symbol": symbol,
        "fundingRate": amount(rate),
        "fundingTime": time_ms,
        "markPrice": amount(mark),
        "rateType": "Regular",
    }


def clearance_fee_rates(rates: Mapping[str, Decimal], time_ms: int) -> Json:
    """What `GET /fapi/v1/exchangeInfo` says of the rates of the clearance fee."""
    symbols = [{"symbol": symbol, "liquidationFee": text(plain(rate))} for symbol, rate in sorted(rates.items())]
    return {"timezone": "UTC", "serverTime": time_ms, "rateLimits": [], "assets": [], "symbols": symbols}


def adl_quantile_rows(lights: Mapping[PositionKey, int], isolated: Collection[str]) -> list[Json]:
    """`GET /fapi/v1/adlQuantile`: of each symbol with a position the quantile, one less than its lights; in hedge mode
    that of each side, and HEDGE in place of BOTH where the symbol is not one of the `isolated` ones."""
    found: dict[str, dict[str, int]] = {}
    for (symbol, side), shown in sorted(lights.items()):
        neither = "BOTH" if side == "BOTH" or symbol in isolated else "HEDGE"
        found.setdefault(symbol, {"LONG": 0, "SHORT": 0, neither: 0})[side] = shown - 1
    return [{"symbol": symbol, "adlQuantile": quantiles} for symbol, quantiles in found.items()]

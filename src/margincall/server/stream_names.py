"""The names of market streams, and how often each is sent (documentation, Websocket Market Streams, 2026-05)."""

import re
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from margincall.server.candles import INTERVALS

Kind = Literal[
    "aggTrade", "trade", "markPrice", "kline", "continuousKline", "miniTicker", "ticker", "bookTicker", "depth",
    "bestDepth", "forceOrder", "contractInfo", "assetIndex",
]  # fmt: skip
AT_ONCE = 0
SPEEDS: Mapping[str, int] = {"": 250, "@500ms": 500, "@100ms": 100}
DEPTH = re.compile(r"(?P<kind>depth|rpiDepth)(?P<levels>5|10|20)?(?P<speed>@500ms|@100ms)?\Z")
KLINE = re.compile(r"kline_(?P<interval>\w+)\Z")
CONTINUOUS = re.compile(r"(?P<pair>[a-z0-9]+)_perpetual@continuousKline_(?P<interval>\w+)\Z")


class Plan(NamedTuple):
    """What a stream sends and how often (`AT_ONCE`: when it happens). `symbol` is empty for those of all symbols;
    `asset` is that of an asset index, `levels` how many of the book, `interval` that of candles."""

    kind: Kind
    period_ms: int
    symbol: str = ""
    asset: str = ""
    levels: int = 0
    interval: str = ""


OF_SYMBOL: Mapping[str, Plan] = {
    "aggTrade": Plan("aggTrade", 100),
    "trade": Plan("trade", AT_ONCE),
    "markPrice": Plan("markPrice", 3_000),
    "markPrice@1s": Plan("markPrice", 1_000),
    "miniTicker": Plan("miniTicker", 2_000),
    "ticker": Plan("ticker", 2_000),
    "bookTicker": Plan("bookTicker", AT_ONCE),
    "forceOrder": Plan("forceOrder", 1_000),
}
OF_ALL: Mapping[str, Plan] = {
    "!markPrice@arr": Plan("markPrice", 3_000),
    "!markPrice@arr@1s": Plan("markPrice", 1_000),
    "!miniTicker@arr": Plan("miniTicker", 1_000),
    "!ticker@arr": Plan("ticker", 1_000),
    "!bookTicker": Plan("bookTicker", 5_000),
    "!forceOrder@arr": Plan("forceOrder", 1_000),
    "!contractInfo": Plan("contractInfo", AT_ONCE),
    "!assetIndex@arr": Plan("assetIndex", 1_000),
}


def plan_of(name: str, symbols: Collection[str], pairs: Mapping[str, str], assets: Collection[str]) -> Plan | None:
    """What a stream of this name sends; none if there is none. Symbols stand in small letters. `pairs` are the
    perpetual symbols by pair."""
    if name in OF_ALL:
        return OF_ALL[name]
    if found := CONTINUOUS.match(name):
        symbol, interval = pairs.get(found["pair"].upper(), ""), found["interval"]
        return Plan("continuousKline", 250, symbol, interval=interval) if symbol and interval in INTERVALS else None
    first, _, rest = name.partition("@")
    if first != first.lower():
        return None
    symbol = first.upper()
    if rest == "assetIndex":
        asset = symbol if symbol in assets else symbol.removesuffix("USD")
        return Plan("assetIndex", 1_000, asset=asset) if asset in assets else None
    return _of_symbol(symbol, rest) if symbol in symbols else None


def _of_symbol(symbol: str, rest: str) -> Plan | None:
    if (plan := OF_SYMBOL.get(rest)) is not None:
        return plan._replace(symbol=symbol)
    if found := KLINE.match(rest):
        return Plan("kline", 250, symbol, interval=found["interval"]) if found["interval"] in INTERVALS else None
    if found := DEPTH.match(rest):
        period_ms, levels = SPEEDS[found["speed"] or ""], int(found["levels"] or 0)
        if found["kind"] == "rpiDepth" and (levels or period_ms != 500):
            return None
        return Plan("bestDepth" if levels else "depth", period_ms, symbol, levels=levels)
    return None

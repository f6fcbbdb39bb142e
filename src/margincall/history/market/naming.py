"""What a file of market data is of, by its name and its folders.

Neither Binance's data portal nor its API writes symbol and price into the rows. The portal has the kind in a folder
(`markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip`) and the market above it (`futures/um`); freqtrade has it in the
name (`BTC_USDT_USDT-1h-mark.feather`); answers of the API are named as `markPriceKlines-BTCUSDT-1m.json`. Where nothing
says which price a file is of, whoever imports it must: a guess would make a wick of a mark.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath

from msgspec import Struct

from margincall.errors import UsageError
from margincall.history.market.kinds import GROUPS, KINDS, TIMED, Kind, Series, series_of
from margincall.venues import binance_coinm, binance_usdm
from margincall.venues.symbols import BadSymbol, identify

WORDS: Mapping[str, Kind] = {
    "klines": "last",
    "markpriceklines": "mark",
    "indexpriceklines": "index",
    "premiumindexklines": "premium",
    "fundingrate": "funding",
    "trades": "trades",
    "historicaltrades": "trades",
    "aggtrades": "agg_trades",
    "metrics": "positioning",
    "openinteresthist": "positioning",
    "globallongshortaccountratio": "positioning",
    "toplongshortaccountratio": "positioning",
    "toplongshortpositionratio": "positioning",
    "takerlongshortratio": "positioning",
}
"""The venue's words for kinds, in folders, names and endpoints, in lower case."""
MARKETS: Mapping[str, str] = {"um": binance_usdm.VENUE, "cm": binance_coinm.VENUE}
"""Folders of the portal."""
SPOT = frozenset({"spot", "option"})
FREQTRADE = re.compile(
    r"(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z0-9]+)_(?P<settle>[A-Z0-9]+)-(?P<interval>\d+[smhdw])-"
    r"(?P<what>futures|mark|index|premiumIndex|funding_rate)"
)
FREQTRADE_KINDS: Mapping[str, Kind] = {
    "futures": "last",
    "mark": "mark",
    "index": "index",
    "premiumIndex": "premium",
    "funding_rate": "funding",
}
SYMBOL = re.compile(r"[A-Z0-9]{2,}(?:_[A-Z0-9]+)?")
INTERVAL = re.compile(r"\d{1,3}(?:[smhdwM]|mo)")
METRICS_INTERVAL = "5m"
"""The portal's `metrics` files have a row for every five minutes."""
FOLDERS = 5
"""So many folders above a file are looked at."""


class Hints(Struct, frozen=True):
    """What whoever imports a file says about it; "" where the file's name decides."""

    kind: str = ""
    venue: str = ""
    symbol: str = ""
    interval: str = ""


NO_HINTS = Hints()


def series_in(path: str, hints: Hints = NO_HINTS) -> Series:
    """What a file is of. Hints count before its name. Raises `UsageError` that says which hint is missing."""
    pure = PurePath(path)
    folders = [each.lower() for each in pure.parts[:-1][-FOLDERS:]]
    name = pure.name
    found = FREQTRADE.match(name)
    if found:
        named: tuple[str, str, str] = (
            FREQTRADE_KINDS[found["what"]],
            f"{found['base']}/{found['quote']}:{found['settle']}",
            found["interval"],
        )
    else:
        named = _in_words(name, folders)
    kind = _kind(path, hints.kind or named[0])
    symbol = _symbol(path, hints.symbol or named[1])
    venue = hints.venue or _venue(path, symbol, folders)
    interval = hints.interval or named[2]
    if GROUPS[kind] in TIMED and not interval:
        raise UsageError(f"{path}: nothing says which interval these are of: add --interval 1m")
    return series_of(venue, kind, identify(symbol)[1], interval)


def _in_words(name: str, folders: list[str]) -> tuple[str, str, str]:
    """Kind, symbol and interval among the words of a name, the kind else of the nearest folder; "" for what is not."""
    words = re.split(r"[-.]", name)
    kinds = [WORDS[word.lower()] for word in words if word.lower() in WORDS]
    kinds = kinds or [WORDS[each] for each in reversed(folders) if each in WORDS]
    symbol = next((word for word in words if SYMBOL.fullmatch(word) and not word.isdigit()), "")
    interval = next((word for word in words if INTERVAL.fullmatch(word)), "")
    is_metrics = "metrics" in (word.lower() for word in words) or "metrics" in folders
    return (kinds[0] if kinds else ""), symbol, interval or (METRICS_INTERVAL if is_metrics else "")


def _kind(path: str, kind: str) -> Kind:
    if not kind:
        raise UsageError(f"{path}: nothing says what this is of: add --kind {'|'.join(KINDS)}")
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is none of {', '.join(KINDS)}")
    return kind


def _symbol(path: str, symbol: str) -> str:
    if not symbol:
        raise UsageError(f"{path}: nothing says which symbol this is of: add --symbol BTCUSDT")
    try:
        identify(symbol)
    except BadSymbol as error:
        raise UsageError(f"{path}: {error}") from None
    return symbol


def _venue(path: str, symbol: str, folders: list[str]) -> str:
    if SPOT.intersection(folders):
        raise UsageError(f"{path}: this lies in a folder of spot or option data; if it is not, add --venue NAME")
    for folder in reversed(folders):
        if folder in MARKETS:
            return MARKETS[folder]
    return identify(symbol)[0]

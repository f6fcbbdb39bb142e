"""Candles of other venues through ccxt, where it is installed: `pip install ccxt`.

ccxt gives candles as binary floats, whatever the venue printed; they are stored as such (`is_float`). It is asked for
nothing but `fetch_ohlcv`, which needs no key.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from margincall.errors import NothingUsable, UsageError
from margincall.history.market.checks import HEADERS, fields_of
from margincall.history.market.importing import Imported, import_table
from margincall.history.market.kinds import CANDLES, Series, series_of
from margincall.history.market.store import MarketStore
from margincall.history.market.tables import Row, Table
from margincall.venues.symbols import BadSymbol, identify
from margincall.wire.problems import excerpt

NEEDS = "other venues are asked through ccxt: pip install ccxt"
LIMIT = 500
HOST = re.compile(r"^https?://[^/]+")


def library() -> ModuleType:
    """ccxt. Raises `UsageError` where it is not installed."""
    try:
        return import_module("ccxt")
    except ModuleNotFoundError as error:
        raise UsageError(NEEDS) from error


def series_for(exchange: str, kind: str, symbol: str, interval: str) -> Series:
    """The series of a ccxt symbol (`BTC/USDT:USDT`), under the name that Binance gives the contract, so that venues
    can be compared. Raises `UsageError`."""
    kinds = [each for each in CANDLES if each == kind]
    if not kinds:
        raise UsageError(f"through ccxt only candles are fetched: --kind {', '.join(CANDLES)}")
    try:
        name = identify(symbol)[1]
    except BadSymbol as error:
        raise UsageError(str(error)) from None
    return series_of(exchange, kinds[0], name, interval)


def fetch(
    store: MarketStore, series: Series, symbol: str, span: tuple[int, int], now_ms: int, *, base: str = ""
) -> list[Imported]:
    """Store the candles of another venue from the start to before the end of `span` that have ended at `now_ms`.

    `base` sends all requests to another host. Raises `UsageError` for a venue or symbol that ccxt does not know,
    `NothingUsable` where the venue does not answer.
    """
    ccxt = library()
    if series.venue not in ccxt.exchanges:
        raise UsageError(f"ccxt knows no exchange {series.venue!r}")
    exchange = getattr(ccxt, series.venue)({"enableRateLimit": True})
    if base:
        exchange.urls["api"] = _at(exchange.urls["api"], base)
    final_ms = min(span[1], now_ms - series.interval_ms + 1)
    try:
        return [
            import_table(store, table, keep=lambda time_ms: span[0] <= time_ms < final_ms)
            for table in _pages(exchange, series, symbol, span[0], final_ms)
        ]
    except (ccxt.BadSymbol, ccxt.BadRequest, ccxt.NotSupported) as error:
        raise UsageError(f"{series.venue}: {excerpt(error)}") from error
    except ccxt.BaseError as error:
        raise NothingUsable(f"{series.venue}: {excerpt(error)}") from error


def _pages(exchange: Any, series: Series, symbol: str, at: int, final_ms: int) -> Iterator[Table]:
    params = {} if series.kind == CANDLES[0] else {"price": "premiumIndex" if series.kind == "premium" else series.kind}
    fields = fields_of("candles", HEADERS["candles"])
    while at < final_ms:
        found = exchange.fetch_ohlcv(symbol, series.interval, at, LIMIT, params)
        rows: list[Row] = [
            (number, ["" if cell is None else str(cell) for cell in row]) for number, row in enumerate(found, 1)
        ]
        source = f"ccxt {series.venue} fetch_ohlcv {symbol} {series.kind} {series.interval} from {at}"
        if rows:
            yield Table(source, series, fields, "element", True, lambda rows=rows: iter(rows))  # type: ignore[misc]
        last = max((int(row[0]) for row in found), default=0)
        if last < at:
            return
        at = last + series.interval_ms


def _at(urls: Any, base: str) -> Any:
    """The addresses of an exchange, all on one host."""
    if isinstance(urls, dict):
        return {key: _at(value, base) for key, value in urls.items()}
    return HOST.sub(base, urls) if isinstance(urls, str) else urls

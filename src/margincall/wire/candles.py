"""Candles of the mark price: rows of `markPriceKlines`, which print no symbol.

Which symbol and which price a row is of stands in the file's name alone, as `markPriceKlines-BTCUSDT-1m.json`; what
follows the interval is free. Candles of the last price and of the index (`klines`, `indexPriceKlines`) say nothing
about an account's margin: they are counted, not read.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from margincall.core.events import AnyEvent, MarkCandle
from margincall.wire.durations import MINUTE_MS
from margincall.wire.row import BadRow, Keys, Notes, Row

INTERVALS: Mapping[str, int] = {"1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS}
"""Intervals that can place a trigger; longer ones say too little about a moment."""
NAME = re.compile(r"(?P<answer>\w*[kK]lines)-(?P<symbol>[A-Z0-9_]+)-(?P<interval>\d+[mhdwM])(?![A-Za-z0-9])")
MARKS = "markPriceKlines"
NAMELESS = "candles: they do not name their symbol; name the file as markPriceKlines-BTCUSDT-1m.json; not read"
COLUMNS = ("time", "open", "high", "low", "close")
CANDLE = Keys("candle", {name: (name,) for name in COLUMNS})


@lru_cache(maxsize=64)
def named(file: str) -> tuple[str, str, str] | None:
    """Answer, symbol and interval in a file's name."""
    found = NAME.search(Path(file).name)
    return (found["answer"], found["symbol"], found["interval"]) if found else None


def candle(value: object, notes: Notes) -> list[AnyEvent]:
    """One row of `markPriceKlines` -> a `MarkCandle`; rows of other candles, and of none that is named, give none."""
    name = named(notes.source.file)
    if name is None:
        notes.problem(NAMELESS, "ignored")
        return []
    answer, symbol, interval = name
    if answer != MARKS or interval not in INTERVALS:
        notes.problem(f"candles ({answer}, {interval}): they do not place a trigger; not read", "ignored", "")
        return []
    if not isinstance(value, list) or len(value) < len(COLUMNS):
        raise BadRow(f"candle: expected at least {len(COLUMNS)} columns")
    row = Row(dict(zip(COLUMNS, value, strict=False)), CANDLE, notes)
    found = MarkCandle(
        time_ms=row.time("time"),
        source=notes.source,
        symbol=symbol,
        interval_ms=INTERVALS[interval],
        open=row.price("open"),
        high=row.price("high"),
        low=row.price("low"),
        close=row.price("close"),
    )
    if not found.low <= min(found.open, found.close) <= max(found.open, found.close) <= found.high:
        raise BadRow(f"candle: open {found.open} or close {found.close} lies outside {found.low} to {found.high}")
    return [found]

"""Files of candles of last, index or mark price: Parquet, and CSV in the columns of the venue's data portal.

Read are the five columns `open_time` (milliseconds since 1970, or a time with its zone), `open`, `high`, `low` and
`close`; others are left alone. Symbol and interval stand in the file's name: `ALGOUSDT-1m-2025-02.parquet`. Which price
the candles are of, nothing in such a file says: whoever names the folder knows.

Parquet often holds prices as binary floats. Each becomes the shortest decimal that is stored as that float, which for
a price of up to 15 digits is the one that was written. Parquet needs polars, an extra: `margincall[market]`.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from margincall.core.units import Price
from margincall.errors import NothingUsable, UsageError
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS
from margincall.wire.numbers import BadNumber, decimal_of
from margincall.wire.row import TIME_MAX, TIME_MIN

COLUMNS = ("open_time", "open", "high", "low", "close")
NAME = re.compile(r"(?P<symbol>[A-Z0-9_]+)-(?P<interval>(?P<count>\d+)(?P<unit>[mhd]))(?:-\d{4}-\d{2}(?:-\d{2})?)?")
UNITS_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
NEEDS = "reading Parquet needs polars: pip install 'margincall[market]'"


class Candle(Struct, frozen=True, gc=False):
    """What a price did from `time_ms` to `time_ms + interval_ms`: the first, highest, lowest and last of it."""

    time_ms: int
    interval_ms: int
    open: Price
    high: Price
    low: Price
    close: Price


def candles_of(path: Path, symbol: str, start_ms: int, end_ms: int, *, interval: str = "") -> list[Candle]:
    """The candles of a symbol that open from `start_ms` to before `end_ms` (milliseconds since 1970), in order of time.

    `path` is a file, or a folder in which all files of the symbol are read, several months as one; `interval` (`1m`)
    chooses among those of a folder that holds several. A candle that is missing in the files is missing here.

    Raises `UsageError` for a name without symbol and interval, several intervals, rows that are no candles, and two
    candles of one time; `NothingUsable` where no candle opens in that span.
    """
    files = [each for each in _files(path) if _named(each)["symbol"] == symbol]
    intervals = sorted({_named(each)["interval"] for each in files})
    if interval or len(intervals) == 1:
        files = [each for each in files if _named(each)["interval"] == (interval or intervals[0])]
    elif intervals:
        raise UsageError(f"{path}: {symbol} is there as {', '.join(intervals)}: say which interval")
    found = [each for file in files for each in _read(file, start_ms, end_ms)]
    if not found:
        raise NothingUsable(f"{path}: no candle of {symbol} {interval} opens from {start_ms} to before {end_ms} ms")
    found.sort(key=lambda each: each.time_ms)
    for one, other in pairwise(found):
        if other.time_ms < one.time_ms + one.interval_ms:
            raise UsageError(f"{path}: the candles of {symbol} at {one.time_ms} and {other.time_ms} overlap")
    return found


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.suffix in READERS and NAME.fullmatch(each.stem))
    if not path.is_file():
        raise UsageError(f"{path}: no such file or folder")
    if path.suffix not in READERS:
        raise UsageError(f"{path}: candles are read from {' and '.join(READERS)}")
    return [path]


def _named(path: Path) -> re.Match[str]:
    found = NAME.fullmatch(path.stem)
    if found is None:
        raise UsageError(f"{path}: the name must say symbol and interval, as ALGOUSDT-1m-2025-02{path.suffix}")
    return found


def _read(path: Path, start_ms: int, end_ms: int) -> Iterator[Candle]:
    name = _named(path)
    interval_ms = int(name["count"]) * UNITS_MS[name["unit"]]
    for place, row in READERS[path.suffix](path, start_ms, end_ms):
        try:
            time_ms, *prices = (decimal_of(str(each)) for each in row)
            candle = Candle(int(time_ms), interval_ms, *map(Price, prices))
        except (BadNumber, TypeError):
            raise UsageError(f"{path}: {place}: expected {', '.join(COLUMNS)}, found {list(row)}") from None
        if not TIME_MIN <= candle.time_ms <= TIME_MAX:
            raise UsageError(f"{path}: {place}: {time_ms} is no time in milliseconds")
        if not 0 < candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
            raise UsageError(f"{path}: {place}: open or close lies outside of low to high: {list(row)}")
        if start_ms <= candle.time_ms < end_ms:
            yield candle


def _parquet(path: Path, start_ms: int, end_ms: int) -> Iterator[tuple[str, Iterable[object]]]:
    try:
        import polars
    except ModuleNotFoundError as error:
        raise UsageError(NEEDS) from error
    try:
        table = polars.read_parquet(path, columns=list(COLUMNS))
    except (polars.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as candles: {error}") from error
    if table["open_time"].dtype.is_temporal():
        table = table.with_columns(polars.col("open_time").dt.epoch("ms"))
    table = table.with_row_index().filter(polars.col("open_time").is_between(start_ms, end_ms, closed="left"))
    for index, *row in table.iter_rows():
        yield f"row {index + 1}", row


def _csv(path: Path, start_ms: int, end_ms: int) -> Iterator[tuple[str, Iterable[object]]]:
    """Older files of the portal have no header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line, row in enumerate(csv.reader(file), 1):
            if row and row[0] != COLUMNS[0]:
                yield f"line {line}", row[: len(COLUMNS)]


READERS = {".parquet": _parquet, ".csv": _csv}

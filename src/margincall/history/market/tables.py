"""Files of market data -> tables of text cells, each row with its line: CSV (plain, gzip, zip), JSON, Parquet, feather.

A CSV is read as a stream, so a month of trades costs no more memory than a line. Of an archive that is cut off or whose
check sum is wrong nothing is read. What else stops the reading of one file (a line without an end) is raised by `rows`
after the rows before it.
"""

import csv
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from zipfile import BadZipFile

from msgspec import Struct

from margincall.errors import UsageError
from margincall.history.archives import members_of
from margincall.history.limits import CHUNK
from margincall.history.market.checks import HEADERS, Fields, Impossible, fields_of
from margincall.history.market.frames import Frame, broken_frame, polars
from margincall.history.market.kinds import Series
from margincall.history.market.naming import Hints, series_in
from margincall.history.texts import Text, lines_of, measured, text_of_file
from margincall.wire.documents import Json, Unreadable, documents
from margincall.wire.problems import Problem, excerpt

FRAMES = (".parquet", ".feather", ".arrow", ".ipc")
TEXTS = (".csv", ".csv.gz")
JSONS = (".json", ".json.gz", ".jsonl", ".ndjson")
SUFFIXES = (*FRAMES, *TEXTS, *JSONS, ".zip")
"""Files that are taken from a folder."""
DAMAGED = (Unreadable, EOFError, OSError, zlib.error, BadZipFile, csv.Error, UnicodeDecodeError)
"""What stops the reading of a file in the middle."""
OHLCV = 6
"""Columns of a candle of ccxt; the venue's own have twelve."""
DIGIT = re.compile(r"\s*-?\d")
RATIO = "longShortRatio"

Row = tuple[int, Sequence[str]]


class Table(Struct, frozen=True):
    """Rows of one series as their file has them. `word` is what a row's number counts: line, row, element."""

    source: str
    series: Series
    fields: Fields
    word: str
    is_float: bool
    rows: Callable[[], Iterator[Row]]


def files_in(path: Path) -> list[Path]:
    """The file, or all files of a folder that may hold market data, in order."""
    if not path.is_dir():
        return [path]
    return sorted(each for each in path.rglob("*") if each.is_file() and each.name.lower().endswith(SUFFIXES))


def tables_of(path: Path, hints: Hints) -> Iterator[Table | Problem]:
    """The tables of a file, and what could not be read as one. Raises `OSError`."""
    name = path.name.lower()
    if name.endswith(FRAMES):
        yield from _said(str(path), lambda: [_frame(path, hints)])
    elif name.endswith(".zip"):
        texts, problems = members_of(path)
        yield from problems
        for text in texts:
            yield from _said(text.file, lambda text=text: _text(text, hints))  # type: ignore[misc]
    else:
        yield from _said(str(path), lambda: _text(text_of_file(path), hints))


def tables_of_json(values: Json, source: str, series: Series) -> list[Table]:
    """The table of one answer of an API. Raises `Impossible` if it holds no rows of that series."""
    return [_json_table([values], source, series)]


def _said(file: str, read: Callable[[], list[Table]]) -> Iterator[Table | Problem]:
    try:
        yield from read()
    except Impossible as error:
        yield Problem(file, "", str(error), kind=error.kind)
    except UsageError as error:
        yield Problem(file, "", str(error).removeprefix(f"{file}: "), kind="unnamed")
    except Unreadable as error:
        yield error.problem(file)
    except (EOFError, zlib.error, BadZipFile, csv.Error, UnicodeDecodeError) as error:
        yield Problem(file, "", f"damaged: {excerpt(error)}")


def _text(text: Text, hints: Hints) -> list[Table]:
    """A CSV or a JSON file, by its name."""
    series = series_in(text.file, hints)
    _prove(text)
    if text.names[0].lower().endswith(JSONS):
        with text.open() as file:
            data = file.read()
        found, problems = documents(data, text.file)
        if problems:
            raise Unreadable(problems[0].message, problems[0].place, problems[0].raw)
        return [_json_table([each.value for each in found], text.file, series)]
    first = next(_csv_rows(text), None)
    if first is None:
        raise Unreadable("the file is empty")
    has_header = not any(DIGIT.match(cell) for cell in first[1])
    names = list(first[1]) if has_header else list(HEADERS[series.group])
    fields = fields_of(series.group, names)

    def rows() -> Iterator[Row]:
        found = _csv_rows(text)
        if has_header:
            next(found)
        return found

    return [Table(text.file, series, fields, "line", False, rows)]


def _prove(text: Text) -> None:
    """Unpack a packed text once, so that its check sum is compared before a row of it is believed.

    Raises `Unreadable` for a bomb, else what the unpacking raises.
    """
    measured(text, windowed=True)
    if text.packed != text.size:
        with closing(text.open()) as file:
            while file.read(CHUNK):
                pass


def _csv_rows(text: Text) -> Iterator[Row]:
    with closing(text.open()) as file:
        lines = lines_of(text, file, windowed=True, tell=lambda size: None)
        reader = csv.reader(lines)
        for row in reader:
            if row:
                yield reader.line_num, row


def _json_table(values: Sequence[Json], source: str, series: Series) -> Table:
    """Lists of cells (candles), or objects whose keys are the columns."""
    rows = list(chain.from_iterable(each if _is_list(each) else [each] for each in values))  # type: ignore[misc]
    if not rows:
        raise Impossible("empty", "an answer without rows")
    first = rows[0]
    if isinstance(first, list):
        fields = fields_of(series.group, HEADERS["candles"])
        return Table(
            source, series, fields, "element", len(first) == OHLCV, lambda: ((n, _cells(r)) for n, r in _counted(rows))
        )
    if not isinstance(first, dict):
        raise Impossible("columns", f"neither lists nor objects: {excerpt(first)}")
    names = [_ratio_name(key, source) for key in first]
    fields = fields_of(series.group, names)
    keys = list(first)

    def objects() -> Iterator[Row]:
        for number, row in _counted(rows):
            yield number, [_cell(row.get(key)) for key in keys] if isinstance(row, dict) else [excerpt(row)]

    return Table(source, series, fields, "element", False, objects)


def _is_list(value: Json) -> bool:
    """Whether a document is a list of rows, and not one row (a line of a file of candles)."""
    return isinstance(value, list) and (not value or isinstance(value[0], list | dict))


def _counted(rows: Sequence[Json]) -> Iterator[tuple[int, Json]]:
    return enumerate(rows, 1)


def _cells(row: Json) -> list[str]:
    return [_cell(each) for each in row] if isinstance(row, list) else [excerpt(row)]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _ratio_name(key: str, source: str) -> str:
    """Three answers call their ratio `longShortRatio`; which one it is stands in the name of the file or endpoint."""
    if key != RATIO:
        return key
    words = re.split(r"[-./?]", source.lower())
    return next((word for word in reversed(words) if word.endswith("ratio")), key)


def _frame(path: Path, hints: Hints) -> Table:
    """Parquet or feather; numbers that are binary floats there become their shortest decimals."""
    pl = polars()
    series = series_in(str(path), hints)
    try:
        frame: Frame = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_ipc(path)
    except broken_frame() as error:
        raise Unreadable(f"cannot be read: {excerpt(error)}") from None
    fields = fields_of(series.group, frame.columns)
    for name in frame.columns:
        if frame[name].dtype.is_temporal():
            zoned = frame[name].dtype == pl.Date or frame[name].dtype.time_zone is not None
            if not zoned:
                raise Impossible("time", f"the times in `{name}` name no zone")
            frame = frame.with_columns(pl.col(name).cast(pl.Datetime("ms")).dt.epoch("ms"))
    is_float = any(frame.dtypes[place].is_float() for place in fields[1:] if place >= 0)

    def rows() -> Iterator[Row]:
        for number, row in enumerate(frame.iter_rows(), 1):
            yield number, [_cell(each) for each in row]

    return Table(str(path), series, fields, "row", is_float, rows)

"""The file format of bracket tables: one for those that come with the package and for those a user imports.

A file is a JSON array of sheets. A sheet holds tables of one venue that were seen on one day (and, unchanged, on the
days in `also_seen`). A row is `[floor, cap, rate, cum, max leverage]`, numbers as strings. Tables stay undecoded
until their symbol is wanted, because a sheet may hold a thousand of them.
"""

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal

from msgspec import DecodeError, Raw, Struct, json

from margincall.core.brackets import Bracket, BracketTable, problems
from margincall.core.rounding import exact
from margincall.venues.book import DatedTable

Row = tuple[Decimal, Decimal, Decimal, Decimal, int | None]


class BrokenSheet(ValueError):
    """A file of sheets that cannot be read, or holds an unsound table."""


class Sheet(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Tables of one venue as of one ISO day, where they come from, and the ids of what is assumed about them.

    `name` is a short name for people (of an import: the file's), `sha256` the digest of an imported file.
    """

    as_of: str
    source: str
    venue: str
    tables: dict[str, Raw]
    assumed: tuple[str, ...] = ()
    also_seen: tuple[str, ...] = ()
    name: str = ""
    sha256: str = ""
    coefficients: dict[str, Decimal] = {}


_SHEETS = json.Decoder(tuple[Sheet, ...])
_ROWS = json.Decoder(tuple[Row, ...])


def read_sheets(data: bytes) -> tuple[Sheet, ...]:
    """The sheets of a file; raises `BrokenSheet`."""
    try:
        return _SHEETS.decode(data)
    except DecodeError as error:
        raise BrokenSheet(str(error)) from error


def write_sheets(sheets: Iterable[Sheet]) -> bytes:
    """The bytes of a file; equal sheets give equal bytes."""
    return json.encode(tuple(sheets))


def encode_rows(rows: Iterable[Bracket]) -> Raw:
    """A table's rows as a sheet holds them."""
    return Raw(json.encode([(row.floor, row.cap, row.rate, row.cum, row.max_leverage) for row in rows]))


def dated_tables(sheets: Iterable[Sheet], symbols: Collection[str] | None = None) -> Iterator[DatedTable]:
    """The tables of these symbols (of all without), once for each day on which they were seen.

    Raises `BrokenSheet` if a table is unsound: only sound ones are ever loaded.
    """
    for sheet in sheets:
        wanted = sheet.tables if symbols is None else [each for each in sheet.tables if each in symbols]
        for symbol in wanted:
            rows = _rows(sheet, symbol)
            for day in (sheet.as_of, *sheet.also_seen):
                yield DatedTable(_table(sheet, symbol, rows, day), sheet.venue, sheet.assumed)


@exact
def _rows(sheet: Sheet, symbol: str) -> tuple[Bracket, ...]:
    """Decode one symbol's rows and prove the table sound."""
    try:
        rows = tuple(Bracket(number, *row) for number, row in enumerate(_ROWS.decode(sheet.tables[symbol]), 1))
    except DecodeError as error:
        raise BrokenSheet(f"{symbol} as of {sheet.as_of}: {error}") from error
    numbers = [number for row in rows for number in (row.floor, row.cap, row.rate, row.cum)]
    if not all(number.is_finite() for number in numbers):
        raise BrokenSheet(f"{symbol} as of {sheet.as_of}: a number is not finite")
    if found := problems(rows):
        raise BrokenSheet(f"{symbol} as of {sheet.as_of}: {found[0]}")
    return rows


def _table(sheet: Sheet, symbol: str, rows: tuple[Bracket, ...], day: str) -> BracketTable:
    return BracketTable(
        symbol=symbol,
        rows=rows,
        as_of=day,
        source=sheet.source,
        name=sheet.name or f"{sheet.venue} {day}",
        coefficient=sheet.coefficients.get(symbol),
    )

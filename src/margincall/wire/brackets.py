"""Bracket tables as venues and other programs print them: bytes in, tables and problems out.

Read are Binance's `leverageBracket` (USDⓈ-M and COIN-M, list or single object), the stream event `!contractInfo`
(bare, wrapped in `{"stream", "data"}`, alone or one per line), and the leverage tiers of ccxt and freqtrade in the
four layouts of 2022 to 2026. Of those the venue's own row in `info` is preferred: the outer numbers have passed
through a binary float. A broken table is refused with its row; the other symbols of the file still load.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from margincall.core.brackets import Bracket, problems
from margincall.core.units import ZERO
from margincall.venues.symbols import BadSymbol, identify
from margincall.wire.documents import Json, documents
from margincall.wire.numbers import BadNumber, decimal_of
from margincall.wire.problems import Problem, excerpt

NUMBER = ("bracket", "tier", "bs")
FLOOR = ("notionalFloor", "minNotional", "qtylFloor", "qtyFloor", "bnf")
CAP = ("notionalCap", "maxNotional", "qtyCap", "bnc")
RATE = ("maintMarginRatio", "maintenanceMarginRate", "mmr")
CUM = ("cum", "cf")
LEVERAGE = ("initialLeverage", "maxLeverage", "ma")
KNOWN = frozenset({*NUMBER, *FLOOR, *CAP, *RATE, *CUM, *LEVERAGE, "mi", "currency", "symbol", "info"})
"""Keys of a row. `qtylFloor` is the venue's own spelling; `mi` is the least leverage, which nothing depends on."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = re.compile(r"(?<!\d)(20\d\d)(?:-(\d\d)-(\d\d)|_(\d\d)_(\d\d)|\.(\d\d)\.(\d\d)|(\d\d)(\d\d))(?!\d)")
VERSION = re.compile(r"(?<![\d.])(20\d\d)\.(\d{1,2})(?!\d)")
VERSION_DATE = "package-version-date"
"""Id of the assumption that a package version stands for the first day of its month."""


class PrintedTable(Struct, frozen=True):
    """One sound table of a file. `day` is the ISO date printed beside it (by an event), empty if there is none."""

    symbol: str
    venue: str
    rows: tuple[Bracket, ...]
    place: str
    day: str = ""
    coefficient: Decimal | None = None


class Refused(ValueError):
    """A table, or a part of it, that cannot be used."""

    def __init__(self, place: str, message: str, raw: object = "", kind: str = "unreadable") -> None:
        """Where, what, and the raw value found there."""
        super().__init__(message)
        self.place = place
        self.raw = raw
        self.kind = kind

    def problem(self, file: str) -> Problem:
        """The same as a value."""
        return Problem(file, self.place, str(self), excerpt(self.raw), self.kind)


class Block(Struct, frozen=True):
    """One symbol's rows as they stand in a document, before any is read."""

    symbol: Json
    rows: Json
    place: str
    time_ms: Json = None
    coefficient: Json = None


def read_brackets(data: bytes, file: str) -> tuple[tuple[PrintedTable, ...], tuple[Problem, ...]]:
    """The sound tables of a file in order, and what was refused or ignored of it."""
    parts, unreadable = documents(data, file)
    tables: list[PrintedTable] = []
    found = list(unreadable)
    unknown: set[str] = set()
    for part in parts:
        try:
            for block in blocks(part.value, part.place):
                try:
                    tables.append(_table(block))
                    unknown |= _unknown_keys(block)
                except Refused as refused:
                    found.append(refused.problem(file))
        except Refused as refused:
            found.append(refused.problem(file))
    if unknown:
        keys = ", ".join(sorted(unknown))
        found.append(Problem(file, "", f"keys of rows that are not known here were ignored: {keys}", kind="unknown-key"))
    kept, twins = _without_twins(tables, file)
    return kept, (*found, *twins)


def day_in_name(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The ISO date in a file's name, and the ids of what is assumed about it; none without exactly one date.

    `2024-10-24`, `2024_10_24`, `2024.10.24` and `20241024` are dates; the package version `2024.12` counts as the
    first day of that month.
    """
    days = {day for match in DAY.finditer(name) if (day := _iso("".join(filter(None, match.groups()))))}
    if days:
        return (days.pop(), ()) if len(days) == 1 else None
    months = {day for match in VERSION.finditer(name) if (day := _iso(f"{match[1]}{match[2]:0>2}01"))}
    return (months.pop(), (VERSION_DATE,)) if len(months) == 1 else None


def blocks(value: Json, place: str) -> Iterator[Block]:
    """The tables of one document, whatever its layout; raises `Refused` for a document of another kind."""
    match value:
        case {"stream": str(), "data": inner}:
            yield from blocks(inner, _at(place, "data"))
        case {"code": code, "msg": message}:
            raise Refused(place, f"this is an error answer of the venue, not a table: {code} {message}")
        case {"e": "contractInfo"}:
            # Sent also when a contract changes its status; then it brings no brackets.
            if value.get("bks"):
                yield Block(value.get("s"), value["bks"], _at(place, "bks"), time_ms=value.get("E"))
        case {"brackets": rows}:
            symbol = value["symbol"] if "symbol" in value else _perpetual_of(value.get("pair"))
            yield Block(symbol, rows, _at(place, "brackets"), coefficient=value.get("notionalCoef"))
        case list() if value and all(isinstance(each, dict) for each in value):
            for index, each in enumerate(value):
                yield from blocks(each, f"{place}[{index}]")
        case dict() if value and all(isinstance(rows, list) for rows in value.values()):
            for symbol, rows in value.items():
                yield Block(symbol, rows, _at(place, symbol))
        case _:
            raise Refused(place, "neither leverageBracket, nor !contractInfo, nor leverage tiers of ccxt", value)


def _perpetual_of(pair: Json) -> Json:
    """The old COIN-M endpoint prints one table per pair; it is taken for the pair's perpetual contract."""
    return f"{pair}_PERP" if isinstance(pair, str) else pair


def _table(block: Block) -> PrintedTable:
    """Read one symbol's rows and prove them sound; raises `Refused`."""
    if not isinstance(block.symbol, str):
        raise Refused(block.place, "there is no symbol", block.symbol)
    try:
        venue, symbol = identify(block.symbol)
    except BadSymbol as error:
        raise Refused(block.place, str(error), block.symbol) from error
    if not isinstance(block.rows, list) or not block.rows:
        raise Refused(block.place, f"{symbol}: the table has no rows", block.rows)
    places = [f"{block.place}[{index}]" for index in range(len(block.rows))]
    rows = tuple(_row(row, place, index) for index, (row, place) in enumerate(zip(block.rows, places, strict=True)))
    _prove(symbol, rows, block)
    coefficient = None if block.coefficient is None else _decimal(block.coefficient, block.place, "notionalCoef")
    return PrintedTable(symbol, venue, rows, block.place, _day_of(block), coefficient)


def _row(row: Json, place: str, index: int) -> Bracket:
    fields = _fields(row, place)
    number = _integer(fields, NUMBER, place)
    floor, cap, rate, cum = (_required(fields, keys, place) for keys in (FLOOR, CAP, RATE, CUM))
    return Bracket(
        number=index + 1 if number is None else number,
        floor=floor,
        cap=cap,
        rate=rate,
        cum=cum,
        max_leverage=_integer(fields, LEVERAGE, place),
    )


def _fields(row: Json, place: str) -> dict[str, Json]:
    """The venue's own row: the one in `info` if there is one."""
    if not isinstance(row, dict):
        raise Refused(place, "a row is a JSON object", row)
    info = row.get("info")
    return info if isinstance(info, dict) and info else row


def _required(fields: dict[str, Json], keys: tuple[str, ...], place: str) -> Decimal:
    for key in keys:
        if key in fields:
            return _decimal(fields[key], place, key)
    raise Refused(place, f"the row has no `{keys[0]}`", fields)


def _integer(fields: dict[str, Json], keys: tuple[str, ...], place: str) -> int | None:
    for key in keys:
        if key in fields:
            number = _decimal(fields[key], place, key)
            if number % 1 or number < 1:
                raise Refused(f"{place}.{key}", f"{number} is not a whole number above 0", fields)
            return int(number)
    return None


def _decimal(value: Json, place: str, key: str) -> Decimal:
    try:
        return _number(value if isinstance(value, str) else str(value))
    except BadNumber as error:
        raise Refused(f"{place}.{key}", str(error), value) from error


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal:
    """Tables repeat the same few numbers thousands of times."""
    return decimal_of(text)


def _prove(symbol: str, rows: tuple[Bracket, ...], block: Block) -> None:
    """Refuse an unsound table at the first row at which it stops being sound."""
    if not problems(rows):
        return
    length = next(length for length in range(1, len(rows) + 1) if problems(rows[:length]))
    message = f"{symbol}: {problems(rows[:length])[0]}"
    raw = block.rows[length - 1] if isinstance(block.rows, list) else block.rows
    raise Refused(f"{block.place}[{length - 1}]", message, raw, "unsound")


def _day_of(block: Block) -> str:
    """The UTC date of an event."""
    if block.time_ms is None:
        return ""
    milliseconds = _decimal(block.time_ms, block.place, "E")
    if not ZERO <= milliseconds < 10**14:
        raise Refused(block.place, f"{milliseconds} is not a time in milliseconds", block.time_ms)
    return (EPOCH + timedelta(milliseconds=int(milliseconds))).date().isoformat()


def _unknown_keys(block: Block) -> set[str]:
    rows = block.rows if isinstance(block.rows, list) else []
    return {key for row in rows for key in _fields(row, block.place) if key not in KNOWN}


def _without_twins(tables: Iterable[PrintedTable], file: str) -> tuple[tuple[PrintedTable, ...], list[Problem]]:
    """One table per symbol and day. Of events the last of the day counts; elsewhere two different ones are refused."""
    kept: dict[tuple[str, str], PrintedTable] = {}
    refused: dict[tuple[str, str], Problem] = {}
    for table in tables:
        key = (table.symbol, table.day)
        other = kept.get(key)
        if other and not table.day and other.rows != table.rows:
            message = f"{table.symbol} stands twice, with different rows (the other one at {other.place})"
            refused[key] = Problem(file, table.place, message, kind="twice")
        kept[key] = table
    return tuple(table for key, table in kept.items() if key not in refused), list(refused.values())


def _iso(digits: str) -> str:
    """`20241024` as `2024-10-24`; empty if there is no such day."""
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        return ""


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key

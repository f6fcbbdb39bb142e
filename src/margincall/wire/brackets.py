"""Bracket tables as venues and other programs print them: bytes in, tables and problems out.

Read are Binance's `leverageBracket` (USDⓈ-M and COIN-M, list or single object), the stream event `!contractInfo`
(bare, wrapped in `{"stream", "data"}`, alone or one per line), and the leverage tiers of ccxt and freqtrade in the
four layouts of 2022 to 2026. Of those the venue's own row in `info` is preferred: the outer numbers have passed
through a binary float. A broken table is refused with its row; the other symbols of the file still load.
"""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from margincall.core.brackets import Bracket, problems
from margincall.core.rounding import exact
from margincall.venues.symbols import BadSymbol, identify
from margincall.wire.documents import Document, Json, documents
from margincall.wire.file_dates import day_of_time
from margincall.wire.numbers import BadNumber, decimal_of
from margincall.wire.problems import Problem, excerpt

NUMBER = ("bracket", "tier", "bs")
FLOOR = ("notionalFloor", "minNotional", "qtylFloor", "qtyFloor", "bnf")
CAP = ("notionalCap", "maxNotional", "qtyCap", "bnc")
RATE = ("maintMarginRatio", "maintenanceMarginRate", "mmr")
CUM = ("cum", "cf")
LEVERAGE = ("initialLeverage", "maxLeverage", "ma")
KNOWN = frozenset({*NUMBER, *FLOOR, *CAP, *RATE, *CUM, *LEVERAGE, "mi", "currency", "symbol", "info"})
"""Keys of a row. `qtylFloor` is the venue's own spelling; `mi` is the least leverage, on which nothing depends."""

COEFFICIENT = "notionalCoef"
UNKNOWN_SHAPE = "neither leverageBracket, nor !contractInfo, nor leverage tiers of ccxt or freqtrade"
PAIR_TABLE = "a table per pair, of the older COIN-M endpoint: taken for the perpetual contract only"


class PrintedTable(Struct, frozen=True):
    """One sound table of a file. `day` is the ISO date printed beside it (by an event), empty if there is none."""

    symbol: str
    venue: str
    rows: tuple[Bracket, ...]
    place: str
    day: str = ""
    coefficient: Decimal | None = None


class Block(Struct, frozen=True):
    """One symbol's rows as they stand in a document, before any is read."""

    symbol: Json
    rows: Json
    place: str
    time_ms: Json = None
    coefficient: Json = None


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


def read_brackets(data: bytes, file: str) -> tuple[tuple[PrintedTable, ...], tuple[Problem, ...]]:
    """The sound tables of a file in order, and what of it was refused or ignored."""
    parts, unreadable = documents(data, file)
    tables: list[PrintedTable] = []
    found = list(unreadable)
    unknown: set[str] = set()
    for block in (block for part in parts for block in blocks(part)):
        try:
            if isinstance(block, Refused):
                raise block
            tables.append(_table(block))
            unknown |= _unknown_keys(block)
        except Refused as refused:
            found.append(refused.problem(file))
    if unknown:
        message = f"keys of rows that are not known here were ignored: {', '.join(sorted(unknown))}"
        found.append(Problem(file, "", message, kind="unknown-key"))
    kept, twins = _without_twins(tables, file)
    return kept, (*found, *twins)


def blocks(document: Document) -> Iterator[Block | Refused]:
    """The tables of one document, whatever its layout, and a refusal for each part of another kind."""
    value, place = _unwrapped(document.value, document.place)
    if isinstance(value, list) and value:
        for index, each in enumerate(value):
            yield from _of_one(*_unwrapped(each, f"{place}[{index}]"))
    else:
        yield from _of_one(value, place)


def _unwrapped(value: Json, place: str) -> tuple[Json, str]:
    """The inside of the combined streams' `{"stream": …, "data": …}`."""
    while isinstance(value, dict) and "stream" in value and "data" in value:
        value, place = value["data"], _at(place, "data")
    return value, place


def _of_one(value: Json, place: str) -> Iterator[Block | Refused]:
    if not isinstance(value, dict) or not value:
        yield Refused(place, UNKNOWN_SHAPE, value)
    elif "brackets" in value:
        is_pair = "symbol" not in value and isinstance(value.get("pair"), str)
        symbol = f"{value['pair']}_PERP" if is_pair else value.get("symbol")
        yield Block(symbol, value["brackets"], _at(place, "brackets"), coefficient=value.get(COEFFICIENT))
        if is_pair:
            yield Refused(place, PAIR_TABLE, value["pair"], "pair-table")
    elif value.get("e") == "contractInfo":
        # Sent also when a contract changes its status; then it brings no brackets.
        if value.get("bks"):
            yield Block(value.get("s"), value["bks"], _at(place, "bks"), time_ms=value.get("E"))
    elif "code" in value and "msg" in value:
        yield Refused(place, f"an error answer of the venue, not a table: {value['code']} {value['msg']}")
    elif all(isinstance(rows, list) for rows in value.values()):
        yield from (Block(symbol, rows, _at(place, symbol)) for symbol, rows in value.items())
    else:
        yield Refused(place, UNKNOWN_SHAPE, value)


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
    rows = tuple(_row(row, f"{block.place}[{index}]", index) for index, row in enumerate(block.rows))
    _prove(symbol, rows, block)
    return PrintedTable(symbol, venue, rows, block.place, _day_of(block), _coefficient(block))


def _row(row: Json, place: str, index: int) -> Bracket:
    fields = _fields(row, place)
    floor, cap, rate, cum = (_required(fields, keys, place) for keys in (FLOOR, CAP, RATE, CUM))
    return Bracket(
        number=_whole(fields, NUMBER, place) or index + 1,
        floor=floor,
        cap=cap,
        rate=rate,
        cum=cum,
        max_leverage=_whole(fields, LEVERAGE, place),
    )


def _fields(row: Json, place: str) -> dict[str, Json]:
    """The venue's own row: the one in `info` if there is one."""
    if not isinstance(row, dict):
        raise Refused(place, "a row must be an object", row)
    info = row.get("info")
    return info if isinstance(info, dict) and info else row


def _required(fields: dict[str, Json], keys: tuple[str, ...], place: str) -> Decimal:
    for key in keys:
        if key in fields:
            return _decimal(fields, key, place)
    raise Refused(place, f"the row has no `{keys[0]}`", fields)


def _whole(fields: dict[str, Json], keys: tuple[str, ...], place: str) -> int | None:
    for key in keys:
        if key in fields:
            number = _decimal(fields, key, place)
            if number % 1 or number < 1:
                raise Refused(_at(place, key), f"{number} is not a whole number above 0", fields)
            return int(number)
    return None


def _decimal(fields: dict[str, Json], key: str, place: str) -> Decimal:
    value = fields[key]
    try:
        return _number(value if isinstance(value, str) else json.dumps(value))
    except BadNumber as error:
        raise Refused(_at(place, key), str(error), fields) from error


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal:
    """Tables repeat the same few numbers thousands of times."""
    return decimal_of(text)


@exact
def _prove(symbol: str, rows: tuple[Bracket, ...], block: Block) -> None:
    """Refuse an unsound table at the first row at which it stops being sound."""
    if not problems(rows):
        return
    last = next(index for index in range(len(rows)) if problems(rows[: index + 1]))
    raw = block.rows[last] if isinstance(block.rows, list) else ""
    raise Refused(f"{block.place}[{last}]", f"{symbol}: {problems(rows[: last + 1])[0]}", raw, "unsound")


def _day_of(block: Block) -> str:
    """The UTC date of an event; raises `Refused` for a time that is none."""
    day = day_of_time(block.time_ms)
    if block.time_ms is not None and not day:
        raise Refused(block.place, f"{block.time_ms} is not a time in milliseconds", block.time_ms)
    return day


def _coefficient(block: Block) -> Decimal | None:
    if block.coefficient is None:
        return None
    return _decimal({COEFFICIENT: block.coefficient}, COEFFICIENT, block.place)


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


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key

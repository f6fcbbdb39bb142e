"""Bracket tables that lie among an account's files: answers of `leverageBracket`, `!contractInfo` messages, tier files.

A table counts from the day on which it was seen: the day of its message, else the date in the file's name. One
without a date is not used, because nobody could say when it was in force.
"""

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, json, structs

from margincall.core.brackets import BracketTable
from margincall.core.events import Source
from margincall.venues.book import DatedTable
from margincall.wire.brackets import RATE, PrintedTable, read_brackets
from margincall.wire.file_dates import day_in_name
from margincall.wire.problems import Problem
from margincall.wire.row import place_of

UNDATED = "bracket tables without a date are not used: put the day on which they were seen into the name, as 2024-10-24"


class Tables(Struct, frozen=True):
    """The tables of one element of a file, and what was wrong with them."""

    dated: tuple[DatedTable, ...] = ()
    problems: tuple[Problem, ...] = ()


def is_brackets(value: object) -> bool:
    """Whether a decoded value holds bracket tables, in one of the layouts that `wire/brackets.py` reads."""
    if isinstance(value, list):
        return bool(value) and is_brackets(value[0])
    if not isinstance(value, dict):
        return False
    return value.get("e") == "contractInfo" or "brackets" in value or _is_tiers(value)


def _is_tiers(value: dict[object, object]) -> bool:
    """Symbols, each with a list of rows of which the first has a rate."""
    first = next(iter(value.values()), None)
    if not isinstance(first, list) or not first or not isinstance(first[0], dict):
        return False
    return any(key in first[0] for key in RATE)


def tables_of(value: object, source: Source) -> Tables:
    """The tables of a value for which `is_brackets` holds."""
    file = source.file
    printed, problems = read_brackets(json.encode(value), file)
    here = place_of(source)
    placed = [structs.replace(each, place=f"{here} {each.place}".strip()) for each in problems]
    in_name = day_in_name(Path(file).name)
    day, assumed = in_name if in_name else ("", ())
    dated = [_dated(each, file, each.day or day, () if each.day else assumed) for each in printed if each.day or day]
    if len(dated) < len(printed):
        placed.append(Problem(file, here, UNDATED, kind="undated"))
    return Tables(tuple(dated), tuple(placed))


def _dated(table: PrintedTable, file: str, day: str, assumed: Iterable[str]) -> DatedTable:
    found = BracketTable(
        symbol=table.symbol,
        rows=table.rows,
        as_of=day,
        source=file,
        name=Path(file).name,
        coefficient=table.coefficient,
    )
    return DatedTable(found, table.venue, tuple(assumed))

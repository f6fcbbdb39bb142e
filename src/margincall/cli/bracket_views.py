"""What `margincall brackets` shows: plain values for programs, and sections for people."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from margincall.core.brackets import BracketTable
from margincall.core.rounding import plain, ratio_nearest
from margincall.forensics.present import Section
from margincall.history.bracket_store import Import
from margincall.venues.book import DatedTable, Selection
from margincall.venues.infer import Inference, Line, Match, Range, row_of
from margincall.venues.sheets import Sheet

NO_LIMIT = 2**63 - 1
"""The cap that the venue prints for a last row without one."""
SOURCE_LENGTH = 55

Json = dict[str, Any]


# --- import -----------------------------------------------------------------------------------------------


def import_value(done: Import) -> Json:
    """One imported file; its problems stand at the top of the document."""
    return {
        "file": done.file,
        "days": done.days,
        "venues": done.venues,
        "tables": done.tables,
        "rows": done.rows,
        "stored": done.stored,
        "replaced": done.replaced,
    }


def import_section(imports: Iterable[Import]) -> Section:
    """The imported files, one per line."""
    rows = [
        (_span(done.days), " ".join(done.venues), done.tables, done.rows, Path(done.file).name, " ".join(done.assumed))
        for done in imports
    ]
    return _section("Imported", ("as of", "venue", "tables>", "rows>", "file", "assumed"), rows)


# --- list -------------------------------------------------------------------------------------------------


def sheet_value(sheet: Sheet) -> Json:
    """One sheet of the store or of the package."""
    return {
        "as_of": sheet.as_of,
        "also_seen": sheet.also_seen,
        "venue": sheet.venue,
        "symbols": len(sheet.tables),
        "name": sheet.name,
        "source": sheet.source,
        "assumed": sheet.assumed,
    }


def sheets_section(sheets: Iterable[Sheet]) -> Section:
    """Every sheet, one per line."""
    rows = [
        (
            _span((sheet.as_of, *sheet.also_seen)),
            sheet.venue,
            len(sheet.tables),
            _short(sheet.source),
            " ".join(sheet.assumed),
        )
        for sheet in sheets
    ]
    return _section("Known bracket tables", ("as of", "venue", "symbols>", "source", "assumed"), rows)


def dated_value(dated: DatedTable) -> Json:
    """One table of one symbol, without its rows."""
    table = dated.table
    return {
        "symbol": table.symbol,
        "as_of": table.as_of,
        "venue": dated.venue,
        "name": table.name,
        "source": table.source,
        "rows": len(table.rows),
        "assumed": dated.assumed,
    }


def dated_section(known: Sequence[DatedTable]) -> Section:
    """The tables of some symbols, one per line, oldest first; those with the rows of the line before are marked."""
    rows = [
        (
            dated.table.symbol,
            dated.table.as_of,
            len(dated.table.rows),
            "" if before is None or _differs(before, dated) else "as before",
            _short(dated.table.source),
            " ".join(dated.assumed),
        )
        for before, dated in zip((None, *known), known, strict=False)
    ]
    return _section("Known bracket tables", ("symbol", "as of", "rows>", "", "source", "assumed"), rows)


def _differs(before: DatedTable, dated: DatedTable) -> bool:
    return (before.table.symbol, before.table.rows) != (dated.table.symbol, dated.table.rows)


# --- show -------------------------------------------------------------------------------------------------


def selection_value(symbol: str, day: str, found: Selection) -> Json:
    """The tables around a day with their rows."""
    return {
        "symbol": symbol,
        "day": day,
        "certainty": found.certainty,
        "table": _rows_value(found.table),
        "later": _rows_value(found.later),
    }


def _rows_value(table: BracketTable | None) -> Json | None:
    if table is None:
        return None
    return {
        "as_of": table.as_of,
        "name": table.name,
        "source": table.source,
        "coefficient": table.coefficient,
        "rows": table.rows,
    }


def rows_section(table: BracketTable) -> Section:
    """The rows of one table."""
    rows = [
        (
            row.number,
            _amount(row.floor),
            _amount(row.cap),
            _percent(row.rate),
            _amount(row.cum),
            f"{row.max_leverage}x" if row.max_leverage else "",
        )
        for row in table.rows
    ]
    headings = ("row>", "above>", "up to>", "rate>", "cum>", "leverage>")
    return _section(f"{table.symbol} as of {table.as_of}", headings, rows, note=table.source)


# --- infer ------------------------------------------------------------------------------------------------


def inference_value(found: Inference) -> Json:
    """What the prints of one symbol say."""
    return {
        "symbol": found.symbol,
        "prints": [_match_value(match) for match in found.matches],
        "rows": [_line_value(line) for line in found.lines],
    }


def _match_value(match: Match) -> Json:
    return {
        "place": match.print.place,
        "field": match.print.field,
        "day": match.print.day,
        "notional": match.print.notional,
        "maintenance": match.print.maintenance,
        "agreeing": [dated.table.as_of for dated in match.agreeing],
        "in_force": _in_force_value(match),
    }


def _in_force_value(match: Match) -> Json | None:
    table = match.selection.table if match.selection else None
    if table is None:
        return None
    row = row_of(table, match.print)
    return {"as_of": table.as_of, "rate": row.rate, "cum": row.cum, "agrees": not match.contradicts}


def _line_value(line: Line) -> Json:
    return {
        "solved": line.is_solved,
        "rate": line.rate,
        "cum": line.cum,
        "rates": line.rates,
        "cums": line.cums,
        "prints": len(line.prints),
        "tables": [dated.table.as_of for dated in line.known],
    }


def inference_sections(found: Inference) -> Iterator[Section]:
    """The rows that the prints of one symbol give, and the prints that the table in force does not give."""
    yield _section(
        f"{found.symbol}: rows that the prints give",
        ("notional from>", "to>", "rate>", "cum>", "prints>", "how sure", "agreeing tables"),
        [_line_cells(line) for line in found.lines],
    )
    if wrong := [match for match in found.matches if match.contradicts]:
        yield _section(
            f"{found.symbol}: prints that the table in force does not give",
            ("place", "field", "day", "notional>", "printed>", "table in force"),
            [_match_cells(match) for match in wrong],
            note="Another table was in force: import one dated between, or see the agreeing tables above.",
        )


def _line_cells(line: Line) -> tuple[object, ...]:
    sure = "solved" if line.is_solved else "if it is the first row" if line.cums is None else "a range"
    return (
        _amount(line.prints[0].notional.low),
        _amount(line.prints[-1].notional.low),
        _between(line.rates) if line.rate is None else _percent(line.rate),
        _amount(line.cum) if line.cum is not None else _between(line.cums) if line.cums else "?",
        len(line.prints),
        sure,
        _days(line.known) or "none known",
    )


def _match_cells(match: Match) -> tuple[object, ...]:
    table = match.selection.table if match.selection else None
    return (
        match.print.place,
        match.print.field,
        match.print.day,
        _amount(match.print.notional.low),
        _amount(match.print.maintenance.low),
        table.as_of if table else "",
    )


# --- small things -----------------------------------------------------------------------------------------


def _section(title: str, headings: Sequence[str], rows: Iterable[Iterable[object]], note: str = "") -> Section:
    """A section; headings that end in `>` are of numbers, aligned right."""
    return Section(
        title=title,
        columns=tuple(heading.rstrip(">") for heading in headings),
        rows=tuple(tuple(str(cell) for cell in row) for row in rows),
        right=tuple(place for place, heading in enumerate(headings) if heading.endswith(">")),
        note=note,
    )


def _amount(number: Decimal) -> str:
    return "no limit" if number >= NO_LIMIT else f"{plain(number):,}"


def _percent(rate: Decimal) -> str:
    return f"{plain(rate * 100)} %"


def _between(found: Range) -> str:
    return f"{plain(ratio_nearest(found.low))} … {plain(ratio_nearest(found.high))}"


def _span(days: Sequence[str]) -> str:
    return days[0] if len(set(days)) == 1 else f"{days[0]} … {days[-1]}"


def _days(known: Sequence[DatedTable]) -> str:
    days = [dated.table.as_of for dated in known]
    return ", ".join(days) if len(days) <= 3 else f"{days[0]} … {days[-1]} ({len(days)})"


def _short(text: str) -> str:
    return text if len(text) <= SOURCE_LENGTH else text[: SOURCE_LENGTH - 1] + "…"

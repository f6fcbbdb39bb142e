"""`margincall brackets`: import, list, show, infer and check dated bracket tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from margincall.cli.output import console, print_json, show
from margincall.errors import DIFFERENCES, FINE, NOTHING_USABLE, USAGE

if TYPE_CHECKING:
    from margincall.wire.problems import Problem

SCHEMA = "margincall.brackets/1"
SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
"""Files that are taken from a folder; a file that is named is read whatever its name."""
PROBLEMS_SHOWN = 20
IMPORT_HINT = "import one with: margincall brackets import FILE"

Paths = tuple[Path, ...]


def iso_day(ctx: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """The day of an option as `2024-10-24`."""
    try:
        return text and date.fromisoformat(text).isoformat()
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a day; write it as 2024-10-24", ctx, parameter) from None


FILE = click.Path(exists=True, path_type=Path)
files_argument = click.argument("files", nargs=-1, required=True, metavar="FILE…", type=FILE)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
store_option = click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of the imported tables."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def brackets() -> None:
    """Import, list, show, infer and check bracket tables.

    A table counts from the day on which it was seen. An event is judged by the latest table dated at or before it.
    """


@brackets.command("import")
@files_argument
@click.option("--as-of", metavar="DATE", callback=iso_day, help="The day on which the tables were in force.")
@store_option
@json_option
def import_tables(files: Paths, as_of: str | None, store: Path | None, as_json: bool) -> int:
    """Store the tables of FILE…, plain or gzipped, for later use; folders are searched.

    Read are Binance's leverageBracket answers and !contractInfo messages, and the leverage tiers of ccxt and
    freqtrade. The date is --as-of, else that of the message, else the one in the file's name; 2024.12, as in the name
    of a package, counts as the first day of that month. A broken table is refused, the others of its file are stored.
    """
    from margincall.cli.bracket_views import import_section, import_value
    from margincall.history.bracket_store import Import, import_file

    done: list[Import] = []
    for path in _expanded(files):
        try:
            done.append(import_file(path, as_of, store))
        except OSError as error:
            done.append(Import(str(path), problems=(_unopened(path, error),)))
    problems = [problem for each in done for problem in each.problems]
    stored = [each for each in done if each.tables]
    if as_json:
        assumed = {each for one in done for each in one.assumed}
        _print_json({"imports": [import_value(each) for each in done]}, problems, assumed)
    else:
        if stored:
            show(console(), import_section(stored))
        click.echo(f"{len(stored)} of {len(done)} files, {sum(each.tables for each in stored)} tables stored")
        _print_problems(problems)
    if stored:
        return DIFFERENCES if problems else FINE
    return USAGE if any(problem.kind == "undated" for problem in problems) else NOTHING_USABLE


@brackets.command("list")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]…")
@store_option
@json_option
def list_tables(symbols: tuple[str, ...], store: Path | None, as_json: bool) -> int:
    """List the known tables: those that come with the package and those imported. With SYMBOL, each of its tables."""
    from margincall.cli.bracket_views import sheet_value, sheets_section
    from margincall.history.bracket_store import imported_sheets
    from margincall.venues.embedded import embedded_sheets

    if symbols:
        return _list_symbols(symbols, store, as_json)
    sheets = sorted((*embedded_sheets(), *imported_sheets(store)), key=lambda sheet: (sheet.as_of, sheet.venue))
    if as_json:
        assumed = {each for sheet in sheets for each in sheet.assumed}
        _print_json({"sheets": [sheet_value(sheet) for sheet in sheets]}, (), assumed)
    else:
        show(console(), sheets_section(sheets))
    return FINE


def _list_symbols(symbols: Sequence[str], store: Path | None, as_json: bool) -> int:
    from margincall.cli.bracket_views import dated_section, dated_value
    from margincall.history.bracket_store import load_book

    names = [_named(symbol) for symbol in symbols]
    book = load_book(store, symbols=names)
    known = [dated for name in names for dated in book.dated(name)]
    if as_json:
        assumed = {each for dated in known for each in dated.assumed}
        _print_json({"tables": [dated_value(dated) for dated in known]}, (), assumed)
    elif known:
        show(console(), dated_section(known))
    for name in names:
        if not book.dated(name):
            click.echo(f"no table of {name} is known; {IMPORT_HINT}", err=True)
    return FINE if known else NOTHING_USABLE


@brackets.command("show")
@click.argument("symbol")
@click.option("--as-of", metavar="DATE", callback=iso_day, help="Show the table in force on this day; today without.")
@store_option
@json_option
def show_table(symbol: str, as_of: str | None, store: Path | None, as_json: bool) -> int:
    """Show the rows of SYMBOL in force on a day, and those of the next later table if they differ.

    The exit code is 1 if only later tables are known.
    """
    from margincall.cli.bracket_views import rows_section, selection_value
    from margincall.history.bracket_store import load_book

    name = _named(symbol)
    day = as_of or datetime.now(UTC).date().isoformat()
    found = load_book(store, symbols=[name]).select(name, day)
    if as_json:
        _print_json(selection_value(name, day, found), (), found.assumed)
    else:
        tables = [found.table] if found.table else []
        if found.later and (found.table is None or found.later.rows != found.table.rows):
            tables.append(found.later)
        for table in tables:
            show(console(), rows_section(table))
        if found.assumed:
            click.echo(f"assumed: {', '.join(found.assumed)}")
    if found.table is None:
        click.echo(f"no table of {name} is dated at or before {day}; {IMPORT_HINT}", err=True)
    return {"dated": FINE, "only_later": DIFFERENCES, "none": NOTHING_USABLE}[found.certainty]


@brackets.command("infer")
@files_argument
@click.option(
    "--as-of",
    metavar="DATE",
    callback=iso_day,
    help="The day of prints that show none; else the date in the file's name.",
)
@store_option
@json_option
def infer_rows(files: Paths, as_of: str | None, store: Path | None, as_json: bool) -> int:
    """Solve bracket rows from maintMargin, mm or liquidationPrice in your own FILE…

    Read are positionRisk and account answers, MARGIN_CALL messages and ccxt positions. Two prints of one row give its
    rate and cum; one print tells which known tables agree. A print without a time is dated by --as-of, else by the
    file's name. The exit code is 1 if no known table agrees, or not the one in force on the day.
    """
    from margincall.cli.bracket_views import inference_sections, inference_value
    from margincall.history.bracket_store import load_book
    from margincall.venues.infer import MarginPrint, infer
    from margincall.wire.file_dates import day_in_name
    from margincall.wire.margin_prints import read_margin_prints

    prints: list[MarginPrint] = []
    problems: list[Problem] = []
    for path in _expanded(files):
        named, _ = day_in_name(path.name) or ("", ())
        try:
            found, bad = read_margin_prints(path.read_bytes(), str(path), as_of or named)
        except OSError as error:
            found, bad = (), (_unopened(path, error),)
        prints.extend(found)
        problems.extend(bad)
    inferred = infer(prints, load_book(store, symbols={each.symbol for each in prints}))
    if as_json:
        _print_json({"symbols": [inference_value(each) for each in inferred]}, problems)
    else:
        for section in (section for each in inferred for section in inference_sections(each)):
            show(console(), section)
        _print_problems(problems)
    if not prints:
        click.echo("no maintenance margin of an open position is printed in these files", err=True)
        return NOTHING_USABLE
    matches = [match for each in inferred for match in each.matches]
    is_odd = bool(problems) or any(match.contradicts or not match.agreeing for match in matches)
    return DIFFERENCES if is_odd else FINE


@brackets.command("check")
@click.argument("files", nargs=-1, metavar="[FILE]…", type=FILE)
@store_option
@json_option
def check_tables(files: Paths, store: Path | None, as_json: bool) -> int:
    """Prove the tables of FILE… sound; without FILE, all that are known."""
    problems: list[Problem] = []
    checked: list[dict[str, Any]] = []
    for name, tables, rows, bad in _checked_files(files) if files else _checked_store(store):
        checked.append({"name": name, "tables": tables, "rows": rows})
        problems.extend(bad)
    if as_json:
        _print_json({"checked": checked}, problems)
    else:
        tables, rows = (sum(each[key] for each in checked) for key in ("tables", "rows"))
        click.echo(f"{tables} tables with {rows} rows are sound")
        _print_problems(problems)
    if not any(each["tables"] for each in checked):
        return NOTHING_USABLE
    return DIFFERENCES if problems else FINE


Checked = tuple[str, int, int, "Sequence[Problem]"]
"""What was checked, its sound tables, their rows, and what is wrong with the others."""


def _checked_files(files: Paths) -> Iterator[Checked]:
    from margincall.wire.brackets import read_brackets

    for path in _expanded(files):
        try:
            found, bad = read_brackets(path.read_bytes(), str(path))
        except OSError as error:
            found, bad = (), (_unopened(path, error),)
        yield str(path), len(found), sum(len(table.rows) for table in found), bad


def _checked_store(store: Path | None) -> Iterator[Checked]:
    from margincall.history.bracket_store import imported_sheets
    from margincall.venues.embedded import embedded_sheets
    from margincall.venues.sheets import BrokenSheet, dated_tables
    from margincall.wire.problems import Problem

    for sheet in (*embedded_sheets(), *imported_sheets(store)):
        name = sheet.name or f"{sheet.venue} {sheet.as_of}"
        rows: list[int] = []
        bad: list[Problem] = []
        for symbol in sheet.tables:
            try:
                rows.append(len(next(dated_tables([sheet], [symbol])).table.rows))
            except BrokenSheet as error:
                bad.append(Problem(name, symbol, str(error), kind="unsound"))
        yield name, len(rows), sum(rows), bad


def _expanded(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and in folders those that may hold JSON."""
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.name.lower().endswith(SUFFIXES))
        else:
            yield path


def _named(symbol: str) -> str:
    """The venue's own name of a symbol in any style."""
    from margincall.venues.symbols import BadSymbol, identify

    try:
        return identify(symbol.upper())[1]
    except BadSymbol as error:
        raise click.UsageError(str(error)) from error


def _unopened(path: Path, error: OSError) -> Problem:
    from margincall.wire.problems import Problem

    return Problem(str(path), "", f"cannot be opened: {error.strerror or error}")


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems[:PROBLEMS_SHOWN]:
        click.echo(str(problem), err=True)
    if len(problems) > PROBLEMS_SHOWN:
        click.echo(f"and {len(problems) - PROBLEMS_SHOWN} more; --json lists all", err=True)


def _print_json(body: dict[str, Any], problems: Sequence[Problem], assumed: Iterable[str] = ()) -> None:
    print_json({"schema": SCHEMA, **body, "problems": problems, "assumptions": sorted(assumed)})

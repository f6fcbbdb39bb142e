"""What commands read: the user's files and folders as one answer, with a progress bar where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from msgspec import structs

from margincall.case.coverage import coverage_of
from margincall.case.folder import readable_paths
from margincall.cli.output import console, print_json, show_problems
from margincall.errors import CANNOT_TELL, DIFFERENCES, FINE, NOT_JUDGED, NOTHING_USABLE, UsageError
from margincall.forensics.answer import Answer, answer, example
from margincall.forensics.verify.check import IRREGULAR, OPEN, Conclusion
from margincall.history.bracket_store import load_book
from margincall.history.market.store import MarketStore
from margincall.history.scope import Scope
from margincall.wire.problems import Problem

NO_FILE = "no file in it"
NOTHING = "Nothing in these files can be used."
NEXT = (
    "Save what the venue still has: margincall rescue --to my-case",
    "By hand, without a key: margincall rescue --without-key --event TIME",
    "Which files are read: margincall explain --help",
    "Which exports to download: docs/how-to/exports.md",
)


from_option = click.option(
    "--from", "start", default="", metavar="TIME", help="Read only from this date or time (ISO, UTC)."
)
beside_option = click.option(
    "--beside",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Files of another of your accounts: the rank of a deleveraging is compared with it. May be repeated.",
)
number_option = click.option(
    "--number", default=0, metavar="N", help="Only the Nth liquidation found (1 is the first)."
)


def until_option(*also: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that ends the time that is looked at: `--until` everywhere, and what else a command calls it (`--to`
    where that is not the folder to write to)."""
    text = "Read only up to this date (inclusive) or time (ISO, UTC)."
    return click.option("--until", *also, "end", default="", metavar="TIME", help=text)


def check_number(found: Answer, number: int) -> None:
    """Raises `UsageError` for a number that no liquidation of these files has; 0 means all."""
    if not 0 <= number <= len(found.explained.cases):
        raise UsageError(f"--number {number}: the files hold {len(found.explained.cases)} liquidation(s)")


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name the store of market data, or leave it out."""
    folder = click.option(
        "--store", "store_folder", type=click.Path(path_type=Path), help="Folder of market data (margincall market)."
    )
    without = click.option("--no-store", is_flag=True, help="Look at the files alone, not at stored market data.")
    return folder(without(command))


def read_answer(paths: tuple[Path, ...], scope: Scope, *, quiet: bool, store: MarketStore | None = None) -> Answer:
    """Explain what these paths hold; without any, the embedded example. Of a case folder the evidence is read, and
    refused if it was altered. `store` fills in candles of the mark that they lack. Raises `UsageError` for a path that
    is not there."""
    book = load_book()
    if not paths:
        return example(book)
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"no such file or folder: {', '.join(missing)}")
    coverage = coverage_of(paths)
    given, paths = paths, readable_paths(paths)
    if not any(file.is_file() for path in paths for file in (path.rglob("*") if path.is_dir() else [path])):
        empty = answer(paths, book, scope=scope, coverage=coverage, store=store)
        return structs.replace(empty, problems=(*empty.problems, *(Problem(str(path), "", NO_FILE) for path in given)))
    if quiet or not sys.stderr.isatty():
        return answer(paths, book, scope=scope, coverage=coverage, store=store)
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
        task = bar.add_task("reading", total=sum(file.stat().st_size for file in files))
        return answer(
            paths, book, scope=scope, coverage=coverage, store=store, progress=lambda size: bar.advance(task, size)
        )


def nothing_usable(found: Answer, document: Any = None, *, redact: bool = False) -> int:
    """Say why nothing of these files can be used and what to do next, or print the answer for programs, where one is
    asked for. `redact` masks the files. The exit code."""
    if document is not None:
        print_json(document)
        return NOTHING_USABLE
    problems = found.problems
    if redact:
        from margincall.case.reporting.redact import redacted_problems

        problems = redacted_problems(found)
    if problems:
        show_problems(console(), problems)
    for line in (NOTHING, *NEXT):
        click.echo(line, err=True)
    return NOTHING_USABLE


def judged_code(conclusion: Conclusion, *, is_judged: bool) -> int:
    """The exit code of a command that judges: something irregular, nothing irregular, cannot tell; or not judged,
    because the account is of a kind that is not modelled or at another venue, or nothing was there to judge."""
    if conclusion == IRREGULAR:
        return DIFFERENCES
    if not is_judged:
        return NOT_JUDGED
    return CANNOT_TELL if conclusion == OPEN else FINE

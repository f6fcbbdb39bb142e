"""What commands read: the user's files and folders as one answer, with a progress bar where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from margincall.case.coverage import coverage_of
from margincall.case.folder import readable_paths
from margincall.cli.output import console
from margincall.errors import UsageError
from margincall.forensics.answer import Answer, answer, example
from margincall.history.bracket_store import load_book
from margincall.history.market.store import MarketStore
from margincall.history.scope import Scope


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
    paths = readable_paths(paths)
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

"""`margincall exchange run`: plays a scenario, shows what was liquidated, and writes each account's data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from margincall.cli.output import console, print_json, say
from margincall.errors import FINE, UsageError

if TYPE_CHECKING:
    from margincall.exchange.play import Tell

OWN = "margincall.exchange"


@click.command("run")
@click.argument("scenario", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the files (default: NAME.out in the current folder)."
)
@click.option("--seed", type=int, help="Another seed than the scenario's.")
@click.option("--no-files", is_flag=True, help="Show what happens, write nothing.")
@click.option("--dispute", metavar="ACCOUNT", help="Dispute the liquidations of an account, and print the answer.")
@click.option("--list", "listed", is_flag=True, help="List the scenarios that come with margincall.")
@click.option("--json", "as_json", is_flag=True, help="Print margincall.exchange.run/1 for programs.")
def run(
    scenario: str | None,
    out: Path | None,
    seed: int | None,
    dispute: str | None,
    *,
    no_files: bool,
    listed: bool,
    as_json: bool,
) -> int:
    """Play SCENARIO, a TOML file or the name of one that comes with margincall, on an exchange in this process.

    Shows every liquidation, and writes for each account that was liquidated, deleveraged or charged what a user of the
    venue can save: the user-data stream, answers of the API, CSV exports; and what the market showed. `margincall
    explain NAME.out/ACCOUNT/api NAME.out/market` explains it from them. A folder that an earlier run wrote is written
    again.
    """
    from msgspec import structs

    from margincall.cli.exchange_views import document, show_run
    from margincall.config import located
    from margincall.exchange.disputes import disputable
    from margincall.exchange.exports import write_all
    from margincall.exchange.play import dispute as disputed
    from margincall.exchange.play import play
    from margincall.exchange.scenario import read_scenario
    from margincall.exchange.scenario_rules import rule_set_of
    from margincall.history.bracket_store import load_book

    if listed and scenario is not None:
        raise UsageError(f"--list lists all scenarios: leave out {scenario}")
    if listed or scenario is None:
        return _list(as_json=as_json)
    source, name, folder = scenario_source(scenario)
    found = read_scenario(source, name)
    found = found if seed is None else structs.replace(found, seed=seed)
    with located(source, name=name):
        rules = rule_set_of(found, folder, load_book())
        target = None if no_files else out or Path(f"{Path(scenario).stem}.out")
        with _room(target), _Progress(quiet=as_json) as tell:
            played = play(found, rules, folder, tell)
            if dispute is not None and not disputable(played.state, dispute):
                raise UsageError(f"no liquidation of {dispute} to dispute in this run")
    if target is not None:
        try:
            write_all(played, target, found.day)
        except OSError as error:
            raise UsageError(f"cannot write to {target}: {error.strerror}") from None
    decisions = [] if dispute is None else disputed(played, rules, found, dispute)
    if as_json:
        print_json(document(played, found, target, decisions))
    else:
        show_run(console(), played, found, target, decisions)
    return FINE


def _list(*, as_json: bool) -> int:
    about = {name: _about(name) for name in embedded()}
    if as_json:
        found = [{"name": name, "about": sentence} for name, sentence in about.items()]
        print_json({"schema": "margincall.exchange.scenarios/1", "scenarios": found})
        return FINE
    for name, sentence in about.items():
        say(f"{name:20}  {sentence}", 22)
    say("\nPlay one: margincall exchange run NAME. Write your own: docs/how-to/scenario.md")
    return FINE


def _about(name: str) -> str:
    """The first sentence of its comment."""
    comment = takewhile(lambda line: line.startswith("#"), _embedded_text(name).splitlines())
    return " ".join(line.lstrip("# ") for line in comment).partition(". ")[0] + "."


def embedded() -> list[str]:
    """The names of the scenarios of the package."""
    return sorted(Path(each.name).stem for each in (files(OWN) / "scenarios").iterdir() if each.name.endswith(".toml"))


def _embedded_text(name: str) -> str:
    return (files(OWN) / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")


def scenario_source(name: str) -> tuple[Path | str, str, Path]:
    """A scenario by path, else by name: its file or text, what messages call it, where its files are looked up."""
    path = Path(name)
    if path.is_file():
        return path, name, path.parent
    if name in embedded():
        return _embedded_text(name), f"{name}.toml", Path()
    if path.is_dir():
        raise UsageError(f"no such file: {name} is a folder; name a scenario's TOML file")
    if path.suffix or len(path.parts) > 1:
        raise UsageError(f"no such file: {name}")
    raise UsageError(f"no such scenario: {name}; those that come with margincall are {', '.join(embedded())}")


@contextmanager
def _room(folder: Path | None) -> Iterator[None]:
    """The folder is there before a run begins, so that a run is not in vain; where the run fails, it is as before."""
    from margincall.exchange.run_folder import MARKER, is_foreign

    if folder is None:
        yield
        return
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose a folder with --out")
    if is_foreign(folder):
        raise UsageError(
            f"{folder} is not empty, and no run has written it (there is no {MARKER} in it): choose another folder "
            "with --out, or remove it"
        )
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create folder {folder}: {error.strerror}") from None
    try:
        yield
    except BaseException:
        if is_new:
            folder.rmdir()
        raise


class _Progress:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.bar: Any = None
        self.quiet = quiet or not sys.stderr.isatty()

    def __enter__(self) -> Tell | None:
        if self.quiet:
            return None
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console(stderr=True), transient=True)
        self.bar.start()
        task = self.bar.add_task("playing", total=None)
        return lambda done, total: self.bar.update(task, completed=done, total=total)

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

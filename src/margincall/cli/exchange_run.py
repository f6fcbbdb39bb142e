"""`margincall exchange run`: plays a scenario, shows what was liquidated, and writes each account's data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from margincall.cli.output import console, print_json, show
from margincall.errors import FINE, UsageError

if TYPE_CHECKING:
    from margincall.exchange.events import AnyExchangeEvent
    from margincall.exchange.play import Played, Tell
    from margincall.exchange.scenario import Scenario
    from margincall.forensics.present import Section

SHOWN = 25
"""Rows of a table on the screen; the files hold all."""
OWN = "margincall.exchange"


@click.command("run")
@click.argument("scenario", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the files (default: NAME.out).")
@click.option("--seed", type=int, help="Another seed than the scenario's.")
@click.option("--no-files", is_flag=True, help="Show what happens, write nothing.")
@click.option("--list", "listed", is_flag=True, help="List the scenarios that come with margincall.")
@click.option("--json", "as_json", is_flag=True, help="Print margincall.exchange.run/1 for programs.")
def run(
    scenario: str | None, out: Path | None, seed: int | None, *, no_files: bool, listed: bool, as_json: bool
) -> int:
    """Play SCENARIO, a TOML file or the name of one that comes with margincall, on an exchange in this process.

    Shows every liquidation, and writes for each liquidated account what a user of the venue can save: the user-data
    stream, answers of the API, CSV exports; and what the market showed. `margincall explain NAME.out/ACCOUNT/api
    NAME.out/market` explains it from them.
    """
    from msgspec import structs

    from margincall.config import located
    from margincall.exchange.play import play
    from margincall.exchange.scenario import read_scenario
    from margincall.exchange.scenario_rules import rule_set_of
    from margincall.history.bracket_store import load_book

    if listed or scenario is None:
        return _list()
    source, name, folder = _scenario(scenario)
    found = read_scenario(source, name)
    found = found if seed is None else structs.replace(found, seed=seed)
    with located(source, name=name):
        rules = rule_set_of(found, folder, load_book())
        target = None if no_files else _target(out or Path(f"{Path(scenario).stem}.out"))
        with _Progress(quiet=as_json) as tell:
            played = play(found, rules, folder, tell)
    if target is not None:
        _write(played, found, target)
    if as_json:
        print_json(_document(played, found, target))
    else:
        _show(played, found, target)
    return FINE


def _list() -> int:
    for name in embedded():
        comment = takewhile(lambda line: line.startswith("#"), _embedded_text(name).splitlines())
        sentence = " ".join(line.lstrip("# ") for line in comment).partition(". ")[0]
        click.echo(f"{name:20}  {sentence}.")
    click.echo("\nPlay one: margincall exchange run NAME. Write your own: docs/how-to/scenario.md")
    return FINE


def embedded() -> list[str]:
    """The names of the scenarios of the package."""
    return sorted(Path(each.name).stem for each in (files(OWN) / "scenarios").iterdir() if each.name.endswith(".toml"))


def _embedded_text(name: str) -> str:
    return (files(OWN) / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")


def _scenario(name: str) -> tuple[Path | str, str, Path]:
    """A scenario by path, else by name: its file or text, what messages call it, where its files are looked up."""
    path = Path(name)
    if path.is_file():
        return path, name, path.parent
    if name in embedded():
        return _embedded_text(name), f"{name}.toml", Path()
    raise UsageError(f"no such scenario: {name}; those that come with margincall are {', '.join(embedded())}")


def _target(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose a folder with --out")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: choose another folder with --out, or remove it")
    return folder


def _write(played: Played, scenario: Scenario, folder: Path) -> None:
    from margincall.exchange.events import Deleveraged, LiquidationStarted
    from margincall.exchange.exports import write_account, write_market
    from margincall.exchange.queue import lights_of
    from margincall.exchange.scenario import MAKER, MARKET

    rules = played.state.genuine.venue
    write_market(folder / MARKET, played.events, rules.tables, scenario.day)
    closed = {each.account for each in played.events if isinstance(each, LiquidationStarted | Deleveraged)}
    for name in sorted(closed - {MAKER}):
        seen = lights_of(played.state, name)
        write_account(folder / name, name, played.events, rules, played.state.time_ms, lights=seen)


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


def _show(played: Played, scenario: Scenario, target: Path | None) -> None:
    from margincall.wire.iso_time import utc

    out = console()
    out.rule(f"[bold]{scenario.name}", align="left")
    state = played.state
    out.print(
        f"Simulated. Rules: {scenario.rules}, seed {scenario.seed}; {len(played.commands):,} commands, "
        f"{state.next_trade - 1:,} trades, {len(state.liquidations):,} liquidated positions.",
        markup=False,
    )
    rows = [
        (utc(each.time_ms), each.account, each.symbol, _number(each.quantity), _number(each.price, 2),
         f"{_number(each.lost, 2)} {each.asset}")
        for each in state.liquidations
    ]  # fmt: skip
    columns = ("time (UTC)", "account", "symbol", "closed", "average price", "lost")
    show(out, _shortened("Liquidations", columns, rows, (3, 4, 5)))
    closed = [
        (utc(each.time_ms), each.account, each.symbol, _number(each.quantity), _number(each.price, 2),
         f"{each.rank} ({'●' * each.lights})")
        for each in _deleveraged(played.events)
    ]  # fmt: skip
    if closed:
        show(out, _shortened("Deleveraged", (*columns[:5], "place in the queue (lights)"), closed, (3, 4)))
    fund = [
        (
            utc(each.time_ms),
            each.reason.replace("_", " "),
            _number(each.amount, 2),
            _number(each.balance, 2),
            each.asset,
        )
        for each in state.fund_history
    ]
    show(out, _shortened("Insurance fund", ("time (UTC)", "what", "change", "holds", "asset"), fund, (2, 3)))
    refused = [(utc(each.time_ms), each.account, each.wanted, each.text) for each in played.refused]
    if refused:
        show(out, _shortened("Refused by the exchange", ("time (UTC)", "account", "wanted", "why"), refused, ()))
    if target is not None:
        out.print(f"Files: {target}/. {_hint(played, target)}", markup=False)


def _hint(played: Played, target: Path) -> str:
    """How to explain one of those that were liquidated."""
    name = next((each.account for each in played.state.liquidations), "")
    if not name:
        return "Nobody was liquidated, so they hold the market alone."
    return f"Explain one: margincall explain {target}/{name}/stream.jsonl {target}/market"


def _shortened(
    title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[int, ...]
) -> Section:
    from margincall.forensics.present import Section

    more = f"the last {SHOWN} of {len(rows):,}" if len(rows) > SHOWN else ""
    return Section(title, columns, tuple(rows[-SHOWN:]), right, more)


def _deleveraged(events: Sequence[AnyExchangeEvent]) -> list[Any]:
    from margincall.exchange.events import Deleveraged

    return [event for event in events if isinstance(event, Deleveraged)]


def _number(value: Any, places: int | None = None) -> str:
    """A number for people."""
    from margincall.core.rounding import plain

    return f"{value:,.{places}f}" if places is not None else f"{plain(value):,f}"


def _document(played: Played, scenario: Scenario, target: Path | None) -> dict[str, Any]:
    state = played.state
    return {
        "schema": "margincall.exchange.run/1",
        "scenario": scenario.name,
        "rules": scenario.rules,
        "seed": scenario.seed,
        "commands": len(played.commands),
        "trades": state.next_trade - 1,
        "liquidations": state.liquidations,
        "deleveraged": _deleveraged(played.events),
        "fund": state.fund_history,
        "files": None if target is None else str(target),
        "problems": played.refused,
        "assumptions": sorted({name for event in played.events for name in getattr(event, "assumptions", ())}),
    }

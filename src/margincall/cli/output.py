"""How commands print: tables with colour on a terminal and without when piped, and JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

    from margincall.forensics.present import Section

NO_RECOVERY = (
    "Nobody can promise that money comes back. Offers to recover liquidation losses for a fee are a known fraud; "
    "never share keys or pay in advance."
)
STYLES = {"✓": "green", "✗": "bold red", "?": "yellow"}


def console(*, stderr: bool = False) -> Console:
    """A console on standard output (or error); wide enough for a table when it is piped."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Whoever reads has seen enough: no reason to end with another code (rich exits with 1)."""
            raise BrokenPipeError

    found = Piped(stderr=stderr, highlight=False)
    return found if found.is_terminal else Piped(stderr=stderr, highlight=False, width=140, no_color=True)


def show(target: Console, part: Section) -> None:
    """Print one section as a table."""
    from rich import box
    from rich.table import Table

    edge = box.SIMPLE_HEAD if target.is_terminal else box.ASCII2
    table = Table(title=part.title, title_justify="left", title_style="bold", box=edge, caption=part.note or None)
    table.caption_justify = "left"
    for place, column in enumerate(part.columns):
        table.add_column(column, justify="right" if place in part.right else "left", overflow="fold")
    for row in part.rows:
        style = STYLES.get(row[0][:1])
        table.add_row(*(cell.replace("[", "\\[") for cell in row), style=style)
    target.print(table)


def print_json(value: Any) -> None:
    """Print an answer for programs: indented JSON, keys in the order of the schema."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def problems_section(problems: Sequence[Any]) -> Section:
    """What could not be read, with place and raw text."""
    from margincall.forensics.present import Section

    rows = tuple(
        (f"{each.file}:{each.place}" if each.place else each.file, each.message, each.raw[:80]) for each in problems
    )
    return Section("Problems in the files (everything else counts)", ("place", "problem", "text"), rows)

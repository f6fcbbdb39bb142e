"""How commands print: tables with colour on a terminal and without when piped, and JSON for programs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from margincall.case.warning import NO_RECOVERY as NO_RECOVERY

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement

    from margincall.forensics.present import Section
    from margincall.wire.problems import Problem

PIPED_WIDTH = 140
WORD_MAX = 14
"""Up to so many characters of a name never break, however narrow the screen."""
BARE = ("problem",)
COMMAND = "margincall "
STYLES = {"✓": "green", "✗": "bold red", "?": "yellow"}


def console(*, stderr: bool = False) -> Console:
    """A console on standard output (or error); when it is piped as wide as COLUMNS says, else enough for a table."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Whoever reads has seen enough: no reason to end with another code (rich exits with 1)."""
            raise BrokenPipeError

    found = Piped(stderr=stderr, highlight=False)
    if found.is_terminal:
        return found
    return Piped(stderr=stderr, highlight=False, width=_asked_width() or PIPED_WIDTH, no_color=True)


def _asked_width() -> int:
    """The width that the variable COLUMNS asks for; 0 if it asks for none."""
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 0


class Name:
    """A cell that breaks after a space, -, _ or /, where it has to; never within a word that fits."""

    def __init__(self, text: str) -> None:
        """The text of the cell; no markup."""
        self.text = text

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as its longest part, or as all of it."""
        from rich.measure import Measurement

        return Measurement(max(map(len, _parts(self.text)), default=0), len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Line by line."""
        from rich.text import Text

        line = ""
        for part in _parts(self.text):
            if line and len((line + part).rstrip()) > options.max_width:
                yield Text(line.rstrip())
                line = ""
            line += part
        yield Text(line.rstrip())


def _parts(text: str) -> Iterator[str]:
    """Where a text may break."""
    yield from re.findall(r"[^-_/ ]*(?:[-_/ ]+|$)", text)[:-1] or [text]


def show(target: Console, part: Section, *, rigid: bool = False) -> None:
    """Print one section as a table. `rigid`: numbers never break, and names only as `Name` does."""
    from rich import box
    from rich.table import Table

    edge = box.SIMPLE_HEAD if target.is_terminal else box.ASCII2
    table = Table(title=part.title, title_justify="left", title_style="bold", box=edge, caption=part.note or None)
    table.caption_justify = "left"
    for place, column in enumerate(part.columns):
        is_number = place in part.right
        table.add_column(column, justify="right" if is_number else "left", overflow="fold", no_wrap=rigid and is_number)
    for row in part.rows:
        style = STYLES.get(row[0][:1])
        cells = [cell.replace("[", "\\[") for cell in row]
        names = [cell if place in part.right or not rigid else Name(row[place]) for place, cell in enumerate(cells)]
        table.add_row(*names, style=style)
    target.print(table)


def listed(target: Console, part: Section, *, heads: int, bare: Sequence[str] = ()) -> None:
    """Print one section row by row: the first `heads` cells as its heading, what else it says in lines under it, so
    that it reads well however narrow the screen. Columns in `bare` need no name."""
    from rich.padding import Padding
    from rich.text import Text

    target.print(Text(part.title, style="bold"))
    for row in part.rows:
        sign = row[0][:1] if row[0][:1] in STYLES else ""
        head = ": ".join(cell for cell in row[:heads] if cell and cell != sign)
        heading = f"{sign} {head}" if sign and row[0] == sign else head
        target.print(Padding(Text(heading, style=STYLES.get(sign, "")), (0, 0, 0, 2), expand=False))
        for name, cell in zip(part.columns[heads:], row[heads:], strict=True):
            if cell.startswith(COMMAND):
                copied(target, cell)
            elif cell:
                target.print(
                    Padding(Text(cell if name in bare or not name else f"{name}: {cell}"), (0, 0, 0, 6), expand=False)
                )
    if part.note:
        target.print(Text(part.note, style="dim"))
    target.print()


def copied(target: Console, command: str) -> None:
    """Print a command on a line of its own, which nothing breaks: it is there to be copied."""
    from rich.text import Text

    target.print(Text(f"      {command}"), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print an answer for programs: indented JSON, keys in the order of the schema."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_problems(target: Console, problems: Sequence[Problem]) -> None:
    """What could not be read, with place and raw text; and apart from it what is told for completeness only."""
    from margincall.forensics.answer import HARMLESS

    if serious := [each for each in problems if each.kind not in HARMLESS]:
        listed(target, _told("Problems in the files (everything else counts)", serious, raw=True), heads=1, bare=BARE)
    if notes := [each for each in problems if each.kind in HARMLESS]:
        listed(target, _told("Notes about the files", notes, raw=False), heads=1, bare=BARE)


def _told(title: str, problems: Sequence[Problem], *, raw: bool) -> Section:
    from margincall.forensics.present import Section

    rows = tuple(
        (f"{each.file}:{each.place}" if each.place else each.file, each.message, each.raw[:80] if raw else "")
        for each in problems
    )
    return Section(title, ("place", "problem", "text"), rows)

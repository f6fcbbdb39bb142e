"""How commands print: tables with colour on a terminal and without when piped, and JSON for programs."""

from __future__ import annotations

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

WORD_MAX = 14
"""Up to so many characters of a name never break, however narrow the screen."""
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

"""How commands print: tables with colour on a terminal and without when piped, and JSON for programs."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
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
"""Enough for a table, where nobody says how wide the screen is."""
TEXT_WIDTH = 80
"""For sentences and rules of such an output: every screen and page has that."""
WORD_MAX = 14
"""Up to so many characters of a name never break, however narrow the screen."""
BARE = ("problem",)
COMMAND = "margincall "
STYLES = {"✓": "green", "✗": "bold red", "?": "yellow"}


def console(*, stderr: bool = False) -> Console:
    """A console on standard output (or error); when it is piped as wide as COLUMNS says, else enough for a table."""
    from rich.console import Console
    from rich.table import Table

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Whoever reads has seen enough: no reason to end with another code (rich exits with 1)."""
            raise BrokenPipeError

    class Unasked(Piped):
        def print(self, *objects: Any, **options: Any) -> None:
            """Tables as wide as they need; what is no table as every screen shows it, broken between words."""
            texts = [each for each in objects if isinstance(each, str)]
            if objects and len(texts) == len(objects) and not options.get("soft_wrap"):
                lines = (line for text in texts for line in text.split("\n"))
                broken = (_broken(line, TEXT_WIDTH, "", _indent(line)) or [""] for line in lines)
                super().print("\n".join(map("\n".join, broken)), **{**options, "soft_wrap": True})
            else:
                wide = options.get("soft_wrap") or any(isinstance(each, Table) for each in objects)
                super().print(*objects, **(options if wide else {"width": TEXT_WIDTH, **options}))

    found = Piped(stderr=stderr, highlight=False)
    if found.is_terminal:
        return found
    if asked := _asked_width():
        return Piped(stderr=stderr, highlight=False, width=asked, no_color=True)
    return Unasked(stderr=stderr, highlight=False, width=PIPED_WIDTH, no_color=True)


def say(text: str, hang: int = 0) -> None:
    """Print a line on standard output; on a terminal, or where COLUMNS says how wide the screen is, it is broken
    between words, and goes on `hang` further in. A command that is there to be copied is not broken."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _asked_width()
    for line in text.split("\n"):
        if not width or len(line) <= width or line.strip().startswith(COMMAND):
            click.echo(line)
            continue
        indent = _indent(line)
        further = indent + " " * hang
        broken = _broken(line.strip(), width, indent, further)
        click.echo("\n".join(broken))


def _asked_width() -> int:
    """The width that the variable COLUMNS asks for; 0 if it asks for none."""
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 0


def _indent(line: str) -> str:
    """The blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


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
    flowing(target, part.title, style="bold")
    for row in part.rows:
        sign = row[0][:1] if row[0][:1] in STYLES else ""
        head = ": ".join(cell for cell in row[:heads] if cell and cell != sign)
        heading = f"{sign} {head}" if sign and row[0] == sign else head
        flowing(target, heading, 2, style=STYLES.get(sign, ""))
        for name, cell in zip(part.columns[heads:], row[heads:], strict=True):
            if cell.startswith(COMMAND):
                copied(target, cell)
            elif cell:
                flowing(target, cell if name in bare or not name else f"{name}: {cell}", 6)
    if part.note:
        flowing(target, part.note, style="dim")
    target.print()


def flowing(target: Console, text: str, indent: int = 0, *, style: str = "") -> None:
    """Print a text broken between words, all of it so far in; no word of it is broken, a path neither."""
    from rich.text import Text

    width = target.width if target.is_terminal or _asked_width() else TEXT_WIDTH
    for line in _broken(text, max(width, indent + WORD_MAX), " " * indent, " " * indent):
        target.print(Text(line, style=style), soft_wrap=True)


def _broken(text: str, width: int, first: str = "", further: str = "") -> list[str]:
    """The lines of a text, broken between words alone."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )


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

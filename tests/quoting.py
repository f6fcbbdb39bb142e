"""Markdown pages that quote what commands say: their blocks, and a folder in which the commands are run."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.cli.calling import Called, call
from tests.sources import ROOT

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEARN = ROOT / "docs" / "learn"
MORE = "…"

WIDE = "140"
"""Columns of the screen that pages quote from."""


class Quoted(NamedTuple):
    """The commands of a `sh` block, and the lines that the `text` block behind it quotes of the last one."""

    commands: tuple[str, ...]
    lines: tuple[str, ...]


def quotes(text: str) -> Iterator[Quoted]:
    """The commands of a page in its order; a `sh` block without a `text` block behind it quotes nothing."""
    commands: tuple[str, ...] = ()
    for kind, inner in BLOCK.findall(text):
        if kind == "sh":
            if commands:
                yield Quoted(commands, ())
            commands = tuple(inner.splitlines())
        elif kind == "text":
            yield Quoted(commands, tuple(inner.splitlines()))
            commands = ()
    if commands:
        yield Quoted(commands, ())


def bare(line: str) -> str:
    """A line without the rule behind a headline, whose length is the screen's."""
    return line.strip().rstrip("─ ")


class Workshop:
    """A folder where commands of the pages run, each once: it holds the scenarios of `docs/learn` under that path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said: dict[str, Called] = {}
        (folder / "docs" / "learn").mkdir(parents=True)
        (folder / "docs" / "learn" / "scenarios").symlink_to(LEARN / "scenarios")

    def run(self, command: str) -> Called:
        """What `command` says in that folder."""
        if command not in self._said:
            program, *arguments = shlex.split(command)
            assert program == "margincall", command
            with contextlib.chdir(self._folder):
                self._said[command] = call(*arguments, columns=WIDE)
        return self._said[command]

    def unsaid(self, quoted: Quoted) -> list[str]:
        """Lines that are quoted and that the last command did not say; all commands are run."""
        called = [self.run(command) for command in quoted.commands]
        said = {bare(line) for line in (called[-1].out + called[-1].err).splitlines()}
        return [line for line in quoted.lines if bare(line) not in said | {MORE}]

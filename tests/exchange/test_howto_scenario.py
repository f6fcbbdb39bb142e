"""`docs/how-to/scenario.md` is true: its files load, its commands run, and what it quotes is what they say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from margincall.errors import DIFFERENCES, FINE, USAGE
from margincall.exchange.scenario import MAKER, MARKET, RESERVED, Scenario, read_scenario
from tests.cli.calling import Called, call
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "how-to" / "scenario.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(toml|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\S+\.toml)\n")
WRONG = "wrong.toml"
WRONG_LIQUIDATION = "wrong_liquidation"
COMMANDS_MIN = 10


class Quoted(NamedTuple):
    """A command of the page, and the lines that the page quotes after it."""

    command: str
    lines: tuple[str, ...]


def files() -> dict[str, str]:
    """The TOML blocks by the name in their first line."""
    blocks = [text for kind, text in BLOCK.findall(PAGE) if kind == "toml"]
    named = {found[1]: text for text in blocks if (found := NAME.match(text)) is not None}
    assert len(named) == len(blocks)
    return named


def quotes() -> Iterator[Quoted]:
    """Commands in the order of the page; of several in a block the last one is quoted."""
    before: list[str] = []
    for kind, text in BLOCK.findall(PAGE):
        if kind == "text":
            yield Quoted(before.pop(), tuple(text.splitlines()))
        yield from (Quoted(command, ()) for command in before)
        before = text.splitlines() if kind == "sh" else []
    yield from (Quoted(command, ()) for command in before)


def bare(line: str) -> str:
    """A line without the rule behind a headline, whose length is the screen's."""
    return line.strip().rstrip("─ ")


def test_all_blocks_are_seen() -> None:
    """A block of another kind would escape."""
    assert PAGE.count("```") == 2 * len(BLOCK.findall(PAGE))


def test_its_files_load_and_the_first_one_is_small() -> None:
    found = {name: read_scenario(text, name) for name, text in files().items() if name != WRONG}
    assert len(found) == len(files()) - 1
    lines = [line for line in next(iter(files().values())).splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 10


def test_its_largest_file_says_everything_that_can_be_said() -> None:
    """Every key of a scenario stands on the page."""
    known = {name for kind in _structs(Scenario) for name in kind.__struct_fields__}
    assert {"thins_to", "add_at", "modes", "haircut", "multi_assets"} <= known
    assert {name for name in known if not re.search(rf"\b{name}\b", PAGE)} == set()
    assert all(f"`{name}`" in PAGE for name in RESERVED | {MAKER, MARKET})


def _structs(kind: type) -> Iterator[type[Scenario]]:
    """A struct and those in its fields."""
    yield kind
    for hint in kind.__annotations__.values():
        for inner in _inner(hint):
            yield from _structs(inner)


def _inner(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and hasattr(hint, "__struct_fields__"):
        yield hint
    for each in getattr(hint, "__args__", ()):
        yield from _inner(each)


def test_its_commands_run_and_say_what_it_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, in one folder that holds its files."""
    monkeypatch.chdir(tmp_path)
    for name, text in files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    ran = list(quotes())
    assert len(ran) >= COMMANDS_MIN
    for quoted in ran:
        program, *arguments = quoted.command.split()
        assert program == "margincall"
        called = call(*arguments, columns="140")
        assert called.code == expected(arguments), quoted.command
        assert missing(called, quoted) == [], quoted.command


def expected(arguments: list[str]) -> int:
    """The exit code: a file with mistakes, a liquidation that was wrong, else fine."""
    if WRONG in arguments:
        return USAGE
    return DIFFERENCES if arguments[0] == "explain" and WRONG_LIQUIDATION in arguments[1] else FINE


def missing(called: Called, quoted: Quoted) -> list[str]:
    """Lines that are quoted and were not said."""
    said = {bare(line) for line in (called.out + called.err).splitlines()}
    return [line for line in quoted.lines if bare(line) not in said | {"…"}]

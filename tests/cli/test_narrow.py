"""Screens of 80 columns: nothing breaks within a word, and nothing is wider but tables and what is to be copied."""

import shlex
from pathlib import Path

import pytest

from margincall.errors import FINE
from tests.cli.calling import call

NARROW = 80


@pytest.fixture(scope="module", name="paths")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    run = tmp_path_factory.mktemp("narrow") / "wrong"
    assert call("exchange", "run", "wrong_liquidation", "--out", str(run)).code == FINE
    return [str(run / "alice" / "stream.jsonl"), str(run / "market")]


def lines(text: str) -> list[str]:
    """The lines without commands to be copied, tables, and paths that are longer than a line."""
    found = [line.rstrip() for line in text.splitlines() if len(line.split()) > 1]
    return [line for line in found if not line.strip().startswith(("margincall ", "+", "|"))]


def test_a_list_of_scenarios_hangs_under_its_names() -> None:
    wide, narrow = (call("exchange", "run", "--list", columns=each).out for each in (None, str(NARROW)))
    assert max(map(len, wide.splitlines())) > NARROW >= max(map(len, narrow.splitlines()))
    assert narrow.split() == wide.split()
    assert [line for line in narrow.splitlines() if line.startswith(" " * 22)]


def test_a_dispute_breaks_between_words(paths: list[str], tmp_path: Path) -> None:
    wide, narrow = (call("dispute", *paths, "--out", str(tmp_path / "b"), columns=each).out for each in (None, "80"))
    words = [word for word in wide.split() if len(word) < NARROW]
    assert max(len(line) for line in narrow.splitlines() if str(tmp_path) not in line) <= NARROW
    assert [word for word in narrow.split() if len(word) < NARROW] == words


@pytest.mark.parametrize("command", ["explain", "verify", "recover"])
def test_sentences_and_rules_of_what_is_piped_are_no_wider(command: str, paths: list[str]) -> None:
    """Where nobody says how wide the screen is; tables keep the width that they need."""
    said = call(command, *paths).out
    assert max(map(len, lines(said))) <= NARROW
    if command == "explain":
        assert max(len(line) for line in said.splitlines() if line.startswith("|")) > NARROW


def test_what_was_played_is_explained_by_the_command_that_is_printed(tmp_path: Path) -> None:
    """On one line, however narrow, with its paths quoted."""
    out = tmp_path / "it's a run in a folder whose name is long enough to be broken"
    for columns in (None, str(NARROW)):
        said = call("exchange", "run", "plain_liquidation", "--out", str(out), columns=columns).out
        (command,) = (line.partition("Explain one: ")[2] for line in said.splitlines() if "Explain one: " in line)
        assert call(*shlex.split(command)[1:]).code == FINE

"""`docs/how-to/dispute.md` is true: its commands run in order, and what it quotes is what they say."""

import re
from pathlib import Path

import pytest

from margincall.errors import CANNOT_TELL, DIFFERENCES, FINE
from tests.cli.calling import call
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "how-to" / "dispute.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS_MIN = 11
IRREGULAR = ("ticket", "public", "publicly")
"""Where bundles of the wrong liquidation are written."""
UNTOLD = "records"
"""Where the one is written of which the files do not tell."""


def bare(line: str) -> str:
    """A line without the blanks that fill a table."""
    return " ".join(line.split())


def test_its_commands_run_and_say_what_it_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 where something irregular was found, 5 where nobody can tell."""
    monkeypatch.chdir(tmp_path)
    assert PAGE.count("```") == 2 * len(BLOCK.findall(PAGE))
    ran, said = 0, set[str]()
    for kind, text in BLOCK.findall(PAGE):
        if kind == "text":
            assert [line for line in text.splitlines() if bare(line) not in said] == []
            continue
        for command in text.splitlines():
            program, *words = command.split()
            assert program == "margincall"
            called = call(*words)
            target = words[words.index("--out") + 1] if words[0] == "dispute" else ""
            code = DIFFERENCES if target in IRREGULAR else CANNOT_TELL if target == UNTOLD else FINE
            assert called.code == code, command
            said = {bare(line) for line in called.out.splitlines()}
            ran += 1
    assert ran >= COMMANDS_MIN
    assert {path.name for path in tmp_path.iterdir()} == {"wrong", "alice", "plain", "question", "records", *IRREGULAR}


def test_every_file_of_a_bundle_is_named(tmp_path: Path) -> None:
    """The table of the page is the folder."""
    assert call("exchange", "run", "wrong_liquidation", "--out", str(tmp_path / "run")).code == FINE
    call("dispute", str(tmp_path / "run" / "alice"), str(tmp_path / "run" / "market"), "--out", str(tmp_path / "b"))
    named = set(re.findall(r"^\| `([\w.]+)/?` \|", PAGE, re.MULTILINE))
    assert {path.name for path in (tmp_path / "b").iterdir()} == named

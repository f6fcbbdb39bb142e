"""Commands that an answer, a ticket or a page tells a reader to run: they exist, and they run as they are told."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from margincall.cli.main import COMMANDS, cli
from margincall.errors import BUG, FINE, USAGE
from tests.cli.calling import call
from tests.sources import ROOT

STEP = re.compile(r"margincall ([a-z]+(?: [^\s,;|”\"`)<]+)*)")
"""A command in a text, up to where its words end."""
FILES = ("…", "FILES")
TIME = "2026-09-20T12:03:45"
AWAY = ("rescue", "market")
"""These look for what is not on this machine: they are held against their options, and not run."""
WRITTEN = ("src/**/*.py", "docs/**/*.md", "*.md")


@pytest.fixture(scope="module", name="runs")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a fault and one without."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("wrong", "plain"):
        assert call("exchange", "run", f"{name}_liquidation", "--out", str(folder / name)).code == FINE
    (folder / "empty.json").write_text("nothing", encoding="utf-8")
    return folder


def steps_in(text: str) -> Iterator[list[str]]:
    """The commands of a text, each as its words; of one without options or files, as sentences name it, the name."""
    for found in dict.fromkeys(STEP.findall(text)):
        words = found.split()
        if any(word in FILES or word.startswith("--") for word in words[1:]):
            yield words
        elif words[0] in COMMANDS:
            yield words[:1]


def context_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command of these words, through its groups, and what is left of the words."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        inner = command.get_command(click.Context(command), words[0])
        assert inner is not None, words
        command, words = inner, words[1:]
    return command, words


@pytest.mark.parametrize("command", ["verify", "recover", "report", "dispute"])
@pytest.mark.parametrize(
    "given",
    [
        ["wrong/alice/stream.jsonl", "wrong/market"],
        ["plain/alice/stream.jsonl", "plain/market"],
        ["wrong/alice/csv"],
        ["empty.json"],
    ],
    ids=["irregular", "regular", "open", "unusable"],
)
def test_every_next_step_runs(
    command: str, given: list[str], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the files in the place of `…` or FILES, and a time in that of TIME: no usage error, whatever it finds."""
    monkeypatch.chdir(tmp_path)
    paths = [str(runs / each) for each in given]
    more = {"report": ["--json"], "dispute": ["--out", "b", "--anyway"]}.get(command, [])
    if command == "report" and given == ["empty.json"]:
        more = []
    said = call(command, *paths, *more, columns="400")
    assert said.code not in (USAGE, BUG), said.err
    texts = [said.out, said.err, *(path.read_text(encoding="utf-8") for path in tmp_path.glob("b/*.*"))]
    ran = 0
    for words in (each for text in texts for each in steps_in(text)):
        filled = [path for word in words for path in (paths if word in FILES else [word.replace("TIME", TIME)])]
        if len(words) == 1:
            context_of(words)
        elif words[0] in AWAY:
            inner, rest = context_of(filled)
            inner.make_context(words[0], rest)
        else:
            with monkeypatch.context() as inside:
                inside.chdir(tmp_path / "b" if "evidence/" in words else tmp_path)
                told = call(*filled)
            assert told.code not in (USAGE, BUG), (words, told.err)
        ran += 1
    assert ran >= 1, texts


def test_the_report_tells_to_ask_the_venue(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the command that it tells writes the ticket."""
    monkeypatch.chdir(tmp_path)
    paths = [str(runs / "wrong" / each) for each in ("alice/stream.jsonl", "market")]
    (words,) = (each for each in steps_in(call("report", *paths, "--json").out) if each[0] == "dispute" and each[1:])
    call(*(path for word in words for path in (paths if word in FILES else [word])))
    assert (tmp_path / "FOLDER" / "ticket_short.txt").is_file()


def pages() -> list[Path]:
    """Every text that tells commands."""
    return sorted(path for pattern in WRITTEN for path in ROOT.glob(pattern))


def test_every_command_that_is_written_down_has_its_options() -> None:
    """In the code, on the pages: each option is one of its command, and none that it needs is missing."""
    seen = 0
    for path in pages():
        for words in steps_in(path.read_text(encoding="utf-8")):
            if words[0] not in COMMANDS:
                continue
            command, rest = context_of(words)
            options = [each for each in command.params if isinstance(each, click.Option)]
            known = {name for each in options for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
            given = {word.partition("=")[0] for word in rest if word.startswith("--")}
            assert given <= known, (path, words)
            needed = [each for each in options if each.required and given and "--help" not in given]
            assert [each.opts for each in needed if given.isdisjoint(each.opts)] == [], (path, words)
            seen += 1
    assert seen > 80

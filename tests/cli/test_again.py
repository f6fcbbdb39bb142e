"""Commands that a command prints to go on with: whole, on a line of their own, and they run when they are copied."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from margincall.errors import BUG, CANNOT_TELL, DIFFERENCES, FINE, USAGE
from tests.cli.calling import Called, call
from tests.sources import ROOT

FOLDER = "it's my case"
"""A folder that a shell would take apart."""


@pytest.fixture(scope="module", name="runs")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is right and one that is wrong, and one with a debit, in a folder with a blank and a quote."""
    folder = tmp_path_factory.mktemp("again") / FOLDER
    folder.mkdir()
    shared = str(ROOT / "docs" / "learn" / "scenarios" / "clawback.toml")
    for name, scenario in (("wrong", "wrong_liquidation"), ("plain", "plain_liquidation"), ("shared", shared)):
        assert call("exchange", "run", scenario, "--out", str(folder / name)).code == FINE
    return folder


def printed(said: Called) -> Iterator[list[str]]:
    """The lines that are a command, as a shell takes them apart."""
    for line in said.out.splitlines():
        if line.strip().startswith("margincall "):
            yield shlex.split(line)[1:]


GIVEN = {
    "irregular": ("wrong/alice/stream.jsonl", "wrong/market"),
    "regular": ("plain/alice/stream.jsonl", "plain/market"),
    "open": ("wrong/alice/csv",),
    "a debit": ("shared/short/stream.jsonl", "shared/market"),
}


@pytest.mark.parametrize("columns", ["80", None])
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("command", ["explain", "verify", "recover", "dispute", "report"])
def test_every_command_that_is_printed_runs(
    command: str, given: str, columns: str | None, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the user's own paths and options; none ends with a usage error."""
    monkeypatch.chdir(tmp_path)
    paths = [str(runs / each) for each in GIVEN[given]]
    more = {"dispute": ["--out", "first"], "report": ["--out", "page.html", "--no-pdf"]}.get(command, [])
    said = call(command, *paths, "--no-store", "--from", "2026-09-01", *more, columns=columns)
    assert said.code not in (USAGE, BUG), said.err
    assert "…" not in "".join(line for line in said.out.splitlines() if "margincall " in line)
    ran = []
    for words in printed(said):
        if words[0] in ("market", "rescue") or "--help" in words:
            continue
        assert words[1 : 1 + len(paths)] == paths
        assert {"--no-store", "--from"} <= set(words), words
        told = call(*words, *(["--no-pdf"] if words[0] == "report" else []))
        assert told.code not in (USAGE, BUG), (words, told.err)
        ran.append(words[0])
    expected = {
        "explain": ["explain"] if given != "a debit" else [],
        "verify": {"regular": ["recover", "report"], "a debit": ["dispute"]}.get(given),
        "recover": {"irregular": ["dispute", "recover"], "a debit": []}.get(given, ["recover"]),
        "dispute": ["dispute"] if given == "regular" else [],
        "report": ["dispute"] if given != "regular" else [],
    }[command]
    if expected is None:
        assert ran[0] == "dispute"
        assert ran[-2:] == ["recover", "report"]
    else:
        assert [each for each in ran if each != "verify"] == expected


def test_what_is_copied_does_what_it_says(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dispute that verify and report name is written; the question that dispute names too."""
    monkeypatch.chdir(tmp_path)
    wrong, plain = ([str(runs / each) for each in GIVEN[name]] for name in ("irregular", "regular"))
    (words,) = (each for each in printed(call("verify", *wrong)) if each[0] == "dispute")
    assert call(*words).code == DIFFERENCES
    assert (tmp_path / "my-dispute" / "ticket_short.txt").is_file()
    (words,) = printed(call("dispute", *plain, "--out", "question"))
    assert call(*words).code == FINE
    assert (tmp_path / "question" / "ticket_short.txt").is_file()
    debit = [str(runs / each) for each in GIVEN["a debit"]]
    (words,) = (each for each in printed(call("verify", *debit)) if each[0] == "dispute")
    assert call(*words[:-1], "debit").code == CANNOT_TELL


def test_options_are_repeated_as_they_were_given(runs: Path) -> None:
    paths = [str(runs / each) for each in GIVEN["irregular"]]
    more = ["--beside", str(runs / "plain" / "alice" / "csv"), "--tz", "UTC+3", "--until", "2026-10-01"]
    own = ["--as-of", "2026-10-02", "--reference", "USDE=0.99", "--not-compensated", "--net-assets", "5"]
    (*_, words) = printed(call("recover", *paths, *more, *own))
    assert words[0] == "recover"
    for option in (*more, *own, "--all"):
        assert option in words, option


def test_the_embedded_example_names_no_dispute() -> None:
    """It has no files that could be sent."""
    said = call("verify")
    assert "margincall dispute" not in said.out
    assert "margincall recover" in said.out

"""What `margincall dispute` encloses where the files of several accounts are given: those of one."""

import json
from pathlib import Path

import pytest

from margincall.errors import FINE
from margincall.exchange.exports import number_of
from tests.cli.calling import call
from tests.cli.test_dispute import WRONG, written

OWN, FOREIGN = str(number_of("alice")), "77770000777700"
TEXTS = "ticket_short.txt", "ticket_long.txt", "verdict.md", "claim.json"


@pytest.fixture(scope="module", name="run")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the exports of alice."""
    run = tmp_path_factory.mktemp("owners") / WRONG
    assert call("exchange", "run", WRONG, "--out", str(run)).code == FINE
    return run


def as_foreign(source: Path, folder: Path) -> list[Path]:
    """The same exports under another account's number."""
    folder.mkdir()
    found = []
    for path in sorted(source.iterdir()):
        text = path.read_text(encoding="utf-8").replace(OWN, FOREIGN)
        found.append(folder / f"their-{path.name}")
        found[-1].write_text(text, encoding="utf-8")
    return found


def test_only_the_files_of_the_chosen_account_are_copied(run: Path, tmp_path: Path) -> None:
    """Those of the other are neither copied nor named in what is sent; the command says which were left out."""
    theirs = as_foreign(run / "alice" / "csv", tmp_path / "other")
    assert sum(FOREIGN in path.read_text(encoding="utf-8") for path in theirs) == 3
    assert len(theirs) == 4, "one layout names no account; its folder tells whose it is"
    paths = [str(run / "alice" / "csv"), str(tmp_path / "other"), str(run / "market")]
    said = call("dispute", *paths, "--out", str(tmp_path / "b"), "--account", OWN, "--no-store")
    texts = written(tmp_path / "b")
    assert texts, said.err
    assert not [name for name, text in texts.items() if FOREIGN in text or "their-" in name]
    assert not [name for name in TEXTS if "their-" in texts[name]]
    enclosed = {name.removeprefix("evidence/") for name in texts if name.startswith("evidence/")}
    assert enclosed == {path.name for part in ("alice/csv", "market") for path in (run / part).iterdir()}
    for path in theirs:
        assert f"another account: {path}" in said.out


def test_a_file_with_rows_of_both_is_left_out(run: Path, tmp_path: Path) -> None:
    """It is named, with its hash and why; its bytes are not copied."""
    own = tmp_path / "own"
    own.mkdir()
    for path in (run / "alice" / "csv").iterdir():
        text = path.read_text(encoding="utf-8")
        if "Trade-History" in path.name:
            rows = text.splitlines(keepends=True)
            text += rows[-1].replace(OWN, FOREIGN)
            mixed = path.name
        (own / path.name).write_text(text, encoding="utf-8")
    paths = [str(own), str(run / "market")]
    said = call("dispute", *paths, "--out", str(tmp_path / "b"), "--account", OWN, "--no-store")
    texts = written(tmp_path / "b")
    assert texts, said.err
    assert not [name for name, text in texts.items() if FOREIGN in text]
    assert f"evidence/{mixed}" not in texts
    left = [each for each in json.loads(texts["claim.json"])["evidence"] if each["left_out"]]
    assert len(left) == 1
    assert "another account" in left[0]["left_out"]
    assert f"another account: {own / mixed}" in said.out

"""`margincall case`, in this process and as a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from margincall.case.document import CaseDocument, json_schema
from margincall.errors import DIFFERENCES, FINE, REFUSED, USAGE
from tests.cli.calling import Called, call
from tests.recorded.processes import COMMAND
from tests.sources import ROOT
from tests.stories import liquidation, written

SCHEMA = ROOT / "docs" / "reference" / "case.schema.json"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A case with the story of `tests/stories.py`."""
    story = written(liquidation(), tmp_path / "story.jsonl")
    case = str(tmp_path / "case")
    assert call("case", "new", case, "--title", "May 2026").code == FINE
    assert call("case", "add", case, str(story), "--origin", "my recorder").code == FINE
    return case


def changed(folder: str) -> None:
    path = Path(folder, "evidence", "story.jsonl")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"50000", b"50001"))


def test_a_case_is_begun_filled_shown_and_checked(folder: str) -> None:
    """Files with origin, notes, the dispute with its ticket and date."""
    assert call("case", "add", folder, "--note", "support said no").code == FINE
    assert call("case", "add", folder, "--status", "opened", "--date", "2026-05-29", "--ticket", "T-77").code == FINE
    shown = call("case", "show", folder)
    assert shown.code == FINE
    for text in ("May 2026", "evidence/story.jsonl", "my recorder", "support said no", "T-77", "2026-05-29", "opened"):
        assert text in shown.out
    assert "known fraud" in shown.out
    checked = call("case", "check", folder)
    assert checked.code == FINE
    assert "✓ 1 files" in checked.out


def test_explain_reads_the_evidence_of_a_case_alone(folder: str) -> None:
    """The same answer as for the files themselves; the manifest is not read as evidence, nor a file that is not
    listed."""
    (Path(folder) / "evidence" / "stray.json").write_text("not JSON")
    answer = json.loads(call("explain", folder, "--json").out)
    assert answer["problems"] == []
    assert answer["liquidations"][0]["verdict"]["liquidated"] is True


def test_altered_evidence_is_named_and_refused(folder: str) -> None:
    """`check` and `show` end with 1 and name the file; whoever would build on it ends with 4."""
    changed(folder)
    for command in ("check", "show"):
        called = call("case", command, folder)
        assert called.code == DIFFERENCES
        assert "evidence/story.jsonl" in called.out
    refused = call("explain", folder)
    assert refused.code == REFUSED
    assert "was changed after it was saved" in refused.err
    Path(folder, "evidence", "story.jsonl").unlink()
    assert "is missing" in call("explain", folder).err


def test_an_altered_record_is_named_and_refused(folder: str) -> None:
    """The manifest is a chain."""
    manifest = Path(folder, "case.manifest")
    manifest.write_bytes(manifest.read_bytes().replace(b"my recorder", b"my computer"))
    checked = call("case", "check", folder)
    assert checked.code == DIFFERENCES
    assert "record 1" in checked.out
    assert call("explain", folder).code == REFUSED
    assert call("case", "add", folder, "--note", "x").code == REFUSED


def test_every_command_has_a_form_for_programs(folder: str, tmp_path: Path) -> None:
    """`margincall.case/1`, following its schema."""
    other = str(tmp_path / "other")
    calls: list[Called] = [
        call("case", "new", other, "--json"),
        call("case", "add", folder, "--note", "x", "--json"),
        call("case", "show", folder, "--json"),
        call("case", "check", folder, "--json"),
    ]
    for called in calls:
        answer = json.loads(called.out)
        assert answer["schema"] == "margincall.case/1"
        msgspec.convert(answer, CaseDocument)
    assert answer["sound"] is True
    assert [note["text"] for note in answer["notes"]] == ["x"]
    assert answer["files"][0]["origin"] == "my recorder"
    assert len(answer["head"]) == 64
    changed(folder)
    answer = json.loads(call("case", "check", folder, "--json").out)
    assert (answer["sound"], answer["flaws"][0]["kind"]) == (False, "changed")


def test_the_committed_schema_is_the_types() -> None:
    """Change the types, and the schema is written anew: `python -m tests.cli.test_case`."""
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema()))


@pytest.mark.parametrize(
    "words",
    [
        ["show", "{tmp}/nothing"],
        ["check", "{tmp}"],
        ["new", "{case}"],
        ["new", "{tmp}"],
        ["add", "{case}"],
        ["add", "{case}", "{tmp}/nothing.json"],
        ["add", "{case}", "--status", "won"],
        ["add", "{case}", "--status", "opened", "--date", "yesterday"],
        ["add", "{case}", "--ticket", "T-1", "--note", "x"],
    ],
)
def test_wrong_use_is_told(folder: str, tmp_path: Path, words: list[str]) -> None:
    """Exit code 3, and nothing is written."""
    before = Path(folder, "case.manifest").read_bytes()
    called = call("case", *(word.format(tmp=tmp_path, case=folder) for word in words))
    assert called.code == USAGE
    assert called.err
    assert Path(folder, "case.manifest").read_bytes() == before


def test_the_same_file_again_adds_nothing(folder: str, tmp_path: Path) -> None:
    """And says so."""
    before = Path(folder, "case.manifest").read_bytes()
    assert "already" in call("case", "add", folder, str(tmp_path / "story.jsonl")).out
    assert Path(folder, "case.manifest").read_bytes() == before


def test_as_a_process(folder: str) -> None:
    """The same from a shell."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "case", "check", folder], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (FINE, "")
    assert "as they were written" in done.stdout


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n")

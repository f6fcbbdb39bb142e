"""Commands that judge: their exit codes, and what they say where nothing can be used."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.case.recover_document import RecoverDocument
from margincall.case.reporting.document import ReportDocument
from margincall.errors import CANNOT_TELL, DIFFERENCES, FINE, NOT_JUDGED, NOTHING_USABLE, REFUSED, USAGE
from margincall.forensics.verify.document import Document as VerifyDocument
from margincall.wire.claims import Claim
from tests.cli.calling import Called, call
from tests.sources import ROOT
from tests.stories import START, liquidation, mark, written

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "verify": VerifyDocument,
    "recover": RecoverDocument,
    "dispute": Claim,
    "report": ReportDocument,
}
README = ROOT / "README.md"


def asked(command: str, folder: Path, *paths: str) -> Called:
    """The command, as JSON; a dispute's bundle has its place."""
    more = ["--out", str(folder / "bundle")] if command == "dispute" else []
    return call(command, "--json", *more, *paths)


@pytest.mark.parametrize("command", ["explain", *DOCUMENTS])
@pytest.mark.parametrize("what", ["a file of another kind", "an empty folder"])
def test_nothing_usable_is_an_answer_for_programs_too(command: str, what: str, tmp_path: Path) -> None:
    """The object of the command's schema with what is wrong, and nothing else."""
    path = tmp_path / "given"
    if what == "an empty folder":
        path.mkdir()
    else:
        path.write_text("hello", encoding="utf-8")
    said = asked(command, tmp_path, str(path))
    assert said.code == NOTHING_USABLE
    found = json.loads(said.out)
    assert found["schema"] == f"margincall.{command}/1"
    assert "given" in json.dumps(found["problems"])
    assert found.get("conclusion", "cannot tell") == "cannot tell"
    assert said.err == ""
    if command in DOCUMENTS:
        assert set(found) == set(DOCUMENTS[command].__struct_fields__)
        msgspec.convert(found, DOCUMENTS[command], strict=False)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("command", ["explain", *DOCUMENTS])
def test_nothing_usable_for_people(command: str, tmp_path: Path) -> None:
    """No empty table; the folder by its name, and the next step."""
    (tmp_path / "given").mkdir()
    more = ["--out", str(tmp_path / "bundle")] if command == "dispute" else []
    said = call(command, str(tmp_path / "given"), *more)
    assert said.code == NOTHING_USABLE
    assert "no file in it" in said.out
    for text in ("Nothing in these files can be used", "margincall rescue", "docs/how-to/exports.md"):
        assert text in said.err


def too_early(story: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The marks around the order are survived by far."""
    kept = [each for each in story if each["e"] != "markPriceUpdate"]
    return [*kept, *(mark(at, "49000") for at in (58_000, 59_000, 60_000, 61_000))]


def without_marks(story: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nobody can tell the trigger."""
    return [each for each in story if each["e"] != "markPriceUpdate"]


def deposit_alone(story: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nothing was liquidated."""
    return story[:1]


def not_modelled(story: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A mark of portfolio margin, which is not modelled."""
    return [*story, {"e": "liabilityChange", "E": START + 70_000, "a": "USDT", "t": "BORROW", "p": "1", "i": "0"}]


CODES: list[tuple[Callable[[list[dict[str, Any]]], list[dict[str, Any]]], int]] = [
    (list, FINE),
    (too_early, DIFFERENCES),
    (without_marks, CANNOT_TELL),
    (deposit_alone, NOT_JUDGED),
    (not_modelled, NOT_JUDGED),
]


@pytest.mark.parametrize("command", ["verify", "dispute", "report"])
@pytest.mark.parametrize(("change", "code"), CODES)
def test_the_exit_code_is_the_conclusion(
    command: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], code: int, tmp_path: Path
) -> None:
    """Nothing irregular, irregular, cannot tell, and not judged are four codes, the same of every command."""
    story = written(change(liquidation()), tmp_path / "story.jsonl")
    said = asked(command, tmp_path, str(story))
    assert said.code == code, said.err


@pytest.mark.parametrize("command", [[], ["verify"], ["dispute"], ["report"]])
def test_the_exit_codes_are_told_by_help(command: list[str]) -> None:
    """Both that are no error and no fault, by number."""
    said = " ".join(call(*command, "--help").out.split())
    assert f"{CANNOT_TELL} " in said.partition("xit codes:")[2]
    assert f"{NOT_JUDGED} not judged" in said.partition("xit codes:")[2]


def test_the_exit_codes_are_on_the_pages() -> None:
    """The first page names both, the one about verify has a row for each."""
    assert "5 cannot tell, 6 not judged" in README.read_text(encoding="utf-8")
    page = (ROOT / "docs" / "how-to" / "verify.md").read_text(encoding="utf-8")
    codes = (FINE, DIFFERENCES, NOTHING_USABLE, USAGE, REFUSED, CANNOT_TELL, NOT_JUDGED)
    assert [code for code in codes if f"| {code} | " not in page] == []

"""`margincall report` as a user calls it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from margincall.case.reporting.document import ReportDocument
from margincall.case.warning import NO_RECOVERY
from margincall.errors import DIFFERENCES, FINE, NOTHING_USABLE, USAGE
from tests.case.reports import paths_of
from tests.cli.calling import call
from tests.stories import liquidation, written


@pytest.fixture
def story(tmp_path: Path) -> str:
    """The liquidation of `tests/stories.py` as a file."""
    return str(written(liquidation(), tmp_path / "story.jsonl"))


def test_a_page_and_a_pdf_are_written(story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the current folder, if nothing else is said."""
    monkeypatch.chdir(tmp_path)
    called = call("report", story)
    assert (called.code, called.err) == (FINE, "")
    assert "Written: margincall-report.html, margincall-report.pdf" in called.out
    assert NO_RECOVERY in (tmp_path / "margincall-report.html").read_text(encoding="utf-8")
    assert (tmp_path / "margincall-report.pdf").read_bytes().startswith(b"%PDF")


def test_the_example_is_reported_without_paths(tmp_path: Path) -> None:
    """And says that it is simulated; nothing irregular is found in it, and the mark is not checked."""
    page = tmp_path / "example.html"
    assert call("report", "--out", str(page), "--no-pdf").code == FINE
    assert "Example: simulated" in page.read_text(encoding="utf-8")
    assert "Nothing irregular found, but the mark price" in page.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["example.html"]


def test_what_is_irregular_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """As everywhere: 1."""
    called = call("report", *map(str, paths_of("wrong_liquidation")), "--out", str(tmp_path / "a.html"), "--no-pdf")
    assert called.code == DIFFERENCES
    assert "Liquidation of BTCUSDT: Irregular" in called.out


def test_the_answer_for_programs_writes_no_files(story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But those that are named."""
    monkeypatch.chdir(tmp_path)
    said = json.loads(call("report", story, "--json", "--as-of", "2026-06-01").out)
    assert (said["schema"], said["as_of"]) == ("margincall.report/1", "2026-06-01")
    assert [path.name for path in tmp_path.iterdir()] == ["story.jsonl"]
    assert json.loads(call("report", story, "--json", "--pdf", "b.pdf").out)["schema"] == "margincall.report/1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.pdf", "story.jsonl"]


def test_a_report_is_written_again_but_over_nothing_else(story: str, tmp_path: Path) -> None:
    """A file that no report has written stays, unless it is forced; then neither file is written."""
    page, paper = tmp_path / "a.html", tmp_path / "a.pdf"
    assert call("report", story, "--out", str(page)).code == FINE
    assert call("report", story, "--out", str(page)).code == FINE
    paper.write_bytes(b"my thesis")
    before = page.stat().st_mtime_ns
    called = call("report", story, "--out", str(page))
    assert called.code == USAGE
    assert "no report has written it" in called.err
    assert (paper.read_bytes(), page.stat().st_mtime_ns) == (b"my thesis", before)
    assert call("report", story, "--out", str(page), "--force").code == FINE
    assert paper.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--number", "2"], "the files hold 1 liquidation"),
        (["--pdf", "x.pdf", "--no-pdf"], "choose one"),
        (["--out", "nowhere/a.html"], "no such folder"),
        (["--out", "a.pdf"], "two names"),
        (["--as-of", "yesterday"], "no day"),
    ],
)
def test_mistakes_are_told(
    story: str, more: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the exit code of usage, before anything is written."""
    monkeypatch.chdir(tmp_path)
    called = call("report", story, *more)
    assert called.code == USAGE
    assert says in called.err
    assert [path.name for path in tmp_path.iterdir()] == ["story.jsonl"]


def test_nothing_usable(tmp_path: Path) -> None:
    """A file of another kind."""
    other = tmp_path / "other.txt"
    other.write_text("nothing", encoding="utf-8")
    assert call("report", str(other), "--out", str(tmp_path / "a.html")).code == NOTHING_USABLE


@pytest.mark.parametrize("more", [[], ["--redact"]])
def test_programs_are_told_that_nothing_is_usable(more: list[str], tmp_path: Path) -> None:
    """The same document as ever, with what is wrong with the files, and no verdict."""
    other = tmp_path / "other.txt"
    other.write_text("nothing", encoding="utf-8")
    called = call("report", str(other), "--json", "--as-of", "2026-06-01", *more)
    said = msgspec.json.decode(called.out, type=ReportDocument, strict=False)
    assert (called.code, called.err, said.schema) == (NOTHING_USABLE, "", "margincall.report/1")
    assert (said.title, said.as_of, said.verdict.badge) == ("Nothing to report", "2026-06-01", "")
    assert [each.file for each in said.problems] == ["file-1.txt" if more else str(other)]
    assert said.problems[0].message in [cell for row in said.parts[0].tables[0].rows for cell in row]


def test_an_empty_folder_is_told_to_programs_too(tmp_path: Path) -> None:
    """Nothing is wrong with any file where there is none."""
    called = call("report", str(tmp_path), "--json")
    assert called.code == NOTHING_USABLE
    assert msgspec.json.decode(called.out, type=ReportDocument, strict=False).verdict.says == (
        "Nothing in these files can be used.",
    )


def test_a_dark_pdf(story: str, tmp_path: Path) -> None:
    """The page is the same, the PDF another."""
    for name, flag in (("a", "--light"), ("b", "--dark")):
        assert (
            call("report", story, "--out", str(tmp_path / f"{name}.html"), flag, "--as-of", "2026-06-01").code == FINE
        )
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes() != (tmp_path / "b.pdf").read_bytes()


def test_heavy_parts_are_imported_only_to_draw(story: str) -> None:
    """Neither the help nor the answer for programs imports what draws."""
    for arguments in (["--help"], [story, "--json"]):
        code = (
            "import sys\nfrom margincall.cli.main import main\n"
            f"sys.argv = ['margincall', 'report', *{arguments!r}]\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            "print('heavy:', sorted({'matplotlib', 'jinja2', 'typst', 'numpy'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.rstrip().endswith("heavy: []")


def test_numbers_of_orders_are_masked(tmp_path: Path) -> None:
    """With --redact no id of an order or a trade is left, in no rendering; the same text stays otherwise."""
    paths = list(map(str, paths_of("two_longs")))
    open_text, masked = (call("report", *paths, "--json", *more).out for more in ([], ["--redact"]))
    assert re.search(r"\b732[567]\b", open_text)
    assert "trade 4" in open_text
    for id_ in (r"\border 732[567]\b", r"\btrade \d+\b"):
        assert not re.search(id_, masked)
    assert "order-" in masked

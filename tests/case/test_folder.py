"""Evidence that is never altered: every change is named, and an interruption at any moment is mended."""

import io
import json
import os
import stat
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from margincall.case.folder import (
    EVIDENCE,
    PART,
    REFUSED,
    Writer,
    check,
    create,
    evidence_files,
    intact,
    read_manifest,
    readable_paths,
)
from margincall.case.manifest import MANIFEST, Dispute, Note, Saved, entry, line, parsed, without_times
from margincall.errors import Refused, UsageError

TIME = 1_780_000_000_000


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case with two files of evidence, a refused answer, a note and a dispute."""
    folder = tmp_path / "case"
    create(folder, "May", TIME)
    with Writer(folder) as writer:
        for number, (place, name, data) in enumerate(
            [(EVIDENCE, "income.json", b"[1]"), (EVIDENCE, "account.json", b"{}"), (REFUSED, "x.json", b'{"code":-1}')]
        ):
            writer.append(Saved(*writer.write(place, name, data), f"/fapi/{name}"), TIME + number, 5)
        writer.note("called support", TIME + 10)
        writer.dispute(Dispute("opened", "2026-05-29", "T-1"), TIME + 11)
    return folder


def test_a_case_is_sound_as_written(case: Path) -> None:
    """Files read-only, listed with hash, size, origin and both clocks."""
    manifest, flaws = check(case)
    assert flaws == ()
    assert [type(each.said).__name__ for each in manifest.entries] == [
        "Opened", "Saved", "Saved", "Saved", "Note", "Dispute",
    ]  # fmt: skip
    assert manifest.entries[1].offset_ms == 5
    for _, file in manifest.files:
        assert stat.S_IMODE((case / file.path).stat().st_mode) == 0o444
        assert intact(case, file)
    assert evidence_files(case) == [case / "evidence/income.json", case / "evidence/account.json"]
    assert readable_paths((case, Path("other"))) == (*evidence_files(case), Path("other"))


def changed(case: Path) -> None:
    path = case / "evidence/income.json"
    path.chmod(0o600)
    path.write_bytes(b"[2]")


@pytest.mark.parametrize(
    ("harm", "kind", "where", "refused"),
    [
        (changed, "changed", "evidence/income.json", True),
        (lambda case: (case / "evidence/account.json").unlink(), "missing", "evidence/account.json", True),
        (lambda case: (case / "refused/x.json").unlink(), "missing", "refused/x.json", True),
        (lambda case: (case / "evidence/more.json").write_text("[]"), "unlisted", "evidence/more.json", False),
        (lambda case: (case / "readme.txt").write_text("x"), "unlisted", "readme.txt", False),
        (lambda case: (case / "evidence/link.json").symlink_to("/etc/passwd"), "unlisted", "evidence/link.json", False),
    ],
)
def test_what_is_not_as_written_is_named(
    case: Path, harm: Callable[[Path], object], kind: str, where: str, refused: bool
) -> None:
    """Changed and missing evidence is refused; what is not listed is not read."""
    harm(case)
    _, flaws = check(case)
    assert [(flaw.kind, flaw.path) for flaw in flaws] == [(kind, where)]
    if refused:
        with pytest.raises(Refused, match=where):
            evidence_files(case)
    else:
        assert all(path.name in ("income.json", "account.json") for path in evidence_files(case))


def records(case: Path) -> list[bytes]:
    return (case / MANIFEST).read_bytes().splitlines(keepends=True)


def altered_time(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(str(TIME).encode(), str(TIME - 1).encode()), *lines[2:]]


def rehashed(lines: list[bytes]) -> list[bytes]:
    """A record that was altered and hashed anew: the next one tells."""
    found = parsed(b"".join(lines)).entries
    before = parsed(b"".join(lines[:1]))
    return [lines[0], line(entry(before, found[1].said, TIME - 1, 5)), *lines[2:]]


@pytest.mark.parametrize(
    ("alter", "number"),
    [
        (altered_time, 1),
        (rehashed, 2),
        (lambda lines: [*lines[:2], *lines[3:]], 2),
        (lambda lines: [*lines[:2], lines[2], lines[2], *lines[3:]], 3),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 1),
        (lambda lines: [lines[0].replace(b"May", b"Mai"), *lines[1:]], 0),
        (lambda lines: [lines[0], b"\n", *lines[1:]], 1),
        (lambda lines: [*lines[:4], b"{}\n", *lines[4:]], 4),
        (lambda lines: [*lines[:4], lines[4].replace(b'":', b'": ', 1), *lines[5:]], 4),
    ],
)
def test_an_altered_record_is_found_at_its_place(
    case: Path, alter: Callable[[list[bytes]], list[bytes]], number: int
) -> None:
    """Changed, hashed anew, removed, doubled, exchanged, put in between, spaced; and nothing is added to it."""
    (case / MANIFEST).write_bytes(b"".join(alter(records(case))))
    _, flaws = check(case)
    assert f"record {number}:" in flaws[0].what
    assert flaws[0].kind == "record"
    with pytest.raises(Refused):
        evidence_files(case)
    with pytest.raises(Refused, match="altered manifest"):
        Writer(case)


def test_cutting_off_the_end_shows_in_the_head_and_in_files_without_record(case: Path) -> None:
    """A chain alone cannot show it; the last hash written down elsewhere can, and so do the files."""
    head = read_manifest(case).head
    (case / MANIFEST).write_bytes(b"".join(records(case)[:3]))
    manifest, flaws = check(case)
    assert manifest.head != head
    assert [(flaw.kind, flaw.path) for flaw in flaws] == [("unlisted", "refused/x.json")]


@pytest.mark.parametrize("path", ["../outside.json", "evidence/../../x", "/etc/passwd", "evidence/a/b", "notes.txt"])
def test_a_manifest_cannot_name_files_outside(case: Path, path: str) -> None:
    """Even one that is hashed in order."""
    with Writer(case) as writer:
        writer.append(Saved(path, "0" * 64, 0, "forged"), TIME)
    assert [(flaw.kind, flaw.path) for flaw in check(case)[1]] == [("missing", path)]
    with pytest.raises(Refused):
        evidence_files(case)


def test_an_interruption_while_a_record_was_written_is_mended(case: Path) -> None:
    """The unfinished record goes; those before stay."""
    before = read_manifest(case).entries
    with (case / MANIFEST).open("ab") as file:
        file.write(records(case)[1][:40])
    assert [flaw.kind for flaw in check(case)[1]] == ["record"]
    assert evidence_files(case)
    with Writer(case) as writer:
        writer.note("on", TIME + 20)
    assert read_manifest(case).entries[:-1] == before
    assert check(case)[1] == ()


def test_an_interruption_while_a_file_was_written_is_mended(case: Path) -> None:
    """Parts are removed; a whole file without a record is written once more."""
    (case / EVIDENCE / f"{PART}a.json").write_bytes(b"half")
    (case / EVIDENCE / "a.json").write_bytes(b"other")
    with Writer(case) as writer:
        path, digest, size = writer.write(EVIDENCE, "a.json", b"whole")
        writer.append(Saved(path, digest, size, "x"), TIME)
    assert path == "evidence/a.json"
    assert (case / path).read_bytes() == b"whole"
    assert check(case)[1] == ()


def test_a_listed_file_is_never_written_over(case: Path) -> None:
    """The next one of its name gets a number."""
    with Writer(case) as writer:
        assert writer.write(EVIDENCE, "income.json", b"[2]")[0] == "evidence/income-2.json"
    assert (case / "evidence/income.json").read_bytes() == b"[1]"


def test_files_of_the_user_are_copied_once(case: Path, tmp_path: Path) -> None:
    """The same bytes again add nothing; other bytes of the same name get a number; hidden names become visible."""
    mine, hidden = tmp_path / "income.json", tmp_path / ".secret.csv"
    mine.write_bytes(b"[3]")
    hidden.write_bytes(b"a,b")
    with Writer(case) as writer:
        first = writer.add(mine, "page", TIME)
        assert first is not None
        assert (first.path, first.origin) == ("evidence/income-2.json", "page")
        assert writer.add(mine, "page", TIME) is None
        again = writer.add(hidden, "page", TIME)
        assert again is not None
        assert again.path == "evidence/secret.csv"
    assert check(case)[1] == ()


def test_a_large_file_is_copied_without_being_held_in_memory(case: Path, tmp_path: Path) -> None:
    """In parts; the second time it leaves nothing behind."""
    large = tmp_path / "stream.jsonl"
    large.write_bytes(os.urandom(1 << 20) * 24)
    with Writer(case) as writer:
        tracemalloc.start()
        try:
            saved = writer.add(large, "page", TIME)
            assert writer.add(large, "page", TIME) is None
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 8 << 20
    assert saved is not None
    copy = case / saved.path
    assert saved.size == large.stat().st_size
    assert copy.read_bytes() == large.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o444
    assert not list((case / EVIDENCE).glob(f"{PART}*"))
    assert check(case)[1] == ()


def test_a_file_that_cannot_be_read_leaves_nothing(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither at its beginning nor in its midst: no part, no record."""
    before = read_manifest(case)
    mine = tmp_path / "mine.csv"
    mine.write_bytes(b"a,b")

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(1)

    with Writer(case) as writer:
        for path in (tmp_path, tmp_path / "none"):
            with pytest.raises(UsageError, match="cannot be read"):
                writer.add(path, "page", TIME)
        monkeypatch.setattr(Path, "open", lambda path, mode: Broken(b"a,b"))
        with pytest.raises(UsageError, match="cannot be read: Input/output"):
            writer.add(mine, "page", TIME)
        monkeypatch.undo()
    assert not list((case / EVIDENCE).glob(f"{PART}*"))
    assert read_manifest(case) == before
    assert check(case)[1] == ()


def test_two_at_once_are_not_let_in(case: Path) -> None:
    """The second is told."""
    with Writer(case), pytest.raises(UsageError, match="in use"):
        Writer(case)
    with Writer(case):
        pass


def test_a_case_begins_in_a_new_or_empty_folder(tmp_path: Path, case: Path) -> None:
    """Not among other files, not twice."""
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty", "x", TIME)
    with pytest.raises(UsageError, match="case already"):
        create(case, "x", TIME)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        create(tmp_path / "full", "x", TIME)
    with pytest.raises(UsageError, match="no case folder"):
        read_manifest(tmp_path / "full")


def test_what_is_said_apart_from_when(case: Path) -> None:
    """Equal for the same things said at other times."""
    first = parsed(b"").entries
    a = parsed(line(entry(None, Note("x"), 1)))
    b = parsed(line(entry(None, Note("x"), 2, 7)))
    assert a.head != b.head
    assert list(without_times(a.entries)) == list(without_times(b.entries))
    assert first == ()


def test_records_are_lines_of_json(case: Path) -> None:
    """Anybody can read them without us."""
    found = [json.loads(text) for text in records(case)]
    assert [each["number"] for each in found] == list(range(len(found)))
    assert all(later["previous"] == earlier["hash"] for earlier, later in pairwise(found))
    assert os.stat(case / MANIFEST).st_mode & 0o077 == 0


def test_empty_answers_are_kept_under_each_of_their_names(tmp_path: Path) -> None:
    """That a list of one endpoint is empty tells nothing of another; the same file again is not saved twice."""
    create(tmp_path / "case", "case", 0)
    for name in ("positionRisk.json", "positionMarginHistory.json"):
        (tmp_path / name).write_bytes(b"[]")
    with Writer(tmp_path / "case") as writer:
        for name in ("positionRisk.json", "positionMarginHistory.json", "positionRisk.json"):
            writer.add(tmp_path / name, "test", 0)
    names = [path.name for path in evidence_files(tmp_path / "case")]
    assert names == ["positionRisk.json", "positionMarginHistory.json"]

"""The folder of a bundle: whole or not at all, whatever happens while it is written."""

from pathlib import Path

import pytest

from margincall.case import bundle as bundles
from margincall.case.bundle import Bundle, copies_of, read_bundle, write
from margincall.errors import Refused, UsageError
from margincall.wire.claims import Claim, encode

CLAIM = Claim(venue="binance_usdm", account="", conclusion="cannot tell", advice="ask", disputed=())
BUNDLE = Bundle(CLAIM, {"claim.json": encode(CLAIM), "ticket_short.txt": b"short"})


@pytest.fixture(name="files")
def two_files(tmp_path: Path) -> Path:
    """A folder with two files of one name in it."""
    for name in ("a", "b"):
        (tmp_path / "files" / name).mkdir(parents=True)
        (tmp_path / "files" / name / "income.json").write_text(f'["{name}"]')
    return tmp_path / "files"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_of_one_name_are_both_kept(files: Path, tmp_path: Path) -> None:
    copies = copies_of([files])
    write(tmp_path / "b", BUNDLE, copies)
    kept = {each.attached.path: (tmp_path / "b" / each.attached.path).read_text() for each in copies}
    assert sorted(kept.values()) == ['["a"]', '["b"]']
    assert list(read_bundle(tmp_path / "b")) == []


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("is_first", [True, False])
def test_a_disk_that_is_full_leaves_what_was_there(
    at: int, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_first: bool
) -> None:
    """At each file of the bundle: nothing new, nothing half, and an older bundle as it was."""
    if not is_first:
        write(tmp_path / "b", BUNDLE, [])
    written, calls = bundles._write, iter(range(10))

    def full(path: Path, chunks: object) -> str:
        if next(calls) == at:
            raise OSError(28, "No space left on device")
        return written(path, chunks)  # type: ignore[arg-type]

    monkeypatch.setattr(bundles, "_write", full)
    with pytest.raises(UsageError, match="No space left"):
        write(tmp_path / "b", Bundle(CLAIM, {**BUNDLE.texts, "verdict.md": b"new"}), copies_of([files])[:1])
    assert names(tmp_path) == ({"files"} if is_first else {"files", "b"})
    if not is_first:
        assert list(read_bundle(tmp_path / "b")) == []
        assert not (tmp_path / "b" / "verdict.md").exists()


def test_a_file_that_changes_meanwhile_is_refused(files: Path, tmp_path: Path) -> None:
    """What was judged and what is attached must be the same."""
    copies = copies_of([files])
    (files / "a" / "income.json").write_text('["x"]')
    with pytest.raises(Refused, match="was changed while it was read"):
        write(tmp_path / "b", BUNDLE, copies)
    assert names(tmp_path) == {"files"}


def test_what_is_not_as_it_was_written_is_named(files: Path, tmp_path: Path) -> None:
    """Changed, missing, unlisted."""
    write(tmp_path / "b", BUNDLE, copies_of([files]))
    (tmp_path / "b" / "ticket_short.txt").write_text("longer")
    (tmp_path / "b" / "evidence" / "income.json").unlink()
    (tmp_path / "b" / "more.txt").write_text("more")
    assert list(read_bundle(tmp_path / "b")) == [
        "evidence/income.json is missing",
        "ticket_short.txt was changed",
        "more.txt is not listed",
    ]

"""The folder that a run is written to: it may be written again, as long as nothing stands there that we did not write.

A marker in it says so, and names the folders in it; in these only the files of a run are removed before the next one.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

MARKER = ".margincall-run"
SAID = "# Written by `margincall exchange run`, which may write it again. The folders of the last run:"
FILES = ("stream.jsonl", "marks.jsonl", "trades.jsonl", "insuranceBalance.jsonl", "fundingRate.json",
         "leverageBracket_*.json", "api/*.json", "csv/*.csv")  # fmt: skip
"""What a run writes into them."""


def is_foreign(folder: Path) -> bool:
    """Whether there is something in the folder, and no run has written it."""
    return folder.is_dir() and not (folder / MARKER).is_file() and any(folder.iterdir())


def begin(folder: Path, names: Iterable[str]) -> None:
    """Make room for a run with these folders: what the last one wrote is removed, whatever else there is stays."""
    for old in _written(folder):
        for pattern in FILES:
            for file in sorted(old.glob(pattern)):
                file.unlink()
        for each in (old / "api", old / "csv", old):
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("\n".join([SAID, *names, ""]), encoding="utf-8")


def _written(folder: Path) -> Iterator[Path]:
    """The folders that the marker names. What is no plain name is none of ours."""
    marker = folder / MARKER
    if marker.is_file():
        for name in marker.read_text(encoding="utf-8").splitlines()[1:]:
            if (folder / name).parent == folder and (folder / name).is_dir() and not (folder / name).is_symlink():
                yield folder / name

"""A CSV file through a row reader, as the accept modules need it: every row must be understood."""

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TypeVar, cast

from margincall.core.events import AnyEvent, Source
from margincall.wire.row import Notes

T = TypeVar("T")


def opened(path: Path) -> IO[str]:
    """A text file, compressed or not."""
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, "rt", newline="", encoding="utf-8"))
    return path.open(newline="", encoding="utf-8")


def values(path: Path, read: Callable[[Mapping[str, str], Notes], T]) -> Iterator[T]:
    """What `read` says of every row, in the file's order. Anything that is noted is an error here."""
    with opened(path) as file:
        rows = csv.DictReader(file)
        for row in rows:
            notes = Notes(Source(path.name, line=rows.line_num), row)
            yield read(row, notes)
            assert not notes.problems, notes.problems


def events(path: Path, read: Callable[[Mapping[str, str], Notes], list[AnyEvent]]) -> list[AnyEvent]:
    """The events of a file, in its order."""
    return [event for found in values(path, read) for event in found]

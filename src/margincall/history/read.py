"""The front of the readers: files and folders in, one account's history out.

Every file is read on its own, element by element; a bad element is a problem and costs nothing else. Then all files
are merged (`history/merge.py`). The result does not depend on the order in which files are given, nor on how often.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct, structs

from margincall.core.events import AnyEvent, Source
from margincall.history.files import Content, Element, content_of, decoded, elements, files_of
from margincall.history.merge import merge
from margincall.history.messages import FileReading, Message, SourceFile
from margincall.history.tables import Tables, is_brackets, tables_of
from margincall.venues.book import DatedTable
from margincall.wire.documents import Unreadable
from margincall.wire.kinds import Unmodelled
from margincall.wire.problems import Problem
from margincall.wire.reading import Reading, reading
from margincall.wire.row import place_of, readable
from margincall.wire.snapshots import dated, joined
from margincall.wire.support import is_support_text, support_text
from margincall.wire.values import read_value, unwrapped

REPEATING = frozenset({"ignored", "note", "undated", "unknown-event", "unknown-key", "unknown-type"})
"""Kinds of problems that stand once per file, with their number, however often they occur in it."""
CHUNK = 1 << 20


class History(Struct, frozen=True):
    """One account's history: events in total order, and everything that stands beside them."""

    events: tuple[AnyEvent, ...]
    problems: tuple[Problem, ...] = ()
    unmodelled: tuple[Unmodelled, ...] = ()
    tables: tuple[DatedTable, ...] = ()
    sources: tuple[SourceFile, ...] = ()


def read(paths: Sequence[Path], progress: Callable[[int], None] | None = None) -> History:
    """The history in these files and folders. Raises nothing: what cannot be read is a problem.

    `progress` is called with numbers of bytes that add up to the size of all files.
    """
    files, notes = files_of(paths)
    readings = [read_file(file, progress) for file in files]
    merged = merge([message for each in readings for message in each.messages])
    return History(
        events=merged.events,
        problems=(*notes, *(found for each in readings for found in each.problems), *merged.problems),
        unmodelled=tuple(_each_once(found for each in readings for found in each.unmodelled)),
        tables=tuple(table for each in readings for table in each.tables),
        sources=tuple(each.source for each in readings),
    )


def read_file(path: Path, progress: Callable[[int], None] | None = None) -> FileReading:
    """What one file says, in its own order."""
    file, content = str(path), content_of(path)
    size = path.stat().st_size if path.is_file() else 0
    report = _Progress(progress, size, len(content.data))
    parts = list(_parts(content, file, report)) if content.data else []
    report.finish()
    said = [dated(part) for part in parts if isinstance(part, Reading)]
    shown = [part for part in parts if isinstance(part, Tables)]
    tables = tuple(table for each in shown for table in each.dated)
    messages = [Message(number, each.events, each.stream) for number, each in enumerate(said) if each.events]
    problems = [*content.problems, *(problem for each in said for problem in each.problems)]
    problems += [problem for each in shown for problem in each.problems]
    counts = Counter(str(type(event).__struct_config__.tag) for each in messages for event in each.events)
    counts["bracket_table"] = len(tables)
    return FileReading(
        source=SourceFile(file, size, {kind: counts[kind] for kind in sorted(+counts)}),
        messages=tuple(messages),
        problems=tuple(condensed(problems)),
        unmodelled=tuple(_each_once(mark for each in said for mark in each.unmodelled)),
        tables=tables,
    )


def _parts(content: Content, file: str, report: "_Progress") -> Iterator[Reading | Tables]:
    """What the elements of a file say; the rows of an answer that fills the file are one answer."""
    if not content.data[content.start :].lstrip().startswith((b"{", b"[")):
        yield _text(content, file)
        return
    rows: list[Reading] = []
    for element in elements(content):
        report.at(element.byte)
        for part in _element(element, Source(file, element.line, element.byte)):
            if element.is_item and isinstance(part, Reading):
                rows.append(part)
            else:
                yield part
    yield from joined(rows)


def _element(element: Element, source: Source) -> Sequence[Reading | Tables]:
    try:
        if element.is_cut:
            raise Unreadable("the file ends in the middle: this part is not whole")
        value = unwrapped(decoded(element.raw))
    except Unreadable as error:
        kind = "cut" if element.is_cut else "unreadable"
        text = readable(error.raw or element.raw)
        return [Reading(problems=(Problem(source.file, place_of(source), str(error), text, kind),))]
    return [tables_of(value, source)] if is_brackets(value) else read_value(value, source, element.raw)


def _text(content: Content, file: str) -> Reading:
    """A file that is no JSON: the pasted reply of the venue's support, or nothing that can be used."""
    text = content.data[content.start :].decode("utf-8", "replace")
    if is_support_text(text):
        return reading(support_text, text, Source(file, 1, content.start), stream=False)
    what = "neither JSON nor a reply of the venue's support"
    return Reading(problems=(Problem(file, "line 1", what, readable(text)),))


def condensed(problems: Iterable[Problem]) -> list[Problem]:
    """The problems of one file, those that repeat themselves once, at their first place and with their number."""
    times: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], int] = {}
    found: list[Problem] = []
    for problem in problems:
        key = (problem.kind, problem.message)
        if problem.kind in REPEATING:
            times[key] += 1
            if first.setdefault(key, len(found)) < len(found):
                continue
        found.append(problem)
    for key, index in first.items():
        if times[key] > 1:
            found[index] = structs.replace(found[index], message=f"{found[index].message} ({times[key]} times)")
    return found


def _each_once(marks: Iterable[Unmodelled]) -> list[Unmodelled]:
    found: dict[tuple[str, str], Unmodelled] = {}
    for mark in marks:
        found.setdefault((mark.kind, mark.reason), mark)
    return list(found.values())


class _Progress:
    """Turns places in the unzipped text into bytes of the file on disk."""

    def __init__(self, tell: Callable[[int], None] | None, size: int, length: int) -> None:
        self.tell = tell
        self.size = size
        self.length = length
        self.told = 0

    def at(self, byte: int) -> None:
        """Tell if a good deal was read since the last time."""
        done = byte * self.size // self.length
        if self.tell is not None and done - self.told >= CHUNK:
            self.tell(done - self.told)
            self.told = done

    def finish(self) -> None:
        """Tell what is left."""
        if self.tell is not None:
            self.tell(self.size - self.told)
            self.told = self.size

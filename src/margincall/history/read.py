"""The front of the readers: files and folders in, one account's history out.

Every file is read on its own, element by element or (exports) row by row; a bad one is a problem and costs nothing
else. Then all files are merged (`history/merge.py`). The result does not depend on the order in which files are given,
nor on how often.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, structs

from margincall.core.events import AnyEvent, Source
from margincall.history.archives import members_of
from margincall.history.described import Owned, owned
from margincall.history.exports import DAMAGED, read_export
from margincall.history.files import Content, Element, content_of, decoded, elements, files_of
from margincall.history.merge import merge
from margincall.history.messages import FileReading, Message, SourceFile, flows_since
from margincall.history.scope import Scope, scope_of
from margincall.history.tables import Tables, is_brackets, tables_of
from margincall.history.texts import ZIP, Header, Text, head_of, header_of, measured, text_of_file
from margincall.venues.book import DatedTable
from margincall.venues.elsewhere import Elsewhere
from margincall.wire.documents import Unreadable
from margincall.wire.kinds import Unmodelled
from margincall.wire.problems import Problem, excerpt
from margincall.wire.reading import Reading, reading
from margincall.wire.row import place_of, readable
from margincall.wire.snapshots import dated, joined
from margincall.wire.support import is_support_text, support_text
from margincall.wire.values import read_value, unwrapped

REPEATING = frozenset({"ignored", "note", "undated", "unknown-event", "unknown-key", "unknown-type"})
"""Kinds of problems that stand once per file, with their number, however often they occur in it."""
CHUNK = 1 << 20
PACKING = 8
"""How many times larger than packed a text is taken to be, for the progress bar, where nothing says it."""


class History(Struct, frozen=True):
    """One account's history: events in total order, and everything that stands beside them. `venues` are those whose
    accounts the files tell of, each with one of its files; `elsewhere` is set where they are none of Binance's."""

    events: tuple[AnyEvent, ...]
    problems: tuple[Problem, ...] = ()
    unmodelled: tuple[Unmodelled, ...] = ()
    tables: tuple[DatedTable, ...] = ()
    sources: tuple[SourceFile, ...] = ()
    venues: Mapping[str, str] = {}
    elsewhere: Elsewhere | None = None


def read(
    paths: Sequence[Path],
    progress: Callable[[int], None] | None = None,
    *,
    tz: str = "",
    start: str = "",
    end: str = "",
) -> History:
    """The history in these files and folders. What cannot be read is a problem.

    `progress` is called with numbers of bytes that add up to the size of all files. `tz` is the zone of exports that do
    not tell theirs: an offset as `UTC+3`, or an IANA name. Only what lies between `start` and `end` (ISO dates or
    times, UTC) is read. Raises `UsageError` if one of these three is none.
    """
    return read_within(paths, scope_of(tz, start, end), progress)


def read_within(paths: Sequence[Path], scope: Scope, progress: Callable[[int], None] | None = None) -> History:
    """As `read`, with what the user says beside the files in one value. Raises `UsageError` if he chose an account that
    no file names."""
    files, notes = files_of(paths)
    return _history(owned([each for file in files for each in readings_of(file, scope, progress)]), scope, notes)


def _history(found: Owned, scope: Scope, notes: Sequence[Problem]) -> History:
    """The readings merged. The merge alone holds their messages, so that it can let them go."""
    messages = iter([message for each in found.readings for message in each.messages])
    readings = [structs.replace(each, messages=()) for each in found.readings]
    found = structs.replace(found, readings=())
    contracts = found.elsewhere.contracts if found.elsewhere is not None else {}
    merged = merge(messages, scope.account, contracts)
    return History(
        events=merged.events,
        problems=(
            *notes,
            *(problem for each in readings for problem in each.problems),
            *found.problems,
            *merged.problems,
        ),
        unmodelled=tuple(_each_once(mark for each in readings for mark in each.unmodelled)),
        tables=tuple(table for each in readings for table in each.tables),
        sources=tuple(each.source for each in readings),
        venues=found.venues,
        elsewhere=found.elsewhere,
    )


def readings_of(path: Path, scope: Scope, progress: Callable[[int], None] | None = None) -> list[FileReading]:
    """What a file says: one reading, or one for each member of an archive."""
    try:
        text = text_of_file(path)
        head = head_of(text)
    except OSError:
        return [within(read_file(path, progress), scope)]
    if head.startswith(ZIP):
        return _archived(path, scope, progress)
    header = header_of(head)
    if header is None:
        return [within(read_file(path, progress), scope)]
    return [_export(text, header, scope, progress)]


def _export(text: Text, header: Header, scope: Scope, progress: Callable[[int], None] | None) -> FileReading:
    report = _Progress(progress, text.packed, text.size if text.size > 0 else max(text.packed * PACKING, 1))
    found = read_export(text, header, scope, report.at)
    report.finish()
    return structs.replace(found, problems=tuple(condensed(found.problems)))


def _archived(path: Path, scope: Scope, progress: Callable[[int], None] | None) -> list[FileReading]:
    """The exports in an archive; what is wrong with its other members."""
    members, problems = members_of(path)
    found: list[FileReading] = []
    for text in members:
        try:
            measured(text, windowed=scope.is_window)
            head = head_of(text)
        except Unreadable as error:
            problems.append(error.problem(text.file))
            continue
        except DAMAGED as error:
            problems.append(Problem(text.file, "", f"a damaged member of an archive: {excerpt(error)}"))
            continue
        if head.startswith(ZIP):
            problems.append(Problem(text.file, "", "an archive inside of an archive: not read", kind="refused"))
        elif (header := header_of(head)) is None:
            problems.append(Problem(text.file, "", "not a CSV; not read", kind="ignored"))
        else:
            found.append(_export(text, header, scope, progress))
    size = path.stat().st_size
    if progress is not None:
        progress(size - sum(each.source.size for each in found))
    return [*found, FileReading(SourceFile(str(path), size, {}), problems=tuple(problems))]


def within(reading: FileReading, scope: Scope) -> FileReading:
    """The messages of a reading that lie in the chosen time."""
    if not scope.is_window:
        return reading
    kept = tuple(each for each in reading.messages if any(scope.holds(event.time_ms) for event in each.events))
    left = len(reading.messages) - len(kept)
    if not left:
        return reading
    note = Problem(reading.source.file, "", f"{left} messages outside of --from and --to are left out", kind="note")
    return structs.replace(reading, messages=kept, problems=(*reading.problems, note))


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
    since = flows_since(event for each in messages for event in each.events)
    return FileReading(
        source=SourceFile(file, size, {kind: counts[kind] for kind in sorted(+counts)}, flows_since=since),
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
    what = "neither JSON, nor a CSV with a header, nor a reply of the venue's support"
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
        done = min(byte * self.size // self.length, self.size)
        if self.tell is not None and done - self.told >= CHUNK:
            self.tell(done - self.told)
            self.told = done

    def finish(self) -> None:
        """Tell what is left."""
        if self.tell is not None:
            self.tell(self.size - self.told)
            self.told = self.size

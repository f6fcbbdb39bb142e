"""From a path to the JSON values in it, each with its place, so that a bad one does not cost the others.

A file is one JSON value, an array, or one value per line; plain or gzipped UTF-8. A file that ends early still gives
what is whole. Values are cut out first and decoded one by one: numbers stay the text that the file has.
"""

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from margincall.wire.documents import GZIP, MAGICS, SIZE_MAX, Unreadable, loads
from margincall.wire.problems import Problem
from margincall.wire.row import readable

SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".txt", ".gz", ".csv", ".tsv", ".zip"})
"""Files that are read in a folder; a file that is named itself is read whatever its name."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SPACE = b" \t\r\n"
TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
"""Strings, and the brackets outside of them."""
LINES_LOOKED_AT = 100
CHUNK = 1 << 16
"""Bytes that are unzipped at a time: so much is lost before a damage."""

DECODER = msgspec.json.Decoder(float_hook=str)
ARRAY = msgspec.json.Decoder(list[Raw])
WHOLE = msgspec.json.Decoder(Raw)


class Content(Struct, frozen=True):
    """The text of a file, unzipped, and what was wrong with it as a whole. `start` is where the text begins."""

    data: bytes
    problems: tuple[Problem, ...] = ()
    start: int = 0


class Element(Struct, frozen=True):
    """The text of one JSON value, the line (from 1) and the byte (from 0) where it begins.

    `is_cut`: the file ends before the value does. `is_item`: it is an item of the array that is the file.
    """

    raw: bytes
    line: int
    byte: int
    is_cut: bool = False
    is_item: bool = False


class Span(Struct, frozen=True):
    """Where an element stands in the data: from byte `first` to before byte `last`, blanks around it included."""

    first: int
    last: int
    is_cut: bool = False
    is_item: bool = False


def files_of(paths: Sequence[Path]) -> tuple[list[Path], list[Problem]]:
    """The files to read: those named, and in folders those with a known suffix. Sorted, each once, whatever the order
    of `paths`; files left out are noted, hidden ones are not looked at."""
    found: dict[Path, Path] = {}
    notes: list[Problem] = []
    for path in sorted(paths):
        is_folder = path.is_dir()
        for file in _walked(path) if is_folder else [path]:
            if is_folder and file.suffix.lower() not in SUFFIXES:
                notes.append(Problem(str(file), "", "not a file of JSON, CSV or text; not read", kind="ignored"))
            elif (first := found.setdefault(file.resolve(), file)) is not file:
                notes.append(Problem(str(file), "", f"the same file as {first}: read once", kind="repeat"))
    return sorted(found.values()), notes


def _walked(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def content_of(path: Path) -> Content:
    """The text of a file. What cannot be text gives no data and a problem; a cut gzip file gives what is whole."""
    file = str(path)
    try:
        data = _read(path)
    except Unreadable as error:
        return Content(b"", (error.problem(file),))
    except OSError as error:
        return Content(b"", (Problem(file, "", f"cannot be opened: {error.strerror or error}"),))
    problems: tuple[Problem, ...] = ()
    try:
        if data.startswith(GZIP):
            data, problem = _unzipped(data, file)
            problems = (problem,) if problem else ()
        return Content(_checked(data), problems, len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0)
    except Unreadable as error:
        return Content(b"", (*problems, error.problem(file)))


def _read(path: Path) -> bytes:
    """The bytes of a file; one that is too large, or begins as no text does, is refused before it is read."""
    with path.open("rb") as file:
        head = file.read(CHUNK)
        if b"\0" in head and not head.startswith(GZIP):
            _checked(head)
        if path.stat().st_size > SIZE_MAX:
            raise Unreadable(f"the file holds more than {SIZE_MAX} bytes")
        return head + file.read()


def _checked(data: bytes) -> bytes:
    """The data, if it can be UTF-8 text with something in it; raises `Unreadable`."""
    if len(data) > SIZE_MAX:
        raise Unreadable(f"the file holds more than {SIZE_MAX} bytes")
    if not data.removeprefix(BYTE_ORDER_MARK).strip():
        raise Unreadable("the file is empty")
    for magic, what in MAGICS.items():
        if data.startswith(magic):
            raise Unreadable(f"this is {what}", raw=repr(data[:20]))
    if (zero := data.find(b"\0")) >= 0:
        raise Unreadable("not text: it holds zero bytes", f"byte {zero}", repr(data[max(zero - 10, 0) : zero + 10]))
    return data


def _unzipped(data: bytes, file: str) -> tuple[bytes, Problem | None]:
    """All members of a gzip file, up to a little more than is read; of a damaged one what comes before the damage."""
    parts: list[bytes] = []
    size = 0
    while data.startswith(GZIP):
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        for first in range(0, len(data), CHUNK):
            try:
                parts.append(member.decompress(data[first : first + CHUNK], SIZE_MAX))
            except zlib.error as error:
                return b"".join(parts), Problem(file, "", f"damaged gzip data, read up to there: {error}", kind="cut")
            size += len(parts[-1])
            if size > SIZE_MAX:
                return b"".join(parts), None
            if member.eof:
                data = member.unused_data + data[first + CHUNK :]
                break
        else:
            return b"".join(parts), Problem(file, "", "the gzip data ends early: the file is cut off", kind="cut")
    return b"".join(parts), None


def elements(content: Content) -> Iterable[Element]:
    """The JSON values of a text: the items of an array, the lines of a file of lines, or the one value there is."""
    data, start = content.data, content.start
    text = data[start:] if start else data
    try:
        if text.lstrip(SPACE).startswith(b"["):
            return _placed(data, _items(data, start, ARRAY.decode(text)))
        WHOLE.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return _placed(data, _lines(data, start) if _is_lines(text) else _pieces(data, start))
    return _placed(data, [Span(start, len(data))])


def _placed(data: bytes, spans: Iterable[Span]) -> Iterator[Element]:
    """The text of each span without the space and commas around it, and its line; nothing for a blank one."""
    line, counted = 1, 0
    for span in spans:
        text = data[span.first : span.last]
        raw = text.strip(SPACE + b",")
        if raw or span.is_cut:
            first = span.first + len(text) - len(text.lstrip(SPACE + b","))
            line += data.count(b"\n", counted, first)
            counted = first
            yield Element(raw, line, first, span.is_cut, span.is_item)


def _items(data: bytes, start: int, items: Iterable[Raw]) -> Iterator[Span]:
    """Items of a sound array: each begins where its text is next found, because only a comma and space lie between."""
    end = start + data[start:].index(b"[") + 1
    for item in items:
        begin = data.find(bytes(item), end)
        end = begin + len(bytes(item))
        yield Span(begin, end, is_item=True)


def _is_lines(text: bytes) -> bool:
    """Whether most lines, of the first hundred, are whole objects or arrays."""
    lines = [line.strip() for line in text.split(b"\n", LINES_LOOKED_AT)[:LINES_LOOKED_AT] if line.strip()]
    return len(lines) > 1 and sum(map(_is_value, lines)) * 2 > len(lines)


def _is_value(text: bytes) -> bool:
    if not text.startswith((b"{", b"[")):
        return False
    try:
        WHOLE.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _lines(data: bytes, start: int) -> Iterator[Span]:
    while start < len(data):
        end = data.find(b"\n", start)
        is_last = end < 0
        end = len(data) if is_last else end
        yield Span(start, end, is_cut=is_last and not _is_value(data[start:end].strip()))
        start = end + 1


def _pieces(data: bytes, start: int) -> Iterator[Span]:
    """Items of a damaged or cut array, or values that follow each other: cut at their brackets. What stands between
    them is a piece too, so that nothing is passed over."""
    array = re.compile(rb"\s*\[").match(data, start)
    depth = base = 1 if array else 0
    after = begin = array.end() if array else start  # where the last piece ended, where the open one began
    for token in TOKEN.finditer(data, after):
        if token[0] in (b"{", b"["):
            if depth == base:
                begin = token.start()
                yield Span(after, begin)
            depth += 1
        elif token[0] in (b"}", b"]") and depth:
            depth -= 1
            if depth <= base:
                first = begin if depth == base else after
                yield Span(first, token.end() if depth == base else token.start(), is_item=base > 0)
                after = token.end()
            base = min(base, depth)
    if depth:
        yield Span(begin if depth > base else after, len(data), is_cut=True)
    else:
        yield Span(after, len(data))


def decoded(raw: bytes) -> object:
    """The value of an element's text; raises `Unreadable`. What is no JSON number (NaN) stays text, so that the field
    that holds it is named."""
    try:
        return DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        near = raw[max(error.start - 20, 0) : error.start + 20]
        raise Unreadable("not UTF-8 text: save the file as UTF-8", raw=readable(near)) from error

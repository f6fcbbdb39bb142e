"""Bytes -> the lines of a CSV, as a stream: nothing is held but the chunk at hand.

Plain and gzipped files, and members of archives that `history/archives.py` opens. What is read is measured all the
while: a text that grows over its limit, or far over its packed size, stops the reading.
"""

import csv
import zlib
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from gzip import GzipFile
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from msgspec import Struct, structs

from margincall.history.limits import (
    BOMB,
    CHUNK,
    HEAD,
    LINE_MAX,
    RATIO_FROM,
    RATIO_MAX,
    STREAM_MAX,
    TEXT_MAX,
    WINDOW_HINT,
)
from margincall.wire.documents import GZIP, Unreadable
from margincall.wire.exports import BadHeader, Columns, columns_of
from margincall.wire.support import is_support_text

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
BYTE_ORDER_MARK = "\ufeff"
DELIMITERS = (",", ";", "\t")
CELLS_MIN = 3
"""A header has at least three columns; fewer commas are a sentence."""


class Text(Struct, frozen=True):
    """A text that can be opened, more than once if need be: a file, or a member of an archive. `packed` is its size on
    disk or in its archive, `size` the size of the text as declared (it may lie; -1 where nothing declares it). `names`
    may tell its time zone: its own, and its archive's."""

    file: str
    names: tuple[str, ...]
    packed: int
    size: int
    open: Callable[[], BinaryIO]


class Header(Struct, frozen=True):
    """The first line of a CSV, understood; `problem` says why it is none of those that are read."""

    delimiter: str
    columns: Columns | None
    problem: str = ""
    raw: str = ""


def head_of(text: Text) -> bytes:
    """The first bytes of a text, unpacked. Raises `OSError`."""
    with text.open() as file:
        try:
            return file.read(HEAD)
        except (EOFError, zlib.error):
            return b""


def text_of_file(path: Path) -> Text:
    """A file that is text, or gzipped text. Raises `OSError`."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(GZIP)) != GZIP:
            return Text(str(path), (path.name,), size, size, lambda: path.open("rb"))
    return Text(str(path), (path.name,), size, -1, lambda: cast(BinaryIO, GzipFile(path)))


def header_of(head: bytes) -> Header | None:
    """The header of a CSV that begins with `head`; none if this is no CSV."""
    text = head.decode("utf-8", "replace").removeprefix(BYTE_ORDER_MARK)
    if text.lstrip().startswith(("{", "[")) or is_support_text(text):
        return None
    first = next((line for line in text.splitlines() if line.strip()), "")
    if "\0" in first:
        return None
    problems: list[tuple[int, Header]] = []
    for delimiter in DELIMITERS:
        cells = next(csv.reader([first], delimiter=delimiter), [])
        if len(cells) < CELLS_MIN:
            continue
        try:
            return Header(delimiter, columns_of(cells))
        except BadHeader as error:
            problems.append((len(cells), Header(delimiter, None, str(error), first)))
    return max(problems, key=lambda each: each[0])[1] if problems else None


def measured(text: Text, *, windowed: bool) -> Text:
    """The text, if it is not too large: as it declares, or (gzip) as is found by unpacking it once, which takes a
    twentieth of the time of reading it. Raises `Unreadable`."""
    size = text.size
    if size < 0:
        size = 0
        with closing(text.open()) as file, suppress(EOFError, OSError, zlib.error):
            while data := file.read(CHUNK):
                size += len(data)
                _check(text, size, windowed=windowed)
    _check(text, size, windowed=windowed)
    return structs.replace(text, size=size)


def _check(text: Text, size: int, *, windowed: bool) -> None:
    if size > RATIO_FROM and size > RATIO_MAX * max(text.packed, 1):
        raise Unreadable(f"the text is {BOMB}")
    if windowed:
        if size > STREAM_MAX:
            raise Unreadable(f"the text is larger than {STREAM_MAX} bytes: not read")
    elif size > TEXT_MAX:
        raise Unreadable(f"the text is larger than {TEXT_MAX} bytes: {WINDOW_HINT}")


def lines_of(text: Text, file: BinaryIO, *, windowed: bool, tell: Callable[[int], None]) -> Iterator[str]:
    """The lines of an opened text, with their ends. `tell` is called after each chunk with the bytes read.

    Raises `Unreadable` for a text over its limits, `EOFError`, `OSError` and `zlib.error` for a damaged one.
    """
    return chain.from_iterable(map(_lines, _chunks(text, file, windowed=windowed, tell=tell)))


def _chunks(text: Text, file: BinaryIO, *, windowed: bool, tell: Callable[[int], None]) -> Iterator[str]:
    """The text in pieces that end with a line."""
    decoder = getincrementaldecoder("utf-8")("replace")
    rest, size = "", 0
    while data := file.read(CHUNK):
        piece = decoder.decode(data)
        rest = piece.removeprefix(BYTE_ORDER_MARK) if not size else rest + piece
        size += len(data)
        _check(text, size, windowed=windowed)
        tell(size)
        cut = rest.rfind("\n") + 1
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
        elif len(rest) > LINE_MAX:
            raise Unreadable(f"a line of more than {LINE_MAX} letters: this is no export")
    if rest:
        yield rest


def _lines(chunk: str) -> Iterable[str]:
    """The lines of a chunk. No cell of an export runs over a line: a quote without its other half is taken out, so that
    it costs its own row and not all that follow."""
    lines = StringIO(chunk, newline="")
    if '"' not in chunk:
        return lines
    return (line if line.count('"') % 2 == 0 else line.replace('"', "") for line in lines)

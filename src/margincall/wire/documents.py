"""Files of JSON: bytes in, documents and problems out. Plain or gzip; one document, or one per line.

Numbers stay the text that the file holds (`0.10` and `NaN` alike) until a field asks for one: `numbers.decimal_of`
then names the field that is wrong, and nothing passes through a binary float.
"""

import gzip
import json
import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import TypeAlias

from msgspec import Struct

from margincall.wire.problems import Problem, excerpt

Json: TypeAlias = "dict[str, Json] | list[Json] | str | bool | None"

SIZE_MAX = 256 * 1024 * 1024
"""Bytes of text that are read at most; a gzip file of a few kilobytes can hold any amount."""

MAGICS = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
}
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = "\ufeff"


class Document(Struct, frozen=True):
    """One JSON value and its place: empty for the whole file, `line 12` in a file of lines."""

    place: str
    value: Json


class Unreadable(ValueError):
    """A file that is not the text it should be."""

    def __init__(self, message: str, place: str = "", raw: str = "") -> None:
        """What is wrong, where, and the text found there."""
        super().__init__(message)
        self.place = place
        self.raw = raw

    def problem(self, file: str) -> Problem:
        """The same as a value."""
        return Problem(file, self.place, str(self), excerpt(self.raw))


def text_of(data: bytes) -> str:
    """The text of a plain or gzipped UTF-8 file; raises `Unreadable`."""
    if data.startswith(GZIP):
        data = _gunzip(data)
    if len(data) > SIZE_MAX:
        raise Unreadable(f"the file holds more than {SIZE_MAX} bytes")
    if not data.strip():
        raise Unreadable("the file is empty")
    for magic, what in MAGICS.items():
        if data.startswith(magic):
            raise Unreadable(f"this is {what}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_text(f"not UTF-8 text: {error.reason}", data, error.start) from error
    if "\0" in text:
        raise _not_text("not text: it holds zero bytes", data, data.index(0))
    return text.removeprefix(BYTE_ORDER_MARK)


def documents(data: bytes, file: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """The JSON documents of a file, and what could not be read of it."""
    try:
        text = text_of(data)
        try:
            return (Document("", loads(text)),), ()
        except Unreadable:
            lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
            if len(lines) < 2 or not _is_json(lines[0][1]):
                raise
        return _of_lines(lines, file)
    except Unreadable as error:
        return (), (error.problem(file),)


def loads(text: str) -> Json:
    """One JSON value with its numbers as text; raises `Unreadable`, also for a key that stands twice."""
    try:
        value: Json = json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_distinct)
        if "\\ud" in text or "\\uD" in text:
            # Half of a pair cannot be written out again, not even in a message about it.
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as error:
        ended = error.pos >= len(text.rstrip())
        what = "the file ends in the middle of the JSON text" if ended else f"not JSON: {error.msg}"
        near = text[max(error.pos - 60, 0) : error.pos + 60]
        raise Unreadable(what, f"line {error.lineno}, column {error.colno}", near) from error
    except UnicodeEncodeError as error:
        raise Unreadable("an escape sequence (\\ud…) stands for half a character") from error
    except RecursionError as error:
        raise Unreadable("JSON nested too deeply", raw=text[:60]) from error


def _of_lines(lines: Iterable[tuple[int, str]], file: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    found: list[Document] = []
    problems: list[Problem] = []
    for number, line in lines:
        try:
            found.append(Document(f"line {number}", loads(line)))
        except Unreadable as error:
            problems.append(Problem(file, f"line {number}", str(error), excerpt(line)))
    return tuple(found), tuple(problems)


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except Unreadable:
        return False
    return True


def _distinct(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object; of a key that stands twice a reader would see only one value, so that is refused."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise Unreadable(f"the key {twice!r} stands twice in one object")
    return found


def _gunzip(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            return file.read(SIZE_MAX + 1)
    except EOFError as error:
        raise Unreadable("the gzip data ends early: the file is cut off") from error
    except (OSError, zlib.error) as error:
        raise Unreadable(f"damaged gzip data: {error}") from error


def _not_text(message: str, data: bytes, start: int) -> Unreadable:
    return Unreadable(message, f"byte {start}", repr(data[max(start - 10, 0) : start + 10]))

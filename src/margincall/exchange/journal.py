"""The journal of an exchange: every command, in order, with a hash of the events that it caused.

The state of an exchange is a fold of its commands, so this file is the state. It is only ever appended to.

    journal   magic | frame of the header | frame of record 1 | frame of record 2 | …
    frame     length u32 | crc32 u32 | version u16 | body
    header    MessagePack of `Header`
    record    seq u64 | length of the command u32 | command | hash of the events, 32 bytes

Numbers are little endian. `length` counts what follows the crc, and the crc is over just that. Frames are the same in
all versions; what a body holds is its version's, and `FORMATS` reads them all. `docs/reference/journal.md` shows one.

A frame that is not whole and has no whole record behind it is a torn tail: the end that a crash may leave. With a
whole record behind it, it is damage, and a `DamagedJournal`. `FileJournal` in `journal_file.py` writes such a file.

    MargincallError
    ├── NothingUsable
    │   ├── NotAJournal     no file of this format, or its writing broke off before the header was whole
    │   └── NewerJournal    a version that this margincall does not know
    ├── Refused
    │   ├── DamagedJournal  damage in the middle
    │   └── OtherHeader     appending under other rules than those that the journal was begun with
    ├── JournalFailed       a write or fsync failed
    └── Divergence          replay gives other events than those that were written; exit code 1
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from margincall.errors import DIFFERENCES, MargincallError, NothingUsable, Refused, UsageError

MAGIC = b"\x89MCJ\r\n\x1a\n"
"""Its signs are what a transfer as text would change."""
VERSION = 2
"""The version that is written. 1 and 2 differ in what the exchange hashes (`HASHES` in `engine.py`), not in a byte."""
HASH_SIZE = 32
COMMAND_MAX = 1 << 24
"""Bytes of the longest command. It bounds what a damaged length can make a reader take."""

_GUARD = struct.Struct("<II")
_VERSION = struct.Struct("<H")
_RECORD = struct.Struct("<QI")
_PAYLOAD_MAX = _VERSION.size + _RECORD.size + COMMAND_MAX + HASH_SIZE


class NotAJournal(NothingUsable):
    """The file is no journal, or breaks off before its header is whole."""


class NewerJournal(NothingUsable):
    """A whole frame of a version that this margincall does not know."""


class DamagedJournal(Refused):
    """What stands at byte `offset` is not record `seq` (0: the header), and whole records follow it."""

    def __init__(self, path: Path, offset: int, seq: int) -> None:
        """`offset` counts from the start of the file."""
        what = f"record {seq}" if seq else "the header"
        super().__init__(
            f"{path} is damaged at byte {offset}, where {what} should be, and whole records follow. Nothing was "
            "changed: keep a copy, and restore the file from another one"
        )
        self.path = path
        self.offset = offset
        self.seq = seq


class OtherHeader(Refused):
    """The journal was begun under another header than the one given."""


class JournalFailed(MargincallError):
    """The journal could not be written or made durable. What was not acknowledged may be lost, and nothing more is
    taken: after a failed fsync nobody knows what is on the disk."""


class Divergence(MargincallError):
    """Command `seq`, applied again, caused events of another hash."""

    exit_code = DIFFERENCES

    def __init__(self, seq: int, expected: bytes, got: bytes) -> None:
        """`expected` is the hash in the journal."""
        super().__init__(
            f"command {seq} gives other events than it did: {got.hex()} instead of {expected.hex()}. A journal is "
            "replayed by the code and the rules that its header names"
        )
        self.seq = seq
        self.expected = expected
        self.got = got


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the commands were applied with: `code_version` began the journal, its clock read `genesis_ms`. Hashes, names
    and `rules` are the caller's; they are compared, not read."""

    code_version: str
    rule_set: str
    rule_set_hash: str
    brackets_hash: str
    genesis_ms: int
    rules: bytes


class Record(Struct, frozen=True, gc=False):
    """One command. `seq` counts from 1 without a gap; `events_hash` has 32 bytes, and is one as `version` has it."""

    seq: int
    command: bytes
    events_hash: bytes
    version: int = VERSION


class Tail(Struct, frozen=True):
    """Where the whole records end: the last one's `seq` (0: none), the `offset` in bytes behind it, and the `size` in
    bytes of what follows, which is torn; 0 in a journal that was closed."""

    seq: int
    offset: int
    size: int


class Journal(Protocol):
    """Where an engine's commands go before anybody is told that they were taken."""

    def append(self, command: bytes, events_hash: bytes) -> int:
        """Put a command behind the others; its seq. It is not safe yet."""

    def sync(self) -> int:
        """Make safe what was appended; the seq up to which commands may now be acknowledged."""

    def close(self) -> None:
        """Sync and let go."""


# --- bytes ------------------------------------------------------------------------------------------------


def header_bytes(header: Header) -> bytes:
    """How a journal begins."""
    return MAGIC + _framed(msgspec.msgpack.encode(header))


def record_bytes(record: Record) -> bytes:
    """How a record stands in the journal. A command that is too long or a hash of another size is a bug."""
    assert len(record.command) <= COMMAND_MAX, "a command has at most 16 MiB"
    assert len(record.events_hash) == HASH_SIZE, "a hash has 32 bytes"
    return _framed(_RECORD.pack(record.seq, len(record.command)) + record.command + record.events_hash)


def _framed(body: bytes) -> bytes:
    payload = _VERSION.pack(VERSION) + body
    return _GUARD.pack(len(payload), zlib.crc32(payload)) + payload


def _read_header(body: bytes) -> Header | None:
    try:
        return msgspec.msgpack.decode(body, type=Header)
    except msgspec.MsgspecError:
        return None


def _read_record(version: int, body: bytes) -> Record | None:
    if len(body) < _RECORD.size + HASH_SIZE:
        return None
    seq, length = _RECORD.unpack_from(body)
    # The length stands twice, and only the inner one is under the crc.
    if length != len(body) - _RECORD.size - HASH_SIZE:
        return None
    return Record(seq, body[_RECORD.size : -HASH_SIZE], body[-HASH_SIZE:], version)


class Format(NamedTuple):
    """How one version reads the bodies of its frames; None for a body that it did not write."""

    header: Callable[[bytes], Header | None]
    record: Callable[[bytes], Record | None]


FORMATS: Mapping[int, Format] = {
    version: Format(_read_header, partial(_read_record, version)) for version in range(1, VERSION + 1)
}
"""Every version that was ever written. None is removed."""


# --- reading ----------------------------------------------------------------------------------------------


class Scan(NamedTuple):
    """What a file holds. `header` is None where the writing of a new journal broke off before it was whole."""

    header: Header | None
    tail: Tail


def read(path: Path) -> tuple[Header, Iterator[Record], Tail]:
    """The header, the whole records in order, and where they end; changes nothing. The file is read once to its end
    before this returns, and once more by the iterator, record by record.

    Raises `UsageError` if it cannot be read, `NotAJournal`, `NewerJournal`, `DamagedJournal`.
    """
    header, tail = scan(path)
    if header is None:
        raise NotAJournal(f"{path} breaks off before its header is whole: it holds no command")
    return header, _records(path, tail), tail


def read_header(path: Path) -> Header | None:
    """The header alone; None where its writing broke off. Raises what `read` raises, of the header."""
    with _opened(path) as (file, size):
        return _header(path, file, size)


def scan(path: Path) -> Scan:
    """One pass over a journal, for its header and its end. Raises what `read` raises, but takes a torn header."""
    with _opened(path) as (file, size):
        header = _header(path, file, size)
        if header is None:
            return Scan(None, Tail(0, 0, size))
        seq, end = 0, file.tell()
        for record, offset in _whole_records(path, file, size):
            seq, end = record.seq, offset
        file.seek(end)
        if _holds_record(file.read()):
            raise DamagedJournal(path, end, seq + 1)
        return Scan(header, Tail(seq, end, size - end))


def replay(records: Iterable[Record], apply: Callable[[Record], bytes]) -> int:
    """Apply commands again; the seq of the last one, 0 if there was none.

    `apply` carries out a record's command and gives the hash of its events, as the record's version has it. Raises
    `Divergence` at the first that differs.
    """
    seq = 0
    for record in records:
        got = apply(record)
        if got != record.events_hash:
            raise Divergence(record.seq, record.events_hash, got)
        seq = record.seq
    return seq


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A file and its size in bytes. Raises `UsageError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _header(path: Path, file: BinaryIO, size: int) -> Header | None:
    """The header, which leaves the file at the first record; None for a torn one, behind which no record stands."""
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        # Blocks that were never written read as zeros.
        if MAGIC.startswith(magic.rstrip(b"\0")) and MAGIC.startswith((magic + file.read()).rstrip(b"\0")):
            return None
        raise NotAJournal(f"{path} is no journal of margincall")
    payload = _payload(file, size - len(MAGIC))
    header = None if payload is None else _format(path, payload).header(payload[_VERSION.size :])
    if header is None:
        file.seek(len(MAGIC))
        if _holds_record(file.read()):
            raise DamagedJournal(path, 0, 0)
    return header


def _records(path: Path, tail: Tail) -> Iterator[Record]:
    with _opened(path) as (file, _):
        _header(path, file, tail.offset)
        seq, end = 0, 0
        for record, offset in _whole_records(path, file, tail.offset):
            seq, end = record.seq, offset
            yield record
        if seq != tail.seq:
            raise DamagedJournal(path, end, seq + 1)


def _whole_records(path: Path, file: BinaryIO, size: int) -> Iterator[tuple[Record, int]]:
    """Each record with the offset behind it, from the file's position to the first frame that is not whole. Raises
    `DamagedJournal` where a whole record is not the next one."""
    offset = file.tell()
    seq = 1
    while (payload := _payload(file, size - offset)) is not None:
        record = _format(path, payload).record(payload[_VERSION.size :])
        if record is None:
            return
        if record.seq != seq:
            raise DamagedJournal(path, offset, seq)
        offset += _GUARD.size + len(payload)
        seq += 1
        yield record, offset


def _payload(file: BinaryIO, room: int) -> bytes | None:
    """Version and body of the frame at the file's position, which has `room` bytes behind it; None if not whole."""
    if room < _GUARD.size:
        return None
    length, crc = _GUARD.unpack(file.read(_GUARD.size))
    if not _VERSION.size <= length <= min(room - _GUARD.size, _PAYLOAD_MAX):
        return None
    payload = file.read(length)
    return payload if zlib.crc32(payload) == crc else None


def _format(path: Path, payload: bytes) -> Format:
    (version,) = _VERSION.unpack_from(payload)
    try:
        return FORMATS[version]
    except KeyError:
        raise NewerJournal(
            f"{path} is a journal of version {version}; this margincall reads {', '.join(map(str, sorted(FORMATS)))}"
        ) from None


def _holds_record(data: bytes) -> bool:
    """Whether a whole record begins at any byte."""
    return any(
        _record_at(data, offset, form)
        for version, form in FORMATS.items()
        for offset in _places(data, _VERSION.pack(version), _GUARD.size)
    )


def _places(data: bytes, sign: bytes, before: int) -> Iterator[int]:
    """Offsets `before` bytes before each occurrence of a sign."""
    at = data.find(sign, before)
    while at >= 0:
        yield at - before
        at = data.find(sign, at + 1)


def _record_at(data: bytes, offset: int, form: Format) -> Record | None:
    length, crc = _GUARD.unpack_from(data, offset)
    start = offset + _GUARD.size
    if not _VERSION.size <= length <= min(len(data) - start, _PAYLOAD_MAX):
        return None
    # What is cheap to refuse is refused before its crc is taken.
    record = form.record(data[start + _VERSION.size : start + length])
    return record if record and zlib.crc32(data[start : start + length]) == crc else None

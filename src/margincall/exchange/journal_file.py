"""A journal in a file: appended in memory, written and made durable in groups, mended when it is opened.

A command may be acknowledged when `sync` has returned its seq. Then it outlives the death of the process, and with the
durability `group` the loss of power too. After a write or fsync that failed, the journal takes nothing more: the
kernel forgets what it could not write, so a second fsync may succeed and say nothing about the first (PostgreSQL learnt
that in 2018).
"""

import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Literal

from margincall.errors import UsageError
from margincall.exchange.journal import (
    Header,
    JournalFailed,
    OtherHeader,
    Record,
    Tail,
    header_bytes,
    record_bytes,
    scan,
)

try:
    import fcntl
except ImportError:  # not on Windows: two writers of one journal are then not noticed
    fcntl = None  # type: ignore[assignment]

Durability = Literal["group", "none"]

BUFFER_MAX = 1 << 20
"""Bytes that wait in memory for the next sync; more are written before it."""


class DiskFile:
    """What a journal needs of a file and its folder. Every method raises `OSError`."""

    def __init__(self, path: Path) -> None:
        """Open a file to append to it, created if there is none. Raises `UsageError` if another process has it."""
        self.path = path
        self._file = FileIO(path, "a+")
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            if isinstance(error, BlockingIOError):
                raise UsageError(f"{path} is in use by another margincall: stop that one first") from None
            raise

    def write(self, data: memoryview) -> int:
        """Hand bytes to the system, behind all others; how many it took."""
        return self._file.write(data) or 0

    def truncate(self, size: int) -> None:
        """Cut the file down to `size` bytes."""
        self._file.truncate(size)

    def sync(self) -> None:
        """Wait until the file's bytes are on the disk."""
        os.fsync(self._file.fileno())

    def sync_folder(self) -> None:
        """Wait until the file's name is on the disk."""
        if os.name != "nt":  # where a folder cannot be opened
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Let go of the file and its lock."""
        self._file.close()


Opener = Callable[[Path], DiskFile]


class FileJournal:
    """A `Journal` in a file, for one thread. Closes with the context.

    `tail` is what was found when it was opened; its torn bytes are gone by then.
    """

    def __init__(
        self, path: Path, header: Header, *, durability: Durability = "group", opener: Opener = DiskFile
    ) -> None:
        """Begin a journal, or go on with one: its torn tail is cut off, and what it holds is made durable.

        Raises `UsageError` if it cannot be opened or another process has it, `OtherHeader` if it was begun under
        another header, `JournalFailed`, and what `read` raises; it changes nothing then, save a `JournalFailed`.
        """
        self.path = path
        self._durability = durability
        self._waiting = bytearray()
        self._is_usable = False
        try:
            self._file = opener(path)
        except OSError as error:
            raise UsageError(f"{path} cannot be opened: {error.strerror or error}") from error
        try:
            self.tail = self._mended(header)
        except BaseException:
            self._file.close()
            raise
        self._appended = self._durable = self.tail.seq
        self._is_usable = True

    def __enter__(self) -> "FileJournal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, command: bytes, events_hash: bytes) -> int:
        """Put a command behind the others; its seq. It is not safe before the next `sync`.

        A command of more than 16 MiB or a hash that has not 32 bytes is a bug. Raises `JournalFailed`.
        """
        self._check()
        record = record_bytes(Record(self._appended + 1, command, events_hash))
        # An interrupt between the two lines would give one seq twice.
        self._is_usable = False
        self._waiting += record
        self._appended += 1
        self._is_usable = True
        if len(self._waiting) > BUFFER_MAX:
            self._attempt(self._write)
        return self._appended

    def sync(self) -> int:
        """Make durable what was appended; the seq up to which commands may now be acknowledged.

        With the durability `none` they are handed to the system, which a loss of power does not spare. Raises
        `JournalFailed`; what was appended since the last sync may then be in the file or not.
        """
        self._check()
        if self._durable < self._appended:
            self._attempt(self._write_durably)
            self._durable = self._appended
        return self._durable

    def close(self) -> None:
        """Sync and let go of the file; once more does nothing. After a failure nothing is written. Raises
        `JournalFailed`."""
        try:
            if self._is_usable:
                self.sync()
        finally:
            self._attempt(self._file.close)
            self._is_usable = False

    def _check(self) -> None:
        if not self._is_usable:
            raise JournalFailed(f"{self.path}: the journal is closed or failed before, and takes nothing more")

    def _attempt(self, act: Callable[[], None]) -> None:
        """Whatever breaks off in `act`, be it an interrupt, leaves a file that nothing may be added to."""
        self._is_usable = False
        try:
            act()
        except OSError as error:
            raise JournalFailed(f"{self.path} cannot be written: {error.strerror or error}") from error
        self._is_usable = True

    def _write(self) -> None:
        with memoryview(self._waiting) as waiting:
            written = 0
            while written < len(waiting):
                written += self._file.write(waiting[written:])
        self._waiting.clear()

    def _write_durably(self) -> None:
        self._write()
        self._sync_file()

    def _sync_file(self) -> None:
        if self._durability == "group":
            self._file.sync()

    def _mended(self, header: Header) -> Tail:
        """Make the file whole and durable, and say how it was."""
        found, tail = scan(self.path)
        if found is not None and found != header:
            unlike = [name for name in found.__struct_fields__ if getattr(found, name) != getattr(header, name)]
            raise OtherHeader(f"{self.path} was begun under another {', '.join(unlike)}: begin another journal")

        def mend() -> None:
            if tail.size:
                self._file.truncate(tail.offset)
            if found is None:
                self._waiting += header_bytes(header)
                self._write()
            # Before anything is appended: else the old tail could come back behind new records after a second crash,
            # and what a killed process had written without a sync would count as durable.
            self._sync_file()
            if self._durability == "group":
                self._file.sync_folder()

        self._attempt(mend)
        return tail

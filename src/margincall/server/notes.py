"""What the exchange's journal does not know and a restart must not lose: halts, who pays fees in BNB, how the price of
an order was matched to the book, which exports there are, listen keys.

A file of JSON lines beside the journal. It is synced after the journal, so that no note is about an order that is not
there; where a crash comes between the two, the order was not acknowledged yet. Only its owner may read it: a listen key
opens a stream.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from margincall.errors import UsageError
from margincall.exchange.journal import JournalFailed
from margincall.server.downloads import Download
from margincall.server.private_file import append, rewritten

NONE, FOLDER = "NONE", "downloads"
encoded = msgspec.json.encode


class Halted(Struct, frozen=True, tag="halt"):
    """A symbol takes no new orders, or does again."""

    symbol: str
    on: bool


class Burning(Struct, frozen=True, tag="fee_burn"):
    """An account asked to pay fees in BNB, or not to."""

    account: str
    on: bool


class Matched(Struct, frozen=True, tag="price_match"):
    """How the price of an order was matched to the book: when it was placed (`change` 0), or by its n-th amendment."""

    order: int
    change: int
    mode: str


class Exported(Struct, frozen=True, tag="export"):
    """An export as it stands."""

    download: Download


class Listened(Struct, frozen=True, tag="listen_key"):
    """A listen key of an account, valid until a time of the server's clock; 0 for one that ended."""

    account: str
    key: str
    until_ms: int


Note = Halted | Burning | Matched | Exported | Listened


class Notes:
    """All that is noted; `halted` and `burners` are kept by who notes them."""

    def __init__(self, path: Path | None = None) -> None:
        """Those of a file that is there; without one they last as long as the server. Raises `UsageError`."""
        self.halted: set[str] = set()
        self.burners: set[str] = set()
        self.downloads: dict[int, Download] = {}
        self.listened: dict[str, Listened] = {}
        """The listen key of each account, as it stood when the file was read."""
        self._matches: dict[tuple[int, int], str] = {}
        self._is_restored = False
        self._waiting = bytearray()
        self._file: int | None = None
        self.folder = None if path is None else path.with_name(FOLDER)
        """Where the files of exports are kept."""
        if path is not None:
            for note in _read(path) if path.exists() else ():
                self._take(note)
            self._file = rewritten(path, b"".join(encoded(note) + b"\n" for note in self._all()))

    def matched(self, order: int, change: int, mode: str) -> str:
        """How the price of an order was matched at a change: as it is said now, or as it was noted before a restart."""
        if not self._is_restored:
            return self._matches.get((order, change), NONE)
        if mode != NONE:
            self.add(Matched(order, change, mode))
        return mode

    def restored(self) -> None:
        """The journal has been applied again: what happens from now on is new."""
        self._is_restored = True
        self._matches.clear()

    def add(self, note: Note) -> None:
        """One more; it is safe with the next sync."""
        if self._file is not None:
            self._waiting += encoded(note) + b"\n"

    def sync(self, *, is_durable: bool) -> None:
        """Write what waits, and let the disk have it if that is asked. Raises `JournalFailed`."""
        if not self._waiting or self._file is None:
            return
        try:
            append(self._file, bytes(self._waiting))
            if is_durable:
                os.fsync(self._file)
        except OSError as error:
            raise JournalFailed(f"the notes cannot be written: {error.strerror or error}") from error
        self._waiting.clear()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self.sync(is_durable=False)
            os.close(self._file)
            self._file = None

    def _take(self, note: Note) -> None:
        match note:
            case Halted():
                (self.halted.add if note.on else self.halted.discard)(note.symbol)
            case Burning():
                (self.burners.add if note.on else self.burners.discard)(note.account)
            case Matched():
                self._matches[note.order, note.change] = note.mode
            case Exported():
                self.downloads[note.download.number] = note.download
            case Listened():
                if note.until_ms:
                    self.listened[note.account] = note
                elif (known := self.listened.get(note.account)) is not None and known.key == note.key:
                    del self.listened[note.account]

    def _all(self) -> Iterator[Note]:
        """What counts of all notes."""
        yield from (Halted(symbol, on=True) for symbol in sorted(self.halted))
        yield from (Burning(account, on=True) for account in sorted(self.burners))
        yield from (Matched(order, change, mode) for (order, change), mode in self._matches.items())
        yield from map(Exported, self.downloads.values())
        yield from self.listened.values()


def _read(path: Path) -> Iterator[Note]:
    """The notes of a file; its last line may be torn."""
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        try:
            yield msgspec.json.decode(line, type=Note)
        except msgspec.DecodeError as error:
            raise UsageError(f"{path}, line {number}: {error}") from None

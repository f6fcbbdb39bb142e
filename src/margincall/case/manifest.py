"""The manifest of a case: records that are only appended, each of which holds the hash of the one before.

A record that is changed, removed or put in between breaks the chain at that place. What a chain cannot show is that
records were cut off its end: who wants to prove that writes the last hash down elsewhere (`case check` prints it).
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import msgspec
from msgspec import Struct

MANIFEST = "case.manifest"
"""Its ending is none that the readers of evidence take for one of theirs."""
FIRST = "0" * 64
Status = Literal["opened", "answered", "escalated", "offered", "accepted", "refused", "closed"]
STATUSES: tuple[str, ...] = get_args(Status)


class Opened(Struct, frozen=True, tag="case"):
    """The case begins."""

    title: str
    version: str = "margincall.case/1"


class Begun(Struct, frozen=True, tag="rescue"):
    """A rescue begins: its scope, and what the venue said of the key."""

    market: Literal["fapi", "dapi"]
    until_ms: int
    symbols: tuple[str, ...]
    events: tuple[int, ...]
    around_minutes: int
    key: str


class Finished(Struct, frozen=True, tag="rescued"):
    """A rescue has asked for everything it planned."""

    until_ms: int


class Saved(Struct, frozen=True, tag="file"):
    """A file of the case: `path` below its folder, `origin` the request or the place that it came from."""

    path: str
    sha256: str
    size: int
    origin: str


class Declined(Struct, frozen=True, tag="refusal"):
    """The venue answered a request with something other than what was asked for; the answer as received is kept."""

    path: str
    sha256: str
    size: int
    origin: str
    status: int
    code: int
    said: str


class Note(Struct, frozen=True, tag="note"):
    """What somebody wanted to remember."""

    text: str


class Dispute(Struct, frozen=True, tag="dispute"):
    """Where the dispute stands since a day (ISO)."""

    status: Status
    day: str
    ticket: str = ""
    text: str = ""


Said = Opened | Begun | Finished | Saved | Declined | Note | Dispute
File = Saved | Declined


class Entry(Struct, frozen=True):
    """One record. `time_ms` is our clock (UTC), `offset_ms` the server's clock minus ours where one was asked."""

    number: int
    previous: str
    time_ms: int
    offset_ms: int | None
    said: Said
    hash: str


class Flaw(Struct, frozen=True):
    """What is not as it was written: kind `changed`, `missing`, `unlisted`, or `record`."""

    kind: Literal["changed", "missing", "unlisted", "record"]
    path: str
    what: str


class Manifest(Struct, frozen=True):
    """The records of a case, and flaws of the manifest itself. `torn`: bytes at the end of an unfinished record."""

    entries: tuple[Entry, ...]
    flaws: tuple[Flaw, ...] = ()
    torn: int = 0

    @property
    def head(self) -> str:
        """The hash of the last record."""
        return self.entries[-1].hash if self.entries else FIRST

    @property
    def files(self) -> tuple[tuple[Entry, File], ...]:
        """The files of the case with their records, in order."""
        return tuple((entry, entry.said) for entry in self.entries if isinstance(entry.said, Saved | Declined))


ENCODER = msgspec.json.Encoder()
DECODER = msgspec.json.Decoder(Entry)


def entry(before: Manifest | None, said: Said, time_ms: int, offset_ms: int | None = None) -> Entry:
    """The record that follows."""
    number, previous = (len(before.entries), before.head) if before is not None else (0, FIRST)
    bare = Entry(number, previous, time_ms, offset_ms, said, "")
    return msgspec.structs.replace(bare, hash=_hash(bare))


def line(record: Entry) -> bytes:
    """A record as it is written."""
    return ENCODER.encode(record) + b"\n"


def parsed(data: bytes) -> Manifest:
    """The records in a manifest's bytes. The first record that does not follow is a flaw and ends the reading."""
    whole, _, rest = data.rpartition(b"\n")
    entries: list[Entry] = []
    flaws: list[Flaw] = []
    previous = FIRST
    for number, text in enumerate(whole.split(b"\n") if whole else []):
        record = _record(text, number, previous)
        if isinstance(record, str):
            flaws.append(Flaw("record", MANIFEST, f"record {number}: {record}; it and what follows do not count"))
            break
        entries.append(record)
        previous = record.hash
    return Manifest(tuple(entries), tuple(flaws), len(rest))


def _record(text: bytes, number: int, previous: str) -> Entry | str:
    try:
        found = DECODER.decode(text)
    except msgspec.DecodeError:
        return "is no record"
    if ENCODER.encode(found) != text or found.hash != _hash(found):
        return "was changed after it was written"
    if found.number != number or found.previous != previous:
        return "does not follow the one before"
    return found


def _hash(record: Entry) -> str:
    return hashlib.sha256(ENCODER.encode(msgspec.structs.replace(record, hash=""))).hexdigest()


def without_times(entries: Sequence[Entry]) -> Iterator[Said]:
    """What the records say, apart from when it was written: equal for two rescues that were given the same answers."""
    return (each.said for each in entries)

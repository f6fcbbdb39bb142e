"""The journal as a format: what is written is read, what is torn is cut, what is damaged is refused."""

import os
import re
import shutil
import struct
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from margincall.errors import DIFFERENCES, UsageError
from margincall.exchange import journal as format_module
from margincall.exchange.journal import (
    COMMAND_MAX,
    FORMATS,
    MAGIC,
    DamagedJournal,
    Divergence,
    Format,
    Header,
    Journal,
    NewerJournal,
    NotAJournal,
    OtherHeader,
    Record,
    Tail,
    header_bytes,
    read,
    record_bytes,
    replay,
)
from margincall.exchange.journal_file import BUFFER_MAX, FileJournal, fcntl
from tests.exchange.bank import HEADER, Bank, bank_after, command, records
from tests.sources import ROOT

HASH = bytes(range(32))
RECORDS = 200
WHOLE = list(records(RECORDS))
BEGINNING = header_bytes(HEADER)
PIECES = [record_bytes(record) for record in WHOLE]
TEXT = BEGINNING + b"".join(PIECES)
ENDS = [len(BEGINNING) + sum(map(len, PIECES[:count])) for count in range(RECORDS + 1)]
"""Where each record ends; the first is where the header does."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.journal"


def write(path: Path, found: list[Record] | Iterator[Record], group: int = 10) -> None:
    """Append records in groups."""
    journal: Journal = FileJournal(path, HEADER, durability="none")
    for number, record in enumerate(found, 1):
        assert journal.append(record.command, record.events_hash) == record.seq
        if number % group == 0:
            assert journal.sync() == record.seq
    journal.close()


# --- writing and reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [1, 7, 1_000])
def test_what_was_written_is_read(path: Path, group: int) -> None:
    write(path, WHOLE, group)
    assert path.read_bytes() == TEXT
    header, found, tail = read(path)
    assert (header, list(found), tail) == (HEADER, WHOLE, Tail(RECORDS, len(TEXT), 0))


def test_nothing_is_acknowledged_before_its_sync(path: Path) -> None:
    with FileJournal(path, HEADER) as journal:
        assert journal.sync() == 0
        assert [journal.append(b"a", HASH), journal.append(b"b", HASH)] == [1, 2]
        assert read(path)[2].seq == 0
        assert journal.sync() == 2
        assert read(path)[2].seq == 2
        journal.append(b"c", HASH)
    assert read(path)[2].seq == 3, "closing syncs"


def test_a_journal_goes_on(path: Path) -> None:
    write(path, WHOLE[:50])
    with FileJournal(path, HEADER) as journal:
        assert journal.tail == Tail(50, ENDS[50], 0)
        assert journal.sync() == 50, "what was found has been made durable"
        assert journal.append(WHOLE[50].command, WHOLE[50].events_hash) == 51
    assert list(read(path)[1]) == WHOLE[:51]


def test_commands_of_any_size(path: Path) -> None:
    """Nothing at all, more than the buffer, the longest; one byte more is a bug."""
    commands = [b"", b"\0" * (BUFFER_MAX + 1), b"x" * COMMAND_MAX, MAGIC]
    with FileJournal(path, HEADER) as journal:
        for each in commands:
            journal.append(each, HASH)
        with pytest.raises(AssertionError):
            journal.append(b"x" * (COMMAND_MAX + 1), HASH)
        with pytest.raises(AssertionError):
            journal.append(b"x", HASH[1:])
    assert [record.command for record in read(path)[1]] == commands


def test_closing_twice_is_fine_and_a_closed_journal_takes_nothing(path: Path) -> None:
    journal = FileJournal(path, HEADER)
    journal.close()
    journal.close()
    with pytest.raises(format_module.JournalFailed):
        journal.append(b"a", HASH)


@pytest.mark.skipif(fcntl is None, reason="locks of this kind are not everywhere")
def test_one_writer_at_a_time(path: Path) -> None:
    with FileJournal(path, HEADER), pytest.raises(UsageError, match="in use"):
        FileJournal(path, HEADER)
    FileJournal(path, HEADER).close()


def test_another_header_is_refused(path: Path) -> None:
    write(path, WHOLE[:3])
    other = msgspec.structs.replace(HEADER, brackets_hash="33" * 32)
    with pytest.raises(OtherHeader, match="another journal"):
        FileJournal(path, other)
    assert list(read(path)[1]) == WHOLE[:3]


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read(tmp_path / "none.journal")
    with pytest.raises(UsageError):
        FileJournal(tmp_path / "none" / "a.journal", HEADER)


@pytest.mark.parametrize(
    "content",
    [b"time,price\n1,2\n", b"\x89PNG\r\n\x1a\n", b"\0" * 9 + b"1", TEXT[1:], TEXT * 2],
    ids=["csv", "png", "zeros", "beheaded", "twice"],
)
def test_what_is_no_journal_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises((NotAJournal, DamagedJournal)):
        FileJournal(path, HEADER)
    with pytest.raises((NotAJournal, DamagedJournal)):
        read(path)
    assert path.read_bytes() == content


# --- torn tails -------------------------------------------------------------------------------------------


def cut_at(path: Path, cut: int) -> None:
    """What is read of a journal that ends at this byte, and that it goes on from there."""
    path.unlink(missing_ok=True)  # ext4 writes at once what replaces the content of a file: slow
    path.write_bytes(TEXT[:cut])
    count = bisect_right(ENDS, cut) - 1
    if count < 0:
        with pytest.raises(NotAJournal):
            read(path)
    else:
        _, found, tail = read(path)
        assert list(found) == WHOLE[:count]
        assert tail == Tail(count, ENDS[count], cut - ENDS[count])
    count = max(count, 0)
    with FileJournal(path, HEADER, durability="none") as journal:
        assert journal.tail.seq == count
        if count < RECORDS:
            assert journal.append(WHOLE[count].command, WHOLE[count].events_hash) == count + 1
    # The next record is the one that it would have been: the file is as if it had never been cut.
    assert path.read_bytes() == TEXT[: ENDS[min(count + 1, RECORDS)]]


@pytest.mark.parametrize("part", [0, 3, *(pytest.param(part, marks=pytest.mark.slow) for part in (1, 2, 4, 5, 6, 7))])
def test_cut_at_every_byte(path: Path, part: int) -> None:
    """Every eighth, from two of the first ones on, and those around each record's end; slow, all."""
    for cut in {*range(part, len(TEXT) + 1, 8), *(end + part - 3 for end in ENDS if end + part - 3 <= len(TEXT))}:
        cut_at(path, cut)


@pytest.mark.parametrize("size", [1, 511, 512, 100_000])
def test_a_tail_of_zeros(path: Path, size: int) -> None:
    """What a file system may leave that grew the file and did not fill it."""
    path.write_bytes(TEXT + bytes(size))
    assert read(path)[2] == Tail(RECORDS, len(TEXT), size)
    with FileJournal(path, HEADER) as journal:
        assert journal.append(b"next", HASH) == RECORDS + 1
    assert read(path)[2].size == 0


@pytest.mark.parametrize("content", [b"", bytes(1), bytes(4096), MAGIC[:3], MAGIC[:3] + bytes(100), BEGINNING[:-1]])
def test_a_journal_whose_beginning_was_torn_is_begun_again(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotAJournal):
        read(path)
    write(path, WHOLE)
    assert path.read_bytes() == TEXT


@pytest.mark.parametrize("length", [0, 4, 6, 2**32 - 1])
def test_a_command_of_another_length_than_its_frame_is_no_record(path: Path, length: int) -> None:
    """The crc is right, so whoever wrote this did not write version 2."""
    odd = format_module._framed(struct.pack("<QI", 6, length) + b"12345" + HASH)
    path.write_bytes(TEXT[: ENDS[5]] + odd)
    assert read(path)[2] == Tail(5, ENDS[5], len(odd))


def test_a_record_quoted_in_a_torn_one_is_taken_for_one(path: Path) -> None:
    """Nobody can tell it from a record behind damage, and refusing loses nothing."""
    torn = record_bytes(Record(6, PIECES[2], HASH))[:-1]
    path.write_bytes(TEXT[: ENDS[5]] + torn)
    with pytest.raises(DamagedJournal):
        FileJournal(path, HEADER)
    assert path.read_bytes() == TEXT[: ENDS[5]] + torn


# --- damage -----------------------------------------------------------------------------------------------


def flipped(at: int, bits: int) -> bytes:
    return TEXT[:at] + bytes([TEXT[at] ^ bits]) + TEXT[at + 1 :]


@pytest.mark.parametrize("seed", range(4))
def test_one_byte_flipped_is_noticed(path: Path, seed: int) -> None:
    """In the header and in the first and last records every byte, elsewhere a sample; nothing is ever written."""
    random = Random(seed)
    places = [
        *range(seed, ENDS[2], 4),
        *random.sample(range(ENDS[2], ENDS[-3]), 300),
        *range(ENDS[-3] + seed, ENDS[-1], 4),
    ]
    for at in places:
        path.unlink(missing_ok=True)
        path.write_bytes(flipped(at, random.randint(1, 255)))
        seq = bisect_right(ENDS, at)
        if at >= ENDS[-2]:
            _, found, tail = read(path)
            assert (list(found), tail) == (WHOLE[:-1], Tail(RECORDS - 1, ENDS[-2], len(PIECES[-1])))
        elif at < len(MAGIC):
            with pytest.raises(NotAJournal):
                FileJournal(path, HEADER)
        else:
            damaged = path.read_bytes()
            with pytest.raises(DamagedJournal) as error:
                FileJournal(path, HEADER)
            assert (error.value.seq, error.value.offset) == (seq, ENDS[seq - 1] if seq else 0)
            assert path.read_bytes() == damaged


def without(first: int, last: int) -> bytes:
    """The journal without the records of these seqs."""
    return TEXT[: ENDS[first - 1]] + TEXT[ENDS[last] :]


@pytest.mark.parametrize(
    ("content", "seq"),
    [
        (without(1, 1), 1),
        (without(7, 9), 7),
        (TEXT[: ENDS[9]] + PIECES[8] + TEXT[ENDS[9] :], 10),
        (TEXT + PIECES[-1], RECORDS + 1),
        (TEXT[: ENDS[9]] + bytes(len(PIECES[9])) + TEXT[ENDS[10] :], 10),
        (TEXT[: ENDS[9]] + b"rubbish" + TEXT[ENDS[9] :], 10),
        (TEXT[: ENDS[9] + 5] + TEXT[ENDS[12] :], 10),
        (TEXT[: ENDS[9] + 5] + TEXT[ENDS[12] - 5 :], 10),
        (TEXT[: ENDS[9] + 5] + TEXT[ENDS[RECORDS - 1] :] + b"torn", 10),
    ],
    ids=["first", "missing", "twice", "last twice", "zeros", "inserted", "cut out", "cut out in a record", "and torn"],
)
def test_damage_in_the_middle_is_refused(path: Path, content: bytes, seq: int) -> None:
    path.write_bytes(content)
    for attempt in (read, lambda path: FileJournal(path, HEADER)):
        with pytest.raises(DamagedJournal, match=f"record {seq} ") as error:
            attempt(path)
        assert (error.value.seq, error.value.offset) == (seq, ENDS[seq - 1])
    assert path.read_bytes() == content


# --- replay -----------------------------------------------------------------------------------------------


def test_replay_gives_the_state_again(path: Path) -> None:
    write(path, WHOLE)
    bank = Bank()
    assert replay(read(path)[1], lambda record: bank.apply(record.command)) == RECORDS
    assert bank.totals == bank_after(RECORDS).totals
    assert replay([], lambda record: bank.apply(record.command)) == 0


def test_replay_stops_at_the_first_divergence() -> None:
    """Another command gives another event; what follows it is not applied."""
    changed = [*WHOLE[:9], Record(10, command(11), WHOLE[9].events_hash), *WHOLE[10:]]
    bank = Bank()
    with pytest.raises(Divergence, match="command 10 ") as error:
        replay(changed, lambda record: bank.apply(record.command))
    assert bank.applied == 10
    assert (error.value.seq, error.value.expected) == (10, WHOLE[9].events_hash)
    assert error.value.got != error.value.expected
    assert error.value.exit_code == DIFFERENCES


def test_the_same_journal_in_every_process(tmp_path: Path) -> None:
    """Whatever the hash seed, the hashes of the events are those of this process."""
    code = "import sys; from tests.exchange.test_journal import *; write(Path(sys.argv[1]), WHOLE)"
    for seed in ("0", "1", "4242"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "src"}, check=True,
        )  # fmt: skip
        assert (tmp_path / seed).read_bytes() == TEXT


# --- versions ---------------------------------------------------------------------------------------------


def test_old_versions_stay_readable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later version goes on with a journal of this one, and reads both."""

    def record_v3(body: bytes) -> Record:
        return Record(int.from_bytes(body[:8], "big"), body[8:-32], body[-32:])

    write(path, WHOLE[:3])
    monkeypatch.setattr(format_module, "FORMATS", {**FORMATS, 3: Format(FORMATS[1].header, record_v3)})
    monkeypatch.setattr(format_module, "VERSION", 3)
    body = (4).to_bytes(8, "big") + b"new" + HASH
    path.write_bytes(path.read_bytes() + format_module._framed(body))
    assert list(read(path)[1]) == [*WHOLE[:3], Record(4, b"new", HASH)]


@pytest.mark.parametrize("records_before", [None, 0, 3])
def test_a_newer_version_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch, records_before: int | None) -> None:
    before = b"" if records_before is None else TEXT[: ENDS[records_before]]
    monkeypatch.setattr(format_module, "VERSION", 3)
    content = before + (header_bytes(HEADER) if records_before is None else record_bytes(Record(1, b"", HASH)))
    path.write_bytes(content)
    with pytest.raises(NewerJournal, match="version 3"):
        FileJournal(path, HEADER)
    assert path.read_bytes() == content


# --- the documented example -------------------------------------------------------------------------------

DUMP = re.compile(r"^[0-9a-f]{8}  ((?:[0-9a-f]{2} ){1,16})", re.MULTILINE)


def documented() -> bytes:
    """The bytes of the example in the reference."""
    text = (ROOT / "docs/reference/journal.md").read_text(encoding="utf-8")
    return bytes.fromhex("".join(DUMP.findall(text)))


EXAMPLE_HEADER = Header(
    code_version="0.1.0", rule_set="toy", rule_set_hash="ab" * 4, brackets_hash="cd" * 4, genesis_ms=300, rules=b"{}"
)
EXAMPLE = [Record(1, b"first", bytes([0x11] * 32)), Record(2, b"", bytes([0x22] * 32))]


def test_the_documented_bytes_are_those_that_are_written(path: Path) -> None:
    with FileJournal(path, EXAMPLE_HEADER) as journal:
        for record in EXAMPLE:
            journal.append(record.command, record.events_hash)
    assert documented() == path.read_bytes()


def test_the_documented_bytes_are_read(path: Path) -> None:
    path.write_bytes(documented())
    header, found, tail = read(path)
    assert (header, list(found), tail.size) == (EXAMPLE_HEADER, EXAMPLE, 0)
    shutil.copy(path, path.with_suffix(".copy"))
    FileJournal(path, EXAMPLE_HEADER).close()
    assert path.read_bytes() == path.with_suffix(".copy").read_bytes()

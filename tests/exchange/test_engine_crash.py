"""Whatever the moment of a crash: the exchange that comes back is that of the first k commands, and all that were
acknowledged are among them."""

import os
import sys
from bisect import bisect_right
from functools import cache
from pathlib import Path
from random import Random

import pytest

from margincall.exchange.digest import digest
from margincall.exchange.engine import restored
from margincall.exchange.journal import JournalFailed, Tail, header_bytes, read, record_bytes, scan
from margincall.exchange.journal_file import Durability
from tests.exchange.crash import Disk, PowerCut, kill_run
from tests.exchange.stream import command, course, engine, submitted

RECORDS = 200
WITHIN = (1, 7, 60)
"""Bytes of a torn record that the engine is shown."""


# --- a file that was cut off ------------------------------------------------------------------------------


@cache
def whole(folder: Path) -> tuple[bytes, list[int]]:
    """The bytes of a journal of so many commands, and where each record ends; the first is where the header does."""
    path = folder / "whole.journal"
    with engine(path, "none") as running:
        assert list(submitted(running, RECORDS))[-1] == RECORDS
    header, found, _ = read(path)
    ends = [len(header_bytes(header))]
    for record in found:
        ends.append(ends[-1] + len(record_bytes(record)))
    return path.read_bytes(), ends


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut")


def reopened(folder: Path, count: int, beyond: int) -> None:
    """Cut a journal so many bytes behind a record: the engine is the one of then, and goes on as if never cut."""
    text, ends = whole(folder)
    course().to(RECORDS)
    path = folder / "cut.journal"
    path.unlink(missing_ok=True)
    path.write_bytes(text[: ends[count] + beyond])
    with engine(path, "none") as running:
        assert (running.seq, running.digest()) == (count, course().digests[count])
        if count < RECORDS:
            running.submit(command(count + 1))
    assert path.read_bytes() == text[: ends[min(count + 1, RECORDS)]]


def test_a_journal_cut_after_any_record(folder: Path) -> None:
    """At a record's end, or a little behind it; which, changes from record to record. Every third, with the first and
    the last ones; slow, all."""
    random = Random(1)
    for count in sorted({*range(6), *range(6, RECORDS, 3), *range(RECORDS - 3, RECORDS + 1)}):
        reopened(folder, count, random.choice((0, *WITHIN)) if count < RECORDS else 0)


@pytest.mark.slow
@pytest.mark.parametrize("beyond", [0, *WITHIN])
def test_a_journal_cut_after_any_record_at_each_of_these_bytes(folder: Path, beyond: int) -> None:
    for count in range(RECORDS):
        reopened(folder, count, beyond)


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_journal_cut_at_every_byte(folder: Path, step: int) -> None:
    """Read without the engine: which records are left, and with them, by the test above, which state. Every fourth byte
    and those around each record's end; slow, all."""
    text, ends = whole(folder)
    path = folder / "bytes.journal"
    path.write_bytes(text)
    near = {end + beyond for end in ends for beyond in (-1, 0, 1)}
    for cut in range(len(text), ends[0] - 1, -1):
        if cut % step and cut not in near:
            continue
        os.truncate(path, cut)
        count = bisect_right(ends, cut) - 1
        assert scan(path).tail == Tail(count, ends[count], cut - ends[count])
    for cut in range(ends[0] - 1, -1, -97):
        os.truncate(path, cut)
        assert scan(path).header is None


# --- the power goes ---------------------------------------------------------------------------------------

POWER_CUTS = 1_000
COMMANDS = 30


def until_the_power_goes(path: Path, disk: Disk) -> tuple[int, int]:
    """Submit and sync at random moments: the last seq acknowledged, and the last one submitted."""
    acknowledged = seq = 0
    try:
        running = engine(path, opener=disk.open)
        for seq in range(1, COMMANDS + 1):
            running.submit(command(seq))
            if disk.random.random() < 0.3:
                acknowledged = running.sync()
    except PowerCut:
        pass
    return acknowledged, seq


@pytest.mark.parametrize(
    "first", [0, 250, *(pytest.param(first, marks=pytest.mark.slow) for first in range(500, POWER_CUTS, 250))]
)
def test_the_power_goes_at_any_moment(tmp_path: Path, first: int) -> None:
    lost = kept = 0
    digests = course().to(COMMANDS).digests
    for seed in range(first, first + 250):
        random = Random(seed)
        path = tmp_path / f"{seed}.journal"
        disk = Disk(random, random.randint(1, 50))
        acknowledged, last = until_the_power_goes(path, disk)
        disk.settle()
        with engine(path, "none") as running:
            assert acknowledged <= running.seq <= last, seed
            assert running.digest() == digests[running.seq], seed
            lost, kept = lost + last - running.seq, kept + running.seq
        path.unlink()
    assert min(lost, kept) > 150, "a disk that loses all or nothing tests nothing"


# --- the process is killed --------------------------------------------------------------------------------


def killed_again_and_again(path: Path, durability: Durability, times: int, seed: int = 0) -> int:
    """Kill an engine as often, each time going on with the same journal: how many commands it holds in the end."""
    random = Random(f"{durability}{times}{seed}")
    env = {**os.environ, "PYTHONPATH": "src"}
    last = 0
    for number in range(times):
        acks = random.choice([0, 1, random.randint(2, 40)])
        said = kill_run(
            [sys.executable, "-m", "tests.exchange.stream", str(path), durability, str(number)],
            acks=acks, delay_s=random.uniform(0, 0.5 if acks == 0 else 0.02), env=env,
        )  # fmt: skip
        assert said == sorted(set(said))
        assert not said or said[0] > last, "what was acknowledged is not acknowledged again"
        last = came_back(path, last, said)
    found = list(read(path)[1]) if last else []
    assert [record.command for record in found] == [command(seq) for seq in range(1, last + 1)]
    return last


def came_back(path: Path, last: int, said: list[int]) -> int:
    """Look at what a killed engine left behind: how many commands it holds now."""
    if not path.exists() or scan(path).header is None:
        assert not said
        return 0
    state, seq = restored(path)
    assert seq >= max([last, *said]), "an acknowledged command is lost"
    assert digest(state) == course().to(seq).digests[seq]
    return seq


@pytest.mark.parametrize(("durability", "times"), [("group", 7), ("none", 3)])
def test_killed_ten_times(tmp_path: Path, durability: Durability, times: int) -> None:
    assert killed_again_and_again(tmp_path / "a.journal", durability, times) > 20


@pytest.mark.slow
@pytest.mark.parametrize(("durability", "seed"), [("group", 1), ("group", 2), ("group", 3), ("none", 4)])
def test_killed_a_hundred_times(tmp_path: Path, durability: Durability, seed: int) -> None:
    """In four journals: each start replays all that came before."""
    assert killed_again_and_again(tmp_path / "a.journal", durability, 25, seed) > 250


def test_a_crash_of_the_journal_stops_the_engine(tmp_path: Path) -> None:
    """The state in memory is ahead of the disk: it is neither shown nor changed."""
    disk = Disk(Random(5), operations=12)
    running = engine(tmp_path / "a.journal", opener=disk.open)
    with pytest.raises(PowerCut):
        _ = [running.sync() for _ in submitted(running, COMMANDS)]
    for refused in (running.digest, running.sync, lambda: running.submit(command(1)), lambda: running.state):
        with pytest.raises(JournalFailed, match="anew"):
            refused()
    running.close()

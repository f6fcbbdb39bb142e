"""Whatever the moment of a crash: nothing acknowledged is lost, nothing is doubled, and the journal goes on."""

import os
import sys
from pathlib import Path
from random import Random

import pytest

from margincall.exchange.journal import JournalFailed, read
from margincall.exchange.journal_file import DiskFile, Durability, FileJournal
from tests.exchange.bank import HEADER, bank_after, command, records, restored
from tests.exchange.crash import Disk, PowerCut, kill_run

POWER_CUTS = 1_000
LIVES = 3
"""Power cuts that each journal of the simulation sees, one after the other."""


# --- the power goes ---------------------------------------------------------------------------------------


def live(path: Path, disk: Disk, acknowledged: int) -> tuple[int, int]:
    """Append in groups until the power goes: the last seq acknowledged and the last one appended."""
    appended = acknowledged
    try:
        journal = FileJournal(path, HEADER, opener=disk.open)
        bank = restored(path)
        acknowledged = appended = bank.applied
        while True:
            for _ in range(disk.random.randint(1, 9)):
                # Counted before: whether it is in the file if the power goes meanwhile, nobody knows.
                appended += 1
                next_command = command(bank.applied + 1)
                assert journal.append(next_command, bank.apply(next_command)) == appended
            acknowledged = journal.sync()
    except PowerCut:
        return acknowledged, appended


@pytest.mark.parametrize("first", range(0, POWER_CUTS, 100))
def test_the_power_goes_at_any_moment(tmp_path: Path, first: int) -> None:
    """1,000 seeds with three power cuts each; sometimes the next one comes while the journal is being mended."""
    lost = 0
    for seed in range(first, first + 100):
        random = Random(seed)
        path = tmp_path / f"{seed}.journal"
        acknowledged = 0
        for _ in range(LIVES):
            disk = Disk(random, random.choice([random.randint(1, 8), random.randint(1, 80)]))
            acknowledged, appended = live(path, disk, acknowledged)
            disk.settle()
            with FileJournal(path, HEADER, durability="none") as journal:
                survived = journal.tail.seq
            assert acknowledged <= survived <= appended, seed
            assert list(read(path)[1]) == list(records(survived)), seed
            assert restored(path).totals == bank_after(survived).totals, seed
            lost += appended - survived
            acknowledged = survived
    assert lost > 100, "a disk that loses nothing tests nothing"


def test_without_a_sync_nothing_is_promised(tmp_path: Path) -> None:
    """The simulation can fail: what was only handed to the system may be lost with the power."""
    path = tmp_path / "a.journal"
    FileJournal(path, HEADER).close()
    disk = Disk(Random(3))
    journal = FileJournal(path, HEADER, durability="none", opener=disk.open)
    for record in records(50):
        journal.append(record.command, record.events_hash)
    assert journal.sync() == 50
    disk.settle()
    assert read(path)[2].seq < 50


# --- the disk fails ---------------------------------------------------------------------------------------


class FailingFile(DiskFile):
    """Fails at the given operation, and only there."""

    failing = ""

    def fail(self, name: str) -> None:
        if FailingFile.failing == name:
            FailingFile.failing = ""
            raise OSError(5, "Input/output error")

    def write(self, data: memoryview) -> int:
        if FailingFile.failing == "write":
            super().write(data[: len(data) // 2])
        self.fail("write")
        return super().write(data)

    def sync(self) -> None:
        self.fail("sync")
        super().sync()

    def sync_folder(self) -> None:
        self.fail("sync_folder")
        super().sync_folder()


@pytest.mark.parametrize("failing", ["write", "sync"])
def test_after_a_failure_nothing_is_taken(tmp_path: Path, failing: str) -> None:
    path = tmp_path / "a.journal"
    journal = FileJournal(path, HEADER, opener=FailingFile)
    whole = list(records(30))
    for record in whole[:10]:
        journal.append(record.command, record.events_hash)
    assert journal.sync() == 10
    for record in whole[10:20]:
        journal.append(record.command, record.events_hash)
    FailingFile.failing = failing
    with pytest.raises(JournalFailed, match="Input/output error"):
        journal.sync()
    assert FailingFile.failing == "", "the disk works again, which changes nothing"
    with pytest.raises(JournalFailed):
        journal.sync()
    with pytest.raises(JournalFailed):
        journal.append(whole[20].command, whole[20].events_hash)
    size = path.stat().st_size
    journal.close()
    assert path.stat().st_size == size
    with FileJournal(path, HEADER) as journal:
        assert 10 <= journal.tail.seq <= 20
    assert list(read(path)[1]) == whole[: journal.tail.seq]


@pytest.mark.parametrize("failing", ["write", "sync", "sync_folder"])
def test_a_journal_that_cannot_be_begun(tmp_path: Path, failing: str) -> None:
    FailingFile.failing = failing
    with pytest.raises(JournalFailed):
        FileJournal(tmp_path / "a.journal", HEADER, opener=FailingFile)
    with FileJournal(tmp_path / "a.journal", HEADER) as journal:
        assert journal.sync() == 0


def test_an_interrupt_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C within a write leaves a file of which nobody knows the end."""

    def interrupted(self: DiskFile, data: memoryview) -> int:
        raise KeyboardInterrupt

    journal = FileJournal(tmp_path / "a.journal", HEADER)
    journal.append(b"a", bytes(32))
    monkeypatch.setattr(DiskFile, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.sync()
    with pytest.raises(JournalFailed):
        journal.append(b"b", bytes(32))
    journal.close()


# --- the process is killed --------------------------------------------------------------------------------


def killed_again_and_again(path: Path, durability: Durability, times: int) -> int:
    """Kill a bank as often, each time going on with the same journal: how many commands it holds in the end."""
    random = Random(f"{durability}{times}")
    env = {**os.environ, "PYTHONPATH": "src"}
    last = 0
    for number in range(times):
        acks = random.choice([0, 1, random.randint(2, 200)])
        said = kill_run(
            [sys.executable, "-m", "tests.exchange.bank", str(path), durability, str(number)],
            acks=acks, delay_s=random.uniform(0, 0.3 if acks == 0 else 0.01), env=env,
        )  # fmt: skip
        assert said == sorted(set(said))
        assert not said or said[0] > last, "what was acknowledged is not acknowledged again"
        if path.exists():
            with FileJournal(path, HEADER, durability="none") as journal:
                survived = journal.tail.seq
            assert survived >= max([last, *said]), "an acknowledged command is lost"
            last = survived
    found = list(read(path)[1])
    assert found == list(records(last))
    assert restored(path).totals == bank_after(last).totals
    return last


@pytest.mark.parametrize("durability", ["group", "none"])
def test_killed_ten_times(tmp_path: Path, durability: Durability) -> None:
    assert killed_again_and_again(tmp_path / "a.journal", durability, 10 if durability == "group" else 3) > 20


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["group", "none"])
def test_killed_a_hundred_times(tmp_path: Path, durability: Durability) -> None:
    assert killed_again_and_again(tmp_path / "a.journal", durability, 100) > 1_000

"""A toy engine for tests of the journal: counters with names, each command adds to one of them.

    python -m tests.exchange.bank JOURNAL DURABILITY SEED

goes on with a journal, appends commands in groups without end, and prints the seq of each group after its sync.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec

from margincall.exchange.digest import digest
from margincall.exchange.journal import Header, Record, read, replay
from margincall.exchange.journal_file import Durability, FileJournal

HEADER = Header(
    code_version="0.1.0", rule_set="toy", rule_set_hash="11" * 32, brackets_hash="22" * 32, genesis_ms=0, rules=b"{}"
)
NAMES = 7


def command(number: int) -> bytes:
    """The command that has this seq in every journal of the bank."""
    return msgspec.msgpack.encode((f"c{number % NAMES}", number))


class Bank:
    """The state: a total for each name."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.applied = 0

    def apply(self, command: bytes) -> bytes:
        """Add to a counter; the hash of the event, which tells the new total and how many came before."""
        name, number = msgspec.msgpack.decode(command, type=tuple[str, int])
        self.totals[name] = self.totals.get(name, 0) + number
        self.applied += 1
        return bytes.fromhex(digest(("added", name, self.totals[name], self.applied)))


def bank_after(count: int) -> Bank:
    """The bank after its first commands, without a journal."""
    bank = Bank()
    for number in range(1, count + 1):
        bank.apply(command(number))
    return bank


def records(count: int) -> Iterator[Record]:
    """The first records of any journal of the bank."""
    bank = Bank()
    for number in range(1, count + 1):
        yield Record(number, command(number), bank.apply(command(number)))


def restored(path: Path) -> Bank:
    """The bank that a journal tells of; it checks every hash."""
    bank = Bank()
    _, found, tail = read(path)
    assert replay(found, lambda record: bank.apply(record.command)) == tail.seq
    return bank


def main(path: str, durability: Durability, seed: str) -> None:
    """Append until killed."""
    random = Random(seed)
    with FileJournal(Path(path), HEADER, durability=durability) as journal:
        bank = restored(Path(path))
        while True:
            for _ in range(random.randint(1, 5)):
                next_command = command(bank.applied + 1)
                journal.append(next_command, bank.apply(next_command))
            print(journal.sync(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]

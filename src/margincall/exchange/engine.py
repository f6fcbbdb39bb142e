"""An exchange behind its journal: what it has acknowledged outlives it.

    with Engine.open(path, rules, time_ms=now) as engine:
        events = engine.submit(raw)     carried out; do not tell anybody yet (or `carry_out(command)`)
        engine.sync()                   now everything up to this seq may be told

A command that is carried out is appended with the hash of its events, one that is refused is not: it changes nothing.
The exchange runs by the rules that stand in its journal. Opened again, it applies all commands anew and compares the
events of each; who opens a journal under other rules is told what differs.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from msgspec.msgpack import Encoder

from margincall.exchange import commands
from margincall.exchange.digest import digest
from margincall.exchange.events import Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.journal import (
    COMMAND_MAX,
    Header,
    Journal,
    JournalFailed,
    NotAJournal,
    OtherHeader,
    Record,
    read,
    read_header,
    replay,
)
from margincall.exchange.journal_file import DiskFile, Durability, FileJournal, Opener
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.rulesets import RuleSet, differences, rules_from, rules_text
from margincall.exchange.state import Events, Exchange
from margincall.exchange.step import receive, rejected, take
from margincall.version import VERSION

_encode = Encoder(decimal_format="string", order="deterministic").encode
DIFFERENCES_TOLD = 5
"""Differences between two rule-sets that an error names."""
_Given = TypeVar("_Given")
Tell = Callable[[Exchange, Events], None]
"""Is told what a command of the journal gave when it is applied again, and the exchange as it was after it."""


class Engine:
    """An exchange and its journal, for one thread. Closes with the context.

    Whatever breaks off in a command or in the journal leaves a state of which nobody knows how far it is ahead of the
    disk. Then everything is refused with `JournalFailed`; the journal, opened again, gives the state that counts.
    """

    def __init__(self, state: Exchange, journal: Journal, seq: int) -> None:
        """An exchange that has carried out the first `seq` commands of a journal; `open` makes one."""
        self._state = state
        self._journal = journal
        self._seq = seq
        self._is_usable = True

    @classmethod
    def open(
        cls, path: Path, rules: RuleSet, *, time_ms: int, durability: Durability = "group", opener: Opener = DiskFile,
        tell: Tell | None = None,
    ) -> "Engine":  # fmt: skip
        """Begin a journal, in which the clock reads `time_ms`, or go on with one where it stands; `tell` hears what it
        holds, command by command.

        Raises `OtherHeader` if it was begun under other rules, `Divergence` at the first command that gives other
        events than it did, and what `FileJournal` raises.
        """
        header = _header(path, rules, time_ms)
        journal = FileJournal(path, header, durability=durability, opener=opener)
        try:
            state, seq = restored(path, tell)
        except BaseException:
            journal.close()
            raise
        return cls(state, journal, seq)

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> Exchange:
        """The exchange, to be looked at; it may be ahead of what was acknowledged."""
        self._check()
        return self._state

    @property
    def seq(self) -> int:
        """The seq of the last command that was carried out; its acknowledgement is a `sync` that returns it."""
        self._check()
        return self._seq

    def digest(self) -> str:
        """The digest of the state."""
        return digest(self.state)

    def submit(self, raw: bytes) -> Events:
        """Carry out a command; what happened. Nobody may be told before `sync`, but that a command was refused."""
        return self._apply(raw, raw, receive)

    def carry_out(self, command: commands.AnyCommand) -> Events:
        """The same for a command that is no JSON yet. Its fields must have the types that they say (of numbers it is
        checked that exact arithmetic can hold them): what is written is read again after a crash."""
        return self._apply(commands.encode(command), command, take)

    def _apply(self, raw: bytes, command: _Given, apply: Callable[[Exchange, _Given], Events]) -> Events:
        self._check()
        if len(raw) > COMMAND_MAX:
            return [rejected(self._state, Refusal(Code.MALFORMED, f"longer than {COMMAND_MAX} bytes"))]
        self._is_usable = False
        events = apply(self._state, command)
        if not is_refused(events):
            self._seq = self._journal.append(raw, events_hash(events))
        self._is_usable = True
        return events

    def sync(self) -> int:
        """Make safe what was submitted; the seq up to which commands are acknowledged now."""
        self._check()
        self._is_usable = False
        durable = self._journal.sync()
        self._is_usable = True
        return durable

    def close(self) -> None:
        """Sync and let go of the journal; once more does nothing."""
        self._is_usable = False
        self._journal.close()

    def _check(self) -> None:
        if not self._is_usable:
            raise JournalFailed("the exchange is closed or failed before, and does nothing more: open its journal anew")


def restored(path: Path, tell: Tell | None = None) -> tuple[Exchange, int]:
    """The exchange that a journal gives under its own rules, and the seq of the last command; `tell` hears what each
    command gave. Changes nothing.

    Raises `Divergence` at the first command that gives other events than it did, and what `read` and `read_rules`
    raise.
    """
    header, records, _ = read(path)
    state = new_exchange(rules_from(header.rules, str(path)), header.genesis_ms)

    def apply(record: Record) -> bytes:
        events = receive(state, record.command)
        if tell is not None:
            tell(state, events)
        return HASHES[record.version](events)

    return state, replay(records, apply)


def read_rules(path: Path) -> RuleSet:
    """The rules that a journal was begun under. Raises `UsageError` if it cannot be read, `NotAJournal`,
    `NewerJournal`, `UnknownRules`."""
    header = read_header(path)
    if header is None:
        raise NotAJournal(f"{path} breaks off before its header is whole: it holds no rules")
    return rules_from(header.rules, str(path))


def events_hash(events: Events) -> bytes:
    """What the journal keeps of a command's events: 32 bytes. Every digit counts here: 1.50 is another one than 1.5."""
    return hashlib.sha256(_encode(events)).digest()


def _digest_hash(events: Events) -> bytes:
    return bytes.fromhex(digest(events))


HASHES: Mapping[int, Callable[[Events], bytes]] = {1: _digest_hash, 2: events_hash}
"""What a journal keeps of events, by the version of the record. The first took a tenth of the time of an order."""


def is_refused(events: Events) -> bool:
    """Whether these are the events of a command that was refused. A batch that was taken answers for each of its
    parts, by place, and counts as carried out even if all of them are refused."""
    return len(events) == 1 and isinstance(events[0], Rejected) and events[0].place is None


def _header(path: Path, rules: RuleSet, time_ms: int) -> Header:
    """The header of the journal that is there, which must be of the same rules, or of a new one."""
    found = read_header(path) if path.exists() else None
    if found is None:
        return Header(
            code_version=VERSION,
            rule_set=rules.name,
            rule_set_hash=digest(rules),
            brackets_hash=digest(rules.venue.tables),
            genesis_ms=time_ms,
            rules=rules_text(rules),
        )
    unlike = differences(rules_from(found.rules, str(path)), rules)
    if unlike:
        more = len(unlike) - DIFFERENCES_TOLD
        told = "; ".join(unlike[:DIFFERENCES_TOLD]) + (f"; and {more} more" if more > 0 else "")
        raise OtherHeader(f"{path} was begun under other rules: {told}. Begin another journal")
    return found

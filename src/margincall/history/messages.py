"""What one file says, message by message in the order of the file, and what a merge does with single events."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct, structs

from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Fill, Flow, Order, Source
from margincall.venues.book import DatedTable
from margincall.wire.exports import BINANCE
from margincall.wire.kinds import Unmodelled
from margincall.wire.problems import Problem, excerpt
from margincall.wire.row import place_of

Place = int
"""The number of an event, counted through the files by their rank, through the messages of a file, and through each."""


class Message(Struct, frozen=True):
    """The events of one message of a stream, or of one row or answer of the API, in the venue's order; or (`rows`) all
    rows of an export, oldest first.

    `number` counts the messages of its file. A message of a stream is the venue's own word at that moment (`stream`);
    a row of an answer says the same later. Equal rows of one export are true, equal messages are repeats.
    `resolution_ms` is the unit of the times. `silent` are fields of its events that the source does not print.
    """

    number: int
    events: tuple[AnyEvent, ...]
    stream: bool
    rows: bool = False
    resolution_ms: int = 1
    silent: frozenset[str] = frozenset()

    @property
    def source(self) -> Source:
        """Where it was read."""
        return self.events[0].source


class SourceFile(Struct, frozen=True):
    """A file that was read: its size in bytes, how many events of each kind it gave, the unit of its times in
    milliseconds (1, or 1000 for stamps in whole seconds), and whose file it is ("" where it can be any venue's).
    `flows_since` is the earliest of its wallet changes."""

    file: str
    size: int
    counts: Mapping[str, int]
    resolution_ms: int = 1
    venue: str = BINANCE
    flows_since: int | None = None


class FileReading(Struct, frozen=True):
    """Everything that one file says, before it is merged with others. `contracts` are those that its rows describe, by
    symbol, each with the place of the first."""

    source: SourceFile
    messages: tuple[Message, ...] = ()
    problems: tuple[Problem, ...] = ()
    unmodelled: tuple[Unmodelled, ...] = ()
    tables: tuple[DatedTable, ...] = ()
    contracts: Mapping[str, tuple[Contract, Source]] = {}


class Placed(Struct, frozen=True, gc=False):
    """One event on its way through a merge: whether a stream said it, and its place among events of equal time."""

    event: AnyEvent
    stream: bool
    place: Place


def fill_of(placed: Placed) -> Fill:
    """The event, which is a fill."""
    assert isinstance(placed.event, Fill)
    return placed.event


def flow_of(placed: Placed) -> Flow:
    """The event, which is a flow."""
    assert isinstance(placed.event, Flow)
    return placed.event


def order_of(placed: Placed) -> Order:
    """The event, which is an order."""
    assert isinstance(placed.event, Order)
    return placed.event


def time_of(placed: Placed) -> int:
    """When the event was, to sort by."""
    return placed.event.time_ms


def told_by(placed: Iterable[Placed]) -> Counter[str]:
    """How many of these events each file tells."""
    return Counter(each.event.source.file for each in placed)


class Agreed(Struct, frozen=True):
    """What two accounts of one thing come to: fields to change in the first, and where they contradict each other."""

    changes: Mapping[str, object]
    problems: tuple[Problem, ...]


def agreed(what: str, first: AnyEvent, other: AnyEvent, *, compared: Iterable[str], completed: Iterable[str]) -> Agreed:
    """`first` completed by `other` where it says nothing (none or ""); a difference in any field is a contradiction."""
    completing = tuple(completed)
    changes: dict[str, object] = {}
    problems: list[Problem] = []
    for name in (*compared, *completing):
        mine, theirs = getattr(first, name), getattr(other, name)
        if theirs is None or theirs == "" or mine == theirs:
            continue
        if (mine is None or mine == "") and name in completing:
            changes[name] = theirs
        else:
            problems.append(contradiction(f"{what}: {name.replace('_', ' ')}", (first, mine), (other, theirs)))
    return Agreed(changes, tuple(problems))


def contradiction(what: str, first: tuple[AnyEvent, object], other: tuple[AnyEvent, object]) -> Problem:
    """Two sources that print different values for one thing; the first is used."""
    (event, mine), (against, theirs) = first, other
    source = against.source
    message = f"{what} is {excerpt(mine)} in {event.source}, but {excerpt(theirs)} here; the former is used"
    return Problem(source.file, place_of(source), message, excerpt(theirs), "contradiction")


def changed(placed: Placed, changes: Mapping[str, object]) -> Placed:
    """The same event, in the same place, with some fields changed."""
    return structs.replace(placed, event=structs.replace(placed.event, **changes)) if changes else placed


def flows_since(events: Iterable[AnyEvent]) -> int | None:
    """The time of the earliest wallet change."""
    return min((event.time_ms for event in events if isinstance(event, Flow)), default=None)

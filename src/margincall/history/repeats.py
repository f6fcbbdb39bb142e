"""Messages that stand in the files more than once: recordings overlap, exports are downloaded twice."""

from collections.abc import Mapping, Sequence

from margincall.core.events import AnyEvent
from margincall.history.messages import Message
from margincall.wire.problems import Problem
from margincall.wire.row import place_of

PLACES = frozenset({"source", "seq", "received_ms", "v"})
"""Fields that say where and when an event was read, not what happened."""


def without_repeats(messages: Sequence[Message]) -> tuple[list[Message], list[Problem]]:
    """The messages that say something new, in their order; for each pair of files a problem with the number of
    repeats. The same numbers in other digits (`5`, `5.00`), keys or order of keys are the same message. Exports are
    left as they are: equal rows are true there."""
    seen: dict[object, Message] = {}
    kept: list[Message] = []
    repeats: dict[tuple[str, str], list[Message]] = {}
    for message in messages:
        if message.rows:
            kept.append(message)
            continue
        first = seen.setdefault(tuple(map(content, message.events)), message)
        if first is message:
            kept.append(message)
        else:
            repeats.setdefault((message.source.file, first.source.file), []).append(message)
    return kept, [_problem(files, found) for files, found in sorted(repeats.items())]


def content(event: AnyEvent) -> tuple[object, ...]:
    """What an event says, as a value that can be looked up; decimals compare as numbers."""
    names = [name for name in type(event).__struct_fields__ if name not in PLACES]
    return type(event).__name__, *(_value(getattr(event, name)) for name in names)


def _value(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple(sorted(value.items()))
    return value


def _problem(files: tuple[str, str], found: Sequence[Message]) -> Problem:
    file, other = files
    number = "one message repeats one" if len(found) == 1 else f"{len(found)} messages repeat messages"
    where = "earlier in this file" if file == other else f"of {other}"
    return Problem(file, place_of(found[0].source), f"{number} {where}: counted once", kind="repeat")

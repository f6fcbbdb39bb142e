"""Facts that can be published: numbers of the account, its orders, trades and bookings under the names that a redacted
dispute bundle gives them, and no name of a file or a folder.

Files count up (`file-1.csv`): their names hold the names of people, of machines and of accounts as often as the folders
that they lie in do.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import structs

from margincall.case.dispute_redact import Names
from margincall.case.reporting.facts import Facts, Part
from margincall.forensics.answer import Answer
from margincall.forensics.document import Trouble
from margincall.forensics.present import Section

ENDING = re.compile(r"\.[A-Za-z]{2,8}(?:\.gz)?$")
ABSOLUTE = re.compile(
    r"(?<![\w.:/<])(?:~|/(?!(?:[fdsp]?api|futures|bapi)/)[\w.+@()-]+)(?:/[\w.+@()-]+)+/?|\b[A-Za-z]:\\\S+|\\\\\w\S+"
)
"""A path of a machine, from its root or from a home on; the venue's own paths (`/fapi/v1/income`) are none."""
NUMBER = re.compile(r"(?<![\w.,])\d{6,}(?![\w.,]\d)")
"""In a message about what could not be read: an id that is none of those that the events print."""
LEFT_OUT = "(left out)"
RAW = "text"
"""The column of the files' own text."""


def redacted(facts: Facts, answer: Answer) -> Facts:
    """Every text of the facts with ids, addresses and files masked. What the files hold as raw text is left out."""
    names = Names(answer.explained.history, ())
    told = (*(each.file for each in answer.problems), *(each.file for each in facts.problems))
    files = _named((*answer.sources, *told))
    known = _one_of(files)

    def masked(text: str) -> str:
        found = known.sub(lambda match: files[match[0]], text) if known is not None else text
        return names.masked(ABSOLUTE.sub(LEFT_OUT, found))

    hidden = msgspec.convert(_in_all(msgspec.to_builtins(facts, builtin_types=(Decimal,)), masked), Facts)
    return structs.replace(
        hidden,
        problems=tuple(_trouble(each) for each in hidden.problems),
        parts=tuple(_unread(part) if part.key == "problems" else part for part in hidden.parts),
    )


def _named(paths: Iterable[str]) -> Mapping[str, str]:
    """A name for each file, in the order in which they are told of, with its ending."""
    found: dict[str, str] = {}
    for path in paths:
        if path and path not in found:
            ending = ENDING.search(path)
            found[path] = f"file-{len(found) + 1}{ending[0] if ending is not None else ''}"
    return found


def _one_of(files: Mapping[str, str]) -> re.Pattern[str] | None:
    """Any of these paths, the longest first: one may begin with another."""
    paths = sorted(files, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, paths))) if paths else None


def _trouble(each: Trouble) -> Trouble:
    return structs.replace(each, raw="", message=NUMBER.sub(LEFT_OUT, each.message))


def _unread(part: Part) -> Part:
    """The chapter of what could not be read: the same messages, and none of the files' text."""
    return structs.replace(part, tables=tuple(_without_raw(section) for section in part.tables))


def _without_raw(section: Section) -> Section:
    kept = [place for place, name in enumerate(section.columns) if name != RAW]
    rows = tuple(tuple(_cells(row, kept)) for row in section.rows)
    return structs.replace(section, columns=tuple(section.columns[place] for place in kept), rows=rows)


def _cells(row: tuple[str, ...], kept: Iterable[int]) -> Iterator[str]:
    yield from (NUMBER.sub(LEFT_OUT, row[place]) for place in kept)


def _in_all(value: Any, change: Callable[[str], str]) -> Any:
    """A value with every text changed; names of fields stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _in_all(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_all(each, change) for each in value]
    return value

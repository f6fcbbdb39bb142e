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
from margincall.core.brackets import BracketTable
from margincall.forensics.answer import Answer
from margincall.forensics.document import Trouble
from margincall.forensics.present import Section
from margincall.history.public import Row
from margincall.wire.problems import Problem

ENDING = re.compile(r"\.[A-Za-z]{2,8}(?:\.gz)?$")
WORD = r"[^\s/\\<>|\"]+"
FOLDER = rf"{WORD}(?: {WORD}(?<!:)){{0,4}}"
"""A name between two slashes, of up to five words: rather too much is left out than a part of somebody's name."""
ENDED = r"[^\s/\\<>|\":;,\[\]]"
FILE = rf"(?:{ENDED}*\.\w{{1,8}}\b\)?|{ENDED}+(?: {ENDED}+){{1,4}}\.\w{{1,8}}\b|{ENDED}*)"
"""The end of a path: with blanks only where it ends as files do."""
VENUES = r"/(?:[fdsp]?api|futures|bapi)/"
ABSOLUTE = re.compile(
    rf"\bfile:/+{FOLDER}(?:/{FOLDER}(?=/))*/{FILE}"
    rf"|(?<![\w.:/<])(?:~[\w.-]*(?=/)|(?!{VENUES})/{FOLDER}(?=/[^\s/]))(?:/{FOLDER}(?=/))*/{FILE}"
    rf"|(?:\b[A-Za-z]:[\\/]|\\\\(?=\w))(?:{FOLDER}[\\/])*{FILE}"
)
"""A path of a machine, from its root or from a home on; the venue's own paths (`/fapi/v1/income`) are none."""
NUMBER = re.compile(r"(?<![\w.,])\d{6,}(?![\w.,]\d)")
"""In a message about what could not be read: an id that is none of those that the events print."""
LEFT_OUT = "(left out)"
PUBLIC = "https://"
"""What a venue's own answer is called by, where it was fetched."""
RAW = "text"
"""The column of the files' own text."""


def redacted(facts: Facts, answer: Answer, named: Iterable[str] = ()) -> Facts:
    """Every text of the facts with ids, addresses and files masked. What the files hold as raw text is left out.
    `named` are files beside those of the answer that a text may name."""
    masked = _mask(answer, (*(each.file for each in facts.problems), *named))
    hidden = msgspec.convert(_in_all(msgspec.to_builtins(facts, builtin_types=(Decimal,)), masked), Facts)
    return structs.replace(
        hidden,
        problems=tuple(_trouble(each) for each in hidden.problems),
        parts=tuple(_unread(part) if part.key == "problems" else part for part in hidden.parts),
    )


def redacted_problems(answer: Answer) -> tuple[Problem, ...]:
    """What could not be read of an answer's files, masked, and none of the files' text."""
    masked = _mask(answer)
    return tuple(
        structs.replace(
            each, file=masked(each.file), place=masked(each.place), message=_bare(masked(each.message)), raw=""
        )
        for each in answer.problems
    )


def files_in(rows: Iterable[Row]) -> tuple[str, ...]:
    """The files that rows of the market store were imported from, each once."""
    return tuple(dict.fromkeys(each.source.file for each in rows if not isinstance(each, BracketTable)))


def _mask(answer: Answer, more: Iterable[str] = ()) -> Callable[[str], str]:
    """What masks a text about an answer: ids, addresses, and files by the names that they get here."""
    history = answer.explained.history
    names = Names(history, ())
    told = (*answer.sources, *(each.file for each in answer.problems))
    printed = (each.source.file for each in history.events) if history is not None else ()
    files = _named((*told, *more, *printed))
    known = _one_of(files)

    def masked(text: str) -> str:
        found = known.sub(lambda match: files[match[0]], text) if known is not None else text
        return names.masked(ABSOLUTE.sub(LEFT_OUT, found))

    return masked


def _named(paths: Iterable[str]) -> Mapping[str, str]:
    """A name for each file, in the order in which they are told of, with its ending."""
    found: dict[str, str] = {}
    for path in paths:
        if path and path not in found and not path.startswith(PUBLIC):
            ending = ENDING.search(path)
            found[path] = f"file-{len(found) + 1}{ending[0] if ending is not None else ''}"
    return found


def _one_of(files: Mapping[str, str]) -> re.Pattern[str] | None:
    """Any of these paths, the longest first: one may begin with another."""
    paths = sorted(files, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, paths))})(?!\w)") if paths else None


def _trouble(each: Trouble) -> Trouble:
    return structs.replace(each, raw="", message=_bare(each.message))


def _bare(message: str) -> str:
    return NUMBER.sub(LEFT_OUT, message)


def _unread(part: Part) -> Part:
    """The chapter of what could not be read: the same messages, and none of the files' text."""
    return structs.replace(part, tables=tuple(_without_raw(section) for section in part.tables))


def _without_raw(section: Section) -> Section:
    kept = [place for place, name in enumerate(section.columns) if name != RAW]
    rows = tuple(tuple(_cells(row, kept)) for row in section.rows)
    return structs.replace(section, columns=tuple(section.columns[place] for place in kept), rows=rows)


def _cells(row: tuple[str, ...], kept: Iterable[int]) -> Iterator[str]:
    yield from (_bare(row[place]) for place in kept)


def _in_all(value: Any, change: Callable[[str], str]) -> Any:
    """A value with every text changed; names of fields stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _in_all(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_all(each, change) for each in value]
    return value

"""Whose files they are: of several accounts in the files only those of the one that is explained are handed on.

A file is another's where its rows name another account. One whose rows name none (a transaction history, an answer of
the API) is told by its folder: where every file that names an account names another one, it is taken for theirs.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from margincall.forensics.answer import Answer
from margincall.history.accounts import user_of
from margincall.history.files import files_of
from margincall.history.read import readings_of
from margincall.history.scope import Scope

OTHER = "other-account"
"""The kind of the problem that tells of another account's rows (`history/accounts.py`)."""
MIXED = "left out: rows of another account stand in it; an export of this account alone can be enclosed"


class Owners(Struct, frozen=True):
    """Files: those of other accounts alone, and those in which such an account's rows are mixed."""

    others: tuple[Path, ...] = ()
    mixed: tuple[Path, ...] = ()


NOBODY_ELSE = Owners()


def owners_of(paths: Sequence[Path], found: Answer, scope: Scope) -> Owners:
    """Which files tell of another account than the answer does. They are read again only where the answer left rows of
    another account out, or the user chose one of several."""
    own = _own(found, scope)
    if not own or not (scope.account or any(each.kind == OTHER for each in found.problems)):
        return NOBODY_ELSE
    named = {file: frozenset(_named(file, scope)) for file in files_of(paths)[0]}
    others = {file for file, names in named.items() if names and own not in names}
    mixed = {file for file, names in named.items() if own in names and len(names) > 1}
    theirs = {file.parent for file in others} - {file.parent for file, names in named.items() if own in names}
    others |= {file for file, names in named.items() if not names and file.parent in theirs}
    return Owners(tuple(sorted(others)), tuple(sorted(mixed)))


def _own(found: Answer, scope: Scope) -> str:
    """The account that the answer is about."""
    history = found.explained.history
    named = {user_of(event.account) for event in history.events} - {""} if history is not None else set()
    return scope.account or (named.pop() if len(named) == 1 else "")


def _named(file: Path, scope: Scope) -> Iterator[str]:
    """The accounts that the rows of a file name."""
    for reading in readings_of(file, scope):
        for message in reading.messages:
            for event in message.events:
                if name := user_of(event.account):
                    yield name

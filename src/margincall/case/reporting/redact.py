"""Facts that can be published: numbers of the account, its orders, trades and bookings under the names that a redacted
dispute bundle gives them."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import structs

from margincall.case.dispute_redact import Names
from margincall.case.reporting.facts import Facts
from margincall.forensics.answer import Answer

FOLDERS = re.compile(r"\S*/")


def redacted(facts: Facts, answer: Answer) -> Facts:
    """Every text of the facts with ids and addresses masked. What the files hold as raw text is left out, and so are
    the folders that they lie in."""
    names = Names(answer.explained.history, ())
    hidden = msgspec.convert(_in_all(msgspec.to_builtins(facts, builtin_types=(Decimal,)), names.masked), Facts)
    problems = tuple(structs.replace(each, raw="", file=FOLDERS.sub("", each.file)) for each in hidden.problems)
    parts = tuple(part for part in hidden.parts if part.key != "problems")
    return structs.replace(hidden, problems=problems, parts=parts)


def _in_all(value: Any, change: Callable[[str], str]) -> Any:
    """A value with every text changed; names of fields stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _in_all(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_all(each, change) for each in value]
    return value

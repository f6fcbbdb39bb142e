"""One wrong number in the files is found, and named with its amount.

In each history with full evidence one printed number is moved by 1 %: a wallet, an entry, a fill's price, quantity or
fee, wherever one stands; then the limit price of the liquidation order. Nothing else changes, so everything that was
printed beside it contradicts it.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.core.checks import FAILS, Finding
from margincall.core.rounding import exact
from margincall.forensics.explain import Explained, explain
from margincall.history.read import read
from margincall.venues.book import book_of, combine
from tests.cases.answers import book
from tests.cases.test_cases import FULL
from tests.cases.text import Case, load
from tests.cases.venue import messages

Message = dict[str, Any]
Spot = tuple[Message, str]
"""An object inside of a message, and the key of the number in it."""
ONE_PERCENT = Decimal("1.01")


def wallets(told: list[Message]) -> Iterator[Spot]:
    for message in told:
        for balance in message.get("a", {}).get("B", ()):
            yield balance, "wb"


def entries(told: list[Message]) -> Iterator[Spot]:
    for message in told:
        for position in message.get("a", {}).get("P", ()):
            if "ep" in position:
                yield position, "ep"


def fills(told: list[Message]) -> Iterator[Message]:
    for message in told:
        order = message.get("o", {})
        if order.get("l", "0") != "0":
            yield order


def prices(told: list[Message]) -> Iterator[Spot]:
    return ((fill, "L") for fill in fills(told))


def quantities(told: list[Message]) -> Iterator[Spot]:
    return ((fill, "l") for fill in fills(told))


def fees(told: list[Message]) -> Iterator[Spot]:
    return ((fill, "n") for fill in fills(told) if "n" in fill)


KINDS: dict[str, tuple[Callable[[list[Message]], Iterator[Spot]], str]] = {
    "wallet": (wallets, "wallet"),
    "entry": (entries, "entry"),
    "fill price": (prices, "fill"),
    "fill quantity": (quantities, "fill"),
    "fee": (fees, "fee"),
}
"""What is moved -> where it stands, and the kind of the finding that names it."""


def explained(case: Case, told: list[Message], folder: Path) -> Explained:
    """The answer to these messages."""
    file = folder / "stream.jsonl"
    file.write_text("".join(json.dumps(message) + "\n" for message in told), encoding="utf-8")
    history = read([file])
    return explain(history.events, combine([book(case), book_of(history.tables)]))


def failing(whole: Explained) -> list[Finding]:
    """Everything that does not hold."""
    of_cases = [each for one in whole.cases for each in one.explanation.findings]
    return [each for each in (*whole.findings, *of_cases) if each.verdict == FAILS]


def moved(number: str) -> Decimal:
    """1 % more, in digits that the venue could print."""
    return Decimal(number) * ONE_PERCENT

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

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.rounding import AMOUNT_UNIT, exact
from margincall.forensics.explain import Explained, explain
from margincall.forensics.moment import Moment
from margincall.history.read import read
from margincall.venues.book import book_of, combine
from tests.cases.answers import book
from tests.cases.test_cases import FULL
from tests.cases.text import Case, load
from tests.cases.venue import messages

Message = dict[str, Any]
Spot = tuple[Message, str]
"""An object inside of a message, and the key of the number in it."""
UP, DOWN = Decimal("1.01"), Decimal("0.99")


def updated(message: Message) -> Message:
    """What an account update prints; `a` of other messages is something else."""
    return message["a"] if message["e"] == "ACCOUNT_UPDATE" else {}


def wallets(told: list[Message]) -> Iterator[Spot]:
    for message in told:
        for balance in updated(message).get("B", ()):
            if Decimal(balance["wb"]):
                yield balance, "wb"


def entries(told: list[Message]) -> Iterator[Spot]:
    for message in told:
        for position in updated(message).get("P", ()):
            if Decimal(position.get("ep", 0)):
                yield position, "ep"


def fills(told: list[Message]) -> Iterator[Message]:
    for message in told:
        order = message.get("o", {})
        if Decimal(order.get("l", 0)):
            yield order


def prices(told: list[Message]) -> Iterator[Spot]:
    return ((fill, "L") for fill in fills(told))


def quantities(told: list[Message]) -> Iterator[Spot]:
    return ((fill, "l") for fill in fills(told))


def fees(told: list[Message]) -> Iterator[Spot]:
    return ((fill, "n") for fill in fills(told) if "n" in fill)


Spots = Callable[[list[Message]], Iterator[Spot]]
KINDS: dict[str, tuple[Spots, str]] = {
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


def disturbed(case: Case, spots: Spots, number: int, factor: Decimal) -> tuple[list[Message], Decimal, Message]:
    """The messages with the number at one spot moved, by how much, and the object that holds it."""
    told = deepcopy(messages(case))
    holder, key = list(spots(told))[number]
    before = Decimal(holder[key])
    holder[key] = f"{before * factor:f}"
    return told, Decimal(holder[key]) - before, holder


def failing(whole: Explained) -> list[Finding]:
    """What does not hold in the files as such; what follows from it for a liquidation is left out."""
    return [each for each in whole.findings if each.verdict == FAILS]


def precision(kind: str, holder: Message) -> Decimal:
    """How exactly the right number can be derived: of a price, as far as the truncated fee says it."""
    if kind == "fill price":
        return Decimal(holder["L"]) * 2 * AMOUNT_UNIT / Decimal(holder["n"]) + AMOUNT_UNIT
    return AMOUNT_UNIT


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [UP, DOWN])
@exact
def test_a_wrong_number_is_named_with_its_amount(name: str, kind: str, factor: Decimal, tmp_path: Path) -> None:
    """One finding, of that kind, about that trade, with that amount; nothing else in the files is blamed."""
    case = load(name)
    spots, field = KINDS[kind]
    for number in range(len(list(spots(messages(case))))):
        told, change, holder = disturbed(case, spots, number, factor)
        found = failing(explained(case, told, tmp_path))
        assert [each.kind for each in found] == [field], (number, found)
        (finding,) = found
        assert finding.amount is not None
        assert abs(finding.amount - change) <= precision(kind, holder), (number, finding)
        if kind.startswith("fill"):
            assert finding.about.endswith(f"trade {holder['t']} {kind.removeprefix('fill ')}")


def limits(told: list[Message], order_id: object) -> Iterator[Message]:
    """The order objects that print the limit of a liquidation order."""
    for message in told:
        order = message.get("o", {})
        if order.get("i") == order_id and order.get("o") == "LIQUIDATION":
            yield order


@pytest.mark.parametrize("name", FULL)
@exact
def test_a_wrong_limit_is_named_or_changes_the_implied_split(name: str, tmp_path: Path) -> None:
    """A single position has one bankruptcy price; of several, the limit says how the venue would have split."""
    case = load(name)
    right = explained(case, messages(case), tmp_path)
    for number, one in enumerate(right.cases):
        told = deepcopy(messages(case))
        limit = one.explanation.prices.order_limit
        assert limit is not None
        for order in limits(told, int(one.explanation.order_id)):
            order["p"] = f"{limit * UP:f}"
        wrong = explained(case, told, tmp_path).cases[number]
        change = limit * UP - limit
        (finding,) = [each for each in wrong.explanation.findings if each.kind == "limit_price"]
        assert one.moment is not None
        assert one.moment.pool is not None
        if len(one.moment.pool.positions) == 1:
            assert finding.verdict == FAILS
            assert finding.amount is not None
            assert one.moment.own is not None
            assert abs(finding.amount - change) <= one.moment.own.contract.tick
        else:
            share = wrong.explanation.prices.implied_share
            assert share == share_of(one.moment, limit * UP)
            assert share != one.explanation.prices.implied_share
            assert f"share {share:.4f}" in finding.about
            assert finding.verdict == UNCLEAR


def share_of(moment: Moment, limit: Decimal) -> Decimal:
    """The share of the balance that a limit leaves to the position, from the terms (docs/spec/bankruptcy_price.md)."""
    assert moment.own is not None
    assert moment.pool is not None
    size = moment.own.quantity * moment.own.contract.contract_size
    lost = moment.own.mark - limit
    if moment.own.contract.is_inverse:
        lost = 1 / limit - 1 / moment.own.mark
    return (lost * size / moment.pool.balance).quantize(Decimal("1e-12"))


@pytest.mark.parametrize("name", ["isolated_long", "partial", "coinm_isolated_short"])
def test_limits_that_differ_between_messages_are_both_judged(name: str, tmp_path: Path) -> None:
    """An order has one limit; if one of its messages prints another, that one is named."""
    case = load(name)
    told = deepcopy(messages(case))
    order_id = int(explained(case, told, tmp_path).cases[0].explanation.order_id)
    first = next(limits(told, order_id))
    first["p"] = f"{Decimal(first['p']) * UP:f}"
    (one,) = explained(case, told, tmp_path).cases
    verdicts = {each.printed: each.verdict for each in one.explanation.findings if each.kind == "limit_price"}
    assert verdicts == {Decimal(first["p"]): FAILS, Decimal(list(limits(told, order_id))[-1]["p"]): HOLDS}

"""Matching against golden scenes, those of the specification among them, and what scenes cannot show."""

import re

import pytest

from margincall.exchange.book import Book
from margincall.exchange.matching import Order, Outcome, amend, execute, match
from tests.exchange.scenes import FOLDER, Scene, read_book, scenes, written
from tests.sources import ROOT

GOLDEN = scenes((FOLDER / "matching.scenes").read_text(encoding="utf-8"))
SPEC = (ROOT / "docs/spec/matching.md").read_text(encoding="utf-8")
WORKED = [scene for block in re.findall(r"```text\n(.*?)```", SPEC, re.DOTALL) for scene in scenes(block)]
BOOK = ("  SELL 103   #3 carol 5", "  SELL 102   #1 alice 4 | #2 bob 2", "  BUY  100   #4 dave 7 | #5 erin 3")


@pytest.mark.parametrize("scene", GOLDEN + WORKED, ids=lambda scene: scene.title)
def test_scene(scene: Scene) -> None:
    assert scene.played() == scene.story


def test_the_specification_has_a_worked_example() -> None:
    assert WORKED


def test_a_scene_that_is_wrong_fails() -> None:
    (right, *_) = GOLDEN
    wrong = Scene(right.title, right.before, tuple(line.replace("4 at 102", "3 at 102") for line in right.story))
    assert wrong.played() != wrong.story


@pytest.mark.parametrize("mode", ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"])
@pytest.mark.parametrize("in_force", ["GTC", "IOC", "FOK", "GTX"])
def test_match_leaves_the_book_as_it_is(in_force: str, mode: str) -> None:
    book = read_book(BOOK)
    order = Order(
        id=9, owner="bob", side="BUY", ticks=103, lots=9, time_in_force=in_force, self_trade_prevention=mode
    )  # fmt: skip
    first = match(book, order)
    assert written(book) == list(BOOK)
    assert match(book, order) == first == execute(book, order)


BAD: list[dict[str, object]] = [
    {"lots": 0},
    {"lots": -1},
    {"ticks": None},
    {"type": "MARKET", "time_in_force": "IOC"},
    {"type": "MARKET", "time_in_force": "GTX"},
    {"time_in_force": "GTD"},
    {"good_till_ms": 1_790_000_000_000},
    {"max_lots": -1},
    {"id": 4},
]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_a_wrong_call_is_an_assertion_and_changes_nothing(change: dict[str, object]) -> None:
    book = read_book(BOOK)
    given = {"id": 9, "owner": "bob", "side": "BUY", "ticks": 103, "lots": 9, **change}
    with pytest.raises(AssertionError):
        execute(book, Order(**given))
    assert written(book) == list(BOOK)


@pytest.mark.parametrize("change", [{"owner": "erin"}, {"side": "SELL", "ticks": 110}, {"id": 9}], ids=str)
def test_owner_side_and_id_are_not_amended(change: dict[str, object]) -> None:
    book = read_book(BOOK)
    with pytest.raises(AssertionError):
        amend(book, Order(**{"id": 4, "owner": "dave", "side": "BUY", "ticks": 100, "lots": 9, **change}))
    assert written(book) == list(BOOK)


def test_an_empty_book_gives_nothing() -> None:
    outcome = match(Book(), Order(id=1, owner="a", side="SELL", type="MARKET", lots=1))
    assert outcome == Outcome(expired=1, reason="MARKET")
    assert (outcome.filled, outcome.status) == (0, "EXPIRED")

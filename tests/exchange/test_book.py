"""The book as a data structure: places in the queue, depth, volume, and calls that are wrong."""

import pytest

from margincall.exchange.book import Book, Depth, Resting, Side
from tests.exchange.scenes import read_book, written

LINES = (
    "  SELL 105   #7 gina 1",
    "  SELL 103   #3 carol 5",
    "  SELL 102   #1 alice 4 | #2 bob 2",
    "  BUY  100   #4 dave 7 | #5 erin 3 | #6 frank 1",
    "  BUY  97   #8 henry 9",
)


@pytest.fixture
def book() -> Book:
    return read_book(LINES)


def resting(order_id: int, side: Side, ticks: int, lots: int = 1) -> Resting:
    return Resting(id=order_id, owner="zoe", side=side, ticks=ticks, lots=lots)


def test_an_empty_book_has_no_prices() -> None:
    book = Book()
    assert (book.best_bid, book.best_ask, len(book)) == (None, None, 0)
    assert book.depth("BUY", 5) == list(book.orders("SELL")) == list(book.queue("BUY", 100)) == []
    assert book.volume("SELL") == 0
    assert not book.crosses("BUY", 10**9)
    assert not book.crosses("SELL", 1)


def test_best_prices(book: Book) -> None:
    assert (book.best_bid, book.best_ask, len(book)) == (100, 102, 8)


def test_depth_is_aggregated_from_the_best_price(book: Book) -> None:
    assert book.depth("SELL", 2) == [Depth(102, 6, 2), Depth(103, 5, 1)]
    assert book.depth("BUY", 9) == [Depth(100, 11, 3), Depth(97, 9, 1)]
    assert book.depth("BUY", 0) == []


def test_volume_up_to_a_price(book: Book) -> None:
    assert [book.volume("SELL", ticks) for ticks in (101, 102, 104, 105)] == [0, 6, 11, 12]
    assert [book.volume("BUY", ticks) for ticks in (101, 100, 98, 97)] == [0, 11, 11, 20]
    assert book.volume("SELL") == 12


def test_orders_come_in_priority(book: Book) -> None:
    assert [order.id for order in book.orders("SELL")] == [1, 2, 3, 7]
    assert [order.id for order in book.orders("SELL", 103)] == [1, 2, 3]
    assert [order.id for order in book.orders("BUY", 98)] == [4, 5, 6]
    assert [order.id for order in book.queue("BUY", 100)] == [4, 5, 6]


@pytest.mark.parametrize(
    ("side", "ticks", "would"),
    [("BUY", 101, False), ("BUY", 102, True), ("SELL", 101, False), ("SELL", 100, True)],
)
def test_crossing(book: Book, side: Side, ticks: int, would: bool) -> None:
    assert book.crosses(side, ticks) is would


def test_cancelling_from_the_middle_the_head_and_the_last_of_a_level(book: Book) -> None:
    assert book.cancel(5) == Resting(id=5, owner="erin", side="BUY", ticks=100, lots=3)
    assert book.depth("BUY", 1) == [Depth(100, 8, 2)]
    assert [order.id for order in book.queue("BUY", 100)] == [4, 6]
    assert book.cancel(4)
    assert book.cancel(6)
    assert book.best_bid == 97
    assert book.cancel(7)
    assert written(book)[0] == LINES[1]


def test_a_level_between_two_others_closes_and_opens_again(book: Book) -> None:
    assert book.cancel(3)
    assert [depth.ticks for depth in book.depth("SELL", 9)] == [102, 105]
    book.add(resting(3, "SELL", 103))
    book.add(resting(9, "SELL", 101))
    assert [depth.ticks for depth in book.depth("SELL", 9)] == [101, 102, 103, 105]


def test_reducing_keeps_the_place(book: Book) -> None:
    assert book.reduce(4, 6) == Resting(id=4, owner="dave", side="BUY", ticks=100, lots=7)
    assert book.get(4) == Resting(id=4, owner="dave", side="BUY", ticks=100, lots=1)
    assert written(book)[3] == "  BUY  100   #4 dave 1 | #5 erin 3 | #6 frank 1"
    assert book.depth("BUY", 1) == [Depth(100, 5, 3)]
    book.reduce(4, 1)
    assert 4 not in book
    assert written(book)[3] == "  BUY  100   #5 erin 3 | #6 frank 1"


def test_unknown_ids_are_refused_without_a_change(book: Book) -> None:
    assert book.cancel(99) is book.reduce(99, 1) is book.get(99) is None
    assert 99 not in book
    assert written(book) == list(LINES)


@pytest.mark.parametrize(
    "order",
    [
        resting(1, "BUY", 99),
        resting(9, "BUY", 102),
        resting(9, "SELL", 100),
        resting(9, "BUY", 0),
        resting(9, "BUY", -1),
        resting(9, "BUY", 99, lots=0),
    ],
    ids=["an id twice", "a crossing bid", "a crossing ask", "price 0", "a negative price", "no size"],
)
def test_adding_what_may_not_rest_is_an_assertion(book: Book, order: Resting) -> None:
    with pytest.raises(AssertionError):
        book.add(order)
    assert written(book) == list(LINES)


@pytest.mark.parametrize("by", [0, -1, 8])
def test_reducing_by_what_is_not_there_is_an_assertion(book: Book, by: int) -> None:
    with pytest.raises(AssertionError):
        book.reduce(4, by)
    assert written(book) == list(LINES)


def test_added_in_order_of_priority_the_book_is_the_same(book: Book) -> None:
    book.reduce(4, 6)
    book.cancel(1)
    again = Book()
    for side in ("BUY", "SELL"):
        for order in book.orders(side):
            again.add(order)
    assert written(again) == written(book)

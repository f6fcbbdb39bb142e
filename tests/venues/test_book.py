"""Which bracket table is in force on a day."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.core.brackets import Bracket, BracketTable
from margincall.venues.book import BracketBook, DatedTable, book_of, combine

ROWS = (Bracket(1, Decimal(0), Decimal(1000), Decimal("0.01"), Decimal(0), 50),)


def dated(day: str, symbol: str = "BTCUSDT", name: str = "", assumed: tuple[str, ...] = ()) -> DatedTable:
    return DatedTable(BracketTable(symbol, ROWS, day, "test", name), "binance_usdm", assumed)


BOOK = book_of([dated("2023-02-17", assumed=("bracket-date",)), dated("2022-11-25"), dated("2024-05-30")])


@pytest.mark.parametrize(
    ("day", "table", "later", "certainty"),
    [
        ("2022-11-24", None, "2022-11-25", "only_later"),
        ("2022-11-25", "2022-11-25", "2023-02-17", "dated"),
        ("2023-02-16", "2022-11-25", "2023-02-17", "dated"),
        ("2023-02-17", "2023-02-17", "2024-05-30", "dated"),
        ("2024-05-29", "2023-02-17", "2024-05-30", "dated"),
        ("2030-01-01", "2024-05-30", None, "dated"),
    ],
)
def test_the_latest_at_or_before_the_day_is_chosen(
    day: str, table: str | None, later: str | None, certainty: str
) -> None:
    found = BOOK.select("BTCUSDT", day)
    assert (found.table and found.table.as_of, found.later and found.later.as_of) == (table, later)
    assert found.certainty == certainty


def test_an_unknown_symbol_has_no_table() -> None:
    found = BOOK.select("ETHUSDT", "2023-01-01")
    assert (found.table, found.later, found.certainty) == (None, None, "none")


def test_assumptions_come_with_the_table() -> None:
    assert BOOK.select("BTCUSDT", "2023-03-01").assumed == ("bracket-date",)
    assert BOOK.select("BTCUSDT", "2022-12-01").assumed == ()


def test_of_equal_dates_the_later_book_counts() -> None:
    mine = book_of([dated("2022-11-25", name="mine"), dated("2023-01-01", "ETHUSDT")])
    both = combine([BOOK, mine])
    chosen = both.select("BTCUSDT", "2022-12-01").table
    assert chosen is not None
    assert chosen.name == "mine"
    assert len(both.dated("BTCUSDT")) == 4
    assert both.select("ETHUSDT", "2023-01-01").certainty == "dated"


def test_nothing_combines_to_an_empty_book() -> None:
    assert combine([]) == BracketBook({})


DAYS = st.dates().map(str)


@given(st.lists(DAYS, max_size=8), DAYS)
def test_the_choice_is_the_one_of_a_plain_search(days: list[str], day: str) -> None:
    found = book_of(map(dated, days)).select("BTCUSDT", day)
    before = [each for each in days if each <= day]
    after = [each for each in days if each > day]
    assert (found.table.as_of if found.table else "") == max(before, default="")
    assert (found.later.as_of if found.later else "") == min(after, default="")

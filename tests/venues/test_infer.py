"""Bracket rows solved from prints: what was truncated away never makes a wrong answer, only a less certain one."""

from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.core.brackets import BracketTable, in_force, maintenance
from margincall.core.units import Notional
from margincall.venues.book import BracketBook
from margincall.venues.embedded import embedded_book
from margincall.venues.infer import MarginPrint, Range, agrees, infer

UNIT = Decimal("1e-8")
BOOK = embedded_book(["BTCUSDT"])
EMPTY = BracketBook({})


def table_of(day: str) -> BracketTable:
    table = BOOK.select("BTCUSDT", day).table
    assert table is not None
    return table


def printed(notional: str, table: BracketTable, unit: Decimal = UNIT, day: str = "") -> MarginPrint:
    """What the venue prints of a notional: truncated."""
    exact = Decimal(notional)
    margin = maintenance(table, Notional(exact)).quantize(unit, ROUND_DOWN)
    size = exact.quantize(unit, ROUND_DOWN)
    return MarginPrint("BTCUSDT", Range(size, size + unit), Range(margin, margin + unit), "maintMargin", "", day)


def test_two_prints_of_one_row_give_it() -> None:
    table = table_of("2021-01-25")
    (found,) = infer([printed("3500032.457761234", table), printed("1200000.123456789", table)], BOOK)
    (line,) = found.lines
    assert line.is_solved
    assert (line.rate, line.cum) == (Decimal("0.025"), Decimal(16300))
    assert {dated.table.as_of for dated in line.known} >= {"2021-01-24", "2021-03-18"}


def test_one_print_gives_the_first_row_or_the_tables_that_agree() -> None:
    table = table_of("2021-01-25")
    (found,) = infer([printed("44000.5", table)], EMPTY)
    (line,) = found.lines
    assert not line.is_solved
    assert (line.rate, line.cum, line.known) == (Decimal("0.004"), Decimal(0), ())
    (found,) = infer([printed("9000000", table_of("2021-04-01"))], BOOK)
    days = [dated.table.as_of for dated in found.matches[0].agreeing]
    assert "2021-03-18" in days
    assert not {"2021-01-24", "2021-06-22", "2022-02-16"} & set(days)


def test_prints_of_several_rows_are_told_apart() -> None:
    table = table_of("2021-01-25")
    notionals = ["100000.5", "200000.25", "300000.125", "800000", "900000.5", "2000000", "4000000.0625"]
    (found,) = infer([printed(each, table) for each in notionals], EMPTY)
    solved = [(line.rate, line.cum, len(line.prints)) for line in found.lines if line.is_solved]
    assert solved == [
        (Decimal("0.005"), Decimal(50), 2),
        (Decimal("0.01"), Decimal(1300), 3),
        (Decimal("0.025"), Decimal(16300), 2),
    ]


def test_the_table_in_force_on_the_day_can_be_contradicted() -> None:
    later = table_of("2021-04-01")
    (found,) = infer([printed("9000000", later, day="2021-03-01"), printed("9000000", later, day="2021-04-01")], BOOK)
    assert [match.contradicts for match in found.matches] == [True, False]


def test_the_same_print_twice_is_one_print() -> None:
    table = table_of("2021-01-25")
    (found,) = infer([printed("3500032", table)] * 3, EMPTY)
    assert [len(line.prints) for line in found.lines] == [1]
    assert not found.lines[0].is_solved


def test_coarse_prints_give_a_range_not_a_guess() -> None:
    table = table_of("2021-01-25")
    prints = [printed("3500032", table, Decimal(1)), printed("3500040", table, Decimal(1))]
    (found,) = infer(prints, EMPTY)
    (line,) = found.lines
    assert not line.is_solved
    assert line.rates.low <= Decimal("0.025") <= line.rates.high


@given(
    st.sampled_from(["2020-05-10", "2021-04-01", "2022-12-01", "2024-06-01", "2026-09-01"]),
    st.lists(st.decimals("10", "9e8", places=10), min_size=2, max_size=8),
)
def test_every_solved_row_is_a_row_of_the_table(day: str, notionals: list[Decimal]) -> None:
    """Prints of one table, however placed: what is called solved is right, and each print agrees with its table."""
    table = table_of(day)
    prints = [printed(str(each), table) for each in notionals]
    assert all(agrees(table, each) for each in prints)
    (found,) = infer(prints, BOOK)
    assert sum(len(line.prints) for line in found.lines) == len({(each.notional, each.maintenance) for each in prints})
    for line in found.lines:
        if line.is_solved:
            assert (line.rate, line.cum) in {(row.rate, row.cum) for row in table.rows}


@pytest.mark.parametrize(
    ("low", "high", "only"),
    [("0.02499999", "0.02500001", "0.025"), ("0.02", "0.03", None), ("0.0250001", "0.0250002", None), ("3", "3", "3")],
)
def test_the_only_number_in_a_range(low: str, high: str, only: str | None) -> None:
    found = Range(Decimal(low), Decimal(high)).only()
    assert found == (None if only is None else Decimal(only))


def test_the_row_of_the_sample_of_margin_calls() -> None:
    """Documentation sample of MARGIN_CALL: 1.327 × 187.17127 × 0.65 % is printed 1.614445."""
    size = Decimal("1.327") * Decimal("187.17127")
    sample = MarginPrint("ETHUSDT", Range(size, size), Range(Decimal("1.614445"), Decimal("1.614446")), "mm", "")
    (found,) = infer([sample], embedded_book(["ETHUSDT"]))
    assert found.lines[0].rate == Decimal("0.0065")
    table = found.matches[0].agreeing[0].table
    assert in_force(table, Notional(size)).number == 1

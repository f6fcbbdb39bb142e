"""The tables that come with the package: sound, dated, with their source, and with the published figures."""

import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest

from margincall.core.brackets import in_force, line, problems
from margincall.core.units import Notional
from margincall.venues.embedded import embedded_book, embedded_sheets
from tests.accept.brackets_all import differences

BOOK = embedded_book()
TABLES = [dated.table for known in BOOK.tables.values() for dated in known]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.symbol}-{table.as_of}")
def test_each_table_is_sound(table) -> None:  # type: ignore[no-untyped-def]
    assert problems(table.rows) == []
    assert list(differences(table)) == []
    assert table.source
    assert date.fromisoformat(table.as_of).isoformat() == table.as_of


@pytest.mark.parametrize(
    ("symbol", "day", "notional", "rate", "cum"),
    [
        ("BTCUSDT", "2020-05-15", "47.25765", "0.004", "0"),
        ("ETHUSDT", "2020-05-15", "199.53", "0.0065", "0"),
        ("BTCUSDT", "2021-01-25", "264000", "0.01", "1300"),
        ("BTCUSDT", "2021-01-25", "3500032.45776", "0.025", "16300"),
        ("BTCUSDT", "2021-01-25", "5000000.01", "0.05", "141300"),
        ("ETHUSDT", "2021-01-25", "4918775.081", "0.1", "135365"),
        ("BTCUSDT", "2021-04-01", "9999999", "0.025", "16300"),
        ("BTCUSDT", "2021-07-01", "9999999", "0.05", "141300"),
        ("BNBUSDT", "2022-03-20", "9999", "0.0065", "0"),
        ("BTCUSDT", "2022-12-01", "999999", "0.01", "1300"),
        ("BTCUSDT", "2026-09-15", "1800000000", "0.5", "421482000"),
        ("WIFUSDT", "2026-09-15", "175000", "0.0333", "1155"),
        ("ETHBTC", "2026-09-15", "10000", "0.5", "1773.045"),
        ("BTCUSD_PERP", "2021-02-05", "51", "0.05", "1.81"),
        ("BTCUSD_PERP", "2021-02-05", "300", "0.125", "11.81"),
        ("BTCUSD_PERP", "2021-08-10", "297.63", "0.125", "11.605"),
    ],
)
def test_published_figures(symbol: str, day: str, notional: str, rate: str, cum: str) -> None:
    table = BOOK.select(symbol, day).table
    assert table is not None
    row = in_force(table, Notional(Decimal(notional)))
    assert (row.rate, row.cum) == (Decimal(rate), Decimal(cum))


def test_maintenance_of_the_example_of_2021() -> None:
    table = BOOK.select("BTCUSDT", "2021-01-25").table
    assert table is not None
    notional = Decimal("109.488") * Decimal("31967.27")
    assert line(in_force(table, Notional(notional)), notional) == Decimal("71200.811444")


def test_leverage_was_cut_after_the_failure_of_ftx() -> None:
    leverages = {
        day: [row.max_leverage for row in table.rows][2:4]
        for day in ("2022-09-27", "2022-11-25", "2023-02-17")
        if (table := BOOK.select("BTCUSDT", day).table)
    }
    assert leverages == {"2022-09-27": [50, 20], "2022-11-25": [25, 15], "2023-02-17": [50, 20]}


def test_assumed_dates_and_rows_say_so() -> None:
    assert BOOK.select("BTCUSDT", "2026-09-15").assumed == ("package-version-date",)
    assert BOOK.select("ETHUSDT", "2020-05-15").assumed == ("bracket-date", "bracket-rows")
    assert BOOK.select("BTCUSDT", "2022-03-01").assumed == ()


def test_a_sheet_seen_again_counts_on_both_days() -> None:
    found = BOOK.select("BTCUSDT", "2022-03-15")
    assert found.table is not None
    assert found.later is not None
    assert (found.table.as_of, found.later.as_of) == ("2022-02-16", "2022-04-16")
    assert found.table.rows == found.later.rows


def test_only_wanted_symbols_are_decoded() -> None:
    assert set(embedded_book(["BTCUSDT"]).tables) == {"BTCUSDT"}
    assert embedded_sheets() is embedded_sheets()


def test_importing_the_module_reads_nothing() -> None:
    code = "from margincall.venues import embedded; print(embedded.embedded_sheets.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "0"

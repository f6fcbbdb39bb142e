"""The store of imported bracket tables: what goes in comes out, whole, dated, and only if it is sound."""

import gzip
import json
import os
import time
from decimal import Decimal
from pathlib import Path

import pytest

from margincall.errors import UsageError
from margincall.history.bracket_store import (
    FOLDER_VARIABLE,
    StoreDamaged,
    import_file,
    imported_sheets,
    load_book,
    store_folder,
)
from margincall.wire.file_dates import VERSION_DATE


def bracket(number: int, floor: str, cap: str, rate: str, cum: str) -> dict[str, object]:
    return {
        "bracket": number,
        "initialLeverage": 50 // number,
        "notionalCap": cap,
        "notionalFloor": floor,
        "maintMarginRatio": rate,
        "cum": cum,
    }


ROWS = [bracket(1, "0", "5000", "0.01", "0.0"), bracket(2, "5000", "25000", "0.025", "75.0")]
TABLES = [{"symbol": "SOLUSDT", "brackets": ROWS}, {"symbol": "BTCUSDT", "notionalCoef": 1.5, "brackets": ROWS}]
EVENT = {
    "e": "contractInfo",
    "E": 1669356423908,
    "s": "SOLUSDT",
    "bks": [{"bs": 1, "bnf": 0, "bnc": 5000, "mmr": 0.02, "cf": 0, "mi": 1, "ma": 12}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "store"


def saved(folder: Path, name: str, value: object) -> Path:
    path = folder / name
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_what_is_imported_is_in_the_book(tmp_path: Path, folder: Path) -> None:
    done = import_file(saved(tmp_path, "b.json.gz", TABLES), "2021-09-01", folder)
    assert (done.tables, done.rows, done.days, done.venues) == (2, 4, ("2021-09-01",), ("binance_usdm",))
    assert done.problems == ()
    found = load_book(folder, symbols=["SOLUSDT", "BTCUSDT"])
    table = found.select("SOLUSDT", "2021-10-01").table
    assert table is not None
    assert (table.as_of, table.name, table.source) == ("2021-09-01", "b.json.gz", "imported from b.json.gz")
    assert [(row.cap, row.rate, row.cum, row.max_leverage) for row in table.rows] == [
        (Decimal(5000), Decimal("0.01"), Decimal(0), 50),
        (Decimal(25000), Decimal("0.025"), Decimal(75), 25),
    ]
    assert str(table.rows[0].cum) == "0.0"
    btc = found.select("BTCUSDT", "2021-10-01").table
    assert btc is not None
    assert btc.coefficient == Decimal("1.5")
    assert found.select("SOLUSDT", "2030-01-01").table != table, "the embedded table of 2026 is in the same book"


def test_an_imported_table_counts_before_an_embedded_one_of_its_date(tmp_path: Path, folder: Path) -> None:
    import_file(saved(tmp_path, "mine.json", TABLES), "2021-03-18", folder)
    table = load_book(folder, symbols={"BTCUSDT"}).select("BTCUSDT", "2021-03-20").table
    assert table is not None
    assert table.name == "mine.json"


@pytest.mark.parametrize(
    ("name", "as_of", "day", "assumed"),
    [
        ("brackets_2022-11-25.json", None, "2022-11-25", ()),
        ("brackets_2022-11-25.json", "2022-11-20", "2022-11-20", ()),
        ("freqtrade-2024.12.json", None, "2024-12-01", (VERSION_DATE,)),
        ("freqtrade-2024.12.json", "20241130", "2024-11-30", ()),
    ],
)
def test_the_date(tmp_path: Path, folder: Path, name: str, as_of: str | None, day: str, assumed: tuple[str]) -> None:
    done = import_file(saved(tmp_path, name, TABLES), as_of, folder)
    assert (done.days, done.assumed) == ((day,), assumed)
    found = load_book(folder, symbols=["SOLUSDT"]).select("SOLUSDT", day)
    assert found.table is not None
    assert (found.table.as_of, found.assumed) == (day, assumed)


def test_without_a_date_the_import_is_refused_with_a_hint(tmp_path: Path, folder: Path) -> None:
    done = import_file(saved(tmp_path, "brackets.json", TABLES), None, folder)
    (problem,) = done.problems
    assert (done.tables, done.stored, problem.kind) == (0, "", "undated")
    assert "2 of 2 tables refused" in problem.message
    assert "--as-of" in problem.message
    assert not folder.exists()


def test_what_is_no_date_is_a_usage_error(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="2024-10-24"):
        import_file(saved(tmp_path, "b.json", TABLES), "yesterday", folder)


def test_an_event_has_its_own_date(tmp_path: Path, folder: Path) -> None:
    done = import_file(saved(tmp_path, "messages_2024.12.json", EVENT), None, folder)
    assert (done.days, done.assumed) == (("2022-11-25",), ())
    assert import_file(tmp_path / "messages_2024.12.json", "2022-11-26", folder).days == ("2022-11-26",)


def test_one_file_may_hold_several_days_and_venues(tmp_path: Path, folder: Path) -> None:
    events = [EVENT, EVENT | {"E": 1676600000000}, EVENT | {"s": "BTCUSD_PERP"}]
    lines = "\n".join(map(json.dumps, events)).encode()
    done = import_file(saved(tmp_path, "messages.jsonl", lines), None, folder)
    assert (done.tables, done.days) == (3, ("2022-11-25", "2023-02-17"))
    assert done.venues == ("binance_coinm", "binance_usdm")
    assert [sheet.as_of for sheet in imported_sheets(folder)] == ["2022-11-25", "2022-11-25", "2023-02-17"]
    assert len(list(folder.iterdir())) == 1


def test_importing_again_changes_nothing_and_another_date_replaces(tmp_path: Path, folder: Path) -> None:
    path = saved(tmp_path, "b.json", TABLES)
    first = import_file(path, "2021-09-01", folder)
    stored = Path(first.stored).read_bytes()
    again = import_file(path, "2021-09-01", folder)
    assert (again.stored, again.replaced) == (first.stored, ())
    assert Path(again.stored).read_bytes() == stored
    moved = import_file(path, "2021-10-01", folder)
    assert moved.replaced == (first.stored,)
    assert [sheet.as_of for sheet in imported_sheets(folder)] == ["2021-10-01"]


def test_a_broken_table_is_refused_and_the_others_are_stored(tmp_path: Path, folder: Path) -> None:
    broken = {"symbol": "ETHUSDT", "brackets": [ROWS[0], ROWS[1] | {"cum": "76"}]}
    done = import_file(saved(tmp_path, "b.json", [broken, *TABLES]), "2021-09-01", folder)
    (problem,) = done.problems
    assert done.tables == 2
    assert problem.kind == "unsound"
    assert "ETHUSDT: row 2: cum 76 breaks the recurrence" in problem.message
    assert "'cum': '76'" in problem.raw
    known = load_book(folder, symbols=["ETHUSDT"]).dated("ETHUSDT")
    assert "b.json" not in [dated.table.name for dated in known]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\x1f\x8b\x08cut", b"\x89PNG", b"a,b\n1,2\n", b'{"a": 1'])
def test_a_file_without_tables_stores_nothing(tmp_path: Path, folder: Path, data: bytes) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(data)
    done = import_file(path, "2021-09-01", folder)
    assert (done.tables, done.stored) == (0, "")
    assert done.problems
    assert not folder.exists()


def test_a_contract_without_brackets_is_said_to_hold_none(tmp_path: Path, folder: Path) -> None:
    event = {key: value for key, value in EVENT.items() if key != "bks"}
    (problem,) = import_file(saved(tmp_path, "b.json", event), None, folder).problems
    assert problem.message == "the file holds no bracket tables"


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        import_file(tmp_path / "nothing.json", "2021-09-01", folder)


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"", lambda data: data.replace(b"75", b"76")])
def test_a_damaged_store_is_named(tmp_path: Path, folder: Path, damage) -> None:  # type: ignore[no-untyped-def]
    stored = Path(import_file(saved(tmp_path, "b.json", TABLES), "2021-09-01", folder).stored)
    stored.write_bytes(damage(stored.read_bytes()))
    with pytest.raises(StoreDamaged, match="import its file again"):
        load_book(folder, symbols=["SOLUSDT"])


def test_a_write_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, "b.json", TABLES)
    import_file(path, "2021-09-01", folder)

    def fails(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="no space"):
        import_file(path, "2021-10-01", folder)
    assert [sheet.as_of for sheet in imported_sheets(folder)] == ["2021-09-01"]
    assert len(list(folder.iterdir())) == 1


def test_the_folder_is_the_given_one_or_the_environments_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert store_folder().parts[-2:] == ("margincall", "brackets")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert store_folder() == tmp_path
    assert store_folder(tmp_path / "x") == tmp_path / "x"


def test_a_store_that_does_not_exist_is_empty(folder: Path) -> None:
    assert imported_sheets(folder) == ()
    assert load_book(folder, symbols=["BTCUSDT"]).select("BTCUSDT", "2021-02-01").certainty == "dated"


def test_a_few_symbols_are_quick_with_all_tables_imported(shared: Path, folder: Path) -> None:
    """The bound is generous: it takes about 0.02 s of the CPU."""
    for path in sorted((shared / "binance_brackets").glob("*.json.gz")):
        assert import_file(path, folder=folder).problems == ()
    began = time.process_time()
    book = load_book(folder, symbols=["BTCUSDT", "ETHUSDT"])
    assert time.process_time() - began < 0.5
    assert len(book.dated("ETHUSDT")) > 61
    whole = load_book(folder)
    assert sum(len(dated.table.rows) for known in whole.tables.values() for dated in known) > 135_545

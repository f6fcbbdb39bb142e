"""The store: once for the same, both where sources differ, exact, whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest

from margincall.core.events import MarkCandle
from margincall.history.market import importing
from margincall.history.market import store as stores
from margincall.history.market.document import series_row
from margincall.history.market.importing import import_file
from margincall.history.market.kinds import Gap, Series
from margincall.history.market.naming import Hints
from margincall.history.market.store import MarketStore, StoreDamaged
from margincall.history.market.values import candle_event
from tests.history.market_files import AGG, HOUR, MINUTE, START, answered, kline, written

MARK = Series("binance_usdm", "mark", "BTCUSDT", "1m")


@pytest.fixture
def store(tmp_path: Path) -> MarketStore:
    return MarketStore(tmp_path / "store")


def marks(folder: Path, name: str, lines: list[str]) -> Path:
    return written(folder / name / "markPriceKlines" / "BTCUSDT-1m-2025-02.csv", lines)


def test_the_same_bar_is_stored_once_whoever_tells_it(store: MarketStore, tmp_path: Path) -> None:
    """Also written with other zeros."""
    one = marks(tmp_path, "one", [kline(0), kline(1)])
    import_file(store, one)
    before = {path: path.read_bytes() for path in store.folder.rglob("*.parquet")}
    (again,) = import_file(store, one)
    other = marks(tmp_path, "other", [kline(0, price="100.1", high="101"), kline(2)])
    assert (again.added, again.known) == (0, 2)
    assert {path: path.read_bytes() for path in store.folder.rglob("*.parquet")} == before
    (done,) = import_file(store, other)
    assert (done.added, done.known, done.conflicts) == (1, 1, 0)
    assert [bar.source.file for bar in store.candles("BTCUSDT", "mark", START, START + HOUR)] == [
        str(one),
        str(one),
        str(other),
    ]


def test_bars_that_differ_are_both_kept_and_told(store: MarketStore, tmp_path: Path) -> None:
    """Neither replaces the other."""
    one = marks(tmp_path, "one", [kline(0), kline(1)])
    other = marks(tmp_path, "other", [kline(0), kline(1, low="90")])
    import_file(store, one)
    (done,) = import_file(store, other)
    assert (done.added, done.conflicts) == (1, 1)
    assert (done.problems[0].place, done.problems[0].kind) == ("line 2", "conflict")
    assert f"{one}:2" in done.problems[0].message
    bars = store.candles("BTCUSDT", "mark", START, START + HOUR)
    assert [(bar.low, bar.conflict, bar.source.file) for bar in bars] == [
        (Decimal(99), False, str(one)),
        (Decimal(99), True, str(one)),
        (Decimal(90), True, str(other)),
    ]
    row = series_row(store, MARK)
    assert (row.rows, row.conflicts, row.impossible, row.gaps) == (3, 1, 0, ())
    (again,) = import_file(store, other)
    assert (again.added, again.conflicts) == (0, 0)
    assert len(store.problems(MARK)) == 1


def test_what_a_source_leaves_out_contradicts_nobody(store: MarketStore, tmp_path: Path) -> None:
    """The row that tells more is the one that is read, whichever came first; one funding is one, however stamped."""
    header = "open_time,open,high,low,close,volume"
    bare = f"{START},100.10,101.00,99.00,100.00,"
    series = Series("binance_usdm", "last", "BTCUSDT", "1m")
    for first, second in (([kline(0)], [header, bare]), ([header, bare], [kline(0)])):
        here = MarketStore(tmp_path / f"store-{len(first)}")
        for name, lines in (("one", first), ("other", second)):
            (done,) = import_file(here, written(tmp_path / name / "klines" / "BTCUSDT-1m-2025-02.csv", lines))
            assert (done.conflicts, done.problems) == (0, ())
        (bar,) = here.candles("BTCUSDT", "last", START, START + 1)
        assert (bar.volume, bar.conflict) == (Decimal("5.5"), False)
        assert series_row(here, series).rows == 1
    header = "calc_time,funding_interval_hours,last_funding_rate"
    import_file(store, written(tmp_path / "BTCUSDT-fundingRate-2025-02.csv", [header, f"{START},8,0.00010000"]))
    told = {"symbol": "BTCUSDT", "fundingTime": START + 3, "fundingRate": "0.0001", "markPrice": "99.5"}
    import_file(store, answered(tmp_path / "fundingRate-BTCUSDT.json", [told]))
    (rate,) = store.funding("BTCUSDT", START, START + MINUTE)
    assert (rate.time_ms, rate.mark, rate.conflict) == (START + 3, Decimal("99.5"), False)
    told["fundingRate"] = "0.0002"
    (done,) = import_file(store, answered(tmp_path / "fundingRate-BTCUSDT-2.json", [told]))
    assert (done.added, done.conflicts) == (1, 1)
    assert {each.conflict for each in store.funding("BTCUSDT", START, START + MINUTE)} == {True}


def test_imports_at_the_same_time_lose_nothing(store: MarketStore, tmp_path: Path) -> None:
    """One writer at a time in each folder."""
    files = [marks(tmp_path, f"file{each}", [kline(each)]) for each in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda file: import_file(MarketStore(store.folder), file), files))
    assert store.times(MARK) == [START + each * MINUTE for each in range(8)]


def test_bars_that_overlap_a_moment_are_found_and_gaps_named(store: MarketStore, tmp_path: Path) -> None:
    """Over the end of a month, too."""
    month_end = 28 * 24 * 60 - 2 * 24 * 60  # minutes from the start to the end of February 2025
    file = marks(tmp_path, "one", [kline(each) for each in (month_end - 2, month_end - 1, month_end + 1)])
    import_file(store, file)
    at = START + month_end * MINUTE
    assert {path.stem for path in store.folder.rglob("*.parquet")} == {"2025-02", "2025-03"}
    (bar,) = store.candles("BTCUSDT", "mark", at - 1, at)
    assert bar.time_ms == at - MINUTE
    assert store.candles("BTCUSDT", "mark", at, at + MINUTE) == ()
    assert store.gaps("BTCUSDT", "mark", at - MINUTE, at + 2 * MINUTE) == (Gap(at, at + MINUTE, 1),)
    assert store.gaps("BTCUSDT", "mark", at - 30, at + 30) == (Gap(at, at + 30, 1),)
    assert store.gaps("BTCUSDT", "index", at, at + 5) == (Gap(at, at + 5, 0),)
    assert store.gaps("BTCUSDT", "index", at, at + 2 * MINUTE, interval="1m") == (Gap(at, at + 2 * MINUTE, 2),)


def test_venues_stand_beside_each_other_and_the_shortest_interval_is_taken(store: MarketStore, tmp_path: Path) -> None:
    import_file(store, marks(tmp_path, "one", [kline(0)]))
    hourly = written(tmp_path / "markPriceKlines" / "BTCUSDT-1h-2025-02.csv", [kline(0, low="98")])
    import_file(store, hourly)
    import_file(store, hourly, Hints(venue="bybit"))
    bars = store.candles("BTCUSDT", "mark", START, START + 1)
    assert [(bar.venue, bar.interval_ms) for bar in bars] == [("binance_usdm", MINUTE), ("bybit", HOUR)]
    (bar,) = store.candles("BTCUSDT", "mark", START, START + 1, venue="binance_usdm", interval="1h")
    assert bar.low == Decimal(98)


def test_marks_as_events(store: MarketStore, tmp_path: Path) -> None:
    """As the files of a case give them."""
    file = marks(tmp_path, "one", [kline(0)])
    import_file(store, file)
    (bar,) = store.candles("BTCUSDT", "mark", START, START + 1)
    event = candle_event(bar)
    assert isinstance(event, MarkCandle)
    assert (event.symbol, event.time_ms, event.interval_ms, event.low) == ("BTCUSDT", START, MINUTE, Decimal(99))
    assert (event.source.file, event.source.line) == (str(file), 1)


def test_the_index_of_a_coin_margined_contract_is_its_pairs(store: MarketStore, tmp_path: Path) -> None:
    import_file(store, written(tmp_path / "indexPriceKlines" / "BTCUSD-1m-2025-02.csv", [kline(0)]))
    assert len(store.candles("BTCUSD_PERP", "index", START, START + 1)) == 1
    assert store.candles("BTCUSD_PERP", "mark", START, START + 1) == ()


def test_a_write_that_fails_leaves_what_was(store: MarketStore, tmp_path: Path) -> None:
    """Whole or not at all."""
    import_file(store, marks(tmp_path, "one", [kline(0)]))
    with (
        mock.patch.object(stores.os, "replace", side_effect=OSError("no space")),
        pytest.raises(OSError, match="space"),
    ):
        import_file(store, marks(tmp_path, "other", [kline(1)]))
    assert store.times(MARK) == [START]
    assert [path.name for path in store.folder.rglob("*.part")] == []


def test_a_damaged_file_of_the_store_is_named(store: MarketStore, tmp_path: Path) -> None:
    """And never taken for an empty one."""
    import_file(store, marks(tmp_path, "one", [kline(0)]))
    (path,) = store.folder.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StoreDamaged, match="2025-02"):
        store.candles("BTCUSDT", "mark", START, START + 1)
    with pytest.raises(StoreDamaged):
        import_file(store, marks(tmp_path, "other", [kline(1)]))
    assert path.stat().st_size == 50


def test_many_trades_are_merged_in_batches(store: MarketStore, tmp_path: Path) -> None:
    """No more rows are held than a batch, and nothing is lost between them."""
    lines = [AGG, *(f"{each},100.5,0.5,{each},{each},{START + each * 40_000},false" for each in range(5000))]
    file = written(tmp_path / "BTCUSDT-aggTrades-2025-02.csv", lines)
    held: list[int] = []
    add = MarketStore.add

    def counted(self: MarketStore, series: Series, rows: dict[str, list[object]]) -> object:
        held.append(len(rows["line"]))
        return add(self, series, rows)

    with mock.patch.object(importing, "BATCH", 700), mock.patch.object(MarketStore, "add", counted):
        (done,) = import_file(store, file)
    assert (done.added, done.problems, done.gaps) == (5000, (), ())
    assert max(held) == 700
    found = store.trades("BTCUSDT", START, START + 10**9, aggregated=True)
    assert [each.id for each in found] == list(range(5000))


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(stores.FOLDER_VARIABLE, str(tmp_path / "there"))
    assert MarketStore().folder == tmp_path / "there"


def test_real_candles(store: MarketStore, shared: Path) -> None:
    """On 2021-05-19 the last price of ETH fell to 1400.73, the mark to 1764.26; no bar is impossible, none missing."""
    for kind, name in (("last", "klines"), ("mark", "mark")):
        (done,) = import_file(store, shared / "market" / name / "ETHUSDT-1h.parquet", Hints(kind=kind))
        assert (done.added, done.problems, done.gaps) == (done.rows, (), ())
    (done,) = import_file(store, shared / "market" / "funding" / "BTCUSDT-history.parquet", Hints(kind="funding"))
    assert (done.added, done.problems, done.gaps) == (done.rows, (), ())
    day = 1_621_382_400_000
    lows = {
        kind: min(bar.low for bar in store.candles("ETHUSDT", kind, day, day + 24 * HOUR)) for kind in ("last", "mark")
    }
    assert (lows["last"], round(lows["mark"], 2)) == (Decimal("1400.73"), Decimal("1764.26"))


def test_the_folder_is_listed_once_and_again_after_an_addition(store: MarketStore, tmp_path: Path) -> None:
    """Whatever is asked."""
    import_file(store, marks(tmp_path, "one", [kline(0)]))
    with mock.patch.object(Path, "rglob", autospec=True, side_effect=Path.rglob) as listed:
        for _ in range(3):
            assert len(store.candles("BTCUSDT", "mark", START, START + MINUTE)) == 1
            assert store.funding("BTCUSDT", START, START + MINUTE) == ()
        assert listed.call_count == 1
    import_file(store, written(tmp_path / "markPriceKlines" / "ETHUSDT-1m-2025-02.csv", [kline(0)]))
    assert len(store.candles("ETHUSDT", "mark", START, START + MINUTE)) == 1

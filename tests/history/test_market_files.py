"""Files into the store: every layout, what each is taken for, and what becomes of bad ones."""

import gzip
import tempfile
from decimal import Decimal
from pathlib import Path
from unittest import mock

import polars
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from margincall.errors import UsageError
from margincall.history.market.importing import Imported, import_file
from margincall.history.market.kinds import Series
from margincall.history.market.naming import Hints, series_in
from margincall.history.market.store import MarketStore
from tests.history.market_files import AGG, HOUR, KLINES, METRICS, MINUTE, START, answered, kline, written, zipped

MARK = Series("binance_usdm", "mark", "BTCUSDT", "1m")
LAST = Series("binance_usdm", "last", "BTCUSDT", "1m")


@pytest.fixture
def store(tmp_path: Path) -> MarketStore:
    return MarketStore(tmp_path / "store")


def only(done: tuple[Imported, ...]) -> Imported:
    (found,) = done
    return found


def kinds(done: Imported) -> list[tuple[str, str]]:
    return [(each.place, each.kind) for each in done.problems]


@pytest.mark.parametrize(
    ("path", "series"),
    [
        ("futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip", LAST),
        ("futures/um/daily/markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2024-01-02.zip", MARK),
        (
            "futures/cm/daily/indexPriceKlines/BTCUSD/1h/BTCUSD-1h-2024-01-02.zip",
            Series("binance_coinm", "index", "BTCUSD", "1h"),
        ),
        (
            "futures/um/monthly/premiumIndexKlines/ETHUSDT/5m/ETHUSDT-5m-2024-01.csv",
            Series("binance_usdm", "premium", "ETHUSDT", "5m"),
        ),
        ("BTCUSDT-fundingRate-2024-01.csv", Series("binance_usdm", "funding", "BTCUSDT")),
        ("BTCUSDT-trades-2024-01.zip", Series("binance_usdm", "trades", "BTCUSDT")),
        ("BTCUSD_PERP-aggTrades-2024-01-01.zip", Series("binance_coinm", "agg_trades", "BTCUSD_PERP")),
        ("BTCUSDT-metrics-2024-01-01.zip", Series("binance_usdm", "positioning", "BTCUSDT", "5m")),
        ("markPriceKlines-BTCUSDT-1m-1738540800000.json", MARK),
        ("globalLongShortAccountRatio-BTCUSDT-1h.json", Series("binance_usdm", "positioning", "BTCUSDT", "1h")),
        ("futures/BTC_USDT_USDT-1m-mark.feather", MARK),
        ("futures/BTC_USDT_USDT-1m-futures.feather", LAST),
        ("futures/BTC_USDT_USDT-8h-funding_rate.feather", Series("binance_usdm", "funding", "BTCUSDT")),
    ],
)
def test_names_say_what_a_file_is_of(path: str, series: Series) -> None:
    assert series_in(path) == series


@pytest.mark.parametrize(
    ("path", "hints", "word"),
    [
        ("BTCUSDT-1m-2024-01.csv", Hints(), "--kind"),
        ("home/mark/BTCUSDT-1m-2024-01.csv", Hints(), "--kind"),
        ("klines/data.csv", Hints(interval="1m"), "--symbol"),
        ("klines/BTCUSDT.csv", Hints(), "--interval"),
        ("spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip", Hints(), "spot"),
        ("klines/BTCUSDT-1mo-2024-01.zip", Hints(), "calendar months"),
        ("klines/BTCUSDT-1m-2024-01.zip", Hints(kind="marks"), "none of"),
        ("klines/BTCUSDT-1m-2024-01.zip", Hints(venue="../up"), "no name"),
    ],
)
def test_what_no_name_says_is_asked_for(path: str, hints: Hints, word: str) -> None:
    """A price is never guessed."""
    with pytest.raises(UsageError, match=word):
        series_in(path, hints)


@pytest.mark.parametrize("header", [[], [KLINES]])
def test_candles_with_and_without_header(store: MarketStore, tmp_path: Path, header: list[str]) -> None:
    """In a zip or not, prices as printed, each with its line."""
    lines = [*header, *(kline(each) for each in range(3))]
    file = zipped(tmp_path / "markPriceKlines" / "BTCUSDT-1m-2025-02.zip", lines)
    done = only(import_file(store, file))
    assert (done.rows, done.added, done.bad, done.problems, done.gaps) == (3, 3, 0, (), ())
    assert store.frame(MARK)["open"].to_list() == ["100.10"] * 3
    bars = store.candles("BTCUSDT", "mark", START, START + 3 * MINUTE)
    assert [each.source.line for each in bars] == [len(header) + each for each in (1, 2, 3)]
    assert (bars[0].open, bars[0].price, bars[0].is_float) == (Decimal("100.10"), "mark", False)
    assert bars[0].source.file == f"{file}/BTCUSDT-1m-2025-02.csv"
    assert store.candles("BTCUSDT", "last", START, START + 3 * MINUTE) == ()


def test_microseconds_are_the_same_times_and_a_mix_is_told(store: MarketStore, tmp_path: Path) -> None:
    second = kline(1).replace(str(START + MINUTE), str((START + MINUTE) * 1000))
    file = written(tmp_path / "klines" / "BTCUSDT-1m-2025-02.csv", [kline(0), second, kline(2)])
    done = only(import_file(store, file))
    assert store.times(LAST) == [START, START + MINUTE, START + 2 * MINUTE]
    assert kinds(done) == [("line 2", "units"), ("line 3", "units")]


def test_funding_trades_and_positioning(store: MarketStore, tmp_path: Path) -> None:
    """Each kind of the portal."""
    funding = [
        "calc_time,funding_interval_hours,last_funding_rate",
        f"{START},8,-0.00010000",
        f"{START + 8 * HOUR},8,0.0003",
    ]
    import_file(store, zipped(tmp_path / "BTCUSDT-fundingRate-2025-02.zip", funding))
    rates = store.funding("BTCUSDT", START, START + 1)
    assert [(each.time_ms, each.rate, each.mark, each.source.line) for each in rates] == [
        (START, Decimal("-0.0001"), None, 2)
    ]
    trades = [
        "id,price,qty,quote_qty,time,is_buyer_maker",
        f"7,100.5,0.001,0.1,{START},true",
        f"8,100.6,2,201.2,{START},false",
    ]
    import_file(store, zipped(tmp_path / "BTCUSDT-trades-2025-02-03.zip", trades))
    found = store.trades("BTCUSDT", START, START + 1)
    assert [(each.id, each.price, each.quantity, each.buyer_maker) for each in found] == [
        (7, Decimal("100.5"), Decimal("0.001"), True),
        (8, Decimal("100.6"), Decimal(2), False),
    ]
    aggregated = [AGG, f"1,100.5,0.5,10,12,{START},false", f"4,100.5,0.5,13,13,{START + 5},True"]
    done = only(import_file(store, zipped(tmp_path / "BTCUSDT-aggTrades-2025-02-03.zip", aggregated)))
    assert [gap.missing for gap in done.gaps] == [2]
    assert len(store.trades("BTCUSDT", START, START + 10, aggregated=True)) == 2
    metrics = [
        METRICS,
        "2025-02-03 00:00:00,BTCUSDT,80000.5,8000000,1.5,1.25,,0.9",
        "2025-02-03 00:05:00,BTCUSDT,80001,8000100,,,,",
    ]
    import_file(store, zipped(tmp_path / "BTCUSDT-metrics-2025-02-03.zip", metrics))
    assert store.positioning("BTCUSDT", "open_interest", START, START + HOUR) == (
        (START, Decimal("80000.5")),
        (START + 5 * MINUTE, Decimal(80001)),
    )
    assert store.positioning("BTCUSDT", "account_ratio", START, START + HOUR) == ()


def test_answers_of_the_api_and_candles_of_ccxt(store: MarketStore, tmp_path: Path) -> None:
    """Which of three ratios an answer holds stands in its name; candles of ccxt are floats."""
    row = [START, "100.10", "101.00", "99.00", "100.00", "0", START + MINUTE - 1, "0", 60, "0", "0", "0"]
    only(import_file(store, answered(tmp_path / "markPriceKlines-BTCUSDT-1m.json", [row])))
    (bar,) = store.candles("BTCUSDT", "mark", START, START + 1)
    assert (str(bar.open), bar.source.line, bar.volume, bar.is_float) == ("100.10", 1, None, False)
    told = {"symbol": "BTCUSDT", "fundingTime": START + 3, "fundingRate": "0.0001", "markPrice": "99.5"}
    import_file(store, answered(tmp_path / "fundingRate-BTCUSDT.json", [told]))
    assert store.funding("BTCUSDT", START, START + 10)[0].mark == Decimal("99.5")
    for name, value in (("globalLongShortAccountRatio", "1.9"), ("topLongShortPositionRatio", "1.4")):
        ratio = {"symbol": "BTCUSDT", "longShortRatio": value, "longAccount": "0.6", "timestamp": str(START)}
        import_file(store, answered(tmp_path / f"{name}-BTCUSDT-5m.json", [ratio]))
    assert store.positioning("BTCUSDT", "account_ratio", START, START + 1) == ((START, Decimal("1.9")),)
    assert store.positioning("BTCUSDT", "top_trader_position_ratio", START, START + 1) == ((START, Decimal("1.4")),)
    hints = Hints("last", "bybit", "BTC/USDT:USDT", "1m")
    only(import_file(store, answered(tmp_path / "ohlcv.json", [[START, 100.1, 101, 99.0, 1e-05 + 100, 3.5]]), hints))
    (bar,) = store.candles("BTCUSDT", "last", START, START + 1)
    assert (bar.venue, bar.is_float, bar.close) == ("bybit", True, Decimal("100.00001"))


def test_parquet_and_feather(store: MarketStore, tmp_path: Path) -> None:
    """Binary floats become their shortest decimals, and say so; times need a zone."""
    times = polars.Series([START, START + MINUTE]).cast(polars.Datetime("ms")).dt.replace_time_zone("UTC")
    frame = polars.DataFrame(
        {"date": times, "open": [0.1, 1e-05], "high": [0.3, 0.2], "low": [0.1, 1e-05], "close": [0.3, 0.2]}
    )
    feather = tmp_path / "BTC_USDT_USDT-1m-mark.feather"
    frame.write_ipc(feather, compression="lz4")
    done = only(import_file(store, feather))
    assert (done.added, done.problems) == (2, ())
    bars = store.candles("BTCUSDT", "mark", START, START + 2 * MINUTE)
    assert [(str(bar.open), bar.is_float, bar.source.line) for bar in bars] == [("0.1", True, 1), ("0.00001", True, 2)]
    rates = tmp_path / "BTC_USDT_USDT-8h-funding_rate.feather"
    frame.with_columns(open=polars.Series([0.0001, -0.0002])).write_ipc(rates)
    only(import_file(store, rates))
    assert [each.rate for each in store.funding("BTCUSDT", START, START + HOUR)] == [
        Decimal("0.0001"),
        Decimal("-0.0002"),
    ]
    parquet = tmp_path / "markPriceKlines-BTCUSDT-1m.parquet"
    frame.with_columns(polars.col("date").dt.replace_time_zone(None)).write_parquet(parquet)
    assert "no zone" in only(import_file(store, parquet)).problems[0].message


BAD = [
    (kline(1, high="99.99"), "high"),
    (kline(1, low="100.01"), "low"),
    (kline(1, price="0"), "price"),
    (kline(1, price="-1"), "price"),
    (kline(1, volume="-1"), "volume"),
    (kline(1, price="NaN"), "unreadable"),
    (kline(1, price="inf"), "unreadable"),
    (kline(1, price=""), "unreadable"),
    (kline(1, price="1" * 60), "unreadable"),
    (kline(1, price="1e999"), "unreadable"),
    (kline(1, price="1_000"), "unreadable"),
    (kline(1).replace(str(START + MINUTE), str(START + MINUTE + 1)), "off-grid"),
    (kline(1).replace(str(START + MINUTE), "1738540860"), "time"),
    (kline(1).replace(str(START + MINUTE), ""), "time"),
    (f"{START + MINUTE},100", "columns"),
]


@pytest.mark.parametrize(("line", "kind"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_row_is_told_with_its_line_and_the_others_count(
    store: MarketStore, tmp_path: Path, line: str, kind: str
) -> None:
    """The hole that it leaves is a gap, and the store remembers why."""
    file = written(tmp_path / "klines" / "BTCUSDT-1m-2025-02.csv", [KLINES, kline(0), line, kline(2)])
    done = only(import_file(store, file))
    assert (done.added, done.bad, kinds(done)) == (2, 1, [("line 3", kind)])
    assert done.problems[0].raw[:20] == " ".join(line.split())[:20]
    assert [(gap.start_ms, gap.missing) for gap in done.gaps] == [(START + MINUTE, 1)]
    assert store.problems(LAST) == done.problems


def test_the_premium_may_be_negative(store: MarketStore, tmp_path: Path) -> None:
    line = f"{START},-0.0003,0.0001,-0.0005,0.0,0,0,0,0,0,0,0"
    done = only(import_file(store, written(tmp_path / "premiumIndexKlines" / "BTCUSDT-1m-2025-02.csv", [line])))
    assert (done.added, done.problems) == (1, ())


def test_the_same_row_twice_in_a_file_is_told(store: MarketStore, tmp_path: Path) -> None:
    file = written(tmp_path / "klines" / "BTCUSDT-1m-2025-02.csv", [kline(0), kline(1), kline(0)])
    done = only(import_file(store, file))
    assert (done.added, done.repeated, kinds(done)) == (2, 1, [("line 3", "duplicate")])


def test_files_that_are_cut_off_or_no_data(store: MarketStore, tmp_path: Path) -> None:
    """A sentence for each."""
    folder = tmp_path / "klines"
    whole = zipped(folder / "BTCUSDT-1m-2025-02.zip", [kline(0), kline(1)]).read_bytes()
    bad = {
        "cut.zip": whole[: len(whole) // 2],
        "empty.csv": b"",
        "header.csv": b"open_time,open,low,close\n1,2,3,4\n",
        "words.csv": "Zeit;Kurs\nheute;hoch\n".encode("utf-16"),
        "object.json": b'{"code":-1121,"msg":"Invalid symbol."}',
        "broken.json": b"[[1,2,3",
        "none.json": b"[]",
        "no.parquet": b"PAR1 not at all",
        "no.feather": b"FEA1 not at all",
    }
    for name, data in bad.items():
        path = folder / name
        path.write_bytes(data)
        for done in import_file(store, path, Hints(symbol="BTCUSDT", interval="1m")):
            assert (done.added, bool(done.problems)) == (0, True), name
    assert store.series() == ()


@pytest.mark.parametrize("suffix", [".zip", ".csv.gz"])
def test_of_a_damaged_archive_nothing_is_believed(store: MarketStore, tmp_path: Path, suffix: str) -> None:
    """Not even the rows before the damage: its check sum says that something is wrong, not what."""
    path = tmp_path / "klines" / f"BTCUSDT-1m-2025-02{suffix}"
    lines = [kline(each) for each in range(20_000)]
    if suffix == ".zip":
        whole = zipped(path, lines).read_bytes()
    else:
        path.parent.mkdir()
        whole = gzip.compress("\n".join(lines).encode())
    for place in (len(whole) // 2, len(whole) - 5):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        for data in (changed, whole[:place]):
            path.write_bytes(data)
            done = only(import_file(store, path))
            assert (done.added, len(done.problems)) == (0, 1)
            assert done.problems[0].message
    assert store.series() == ()
    path.write_bytes(whole)
    assert only(import_file(store, path)).added == 20_000


def test_a_line_without_an_end_stops_its_file_alone(store: MarketStore, tmp_path: Path) -> None:
    """What stood before it is stored."""
    lines = [*(kline(each) for each in range(10_000)), "1" * 3_000_000]
    done = only(import_file(store, written(tmp_path / "klines" / "BTCUSDT-1m-2025-02.csv", lines)))
    assert done.added > 5_000
    assert done.problems[-1].kind == "damaged"
    assert "a line of more than" in done.problems[-1].message


def test_bytes_that_are_no_utf8_cost_their_own_row(store: MarketStore, tmp_path: Path) -> None:
    path = tmp_path / "klines" / "BTCUSDT-1m-2025-02.csv"
    path.parent.mkdir()
    text = "\n".join([kline(0), kline(1), kline(2)]).replace("100.10", "1\xe90", 1)
    path.write_bytes(text.encode("latin-1"))
    done = only(import_file(store, path))
    assert (done.added, kinds(done)) == (2, [("line 1", "unreadable")])


SOUND = [kline(each) for each in range(20)]


def altered(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    """Some bytes changed, and the rest from the last place on cut off if its new value is 0."""
    found = bytearray(data)
    for place, value in changes:
        found[place % len(found)] = value
    return bytes(found[: changes[-1][0] % len(found)]) if changes and not changes[-1][1] else bytes(found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([".csv", ".zip", ".json", ".csv.gz"]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
)
def test_no_file_stops_an_import_or_gets_a_false_row_in(
    tmp_path: Path, suffix: str, changes: list[tuple[int, int]]
) -> None:
    """Whatever bytes are changed: every row that is stored was checked, and what is lost is told."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    path = folder / f"klines-BTCUSDT-1m{suffix}"
    if suffix == ".zip":
        zipped(path, SOUND)
    elif suffix == ".csv.gz":
        path.write_bytes(gzip.compress("\n".join(SOUND).encode()))
    elif suffix == ".json":
        answered(path, [line.split(",") for line in SOUND])
    else:
        written(path, SOUND)
    path.write_bytes(altered(path.read_bytes(), changes))
    store = MarketStore(folder / "store")
    done = import_file(store, path)
    stored = store.candles("BTCUSDT", "last", 0, 10**14)
    assert len(stored) == sum(each.added for each in done)
    assert all(0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in stored)
    assert len(stored) == len(SOUND) or any(each.problems or each.gaps or each.rows < len(SOUND) for each in done)


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_a_frame_that_is_cut_off_is_told(store: MarketStore, tmp_path: Path, suffix: str) -> None:
    """At any place; also where polars panics instead of raising an error of its own."""
    columns = list(zip(*(line.split(",")[:6] for line in SOUND), strict=True))
    frame = polars.DataFrame(dict(zip(KLINES.split(","), columns, strict=False)))
    path = tmp_path / f"klines-BTCUSDT-1m{suffix}"
    frame.write_parquet(path) if suffix == ".parquet" else frame.write_ipc(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(len(whole) // 40, 1)):
        path.write_bytes(whole[:length])
        done = only(import_file(store, path))
        assert (done.added, len(done.problems)) == (0, 1)
    path.write_bytes(whole)
    reader = "read_parquet" if suffix == ".parquet" else "read_ipc"
    with mock.patch.object(polars, reader, side_effect=polars.exceptions.PanicException("range end index 8")):
        assert "range end index 8" in only(import_file(store, path)).problems[0].message
    assert only(import_file(store, path)).added == len(SOUND)


@pytest.mark.parametrize(("market", "symbol"), [("UsdFutures", "BTCUSDT"), ("CoinFutures", "BTCUSD_PERP")])
@pytest.mark.parametrize(
    ("sample", "name", "rows"),
    [
        ("GetKlines", "klines", 1),
        ("GetMarkPriceKlines", "markPriceKlines", 1),
        ("GetIndexPriceKlines", "indexPriceKlines", 1),
        ("GetFundingRates", "fundingRate", 2),
        ("GetAggregatedTradeHistory", "aggTrades", 1),
        ("GetOpenInterestHistory", "openInterestHist", 4),
        ("GetTopLongShortPositionRatio", "topLongShortPositionRatio", 2),
    ],
)
def test_documented_answers(
    store: MarketStore, tmp_path: Path, shared: Path, market: str, symbol: str, sample: str, name: str, rows: int
) -> None:
    """The venue's own samples, which begin with method and path."""
    text = (shared / "api_samples" / f"Endpoints-{market}" / "ExchangeData" / f"{sample}.txt").read_text()
    path = tmp_path / f"{name}-{symbol}-1m.json"
    path.write_text(text.split("\n", 3)[3])
    done = only(import_file(store, path))
    assert (done.added, done.problems) == (rows, ())

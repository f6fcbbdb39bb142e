"""Price paths: exact where candles are known, within them where not, and the same for the same seed."""

import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.core.units import Price
from margincall.errors import NothingUsable, UsageError
from margincall.exchange.paths import Candle, Point, bridge, candles_of, crash, from_candles, from_points

TICK = Decimal("0.05")
MINUTE = 60_000
START = 1_738_540_800_000


def price(ticks: int) -> Price:
    return Price(ticks * TICK)


def candle(ticks: tuple[int, int, int, int], time_ms: int = START) -> Candle:
    """Open, high, low, close in ticks."""
    return Candle(time_ms, MINUTE, *map(price, ticks))


@st.composite
def candles(draw: st.DrawFn, unit: Decimal = TICK) -> Candle:
    low, *between, high = sorted(draw(st.lists(st.integers(1, 400), min_size=4, max_size=4)))
    first, last = draw(st.permutations(between))
    return Candle(START, MINUTE, *(Price(each * unit) for each in (first, high, low, last)))


def corners(found: Candle) -> list[Decimal]:
    rising = found.close >= found.open
    return [found.open, *((found.low, found.high) if rising else (found.high, found.low)), found.close]


# Marks have more decimals than the tick.
ANY = candles() | candles(unit=Decimal("0.01234567"))


@given(ANY, st.integers(4, 90), st.integers())
def test_a_bridge_goes_through_the_four_prices_and_never_outside(found: Candle, steps: int, seed: int) -> None:
    path = bridge(found, steps, Random(seed), TICK)
    prices = [each for _, each in path]
    assert len(path) == steps
    assert (prices[0], max(prices), min(prices), prices[-1]) == (found.open, found.high, found.low, found.close)
    assert path[0][0] == START
    assert path[-1][0] < START + MINUTE
    assert all(one < other for (one, _), (other, _) in pairwise(path))
    assert all(each in corners(found) or each % TICK == 0 for each in prices)


@given(ANY, st.integers(4, 90), st.integers())
def test_a_bridge_moves_one_way_between_its_corners(found: Candle, steps: int, seed: int) -> None:
    left = [each for _, each in bridge(found, steps, Random(seed), TICK)]
    first, *others = corners(found)
    for begin, end in pairwise([first, *others]):
        # The last point at this corner begins the segment.
        sign = 1 if end >= begin else -1
        while len(left) > 1 and sign * (left[1] - left[0]) >= 0 and sign * (end - left[1]) >= 0:
            left.pop(0)
        assert left[0] == end
    assert left == [found.close]


@given(ANY, st.integers())
def test_the_same_seed_gives_the_same_bridge(found: Candle, seed: int) -> None:
    assert bridge(found, 30, Random(seed), TICK) == bridge(found, 30, Random(seed), TICK)


def test_a_bridge_of_four_points_is_the_candle() -> None:
    falling, rising = candle((10, 14, 3, 5)), candle((10, 14, 3, 11))
    assert bridge(falling, 4, Random(1), TICK) == [
        (START, price(10)),
        (START + 15_000, price(14)),
        (START + 30_000, price(3)),
        (START + 45_000, price(5)),
    ]
    assert [each for _, each in bridge(rising, 4, Random(1), TICK)] == [price(each) for each in (10, 3, 14, 11)]
    assert {each for _, each in bridge(candle((7, 7, 7, 7)), 9, Random(1), TICK)} == {price(7)}


@given(st.lists(ANY, min_size=1, max_size=5), st.integers())
def test_a_chain_stays_within_the_candle_of_each_time(found: list[Candle], seed: int) -> None:
    chain = [
        Candle(START + at * MINUTE, MINUTE, each.open, each.high, each.low, each.close) for at, each in enumerate(found)
    ]
    path = list(from_candles(chain, 1000, seed, TICK))
    assert [at for at, _ in path] == list(range(START, START + len(chain) * MINUTE, 1000))
    for at, each in path:
        within = chain[(at - START) // MINUTE]
        assert within.low <= each <= within.high
    # A part of the candles gives that part of the path.
    assert list(from_candles(chain[1:], 1000, seed, TICK)) == path[60:]
    assert list(from_candles(chain, 1000, seed, TICK)) == path


def test_another_seed_gives_another_path() -> None:
    found = [candle((100, 190, 3, 50))]
    assert list(from_candles(found, 1000, 1, TICK)) != list(from_candles(found, 1000, 2, TICK))


def test_the_path_is_the_same_in_another_process() -> None:
    code = (
        "from decimal import Decimal; from margincall.exchange.paths import *;"
        f"print(list(from_candles([Candle({START}, 60000, *map(Decimal, (100, 190, 3, 50)))], 1000, 7, Decimal(1))))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "src"},
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        ).stdout
        for seed in ("1", "2")
    ]
    found = [Candle(START, 60_000, *(Price(Decimal(each)) for each in (100, 190, 3, 50)))]
    assert runs == [f"{list(from_candles(found, 1000, 7, Decimal(1)))}\n"] * 2


@pytest.mark.parametrize("step_ms", [7, 20_000, 60_000])
def test_a_step_that_does_not_fit_is_refused(step_ms: int) -> None:
    with pytest.raises(ValueError, match=f"a step of {step_ms} ms"):
        list(from_candles([candle((10, 14, 3, 5))], step_ms, 1, TICK))


# --- without candles --------------------------------------------------------------------------------------


def test_a_crash_follows_its_formula() -> None:
    path = crash(Decimal(100), Decimal(80), 4, tick=TICK, start_ms=5, step_ms=10)
    # 3x² − 2x³ at quarters: 10/64, 32/64, 54/64 of 20, rounded to the tick towards 100.
    assert path == [
        (5, Decimal("100.00")),
        (15, Decimal("96.90")),
        (25, Decimal("90.00")),
        (35, Decimal("83.15")),
        (45, Decimal("80.00")),
    ]


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 200))
def test_a_crash_moves_one_way_and_ends_where_it_should(start: int, end: int, steps: int) -> None:
    prices = [each for _, each in crash(price(start), price(end), steps, tick=TICK)]
    assert (len(prices), prices[0], prices[-1]) == (steps + 1, price(start), price(end))
    assert prices == sorted(prices, reverse=end < start)
    assert all(each % TICK == 0 for each in prices)


def test_a_crash_off_the_tick_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.01 is not a positive multiple of the tick 0\.05"):
        crash(Decimal("0.01"), Decimal(1), 5, tick=TICK)


def test_points_are_joined_by_lines() -> None:
    points: list[Point] = [(0, Decimal(10)), (3000, Decimal("10.10")), (5000, Decimal("9.80"))]
    assert from_points(points, step_ms=1000, tick=TICK) == [
        (0, Decimal("10.00")),
        (1000, Decimal("10.00")),
        (2000, Decimal("10.05")),
        (3000, Decimal("10.10")),
        (4000, Decimal("9.95")),
        (5000, Decimal("9.80")),
    ]
    assert from_points(points[:1], step_ms=1000, tick=TICK) == points[:1]
    assert from_points([], step_ms=1000, tick=TICK) == []


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([(0, "10"), (1500, "10")], "1500 ms is not a whole number of steps"),
        ([(0, "10"), (0, "11")], "times must grow"),
        ([(0, "10.01")], "not a positive multiple"),
        ([(0, "0")], "not a positive multiple"),
    ],
)
def test_points_that_make_no_path_are_refused(points: list[tuple[int, str]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_points([(at, Decimal(each)) for at, each in points], step_ms=1000, tick=TICK)


# --- files of candles -------------------------------------------------------------------------------------

HEADER = "open_time,open,high,low,close,volume\n"
ROWS = [f"{START + at * MINUTE},{10 + at},{12 + at},9,{11 + at},5\n" for at in range(3)]


def csv_file(folder: Path, text: str, name: str = "ALGOUSDT-1m-2025-02.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_candles_of_a_csv_with_and_without_header(tmp_path: Path) -> None:
    one = csv_file(tmp_path, HEADER + "".join(ROWS))
    other = csv_file(tmp_path, "".join(ROWS), "ALGOUSDT-1m.csv")
    for path in (one, other):
        found = candles_of(path, "ALGOUSDT", START + MINUTE, START + 3 * MINUTE)
        assert [each.time_ms for each in found] == [START + MINUTE, START + 2 * MINUTE]
        assert found[0] == Candle(START + MINUTE, MINUTE, *(Price(Decimal(each)) for each in (11, 13, 9, 12)))


def test_months_in_a_folder_are_read_as_one(tmp_path: Path) -> None:
    csv_file(tmp_path, "".join(ROWS[:1]), "ALGOUSDT-1m-2025-01.csv")
    csv_file(tmp_path, "".join(ROWS[1:]), "ALGOUSDT-1m-2025-02.csv")
    csv_file(tmp_path, "nonsense", "FILUSDT-1m-2025-02.csv")
    csv_file(tmp_path, "nonsense", "notes.csv")
    assert len(candles_of(tmp_path, "ALGOUSDT", START, START + MINUTE * 9)) == 3
    csv_file(tmp_path, "".join(ROWS[:1]), "ALGOUSDT-1h-2025-02.csv")
    with pytest.raises(UsageError, match="ALGOUSDT is there as 1h, 1m: say which interval"):
        candles_of(tmp_path, "ALGOUSDT", START, START + MINUTE * 9)
    assert len(candles_of(tmp_path, "ALGOUSDT", START, START + MINUTE * 9, interval="1m")) == 3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,1,1,1,1", "line 1: expected open_time, open, high, low, close, found"),
        (f"{START},1,1", "line 1: expected open_time, open, high, low, close, found"),
        (f"{START},1,nan,1,1", "line 1: expected open_time"),
        (f"{START}000,1,1,1,1", "line 1: .* is no time in milliseconds"),
        (f"{START},1,2,1,3", "line 1: open or close lies outside of low to high"),
        (f"{START},0,0,0,0", "line 1: open or close lies outside of low to high"),
        (f"{ROWS[0]}{ROWS[0]}", "overlap"),
    ],
)
def test_rows_that_are_no_candles_are_refused(tmp_path: Path, row: str, said: str) -> None:
    path = csv_file(tmp_path, row)
    with pytest.raises(UsageError, match=said):
        candles_of(path, "ALGOUSDT", START, START + MINUTE * 9)


def test_files_that_are_none_of_candles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        candles_of(tmp_path / "a.csv", "ALGOUSDT", 0, 1)
    with pytest.raises(UsageError, match=r"candles are read from \.parquet and \.csv"):
        candles_of(csv_file(tmp_path, "", "ALGOUSDT-1m.txt"), "ALGOUSDT", 0, 1)
    with pytest.raises(UsageError, match="the name must say symbol and interval"):
        candles_of(csv_file(tmp_path, "", "candles.csv"), "ALGOUSDT", 0, 1)
    with pytest.raises(UsageError, match="cannot be read as candles"):
        candles_of(csv_file(tmp_path, "PAR1", "ALGOUSDT-1m.parquet"), "ALGOUSDT", 0, 1)
    with pytest.raises(NothingUsable, match="no candle of FILUSDT"):
        candles_of(csv_file(tmp_path, "".join(ROWS)), "FILUSDT", START, START + 1)


def test_without_polars_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(UsageError, match=r"pip install 'margincall\[market\]'"):
        candles_of(csv_file(tmp_path, "", "ALGOUSDT-1m.parquet"), "ALGOUSDT", 0, 1)


# --- real candles -----------------------------------------------------------------------------------------

DAY = 86_400_000
CRASHES = [
    # symbol, and the day in milliseconds: 2025-02-03, 2023-08-17, 2025-04-04
    ("ALGOUSDT", 1_738_540_800_000),
    ("AVAXUSDT", 1_738_540_800_000),
    ("FILUSDT", 1_738_540_800_000),
    ("NEARUSDT", 1_738_540_800_000),
    ("FILUSDT", 1_692_230_400_000),
    ("NEARUSDT", 1_692_230_400_000),
    ("FILUSDT", 1_743_724_800_000),
]


@pytest.mark.parametrize(("symbol", "day_ms"), CRASHES)
def test_crashes_of_single_days(shared: Path, symbol: str, day_ms: int) -> None:
    found = candles_of(shared / "market" / "klines-1m-vision", symbol, day_ms, day_ms + DAY)
    assert len(found) == 1440
    worst = min(
        each.low / max(other.high for other in found[max(0, at - 60) : at + 1]) for at, each in enumerate(found)
    )
    assert worst < Decimal("0.84"), "a crash of more than 16 % within an hour"
    tick = Decimal("0.0001") if symbol == "ALGOUSDT" else Decimal("0.001")
    path = list(from_candles(found, 1000, 1, tick))
    assert len(path) == 86_400
    assert min(each for _, each in path) == min(each.low for each in found)
    assert all(each % tick == 0 for _, each in path)


@pytest.mark.parametrize(
    ("symbol", "time_ms", "low"),
    [
        ("BTCUSDT", 1_583_971_200_000, None),
        ("ETHUSDT", 1_621_382_400_000, "1764.26"),
    ],
)
def test_marks_of_two_crash_days(shared: Path, symbol: str, time_ms: int, low: str | None) -> None:
    found = candles_of(shared / "market" / "mark", symbol, time_ms, time_ms + DAY)
    assert len(found) == 24
    assert all(each.interval_ms == 3_600_000 for each in found)
    lowest = min(each.low for each in found)
    assert low is None or lowest.quantize(Decimal("0.01")) == Decimal(low)
    path = list(from_candles(found, 10_000, 1, Decimal("0.01")))
    assert min(each for _, each in path) == lowest

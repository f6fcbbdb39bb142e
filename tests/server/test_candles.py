"""Candles follow trades, marks, indices and premiums; every interval is made of minutes."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from margincall.exchange import commands
from margincall.server.archive import Archive
from margincall.server.candles import INTERVALS, Series, begin_ms, next_ms
from tests.server.market_world import BEGUN_MS, DAY_MS, HOUR_MS, MINUTE_MS, D, Market

BTC = "BTCUSDT"
KLINES = "/fapi/v1/klines"


@pytest.fixture
def market(tmp_path: Path):
    with Market(tmp_path) as found:
        yield found


def test_a_minute_of_trades(market: Market) -> None:
    assert market.get(KLINES, symbol=BTC, interval="1m") == []
    for price in (50_000, 50_200, 49_900):
        market.trade("0.1", price)
    market.order("alice", "BUY", "0.2", 49_950)
    market.order("bob", "SELL", "0.2", 49_950)
    assert market.get(KLINES, symbol=BTC, interval="1m") == [
        [BEGUN_MS, "50000.0", "50200.0", "49900.0", "49950.0", "0.500", BEGUN_MS + 59_999, "25000.0000", 4, "0.300",
         "15010.0000", "0"]
    ]  # fmt: skip


def test_minutes_without_a_trade_are_flat(market: Market) -> None:
    market.trade("0.1", 50_000)
    market.wait(3 * MINUTE_MS)
    market.trade("0.1", 50_100)
    market.wait(2 * MINUTE_MS)
    told = market.get(KLINES, symbol=BTC, interval="1m")
    assert [(row[0] - BEGUN_MS) // MINUTE_MS for row in told] == [0, 1, 2, 3, 4, 5]
    assert [row[4] for row in told] == ["50000.0"] * 3 + ["50100.0"] * 3
    assert [row[8] for row in told] == [1, 0, 0, 1, 0, 0]
    assert told[1] == [
        BEGUN_MS + MINUTE_MS, "50000.0", "50000.0", "50000.0", "50000.0", "0", BEGUN_MS + 2 * MINUTE_MS - 1, "0", 0,
        "0", "0", "0",
    ]  # fmt: skip


def test_a_span_of_candles(market: Market) -> None:
    for price in range(50_000, 50_010):
        market.trade("0.1", price)
        market.wait(MINUTE_MS)
    at = [BEGUN_MS + number * MINUTE_MS for number in range(11)]

    def begins(**params: object) -> list[int]:
        return [row[0] for row in market.get(KLINES, symbol=BTC, interval="1m", **params)]

    assert begins() == at
    assert begins(limit=3) == at[-3:]
    assert begins(startTime=at[2], limit=3) == at[2:5]
    assert begins(startTime=at[2] + 1, limit=2) == at[3:5]
    assert begins(startTime=0, limit=2) == at[:2]
    assert begins(endTime=at[4] + 30_000, limit=2) == at[3:5]
    assert begins(startTime=at[3], endTime=at[5]) == at[3:6]
    assert begins(startTime=at[10] + 1) == []
    assert begins(endTime=at[0] - 1) == []


def test_marks_indices_and_premiums(market: Market) -> None:
    market.do(commands.SetIndex(symbol=BTC, sources=(commands.Source(name="spot", price=D(50_010)),)))
    market.wait(1_000)
    market.do(commands.SetMark(symbol=BTC, price=D("50020.5")))
    mark = market.get("/fapi/v1/markPriceKlines", symbol=BTC, interval="5m")
    assert [row[1:6] for row in mark] == [["50000.00000000", "50020.50000000", "50000.00000000", "50020.50000000", "0"]]
    index = market.get("/fapi/v1/indexPriceKlines", pair=BTC, interval="1m")
    assert [row[4] for row in index] == ["50010.00000000"]
    assert market.get("/fapi/v1/premiumIndexKlines", symbol=BTC, interval="1m") == []
    market.order("alice", "BUY", 10, 50_100)
    market.wait(4_000)
    premium = market.get("/fapi/v1/premiumIndexKlines", symbol=BTC, interval="1m")
    assert Decimal(premium[0][4]) == Decimal("0.00179964")
    market.do(commands.CancelAll(account="alice", symbol=BTC))
    market.wait(5_000)
    premium = market.get("/fapi/v1/premiumIndexKlines", symbol=BTC, interval="1m")
    assert [Decimal(each) for each in premium[0][1:5]] == [D("0.00179964"), D("0.00179964"), D(0), D(0)]
    assert premium[0][8] == 2


def test_continuous_candles_are_those_of_the_perpetual(market: Market) -> None:
    market.trade("0.1", 50_000)
    path = "/fapi/v1/continuousKlines"
    told = market.get(path, pair=BTC, contractType="PERPETUAL", interval="1h")
    assert told == market.get(KLINES, symbol=BTC, interval="1h")
    assert len(told) == 1
    assert market.get(path, pair=BTC, contractType="CURRENT_QUARTER", interval="1h") == []
    assert market.refused(path, pair=BTC, contractType="NEVER", interval="1h")[1] == -1130
    assert market.refused(path, pair="BTCEUR", contractType="PERPETUAL", interval="1h")[1] == -1121


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": BTC}, -1102),
        ({"interval": "1m"}, -1102),
        ({"symbol": BTC, "interval": "1s"}, -1120),
        ({"symbol": BTC, "interval": "7m"}, -1120),
        ({"symbol": BTC, "interval": "1m", "limit": 2000}, -1130),
        ({"symbol": BTC, "interval": "1m", "limit": 0}, -1130),
        ({"symbol": BTC, "interval": "1m", "startTime": 2, "endTime": 1}, -1023),
        ({"symbol": BTC, "interval": "1m", "startTime": "soon"}, -1100),
    ],
)
def test_refused_questions(market: Market, params: dict[str, object], code: int) -> None:
    assert market.refused(KLINES, **params)[1] == code


@pytest.mark.parametrize("interval", list(INTERVALS))
def test_spans_follow_each_other(interval: str) -> None:
    time_ms = BEGUN_MS + 123_456
    start_ms = begin_ms(interval, time_ms)
    end_ms = next_ms(interval, start_ms)
    assert start_ms <= time_ms < end_ms
    assert begin_ms(interval, end_ms - 1) == start_ms
    assert begin_ms(interval, end_ms) == end_ms
    assert next_ms(interval, end_ms, -1) == start_ms
    if interval in ("1w", "1M"):
        at = datetime.fromtimestamp(start_ms / 1000, UTC)
        assert at.weekday() == 0 if interval == "1w" else at.day == 1


def naive(ticks: list[tuple[int, Decimal, Decimal, bool]], interval: str, until_ms: int) -> list[list[Any]]:
    """Candles by looking at all trades for each span, the slow way."""
    rows: list[list[Any]] = []
    start_ms = begin_ms(interval, ticks[0][0])
    close = ticks[0][1]
    while start_ms <= until_ms:
        end_ms = next_ms(interval, start_ms)
        own = [each for each in ticks if start_ms <= each[0] < end_ms]
        prices = [each[1] for each in own] or [close]
        close = prices[-1]
        bought = [each for each in own if each[3]]
        rows.append([
            start_ms, prices[0], max(prices), min(prices), close, sum((each[2] for each in own), D(0)), end_ms - 1,
            sum((each[1] * each[2] for each in own), D(0)), len(own), sum((each[2] for each in bought), D(0)),
            sum((each[1] * each[2] for each in bought), D(0)), D(0),
        ])  # fmt: skip
        start_ms = end_ms
    return rows


@pytest.mark.parametrize("seed", range(2))
def test_every_interval_is_that_of_the_trades(seed: int) -> None:
    chance = Random(seed)
    with Archive() as archive:
        series = Series(archive, "last", BTC)
        now_ms, ticks = BEGUN_MS, []
        for _ in range(250):
            now_ms += chance.choice((0, 1_000, MINUTE_MS, MINUTE_MS, HOUR_MS, 9 * HOUR_MS))
            price, size = D(chance.randint(1, 9_999)) / 10, D(chance.randint(1, 500)) / 1000
            bought = chance.random() < 0.5
            ticks.append((now_ms, price, size, bought))
            series.trade(now_ms, price, size, price * size, bought=bought)
        now_ms += 3 * DAY_MS
        for interval in INTERVALS:
            told = series.find(interval, now_ms, limit=1500)
            asked = naive(ticks, interval, now_ms)[-1500:]
            assert [[each if isinstance(each, int) else D(str(each)) for each in row] for row in told] == asked
            current = series.current(interval, now_ms)
            assert current is not None
            assert (current.start_ms, current.close, current.count) == (asked[-1][0], asked[-1][4], asked[-1][8])


@pytest.mark.parametrize("late_ms", [0, 20_000, 55_000])
@pytest.mark.parametrize("count", [1, 11, 12, 13, 36, 47, 5_000, 5_001])
def test_a_price_that_is_told_often_is_one_that_is_told_each_time(count: int, late_ms: int) -> None:
    """Every interval, from within a minute on, between other prices."""
    begin_ms, found = BEGUN_MS + MINUTE_MS + late_ms, []
    for at_once in (True, False):
        with Archive() as archive:
            series = Series(archive, "premium", "BTCUSDT")
            series.tell(BEGUN_MS, Decimal(3))
            times = [begin_ms + number * 5_000 for number in range(count)]
            if at_once:
                series.tell_often(begin_ms, Decimal(2), count, 5_000)
            else:
                for time_ms in times:
                    series.tell(time_ms, Decimal(2))
            end_ms = times[-1] + 5_000
            series.tell(end_ms, Decimal(1))
            found.append([series.find(each, end_ms, since_ms=0, limit=10_000) for each in INTERVALS])
    assert found[0] == found[1]
    assert sum(row[8] for row in found[0][0]) == count + 2

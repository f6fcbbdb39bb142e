"""What is read of the store for a history: each time once, however many liquidations it is near."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest

from margincall.core.events import MarkCandle, MarkPrice, Source
from margincall.forensics.stored import AROUND_MS, Span, mark_candles, merged
from margincall.history.market.importing import import_file
from margincall.history.market.store import MarketStore
from tests.history.market_files import MINUTE, START, kline, written

AT = START + 20 * MINUTE
HERE = MarkPrice(time_ms=AT, source=Source("a"), symbol="BTCUSDT", price=Decimal(100))


@pytest.fixture
def store(tmp_path: Path) -> MarketStore:
    """An hour of the mark by the minute, and an hour more by five minutes."""
    found = MarketStore(tmp_path / "store")
    folder = tmp_path / "markPriceKlines"
    import_file(found, written(folder / "BTCUSDT-1m-2025-02.csv", [kline(each) for each in range(60)]))
    import_file(found, written(folder / "BTCUSDT-5m-2025-02.csv", [kline(each) for each in range(60, 120, 5)]))
    return found


def told(candles: Iterable[MarkCandle]) -> list[tuple[int, int]]:
    """Minute and length in minutes."""
    return [((each.time_ms - START) // MINUTE, each.interval_ms // MINUTE) for each in candles]


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([], []),
        ([(0, 5)], [(0, 5)]),
        ([(3, 9), (0, 5)], [(0, 9)]),
        ([(0, 5), (5, 6), (8, 9)], [(0, 6), (8, 9)]),
        ([(0, 9), (2, 3), (4, 12)], [(0, 12)]),
    ],
)
def test_overlapping_times_become_one(spans: list[tuple[int, int]], found: list[tuple[int, int]]) -> None:
    assert merged(Span(*each) for each in spans) == [Span(*each) for each in found]


def test_liquidations_near_each_other_read_once(store: MarketStore) -> None:
    """As often as for one, and each candle comes once."""
    reads = []
    for times in ([AT], [AT, AT + MINUTE, AT + 5 * MINUTE]):
        with mock.patch.object(MarketStore, "frame", autospec=True, side_effect=MarketStore.frame) as read:
            found = mark_candles(store, [HERE], times)
        reads.append(read.call_count)
        last = (times[-1] + AROUND_MS - START) // MINUTE
        assert told(found) == [(minute, 1) for minute in range(10, last)]
    assert reads == [2, 2]


def test_each_time_has_the_shortest_candles_around_it(store: MarketStore) -> None:
    """Read together, yet as each alone: where there are only five minutes, those."""
    times = [START + 65 * MINUTE, START + 75 * MINUTE]
    alone = {each for time in times for each in told(mark_candles(store, [HERE], [time]))}
    assert alone == {(55, 1), (56, 1), (57, 1), (58, 1), (59, 1), *((minute, 5) for minute in range(65, 85, 5))}
    assert set(told(mark_candles(store, [HERE], times))) == alone


def test_candles_of_the_files_stay(store: MarketStore) -> None:
    """The store only fills in."""
    own = MarkCandle(
        time_ms=AT, source=Source("own"), symbol="BTCUSDT", interval_ms=MINUTE,
        open=Decimal(1), high=Decimal(1), low=Decimal(1), close=Decimal(1),
    )  # fmt: skip
    assert (20, 1) not in told(mark_candles(store, [HERE, own], [AT]))
    assert (20, 1) in told(mark_candles(store, [HERE], [AT]))

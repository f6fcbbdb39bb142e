"""Bars of files beside those of a store: the files' own count, and where the two differ it is told."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from margincall.core.events import Source
from margincall.core.units import Price
from margincall.history.public import Bar, Market, PriceKind, read_market

T0 = 1_779_998_400_000
MINUTE = 60_000
STORE = Source("store.csv", line=7)


def bar(minute: int, *, close: str = "100.50", venue: str = "binance", price: PriceKind = "mark") -> Bar:
    """A bar of the store."""
    ends = [Price(Decimal(each)) for each in ("100", "101", "99", close)]
    return Bar("BTCUSDT", price, T0 + minute * MINUTE, MINUTE, *ends, STORE, venue)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A minute of the mark as the venue answered it."""
    path = tmp_path / "markPriceKlines-BTCUSDT-1m.json"
    path.write_text(json.dumps([[T0, "100.0", "101.0", "99.0", "100.5", "0"]]))
    return path


def sources(market: Market) -> list[tuple[int, str]]:
    """Minute and file of each bar."""
    return [((each.time_ms - T0) // MINUTE, Path(each.source.file).name) for each in market.bars["BTCUSDT"]]


def test_the_files_bar_counts_and_the_store_fills_in(file: Path) -> None:
    """Each with its own source; the same prices with other zeros are no conflict."""
    market = read_market([file], [bar(0), bar(1)])
    assert sources(market) == [(0, file.name), (1, "store.csv")]
    assert market.problems == ()


def test_where_they_differ_it_is_told(file: Path) -> None:
    """With file and place of both, and both prices."""
    market = read_market([file], [bar(0, close="99.7")])
    assert sources(market) == [(0, file.name)]
    assert market.bars["BTCUSDT"][0].close == Decimal("100.5")
    (problem,) = market.problems
    assert (problem.file, problem.kind, problem.raw) == (str(file), "conflict", "100.0 101.0 99.0 100.5")
    assert "the mark candle of 2026-05-28 20:00:00" in problem.message
    assert "100 101 99 99.7 in the store (store.csv, line 7)" in problem.message


@pytest.mark.parametrize("other", [bar(0, close="99.7", venue="bybit"), bar(0, close="99.7", price="index")])
def test_another_venue_or_price_is_another_bar(file: Path, other: Bar) -> None:
    market = read_market([file], [other])
    assert sources(market) == [(0, file.name), (0, "store.csv")]
    assert market.problems == ()

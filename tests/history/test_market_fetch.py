"""Fetching, from a server on the loopback: pages, the bar that has not ended, what the venue refuses, other venues."""

import asyncio
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from margincall.case.transport import network
from margincall.errors import NothingUsable, UsageError
from margincall.history.market import ccxt_source
from margincall.history.market.fetching import RATIOS, Params, fetch
from margincall.history.market.importing import Imported
from margincall.history.market.kinds import Kind, Series
from margincall.history.market.store import MarketStore
from tests.history.market_files import HOUR, MINUTE, START
from tests.history.market_server import BARS, MISSING, TRADES, MarketServer, running

LATER = START + 10 * BARS * MINUTE
LAST = Series("binance_usdm", "last", "BTCUSDT", "1m")


@pytest.fixture
def store(tmp_path: Path) -> MarketStore:
    return MarketStore(tmp_path / "store")


def fetched(
    store: MarketStore, series: Series, span: tuple[int, int], server: MarketServer, *, now_ms: int = LATER
) -> Imported:
    """Fetch over a real connection."""

    async def run() -> Imported:
        async with running(server) as base, network() as get:

            async def ask(host: str, path: str, params: Params, weight: int) -> bytes:
                query = "&".join(f"{name}={value}" for name, value in params)
                reply = await get(f"{base}{path}?{query}", {})
                if reply.status != 200:
                    raise NothingUsable(reply.body.decode())
                return reply.body

            return await fetch(store, ask, series, span, now_ms)

    return asyncio.run(run())


def test_candles_come_page_by_page_with_their_gap(store: MarketStore) -> None:
    """Each bar once, with the request as its source."""
    server = MarketServer()
    done = fetched(store, LAST, (START, START + BARS * MINUTE), server)
    assert [params["startTime"] for _, params in server.asked] == [
        str(START), str(START + 999 * MINUTE + 1), str(START + 2000 * MINUTE + 1)
    ]  # fmt: skip
    assert (done.rows, done.added, done.problems) == (BARS - 1, BARS - 1, ())
    assert [(gap.start_ms, gap.missing) for gap in done.gaps] == [(START + MISSING * MINUTE, 1)]
    (bar,) = store.candles("BTCUSDT", "last", START, START + 1)
    assert bar.source.file.startswith("/fapi/v1/klines?symbol=BTCUSDT&interval=1m")
    assert (str(bar.open), bar.is_float, bar.volume) == ("100.10", False, Decimal(5))


def test_a_bar_that_has_not_ended_is_left_out(store: MarketStore) -> None:
    """It would change."""
    now = START + 10 * MINUTE + 500
    fetched(store, LAST, (START, LATER), MarketServer(), now_ms=now)
    assert store.times(LAST)[-1] == START + 9 * MINUTE
    again = fetched(store, LAST, (START, LATER), MarketServer(), now_ms=now + MINUTE)
    assert (again.added, again.known, again.conflicts) == (1, 10, 0)


@pytest.mark.parametrize(
    ("series", "path", "name"),
    [
        (Series("binance_usdm", "mark", "BTCUSDT", "1m"), "/fapi/v1/markPriceKlines", "symbol"),
        (Series("binance_usdm", "index", "BTCUSDT", "1m"), "/fapi/v1/indexPriceKlines", "pair"),
        (Series("binance_usdm", "premium", "BTCUSDT", "1m"), "/fapi/v1/premiumIndexKlines", "symbol"),
        (Series("binance_coinm", "index", "BTCUSD_PERP", "1m"), "/dapi/v1/indexPriceKlines", "pair"),
        (Series("binance_coinm", "mark", "BTCUSD_PERP", "1m"), "/dapi/v1/markPriceKlines", "symbol"),
    ],
)
def test_each_kind_has_its_endpoint(store: MarketStore, series: Series, path: str, name: str) -> None:
    server = MarketServer()
    done = fetched(store, series, (START, START + 5 * MINUTE), server)
    assert server.asked[0][0] == path
    assert server.asked[0][1][name] == (series.symbol.partition("_")[0] if name == "pair" else series.symbol)
    assert done.series == series
    assert done.added == 5


def test_trades_of_full_hours_go_on_by_number(store: MarketStore) -> None:
    """2,600 trades in 44 minutes are three pages; every one is stored once, without a gap."""
    server = MarketServer()
    series = Series("binance_usdm", "agg_trades", "BTCUSDT")
    done = fetched(store, series, (START, START + 2 * HOUR), server)
    assert (done.added, done.gaps) == (TRADES, ())
    assert [params.get("fromId") for _, params in server.asked] == [None, "1000", "2000", None]
    assert len(store.trades("BTCUSDT", START, START + 2 * HOUR, aggregated=True)) == TRADES


def test_funding_and_positioning(store: MarketStore) -> None:
    """Open interest and four ratios are five endpoints and one series."""
    done = fetched(store, Series("binance_usdm", "funding", "BTCUSDT"), (START, START + 24 * HOUR), MarketServer())
    assert (done.added, done.gaps) == (3, ())
    server = MarketServer()
    fetched(store, Series("binance_usdm", "positioning", "BTCUSDT", "5m"), (START, START + HOUR), server)
    assert len(server.asked) == 5
    names = ("open_interest", "account_ratio", "top_trader_account_ratio", "top_trader_position_ratio")
    for name in (*names, "taker_volume_ratio"):
        assert store.positioning("BTCUSDT", name, START, START + HOUR) == ((START, Decimal("1.5")),)


def test_a_long_time_is_asked_for_in_spans_that_the_venue_takes(store: MarketStore) -> None:
    """COIN-M takes 200 days at most; a span without rows does not end the fetch."""
    server = MarketServer()
    span = (START - 900 * 24 * HOUR, START + 10 * MINUTE)
    done = fetched(store, Series("binance_coinm", "last", "BTCUSD_PERP", "1m"), span, server)
    assert done.added == 10
    spans = [(int(params["startTime"]), int(params["endTime"])) for _, params in server.asked]
    assert len(spans) == 5
    assert all(end - start < 200 * 24 * HOUR for start, end in spans)
    assert (spans[0][0], spans[-1][1]) == (span[0], span[1] - 1)


def test_coin_margined_positioning_goes_by_pair(store: MarketStore) -> None:
    """And knows no ratio of takers."""
    server = MarketServer()
    fetched(store, Series("binance_coinm", "positioning", "BTCUSD_PERP", "5m"), (START, START + HOUR), server)
    assert [path.rpartition("/")[2] for path, _ in server.asked] == list(RATIOS)
    assert {params["pair"] for _, params in server.asked} == {"BTCUSD"}


def test_what_is_not_offered_is_refused(store: MarketStore) -> None:
    """Before anything is asked; and the venue's own refusal is told."""
    server = MarketServer(refused="klines")
    kinds: list[tuple[str, Kind]] = [("binance_usdm", "trades"), ("bybit", "last")]
    for venue, kind in kinds:
        with pytest.raises(UsageError):
            fetched(store, Series(venue, kind, "BTCUSDT", "1m"), (START, LATER), server)
    assert server.asked == []
    with pytest.raises(NothingUsable, match="Invalid symbol"):
        fetched(store, LAST, (START, LATER), server)


class FakeExchange:
    """What of ccxt is used, with candles as ccxt gives them."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.urls: dict[str, Any] = {"api": {"public": "https://api.{hostname}/v5", "rest": ["x"]}}
        self.asked: list[tuple[Any, ...]] = []

    def fetch_ohlcv(
        self, symbol: str, interval: str, since: int, limit: int, params: dict[str, str]
    ) -> list[list[Any]]:
        if symbol == "NO/USDT:USDT":
            raise FakeCcxt.BadSymbol("bybit does not have market symbol NO/USDT:USDT")
        FakeCcxt.asked.append((self.urls["api"]["public"], since, params))
        first = -(-(since - START) // MINUTE)
        return [
            [START + each * MINUTE, 100.1, 101.0, 99.0, 100.0, None] for each in range(first, min(first + limit, 1200))
        ]


class FakeCcxt(ModuleType):
    """The module."""

    class BaseError(Exception):
        pass

    class BadSymbol(BaseError):
        pass

    class BadRequest(BaseError):
        pass

    class NotSupported(BaseError):
        pass

    exchanges = ("bybit",)
    bybit = FakeExchange
    asked: list[tuple[Any, ...]] = []  # noqa: RUF012


def test_other_venues_through_ccxt(store: MarketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their candles stand beside Binance's, marked as floats."""
    monkeypatch.setitem(sys.modules, "ccxt", FakeCcxt("ccxt"))
    FakeCcxt.asked.clear()
    series = ccxt_source.series_for("bybit", "mark", "BTC/USDT:USDT", "1m")
    assert series == Series("bybit", "mark", "BTCUSDT", "1m")
    span = (START, START + 1200 * MINUTE)
    done = ccxt_source.fetch(store, series, "BTC/USDT:USDT", span, START + 1100 * MINUTE, base="http://127.0.0.1:1")
    assert sum(each.added for each in done) == 1100
    assert {each[0] for each in FakeCcxt.asked} == {"http://127.0.0.1:1/v5"}
    assert {str(each[2]) for each in FakeCcxt.asked} == {"{'price': 'mark'}"}
    (bar,) = store.candles("BTCUSDT", "mark", START, START + 1, venue="bybit")
    assert (bar.venue, bar.is_float, bar.open) == ("bybit", True, Decimal("100.1"))
    with pytest.raises(UsageError, match="does not have"):
        ccxt_source.fetch(store, series, "NO/USDT:USDT", span, LATER)
    with pytest.raises(UsageError, match="knows no exchange"):
        ccxt_source.fetch(store, Series("nowhere", "mark", "BTCUSDT", "1m"), "BTC/USDT:USDT", span, LATER)


def test_without_ccxt_it_is_said_how_to_install_it(store: MarketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(UsageError, match="pip install ccxt"):
        ccxt_source.library()
    with pytest.raises(UsageError, match="only candles"):
        ccxt_source.series_for("bybit", "funding", "BTC/USDT:USDT", "1m")

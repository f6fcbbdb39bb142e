"""Answers about markets have the keys and types of the venue's own samples."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from margincall.exchange import commands
from margincall.server.answers import candles, futures_data, market, venue_data
from tests.server.market_world import HOUR_MS, MINUTE_MS, D, Market
from tests.server.shapes import extra, kind, sample, unlike

BTC = {"symbol": "BTCUSDT"}
PAIR = {"pair": "BTCUSDT"}
MINUTE = {"interval": "1m"}
FIVE = {"period": "5m"}
PERPETUAL = {"contractType": "PERPETUAL"}
AS_TEXT = {"timestamp": "int"}
"""Samples print this time as text; the venue's own client library reads an integer, and nothing else."""


class Case(NamedTuple):
    """A path, what is asked, its sample; types where the sample is not that of today; keys that came later."""

    path: str
    params: Mapping[str, str]
    name: str
    wanted: Mapping[str, str] = {}
    later: frozenset[str] = frozenset()


CASES = (
    Case("/fapi/v1/time", {}, "GetServerTime"),
    Case("/fapi/v1/exchangeInfo", {}, "GetExchangeInfo", {"autoAssetExchange": "str"}, frozenset(
        {".symbols[].maxMoveOrderLimit", ".symbols[].filters[].positionControlSide"})),
    Case("/fapi/v1/depth", BTC, "GetOrderBook"),
    Case("/fapi/v1/rpiDepth", BTC, "GetOrderBook"),
    Case("/fapi/v1/trades", BTC, "GetRecentTrades", {}, frozenset({"[].isRPITrade"})),
    Case("/fapi/v1/historicalTrades", BTC, "GetTradeHistory", {}, frozenset({"[].isRPITrade"})),
    Case("/fapi/v1/aggTrades", BTC, "GetAggregatedTradeHistory", {}, frozenset({"[].nq"})),
    Case("/fapi/v1/klines", BTC | MINUTE, "GetKlines"),
    Case("/fapi/v1/continuousKlines", PAIR | PERPETUAL | MINUTE, "GetContinuousContractKlines"),
    Case("/fapi/v1/indexPriceKlines", PAIR | MINUTE, "GetIndexPriceKlines"),
    Case("/fapi/v1/markPriceKlines", BTC | MINUTE, "GetMarkPriceKlines"),
    Case("/fapi/v1/premiumIndexKlines", BTC | MINUTE, "GetPremiumIndexKlines"),
    Case("/fapi/v1/premiumIndex", BTC, "GetMarkPrice"),
    Case("/fapi/v1/fundingRate", BTC, "GetFundingRates", {}, frozenset({"[].rateType"})),
    Case("/fapi/v1/fundingInfo", {}, "GetFundingInfo"),
    Case("/fapi/v1/ticker/24hr", BTC, "GetTicker"),
    Case("/fapi/v2/ticker/price", BTC, "GetPrice"),
    Case("/fapi/v1/ticker/bookTicker", BTC, "GetBookPrice"),
    Case("/fapi/v1/openInterest", BTC, "GetOpenInterest"),
    Case("/fapi/v1/constituents", BTC, "GetIndexPriceConstituents"),
    Case("/fapi/v1/assetIndex", {}, "GetAssetIndexes"),
    Case("/fapi/v1/insuranceBalance", BTC, "GetInsuranceFundBalances"),
    Case("/futures/data/openInterestHist", BTC | FIVE, "GetOpenInterestHistory", AS_TEXT),
    Case("/futures/data/topLongShortPositionRatio", BTC | FIVE, "GetTopLongShortPositionRatio", AS_TEXT),
    Case("/futures/data/topLongShortAccountRatio", BTC | FIVE, "GetTopLongShortAccountRatio", AS_TEXT),
    Case("/futures/data/globalLongShortAccountRatio", BTC | FIVE, "GetGlobalLongShortAccountRatio", AS_TEXT),
    Case("/futures/data/takerlongshortRatio", BTC | FIVE, "GetTakerBuySellVolumeRatio", AS_TEXT),
    Case("/futures/data/basis", PAIR | PERPETUAL | FIVE, "GetBasis"),
)  # fmt: skip
UNSAMPLED = {"/fapi/v1/symbolAdlRisk", "/fapi/v1/tradingSchedule", "/futures/data/delivery-price",
             "/fapi/v1/ticker/price", "/fapi/v1/indexInfo"}  # fmt: skip
"""Routes without a sample of their own, or, of a composite index, without anything to tell."""


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market of which everything can be asked."""
    with Market(tmp_path_factory.mktemp("shapes")) as found:
        found.do(commands.SetIndex(symbol="BTCUSDT", sources=(commands.Source(name="spot", price=D(50_010)),)))
        found.do(commands.SetAssetIndex(asset="BTC", index=D(50_000), bid=D(47_500), ask=D(52_500)))
        found.do(commands.Fund(asset="USDT", amount=D("1234.5")))
        found.trade("0.5", 50_000)
        found.order("alice", "BUY", "0.1", 49_900)
        found.order("bob", "SELL", "0.1", 50_200)
        found.wait(4 * HOUR_MS)
        found.venue.advance()
        found.order("alice", "BUY", "0.1", 50_200)
        found.order("carol", "BUY", "0.1", 49_950)
        found.order("carol", "SELL", "0.1", 50_200)
        found.wait(5 * MINUTE_MS)
        found.venue.advance()
        yield found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path)
def test_keys_and_types_are_those_of_the_sample(lively: Market, shared: Path, case: Case) -> None:
    told, printed = lively.get_with_key(case.path, **case.params), sample(shared, f"ExchangeData/{case.name}")
    filters: Any = None
    if case.name == "GetExchangeInfo":
        filters = [row.pop("filters") for row in told["symbols"]], printed["symbols"][0].pop("filters")
    problems = list(unlike(told, printed, wanted=case.wanted))
    if filters is not None:
        problems += unlike_filters(filters[0], filters[1])
    assert not problems, "\n".join(problems)
    assert set(extra(told, printed)) <= case.later


def unlike_filters(told: list[list[dict[str, Any]]], printed: list[dict[str, Any]]) -> Iterator[str]:
    """Filters are compared by their type. The precision of the multipliers is text to the venue's client library."""
    samples = {row["filterType"]: row for row in printed}
    for row in [each for rows in told for each in rows if each["filterType"] in samples]:
        yield from unlike(row, samples[row["filterType"]], row["filterType"], {"multiplierDecimal": "str"})


def test_every_route_is_compared_with_a_sample(lively: Market) -> None:
    served = {route.path for each in (market, candles, venue_data, futures_data) for route in each.ROUTES}
    assert served - {case.path for case in CASES} == UNSAMPLED


def test_lists_of_all_symbols_have_the_rows_of_one(lively: Market) -> None:
    for path in (
        "/fapi/v1/premiumIndex", "/fapi/v1/ticker/24hr", "/fapi/v1/ticker/price", "/fapi/v2/ticker/price",
        "/fapi/v1/ticker/bookTicker", "/fapi/v1/symbolAdlRisk", "/fapi/v1/insuranceBalance",
    ):  # fmt: skip
        one, every = lively.get(path, symbol="BTCUSDT"), lively.get(path)
        assert one in every
        for row in every:
            assert not [*unlike(row, one), *unlike(one, row)]


@pytest.mark.parametrize(
    ("told", "printed", "problem"),
    [
        ({"a": 1}, {"a": "1"}, ".a: int, not str"),
        ({"a": 1}, {"a": 1, "b": 2}, ".b: is missing"),
        ([], [{"a": 1}], "$: no rows"),
        ([{"a": 1}, {"a": True}], [{"a": 1}], "[].a: bool, not int"),
        ([[1, "2"], ["1", "2"]], [[1, "2"]], "[]: ['str', 'str'], not ['int', 'str']"),
        ({"a": {"b": []}}, {"a": {"b": {}}}, ".a.b: list, not dict"),
    ],
)
def test_the_comparer_finds_what_differs(told: object, printed: object, problem: str) -> None:
    assert list(unlike(told, printed)) == [problem]
    assert not list(unlike(printed, printed))
    assert kind(True) != kind(1)


def test_the_comparer_finds_more_keys() -> None:
    assert list(extra([{"a": 1, "b": {"c": 1}}], [{"b": {}}])) == ["[].a", "[].b.c"]

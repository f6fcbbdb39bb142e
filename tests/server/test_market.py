"""Market data that is asked for follows what was traded, marked and ordered."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.exchange import commands
from tests.server.market_world import BEGUN_MS, DAY_MS, HOUR_MS, MINUTE_MS, D, Market, quiet

BTC = "BTCUSDT"


@pytest.fixture
def market(tmp_path: Path):
    with Market(tmp_path) as found:
        yield found


# --- the book ---------------------------------------------------------------------------------------------


def test_depth_shows_the_book_and_a_number_that_grows(market: Market) -> None:
    empty = market.get("/fapi/v1/depth", symbol=BTC)
    assert (empty["bids"], empty["asks"]) == ([], [])
    market.order("alice", "BUY", "0.5", 49_900)
    market.order("alice", "BUY", "0.25", 49_900)
    market.order("bob", "SELL", 1, "50100.5")
    told = market.get("/fapi/v1/depth", symbol=BTC)
    assert told["bids"] == [["49900.0", "0.750"]]
    assert told["asks"] == [["50100.5", "1.000"]]
    assert told["lastUpdateId"] == empty["lastUpdateId"] + 3
    assert market.get("/fapi/v1/depth", symbol="ETHUSDT")["lastUpdateId"] == empty["lastUpdateId"]
    market.do(commands.CancelAll(account="alice", symbol=BTC))
    after = market.get("/fapi/v1/depth", symbol=BTC)
    assert after["bids"] == []
    assert after["lastUpdateId"] == told["lastUpdateId"] + 1


@pytest.mark.parametrize("limit", [5, 10, 20, 50, 100, 500, 1000])
def test_depth_gives_as_many_levels_as_asked(market: Market, limit: int) -> None:
    for number in range(60):
        market.order("alice", "BUY", "0.01", 49_000 - number)
    told = market.get("/fapi/v1/depth", symbol=BTC, limit=limit)
    assert [level[0] for level in told["bids"]] == [f"{49_000 - each}.0" for each in range(min(limit, 60))]


@pytest.mark.parametrize("limit", [1, 3, 6, 999, 5000])
def test_other_limits_of_depth_are_refused(market: Market, limit: int) -> None:
    assert market.refused("/fapi/v1/depth", symbol=BTC, limit=limit) == (
        400, -4021, f"{limit} is not valid depth limit",
    )  # fmt: skip


def test_whoever_follows_a_book_hears_that_it_is_shown(market: Market) -> None:
    heard: list[tuple[str, int]] = []
    market.venue.lookers.append(lambda symbol: heard.append((symbol, market.venue.tape.update_ids[symbol])))
    market.order("alice", "BUY", "0.5", 49_900)
    told = [market.get("/fapi/v1/depth", symbol=BTC), market.get("/fapi/v1/rpiDepth", symbol=BTC)]
    assert heard == [(BTC, each["lastUpdateId"]) for each in told]
    market.refused("/fapi/v1/depth", symbol=BTC, limit=3)
    assert len(heard) == 2


def test_rpi_depth_is_the_book(market: Market) -> None:
    market.order("alice", "BUY", "0.5", 49_900)
    told = market.get("/fapi/v1/rpiDepth", symbol=BTC)
    assert told == market.get("/fapi/v1/depth", symbol=BTC, limit=1000)
    assert market.refused("/fapi/v1/rpiDepth", symbol=BTC, limit=500)[1] == -4021


def test_book_ticker_is_the_best_of_both_sides(market: Market) -> None:
    nothing = market.get("/fapi/v1/ticker/bookTicker", symbol=BTC)
    assert (nothing["bidPrice"], nothing["bidQty"], nothing["askPrice"]) == ("0.0", "0.000", "0.0")
    market.order("alice", "BUY", "0.5", 49_900)
    market.order("alice", "BUY", "0.7", 49_800)
    market.order("bob", "SELL", 1, 50_100)
    market.wait(5)
    market.order("bob", "SELL", 2, 50_200)
    told = market.get("/fapi/v1/ticker/bookTicker", symbol=BTC)
    assert [told[key] for key in ("bidPrice", "bidQty", "askPrice", "askQty", "time")] == [
        "49900.0", "0.500", "50100.0", "1.000", BEGUN_MS + 5,
    ]  # fmt: skip
    every = market.get("/fapi/v1/ticker/bookTicker")
    assert {row["symbol"] for row in every} == {"BTCUSDT", "ETHUSDT", "BNBUSDT"}
    assert told in every


# --- trades -----------------------------------------------------------------------------------------------


def test_trades_are_told_newest_last(market: Market) -> None:
    assert market.get("/fapi/v1/trades", symbol=BTC) == []
    market.trade("0.5", 50_000)
    market.wait(7)
    market.order("alice", "BUY", "0.1", 49_900)
    market.order("bob", "SELL", "0.1", 49_900)
    told = market.get("/fapi/v1/trades", symbol=BTC)
    assert told == [
        {"id": 1, "price": "50000.0", "qty": "0.500", "quoteQty": "25000", "time": BEGUN_MS, "isBuyerMaker": False,
         "isRPITrade": False},
        {"id": 2, "price": "49900.0", "qty": "0.100", "quoteQty": "4990", "time": BEGUN_MS + 7, "isBuyerMaker": True,
         "isRPITrade": False},
    ]  # fmt: skip
    assert market.get("/fapi/v1/trades", symbol=BTC, limit=1) == told[1:]
    assert market.get("/fapi/v1/trades", symbol="ETHUSDT") == []


def test_historical_trades_are_asked_with_a_key_from_a_number_on(market: Market) -> None:
    for _ in range(4):
        market.trade("0.01", 50_000)
    path = "/fapi/v1/historicalTrades"
    assert market.refused(path, symbol=BTC)[:2] == (401, -2014)
    assert [row["id"] for row in market.get_with_key(path, symbol=BTC, limit=2)] == [3, 4]
    assert [row["id"] for row in market.get_with_key(path, symbol=BTC, fromId=2, limit=2)] == [2, 3]
    assert market.refused(path, key=market.key.key, symbol=BTC, limit=501)[1] == -1130


def test_public_trades_go_after_a_month(tmp_path: Path) -> None:
    with Market(tmp_path, rules=quiet()) as market:
        market.trade("0.01", 50_000)
        market.wait(29 * DAY_MS)
        market.trade("0.01", 50_000)
        assert [row["id"] for row in market.get_with_key("/fapi/v1/historicalTrades", symbol=BTC, fromId=0)] == [1, 2]
        market.wait(3 * DAY_MS)
        assert [row["id"] for row in market.get_with_key("/fapi/v1/historicalTrades", symbol=BTC, fromId=0)] == [2]
        assert [row["f"] for row in market.get("/fapi/v1/aggTrades", symbol=BTC)] == [2]


def test_public_trades_were_kept_three_months(tmp_path: Path) -> None:
    with Market(tmp_path, api_date="2026-03-18", rules=quiet()) as market:
        market.trade("0.01", 50_000)
        for month, kept in ((30, [1]), (60, [1]), (93, [])):
            market.clock.set(BEGUN_MS + month * DAY_MS)
            market.venue.advance()
            assert [row["id"] for row in market.get("/fapi/v1/trades", symbol=BTC)] == kept


def test_trades_at_one_price_within_100_ms_are_one_aggregate(market: Market) -> None:
    for milliseconds, price in ((0, 50_000), (60, 50_000), (39, 50_000), (1, 50_000), (0, 50_010)):
        market.wait(milliseconds)
        market.trade("0.1", price)
    told = market.get("/fapi/v1/aggTrades", symbol=BTC)
    assert [(row["a"], row["p"], row["q"], row["f"], row["l"], row["T"] - BEGUN_MS, row["m"]) for row in told] == [
        (1, "50000.0", "0.300", 1, 3, 99, False),
        (2, "50000.0", "0.100", 4, 4, 100, False),
        (3, "50010.0", "0.100", 5, 5, 100, False),
    ]
    assert all(row["nq"] == row["q"] for row in told)
    market.order("alice", "BUY", "0.1", 49_990)
    market.order("bob", "SELL", "0.1", 49_990)
    last = market.get("/fapi/v1/aggTrades", symbol=BTC, limit=1)[0]
    assert (last["a"], last["p"], last["m"]) == (4, "49990.0", True)


def test_aggregates_are_asked_by_number_or_time(market: Market) -> None:
    for _ in range(5):
        market.trade("0.1", 50_000)
        market.wait(MINUTE_MS)
    path = "/fapi/v1/aggTrades"
    assert [row["a"] for row in market.get(path, symbol=BTC, fromId=3)] == [3, 4, 5]
    assert [row["a"] for row in market.get(path, symbol=BTC, startTime=BEGUN_MS + 1, limit=2)] == [2, 3]
    until = BEGUN_MS + 2 * MINUTE_MS
    assert [row["a"] for row in market.get(path, symbol=BTC, startTime=BEGUN_MS, endTime=until)] == [1, 2, 3]
    assert [row["a"] for row in market.get(path, symbol=BTC, endTime=until, limit=2)] == [2, 3]
    assert market.refused(path, symbol=BTC, limit=1001)[1] == -1130
    assert market.refused(path, symbol=BTC, startTime=BEGUN_MS, endTime=BEGUN_MS + HOUR_MS + 1)[1] == -1127
    assert market.refused(path, symbol=BTC, startTime=2, endTime=1)[1] == -1023


def test_older_trades_come_from_the_archive(market: Market) -> None:
    market.order("bob", "SELL", 50, 50_000)
    for _ in range(1_100):
        market.order("alice", "BUY", "0.001", 50_000, force="IOC")
        market.wait(100)
    path = "/fapi/v1/historicalTrades"
    assert [row["id"] for row in market.get_with_key(path, symbol=BTC, fromId=50, limit=100)] == list(range(50, 150))
    assert [row["id"] for row in market.get("/fapi/v1/trades", symbol=BTC, limit=1000)] == list(range(101, 1_101))
    told = market.get("/fapi/v1/aggTrades", symbol=BTC, fromId=95, limit=10)
    assert [row["a"] for row in told] == list(range(95, 105))
    assert {tuple(row) for row in told} == {("a", "p", "q", "nq", "f", "l", "T", "m")}
    until = BEGUN_MS + 10 * 100
    assert [row["a"] for row in market.get("/fapi/v1/aggTrades", symbol=BTC, endTime=until, limit=3)] == [9, 10, 11]


# --- prices -----------------------------------------------------------------------------------------------


def test_premium_index_follows_mark_index_and_funding(market: Market) -> None:
    told = market.get("/fapi/v1/premiumIndex", symbol=BTC)
    assert (told["markPrice"], told["indexPrice"]) == ("50000.00000000", "50000.00000000")
    assert told["nextFundingTime"] == BEGUN_MS + 4 * HOUR_MS
    market.do(commands.SetMark(symbol=BTC, price=D("50123.4")))
    market.do(commands.SetIndex(symbol=BTC, sources=(commands.Source(name="spot", price=D(50_100)),)))
    market.order("alice", "BUY", 10, 50_200)
    told = market.get("/fapi/v1/premiumIndex", symbol=BTC)
    assert (told["markPrice"], told["indexPrice"]) == ("50123.40000000", "50100.00000000")
    assert told["lastFundingRate"] == "0.00000000"
    market.wait(4 * HOUR_MS)
    told = market.get("/fapi/v1/premiumIndex", symbol=BTC)
    assert Decimal(told["lastFundingRate"]) > 0
    assert told["nextFundingTime"] == BEGUN_MS + 12 * HOUR_MS
    rates = market.get("/fapi/v1/fundingRate", symbol=BTC)
    assert [(row["fundingTime"], row["fundingRate"]) for row in rates] == [
        (BEGUN_MS + 4 * HOUR_MS, told["lastFundingRate"])
    ]
    assert rates[0]["markPrice"] == "50123.40000000"
    assert rates[0]["rateType"] == "Regular"


def test_price_and_day_tickers_follow_trades(market: Market) -> None:
    assert market.get("/fapi/v2/ticker/price", symbol=BTC)["price"] == "0.0"
    market.trade("0.5", 50_000)
    market.wait(HOUR_MS)
    market.trade("0.25", 50_400)
    market.trade("0.25", 49_800)
    for version in ("v1", "v2"):
        told = market.get(f"/fapi/{version}/ticker/price", symbol=BTC)
        assert told == {"symbol": BTC, "price": "49800.0", "time": BEGUN_MS + HOUR_MS}
    day = market.get("/fapi/v1/ticker/24hr", symbol=BTC)
    assert day == {
        "symbol": BTC, "priceChange": "-200.0", "priceChangePercent": "-0.400", "weightedAvgPrice": "50050.0",
        "lastPrice": "49800.0", "lastQty": "0.250", "openPrice": "50000.0", "highPrice": "50400.0",
        "lowPrice": "49800.0", "volume": "1.000", "quoteVolume": "50050.0000",
        "openTime": BEGUN_MS + HOUR_MS + MINUTE_MS - DAY_MS, "closeTime": BEGUN_MS + HOUR_MS, "firstId": 1, "lastId": 3,
        "count": 3,
    }  # fmt: skip


def test_the_day_ticker_rolls_by_the_minute(market: Market) -> None:
    market.trade("0.5", 50_000)
    market.wait(MINUTE_MS)
    market.trade("0.25", 50_400)
    market.wait(DAY_MS - 2 * MINUTE_MS)
    assert market.get("/fapi/v1/ticker/24hr", symbol=BTC)["count"] == 2
    market.wait(MINUTE_MS)
    day = market.get("/fapi/v1/ticker/24hr", symbol=BTC)
    assert (day["count"], day["openPrice"], day["lowPrice"], day["volume"]) == (1, "50400.0", "50400.0", "0.250")
    market.wait(5 * DAY_MS)
    day = market.get("/fapi/v1/ticker/24hr", symbol=BTC)
    assert (day["count"], day["openPrice"], day["highPrice"], day["volume"]) == (0, "50400.0", "50400.0", "0.000")


def test_open_interest_is_what_is_held(market: Market) -> None:
    assert market.get("/fapi/v1/openInterest", symbol=BTC)["openInterest"] == "0.000"
    market.trade("0.5", 50_000)
    assert market.get("/fapi/v1/openInterest", symbol=BTC)["openInterest"] == "0.500"
    market.trade("0.2", 50_000, buyer="bob", seller="alice")
    market.trade("0.4", 50_000, buyer="carol", seller="alice")
    assert market.get("/fapi/v1/openInterest", symbol=BTC)["openInterest"] == "0.400"


# --- what is listed ---------------------------------------------------------------------------------------


def test_exchange_info_tells_the_filters_that_orders_are_checked_by(market: Market) -> None:
    told = market.get("/fapi/v1/exchangeInfo")
    assert {row["symbol"] for row in told["symbols"]} == {"BTCUSDT", "ETHUSDT", "BNBUSDT"}
    listed = next(row for row in told["symbols"] if row["symbol"] == BTC)
    filters = {row["filterType"]: row for row in listed["filters"]}
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["maxQty"]) == ("0.1", "1000")
    assert (filters["MARKET_LOT_SIZE"]["maxQty"], filters["MIN_NOTIONAL"]["notional"]) == ("120", "50")
    assert (listed["liquidationFee"], listed["marketTakeBound"]) == ("0.012500", "0.05")
    keys = "rateLimitType", "interval", "intervalNum", "limit"
    limits = [tuple(row[key] for key in keys) for row in told["rateLimits"]]
    assert set(limits) == {
        ("REQUEST_WEIGHT", "MINUTE", 1, 2400), ("ORDERS", "MINUTE", 1, 1200), ("ORDERS", "SECOND", 10, 300),
    }  # fmt: skip
    assert [row["asset"] for row in told["assets"]] == ["USDT"]
    market.do(commands.SetAssetIndex(asset="BTC", index=D(50_000), bid=D(47_500), ask=D(52_500)))
    assert [row["asset"] for row in market.get("/fapi/v1/exchangeInfo")["assets"]] == ["BTC", "USDT"]


def test_exchange_info_is_genuine_also_if_it_is_asked_first_while_a_fault_applies(market: Market) -> None:
    market.do(commands.InjectFault(kind="wrong_brackets", on=True, symbol=BTC, value=D(2)))
    assert rate_of(market) == "0.4000"
    market.do(commands.InjectFault(kind="wrong_brackets", on=False, symbol=BTC))
    assert rate_of(market) == "0.4000"


def rate_of(market: Market) -> str:
    """The rate of maintenance that `exchangeInfo` prints."""
    rows = market.get("/fapi/v1/exchangeInfo")["symbols"]
    return str(next(row for row in rows if row["symbol"] == BTC)["maintMarginPercent"])


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        ("/fapi/v1/depth", {"limit": 50}, 2),
        ("/fapi/v1/depth", {"limit": 100}, 5),
        ("/fapi/v1/depth", {}, 10),
        ("/fapi/v1/depth", {"limit": 1000}, 20),
        ("/fapi/v1/klines", {"interval": "1m", "limit": 99}, 1),
        ("/fapi/v1/klines", {"interval": "1m", "limit": 100}, 2),
        ("/fapi/v1/klines", {"interval": "1m", "limit": 1000}, 5),
        ("/fapi/v1/klines", {"interval": "1m", "limit": 1001}, 10),
        ("/fapi/v1/klines", {"interval": "1m"}, 5),
        ("/fapi/v1/trades", {}, 5),
        ("/fapi/v1/aggTrades", {}, 20),
        ("/fapi/v1/historicalTrades", {}, 200),
        ("/fapi/v1/ticker/24hr", {}, 1),
        ("/fapi/v1/ticker/bookTicker", {}, 2),
        ("/fapi/v1/rpiDepth", {}, 20),
    ],
)
def test_weights(market: Market, path: str, params: dict[str, object], weight: int) -> None:
    assert market.weight(path, symbol=BTC, **params) == weight


@pytest.mark.parametrize(
    ("path", "weight"),
    [
        ("/fapi/v1/ticker/24hr", 40), ("/fapi/v1/ticker/bookTicker", 5), ("/fapi/v1/ticker/price", 2),
        ("/fapi/v1/premiumIndex", 10), ("/fapi/v1/assetIndex", 10), ("/fapi/v1/exchangeInfo", 1),
    ],
)  # fmt: skip
def test_weights_of_all_symbols(market: Market, path: str, weight: int) -> None:
    assert market.weight(path) == weight


def test_old_trades_weighed_less_before(tmp_path: Path) -> None:
    with Market(tmp_path, api_date="2026-07-28") as market:
        assert market.weight("/fapi/v1/historicalTrades", symbol=BTC) == 20


@pytest.mark.parametrize(
    "path",
    [
        "depth", "rpiDepth", "trades", "aggTrades", "premiumIndex", "fundingRate", "ticker/24hr", "ticker/price",
        "ticker/bookTicker", "openInterest", "constituents", "insuranceBalance", "symbolAdlRisk", "indexInfo",
        "assetIndex",
    ],
)  # fmt: skip
def test_other_symbols_are_refused(market: Market, path: str) -> None:
    assert market.refused(f"/fapi/v1/{path}", symbol="NOPEUSDT") == (400, -1121, "Invalid symbol.")
    if path in ("depth", "trades", "aggTrades", "openInterest", "constituents"):
        assert market.refused(f"/fapi/v1/{path}")[1] == -1102


def test_keys_that_came_later_are_not_told_before(tmp_path: Path) -> None:
    with Market(tmp_path, api_date="2025-11-01") as market:
        market.trade("0.1", 50_000)
        market.wait(4 * HOUR_MS)
        assert "isRPITrade" not in market.get("/fapi/v1/trades", symbol=BTC)[0]
        assert "nq" not in market.get("/fapi/v1/aggTrades", symbol=BTC)[0]
        assert "rateType" not in market.get("/fapi/v1/fundingRate", symbol=BTC)[0]
        assert market.refused("/fapi/v1/rpiDepth", symbol=BTC)[1] == -5000
        assert market.refused("/fapi/v1/symbolAdlRisk", symbol=BTC)[1] == -5000

"""Funding, index sources, the fund, deleveraging risk, who holds what; and what clients ask of other markets."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.exchange import commands
from margincall.server.keys import issue
from tests.server.market_world import BEGUN_MS, DAY_MS, HOUR_MS, MINUTE_MS, D, Market, quiet

BTC = "BTCUSDT"
DATA = "/futures/data"
LOOK_MS = 5 * MINUTE_MS


@pytest.fixture
def market(tmp_path: Path):
    with Market(tmp_path) as found:
        yield found


def spot(price: object, **others: object) -> commands.SetIndex:
    sources = {"one": price, **others}
    return commands.SetIndex(
        symbol=BTC, sources=tuple(commands.Source(name=name, price=D(str(each))) for name, each in sources.items())
    )


# --- funding ----------------------------------------------------------------------------------------------


def test_funding_rates_of_one_symbol_and_of_all(market: Market) -> None:
    assert market.get("/fapi/v1/fundingRate") == []
    for _ in range(3):
        market.wait(8 * HOUR_MS)
        market.venue.advance()
    first_ms = BEGUN_MS + 4 * HOUR_MS
    times = [first_ms + each * 8 * HOUR_MS for each in range(3)]
    path = "/fapi/v1/fundingRate"
    assert [row["fundingTime"] for row in market.get(path, symbol=BTC)] == times
    assert [row["fundingTime"] for row in market.get(path, symbol=BTC, limit=2)] == times[1:]
    assert [row["fundingTime"] for row in market.get(path, symbol=BTC, startTime=first_ms, limit=2)] == times[:2]
    assert [row["fundingTime"] for row in market.get(path, symbol=BTC, endTime=times[1] - 1)] == times[:1]
    every = market.get(path)
    assert len(every) == 9
    assert [row["fundingTime"] for row in every] == sorted(row["fundingTime"] for row in every)
    assert market.refused(path, limit=1001)[1] == -1130


def test_funding_info_follows_the_interval(market: Market) -> None:
    told = {row["symbol"]: row for row in market.get("/fapi/v1/fundingInfo", symbol="NOPEUSDT")}
    assert told[BTC]["fundingIntervalHours"] == 8
    assert (told[BTC]["adjustedFundingRateCap"], told[BTC]["adjustedFundingRateFloor"]) == (
        "0.00300000", "-0.00300000",
    )  # fmt: skip
    market.do(spot(50_000))
    market.order("alice", "BUY", 10, 52_000)
    market.wait(4 * HOUR_MS)
    told = {row["symbol"]: row for row in market.get("/fapi/v1/fundingInfo")}
    assert told[BTC]["fundingIntervalHours"] == 1, "a rate at the cap"


def test_funding_has_a_pool_of_its_own(market: Market) -> None:
    for _ in range(500):
        assert market.reply("/fapi/v1/fundingInfo").status == 200
    assert market.refused("/fapi/v1/fundingRate")[:2] == (429, -1003)
    assert market.reply("/fapi/v1/time").status == 200


# --- index, assets, fund ----------------------------------------------------------------------------------


def test_constituents_are_the_sources_of_the_index(market: Market) -> None:
    path = "/fapi/v1/constituents"
    assert market.get(path, symbol=BTC)["constituents"] == []
    market.do(spot(50_000, two=50_100, three=49_900, four=50_000))
    told = market.get(path, symbol=BTC)
    assert [(row["exchange"], row["price"], row["weight"]) for row in told["constituents"]] == [
        ("one", "50000.00000000", "0.25000000"),
        ("two", "50100.00000000", "0.25000000"),
        ("three", "49900.00000000", "0.25000000"),
        ("four", "50000.00000000", "0.25000000"),
    ]
    market.wait(4 * MINUTE_MS)
    market.do(spot(50_000))
    market.wait(2 * MINUTE_MS)
    weights = [row["weight"] for row in market.get(path, symbol=BTC)["constituents"]]
    assert weights == ["1.00000000", "0.00000000", "0.00000000", "0.00000000"]


def test_asset_indices(market: Market) -> None:
    assert market.get("/fapi/v1/assetIndex") == []
    market.wait(5)
    market.do(commands.SetAssetIndex(asset="BTC", index=D(50_000), bid=D(47_500), ask=D(52_500)))
    market.wait(5)
    told = market.get("/fapi/v1/assetIndex", symbol="BTCUSD")
    assert told == {
        "symbol": "BTCUSD", "time": BEGUN_MS + 5, "index": "50000.00000000", "bidBuffer": "0.05000000",
        "askBuffer": "0.05000000", "bidRate": "47500.00000000", "askRate": "52500.00000000",
        "autoExchangeBidBuffer": "0.02500000", "autoExchangeAskBuffer": "0.02500000",
        "autoExchangeBidRate": "48750.00000000", "autoExchangeAskRate": "51250.00000000",
    }  # fmt: skip
    assert market.get("/fapi/v1/assetIndex") == [told]


def test_the_fund_and_the_risk_of_deleveraging(market: Market) -> None:
    path = "/fapi/v1/insuranceBalance"
    empty = market.get(path, symbol=BTC)
    assert empty["assets"] == [{"asset": "USDT", "marginBalance": "0.00000000", "updateTime": BEGUN_MS}]
    assert empty["symbols"] == ["BNBUSDT", "BTCUSDT", "ETHUSDT"]
    assert market.get(path) == [empty]
    risk = "/fapi/v1/symbolAdlRisk"
    assert market.get(risk, symbol=BTC)["adlRisk"] == "low"
    market.trade(1, 50_000)
    assert market.get(risk, symbol=BTC) == {"symbol": BTC, "adlRisk": "low", "updateTime": BEGUN_MS}
    market.wait(30 * MINUTE_MS)
    assert market.get(risk, symbol=BTC) == {
        "symbol": BTC, "adlRisk": "high", "updateTime": BEGUN_MS + 30 * MINUTE_MS,
    }  # fmt: skip
    market.do(commands.Fund(asset="USDT", amount=D("123.5")))
    told = market.get(path, symbol=BTC)["assets"]
    assert told == [{"asset": "USDT", "marginBalance": "123.50000000", "updateTime": BEGUN_MS + 30 * MINUTE_MS}]
    market.wait(30 * MINUTE_MS)
    assert {row["adlRisk"] for row in market.get(risk)} == {"medium"}
    market.do(commands.Fund(asset="USDT", amount=D(500)))
    market.wait(30 * MINUTE_MS)
    assert market.get(risk, symbol=BTC)["adlRisk"] == "low"


def test_what_there_is_none_of(market: Market) -> None:
    assert market.get("/fapi/v1/indexInfo") == []
    schedules = market.get("/fapi/v1/tradingSchedule")["marketSchedules"]
    assert schedules == {"EQUITY": {"sessions": []}, "COMMODITY": {"sessions": []}}
    assert market.get(f"{DATA}/delivery-price", pair=BTC) == []
    assert market.refused(f"{DATA}/delivery-price", pair="NOPE")[1] == -1121


# --- who holds what ---------------------------------------------------------------------------------------


def test_open_interest_is_looked_at_every_five_minutes(market: Market) -> None:
    path = f"{DATA}/openInterestHist"
    assert market.get(path, symbol=BTC, period="5m") == []
    market.trade("0.5", 50_000)
    market.wait(LOOK_MS)
    market.trade("0.2", 50_000, buyer="carol")
    market.wait(LOOK_MS + 1)
    told = market.get(path, symbol=BTC, period="5m")
    assert [(row["sumOpenInterest"], row["sumOpenInterestValue"], row["timestamp"]) for row in told] == [
        ("0.50000000", "25000.00000000", BEGUN_MS + LOOK_MS),
        ("0.70000000", "35000.00000000", BEGUN_MS + 2 * LOOK_MS),
    ]


def test_accounts_long_and_short(market: Market) -> None:
    for name in ("dora", "emil", "fritz"):
        market.do(commands.OpenAccount(account=name))
        market.do(commands.Transfer(account=name, asset="USDT", amount=D(50_000)))
    market.do(commands.Transfer(account="carol", asset="USDT", amount=D(10**6)))
    market.trade("0.6", 50_000, buyer="alice", seller="bob")
    market.trade("0.3", 50_000, buyer="carol", seller="dora")
    market.trade("0.1", 50_000, buyer="emil", seller="carol")
    market.wait(LOOK_MS)
    everybody = market.get(f"{DATA}/globalLongShortAccountRatio", symbol=BTC, period="5m")
    assert everybody == [
        {"symbol": BTC, "longShortRatio": "1.5000", "longAccount": "0.6000", "shortAccount": "0.4000",
         "timestamp": BEGUN_MS + LOOK_MS}
    ]  # fmt: skip
    # Two of six are the top: Carol with two millions, and Alice or Bob by a fee.
    top = market.get(f"{DATA}/topLongShortAccountRatio", symbol=BTC, period="5m")
    held = market.get(f"{DATA}/topLongShortPositionRatio", symbol=BTC, period="5m")
    assert (top[0]["longAccount"], top[0]["shortAccount"], top[0]["longShortRatio"]) == ("0.5000", "0.5000", "1.0000")
    assert (held[0]["longAccount"], held[0]["shortAccount"], held[0]["longShortRatio"]) == (
        "0.2500",
        "0.7500",
        "0.3333",
    )


def test_takers_volumes_are_those_of_the_period(market: Market) -> None:
    path = f"{DATA}/takerlongshortRatio"
    market.trade("0.3", 50_000)
    market.order("alice", "BUY", "0.2", 50_000)
    market.order("bob", "SELL", "0.2", 50_000)
    market.wait(LOOK_MS)
    market.venue.advance()
    market.wait(LOOK_MS)
    market.trade("0.1", 50_000)
    market.wait(LOOK_MS)
    told = market.get(path, symbol=BTC, period="5m")
    assert [(row["buyVol"], row["sellVol"], row["buySellRatio"], row["timestamp"] - BEGUN_MS) for row in told] == [
        ("0.3000", "0.2000", "1.5000", LOOK_MS),
        ("0.1000", "0.0000", "10000.0000", 3 * LOOK_MS),
    ]
    assert set(told[0]) == {"buySellRatio", "buyVol", "sellVol", "timestamp"}


def test_basis(market: Market) -> None:
    market.do(spot(50_000))
    market.trade("0.1", 50_100)
    market.wait(LOOK_MS)
    told = market.get(f"{DATA}/basis", pair=BTC, contractType="PERPETUAL", period="5m")
    assert told == [
        {"indexPrice": "50000.00000000", "contractType": "PERPETUAL", "basisRate": "0.0020", "futuresPrice": "50100.0",
         "annualizedBasisRate": "", "basis": "100.00000000", "pair": BTC, "timestamp": BEGUN_MS + LOOK_MS}
    ]  # fmt: skip
    assert market.get(f"{DATA}/basis", pair=BTC, contractType="NEXT_QUARTER", period="5m") == []


def test_periods_and_what_stood_before_a_jump(market: Market) -> None:
    path = f"{DATA}/openInterestHist"
    market.trade("0.5", 50_000)
    market.wait(LOOK_MS)
    market.venue.advance()
    market.trade("0.5", 50_000)
    market.wait(5 * HOUR_MS)
    told = market.get(path, symbol=BTC, period="1h")
    assert [(row["timestamp"] - BEGUN_MS) // HOUR_MS for row in told] == [1, 2, 3, 4, 5]
    assert [Decimal(row["sumOpenInterest"]) for row in told] == [D(1)] * 5
    assert Decimal(market.get(path, symbol=BTC, period="5m", limit=60)[0]["sumOpenInterest"]) == D(1)
    assert Decimal(market.get(path, symbol=BTC, period="5m", limit=61)[0]["sumOpenInterest"]) == D("0.5")
    assert [row["timestamp"] for row in market.get(path, symbol=BTC, period="1h", limit=2)] == [
        BEGUN_MS + 4 * HOUR_MS, BEGUN_MS + 5 * HOUR_MS,
    ]  # fmt: skip
    since = {"startTime": BEGUN_MS + HOUR_MS + 1, "endTime": BEGUN_MS + 4 * HOUR_MS - 1}
    asked = market.get(path, symbol=BTC, period="1h", **since)
    assert [(row["timestamp"] - BEGUN_MS) // HOUR_MS for row in asked] == [2, 3]


def test_the_exchange_follows_over_months(tmp_path: Path) -> None:
    with Market(tmp_path, rules=quiet()) as market:
        market.trade("0.5", 50_000)
        market.wait(91 * DAY_MS)
        told = market.get(f"{DATA}/openInterestHist", symbol=BTC, period="1d", limit=40)
        now_ms = BEGUN_MS + 91 * DAY_MS
        assert market.venue.state.time_ms == now_ms
        days = [row["timestamp"] for row in told]
        assert days == [now_ms // DAY_MS * DAY_MS - back * DAY_MS for back in range(len(days) - 1, -1, -1)]
        assert len(days) >= 29
        assert market.get("/fapi/v1/klines", symbol=BTC, interval="1d", limit=3)[-1][4] == "50000.0"


def test_looks_go_after_thirty_days(tmp_path: Path) -> None:
    with Market(tmp_path, rules=quiet()) as market:
        path = f"{DATA}/openInterestHist"
        market.trade("0.5", 50_000)
        market.wait(LOOK_MS)
        market.venue.advance()
        market.wait(29 * DAY_MS)
        start = {"startTime": BEGUN_MS, "limit": 1}
        assert [row["timestamp"] for row in market.get(path, symbol=BTC, period="5m", **start)] == [BEGUN_MS + LOOK_MS]
        market.wait(2 * DAY_MS)
        assert market.refused(path, symbol=BTC, period="5m", **start) == (
            400, -1130, "parameter 'startTime' is invalid.",
        )  # fmt: skip
        assert len(market.get(path, symbol=BTC, period="5m")) <= 30


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": BTC}, -1102), ({"period": "5m"}, -1102), ({"symbol": BTC, "period": "7m"}, -1130),
        ({"symbol": BTC, "period": "5m", "limit": 501}, -1130), ({"symbol": "NOPE", "period": "5m"}, -1121),
    ],
)  # fmt: skip
def test_refused_looks(market: Market, params: dict[str, object], code: int) -> None:
    for name in ("openInterestHist", "globalLongShortAccountRatio", "takerlongshortRatio"):
        assert market.refused(f"{DATA}/{name}", **params)[1] == code


def test_looks_have_a_pool_of_their_own(market: Market) -> None:
    for _ in range(1_000):
        assert market.reply(f"{DATA}/openInterestHist", symbol=BTC, period="5m").status == 200
    assert market.refused(f"{DATA}/openInterestHist", symbol=BTC, period="5m")[:2] == (429, -1003)


# --- what clients ask of other markets --------------------------------------------------------------------


def test_what_clients_ask_at_the_start(market: Market) -> None:
    assert market.get("/api/v3/ping") == {}
    market.wait(7)
    assert market.get("/api/v3/time") == {"serverTime": BEGUN_MS + 7}
    for path in ("/api/v3/exchangeInfo", "/dapi/v1/exchangeInfo"):
        assert market.get(path)["symbols"] == []
    assert market.get("/sapi/v1/system/status") == {"status": 0, "msg": "normal"}
    assert market.get_with_key("/sapi/v1/margin/allPairs") == []
    for path in ("/sapi/v1/capital/config/getall", "/sapi/v1/margin/isolated/allPairs"):
        assert market.get_signed(path) == []
        assert market.refused(path)[0] == 401


def test_restrictions_are_those_of_the_key(market: Market) -> None:
    told = market.get_signed("/sapi/v1/account/apiRestrictions")
    assert (told["enableReading"], told["enableFutures"], told["enableWithdrawals"]) == (True, True, False)
    market.key = issue("alice", trade=False)
    market.keys.add(market.key)
    told = market.get_signed("/sapi/v1/account/apiRestrictions")
    assert [name for name, value in told.items() if value is True] == ["enableReading"]

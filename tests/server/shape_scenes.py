"""Exchanges in which everything that has a sample can be asked, and the question for each sample."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from margincall.exchange import commands
from tests.server.account_desk import BEGUN_MS, TODAY, Desk

D = Decimal
BTC, ETH = {"symbol": "BTCUSDT"}, {"symbol": "ETHUSDT"}
PAIR, MINUTE, FIVE = {"pair": "BTCUSDT"}, {"interval": "1m"}, {"period": "5m"}
PERPETUAL = {"contractType": "PERPETUAL"}
HOUR_MS = 3_600_000
BEFORE_ALGO, WITH_LEGS = "2025-12-08", "2026-04-06"
"""The last day on which a trailing stop was an order like others; the day of the sample of a triggered order."""
TRAILING = {
    **BTC, "side": "SELL", "type": "TRAILING_STOP_MARKET", "quantity": "0.01", "activationPrice": "51000",
    "callbackRate": "0.3",
}  # fmt: skip
ALGO = {
    "algoType": "CONDITIONAL", **BTC, "side": "SELL", "type": "STOP", "quantity": "0.01", "price": "47990",
    "triggerPrice": "48000", "workingType": "MARK_PRICE",
}  # fmt: skip


def bare(desk: Desk) -> None:
    """Three accounts with money, and marks."""


def indexed(desk: Desk) -> None:
    """The collateral has an index."""
    desk.do(commands.SetAssetIndex(asset="USDT", index=D(1), bid=D(1), ask=D(1)))


def lively(desk: Desk) -> None:
    """Markets have traded and been looked at; Alice holds an isolated position with added margin and a cross one, has
    amended an order."""
    desk.do(commands.Transfer(account="maker", asset="USDT", amount=D(1_000_000)))
    desk.do(commands.SetIndex(symbol="BTCUSDT", sources=(commands.Source(name="spot", price=D(50_010)),)))
    for asset, price in (("BTC", 50_000), ("USDT", 1)):
        at = D(price)
        desk.do(commands.SetAssetIndex(asset=asset, index=at, bid=at * D("0.95"), ask=at * D("1.05")))
    desk.do(commands.Fund(asset="USDT", amount=D("1234.5")))
    desk.ask("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    desk.trade(quantity="0.5")
    desk.limit("maker", "BUY", "0.1", "49900")
    desk.limit("maker", "SELL", "0.1", "50200")
    desk.wait(5 * HOUR_MS)
    desk.venue.advance()
    desk.limit("alice", "BUY", "0.1", "50200")
    number = desk.limit("alice", "BUY", "0.1", "49000")["orderId"]
    desk.ask("PUT", "/fapi/v1/order", **BTC, orderId=number, side="BUY", quantity="0.2", price="49000")
    desk.limit("bob", "BUY", "0.1", "49950")
    desk.limit("bob", "SELL", "0.1", "50300")
    desk.ask("POST", "/fapi/v1/positionMargin", **BTC, amount="100.5", type=1)
    desk.wait(5 * 60_000)
    desk.venue.advance()


def forced(desk: Desk) -> None:
    """Alice's long of 1 BTC was sold by Bob; the fund is empty and nobody bids, so that both are closed by force."""
    for name, wallet in (("alice", 1000), ("bob", 2000)):
        desk.do(commands.Transfer(account=name, asset="USDT", amount=D(wallet - 100_000)))
        desk.ask("POST", "/fapi/v1/leverage", name, **BTC, leverage=100)
    desk.limit("bob", "SELL", "1", "50000")
    desk.limit("alice", "BUY", "1", "50000")
    desk.do(commands.SetMark(symbol="BTCUSDT", price=D(48_900)))


def triggered(desk: Desk) -> None:
    """A stop of Alice's was triggered, and filled."""
    desk.limit("maker", "BUY", "1", "47950")
    given = {key: word for key, word in ALGO.items() if key != "price"} | {"type": "STOP_MARKET"}
    desk.ask("POST", "/fapi/v1/algoOrder", **given)
    desk.do(commands.SetMark(symbol="BTCUSDT", price=D(47_900)))


class Case(NamedTuple):
    """A question to a scene on an API date."""

    ask: Callable[[Desk, str, str], Any]
    scene: Callable[[Desk], None] = lively
    date: str = TODAY


def plain(who: str = "alice", scene: Callable[[Desk], None] = lively, date: str = TODAY, **params: object) -> Case:
    """The method and path of the sample itself."""
    return Case(lambda desk, method, path: desk.ask(method, path, who, **params), scene, date)


def trailing(ask: Callable[[Desk, str, str, int], Any]) -> Case:
    """A trailing stop has been placed among the orders."""

    def asked(desk: Desk, method: str, path: str) -> Any:
        return ask(desk, method, path, desk.ask("POST", "/fapi/v1/order", **TRAILING)["orderId"])

    return Case(asked, bare, BEFORE_ALGO)


def amended(desk: Desk, number: int) -> dict[str, object]:
    return {**BTC, "side": "BUY", "orderId": number, "quantity": "0.02", "price": "49010"}


def resting(desk: Desk) -> int:
    number: int = desk.limit("alice", "BUY", "0.01", "49000")["orderId"]
    return number


def link(desk: Desk, method: str, path: str) -> Any:
    begun = desk.get(path.removesuffix("/id"), startTime=BEGUN_MS, endTime=BEGUN_MS)
    desk.runner.run(desk.venue.downloads.settled())
    return desk.ask(method, path, downloadId=begun["downloadId"])


def one_algo(desk: Desk, method: str, path: str) -> Any:
    (row,) = desk.get("/fapi/v1/allAlgoOrders", **BTC)
    return desk.ask(method, path, algoId=row["algoId"])


def cancelled_algo(desk: Desk, method: str, path: str) -> Any:
    return desk.ask(method, path, algoId=desk.ask("POST", "/fapi/v1/algoOrder", **ALGO)["algoId"])


def open_algo(desk: Desk, method: str, path: str) -> Any:
    desk.ask("POST", "/fapi/v1/algoOrder", **ALGO)
    return desk.ask(method, path)


def listened(desk: Desk, method: str, path: str) -> Any:
    desk.ask("POST", path)
    return desk.ask(method, path)


def both_forced(desk: Desk, method: str, path: str) -> Any:
    """A liquidation order and one of deleveraging, as in the sample."""
    return desk.ask(method, path, "alice") + desk.ask(method, path, "bob")


ASYNC = {"startTime": BEGUN_MS, "endTime": BEGUN_MS}
ENDPOINT_CASES: Mapping[str, Case] = {
    "Account/ChangeInitialLeverage": plain(**ETH, leverage=7),
    "Account/ChangeMarginType": plain(scene=bare, **ETH, marginType="ISOLATED"),
    "Account/GetAccountConfiguration": plain(),
    "Account/GetAccountInfo": plain(),
    "Account/GetAccountInfoV3": plain(),
    "Account/GetBalances": plain(),
    "Account/GetBnbBurnStatus": plain(),
    "Account/GetBrackets": plain(),
    "Account/GetDownloadIdForOrderHistory": plain(**ASYNC),
    "Account/GetDownloadIdForTradeHistory": plain(**ASYNC),
    "Account/GetDownloadIdForTransactionHistory": plain(**ASYNC),
    "Account/GetDownloadLinkForOrderHistory": Case(link, bare),
    "Account/GetDownloadLinkForTradeHistory": Case(link, bare),
    "Account/GetDownloadLinkForTransactionHistory": Case(link, bare),
    "Account/GetIncomeHistory": plain(),
    "Account/GetMarginChangeHistory": plain(**BTC),
    "Account/GetMultiAssetsMode": plain(),
    "Account/GetOrderRateLimit": plain(),
    "Account/GetPositionAdlQuantileEstimation": plain(),
    "Account/GetPositionInformation": plain(),
    "Account/GetSymbolConfiguration": plain(),
    "Account/GetTradingStatus": plain(),
    "Account/GetUserCommissionRate": plain(**BTC),
    "Account/KeepAliveUserStream": Case(listened, bare, "2024-04-24"),
    "Account/ModifyPositionMargin": plain(**BTC, amount="5.5", type=1),
    "Account/ModifyPositionMode": plain(scene=bare, dualSidePosition="true"),
    "Account/SetBnbBurnStatus": plain(feeBurn="true"),
    "Account/SetMultiAssetsMode": plain(scene=indexed, multiAssetsMargin="true"),
    "Account/StartUserStream": plain(),
    "Account/StopUserStream": Case(listened),
    "ExchangeData/GetAggregatedTradeHistory": plain(**BTC),
    "ExchangeData/GetAssetIndexes": plain(),
    "ExchangeData/GetBasis": plain(**PAIR, **PERPETUAL, **FIVE),
    "ExchangeData/GetBookPrice": plain(**BTC),
    "ExchangeData/GetContinuousContractKlines": plain(**PAIR, **PERPETUAL, **MINUTE),
    "ExchangeData/GetExchangeInfo": plain(),
    "ExchangeData/GetFundingInfo": plain(),
    "ExchangeData/GetFundingRates": plain(**BTC),
    "ExchangeData/GetGlobalLongShortAccountRatio": plain(**BTC, **FIVE),
    "ExchangeData/GetIndexPriceConstituents": plain(**BTC),
    "ExchangeData/GetIndexPriceKlines": plain(**PAIR, **MINUTE),
    "ExchangeData/GetInsuranceFundBalances": plain(**BTC),
    "ExchangeData/GetKlines": plain(**BTC, **MINUTE),
    "ExchangeData/GetMarkPrice": plain(**BTC),
    "ExchangeData/GetMarkPriceKlines": plain(**BTC, **MINUTE),
    "ExchangeData/GetOpenInterest": plain(**BTC),
    "ExchangeData/GetOpenInterestHistory": plain(**BTC, **FIVE),
    "ExchangeData/GetOrderBook": plain(**BTC),
    "ExchangeData/GetPremiumIndexKlines": plain(**BTC, **MINUTE),
    "ExchangeData/GetPrice": plain(**BTC),
    "ExchangeData/GetRecentTrades": plain(**BTC),
    "ExchangeData/GetServerTime": plain(),
    "ExchangeData/GetTakerBuySellVolumeRatio": plain(**BTC, **FIVE),
    "ExchangeData/GetTicker": plain(**BTC),
    "ExchangeData/GetTopLongShortAccountRatio": plain(**BTC, **FIVE),
    "ExchangeData/GetTopLongShortPositionRatio": plain(**BTC, **FIVE),
    "ExchangeData/GetTradeHistory": plain(**BTC),
    "Trading/CancelAllConditionalOrders": plain(**BTC, scene=bare),
    "Trading/CancelAllOrders": plain(**BTC, scene=bare),
    "Trading/CancelAllOrdersAfterTimeout": plain(**ETH, countdownTime=100_000),
    "Trading/CancelConditionalOrder": Case(cancelled_algo, bare),
    "Trading/CancelMultipleOrders": trailing(
        lambda desk, method, path, number: desk.ask(method, path, **BTC, orderIdList=f"[{number},{number + 1}]")
    ),
    "Trading/CancelOrder": trailing(
        lambda desk, method, path, number: desk.ask(method, path, **BTC, orderId=number)
    ),
    "Trading/EditMultipleOrders": Case(
        lambda desk, method, path: desk.ask(method, path, batchOrders=json.dumps([amended(desk, resting(desk))])),
        bare, BEFORE_ALGO,
    ),
    "Trading/EditOrder": Case(
        lambda desk, method, path: desk.ask(method, path, **amended(desk, resting(desk))), bare, BEFORE_ALGO
    ),
    "Trading/GetConditionalOrder": Case(one_algo, triggered, WITH_LEGS),
    "Trading/GetConditionalOrders": plain(**BTC, scene=triggered, date=WITH_LEGS),
    "Trading/GetForcedOrders": Case(both_forced, forced),
    "Trading/GetOpenConditionalOrders": Case(open_algo, bare, WITH_LEGS),
    "Trading/GetOpenOrder": trailing(
        lambda desk, method, path, number: desk.ask(method, path, **BTC, orderId=number)
    ),
    "Trading/GetOpenOrders": trailing(lambda desk, method, path, _: desk.ask(method, path, **BTC)),
    "Trading/GetOrder": trailing(lambda desk, method, path, number: desk.ask(method, path, **BTC, orderId=number)),
    "Trading/GetOrderEditHistory": plain(**BTC),
    "Trading/GetOrders": trailing(lambda desk, method, path, _: desk.ask(method, path, **BTC)),
    "Trading/GetPositions": plain(),
    "Trading/GetUserTrades": plain(**BTC),
    "Trading/PlaceConditionalOrder": plain(scene=bare, **ALGO),
    "Trading/PlaceMultipleOrders": Case(
        lambda desk, method, path: desk.ask(
            method, path, batchOrders=json.dumps([TRAILING, {**TRAILING, "side": "UP"}])
        ),
        bare, BEFORE_ALGO,
    ),
    "Trading/PlaceOrder": plain(scene=bare, date=BEFORE_ALGO, **TRAILING),
}  # fmt: skip


def opened(folder: Path, case: Case) -> Desk:
    """The scene of a case, set up."""
    desk = Desk(folder, case.date)
    case.scene(desk)
    return desk

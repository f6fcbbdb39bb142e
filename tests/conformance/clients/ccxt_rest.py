"""ccxt over REST: every unified method that it says this venue has."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import ccxt_elsewhere
import ccxt_errors
import doomed
from ccxt_urls import sandbox
from outcome import Control, Outcomes, arguments, need

S = "BTC/USDT:USDT"
PATIENCE_S = 30


class Trader:
    """A client, and where its results go."""

    def __init__(self, ex: Any, outcomes: Outcomes) -> None:
        """A client with a key."""
        self.ex, self._outcomes = ex, outcomes

    def call(self, name: str, *given: object, check: Callable[[Any], object] | None = None, **more: object) -> Any:
        """A method that has to answer, and with what the check wants."""
        answers: list[Any] = []

        def work() -> None:
            answers.append(getattr(self.ex, name)(*given, **more))
            need(check is None or check(answers[0]), f"not as it has to be: {answers[0]}")

        self._outcomes.show(name, work)
        return answers[0] if answers else None

    def price(self, part: float) -> float:
        """A part of the mark, on a tick."""
        return float(self.ex.price_to_precision(S, self.ex.fetch_mark_price(S)["markPrice"] * part))


def methods(ex: Any) -> set[str]:
    """What the client says that it has, by itself or out of other methods."""
    return {name for name, has in ex.has.items() if has and callable(getattr(ex, name, None))}


def market(of: Trader) -> None:
    """What anybody may ask."""
    call = of.call
    call("fetchMarkets", check=lambda it: S in {each["symbol"] for each in it})
    call("fetchCurrencies", check=lambda it: isinstance(it, dict))
    call("fetchTime", check=lambda it: abs(it - time.time() * 1000) < 5000)
    call("fetchStatus", check=lambda it: it["status"] == "ok")
    for name, given in (
        ("fetchDepositWithdrawFees", ()), ("fetchDepositWithdrawFee", ("USDT",)), ("fetchTransactionFees", ()),
        ("fetchTransactionFee", ("USDT",)),
    ):  # fmt: skip
        call(name, *given, check=lambda it: not it or not it["withdraw"])
    call("fetchTradingLimits", check=lambda it: it[S]["min"] == 0.001)
    for name in ("fetchOrderBook", "fetchL2OrderBook"):
        call(name, S, 5, check=lambda it: it["bids"][0][0] < it["asks"][0][0] and it["nonce"])
    call("fetchTrades", S, check=lambda it: it[-1]["price"] > 0)
    call("fetchOHLCV", S, "1m", check=lambda it: len(it[-1]) == 6)
    call("fetchMarkOHLCV", S, "1m", check=lambda it: it[-1][4] > 0)
    call("fetchIndexOHLCV", S, "1m", check=lambda it: it[-1][4] > 0)
    call("fetchTicker", S, check=lambda it: it["last"] > 0 and it["quoteVolume"] > 0)
    for name in ("fetchTickers", "fetchBidsAsks", "fetchLastPrices", "fetchMarkPrices"):
        call(name, check=lambda it: S in it)
    call("fetchMarkPrice", S, check=lambda it: it["markPrice"] > 0)
    call("fetchFundingRate", S, check=lambda it: it["fundingTimestamp"] > time.time() * 1000)
    call("fetchFundingRates", check=lambda it: S in it)
    call("fetchFundingRateHistory", S, check=lambda it: isinstance(it, list))
    call("fetchFundingInterval", S)
    call("fetchFundingIntervals", check=lambda it: isinstance(it, dict))
    call("fetchOpenInterest", S, check=lambda it: it["openInterestAmount"] > 0)
    call("fetchOpenInterestHistory", S, "5m", check=lambda it: isinstance(it, list))
    call("fetchLongShortRatioHistory", S, "5m", check=lambda it: isinstance(it, list))
    call("fetchADLRank", S)


def settings(of: Trader) -> None:
    """Changed, and seen changed."""
    call, ex = of.call, of.ex
    call("setPositionMode", True)
    call("fetchPositionMode", check=lambda it: it["hedged"])
    ex.set_position_mode(False)
    call("setMarginMode", "isolated", S)
    call("setLeverage", 7, S, check=lambda it: it["leverage"] == 7)
    call("fetchMarginMode", S, check=lambda it: it["marginMode"] == "isolated")
    call("fetchMarginModes", [S], check=lambda it: it[S]["marginMode"] == "isolated")
    call("fetchLeverage", S, check=lambda it: it["longLeverage"] == 7)
    call("fetchLeverages", [S], check=lambda it: it[S]["longLeverage"] == 7)
    call("fetchLeverageTiers", [S], check=lambda it: it[S][0]["maxLeverage"] >= 100)
    call("fetchMarketLeverageTiers", S, check=lambda it: it[0]["maintenanceMarginRate"] > 0)
    call("fetchTradingFee", S, check=lambda it: it["taker"] > 0)
    call("fetchTradingFees", check=lambda it: it[S]["taker"] > 0)
    call("fetchBalance", check=lambda it: it["USDT"]["total"] > 9_000)


def orders(of: Trader) -> None:
    """Placed, seen, changed, cancelled."""
    call, ex, low = of.call, of.ex, of.price(0.97)
    placed = call("createOrder", S, "limit", "buy", 0.01, low, check=lambda it: it["status"] == "open")
    number = placed["id"]
    call("fetchOrder", number, S, check=lambda it: it["price"] == low and it["status"] == "open")
    call("fetchOpenOrder", number, S, check=lambda it: it["id"] == number)
    call("fetchOpenOrders", S, check=lambda it: [each["id"] for each in it] == [number])
    lower = of.price(0.96)
    call("editOrder", number, S, "limit", "buy", 0.02, lower, check=lambda it: it["price"] == lower)
    call("cancelOrder", number, S, check=lambda it: it["status"] == "canceled")
    many = [{"symbol": S, "type": "limit", "side": "buy", "amount": 0.01, "price": each} for each in (low, lower)]
    two = call("createOrders", many, check=lambda it: [each["status"] for each in it] == ["open", "open"])
    ids = [each["id"] for each in two]
    changed = [{**each, "id": number, "amount": 0.02} for each, number in zip(many, ids, strict=True)]
    call("editOrders", changed, check=lambda it: {each["amount"] for each in it} == {0.02})
    call("cancelOrders", ids, S, check=lambda it: {each["status"] for each in it} == {"canceled"})
    for name, given in (
        ("createLimitOrder", ("buy", 0.01, low)), ("createLimitBuyOrder", (0.01, low)),
        ("createLimitSellOrder", (0.01, of.price(1.03))), ("createPostOnlyOrder", ("limit", "buy", 0.01, low)),
    ):  # fmt: skip
        call(name, S, *given, check=lambda it: ex.fetch_open_order(it["id"], S)["status"] == "open")
    call("cancelAllOrders", S, check=lambda it: not ex.fetch_open_orders(S))
    for name in ("fetchOrders", "fetchCanceledOrders", "fetchCanceledAndClosedOrders"):
        call(name, S, check=lambda it: len(it) == 7 and {each["status"] for each in it} == {"canceled"})


def trades(of: Trader) -> None:
    """A position opened, given margin, reduced and closed."""
    call, ex = of.call, of.ex
    call("createMarketOrder", S, "buy", 0.03, check=lambda it: it["id"])
    call("createMarketBuyOrder", S, 0.01, check=lambda it: _filled(ex, it))
    call("createMarketSellOrder", S, 0.01, check=lambda it: _filled(ex, it))
    call("createReduceOnlyOrder", S, "market", "sell", 0.01, check=lambda it: _filled(ex, it))
    call("fetchClosedOrders", S, check=lambda it: len(it) == 4)
    call("fetchMyTrades", S, check=lambda it: sum(each["amount"] for each in it) >= 0.06 and it[0]["fee"]["cost"] > 0)
    for name in ("fetchPositions", "fetchPositionsRisk"):
        call(name, [S], check=lambda it: _held(it[0]))
    before = held(ex)["collateral"]
    call("addMargin", S, 5, check=lambda it: it["type"] == "add" and held(ex)["collateral"] > before)
    call("reduceMargin", S, 2, check=lambda it: it["type"] == "reduce")
    call("fetchMarginAdjustmentHistory", S, "add", check=lambda it: it[-1]["amount"] == 5)
    call("fetchPositionADLRank", S, check=lambda it: it["symbol"] == S)
    call("fetchPositionsADLRank", [S], check=lambda it: it[0]["symbol"] == S)
    call("fetchLedger", "USDT", check=lambda it: {"commission", "transfer"} <= {each["type"] for each in it})
    call("fetchFundingHistory", S, check=lambda it: isinstance(it, list))
    call("fetchPremiumIndexOHLCV", S, "1m", check=lambda it: len(it[-1]) == 6)


def held(ex: Any) -> Any:
    """The position of the symbol."""
    return ex.fetch_positions([S])[0]


def _filled(ex: Any, order: Any) -> bool:
    return bool(ex.fetch_order(order["id"], order["symbol"])["status"] == "closed")


def _held(position: Any) -> bool:
    return bool(
        position["contracts"] == 0.02 and position["side"] == "long" and position["marginMode"] == "isolated"
        and round(1 / position["initialMarginPercentage"]) == 7
        and 0 < position["liquidationPrice"] < position["entryPrice"]
    )  # fmt: skip


def conditional_orders(of: Trader) -> None:
    """Each waits among the conditional orders, and is cancelled."""
    call, ex, low = of.call, of.ex, of.price(0.9)

    def waits(order: Any) -> bool:
        found = ex.fetch_open_orders(S, params={"trigger": True})
        ex.cancel_order(order["id"], S, {"trigger": True})
        return [each["id"] for each in found] == [order["id"]] and not ex.fetch_open_orders(S, params={"trigger": True})

    for name, given in (
        ("createStopOrder", ("market", "sell", 0.01, None, low)),
        ("createStopLimitOrder", ("sell", 0.01, low, low)),
        ("createStopMarketOrder", ("sell", 0.01, low)),
        ("createStopLossOrder", ("market", "sell", 0.01, None, low)),
        ("createTakeProfitOrder", ("market", "sell", 0.01, None, of.price(1.1))),
        ("createTriggerOrder", ("market", "sell", 0.01, None, low)),
        ("createTrailingPercentOrder", ("market", "sell", 0.01, None, 1)),
    ):
        call(name, S, *given, check=waits)


def liquidation(of: Trader, control: Control) -> None:
    """An account is liquidated, and sees it."""
    ex = of.ex
    amount = float(doomed.quantity(Decimal(str(of.price(1)))))
    ex.create_order(S, "market", "buy", amount)
    entry = Decimal(str(held(ex)["entryPrice"]))
    doomed.fall(control, entry, lambda: not ex.fetch_positions([S]))
    of.call("fetchMyLiquidations", S, check=lambda it: it[0]["price"] > 0 and it[0]["side"] == "sell")


def main() -> None:
    """All of it."""
    said = arguments()
    outcomes, control = Outcomes("ccxt_rest", said.out), Control(said.control, said.token)
    own = Trader(sandbox(ccxt.binanceusdm, said.key, said.secret, said), outcomes)
    own.call("loadMarkets", check=lambda it: it[S]["linear"] and it[S]["precision"]["price"] == 0.1)
    market(own)
    settings(own)
    orders(own)
    trades(own)
    conditional_orders(own)
    liquidation(Trader(sandbox(ccxt.binanceusdm, *doomed.new(control, "doomed"), said), outcomes), control)
    for name, product, ask in ccxt_elsewhere.attempts(own.ex, methods(own.ex)):
        outcomes.show(name, lambda ask=ask, product=product: ccxt_elsewhere.elsewhere(ask, product))
    outcomes.need(methods(own.ex))
    fresh = sandbox(ccxt.binanceusdm, *control.account("fresh"), said)
    fresh.load_markets()
    ccxt_errors.tell(fresh, outcomes, is_genuine=False)


main()

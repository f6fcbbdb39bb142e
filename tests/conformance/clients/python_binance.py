"""python-binance: every method of USDⓈ-M over REST, its sockets, and its methods of the WebSocket API."""

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import doomed
from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException
from outcome import Control, Outcomes, Unsupported, arguments, need, refused

S = "BTCUSDT"
PORTFOLIO, CONVERT = -21001, -1020
"""No account of portfolio margin; nothing can be converted."""
SIGNATURE, UNKNOWN_PATH = -1022, -5000
DAY_MS, WAIT_S = 86_400_000, 30
WALLET = "the spot wallet, no part of USDⓈ-M"
ELSEWHERE: dict[str, tuple[str, dict[str, object]]] = {
    "futures_account_transfer": (WALLET, {"asset": "USDT", "amount": 1, "type": 1}),
    "futures_loan_borrow_history": (WALLET, {}),
    "futures_loan_repay_history": (WALLET, {}),
    "futures_loan_wallet": (WALLET, {}),
    "futures_loan_interest_history": (WALLET, {}),
    "futures_cross_collateral_adjust_history": (WALLET, {}),
    "futures_cross_collateral_liquidation_history": (WALLET, {}),
    "futures_historical_data_link": (
        "past books for VIP users, by the host of spot",
        {"symbol": S, "dataType": "T_DEPTH"},
    ),
}
"""What the client asks the host of spot, which the server answers as that of futures does: there is no such path."""
HOSTS = ("api", "sapi", "fapi")
KLINES = ("futures_klines", "futures_mark_price_klines", "futures_premium_index_klines")
RATIOS = (
    "futures_open_interest_hist", "futures_top_longshort_account_ratio", "futures_top_longshort_position_ratio",
    "futures_global_longshort_ratio", "futures_taker_longshort_ratio",
)  # fmt: skip


class Caller:
    """A client, and where its results go."""

    def __init__(self, client: Client, outcomes: Outcomes) -> None:
        """A client with a key."""
        self.client, self._outcomes = client, outcomes

    def call(self, name: str, check: Callable[[Any], object] | None = None, **params: object) -> Any:
        """A method that has to answer with what the check wants."""
        answers: list[Any] = []

        def work() -> None:
            answers.append(getattr(self.client, name)(**params))
            need(check is None or check(answers[0]), f"not as it has to be: {answers[0]}")

        self._outcomes.show(name, work)
        return answers[0] if answers else None

    def refused(self, name: str, code: int, **params: object) -> None:
        """A method that the venue refuses."""
        work = getattr(self.client, name)
        self._outcomes.show(name, lambda: refused(lambda: work(**params), BinanceAPIException, f"(code={code})"))

    def price(self, part: str) -> str:
        """A part of the mark, on a tick."""
        mark = Decimal(self.client.futures_mark_price(symbol=S)["markPrice"])
        return str((mark * Decimal(part)).quantize(Decimal("0.1")))


def methods(kind: type, start: str) -> set[str]:
    """The methods of a client whose names begin so, without those of COIN-M."""
    names = {name for name, _ in inspect.getmembers(kind, inspect.isfunction)}
    return {name for name in names if name.startswith(start) and "_coin" not in name}


def market(of: Caller) -> None:
    """What anybody may ask."""
    call, one = of.call, {"symbol": S}
    call("futures_ping", lambda it: it == {})
    call("futures_time", lambda it: abs(it["serverTime"] - time.time() * 1000) < 5000)
    call("futures_exchange_info", lambda it: S in {each["symbol"] for each in it["symbols"]})
    for name in ("futures_order_book", "futures_rpi_depth"):
        call(name, lambda it: Decimal(it["bids"][0][0]) < Decimal(it["asks"][0][0]), **one)
    for name in ("futures_recent_trades", "futures_historical_trades", "futures_aggregate_trades"):
        call(name, len, **one)
    of.client.futures_klines(symbol=S, interval="1m")
    until(lambda: of.client.futures_premium_index_klines(symbol=S, interval="1m"))
    for name in KLINES:
        call(name, lambda it: len(it[-1]) == 12, **one, interval="1m")
    call("futures_index_price_klines", lambda it: len(it[-1]) == 12, pair=S, interval="1m")
    call("futures_continuous_klines", len, pair=S, contractType="PERPETUAL", interval="1m")
    for name in ("futures_historical_klines", "futures_historical_mark_price_klines"):
        call(name, len, **one, interval="1m", start_str="1 hour ago UTC")
    call("futures_historical_klines_generator", list, **one, interval="1m", start_str="1 hour ago UTC")
    for name in ("futures_mark_price", "futures_ticker", "futures_symbol_ticker", "futures_orderbook_ticker"):
        call(name, lambda it: it["symbol"] == S, **one)
    call("futures_open_interest", lambda it: Decimal(it["openInterest"]) > 0, **one)
    call("futures_funding_rate", lambda it: isinstance(it, list), **one)
    call("futures_v1_get_funding_info", lambda it: isinstance(it, list))
    for name in RATIOS:
        call(name, lambda it: isinstance(it, list), **one, period="5m")
    call("futures_basis", lambda it: isinstance(it, list), pair=S, contractType="PERPETUAL", period="5m")
    call("futures_index_price_constituents", lambda it: it["constituents"], **one)
    call("futures_insurance_fund_balance_snapshot", **one)
    call("futures_index_info")
    call("futures_v1_get_asset_index", len)
    call("futures_symbol_adl_risk", **one)
    call("futures_delivery_price", lambda it: it == [], pair=S)


def settings(of: Caller) -> None:
    """Changed, and seen changed."""
    call, client = of.call, of.client
    call("futures_change_position_mode", dualSidePosition="true")
    call("futures_get_position_mode", lambda it: it["dualSidePosition"])
    client.futures_change_position_mode(dualSidePosition="false")
    call("futures_change_multi_assets_mode", multiAssetsMargin=True)
    call("futures_get_multi_assets_mode", lambda it: it["multiAssetsMargin"])
    client.futures_change_multi_assets_mode(multiAssetsMargin=False)
    call("futures_v1_post_fee_burn", feeBurn="true")
    call("futures_v1_get_fee_burn", lambda it: it["feeBurn"])
    client.futures_v1_post_fee_burn(feeBurn="false")
    call("futures_change_leverage", lambda it: it["leverage"] == 7, symbol=S, leverage=7)
    call("futures_change_margin_type", symbol=S, marginType="ISOLATED")
    call("futures_symbol_config", lambda it: (it[0]["leverage"], it[0]["marginType"]) == (7, "ISOLATED"), symbol=S)
    call("futures_account_config", lambda it: it["canTrade"])
    call("futures_leverage_bracket", lambda it: it[0]["brackets"], symbol=S)
    call("futures_commission_rate", lambda it: Decimal(it["takerCommissionRate"]) > 0, symbol=S)
    call("futures_api_trading_status")
    call("futures_v1_get_rate_limit_order", len)


def orders(of: Caller) -> None:
    """Placed, seen, changed, cancelled."""
    call, client, low, lower = of.call, of.client, of.price("0.97"), of.price("0.96")
    buy = {"symbol": S, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.01, "price": low}
    call("futures_create_test_order", **buy)
    placed = call("futures_create_order", lambda it: it["status"] == "NEW", **buy)
    own = {"symbol": S, "orderId": placed["orderId"]}
    call("futures_get_order", lambda it: it["price"] == low, **own)
    call("futures_v1_get_open_order", lambda it: it["orderId"] == placed["orderId"], **own)
    call("futures_get_open_orders", lambda it: [each["orderId"] for each in it] == [placed["orderId"]], symbol=S)
    call("futures_modify_order", lambda it: it["price"] == lower, **own, side="BUY", quantity=0.02, price=lower)
    call("futures_v1_get_order_amendment", lambda it: it[0]["amendment"]["price"]["after"] == lower, **own)
    call("futures_cancel_order", lambda it: it["status"] == "CANCELED", **own)
    batch = [{**buy, "quantity": "0.01"}, {**buy, "quantity": "0.01", "price": lower}]
    two = call(
        "futures_place_batch_order", lambda it: [each["status"] for each in it] == ["NEW"] * 2, batchOrders=batch
    )
    ids = [each["orderId"] for each in two]
    call(
        "futures_cancel_orders", lambda it: [each["status"] for each in it] == ["CANCELED"] * 2,
        symbol=S, orderidlist=ids,
    )  # fmt: skip
    several = json.dumps([{**own, "side": "BUY", "quantity": "0.01", "price": low}])
    # The client signs the text before it encodes it, and no list has the same bytes then.
    of.refused("futures_v1_put_batch_orders", SIGNATURE, batchOrders=several)
    for name in ("futures_v1_post_batch_order", "futures_v1_put_batch_order", "futures_v1_delete_batch_order"):
        of.refused(name, -5000)
    limit = {name: buy[name] for name in ("symbol", "timeInForce", "quantity", "price")}
    call("futures_limit_order", lambda it: it["type"] == "LIMIT", **limit, side="BUY")
    call("futures_limit_buy_order", lambda it: it["side"] == "BUY", **limit)
    call("futures_limit_sell_order", lambda it: it["side"] == "SELL", **{**limit, "price": of.price("1.03")})
    call(
        "futures_cancel_all_open_orders",
        lambda it: it["code"] == 200 and not client.futures_get_open_orders(symbol=S), symbol=S,
    )  # fmt: skip
    client.futures_create_order(**buy)
    call(
        "futures_countdown_cancel_all", lambda _: until(lambda: not client.futures_get_open_orders(symbol=S)),
        symbol=S, countdownTime=1000,
    )  # fmt: skip
    call(
        "futures_get_all_orders", lambda it: {each["status"] for each in it} == {"CANCELED"} and len(it) == 7, symbol=S
    )


def algo_orders(of: Caller) -> None:
    """A conditional order waits and is cancelled, by itself and with all."""
    call, client = of.call, of.client
    stop = {"symbol": S, "side": "SELL", "type": "STOP_MARKET", "quantity": 0.01, "triggerPrice": of.price("0.9")}
    placed = call("futures_create_algo_order", lambda it: it["algoStatus"] == "NEW", **stop)
    own = {"algoId": placed["algoId"]}
    call("futures_get_algo_order", lambda it: it["algoId"] == placed["algoId"], **own)
    call("futures_get_open_algo_orders", lambda it: [each["algoId"] for each in it] == [placed["algoId"]], symbol=S)
    call("futures_cancel_algo_order", lambda it: it["algoId"] == placed["algoId"], **own)
    # The client sends an order of such a type to the algo service by itself.
    need(client.futures_create_order(**{**stop, "stopPrice": stop["triggerPrice"]})["algoId"], "no algo order")
    call(
        "futures_cancel_all_algo_open_orders",
        lambda it: it["code"] == 200 and not client.futures_get_open_algo_orders(symbol=S), symbol=S,
    )  # fmt: skip
    call("futures_get_all_algo_orders", lambda it: {each["algoStatus"] for each in it} == {"CANCELED"}, symbol=S)


def trades(of: Caller) -> None:
    """A position, and what it leaves behind."""
    call = of.call
    market_order = {"symbol": S, "quantity": 0.01}
    call("futures_market_order", lambda it: it["orderId"], **market_order, side="BUY")
    call("futures_market_buy_order", lambda it: it["side"] == "BUY", **market_order)
    call("futures_market_sell_order", lambda it: it["side"] == "SELL", **market_order)
    call("futures_account_trades", lambda it: sum(Decimal(each["qty"]) for each in it) == Decimal("0.03"), symbol=S)
    call("futures_position_information", lambda it: it[0]["positionAmt"] == "0.010", symbol=S)
    call("futures_adl_quantile_estimate", symbol=S)
    call("futures_change_position_margin", lambda it: it["code"] == 200, symbol=S, amount=5, type=1)
    call("futures_position_margin_history", lambda it: Decimal(it[-1]["amount"]) == 5, symbol=S)
    call("futures_account_balance", lambda it: "USDT" in {each["asset"] for each in it})
    call("futures_account", lambda it: Decimal(it["totalInitialMargin"]) > 0)
    call("futures_income_history", lambda it: {"TRANSFER", "COMMISSION"} <= {each["incomeType"] for each in it})


def the_rest(of: Caller) -> None:
    """Downloads, listen keys, and what is of no use to such an account."""
    end = int(time.time() * 1000)
    for kind in ("income", "order", "trade"):
        asked = of.call(f"futures_v1_get_{kind}_asyn", lambda it: it["downloadId"], startTime=end - DAY_MS, endTime=end)
        fetch = f"futures_v1_get_{kind}_asyn_id"
        own = {"downloadId": asked["downloadId"]}
        until(lambda fetch=fetch, own=own: getattr(of.client, fetch)(**own)["status"] == "completed")
        of.call(fetch, lambda it: it["url"], **own)
    key = of.call("futures_stream_get_listen_key", lambda it: len(it) == 64)
    of.call("futures_stream_keepalive", listenKey=key)
    of.call("futures_stream_close", listenKey=key)
    of.call("futures_v1_get_convert_exchange_info")
    of.refused("futures_v1_get_pm_account_info", PORTFOLIO, asset="USDT")
    of.refused("futures_v1_post_convert_get_quote", CONVERT, fromAsset="USDT", toAsset="BNB", fromAmount=10)
    of.refused("futures_v1_post_convert_accept_quote", CONVERT, quoteId="1")
    of.refused("futures_v1_get_convert_order_status", CONVERT, quoteId="1")


def until(holds: Callable[[], object]) -> bool:
    """Wait until something holds; whether it did in time."""
    end = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def sockets(manager: BinanceSocketManager) -> Iterator[tuple[str, Any, Callable[[Any], object]]]:
    """Sockets of the market: name, socket, and what its messages hold."""
    yield "aggtrade_futures_socket", manager.aggtrade_futures_socket(S), lambda it: it["data"]["e"] == "aggTrade"
    yield "all_mark_price_socket", manager.all_mark_price_socket(), lambda it: it["data"][0]["e"] == "markPriceUpdate"
    yield "all_ticker_futures_socket", manager.all_ticker_futures_socket(), lambda it: it["data"]["e"] == "bookTicker"
    yield "futures_depth_socket", manager.futures_depth_socket(S), lambda it: len(it["data"]["b"]) == 10
    yield "futures_rpi_depth_socket", manager.futures_rpi_depth_socket(S), lambda it: it["data"]["e"] == "depthUpdate"
    yield (
        "futures_multiplex_socket",
        manager.futures_multiplex_socket(["btcusdt@aggTrade", "ethusdt@markPrice"]),
        lambda it: it["stream"] == "ethusdt@markPrice",
    )
    yield "futures_ticker_socket", manager.futures_ticker_socket(), lambda it: it["data"][0]["e"] == "24hrTicker"
    yield (
        "individual_symbol_ticker_futures_socket",
        manager.individual_symbol_ticker_futures_socket(S),
        lambda it: it["data"]["e"] == "24hrTicker",
    )
    yield "kline_futures_socket", manager.kline_futures_socket(S), lambda it: it["e"] == "continuous_kline"
    yield "symbol_mark_price_socket", manager.symbol_mark_price_socket(S), lambda it: it["data"]["s"] == S
    yield "symbol_ticker_futures_socket", manager.symbol_ticker_futures_socket(S), lambda it: it["data"]["s"] == S


async def listen(socket: Any, holds: Callable[[Any], object]) -> None:
    """Until a message holds something."""
    async with socket as stream:
        while not holds(await stream.recv()):
            pass


async def heard(socket: Any, event: str, meanwhile: Callable[[], Awaitable[object]]) -> None:
    """An event of an account that hears of what is done meanwhile."""
    async with socket as stream:
        await meanwhile()
        while (await stream.recv()).get("e") != event:
            pass


async def over_sockets(client: AsyncClient, outcomes: Outcomes, low: str, lower: str) -> None:
    """All sockets and the WebSocket API."""
    manager = BinanceSocketManager(client)
    for name, socket, holds in sockets(manager):
        await outcomes.watch(name, lambda socket=socket, holds=holds: listen(socket, holds))

    async def trade() -> None:
        await client.futures_create_order(symbol=S, side="BUY", type="MARKET", quantity=0.01)

    for name in ("futures_user_socket", "futures_socket"):
        for event in ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"):
            socket = getattr(manager, name)()
            await outcomes.watch(f"{name} {event}", lambda socket=socket, event=event: heard(socket, event, trade))

    async def call(name: str, check: Callable[[Any], object], **params: object) -> Any:
        answers: list[Any] = []

        async def work() -> None:
            answers.append(await getattr(client, name)(**params))
            need(check(answers[0]), f"not as it has to be: {answers[0]}")

        await outcomes.watch(name, work)
        return answers[0] if answers else None

    await call("ws_futures_get_order_book", lambda it: it["bids"] and it["asks"], symbol=S)
    await call("ws_futures_get_all_tickers", lambda it: S in {each["symbol"] for each in it})
    await call("ws_futures_get_order_book_ticker", lambda it: it["symbol"] == S, symbol=S)
    limit = {"symbol": S, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": low}
    placed = await call("ws_futures_create_order", lambda it: it["status"] == "NEW", **limit)
    own = {"symbol": S, "orderId": placed["orderId"]}
    edit = {**own, "side": "BUY", "quantity": "0.01", "price": lower}
    await call("ws_futures_edit_order", lambda it: it["price"] == lower, **edit)
    await call("ws_futures_get_order", lambda it: it["price"] == lower, **own)
    await call("ws_futures_cancel_order", lambda it: it["status"] == "CANCELED", **own)
    stop = {"symbol": S, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01", "triggerPrice": lower}
    algo = await call("ws_futures_create_algo_order", lambda it: it["algoId"], algoType="CONDITIONAL", **stop)
    await call("ws_futures_cancel_algo_order", lambda it: it["algoId"] == algo["algoId"], algoId=algo["algoId"])
    for version in ("", "v2_"):
        await call(f"ws_futures_{version}account_balance", lambda it: "USDT" in {each["asset"] for each in it})
        await call(f"ws_futures_{version}account_position", lambda it: it[0]["symbol"] == S, symbol=S)
        await call(f"ws_futures_{version}account_status", lambda it: Decimal(it["totalWalletBalance"]) > 0)


def elsewhere(client: Client, name: str, why: str, **params: object) -> None:
    """Raise `Unsupported` where there is no such path."""
    try:
        getattr(client, name)(**params)
    except BinanceAPIException as error:
        if error.code == UNKNOWN_PATH:
            raise Unsupported(why) from None
        raise
    raise AssertionError("it was answered")


def liquidation(of: Caller, control: Control) -> None:
    """An account is liquidated, and finds it among its forced orders."""
    client = of.client
    quantity = float(doomed.quantity(Decimal(of.price("1"))))
    client.futures_create_order(symbol=S, side="BUY", type="MARKET", quantity=quantity)
    entry = Decimal(client.futures_position_information(symbol=S)[0]["entryPrice"])
    doomed.fall(control, entry, lambda: not client.futures_position_information(symbol=S))
    of.call("futures_liquidation_orders", lambda it: it[0]["clientOrderId"].startswith("autoclose-"), symbol=S)


def main() -> None:
    """All of it."""
    said = arguments()
    outcomes, control = Outcomes("python_binance", said.out), Control(said.control, said.token)
    for kind in (Client, AsyncClient):
        kind.API_URL, kind.MARGIN_API_URL, kind.FUTURES_URL = (f"{said.rest}/{name}" for name in HOSTS)
        kind.FUTURES_DATA_URL, kind.WS_FUTURES_URL = f"{said.rest}/futures/data", f"{said.ws}/ws-fapi/v1"
    BinanceSocketManager.FSTREAM_URL = f"{said.ws}/"
    of = Caller(Client(said.key, said.secret), outcomes)
    for part in (market, settings, orders, algo_orders, trades, the_rest):
        part(of)
    liquidation(Caller(Client(*doomed.new(control, "doomed")), outcomes), control)
    for name, (why, params) in ELSEWHERE.items():
        outcomes.show(name, lambda name=name, why=why, params=params: elsewhere(of.client, name, why, **params))

    async def later() -> None:
        client = await AsyncClient.create(said.key, said.secret)
        try:
            low, lower = await asyncio.to_thread(lambda: [of.price(part) for part in ("0.97", "0.96")])
            await over_sockets(client, outcomes, low, lower)
        finally:
            await client.close_connection()

    asyncio.run(later())
    outcomes.need(methods(Client, "futures_") | methods(AsyncClient, "ws_futures_"))


main()

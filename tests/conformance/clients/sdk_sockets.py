"""The official SDK's streams, user data and WebSocket API."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import doomed
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from binance_sdk_derivatives_trading_usds_futures.websocket_api import DerivativesTradingUsdsFuturesWebSocketAPI
from binance_sdk_derivatives_trading_usds_futures.websocket_streams import (
    DerivativesTradingUsdsFuturesWebSocketStreams,
)
from outcome import UNSUPPORTED, Control, Outcomes, need
from sdk_rest import Rest, strangers

S, PATIENCE_S, HOUR_MS = "BTCUSDT", 60, 3_600_000
MACHINERY = {
    "close_connection",
    "connect",
    "create_connection",
    "init_connection",
    "is_one_of_model",
    "list_subscribe",
    "off_connection",
    "on",
    "on_connection",
    "parse_signed_stream_message",
    "ping",
    "ping_server",
    "ping_ws_api",
    "ping_ws_stream",
    "receive_loop",
    "reconnect",
    "schedule_reconnect",
    "send_message",
    "send_signed_message",
    "session_re_log_on",
    "sign_stream_url",
    "stream_messages",
    "subscribe",
    "subscribe_user_data",
    "unsubscribe",
}
"""Methods of both socket clients that are about the connection."""
STREAMS: dict[str, dict[str, str]] = {
    "aggregate_trade_streams": {"symbol": S},
    "all_book_tickers_stream": {},
    "all_market_liquidation_order_streams": {},
    "all_market_mini_tickers_stream": {},
    "all_market_tickers_streams": {},
    "asset_index": {},
    "continuous_contract_kline_candlestick_streams": {
        "pair": S.lower(), "contract_type": "perpetual", "interval": "1m",
    },
    "contract_info_stream": {},
    "diff_book_depth_streams": {"symbol": S},
    "individual_symbol_book_ticker_streams": {"symbol": S},
    "individual_symbol_mini_ticker_stream": {"symbol": S},
    "individual_symbol_ticker_streams": {"symbol": S},
    "kline_candlestick_streams": {"symbol": S, "interval": "1m"},
    "liquidation_order_streams": {"symbol": S},
    "mark_price_stream": {"symbol": S},
    "mark_price_stream_for_all_market": {},
    "partial_book_depth_streams": {"symbol": S, "levels": "5"},
    "rpi_diff_book_depth_streams": {"symbol": S},
}  # fmt: skip
SILENT = {
    "composite_index_symbol_information_streams": ({"symbol": S}, "no contract of a composite index is listed"),
    "trading_session_stream": ({}, "no contract with trading sessions is listed"),
}
UNHEARD = {
    "STRATEGY_UPDATE": "strategies are begun on the venue's website, not by its API",
    "GRID_UPDATE": "grids are begun on the venue's website, not by its API",
    "CONDITIONAL_ORDER_TRIGGER_REJECT": "not sent since 2025-12-15: ALGO_UPDATE tells it",
}


class Heard:
    """What streams have brought, by name."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._found: dict[str, list[Any]] = {}

    def hear(self, name: str) -> Callable[[Any], None]:
        """A callback for a stream."""
        return self._found.setdefault(name, []).append

    def of(self, name: str) -> list[Any]:
        """What came; of a list of rows the rows."""
        return [row for each in self._found.get(name, []) for row in (each if isinstance(each, list) else [each])]

    async def first(self, name: str, wanted: Callable[[Any], object] = lambda _: True) -> Any:
        """The first that is wanted, when it comes."""
        while True:
            for each in self.of(name):
                if wanted(each):
                    return each
            await asyncio.sleep(0.05)


def stream_methods() -> set[str]:
    """The streams of the client."""
    return {f"stream {name}" for name in _public(DerivativesTradingUsdsFuturesWebSocketStreams) - {"user_data"}}


def api_methods() -> set[str]:
    """The methods of the client's WebSocket API."""
    return {f"ws-api {name}" for name in _public(DerivativesTradingUsdsFuturesWebSocketAPI)}


def _public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")} - MACHINERY


async def market_streams(
    own: DerivativesTradingUsdsFutures, outcomes: Outcomes, crash: Callable[[], Awaitable[object]]
) -> None:
    """Subscribe to all, let somebody be liquidated, and see each stream's first message parsed by its model."""
    connection = await own.websocket_streams.create_connection()
    heard, handles = Heard(), {}
    try:
        for name, params in [*STREAMS.items(), *((name, params) for name, (params, _) in SILENT.items())]:
            handles[name] = await getattr(connection, name)(**params)
            handles[name].on("message", heard.hear(name))
        await crash()
        for name in STREAMS:
            await outcomes.watch(f"stream {name}", lambda name=name: _parsed(heard, name), PATIENCE_S)
        await outcomes.watch("stream list_subscribe", lambda: _listed(connection))
        for name, (_, why) in SILENT.items():
            need(not heard.of(name), heard.of(name))
            outcomes.tell(f"stream {name}", UNSUPPORTED, f"subscribed to and silent: {why}")
        await outcomes.watch("stream unsubscribe", lambda: _unsubscribed(handles["mark_price_stream"], heard))
    finally:
        await connection.close_connection()


async def _parsed(heard: Heard, name: str) -> None:
    await heard.first(name)
    for each in heard.of(name):
        need(not isinstance(each, dict), f"raw: {each}")
        need(not (unknown := strangers(each)), f"keys of no model: {unknown}")


async def _listed(connection: Any) -> None:
    found = await connection.list_subscribe()
    need("btcusdt@aggTrade" in found["result"], found)


async def _unsubscribed(handle: Any, heard: Heard) -> None:
    await handle.unsubscribe()
    await asyncio.sleep(0.5)
    before = len(heard.of("mark_price_stream"))
    await asyncio.sleep(3.5)
    need(len(heard.of("mark_price_stream")) == before, "still told")


class User:
    """An account whose events are heard."""

    def __init__(self, own: DerivativesTradingUsdsFutures) -> None:
        """Before it listens."""
        self.rest, self._streams, self.heard = own.rest_api, own.websocket_streams, Heard()

    async def listen(self) -> None:
        """Subscribe to the account's listen key."""
        key = (await asyncio.to_thread(self.rest.start_user_data_stream)).data().listen_key
        self._connection = await self._streams.create_connection()
        stream = await self._connection.user_data(key)
        stream.on("message", self.heard.hear("user"))

    async def event(self, name: str, wanted: Callable[[Any], object] = lambda _: True) -> Any:
        """The first event of a kind that is wanted."""

        def is_it(each: Any) -> bool:
            found = each.actual_instance
            return _kind(found) == name.replace("_", "").lower() and bool(wanted(found))

        found = (await self.heard.first("user", is_it)).actual_instance
        need(not isinstance(found, dict), f"raw: {found}")
        need(not (unknown := strangers(found)), f"keys of no model: {unknown}")
        return found

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close_connection()


def _kind(event: Any) -> str:
    """The kind without underscores; models do not keep the event's own name of it."""
    return (str(event.get("e")) if isinstance(event, dict) else type(event).__name__).replace("_", "").lower()


async def user_events(own: DerivativesTradingUsdsFutures, outcomes: Outcomes) -> None:
    """An account trades over REST, and hears of it."""
    user = User(own)
    await user.listen()
    rest, event = Rest(own.rest_api, outcomes), user.event
    low = await asyncio.to_thread(rest.price, "0.97")
    limit = {"symbol": S, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01, "price": low}
    number = (await _asked(rest, "new_order", **limit)).order_id
    await _asked(rest, "cancel_order", symbol=S, order_id=number)
    await _asked(rest, "change_initial_leverage", symbol=S, leverage=9)
    await _asked(rest, "new_order", symbol=S, side="BUY", type="MARKET", quantity=0.01)
    stop = {"symbol": S, "side": "SELL", "type": "STOP_MARKET", "quantity": 0.01, "trigger_price": low}
    algo = (await _asked(rest, "new_algo_order", algo_type="CONDITIONAL", **stop)).algo_id
    await _asked(rest, "cancel_algo_order", algo_id=algo)
    for name, wanted in (
        ("ORDER_TRADE_UPDATE", lambda it: it.o.i == number and it.o.x == "NEW"),
        ("ORDER_TRADE_UPDATE", lambda it: it.o.i == number and it.o.x == "CANCELED"),
        ("ORDER_TRADE_UPDATE", lambda it: it.o.X == "FILLED"),
        ("ACCOUNT_UPDATE", lambda it: it.a.m == "ORDER" and it.a.P[0].s == S),
        ("ACCOUNT_CONFIG_UPDATE", lambda it: it.ac.l == 9),
        ("TRADE_LITE", lambda it: it.s == S),
        ("ALGO_UPDATE", lambda it: it.o.aid == algo and it.o.X == "NEW"),
        ("ALGO_UPDATE", lambda it: it.o.aid == algo and it.o.X == "CANCELED"),
    ):
        await outcomes.watch(f"event {name}", lambda name=name, wanted=wanted: event(name, wanted))
    for name, why in UNHEARD.items():
        outcomes.tell(f"event {name}", UNSUPPORTED, why)
    await user.close()


async def _asked(rest: Rest, name: str, **params: object) -> Any:
    return (await asyncio.to_thread(lambda: getattr(rest.api, name)(**params))).data()


async def liquidated(own: DerivativesTradingUsdsFutures, control: Control, outcomes: Outcomes) -> None:
    """A long account hears its margin call and its liquidation order, and finds it among its forced orders. Brackets of
    another symbol change meanwhile, for the stream that tells it."""
    user = User(own)
    await user.listen()
    rest = Rest(own.rest_api, outcomes)
    price = Decimal(str(await asyncio.to_thread(rest.price, "1")))
    await _asked(
        rest, "new_order", symbol=S, side="BUY", type="MARKET", quantity=float(doomed.quantity(price))
    )  # fmt: skip
    entry = Decimal((await _asked(rest, "position_information_v3", symbol=S))[0].entry_price)

    def gone() -> bool:
        return not rest.api.position_information_v3(symbol=S).data()

    await asyncio.to_thread(doomed.fall, control, entry, gone)
    brackets = {"kind": "wrong_brackets", "symbol": "BNBUSDT", "value": "1.1"}
    for on in (True, False):
        await asyncio.to_thread(control.ask, "POST", "/faults", {**brackets, "on": on})
    for name, wanted in (
        ("MARGIN_CALL", lambda it: it.p[0].s == S),
        ("ORDER_TRADE_UPDATE", lambda it: it.o.c.startswith("autoclose-")),
        ("ACCOUNT_UPDATE", lambda it: Decimal(it.a.P[0].pa) == 0),
    ):
        await outcomes.watch(f"event {name}", lambda name=name, wanted=wanted: user.event(name, wanted))
    await asyncio.to_thread(
        rest.call, "users_force_orders", lambda it: it and it[0].client_order_id.startswith("autoclose-"), symbol=S
    )
    await user.close()


async def ws_api(own: DerivativesTradingUsdsFutures, outcomes: Outcomes, price: Callable[[str], float]) -> None:
    """Every method of the WebSocket API."""
    connection = await own.websocket_api.create_connection()

    async def call(name: str, check: Callable[[Any], object] = lambda _: True, **params: object) -> Any:
        answers: list[Any] = []

        async def work() -> None:
            found = (await getattr(connection, name)(**params)).data()
            need(not isinstance(found, dict), found)
            found = getattr(found, "actual_instance", found)
            need(found.status == 200, found)
            answers.append(found.result)
            need(not (unknown := strangers(found)), f"keys of no model: {unknown}")
            need(check(found.result), f"not as it has to be: {found}")

        await outcomes.watch(f"ws-api {name}", work)
        return answers[0] if answers else None

    low, lower = await asyncio.to_thread(price, "0.97"), await asyncio.to_thread(price, "0.96")
    try:
        await call("order_book", lambda it: it.last_update_id > 0, symbol=S)
        await call("symbol_price_ticker", symbol=S)
        await call("symbol_order_book_ticker", symbol=S)
        for name in ("account_information", "account_information_v2"):
            await call(name, lambda it: Decimal(it.total_wallet_balance) > 0)
        for name in ("futures_account_balance", "futures_account_balance_v2"):
            await call(name, lambda it: "USDT" in {each.asset for each in it})
        limit = {"symbol": S, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01}
        placed = await call("new_order", lambda it: it.status == "NEW", **limit, price=low)
        own_order = {"symbol": S, "order_id": placed.order_id}
        await call(
            "modify_order", lambda it: float(it.price) == lower, **own_order, side="BUY", quantity=0.01, price=lower
        )
        await call("query_order", lambda it: float(it.price) == lower, **own_order)
        await call("cancel_order", lambda it: it.status == "CANCELED", **own_order)
        for name in ("position_information", "position_information_v2"):
            await call(name, lambda it: it[0].symbol == S, symbol=S)
        stop = {"symbol": S, "side": "SELL", "type": "STOP_MARKET", "quantity": 0.01, "trigger_price": lower}
        algo = await call("new_algo_order", lambda it: it.algo_id > 0, algo_type="CONDITIONAL", **stop)
        await call("cancel_algo_order", lambda it: it.algo_id == algo.algo_id, algo_id=algo.algo_id)
        await call("start_user_data_stream", lambda it: len(it.listen_key) == 64)
        await call("keepalive_user_data_stream")
        await call("close_user_data_stream")
    finally:
        await connection.close_connection()


async def expired_key(still: DerivativesTradingUsdsFutures, control: Control, outcomes: Outcomes) -> None:
    """A listen key that nobody renews for an hour, of a server whose clock is set."""
    user = User(still)
    await user.listen()
    await asyncio.to_thread(control.ask, "POST", "/clock", {"advance_ms": HOUR_MS})
    await outcomes.watch("event listenKeyExpired", lambda: user.event("listenKeyExpired"))
    await user.close()

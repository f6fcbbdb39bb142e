"""The official SDK's REST methods, in the order in which a trader would come to them."""

import inspect
import time
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from binance_common.errors import BadRequestError, RateLimitBanError, TooManyRequestsError
from binance_sdk_derivatives_trading_usds_futures.rest_api import DerivativesTradingUsdsFuturesRestAPI
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    ModifyMultipleOrdersBatchOrdersParameterInner,
    PlaceMultipleOrdersBatchOrdersParameterInner,
)
from outcome import Outcomes, Refused, need, refused
from pydantic import BaseModel

S, TICK = "BTCUSDT", Decimal("0.1")
PAIR, PERIOD = {"pair": S}, {"symbol": S, "period": "5m"}
NO_METHODS = {"send_request", "send_signed_request"}
NEWER = {
    "maxMoveOrderLimit",
    "positionControlSide",
    "lastUpdateId",
    "breakEvenPrice",
    "isolatedWallet",
    "notional",
    "bids",
    "asks",
}
"""Keys that the venue sends and this version of the client has no field for: in its exchangeInfo, in the sample of
`bookTicker` of its documentation, in the positions of `v2/account` (answers of the venue that are quoted in ccxt's
source), in the book of the WebSocket API (the client looks for them beside the result)."""
PORTFOLIO, CONVERT = -21001, -1020
"""No account of portfolio margin; nothing can be converted."""
ASKED_MOST = 150
DAY_MS, WAIT_S = 86_400_000, 30


class Rest:
    """The calls, and what they found on the way."""

    def __init__(self, api: DerivativesTradingUsdsFuturesRestAPI, outcomes: Outcomes) -> None:
        """A client with a key, and where its results go."""
        self.api, self._outcomes = api, outcomes

    def call(self, name: str, check: Callable[[Any], object] | None = None, **params: object) -> Any:
        """One method: its answer must be of its model, with nothing but keys of that, and pass the check."""
        answer: list[Any] = []

        def work() -> None:
            answer.append(getattr(self.api, name)(**params).data())
            need(not (unknown := sorted(set(strangers(answer[0])))), f"keys of no model: {unknown}")
            need(check is None or check(answer[0]), f"not as it has to be: {answer[0]}")

        self._outcomes.show(name, work)
        return answer[0] if answer else None

    def refused(self, name: str, code: int, **params: object) -> None:
        """A method that the venue refuses to an account like this one."""
        self._outcomes.show(
            name, lambda: refused(lambda: getattr(self.api, name)(**params), BadRequestError, str(code))
        )

    def price(self, part: str) -> float:
        """A part of the mark price, on a tick."""
        mark = Decimal(self.api.mark_price(symbol=S).data().actual_instance.mark_price)
        return float((mark * Decimal(part) / TICK).quantize(Decimal(1), ROUND_DOWN) * TICK)


def methods() -> set[str]:
    """All methods of the client."""
    found = inspect.getmembers(DerivativesTradingUsdsFuturesRestAPI, inspect.isfunction)
    return {name for name, _ in found if not name.startswith("_")} - NO_METHODS


def strangers(found: Any) -> list[str]:
    """Keys that came and are of no model: pydantic keeps them apart."""
    if isinstance(found, list):
        return [key for each in found for key in strangers(each)]
    if not isinstance(found, BaseModel):
        return []
    unknown = set(getattr(found, "additional_properties", None) or ()) - NEWER
    own = [f"{type(found).__name__}.{key}" for key in unknown]
    return own + [key for name in type(found).model_fields for key in strangers(getattr(found, name, None))]


def market(rest: Rest) -> None:
    """What anybody may ask."""
    rest.call("test_connectivity")
    rest.call("check_server_time", lambda it: abs(it.server_time - time.time() * 1000) < 5000)
    rest.call("exchange_information", lambda it: S in {each.symbol for each in it.symbols})
    rest.call("order_book", lambda it: Decimal(it.bids[0][0]) < Decimal(it.asks[0][0]), symbol=S)
    rest.call("rpi_order_book", lambda it: it.bids and it.asks, symbol=S)
    rest.call("recent_trades_list", len, symbol=S)
    rest.call("old_trades_lookup", len, symbol=S)
    rest.call("compressed_aggregate_trades_list", len, symbol=S)
    for name, key in (
        ("kline_candlestick_data", "symbol"), ("mark_price_kline_candlestick_data", "symbol"),
        ("index_price_kline_candlestick_data", "pair"),
    ):  # fmt: skip
        rest.call(name, lambda it: len(it[0]) == 12, **{key: S, "interval": "1m"})
    rest.call("continuous_contract_kline_candlestick_data", len, **PAIR, contract_type="PERPETUAL", interval="1m")
    rest.call("mark_price", symbol=S)
    rest.call("get_funding_rate_history", lambda it: isinstance(it, list), symbol=S)
    rest.call("get_funding_rate_info", lambda it: isinstance(it, list))
    rest.call("ticker24hr_price_change_statistics", symbol=S)
    rest.call("symbol_price_ticker", symbol=S)
    rest.call("symbol_price_ticker_v2", symbol=S)
    rest.call("symbol_order_book_ticker", symbol=S)
    rest.call("open_interest", lambda it: Decimal(it.open_interest) > 0, symbol=S)
    rest.call("query_index_price_constituents", lambda it: it.constituents, symbol=S)
    rest.call("asset_index")
    rest.call("query_insurance_fund_balance_snapshot", symbol=S)
    rest.call("adl_risk", symbol=S)
    rest.call("trading_schedule")
    rest.call("composite_index_symbol_information")
    rest.call("futures_trading_quantitative_rules_indicators")
    for name in (
        "open_interest_statistics", "top_trader_long_short_ratio_positions", "top_trader_long_short_ratio_accounts",
        "long_short_ratio", "taker_buy_sell_volume",
    ):  # fmt: skip
        rest.call(name, lambda it: isinstance(it, list), **PERIOD)
    rest.call("basis", lambda it: isinstance(it, list), **PAIR, contract_type="PERPETUAL", period="5m")
    rest.call("quarterly_contract_settlement_price", lambda it: it == [], **PAIR)


def settings(rest: Rest) -> None:
    """An account's modes: changed, and seen changed."""
    rest.call("change_position_mode", lambda it: it.code == 200, dual_side_position="true")
    rest.call("get_current_position_mode", lambda it: it.dual_side_position)
    rest.api.change_position_mode(dual_side_position="false")
    rest.call("change_multi_assets_mode", lambda it: it.code == 200, multi_assets_margin="true")
    rest.call("get_current_multi_assets_mode", lambda it: it.multi_assets_margin)
    rest.api.change_multi_assets_mode(multi_assets_margin="false")
    rest.call("toggle_bnb_burn_on_futures_trade", lambda it: it.code == 200, fee_burn="true")
    rest.call("get_bnb_burn_status", lambda it: it.fee_burn)
    rest.api.toggle_bnb_burn_on_futures_trade(fee_burn="false")
    rest.call("change_initial_leverage", lambda it: it.leverage == 7, symbol=S, leverage=7)
    rest.call("change_margin_type", lambda it: it.code == 200, symbol=S, margin_type="ISOLATED")
    rest.call("symbol_configuration", lambda it: (it[0].leverage, it[0].margin_type) == (7, "ISOLATED"), symbol=S)
    rest.call("futures_account_configuration", lambda it: not it.dual_side_position and it.can_trade)
    rest.call("notional_and_leverage_brackets", symbol=S)
    rest.call("user_commission_rate", lambda it: Decimal(it.taker_commission_rate) > 0, symbol=S)
    rest.call("query_user_rate_limit", len)
    rest.call("futures_tradfi_perps_contract")


def orders(rest: Rest) -> None:
    """Placed, seen, amended, cancelled, one by one and many at once."""
    api, low = rest.api, rest.price("0.97")
    limit = {"symbol": S, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01}
    rest.call("test_order", **limit, price=low)
    placed = rest.call("new_order", lambda it: it.status == "NEW", **limit, price=low)
    own = {"symbol": S, "order_id": placed.order_id}
    rest.call("query_order", lambda it: float(it.price) == low, **own)
    rest.call("query_current_open_order", lambda it: it.order_id == placed.order_id, **own)
    rest.call("current_all_open_orders", lambda it: [each.order_id for each in it] == [placed.order_id], symbol=S)
    lower = rest.price("0.96")
    rest.call("modify_order", lambda it: float(it.price) == lower, **own, side="BUY", quantity=0.02, price=lower)
    rest.call("get_order_modify_history", lambda it: float(it[0].amendment.price.after) == lower, **own)
    rest.call("cancel_order", lambda it: it.status == "CANCELED", **own)
    one = {
        "symbol": S,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": 0.01,
        "price": low,
        "reduceOnly": "false",
    }
    two = (
        PlaceMultipleOrdersBatchOrdersParameterInner.from_dict(one),
        PlaceMultipleOrdersBatchOrdersParameterInner.from_dict({**one, "price": lower}),
    )
    many = rest.call(
        "place_multiple_orders", lambda it: [each.status for each in it] == ["NEW", "NEW"], batch_orders=list(two)
    )
    ids = [each.order_id for each in many]
    changed = [
        ModifyMultipleOrdersBatchOrdersParameterInner.from_dict(
            {"symbol": S, "side": "BUY", "orderId": each, "quantity": 0.03, "price": lower}
        )
        for each in ids
    ]
    rest.call(
        "modify_multiple_orders", lambda it: {float(each.orig_qty) for each in it} == {0.03}, batch_orders=changed
    )
    rest.call(
        "cancel_multiple_orders",
        lambda it: [each.status for each in it] == ["CANCELED"] * 2,
        symbol=S,
        order_id_list=ids,
    )
    api.new_order(**limit, price=low)
    rest.call(
        "cancel_all_open_orders",
        lambda it: it.code == 200 and not api.current_all_open_orders(symbol=S).data(),
        symbol=S,
    )
    api.new_order(**limit, price=low)
    rest.call(
        "auto_cancel_all_open_orders",
        lambda it: it.symbol == S and until(lambda: not api.current_all_open_orders(symbol=S).data()),
        symbol=S, countdown_time=1000,
    )  # fmt: skip
    rest.call("all_orders", lambda it: {each.status for each in it} == {"CANCELED"} and len(it) == 5, symbol=S)


def algo_orders(rest: Rest) -> None:
    """Conditional orders: one waits and is cancelled, one is triggered."""
    api = rest.api
    stop = {
        "algo_type": "CONDITIONAL", "symbol": S, "side": "SELL", "type": "STOP_MARKET", "quantity": 0.01,
        "trigger_price": rest.price("0.9"),
    }  # fmt: skip
    placed = rest.call("new_algo_order", lambda it: it.algo_status == "NEW", **stop)
    rest.call("query_algo_order", lambda it: it.algo_id == placed.algo_id, algo_id=placed.algo_id)
    rest.call("current_all_algo_open_orders", lambda it: [each.algo_id for each in it] == [placed.algo_id], symbol=S)
    rest.call("cancel_algo_order", lambda it: it.algo_id == placed.algo_id, algo_id=placed.algo_id)
    api.new_algo_order(**stop)
    rest.call(
        "cancel_all_algo_open_orders",
        lambda it: it.code == 200 and not api.current_all_algo_open_orders(symbol=S).data(), symbol=S,
    )  # fmt: skip
    rest.call("query_all_algo_orders", lambda it: {each.algo_status for each in it} == {"CANCELED"}, symbol=S)


def trades(rest: Rest) -> None:
    """A position, and what it leaves behind."""
    api = rest.api
    filled = api.new_order(symbol=S, side="BUY", type="MARKET", quantity=0.02, new_order_resp_type="RESULT").data()
    need(filled.status == "FILLED", filled)
    rest.call("account_trade_list", lambda it: sum(Decimal(each.qty) for each in it) == Decimal("0.02"), symbol=S)
    for name in ("position_information_v2", "position_information_v3"):
        rest.call(name, lambda it: Decimal(it[0].position_amt) == Decimal("0.02"), symbol=S)
    rest.call("position_adl_quantile_estimation", lambda it: it[0].symbol == S, symbol=S)
    rest.call("modify_isolated_position_margin", lambda it: it.code == 200, symbol=S, amount=5, type=1)
    rest.call("get_position_margin_change_history", lambda it: Decimal(it[-1].amount) == 5, symbol=S)
    for name in ("futures_account_balance_v2", "futures_account_balance_v3"):
        rest.call(name, lambda it: Decimal(next(each for each in it if each.asset == "USDT").balance) > 9000)
    rest.call("account_information_v2", lambda it: Decimal(it.total_initial_margin) > 0)
    rest.call("account_information_v3", lambda it: [each.symbol for each in it.positions] == [S])
    rest.call("get_income_history", lambda it: {"TRANSFER", "COMMISSION"} <= {each.income_type for each in it})


def downloads(rest: Rest) -> None:
    """Asked for, waited for, and the link is there."""
    end = int(time.time() * 1000)
    span = {"start_time": end - DAY_MS, "end_time": end}
    for ask, fetch in (
        ("get_download_id_for_futures_order_history", "get_futures_order_history_download_link_by_id"),
        ("get_download_id_for_futures_trade_history", "get_futures_trade_download_link_by_id"),
        ("get_download_id_for_futures_transaction_history", "get_futures_transaction_history_download_link_by_id"),
    ):
        asked = rest.call(ask, lambda it: it.download_id, **span)
        until(
            lambda fetch=fetch, asked=asked: (
                getattr(rest.api, fetch)(download_id=asked.download_id).data().status == "completed"
            )
        )
        rest.call(fetch, lambda it: it.status == "completed" and it.url, download_id=asked.download_id)


def later(rest: Rest) -> None:
    """What needs a moment to be there."""
    until(lambda: rest.api.premium_index_kline_data(symbol=S, interval="1m").data())
    rest.call("premium_index_kline_data", lambda it: len(it[0]) == 12, symbol=S, interval="1m")


def listen_keys(rest: Rest) -> None:
    """Made, kept, closed."""
    rest.call("start_user_data_stream", lambda it: len(it.listen_key) == 64)
    rest.call("keepalive_user_data_stream")
    rest.call("close_user_data_stream")


def refusals(rest: Rest) -> None:
    """What is of no use to an account like this one."""
    rest.refused("classic_portfolio_margin_account_information", PORTFOLIO, asset="USDT")
    rest.call("list_all_convert_pairs")
    rest.refused("send_quote_request", CONVERT, from_asset="USDT", to_asset="BNB", from_amount=10)
    rest.refused("accept_the_offered_quote", CONVERT, quote_id="1")
    rest.refused("order_status", CONVERT, quote_id="1")


def limits(rest: Rest, outcomes: Outcomes) -> None:
    """Ask until the limit of a minute is reached, and on until the address is banned; both say for how long."""
    for status, kind in ((429, TooManyRequestsError), (418, RateLimitBanError)):

        def work(kind: type[Exception] = kind) -> None:
            for _ in range(ASKED_MOST):
                try:
                    rest.api.ticker24hr_price_change_statistics()
                except (TooManyRequestsError, RateLimitBanError) as error:
                    need((error.retry_after or 0) > 0, f"no Retry-After: {error!r}")
                    if type(error) is kind:
                        raise Refused(f"{kind.__name__} with Retry-After") from None
            need(False, f"not refused in {ASKED_MOST} requests")

        outcomes.show(f"error {status}", work)


def until(holds: Callable[[], object], patience_s: float = WAIT_S) -> bool:
    """Wait until something holds; whether it did in time."""
    end = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def all_of_it(rest: Rest) -> None:
    """Every method."""
    market(rest)
    settings(rest)
    orders(rest)
    algo_orders(rest)
    trades(rest)
    downloads(rest)
    listen_keys(rest)
    later(rest)
    refusals(rest)

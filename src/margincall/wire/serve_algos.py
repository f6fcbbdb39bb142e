"""Conditional orders as the algo routes print them (USDⓈ-M, since 2025-12-09).

Sources: Binance documentation of `algoOrder`, `openAlgoOrders` and their samples; the keys of take-profit
and stop-loss prices ended with the connector of 2026-06-09.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.wire.prints import PrintedOrder
from margincall.wire.spelling import Json, side_word, text

FIVE_PLACES = Decimal("0E-5")
ENDED = frozenset({"CANCELED", "FINISHED", "REJECTED", "EXPIRED"})
Status = Literal["NEW", "CANCELED", "TRIGGERING", "TRIGGERED", "FINISHED", "REJECTED", "EXPIRED"]


class AlgoOrder(Struct, frozen=True, kw_only=True):
    """A conditional order in one state. `order` is as it waited, `actual` what it became once triggered, in its last
    state; `message` why that was refused. Times in milliseconds; `triggered_ms` is 0 before."""

    order: PrintedOrder
    status: Status
    created_ms: int
    updated_ms: int
    triggered_ms: int = 0
    actual: PrintedOrder | None = None
    message: str = ""

    @property
    def number(self) -> int:
        """The algo id: that of the order that it becomes."""
        return int(self.order.order_id)


def algo_row(algo: AlgoOrder, *, is_told: bool, has_legs: bool) -> Json:
    """A row as it is answered. `is_told`: with what the order became, as the questions print it and placing does not;
    `has_legs`: with the keys of take-profit and stop-loss prices, which say nothing."""
    order = algo.order
    trailing = order.callback_rate is not None
    row: Json = {
        "algoId": algo.number,
        "clientAlgoId": order.client_order_id,
        "algoType": "CONDITIONAL",
        "orderType": order.order_type,
        "symbol": order.symbol,
        "side": side_word(order.buy),
        "positionSide": order.side,
        "timeInForce": order.time_in_force,
        "quantity": text(order.quantity),
        "algoStatus": algo.status,
    }
    if is_told:
        row |= _actual(algo.actual)
    row |= {"triggerPrice": text(order.stop_price or ZERO), "price": text(order.price), "icebergQuantity": None}
    if is_told and has_legs:
        row |= {"tpTriggerPrice": "0.000", "tpPrice": "0.000", "slTriggerPrice": "0.000", "slPrice": "0.000"}
        row["tpOrderType"] = ""
    row |= {
        "selfTradePreventionMode": order.self_trade_prevention,
        "workingType": order.working_type,
        "priceMatch": "NONE",
        "closePosition": order.close_position,
        "priceProtect": order.price_protect,
        "reduceOnly": order.reduce_only,
    }
    if trailing or not is_told:
        row["activatePrice"] = text(order.activation_price) if order.activation_price is not None else ""
        row["callbackRate"] = text(order.callback_rate) if order.callback_rate is not None else ""
    return row | {
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": order.good_till_ms or 0,
    }


@exact
def _actual(actual: PrintedOrder | None) -> Json:
    if actual is None:
        return {"actualOrderId": "", "actualPrice": "0.00000", "actualQty": "0", "actualType": ""}
    return {
        "actualOrderId": actual.order_id,
        "actualPrice": text((actual.average_price or ZERO) + FIVE_PLACES),
        "actualQty": text(actual.executed),
        "actualType": actual.order_type,
    }

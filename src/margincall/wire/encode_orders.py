"""The other direction: orders -> rows of `allOrders` and `forceOrders`, of USDⓈ-M and of COIN-M.

A row is the last state of an order. Sources: Binance documentation 2026-05 and its samples.
"""

from decimal import Decimal

from margincall.core.contract import Contract, notional
from margincall.core.events import Order
from margincall.core.rounding import booked, exact, plain
from margincall.core.units import ZERO, Price, Quantity
from margincall.venues.registry import contract_of
from margincall.wire.prints import printed
from margincall.wire.reading import close_kind
from margincall.wire.spelling import Json, id_of, pair_of, side_word, text

FORCED = "LIQUIDATION"
TRAILING = "TRAILING_STOP_MARKET"
FIVE_PLACES = Decimal("0E-5")
"""A sum with it has at least the five decimals of an average price."""


@exact
def order_row(order: Order, placed_ms: int | None = None) -> Json:
    """A row of `allOrders`: an order's last state, and when it was placed (if that was earlier). `activatePrice` and
    `priceRate` stand at trailing stops only (documentation of `allOrders`); COIN-M prints the pair and the executed
    value in coin, and neither price matching, self-trade prevention nor a date."""
    row, contract = plain_row(order), contract_of(order.symbol)
    row["time"] = order.time_ms if placed_ms is None else placed_ms
    row |= _executed(order, contract)
    return row


def plain_row(order: Order) -> Json:
    """The same without when it was placed, and without average price and value of what was executed."""
    terms, contract = printed(order), contract_of(order.symbol)
    original = _as_listed(order, terms.original_type or order.order_type)
    row: Json = {
        "symbol": order.symbol,
        "orderId": id_of(order.order_id),
        "clientOrderId": order.client_order_id,
        "side": side_word(order.buy),
        "positionSide": order.side,
        "status": order.status,
        "type": _as_listed(order, order.order_type),
        "timeInForce": order.time_in_force,
        "origQty": text(order.quantity),
        "price": text(order.price),
        "stopPrice": text(order.stop_price or ZERO),
        "executedQty": text(order.executed),
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "updateTime": order.time_ms,
        "origType": original,
        "workingType": terms.working_type,
        "priceProtect": terms.price_protect,
    }
    if original == TRAILING:
        row["activatePrice"] = text(terms.activation_price or ZERO)
        row["priceRate"] = text(terms.callback_rate or ZERO)
    if contract.is_inverse:
        row["pair"] = pair_of(contract)
        return row
    row["priceMatch"], row["selfTradePreventionMode"] = "NONE", terms.self_trade_prevention
    row["goodTillDate"] = terms.good_till_ms or 0
    return row


def force_order_row(order: Order, placed_ms: int | None = None) -> Json:
    """A row of `forceOrders`: as `order_row`, without the keys that its sample lacks."""
    lacking = {"priceMatch", "selfTradePreventionMode", "goodTillDate"}
    if not contract_of(order.symbol).is_inverse:
        lacking.add("priceProtect")
    return {key: field for key, field in order_row(order, placed_ms).items() if key not in lacking}


def _executed(order: Order, contract: Contract) -> Json:
    """What an order has traded. Average prices have the decimals of the samples: five of USDⓈ-M, as few as they have of
    COIN-M; a value in coin is truncated, as in the sample of `forceOrders`."""
    average = order.average_price or ZERO
    worth = order.executed_value
    if worth is None:
        worth = notional(contract, Quantity(order.executed), Price(average)) if average else ZERO
    key = "cumBase" if contract.is_inverse else "cumQuote"
    return {"avgPrice": _average(average, contract), key: text(plain(booked(worth)))}


def _average(price: Decimal, contract: Contract) -> str:
    if contract.is_inverse:
        return text(plain(price)) if price else "0.0"
    return text(price + FIVE_PLACES)


def _as_listed(order: Order, order_type: str) -> str:
    """The type in a list: the venue's own orders are LIMIT there (samples of `forceOrders`), known by their client
    order ids; the stream alone calls a liquidation LIQUIDATION."""
    return "LIMIT" if order_type == FORCED and close_kind(order.client_order_id) else order_type

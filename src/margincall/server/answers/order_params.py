"""Parameters of an order -> the command, with the venue's refusals of what is missing, misspelt or does not fit.

What the book, the filters or the margin refuse is the engine's (`exchange/gate.py`).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from margincall.core.rounding import CONTEXT
from margincall.exchange import commands
from margincall.exchange.book import OrderId, Side
from margincall.exchange.gate import CONDITIONAL, RESERVED_IDS
from margincall.exchange.orders import own_client_id
from margincall.exchange.state import Market
from margincall.server.call import Call
from margincall.server.errors import BAD_PRECISION, BAD_SYMBOL, ApiError, illegal, invalid, missing
from margincall.server.precision import price_unit
from margincall.server.price_match import INVALID as INVALID_MATCH
from margincall.server.price_match import MATCHES, match_of, matched_price
from margincall.server.records import ALGO_SINCE, Placed
from margincall.server.request import CLIENT_ID, Params
from margincall.server.routing import Param

SIDES = frozenset({"BUY", "SELL"})
POSITION_SIDES = frozenset({"BOTH", "LONG", "SHORT"})
PLAIN_TYPES = frozenset({"LIMIT", "MARKET"})
TYPES = PLAIN_TYPES | CONDITIONAL
IN_FORCE = frozenset({"GTC", "IOC", "FOK", "GTX", "GTD"})
IN_FORCE_WAITING = IN_FORCE | {commands.WITH_POSITION}
"""Those of orders that wait."""
PREVENTIONS = frozenset({"EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE"})
RESPONSES = frozenset({"ACK", "RESULT"})
WORKING_TYPES = frozenset({"MARK_PRICE", "CONTRACT_PRICE"})
TO_ALGO = ApiError(
    -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
)
BAD_TYPE = ApiError(-1116, "Invalid orderType.")
CHARACTERS = re.compile(r"[.A-Z:/a-z0-9_-]+")
CLIENT_ID_MOST = 36
CALLBACK_BEFORE, CALLBACK_SINCE = 10, "2026-10-23"
"""The largest `callbackRate` until then; since then it is the engine's (`gate.CALLBACK_RANGE`)."""


class Names(NamedTuple):
    """What a route calls the parameters that the two kinds of route name differently."""

    stop: str
    activation: str
    client: str


PLAIN = Names("stopPrice", "activationPrice", "newClientOrderId")
ALGO = Names("triggerPrice", "activatePrice", "clientAlgoId")


class Asked(NamedTuple):
    """A command to place an order, and how its price was matched to the book; none where it was sent."""

    command: commands.PlaceOrder
    matched: str | None


def words(allowed: frozenset[str]) -> tuple[str, ...]:
    """As a parameter lists them."""
    return tuple(sorted(allowed))


PLACE_PARAMS = (
    Param("symbol", "symbol", True), Param("side", "word", True, words(SIDES)),
    Param("positionSide", "word", words=words(POSITION_SIDES)),
    Param("timeInForce", "word", words=words(IN_FORCE_WAITING)),
    Param("quantity", "decimal"), Param("price", "decimal"), Param("reduceOnly", "flag"),
    Param("newOrderRespType", "word", words=words(RESPONSES)), Param("priceMatch", "word", words=words(MATCHES)),
    Param("selfTradePreventionMode", "word", words=words(PREVENTIONS)), Param("goodTillDate", "integer"),
)  # fmt: skip
TRIGGER_PARAMS = (
    Param("closePosition", "flag"), Param("callbackRate", "decimal"), Param("priceProtect", "flag"),
    Param("workingType", "word", words=words(WORKING_TYPES)),
)  # fmt: skip


def market_of(call: Call, params: Params) -> Market:
    """The market of the symbol that must be sent. Raises `ApiError`."""
    found = call.venue.state.markets.get(params.need_text("symbol"))
    if found is None:
        raise BAD_SYMBOL
    return found


def asked(call: Call, params: Params) -> Asked:
    """The order that the parameters of `order`, or of one of `batchOrders`, describe. Raises `ApiError`."""
    market = market_of(call, params)
    side: Any = params.need_word("side", SIDES, -1117, "Invalid side.")
    kind: Any = params.need_word("type", TYPES, BAD_TYPE.code, BAD_TYPE.msg)
    if kind in CONDITIONAL:
        if call.venue.api_date >= ALGO_SINCE:
            raise TO_ALGO
        return conditional(call, params, PLAIN)
    in_force, quantity, price = _in_force(params), params.decimal("quantity"), params.decimal("price")
    matched = match_of(params, kind)
    if kind == "LIMIT" and in_force is None:
        raise missing("timeInForce")
    if quantity is None:
        raise missing("quantity")
    client = client_id(params, PLAIN.client)
    if matched is not None:
        price, client = _from_book(call, market, side, matched), client or _own_client_id(call)
    elif kind == "LIMIT" and price is None:
        raise missing("price")
    check_precision(market, quantity, price)
    command = commands.PlaceOrder(
        account=call.account, symbol=market.contract.symbol, side=side, type=kind, quantity=quantity, price=price,
        time_in_force=in_force, position_side=position_side(params), reduce_only=params.flag("reduceOnly") or False,
        self_trade_prevention=_prevention(params), good_till_ms=_good_till(params, in_force), client_order_id=client,
    )  # fmt: skip
    return Asked(command, matched)


def conditional(call: Call, params: Params, names: Names) -> Asked:
    """The conditional order that parameters describe. Raises `ApiError`."""
    market = market_of(call, params)
    side: Any = params.need_word("side", SIDES, -1117, "Invalid side.")
    kind: Any = params.need_word("type", CONDITIONAL, BAD_TYPE.code, BAD_TYPE.msg)
    in_force = _in_force(params, IN_FORCE_WAITING)
    quantity, price = params.decimal("quantity"), params.decimal("price")
    stop, activation = params.decimal(names.stop), params.decimal(names.activation)
    callback, closes = params.decimal("callbackRate"), params.flag("closePosition") or False
    if quantity is None and not closes:
        raise missing("quantity")
    if kind in ("STOP", "TAKE_PROFIT") and price is None:
        raise missing("price")
    if kind == "TRAILING_STOP_MARKET" and callback is None:
        raise missing("callbackRate")
    if callback is not None and callback > CALLBACK_BEFORE and call.venue.api_date < CALLBACK_SINCE:
        raise invalid("callbackRate")
    if kind != "TRAILING_STOP_MARKET" and stop is None:
        raise missing(names.stop)
    if match_of(params, kind) is not None:
        raise INVALID_MATCH
    check_precision(market, quantity, price, stop, activation)
    working: Any = params.word("workingType", WORKING_TYPES, -4031, "Invalid parameter working type")
    command = commands.PlaceOrder(
        account=call.account, symbol=market.contract.symbol, side=side, type=kind, quantity=quantity, price=price,
        time_in_force=in_force, position_side=position_side(params), reduce_only=params.flag("reduceOnly") or False,
        close_position=closes, stop_price=stop, activation_price=activation, callback_rate=callback,
        working_type=working or "CONTRACT_PRICE", price_protect=params.flag("priceProtect") or False,
        self_trade_prevention=_prevention(params), good_till_ms=_good_till(params, in_force),
        client_order_id=client_id(params, names.client),
    )  # fmt: skip
    return Asked(command, None)


class Amended(NamedTuple):
    """A command to amend an order, which one, and how its new price was matched to the book."""

    command: commands.AmendOrder
    placed: Placed
    matched: str | None


def amended(call: Call, params: Params, placed: Placed) -> Amended:
    """The amendment of an order that parameters describe. Raises `ApiError`."""
    market, order = call.venue.state.markets[placed.order.symbol], placed.order
    side: Any = params.need_word("side", SIDES, -1117, "Invalid side.")
    quantity, price = params.need_decimal("quantity"), params.decimal("price")
    matched = match_of(params, order.order_type)
    if matched is not None:
        price = _from_book(call, market, side, matched)
    if price is None:
        raise missing("price")
    if (side == "BUY") != order.buy:
        raise ApiError(-1130, "Data sent for parameter 'side' is not valid.")
    check_precision(market, quantity, price)
    command = commands.AmendOrder(
        account=call.account, symbol=order.symbol, order_id=int(order.order_id), quantity=quantity, price=price
    )
    return Amended(command, placed, matched)


def is_result(params: Params) -> bool:
    """Whether the answer is to tell how the order ended. Raises `ApiError` (−1136)."""
    return params.word("newOrderRespType", RESPONSES, -1136, "Invalid newOrderRespType.") == "RESULT"


def client_id(params: Params, name: str) -> str:
    """A client's id as the venue takes it; empty where none was sent. Raises `ApiError`."""
    value = params.text(name)
    if value is None:
        return ""
    if not CHARACTERS.fullmatch(value):
        raise illegal(name, CLIENT_ID)
    if len(value) > CLIENT_ID_MOST:
        raise ApiError(-4015, "Client order id length should not be more than 36 chars")
    if value.startswith(RESERVED_IDS):
        raise ApiError(-4015, "Client order id is not valid.")
    return value


def position_side(params: Params) -> Any:
    """BOTH, LONG or SHORT."""
    return params.word("positionSide", POSITION_SIDES, -4060, "Invalid position side.") or "BOTH"


def check_precision(market: Market, quantity: Decimal | None, *prices: Decimal | None) -> None:
    """−1111: more decimals than the symbol's prices and its lot have."""
    unit = price_unit(market.contract)
    for value in prices:
        if value is not None and _is_finer(value, unit):
            raise BAD_PRECISION
    if quantity is not None and _is_finer(quantity, market.contract.lot):
        raise BAD_PRECISION


def _is_finer(value: Decimal, unit: Decimal) -> bool:
    return value.quantize(unit, context=CONTEXT) != value


def _in_force(params: Params, allowed: frozenset[str] = IN_FORCE) -> Any:
    return params.word("timeInForce", allowed, -1115, "Invalid timeInForce.")


def _prevention(params: Params) -> Any:
    found = params.word("selfTradePreventionMode", PREVENTIONS, -5039, "Invalid self trade prevention mode")
    return found or "EXPIRE_MAKER"


def _good_till(params: Params, in_force: str | None) -> int | None:
    """The date in whole seconds; GTD must have one, and 0 is none."""
    found = params.integer("goodTillDate")
    if in_force == "GTD" and not found:
        raise missing("goodTillDate")
    return found // 1000 * 1000 if found else None


def _from_book(call: Call, market: Market, side: Side, mode: str) -> Decimal:
    call.venue.advance()
    return matched_price(market, side, mode)


def _own_client_id(call: Call) -> str:
    """The client id that the exchange would give: with it the order is known before it is placed."""
    state = call.venue.state
    trader = state.traders.get(call.account)
    return own_client_id(trader, OrderId(state.next_order)) if trader is not None else ""


def client_ids(call: Call) -> Mapping[str, OrderId]:
    """The account's live orders by the client's ids."""
    trader = call.venue.state.traders.get(call.account)
    return trader.client_ids if trader is not None else {}

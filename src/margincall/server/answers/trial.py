"""`order/test`: an order that is looked at and not placed.

Its parameters, filters and dates are checked as those of any order; book and margin are not asked (assumed: the venue
says only that it does not reach the matching engine).
"""

from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.exchange import gate
from margincall.exchange.book import Lots, OrderId
from margincall.exchange.commands import PlaceOrder
from margincall.exchange.rejections import Refusal
from margincall.exchange.state import Exchange, OpenOrder
from margincall.exchange.step import market_of, rejected, trader_of
from margincall.server.errors import of_rejected
from margincall.wire.prints import PrintedOrder


@exact
def tried(state: Exchange, command: PlaceOrder) -> PrintedOrder:
    """The order as it would be taken in, under the number that the next one has. Raises `ApiError`."""
    try:
        return _printed(state, command, _checked(state, command))
    except Refusal as refusal:
        raise of_rejected(rejected(state, refusal), command, state) from None


def _checked(state: Exchange, command: PlaceOrder) -> OpenOrder:
    trader, market = trader_of(state, command.account), market_of(state, command.symbol)
    gate.check_shape(command, trader)
    gate.check_time(command, state.time_ms)
    lots, quantity = Lots(0), command.quantity
    if quantity is not None:
        lots = gate.lots_of(market, quantity, is_market=command.price is None)
    for price in (command.stop_price, command.activation_price):
        if price is not None:
            gate.ticks_of(market, price)
    order = OpenOrder(
        id=OrderId(state.next_order), account=command.account, symbol=command.symbol,
        position_side=command.position_side, side=command.side, kind=command.type, lots=lots,
        ticks=gate.ticks_of(market, command.price) if command.price is not None else None,
        time_in_force=command.time_in_force or "GTC", reduce_only=command.reduce_only,
        client_order_id=command.client_order_id, placed_ms=state.time_ms, close_position=command.close_position,
    )  # fmt: skip
    gate.check_notional(market, order)
    if command.type not in gate.CONDITIONAL:
        gate.check_percent(market, order)
    return order


def _printed(state: Exchange, command: PlaceOrder, order: OpenOrder) -> PrintedOrder:
    return PrintedOrder(
        time_ms=state.time_ms, seq=state.next_flow, account=command.account, symbol=command.symbol,
        side=command.position_side, order_id=str(order.id),
        client_order_id=command.client_order_id or f"x-{order.id}", status="NEW", execution="NEW",
        order_type=command.type, time_in_force=order.time_in_force, buy=command.side == "BUY",
        quantity=command.quantity or ZERO, price=command.price or ZERO, stop_price=command.stop_price,
        reduce_only=command.reduce_only, close_position=command.close_position, working_type=command.working_type,
        price_protect=command.price_protect, self_trade_prevention=command.self_trade_prevention,
        good_till_ms=command.good_till_ms, activation_price=command.activation_price,
        callback_rate=command.callback_rate,
    )  # fmt: skip

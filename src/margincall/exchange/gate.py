"""Whether an order may enter: the venue's filters and the margin check, in the fixed order of `docs/spec/exchange.md`.

Each check either passes or raises the `Refusal` that the venue's API gives; nothing is changed here.
"""

import re
from decimal import Decimal

from margincall.core.units import ZERO, Price
from margincall.exchange import exposure
from margincall.exchange.book import OPPOSITE, Lots, Ticks
from margincall.exchange.commands import WITH_POSITION, AmendOrder, PlaceOrder
from margincall.exchange.orders import price_of, reducible
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import Exchange, Market, OpenOrder, Trader

LIMITED = frozenset({"LIMIT", "STOP", "TAKE_PROFIT"})
CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
CLOSES_ALL = frozenset({"STOP_MARKET", "TAKE_PROFIT_MARKET"})
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{0,36}")
RESERVED_IDS = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
"""How the client ids of the venue's own orders begin: whoever reads a history takes them for its word."""
GTD_MIN_MS = 600_000
GTD_END_MS = 253_402_300_799_000
"""A GTD order lives longer than the one and ends before the other (documentation)."""
CALLBACK_RANGE = Decimal("0.1"), Decimal(20)
"""In percent; the venue took up to 10 until 2026-10-23, which is for whoever serves an older date to refuse."""


def check_shape(command: PlaceOrder, trader: Trader) -> None:
    """Parameters against each other: what the type needs and what it does not take."""
    if not CLIENT_ID.fullmatch(command.client_order_id) or command.client_order_id.startswith(RESERVED_IDS):
        raise Refusal(Code.BAD_CLIENT_ID)
    if command.client_order_id in trader.client_ids:
        raise Refusal(Code.DUPLICATED_CLIENT_ID)
    if (command.position_side == "BOTH") == trader.hedge:
        raise Refusal(Code.POSITION_SIDE_MISMATCH)
    if command.reduce_only and trader.hedge:
        raise Refusal(Code.REDUCE_ONLY_CONFLICT)
    if command.close_position:
        _check_close_position(command)
    elif command.quantity is None:
        raise Refusal(Code.MALFORMED, "quantity")
    is_limited = command.type in LIMITED
    if is_limited and command.price is None:
        raise Refusal(Code.MALFORMED, "price")
    if not is_limited and (command.price is not None or command.time_in_force not in (None, "GTC", WITH_POSITION)):
        raise Refusal(Code.PARAM_NOT_REQUIRED if command.price is not None else Code.TIF_NOT_REQUIRED)
    if command.time_in_force == WITH_POSITION and command.type not in CONDITIONAL:
        raise Refusal(Code.BAD_TIME_IN_FORCE)
    _check_trigger_shape(command)


def _check_close_position(command: PlaceOrder) -> None:
    """It names no quantity, is reducing by itself, and in hedge mode is of the side that closes."""
    if command.quantity is not None:
        raise Refusal(Code.CLOSE_POSITION_HAS_QUANTITY)
    if command.reduce_only:
        raise Refusal(Code.CLOSE_POSITION_REDUCE_ONLY)
    opens = (command.side == "BUY") == (command.position_side == "LONG")
    if command.type not in CLOSES_ALL or (command.position_side != "BOTH" and opens):
        raise Refusal(Code.BAD_COMBINATION, "closePosition")


def check_time(command: PlaceOrder, now_ms: int) -> None:
    """GTD, and only it, has a date, far enough ahead."""
    if (command.good_till_ms is not None) != (command.time_in_force == "GTD"):
        raise Refusal(Code.BAD_COMBINATION, "goodTillDate")
    if command.good_till_ms is not None and not now_ms + GTD_MIN_MS < command.good_till_ms < GTD_END_MS:
        raise Refusal(Code.BAD_GOOD_TILL)


def ticks_of(market: Market, price: Decimal) -> Ticks:
    """A price as whole ticks, within PRICE_FILTER."""
    filters, tick = market.listing.filters, market.contract.tick
    if price <= 0:
        raise Refusal(Code.PRICE_NOT_POSITIVE)
    if filters.max_price is not None and price > filters.max_price:
        raise Refusal(Code.PRICE_TOO_HIGH)
    if price < filters.min_price:
        raise Refusal(Code.PRICE_TOO_LOW)
    ticks = int(price / tick)
    if tick * ticks != price:
        raise Refusal(Code.PRICE_NOT_ON_TICK)
    return Ticks(ticks)


def lots_of(market: Market, quantity: Decimal, *, is_market: bool) -> Lots:
    """A size as whole lots, within LOT_SIZE or MARKET_LOT_SIZE."""
    filters, lot = market.listing.filters, market.contract.lot
    if quantity <= 0:
        raise Refusal(Code.QUANTITY_NOT_POSITIVE)
    if quantity < filters.min_quantity:
        raise Refusal(Code.QUANTITY_TOO_SMALL)
    most = filters.max_market_quantity if is_market else filters.max_quantity
    if most is not None and quantity > most:
        raise Refusal(Code.QUANTITY_TOO_LARGE)
    lots = int(quantity / lot)
    if lot * lots != quantity:
        raise Refusal(Code.QUANTITY_NOT_ON_STEP)
    return Lots(lots)


def check_percent(market: Market, order: OpenOrder) -> None:
    """PERCENT_PRICE: a purchase not too far above the mark, a sale not too far below."""
    _check_multiplier(market, order, market.mark, Code.ABOVE_CAP, Code.BELOW_FLOOR)


def check_stop_limit(market: Market, order: OpenOrder) -> None:
    """The same of the limit price that waits, against its stop price (assumed: `stop-limit-price`)."""
    _check_multiplier(market, order, order.stop_price, Code.ABOVE_STOP_CAP, Code.BELOW_STOP_FLOOR)


def _check_multiplier(market: Market, order: OpenOrder, around: Decimal | None, above: Code, below: Code) -> None:
    filters = market.listing.filters
    if order.ticks is None or around is None:
        return
    price = price_of(market, order.ticks)
    if order.side == "BUY" and filters.multiplier_up is not None and price > around * filters.multiplier_up:
        raise Refusal(above)
    if order.side == "SELL" and filters.multiplier_down is not None and price < around * filters.multiplier_down:
        raise Refusal(below)


def check_notional(market: Market, order: OpenOrder, code: Code = Code.NOTIONAL_TOO_SMALL) -> None:
    """MIN_NOTIONAL, from which orders that only reduce are exempt; a market order counts at the mark."""
    least = market.listing.filters.min_notional
    if not least or order.closes:
        return
    price = price_of(market, order.ticks) if order.ticks is not None else market.mark
    if price is not None and exposure.worth(market, order.left, price) < least:
        raise Refusal(code)


def check_room(trader: Trader, market: Market, *, more: int = 1) -> None:
    """MAX_NUM_ORDERS: so many more orders in the book of the symbol, less what they replace."""
    most = market.listing.filters.max_orders
    if len(trader.orders) + more > most and _count(trader, market.contract.symbol, waiting=False) + more > most:
        raise Refusal(Code.MAX_OPEN_ORDERS)


def check_waiting_room(rules: RuleSet, trader: Trader, market: Market) -> None:
    """One more conditional order: within the venue's limit for all of an account's, or without one within the
    symbol's."""
    for_all = rules.max_waiting_orders
    most = market.listing.filters.max_stop_orders if for_all is None else for_all
    symbol = market.contract.symbol if for_all is None else ""
    if len(trader.orders) >= most and _count(trader, symbol, waiting=True) >= most:
        raise Refusal(Code.MAX_STOP_ORDERS)


def _count(trader: Trader, symbol: str, *, waiting: bool) -> int:
    """The account's orders of a kind, of one symbol or of all."""
    return sum(1 for each in trader.orders.values() if each.waiting == waiting and symbol in ("", each.symbol))


def check_reduces(trader: Trader, market: Market, order: OpenOrder) -> None:
    """An order that only reduces has something to reduce."""
    if order.closes and not reducible(trader, order, market):
        raise Refusal(Code.REDUCE_ONLY_REJECT)


def check_tied(trader: Trader, market: Market, order: OpenOrder) -> None:
    """A GTE_GTC order has a position that it could reduce; of those that close all of it there is one stop and one
    take-profit (assumed: `gte-position`, `gte-one-each`)."""
    if not order.tied:
        return
    if not reducible(trader, order, market):
        raise Refusal(Code.NO_POSITION_TO_FOLLOW)
    if order.close_position and any(
        each.tied and each.close_position and (each.key, each.kind) == (order.key, order.kind)
        for each in trader.orders.values()
    ):
        raise Refusal(Code.ANOTHER_CLOSES)


def check_margin(state: Exchange, trader: Trader, market: Market, order: OpenOrder) -> None:
    """Position limit of the leverage, then initial margin and open loss against what is free."""
    if order.closes:
        return
    price = _expected_price(market, order)
    amount = exposure.worth(market, order.left, price)
    if order.ticks is None:
        amount = max(amount, exposure.worth(market, order.left, _mark(market)))
    buys, sells = (amount, ZERO) if order.side == "BUY" else (ZERO, amount)
    before, reach = exposure.reaches(trader, market, order.key, buys=buys, sells=sells)
    check_reach(state, trader, market, reach, before)
    check_need(state, trader, market, max(reach - before, ZERO), open_loss(trader, market, order, price))


def check_reach(state: Exchange, trader: Trader, market: Market, reach: Decimal, before: Decimal) -> None:
    """The largest position that the leverage allows; what is beyond it already may stay, not grow."""
    most = exposure.most_at(state.rules.venue.brackets(market.contract.symbol), exposure.leverage(trader, market))
    if most is not None and reach > max(most, before):
        raise Refusal(Code.MAX_LEVERAGE_RATIO)


def check_need(state: Exchange, trader: Trader, market: Market, more: Decimal, loss: Decimal) -> None:
    """Initial margin of what the reach grows by, and open loss, against what is free; of an isolated position the
    initial margin comes out of the cross wallet."""
    asset, initial = market.contract.margin_asset, exposure.initial(more, exposure.leverage(trader, market))
    needs = initial + loss
    if needs and exposure.in_pool_asset(state, trader, asset, needs) > exposure.free(state, trader, asset):
        raise Refusal(Code.MARGIN_NOT_SUFFICIENT)
    is_isolated = exposure.is_isolated(trader, market.contract.symbol)
    if initial and is_isolated and initial > exposure.unreserved(state, trader, asset):
        raise Refusal(Code.MARGIN_NOT_SUFFICIENT)


def market_bound(market: Market, order: OpenOrder) -> Ticks | None:
    """The worst price of a market order (`marketTakeBound`), refused if even the best counterparty lies beyond."""
    share = market.listing.filters.market_bound
    if share is None or market.mark is None:
        return None
    farthest = market.mark * (1 + share if order.side == "BUY" else 1 - share) / market.contract.tick
    bound = int(farthest)
    if order.side == "SELL" and bound < farthest:
        bound += 1
    best = market.book.best_ask if order.side == "BUY" else market.book.best_bid
    if best is not None and not market.book.crosses(order.side, Ticks(bound)):
        raise Refusal(Code.NO_COUNTERPARTY)
    return Ticks(max(bound, 1))


def check_fillable(trader: Trader, market: Market, order: OpenOrder) -> None:
    """What USDⓈ-M refuses instead of letting it expire: a FOK that cannot fill, a post-only order that would take."""
    if order.ticks is None:
        return
    if order.time_in_force == "GTX" and market.book.crosses(order.side, order.ticks):
        raise Refusal(Code.POST_ONLY_REJECTED)
    wanted = min(order.left, reducible(trader, order, market)) if order.closes else order.left
    if order.time_in_force == "FOK" and market.book.volume(OPPOSITE[order.side], order.ticks) < wanted:
        raise Refusal(Code.FOK_REJECTED)


def check_amend(order: OpenOrder, command: AmendOrder, market: Market) -> tuple[Lots, Ticks]:
    """The new lots (with what was filled) and ticks of an order that may be amended."""
    if order.waiting:
        raise Refusal(Code.ONLY_LIMIT)
    ticks = ticks_of(market, command.price)
    lots = lots_of(market, command.quantity, is_market=False)
    if (ticks, lots) == (order.ticks, order.lots):
        raise Refusal(Code.NOTHING_TO_AMEND)
    return lots, ticks


def _check_trigger_shape(command: PlaceOrder) -> None:
    trailing = command.type == "TRAILING_STOP_MARKET"
    triggered = command.type in CONDITIONAL and not trailing
    if triggered != (command.stop_price is not None):
        raise Refusal(Code.MALFORMED if triggered else Code.PARAM_NOT_REQUIRED, "stopPrice")
    if trailing != (command.callback_rate is not None):
        raise Refusal(Code.MALFORMED if trailing else Code.PARAM_NOT_REQUIRED, "callbackRate")
    if command.activation_price is not None and not trailing:
        raise Refusal(Code.PARAM_NOT_REQUIRED, "activationPrice")
    low, high = CALLBACK_RANGE
    if command.callback_rate is not None and not low <= command.callback_rate <= high:
        raise Refusal(Code.NOT_VALID, "callbackRate")


def _expected_price(market: Market, order: OpenOrder) -> Price:
    """The price at which an order's margin is counted: its own, or for a market order that of the best counterparty,
    the mark without one. A market order needs no less than at the mark (assumed: `market-order-margin`)."""
    if order.ticks is not None:
        return price_of(market, order.ticks)
    best = market.book.best_ask if order.side == "BUY" else market.book.best_bid
    return _mark(market) if best is None else price_of(market, best)


def open_loss(trader: Trader, market: Market, order: OpenOrder, price: Price) -> Decimal:
    """What the order would lose against the mark if it filled at its price (assumed: `order-margin`); nothing where all
    of it closes."""
    mark = _mark(market)
    if price == mark or (price > mark) != (order.side == "BUY") or order.left <= reducible(trader, order, market):
        return ZERO
    size = exposure.worth(market, order.left, price) - exposure.worth(market, order.left, mark)
    if market.contract.is_inverse:
        size = -size
    return max(ZERO, size if order.side == "BUY" else -size)


def _mark(market: Market) -> Price:
    assert market.mark is not None, "no order comes in before the first mark"
    return market.mark

"""Whether an order must be accepted: shape, units, filters, margin, book; in the order of `docs/spec/exchange.md`."""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from margincall.exchange import commands
from margincall.exchange.audit.gate import need
from margincall.exchange.audit.view import ONE, ZERO, View, initial
from margincall.exchange.book import Side
from margincall.exchange.commands import PlaceOrder
from margincall.exchange.rejections import Code
from margincall.exchange.state import OpenOrder

LIMITED = ("LIMIT", "STOP", "TAKE_PROFIT")
MARKET_TRIGGERED = ("STOP_MARKET", "TAKE_PROFIT_MARKET")
TRIGGERED = ("STOP", "TAKE_PROFIT", *MARKET_TRIGGERED)


def place(view: View, command: PlaceOrder) -> OpenOrder:
    """Through every check that needs no book; returns the order in ticks and lots."""
    view.account(command.account)
    market = view.listed(command.symbol)
    shape(view, command)
    order = in_units(view, command)
    need(market.contract.symbol in view.marks, Code.MARK_UNKNOWN)
    filters, most = market.listing.filters, view.rules.max_waiting_orders
    if order.waiting:
        scope = view.own(command.account) if most is not None else view.own(command.account, command.symbol)
        waiting = [each for each in scope if each.waiting]
        need(len(waiting) < (filters.max_stop_orders if most is None else most), Code.MAX_STOP_ORDERS)
    else:
        need(len(in_book(view, command.account, command.symbol)) < filters.max_orders, Code.MAX_OPEN_ORDERS)
    least_notional(view, order)
    return order


def in_book(view: View, name: str, symbol: str) -> list[OpenOrder]:
    """The orders of an account that do not wait, on one symbol."""
    return [each for each in view.own(name, symbol) if not each.waiting]


def shape(view: View, command: PlaceOrder) -> None:
    """Parameters against each other."""
    kind, hedge = command.type, view.hedge[command.account]
    used = {each.client_order_id for each in view.own(command.account)}
    own = command.client_order_id.startswith(("autoclose-", "adl_autoclose", "settlement_autoclose-"))
    letters = re.fullmatch(r"[A-Za-z0-9.:/_-]*", command.client_order_id)
    need(letters is not None and len(command.client_order_id) <= 36 and not own, Code.BAD_CLIENT_ID)
    need(not command.client_order_id or command.client_order_id not in used, Code.DUPLICATED_CLIENT_ID)
    need((command.position_side != "BOTH") == hedge, Code.POSITION_SIDE_MISMATCH)
    need(not (command.reduce_only and hedge), Code.REDUCE_ONLY_CONFLICT)
    if command.close_position:
        need(command.quantity is None, Code.CLOSE_POSITION_HAS_QUANTITY)
        need(not command.reduce_only, Code.CLOSE_POSITION_REDUCE_ONLY)
        opening = {"LONG": "BUY", "SHORT": "SELL"}.get(command.position_side)
        need(kind in MARKET_TRIGGERED and command.side != opening, Code.BAD_COMBINATION)
    else:
        need(command.quantity is not None, Code.MALFORMED)
    if kind in LIMITED:
        need(command.price is not None, Code.MALFORMED)
    else:
        need(command.price is None, Code.PARAM_NOT_REQUIRED)
        need(command.time_in_force in (None, "GTC", "GTE_GTC"), Code.TIF_NOT_REQUIRED)
    need(command.time_in_force != "GTE_GTC" or kind not in ("LIMIT", "MARKET"), Code.BAD_TIME_IN_FORCE)
    has_stop, trails = command.stop_price is not None, kind == "TRAILING_STOP_MARKET"
    if kind in TRIGGERED:
        need(has_stop, Code.MALFORMED)
    else:
        need(not has_stop, Code.PARAM_NOT_REQUIRED)
    if trails:
        need(command.callback_rate is not None, Code.MALFORMED)
    else:
        need(command.callback_rate is None and command.activation_price is None, Code.PARAM_NOT_REQUIRED)
    rate = command.callback_rate
    need(rate is None or Decimal("0.1") <= rate <= 20, Code.NOT_VALID)
    need((command.good_till_ms is not None) == (command.time_in_force == "GTD"), Code.BAD_COMBINATION)
    till = command.good_till_ms
    need(till is None or view.now + 600_000 < till < 253_402_300_799_000, Code.BAD_GOOD_TILL)


def in_units(view: View, command: PlaceOrder) -> OpenOrder:
    """The order in lots and ticks, within the filters of size and price."""
    lots, ticks = 0, None
    if command.quantity is not None:
        lots = lots_of(view, command.symbol, command.quantity, is_market=command.price is None)
    if command.price is not None:
        ticks = ticks_of(view, command.symbol, command.price)
    for price in (command.stop_price, command.activation_price):
        if price is not None:
            high, low = Code.STOP_TOO_HIGH, Code.STOP_NOT_POSITIVE
            ticks_of(view, command.symbol, price, too_high=high, not_positive=low)
    client_id = command.client_order_id or free_client_id(view, command.account, view.next_order)
    till = command.good_till_ms
    return OpenOrder(
        id=view.next_order, account=command.account, symbol=command.symbol, position_side=command.position_side,  # type: ignore[arg-type]
        side=command.side, kind=command.type, lots=lots, ticks=ticks, time_in_force=command.time_in_force or "GTC",  # type: ignore[arg-type]
        reduce_only=command.reduce_only, close_position=command.close_position, placed_ms=view.now,
        client_order_id=client_id, good_till_ms=None if till is None else till - till % 1000,
        self_trade_prevention=command.self_trade_prevention, waiting=command.type not in ("LIMIT", "MARKET"),
        stop_price=command.stop_price, working_type=command.working_type, price_protect=command.price_protect,
        activation_price=command.activation_price, callback_rate=command.callback_rate,
    )  # fmt: skip


def free_client_id(view: View, name: str, number: int) -> str:
    """The client id of an order that came without one."""
    used = {each.client_order_id for each in view.own(name)}
    client_id = f"x-{number}"
    while client_id in used:
        client_id += "x"
    return client_id


def lots_of(view: View, symbol: str, quantity: Decimal, *, is_market: bool) -> int:
    """LOT_SIZE, of market orders MARKET_LOT_SIZE."""
    filters, lot = view.markets[symbol].listing.filters, view.contract(symbol).lot
    most = filters.max_market_quantity if is_market else filters.max_quantity
    need(quantity > 0, Code.QUANTITY_NOT_POSITIVE)
    need(quantity >= filters.min_quantity, Code.QUANTITY_TOO_SMALL)
    need(most is None or quantity <= most, Code.QUANTITY_TOO_LARGE)
    need(quantity % lot == 0, Code.QUANTITY_NOT_ON_STEP)
    return int(quantity / lot)


def ticks_of(
    view: View, symbol: str, price: Decimal, *,
    too_high: Code = Code.PRICE_TOO_HIGH, not_positive: Code = Code.PRICE_NOT_POSITIVE,
) -> int:  # fmt: skip
    """PRICE_FILTER."""
    filters, tick = view.markets[symbol].listing.filters, view.contract(symbol).tick
    need(price > 0, not_positive)
    need(filters.max_price is None or price <= filters.max_price, too_high)
    need(price >= filters.min_price, Code.PRICE_TOO_LOW)
    need(price % tick == 0, Code.PRICE_NOT_ON_TICK)
    return int(price / tick)


def least_notional(view: View, order: OpenOrder, code: Code = Code.NOTIONAL_TOO_SMALL) -> None:
    """MIN_NOTIONAL, for what may open."""
    least = view.markets[order.symbol].listing.filters.min_notional
    price = view.price(order) if order.ticks is not None else view.marks[order.symbol]
    enough = order.closes or view.worth(order.symbol, order.left, price) >= least
    need(enough, code)


def percent(view: View, order: OpenOrder) -> None:
    """PERCENT_PRICE around the mark."""
    within(view, order, view.marks[order.symbol], Code.ABOVE_CAP, Code.BELOW_FLOOR)


def stop_limit(view: View, order: OpenOrder) -> None:
    """PERCENT_PRICE around the stop price."""
    if order.stop_price is not None:
        within(view, order, order.stop_price, Code.ABOVE_STOP_CAP, Code.BELOW_STOP_FLOOR)


def within(view: View, order: OpenOrder, price: Decimal, above: Code, below: Code) -> None:
    """A limit price not beyond a price and its multiplier."""
    filters = view.markets[order.symbol].listing.filters
    if order.ticks is None:
        return
    if order.side == "BUY" and filters.multiplier_up is not None:
        need(view.price(order) <= price * filters.multiplier_up, above)
    if order.side == "SELL" and filters.multiplier_down is not None:
        need(view.price(order) >= price * filters.multiplier_down, below)


def affordable(view: View, order: OpenOrder) -> None:
    """The position limit, then initial margin and open loss against what is free."""
    if order.closes:
        return
    name, symbol, mark = order.account, order.symbol, view.marks[order.symbol]
    price, buys = view.price(order), order.side == "BUY"
    if order.ticks is None:
        best = view.best(symbol, "SELL" if buys else "BUY")
        price = mark if best is None else view.contract(symbol).tick * best
    at_price, at_mark = view.worth(symbol, order.left, price), view.worth(symbol, order.left, mark)
    adds = max(at_price, at_mark) if order.ticks is None else at_price
    before = view.reach(name, order.key)
    after = view.reach(name, order.key, buys=adds if buys else ZERO, sells=ZERO if buys else adds)
    leverage = view.leverage(name, symbol)
    most = view.most(name, symbol, leverage)
    need(most is None or after <= most or after <= before, Code.MAX_LEVERAGE_RATIO)
    loses = order.left > view.reducible(order) and (price > mark if buys else price < mark)
    has_margin(view, name, symbol, max(after - before, ZERO), abs(at_price - at_mark) if loses else ZERO)


def has_margin(view: View, name: str, symbol: str, more: Decimal, loss: Decimal) -> None:
    """Initial margin and loss are free; the initial margin of an isolated position is in the cross wallet."""
    asset, added = view.contract(symbol).margin_asset, initial(more, view.leverage(name, symbol))
    needed = added + loss
    need(not needed or view.in_pool(name, asset, needed) <= view.free(name, asset), Code.MARGIN_NOT_SUFFICIENT)
    apart = view.accounts[name].margin_types.get(symbol) == "isolated"
    need(not added or not apart or added <= view.unreserved(name, asset), Code.MARGIN_NOT_SUFFICIENT)


def market_bound(view: View, order: OpenOrder) -> int | None:
    """The worst price of a market order in ticks: so far from the mark, and somebody must be within."""
    share = view.markets[order.symbol].listing.filters.market_bound
    if share is None or order.ticks is not None:
        return None
    tick, mark, buys = view.contract(order.symbol).tick, view.marks[order.symbol], order.side == "BUY"
    edge = mark * (ONE + share if buys else ONE - share) / tick
    bound = int(edge.to_integral_value(ROUND_FLOOR if buys else ROUND_CEILING))
    best = view.best(order.symbol, "SELL" if buys else "BUY")
    need(best is None or (best <= bound if buys else best >= bound), Code.NO_COUNTERPARTY)
    return max(bound, 1)


def fillable(view: View, order: OpenOrder) -> None:
    """A post-only order that would take and a FOK that cannot fill are refused."""
    if order.ticks is None:
        return
    others = list(view.opposite(order, order.ticks)) if order.time_in_force in ("GTX", "FOK") else []
    need(order.time_in_force != "GTX" or not others, Code.POST_ONLY_REJECTED)
    wanted = min(order.left, view.reducible(order)) if order.closes else order.left
    need(order.time_in_force != "FOK" or sum(each.left for each in others) >= wanted, Code.FOK_REJECTED)


def not_reached(view: View, order: OpenOrder) -> None:
    """A trigger, or an activation, that the price has reached already."""
    price = view.looked_at(order)
    if price is None:
        return
    if order.stop_price is not None:
        rising = (order.side == "BUY") == (order.kind in ("STOP", "STOP_MARKET"))
        need(price < order.stop_price if rising else price > order.stop_price, Code.WOULD_TRIGGER)
    elif order.activation_price is not None:
        wanted = order.activation_price
        need(price > wanted if order.side == "BUY" else price < wanted, Code.WOULD_TRIGGER)


def follows(view: View, order: OpenOrder) -> None:
    """What ends with its position has one on the other side, and no twin that would close all of it, too."""
    if order.time_in_force != "GTE_GTC":
        return
    held = view.quantity(order.account, order.key)
    need(held > 0 if order.side == "SELL" else held < 0, Code.NO_POSITION_TO_FOLLOW)
    twins = [each for each in view.own(order.account, order.symbol)
             if each.waiting and each.time_in_force == "GTE_GTC" and each.close_position
             and each.kind == order.kind and each.position_side == order.position_side]  # fmt: skip
    need(not order.close_position or not twins, Code.ANOTHER_CLOSES)


def quote(view: View, command: commands.Quote) -> list[OpenOrder]:
    """A quote as a whole, without the one before; returns its orders, bids first, of each side the best one."""
    name, symbol = command.account, command.symbol
    view.account(name)
    filters = view.listed(symbol).listing.filters
    need(not view.hedge[name], Code.POSITION_SIDE_MISMATCH)
    sides: list[tuple[Side, commands.Level]] = [("BUY", level) for level in command.bids]
    sides += [("SELL", level) for level in command.asks]
    asked = [
        in_units(view, PlaceOrder(account=name, symbol=symbol, side=side, type="LIMIT", time_in_force="GTC",
                                  quantity=level.quantity, price=level.price))
        for side, level in sides
    ]  # fmt: skip
    need(symbol in view.marks, Code.MARK_UNKNOWN)
    bids = sorted((each for each in asked if each.side == "BUY"), key=lambda each: each.ticks or 0, reverse=True)
    asks = sorted((each for each in asked if each.side == "SELL"), key=lambda each: each.ticks or 0)
    asked = bids + asks
    before: list[int] = [number for number in view.quotes.get(name, {}).get(symbol, ()) if number in view.orders]
    others = [each for each in in_book(view, name, symbol) if each.id not in before]
    need(len(others) + len(asked) <= filters.max_orders, Code.MAX_OPEN_ORDERS)
    for order in asked:
        least_notional(view, order)
        percent(view, order)
    _quote_is_affordable(view, name, symbol, before, asked)
    need(not bids or not asks or view.price(bids[0]) < view.price(asks[0]), Code.BAD_COMBINATION)
    return asked


def _quote_is_affordable(view: View, name: str, symbol: str, before: list[int], asked: list[OpenOrder]) -> None:
    key, mark, sums, lost = (symbol, "BOTH"), view.marks[symbol], {"BUY": ZERO, "SELL": ZERO}, ZERO
    reached = view.reach(name, key)  # type: ignore[arg-type]
    for order in asked:
        price = view.price(order)
        worth, at_mark = view.worth(symbol, order.left, price), view.worth(symbol, order.left, mark)
        sums[order.side] += worth
        if order.left > view.reducible(order) and (price > mark if order.side == "BUY" else price < mark):
            lost += abs(worth - at_mark)
    held = {number: view.orders.pop(number) for number in before}
    reach = view.reach(name, key, buys=sums["BUY"], sells=sums["SELL"])  # type: ignore[arg-type]
    view.orders.update(held)
    most = view.most(name, symbol, view.leverage(name, symbol))
    need(most is None or reach <= most or reach <= reached, Code.MAX_LEVERAGE_RATIO)
    has_margin(view, name, symbol, max(reach - reached, ZERO), lost)

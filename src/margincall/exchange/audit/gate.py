"""Whether a command must be accepted, and with which code it must be refused: the auditor's own reading of the rules.

Each function raises the `Refusal` that must come, the first that applies, in the order of `docs/spec/exchange.md`.
"""

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from margincall.core.account import Marks
from margincall.core.margin import cross_wallet, position_terms
from margincall.core.units import Price
from margincall.exchange import commands
from margincall.exchange.audit.view import ONE, SIDES, ZERO, View
from margincall.exchange.commands import PlaceOrder
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import OpenOrder

UNIT = Decimal("1e-8")
LIMITED = ("LIMIT", "STOP", "TAKE_PROFIT")
MARKET_TRIGGERED = ("STOP_MARKET", "TAKE_PROFIT_MARKET")
TRIGGERED = ("STOP", "TAKE_PROFIT", *MARKET_TRIGGERED)


def need(holds: bool, code: Code) -> None:
    """Refuse, unless it holds."""
    if not holds:
        raise Refusal(code)


# --- money and settings ---------------------------------------------------------------------------------------


def money(view: View, asset: str, amount: Decimal) -> None:
    """An asset of the venue and an amount that it can book."""
    margined = {market.contract.margin_asset for market in view.markets.values()}
    need(asset in margined or asset in view.indices, Code.BAD_ASSET)
    need(amount != 0, Code.AMOUNT_NOT_POSITIVE)
    need(amount % UNIT == 0, Code.BAD_PRECISION)


def transfer(view: View, command: commands.Transfer) -> None:
    """In always; out as far as it is free and the cross wallet holds it."""
    account = view.account(command.account)
    money(view, command.asset, command.amount)
    need(not account.multi_assets or command.asset in view.indices, Code.BAD_ASSET)
    if command.amount < 0:
        out = -command.amount
        held = cross_wallet(account, command.asset, view.rules.venue)
        needed = view.in_pool(command.account, command.asset, out)
        need(out <= held and needed <= view.free(command.account, command.asset), Code.BALANCE_NOT_SUFFICIENT)


def set_leverage(view: View, command: commands.SetLeverage) -> None:
    """Within the table, not below what is isolated, and what is held and ordered must fit."""
    name, symbol, wanted = command.account, command.symbol, command.leverage
    account = view.account(name)
    view.listed(symbol)
    most = view.rules.venue.brackets(symbol).rows[0].max_leverage or 125
    need(1 <= wanted <= most, Code.BAD_LEVERAGE)
    now = view.leverage(name, symbol)
    isolated = any(each.symbol == symbol and each.margin == "isolated" for each in account.open_positions())
    need(not (isolated and wanted < now), Code.REDUCE_LEVERAGE_ISOLATED)
    reaches = [view.reach(name, (symbol, side)) for side in SIDES]  # type: ignore[arg-type]
    limit = view.most(name, symbol, wanted)
    need(limit is None or max(reaches) <= limit, Code.MAX_LEVERAGE_RATIO)
    asset = view.contract(symbol).margin_asset
    more = sum((reach / wanted - reach / now for reach in reaches), ZERO)
    fits = more <= 0 or view.in_pool(name, asset, more) <= view.free(name, asset)
    need(fits, Code.MIN_LEVERAGE_RATIO)


def set_margin_type(view: View, command: commands.SetMarginType) -> None:
    """Only while nothing is open on the symbol."""
    account = view.account(command.account)
    view.listed(command.symbol)
    need(account.margin_types.get(command.symbol, "cross") != command.margin, Code.SAME_MARGIN_TYPE)
    need(not account.multi_assets, Code.ISOLATED_IN_MULTI)
    need(not view.own(command.account, command.symbol), Code.MARGIN_TYPE_HAS_ORDERS)
    held = [each for each in account.open_positions() if each.symbol == command.symbol]
    need(not held, Code.MARGIN_TYPE_HAS_POSITION)


def set_position_mode(view: View, command: commands.SetPositionMode) -> None:
    """Only while nothing is open."""
    account = view.account(command.account)
    need(view.hedge[command.account] != command.hedge, Code.SAME_POSITION_MODE)
    need(not view.own(command.account), Code.POSITION_MODE_HAS_ORDERS)
    need(not list(account.open_positions()), Code.POSITION_MODE_HAS_POSITION)


def set_asset_mode(view: View, command: commands.SetAssetMode) -> None:
    """Only while nothing is open, without isolated symbols, and with the index of every asset."""
    account = view.account(command.account)
    need(account.multi_assets != command.multi_assets, Code.SAME_ASSET_MODE)
    need("isolated" not in account.margin_types.values(), Code.ASSET_MODE_IS_HELD)
    need(not view.own(command.account) and not list(account.open_positions()), Code.ASSET_MODE_HAS_ORDERS)
    need(all(wallet >= 0 for wallet in account.wallets.values()), Code.ASSET_MODE_NEGATIVE)
    assets = [market.contract.margin_asset for market in view.markets.values()]
    assets += [asset for asset, wallet in account.wallets.items() if wallet]
    need(not command.multi_assets or all(asset in view.indices for asset in assets), Code.BAD_ASSET)


def move_margin(view: View, command: commands.MoveMargin) -> None:
    """To an isolated position what is free, back what its initial margin does not need."""
    name, symbol, amount = command.account, command.symbol, command.amount
    account = view.account(name)
    asset = view.listed(symbol).contract.margin_asset
    need(amount != 0, Code.AMOUNT_NOT_POSITIVE)
    need(amount % UNIT == 0, Code.BAD_PRECISION)
    need(account.margin_types.get(symbol) == "isolated", Code.ONLY_ISOLATED)
    position = account.position((symbol, command.position_side))
    need(position.quantity != 0, Code.NO_POSITION_TO_ADD)
    need(amount < 0 or amount <= view.free(name, asset), Code.CROSS_INSUFFICIENT)
    if amount < 0:
        marks = Marks({each: Price(mark) for each, mark in view.marks.items()})
        terms = position_terms(position, marks, view.rules.venue)
        kept = terms.notional / view.leverage(name, symbol) - min(terms.unrealized, ZERO)
        need(position.isolated_wallet + amount >= kept, Code.ISOLATED_INSUFFICIENT)


# --- orders ---------------------------------------------------------------------------------------------------


def place(view: View, command: PlaceOrder) -> OpenOrder:
    """Through every check that needs no book; returns the order in ticks and lots."""
    view.account(command.account)
    market = view.listed(command.symbol)
    shape(view, command)
    order = in_units(view, command)
    need(market.contract.symbol in view.marks, Code.MARK_UNKNOWN)
    filters = market.listing.filters
    same = [each for each in view.own(command.account, command.symbol) if each.waiting == order.waiting]
    if order.waiting:
        need(len(same) < filters.max_stop_orders, Code.MAX_STOP_ORDERS)
    else:
        need(len(same) < filters.max_orders, Code.MAX_OPEN_ORDERS)
    least_notional(view, order)
    return order


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
        need(command.time_in_force in (None, "GTC"), Code.TIF_NOT_REQUIRED)
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
    need(rate is None or Decimal("0.1") <= rate <= 10, Code.NOT_VALID)
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
    used, client_id = {each.client_order_id for each in view.own(command.account)}, command.client_order_id
    if not client_id:
        client_id = f"x-{view.next_order}"
        while client_id in used:
            client_id += "x"
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
    """PERCENT_PRICE."""
    filters, mark = view.markets[order.symbol].listing.filters, view.marks[order.symbol]
    if order.ticks is None:
        return
    if order.side == "BUY" and filters.multiplier_up is not None:
        need(view.price(order) <= mark * filters.multiplier_up, Code.ABOVE_CAP)
    if order.side == "SELL" and filters.multiplier_down is not None:
        need(view.price(order) >= mark * filters.multiplier_down, Code.BELOW_FLOOR)


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
    needed = max(after - before, ZERO) / leverage
    if order.left > view.reducible(order) and (price > mark if buys else price < mark):
        needed += abs(at_price - at_mark)
    asset = view.contract(symbol).margin_asset
    need(not needed or view.in_pool(name, asset, needed) <= view.free(name, asset), Code.MARGIN_NOT_SUFFICIENT)


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


# --- the operator ---------------------------------------------------------------------------------------------


def set_mark(view: View, command: commands.SetMark) -> None:
    """Only where marks are given."""
    need(view.listed(command.symbol).listing.mark_source == "given", Code.MARK_BY_RULE)
    need(command.price > 0, Code.PRICE_NOT_POSITIVE)


def set_index(view: View, command: commands.SetIndex) -> None:
    """Only where there is one, with prices."""
    need(view.listed(command.symbol).listing.index is not None, Code.BAD_COMBINATION)
    fine = command.sources and all(each.price > 0 and each.weight >= 0 for each in command.sources)
    need(bool(fine), Code.PRICE_NOT_POSITIVE)


def set_asset_index(view: View, command: commands.SetAssetIndex) -> None:
    """Bid, index and ask in their order."""
    need(0 < command.bid <= command.index <= command.ask, Code.NOT_VALID)


def fund(view: View, command: commands.Fund) -> None:
    """A payment in."""
    money(view, command.asset, command.amount)
    need(command.amount > 0, Code.AMOUNT_NOT_POSITIVE)


def open_account(view: View, command: commands.OpenAccount) -> None:
    """A new name."""
    name = command.account
    need(name not in ("insurance_fund", "fees", "remainder"), Code.RESERVED_NAME)
    need(name not in view.accounts, Code.ACCOUNT_EXISTS)
    need(bool(name) and len(name) <= 64 and name.isprintable(), Code.BAD_ACCOUNT)


def inject(view: View, command: commands.InjectFault) -> None:
    """Faults that are switched off."""
    if command.symbol:
        view.listed(command.symbol)
    about = command.kind in ("stale_index", "wrong_mark", "late_liquidation", "wrong_brackets")
    need(about == bool(command.symbol), Code.BAD_COMBINATION)


GATES: dict[type, Callable[..., object]] = {
    commands.Transfer: transfer, commands.SetLeverage: set_leverage, commands.SetMarginType: set_margin_type,
    commands.SetPositionMode: set_position_mode, commands.SetAssetMode: set_asset_mode,
    commands.MoveMargin: move_margin, commands.SetMark: set_mark, commands.SetIndex: set_index,
    commands.SetAssetIndex: set_asset_index, commands.Fund: fund, commands.OpenAccount: open_account,
    commands.InjectFault: inject,
}  # fmt: skip
"""The gate of each command that only asks and sets; orders have their own (`model`)."""

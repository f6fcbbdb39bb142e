"""What an account does besides trading: money in and out, leverage, margin type, modes, isolated margin.

Each function refuses before it changes anything; codes as the venue's API has them.
"""

from decimal import Decimal

from margincall.core.account import SIDES
from margincall.core.events import MarginMove, Setting
from margincall.core.margin import cross_wallet, position_terms
from margincall.core.rounding import AMOUNT_UNIT, booked
from margincall.core.units import ZERO
from margincall.exchange import exposure
from margincall.exchange.commands import (
    MoveMargin,
    SetAssetMode,
    SetLeverage,
    SetMarginType,
    SetPositionMode,
    Transfer,
)
from margincall.exchange.events import PositionMode
from margincall.exchange.ledger import book, flow
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange, Market, Trader

MOST_LEVERAGE = 125
"""Where a table does not name the highest leverage (documentation: 1 to 125)."""


def transfer(state: Exchange, trader: Trader, command: Transfer, events: Events) -> None:
    """Money in, or out as far as it is free and the cross wallet holds it, unreserved."""
    asset, amount = command.asset, command.amount
    check_asset(state, asset)
    check_amount(amount)
    if trader.account.multi_assets and asset not in state.indices:
        raise Refusal(Code.BAD_ASSET)
    wallet = cross_wallet(trader.account, asset, state.rules.venue)
    if amount < 0:
        needed = exposure.in_pool_asset(state, trader, asset, -amount)
        if -amount > exposure.unreserved(state, trader, asset) or needed > exposure.free(state, trader, asset):
            raise Refusal(Code.BALANCE_NOT_SUFFICIENT)
    trader.topped_up = trader.topped_up or (amount > 0 and wallet < 0)
    state.deposits[asset] = state.deposits.get(asset, ZERO) + amount
    reason = "DEPOSIT" if amount > 0 else "WITHDRAW"
    book(state, trader, flow(state, trader, {asset: amount}, "transfer", reason), events)


def set_leverage(state: Exchange, trader: Trader, market: Market, command: SetLeverage, events: Events) -> None:
    """Another leverage, if positions and orders fit into what it allows and needs."""
    symbol, wanted = command.symbol, command.leverage
    table = state.rules.venue.brackets(symbol)
    if not 1 <= wanted <= (table.rows[0].max_leverage or MOST_LEVERAGE):
        raise Refusal(Code.BAD_LEVERAGE)
    keys = [(symbol, side) for side in SIDES.values()]
    now = exposure.leverage(trader, market)
    held = [trader.account.position(key) for key in keys]
    isolated = [position for position in held if position.quantity and position.margin == "isolated"]
    if isolated and wanted < now:
        raise Refusal(Code.REDUCE_LEVERAGE_ISOLATED)
    reaches = [exposure.reach(trader, market, key) for key in keys]
    most = exposure.most_at(table, wanted)
    if most is not None and max(reaches) > most:
        raise Refusal(Code.MAX_LEVERAGE_RATIO)
    asset = market.contract.margin_asset
    more = sum((exposure.initial(reach, wanted) - exposure.initial(reach, now) for reach in reaches), ZERO)
    if more > 0 and exposure.in_pool_asset(state, trader, asset, more) > exposure.free(state, trader, asset):
        raise Refusal(Code.MIN_LEVERAGE_RATIO)
    if more > 0 and exposure.is_isolated(trader, symbol) and more > exposure.unreserved(state, trader, asset):
        raise Refusal(Code.MIN_LEVERAGE_RATIO)
    say(state, trader, Setting(time_ms=state.time_ms, account=trader.name, symbol=symbol, leverage=wanted), events)


def set_margin_type(state: Exchange, trader: Trader, market: Market, command: SetMarginType, events: Events) -> None:
    """Cross or isolated, while nothing is open on the symbol."""
    symbol = market.contract.symbol
    if trader.account.margin_types.get(symbol, "cross") == command.margin:
        raise Refusal(Code.SAME_MARGIN_TYPE)
    if trader.account.multi_assets:
        raise Refusal(Code.ISOLATED_IN_MULTI)
    if any(order.symbol == symbol for order in trader.orders.values()):
        raise Refusal(Code.MARGIN_TYPE_HAS_ORDERS)
    if any(position.symbol == symbol for position in trader.account.open_positions()):
        raise Refusal(Code.MARGIN_TYPE_HAS_POSITION)
    say(
        state, trader, Setting(time_ms=state.time_ms, account=trader.name, symbol=symbol, margin=command.margin), events
    )


def set_position_mode(state: Exchange, trader: Trader, command: SetPositionMode, events: Events) -> None:
    """Hedge or one-way mode, while nothing is open."""
    if trader.hedge == command.hedge:
        raise Refusal(Code.SAME_POSITION_MODE)
    if trader.orders:
        raise Refusal(Code.POSITION_MODE_HAS_ORDERS)
    if next(trader.account.open_positions(), None) is not None:
        raise Refusal(Code.POSITION_MODE_HAS_POSITION)
    trader.hedge = command.hedge
    events.append(PositionMode(time_ms=state.time_ms, account=trader.name, hedge=command.hedge))


def set_asset_mode(state: Exchange, trader: Trader, command: SetAssetMode, events: Events) -> None:
    """Multi-assets or single-asset mode, while nothing is open (cross margin only)."""
    if trader.account.multi_assets == command.multi_assets:
        raise Refusal(Code.SAME_ASSET_MODE)
    if "isolated" in trader.account.margin_types.values():
        raise Refusal(Code.ASSET_MODE_IS_HELD)
    if trader.orders or next(trader.account.open_positions(), None) is not None:
        raise Refusal(Code.ASSET_MODE_HAS_ORDERS)
    if any(wallet < 0 for wallet in trader.account.wallets.values()):
        # Without the others behind it, what one asset owes would be the insurance fund's to pay.
        raise Refusal(Code.ASSET_MODE_NEGATIVE)
    if command.multi_assets and any(asset not in state.indices for asset in _assets(state, trader)):
        raise Refusal(Code.BAD_ASSET, "its index is not known")
    say(
        state, trader,
        Setting(time_ms=state.time_ms, account=trader.name, multi_assets=command.multi_assets), events,
    )  # fmt: skip


def move_margin(state: Exchange, trader: Trader, market: Market, command: MoveMargin, events: Events) -> None:
    """Margin to an isolated position, or back as far as its initial margin stays covered."""
    position = trader.account.position((command.symbol, command.position_side))
    check_amount(command.amount)
    if trader.account.margin_types.get(command.symbol, "cross") != "isolated":
        raise Refusal(Code.ONLY_ISOLATED)
    if not position.quantity:
        raise Refusal(Code.NO_POSITION_TO_ADD)
    asset = market.contract.margin_asset
    most = min(exposure.free(state, trader, asset), exposure.unreserved(state, trader, asset))
    if command.amount > 0 and command.amount > most:
        raise Refusal(Code.CROSS_INSUFFICIENT)
    if command.amount < 0:
        terms = position_terms(position, state.marks, state.rules.venue)
        kept = exposure.initial(terms.notional, exposure.leverage(trader, market)) - min(terms.unrealized, ZERO)
        if position.isolated_wallet + command.amount < kept:
            raise Refusal(Code.ISOLATED_INSUFFICIENT)
    moved = MarginMove(
        time_ms=state.time_ms,
        seq=state.next_flow,
        account=trader.name,
        symbol=command.symbol,
        side=command.position_side,
        asset=asset,
        amount=command.amount,
    )
    state.next_flow += 1
    book(state, trader, moved, events)


def with_leverage(state: Exchange, trader: Trader, market: Market, events: Events) -> None:
    """Say the symbol's first leverage, where the account has set none."""
    symbol = market.contract.symbol
    if symbol not in trader.account.leverage:
        first = market.listing.default_leverage
        say(state, trader, Setting(time_ms=state.time_ms, account=trader.name, symbol=symbol, leverage=first), events)


def say(state: Exchange, trader: Trader, setting: Setting, events: Events) -> None:
    """Fold a setting, and say it."""
    book(state, trader, setting, events)


def check_asset(state: Exchange, asset: str) -> None:
    """An asset that some contract is margined in, or that has an index."""
    if asset not in state.indices and all(asset != each.contract.margin_asset for each in state.markets.values()):
        raise Refusal(Code.BAD_ASSET)


def check_amount(amount: Decimal) -> None:
    """An amount that the books can hold: not 0, and whole units of 1e-8."""
    if not amount:
        raise Refusal(Code.AMOUNT_NOT_POSITIVE)
    if booked(amount) != amount:
        raise Refusal(Code.BAD_PRECISION, f"a multiple of {AMOUNT_UNIT}")


def _assets(state: Exchange, trader: Trader) -> set[str]:
    """Assets that the account holds or can come to hold by trading."""
    held = {asset for asset, wallet in trader.account.wallets.items() if wallet}
    return held | {market.contract.margin_asset for market in state.markets.values()}

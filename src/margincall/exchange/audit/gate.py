"""Whether a command must be accepted, and with which code it must be refused: the auditor's own reading of the rules.

Each function raises the `Refusal` that must come, the first that applies, in the order of `docs/spec/exchange.md`.
"""

from collections.abc import Callable
from decimal import Decimal

from margincall.core.account import Marks
from margincall.core.margin import position_terms
from margincall.core.units import Price
from margincall.exchange import commands
from margincall.exchange.audit.view import SIDES, ZERO, View, initial
from margincall.exchange.rejections import Code, Refusal

UNIT = Decimal("1e-8")


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
        held = view.unreserved(command.account, command.asset)
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
    more = sum((initial(reach, wanted) - initial(reach, now) for reach in reaches), ZERO)
    fits = more <= 0 or view.in_pool(name, asset, more) <= view.free(name, asset)
    need(fits, Code.MIN_LEVERAGE_RATIO)
    apart = account.margin_types.get(symbol) == "isolated"
    need(more <= 0 or not apart or more <= view.unreserved(name, asset), Code.MIN_LEVERAGE_RATIO)


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
    """To an isolated position what is free and in the cross wallet, back what its initial margin does not need."""
    name, symbol, amount = command.account, command.symbol, command.amount
    account = view.account(name)
    asset = view.listed(symbol).contract.margin_asset
    need(amount != 0, Code.AMOUNT_NOT_POSITIVE)
    need(amount % UNIT == 0, Code.BAD_PRECISION)
    need(account.margin_types.get(symbol) == "isolated", Code.ONLY_ISOLATED)
    position = account.position((symbol, command.position_side))
    need(position.quantity != 0, Code.NO_POSITION_TO_ADD)
    fits = amount <= view.free(name, asset) and amount <= view.unreserved(name, asset)
    need(amount < 0 or fits, Code.CROSS_INSUFFICIENT)
    if amount < 0:
        marks = Marks({each: Price(mark) for each, mark in view.marks.items()})
        terms = position_terms(position, marks, view.rules.venue)
        kept = initial(terms.notional, view.leverage(name, symbol)) - min(terms.unrealized, ZERO)
        need(position.isolated_wallet + amount >= kept, Code.ISOLATED_INSUFFICIENT)


# --- the operator ---------------------------------------------------------------------------------------------


def set_mark(view: View, command: commands.SetMark) -> None:
    """Only where marks are given."""
    need(view.listed(command.symbol).listing.mark_source == "given", Code.MARK_BY_RULE)
    need(command.price > 0, Code.PRICE_NOT_POSITIVE)


def set_marks(view: View, command: commands.SetMarks) -> None:
    """All of them."""
    for symbol, price in command.prices.items():
        set_mark(view, commands.SetMark(symbol=symbol, price=price))


def dispute(view: View, command: commands.Dispute) -> None:
    """A liquidation of one's own, or one that took from the account, once."""
    view.account(command.account)
    number, hit = command.liquidation, (command.liquidation, command.account)
    own = view.liquidations.get(number) == command.account
    need(own or hit in view.hits, Code.NO_SUCH_LIQUIDATION)
    need((number if own else hit) not in view.disputed, Code.ALREADY_DISPUTED)


def decide(view: View, command: commands.Decide) -> None:
    """A dispute that is open; a refund only where it is upheld, in amounts that can be booked."""
    account, status = view.disputes.get(command.number, ("", ""))
    need(status == "open", Code.NO_OPEN_DISPUTE)
    need(command.upheld or not command.refund, Code.BAD_COMBINATION)
    for asset, amount in command.refund.items():
        margined = {market.contract.margin_asset for market in view.markets.values()}
        known = asset in view.indices or (asset in margined and not view.accounts[account].multi_assets)
        need(known, Code.BAD_ASSET)
        money(view, asset, amount)
        need(amount > 0, Code.AMOUNT_NOT_POSITIVE)


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
    need(name not in ("insurance_fund", "fees", "remainder", "bad_debt"), Code.RESERVED_NAME)
    need(name not in view.accounts, Code.ACCOUNT_EXISTS)
    need(bool(name) and len(name) <= 64 and name.isprintable(), Code.BAD_ACCOUNT)


def inject(view: View, command: commands.InjectFault) -> None:
    """Faults that are switched off."""
    if command.symbol:
        view.listed(command.symbol)
    about = command.kind in (
        "stale_index", "wrong_mark", "late_liquidation", "wrong_brackets", "early_liquidation",
        "fill_beyond_bankruptcy", "wrong_funding_rate", "oversized_order", "wrong_entry",
        "needless_takeover", "adl_commission", "oversized_adl",
    )  # fmt: skip
    need(about == bool(command.symbol), Code.BAD_COMBINATION)
    collateral = command.kind in ("stale_asset_index", "wrong_asset_index")
    need(collateral == bool(command.asset), Code.BAD_COMBINATION)
    need((command.kind == "early_liquidation") == bool(command.account), Code.BAD_COMBINATION)
    need(not command.asset or command.asset in view.indices, Code.BAD_ASSET)
    if command.account:
        view.account(command.account)
    pays = command.kind != "wrong_funding_rate" or view.listed(command.symbol).listing.funding is not None
    need(pays, Code.BAD_COMBINATION)


GATES: dict[type, Callable[..., object]] = {
    commands.Transfer: transfer, commands.SetLeverage: set_leverage, commands.SetMarginType: set_margin_type,
    commands.SetPositionMode: set_position_mode, commands.SetAssetMode: set_asset_mode,
    commands.MoveMargin: move_margin, commands.SetMark: set_mark, commands.SetIndex: set_index,
    commands.SetAssetIndex: set_asset_index, commands.Fund: fund, commands.OpenAccount: open_account,
    commands.InjectFault: inject, commands.SetMarks: set_marks, commands.Dispute: dispute, commands.Decide: decide,
}  # fmt: skip
"""The gate of each command that only asks and sets; orders have their own (`gate_orders`)."""

"""An account is a fold of events under a venue's rules.

`fold` applies one event and returns the new account; `fill_terms` says what the rules derive for a fill, so that a
reader can hold it against what the venue printed. Rules and sources: `docs/spec/fold.md`.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.account import Account, Position, PositionKey
from margincall.core.contract import Contract, profit, value
from margincall.core.events import AnyEvent, Category, Fill, Flow, MarginMove, Setting
from margincall.core.margin import cross_wallet
from margincall.core.rounding import booked, exact, quotient
from margincall.core.rules import FeeRates, VenueRules
from margincall.core.units import ZERO, Collateral, Price, Quantity


class FillTerms(Struct, frozen=True, gc=False):
    """What the rules derive for a fill. `closed` and `opened` are unsigned parts of its quantity.

    `profit` is exact, `realized` and `fee` as the venue would book them; `fee` is none where maker or taker is not
    known. `worth` is the signed value of the whole fill, `cost_left` the cost basis after it.
    """

    closed: Decimal
    opened: Decimal
    released: Decimal
    profit: Decimal
    realized: Decimal
    fee: Decimal | None
    worth: Decimal
    cost_left: Decimal


@exact
def fill_terms(position: Position, fill: Fill, contract: Contract, fees: FeeRates) -> FillTerms:
    """Derive closing profit, fee and the cost basis after `fill` from price, size and rate alone."""
    against = position.quantity * fill.quantity < 0
    closed = min(abs(fill.quantity), abs(position.quantity)) if against else ZERO
    opened = abs(fill.quantity) - closed
    released = earned = closing_worth = ZERO
    if closed:
        whole = closed == abs(position.quantity)
        released = position.cost if whole else quotient(position.cost * closed, abs(position.quantity))
        part = Quantity(position.direction * closed)
        earned = profit(contract, part, released, Price(fill.price))
        closing_worth = released - earned if contract.is_inverse else released + earned
    sign = 1 if fill.quantity > 0 else -1
    added = value(contract, Quantity(sign * opened), Price(fill.price))
    rate = _fee_rate(fill, fees)
    traded = abs(value(contract, Quantity(fill.quantity), Price(fill.price)))
    return FillTerms(
        closed=closed,
        opened=opened,
        released=released,
        profit=earned,
        realized=booked(earned),
        fee=None if rate is None else booked(traded * rate),
        worth=added - closing_worth,
        cost_left=position.cost - released + added,
    )


def _fee_rate(fill: Fill, fees: FeeRates) -> Decimal | None:
    """The commission rate of a fill; a deleveraged position pays none (FAQ 360033525471)."""
    if fill.close == "adl":
        return ZERO
    return None if fill.maker is None else fees.maker if fill.maker else fees.taker


@exact
def fold(account: Account, event: AnyEvent, rules: VenueRules) -> Account:
    """The account after `event`. Statements, orders and prices change nothing. Raises `MissingContract`."""
    match event:
        case Fill():
            contract = rules.contract(event.symbol)
            terms = fill_terms(account.position((event.symbol, event.side)), event, contract, rules.fees)
            return fold_fill(account, event, terms, contract)
        case Flow():
            return _flow(account, event, rules)
        case MarginMove():
            position = account.position((event.symbol, event.side))
            wallet = Collateral(position.isolated_wallet + event.amount)
            return _with_position(account, structs.replace(position, isolated_wallet=wallet, margin="isolated"))
        case Setting():
            return _setting(account, event)
        case _:
            return account


@exact
def books_problem(account: Account, rules: VenueRules) -> str | None:
    """A sentence if the books do not balance exactly, else none. See `docs/spec/rounding.md`."""
    sums: dict[str, Decimal] = {}
    for (asset, _), amount in account.ledger.items():
        sums[asset] = sums.get(asset, ZERO) + amount
    for asset in sorted({*sums, *account.wallets}):
        wallet = account.wallets.get(asset, ZERO)
        if wallet != sums.get(asset, ZERO):
            return f"{asset}: the wallet holds {wallet:f}, the ledger {sums.get(asset, ZERO):f}"
    signed_cost: dict[str, Decimal] = {}
    for position in account.positions.values():
        contract = rules.contract(position.symbol)
        sign = -1 if contract.is_inverse else 1
        asset = contract.margin_asset
        signed_cost[asset] = signed_cost.get(asset, ZERO) + sign * position.cost
    for asset in sorted({*account.trade_cash, *signed_cost}):
        profit_booked = account.ledger.get((asset, "realized_pnl"), ZERO)
        left = account.trade_cash.get(asset, ZERO) + signed_cost.get(asset, ZERO) - profit_booked
        held = account.remainder.get(asset, ZERO)
        if left != held:
            return f"{asset}: {left:f} is left by rounding, the remainder account holds {held:f}"
    return None


@exact
def fold_fill(account: Account, fill: Fill, terms: FillTerms, contract: Contract) -> Account:
    """The account after `fill`, as `fold` gives it, where the fill's terms are at hand."""
    asset = contract.margin_asset
    position = account.position((fill.symbol, fill.side))
    realized = terms.realized if fill.realized is None else fill.realized
    fee = fill.fee if fill.fee is not None else terms.fee or ZERO
    fee_asset = fee_asset_of(fill, contract)
    own_fee = fee if fee_asset == asset else ZERO
    filled = _filled(account, position, fill, terms, realized=realized, fee=own_fee, contract=contract)
    wallets, ledger = dict(account.wallets), dict(account.ledger)
    _enter(wallets, ledger, asset, "realized_pnl", realized)
    _enter(wallets, ledger, fee_asset, "commission", -fee)
    return structs.replace(
        account,
        wallets=wallets,
        ledger=ledger,
        positions={**account.positions, filled.key: filled},
        trade_cash=_added(account.trade_cash, asset, terms.worth if contract.is_inverse else -terms.worth),
        remainder=_added(account.remainder, asset, terms.profit - realized),
    )


def fee_asset_of(fill: Fill, contract: Contract) -> str:
    """The asset in which a fill's fee is paid: the margin asset, if nothing else is printed."""
    return fill.fee_asset or contract.margin_asset


def _filled(
    account: Account,
    position: Position,
    fill: Fill,
    terms: FillTerms,
    *,
    realized: Decimal,
    fee: Decimal,
    contract: Contract,
) -> Position:
    """The position after a fill; its isolated wallet keeps margin and fee of what opens, and releases what closes."""
    fee_closing = booked(fee * terms.closed / abs(fill.quantity)) if terms.opened else fee
    wallet, entry_fees = position.isolated_wallet, position.entry_fees
    if terms.closed:
        wallet = Collateral(wallet - _part(wallet, terms.closed, abs(position.quantity)))
        entry_fees -= _part(entry_fees, terms.closed, abs(position.quantity))
    if terms.opened:
        entry_fees += fee - fee_closing
        leverage = account.leverage.get(fill.symbol)
        if position.margin == "isolated" and leverage:
            opened = abs(value(contract, Quantity(terms.opened), Price(fill.price)))
            wallet = Collateral(wallet + booked(opened / leverage) - (fee - fee_closing))
    return structs.replace(
        position,
        quantity=Quantity(position.quantity + fill.quantity),
        cost=terms.cost_left,
        isolated_wallet=wallet,
        realized=position.realized + realized,
        entry_fees=entry_fees,
    )


def _part(amount: Decimal, closed: Decimal, size: Decimal) -> Decimal:
    """What of `amount` belongs to the part that closes: proportional (assumed: `isolated-release`), all at a full
    close."""
    return amount if closed == size else booked(amount * closed / size)


def _flow(account: Account, flow: Flow, rules: VenueRules) -> Account:
    # Profit that comes without its trade is kept apart: trade cash and remainder know nothing of it.
    category = "untraded_pnl" if flow.category == "realized_pnl" else flow.category
    for asset, amount in flow.applied.items():
        account = _book(account, asset, category, amount)
        key = _isolated_key(account, flow)
        if key is not None and rules.contract(flow.symbol).margin_asset == asset:
            position = account.position(key)
            wallet = Collateral(position.isolated_wallet + amount)
            account = _with_position(account, structs.replace(position, isolated_wallet=wallet))
    return account


def _isolated_key(account: Account, flow: Flow) -> PositionKey | None:
    """The isolated position that pays a funding or clearance fee; none if the cross wallet pays."""
    if flow.category not in ("funding", "insurance_clear"):
        return None
    found = [
        position.key
        for position in account.open_positions()
        if position.symbol == flow.symbol and position.margin == "isolated" and flow.side in (None, position.side)
    ]
    return found[0] if len(found) == 1 else None


def _setting(account: Account, event: Setting) -> Account:
    if event.multi_assets is not None:
        account = structs.replace(account, multi_assets=event.multi_assets)
    if event.leverage is not None:
        account = structs.replace(account, leverage={**account.leverage, event.symbol: event.leverage})
    if event.margin is not None:
        account = structs.replace(account, margin_types={**account.margin_types, event.symbol: event.margin})
        for key in [key for key in account.positions if key[0] == event.symbol]:
            position = account.positions[key]
            wallet = position.isolated_wallet if event.margin == "isolated" else Collateral(ZERO)
            changed = structs.replace(position, margin=event.margin, isolated_wallet=wallet)
            account = _with_position(account, changed)
    return account


def open_account(
    wallets: Mapping[str, Decimal],
    positions: tuple[Position, ...] = (),
    *,
    contracts: Mapping[str, Contract],
    multi_assets: bool = False,
    leverage: Mapping[str, int] | None = None,
) -> Account:
    """An account as it stood when its history begins: wallets are total balances per asset."""
    remainder: dict[str, Decimal] = {}
    cash: dict[str, Decimal] = {}
    for position in positions:
        contract = contracts[position.symbol]
        sign = -1 if contract.is_inverse else 1
        cash[contract.margin_asset] = cash.get(contract.margin_asset, ZERO) - sign * position.cost
    return Account(
        wallets={asset: Collateral(amount) for asset, amount in wallets.items()},
        positions={position.key: position for position in positions},
        multi_assets=multi_assets,
        leverage=leverage or {},
        margin_types={position.symbol: position.margin for position in positions},
        ledger={(asset, "opening"): amount for asset, amount in wallets.items()},
        trade_cash=cash,
        remainder=remainder,
    )


def total_cross(account: Account, rules: VenueRules) -> dict[str, Collateral]:
    """Cross wallet per asset."""
    return {asset: cross_wallet(account, asset, rules) for asset in account.wallets}


def _book(account: Account, asset: str, category: Category, amount: Decimal) -> Account:
    wallets, ledger = dict(account.wallets), dict(account.ledger)
    _enter(wallets, ledger, asset, category, amount)
    return structs.replace(account, wallets=wallets, ledger=ledger)


def _enter(
    wallets: dict[str, Collateral],
    ledger: dict[tuple[str, str], Decimal],
    asset: str,
    category: Category,
    amount: Decimal,
) -> None:
    """Book an amount in the wallet and under its category: the two always move together."""
    key = (asset, category)
    wallets[asset] = Collateral(wallets.get(asset, ZERO) + amount)
    ledger[key] = ledger.get(key, ZERO) + amount


def _with_position(account: Account, position: Position) -> Account:
    return structs.replace(account, positions={**account.positions, position.key: position})


def _added(amounts: Mapping[str, Decimal], asset: str, amount: Decimal) -> dict[str, Decimal]:
    return {**amounts, asset: amounts.get(asset, ZERO) + amount}

"""How an account stands, in the terms that the venue's answers print: from its history, as everything that it is told.

What no history holds is computed as the exchange computes it: margins and liquidation prices by `core`, what orders
reserve and what is free by `exchange/exposure.py` (assumed: `order-margin`). A rule-set is of one venue: where its
contracts are inverse, the answers are those of COIN-M. The first order on a symbol says its leverage: only where there
was none the venue's first one (`DEFAULT_LEVERAGE`) is printed, whatever the symbol's own would be.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import SIDES, Account, Marks, PositionKey
from margincall.core.contract import Contract, value
from margincall.core.events import Order
from margincall.core.margin import MULTI_ASSET, UNIT, PositionTerms, Terms, cross_wallet, margin, requirement_rate
from margincall.core.prices import PositionPrices, prices
from margincall.core.rounding import exact, quotient
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Price, Quantity
from margincall.exchange.exposure import Stake, free_of, initial, most_at, reach_of, unreserved_of
from margincall.exchange.rulesets import DEFAULT_LEVERAGE
from margincall.exchange.state import only_reduces
from margincall.wire.encode_state import AccountState, AssetState, MarginTerms, PositionState

TOTAL_ASSET = "USDT"
"""In single-asset mode the totals of an `account` answer are those of this asset (documentation of version 2)."""


class Reserved(Struct, frozen=True):
    """The value of the resting orders that could add to a position, by side."""

    buys: Decimal = ZERO
    sells: Decimal = ZERO


class Told(Struct, frozen=True, kw_only=True):
    """What is known of an account: its fold, the marks, the orders that live, when balances and positions changed."""

    account: Account
    marks: Marks
    rules: VenueRules
    orders: Iterable[Order]
    changed: Mapping[object, int]
    lights: Mapping[PositionKey, int]


def closes(order: Order) -> bool:
    """Whether an order may only reduce, as the engine has it."""
    return only_reduces(order.side, buys=order.buy, flagged=order.reduce_only or order.close_position)


def rests(order: Order) -> bool:
    """Whether an order in this state stands in the book: a limit order of the account that has not ended."""
    return order.order_type == "LIMIT" and not order.close and order.status in ("NEW", "PARTIALLY_FILLED")


def reserved(orders: Iterable[Order], key: PositionKey, contract: Contract) -> Reserved:
    """What the resting orders of a position reserve."""
    buys = sells = ZERO
    for order in orders:
        if (order.symbol, order.side) == key and rests(order) and not closes(order):
            worth = abs(value(contract, Quantity(order.quantity - order.executed), Price(order.price)))
            buys, sells = (buys + worth, sells) if order.buy else (buys, sells + worth)
    return Reserved(buys, sells)


def limit_of(account: Account, rules: VenueRules, symbol: str) -> Decimal:
    """The largest value that the leverage of a symbol allows."""
    table = rules.brackets(symbol)
    most = most_at(table, account.leverage.get(symbol, DEFAULT_LEVERAGE))
    return table.rows[-1].cap if most is None else most


def is_coin(rules: VenueRules) -> bool:
    """Whether these are the contracts of COIN-M."""
    return all(contract.is_inverse for contract in rules.contracts.values())


@exact
def standing(told: Told) -> AccountState:
    """The account as its answers print it now."""
    terms = margin(told.account, told.marks, told.rules)
    positions = tuple(_positions(told, terms))
    assets = [
        AssetState(asset=asset, terms=_asset(told, asset, positions), changed_ms=told.changed.get(asset, 0))
        for asset in sorted(told.account.wallets)
    ]
    if told.account.multi_assets:
        totals = _in_usd(told, terms, assets)
        assets = [_of_pool(each, totals, _requirement(told, each.asset)) for each in assets]
    else:
        totals = next((each.terms for each in assets if each.asset == TOTAL_ASSET), MarginTerms())
    return AccountState(totals=totals, assets=tuple(assets), positions=positions)


def _positions(told: Told, terms: Terms) -> Iterator[PositionState]:
    by_key = {(each.symbol, each.side): each for pool in terms.pools for each in pool.positions}
    priced = {(each.symbol, each.side): each for each in prices(terms, told.marks, told.rules)}
    orders = list(told.orders)
    for key in _keys(told, orders):
        yield _position(told, key, reserved(orders, key, told.rules.contract(key[0])), by_key.get(key), priced.get(key))


def _keys(told: Told, orders: list[Order]) -> list[PositionKey]:
    """What is listed: of COIN-M every contract with all sides, of USDⓈ-M what has a position or an order."""
    if is_coin(told.rules):
        return [(symbol, side) for symbol in sorted(told.rules.contracts) for side in SIDES.values()]
    found = {(order.symbol, order.side) for order in orders if rests(order)}
    return sorted(found | {position.key for position in told.account.open_positions()})


def _position(
    told: Told, key: PositionKey, orders: Reserved, terms: PositionTerms | None, priced: PositionPrices | None
) -> PositionState:
    account, contract = told.account, told.rules.contract(key[0])
    leverage = account.leverage.get(key[0], DEFAULT_LEVERAGE)
    at_mark = value(contract, terms.quantity, terms.mark) if terms is not None else ZERO
    held_initial = initial(abs(at_mark), leverage)
    needed = initial(reach_of(key[1], at_mark, orders.buys, orders.sells), leverage)
    held = account.position(key)
    return PositionState(
        contract=contract,
        side=key[1],
        quantity=held.quantity,
        leverage=leverage,
        is_isolated=(held.margin if terms is not None else account.margin_types.get(key[0])) == "isolated",
        limit=limit_of(account, told.rules, key[0]),
        entry=terms.entry if terms is not None else None,
        break_even=priced.break_even if priced is not None else None,
        mark=told.marks.prices.get(key[0]),
        unrealized=terms.unrealized if terms is not None else ZERO,
        liquidation_price=priced.displayed if priced is not None else None,
        isolated_wallet=held.isolated_wallet,
        notional=at_mark,
        maintenance=terms.maintenance if terms is not None else ZERO,
        position_initial=held_initial,
        order_initial=needed - held_initial,
        bids=orders.buys,
        asks=orders.sells,
        lights=told.lights.get(key, 0),
        changed_ms=told.changed.get(key, 0),
    )


def _asset(told: Told, asset: str, positions: tuple[PositionState, ...]) -> MarginTerms:
    """The terms of one asset: free and unreserved as the engine has them."""
    own = [each for each in positions if each.contract.margin_asset == asset]
    crossed = [each for each in own if not each.is_isolated]
    cross = cross_wallet(told.account, asset, told.rules)
    cross_unrealized = sum((each.unrealized for each in crossed), ZERO)
    stakes = [Stake(each.is_isolated, each.unrealized, each.position_initial, each.order_initial) for each in own]
    available = free_of(cross, stakes)
    return MarginTerms(
        wallet=told.account.wallets[asset],
        unrealized=sum((each.unrealized for each in own), ZERO),
        maintenance=sum((each.maintenance for each in own), ZERO),
        position_initial=sum((each.position_initial for each in own), ZERO),
        order_initial=sum((each.order_initial for each in own), ZERO),
        cross_wallet=cross,
        cross_unrealized=cross_unrealized,
        available=available,
        withdrawable=min(available, unreserved_of(cross, stakes)),
    )


def _requirement(told: Told, asset: str) -> Decimal:
    """USD that one unit of an asset counts where margin is needed, as in `exposure.in_pool_asset`."""
    return requirement_rate(told.marks.indices.get(asset, UNIT), told.rules.assumptions)


def _in_usd(told: Told, terms: Terms, assets: list[AssetState]) -> MarginTerms:
    """The totals in multi-assets mode: wallet, profit and maintenance as the pool has them, initial margins at the rate
    of requirements."""
    pool = next((each for each in terms.pools if each.asset == MULTI_ASSET), None)
    if pool is None:
        return MarginTerms()
    position = order = ZERO
    for each in assets:
        rate = _requirement(told, each.asset)
        position += each.terms.position_initial * rate
        order += each.terms.order_initial * rate
    free = pool.balance - position - order
    return MarginTerms(
        wallet=pool.wallet,
        unrealized=pool.unrealized,
        maintenance=pool.maintenance,
        position_initial=position,
        order_initial=order,
        cross_wallet=pool.wallet,
        cross_unrealized=pool.unrealized,
        available=free,
        withdrawable=free,
    )


def _of_pool(state: AssetState, totals: MarginTerms, rate: Decimal) -> AssetState:
    """An asset of a multi-assets pool: what is free is free in all of them, at the rate of each."""
    free, own = quotient(totals.available, rate), state.terms
    terms = MarginTerms(
        wallet=own.wallet, unrealized=own.unrealized, maintenance=own.maintenance,
        position_initial=own.position_initial, order_initial=own.order_initial, cross_wallet=own.cross_wallet,
        cross_unrealized=own.cross_unrealized, available=free, withdrawable=min(free, own.cross_wallet),
    )  # fmt: skip
    return AssetState(asset=state.asset, terms=terms, changed_ms=state.changed_ms)

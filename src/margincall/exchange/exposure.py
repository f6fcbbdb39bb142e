"""What an account needs for what it holds and has ordered: initial margin, and what is free for more.

Binance publishes neither formula (assumed: `order-margin`). Per position, at the mark:

    initial margin = max(|P|, |P + buys|, |P − sells|) / leverage       hedge: (|P| + opening orders) / leverage

P is its signed value, orders count at their prices, those that only reduce do not count. Free is, in single-asset mode,
cross wallet + unrealised PnL − initial margin of cross positions − what the orders of isolated ones add; in
multi-assets mode the same in USD at the indices. What leaves the cross wallet can be no more than it holds: profit that
is not realised is no money (assumed: `isolated-margin-source`).
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from margincall.core.account import PositionKey, PositionSide
from margincall.core.brackets import BracketTable
from margincall.core.contract import gain, value
from margincall.core.margin import MULTI_ASSET, UNIT, cross_wallet, margin, requirement_rate
from margincall.core.rounding import quotient
from margincall.core.units import ZERO, Price, Quantity
from margincall.exchange.state import Exchange, Exposure, Market, OpenOrder, Trader


def add(trader: Trader, market: Market, order: OpenOrder) -> None:
    """Reserve for an order that rests: its value at its price, or its place among those that only reduce."""
    assert order.ticks is not None, "what rests has a price"
    held = trader.exposures.get(order.key)
    if held is None:
        held = trader.exposures[order.key] = Exposure()
    if order.closes:
        held.reduce_only += 1
        trader.reducing += 1
        return
    order.reserved = worth(market, order.left, Price(market.contract.tick * order.ticks))
    if order.side == "BUY":
        held.buys += order.reserved
    else:
        held.sells += order.reserved


def remove(trader: Trader, order: OpenOrder) -> None:
    """Release what an order has reserved."""
    held = trader.exposures[order.key]
    if order.closes:
        held.reduce_only -= 1
        trader.reducing -= 1
    elif order.side == "BUY":
        held.buys -= order.reserved
    else:
        held.sells -= order.reserved


def worth(market: Market, lots: int, price: Price) -> Decimal:
    """Unsigned value of so many lots at a price, in the margin asset."""
    return value(market.contract, Quantity(market.contract.lot * lots), price)


def leverage(trader: Trader, market: Market) -> int:
    """The leverage that the account has set for the symbol, else the symbol's first one."""
    return trader.account.leverage.get(market.contract.symbol, market.listing.default_leverage)


def reach(trader: Trader, market: Market, key: PositionKey, *, buys: Decimal = ZERO, sells: Decimal = ZERO) -> Decimal:
    """The largest notional that the position could come to if its orders filled, with further buys and sells."""
    return reaches(trader, market, key, buys=buys, sells=sells)[1]


def reaches(
    trader: Trader, market: Market, key: PositionKey, *, buys: Decimal, sells: Decimal
) -> tuple[Decimal, Decimal]:
    """The same without and with the further ones."""
    held = trader.exposures.get(key, _NONE)
    position = trader.account.positions.get(key)
    at_mark = ZERO
    if position is not None and position.quantity and market.mark is not None:
        at_mark = value(market.contract, position.quantity, market.mark)
    before = reach_of(key[1], at_mark, held.buys, held.sells)
    if not buys and not sells:
        return before, before
    return before, reach_of(key[1], at_mark, held.buys + buys, held.sells + sells)


def reach_of(side: PositionSide, at_mark: Decimal, buys: Decimal, sells: Decimal) -> Decimal:
    """The same, from the signed value of the position and the values of its orders."""
    if side == "BOTH":
        return max(abs(at_mark), abs(at_mark + buys), abs(at_mark - sells))
    return abs(at_mark) + (buys if side == "LONG" else sells)


def initial(amount: Decimal, leverage_set: int) -> Decimal:
    """Initial margin of a notional at a leverage, in the margin asset; a quotient (`docs/spec/rounding.md`)."""
    return quotient(amount, Decimal(leverage_set))


def needed(trader: Trader, market: Market, key: PositionKey, *, buys: Decimal = ZERO, sells: Decimal = ZERO) -> Decimal:
    """Initial margin of a position and its orders, in the margin asset."""
    return initial(reach(trader, market, key, buys=buys, sells=sells), leverage(trader, market))


class Stake(NamedTuple):
    """What a position has at stake, in the margin asset: its unrealised PnL, its initial margin at the mark, and what
    its orders add to that."""

    is_isolated: bool
    unrealized: Decimal
    held: Decimal
    ordered: Decimal


def free(state: Exchange, trader: Trader, asset: str) -> Decimal:
    """What is free for new orders and withdrawals, in `asset` (in multi-assets mode in USD); may be negative."""
    if trader.account.multi_assets:
        return _free_usd(state, trader)
    return free_of(cross_wallet(trader.account, asset, state.rules.venue), _stakes(state, trader, asset))


def unreserved(state: Exchange, trader: Trader, asset: str) -> Decimal:
    """What the cross wallet holds beyond what the orders of isolated positions will take from it: the most that can be
    withdrawn or become isolated margin, whatever is free besides; may be negative."""
    return unreserved_of(cross_wallet(trader.account, asset, state.rules.venue), _stakes(state, trader, asset))


def free_of(wallet: Decimal, stakes: Iterable[Stake]) -> Decimal:
    """What is free of a cross wallet in single-asset mode; an isolated position has margin and PnL of its own."""
    left = wallet
    for each in stakes:
        left -= each.ordered if each.is_isolated else each.held + each.ordered - each.unrealized
    return left


def unreserved_of(wallet: Decimal, stakes: Iterable[Stake]) -> Decimal:
    """What of a cross wallet no order of an isolated position will take."""
    return wallet - sum((each.ordered for each in stakes if each.is_isolated), ZERO)


def is_isolated(trader: Trader, symbol: str) -> bool:
    """Whether the account's positions of a symbol have margin of their own."""
    return trader.account.margin_types.get(symbol, "cross") == "isolated"


def in_pool_asset(state: Exchange, trader: Trader, asset: str, amount: Decimal) -> Decimal:
    """An amount of `asset` in the currency of `free`."""
    if not trader.account.multi_assets:
        return amount
    return amount * requirement_rate(state.indices.get(asset, UNIT), state.rules.venue.assumptions)


def most_at(table: BracketTable, leverage_set: int) -> Decimal | None:
    """The largest notional that a leverage allows; none where the table does not say."""
    for row in reversed(table.rows):
        if row.max_leverage is not None and row.max_leverage >= leverage_set:
            return row.cap
    return None if all(row.max_leverage is None for row in table.rows) else ZERO


def _stakes(state: Exchange, trader: Trader, asset: str) -> Iterator[Stake]:
    """Of the account's positions and orders that have their margin in an asset."""
    positions = trader.account.positions
    for key in _keys(trader):
        market = state.markets[key[0]]
        if market.contract.margin_asset != asset:
            continue
        position, total = positions.get(key), needed(trader, market, key)
        isolated = is_isolated(trader, key[0])
        if position is None or not position.quantity:
            yield Stake(isolated, ZERO, ZERO, total)
            continue
        assert market.mark is not None, "a position has a mark"
        at_mark = value(market.contract, position.quantity, market.mark)
        held = initial(abs(at_mark), leverage(trader, market))
        yield Stake(isolated, gain(market.contract, position.cost, at_mark), held, total - held)


def _free_usd(state: Exchange, trader: Trader) -> Decimal:
    terms = margin(trader.account, state.marks, state.rules.venue)
    left: Decimal = next((pool.balance for pool in terms.pools if pool.asset == MULTI_ASSET), ZERO)
    for key in _keys(trader):
        market = state.markets[key[0]]
        left -= in_pool_asset(state, trader, market.contract.margin_asset, needed(trader, market, key))
    return left


def _keys(trader: Trader) -> list[PositionKey]:
    """Positions that hold something or have orders."""
    keys = [key for key, position in trader.account.positions.items() if position.quantity]
    keys += [key for key in trader.exposures if key not in keys]
    return keys


_NONE = Exposure()

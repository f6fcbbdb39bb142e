"""What must hold of an exchange after every step, recomputed from scratch."""

from decimal import Decimal, localcontext

from margincall.core.fold import books_problem
from margincall.core.rounding import CONTEXT
from margincall.exchange import exposure
from margincall.exchange.state import Exchange, Exposure, OpenOrder, Trader

TURNED = Decimal("1e-24")
"""Of inverse contracts a fill that turns a position leaves up to 1e-30 (`docs/spec/liquidation_desk.md`)."""


def check_books(state: Exchange) -> None:
    """Money, positions, orders and reservations agree with each other."""
    with localcontext(CONTEXT):
        check_money(state)
        check_positions(state)
        check_orders(state)
        check_reservations(state)


def check_money(state: Exchange) -> None:
    """Σ wallets = deposits + Σ signed open cost − Σ remainders, per asset; and each account's books by themselves."""
    owed: dict[str, Decimal] = {}
    for trader in state.traders.values():
        account = trader.account
        assert books_problem(account, state.rules.venue) is None, trader.name
        for asset, wallet in account.wallets.items():
            owed[asset] = owed.get(asset, Decimal(0)) + wallet
        for asset, remainder in account.remainder.items():
            owed[asset] = owed.get(asset, Decimal(0)) + remainder
        for position in account.positions.values():
            contract = state.markets[position.symbol].contract
            cost = -position.cost if contract.is_inverse else position.cost
            owed[contract.margin_asset] = owed.get(contract.margin_asset, Decimal(0)) - cost
    for asset, deposited in state.deposits.items():
        assert abs(owed.get(asset, Decimal(0)) - deposited) <= TURNED, asset
    assert {asset for asset, amount in owed.items() if abs(amount) > TURNED} <= set(state.deposits)


def check_positions(state: Exchange) -> None:
    """Longs are shorts; margins are of the sort that the account has set; flat positions keep no margin."""
    total: dict[str, Decimal] = {}
    for trader in state.traders.values():
        for key, position in trader.account.positions.items():
            total[key[0]] = total.get(key[0], Decimal(0)) + position.quantity
            assert position.quantity or not position.isolated_wallet, (trader.name, key)
            assert position.margin == trader.account.margin_types.get(key[0], "cross")
            assert position.quantity * {"BOTH": 0, "LONG": 1, "SHORT": -1}[key[1]] >= 0
            assert not position.quantity or (key[1] == "BOTH") != trader.hedge
    assert not any(total.values()), total


def check_orders(state: Exchange) -> None:
    """What lives is in one place: the book or among those that wait; no book is crossed."""
    living = [order for trader in state.traders.values() for order in trader.orders.values()]
    assert {order.id: order for order in living} == state.orders
    for symbol, market in state.markets.items():
        bid, ask = market.book.best_bid, market.book.best_ask
        assert bid is None or ask is None or bid < ask, symbol
        mine = [order for order in living if order.symbol == symbol]
        assert {order.id for order in mine if order.waiting} == set(market.waiting)
        assert len(market.book) == sum(1 for order in mine if not order.waiting)
        for order in mine:
            rested = market.book.get(order.id)
            if order.waiting:
                assert rested is None
                continue
            assert rested is not None
            assert (rested.lots, rested.ticks, rested.side) == (order.left, order.ticks, order.side)
            assert order.left > 0
    for trader in state.traders.values():
        assert {order.client_order_id: order.id for order in trader.orders.values()} == trader.client_ids
        for order in trader.orders.values():
            assert order.account == trader.name
        check_tied(state, trader)


def check_tied(state: Exchange, trader: Trader) -> None:
    """What ends with its position has one that it could reduce."""
    tied = [order for order in trader.orders.values() if order.waiting and order.time_in_force == "GTE_GTC"]
    assert trader.tied == len(tied), trader.name
    for order in tied:
        held = trader.account.position(order.key).quantity
        assert held > 0 if order.side == "SELL" else held < 0, (trader.name, order.id)


def check_reservations(state: Exchange) -> None:
    """Exposures are those of the orders that rest, and what only reduces cannot turn a position."""
    for trader in state.traders.values():
        fresh = Trader(name=trader.name)
        resting = [order for order in trader.orders.values() if not order.waiting]
        for order in resting:
            exposure.add(fresh, state.markets[order.symbol], order)
        for key in {*fresh.exposures, *trader.exposures}:
            assert trader.exposures.get(key, Exposure()) == fresh.exposures.get(key, Exposure()), (trader.name, key)
        check_reduces(state, trader, resting)


def check_reduces(state: Exchange, trader: Trader, resting: list[OpenOrder]) -> None:
    """Walk each side of the book in its own priority: where an order that only reduces stands, what trades before it
    and itself stays within the position."""
    own = {order.id: order for order in resting}
    for symbol in {order.symbol for order in resting if order.closes}:
        market = state.markets[symbol]
        for direction in ("BUY", "SELL"):
            taken: dict[str, int] = {}
            for each in market.book.orders(direction):  # type: ignore[arg-type]
                order = own.get(each.id)
                if order is None:
                    continue
                side = order.position_side
                taken[side] = taken.get(side, 0) + order.left
                if order.closes:
                    held = trader.account.position(order.key).quantity
                    against = -held if direction == "BUY" else held
                    assert taken[side] <= against / market.contract.lot, (trader.name, symbol, order.id)

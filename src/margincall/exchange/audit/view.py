"""The auditor's own view of the exchange: plain copies of accounts and orders, and what follows from them by the
definitions, walked through every time. No code of the engine computes here; `core` does, where a rule of it is asked.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from decimal import Decimal

from margincall.core.account import Account, AssetIndex, Marks, PositionKey
from margincall.core.contract import Contract, value
from margincall.core.margin import cross_wallet, margin, requirement_rate
from margincall.core.units import Price, Quantity
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Exchange, Market, OpenOrder

ZERO, ONE = Decimal(0), Decimal(1)
QUOTIENT = Decimal("1e-30")
SIDES = ("BOTH", "LONG", "SHORT")


def initial(amount: Decimal, leverage: int) -> Decimal:
    """Initial margin of a notional, to 1e-30."""
    return (amount / leverage).quantize(QUOTIENT)


class View:
    """Accounts, orders and prices as they stood before a command, to be changed by what the command must do."""

    def __init__(self, state: Exchange, arrivals: dict[int, int]) -> None:
        """Copies what a command may change. `arrivals` says in which order resting orders came to their price."""
        self.rules, self.now = state.rules, state.time_ms
        self.markets: Mapping[str, Market] = state.markets
        self.accounts = {name: trader.account for name, trader in state.traders.items()}
        self.hedge = {name: trader.hedge for name, trader in state.traders.items()}
        self.orders: dict[int, OpenOrder] = {number: copy(order) for number, order in state.orders.items()}
        self.marks: dict[str, Decimal] = dict(state.prices)
        self.last = {symbol: market.last for symbol, market in state.markets.items()}
        self.indices: dict[str, AssetIndex] = dict(state.indices)
        self.countdowns = dict(state.countdowns)
        self.quotes = {name: {symbol: list(ids) for symbol, ids in trader.quotes.items()}
                       for name, trader in state.traders.items() if trader.quotes}  # fmt: skip
        self.liquidations = {line.number: line.account for line in state.liquidations}
        self.hits = {(each.number, each.account) for each in state.deleveraged}
        self.hits |= {(each.number, each.account) for each in state.shared_losses}
        self.disputed: set[object] = {*state.disputed, *state.hits_disputed}
        self.disputes = {number: (entry.account, entry.status) for number, entry in state.disputes.items()}
        self.next_order = state.next_order
        self.arrivals = arrivals

    def twin(self, arrivals: dict[int, int]) -> "View":
        """A view that can be changed while this one stays."""
        other = copy(self)
        other.accounts, other.hedge, other.marks = dict(self.accounts), dict(self.hedge), dict(self.marks)
        other.orders = {number: copy(order) for number, order in self.orders.items()}
        other.last, other.indices, other.countdowns = dict(self.last), dict(self.indices), dict(self.countdowns)
        other.quotes = {name: dict(quotes) for name, quotes in self.quotes.items()}
        other.arrivals = arrivals
        return other

    # --- what there is ------------------------------------------------------------------------------------

    def contract(self, symbol: str) -> Contract:
        """The contract of a symbol."""
        return self.rules.venue.contract(symbol)

    def quantity(self, name: str, key: PositionKey) -> Decimal:
        """The signed quantity of a position."""
        position = self.accounts[name].positions.get(key)
        return position.quantity if position is not None else ZERO

    def own(self, name: str, symbol: str = "") -> list[OpenOrder]:
        """The orders of an account, of one symbol or of all."""
        return [each for each in self.orders.values() if each.account == name and symbol in ("", each.symbol)]

    def resting(self, symbol: str, side: str) -> list[OpenOrder]:
        """One side of a book, best price first, at one price who came first."""
        found = [each for each in self.orders.values()
                 if each.symbol == symbol and each.side == side and not each.waiting]  # fmt: skip
        sign = -1 if side == "BUY" else 1
        return sorted(found, key=lambda each: (sign * (each.ticks or 0), self.arrivals.get(each.id, 0)))

    def best(self, symbol: str, side: str) -> int | None:
        """The best price of one side of a book, in ticks."""
        found = [each.ticks or 0 for each in self.orders.values()
                 if each.symbol == symbol and each.side == side and not each.waiting]  # fmt: skip
        return None if not found else max(found) if side == "BUY" else min(found)

    def opposite(self, order: OpenOrder, bound: int | None) -> Iterator[OpenOrder]:
        """Whom an order could trade with, in priority, down to a price."""
        buys = order.side == "BUY"
        for each in self.resting(order.symbol, "SELL" if buys else "BUY"):
            if bound is not None and ((each.ticks or 0) > bound if buys else (each.ticks or 0) < bound):
                return
            yield each

    # --- what follows from it -----------------------------------------------------------------------------

    def worth(self, symbol: str, lots: int, price: Decimal) -> Decimal:
        """Unsigned value of lots at a price, in the margin asset."""
        contract = self.contract(symbol)
        return abs(value(contract, Quantity(contract.lot * lots), Price(price)))

    def price(self, order: OpenOrder) -> Decimal:
        """The limit price of an order."""
        return self.contract(order.symbol).tick * (order.ticks or 0)

    def looked_at(self, order: OpenOrder) -> Decimal | None:
        """The price that an order's trigger looks at."""
        return self.marks.get(order.symbol) if order.working_type == "MARK_PRICE" else self.last[order.symbol]

    def reducible(self, order: OpenOrder) -> int:
        """Lots by which an order could reduce its position."""
        held = self.quantity(order.account, order.key)
        lots = int(abs(held) / self.contract(order.symbol).lot)
        return lots if (held < 0 if order.side == "BUY" else held > 0) else 0

    def leverage(self, name: str, symbol: str) -> int:
        """The leverage set, else the symbol's first."""
        return self.accounts[name].leverage.get(symbol, self.markets[symbol].listing.default_leverage)

    def reach(self, name: str, key: PositionKey, *, buys: Decimal = ZERO, sells: Decimal = ZERO) -> Decimal:
        """The largest notional that a position could come to if its opening orders filled, and further ones."""
        symbol, side = key
        for order in self.own(name, symbol):
            if order.key == key and not order.waiting and not order.closes:
                worth = self.worth(symbol, order.left, self.price(order))
                buys, sells = (buys + worth, sells) if order.side == "BUY" else (buys, sells + worth)
        at_mark, held = ZERO, self.quantity(name, key)
        if held:
            at_mark = value(self.contract(symbol), Quantity(held), Price(self.marks[symbol]))
        if side == "BOTH":
            return max(abs(at_mark), abs(at_mark + buys), abs(at_mark - sells))
        return abs(at_mark) + (buys if side == "LONG" else sells)

    def free(self, name: str, asset: str) -> Decimal:
        """What is free for orders and withdrawals: in the asset, in multi-assets mode in USD."""
        account, venue = self.accounts[name], self.rules.venue
        marks = Marks({symbol: Price(mark) for symbol, mark in self.marks.items()}, self.indices)
        terms = margin(account, marks, venue)
        keys = {position.key for position in account.open_positions()}
        keys |= {order.key for order in self.own(name) if not order.waiting}
        if account.multi_assets:
            left = sum((pool.balance for pool in terms.pools if pool.kind == "multi"), ZERO)
            for key in sorted(keys):
                margin_asset = self.contract(key[0]).margin_asset
                needed = initial(self.reach(name, key), self.leverage(name, key[0]))
                left -= self.in_pool(name, margin_asset, needed)
            return left
        left = cross_wallet(account, asset, venue)
        for pool in terms.pools:
            if pool.kind == "cross" and pool.asset == asset:
                left += pool.unrealized
        for key in sorted(keys):
            if self.contract(key[0]).margin_asset != asset:
                continue
            needed = initial(self.reach(name, key), self.leverage(name, key[0]))
            if account.margin_types.get(key[0]) == "isolated" and self.quantity(name, key):
                held = int(abs(self.quantity(name, key)) / self.contract(key[0]).lot)
                needed -= initial(self.worth(key[0], held, self.marks[key[0]]), self.leverage(name, key[0]))
            left -= needed
        return left

    def unreserved(self, name: str, asset: str) -> Decimal:
        """The cross wallet, less what the orders of isolated positions add to their initial margin."""
        account = self.accounts[name]
        left: Decimal = cross_wallet(account, asset, self.rules.venue)
        for key in sorted({order.key for order in self.own(name) if not order.waiting}):
            if account.margin_types.get(key[0]) == "isolated" and self.contract(key[0]).margin_asset == asset:
                leverage, held = self.leverage(name, key[0]), abs(self.quantity(name, key))
                left -= initial(self.reach(name, key), leverage)
                if held:
                    lots = int(held / self.contract(key[0]).lot)
                    left += initial(self.worth(key[0], lots, self.marks[key[0]]), leverage)
        return left

    def in_pool(self, name: str, asset: str, amount: Decimal) -> Decimal:
        """An amount of an asset in the currency of `free`."""
        if not self.accounts[name].multi_assets:
            return amount
        index = self.indices.get(asset)
        return amount if index is None else amount * requirement_rate(index, self.rules.venue.assumptions)

    def most(self, name: str, symbol: str, leverage: int) -> Decimal | None:
        """The largest notional at a leverage: the highest cap of a row that allows it."""
        rows = [row for row in self.rules.venue.brackets(symbol).rows if row.max_leverage is not None]
        if not rows:
            return None
        return max((row.cap for row in rows if (row.max_leverage or 0) >= leverage), default=ZERO)

    def account(self, name: str) -> Account:
        """The account of a trader; refused for others."""
        if name not in self.accounts or name in ("insurance_fund", "fees", "remainder", "bad_debt"):
            raise Refusal(Code.BAD_ACCOUNT)
        return self.accounts[name]

    def listed(self, symbol: str) -> Market:
        """The market of a symbol; refused for others."""
        if symbol not in self.markets:
            raise Refusal(Code.BAD_SYMBOL)
        return self.markets[symbol]

"""The accounts, the book and the insurance fund between which the desk moves positions and money.

An account is one of `fold.py`; its margin pools are those of `oracle.py`, made anew whenever they are asked for. The
fund is an account in one-way mode. `fees`, `remainder` and `bad_debt` (0 or less) are sums of money by asset.
"""

import copy
from fractions import Fraction
from typing import NamedTuple

from .fold import Account
from .oracle import DEFAULTS, ZERO, Position, exact_text, pools_of, truncate

DEFAULT_LEVERAGE = "20"


class Deal(NamedTuple):
    """A trade between two accounts: the position side of each, the quantity as the first of them gets it."""

    symbol: str
    sides: tuple[str, str]
    quantity: Fraction
    price: Fraction


class Trader(Account):
    """An account of the fold that begins with wallets and positions."""

    def __init__(self, given, contracts):
        super().__init__(contracts, given.get("wallets", {}), "0", DEFAULT_LEVERAGE, "cross")
        self.asset_mode = given.get("asset_mode", "single")
        self.leverages = {symbol: Fraction(leverage) for symbol, leverage in given.get("leverage", {}).items()}
        self.margins = dict(given.get("margins", {}))
        for position in given.get("positions", []):
            self.open(position)

    def open(self, position):
        symbol = position["symbol"]
        book = self.book(symbol, position["side"])
        book.quantity, book.cost = Fraction(position["quantity"]), Fraction(position["cost"])
        book.isolated_wallet = Fraction(position.get("isolated_wallet", "0"))
        self.margins[symbol] = position.get("margin", "cross")
        contract = self.contracts[symbol]
        # Trade cash of the past, so that the identity of the fold holds from here on.
        self.change(self.trade_cash, contract["margin_asset"], book.cost * (1 if contract["kind"] == "inverse" else -1))

    def positions(self):
        """What is open, as `evaluate` takes it, sorted by symbol and side."""
        return [
            {
                "symbol": symbol,
                "side": side,
                "quantity": book.quantity,
                "cost": book.cost,
                "margin": "isolated" if self.is_isolated(symbol) else "cross",
                "isolated_wallet": book.isolated_wallet,
            }
            for (symbol, side), book in sorted(self.books.items())
            if book.quantity
        ]

    def cross_wallets(self):
        """Wallet balance less isolated wallets (docs/spec/margin.md)."""
        cross = dict(self.wallets)
        for (symbol, _), book in self.books.items():
            self.change(cross, self.contracts[symbol]["margin_asset"], -book.isolated_wallet)
        return cross

    def size(self, symbol):
        """What is held of a symbol: both legs of a hedge count."""
        return sum((abs(book.quantity) for (of, _), book in self.books.items() if of == symbol), ZERO)

    def trade(self, symbol, side, quantity, price, fee=ZERO):
        """A fill; returns the booked profit."""
        asset = self.contracts[symbol]["margin_asset"]
        before = self.booked.get(asset, ZERO)
        event = {"kind": "fill", "symbol": symbol, "side": side, "quantity": quantity, "price": price, "fee": fee}
        self.apply(event)
        return self.booked.get(asset, ZERO) - before

    def report(self):
        texts = ("quantity", "cost", "isolated_wallet")
        return {
            "wallets": amounts(self.wallets),
            "positions": [
                {key: exact_text(value) if key in texts else value for key, value in position.items()}
                for position in self.positions()
            ],
        }


class Venue:
    """Everything of a state, and what has been done (`log`)."""

    def __init__(self, state):
        self.contracts = {symbol: {"contract_size": "1", **each} for symbol, each in state["contracts"].items()}
        self.brackets = {
            symbol: [[Fraction(number) for number in row] for row in rows] for symbol, rows in state["brackets"].items()
        }
        self.marks = {symbol: Fraction(mark) for symbol, mark in state["marks"].items()}
        self.marks_before = {symbol: Fraction(mark) for symbol, mark in state.get("previous_marks", {}).items()}
        self.indices = {
            asset: {key: Fraction(rate) for key, rate in rates.items()}
            for asset, rates in (state.get("indices") or {}).items()
        }
        self.assumptions = {"bankruptcy-split": "maintenance", "warning-threshold": "0.8", **DEFAULTS}
        self.assumptions |= state.get("assumptions", {})
        self.rates = {role: Fraction(rate) for role, rate in state["fees"].items()}
        self.rules, self.deleveraging = state["waterfall"], state["deleveraging"]
        self.traders = {name: Trader(each, self.contracts) for name, each in sorted(state["accounts"].items())}
        self.fund = Trader(state.get("fund", {}), self.contracts)
        self.orders = copy.deepcopy(state.get("book", {}))
        self.fees, self.remainder = {}, {}
        self.bad_debt = {asset: Fraction(amount) for asset, amount in state.get("bad_debt", {}).items()}
        self.log, self.uncovered = [], []
        self.seed = state.get("deleveragings", 0)
        self.passes, self.begun = 0, {}

    # contracts

    def asset(self, symbol):
        return self.contracts[symbol]["margin_asset"]

    def lot(self, symbol):
        return Fraction(self.contracts[symbol]["lot"])

    def tick(self, symbol):
        return Fraction(self.contracts[symbol]["tick"])

    def liquidation_fee(self, symbol):
        """The clearance rate; a contract without one has 0."""
        return Fraction(self.contracts[symbol].get("liquidation_fee") or 0)

    # pools

    def pools(self, name):
        """The margin pools of an account as they stand, by name."""
        trader = self.traders[name]
        positions = trader.positions()
        pools = pools_of(
            {
                "asset_mode": trader.asset_mode,
                "contracts": self.contracts,
                "brackets": {each["symbol"]: self.brackets[each["symbol"]] for each in positions},
                "marks": self.marks,
                "indices": self.indices,
                "assumptions": self.assumptions,
                "wallets": trader.cross_wallets(),
                "positions": positions,
            }
        )
        return {pool.name: pool for pool in pools}

    def pool_of_order(self, order, symbol):
        """The name of the pool in which the margin of an open order lies."""
        trader = self.traders[order["owner"]]
        if trader.is_isolated(symbol):
            return f"isolated:{symbol}:{order.get('position_side', 'BOTH')}"
        return "multi:USD" if trader.asset_mode == "multi" else f"cross:{self.asset(symbol)}"

    def fund_positions(self):
        """The fund's positions with their terms at the marks."""
        found = []
        for each in self.fund.positions():
            symbol = each["symbol"]
            rows = [(rate, cum) for _, _, rate, cum in self.brackets[symbol]]
            found.append(Position(each, self.contracts[symbol], rows, self.marks[symbol]))
        return found

    # what moves

    def note(self, step, **details):
        """Write a step down; numbers become strings."""
        self.log.append({"step": step, **{key: plain(value) for key, value in details.items()}})

    def fee_of(self, trader, deal, role):
        return truncate(trader.worth(deal.symbol, abs(deal.quantity), deal.price) * self.rates[role])

    def pay_fees(self, asset, amount):
        self.fees[asset] = self.fees.get(asset, ZERO) + amount

    def market_trade(self, taker, maker, deal):
        """A trade in the book: both pay their rate. Returns the taker's booked profit and fee."""
        fees = self.fee_of(taker, deal, "taker"), self.fee_of(maker, deal, "maker")
        profit = self.trade(taker, maker, deal, fees)
        self.pay_fees(self.asset(deal.symbol), sum(fees))
        return profit, fees[0]

    def trade(self, one, other, deal, fees=(ZERO, ZERO)):
        """A trade, by itself without fees; returns the booked profit of the first."""
        symbol, sides, quantity, price = deal
        profit = one.trade(symbol, sides[0], quantity, price, fees[0])
        other.trade(symbol, sides[1], -quantity, price, fees[1])
        return profit

    def pay(self, wallets, asset, amount):
        """A wallet, or one of the venue's own sums of money, gets an amount."""
        wallets[asset] = wallets.get(asset, ZERO) + amount

    def cancel(self, chosen):
        """Take all orders for which `chosen(order, symbol)` out of the book; returns their numbers."""
        gone = []
        for symbol, orders in sorted(self.orders.items()):
            out = [order for order in orders if chosen(order, symbol)]
            gone += [order["id"] for order in out]
            self.orders[symbol] = [order for order in orders if order not in out]
        return gone

    # result

    def report(self):
        fold = {}
        for trader in (*self.traders.values(), self.fund):
            for asset, amount in trader.remainder.items():
                fold[asset] = fold.get(asset, ZERO) + amount
        return {
            "log": self.log,
            "accounts": {name: trader.report() for name, trader in self.traders.items()},
            "fund": self.fund.report(),
            "fees": amounts(self.fees),
            "remainder": amounts(self.remainder),
            "bad_debt": amounts(self.bad_debt),
            "fold_remainder": amounts(fold),
            "book": self.orders,
            "uncovered": self.uncovered,
            "deleveragings": self.seed,
            "passes": self.passes,
        }


def amounts(money):
    """Sums of money as text, without those of nothing."""
    return {asset: exact_text(amount) for asset, amount in sorted(money.items()) if amount}


def plain(value):
    """Numbers inside as text."""
    if isinstance(value, Fraction):
        return exact_text(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value

"""docs/spec/fold.md a second time: the state that a list of events leads to.

Events are dicts with a `kind`: `fill` (symbol, side, quantity signed, price; fee, fee_asset and realized if printed),
`flow` (category, asset, amount; symbol and side if it belongs to a position), `margin` (symbol, side, amount),
`leverage` (symbol, leverage) and `margin_type` (symbol, margin).
"""

from fractions import Fraction

from .oracle import ZERO, exact_text, quotient, sign_of, truncate


class Book:
    """What `fold` knows of one position side of one symbol."""

    def __init__(self):
        self.quantity = ZERO
        self.cost = ZERO
        self.isolated_wallet = ZERO


class Account:
    """Wallet balances, positions and the remainder account, changed by one event after the other."""

    def __init__(self, contracts, wallets, taker, leverage, margin):
        self.contracts = contracts
        self.wallets = {asset: Fraction(amount) for asset, amount in wallets.items()}
        self.taker = Fraction(taker)
        self.default_leverage = Fraction(leverage)
        self.default_margin = margin
        self.leverages = {}
        self.margins = {}
        self.books = {}
        self.remainder = {}
        self.trade_cash = {}
        self.booked = {}

    def book(self, symbol, side):
        return self.books.setdefault((symbol, side), Book())

    def is_isolated(self, symbol):
        return self.margins.get(symbol, self.default_margin) == "isolated"

    def change(self, account, asset, amount):
        account[asset] = account.get(asset, ZERO) + amount

    def worth(self, symbol, quantity, price):
        """Signed quantity * price, of an inverse contract quantity * C / price to 1e-30."""
        contract = self.contracts[symbol]
        if contract["kind"] == "inverse":
            return quotient(quantity * Fraction(contract["contract_size"]) / price)
        return quantity * price

    def fill(self, event):
        symbol = event["symbol"]
        asset = self.contracts[symbol]["margin_asset"]
        inverse = self.contracts[symbol]["kind"] == "inverse"
        book = self.book(symbol, event["side"])
        amount, price = Fraction(event["quantity"]), Fraction(event["price"])
        isolated = self.is_isolated(symbol)
        if event.get("fee") is not None:
            fee = Fraction(event["fee"])
        else:
            fee = truncate(self.worth(symbol, abs(amount), price) * self.taker)
        fee_asset = event.get("fee_asset") or asset

        closed = ZERO
        if book.quantity and sign_of(amount) != sign_of(book.quantity):
            closed = min(abs(amount), abs(book.quantity))
        opened = abs(amount) - closed

        exact = ZERO
        if closed:
            held, sign = abs(book.quantity), sign_of(book.quantity)
            whole = closed == held
            released = book.cost if whole else quotient(book.cost * closed / held)
            turnover = sign * self.worth(symbol, closed, price)
            exact = released - turnover if inverse else turnover - released
            back = book.isolated_wallet if whole else truncate(book.isolated_wallet * closed / held)
            book.isolated_wallet -= back if isolated else ZERO
            book.cost -= released
            book.quantity -= sign * closed
            self.change(self.trade_cash, asset, -turnover if inverse else turnover)
        profit = Fraction(event["realized"]) if event.get("realized") is not None else truncate(exact)

        if opened:
            turnover = self.worth(symbol, sign_of(amount) * opened, price)
            book.cost += turnover
            book.quantity += sign_of(amount) * opened
            self.change(self.trade_cash, asset, turnover if inverse else -turnover)
            if isolated:
                leverage = self.leverages.get(symbol, self.default_leverage)
                book.isolated_wallet += truncate(abs(turnover) / leverage)
        if isolated and opened and fee_asset == asset:
            of_decrease = truncate(fee * closed / abs(amount))
            book.isolated_wallet -= fee - of_decrease

        self.change(self.wallets, asset, profit)
        self.change(self.wallets, fee_asset, -fee)
        self.change(self.booked, asset, profit)
        self.change(self.remainder, asset, exact - profit)

    def flow(self, event):
        amount = Fraction(event["amount"])
        self.change(self.wallets, event["asset"], amount)
        symbol = event.get("symbol")
        if event["category"] in ("funding", "insurance_clear") and symbol and self.is_isolated(symbol):
            self.book(symbol, event.get("side", "BOTH")).isolated_wallet += amount

    def apply(self, event):
        kind = event["kind"]
        if kind == "fill":
            self.fill(event)
        elif kind == "flow":
            self.flow(event)
        elif kind == "margin":
            self.book(event["symbol"], event["side"]).isolated_wallet += Fraction(event["amount"])
        elif kind == "leverage":
            self.leverages[event["symbol"]] = Fraction(event["leverage"])
        elif kind == "margin_type":
            self.margins[event["symbol"]] = event["margin"]
        else:
            raise ValueError(f"unknown event: {kind}")
        self.check()

    def check(self):
        """The identity of docs/spec/rounding.md; for inverse contracts with the signs of cash and cost turned."""
        for asset in self.trade_cash:
            open_cost = ZERO
            for (symbol, _), book in self.books.items():
                contract = self.contracts[symbol]
                if contract["margin_asset"] == asset:
                    open_cost += -book.cost if contract["kind"] == "inverse" else book.cost
            left = self.trade_cash[asset] + open_cost - self.booked.get(asset, ZERO)
            assert left == self.remainder.get(asset, ZERO)


def fold(events, contracts, *, wallets=None, taker="0.0005", leverage="20", margin="cross"):
    """Apply events in order to an account that starts with `wallets` and no positions.

    `wallet_balances` are whole, `wallets` are the cross wallets (balance less isolated wallets), which together with
    `positions` are what `evaluate` takes.
    """
    account = Account(contracts, wallets or {}, taker, leverage, margin)
    for event in events:
        account.apply(event)
    cross = dict(account.wallets)
    for (symbol, _), book in account.books.items():
        account.change(cross, contracts[symbol]["margin_asset"], -book.isolated_wallet)
    return {
        "wallet_balances": {asset: exact_text(amount) for asset, amount in account.wallets.items()},
        "wallets": {asset: exact_text(amount) for asset, amount in cross.items()},
        "positions": [
            {
                "symbol": symbol,
                "side": side,
                "quantity": exact_text(book.quantity),
                "cost": exact_text(book.cost),
                "margin": "isolated" if account.is_isolated(symbol) else "cross",
                "isolated_wallet": exact_text(book.isolated_wallet),
            }
            for (symbol, side), book in account.books.items()
            if book.quantity
        ],
        "remainder": {asset: exact_text(amount) for asset, amount in account.remainder.items()},
    }

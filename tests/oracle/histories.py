"""Random histories of an account: fills of every sort, flows, margin moves and changed settings, with marks between.

`random_history(rng)` is a function of the random number generator only. The events are dicts as `fold.py` takes them;
`{"kind": "mark"}` (symbol, price) stands beside them and changes no account. The symbols are real ones.
"""

from fractions import Fraction

from .oracle import exact_text, sign_of

LINEAR = {"BTCUSDT": ("BTC", "40000"), "ETHUSDT": ("ETH", "2500"), "BNBUSDT": ("BNB", "395")}
INVERSE = {"BTCUSD_PERP": ("BTC", "40000", "100"), "ETHUSD_PERP": ("ETH", "2500", "10")}
TICK = {"BTC": Fraction(1, 10), "ETH": Fraction(1, 100), "BNB": Fraction(1, 100)}
LOT = Fraction(1, 1000)
FLOWS = ("transfer", "funding", "funding", "insurance_clear", "adjustment", "rebate", "bonus", "conversion")


class Trader:
    """Makes one event after the other, and knows so much of the account that each could happen."""

    def __init__(self, rng):
        self.rng = rng
        self.inverse = rng.random() < 0.4
        self.hedge = rng.random() < 0.4
        self.sides = ("LONG", "SHORT") if self.hedge else ("BOTH",)
        symbols = INVERSE if self.inverse else LINEAR
        chosen = rng.sample(sorted(symbols), rng.randint(1, len(symbols)))
        self.contracts = {symbol: self.contract(symbol) for symbol in chosen}
        self.prices = {symbol: Fraction(symbols[symbol][1]) for symbol in chosen}
        self.held = {(symbol, side): Fraction(0) for symbol in chosen for side in self.sides}
        self.isolated = set()

    def contract(self, symbol):
        if self.inverse:
            base, _, size = INVERSE[symbol]
            return {"kind": "inverse", "base": base, "margin_asset": base, "contract_size": size}
        return {"kind": "linear", "base": LINEAR[symbol][0], "margin_asset": "USDT", "contract_size": "1"}

    def asset(self, symbol):
        return self.contracts[symbol]["margin_asset"]

    # sizes

    def move(self, symbol):
        """The price a little further: mostly by less than one per cent, at times by a tenth."""
        width = self.rng.choice((10, 10, 100))
        price = self.prices[symbol] * Fraction(1000 + self.rng.randint(-width, width), 1000)
        tick = TICK[self.contracts[symbol]["base"]]
        self.prices[symbol] = max(price // tick, 1) * tick
        return exact_text(self.prices[symbol])

    def amount(self, most=10**9):
        """An amount of money of either sign with 8 decimals: USDT, or so many coins less."""
        units = self.rng.randint(-most, most)
        return exact_text(Fraction(units, 10**8 if self.inverse else 10**6))

    def lots(self, most):
        return Fraction(self.rng.randint(1, most)) * (1 if self.inverse else LOT)

    # events

    def opening(self):
        """Money first; then for each symbol a leverage, and at times isolated margin."""
        for asset in dict.fromkeys(self.asset(symbol) for symbol in self.contracts):
            yield {"kind": "flow", "category": "transfer", "asset": asset, "amount": "10" if self.inverse else "5000"}
        for symbol in self.contracts:
            yield {"kind": "leverage", "symbol": symbol, "leverage": str(self.rng.choice((3, 10, 20, 75)))}
            yield {"kind": "mark", "symbol": symbol, "price": exact_text(self.prices[symbol])}
            if self.rng.random() < 0.4:
                self.isolated.add(symbol)
                yield {"kind": "margin_type", "symbol": symbol, "margin": "isolated"}

    def next(self):
        """One more event."""
        symbol = self.rng.choice(list(self.contracts))
        side = self.rng.choice(self.sides)
        choice = self.rng.random()
        if choice < 0.25:
            return {"kind": "mark", "symbol": symbol, "price": self.move(symbol)}
        if choice < 0.75:
            return self.fill(symbol, side)
        if choice < 0.9 or not self.held[symbol, side]:
            return self.flow(symbol, side)
        if symbol in self.isolated:
            return {"kind": "margin", "symbol": symbol, "side": side, "amount": self.amount(10**7)}
        return {"kind": "leverage", "symbol": symbol, "leverage": str(self.rng.randint(1, 125))}

    def fill(self, symbol, side):
        held = self.held[symbol, side]
        quantity = self.fill_quantity(side, held)
        self.held[symbol, side] += quantity
        event = {"kind": "fill", "symbol": symbol, "side": side, "price": self.move(symbol)}
        event["quantity"] = exact_text(quantity)
        if self.rng.random() < 0.7:
            event["fee"] = exact_text(Fraction(self.rng.randint(-100, 10**5), 10**8))
            if self.rng.random() < 0.2:
                event["fee_asset"] = "BNB"
        if self.rng.random() < 0.3:
            event["realized"] = self.amount(10**6) if held * quantity < 0 else "0"
        return event

    def fill_quantity(self, side, held):
        """What is traded: opens or adds, or closes a part or all, or (one-way) turns the position."""
        choice = self.rng.random()
        if not held or choice < 0.35:
            direction = {"LONG": 1, "SHORT": -1}.get(side) or sign_of(held) or self.rng.choice((1, -1))
            return direction * self.lots(50)
        step = 1 if self.inverse else LOT
        if choice < 0.65:
            return -sign_of(held) * max(abs(held) * Fraction(self.rng.randint(1, 99), 100) // step, 1) * step
        if choice < 0.85 or self.hedge:
            return -held
        return -held - sign_of(held) * self.lots(50)

    def flow(self, symbol, side):
        """A flow of the symbol's margin asset; funding and clearance belong to a position that is open."""
        category = self.rng.choice(FLOWS)
        event = {"kind": "flow", "category": category, "asset": self.asset(symbol), "amount": self.amount(10**7)}
        if category in ("funding", "insurance_clear") and self.held[symbol, side]:
            event |= {"symbol": symbol, "side": side}
        return event


def random_history(rng, most=30):
    """The contracts of an account, and its events; every account begins empty and is given money."""
    trader = Trader(rng)
    events = [*trader.opening(), *(trader.next() for _ in range(rng.randint(1, most)))]
    return trader.contracts, events

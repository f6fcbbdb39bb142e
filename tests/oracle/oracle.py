"""The oracle: docs/spec computed a second time, naively, with `Fraction` and bisection.

`evaluate(state)` gives every number of the spec for one state of an account. Numbers go in and come out as strings;
nothing about money is a float.

One idea carries all searches. Each function of which a root is wanted (surplus as a function of one mark, of one index
price, of an amount added, of a quantity closed) is a sum of minima of straight lines, hence concave:

    f(x) = sum over terms of min over the lines of the term of (slope * x + offset)

The maintenance margin of a position is one term (minus the maximum of its bracket lines), the value of an asset's
equity is another (the minimum of equity at bid and at ask). `Concave` evaluates such a sum on the grid x = k * unit in
whole numbers, so that every sign is exact, and the searches bisect on k. Where the exact root is wanted, between two
points of the grid, it is that of the line in force there.
"""

from fractions import Fraction
from math import lcm

ZERO = Fraction(0)
ONE = Fraction(1)
PRICE_UNIT = Fraction(1, 10**12)
BOOKED_UNIT = Fraction(1, 10**8)
ROOTS_PER_PRICE = 10**12  # roots are rounded to 1e-24 before they are rounded inwards to 1e-12

DEFAULTS = {
    "trigger-comparison": "reached",
    "multi-asset-equity-rate": "net",
    "multi-asset-requirement-rate": "index",
}


# --- numbers (docs/spec/rounding.md) --------------------------------------------------------------------------------


def text_of_units(count, decimals):
    """`count` units of 1e-decimals as a plain decimal string without trailing zeros."""
    digits = str(abs(count)).rjust(decimals + 1, "0")
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    part = part.rstrip("0")
    sign = "-" if count < 0 else ""
    return sign + whole + ("." + part if part else "")


def exact_text(number):
    """A number with a finite decimal expansion, in full."""
    if number.denominator == 1:
        return str(number.numerator)
    decimals = 100
    count, rest = divmod(number.numerator * 10**decimals, number.denominator)
    if rest:
        raise ValueError(f"no finite decimal: {number}")
    return text_of_units(count, decimals)


def half_even(number, decimals):
    """Nearest multiple of 1e-decimals, ties to even (as Python rounds a `Fraction`)."""
    return Fraction(round(number * 10**decimals), 10**decimals)


def half_even_text(number, decimals):
    return text_of_units(round(number * 10**decimals), decimals)


def quotient(number):
    """A quotient inside the rules: 1e-30, half even."""
    return half_even(number, 30)


def truncate(number, decimals=8):
    """An amount the venue books: toward zero."""
    count = abs(number.numerator) * 10**decimals // number.denominator
    return Fraction(count if number >= 0 else -count, 10**decimals)


def sign_of(number):
    return (number > 0) - (number < 0)


# --- concave functions and searches ---------------------------------------------------------------------------------


class Concave:
    """A sum of minima of lines, on the grid x = k * unit, times a positive constant that makes it whole."""

    def __init__(self, terms, unit):
        denominator = 1
        for term in terms:
            for slope, offset in term:
                denominator = lcm(denominator, (slope * unit).denominator, offset.denominator)
        whole = [
            [(int(slope * unit * denominator), int(offset * denominator)) for slope, offset in term] for term in terms
        ]
        self.slope = sum(term[0][0] for term in whole if len(term) == 1)
        self.offset = sum(term[0][1] for term in whole if len(term) == 1)
        self.terms = [term for term in whole if len(term) > 1]

    def at(self, k):
        total = self.slope * k + self.offset
        for term in self.terms:
            total += min([slope * k + offset for slope, offset in term])
        return total

    def slope_towards(self, k, direction):
        """Slope on the right of k (direction 1) or on its left (-1)."""
        total = self.slope
        for term in self.terms:
            least = min(slope * k + offset for slope, offset in term)
            slopes = [slope for slope, offset in term if slope * k + offset == least]
            total += min(slopes) if direction > 0 else max(slopes)
        return total

    def slope_at_infinity(self):
        """Far to the right the line with the smallest slope is the minimum of its term."""
        return self.slope + sum(min(slope for slope, _ in term) for term in self.terms)


def first_true(test, low, high):
    """Smallest k in (low, high] for which `test` holds, given: false at low, true at high, and monotone."""
    while high - low > 1:
        middle = (low + high) // 2
        if test(middle):
            high = middle
        else:
            low = middle
    return high


def best_point(f, start):
    """Some whole k >= 1 with f(k) >= 0, or, if there is none, the k >= 1 where f is greatest."""
    if start >= 1 and f.at(start) >= 0:
        return start

    def falls(k):
        return f.at(k + 1) <= f.at(k)

    if f.at(1) >= 0 or falls(1):
        return 1
    # f rises at 1. Walk right by doubling until it is not negative, or rises no more: one of the two happens.
    far = 2
    while not falls(far):
        if f.at(far) >= 0:
            return far
        far *= 2
    return first_true(falls, 1, far)


def exact_root(f, k, direction):
    """The root of f nearest to k on the right (direction 1) or left (-1), exact, given f(k) < 0; None if there is none.

    f lies below the line in force at k, so its root is not before that of the line: go there, until f is not negative.
    """
    x = Fraction(k)
    while f.at(x) < 0:
        slope = f.slope_towards(x, direction)
        if slope * direction <= 0:
            return None
        x -= f.at(x) / slope
    return x


def survival(f, start, finer=ROOTS_PER_PRICE):
    """docs/spec/liquidation_price.md: the roots (lower, upper) between which f survives, in grid units, and `empty`.

    A root is rounded half even to 1 / `finer` of a grid unit; one may be None.
    """
    best = best_point(f, start)
    left, right = best - 1, best + 1
    dies_below, dies_above = f.at(0) < 0, f.slope_at_infinity() < 0
    if f.at(best) >= 0:
        if dies_below:
            left = first_true(lambda k: f.at(k) >= 0, 0, best) - 1
        if dies_above:
            right = 2 * best
            while f.at(right) >= 0:
                right *= 2
            right = first_true(lambda k: f.at(k) < 0, best, right)
    lower = upper = None
    if dies_below:
        lower = exact_root(f, left, 1)
        if lower is None:
            return None, None, True
        lower = Fraction(round(lower * finer), finer)
        if lower <= 0:
            lower = None
    if dies_above:
        upper = Fraction(round(exact_root(f, right, -1) * finer), finer)
        if upper.__floor__() < (1 if lower is None else lower.__ceil__()):
            return None, None, True
    return lower, upper, False


def first_survivor(f, last=None):
    """Smallest whole k with 0 <= k (<= last) and f(k) >= 0, or None. f is concave, so this is its first crossing."""
    if f.at(0) >= 0:
        return 0

    def stops_rising(k):
        return f.at(k + 1) <= f.at(k)

    if last is None:
        last = 1
        while f.at(last) < 0 and not stops_rising(last):
            last *= 2
        if f.at(last) >= 0:
            return first_true(lambda k: f.at(k) >= 0, 0, last)
        last += 1
    if last < 1:
        return None
    if stops_rising(0):
        return None
    peak = last if not stops_rising(last - 1) else first_true(stops_rising, 0, last - 1)
    if f.at(peak) < 0:
        return None
    return first_true(lambda k: f.at(k) >= 0, 0, peak)


def interval_text(lower, upper, empty):
    """The roots, rounded inwards."""
    return {
        "lower": None if lower is None else text_of_units(lower.__ceil__(), 12),
        "upper": None if upper is None else text_of_units(upper.__floor__(), 12),
        "empty": empty,
    }


# --- positions and pools (docs/spec/margin.md, docs/spec/brackets.md) -----------------------------------------------


def add(one, other):
    """Sum of two lines (slope, offset)."""
    return one[0] + other[0], one[1] + other[1]


def times(line, factor):
    return line[0] * factor, line[1] * factor


def envelope(rows, notional):
    """Greatest bracket line at a notional, and the row in force (tie: the lower row)."""
    best = None
    for row in rows:
        margin = notional * row[0] - row[1]
        if best is None or margin > best[0]:
            best = margin, row
    return best


class Position:
    """One position and its terms at its mark; `rows` are the (rate, cum) of its bracket table."""

    def __init__(self, given, contract, rows, mark):
        self.symbol = given["symbol"]
        self.side = given["side"]
        self.quantity = Fraction(given["quantity"])
        self.cost = Fraction(given["cost"])
        self.inverse = contract["kind"] == "inverse"
        self.asset = contract["margin_asset"]
        self.base = contract["base"]
        self.size = Fraction(contract["contract_size"]) if self.inverse else ONE
        self.tick = Fraction(contract["tick"])
        self.lot = Fraction(contract["lot"])
        self.rows = rows
        self.mark = mark
        self.held = abs(self.quantity)
        self.sign = sign_of(self.quantity)
        # The exact notional is for the roots, the one rounded to 1e-30 for the terms that are reported.
        self.exact_notional = self.held * self.size / mark if self.inverse else self.held * mark
        self.notional = quotient(self.exact_notional) if self.inverse else self.exact_notional
        self.pnl = self.pnl_at(self.notional)
        self.maintenance, (self.rate, self.cum) = envelope(rows, self.notional)

    def pnl_at(self, notional):
        """Unrealised PnL when the notional is this."""
        if self.inverse:
            return self.cost - self.sign * notional
        return self.sign * notional - self.cost

    def exact_pnl(self):
        return self.pnl_at(self.exact_notional)

    def exact_maintenance(self):
        return envelope(self.rows, self.exact_notional)[0]

    def pnl_line(self):
        """Unrealised PnL as a line in the mark m; for an inverse contract PnL * m is the line."""
        if self.inverse:
            return self.cost, -self.quantity * self.size
        return self.quantity, -self.cost

    def maintenance_lines(self):
        """Bracket lines as lines in the mark m; for an inverse contract margin * m."""
        if self.inverse:
            return [(-cum, self.held * self.size * rate) for rate, cum in self.rows]
        return [(self.held * rate, -cum) for rate, cum in self.rows]

    def close_price(self):
        """The mark rounded to the tick against the account: a long sells, a short buys."""
        ticks = self.mark / self.tick
        if self.quantity > 0:
            return max(ticks.__floor__(), 1) * self.tick
        return ticks.__ceil__() * self.tick


class Pool:
    """A margin pool. One with a single asset has the asset at 1, so that one set of formulas serves all modes."""

    def __init__(self, name, wallets, positions, rates, assumptions, *, isolated=False):
        self.name = name
        self.wallets = wallets
        self.positions = positions
        self.rates = rates
        self.isolated = isolated
        self.net = assumptions["multi-asset-equity-rate"] == "net"
        self.requirement_at_ask = assumptions["multi-asset-requirement-rate"] == "ask"
        self.reached = assumptions["trigger-comparison"] == "reached"

    # values in the money of the pool

    def index(self, asset):
        return self.rates[asset][0]

    def requirement_rate(self, asset):
        index, _, ask = self.rates[asset]
        return ask if self.requirement_at_ask else index

    def in_asset(self, asset):
        return [position for position in self.positions if position.asset == asset]

    def value_terms(self, asset, wallet, pnl):
        """The value of an asset, given its wallet and its unrealised PnL as lines: min(at bid, at ask)."""
        index, bid, ask = self.rates[asset]
        if self.net:
            equity = add(wallet, pnl)
            return [[times(equity, bid), times(equity, ask)]]
        return [[times(wallet, bid), times(wallet, ask)], [times(pnl, index)]]

    def value(self, asset):
        """The same for what is there now."""
        pnl = sum((position.pnl for position in self.in_asset(asset)), ZERO)
        terms = self.value_terms(asset, (ZERO, self.wallets[asset]), (ZERO, pnl))
        return sum(min(offset for _, offset in term) for term in terms)

    def exact_surplus(self, asset):
        """What an asset adds to the surplus, nothing rounded to 1e-30."""
        mine = self.in_asset(asset)
        pnl = sum((position.exact_pnl() for position in mine), ZERO)
        terms = self.value_terms(asset, (ZERO, self.wallets[asset]), (ZERO, pnl))
        worth = sum(min(offset for _, offset in term) for term in terms)
        return worth - self.requirement_rate(asset) * sum((position.exact_maintenance() for position in mine), ZERO)

    def asset_maintenance(self, asset):
        total = sum((position.maintenance for position in self.in_asset(asset)), ZERO)
        return self.requirement_rate(asset) * total

    def balance(self):
        return sum((self.value(asset) for asset in self.rates), ZERO)

    def maintenance(self):
        return sum((self.asset_maintenance(asset) for asset in self.rates), ZERO)

    def unrealized_pnl(self):
        return sum((self.index(position.asset) * position.pnl for position in self.positions), ZERO)

    def ratio(self):
        balance, maintenance = self.balance(), self.maintenance()
        if maintenance == 0:
            return "0"
        return half_even_text(maintenance / balance, 12) if balance > 0 else None

    def liquidated(self):
        balance, maintenance = self.balance(), self.maintenance()
        return maintenance > 0 and (balance <= maintenance if self.reached else balance < maintenance)

    # docs/spec/liquidation_price.md

    def surplus_terms(self, symbol, moving_asset=None):
        """Surplus as a function of the mark m of one symbol (inverse: surplus * m, which has the same sign).

        `moving_asset`: the asset whose index, bid and ask are scaled by m / mark.
        """
        legs = [position for position in self.positions if position.symbol == symbol]
        inverse, mark = legs[0].inverse, legs[0].mark

        def constant(number):
            return (number, ZERO) if inverse else (ZERO, number)

        terms = []
        for asset in self.rates:
            mine = [position for position in self.in_asset(asset) if position.symbol == symbol]
            others = [position for position in self.in_asset(asset) if position.symbol != symbol]
            if asset == moving_asset:
                if mine:
                    raise ValueError(f"{symbol} is margined in its own base asset")
                terms.append([(self.exact_surplus(asset) / mark, ZERO)])
                continue
            pnl = constant(sum((position.exact_pnl() for position in others), ZERO))
            for position in mine:
                pnl = add(pnl, position.pnl_line())
            terms += self.value_terms(asset, constant(self.wallets[asset]), pnl)
            rate = self.requirement_rate(asset)
            for position in others:
                terms.append([constant(-rate * position.exact_maintenance())])
            for position in mine:
                terms.append([times(line, -rate) for line in position.maintenance_lines()])
        return terms

    def interval(self, symbol, mark, moving_asset=None):
        """The roots of the survival interval of a symbol."""
        return survival(Concave(self.surplus_terms(symbol, moving_asset), PRICE_UNIT), int(mark / PRICE_UNIT))

    def slope(self, symbol):
        """Derivative of surplus at the present mark, rows in force (inverse: in 1/m, with the sign turned)."""
        total = ZERO
        for position in self.positions:
            if position.symbol != symbol:
                continue
            index, bid, ask = self.rates[position.asset]
            pnls = sum((other.pnl for other in self.in_asset(position.asset)), ZERO)
            worth = (bid if self.wallets[position.asset] + pnls >= 0 else ask) if self.net else index
            margin = self.requirement_rate(position.asset) * position.held * position.rate * position.size
            gain = worth * position.quantity * position.size
            total += gain + margin if position.inverse else gain - margin
        return total

    def displayed(self, symbol, ends):
        """The one price the venue shows: the root on the side of the slope, truncated to 8 decimals."""
        lower, upper, empty = ends
        slope = self.slope(symbol)
        if empty or slope == 0:
            return None
        root = lower if slope > 0 else upper
        return None if root is None else exact_text(truncate(root * PRICE_UNIT))

    def collateral(self, asset):
        """The survival interval of the index price of one asset; bid and ask keep their distance in per cent."""
        index = self.index(asset)
        terms = []
        for other in self.rates:
            worth = self.exact_surplus(other)
            terms.append([(worth / index, ZERO) if other == asset else (ZERO, worth)])
        return survival(Concave(terms, PRICE_UNIT), int(index / PRICE_UNIT))


# --- bankruptcy price (docs/spec/bankruptcy_price.md) ---------------------------------------------------------------


def share(pool, position, split):
    if split == "whole":
        return ONE
    if split == "maintenance":
        total = sum(pool.index(other.asset) * other.maintenance for other in pool.positions)
        if total != 0:
            return pool.index(position.asset) * position.maintenance / total
    total = sum(pool.index(other.asset) * other.notional for other in pool.positions)
    return pool.index(position.asset) * position.notional / total if total else ZERO


def bankruptcy(pool, position, split):
    if position.held == 0:
        return None
    loss = share(pool, position, split) * pool.balance() / pool.index(position.asset)
    if position.inverse:
        reciprocal = 1 / position.mark + position.sign * loss / (position.held * position.size)
        price = 1 / reciprocal if reciprocal > 0 else ZERO
    else:
        price = position.mark - position.sign * loss / position.held
    return half_even_text(price, 12) if price > 0 else None


# --- remedy (docs/spec/remedy.md) -----------------------------------------------------------------------------------


def target_met(pool, target):
    return pool.maintenance() <= target * pool.balance()


def target_terms(pool, target, changed_asset, change, closed=None):
    """target * balance - maintenance, as a function of x: `change` * x is added to the wallet of one asset.

    If x is the quantity `closed` of a position, its share of the unrealised PnL moves into the wallet as well, and the
    maintenance of that position is not taken off.
    """
    moved = closed.pnl / closed.held if closed else ZERO
    terms = []
    for asset in pool.rates:
        wallet = (ZERO, pool.wallets[asset])
        pnl = (ZERO, sum((position.pnl for position in pool.in_asset(asset)), ZERO))
        if asset == changed_asset:
            wallet, pnl = add(wallet, (change + moved, ZERO)), add(pnl, (-moved, ZERO))
        for term in pool.value_terms(asset, wallet, pnl):
            terms.append([times(line, target) for line in term])
        for position in pool.in_asset(asset):
            if position is not closed:
                terms.append([(ZERO, -pool.requirement_rate(asset) * position.maintenance)])
    return terms


def amount_to_add(pool, asset, target):
    amount = first_survivor(Concave(target_terms(pool, target, asset, ONE), BOOKED_UNIT))
    return text_of_units(amount, 8)


def quantity_to_close(pool, position, target, taker):
    if target_met(pool, target):
        return "0"
    price, mark, held = position.close_price(), position.mark, position.held
    if held == 0:
        return None
    if pool.isolated:
        left = target * pool.balance()
        terms = [[(-left / held, left)]]
    else:
        if position.inverse:
            change = position.size * (position.sign * (1 / mark - 1 / price) - taker / price)
        else:
            change = position.sign * (price - mark) - taker * price
        terms = target_terms(pool, target, position.asset, change, position)
    rate = pool.requirement_rate(position.asset)
    per_unit = position.exact_notional / held
    terms.append(
        [(rate * row_rate * per_unit, -rate * (row_rate * per_unit * held - cum)) for row_rate, cum in position.rows]
    )
    f, last = Concave(terms, position.lot), int(held / position.lot)
    lots = first_survivor(f, last)
    if lots == 0:
        # Exact terms meet the target, reported ones do not: if f(0) >= 0 > f(1), a concave f falls from there on.
        lots = 1 if last >= 1 and f.at(1) >= 0 else None
    return None if lots is None else exact_text(lots * position.lot)


# --- evaluate -------------------------------------------------------------------------------------------------------


def pools_of(state):
    """The margin pools of a state, sorted by name (docs/spec/margin.md)."""
    assumptions = {**DEFAULTS, **state.get("assumptions", {})}
    rows = {
        symbol: [(Fraction(rate), Fraction(cum)) for _, _, rate, cum in table]
        for symbol, table in state["brackets"].items()
    }
    marks = {symbol: Fraction(mark) for symbol, mark in state["marks"].items()}
    wallets = {asset: Fraction(amount) for asset, amount in state["wallets"].items()}
    cross, pools = [], []
    for given in state["positions"]:
        symbol = given["symbol"]
        position = Position(given, state["contracts"][symbol], rows[symbol], marks[symbol])
        if given["margin"] == "isolated":
            name = f"isolated:{symbol}:{position.side}"
            own = {position.asset: Fraction(given["isolated_wallet"])}
            pools.append(Pool(name, own, [position], {position.asset: (ONE, ONE, ONE)}, assumptions, isolated=True))
        else:
            cross.append(position)
    if state["asset_mode"] == "multi":
        rates = {
            asset: (Fraction(rate["index"]), Fraction(rate["bid"]), Fraction(rate["ask"]))
            for asset, rate in state["indices"].items()
        }
        held = {asset: wallets.get(asset, ZERO) for asset in rates}
        lost = [asset for asset, amount in wallets.items() if amount and asset not in rates]
        if lost:
            raise ValueError(f"no asset index: {lost}")
        if cross or any(held.values()):
            pools.append(Pool("multi:USD", held, cross, rates, assumptions))
    else:
        for asset in {*wallets, *(position.asset for position in cross)}:
            amount = wallets.get(asset, ZERO)
            members = [position for position in cross if position.asset == asset]
            if members or amount:
                rates = {asset: (ONE, ONE, ONE)}
                pools.append(Pool(f"cross:{asset}", {asset: amount}, members, rates, assumptions))
    return sorted(pools, key=lambda pool: pool.name)


def position_report(pool, position, found):
    """The part of the result about one position; `found` is what was found for its symbol."""
    fixed, moving, displayed = found
    return {
        "symbol": position.symbol,
        "side": position.side,
        "notional": exact_text(position.notional),
        "unrealized_pnl": exact_text(position.pnl),
        "maintenance": exact_text(position.maintenance),
        "rate": exact_text(position.rate),
        "cum": exact_text(position.cum),
        "interval": fixed,
        "moving": moving,
        "displayed": displayed,
        "bankruptcy": {split: bankruptcy(pool, position, split) for split in ("maintenance", "notional", "whole")},
    }


def remedy_report(pool, target, taker):
    closes = [
        {
            "symbol": position.symbol,
            "side": position.side,
            "quantity": quantity_to_close(pool, position, target, taker),
            "price": exact_text(position.close_price()),
        }
        for position in pool.positions
    ]
    return {"add": {asset: amount_to_add(pool, asset, target) for asset in pool.rates}, "close": closes}


def symbol_report(pool, position, multi):
    """Intervals and displayed price of a symbol, of which `position` is one leg."""
    ends = pool.interval(position.symbol, position.mark)
    moving = None
    if multi:
        moving = interval_text(*pool.interval(position.symbol, position.mark, position.base))
    return interval_text(*ends), moving, pool.displayed(position.symbol, ends)


def evaluate(state):
    """Everything the spec says about one state of an account; see README.md for the two shapes."""
    multi = state["asset_mode"] == "multi"
    target, taker = Fraction(state["target"]), Fraction(state["taker"])
    result = []
    for pool in pools_of(state):
        legs = {position.symbol: position for position in pool.positions}
        found = {symbol: symbol_report(pool, leg, multi) for symbol, leg in legs.items()}
        balance, pnl = pool.balance(), pool.unrealized_pnl()
        report = {
            "name": pool.name,
            "wallet": exact_text(balance - pnl),
            "unrealized_pnl": exact_text(pnl),
            "balance": exact_text(balance),
            "maintenance": exact_text(pool.maintenance()),
            "ratio": pool.ratio(),
            "liquidated": pool.liquidated(),
            "positions": [position_report(pool, each, found[each.symbol]) for each in pool.positions],
            "remedy": remedy_report(pool, target, taker),
        }
        if multi:
            report["collateral"] = {asset: interval_text(*pool.collateral(asset)) for asset in pool.rates}
        result.append(report)
    return {"pools": result}

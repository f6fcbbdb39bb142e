"""Random states for `oracle.evaluate`, chosen so that every branch of docs/spec occurs often.

`random_state(rng)` is a function of the random number generator only. No floats: random sizes are random digits times a
random power of ten.

    python3 -m tests.oracle.generate SEED COUNT     prints COUNT states as JSON lines
"""

import json
import random
import sys
from fractions import Fraction

from .oracle import ONE, ZERO, Position, exact_text, half_even, sign_of, truncate

RATES = (
    *("0.004", "0.0045", "0.005", "0.0065", "0.01", "0.012", "0.015", "0.0165", "0.02", "0.025", "0.03", "0.0333"),
    *("0.04", "0.05", "0.0667", "0.1", "0.125", "0.15", "0.1667", "0.2", "0.25", "0.3333", "0.5", "1"),
)
COINS = ["BTC", "ETH", "BNB", "XRP", "ADA", "SOL", "DOGE", "PEPE", "LTC"]


# --- numbers --------------------------------------------------------------------------------------------------------


def power(exponent):
    return Fraction(10) ** exponent


def log_uniform(rng, low, high, digits=4):
    """A number with a few random digits between low and high, every magnitude about equally likely."""
    first, last = magnitude(low), magnitude(high)
    for _ in range(50):
        exponent = rng.randint(first, last)
        leading = rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9))
        number = (leading + Fraction(rng.randrange(10**digits), 10**digits)) * power(exponent)
        if low <= number <= high:
            return number
    return high


def magnitude(number):
    """The exponent of the leading digit."""
    exponent = 0
    while number >= power(exponent + 1):
        exponent += 1
    while number < power(exponent):
        exponent -= 1
    return exponent


def between(rng, low, high, steps=10**6):
    low, high = Fraction(low), Fraction(high)
    return low + (high - low) * Fraction(rng.randint(0, steps), steps)


def to_multiple(number, unit):
    """The multiple of unit at or below the size of a number, at least one unit, with its sign."""
    return max(abs(number) // unit, 1) * unit * (sign_of(number) or 1)


# --- contracts and brackets -----------------------------------------------------------------------------------------


def random_brackets(rng, first_cap):
    """A sound table of 2 to 12 rows (docs/spec/brackets.md)."""
    rows = rng.randint(2, 12)
    rates = sorted(rng.sample([Fraction(rate) for rate in RATES], rows))
    table, floor, cum, last_rate, cap = [], ZERO, ZERO, rates[0], first_cap
    widest = first_cap * 10**5
    for rate in rates:
        cum += floor * (rate - last_rate)
        table.append([exact_text(floor), exact_text(cap), exact_text(rate), exact_text(cum)])
        floor, last_rate = cap, rate
        cap *= Fraction(rng.choice(("1.2", "1.5", "2", "2", "2.5", "4", "5", "10") if cap < widest else ("1.2", "1.5")))
    return table


def random_mark(rng, price, round_marks=False):
    """A mark near a price, with 8 decimals; a round one makes notionals that lie exactly on a bracket boundary."""
    if round_marks:
        return rng.choice((1, 2, 5)) * power(magnitude(price))
    return to_multiple(price * between(rng, "0.8", "1.25"), power(-8))


def random_contract(rng, kind, base, margin_asset, price):
    """A contract whose tick and lot fit its price."""
    tick = power(max(magnitude(price) - rng.randint(2, 5), -8))
    if rng.random() < 0.01:
        tick = power(magnitude(price) + 1)
    size = ONE
    if kind == "inverse":
        size, lot = Fraction(rng.choice((100, 10, 10))), ONE
    else:
        lot = power(min(max(rng.randint(-1, 1) - magnitude(price), -8), 3))
    return {
        "kind": kind,
        "base": base,
        "margin_asset": margin_asset,
        "contract_size": exact_text(size),
        "tick": exact_text(tick),
        "lot": exact_text(lot),
    }


# --- positions ------------------------------------------------------------------------------------------------------


def random_notional(rng, table):
    """A notional in a row chosen at random, at times beyond the last cap or on a boundary."""
    row = rng.randrange(len(table))
    floor, cap = Fraction(table[row][0]), Fraction(table[row][1])
    choice = rng.random()
    if choice < 0.05:
        return cap
    if choice < 0.08:
        return Fraction(table[-1][1]) * between(rng, 1, 3)
    return log_uniform(rng, max(floor, cap / 1000), cap)


def random_entry(rng, mark, tick):
    """An entry price on the tick: at the mark, near it or far from it."""
    choice = rng.random()
    if choice < 0.05:
        return mark
    if choice < 0.55:
        return to_multiple(mark * between(rng, "0.95", "1.05"), tick)
    if choice < 0.9:
        return to_multiple(mark * between(rng, "0.5", "2"), tick)
    return to_multiple(mark * between(rng, "0.1", "10"), tick)


def random_position(rng, state, symbol, side, quantity=None):
    """A position; with `quantity` of that size."""
    contract, table = state["contracts"][symbol], state["brackets"][symbol]
    mark = Fraction(state["marks"][symbol])
    tick, lot = Fraction(contract["tick"]), Fraction(contract["lot"])
    size = Fraction(contract["contract_size"])
    inverse = contract["kind"] == "inverse"
    if quantity is None:
        notional = random_notional(rng, table)
        quantity = to_multiple(notional * mark / size if inverse else notional / mark, lot)
    short = side == "SHORT" or (side == "BOTH" and rng.random() < 0.5)
    quantity = -abs(quantity) if short else abs(quantity)
    entry = random_entry(rng, mark, tick)
    cost = half_even(quantity * size / entry, 30) if inverse else quantity * entry
    if rng.random() < 0.1:  # what a partial close leaves: many decimals, but such that sums in USD fit 50 digits
        cost = half_even(cost * Fraction(rng.randint(900, 1100), 997), 24 if state["asset_mode"] == "multi" else 30)
    return {
        "symbol": symbol,
        "side": side,
        "quantity": exact_text(quantity),
        "cost": exact_text(cost),
        "margin": "cross",
        "isolated_wallet": "0",
    }


def random_positions(rng, state, symbols, count):
    """At most `count` positions over the symbols; in hedge mode often both legs of one, at times of equal size."""
    positions = []
    for symbol in symbols:
        lot = Fraction(state["contracts"][symbol]["lot"])
        if state["position_mode"] == "one_way":
            sides = ["BOTH"]
        else:
            sides = rng.choice((["LONG"], ["SHORT"], ["LONG", "SHORT"], ["LONG", "SHORT"]))
        quantity = None
        for side in sides:
            position = random_position(rng, state, symbol, side, quantity)
            positions.append(position)
            choice = rng.random()
            quantity = None
            if choice < 0.25:
                quantity = Fraction(position["quantity"])
            elif choice < 0.5:
                lots = Fraction(position["quantity"]) * between(rng, *rng.choice((("0.98", "1.02"), ("0.8", "1.25"))))
                quantity = to_multiple(lots, lot)
    rng.shuffle(positions)
    return positions[:count]


def terms_of(state, position):
    symbol = position["symbol"]
    rows = [(Fraction(rate), Fraction(cum)) for _, _, rate, cum in state["brackets"][symbol]]
    return Position(position, state["contracts"][symbol], rows, Fraction(state["marks"][symbol]))


# --- wallets --------------------------------------------------------------------------------------------------------


def random_balance(rng, maintenance, notional):
    """The balance a pool shall have: healthy, near, exactly at the requirement, dead, bankrupt or out of reach."""
    choice = rng.random()
    if choice < 0.3:
        return maintenance * log_uniform(rng, Fraction(5, 4), 100)
    if choice < 0.5:
        return maintenance * between(rng, "0.98", "1.05")
    if choice < 0.55:
        return maintenance
    if choice < 0.7:
        return maintenance * between(rng, 0, 1)
    if choice < 0.8:
        return -maintenance * log_uniform(rng, Fraction(1, 100), 20)
    if choice < 0.83:
        return ZERO
    return notional * between(rng, "0.5", 4)


def random_wallet(rng, balance, pnl):
    """The wallet that makes the balance, mostly with 8 decimals as the venue has them, now and then nothing."""
    wallet = balance - pnl
    if rng.random() < 0.05:
        return ZERO
    return half_even(wallet, 30) if rng.random() < 0.2 else truncate(wallet)


def fill_single_wallets(rng, state):
    """Single-asset mode: some positions isolated, each pool with a balance of its own choice."""
    isolated_share = rng.choice((0, 0, 0.3, 0.5, 1))
    pools = {}
    for position in state["positions"]:
        terms = terms_of(state, position)
        if rng.random() < isolated_share:
            position["margin"] = "isolated"
            balance = random_balance(rng, terms.maintenance, terms.notional)
            position["isolated_wallet"] = exact_text(random_wallet(rng, balance, terms.pnl))
        else:
            pools.setdefault(terms.asset, []).append(terms)
    for asset, members in pools.items():
        maintenance = sum(terms.maintenance for terms in members)
        notional = sum(terms.notional for terms in members)
        balance = random_balance(rng, maintenance, notional)
        state["wallets"][asset] = exact_text(random_wallet(rng, balance, sum(terms.pnl for terms in members)))
    spare = rng.choice(("USDT", "BNB"))
    if spare not in state["wallets"] and rng.random() < 0.3:
        state["wallets"][spare] = exact_text(
            truncate(rng.choice((1, 1, -1)) * log_uniform(rng, Fraction(1, 100), 10**4))
        )


def fill_multi_wallets(rng, state, indices):
    """Multi-assets mode: random wallets in some assets, and one asset that brings the balance where it shall be."""
    members = [terms_of(state, position) for position in state["positions"]]
    maintenance = sum(indices[terms.asset][0] * terms.maintenance for terms in members)
    notional = sum(indices[terms.asset][0] * terms.notional for terms in members)
    pnl = {asset: sum((terms.pnl for terms in members if terms.asset == asset), ZERO) for asset in indices}
    wanted = random_balance(rng, maintenance, notional)
    solver = rng.choice(["USDT", rng.choice(list(indices))])
    have = ZERO
    for asset, (index, bid, ask) in indices.items():
        if asset == solver:
            continue
        wallet = ZERO
        if rng.random() < 0.7:
            worth = abs(wanted) * between(rng, 0, "1.5") + 1
            wallet = truncate(worth / index * rng.choice((1, 1, 1, -1)))
        state["wallets"][asset] = exact_text(wallet)
        equity = wallet + pnl[asset]
        have += equity * (bid if equity >= 0 else ask)
    missing = wanted - have
    index, bid, ask = indices[solver]
    equity = half_even(missing / (bid if missing >= 0 else ask), 20)
    state["wallets"][solver] = exact_text(random_wallet(rng, equity, pnl[solver]))


# --- states ---------------------------------------------------------------------------------------------------------


def single_symbols(rng, inverse, count):
    """(symbol, base, margin asset) of different symbols."""
    if inverse:
        coins = rng.sample(COINS, min(count, rng.randint(1, 3)))
        every = [(f"{coin}USD_{tail}", coin, coin) for coin in coins for tail in ("PERP", "250627", "250926")]
    else:
        quotes = rng.choice((["USDT"], ["USDT"], ["USDT", "USDC"]))
        every = [(coin + quote, coin, quote) for coin in COINS for quote in quotes]
    return rng.sample(every, min(count, len(every)))


def multi_symbols(rng, count):
    """The same for multi-assets mode, with contracts margined in BTC and pairs that share a base asset."""
    every = [(coin + "USDT", coin, "USDT") for coin in COINS]
    every += [(coin + "USDC", coin, "USDC") for coin in COINS[:4]]
    every += [("ETHBTC", "ETH", "BTC"), ("LTCBTC", "LTC", "BTC"), ("BNBETH", "BNB", "ETH")] * 2
    return list(dict.fromkeys(rng.sample(every, min(2 * count, len(every)))))[:count]


def random_prices(rng):
    """A price in dollars for each coin, any magnitude from 0.00001 to 100,000."""
    if rng.random() < 0.5:
        usual = {"BTC": 40000, "ETH": 2000, "BNB": 300, "SOL": 100, "LTC": 80, "XRP": 1, "ADA": 1}
    else:
        usual = {}
    return {
        coin: usual[coin] * between(rng, "0.5", 2) if coin in usual else log_uniform(rng, power(-5), power(5))
        for coin in COINS
    }


def random_indices(rng, prices, needed):
    """Index, bid and ask of stablecoins, of the assets needed, and of some coins more."""
    assets = dict.fromkeys(["USDT", *needed, *rng.sample(COINS, rng.randint(0, 3))])
    if rng.random() < 0.5:
        assets["USDC"] = None
    indices = {}
    for asset in assets:
        price = prices.get(asset)
        index = truncate(between(rng, "0.98", "1.02")) if price is None else random_mark(rng, price)
        bid_buffer, ask_buffer = (Fraction(rng.choice(("0", "0.0001", "0.025", "0.05", "0.1"))) for _ in range(2))
        indices[asset] = index, truncate(index * (1 - bid_buffer)), truncate(index * (1 + ask_buffer))
    return indices


def random_assumptions(rng):
    chosen = {}
    if rng.random() < 0.3:
        chosen["trigger-comparison"] = rng.choice(("reached", "below"))
    if rng.random() < 0.3:
        chosen["multi-asset-equity-rate"] = rng.choice(("net", "index-pnl"))
    if rng.random() < 0.3:
        chosen["multi-asset-requirement-rate"] = rng.choice(("index", "ask"))
    return chosen


def random_state(rng):
    """One state of an account, in the shape that `oracle.evaluate` takes."""
    multi = rng.random() < 0.35
    inverse = not multi and rng.random() < 0.35
    count = rng.randint(1, 8)
    prices = random_prices(rng)
    round_marks = rng.random() < 0.1
    state = {
        "position_mode": rng.choice(("one_way", "hedge")),
        "asset_mode": "multi" if multi else "single",
        "contracts": {},
        "brackets": {},
        "wallets": {},
        "positions": [],
        "marks": {},
        "target": rng.choice(("0.8", "0.8", "0.8", "0.2", "0.5", "0.95", "0.333", "1")),
        "taker": rng.choice(("0.0005", "0.0005", "0.0004", "0")),
        "assumptions": random_assumptions(rng),
    }
    symbols = multi_symbols(rng, count) if multi else single_symbols(rng, inverse, count)
    for symbol, base, margin_asset in symbols:
        price = prices[base] / (prices[margin_asset] if not inverse and margin_asset in prices else 1)
        price = min(max(price, power(-5)), power(5))
        contract = random_contract(rng, "inverse" if inverse else "linear", base, margin_asset, price)
        first_cap = rng.choice((1, 2, 5)) * power(rng.randint(3, 6))
        if margin_asset in prices:
            # At most a million coins in the first row: beyond 1e15 coins, sums need more than 50 digits (rounding.md).
            first_cap = rng.choice((1, 2, 5)) * power(min(magnitude(first_cap / prices[margin_asset]), 6))
        state["contracts"][symbol] = contract
        state["brackets"][symbol] = random_brackets(rng, first_cap)
        state["marks"][symbol] = exact_text(random_mark(rng, price, round_marks))
    state["positions"] = random_positions(rng, state, list(state["contracts"]), count)
    if multi:
        indices = random_indices(rng, prices, sorted({margin_asset for _, _, margin_asset in symbols}))
        state["indices"] = {
            asset: {"index": exact_text(index), "bid": exact_text(bid), "ask": exact_text(ask)}
            for asset, (index, bid, ask) in indices.items()
        }
        fill_multi_wallets(rng, state, indices)
    else:
        fill_single_wallets(rng, state)
    return state


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    for _ in range(count):
        print(json.dumps(random_state(rng)))


if __name__ == "__main__":
    main()

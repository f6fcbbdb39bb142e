"""Random states for `desk.liquidate`, chosen so that every branch of docs/spec/liquidation_desk.md occurs often.

`random_desk(rng)` is a function of the random number generator only. No floats about money.

    python3 -m tests.oracle.generate_desk SEED COUNT     prints how many of COUNT states have what
"""

import random
import sys
from fractions import Fraction

from . import generate_rules, waterfall
from .book import OPPOSITE, crosses
from .desk import make_passes
from .generate import (
    COINS,
    RATES,
    between,
    log_uniform,
    power,
    random_brackets,
    random_contract,
    random_indices,
    random_mark,
    random_prices,
    terms_of,
    to_multiple,
)
from .losses import up_to
from .oracle import BOOKED_UNIT, ONE, ZERO, exact_text, half_even, truncate
from .venue import Venue

LARGE = "zz-maker"
LOW_RATES = RATES[:9]
SHARED = ("socialise", "claw-back")
SIDES = {"BUY": "LONG", "SELL": "SHORT"}


# --- contracts ------------------------------------------------------------------------------------------------------


def symbols_of(rng, inverse, count):
    """(symbol, base, quote, margin asset)"""
    if inverse:
        coins = rng.sample(COINS, min(count, rng.randint(1, 3)))
        every = [(f"{coin}USD_{tail}", coin, "USD", coin) for coin in coins for tail in ("PERP", "250627")]
    else:
        quotes = rng.choice((["USDT"], ["USDT"], ["USDT"], ["USDT", "USDC"]))
        every = [(coin + quote, coin, quote, quote) for coin in COINS[:5] for quote in quotes]
    return rng.sample(every, min(count, len(every)))


def brackets(rng, cap):
    """A table, mostly without the rows of high rates, with which hardly an account would survive its opening."""
    high = Fraction(RATES[-1] if rng.random() < 0.2 else LOW_RATES[-1])
    while True:
        table = [row for row in random_brackets(rng, cap) if Fraction(row[2]) <= high]
        if table:
            return table


def add_contract(rng, state, names, prices):
    symbol, base, quote, margin_asset = names
    inverse = margin_asset == base
    price = prices[base]
    contract = random_contract(rng, "inverse" if inverse else "linear", base, margin_asset, price)
    fee = rng.choice((None, "0", "0.0005", "0.001", "0.002", "0.005", "0.0125"))
    state["contracts"][symbol] = contract | {"quote": quote, "liquidation_fee": fee}
    cap = rng.choice((1, 2, 5)) * power(rng.randint(3, 6))
    if inverse:
        cap = max(to_multiple(cap / price, power(-2)), power(-1))
    state["brackets"][symbol] = brackets(rng, cap)
    mark = random_mark(rng, price, rng.random() < 0.1)
    state["marks"][symbol] = exact_text(mark)
    state["previous_marks"][symbol] = exact_text(to_multiple(mark * between(rng, "0.96", "1.04"), power(-8)))


def lots_of(state, symbol, notional):
    """How many lots make a notional at the mark, at least one."""
    contract, mark = state["contracts"][symbol], Fraction(state["marks"][symbol])
    size = Fraction(contract["contract_size"])
    quantity = notional * mark / size if contract["kind"] == "inverse" else notional / mark
    return max(quantity // Fraction(contract["lot"]), 1)


def usual_notional(rng, state, symbol):
    cap = Fraction(state["brackets"][symbol][0][1])
    return log_uniform(rng, cap / 20, cap * 10)


# --- positions ------------------------------------------------------------------------------------------------------


def position_of(rng, state, symbol, side, lots):
    """A position of so many lots (signed), its entry on the tick near the mark or at some distance."""
    contract, mark = state["contracts"][symbol], Fraction(state["marks"][symbol])
    quantity = lots * Fraction(contract["lot"])
    away = rng.choice(("0.01", "0.05", "0.05", "0.3"))
    entry = to_multiple(mark * (1 + between(rng, -Fraction(away), away)), Fraction(contract["tick"]))
    inverse = contract["kind"] == "inverse"
    cost = half_even(quantity * Fraction(contract["contract_size"]) / entry, 30) if inverse else quantity * entry
    if rng.random() < 0.1:
        cost = half_even(cost * Fraction(rng.randint(950, 1050), 997), 30)
    return {
        "symbol": symbol,
        "side": side,
        "quantity": exact_text(quantity),
        "cost": exact_text(cost),
        "margin": "cross",
        "isolated_wallet": "0",
    }


def positions_of(rng, state, hedge):
    found = []
    for symbol in state["contracts"]:
        if rng.random() < 0.35:
            continue
        sides = rng.choice((["LONG"], ["SHORT"], ["LONG", "SHORT"])) if hedge else ["BOTH"]
        for side in sides:
            short = side == "SHORT" or (side == "BOTH" and rng.random() < 0.5)
            lots = lots_of(state, symbol, usual_notional(rng, state, symbol))
            found.append(position_of(rng, state, symbol, side, -lots if short else lots))
    return found


# --- wallets --------------------------------------------------------------------------------------------------------


def balance_of(rng, maintenance, notional, danger):
    """A balance at the trigger or above it; `danger`: how likely the trigger is, and how likely bankruptcy then."""
    trigger, bankrupt = danger
    if rng.random() < trigger:
        if rng.random() < bankrupt:
            return -rng.choice((maintenance, notional)) * between(rng, 0, "0.3")
        choice = rng.random()
        if choice < 0.35:
            return maintenance * between(rng, "0.3", 1)
        if choice < 0.55:
            return maintenance * between(rng, 0, "0.3")
        if choice < 0.65:
            return maintenance
        if choice < 0.85:
            return maintenance * between(rng, "0.98", "1.03")
        return -maintenance * between(rng, 0, 1)
    if rng.random() < 0.5:
        return maintenance * log_uniform(rng, Fraction(11, 10), 50)
    return notional * between(rng, "0.05", 2)


def brittle_balance(rng, maintenance):
    """A balance above the trigger, but by little: the next fee, charge or position is too much."""
    return maintenance * (1 + log_uniform(rng, Fraction(1, 10000), Fraction(1, 20)))


def single_wallets(rng, state, account, danger, brittle):
    """Some symbols isolated, each pool with a balance of its own choice; a brittle account has a cross pool to lose."""
    share = 0.35 if brittle else rng.choice((0, 0, 0.4, 1))
    isolated = {symbol for symbol in state["contracts"] if rng.random() < share}
    wallets, cross = {}, {}
    for position in account["positions"]:
        terms = terms_of(state, position)
        if position["symbol"] in isolated:
            risk = (0.8, danger[1]) if brittle else danger
            own = truncate(balance_of(rng, terms.maintenance, terms.notional, risk) - terms.pnl)
            position["margin"], position["isolated_wallet"] = "isolated", exact_text(own)
            wallets[terms.asset] = wallets.get(terms.asset, ZERO) + own
        else:
            cross.setdefault(terms.asset, []).append(terms)
    for asset in {contract["margin_asset"]: None for contract in state["contracts"].values()}:
        members = cross.get(asset, [])
        maintenance = sum((terms.maintenance for terms in members), ZERO)
        notional = sum((terms.notional for terms in members), ZERO)
        pnl = sum((terms.pnl for terms in members), ZERO)
        spare = ZERO if members else truncate(rng.choice((0, 0, 1, 10, 1000)) * ONE)
        if members and brittle:
            balance = brittle_balance(rng, maintenance)
        else:
            balance = balance_of(rng, maintenance, notional, danger) if members else spare
        wallets[asset] = wallets.get(asset, ZERO) + truncate(balance - pnl)
    account["wallets"] = {asset: exact_text(amount) for asset, amount in wallets.items()}


def multi_wallets(rng, state, account, danger, brittle):
    """Random wallets in some assets, and USDT such that the balance is as wanted."""
    indices = {asset: [Fraction(rate) for rate in rates.values()] for asset, rates in state["indices"].items()}
    members = [terms_of(state, position) for position in account["positions"]]
    maintenance = sum((indices[terms.asset][0] * terms.maintenance for terms in members), ZERO)
    notional = sum((indices[terms.asset][0] * terms.notional for terms in members), ZERO)
    wanted = brittle_balance(rng, maintenance) if brittle else balance_of(rng, maintenance, notional, danger)
    have = ZERO
    wallets = {}
    for asset, (index, bid, ask) in indices.items():
        pnl = sum((terms.pnl for terms in members if terms.asset == asset), ZERO)
        if asset == "USDT":
            usdt = pnl
            continue
        if rng.random() < 0.6:
            wallets[asset] = truncate(abs(wanted) * between(rng, 0, 1) / index * rng.choice((1, 1, 1, -1)))
        equity = wallets.get(asset, ZERO) + pnl
        have += equity * (bid if equity >= 0 else ask)
    missing = wanted - have
    wallets["USDT"] = truncate(missing / indices["USDT"][1 if missing >= 0 else 2] - usdt)
    account["wallets"] = {asset: exact_text(amount) for asset, amount in wallets.items()}


# --- accounts, fund, book -------------------------------------------------------------------------------------------


def leverages(rng, state):
    return {symbol: rng.choice((1, 3, 10, 20, 50, 125)) for symbol in state["contracts"]}


def add_accounts(rng, state, multi_share, family):
    danger = rng.choice((0.25, 0.4, 0.65)), 0.15 if family == "deleverage" else 0.6
    brittle_share = rng.choice((0, 0.5, 0.8) if family in SHARED else (0, 0.3, 0.7))
    for number in range(rng.choice((1, 2, 3, 4, 5, 6, 8, 11))):
        multi = rng.random() < multi_share
        hedge = rng.random() < 0.35
        account = {
            "asset_mode": "multi" if multi else "single",
            "wallets": {},
            "leverage": leverages(rng, state),
            "positions": positions_of(rng, state, hedge),
        }
        state["accounts"][f"a{number:02}"] = account
        brittle = rng.random() < brittle_share
        if brittle:
            state["brittle"].append(f"a{number:02}")
        (multi_wallets if multi else single_wallets)(rng, state, account, danger, brittle)
        if hedge:
            state["hedged"].add(f"a{number:02}")


def add_fund(rng, state, family):
    """Rich, poor, empty, or with positions; where losses are shared poor or empty more often."""
    kinds = ["rich", "poor", "poor", "empty", "empty", "positions", "positions"]
    choice = rng.choice([*kinds, "poor", "empty", "empty"] if family in SHARED else kinds)
    wallets, positions = {}, []
    for symbol, contract in state["contracts"].items():
        notional = usual_notional(rng, state, symbol)
        factor = {"rich": 100, "empty": 0}.get(choice, between(rng, 0, rng.choice(("0.01", "0.1", "1", "5"))))
        asset = contract["margin_asset"]
        wallets[asset] = wallets.get(asset, ZERO) + truncate(notional * factor)
        if choice == "positions" and rng.random() < 0.7:
            lots = lots_of(state, symbol, usual_notional(rng, state, symbol)) * rng.choice((1, -1))
            positions.append(position_of(rng, state, symbol, "BOTH", lots))
    state["fund"] = {
        "wallets": {asset: exact_text(amount) for asset, amount in wallets.items() if amount},
        "positions": positions,
    }


def add_large(rng, state):
    """The account that holds the other side of everything, and money enough."""
    account = {"asset_mode": "single", "wallets": {}, "leverage": leverages(rng, state), "positions": []}
    wallets = {}
    holders = [*state["accounts"].values(), state["fund"]]
    for symbol, contract in state["contracts"].items():
        total = sum(
            Fraction(each["quantity"]) for held in holders for each in held["positions"] if each["symbol"] == symbol
        )
        asset = contract["margin_asset"]
        wallets[asset] = wallets.get(asset, ZERO) + 100 * Fraction(state["brackets"][symbol][0][1])
        if total:
            position = position_of(rng, state, symbol, "BOTH", -total / Fraction(contract["lot"]))
            account["positions"].append(position)
            wallets[asset] += truncate(10 * terms_of(state, position).notional)
    account["wallets"] = {asset: exact_text(amount) for asset, amount in wallets.items()}
    state["accounts"][LARGE] = account


def add_book(rng, state, symbol, first_id):
    """Thin, thick, empty, with gaps; bids below asks, the middle near the mark or off it."""
    contract, mark = state["contracts"][symbol], Fraction(state["marks"][symbol])
    count = rng.choice((0, 1, 3, 6, 10, 15, 15))
    off, width = rng.choice(("0", "0.001", "0.005", "0.02")), rng.choice(("0.001", "0.003", "0.01", "0.05"))
    middle = max(mark * (1 + between(rng, -Fraction(off), off)) // Fraction(contract["tick"]), 1)
    owners = [LARGE, *state["accounts"]] if rng.random() < 0.5 else [LARGE, rng.choice(list(state["accounts"]))]
    scale = usual_notional(rng, state, symbol)
    if rng.random() < 0.3:
        scale /= 20
    orders = []
    for _ in range(count):
        side, away = rng.choice(("BUY", "SELL")), int(middle * between(rng, 0, width))
        ticks = int(middle) - 1 - away if side == "BUY" else int(middle) + away
        owner = rng.choice(state["brittle"] if state["brittle"] and rng.random() < 0.3 else owners)
        lots = int(lots_of(state, symbol, scale * between(rng, "0.01", 1)))
        order = {"id": first_id + len(orders), "owner": owner, "side": side, "ticks": ticks, "lots": lots}
        if owner in state["hedged"]:
            order["position_side"] = SIDES[side]
        if ticks >= 1:
            orders.append(order)
    state["book"][symbol] = orders


# --- a fund that can pay so many matches of an order ----------------------------------------------------------------


def first_reduction(state):
    """The first reducing order, if the fund could pay anything; None if there is none."""
    wallets = {contract["margin_asset"]: "1000000000000" for contract in state["contracts"].values()}
    venue = Venue(state | {"fund": {"wallets": wallets, "positions": state["fund"]["positions"]}})
    make_passes(venue)
    return next((step for step in venue.log if step["step"] == "reduce"), None)


def reduced(state, step):
    """The pool and the position of a reducing order, as they are before the command."""
    pool = Venue(state).pools(step["account"])[step["pool"]]
    key = step["symbol"], step["side"]
    return pool, next(each for each in pool.positions if (each.symbol, each.side) == key)


def settle_bankruptcy(rng, state, step):
    """The only position of a pool becomes bankrupt at a price on the tick: what a fill lacks has few digits then.

    A few shorts owe so much that no price saves them."""
    pool, position = reduced(state, step)
    away = position.sign * between(rng, 0, rng.choice(("0.002", "0.02")))
    price = to_multiple(position.mark * (1 + away), position.tick)
    if position.sign < 0 and rng.random() < 0.2:
        price = -position.tick * rng.randint(0, 1000)
    change = position.sign * (position.mark - price) * position.held - pool.balance()
    if len(pool.positions) > 1 or change % BOOKED_UNIT:
        return
    account = state["accounts"][step["account"]]
    account["wallets"][position.asset] = exact_text(Fraction(account["wallets"][position.asset]) + change)
    for each in account["positions"]:
        if each["margin"] == "isolated" and (each["symbol"], each["side"]) == (position.symbol, position.side):
            each["isolated_wallet"] = exact_text(Fraction(each["isolated_wallet"]) + change)


def add_counterparties(rng, state, step):
    """Some orders for a reducing order to meet one after the other, a few of them of its own account."""
    _, position = reduced(state, step)
    orders = state["book"][position.symbol]
    side = "BUY" if position.sign > 0 else "SELL"
    limit = int(Fraction(step["limit"]) / position.tick)
    width = int(position.mark * between(rng, "0.0005", "0.01") / position.tick)
    facing = [order["ticks"] for order in orders if order["side"] == OPPOSITE[side]]
    if facing:
        width = min(width, position.sign * (min(facing, key=lambda ticks: position.sign * ticks) - limit) - 1)
    if width < 0:
        return
    lots = abs(int(Fraction(step["quantity"]) / position.lot))
    first_id = 50 + 100 * list(state["contracts"]).index(position.symbol)
    for number in range(rng.randint(2, 9)):
        own = rng.random() < 0.25
        owner = step["account"] if own else rng.choice([LARGE, *state["accounts"]])
        size = rng.randint(1, max(lots // rng.choice((1, 2, 3, 5, 8)), 1))
        ticks = limit + position.sign * rng.randint(0, width)
        order = {"id": first_id + number, "owner": owner, "side": side, "ticks": ticks, "lots": size}
        if owner in state["hedged"]:
            order["position_side"] = SIDES[side]
        if ticks >= 1:
            orders.append(order)


def needs_of(state, step):
    """What the fund must have for none, one, two, … matches of an order."""
    pool, position = reduced(state, step)
    price = waterfall.bankruptcy_price(pool, position, state["assumptions"].get("bankruptcy-split", "maintenance"))
    lacking, needs = ZERO, [ZERO]
    for fill in step["fills"]:
        lacking += Fraction(fill["quantity"]) * (Fraction(fill["price"]) - (position.mark if price is None else price))
        needs.append(max(needs[-1], lacking))
    return position.asset, needs


def limit_fund(rng, state):
    """The fund can pay some matches of the first order exactly, by a unit not, by a unit more, or with something over.

    Nothing if no order is made."""
    step = first_reduction(state)
    if step is None:
        return
    if rng.random() < 0.5:
        settle_bankruptcy(rng, state, step)
    if rng.random() < 0.8 and (step := first_reduction(state)):
        add_counterparties(rng, state, step)
    step = first_reduction(state)
    if step is None:
        return
    asset, needs = needs_of(state, step)
    rising = [place for place, need in enumerate(needs[:-1]) if needs[place + 1] > need]
    place = rng.choice([*rising, len(needs) - 1])
    need, most = up_to(needs[place], BOOKED_UNIT), needs[-1]
    within = truncate(need + (most - need) * between(rng, 0, 1))
    wallet = rng.choice((need, need, need - BOOKED_UNIT, need + BOOKED_UNIT, within, within))
    state["fund"]["wallets"][asset] = exact_text(max(wallet, ZERO))


# --- states ---------------------------------------------------------------------------------------------------------


def random_desk(rng):
    """One state of a venue, in the shape that `desk.liquidate` takes."""
    family = rng.choices(("deleverage", "socialise", "claw-back", "dydx"), (34, 22, 24, 20))[0]
    inverse = family != "dydx" and rng.random() < 0.2
    multi_share = 0 if inverse or family == "dydx" else rng.choice((0, 0, 0.3, 1))
    state = {
        "contracts": {},
        "brackets": {},
        "fees": {"maker": rng.choice(("0", "0.0002", "-0.0001")), "taker": rng.choice(("0", "0.0004", "0.0005"))},
        "marks": {},
        "previous_marks": {},
        "indices": {},
        "accounts": {},
        "book": {},
        "hedged": set(),
        "brittle": [],
        "deleveragings": rng.choice((0, 0, rng.randint(1, 20))),
    }
    prices = random_prices(rng)
    for names in symbols_of(rng, inverse, rng.randint(1, 4)):
        add_contract(rng, state, names, prices)
    if multi_share:
        needed = sorted({contract["margin_asset"] for contract in state["contracts"].values()})
        state["indices"] = {
            asset: dict(zip(("index", "bid", "ask"), map(exact_text, rates), strict=True))
            for asset, rates in random_indices(rng, prices, needed).items()
        }
    add_accounts(rng, state, multi_share, family)
    add_fund(rng, state, family)
    add_large(rng, state)
    for number, symbol in enumerate(state["contracts"]):
        add_book(rng, state, symbol, 1 + 100 * number)
    state |= generate_rules.random_rules(rng, family, plain=not inverse and not multi_share)
    if state["waterfall"]["fee"] == "improvement" and rng.random() < 0.85:
        limit_fund(rng, state)
    del state["hedged"], state["brittle"]
    return state


# --- what occurs ----------------------------------------------------------------------------------------------------

TAKEN = ("takeover", "takeover-at-mark", "deleverage", "uncovered")


def restored(state, result):
    """Whether some pool was saved by a part of a position."""
    log = result["log"]
    for place, step in enumerate(log):
        if step["step"] != "reduce" or step["filled"] == "0" or state["waterfall"]["only_bankrupt"]:
            continue
        after = [other["step"] for other in log[place + 1 : place + 3] if other["account"] == step["account"]]
        key = step["symbol"], step["side"]
        still = any((each["symbol"], each["side"]) == key for each in result["accounts"][step["account"]]["positions"])
        if still and not set(after) & {*TAKEN, "reduce"}:
            return True
    return False


def fallen(state, venue):
    """Why pools that were not at their trigger when the command came were liquidated in a later pass."""
    fresh = Venue(state)
    for (name, pool_name), number in venue.begun.items():
        pool = fresh.pools(name).get(pool_name)
        if number == 1 or (pool is not None and pool.liquidated()):
            continue
        log = venue.log
        starts = [place for place, step in enumerate(log) if (step["account"], step.get("pool")) == (name, pool_name)]
        before = log[: starts[0]] if starts else log
        if any(step["account"] == name and step["pool"].startswith("isolated:") for step in before):
            yield "fell: by an isolated pool of its own"
        if any(name in step.get("charged", ()) for step in before):
            yield "fell: charged"
        if any(fill["owner"] == name for step in before for fill in step.get("fills", ())):
            yield "fell: maker"
        if any(step.get("counterparty") == name for step in before):
            yield "fell: deleveraged"


def cut_by_fund(venue):
    """What is to be seen of orders that end at a match that the fund cannot pay."""
    for place, step in enumerate(venue.log):
        if not step.get("cut"):
            continue
        yield "CUT BY THE FUND"
        made = len(step["fills"])
        yield f"cut: {made} made" if made < 4 else "cut: 4 or more made"
        if step["expired"]:
            yield "cut: own maker expired"
        limit = int(Fraction(step["limit"]) / venue.tick(step["symbol"]))
        side = "SELL" if Fraction(step["quantity"]) < 0 else "BUY"
        if any(
            each["owner"] == step["account"] and crosses(side, limit, each) for each in venue.orders[step["symbol"]]
        ):
            yield "cut: own maker stays" if made else "cut: 0 made, own maker stays"
        behind = {each["step"] for each in venue.log[place:] if (each["account"], each["pool"]) == pool_of(step)}
        if not made and "deleverage" in behind:
            yield "cut: 0 made, then deleveraged"


def pool_of(step):
    return step["account"], step["pool"]


def paid_by_fund(state, venue):
    """Of a fund that takes over nothing: whether it paid for a worse fill, and whether with all that it had."""
    wallets = {asset: Fraction(amount) for asset, amount in state["fund"]["wallets"].items()}
    for step in venue.log:
        if step["step"] == "fee" and venue.rules["fee"] == "improvement" and venue.rules["takeover"] == "none":
            wallets[step["asset"]] = wallets.get(step["asset"], ZERO) + Fraction(step["fund"])
            if Fraction(step["fund"]) < 0:
                yield "fund pays for a worse fill"
                if not wallets[step["asset"]]:
                    yield "fund pays for a worse fill all that it has"


def filled_and_bankrupt(venue):
    """Whether a pool that filled something is below zero still, and yet nothing of it was deleveraged."""
    for step in venue.log:
        if step["step"] == "reduce" and step["fills"] and venue.rules["fee"] == "improvement":
            pool = venue.pools(step["account"]).get(step["pool"])
            if pool is not None and pool.positions and pool.balance() < 0:
                yield "filled, still bankrupt, not deleveraged"


def features(state):
    """What happens in a state."""
    venue = Venue(state)
    make_passes(venue)
    result = venue.report()
    log, rules = result["log"], state["waterfall"]
    steps = {step["step"] for step in log}
    lost = [step for step in log if step["step"] == "loss"]
    found = steps | set(fallen(state, venue)) | set(cut_by_fund(venue)) | set(paid_by_fund(state, venue))
    found |= set(filled_and_bankrupt(venue))
    if steps & {"reduce", *TAKEN}:
        found.add("LIQUIDATION")
    short = steps & {"deleverage", "uncovered", "takeover-at-mark"} and rules["takeover"] != "none"
    if short or any(step["fund"] != step["loss"] for step in lost):
        found.add("FUND EXHAUSTED")
    if any(step["charged"] for step in lost):
        found.add("SOCIALISED" if rules["after_fund"] == "socialise" else "CLAWED BACK")
    if restored(state, result):
        found.add("RESTORED")
    if any(step.get("expired") for step in log):
        found.add("own maker expired")
    if result["passes"] > 2:
        found.add("passes > 2")
    if any(pool.liquidated() for name in venue.traders for pool in venue.pools(name).values()):
        found.add("at its trigger after the last pass")
    return found


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    counted = {}
    for number in range(count):
        state = random_desk(random.Random(f"{seed}-{number}"))
        for feature in features(state):
            counted[feature] = counted.get(feature, 0) + 1
    for feature, times in sorted(counted.items()):
        print(f"{times:6} {Fraction(100 * times, count).__round__(1).__float__():5} %  {feature}")


if __name__ == "__main__":
    main()

"""Sizes and prices of docs/spec/waterfall.md: which position, how much, which limit, what fee, what the fund takes.

Nothing here changes anything: `desk.py` carries it out.
"""

from fractions import Fraction

from .oracle import ONE, ZERO, bankruptcy, quantity_to_close, quotient, truncate


def floor_to(number, unit):
    return number // unit * unit


def unit_notional(position):
    """Notional of one unit at the mark, exact."""
    return position.size / position.mark if position.inverse else position.mark


# --- which position, at which price ---------------------------------------------------------------------------------


def in_order(pool, rule):
    """The positions of a pool in the order in which they are liquidated; in multi-assets mode weighed at the index."""
    weights = {
        "maintenance": lambda position: pool.index(position.asset) * position.maintenance,
        "notional": lambda position: pool.index(position.asset) * position.notional,
        "symbol": lambda position: ZERO,
    }
    weight = weights[rule]
    return sorted(pool.positions, key=lambda position: (-weight(position), position.symbol, position.side))


def bankruptcy_price(pool, position, split):
    """The bankruptcy price, None where there is none."""
    text = bankruptcy(pool, position, split)
    return None if text is None else Fraction(text)


def fillable_price(pool, position, rules):
    """The limit of dYdX: from the mark towards bankruptcy, the more so the less balance is left."""
    adjustment, spread = Fraction(rules["fillable_adjustment"]), Fraction(rules["fillable_spread"])
    worse = min(max(adjustment * (1 - pool.balance() / pool.maintenance()), ZERO), ONE)
    value = position.sign * position.notional
    return (value - worse * spread * position.maintenance) / position.quantity


def limit_ticks(pool, position, rules, split):
    """The limit of the reducing order in ticks, at least one; None where there is no order."""
    if rules["limit"] == "fillable":
        price = fillable_price(pool, position, rules)
    else:
        price = bankruptcy_price(pool, position, split)
    if price is None:
        return None
    ticks = price / position.tick
    up = (position.sign > 0) == (rules["limit_tick"] == "inside")
    return max(ticks.__ceil__() if up else ticks.__floor__(), 1)


# --- how much the reducing order closes -----------------------------------------------------------------------------


def restoring_part(pool, position, rules, rate, target):
    """The smallest part that brings the ratio to the target, filled as in remedy.md and paying the clearance rate."""
    text = quantity_to_close(pool, position, target, rate)
    return None if text is None else Fraction(text)


def share_part(position, rules):
    """A share of the position, at least and at most of a notional."""
    part = Fraction(rules["partial_share"]) * position.held
    if rules.get("least_notional") is not None:
        part = max(part, Fraction(rules["least_notional"]) / unit_notional(position))
    if rules.get("most_notional") is not None:
        part = min(part, Fraction(rules["most_notional"]) / unit_notional(position))
    return floor_to(part, position.lot)


def tier_part(position, rules, table):
    """Down to the cap of the bracket so many below; None where there is no such bracket."""
    in_force = position.rows.index((position.rate, position.cum))
    below = in_force - int(rules["tiers"])
    if below < 0:
        return None
    return position.held - floor_to(table[below][1] / unit_notional(position), position.lot)


def part_to_close(pool, position, rules, given):
    """The size of the reducing order: all where the rule finds no part. `given`: rate, target and bracket table."""
    rule = rules["partial"]
    part = None
    if rule == "restore":
        part = restoring_part(pool, position, rules, given["rate"], given["target"])
    elif rule == "share":
        part = share_part(position, rules)
    elif rule == "tier":
        part = tier_part(position, rules, given["table"])
    return min(part, position.held) if part else position.held


# --- clearance fee --------------------------------------------------------------------------------------------------


def clearance_fee(rate, notional, collateral, cap):
    """`collateral` is what is left; `uncapped` does not ask for it."""
    fee = rate * notional
    if cap == "collateral-left":
        fee = min(fee, max(collateral, ZERO))
    return truncate(fee)


def at_bankruptcy(filled, price, quote_unit):
    """What an order gets for its fills (signed) at the bankruptcy price; up to the unit, so a purchase costs less."""
    value = -filled * price
    return value if quote_unit is None else -floor_to(-value, quote_unit)


def improvement_fee(penalty, received, bankrupt):
    """Of a fill better than bankruptcy a part goes to the fund (positive); what a worse one lacks the fund pays."""
    surplus = received - bankrupt
    if surplus >= 0:
        return truncate(min(penalty * abs(received), surplus))
    return -truncate(-surplus)


def payable_matches(matches, bankruptcy_price, fund_wallet, quote_unit=None):
    """How many of the matches [(signed quantity, price)] are made: up to the first that the fund cannot pay.

    All up to it count together, so what one match gets above the bankruptcy price pays for a later one.
    """
    received = filled = ZERO
    for number, (quantity, price) in enumerate(matches):
        received -= quantity * price
        filled += quantity
        if at_bankruptcy(filled, bankruptcy_price, quote_unit) - received > max(fund_wallet, ZERO):
            return number
    return len(matches)


# --- takeover -------------------------------------------------------------------------------------------------------


def gain_per_unit(position, price):
    """What one unit gains from a price to the mark."""
    if position.inverse:
        return position.sign * position.size * (1 / price - 1 / position.mark)
    return position.sign * (position.mark - price)


def taken_by_fund(position, price, fund_wallet, fund_positions, limit):
    """How much of a position the fund takes at a price. `limit`: its notional in multiples of its equity, or None."""
    mine = [held for held in fund_positions if held.asset == position.asset]
    equity = fund_wallet + sum((held.pnl for held in mine), ZERO)
    held = sum((each.quantity for each in mine if each.symbol == position.symbol), ZERO)
    elsewhere = sum((each.notional for each in mine if each.symbol != position.symbol), ZERO)
    taken = position.held
    gain = gain_per_unit(position, price)
    if gain < 0:
        taken = min(taken, floor_to(equity / -gain, position.lot))
    if limit is not None:
        unit = quotient(unit_notional(position)) if position.inverse else unit_notional(position)
        room = max(ZERO, max(ZERO, Fraction(limit) * equity - elsewhere) / unit - position.sign * held)
        taken = min(taken, floor_to(room, position.lot))
    return max(taken, ZERO)

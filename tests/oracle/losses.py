"""The losses of docs/spec/waterfall.md that no one took over: who pays how much. `desk.py` books it."""

from fractions import Fraction

from .oracle import BOOKED_UNIT, ZERO, truncate


def up_to(number, unit):
    return -(-number // unit) * unit


def socialised(holdings, loss, unit=BOOKED_UNIT):
    """By holder: quantity times the loss per contract, both rounded up to a unit."""
    total = sum(holdings.values(), ZERO)
    if not total:
        return {}
    rate = up_to(Fraction(loss) / total, unit)
    return {name: up_to(quantity * rate, unit) for name, quantity in holdings.items() if quantity}


def clawed_back(profits, loss):
    """By winner, in proportion to his profit, truncated; and what is covered so."""
    winners = {name: profit for name, profit in profits.items() if profit > 0}
    total = sum(winners.values(), ZERO)
    covered = min(Fraction(loss), total)
    return {name: truncate(profit * covered / total) for name, profit in winners.items()}, truncate(covered)

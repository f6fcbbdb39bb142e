"""docs/spec/deleveraging.md: who is ranked how, and who gives how much."""

from .oracle import ONE, ZERO, quotient
from .waterfall import bankruptcy_price


class Candidate:
    """A position of another account on the opposite side, with its margin pool."""

    def __init__(self, name, pool, position):
        self.name = name
        self.pool = pool
        self.position = position
        self.lots = position.held // position.lot

    def worth(self, amount):
        """An amount of the margin asset in the money of the pool."""
        return self.pool.index(self.position.asset) * amount


# --- ranking --------------------------------------------------------------------------------------------------------


def leverage_pnl(candidate, pnl_of, split):
    """Binance: profit in per cent of the wallet, times the margin ratio of the pool."""
    pool = candidate.pool
    balance, unrealized = pool.balance(), pool.unrealized_pnl()
    pnl = unrealized if pnl_of == "pool" else candidate.worth(candidate.position.pnl)
    profit = quotient(max(ZERO, pnl) / max(ONE, balance - unrealized))
    return profit * quotient(pool.maintenance() / balance) if balance > 0 else ZERO


def effective_leverage(candidate, pnl_of, split):
    """BitMEX: profit in per cent of the entry value, times leverage; a loss is divided by it."""
    position = candidate.position
    percent = quotient(position.pnl / abs(position.cost))
    price = bankruptcy_price(candidate.pool, position, split)
    leverage = ONE
    if price is not None:
        there = quotient(position.held * position.size / price) if position.inverse else position.held * price
        distance = abs(position.notional - there)
        leverage = quotient(position.notional / distance) if distance else ONE
    return percent * leverage if percent > 0 else quotient(percent / leverage)


def profit_notional(candidate, pnl_of, split):
    """Hyperliquid: mark over entry (of a short entry over mark), times notional over balance, if that is above 0."""
    position, balance = candidate.position, candidate.pool.balance()
    entry = position.quantity * position.size / position.cost if position.inverse else position.cost / position.quantity
    gain = quotient(position.mark / entry if position.sign > 0 else entry / position.mark)
    return gain * quotient(candidate.worth(position.notional) / balance) if balance > 0 else ZERO


def by_name(candidate, pnl_of, split):
    return ZERO


SCORES = {
    "leverage-pnl": leverage_pnl,
    "effective-leverage": effective_leverage,
    "profit-notional": profit_notional,
    "account": by_name,
}


def ranked(candidates, rules, split):
    """Highest score first, equals by account name and position side."""
    score = SCORES[rules["ranking"]]

    def place(candidate):
        return -score(candidate, rules["pnl"], split), candidate.name, candidate.position.side

    return sorted(candidates, key=place)


# --- choice ---------------------------------------------------------------------------------------------------------


def can_take(candidate, price, split):
    """False for a position that would end below zero at the price. A short without a bankruptcy price always would."""
    own = bankruptcy_price(candidate.pool, candidate.position, split)
    if candidate.position.sign > 0:
        return own is None or price >= own
    return own is not None and price <= own


def from_head(queue, lots):
    """Whole positions, then a part, until the lots are covered."""
    taken = []
    for candidate in queue:
        part = min(candidate.lots, lots)
        lots -= part
        if part:
            taken.append((candidate, part))
    return taken


def in_proportion(queue, lots):
    """All by their size; the lots left over one each from the head."""
    total = sum(candidate.lots for candidate in queue)
    if lots >= total:
        return from_head(queue, lots)
    parts = [lots * candidate.lots // total for candidate in queue]
    for place in range(lots - sum(parts)):
        parts[place] += 1
    return [(candidate, part) for candidate, part in zip(queue, parts, strict=True) if part]


def chosen(queue, lots, rule, seed):
    """[(candidate, lots)] of a queue that is ranked already."""
    if rule == "pro-rata":
        return in_proportion(queue, lots)
    if rule == "seeded-start" and queue:
        start = seed % len(queue)
        queue = queue[start:] + queue[:start]
    return from_head(queue, lots)

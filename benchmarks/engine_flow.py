"""Flows of orders for one margin account on one linear perpetual, the same for every engine. Standard library only.

`flow(kind, seed, n)` gives n operations, in whole ticks and lots. Each has the quote that holds when it arrives: the
quote moves before every tenth operation, and is far larger than what trades against it.

`limit-cancel`  limit orders below the bid and above the ask, each cancelled before the next: 2n commands, no fill.
`market`        buys and sells in turn, of one size: every second order closes the position.
`market-sizes`  the same with random sizes: the position opens, grows, shrinks, closes and changes sides. A position
                that closes costs nautilus_trader about twice as much as one that changes; this is the kinder flow.
`market-held`   `market-sizes` after one large buy, so that the position stays long: it never closes.

`outcome(operations)` is what has to come of them, so that an engine that did less work shows.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

KINDS = ("limit-cancel", "market", "market-sizes", "market-held")

SYMBOL, BASE, QUOTE = "BTCUSDT", "BTC", "USDT"
TICK, LOT = Decimal("0.1"), Decimal("0.001")
LEVERAGE = 10
"""Initial margin is the notional over this."""
MAINTENANCE = Decimal("0.025")
"""Maintenance margin on the notional."""
MAKER, TAKER = Decimal("0.0002"), Decimal("0.0005")
WALLET = Decimal("100000")
QUOTED = 200_000
"""Lots on either side of every quote: more than any order takes."""
TOO_LARGE = 100_000
"""Lots of an order that is quoted, but needs about five times the wallet as initial margin."""

MIDDLE, SPREAD = 500_000, 5
LOWEST, HIGHEST = 400_000, 600_000
"""Ticks that the bid stays within."""
STEP, CLEAR, FAR = 20, 100, 1_000
"""Ticks: what the quote moves at most between two operations; how far from it limit orders are, at least and most."""
LARGEST, HELD, EQUAL = 20, 1_000, 10
"""Lots: the largest order, the large buy before those of `market-held`, every order of `market`."""
MOVES_EVERY = 10
"""Operations between two moves of the quote."""


class Operation(NamedTuple):
    """One order, and the quote when it arrives; in ticks and lots."""

    side: str
    """BUY or SELL."""
    price: int | None
    """The limit; a market order has none."""
    quantity: int
    bid: int
    ask: int


class Outcome(NamedTuple):
    """What has to come of a flow. Money is not rounded."""

    fills: int
    position: int
    """Lots, with a sign."""
    entry: Decimal
    """Average entry price of the position."""
    fees: Decimal
    realized: Decimal
    """Profit and loss of what was closed, without fees."""
    balance: Decimal
    """The wallet afterwards."""


def flow(kind: str, seed: int, n: int) -> list[Operation]:
    """The operations: the same for the same arguments; a longer flow begins with the shorter one."""
    if kind not in KINDS:
        raise ValueError(f"no such kind of flow: {kind}")
    chance = random.Random(f"{kind} {seed}")
    bid = MIDDLE
    found = []
    for number in range(n):
        if number % MOVES_EVERY == 0:
            bid = min(max(bid + chance.randint(-STEP, STEP), LOWEST), HIGHEST)
        ask = bid + SPREAD
        buy = number % 2 == 0
        quantity = HELD if kind == "market-held" and number == 0 else chance.randint(1, LARGEST)
        if kind == "market":
            quantity = EQUAL
        price = None
        if kind == "limit-cancel":
            away = chance.randint(CLEAR, FAR)
            price = bid - away if buy else ask + away
        found.append(Operation("BUY" if buy else "SELL", price, quantity, bid, ask))
    return found


def outcome(operations: Sequence[Operation]) -> Outcome:
    """Market orders filled whole at the quote, one position with one average entry price, fees on the notional."""
    fills = position = 0
    entry = fees = realized = Decimal(0)
    with localcontext() as context:
        context.prec = 50
        for each in operations:
            if each.price is not None:
                continue
            buy = each.side == "BUY"
            price = (each.ask if buy else each.bid) * TICK
            signed = each.quantity if buy else -each.quantity
            fills += 1
            fees += price * each.quantity * LOT * TAKER
            if position * signed >= 0:
                entry = (entry * abs(position) + price * abs(signed)) / abs(position + signed)
            else:
                closed = min(abs(position), abs(signed))
                realized += (price - entry) * closed * LOT * (1 if position > 0 else -1)
                if abs(signed) > abs(position):
                    entry = price
            position += signed
        return Outcome(fills, position, entry if position else Decimal(0), fees, realized, WALLET + realized - fees)


def digest(operations: Sequence[Operation]) -> str:
    """A short hash: two runs with the same one had the same flow."""
    return hashlib.sha256(json.dumps(operations).encode()).hexdigest()[:16]

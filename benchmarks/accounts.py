"""Accounts to measure with: cross positions of many symbols, long and short in turn, over several bracket rows.

Everything follows from the seed and the symbols, so that two runs measure the same accounts.
"""

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

from margincall.core.account import Account, Marks, Position
from margincall.core.brackets import BracketTable, maintenance
from margincall.core.contract import Contract
from margincall.core.rules import FeeRates, VenueRules

SEED = 20261125
ROWS_USED = 4
"""Positions lie in the first rows of their tables, where most accounts are."""
CUSHION = 3
"""The balance is so many times the maintenance margin: an account that lives, with ends that lie on other rows."""
FEES = FeeRates(Decimal("0.0002"), Decimal("0.0005"))
CENT, LOT, TICK = Decimal("0.01"), Decimal("0.001"), Decimal("0.0001")


def cross_account(tables: Mapping[str, BracketTable], symbols: Sequence[str]) -> tuple[Account, Marks, VenueRules]:
    """One cross account in USDT with a position in each of the symbols."""
    rng = random.Random(f"{SEED} {len(symbols)}")
    prices = {symbol: Decimal(rng.randint(10_000, 999_999)).scaleb(rng.randint(-4, -1)) for symbol in symbols}
    positions, needed = [], Decimal(0)
    for number, symbol in enumerate(symbols):
        position = _position(rng, tables[symbol], prices[symbol], direction=-1 if number % 2 else 1)
        notional = abs(position.quantity) * prices[symbol]
        needed += CUSHION * maintenance(tables[symbol], notional) - (position.quantity * prices[symbol] - position.cost)
        positions.append(position)
    account = Account(
        wallets={"USDT": needed.quantize(CENT)}, positions={position.key: position for position in positions}
    )
    contracts = {symbol: _contract(symbol) for symbol in symbols}
    return account, Marks(prices), VenueRules("binance-usdm", contracts, tables, FEES, Decimal("0.0125"))


def _position(rng: random.Random, table: BracketTable, mark: Decimal, *, direction: int) -> Position:
    """A position somewhere in one of the first rows, opened at most 3 % from the mark."""
    row = rng.choice(table.rows[:ROWS_USED])
    size = row.floor + (row.cap - row.floor) * rng.randint(10, 90) / 100
    quantity = direction * max((size / mark).quantize(LOT), LOT)
    entry = (mark * rng.randint(970, 1030) / 1000).quantize(TICK)
    return Position(table.symbol, quantity=quantity, cost=quantity * entry)


def _contract(symbol: str) -> Contract:
    return Contract(symbol, "linear", symbol.removesuffix("USDT"), "USDT", "USDT", tick=TICK, lot=LOT)

"""A mark tick over many accounts: who is looked at, and whether it is the right ones that are liquidated.

10,000 cross accounts hold one to five of five symbols; marks follow a recorded path, one symbol a tick. After each tick
the accounts that the exchange liquidated must be those that a full scan of all accounts finds. Printed: for how many of
the symbol's holders margin was computed (each time counts, in the desk and for the upkeep of the index), the mean of
the shares of all ticks, and what a tick costs against a full scan.

    python -m benchmarks.mark_ticks DATA [--accounts 10000] [--ticks 10000] [--json]

DATA is the folder of recorded candles (`market/mark`). The full scan is done in floating point; whoever is within a
millionth of the trigger is computed exactly.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from margincall.core.account import Account, Marks, Position
from margincall.core.fold import open_account
from margincall.core.margin import Terms, margin
from margincall.core.protocol.moves import FUND
from margincall.core.rules import VenueRules
from margincall.core.units import Price
from margincall.exchange import commands, liquidation
from margincall.exchange.events import LiquidationStarted
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.state import Exchange, Trader
from margincall.exchange.step import settle, step
from margincall.venues.embedded import embedded_book
from margincall.venues.registry import rules_of
from margincall.wire.candle_files import candles_of

SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "LTCUSDT", "ADAUSDT")
START = datetime(2021, 3, 1, tzinfo=UTC)
HOUR_MS = 3_600_000
NEAR = 1e-6
Floats = NDArray[np.float64]


class Scan:
    """All accounts as arrays: a second look at everybody, which knows nothing of bands."""

    def __init__(self, state: Exchange, names: list[str]) -> None:
        self.names = names
        tables = [state.rules.venue.brackets(symbol).rows for symbol in SYMBOLS]
        most = max(len(rows) for rows in tables)
        self.rates: Floats = np.zeros((len(SYMBOLS), most))
        self.cums: Floats = np.zeros((len(SYMBOLS), most))
        for place, rows in enumerate(tables):
            self.rates[place, : len(rows)] = [float(row.rate) for row in rows]
            self.cums[place, : len(rows)] = [float(row.cum) for row in rows]
        self.wallets: Floats = np.zeros(len(names))
        self.quantities: Floats = np.zeros((len(names), len(SYMBOLS)))
        self.costs: Floats = np.zeros((len(names), len(SYMBOLS)))
        self.places = {name: place for place, name in enumerate(names)}
        for name in names:
            self.take(state.traders[name])

    def take(self, trader: Trader) -> None:
        """Read an account anew."""
        place = self.places[trader.name]
        self.wallets[place] = float(trader.account.wallets["USDT"])
        for column, symbol in enumerate(SYMBOLS):
            position = trader.account.position((symbol, "BOTH"))
            self.quantities[place, column] = float(position.quantity)
            self.costs[place, column] = float(position.cost)

    def liquidated(self, state: Exchange) -> set[str]:
        """Everybody who is at the trigger at the present marks."""
        marks = np.array([float(state.prices[symbol]) for symbol in SYMBOLS])
        worth = self.quantities * marks
        balance = self.wallets + (worth - self.costs).sum(axis=1)
        lines = np.abs(worth)[:, :, None] * self.rates[None] - self.cums[None]
        maintenance = lines.max(axis=2).sum(axis=1)
        surplus = balance - maintenance
        near = np.abs(surplus) <= NEAR * np.maximum(maintenance, 1.0)
        found = {self.names[place] for place in np.flatnonzero((surplus < 0) & ~near & (maintenance > 0))}
        for place in np.flatnonzero(near & (maintenance > 0)):
            account = state.traders[self.names[place]].account
            if any(pool.liquidated for pool in margin(account, state.marks, state.rules.venue).pools):
                found.add(self.names[place])
        return found

    def holders(self, symbol: str) -> int:
        """How many hold a symbol."""
        return int(np.count_nonzero(self.quantities[:, SYMBOLS.index(symbol)]))


class Computed:
    """The exchange's way to an account's margin, counted."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, account: Account, marks: Marks, rules: VenueRules) -> Terms:
        self.times += 1
        return margin(account, marks, rules)


class Found(NamedTuple):
    """What came of all ticks."""

    ticks: int
    accounts: int
    liquidated: int
    differing: int
    looked_at: int
    holders: int
    share: float
    tick_us: float
    scan_us: float


def measure(data: Path, accounts: int, ticks: int, seed: int) -> Found:
    """Play all ticks, and scan everybody after each."""
    path = list(path_of(data, ticks))
    computed = Computed()
    liquidation.margin = computed
    state, names = venue(accounts, seed, dict(path[: len(SYMBOLS)]))
    scan = Scan(state, names)
    liquidated = differing = looked_at = holders = 0
    spent = scanned = 0
    shares = 0.0
    for symbol, price in path[len(SYMBOLS) :]:
        held, before = scan.holders(symbol), computed.times
        begun = time.perf_counter_ns()
        events = step(state, commands.SetMark(symbol=symbol, price=price))
        spent += time.perf_counter_ns() - begun
        holders += held
        looked_at += computed.times - before
        shares += (computed.times - before) / held if held else 0.0
        found = {event.account for event in events if isinstance(event, LiquidationStarted)}
        begun = time.perf_counter_ns()
        wanted = scan.liquidated(state)
        scanned += time.perf_counter_ns() - begun
        liquidated += len(found)
        differing += found != wanted
        for name in found:
            scan.take(state.traders[name])
    count = len(path) - len(SYMBOLS)
    return Found(
        ticks=count, accounts=accounts, liquidated=liquidated, differing=differing, looked_at=looked_at,
        holders=holders, share=shares / count, tick_us=spent / count / 1000, scan_us=scanned / count / 1000,
    )  # fmt: skip


def path_of(data: Path, ticks: int) -> Iterator[tuple[str, Decimal]]:
    """Recorded marks, a symbol after the other, hour by hour: the closes of their candles."""
    start = int(START.timestamp() * 1000)
    hours = -(-ticks // len(SYMBOLS)) + 1
    closes = {
        symbol: [candle.close for candle in candles_of(data, symbol, start, start + hours * HOUR_MS, interval="1h")]
        for symbol in SYMBOLS
    }
    for hour in range(hours):
        for symbol in SYMBOLS:
            yield symbol, closes[symbol][hour]


def venue(accounts: int, seed: int, marks: dict[str, Decimal]) -> tuple[Exchange, list[str]]:
    """The exchange with its accounts as they stand at the first marks; a fund that takes everything over."""
    book = embedded_book(SYMBOLS)
    tables = {}
    for symbol in SYMBOLS:
        dated = book.dated(symbol)
        tables[symbol] = dated[-1].table if dated else book.dated("BTCUSDT")[-1].table
    rules = rules_of("binance_usdm", SYMBOLS, tables, day="2026-09-20")
    state = new_exchange(RuleSet(name="ticks", venue=rules, listings={symbol: Listing() for symbol in SYMBOLS}))
    for symbol, price in marks.items():
        step(state, commands.SetMark(symbol=symbol, price=price))
    step(state, commands.Fund(asset="USDT", amount=Decimal(10**12)))
    random = Random(seed)
    names = [f"a{number:05d}" for number in range(accounts)]
    for name in names:
        state.traders[name] = trader(name, random, state)
    settle(state, names, [])
    assert FUND in state.traders
    return state, names


def trader(name: str, random: Random, state: Exchange) -> Trader:
    """One account: some positions at the marks, and money for a leverage between 2 and 20."""
    positions, wallet = [], Decimal(0)
    for symbol in random.sample(SYMBOLS, random.randint(1, len(SYMBOLS))):
        mark = Price(state.prices[symbol])
        worth = Decimal(random.randint(200, 20_000))
        quantity = (worth / mark).quantize(Decimal("0.001")) * random.choice((1, 1, -1))
        if quantity:
            positions.append(Position(symbol, quantity=quantity, cost=quantity * mark))  # type: ignore[arg-type]
            wallet += abs(quantity * mark) / random.randint(2, 20)
    wallets = {"USDT": wallet.quantize(Decimal("1e-8")) + 1}
    return Trader(name=name, account=open_account(wallets, tuple(positions), contracts=state.rules.venue.contracts))


def main() -> int:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--ticks", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found: dict[str, Any] = measure(chosen.data, chosen.accounts, chosen.ticks, chosen.seed)._asdict()
    if chosen.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:12} {value:,.4f}" if isinstance(value, float) else f"{name:12} {value:,}")
    return 1 if found["differing"] else 0


if __name__ == "__main__":
    sys.exit(main())

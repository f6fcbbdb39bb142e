"""Scenarios over recorded crashes: real prices, liquidity shaped like a recorded book, crowds in all modes.

    python -m tests.accept.crashes [--accounts 60]

Plays each, explains every liquidated account from its stream, from the API's answers and from the CSV exports, and
prints what did not come back.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from margincall.exchange.exports import write_all
from margincall.exchange.play import play
from margincall.exchange.scenario import Scenario, read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.venues.embedded import embedded_book
from tests.accept.round_trip import SHAPES, Term, Truth, terms, truths
from tests.conftest import data_folder


class Crash(NamedTuple):
    """A span of recorded candles. `brackets` is the table in force (package or file of that time), `leverage` the most
    that it allows for all of the symbols, or less."""

    name: str
    symbols: tuple[str, ...]
    folder: str
    interval: str
    start: str
    length: str
    step: str
    brackets: str
    leverage: int = 50


MINUTES = "market/klines-1m-vision"
MARKS = "market/mark"
CRASHES = (
    Crash(
        "2025-02-03", ("ALGOUSDT", "AVAXUSDT", "FILUSDT", "NEARUSDT"), MINUTES, "1m", "2025-02-03T01:20:00+00:00",
        "1h", "5s", "tiers_pypi_freqtrade-2024.12.json.gz",
    ),
    Crash(
        "2023-08-17", ("FILUSDT", "NEARUSDT"), MINUTES, "1m", "2023-08-17T21:20:00+00:00", "50m", "5s",
        "tiers_2023-08-16_d9fb40ca.json.gz", 25,
    ),
    Crash(
        "2025-04-04", ("FILUSDT", "NEARUSDT"), MINUTES, "1m", "2025-04-04T00:00:00+00:00", "12h", "15s",
        "tiers_pypi_freqtrade-2024.12.json.gz",
    ),
    Crash(
        "2020-03-12", ("BTCUSDT", "ETHUSDT"), MARKS, "1h", "2020-03-12T08:00:00+00:00", "6h", "10s",
        "tiers_2022-02-16_124532a4.json.gz",
    ),
    Crash(
        "2021-05-19", ("BTCUSDT", "ETHUSDT", "XRPUSDT"), MARKS, "1h", "2021-05-19T10:00:00+00:00", "5h", "10s",
        "tiers_2022-02-16_124532a4.json.gz",
    ),
)  # fmt: skip
"""For the older ones the oldest table that is there: the exchange may run by any, the explanation reads the same."""


CROWD = """
name = "{crash.name}"
seed = {seed}
start = {crash.start}
step = "{crash.step}"
end = "{crash.length}"
fund = {{ USDT = 40000 }}
asset_index = [{{ asset = "USDT", haircut = 0.0001 }}]

[[crowd]]
count = {accounts}
longs = 0.8
leverage = [8, {crash.leverage}]
positions = 3
within = "2m"
modes = ["cross", "isolated", "hedge", "multi"]
"""
CONTRACT = """
[[contract]]
symbol = "{symbol}"
candles = "{crash.folder}"
interval = "{crash.interval}"
brackets = "binance_brackets/{crash.brackets}"
liquidity = {{ depth = 8000, levels = 6, requote_bps = 15 }}
"""


def scenario_of(crash: Crash, accounts: int, seed: int) -> Scenario:
    """A crowd of longs and shorts in all modes who meet the crash; read as a scenario's file is."""
    contracts = "".join(CONTRACT.format(symbol=symbol, crash=crash) for symbol in crash.symbols)
    return read_scenario(CROWD.format(crash=crash, seed=seed, accounts=accounts) + contracts, crash.name)


class Trip(NamedTuple):
    """What came of one crash: its liquidations by mode, and the numbers by shape: how many, and those not back."""

    crash: Crash
    modes: Counter[str]
    closed: Counter[str]
    terms: dict[str, int]
    failed: dict[str, list[Term]]


def trip(crash: Crash, accounts: int, seed: int, data: Path) -> Trip:
    """Play a crash, explain all of it from each shape."""
    scenario = scenario_of(crash, accounts, seed)
    rules = rule_set_of(scenario, data, embedded_book())
    played = play(scenario, rules, data)
    found = truths(played.events)
    with tempfile.TemporaryDirectory() as folder:
        write_all(played, Path(folder), scenario.day)
        told = {shape: list(terms(found, Path(folder), shape)) for shape in SHAPES}
    return Trip(
        crash,
        Counter(_mode(truth) for truth in found.orders),
        Counter(closed.kind for closed in found.closed),
        {shape: len(each) for shape, each in told.items()},
        {shape: [term for term in each if not term.is_back] for shape, each in told.items()},
    )


def _mode(truth: Truth) -> str:
    """The mode of the account, as far as the pool and the side of the position tell."""
    return "hedge" if truth.side != "BOTH" else truth.pool.partition(":")[0]


def main() -> int:
    """Print a line for each crash and each number that did not come back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    orders = numbers = wrong = 0
    for crash in CRASHES:
        if chosen.only not in crash.name:
            continue
        each = trip(crash, chosen.accounts, chosen.seed, data_folder())
        bad = {shape: len(found) for shape, found in each.failed.items() if found}
        print(f"{crash.name}: {dict(each.modes)}, {dict(each.closed)}, not back: {bad or 'none'}", flush=True)
        for shape, found in each.failed.items():
            for term in found[:5]:
                print(f"  {shape}: {term}")
        orders += each.modes.total()
        numbers += sum(each.terms.values())
        wrong += sum(bad.values())
    print(f"{orders} liquidation orders, {numbers - wrong} of {numbers} numbers came back")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Whether the exchange gets slower with its history: the rate of the last fills against that of the first.

    python -m benchmarks.many_fills [--fills 300000] [--json]

Forty-nine accounts take turns with market orders of changing sizes against a quote that moves; every order is one fill.
Events are dropped as they come, as a server that has sent them does; the garbage collector runs as it does in one.
Each tenth is cut into thirty parts; its rate is the median of theirs, by the processor's clock, so that a moment in
which the machine does something else does not count.
"""

import argparse
import json
import statistics
import sys
import time
from itertools import cycle

from msgspec import structs

from benchmarks import engine_flow
from benchmarks.engine_flow import SYMBOL, flow
from benchmarks.engine_side import accepted, prepare, venue
from margincall.exchange import commands
from margincall.exchange.step import step

TENTHS, PARTS = 10, 30
ACCOUNTS = 49
"""An odd number: buys and sells take turns, so that each account does both, and its position stays small."""


def measure(fills: int, seed: int) -> list[float]:
    """Fills a second in each tenth."""
    state = venue()
    names = [f"trader-{number}" for number in range(ACCOUNTS)]
    for name in names:
        for command in (
            commands.OpenAccount(account=name),
            commands.Transfer(account=name, asset="USDT", amount=engine_flow.WALLET),
            commands.SetLeverage(account=name, symbol=SYMBOL, leverage=engine_flow.LEVERAGE),
        ):
            accepted(step(state, command))
    size = fills // (TENTHS * PARTS)
    rates = []
    turns = cycle(names)
    operations = flow("market-sizes", seed, size * TENTHS * PARTS)
    for start in range(0, len(operations), size):
        part = prepare(operations[start : start + size])
        prepared = [(each.mark, each.quote, structs.replace(each.order, account=next(turns))) for each in part]
        first, begun = state.next_trade, time.process_time()
        for mark, quote, order in prepared:
            if mark is not None and quote is not None:
                step(state, mark)
                step(state, quote)
            step(state, order)
        rates.append((state.next_trade - first) / (time.process_time() - begun))
    if state.next_trade <= len(operations):
        sys.exit("not every order was filled")
    return [statistics.median(rates[start : start + PARTS]) for start in range(0, len(rates), PARTS)]


def main() -> int:
    """Print the rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rates = measure(chosen.fills, chosen.seed)
    ratio = rates[-1] / rates[0]
    if chosen.json:
        print(json.dumps({"fills": chosen.fills, "rates": rates, "last/first": ratio}))
    else:
        print(", ".join(f"{rate:,.0f}" for rate in rates), f"fills/s; last/first {ratio:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

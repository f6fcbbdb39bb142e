"""Whether the exchange gets slower with its history: the rate of the last fills against that of the first.

    python -m benchmarks.many_fills [--fills 300000] [--json]

Forty-nine accounts take turns with market orders of changing sizes against a quote that moves; every order is one fill.
Events are dropped as they come, as a server that has sent them does; the garbage collector runs as it does in one.
The last tenth is timed part by part beside the first tenth of another exchange, which has no history, the two taking
turns; the rate of each is the median of its parts, by the processor's clock. So a minute in which the machine is slower
slows both.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import cycle

from msgspec import structs

from benchmarks import engine_flow
from benchmarks.engine_flow import SYMBOL, Operation, flow
from benchmarks.engine_side import accepted, prepare, venue
from margincall.exchange import commands
from margincall.exchange.step import step

TENTHS, PARTS = 10, 60
ACCOUNTS = 49
"""An odd number: buys and sells take turns, so that each account does both, and its position stays small."""
NAMES = tuple(f"trader-{number}" for number in range(ACCOUNTS))


class Player:
    """An exchange with its accounts, who go on where they stopped."""

    def __init__(self) -> None:
        self.state = venue()
        self.turns = cycle(NAMES)
        for name in NAMES:
            for command in (
                commands.OpenAccount(account=name),
                commands.Transfer(account=name, asset="USDT", amount=engine_flow.WALLET),
                commands.SetLeverage(account=name, symbol=SYMBOL, leverage=engine_flow.LEVERAGE),
            ):
                accepted(step(self.state, command))

    def rate(self, operations: Sequence[Operation]) -> float:
        """Fills a second over these operations; every one must be a fill."""
        state, each_of = self.state, prepare(operations)
        prepared = [(each.mark, each.quote, structs.replace(each.order, account=next(self.turns))) for each in each_of]
        first, begun = state.next_trade, time.process_time()
        for mark, quote, order in prepared:
            if mark is not None and quote is not None:
                step(state, mark)
                step(state, quote)
            step(state, order)
        seconds = time.process_time() - begun
        if state.next_trade - first != len(operations):
            sys.exit("not every order was filled")
        return len(operations) / seconds


def measure(fills: int, seed: int) -> tuple[float, float]:
    """Fills a second at the beginning and at the end of so many."""
    size = fills // (TENTHS * PARTS)
    operations = flow("market-sizes", seed, size * TENTHS * PARTS)
    parts = [operations[start : start + size] for start in range(0, len(operations), size)]
    old, new = Player(), Player()
    for part in parts[:-PARTS]:
        old.rate(part)
    first, last = [], []
    for number, (begin, end) in enumerate(zip(parts[:PARTS], parts[-PARTS:], strict=True)):
        for turn in (0, 1):
            if turn == number % 2:
                first.append(new.rate(begin))
            else:
                last.append(old.rate(end))
    return statistics.median(first), statistics.median(last)


def main() -> int:
    """Print the rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    first, last = measure(chosen.fills, chosen.seed)
    ratio = last / first
    if chosen.json:
        print(json.dumps({"fills": chosen.fills, "first": first, "last": last, "last/first": ratio}))
    else:
        print(f"first tenth {first:,.0f}, last tenth {last:,.0f} fills/s of {chosen.fills:,}; last/first {ratio:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

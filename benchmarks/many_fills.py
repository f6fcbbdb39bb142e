"""Whether the exchange gets slower with its history: the rate of the last fills against that of the first.

    python -m benchmarks.many_fills [--fills 300000] [--json]

Market orders of changing sizes against a quote that moves; every order is one fill. Events are dropped as they come, as
a server that has sent them does. Each tenth is timed with the processor's clock.
"""

import argparse
import gc
import json
import sys
import time

from benchmarks.engine_flow import flow
from benchmarks.engine_side import prepare, venue
from margincall.exchange.step import step

PARTS = 10


def measure(fills: int, seed: int) -> list[float]:
    """Fills a second in each tenth."""
    state = venue()
    operations = flow("market-sizes", seed, fills)
    size = fills // PARTS
    rates = []
    for part in range(PARTS):
        prepared = list(prepare(operations[part * size : (part + 1) * size]))
        gc.collect()
        gc.disable()
        first, begun = state.next_trade, time.process_time()
        for mark, quote, order in prepared:
            if mark is not None and quote is not None:
                step(state, mark)
                step(state, quote)
            step(state, order)
        seconds = time.process_time() - begun
        gc.enable()
        rates.append((state.next_trade - first) / seconds)
    return rates


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

"""Our engine on a flow of orders. `python -m benchmarks.engine_side KIND SEED N REPEATS` prints JSON.

Run by `benchmarks.against_nautilus`, in the environment of the peer, so that both sides have the same interpreter.
"""

import json
import platform
import sys
from collections.abc import Sequence

from benchmarks.engine_flow import Operation, digest, flow


def ours(kind: str, flow: Sequence[Operation]) -> float:
    """The processor seconds that our engine takes for the flow, once, from a new account to the last event.

    Before the clock starts, as for the peer: the engine with one account that holds `engine_flow.WALLET` in one-way and
    cross mode at `LEVERAGE`, the symbol with `TICK`, `LOT`, `MAKER`, `TAKER` and one bracket of `MAINTENANCE`, and one
    value of our own types for every command and every quote. Then `gc.collect()` and `gc.disable()`.

    On the clock (`time.process_time`), for each operation: the quote becomes `bid` and `ask` with `QUOTED` lots each,
    which is also the mark price; in `limit-cancel`, the order before is cancelled; the order is submitted with its
    margin check. After the last operation of `limit-cancel`, its order is cancelled too. Every command goes through
    the public entry of the engine, and all events are made, as they are when nothing is measured.

    After the clock: compare fills, position and wallet with `engine_flow.outcome(flow)`, that `limit-cancel` has
    cancelled every order, and, outside of the flow, that a market order of `TOO_LARGE` lots is refused. Raise if one
    of them is wrong.
    """
    raise NotImplementedError("our engine does not take these flows yet")


def main() -> None:
    """Best of some repeats of one flow."""
    kind, seed, n, repeats = sys.argv[1], *map(int, sys.argv[2:])
    operations = flow(kind, seed, n)
    found = {"python": platform.python_version(), "kind": kind, "n": n, "flow": digest(operations)}
    try:
        print(json.dumps({**found, "seconds": min(ours(kind, operations) for _ in range(repeats))}))
    except NotImplementedError as reason:
        print(json.dumps({**found, "seconds": None, "reason": str(reason)}))


if __name__ == "__main__":
    main()

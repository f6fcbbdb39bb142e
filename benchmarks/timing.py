"""Best-of-many timing of functions in turn, so that a machine that slows down slows all of them.

Processor time, so that other programs on the machine count little. The garbage collector rests meanwhile, as in
`timeit`: when it runs depends on what else the process holds.
"""

import gc
import time
from collections.abc import Callable, Sequence

ROUNDS = 15


def best(functions: Sequence[Callable[[], object]], *, seconds: float = 0.02, rounds: int = ROUNDS) -> list[float]:
    """The least seconds per call of each function, measured A B C A B C …, about `seconds` per function and round."""
    calls = [max(1, int(seconds / max(_once(function), 1e-7))) for function in functions]
    least = [float("inf")] * len(functions)
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for number, function in enumerate(functions):
                least[number] = min(least[number], _timed(function, calls[number]))
    finally:
        gc.enable()
    return least


def _once(function: Callable[[], object]) -> float:
    function()
    return _timed(function, 1)


def _timed(function: Callable[[], object], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - began) / calls

"""`make fuzz`: schemathesis against the server's own document, and everything that no client sends, at the same time.

python -m tests.fuzz.run --seconds 180            both; the seed is printed
python -m tests.fuzz.run --seed 7 --replay http 123     one input again, alone, against a new server
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import SystemRandom

from tests.fuzz.described import described
from tests.fuzz.raw import Figures, Raw, again
from tests.fuzz.target import served


def fuzzed(seconds: float, seed: int) -> tuple[bool, str]:
    """Both for so many seconds; whether nothing was wrong, and the figures. What was wrong is printed."""
    with ThreadPoolExecutor(1) as pool:
        document = pool.submit(described, seconds, seed)
        figures = raw(seconds, seed)
        found = document.result()
    if not found.is_clean:
        print(found.words, *(f"never asked: {route}" for route in sorted(found.untried)), sep="\n")
    for line in figures.wrong:
        print(line)
    return found.is_clean and not figures.wrong, f"seed {seed}: {found.figure}; {figures.figure}"


def raw(seconds: float, seed: int) -> Figures:
    """Raw HTTP, sockets and slow connections for so many seconds."""
    figures = Figures(Counter(), [])
    try:
        with tempfile.TemporaryDirectory() as name, served(Path(name)) as target:
            figures = asyncio.run(Raw(target, seed).run(seconds))
    except AssertionError as error:
        figures.wrong.append(f"the server: {error}")
    return figures


def replayed(seed: int, family: str, number: int) -> Figures:
    """One input again."""
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as target:
        return asyncio.run(again(target, seed, family, number))


def main() -> int:
    """Exit code 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(31))
    parser.add_argument("--replay", nargs=2, metavar=("FAMILY", "NUMBER"))
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    if wanted.replay:
        figures = replayed(wanted.seed, wanted.replay[0], int(wanted.replay[1]))
        print(*figures.wrong, figures.figure, sep="\n")
        return bool(figures.wrong)
    is_clean, figure = fuzzed(wanted.seconds, wanted.seed)
    print("fuzz:", "nothing wrong" if is_clean else "WRONG", "--", figure)
    return not is_clean


if __name__ == "__main__":
    sys.exit(main())

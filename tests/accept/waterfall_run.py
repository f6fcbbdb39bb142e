"""The liquidation desk against the oracle on many random venues: equal to the last unit.

    python -m tests.accept.waterfall_run [--venues 10000] [--seed 1] [--jobs 2]

Venue `i` is made from the text `seed-i`. Writes `docs/accept/waterfall.json`; the exit code is 0 only if all agree.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from multiprocessing import Pool
from typing import Any

from tests.accept.hashes import waterfall_hash
from tests.oracle.desk_agreement import pairs
from tests.oracle.generate_desk import features, random_desk
from tests.sources import ROOT

RESULT = ROOT / "docs/accept/waterfall.json"
BATCH = 50
MOST_SHOWN = 20
Outcome = tuple[int, int, Counter[str], dict[int, list[str]]]
"""Venues, terms, what happened in how many venues, what differs by venue."""


def venue(seed: int, number: int) -> dict[str, Any]:
    """The random venue of that number."""
    return random_desk(random.Random(f"{seed}-{number}"))


def compare(task: tuple[int, int, int]) -> Outcome:
    """Compare the venues `start` to `end` of a seed. An error in the desk is a difference."""
    seed, start, end = task
    terms, seen, differing = 0, Counter[str](), {}
    for number in range(start, end):
        state = venue(seed, number)
        seen.update(features(state))
        try:
            found = pairs(state)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            differing[number] = [f"{type(error).__name__}: {error}"]
            continue
        terms += len(found)
        if wrong := [str(pair) for pair in found if not pair.agree]:
            differing[number] = wrong
    return end - start, terms, seen, differing


def run(seed: int, venues: int, jobs: int) -> Outcome:
    """All venues, in so many processes."""
    tasks = [(seed, start, min(start + BATCH, venues)) for start in range(0, venues, BATCH)]
    count = terms = 0
    seen, differing = Counter[str](), dict[int, list[str]]()
    with Pool(jobs) as pool:
        for done, (more, found, happened, wrong) in enumerate(pool.imap_unordered(compare, tasks), 1):
            count, terms = count + more, terms + found
            seen.update(happened)
            differing |= wrong
            if sys.stderr.isatty():
                print(f"\r{done * BATCH} of {venues}", end="", file=sys.stderr)
    return count, terms, seen, differing


def main() -> int:
    """Run, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venues", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    began = time.monotonic()
    count, terms, seen, differing = run(chosen.seed, chosen.venues, chosen.jobs)
    for number, lines in sorted(differing.items())[:MOST_SHOWN]:
        print(f"{chosen.seed}-{number}: {'; '.join(lines[:3])}")
    result = {
        "command": f"python -m tests.accept.waterfall_run --venues {chosen.venues} --seed {chosen.seed}",
        "seed": chosen.seed,
        "venues": count,
        "agree": count - len(differing),
        "terms": terms,
        "happened": dict(sorted(seen.items())),
        "seconds": round(time.monotonic() - began),
        "hash": waterfall_hash(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{result['agree']} of {count} venues agree, {terms:,} terms, {result['seconds']} s")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())

"""The rules against the oracle on many random accounts: every term of every account must agree.

    python -m tests.accept.oracle_run [--accounts 100000] [--seed 1] [--jobs 2]

Account `i` is made from the text `seed-i`, so any one can be looked at alone: `random_state(random.Random("1-17"))`.
Writes `docs/accept/oracle.json`; the exit code is 0 only if all agree.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import Any, NamedTuple

from tests.accept.hashes import oracle_hash, src_hash
from tests.oracle.agreement import pairs
from tests.oracle.generate import random_state
from tests.sources import ROOT

RESULT = ROOT / "docs/accept/oracle.json"
SHOWN = 20
BATCH = 100
"""Accounts that a process takes at a time."""


class Batch(NamedTuple):
    """What came of some accounts: terms compared, how many accounts of each mode, and what differs by account."""

    accounts: int
    terms: int
    modes: Counter[str]
    differing: dict[int, list[str]]


def state_of(seed: int, number: int) -> dict[str, Any]:
    """The random account of that number."""
    return random_state(random.Random(f"{seed}-{number}"))


def mode_of(state: dict[str, Any]) -> str:
    """Asset mode, position mode, margin, kind of contract and number of positions, as `single one_way cross
    linear 3`."""
    margins = {position["margin"] for position in state["positions"]}
    margin = margins.pop() if len(margins) == 1 else "mixed"
    (kind,) = {contract["kind"] for contract in state["contracts"].values()}
    return f"{state['asset_mode']} {state['position_mode']} {margin} {kind} {len(state['positions'])}"


def compare(task: tuple[int, int, int]) -> Batch:
    """Compare the accounts `start` to `end` of a seed. An error in the rules is a difference."""
    seed, start, end = task
    terms, modes, differing = 0, Counter[str](), {}
    for number in range(start, end):
        state = state_of(seed, number)
        modes[mode_of(state)] += 1
        try:
            found = pairs(state)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            differing[number] = [f"{type(error).__name__}: {error}"]
            continue
        terms += len(found)
        if differences := [str(pair) for pair in found if not pair.agree]:
            differing[number] = differences
    return Batch(end - start, terms, modes, differing)


def batches(seed: int, accounts: int, jobs: int) -> Iterator[Batch]:
    """All accounts, compared in so many processes; batches come as they are done."""
    tasks = [(seed, start, min(start + BATCH, accounts)) for start in range(0, accounts, BATCH)]
    with Pool(jobs) as pool:
        yield from pool.imap_unordered(compare, tasks)


def run(seed: int, accounts: int, jobs: int) -> dict[str, Any]:
    """Compare all accounts, with a line of progress, and say what came of it."""
    begun = time.monotonic()
    hashes = {"src_hash": src_hash(), "oracle_hash": oracle_hash()}
    terms, modes, differing = 0, Counter[str](), {}
    done = 0
    for batch in batches(seed, accounts, jobs):
        done += batch.accounts
        terms += batch.terms
        modes += batch.modes
        differing |= batch.differing
        progress(done, accounts, len(differing), time.monotonic() - begun)
    return {
        "command": f"python -m tests.accept.oracle_run --accounts {accounts} --seed {seed} --jobs {jobs}",
        "seed": seed,
        "accounts": accounts,
        "agreed": accounts - len(differing),
        "differing": [{"account": f"{seed}-{each}", "terms": differing[each]} for each in sorted(differing)[:SHOWN]],
        "terms": terms,
        "coverage": {mode: modes[mode] for mode in sorted(modes)},
        "seconds": round(time.monotonic() - begun),
        **hashes,
    }


def progress(done: int, accounts: int, differing: int, seconds: float) -> None:
    """One line that is written over on a terminal; elsewhere a line for every twentieth part."""
    left = seconds * (accounts - done) / done
    line = f"{done:,} of {accounts:,} accounts, {differing:,} differ, {left:,.0f} s left"
    part = max(accounts // 20, BATCH)
    if sys.stderr.isatty():
        print(f"\r{line:<70}", end="\n" if done == accounts else "", file=sys.stderr, flush=True)
    elif done % part < BATCH or done == accounts:
        print(line, file=sys.stderr, flush=True)


def write(path: Path, result: dict[str, Any]) -> None:
    """Write a result as JSON for people: indented, with signs as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the rules with the oracle on random accounts.")
    parser.add_argument("--accounts", type=int, default=100_000, help="how many (100,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random accounts (1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--out", type=Path, default=RESULT, help="the result file (docs/accept/oracle.json)")
    return parser.parse_args()


def main() -> int:
    """Run and report; 0 if all accounts agree."""
    chosen = options()
    result = run(chosen.seed, chosen.accounts, chosen.jobs)
    write(chosen.out, result)
    for each in result["differing"]:
        print(f"account {each['account']}: {each['terms'][0]}", *each["terms"][1:4], sep="\n    ")
    print(f"{result['agreed']:,} of {result['accounts']:,} accounts agree, {result['terms']:,} terms compared")
    return 0 if result["agreed"] == result["accounts"] else 1


if __name__ == "__main__":
    sys.exit(main())

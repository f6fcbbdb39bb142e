"""Plants mistakes in the rules, one at a time, and sees whether golden cases, real data and oracle find them.

    python -m tests.mutation.run [--mutations 100] [--limit N] [--shuffle N] [--only PATH] [--seed 1] [--jobs 2]

A seeded sample of all possible mistakes, spread over the files of the core. `--limit` takes only the first N of the
sample, after `--shuffle` in another order; `--only` only those of one file; `--list` prints all that are possible. A
run of the whole sample writes `docs/accept/mutation.json`; the exit code is 0 only if at least 60 were planted and 95 %
of them found.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

from tests.accept.hashes import core_files, mutation_hash
from tests.accept.oracle_run import write
from tests.conftest import data_folder
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.operators import Mutation, mutations
from tests.mutation.trees import PASSED, TIMED_OUT, Outcome, Tree
from tests.sources import ROOT

RESULT = ROOT / "docs/accept/mutation.json"
KILLERS = ("tests/oracle/test_agreement.py", "tests/cases", "tests/forensics/test_real_stream.py")
"""The tests that must find the mistakes: oracle, golden cases, real data. Fast ones first."""
FEWEST, SHARE = 60, 0.95
FEWEST_PER_FILE = 3
LONGEST = 180
"""Seconds; what takes longer does not end."""


class Result(NamedTuple):
    """One mistake, and what the killers said."""

    mutation: Mutation
    outcome: Outcome


# --- which mistakes -------------------------------------------------------------------------------------------------


def candidates() -> dict[str, list[Mutation]]:
    """All mistakes per file, without those that change no answer."""
    none = {(each.file, each.original, each.mutated) for each in EQUIVALENT}
    found = {}
    for path in core_files():
        name = path.relative_to(ROOT).as_posix()
        made = mutations(name, path.read_text(encoding="utf-8"))
        found[name] = [each for each in made if (path.name, each.original, each.mutated) not in none]
    return {name: made for name, made in found.items() if made}


def sample(seed: int, count: int) -> list[Mutation]:
    """So many mistakes: a few of each file at least, the others by the size of the files; in a random order."""
    every = candidates()
    shuffled = {name: random.Random(f"{seed}-{name}").sample(made, len(made)) for name, made in every.items()}
    chosen = [each for made in shuffled.values() for each in made[:FEWEST_PER_FILE]]
    others = [each for made in shuffled.values() for each in made[FEWEST_PER_FILE:]]
    rng = random.Random(seed)
    chosen += rng.sample(others, max(min(count - len(chosen), len(others)), 0))
    return rng.sample(chosen, len(chosen))


# --- planting -------------------------------------------------------------------------------------------------------


def planted(chosen: list[Mutation], jobs: int) -> Iterator[Result]:
    """Plant each mistake in a copy of the project and run the killers, in so many copies at a time."""
    killers = tuple(each for each in KILLERS if (ROOT / each).exists())
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as workers:
        free: Queue[Tree] = Queue()
        for number in range(jobs):
            free.put(Tree(Path(folder) / str(number)))
        timeout = min(10 * sound(free, killers) + 30, LONGEST)

        def plant(mutation: Mutation) -> Result:
            tree = free.get()
            try:
                return Result(mutation, tree.outcome(killers, timeout, mutation))
            finally:
                free.put(tree)

        yield from workers.map(plant, chosen)


def sound(free: "Queue[Tree]", killers: tuple[str, ...]) -> float:
    """Seconds that the killers take without a mistake; they must pass, or every mistake would seem to be found."""
    tree = free.get()
    outcome = tree.outcome(killers, LONGEST)
    free.put(tree)
    if outcome.code != PASSED:
        sys.exit(f"the killers fail without any mistake:\n{outcome.output}")
    print(f"without a mistake {', '.join(killers)} pass in {outcome.seconds:.1f} s", file=sys.stderr)
    return outcome.seconds


# --- reporting ------------------------------------------------------------------------------------------------------


def row(result: Result) -> str:
    """One line of the table."""
    mutation, outcome = result
    fate = "lives" if not outcome.killed else "never ends" if outcome.code == TIMED_OUT else "found"
    place = f"{Path(mutation.file).name}:{mutation.line}"
    return f"{fate:<10} {outcome.seconds:5.1f} s  {place:<20} {mutation.original}  →  {mutation.mutated}"


def described(mutation: Mutation) -> dict[str, Any]:
    return {
        "file": mutation.file,
        "line": mutation.line,
        "original": mutation.original,
        "mutated": mutation.mutated,
    }


def summary(results: list[Result], command: str, seed: int, seconds: float) -> dict[str, Any]:
    """What the file says of a run."""
    files: dict[str, list[int]] = {}
    for mutation, outcome in results:
        planted_in, found_in = files.get(mutation.file, [0, 0])
        files[mutation.file] = [planted_in + 1, found_in + outcome.killed]
    return {
        "command": command,
        "seed": seed,
        "killers": list(KILLERS),
        "real_data": data_folder().is_dir(),
        "candidates": sum(map(len, candidates().values())),
        "excluded_as_equivalent": len(EQUIVALENT),
        "mutations": len(results),
        "killed": sum(outcome.killed for _, outcome in results),
        "by_file": {name: f"{found} of {planted}" for name, (planted, found) in sorted(files.items())},
        "survivors": [described(mutation) for mutation, outcome in results if not outcome.killed],
        "seconds": round(seconds),
        "hash": mutation_hash(),
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plant mistakes in the rules and see that tests find them.")
    parser.add_argument("--mutations", type=int, default=100, help="size of the sample (100)")
    parser.add_argument("--limit", type=int, help="only the first N of the sample; writes no file")
    parser.add_argument("--shuffle", type=int, help="seed of another order of the sample, for --limit")
    parser.add_argument("--only", help="only mistakes in this file of the core, all of them; writes no file")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--list", action="store_true", help="print every possible mistake and end")
    return parser.parse_args()


def chosen_by(options: argparse.Namespace) -> list[Mutation]:
    """The mistakes that the options ask for."""
    every = [each for made in candidates().values() for each in made]
    if options.list:
        return every
    if options.only is not None:
        rng = random.Random(options.seed)
        matching = [each for each in every if each.file.endswith(options.only)]
        return rng.sample(matching, len(matching))[: options.limit]
    found = sample(options.seed, options.mutations)
    if options.shuffle is not None:
        found = random.Random(options.shuffle).sample(found, len(found))
    return found[: options.limit]


def main() -> int:
    """Plant, print a table, write the result of a whole run; 0 if enough mistakes are found."""
    given = options()
    chosen = chosen_by(given)
    if given.list:
        for each in chosen:
            print(f"{each.file}:{each.line}: {each.original}  →  {each.mutated}")
        print(f"{len(chosen)} possible mistakes")
        return 0
    begun = time.monotonic()
    results = []
    for number, result in enumerate(planted(chosen, given.jobs), 1):
        results.append(result)
        print(f"{number:>4}/{len(chosen)} {row(result)}", flush=True)
    command = f"python -m tests.mutation.run --mutations {given.mutations} --seed {given.seed} --jobs {given.jobs}"
    found = summary(results, command, given.seed, time.monotonic() - begun)
    if given.limit is None and given.only is None:
        write(RESULT, found)
    print(f"{found['killed']} of {found['mutations']} mistakes found in {found['seconds']} s")
    for each in found["survivors"]:
        print(f"lives: {each['file']}:{each['line']}: {each['original']}  →  {each['mutated']}")
    enough = found["mutations"] >= FEWEST and found["killed"] >= SHARE * found["mutations"]
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())

"""The fault table: every kind of fault, in all sizes, from every level of evidence; and nobody accused without one.

    python -m tests.accept.faults.run [--sizes 60] [--liquidations 10000] [--kinds too_early,bad_mark] [--write]

Plays each case with its fault and without, verifies it from six levels of evidence, then verifies liquidations of an
exchange that does not err. Prints the table; `--write` writes it to docs/accept/faults.json and faults.md.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import msgspec

from tests.accept.faults.evidence import save
from tests.accept.faults.judge import accused, verdict
from tests.accept.faults.registry import FAULTS
from tests.accept.faults.table import Accusation, Crash, Result, document, markdown, summary
from tests.accept.faults.trial import Trial, tried
from tests.accept.faults.unfaulted import accounts, composed, drawn, liquidated, played
from tests.accept.hashes import hash_of, imported
from tests.sources import ROOT

PROCESSES = 2
SIZES = 60
LIQUIDATIONS = 10_000
TOLD = 250
"""After so many liquidations a line says how far it is."""
OUT = ROOT / "docs" / "accept"
READ = ("margincall.forensics.verify.run", "margincall.forensics.answer", "margincall.exchange.exports",
        "margincall.exchange.play", "margincall.exchange.scenario_rules")  # fmt: skip
"""What the table is of: everything that these import."""


def faults_hash(root: Path = ROOT) -> str:
    """What the table depends on: verify, the exchange, the data of the venues, the settings."""
    source = root / "src"
    files = {path for module in READ for path in imported(source, module)}
    files |= {*(source / "margincall/venues").rglob("*.json"), *(root / "tests/accept/faults").glob("*.py")}
    return hash_of(files, root)


def crash(seed: int) -> Crash:
    """One crash of an exchange that does not err: how many liquidations were verified, and who was accused."""
    run, start_ms = played(seed)
    names = accounts(run)
    found: list[Accusation] = []
    concluded = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="evidence-") as place:
        saved = Path(place) / "saved"
        save(run, names, saved, start_ms)
        for name in names:
            rng = Random(f"unfaulted:{seed}:{name}")
            draws = drawn(rng, saved, name)
            folder = composed(rng, saved, Path(place) / "evidence" / name, name, draws)
            try:
                verified = verdict(folder)
            except Exception as error:
                error.add_note(f"in the crash {seed}, account {name}: {draws}")
                raise
            concluded.update(each.conclusion for each in verified.liquidations if each.checks)
            if told := accused(verified):
                found.append(Accusation(seed=seed, account=name, evidence=str(draws), accused=tuple(told)))
    return Crash(
        seed=seed,
        accounts=len(names),
        liquidations=sum(liquidated(run, name) for name in names),
        found=tuple(found),
        concluded=dict(concluded),
    )


def _trial(job: tuple[str, int, str]) -> Trial:
    kind, seed, labels = job
    try:
        return tried(kind, seed, Path(labels))
    except Exception as error:
        error.add_note(f"in the case {kind}, seed {seed}")
        raise


def trials(pool: ProcessPoolExecutor, kinds: Sequence[str], sizes: int, labels: Path, *, first: int) -> Iterator[Trial]:
    """All cases, told as they are done."""
    jobs = [(kind, first + number, str(labels)) for number in range(sizes) for kind in kinds]
    for done, trial in enumerate(pool.map(_trial, jobs, chunksize=4), 1):
        if done % 50 == 0 or done == len(jobs):
            _say(f"{done} of {len(jobs)} cases")
        yield trial


def crashes(pool: ProcessPoolExecutor, wanted: int, *, first: int) -> Iterator[Crash]:
    """Crashes one after the other, until so many liquidations were verified; the same ones whatever is done first."""
    seeds = itertools.count(first)
    ahead = deque(pool.submit(crash, next(seeds)) for _ in range(3 * PROCESSES if wanted else 0))
    count = 0
    while count < wanted:
        each = ahead.popleft().result()
        ahead.append(pool.submit(crash, next(seeds)))
        if (count + each.liquidations) // TOLD > count // TOLD:
            _say(f"{count + each.liquidations} of {wanted} unfaulted liquidations")
        count += each.liquidations
        yield each
    for left in ahead:
        left.cancel()


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def result(kinds: Sequence[str], sizes: int, liquidations: int, *, seed: int) -> Result:
    """The whole table. Labels lie in a folder of their own, beside no evidence."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labels-") as labels, ProcessPoolExecutor(PROCESSES) as pool:
        tried_all = tuple(trials(pool, kinds, sizes, Path(labels), first=seed))
        crashed = tuple(crashes(pool, liquidations, first=seed))
    return Result(
        seed=seed, sizes=sizes, hash=faults_hash(), seconds=round(time.monotonic() - began), trials=tried_all,
        crashes=crashed,
    )  # fmt: skip


def main(argv: Iterable[str] | None = None) -> int:
    """Print the table and the criteria; 1 where one is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, default=SIZES)
    parser.add_argument("--liquidations", type=int, default=LIQUIDATIONS)
    parser.add_argument("--kinds", default=",".join(FAULTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--trials", type=Path, help="also write every case here, as JSON lines")
    chosen = parser.parse_args(None if argv is None else list(argv))
    kinds = [kind for kind in chosen.kinds.split(",") if kind]
    found = result(kinds, chosen.sizes, chosen.liquidations, seed=chosen.seed)
    if chosen.trials is not None:
        chosen.trials.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in found.trials))
    print(markdown(found))
    told = summary(found)
    for line in told:
        print(line)
    if chosen.write:
        (OUT / "faults.json").write_bytes(msgspec.json.format(msgspec.json.encode(document(found)), indent=2) + b"\n")
        (OUT / "faults.md").write_text(markdown(found), encoding="utf-8")
    return 0 if all(line.is_met for line in told) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Many seeds of the soak, once.

    python -m tests.accept.soak_run [--seeds 10000] [--first 0] [--jobs 2]

A seed is a rule-set and 300 commands, judged by the auditor; `margincall exchange soak --seed N` repeats one. Writes
`docs/accept/soak.json`; the exit code is 0 only if no seed failed.
"""

import argparse
import json
import sys
import time
from collections import Counter
from multiprocessing import Pool

from margincall.exchange.soak import Report, run
from tests.accept.hashes import exchange_hash
from tests.sources import ROOT

RESULT = ROOT / "docs/accept/soak.json"
COUNTED = ("commands", "refused", "trades", "liquidations", "deleveraged")


def main() -> int:
    """Run, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    code = exchange_hash()
    began = time.monotonic()
    sums, rules, failed = Counter[str](), Counter[str](), list[Report]()
    with Pool(chosen.jobs) as pool:
        seeds = range(chosen.first, chosen.first + chosen.seeds)
        for done, report in enumerate(pool.imap_unordered(run, seeds, chunksize=20), 1):
            sums.update({name: getattr(report, name) for name in COUNTED})
            rules[report.rules] += 1
            if report.failure is not None:
                failed.append(report)
                print(f"seed {report.seed} ({report.rules}): {report.failure}", flush=True)
            if not done % 500:
                print(f"{done:,} of {chosen.seeds:,}, {time.monotonic() - began:,.0f} s", file=sys.stderr, flush=True)
    result = {
        "command": f"python -m tests.accept.soak_run --seeds {chosen.seeds} --first {chosen.first}",
        "first": chosen.first,
        "seeds": chosen.seeds,
        "failed": sorted(report.seed for report in failed),
        **sums,
        "rules": dict(sorted(rules.items())),
        "jobs": chosen.jobs,
        "seconds": round(time.monotonic() - began),
        "hash": code,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{chosen.seeds:,} seeds, {len(failed)} failed, {result['seconds']} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

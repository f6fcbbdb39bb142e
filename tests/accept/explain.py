"""`make accept-explain`: every bullet of the task, shown by a command, one line each.

Run as `python -m tests.accept.explain`. Exit code 0 only if all pass; a bullet that cannot run fails.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.accept import brackets_all, hashes, stream
from tests.accept.bullets import ACCEPT, SHARED, Bullet, need, passing, run, show
from tests.sources import ROOT

ALTERATIONS_AT_LEAST = 240
MIN_ORACLE = 100_000
RESAMPLED = 400
REPLANTED = 6
MIN_MUTATIONS = 60
MIN_KILLED = 0.95
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "DECISIONS.md", "CHANGELOG.md", "docs/status.md")
SPEC = ("margin", "brackets", "liquidation_price", "bankruptcy_price", "rounding", "assumptions")


def two_commands() -> str:
    """Clone, then the README's first command; its second is what CI runs, and the tests below."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        run("git", "clone", "-q", str(ROOT), str(clone))
        began = time.monotonic()
        out = run("make", "explain", cwd=clone)
        seconds = time.monotonic() - began
        run("make", "-n", "test", cwd=clone)
    readme = (ROOT / "README.md").read_text()
    need("make explain" in readme and "make test" in readme, "the README does not name both commands")
    return need("maintenance margin" in out, f"clone, make explain: {seconds:.0f} s")


def installed() -> str:
    """`pip install .` into a fresh environment gives the command, without anything else."""
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "venv", folder)
        python = str(Path(folder) / "bin" / "python")
        run(python, "-m", "pip", "install", "-q", "-c", "constraints.txt", ".")
        out = run(str(Path(folder) / "bin" / "margincall"), "explain", "--json", cwd=Path(folder), codes=(0, 1))
    return need(json.loads(out)["schema"] == "margincall.explain/1", "pip install . in a fresh environment")


def continuous_integration() -> str:
    """What .ci/run calls: the README's test command, lint, format, strict types; tidiness and import direction."""
    script = (ROOT / ".ci" / "run").read_text()
    need("make test" in script and "make lint" in script, ".ci/run calls make test and make lint")
    run("make", "lint")
    return "lint, format, mypy --strict; " + passing(
        "tests/test_tidy.py", "tests/test_imports.py", "tests/test_exports.py"
    )


def documents() -> str:
    """README, architecture, decisions, changelog, status; a spec page per hard rule, with a golden of that name."""
    missing = [name for name in DOCUMENTS if not (ROOT / name).is_file()]
    pages = sorted((ROOT / "docs" / "spec").glob("*.md"))
    goldens = [name for page in pages for name in re.findall(r"tests/cases/(\w+\.case)", page.read_text())]
    missing += [name for name in SPEC if "tests/cases/" not in (ROOT / "docs" / "spec" / f"{name}.md").read_text()]
    missing += [name for name in goldens if not (ROOT / "tests" / "cases" / name).is_file()]
    return need(
        not missing, f"{len(DOCUMENTS)} documents, {len(pages)} spec pages, goldens missing: {missing or 'none'}"
    )


def real_stream() -> str:
    """Two tables per field, N of N."""
    rows = stream.rows(SHARED)
    updates = stream.updates(SHARED)
    for row in rows:
        print(f"    {row.table:8} {row.field:16} {row.agree} of {row.counted}, {row.equal} digit for digit")
    for line in stream.continuity(SHARED):
        print(f"    between files {line[0]}: {line[1]} {line[2]} {line[3]}")
    good = all(row.agree == row.counted > 0 for row in rows) and updates == 41
    good = good and all(row.equal == row.counted for row in rows if row.table == "applied")
    counted = sum(row.counted for row in rows)
    return need(good, f"{updates} updates; {sum(row.agree for row in rows)} of {counted} printed values")


def altered_fills() -> str:
    """Any fill altered by the smallest step makes a table fail."""
    with tempfile.TemporaryDirectory() as folder:
        found = [(name, stream.is_noticed(messages, Path(folder))) for name, messages in stream.altered(SHARED)]
    noticed = sum(noticed for _, noticed in found)
    missed = [name for name, seen in found if not seen]
    return need(
        noticed == len(found) >= ALTERATIONS_AT_LEAST,
        f"{noticed} of {len(found)} alterations noticed {missed[:3] or ''}",
    )


def bracket_tables() -> str:
    """All tables load; envelope equals recurrence at floor, middle and cap of each row."""
    tables, rows, failures = brackets_all.run(SHARED)
    return need(
        tables == 61 and rows == 135_545 and not failures,
        f"{tables} tables, {rows:,} rows, {len(failures)} failures",
    )


def oracle() -> str:
    """The long run's record belongs to this code, and a random sample of it is run again."""
    record = json.loads((ACCEPT / "oracle.json").read_text())
    need(record["oracle_hash"] == hashes.oracle_hash(), "docs/accept/oracle.json is of other code: make oracle")
    need(record["accounts"] >= MIN_ORACLE and record["agreed"] == record["accounts"], f"{record['agreed']} agreed")
    seed = str(time.time_ns() % 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sample.json"
        run(
            sys.executable, "-m", "tests.accept.oracle_run",
            "--accounts", str(RESAMPLED), "--seed", seed, "--out", str(out),
        )  # fmt: skip
        sample = json.loads(out.read_text())
    need(sample["agreed"] == sample["accounts"] == RESAMPLED, f"sample of seed {seed}: {sample['agreed']}")
    return (
        f"{record['agreed']:,} of {record['accounts']:,} accounts; new sample {RESAMPLED} of {RESAMPLED} (seed {seed})"
    )


def mutation() -> str:
    """The mutation run's record belongs to this code; a random few of its mutants are planted again."""
    record = json.loads((ACCEPT / "mutation.json").read_text())
    need(record["hash"] == hashes.mutation_hash(), "docs/accept/mutation.json is of other code: make mutation")
    total, killed = record["mutations"], record["killed"]
    need(total >= MIN_MUTATIONS and killed / total >= MIN_KILLED, f"{killed} of {total} killed")
    order = str(time.time_ns() % 1_000_000)
    command = (sys.executable, "-m", "tests.mutation.run", "--seed", str(record["seed"]))
    again = run(*command, "--limit", str(REPLANTED), "--shuffle", order, codes=(0, 1))
    found = int((re.search(r"(\d+) of \d+ mistakes found", again) or [0, "0"])[1])
    need(found >= REPLANTED - len(record["survivors"]), f"planted again: {found} of {REPLANTED} found")
    return f"{killed} of {total} killed ({killed / total:.1%}); planted again: {found} of {REPLANTED}"


def speed() -> str:
    """Figures of this machine, now; the goal against the bot is from the recorded run in which both were measured."""
    out = run(sys.executable, "-m", "benchmarks", "--only", "scaling", "--only", "startup")
    record = json.loads((ACCEPT / "bench.json").read_text())
    ratios = ", ".join(f"{each['positions']}: {each['ratio']}x" for each in record["liquidation_prices"]["accounts"])
    return f"linear and start-up bounds hold ({out.strip().splitlines()[-1]}); goal, freqtrade / ours: {ratios}"


BULLETS = (
    Bullet("two commands on a fresh clone", two_commands),
    Bullet("pip install . gives margincall", installed),
    Bullet("ci: tests, lint, format, types, imports, tidiness", continuous_integration),
    Bullet("documents and spec pages with goldens", documents),
    Bullet("fold: every update reason and income type", lambda: passing("tests/wire", "tests/core", least=40)),
    Bullet("brackets: import, list, show, infer, check", lambda: passing("tests/venues", "tests/cli/test_brackets.py")),
    Bullet("readers and merge: streams and API dumps", lambda: passing("tests/history", least=10)),
    Bullet("explain and calc for people and programs", lambda: passing("tests/cli", "tests/forensics", least=10)),
    Bullet("real stream: 41 updates, applied and derived", real_stream),
    Bullet("real stream: any altered fill is noticed", altered_fills),
    Bullet("61 bracket tables, 135,545 rows", bracket_tables),
    Bullet("golden verdict sheets", lambda: passing("tests/cases/test_cases.py", least=20)),
    Bullet("perturbed goldens are named", lambda: passing("tests/cases/test_perturbations.py", least=12)),
    Bullet("oracle: 100,000 random accounts", oracle),
    Bullet("mutation run over core", mutation),
    Bullet("properties", lambda: passing("tests/properties", least=8)),
    Bullet("bad input", lambda: passing("tests/bad_input", least=15)),
    Bullet("speed", speed),
)


BEHIND = " Long runs behind it: `make oracle`, `make mutation`, `make bench`; figures, seeds and hashes in docs/accept."


if __name__ == "__main__":
    sys.exit(show("explain", BULLETS, sys.argv[1:], BEHIND))

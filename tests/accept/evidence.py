"""`make accept-evidence`: every bullet of the task, shown by a command, one line each.

Run as `python -m tests.accept.evidence`. Exit code 0 only if all pass; a bullet that cannot run fails.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from margincall.wire.encode_csv import LAYOUTS
from tests.accept import bitmex, copy_trades, hyperliquid, hyperliquid_causes, projection, rescue
from tests.accept.bullets import SHARED, Bullet, need, passing, run, show
from tests.recorded.server import AGES
from tests.sources import ROOT

CLOSES_AT_LEAST = 1600
EQUAL_AT_LEAST = 97
"""Percent of the closes of the copy trades that must equal the exact product to the last digit."""
LIQUIDATIONS = 33
KNOWN_EXCEPTIONS = 1
WINDOWED = ("tests/history/test_exports.py", "-k", "sparse or window or bomb or limit or memory or zip")


def readers() -> str:
    """Every header of the facts and its variants, plain and zipped, in each order and zone."""
    return f"{len(LAYOUTS)} headers; " + passing(
        "tests/wire/test_exports.py", "tests/wire/test_clock.py", "tests/wire/test_encode_csv.py",
        "tests/history/test_exports.py", least=200,
    )  # fmt: skip


def one_merge() -> str:
    """Same fill from three files once; sources that disagree with both texts."""
    return passing(
        "tests/history/test_merge.py", "tests/history/test_merge_exports.py", "tests/forensics/test_positions.py",
        least=60,
    )  # fmt: skip


def projected() -> str:
    """Every story in each kind of file and each pair: the same, or rightly unknown."""
    ran = projection.run(projection.stories(SHARED))
    for each in ran.failed[:10]:
        print(f"    {each}")
    table = projection.table(ran)
    current = projection.TABLE.read_text(encoding="utf-8") == table
    figure = f"{ran.compared:,} explanations in {len(projection.SETS)} sets of files, {len(ran.failed)} terms failed"
    return need(not ran.failed and current, figure + ("" if current else "; docs/accept/evidence.md is not current"))


def copied_trades() -> str:
    """Closes of lead traders, from a list of exclusions that was committed before the comparison."""
    outcome = copy_trades.run(SHARED)
    count = len(outcome.closes)
    near, equal = sum(close.is_near for close in outcome.closes), sum(close.is_equal for close in outcome.closes)
    for close in outcome.closes:
        if not close.is_equal:
            print(f"    line {close.line} {close.symbol}: printed {close.printed:f}, exact {close.profit:.12f}")
    good = near == count >= CLOSES_AT_LEAST and equal * 100 >= EQUAL_AT_LEAST * count
    good = good and not copy_trades.failures(outcome) and _was_first()
    return need(good, f"{near} of {count} within 2e-8; {equal} digit for digit ({equal / count:.2%})")


def _was_first() -> bool:
    """Whether the list of exclusions was committed before the comparison was written."""
    made, compared = (
        run("git", "log", "--follow", "--diff-filter=A", "--format=%H", "--", name).split()[-1]
        for name in ("docs/accept/copy_trades_excluded.json", "tests/accept/copy_trades.py")
    )
    done = subprocess.run(["git", "merge-base", "--is-ancestor", made, compared], cwd=ROOT, check=False)
    return made != compared and done.returncode == 0


def bitmex_ledger() -> str:
    """Every balance follows from the one before; totals per cause."""
    outcome = bitmex.run(SHARED)
    found = bitmex.exceptions(outcome)
    for cause in outcome.causes:
        print(f"    {cause.asset:5} {cause.category:13} {cause.reason:20} {cause.rows:6} rows {cause.total:>20f}")
    for group in found:
        print(f"    exception: {group}")
    rows = sum(len(group.amounts) for group in outcome.groups)
    balances = ", ".join(f"{amount.normalize():f} {asset}" for asset, amount in sorted(outcome.account.wallets.items()))
    good = not bitmex.failures(outcome) and len(found) <= KNOWN_EXCEPTIONS
    figure = f"{rows:,} rows, {len(outcome.groups):,} groups, {len(found)} exception; {balances}"
    return need(good, figure)


def hyperliquid_sizes() -> str:
    """The reconstructed size equals the liquidation's fills; errors by price source; outliers with causes."""
    found = hyperliquid.read(SHARED)
    cases = hyperliquid.reconstruct(found)
    for case in cases:
        print(hyperliquid.line(case))
    for each in hyperliquid.summaries(cases):
        print(
            f"    {each.source:5} notional error median {each.median_error:.2%}, worst {each.worst_error:.2%}; age "
            f"median {each.median_age:.0f} s, oldest {each.oldest} s; {each.swamped} as large as the account value"
        )
    every = hyperliquid_causes.outliers(found, cases)
    for outlier in every:
        print(f"    {outlier}")
    unnamed = [each for each in every if not (each.causes or each.settled_by)]
    missed = hyperliquid.failures(cases)
    tested = sum(bool(each.causes) for each in every)
    figure = (
        f"{len(cases) - len(missed)} of {len(cases)} liquidations; {len(every)} outliers: {tested} with a tested "
        f"cause, {len(every) - tested} unknown with the file that would settle it"
    )
    return need(len(cases) == LIQUIDATIONS and not missed and not unnamed, figure)


def killed_rescues() -> str:
    """Killed while each request is in flight and started again: the same folder, no request too many."""
    with tempfile.TemporaryDirectory() as folder:
        kills, wrong = rescue.every_kill(Path(folder))
    for line in wrong[:10]:
        print(f"    {line}")
    return need(kills > 100 and not wrong, f"killed at each of {kills} requests, {len(wrong)} differences")


def no_secrets() -> str:
    """A planted key and secret, a misbehaving server, crashes, and the list of processes."""
    with tempfile.TemporaryDirectory() as folder:
        runs, places = rescue.secrets(Path(folder))
    tests = passing("tests/case/test_secrets.py", "tests/case/test_keys.py", least=10)
    return need(runs >= 10 and not places, f"{runs} rescues, secrets in {len(places)} places; {tests}")


def lost_when() -> str:
    """At one hour nothing is lost; later exactly what the rules of retention take away."""
    with tempfile.TemporaryDirectory() as folder:
        found = rescue.lost(Path(folder))
        table = rescue.table(found, Path(folder))
        lost = {age: rescue.lost_checks(Path(folder) / age) for age in AGES}
        open_terms = rescue.unknown_terms(Path(folder) / "1h")
    due = {age: rescue.due_checks(age_ms) for age, age_ms in AGES.items()}
    current = rescue.TABLE.read_text(encoding="utf-8") == table
    figure = "; ".join(f"{age}: {', '.join(sorted(checks)) or 'none lost'}" for age, checks in lost.items())
    return need(lost == due and not open_terms and not lost["1h"] and current, figure)


def speed() -> str:
    """From a million rows to the explanation, against the least; memory; growth. Measured now."""
    out = run(sys.executable, "-m", "benchmarks.csv_to_explanation", codes=(0, 1))
    figures = json.loads(out)
    figure = (
        f"{figures['rows']:,} rows: {figures['ratio']}x the least (bound {figures['bound']}, goal {figures['goal']}); "
        f"{figures['peak_bytes'] / 2**30:.2f} GiB; twice the rows {figures['growth']}x"
    )
    return need(not figures["broken"], figure)


def documents() -> str:
    """The pages that the task names, and the tables that commands generate."""
    pages = ("docs/how-to/exports.md", "docs/how-to/rescue.md", "docs/spec/exports.md", "docs/reference/retention.md")
    tables = ("docs/reference/canonical-csv.md", "docs/accept/evidence.md", "docs/accept/lost_when.md")
    missing = [name for name in (*pages, *tables) if not (ROOT / name).is_file()]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.search(r"margincall rescue", readme) and re.search(r"margincall case", readme)
    return need(not missing and bool(named), f"{len(pages) + len(tables)} pages; missing: {missing or 'none'}")


BULLETS = (
    Bullet("readers: every export, zipped, zones, both orders", readers),
    Bullet("one merge of stream, API dumps and CSV", one_merge),
    Bullet(
        "wallet cast back, its doubt carried to the verdict",
        lambda: passing("tests/forensics/test_back_cast.py", "tests/forensics/test_candles.py", least=15),
    ),
    Bullet(
        "other venues: canonical CSV, BitMEX, Hyperliquid",
        lambda: passing("tests/wire/test_canonical.py", "tests/cli/test_other_venues.py", "-m", "not slow", least=40),
    ),
    Bullet(
        "rescue: permissions, order of expiry, weights, resumable, click-list",
        lambda: passing("tests/case", "tests/cli/test_rescue.py", "-m", "not slow", least=100),
    ),
    Bullet(
        "case new, add, show, check", lambda: passing("tests/case/test_folder.py", "tests/cli/test_case.py", least=20)
    ),
    Bullet(
        "client against the recorded server",
        lambda: passing("tests/case/test_client.py", "tests/case/test_transport.py", "tests/case/test_samples.py"),
    ),
    Bullet("documents and generated tables", documents),
    Bullet("projection: the same, or rightly unknown", projected),
    Bullet("binance_copy_trades", copied_trades),
    Bullet("bitmex_account", bitmex_ledger),
    Bullet("hyperliquid_2023", hyperliquid_sizes),
    Bullet("rescue killed at any request", killed_rescues),
    Bullet("no secret anywhere", no_secrets),
    Bullet("what is lost when", lost_when),
    Bullet(
        "bad input",
        lambda: passing("tests/bad_input", "tests/history/test_read_files.py", "tests/wire/test_exports.py", least=150),
    ),
    Bullet("zip bombs, sparse files, bounded memory", lambda: passing(*WINDOWED, least=10)),
    Bullet("speed", speed),
)

if __name__ == "__main__":
    sys.exit(show("evidence", BULLETS, sys.argv[1:]))

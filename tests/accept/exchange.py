"""`make accept-exchange`: every bullet of the task, shown by a command, one line each.

Run as `python -m tests.accept.exchange`. Exit code 0 only if all pass; a bullet that cannot run fails. The long runs
(`make waterfall`, `make soak`) leave their figures in docs/accept; here their hash is checked and a sample is repeated.
"""

import json
import random
import sys
import tempfile
from collections import Counter
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from tests.accept import crashes, waterfall_run
from tests.accept.bullets import ACCEPT, SHARED, Bullet, Failed, need, passing, run, show
from tests.accept.hashes import exchange_hash, waterfall_hash
from tests.sources import ROOT

LIQUIDATIONS = 1000
ACCOUNTS = 300
"""Accounts of each crash: enough for a thousand liquidation orders in all."""
VENUES, SAMPLE = 10_000, 200
HAPPENED, OFTEN = ("LIQUIDATION", "FUND EXHAUSTED", "deleverage", "SOCIALISED", "CLAWED BACK"), 300
"""What has to happen in at least so many of the venues."""
SEEDS, SEED_SAMPLE = 10_000, 50
COMMANDS, WITHIN_S = 300, 3600
LIMIT_RATIO, MARKET_RATIO, MARKET_GOAL = 2.0, 2.0, 8.0
LAST_TO_FIRST = 0.9
LOOKED_AT = 0.05
SPEED_ORDERS = 2000


def _trip(crash: crashes.Crash) -> crashes.Trip:
    return crashes.trip(crash, ACCOUNTS, 1, SHARED)


def round_trip() -> str:
    """Recorded crashes played, each liquidation explained from three kinds of files, each number held against what the
    exchange booked."""
    with Pool(2) as pool:
        trips = pool.map(_trip, crashes.CRASHES, chunksize=1)
    modes = sum((trip.modes for trip in trips), Counter[str]())
    closed = sum((trip.closed for trip in trips), Counter[str]())
    numbers = sum(sum(trip.terms.values()) for trip in trips)
    wrong = [each for trip in trips for found in trip.failed.values() for each in found]
    for each in wrong[:10]:
        print(f"    {each}")
    figure = (
        f"{modes.total():,} liquidation orders {dict(modes)}, beside them {dict(closed)}, from stream, API and CSV: "
        f"{numbers - len(wrong):,} of {numbers:,} numbers came back"
    )
    is_mixed = all(modes[mode] for mode in ("cross", "isolated", "hedge", "multi"))
    return (
        need(modes.total() >= LIQUIDATIONS and is_mixed and not wrong, figure)
        + "; shapes: "
        + passing("tests/exchange/test_export_shapes.py")
    )


def scenario_run() -> str:
    """The command itself, from an empty folder: files are written, and explained."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        command = [sys.executable, "-c", "from margincall.cli.main import main; main()"]
        said = json.loads(run(*command, "exchange", "run", "plain_liquidation", "--json", cwd=where))
        name = said["liquidations"][0]["account"]
        files = [f"plain_liquidation.out/{name}/stream.jsonl", "plain_liquidation.out/market"]
        answer = json.loads(run(*command, "explain", *files, "--json", cwd=where))
    verdict = answer["liquidations"][0]["verdict"]["liquidated"]
    figure = f"{len(said['liquidations'])} liquidation played, explained: liquidated {verdict}"
    return need(verdict is True, figure) + "; " + passing("tests/exchange/test_howto_scenario.py")


def waterfall() -> str:
    """The long run on this code, and a random sample of it again."""
    result = _stored("waterfall.json", "make waterfall")
    chosen = random.SystemRandom().sample(range(VENUES), SAMPLE)
    with Pool(2) as pool:
        outcomes = pool.map(waterfall_run.compare, [(result["seed"], each, each + 1) for each in chosen])
    differing = [f"{result['seed']}-{number}" for _, _, _, wrong in outcomes for number in wrong]
    rare = {name: result["happened"].get(name, 0) for name in HAPPENED}
    figure = (
        f"{result['agree']:,} of {result['venues']:,} venues, {result['terms']:,} terms, in so many of them: {rare}; "
        f"again {SAMPLE} of them: {len(differing)} differ {differing or ''}"
    )
    is_whole = result["agree"] == result["venues"] >= VENUES and min(rare.values()) >= OFTEN
    return need(is_whole and not differing, figure.rstrip())


def invariants() -> str:
    """The matrix, checked against its tests."""
    return passing("tests/exchange/test_invariants.py", "tests/exchange/test_watch.py")


def soak() -> str:
    """The long run on this code, and a random sample of its seeds again."""
    result = _stored("soak.json", "make soak")
    first = random.SystemRandom().randrange(SEEDS - SEED_SAMPLE)
    command = [sys.executable, "-c", "from margincall.cli.main import main; main()"]
    said = json.loads(
        run(*command, "exchange", "soak", "--seed", str(first), "--count", str(SEED_SAMPLE), "--json", codes=(0, 1))
    )
    figure = (
        f"{result['seeds']:,} seeds, {result['commands']:,} commands, {result['liquidations']:,} liquidations in "
        f"{result['seconds'] / 60:.0f} min with {result['jobs']} processes, {len(result['failed'])} failed; "
        f"again {first} to {first + SEED_SAMPLE - 1}: "
    )
    is_whole = result["seeds"] >= SEEDS and result["commands"] >= COMMANDS * SEEDS
    is_fast = result["seconds"] <= WITHIN_S and result["jobs"] <= 2
    good = is_whole and is_fast and not result["failed"] and not said["failed"]
    return need(good, figure + f"{len(said['failed'])} failed")


def journal() -> str:
    """Truncation at every byte, torn blocks, real kills, other processes, old versions."""
    return passing(
        "tests/exchange/test_journal.py", "tests/exchange/test_journal_crash.py", "tests/exchange/test_digest.py",
        "tests/exchange/test_engine.py", "tests/exchange/test_engine_crash.py",
        "tests/exchange/test_stored_journal.py", least=30,
    )  # fmt: skip


def example() -> str:
    """The embedded example is what the exchange gives."""
    return passing("tests/exchange/test_example.py")


def scenarios() -> str:
    """The how-to page's files and commands, the scenarios that come with it."""
    return passing("tests/exchange/test_howto_scenario.py", "tests/exchange/test_scenario.py", least=40)


def disputes() -> str:
    """Every fault upheld with its refund booked, the same liquidation without it rejected."""
    return passing("tests/exchange/test_disputes.py", least=60)


def bad_input() -> str:
    """Numbered rejections and an unchanged digest; mistakes of scenarios by line and key."""
    return passing(
        "tests/exchange/test_rejections.py", "tests/exchange/test_any_command.py", "tests/exchange/test_scenario.py",
        least=150,
    )  # fmt: skip


def against_nautilus() -> str:
    """Limit + cancel and market orders beside nautilus_trader, in one run."""
    said = json.loads(
        run(sys.executable, "-m", "benchmarks.against_nautilus", "--n", str(SPEED_ORDERS), "--rounds", "6", "--json")
    )
    ratios = {row["kind"]: row["ratio"] for row in said["rows"]}
    figure = f"nautilus_trader {said['nautilus_trader']}: " + ", ".join(
        f"{kind} {ratio:.2f}" for kind, ratio in ratios.items()
    )
    goal = "met" if ratios["market"] >= MARKET_GOAL else "not met"
    good = ratios["limit-cancel"] >= LIMIT_RATIO and ratios["market"] >= MARKET_RATIO
    return need(good, f"{figure} (at least {LIMIT_RATIO:g}); goal {MARKET_GOAL:g} on market {goal}")


def many_fills() -> str:
    """The rate of the last tenth of 300,000 fills against the first."""
    said = json.loads(run(sys.executable, "-m", "benchmarks.many_fills", "--json"))
    ratio = said["last/first"]
    return need(ratio >= LAST_TO_FIRST, f"{said['fills']:,} fills: last tenth {ratio:.3f} of the first")


def mark_ticks() -> str:
    """Ticks over 10,000 accounts: the right ones liquidated, few looked at."""
    data = str(SHARED / "market/mark")
    said = json.loads(run(sys.executable, "-m", "benchmarks.mark_ticks", data, "--json", codes=(0, 1)))
    figure = (
        f"{said['ticks']:,} ticks over {said['accounts']:,} accounts: {said['liquidated']:,} liquidated, "
        f"{said['differing']} ticks differ from a full scan; looked at {said['looked_at']:,} of {said['holders']:,} "
        f"holders ({100 * said['share']:.2f} %)"
    )
    return need(not said["differing"] and said["share"] <= LOOKED_AT, figure)


def order_books() -> str:
    """Python order books beside ours, without a threshold."""
    said = run(sys.executable, "-m", "benchmarks.order_book", timeout=2400)
    rows = [line.split() for line in said.splitlines() if "ours / it" in line]
    ratios = [float(words[-1]) for words in rows]
    ahead = sum(ratio >= 1 for ratio in ratios)
    span = f"{min(ratios)} to {max(ratios)} times"
    return f"{len(ratios)} rows (engine and work): ours is as fast or faster in {ahead}, {span}"


def _stored(name: str, command: str) -> dict[str, Any]:
    """The figures of a long run, if it ran on this code."""
    path = ACCEPT / name
    if not path.is_file():
        raise Failed(f"docs/accept/{name} is missing: {command}")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if result["hash"] != (waterfall_hash() if name == "waterfall.json" else exchange_hash()):
        raise Failed(f"docs/accept/{name} was measured on other code: {command}")
    return result


BULLETS = (
    Bullet("round trip", round_trip),
    Bullet("exchange run", scenario_run),
    Bullet("waterfall against the oracle", waterfall),
    Bullet("invariants 1 to 25", invariants),
    Bullet("soak", soak),
    Bullet("journal", journal),
    Bullet("embedded example", example),
    Bullet("scenarios", scenarios),
    Bullet("dispute desk", disputes),
    Bullet("bad input", bad_input),
    Bullet("speed: nautilus_trader", against_nautilus),
    Bullet("speed: order books", order_books),
    Bullet("speed: 300,000 fills", many_fills),
    Bullet("speed: mark ticks", mark_ticks),
)


def main() -> int:
    """Show all of them."""
    assert ROOT.is_dir()
    return show("exchange", BULLETS, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""Our engine beside nautilus_trader: the same flow of orders with margin, fees, positions and profit.

`python -m benchmarks.against_nautilus` makes an environment for the peer in `.bench/` (LGPL-3, for the measurement
only; it is no part of this project) and prints a table. Each side is a process of its own with the interpreter of that
environment; the two take turns, and of all rounds the best of each counts. Seconds are of the processor, without
building the inputs, and for the peer without its quotes. Ratios hold better than absolute figures: other programs on
the machine slow both sides.

The newest version of the peer that pip installs for this Python is the default. For another one, say which, and with
which Python: `--peer-version 1.231.0 --python python3.13`. Growth is what an order of the longest flow costs against
one of the shortest.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.engine_flow import KINDS

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".bench"
NEWEST = "newest"
MSGSPEC = "msgspec>=0.20,<0.23"
SIZES = (500, 2_000, 8_000)
ROUNDS, REPEATS, SEED = 5, 3, 1
SIDES = {"peer": "benchmarks.nautilus_side", "ours": "benchmarks.engine_side"}


def environment(cache: Path, python: str, wanted: str) -> Path:
    """The interpreter of an environment that has the peer; made if there is none. The newest is asked for each time."""
    place = cache / f"nautilus-{wanted}"
    ready = place / ".ready"
    if not ready.exists():
        subprocess.run([python, "-m", "venv", "--clear", place], check=True)
    if wanted == NEWEST or not ready.exists():
        packages = ["nautilus_trader" if wanted == NEWEST else f"nautilus_trader=={wanted}", MSGSPEC]
        install = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--upgrade", *packages]
        subprocess.run(install, check=True)
        ready.touch()
    return place / "bin" / "python"


def side(python: Path, module: str, kind: str, n: int, repeats: int) -> dict[str, Any]:
    """What one process of one side prints."""
    paths = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [python, "-m", module, kind, str(SEED), str(n), str(repeats)]
    done = subprocess.run(command, cwd=ROOT, env=paths, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(
    python: Path, kinds: Sequence[str], sizes: Sequence[int], rounds: int, repeats: int
) -> list[dict[str, Any]]:
    """One row per flow. In each round every flow has a turn on both sides, so that a slow minute slows all of them."""
    seconds: dict[tuple[str, int, str], list[float]] = {}
    last: dict[tuple[str, int, str], dict[str, Any]] = {}
    for _ in range(rounds):
        for turn in product(kinds, sizes, SIDES):
            if turn in last and not seconds[turn]:
                continue  # It said that it cannot.
            kind, n, name = turn
            last[turn] = found = side(python, SIDES[name], kind, n, repeats)
            seconds.setdefault(turn, []).extend([] if found["seconds"] is None else [found["seconds"]])
    return [row(kind, n, seconds, last) for kind, n in product(kinds, sizes)]


def row(kind: str, n: int, seconds: dict[Any, list[float]], last: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """The best seconds of both sides for one flow."""
    said, ours = last[kind, n, "peer"], last[kind, n, "ours"]
    if said["flow"] != ours["flow"]:
        sys.exit(f"the sides had different flows: {said}, {ours}")
    peer, mine = (min(seconds[kind, n, name], default=None) for name in SIDES)
    assert peer is not None
    return {
        "kind": kind,
        "n": n,
        "peer_us": round(1e6 * peer / n, 2),
        "peer_per_s": round(n / peer),
        "peer_us_rounds": [round(1e6 * each / n, 1) for each in seconds[kind, n, "peer"]],
        "ours_us": mine and round(1e6 * mine / n, 2),
        "ours_per_s": mine and round(n / mine),
        "ratio": mine and round(peer / mine, 2),
        "peer": {name: each for name, each in said.items() if name not in ("seconds", "orders_per_s")},
        "reason": ours.get("reason"),
    }


def growth(rows: list[dict[str, Any]], who: str) -> dict[str, float]:
    """What an order costs in the longest flow of each kind against the shortest."""
    found = {}
    for kind in {row["kind"] for row in rows}:
        costs = [row[f"{who}_us"] for row in rows if row["kind"] == kind]
        if len(costs) > 1 and None not in costs:
            found[kind] = round(costs[-1] / costs[0], 2)
    return dict(sorted(found.items()))


def show(figures: dict[str, Any]) -> None:
    """A table for people."""
    title = f"nautilus_trader {figures['nautilus_trader']} and ours, Python {figures['python']}"
    headers = ("flow", "orders", "its µs", "its /s", "ours µs", "ours /s", "its / ours", "its fills")
    table = Table(*headers, title=title)
    for row in figures["rows"]:
        names = ("kind", "n", "peer_us", "peer_per_s", "ours_us", "ours_per_s", "ratio")
        shown = ("–" if row[name] is None else f"{row[name]:,}" if name != "kind" else row[name] for name in names)
        table.add_row(*shown, f"{row['peer']['fills']:,}")
    out = Console()
    out.print(table)
    out.print(f"cost of an order, longest flow / shortest: nautilus {figures['peer_growth']}, ours {figures['growth']}")
    out.print(f"an order that needs five times the wallet as margin is {figures['too_large']} by nautilus")
    for reason in sorted({row["reason"] for row in figures["rows"]} - {None}):
        out.print(f"no figures of ours: {reason}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against_nautilus", description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind of flow (may be repeated)")
    parser.add_argument("--n", action="append", type=int, help="orders of a flow (may be repeated)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each side")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="runs in a turn")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the environment of the peer")
    parser.add_argument("--python", default=sys.executable, help="interpreter to make that environment with")
    parser.add_argument("--peer-version", default=NEWEST, help="version of nautilus_trader")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    python = environment(options.cache.resolve(), options.python, options.peer_version)
    rows = compared(python, options.kind or KINDS, sorted(options.n or SIZES), options.rounds, options.repeats)
    peer = rows[0]["peer"]
    figures = {
        **{name: peer[name] for name in ("nautilus_trader", "python", "too_large")},
        "rows": rows,
        "peer_growth": growth(rows, "peer"),
        "growth": growth(rows, "ours"),
    }
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)


if __name__ == "__main__":
    main()

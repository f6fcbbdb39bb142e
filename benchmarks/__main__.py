"""`make bench`: measure, print tables, write docs/accept/bench.json. Exit code 1 if a bound is broken.

freqtrade (GPL-3) is installed for the measurement only, into an environment of its own in `.bench/`, and is no part of
this project. That ratio is a goal and is printed as it is; the bounds on growth and start-up are hard.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import scaling, startup
from tests.accept.hashes import src_hash

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "docs" / "accept" / "bench.json"
PEER = ROOT / ".bench" / "freqtrade"
PEER_VERSION = "2026.9"
PARTS = ("liquidation_prices", "scaling", "startup")


def liquidation_prices() -> dict[str, Any]:
    """The comparison, run in the peer's environment with our source on its path."""
    python = PEER / "bin" / "python"
    if not (PEER / ".ready").exists():
        venv.create(PEER, with_pip=True)
        packages = [f"freqtrade=={PEER_VERSION}", "msgspec"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (PEER / ".ready").touch()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [python, "-m", "benchmarks.against_freqtrade"],
        cwd=ROOT, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def broken(figures: dict[str, Any]) -> list[str]:
    """The hard bounds that do not hold."""
    found = []
    for name, growth in figures.get("scaling", {}).items():
        if name != "bound" and max(growth["ratios"]) > scaling.BOUND:
            found.append(f"{name}: cost(2n)/cost(n) {growth['ratios']} > {scaling.BOUND}")
    for name, taken in figures.get("startup", {}).items():
        if taken["best"] > taken["bound"]:
            found.append(f"{name}: {taken['best']} s > {taken['bound']} s")
    return found


def show(figures: dict[str, Any]) -> None:
    """Tables for people."""
    out = Console()
    if "liquidation_prices" in figures:
        peer = figures["liquidation_prices"]
        table = Table(
            "positions", "freqtrade µs", "ours µs", "freqtrade / ours", "ours exact", "freqtrade within 0.1 %",
            title=f"freqtrade {peer['freqtrade']}",
        )  # fmt: skip
        shown = Table(
            "positions", "symbol", "side", "freqtrade", "ours", "exact (bisection)", title="liquidation prices"
        )
        for row in peer["accounts"]:
            names = ("positions", "freqtrade_us", "ours_us", "ratio", "ours_exact", "freqtrade_near")
            table.add_row(*(str(row[name]) for name in names))
            for price in row["prices"]:
                shown.add_row(
                    str(row["positions"]), *(str(price[n]) for n in ("symbol", "side", "freqtrade", "ours", "exact"))
                )
        out.print(table, shown)
    growth = Table("growth in", "sizes", "ms", "cost(2n)/cost(n)", title=f"linear: at most {scaling.BOUND}")
    for name, row in figures.get("scaling", {}).items():
        if name != "bound":
            growth.add_row(name, str(row["sizes"]), str(row["ms"]), str(row["ratios"]))
    start = Table("command", "best s", "median s", "bound s", title="whole process")
    for name, row in figures.get("startup", {}).items():
        start.add_row(name, str(row["best"]), str(row["median"]), str(row["bound"]))
    out.print(growth, start)


def main() -> int:
    """Measure the parts asked for; a run of all parts is written down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part (may be repeated)")
    chosen = parser.parse_args().only or list(PARTS)
    measures = {"liquidation_prices": liquidation_prices, "scaling": scaling.measure, "startup": startup.measure}
    figures = {name: measures[name]() for name in chosen}
    show(figures)
    if chosen == list(PARTS):
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        when = {"date": datetime.now(UTC).date().isoformat(), "src_hash": src_hash()}
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        record = {"command": "python -m benchmarks", **when, **machine, **figures}
        RESULT.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    failed = broken(figures)
    print("; ".join(failed) if failed else "bounds hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

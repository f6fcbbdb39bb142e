"""How long a whole process takes: the help, and a calculation."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROUNDS = 15
COMMANDS: dict[str, tuple[float, tuple[str, ...]]] = {
    "--help": (0.2, ("--help",)),
    "calc": (0.3, ("calc", "BTCUSDT", "--long", "1@60000", "--short", "0.6@62000", "--wallet", "8000")),
}
"""Bound in seconds, and arguments."""


def measure() -> dict[str, Any]:
    """Best and median seconds of each command as a process of its own, in turn."""
    program = str(Path(sys.executable).parent / "margincall")
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, (_, arguments) in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([program, *arguments], check=True, capture_output=True)
            taken[name].append(time.perf_counter() - began)
    return {
        name: {
            "bound": COMMANDS[name][0],
            "best": round(min(times), 3),
            "median": round(sorted(times)[len(times) // 2], 3),
        }
        for name, times in taken.items()
    }

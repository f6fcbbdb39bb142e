"""An environment of its own for each client, with pinned versions; used again until the pins change."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.sources import ROOT

FOLDER = ROOT / ".clients"
PINS = ROOT / "tests/conformance/requirements"
INSTALL_S = 900


def environment(name: str) -> Path:
    """The Python of an environment, made if it is not there or was made of other pins.

    Raises `RuntimeError` where pip fails."""
    pins = PINS / f"{name}.txt"
    folder = FOLDER / name
    stamp, wanted = folder / ".stamp", f"{sys.version_info[:2]}\n{pins.read_text(encoding='utf-8')}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        venv.create(folder, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", pins]
        done = subprocess.run(command, env=clean(), capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode:
            raise RuntimeError(f"pip for {name}: exit {done.returncode}: {done.stderr[-1000:]}")
        stamp.write_text(wanted, encoding="utf-8")
    return python


def version(name: str, package: str) -> str:
    """The pinned version of a package."""
    for line in (PINS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        found, _, pinned = line.partition("==")
        if found.replace("_", "-").lower() == package.replace("_", "-").lower():
            return pinned
    raise KeyError(f"{package} is not pinned for {name}")


def clean() -> dict[str, str]:
    """The process's variables without those that lead a Python to other modules."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

"""The command line in a process of its own, as a user runs it."""

import os
import subprocess
import sys
from typing import NamedTuple

from tests.server.running import CODE
from tests.sources import ROOT

PATIENCE_S = 120


class Said(NamedTuple):
    """Exit code, and what was written to both outputs."""

    code: int
    out: str
    errors: str


def environment(**more: str) -> dict[str, str]:
    """Ours without settings of margincall, and with this source."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARGINCALL_")}
    return {**kept, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))), "COLUMNS": "140", **more}


def margincall(*words: str, **more: str) -> Said:
    """Run `margincall` with these words; `more` goes to its environment."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], env=environment(**more), capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)

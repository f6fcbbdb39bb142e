"""Copies of the project in which mistakes are planted: the project itself is never touched."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.conftest import data_folder
from tests.mutation.operators import Mutation
from tests.sources import ROOT

PARTS = ("src", "tests", "docs", "pyproject.toml")
FAILED, PASSED = 1, 0
BROKEN = frozenset({1, 2, 3})
"""Exit codes of pytest by which a mistake is found: a test failed, a file could not be collected, an internal error."""
TIMED_OUT = -1


class Outcome(NamedTuple):
    """How the killers ended on a tree, after how many seconds, and their last words."""

    code: int
    seconds: float
    output: str

    @property
    def killed(self) -> bool:
        """A failed test, a file that cannot be imported, or a test that never ends."""
        return self.code in BROKEN or self.code == TIMED_OUT


class Tree:
    """One copy of the project, in which one mistake at a time is planted and taken back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
            else:
                shutil.copy2(source, target)
        # Compiled files that are checked by content: a mistake may have the same size and second as what stood there.
        compiled = ("-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "src", "tests")
        subprocess.run([sys.executable, *compiled], cwd=folder, check=False, capture_output=True)

    def outcome(self, killers: tuple[str, ...], timeout: float, mutation: Mutation | None = None) -> Outcome:
        """Run the killers, with a mistake or without."""
        if mutation is None:
            return self._run(killers, timeout)
        path = self.folder / mutation.file
        original = path.read_text(encoding="utf-8")
        path.write_text(mutation.text, encoding="utf-8")
        try:
            return self._run(killers, timeout)
        finally:
            path.write_text(original, encoding="utf-8")

    def _run(self, killers: tuple[str, ...], timeout: float) -> Outcome:
        options = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--tb=line")
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *killers],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            code = TIMED_OUT
        return Outcome(code, time.monotonic() - begun, output)

    def _environment(self) -> dict[str, str]:
        """The copy's own sources before any installed ones; the real data where it is."""
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MARGINCALL_SHARED": str(data_folder().parent),
        }

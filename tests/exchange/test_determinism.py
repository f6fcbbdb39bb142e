"""The same commands give the same bytes, in another process and with another hash seed."""

import os
import subprocess
import sys

from tests.exchange.flow import run
from tests.sources import ROOT

SEED, COUNT = 7, 3_000


def elsewhere(hash_seed: str) -> str:
    """The digest of the same flow from a process with this hash seed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.exchange.flow", str(SEED), str(COUNT)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_the_same_bytes_in_every_process() -> None:
    assert {elsewhere("0"), elsewhere("1"), elsewhere("4242"), run(SEED, COUNT)} == {run(SEED, COUNT)}


def test_another_flow_gives_other_bytes() -> None:
    assert run(SEED + 1, COUNT) != run(SEED, COUNT)

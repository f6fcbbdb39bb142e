"""The server under what no client sends, for the acceptance of the task `serve`: schemathesis and the own fuzzers.

Needs the extra `fuzz`.
"""

from random import SystemRandom

from tests.fuzz.run import fuzzed

SECONDS = 180.0


def run(seconds: float = SECONDS, seed: int | None = None) -> tuple[bool, str]:
    """So many seconds of both at the same time; whether nothing was wrong, and the figures (with the seed). What was
    wrong is printed, each input with the command that sends it again."""
    return fuzzed(seconds, SystemRandom().getrandbits(31) if seed is None else seed)

"""From an answer and its paths to a verdict: reads what the market showed in the same files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from margincall.forensics.answer import Answer
from margincall.forensics.verify.check import Verified
from margincall.forensics.verify.judge import verify
from margincall.history.public import Bar, read_market
from margincall.wire.problems import Problem


def verified(
    answer: Answer, paths: Sequence[Path], beside: Sequence[Answer] = (), bars: Iterable[Bar] = ()
) -> tuple[Verified, tuple[Problem, ...]]:
    """The verdict, and what of the market's files could not be read. `bars` are candles of a store."""
    market = read_market(paths, bars)
    return verify(answer, market, beside=beside), market.problems

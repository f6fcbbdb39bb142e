"""From an answer and its paths to a verdict: reads what the market showed in the same files."""

from collections.abc import Sequence
from pathlib import Path

from margincall.forensics.answer import Answer
from margincall.forensics.stored import market_rows
from margincall.forensics.verify.check import Verified
from margincall.forensics.verify.judge import verify
from margincall.history.market.store import MarketStore
from margincall.history.public import read_market
from margincall.wire.problems import Problem


def verified(
    answer: Answer, paths: Sequence[Path], beside: Sequence[Answer] = (), store: MarketStore | None = None
) -> tuple[Verified, tuple[Problem, ...]]:
    """The verdict, and what of the market's files could not be read. `store` holds market data beside them."""
    market = read_market(paths, market_rows(store, answer.explained) if store is not None else ())
    return verify(answer, market, beside=beside), market.problems

"""Real histories: nobody is accused of what a gap between recordings, or a missing file, explains."""

from pathlib import Path

import pytest

from margincall.forensics.answer import answer
from margincall.forensics.verify.run import verified
from margincall.history.bracket_store import load_book
from tests.forensics.test_verify_faults import named

STREAM = "data/binance_user_stream"


@pytest.mark.parametrize("number", [*range(10)], ids=lambda number: f"session-{number:02}" if number else "all")
def test_the_real_stream(shared: Path, number: int) -> None:
    """Nine recordings of one account, alone and together: months lie between them."""
    folder = shared / STREAM.removeprefix("data/")
    path = folder / f"session-{number:02}.json" if number else folder
    verdict = verified(answer([path], load_book()), [path])[0]
    assert verdict.checks
    assert named(verdict) == set()

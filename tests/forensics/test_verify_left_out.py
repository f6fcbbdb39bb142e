"""Files with something left out: whatever row or message is missing, nobody is accused of what it would have explained.

Whatever does not add up then is told as what it is: files that contradict themselves.
"""

import json
from pathlib import Path

import pytest

from margincall.forensics.answer import answer
from margincall.forensics.verify.run import verified
from margincall.history.bracket_store import load_book
from tests.forensics.test_verify_faults import BIG, PLAIN, named, play

STEPS = [3, pytest.param(1, marks=pytest.mark.slow)]
"""Files are cut at every third place; slow, at all."""
LISTS = ("userTrades", "income", "allOrders", "forceOrders")


@pytest.fixture(scope="module", params=["PLAIN", pytest.param("BIG", marks=pytest.mark.slow)])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A liquidation without any fault."""
    folder = tmp_path_factory.mktemp("left-out")
    return play(folder, {"PLAIN": PLAIN, "BIG": BIG}[request.param])


def told(*paths: Path) -> set[str]:
    """What is named from these paths."""
    return named(verified(answer(paths, load_book()), list(paths))[0])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", LISTS)
def test_any_row_of_a_list(played: Path, tmp_path: Path, name: str, step: int) -> None:
    """Each row once, and all rows from one on, or up to one."""
    rows = json.loads((played / "alice" / "api" / f"{name}.json").read_text())
    others = [path for path in (played / "alice" / "api").iterdir() if path.stem != name]
    assert rows
    for place in range(min(len(rows), 12)):
        cuts = (rows[:place], rows[place + 1 :]) if place % step == 0 else ()
        for kept in (rows[:place] + rows[place + 1 :], *cuts):
            left = tmp_path / f"{name}.json"
            left.write_text(json.dumps(kept))
            assert told(left, *others, played / "market") == set(), f"row {place} of {name}"


@pytest.mark.parametrize("step", STEPS)
def test_any_message_of_a_recording(played: Path, tmp_path: Path, step: int) -> None:
    """Each message once, and recordings that begin or end at one."""
    lines = (played / "alice" / "stream.jsonl").read_text().splitlines(keepends=True)
    for place in range(len(lines)):
        cuts = (lines[:place], lines[place:]) if place % step == 0 else ()
        for kept in (lines[:place] + lines[place + 1 :], *cuts):
            left = tmp_path / "stream.jsonl"
            left.write_text("".join(kept) or "{}")
            assert told(left, played / "market") == set(), f"message {place}"


def test_two_recordings_with_a_gap(played: Path, tmp_path: Path) -> None:
    """Cut in two, with some messages lost in between."""
    lines = (played / "alice" / "stream.jsonl").read_text().splitlines(keepends=True)
    for place in range(1, len(lines) - 1):
        first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        first.write_text("".join(lines[:place]))
        second.write_text("".join(lines[place + 1 :]))
        assert told(first, second, played / "market") == set(), f"gap at {place}"

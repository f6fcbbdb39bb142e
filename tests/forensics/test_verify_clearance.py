"""The rate of the clearance fee: that of an exchangeInfo among the files, near enough in time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from margincall.forensics.answer import answer
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.run import verified
from margincall.history.bracket_store import load_book
from tests.forensics.test_verify_faults import BIG, play

DAY_MS = 86_400_000
ETHER = BIG.replace("BTCUSDT", "ETHUSDT").replace("25000000", "15000000").replace("1350000", "860000")
"""A contract of which the package knows no rate."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The liquidation."""
    return play(tmp_path_factory.mktemp("ether"), ETHER)


def fees_by(played: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> list[Check]:
    """The checks of the fees, with the rates as changed."""
    told = json.loads((played / "market" / "exchangeInfo.json").read_text())
    change(told)
    (to / "exchangeInfo.json").write_text(json.dumps(told))
    market = [path for path in (played / "market").iterdir() if path.name != "exchangeInfo.json"]
    paths = [played / "alice" / "stream.jsonl", *market, to]
    found = verified(answer(paths, load_book()), paths)[0]
    return [each for part in found.liquidations for each in part.checks if each.kind == "clearance_fee"]


def rated(rate: str) -> Callable[[dict[str, Any]], None]:
    """Another rate."""
    return lambda told: told["symbols"][0].update(liquidationFee=rate)


def test_by_the_rate_that_is_printed(played: Path, tmp_path: Path) -> None:
    """It holds by the one that was in force, and is too much by a lower one."""
    assert {each.verdict for each in fees_by(played, tmp_path, lambda told: None)} == {"holds"}
    lower = fees_by(played, tmp_path, rated("0.005"))
    assert {each.points_to[:1] for each in lower if each.verdict == "does not hold"} == {("clearance_fee_base",)}


@pytest.mark.parametrize("days", [-40, 40])
def test_a_rate_of_another_month_accuses_nobody(played: Path, tmp_path: Path, days: int) -> None:
    """Nor does none at all: what would settle it is named."""

    def later(told: dict[str, Any]) -> None:
        told["serverTime"] += days * DAY_MS
        rated("0.005")(told)

    for found in (fees_by(played, tmp_path, later), fees_by(played, tmp_path, lambda told: told["symbols"].clear())):
        assert {each.verdict for each in found} == {"cannot tell"}
        assert all("exchangeInfo" in each.settled_by for each in found)


def test_a_rate_that_is_none_is_told_with_its_place(played: Path, tmp_path: Path) -> None:
    """The rest of the files counts."""
    told = json.loads((played / "market" / "exchangeInfo.json").read_text())
    told["symbols"][0]["liquidationFee"] = "much"
    (tmp_path / "exchangeInfo.json").write_text(json.dumps(told))
    paths = [played / "alice" / "stream.jsonl", tmp_path]
    problems = verified(answer(paths, load_book()), paths)[1]
    assert any("liquidationFee" in each.message and "much" in each.raw for each in problems)

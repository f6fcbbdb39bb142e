"""Every account of every scenario that comes with margincall, explained from every choice of its files.

The exchange that wrote them keeps to its own rules, so that an accusation, or a row that is not understood, is a
mistake of the explanation.
"""

from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest

from margincall.cli.exchange_run import embedded
from margincall.core.checks import FAILS, Finding
from margincall.errors import FINE
from margincall.forensics.answer import HARMLESS, Answer, answer
from margincall.history.bracket_store import load_book
from tests.cli.calling import call

PARTS = ("stream.jsonl", "api", "csv")
CHOICES = [choice for size in range(1, len(PARTS) + 1) for choice in combinations(PARTS, size)]
DELEVERAGED = """\
name = "deleveraged"
start = 2026-09-20T12:00:00Z
fund = { USDT = 100 }
[[contract]]
symbol = "BTCUSDT"
path = [["0m", 50000], ["1m", 50000], ["1m30s", 49970], ["2m", 50000], ["2m1s", 47000], ["4m", 46000]]
liquidity = { depth = 30000, thins_at = "1m", thins_to = 0 }
[[account]]
name = "long"
deposit = { USDT = 1500 }
margin = "isolated"
position = [{ symbol = "BTCUSDT", side = "long", quantity = 1, leverage = 40, at = "10s" }]
[[account]]
name = "short"
deposit = { USDT = 3000 }
position = [{ symbol = "BTCUSDT", side = "short", quantity = 1, leverage = 20, at = "9s" }]
"""
"""The fund takes over a part, at an exact bankruptcy price between two ticks; the rest is deleveraged."""


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of each scenario."""
    folder = tmp_path_factory.mktemp("scenarios")
    own = folder / "deleveraged.toml"
    own.write_text(DELEVERAGED, encoding="utf-8")
    others = folder / "clawback.toml"
    others.write_text(DELEVERAGED.replace("start =", 'rules = "clawback"\nstart ='), encoding="utf-8")
    for scenario in (*embedded(), str(own), str(others)):
        assert call("exchange", "run", scenario, "--out", str(folder / Path(scenario).stem)).code == FINE
    return folder


def told(folder: Path, choice: tuple[str, ...]) -> Answer:
    """The answer from some of an account's files, and the market."""
    return answer([*(folder / part for part in choice), folder.parent / "market"], load_book())


def failing(found: Answer) -> list[Finding]:
    """What does not hold, of the files and of each liquidation."""
    findings = [finding for case in found.explained.cases for finding in case.explanation.findings]
    return [finding for finding in (*findings, *found.explained.findings) if finding.verdict == FAILS]


@pytest.mark.parametrize("choice", CHOICES, ids="+".join)
@pytest.mark.parametrize("scenario", [*(name for name in embedded() if name != "wrong_liquidation"), "deleveraged"])
def test_a_correct_venue_is_not_accused(scenario: str, choice: tuple[str, ...], played: Path) -> None:
    """No finding fails, and every row is understood: exit code 0."""
    folders = [each for each in sorted((played / scenario).iterdir()) if each.is_dir() and each.name != "market"]
    assert folders
    for folder in folders:
        found = told(folder, choice)
        assert found.explained.cases, folder.name
        assert not failing(found), folder.name
        assert not [problem for problem in found.problems if problem.kind not in HARMLESS], folder.name
        assert not found.is_irregular


@pytest.mark.parametrize("choice", [each for each in CHOICES if each != ("csv",)], ids="+".join)
def test_more_files_do_not_take_the_verdict_away(choice: tuple[str, ...], played: Path) -> None:
    """The transaction history calls `DEPOSIT` what the income calls `TRANSFER`: it is one flow."""
    (case,) = told(played / "plain_liquidation" / "alice", choice).explained.cases
    assert case.explanation.verdict.liquidated
    assert case.explanation.verdict.wallet_balance == Decimal("1959.98714")


@pytest.mark.parametrize("choice", CHOICES, ids="+".join)
def test_the_cancelled_orders_are_counted_in_every_choice(choice: tuple[str, ...], played: Path) -> None:
    """A list prints no reason of an expiry; it came in the moment of the liquidation order."""
    for scenario, count in (("plain_liquidation", 1), ("two_longs", 2)):
        case = told(played / scenario / "alice", choice).explained.cases[0]
        (finding,) = [each for each in case.explanation.findings if each.kind == "orders_cancelled"]
        assert (finding.printed, finding.derived) == (count, count)


@pytest.mark.parametrize("choice", CHOICES, ids="+".join)
def test_what_others_pay_is_no_irregularity(choice: tuple[str, ...], played: Path) -> None:
    """The fund is empty, and the winners' adjustment brings the wallet back: told by update and row, it is one flow.
    (No documented income has its name, so that a row of it is a problem nevertheless.)"""
    found = told(played / "clawback" / "long", choice)
    assert not failing(found)
    assert found.explained.history is not None
    assert found.explained.history.timeline.last.wallets["USDT"] == Decimal("249.7875")

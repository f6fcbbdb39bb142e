"""`margincall explain` as a user calls it."""

import json
from pathlib import Path

import pytest

from tests.cli.calling import call
from tests.stories import liquidation, written


@pytest.fixture
def story(tmp_path: Path) -> str:
    """The liquidation of `tests/stories.py` as a file."""
    return str(written(liquidation(), tmp_path / "story.jsonl"))


def test_the_answer_for_people_names_verdict_prices_money_and_cause(story: str) -> None:
    """Everything a trader asks, in tables, without colour when piped."""
    called = call("explain", story)
    assert called.code == 0
    for text in ("the trigger was right", "bankruptcy price", "47,715.86345382", "clearance fee", "mark BTCUSDT", "✓"):
        assert text in called.out
    assert "\x1b[" not in called.out
    assert "known fraud" in called.out


def test_the_answer_for_programs_has_the_schema_and_adds_up(story: str) -> None:
    """`margincall.explain/1`: decimals as strings, and sums that hold."""
    answer = json.loads(call("explain", "--json", story).out)
    assert answer["schema"] == "margincall.explain/1"
    each = answer["liquidations"][0]
    assert each["verdict"] == {
        "pool": "isolated:BTCUSDT:BOTH",
        "asset": "USDT",
        "liquidated": True,
        "wallet_balance": "2475",
        "unrealized_pnl": "-2340",
        "margin_balance": "135",
        "maintenance_margin": "190.64",
        "margin_ratio": "1.412148148148",
        "wallet_lowest": None,
        "wallet_highest": None,
    }
    assert each["left"] == {"USDT": "0"}
    assert each["unknown"] == []


@pytest.mark.parametrize(
    ("term", "line"),
    [
        ("maintenance_margin", "maintenance_margin: 190.64"),
        ("margin_balance", "margin_balance: 135"),
        ("cause", "mark BTCUSDT: -2330.64"),
        ("liquidation", "[47715.863453815262, none]"),
        ("clearance", "clearance: 75"),
        ("bankruptcy", "bankruptcy: 47525"),
        ("entry", "entry: 50000"),
        ("margin_ratio", "margin_ratio: 1.412148148148"),
        ("liquidated", "liquidated: yes"),
    ],
)
def test_why_shows_how_a_figure_follows(story: str, term: str, line: str) -> None:
    """Every term has a tree that ends in what the files print."""
    called = call("explain", story, "--why", term)
    assert called.code == 0
    assert line in called.out
    assert called.out.count("\n") >= 3


def test_why_of_an_unknown_term_lists_those_that_exist(story: str) -> None:
    """Exit code 3, and the terms that can be asked for."""
    called = call("explain", story, "--why", "nonsense")
    assert called.code == 3
    assert "maintenance_margin" in called.err


def test_markdown_is_written(story: str, tmp_path: Path) -> None:
    """The same sections as Markdown tables."""
    target = tmp_path / "answer.md"
    assert call("explain", story, "--markdown", str(target)).code == 0
    text = target.read_text()
    assert text.startswith("## BTCUSDT liquidated")
    assert "| maintenance margin | 190.64 |" in text


def test_without_a_path_the_embedded_example_says_so_first() -> None:
    """The first line says that it is an example, and what is assumed is listed."""
    called = call("explain")
    assert "example" in called.out.splitlines()[0].lower()
    assert "assumed" in called.out.lower()
    assert "the trigger was right" in " ".join(called.out.split())


def test_a_number_picks_one_liquidation(story: str) -> None:
    """`--number` beyond what there is is a usage error."""
    assert call("explain", story, "--number", "1").code == 0
    assert call("explain", story, "--number", "2").code == 3

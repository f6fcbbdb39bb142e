"""Every case says what we say, term for term; its oracle lines are the oracle's, its published digits are ours."""

import ast
from decimal import Decimal
from pathlib import Path

import pytest

from margincall.core.rounding import exact
from tests.cases import from_oracle, runner
from tests.cases.answers import answers, explained, text
from tests.cases.text import FOLDER, BadCase, Case, block_of, cases, load, parse, written
from tests.cases.trader import actions, tables
from tests.sources import Source, python_sources

CASES = cases()
HISTORIES = [case for case in CASES if case.is_history]
FULL = sorted(case.name for case in HISTORIES if any(action.verb == "liquidation" for action in actions(case)))
"""Histories with full evidence of a liquidation: a recorded stream with the venue's own order in it."""


def by_name(found: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", found, ids=lambda case: case.name)


@by_name(CASES)
def test_case(case: Case, tmp_path: Path) -> None:
    assert runner.faults(case, tmp_path) == []


@by_name([case for case in CASES if case.given.name != "files"])
def test_oracle_lines_are_the_oracles(case: Case) -> None:
    """All that the oracle says stands in the case, in blocks of its own."""
    told = {block.name: block.pairs() for block in case.of("oracle")}
    assert told == from_oracle.answers(case)


@by_name(HISTORIES)
def test_every_liquidation_of_a_history_has_the_oracles_numbers(case: Case, tmp_path: Path) -> None:
    """A history with a liquidation is judged by the oracle, each of them; nothing is found that it does not know."""
    ours = answers(case, tmp_path)
    found = {name for name in ours if name.startswith("liquidation")}
    assert found == {block.name for block in case.of("oracle") if block.name.startswith("liquidation")}


@by_name(HISTORIES)
@exact
def test_causes_sum(case: Case, tmp_path: Path) -> None:
    """Surplus before + all terms = surplus at the trigger = balance − maintenance, exactly."""
    for lines in answers(case, tmp_path).values():
        terms = [Decimal(amount) for path, amount in lines.items() if path.startswith("cause ")]
        if "cause_since.surplus_before" in lines:
            at_trigger = Decimal(lines["cause_since.surplus_at_trigger"])
            assert Decimal(lines["cause_since.surplus_before"]) + sum(terms) == at_trigger
            balance, maintenance = lines["verdict.margin_balance"], lines["verdict.maintenance_margin"]
            assert at_trigger == Decimal(balance) - Decimal(maintenance)
        else:
            assert terms == []


@by_name(HISTORIES)
def test_money_sums(case: Case, tmp_path: Path) -> None:
    """What is left is all that went in and out before it, of the same asset."""
    for one in explained(case, tmp_path)[1].cases:
        steps = one.explanation.waterfall
        for asset, left in one.explanation.left.items():
            assert sum(step.amount for step in steps if step.asset == asset and step.step != "left") == left


@by_name(HISTORIES)
def test_nothing_printed_by_the_oracle_is_a_difference(case: Case, tmp_path: Path) -> None:
    """The venue of the cases prints what the oracle folds: no value may differ, no rule may be broken."""
    _, whole = explained(case, tmp_path)
    findings = [*whole.findings, *(each for one in whole.cases for each in one.explanation.findings)]
    assert [each for each in findings if each.verdict == "does not hold"] == []
    assert all(each.rule and each.source for each in findings)


@by_name(HISTORIES)
def test_the_tables_that_a_case_names_are_the_ones_used(case: Case, tmp_path: Path) -> None:
    """Readers see which rows are in force; until the stream itself shows them again."""
    shown = [action.time_ms for action in actions(case) if action.verb == "brackets"]
    history = explained(case, tmp_path)[1].history
    assert history is not None
    for table in tables(case):
        for event in history.events:
            if not shown or event.time_ms < shown[0]:
                used = history.book.used(table.symbol, event.time_ms).table
                assert used is not None
                assert used.as_of == table.as_of


@pytest.mark.parametrize("name", ["text", "trader", "from_oracle"])
def test_the_oracles_side_knows_nothing_of_the_package(name: str) -> None:
    (source,) = python_sources(f"tests/cases/{name}.py")
    assert "margincall" not in {module.split(".")[0] for module in imported(source)}


def imported(source: Source) -> set[str]:
    """Every module that a file imports."""
    found = {alias.name for node in source.nodes if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in source.nodes if isinstance(node, ast.ImportFrom)}


def test_there_are_enough_cases() -> None:
    assert len(HISTORIES) >= 12
    assert len(FULL) >= 12


def test_what_is_unknown_has_a_file_that_settles_it(tmp_path: Path) -> None:
    for case in CASES:
        if case.given.name == "files":
            for one in explained(case, tmp_path)[1].cases:
                assert all(each.term and each.settled_by for each in one.explanation.unknown)


# --- the format -----------------------------------------------------------------------------------------------


@by_name(CASES)
def test_written_again_it_is_the_same(case: Case) -> None:
    """Files are kept in the form in which `--update` writes them."""
    assert (FOLDER / f"{case.name}.case").read_text(encoding="utf-8") == written(case)


def test_update_keeps_the_oracles_lines_and_the_comments(tmp_path: Path) -> None:
    case = load("isolated_long")
    ours = answers(case, tmp_path)
    changed = {**ours, "liquidation 1": {**ours["liquidation 1"], "verdict.wallet_balance": "1", "quantity": "2"}}
    found = runner.updated(case, changed)
    assert (found.about, found.of("oracle")) == (case.about, case.of("oracle"))
    assert list(runner.differences(found, changed)) == ["liquidation 1: verdict.wallet_balance: 1 != 2500"]
    assert runner.updated(case, ours) == runner.updated(runner.updated(case, changed), ours)


def test_a_missing_term_and_a_wrong_digit_are_faults(tmp_path: Path) -> None:
    case = load("faq_2021_eth")
    ours = answers(case, tmp_path)
    del ours["pool cross:USDT"]["ratio"]
    assert list(runner.differences(case, ours)) == ["pool cross:USDT: ratio: not said != 0.414894910468"]
    for told in ("1153.25 rounded", "1153.26 truncated", "1153.26 either"):
        assert runner.misprint(Decimal("1153.2564"), told) is not None
    assert runner.misprint(Decimal("33599.4186"), "33599.40 either to 0.1") is None
    trap = Case(
        case.name, case.about, (*case.blocks, block_of("wrong", "row at entry", {"position BTCUSDT BOTH": "1 either"}))
    )
    assert any("position BTCUSDT BOTH" in fault for fault in runner.wrong(trap, ours))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("given history\n  08:00:00  deposit 1 USDT", "a day and a time"),
        ("given history\n  2026-01-01\n  08:00:00  deposit all USDT now", "not understood"),
        ("given state 2026-01-01\n  longs 1 BTCUSDT", "not understood"),
        ("given files\n  Wallet Balance: 1", "indented under"),
        ("given state 2026-01-01\nwallet 1 USDT", "neither a heading"),
        ("oracle pool x\n  a = 1", "block `given`"),
    ],
)
def test_bad_cases_are_refused(body: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(BadCase, match=fault):
        answers(parse("bad", f"# bad\nsource: none\n\n{body}\n"), tmp_path)


def test_values_as_cases_write_them() -> None:
    assert [text(each) for each in (None, True, Decimal("1.50"), Decimal("0E-8"), Decimal("1E+3"), "")] == [
        "null",
        "true",
        "1.5",
        "0",
        "1000",
        '""',
    ]

"""The first page: what was not checked is in the headline, the money of all orders, and the next step."""

import re
from decimal import Decimal as D

import pytest
from msgspec import structs

from margincall.case.recover import recover
from margincall.case.reporting.build import Material, facts_of
from margincall.case.reporting.page import html_of
from margincall.case.reporting.paper import pdf_of
from margincall.case.reporting.verdict import badge_of
from margincall.case.reporting.wording import brief, brief_signed
from margincall.core.checks import HOLDS, UNCLEAR
from margincall.forensics.verify.check import REGULAR
from tests.case.reports import ACCOUNTS, TODAY, Page, facts, html, material_of, paper, paths_of, pdf_text, squeezed


def with_checks(scenario: str, verdicts: dict[str, str]) -> Material:
    """The material of a scenario whose first closing is regular, with these answers of these checks."""
    made = material_of(paths_of(scenario))
    first = made.verified.liquidations[0]
    checks = tuple(
        structs.replace(each, verdict=verdicts[each.kind], settled_by=f"file of {each.kind}")
        if each.kind in verdicts
        else each
        for each in first.checks
    )
    assert set(verdicts) <= {each.kind for each in checks}
    judged = structs.replace(first, conclusion=REGULAR, irregularities=(), checks=checks)
    verified = structs.replace(made.verified, liquidations=(judged, *made.verified.liquidations[1:]))
    return structs.replace(made, verified=verified)


@pytest.mark.parametrize(
    ("mark", "moment", "badge", "tone"),
    [
        (HOLDS, HOLDS, "Nothing irregular found", "good"),
        (UNCLEAR, HOLDS, "Nothing irregular found, but the mark price was not checked", "open"),
        (HOLDS, UNCLEAR, "Nothing irregular found, but the moment of the trigger was not checked", "open"),
        (
            UNCLEAR,
            UNCLEAR,
            "Nothing irregular found, but the mark price and the moment of the trigger were not checked",
            "open",
        ),
    ],
)
def test_the_headline_says_what_was_not_checked(mark: str, moment: str, badge: str, tone: str) -> None:
    """Mark and moment, in page and PDF; and the next step names what would check them."""
    found = facts_of(with_checks("plain_liquidation", {"mark": mark, "moment": moment}))
    assert (found.verdict.badge, found.verdict.tone) == (badge, tone)
    assert squeezed(badge) in squeezed(Page(html_of(found)).text)
    assert squeezed(badge) in pdf_text(pdf_of(found), "")
    steps = " ".join(found.verdict.steps)
    assert ("file of mark" in steps, "file of moment" in steps) == (mark == UNCLEAR, moment == UNCLEAR)
    assert "A dispute is not advised" in steps


def test_what_is_irregular_is_that_first() -> None:
    """Its headline is not softened by what else was not checked."""
    wrong = material_of(paths_of("wrong_liquidation")).verified.liquidations[0]
    assert any(each.kind == "mark" and each.verdict == UNCLEAR for each in wrong.checks)
    assert badge_of(wrong.conclusion, [wrong]) == "Irregular"


def test_the_money_of_several_orders_is_their_sum() -> None:
    """Of three orders of one incident: what it cost in all, part by part, and what is left."""
    made = material_of(paths_of("two_longs"))
    tiles = {tile.name: tile for tile in facts("two_longs").verdict.tiles}
    each = [loss for closing in made.recovery.closings for loss in closing.realized_loss]
    totals = [loss.total for loss in each if loss.total is not None]
    assert len(totals) == 3
    assert tiles["cost in all"].text == f"{brief_signed(sum(totals, D(0)))} USDT" == "-4,500.00 USDT"
    taken = [part.amount for loss in each for part in loss.parts if part.what == "taken over"]
    assert len(taken) == 2
    assert tiles["lost with what the fund took (takeover)"].text == f"{brief_signed(sum(taken, D(0)))} USDT"
    assert tiles["left"].text == "0.00000001 USDT"
    assert "of all 3 together" in tiles["cost in all"].note


def test_each_order_tells_its_own_share() -> None:
    """In the table of all of them; the shares add up to the whole."""
    (table,) = facts("two_longs").verdict.tables
    place = table.columns.index("cost in all")
    shares = [D(row[place].removesuffix(" USDT").replace(",", "")) for row in table.rows]
    assert len(shares) == 3
    assert abs(sum(shares, D(4500))) <= D("0.02")


def test_an_order_that_goes_on_has_money_too() -> None:
    """Reported alone: what it cost, and no figures of a trigger that it does not have."""
    found = facts_of(material_of(paths_of("two_longs"), cases=(2,)))
    names = [tile.name for tile in found.verdict.tiles]
    assert "cost in all" in names
    assert "left" in names
    assert [name for name in names if "margin" in name] == []
    assert found.verdict.steps


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_verdict_money_and_next_step_stand_in_this_order(scenario: str) -> None:
    """On the page and in the PDF, before everything else."""
    found = facts(scenario)
    assert found.verdict.steps
    for text in (squeezed(Page(html(scenario)).text), paper(scenario)):
        wanted = [found.verdict.badge, found.verdict.tiles[-1].name, found.verdict.steps[0]]
        places = [text.index(squeezed(each)) for each in wanted]
        assert places == sorted(places)
        assert places[-1] < text.index(squeezed(found.parts[0].title), places[-1])


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_terms_stand_in_brackets_on_the_first_screen(scenario: str) -> None:
    """Plain words before each: what was there, what was needed, what it cost. (Checks keep their names.)"""
    verdict = facts(scenario).verdict
    told = [each for each in verdict.says if "checks:" not in each]
    said = " ".join((*told, *(tile.name for tile in verdict.tiles)))
    for term in ("margin balance", "maintenance margin", "margin ratio", "clearance fee", "realised PnL"):
        assert said.count(term) == said.count(f"({term})")


def test_the_term_in_brackets_leads_to_the_glossary() -> None:
    """Of a tile whose name ends with it."""
    page = html("plain_liquidation")
    assert 'there (<a class="term" href="#term-margin-balance">margin balance</a>)' in page


def test_the_counts_are_those_of_the_tables() -> None:
    """Of the closing, of what was booked beside it, and in recover."""
    found = facts("plain_liquidation")
    notes = [table.note for part in found.parts for table in part.tables if " checks: " in table.note]
    assert len(notes) == 2
    (counts,) = (each for each in found.verdict.says if " checks: " in each)
    assert [note for note in notes if note not in counts] == []
    rows = [cell for part in found.parts for table in part.tables for row in table.rows for cell in row]
    (told,) = (cell for cell in rows if "checks cannot be told from these files" in cell)
    assert f"of {notes[0].split(' ')[0]} checks cannot be told" in told


def test_a_ratio_that_is_very_large_is_a_word_and_a_tiny_amount_is_none() -> None:
    """After its last order next to nothing is left: the ratio has no number that says more."""
    cells = [cell for part in facts("two_longs").parts for table in part.tables for row in table.rows for cell in row]
    assert "far above 100 %" in cells
    assert not [cell for cell in cells if re.match(r"[\d,]{7,}(\.\d+)? %", cell)]
    assert "0.00000001" not in cells
    assert brief(D("7.5e-9")) == brief(D("-7.5e-9")) == brief(D(0)) == "0.00"


def test_the_evidence_is_to_be_saved_while_it_is_there() -> None:
    """The first day on which the venue forgets something; nothing where all is gone."""
    assert "next to go, on 2026-12-19," in facts("plain_liquidation").verdict.steps[-1]
    assert "Gone at the venue by 2026-11-28: orders cancelled" in facts("plain_liquidation").verdict.steps[-2]
    made = material_of(paths_of("plain_liquidation"))
    late = structs.replace(made, recovery=recover(made.answer, as_of="2030-01-01", verdict=made.verified))
    assert TODAY < "2030-01-01"
    assert "Save " not in " ".join(facts_of(late).verdict.steps)
    assert "Gone at the venue by 2030-01-01" in facts_of(late).verdict.steps[-1]

"""The glossary, its pages and their index say the same; what the pages quote is what the commands say."""

import re

import pytest

from margincall.case.glossary import TERMS, Term
from margincall.errors import DIFFERENCES, FINE
from tests.quoting import BLOCK, LEARN, MORE, Workshop, quotes
from tests.sources import ROOT

WANTED = frozenset(
    [
        "mark-price",
        "index-price",
        "last-price",
        "maintenance-margin",
        "initial-margin",
        "maintenance-amount",
        "bracket",
        "margin-balance",
        "wallet-balance",
        "unrealized-pnl",
        "margin-ratio",
        "liquidation-price",
        "bankruptcy-price",
        "entry-price",
        "break-even-price",
        "cross-margin",
        "isolated-margin",
        "hedge-mode",
        "multi-assets-mode",
        "leverage",
        "liquidation-order",
        "partial-liquidation",
        "clearance-fee",
        "insurance-fund",
        "takeover",
        "auto-deleveraging",
        "socialised-loss",
        "clawback",
        "funding",
        "margin-call",
        "negative-balance",
        "stop-order",
        "survival-interval",
        "assumption",
        "evidence",
    ]
)
"""Every word that a report or an explanation uses without saying what it means."""
LINES_MAX = 45
OTHERS = frozenset({"README.md", "claims.md"})


def text(term: Term) -> str:
    return (ROOT / term.page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("glossary"))


def test_every_word_has_its_term_once() -> None:
    assert sorted(each.key for each in TERMS) == sorted(WANTED)
    assert len({each.name for each in TERMS}) == len(TERMS)


def test_every_page_belongs_to_a_term() -> None:
    pages = {path.name for path in LEARN.glob("*.md")} - OTHERS
    assert {f"docs/learn/{name}" for name in pages} == {each.page for each in TERMS}


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.key)
def test_short_is_one_sentence(term: Term) -> None:
    assert term.short.endswith(".")
    assert not re.search(r"[.!?] ", term.short)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.key)
def test_a_page_begins_with_its_name_and_its_sentence(term: Term) -> None:
    heading, first, *_ = text(term).split("\n\n")
    assert heading == f"# {term.name}"
    assert " ".join(first.split()).startswith(term.short)
    assert len(text(term).splitlines()) <= LINES_MAX


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.key)
def test_a_page_has_its_parts(term: Term) -> None:
    parts = re.findall(r"^(\*\*Rule\.|Source: |How firm: |\*\*Example\.|\*\*What people get wrong\.)", text(term), re.M)
    assert parts == ["**Rule.", "Source: ", "How firm: ", "**Example.", "**What people get wrong."]
    assert re.search(r"The exact rule: \[[\w ]+\]\(\.\./spec/\w+\.md\)", text(term))


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.key)
def test_its_commands_say_what_it_quotes(term: Term, workshop: Workshop) -> None:
    asked = list(quotes(text(term)))
    assert asked
    assert {kind for kind, _ in BLOCK.findall(text(term))} == {"sh", "text"}
    for quoted in asked:
        assert set(quoted.lines) - {MORE}, quoted.commands
        assert workshop.unsaid(quoted) == [], quoted.commands
        assert all(workshop.run(command).code in (FINE, DIFFERENCES) for command in quoted.commands)


def test_the_index_lists_them_in_their_order() -> None:
    lines = (LEARN / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("* ")]
    assert rows == [f"* [{each.name}]({each.key}.md): {each.short}" for each in TERMS]

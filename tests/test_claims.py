"""`docs/learn/claims.md`: each claim has a verdict, a source and a command, and the command says what is quoted."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from margincall.errors import DIFFERENCES, FINE
from tests.quoting import BLOCK, LEARN, MORE, Quoted, Workshop, quotes

TEXT = (LEARN / "claims.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
VERDICT = re.compile(r"^\*\*(TRUE|FALSE|UNCLEAR)\*\* \((.+)\)$", re.MULTILINE)
SOURCE = re.compile(r"^Source: \S[^#]*?\.\nHow firm: (.+?)\.$", re.MULTILINE | re.DOTALL)
FIRM = frozenset({"published", "dated", "second-hand", "inferred", "assumed"})
CLAIMS_MIN = 20


class Claim(NamedTuple):
    """One section of the page."""

    number: int
    claim: str
    text: str

    @property
    def verdict(self) -> str:
        """TRUE, FALSE or UNCLEAR."""
        return VERDICT.findall(self.text)[0][0]


def claims() -> Iterator[Claim]:
    """The numbered sections in their order."""
    parts = HEADING.split(TEXT)[1:]
    for number, claim, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        yield Claim(int(number), claim, text)


CLAIMS = tuple(claims())


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("claims"))


def test_there_are_many_and_they_are_numbered() -> None:
    assert [each.number for each in CLAIMS] == list(range(1, len(CLAIMS) + 1))
    assert len(CLAIMS) >= CLAIMS_MIN
    assert len({each.claim for each in CLAIMS}) == len(CLAIMS)


def test_all_verdicts_occur() -> None:
    assert {each.verdict for each in CLAIMS} == {"TRUE", "FALSE", "UNCLEAR"}


def test_the_table_on_top_lists_them() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (\w+) \|$", TEXT, re.MULTILINE)
    assert rows == [(str(each.number), each.claim, each.verdict) for each in CLAIMS]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_a_claim_has_one_verdict_and_a_source(claim: Claim) -> None:
    assert len(VERDICT.findall(claim.text)) == 1
    (firm,) = SOURCE.findall(claim.text)
    named = set(re.split(r", | and ", re.sub(r" \([^)]*\)", "", firm.replace("\n", " "))))
    assert named <= FIRM


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
def test_its_commands_say_what_it_quotes(claim: Claim, workshop: Workshop) -> None:
    asked = list(quotes(claim.text))
    assert asked
    assert {kind for kind, _ in BLOCK.findall(claim.text)} == {"sh", "text"}
    for quoted in asked:
        assert set(quoted.lines) - {MORE}, quoted.commands
        assert workshop.unsaid(quoted) == [], quoted.commands
        assert all(workshop.run(command).code in (FINE, DIFFERENCES) for command in quoted.commands)


def test_a_quote_that_was_not_said_is_found(workshop: Workshop) -> None:
    command = "margincall calc BTCUSDT --long 1@50000 --isolated --wallet 2500 --rate 0.004"
    right, wrong = "  wallet      2,500", "  wallet      2,501"
    said = next(line for line in workshop.run(command).out.splitlines() if line.split() == right.split())
    assert workshop.unsaid(Quoted((command,), (said, MORE))) == []
    assert workshop.unsaid(Quoted((command,), (said, wrong))) == [wrong]

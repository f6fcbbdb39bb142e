"""What tests of reports share: cases made by the exchange, their facts, and the texts of a page and of a PDF."""

import io
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pypdf import PdfReader

from margincall.case.recover import recover
from margincall.case.reporting.build import Material, facts_of
from margincall.case.reporting.facts import Chart, Facts
from margincall.case.reporting.page import html_of
from margincall.case.reporting.paper import pdf_of
from margincall.errors import FINE
from margincall.forensics.answer import answer
from margincall.forensics.verify.judge import verify
from margincall.history.public import read_market
from margincall.venues.embedded import embedded_book
from tests.cli.calling import call

TODAY = "2026-11-28"
ACCOUNTS = {
    "plain_liquidation": "alice",
    "wrong_liquidation": "alice",
    "two_longs": "alice",
    "fund_runs_dry": "short-high-leverage",
    "hedge_dies_upwards": "hedger",
}
"""An account of each scenario that has something to report."""
VOID = {"meta", "link", "br", "input", "img", "hr"}
NAMES_ONLY = {"drawing", "key", "kind", "tone", "level", "schema", "page", "raw", "place", "file"}
"""Keys of the JSON answer that hold no text for readers."""


@cache
def played(scenario: str) -> Path:
    """The folder that a run of a scenario writes."""
    folder = Path(mkdtemp()) / scenario
    assert call("exchange", "run", scenario, "--out", str(folder)).code == FINE
    return folder


def paths_of(scenario: str, part: str = "stream.jsonl") -> list[Path]:
    """An account's files of a scenario, and what the market showed."""
    return [played(scenario) / ACCOUNTS[scenario] / part, played(scenario) / "market"]


def material_of(paths: list[Path], cases: tuple[int, ...] | None = None) -> Material:
    """Everything that a report is made from."""
    found = answer(paths, embedded_book())
    market = read_market(paths)
    verified = verify(found, market)
    recovery = recover(found, as_of=TODAY, verdict=verified)
    return Material(found, verified, recovery, market, (*found.problems, *market.problems), cases)


@cache
def facts(scenario: str, part: str = "stream.jsonl") -> Facts:
    """The facts of an account of a scenario."""
    return facts_of(material_of(paths_of(scenario, part)))


@cache
def html(scenario: str) -> str:
    """The page of an account of a scenario."""
    return html_of(facts(scenario))


@cache
def pdf(scenario: str) -> bytes:
    """The PDF of an account of a scenario."""
    return pdf_of(facts(scenario))


@cache
def paper(scenario: str) -> str:
    """The text of that PDF."""
    return pdf_text(pdf(scenario), f"{facts(scenario).title}, {facts(scenario).subtitle}")


def charts(found: Facts) -> dict[str, Chart]:
    """The charts by key."""
    return {chart.key: chart for part in found.parts for chart in part.charts}


def squeezed(text: str) -> str:
    """A text without blanks, with ligatures taken apart: where lines and columns break is of no interest."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


class Page(HTMLParser):
    """A page as it is read: its text, its tags as they open and close, and its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.open, self.flaws = "", [], []  # type: tuple[str, list[str], list[str]]
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()
        self.flaws += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag open, and its attributes."""
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """The last open tag must be this one."""
        if not self.open or self.open.pop() != tag:
            self.flaws.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Text, but no style."""
        if "style" not in self.open:
            self.text += data

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value for _, each, value in self.attributes if each == name]


def pdf_text(content: bytes, footer: str) -> str:
    """The text of a PDF without the footers of its pages, squeezed."""
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    count = len(pages)
    feet = [squeezed(f"{footer} {number} / {count}") for number in range(1, count + 1)]
    return "".join(squeezed(text).replace(foot, "") for text, foot in zip(pages, feet, strict=True))


def texts(value: Any) -> Iterator[str]:
    """Every text for readers in a JSON answer."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in NAMES_ONLY:
                yield from texts(each)

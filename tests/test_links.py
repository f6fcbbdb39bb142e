"""Relative links in the project's Markdown lead to files and headings, tests that it names exist, and what the README
quotes is what the program says."""

import re
from collections.abc import Iterator

import pytest

from tests.cli.calling import call
from tests.sources import ROOT, Source, sources

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
ELSEWHERE = re.compile(r"^[a-z]+:")


def pages() -> list[Source]:
    """The project's Markdown files."""
    return [each for each in sources() if each.path.endswith(".md")]


def anchors(text: str) -> set[str]:
    """The headings of a page, as links write them."""
    found = (re.sub(r"[^\w\- ]", "", heading.casefold()).replace(" ", "-") for heading in HEADING.findall(text))
    return set(found)


def broken(page: Source) -> Iterator[str]:
    """The links of a page that lead nowhere, and tests that it names and nobody wrote."""
    for target in LINK.findall(page.text):
        if ELSEWHERE.match(target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page.path).parent / name if name else ROOT / page.path
        if not path.exists():
            yield f"{page.path}: {target}"
        elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            yield f"{page.path}: {target} (no such heading)"
    for name, function in TEST.findall(page.text):
        path = ROOT / name
        if not path.exists() or f"def {function}(" not in path.read_text(encoding="utf-8"):
            yield f"{page.path}: {name}::{function}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.path)
def test_links_lead_somewhere(page: Source) -> None:
    assert list(broken(page)) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("[a](nowhere.md)", 1),
        ("[a](README.md#nothing)", 1),
        ("`tests/test_links.py::test_nothing`", 1),
        ("[a](README.md) [b](https://example.org/x) [c](docs/spec)", 0),
        ("`tests/test_links.py::test_links_lead_somewhere`", 0),
    ],
)
def test_what_leads_nowhere_is_found(text: str, number: int) -> None:
    assert len(list(broken(Source("page.md", text)))) == number


def test_the_readme_quotes_the_example() -> None:
    """Whatever the width: lines are compared without the blanks around them and the rule behind a headline."""
    said = {line.strip().rstrip("─ ") for line in call("explain", columns="140").out.splitlines()}
    quoted = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    lines = {line.strip().rstrip("─ ") for line in quoted.splitlines()} - {"…"}
    assert len(lines) > 20
    assert lines - said == set()

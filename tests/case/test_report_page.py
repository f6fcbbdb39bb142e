"""The page: sound, complete in itself, and readable by those who do not see it."""

import io
import re

import pytest
from pypdf import PdfReader

from margincall.case.reporting.canvas import NARROW, WIDE, spread
from margincall.case.reporting.draw import drawn
from margincall.case.reporting.page import html_of
from margincall.case.reporting.palette import ROLES, STANDINS, themed
from margincall.case.reporting.paper import pdf_of
from tests.case.reports import ACCOUNTS, Page, charts, facts, html, squeezed
from tests.sources import ROOT

LOADS = {"src", "srcset", "poster", "data", "background", "action", "formaction"}


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_the_page_is_sound(scenario: str) -> None:
    """Tags close in order, ids are unique, and whatever refers to one finds it."""
    page = Page(html(scenario))
    assert page.flaws == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    wanted = [each.removeprefix("#") for each in page.values("href") if each.startswith("#")]
    wanted += [name for each in page.values("aria-labelledby") for name in each.split()]
    wanted += re.findall(r"url\(#([^)]+)\)", " ".join(value for _, _, value in page.attributes))
    assert len(wanted) > 20
    assert [each for each in wanted if each not in ids] == []


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_nothing_is_loaded(scenario: str) -> None:
    """No script, no resource from elsewhere; every link stays in the page."""
    text = html(scenario)
    page = Page(text)
    assert {tag for tag, _, _ in page.attributes} & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "img",
        "base",
    } == set()
    assert LOADS & {name for _, name, _ in page.attributes} == set()
    assert "<script" not in text
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    assert outside(page) == []
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}


def outside(page: Page) -> list[str]:
    """Where links lead that leave the page."""
    return [value for tag, name, value in page.attributes if tag == "a" and name == "href" and value[:1] != "#"]


def test_the_glossary_is_in_the_page_and_leads_on_only_where_its_pages_are() -> None:
    """Whoever has the file alone reads every term there, and meets no dead link; `base` says where the pages are."""
    found = facts("plain_liquidation")
    assert len(found.glossary) > 20
    assert [word.page for word in found.glossary if not (ROOT / word.page).is_file()] == []
    alone, led = html_of(found), html_of(found, base="https://example.org")
    assert [word.short for word in found.glossary if squeezed(word.short) not in squeezed(Page(alone).text)] == []
    assert ".md" not in alone
    assert outside(Page(led)) == [f"https://example.org/{word.page}" for word in found.glossary]


def test_the_pdf_leads_to_pages_only_where_they_are() -> None:
    """As the page: links of its glossary with `base`, none without."""
    found = facts("plain_liquidation")
    assert pdf_links(pdf_of(found)) == []
    assert pdf_links(pdf_of(found, base="https://example.org/")) == [
        f"https://example.org/{word.page}" for word in found.glossary
    ]


def pdf_links(content: bytes) -> list[str]:
    """The addresses that a PDF leads to, in order; a link of two lines is one."""
    notes = [note.get_object() for page in PdfReader(io.BytesIO(content)).pages for note in page.get("/Annots") or []]
    return list(dict.fromkeys(str(note["/A"]["/URI"]) for note in notes if "/A" in note and "/URI" in note["/A"]))


def test_terms_lead_to_the_glossary() -> None:
    """A cell that names a term is a link to its sentence."""
    assert '<a class="term" href="#term-maintenance-margin">maintenance margin</a>' in html("plain_liquidation")


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_charts_have_a_name_a_description_and_a_table(scenario: str) -> None:
    """For wide screens and for phones; the description is also to be read below the chart."""
    page, shown = html(scenario), charts(facts(scenario))
    assert shown
    for chart in shown.values():
        for key in (chart.key, f"{chart.key}-n"):
            assert f'role="img" aria-labelledby="{key}-t {key}-d"><title id="{key}-t">' in page
        assert chart.values.rows
    assert page.count("<figcaption>") == page.count("<details>") == len(shown)
    assert page.count("<svg ") == 2 * len(shown)


def test_text_of_files_is_no_markup() -> None:
    """What stands in a file cannot become a part of the page."""
    from msgspec import structs

    evil = structs.replace(facts("plain_liquidation"), notes=("<script>alert(1)</script>",))
    assert "<script" not in html_of(evil)
    assert "&lt;script&gt;" in html_of(evil)


def test_the_same_facts_give_the_same_bytes() -> None:
    """Page and PDF, drawn twice."""
    found = facts("plain_liquidation")
    assert html_of(found) == html_of(found)
    assert pdf_of(found) == pdf_of(found)


def test_both_themes_draw_the_same_in_other_colours() -> None:
    """Every colour of a drawing is a role: none is left that a theme does not set."""
    for chart in charts(facts("two_longs")).values():
        for how in (WIDE, NARROW):
            svg = drawn(chart, how)
            used = set(re.findall(r"#[0-9a-f]{6}\b", svg))
            assert used <= set(STANDINS.values())
            light, dark = themed(svg, "light"), themed(svg, "dark")
            assert light != dark
            assert not set(re.findall(r"#[0-9a-f]{6}\b", dark)) & set(STANDINS.values())
    assert len(set(STANDINS.values())) == len(ROLES)


def test_the_dark_pdf_is_another_one() -> None:
    """The theme of the PDF is chosen."""
    found = facts("plain_liquidation")
    assert pdf_of(found, theme="dark") != pdf_of(found, theme="light")


def test_labels_keep_apart() -> None:
    """Moved as little as needed, within the bounds."""
    assert spread([0.5, 0.5, 0.1], 0.1, 0.0, 1.0) == [0.5, 0.6, 0.1]
    assert spread([0.97, 0.98], 0.1, 0.0, 1.0) == pytest.approx([0.9, 1.0])
    assert spread([], 0.1, 0.0, 1.0) == []

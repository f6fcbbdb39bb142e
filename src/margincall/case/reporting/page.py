"""The report as one HTML file that needs nothing else: style, charts and text are in it, and it asks no network."""

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from margincall.case.reporting.canvas import NARROW, WIDE
from margincall.case.reporting.draw import FONT_SAID, drawn, title_and_says
from margincall.case.reporting.facts import Chart, Facts
from margincall.case.reporting.palette import by_variable, variables
from margincall.version import VERSION

GENERATOR = "margincall report"
MADE = (
    f"Made by margincall {VERSION}. Times are UTC. What is said here follows from the files that were read, and from "
    "nothing else."
)
DAY = re.compile(r"\(?\b\d{4}-\d\d-\d\d\b\)?")
SIGNS = {"✓": "ok", "✗": "no", "?": "un"}


class Drawn(Struct, frozen=True):
    """One chart, ready to stand in the page: for wide screens and for phones."""

    wide: Any
    narrow: Any


def html_of(facts: Facts, *, base: str = "") -> str:
    """The page. Terms lead to the glossary in it; where `base` says where the pages about them are, each leads on to
    its page there."""
    words = {word.name.lower(): word.key for word in facts.glossary}

    def linked(text: str) -> Any:
        """A text that is a term, or the term in brackets at its end, leads to the glossary."""
        before, bracket, term = text.rpartition("(")
        key, named = words.get(text.lower()), words.get(term.removesuffix(")").lower())
        if key is not None:
            return Markup(f'<a class="term" href="#term-{key}">{escape(text)}</a>')
        if bracket and named is not None:
            link = f'<a class="term" href="#term-{named}">{escape(term.removesuffix(")"))}</a>'
            return Markup(f"{escape(before)}({link})")
        return whole(text)

    def whole(text: str) -> Any:
        """A text whose days and times do not break."""
        return Markup(DAY.sub(r'<span class="whole">\g<0></span>', escape(text)))

    def tone(row: tuple[str, ...]) -> Any:
        name = SIGNS.get(row[0][:1]) if row else None
        return Markup(f' class="{name}"') if name is not None else ""

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(linked=linked, whole=whole, tone=tone)
    charts = [chart for part in facts.parts for chart in part.charts]
    drawings: Mapping[str, Drawn] = {chart.key: _drawn(chart) for chart in charts}
    return environment.from_string(_text("report.html.j2")).render(
        facts=facts, css=Markup(_css()), drawings=drawings, base=folder_of(base), generator=GENERATOR, made=MADE
    )


def folder_of(base: str) -> str:
    """Where the pages of the glossary are, with a slash at the end; "" where nobody said."""
    return f"{base.rstrip('/')}/" if base else ""


def _drawn(chart: Chart) -> Drawn:
    shown = []
    for how, key in ((WIDE, chart.key), (NARROW, f"{chart.key}-n")):
        svg = title_and_says(by_variable(drawn(chart, how)), key, chart.title, chart.says)
        shown.append(Markup(svg.replace(FONT_SAID, "var(--sans)")))
    return Drawn(*shown)


@cache
def _css() -> str:
    return _text("report.css").replace("@@LIGHT@@", variables("light")).replace("@@DARK@@", variables("dark"))


@cache
def _text(name: str) -> str:
    return (files("margincall.case.reporting") / "templates" / name).read_text(encoding="utf-8")

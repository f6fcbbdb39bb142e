"""The PDF as it is leafed through: no page is left half empty, and no label of a chart lies on another."""

import io
from itertools import pairwise

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from msgspec import structs
from pypdf import PdfReader

from margincall.case.reporting.canvas import NARROW, PAPER, WIDE, Format
from margincall.case.reporting.draw_price import draw_price
from margincall.case.reporting.facts import Level, PriceDrawing
from tests.case.reports import ACCOUNTS, charts, facts, pdf

FOOTER = 57
"""Points from the lower edge of a page to the end of its text."""
EMPTY_MAX = 0.4
"""A title and a chart are so tall, as a share of the page; what does not fit begins the next one."""


def gaps(content: bytes) -> list[float]:
    """How much of each page but the last is empty below its last line, as a share of the page's height."""
    found = []
    for page in PdfReader(io.BytesIO(content)).pages[:-1]:
        heights: list[float] = []

        def at(text: str, outer: list[float], line: list[float], *_: object, into: list[float] = heights) -> None:
            if text.strip():
                into.append(outer[3] * line[5] + outer[5])

        page.extract_text(visitor_text=at)
        lowest = min(each for each in heights if each > FOOTER)
        found.append((lowest - FOOTER) / float(page.mediabox.height))
    return found


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_no_page_is_left_half_empty(scenario: str) -> None:
    """Of each case, one closing or several."""
    found = gaps(pdf(scenario))
    assert len(found) >= 5
    assert [(page, round(gap, 2)) for page, gap in enumerate(found, 1) if gap > EMPTY_MAX] == []


def labels_of(drawing: PriceDrawing, how: Format) -> list[tuple[float, float]]:
    """Lower and upper edge of each label of a level, in points, from below."""
    figure = Figure(figsize=(how.width, how.height))
    draw_price(figure, drawing, how)
    figure.canvas.draw()
    said = {level.text for level in drawing.levels}
    texts = [each for each in figure.findobj(Text) if each.get_text().replace("\n", " ") in said]
    return sorted((each.get_window_extent().y0, each.get_window_extent().y1) for each in texts)


@pytest.mark.parametrize("how", [WIDE, PAPER, NARROW], ids=["wide", "paper", "narrow"])
def test_labels_of_levels_do_not_lie_on_each_other(how: Format) -> None:
    """Even where all levels are at one price."""
    drawing = charts(facts("plain_liquidation"))["closing-1-price-whole"].drawing
    assert isinstance(drawing, PriceDrawing)
    price = drawing.mark[len(drawing.mark) // 2].value
    levels = (
        Level("entry", price, "entry 48,791.08"),
        Level("liquidation", price, "liquidation 48,791.08"),
        Level("bankruptcy", price, "bankruptcy 48,791.08"),
        Level("limit", price, "order limit 48,791.08"),
    )
    crowded = structs.replace(drawing, levels=levels)
    found = labels_of(crowded, how)
    assert len(found) == 4
    assert [(one, other) for one, other in pairwise(found) if other[0] < one[1]] == []

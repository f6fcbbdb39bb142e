"""Charts as SVG, drawn once for every theme: colours are roles (`palette.STANDINS`), texts are texts.

The only place where figures become floats: for the eye. It imports matplotlib, so a command imports it late.
"""

import io
import re
from collections.abc import Mapping
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from margincall.case.reporting.canvas import Format
from margincall.case.reporting.draw_money import draw_money
from margincall.case.reporting.draw_price import draw_price
from margincall.case.reporting.draw_ratio import draw_ratio
from margincall.case.reporting.facts import Chart, MoneyDrawing, PriceDrawing, RatioDrawing
from margincall.case.reporting.palette import STANDINS

FONT = "DejaVu Sans"
"""matplotlib measures with it; `FONT_SAID` is what the SVG names, for a rendering to replace."""
FONT_SAID = "chart-font"
SETTINGS: Mapping[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": FONT,
    "text.color": STANDINS["text"],
    "axes.edgecolor": STANDINS["rule"],
    "axes.labelcolor": STANDINS["faint"],
    "xtick.color": STANDINS["faint"],
    "ytick.color": STANDINS["faint"],
    "path.simplify": False,
}


def drawn(chart: Chart, how: Format) -> str:
    """One chart as the text of an SVG without a header; ids begin with the chart's key."""
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": chart.key, "font.size": how.points}):
        figure = Figure(figsize=(how.width, how.height))
        match chart.drawing:
            case PriceDrawing():
                draw_price(figure, chart.drawing, how)
            case RatioDrawing():
                draw_ratio(figure, chart.drawing, how)
            case MoneyDrawing():
                draw_money(figure, chart.drawing, how)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _cleaned(out.getvalue(), f"{chart.key}{'-n' if how.narrow else ''}")


def _cleaned(text: str, key: str) -> str:
    """The drawing without its header, its sheet of styles (which would hold for the whole page) and the ids that nobody
    refers to; the others are made unique."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    head = r'<svg viewBox="\1" xmlns="http://www.w3.org/2000/svg" @@>'
    body = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', head, body, count=1)
    body = body.replace("xlink:href", "href").replace(f"'{FONT}'", FONT_SAID)
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', body))
    names = {one or other for one, other in used}

    def renamed(match: re.Match[str]) -> str:
        return f' id="{key}-{match[1]}"' if match[1] in names else ""

    body = re.sub(r' id="([^"]+)"', renamed, body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{key}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{key}-\1)", body)
    body = re.sub(r"(\d+\.\d\d)\d+", r"\1", body)
    return re.sub(r"\n\s*", "\n", body).strip()


def title_and_says(svg: str, key: str, title: str, says: str) -> str:
    """The drawing with its name and its description, for those who do not see it."""
    name = f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(says)}</desc>'
    return svg.replace("@@>", f'role="img" aria-labelledby="{key}-t {key}-d">{name}', 1)


def bare(svg: str) -> str:
    """The drawing alone."""
    return svg.replace(" @@>", ">", 1)

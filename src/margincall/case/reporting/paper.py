"""The report as a PDF, set by typst from the same facts: nothing is written here but the charts and the colours."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import typst
from matplotlib import get_data_path

from margincall.case.reporting.canvas import PAPER
from margincall.case.reporting.document import plain_facts
from margincall.case.reporting.draw import FONT_SAID, bare, drawn
from margincall.case.reporting.facts import Facts
from margincall.case.reporting.page import MADE, folder_of
from margincall.case.reporting.palette import THEMES, Theme, themed

PAPER_FONT = "'Libertinus Serif', 'DejaVu Sans'"


def pdf_of(facts: Facts, *, theme: Theme = "light", base: str = "") -> bytes:
    """The PDF, A4. The same facts give the same bytes; fonts are those that typst and matplotlib bring along. `base`
    as in the page: the glossary links to pages only where it says where they are."""
    source = files("margincall.case.reporting") / "templates" / "report.typ"
    look: Mapping[str, Any] = {"name": theme, "colours": THEMES[theme], "base": folder_of(base), "made": MADE}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "report.typ").write_bytes(source.read_bytes())
        (folder / "facts.json").write_bytes(msgspec.json.encode(plain_facts(facts)))
        (folder / "theme.json").write_bytes(msgspec.json.encode(look))
        for part in facts.parts:
            for chart in part.charts:
                svg = themed(bare(drawn(chart, PAPER)), theme).replace(FONT_SAID, PAPER_FONT)
                (folder / f"{chart.key}.svg").write_text(svg, encoding="utf-8")
        fonts = [str(Path(get_data_path()) / "fonts" / "ttf")]
        found: bytes = typst.compile(
            str(folder / "report.typ"), font_paths=fonts, ignore_system_fonts=True, format="pdf", timestamp=0
        )
        return found

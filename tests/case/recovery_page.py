"""The page `docs/spec/recovery.md`: its part that is generated, between two marks."""

from margincall.case.programmes_page import markdown
from tests.sources import ROOT

PAGE = ROOT / "docs" / "spec" / "recovery.md"
BEGIN, END = "<!-- generated: programmes -->", "<!-- end of what is generated -->"


def generated() -> str:
    """What the page holds between the marks."""
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip("\n")


def write() -> None:
    """Write the part anew: `python -m tests.case.recovery_page`."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{markdown()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write()

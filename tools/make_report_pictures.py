"""Make the pictures of `docs/how-to/report.md`: a long, a short and a problem case, as they are seen.

    python -m tools.make_report_pictures [FOLDER]

Each case is played on the exchange and reported; the page is then looked at with headless Chromium on a desk (light and
dark), on a phone of 360 pixels, and printed; of the PDF all pages are put side by side. Needs `chromium` and
`pdftoppm`. Look at every picture before it is committed: nobody else does.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from margincall.case.reporting.build import facts_of
from margincall.case.reporting.page import html_of
from margincall.case.reporting.paper import pdf_of
from tests.case.reports import material_of
from tests.cli.calling import call

ROOT = Path(__file__).resolve().parent.parent
CASES = {
    "long": ("plain_liquidation", "alice"),
    "short": (str(ROOT / "tests" / "case" / "short_liquidation.toml"), "carol"),
    "problem": ("wrong_liquidation", "alice"),
}
DESK, PHONE = 1040, 360
DESK_TALL, PHONE_TALL = 2900, 7200
GAP = 24
COLOURS = 160
SIDE_BY_SIDE = 4
PAGE_WIDTH = 420
PIXELS_MAX = 16_000
MEASURE = "<script>addEventListener('load', () => { document.title = document.documentElement.scrollHeight })</script>"
FRAME = (
    "<style>body {{ margin: 0 }} iframe {{ border: 0; width: {width}px; height: {height}px }}</style>"
    '<iframe src="{source}"></iframe>'
)
MEASURE_FRAME = (
    "<script>onload = () => { document.title = "
    "document.querySelector('iframe').contentDocument.documentElement.scrollHeight }</script>"
)


def main() -> None:
    """Play, report, look."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        for case, (scenario, account) in CASES.items():
            folder = Path(name) / case
            assert call("exchange", "run", scenario, "--out", str(folder)).code == 0
            found = facts_of(material_of([folder / account / "stream.jsonl", folder / "market"]))
            page = folder / "page.html"
            page.write_text(html_of(found), encoding="utf-8")
            desk(page, target / f"report-{case}.png", dark=False)
            desk(page, target / f"report-{case}-dark.png", dark=True)
            phone(page, target / f"report-{case}-phone.png")
            browser("--no-pdf-header-footer", f"--print-to-pdf={folder / 'print.pdf'}", page=page)
            sheets(folder / "print.pdf", target / f"report-{case}-print.png")
            (folder / "report.pdf").write_bytes(pdf_of(found))
            sheets(folder / "report.pdf", target / f"report-{case}-pdf.png")
    for path in sorted(target.glob("report-*.png")):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def desk(page: Path, picture: Path, *, dark: bool) -> None:
    """The whole page on a desk, as a reader with this choice of colours sees it."""
    chosen = page.with_name("chosen.html")
    theme = "dark" if dark else "light"
    chosen.write_text(
        page.read_text(encoding="utf-8").replace(f'id="{theme}"', f'id="{theme}" checked'), encoding="utf-8"
    )
    browser(f"--window-size={DESK},{DESK_TALL}", f"--screenshot={picture}", page=chosen)
    smaller(picture, Image.open(picture))
    if dark:
        return
    tall = height(chosen, DESK)
    rest = picture.with_stem(f"{picture.stem}-rest")
    browser(f"--window-size={DESK},{tall}", f"--screenshot={rest}", page=chosen)
    smaller(rest, in_columns(Image.open(rest).crop((0, DESK_TALL, DESK, tall)), 4).reduce(2))


def phone(page: Path, picture: Path) -> None:
    """The page in a frame as wide as a phone: a window of the browser cannot be so narrow. Columns side by side."""
    light = page.with_name("chosen.html")
    light.write_text(page.read_text(encoding="utf-8").replace('id="light"', 'id="light" checked'), encoding="utf-8")
    tall = height(light, PHONE)
    framed(light, PHONE, tall)
    browser(f"--window-size=600,{tall}", f"--screenshot={picture}", page=light.with_name("frame.html"))
    whole = Image.open(picture).crop((0, 0, PHONE, tall))
    smaller(picture, in_columns(whole.crop((0, 0, PHONE, min(tall, PHONE_TALL))), 4))


def in_columns(whole: Image.Image, columns: int) -> Image.Image:
    """A tall picture cut into pieces that stand side by side."""
    wide, tall = whole.size
    part = -(-tall // columns)
    sheet = Image.new("RGB", ((wide + GAP) * columns - GAP, part), "#888888")
    for number in range(columns):
        piece = whole.crop((0, number * part, wide, min((number + 1) * part, tall)))
        sheet.paste(piece, (number * (wide + GAP), 0))
    return sheet


def height(page: Path, width: int) -> int:
    """How tall a page is in a window, or a frame, of this width."""
    measured = page.with_name("measured.html")
    measured.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    if width < DESK:
        source = framed(measured, width, 1000)
        source.write_text(source.read_text(encoding="utf-8") + MEASURE_FRAME, encoding="utf-8")
        measured = source
    told = browser(f"--window-size={width},1000", "--allow-file-access-from-files", "--dump-dom", page=measured)
    found = re.search(r"<title>(\d+)</title>", told)
    assert found is not None, "the page's script tells how tall it is"
    return min(int(found[1]), PIXELS_MAX)


def framed(page: Path, width: int, tall: int) -> Path:
    """A page that holds another one in a frame."""
    frame = page.with_name("frame.html")
    head = '<!DOCTYPE html><html><head><meta charset="utf-8"><title>frame</title></head><body>'
    frame.write_text(head + FRAME.format(width=width, height=tall, source=page.name), encoding="utf-8")
    return frame


def sheets(paper: Path, picture: Path) -> None:
    """All pages of a PDF side by side."""
    assert shutil.which("pdftoppm"), "pdftoppm is part of poppler-utils"
    stem = paper.with_suffix("")
    subprocess.run(["pdftoppm", "-scale-to-x", str(PAGE_WIDTH), "-scale-to-y", "-1", "-png", paper, stem], check=True)
    pages = [Image.open(path) for path in sorted(paper.parent.glob(f"{stem.name}-*.png"))]
    wide, tall = pages[0].size
    rows = -(-len(pages) // SIDE_BY_SIDE)
    sheet = Image.new("RGB", ((wide + 12) * SIDE_BY_SIDE - 12, (tall + 12) * rows - 12), "#888888")
    for number, page in enumerate(pages):
        sheet.paste(page, (number % SIDE_BY_SIDE * (wide + 12), number // SIDE_BY_SIDE * (tall + 12)))
    smaller(picture, sheet)


def smaller(picture: Path, image: Image.Image) -> None:
    """The picture with few colours: a third of the bytes."""
    image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


def browser(*flags: str, page: Path) -> str:
    """One call of the browser."""
    name = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert name is not None, "no chromium on this machine"
    call = [name, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *flags, page.as_uri()]
    return subprocess.run(call, check=True, capture_output=True, text=True, timeout=120).stdout


if __name__ == "__main__":
    main()

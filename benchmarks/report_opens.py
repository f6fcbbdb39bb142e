"""How long the report of a case with 50,000 fills takes to open in headless Chromium, and how big it is.

    python -m benchmarks.report_opens [FILLS]

Twice the question, in turns, best of five: what the browser itself says (from the start of the navigation to the end of
its load event, told by a script in a copy of the page), and how much longer a whole call of the browser that takes a
picture of the page takes than one of an empty page, which counts layout and painting too. Exit code 1: longer than two
seconds, or more than 5 MB.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from margincall.case.reporting.build import facts_of
from margincall.case.reporting.page import html_of
from tests.case import many_fills
from tests.case.reports import material_of

FILLS = 50_000
TIMES = 5
SECONDS_MAX = 2.0
SIZE_MAX = 5_000_000
TELLING = """<script>addEventListener("load", () => setTimeout(() => {
  document.title = "opened " + Math.round(performance.getEntriesByType("navigation")[0].loadEventEnd) + " ms";
}, 0));</script></body>"""
EMPTY = "<!DOCTYPE html><title>empty</title><body></body>"


def main() -> int:
    """Write the page, open it, print what was found."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no chromium on this machine: install it first")
    fills = int(sys.argv[1]) if len(sys.argv) > 1 else FILLS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = html_of(facts_of(material_of([many_fills.story(folder / "story.jsonl", fills)])))
        (folder / "page.html").write_text(page, encoding="utf-8")
        (folder / "telling.html").write_text(page.replace("</body>", TELLING), encoding="utf-8")
        (folder / "empty.html").write_text(EMPTY, encoding="utf-8")
        told, painted = [], []
        for _ in range(TIMES):
            told.append(_told(browser, folder / "telling.html"))
            painted.append(_painted(browser, folder / "page.html") - _painted(browser, folder / "empty.html"))
    size = len(page.encode())
    print(f"a case with {fills:,} fills: {size / 1e6:.2f} MB")
    print(
        f"navigation to the end of load: {min(told):.2f} s; picture, less that of an empty page: {min(painted):.2f} s"
    )
    return int(max(min(told), min(painted)) > SECONDS_MAX or size > SIZE_MAX)


def _called(browser: str, page: Path, *more: str) -> str:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1100,1600", *more]
    call = [browser, *flags, page.as_uri()]
    return subprocess.run(call, check=True, capture_output=True, text=True, timeout=120).stdout


def _told(browser: str, page: Path) -> float:
    found = re.search(r"<title>opened (\d+) ms</title>", _called(browser, page, "--dump-dom", "--timeout=20000"))
    assert found is not None, "the page's script tells when it was loaded"
    return int(found[1]) / 1000


def _painted(browser: str, page: Path) -> float:
    start = time.perf_counter()
    _called(browser, page, f"--screenshot={page.with_suffix('.png')}")
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

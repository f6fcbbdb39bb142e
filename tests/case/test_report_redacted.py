"""What `--redact` leaves out: no path, no name of a folder or a file, no number of an account, in any rendering."""

import json
import re
import shutil
from pathlib import Path

import pytest

from margincall.case.reporting.redact import ABSOLUTE, NUMBER
from tests.case.reports import Page, pdf_text, played, squeezed, texts
from tests.cli.calling import call

PERSON, ACCOUNT = "victoria-hill", "98765432"
UID = "48206836798862"
"""The number that the exchange prints in its exports of this account."""
UNREAD = (
    '{"e":"ORDER_TRADE_UPDATE","o":{"zz":1}',
    '{"e":"news","E":1789905900000,"who":"98765432"}',
    "[]98765432",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder, named as such folders are, with files that repeat each other and some that cannot be read."""
    home = tmp_path_factory.mktemp("users") / PERSON
    own = home / f"account {ACCOUNT}"
    shutil.copytree(played("two_longs") / "alice", own)
    shutil.copytree(played("two_longs") / "market", home / "market")
    with (own / "stream.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("\n".join(UNREAD))
    (own / f"{PERSON}.csv").write_text(f"a,b,c\n1,2,{ACCOUNT}\n", encoding="utf-8")
    trades = next((own / "csv").glob("*Trade*"))
    trades.rename(trades.with_name(f"{ACCOUNT} trades.csv"))
    return home


@pytest.fixture(scope="module")
def renderings(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page, the PDF and the answer for programs, redacted, as texts."""
    out = tmp_path_factory.mktemp("out")
    called = call("report", str(home), "--redact", "--json", "--out", str(out / "a.html"), "--pdf", str(out / "a.pdf"))
    assert called.err == ""
    return {
        "html": (out / "a.html").read_text(encoding="utf-8"),
        "pdf": pdf_text((out / "a.pdf").read_bytes(), ""),
        "json": called.out,
    }


def test_the_open_report_names_them(home: Path) -> None:
    """The test can fail: without --redact all of it is told."""
    said = call("report", str(home), "--json").out
    assert all(each in said for each in (PERSON, ACCOUNT, str(home)))
    assert "repeat messages of" in said
    assert UID in next(home.glob("*/csv/*Order*")).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["html", "pdf", "json"])
def test_nothing_of_the_machine_or_the_person_is_left(kind: str, home: Path, renderings: dict[str, str]) -> None:
    """Neither the path nor a part of it, nor the account's number; nor the raw text of the files."""
    text = renderings[kind]
    assert [each for each in (PERSON, ACCOUNT, UID, squeezed(str(home)), home.parent.name) if each in text] == []
    assert "ORDER_TRADE_UPDATE" not in text
    assert "file-1" in text


def test_no_absolute_path_is_left(renderings: dict[str, str]) -> None:
    """In no text of the answer for programs."""
    assert [found[0] for each in texts(json.loads(renderings["json"])) if (found := ABSOLUTE.search(each))] == []


def test_the_renderings_still_agree(renderings: dict[str, str]) -> None:
    """Every text of the redacted answer stands in the redacted page and the redacted PDF."""
    said = set(texts(json.loads(renderings["json"])))
    page = squeezed(Page(renderings["html"]).text)
    assert any("counted once" in each for each in said)
    assert [each for each in sorted(said) if squeezed(each) not in page] == []
    assert [each for each in sorted(said) if squeezed(each) not in renderings["pdf"]] == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("read /srv/data/x.csv twice", "read * twice"),
        ("/srv/data", "*"),
        ("~/margincall/a.json", "*"),
        (r"C:\Users\Jo\a.csv: cut", "*: cut"),
        (r"\\server\share\a.csv", "*"),
        ("the bar (/home/John Smith/secret/file.csv, line 3)", "the bar (*, line 3)"),
        ("/home/John van der Berg/my own file.csv: cut", "*: cut"),
        ("/home/o'neil/x, y/a.csv", "*"),
        ("'/srv/jo/o'neil.csv'", "'*'"),
        ("/srv/a.csv and /srv/b.csv, twice", "* and *, twice"),
        ("file:///srv/alice/x.csv", "*"),
        ("file:/srv/alice/x.csv is file://host/srv/alice", "* is *"),
        ("~alice/x.csv", "*"),
        ("path=~/x", "path=*"),
        (r"C:\Users\John Smith\x.csv twice", "* twice"),
        (r"C:\Users\Jo\my own file.csv", "*"),
        ("C:/Users/Jo Smith/x.csv", "*"),
        (r"\\server\John Smith\a.csv", "*"),
        ("≈ ~5 of 3 / 4 / 5, a ratio of 1/2 or 2/3", None),
        ("https://fapi.binance.com/fapi/v1/klines?symbol=BTCUSDT, and then some/thing", None),
        ("GET /fapi/v1/leverageBracket and /api/v3/account", None),
        ("rate × mark × size, 3/4, https://example.org/a/b, and/or", None),
    ],
)
def test_what_a_path_is(text: str, left: str | None) -> None:
    """From a root or a home on; the venue's addresses, fractions and links are none."""
    assert ABSOLUTE.sub("*", text) == (text if left is None else left)


def test_what_a_number_of_a_message_is() -> None:
    """Six digits or more that stand alone; amounts are none."""
    said = "order 123456 of 1,234,567.12345678 and 905.28548906, 20260920"
    assert re.sub(NUMBER, "*", said) == "order * of 1,234,567.12345678 and 905.28548906, *"

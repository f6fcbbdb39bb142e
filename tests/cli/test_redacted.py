"""`--redact` on the terminal, in what is written and in the answers for programs: no file of the market store, no place
on this machine, no text of a file, whatever was found."""

import json
from pathlib import Path

import pytest

from margincall.errors import DIFFERENCES, FINE, NOTHING_USABLE
from tests.cli.calling import call
from tests.forensics.test_verify_faults import PLAIN, play
from tests.forensics.test_verify_store import MINUTE, candles

PERSON = "johnsmith"
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


@pytest.fixture(scope="module", name="home")
def with_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a store beside it: candles of the mark, and of index and last far from it, from files that are named
    after a person."""
    home = tmp_path_factory.mktemp("home")
    marks = [row[:5] for row in candles(play(home, PLAIN)).values()]
    far = [[row[0], "60000", "60000", "60000", "60000"] for row in marks]
    with pytest.MonkeyPatch.context() as inside:
        inside.chdir(home)
        for kind, rows in (("mark", marks), ("index", far), ("last", far)):
            _stored(kind, rows, "store")
    return home


def _stored(kind: str, rows: list[list[str]], store: str) -> None:
    file = Path("mk", f"{kind}-{PERSON}.csv")
    file.parent.mkdir(exist_ok=True)
    lines = [f"{','.join(map(str, row))},0,{int(row[0]) + MINUTE - 1},0,60,0,0,0" for row in rows]
    file.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    words = ["--kind", kind, "--symbol", "BTCUSDT", "--interval", "1m", "--store", store]
    assert call("market", "import", str(file), *words).code == FINE


@pytest.fixture(name="own")
def files(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Alice's files without a mark, from the folder that the candles were imported from."""
    monkeypatch.chdir(home)
    brackets = next(Path("out", "market").glob("leverageBracket_*.json"))
    return ["out/alice/api", str(brackets), "--store", "store"]


def texts(folder: Path) -> str:
    """All that stands in a folder."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_redacted_bundle_names_no_file_of_the_store(own: list[str], tmp_path: Path) -> None:
    """Neither the sheet nor the claim: they say that it was stored. Without `--redact` they name it."""
    for more, is_open in (([], True), (["--redact"], False)):
        said = call("dispute", *own, "--out", str(tmp_path / f"b{is_open}"), "--json", *more)
        assert said.code == DIFFERENCES, said.err
        (wrong,) = json.loads(said.out)["disputed"][0]["irregularities"]
        assert wrong["kind"] == "bad_mark"
        assert wrong["evidence"] == ([f"mk/mark-{PERSON}.csv:5"] if is_open else ["stored market data"])
        sheet = (tmp_path / f"b{is_open}" / "verdict.md").read_text(encoding="utf-8")
        assert ("(looked at: stored market data)" in sheet) != is_open
        assert (PERSON in texts(tmp_path / f"b{is_open}")) == is_open
        assert (PERSON in said.out) == is_open


def test_a_redacted_report_names_no_file_of_the_store(own: list[str], tmp_path: Path) -> None:
    """Where a candle of the files is another than that of the store, and in the page. Without `--redact` it is told."""
    rows = [[row[0], *(str(float(price) + 1) for price in row[1:5])] for row in candles(Path("out")).values()]
    file = tmp_path / "markPriceKlines-BTCUSDT-1m.json"
    file.write_text(json.dumps([[*row, "0", int(row[0]) + MINUTE - 1, "0", 60, "0", "0", "0"] for row in rows]))
    page = tmp_path / "a.html"
    for more, is_open in (([], True), (["--redact"], False)):
        said = call("report", *own, str(file), "--json", "--out", str(page), "--no-pdf", *more)
        assert said.code == DIFFERENCES, said.err
        for text in (said.out, page.read_text(encoding="utf-8")):
            assert "in the store (" in text
            assert (f"in the store (mk/mark-{PERSON}.csv, line 2)" in text) == is_open
            assert (PERSON in text) == is_open


@pytest.mark.parametrize(
    ("command", "how"), [("report", "--redact"), ("dispute", "--redact"), ("dispute", "--redact-amounts")]
)
@pytest.mark.parametrize("as_json", [True, False])
def test_files_without_anything_usable_are_not_told(command: str, how: str, tmp_path: Path, *, as_json: bool) -> None:
    """Neither their names nor their text, wherever it is said; without `--redact` both are."""
    folder = tmp_path / PERSON
    folder.mkdir()
    (folder / f"{PERSON}.json").write_text('["of Smith"', encoding="utf-8")
    (folder / "empty").mkdir()
    words = [command, str(folder), str(folder / "empty"), *(["--json"] if as_json else [])]
    words += ["--out", str(tmp_path / "b")] if command == "dispute" else []
    for more, is_open in (([], True), ([how], False)):
        said = call(*words, *more)
        assert said.code == NOTHING_USABLE
        text = said.out + said.err
        assert (f"{PERSON}.json" in text, "of Smith" in text, PERSON in text) == (is_open,) * 3
        assert as_json or "Nothing in these files can be used." in text
    assert as_json or "file-1.json" in text


@pytest.mark.parametrize("how", ["--redact", "--redact-amounts"])
def test_what_is_not_written_is_redacted_too(home: Path, how: str, tmp_path: Path) -> None:
    """A dispute that is not advised: no number of the account, no file that could not be read, no text of it."""
    (tmp_path / f"{PERSON}.jsonl").write_bytes((home / "out" / "alice" / "stream.jsonl").read_bytes() + b'{"of Smith"')
    words = ["dispute", str(tmp_path / f"{PERSON}.jsonl"), str(home / "out" / "market"), "--no-store", "--json"]
    words += ["--reference", "98765432", "--out", str(tmp_path / "b")]
    for more, is_open in (([], True), ([how], False)):
        said = call(*words, *more)
        assert said.code == FINE, said.out
        assert [each in said.out for each in ("98765432", PERSON, "of Smith")] == [is_open] * 3
        assert json.loads(said.out)["redacted"] == (not is_open)
    assert not (tmp_path / "b").exists()


def test_the_redacted_answer_does_not_say_where_it_was_written(own: list[str], tmp_path: Path) -> None:
    """A folder's name is often a person's."""
    for more, is_open in (([], True), (["--redact"], False)):
        folder = tmp_path / f"{PERSON}{is_open}"
        said = call("dispute", *own, "--out", str(folder), "--json", *more)
        assert said.code == DIFFERENCES, said.err
        assert json.loads(said.out)["folder"] == (str(folder) if is_open else "")
        assert folder.is_dir()

"""`margincall verify` as a user reads it: headline, figures by their names, the next step, narrow screens."""

import json
from pathlib import Path
from typing import Any

import pytest

from margincall.errors import FINE, USAGE
from tests.cli.calling import call
from tests.stories import liquidation, written

NARROW = 80


@pytest.fixture(scope="module", name="runs")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the exchange: right, wrong, several positions, a hedge."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("plain_liquidation", "wrong_liquidation", "two_longs", "hedge_dies_upwards"):
        assert call("exchange", "run", name, "--out", str(folder / name)).code == FINE
    return folder


def files(run: Path) -> list[str]:
    """The stream of whoever was liquidated, and the market's files."""
    return [str(next(run.glob("*/stream.jsonl"))), str(run / "market")]


def without_rates(run: Path) -> list[str]:
    """The same without the rates of the clearance fee."""
    market = [str(path) for path in (run / "market").iterdir() if path.name != "exchangeInfo.json"]
    return [files(run)[0], *market]


def told(runs: Path, name: str) -> str:
    """What is printed for people."""
    return call("verify", "--no-store", *files(runs / name)).out


def checks(runs: Path, name: str, kind: str) -> list[dict[str, Any]]:
    """The checks of a kind, of all liquidations."""
    said = json.loads(call("verify", "--no-store", "--json", *files(runs / name)).out)
    return [each for one in said["liquidations"] for each in one["checks"] if each["kind"] == kind]


def test_the_headline_says_what_essential_was_not_checked(runs: Path) -> None:
    """Nothing irregular was found, but nobody looked at the mark: it is in the headline, with what would settle it."""
    said = " ".join(told(runs, "plain_liquidation").split())
    essential = "not checked: the mark Not checked: the mark. It takes index and last price"
    assert f"NOTHING IRREGULAR FOUND; {essential}" in said


def test_the_headline_of_what_is_irregular_needs_no_such_word(runs: Path) -> None:
    """It says irregular, and nothing besides."""
    said = told(runs, "wrong_liquidation")
    assert "12:03:45.137 UTC: IRREGULAR\n" in said
    assert "Not checked" not in said


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("plain_liquidation", ("margincall recover", "margincall report", "--kind index --from 2026-09-20")),
        ("wrong_liquidation", ("margincall dispute", "margincall recover", "margincall report")),
        ("hedge_dies_upwards", ("margincall dispute", "ask the venue for its records", "and verify again")),
    ],
)
def test_the_next_step_is_told(name: str, steps: tuple[str, ...], runs: Path) -> None:
    """By what was concluded; without the rate of the fee one of them cannot be told."""
    after = call("verify", "--no-store", *without_rates(runs / name)).out.partition("\nNext\n")[2]
    assert [step for step in steps if step not in after] == []
    if name == "plain_liquidation":
        assert "margincall dispute" not in after


@pytest.mark.parametrize("command", ["verify", "recover"])
def test_a_narrow_screen_is_read_line_by_line(command: str, runs: Path) -> None:
    """COLUMNS counts where the output is piped, and no text is folded into a column of words."""
    wide = call(command, *files(runs / "wrong_liquidation")).out
    narrow = call(command, *files(runs / "wrong_liquidation"), columns=str(NARROW)).out
    broken = [line for line in narrow.splitlines() if len(line.split()) > 1]
    assert max(len(line) for line in broken if not line.strip().startswith("margincall ")) <= NARROW
    assert max(map(len, wide.splitlines())) > NARROW
    assert "FAQ 360033525271" in " ".join(narrow.split())
    assert len(narrow.splitlines()) < 2.2 * len(wide.splitlines())


@pytest.mark.parametrize("asked", ["", "wide", "-5"])
def test_a_width_that_is_none_is_ignored(asked: str, runs: Path) -> None:
    """The usual width of what is piped."""
    said = call("verify", "--no-store", *files(runs / "plain_liquidation"), columns=asked)
    assert said.out == told(runs, "plain_liquidation")


def test_what_is_due_is_one_figure(runs: Path) -> None:
    """The clearance fee that is due is the same of `explain` and `verify`; the limit, rate × base, has its own name."""
    explained = json.loads(call("explain", "--no-store", "--json", *files(runs / "two_longs")).out)
    findings = [each for one in explained["liquidations"] for each in one["findings"]]
    due = [each["derived"] for each in findings if each["kind"] == "clearance_fee"]
    fees = [each for each in checks(runs, "two_longs", "clearance_fee") if "derived" in each["numbers"]]
    assert [each["numbers"]["derived"] for each in fees] == due
    assert fees[0]["numbers"]["limit"] == "567.4703775"
    assert fees[0]["numbers"]["difference"] == "0"
    assert "left of the margin balance (wallet and unrealised PnL)" in fees[0]["note"]
    assert "due 365.69197303" in told(runs, "two_longs")
    assert "at most 567.4703775" in " ".join(told(runs, "two_longs").split())


def test_numbers_are_called_what_they_are(runs: Path) -> None:
    """A limit, a floor, what was held: not all of it is derived."""
    said = told(runs, "plain_liquidation")
    for text in ("filled at 48,975.6, limit 48,791.1", "left 0, at least 0", "closed 1.6, held 1.6", "open before 1"):
        assert text in said, text


def test_explain_names_what_a_number_is_held_against(runs: Path) -> None:
    """The same limit, floor and due as in verify."""
    said = call("explain", "--no-store", *files(runs / "plain_liquidation")).out
    for text in ("fill price, against the limit", "fee, against what is due", "balance after, against a floor"):
        assert text in said, text


def test_a_fee_that_cannot_be_told_names_what_would_settle_it(runs: Path) -> None:
    """No file of the account is missing, but the rate of the symbol is not known."""
    said = json.loads(call("verify", "--json", "--no-store", *without_rates(runs / "hedge_dies_upwards")).out)
    (fee,) = (each for part in said["liquidations"] for each in part["checks"] if each["kind"] == "clearance_fee")
    assert (fee["verdict"], fee["settled_by"]) == (
        "cannot tell", "the clearance fee rate of that day (exchangeInfo, `liquidationFee`)",
    )  # fmt: skip


def test_a_moment_that_never_was_asks_for_no_file_that_is_there(runs: Path) -> None:
    """The marks around the order are in the files and survived: the trigger's check says what is wrong."""
    (moment,) = checks(runs, "wrong_liquidation", "moment")
    assert (moment["verdict"], moment["settled_by"]) == ("cannot tell", "")
    assert "survived" in moment["note"]


def test_notes_are_no_problems(runs: Path) -> None:
    """Files that were used stand under notes, and none of them is called unread."""
    said = told(runs, "plain_liquidation")
    assert "Problems in the files" not in said
    notes = said.partition("Notes about the files")[2].partition("\nNext\n")[0]
    assert "trades.jsonl" in notes
    assert "not read" not in notes


def test_problems_are_told_apart_from_notes(tmp_path: Path) -> None:
    """A row that was not understood is a problem, with its text."""
    story = written(liquidation(), tmp_path / "story.jsonl")
    with story.open("a", encoding="utf-8") as out:
        out.write("spoilt\n")
    said = call("verify", "--no-store", str(story)).out
    assert "spoilt" in said.partition("Problems in the files")[2]


OPTIONS = {
    "--from": ("explain", "verify", "recover", "report", "dispute"),
    "--until": ("explain", "verify", "recover", "report", "dispute"),
    "--number": ("explain", "verify", "recover", "report", "dispute"),
    "--account": ("explain", "verify", "recover", "report", "dispute"),
    "--beside": ("verify", "recover", "report", "dispute"),
    "--store": ("explain", "verify", "recover", "report"),
    "--no-store": ("explain", "verify", "recover", "report"),
}
"""A dispute rests on files alone, and needs no store."""


@pytest.mark.parametrize("option", OPTIONS)
def test_options_have_one_name(option: str) -> None:
    """The same of every command that reads an account's files."""
    assert [name for name in OPTIONS[option] if f"{option} " not in call(name, "--help").out.replace(",", " ")] == []


def test_until_is_to(runs: Path) -> None:
    """Where `--to` is no folder both names are the same."""
    when = "2026-09-20T12:05"
    both = [call("verify", "--json", *files(runs / "two_longs"), name, when) for name in ("--to", "--until")]
    assert both[0] == both[1]
    assert json.loads(both[0].out)["liquidations"] == []


@pytest.mark.parametrize("command", ["explain", "verify", "recover"])
def test_a_number_chooses_one_liquidation(command: str, runs: Path) -> None:
    """Of several orders the one that is asked for; a number that there is not is refused."""
    key = "closings" if command == "recover" else "liquidations"
    whole = json.loads(call(command, "--json", "--no-store", *files(runs / "two_longs")).out)[key]
    one = json.loads(call(command, "--json", "--no-store", "--number", "2", *files(runs / "two_longs")).out)
    assert one[key] == [whole[1]]
    assert {len(each["tables"]) for each in one.get("programmes", [])} <= {1}
    said = call(command, "--no-store", "--number", "2", *files(runs / "two_longs")).out
    assert "ETHUSDT liquid" in said
    assert "BTCUSDT liquid" not in said.partition("The account")[0]
    assert call(command, "--number", str(len(whole) + 1), *files(runs / "two_longs")).code == USAGE


def test_recover_reads_the_store(runs: Path, tmp_path: Path) -> None:
    """Candles of the mark settle there what the files leave open, as they do for verify."""
    api = str(next((runs / "plain_liquidation").glob("*/api")))
    brackets = str(next((runs / "plain_liquidation" / "market").glob("leverageBracket*")))
    rows = tmp_path / "markPriceKlines-BTCUSDT-1m.json"
    candle = [1789906020000, "49000", "49010", "48980", "48986.7", "0", 1789906079999, "0", 60, "0", "0", "0"]
    rows.write_text(json.dumps([candle]), encoding="utf-8")
    store = str(tmp_path / "store")
    assert call("market", "import", str(rows), "--kind", "mark", "--symbol", "BTCUSDT", "--store", store).code == FINE
    line = [
        next(each for each in json.loads(call("recover", "--json", api, brackets, *more).out)["closings"][0]["lines"]
             if each["what"] == "may be disputed")
        for more in (("--no-store",), ("--store", store))
    ]  # fmt: skip
    assert [each["says"] for each in line] == ["cannot tell", "nothing"]

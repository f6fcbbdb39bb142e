"""`margincall dispute` and `margincall exchange judge`: what is written, what is refused, what the desk answers."""

import json
import random
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.case import dispute as disputes
from margincall.case import dispute_asks as asks
from margincall.case.dispute_asks import BRACKETS, FEE, MARK, SHORT, WALLET
from margincall.case.dispute_asks import SHEET as TRIGGER
from margincall.core.events import Order
from margincall.errors import CANNOT_TELL, DIFFERENCES, FINE, NOT_JUDGED, NOTHING_USABLE, REFUSED, USAGE
from margincall.exchange.exports import number_of, write_account, write_all
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.founded import Founded
from margincall.wire.claims import Claim, json_schema
from tests.accept.disputes import KINDS, OTHER, VICTIM
from tests.accept.disputes import played as run_of
from tests.cli.calling import call
from tests.forensics.test_verify_faults import PLAIN, play
from tests.forensics.test_verify_store import candles, stored
from tests.sources import ROOT

SCHEMA = ROOT / "docs" / "reference" / "dispute.schema.json"
WRONG, RIGHT = "wrong_liquidation", "plain_liquidation"
NAMES = {"ticket_short.txt", "ticket_long.txt", "verdict.md", "claim.json", "manifest.sha256"}
SHEET = "mark price", "wallet balance", "unrealised PnL", "margin balance", "maintenance margin"
THREATS = re.compile(r"lawyer|court|sue|legal action|press|fraud|stole|scam|guarantee|promise|will be paid", re.I)


@pytest.fixture(scope="module", name="runs")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a fault and one without, each with the exports of alice."""
    folder = tmp_path_factory.mktemp("runs")
    for name in (WRONG, RIGHT):
        assert call("exchange", "run", name, "--out", str(folder / name)).code == FINE
    return folder


def files(run: Path, level: str = "stream.jsonl") -> list[str]:
    """What alice has."""
    return [str(run / "alice" / level), str(run / "market")]


def bundle(run: Path, to: Path, *more: str, level: str = "stream.jsonl", code: int = DIFFERENCES) -> dict[str, Any]:
    """The claim as the command prints it."""
    said = call("dispute", *files(run, level), "--out", str(to), "--json", *more)
    assert said.code == code, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def written(folder: Path) -> dict[str, str]:
    """Every text of a folder by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_an_irregular_liquidation_is_written_down(runs: Path, tmp_path: Path) -> None:
    """Tickets, sheet, claim, evidence, manifest; the amount, the order, the exact time, the rule with its source."""
    claim = bundle(runs / WRONG, tmp_path / "b", "--reference", str(number_of("alice")))
    texts = written(tmp_path / "b")
    assert {name for name in texts if "/" not in name} == NAMES
    assert {name for name in texts if "/" in name} == {
        f"evidence/{path.name}" for each in files(runs / WRONG) for path in _all(Path(each))
    }
    (each,) = claim["disputed"]
    assert (each["subject"], each["asked"], claim["refund"]) == ("liquidation", "refund", {"USDT": "312.8912474"})
    short, long = texts["ticket_short.txt"], texts["ticket_long.txt"]
    assert len(short) <= 1000
    for text in (short, long):
        for part in (each["order_ids"][0], "2026-09-20 12:03:45.137 UTC", "312.8912474 USDT", *SHEET):
            assert part in text
        assert str(number_of("alice")) in text
        assert THREATS.search(text) is None
    for part in (str(each["times_ms"][0]), each["client_order_ids"][0], "wallet balance: 979.9964474 USDT"):
        assert part in long
    for name in ("maintenance margin", "wallet balance", "unrealised PnL", "margin balance"):
        assert f"| {name} |" in texts["verdict.md"]


def _all(path: Path) -> Iterator[Path]:
    yield from path.iterdir() if path.is_dir() else [path]


def test_recover_names_the_amount_that_is_asked(runs: Path, tmp_path: Path) -> None:
    """One amount, in both."""
    claim = bundle(runs / WRONG, tmp_path / "b")
    said = json.loads(call("recover", *files(runs / WRONG), "--json").out)
    lines = [each for each in said["closings"][0]["lines"] if each["what"] == "may be disputed"]
    assert {each["asset"]: each["amount"] for each in lines if each["says"] == "amount"} == claim["refund"]


def test_every_place_that_is_named_is_in_the_bundle(runs: Path, tmp_path: Path) -> None:
    """File and line: the file is there, and has that line."""
    bundle(runs / WRONG, tmp_path / "b", level="api")
    texts = written(tmp_path / "b")
    places = [each for text in texts.values() for each in re.findall(r"\[?(evidence/[^\s\]|\"]+):(\d+)\]?", text)]
    assert len(places) > 12
    for name, line in places:
        assert int(line) <= len(texts[name].splitlines())


CITED = re.compile(r"([^\[\]]*)\[((?:evidence|beside)/[^\]]+?):(\d+)(?:-(\d+))?\]")
DIGITS = re.compile(r"(?<![\w:-])\d+(?:\.\d+)?(?![\w:])")
CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC:?")


@pytest.mark.parametrize("level", ["stream.jsonl", "api", "csv"])
@pytest.mark.parametrize("name", [WRONG, RIGHT])
def test_each_number_stands_in_the_line_that_is_cited(name: str, level: str, runs: Path, tmp_path: Path) -> None:
    """Of the evidence in the bundle; the number, or all numbers since the name that begins them."""
    code = DIFFERENCES if name == WRONG and level != "csv" else CANNOT_TELL if level == "csv" else FINE
    bundle(runs / name, tmp_path / "b", "--anyway", level=level, code=code)
    texts = written(tmp_path / "b")
    seen = 0
    for ticket in ("ticket_short.txt", "ticket_long.txt"):
        for line in texts[ticket].splitlines():
            for said, file, first, last in CITED.findall(line):
                own = CLOCK.sub("", said).partition(": ")[2] if line.startswith("    ") else said
                numbers = DIGITS.findall(own if "printed" not in own else own.rpartition("printed")[2])
                lines = texts[file].splitlines()[int(first) - 1 : int(last or first)]
                printed = {abs(Decimal(each)) for each in re.findall(r"\d+(?:\.\d+)?", "\n".join(lines))}
                wanted = [Decimal(each) for each in numbers]
                assert wanted, line
                assert [each for each in wanted if each not in printed] == [], line
                seen += len(wanted)
    assert seen > 5
    marks = [line for line in texts["ticket_long.txt"].splitlines() if line.startswith("    mark price:")]
    assert level == "csv" or all("[evidence/marks.jsonl:" in line for line in marks)
    assert level != "stream.jsonl" or re.search(
        r"wallet balance: \S+ USDT  \[evidence/stream", texts["ticket_long.txt"]
    )


def test_everything_is_asked_for_once_and_nothing_that_is_enclosed(runs: Path, tmp_path: Path) -> None:
    """In the short ticket as in the long one; not the fee that the exports print, nor what the stream prints."""
    said = call("dispute", str(runs / WRONG / "alice" / "csv"), "--out", str(tmp_path / "b"), "--json")
    (asked,) = json.loads(said.out)["disputed"]
    texts = written(tmp_path / "b")
    assert len(asked["settled_by"]) > 5
    for text in asked["settled_by"]:
        assert texts["ticket_long.txt"].count(text) == 1
        assert texts["ticket_short.txt"].count(SHORT[text]) == 1
    assert FEE not in asked["settled_by"]
    question = bundle(runs / RIGHT, tmp_path / "q", "--anyway", code=FINE)
    assert not {MARK, WALLET, BRACKETS} & set(question["disputed"][0]["settled_by"])
    assert {MARK, WALLET, BRACKETS} <= set(asked["settled_by"])


FILLS = """time,symbol,side,quantity,price,close,contract,base,quote
2024-05-02T00:00:00.000Z,BTCUSDT,SELL,0.5,50000,,linear,BTC,USDT
2024-05-02T01:00:00.000Z,BTCUSDT,BUY,0.5,62000,liquidation,linear,BTC,USDT
"""


def test_a_case_of_another_venue_names_no_binance_product(tmp_path: Path) -> None:
    """Whatever its symbols look like; no term of Binance's is asked for, and no way of a complaint is made up."""
    (tmp_path / "fills.csv").write_text(FILLS)
    said = call("dispute", str(tmp_path / "fills.csv"), "--out", str(tmp_path / "b"), "--json")
    assert said.code == NOT_JUDGED, said.err
    assert json.loads(said.out)["venue"] == "a venue other than Binance"
    texts = written(tmp_path / "b")
    for name in ("ticket_short.txt", "ticket_long.txt"):
        assert "Product: a venue other than Binance" in texts[name]
        assert re.search("Futures|clearance|bracket", texts[name]) is None
    assert "The sources hold nothing on complaints at this venue" in texts["verdict.md"]
    assert "Nest" not in texts["verdict.md"]


def test_ticket_and_sheet_say_whether_stored_data_was_used(tmp_path: Path) -> None:
    """As `verify` uses it: without the store nobody can tell, with it the trigger holds; no place of it is cited."""
    out = play(tmp_path, PLAIN)
    stored(tmp_path, list(candles(out).values()))
    brackets = next((out / "market").glob("leverageBracket_*.json"))
    words = ["dispute", str(out / "alice" / "api"), str(brackets), "--anyway", "--json", "--store"]
    for store, used in ((tmp_path / "store", True), (tmp_path / "none", False)):
        said = call(*words, str(store), "--out", str(tmp_path / "b"))
        assert said.code == CANNOT_TELL, said.err
        claim = json.loads(said.out)
        assert (claim["market_store"], TRIGGER in claim["disputed"][0]["settled_by"]) == (used, not used)
        for name in ("ticket_long.txt", "verdict.md"):
            text = written(tmp_path / "b")[name]
            assert ("Stored market data (margincall market) was used" in text) == used
            assert ("No stored market data was used, only these files." in text) != used
            assert ("margincall verify --no-store evidence/" in text) != used
        assert "markPriceKlines" not in written(tmp_path / "b")["ticket_long.txt"]
    said = call(*words, str(tmp_path / "store"), "--no-store", "--out", str(tmp_path / "b"))
    assert json.loads(said.out)["market_store"] is False


def test_a_venue_that_the_user_names_is_not_judged_by_the_rules_of_binance(tmp_path: Path) -> None:
    """A run by dYdX's rules writes files in the form of Binance's: only the user knows better."""
    plain = (ROOT / "src" / "margincall" / "exchange" / "scenarios" / f"{RIGHT}.toml").read_text()
    (tmp_path / "dydx.toml").write_text(plain.replace('rules = "binance_usdm"', 'rules = "dydx"'))
    assert call("exchange", "run", str(tmp_path / "dydx.toml"), "--out", str(tmp_path / "run")).code == FINE
    said = call("dispute", *files(tmp_path / "run"), "--out", str(tmp_path / "b"), "--venue", "dYdX", "--json")
    assert said.code == NOT_JUDGED, said.err
    claim = json.loads(said.out)
    assert (claim["venue"], claim["advice"], claim["refund"]) == ("dYdX", "ask", {})
    assert {wrong["kind"] for each in claim["disputed"] for wrong in each["irregularities"]} == set()
    for name in ("ticket_short.txt", "ticket_long.txt", "verdict.md"):
        text = written(tmp_path / "b")[name]
        assert "dYdX" in text
        assert re.search("Binance USD|FAQ|Nest", text) is None


def test_a_row_of_the_sheet_says_once_what_it_needs(tmp_path: Path) -> None:
    """The mark of a liquidation whose index no file holds: once what it takes, and once where was looked."""
    out = play(tmp_path, PLAIN)
    stored(tmp_path, list(candles(out).values()))
    brackets = next((out / "market").glob("leverageBracket_*.json"))
    words = [str(out / "alice" / "api"), str(brackets), "--store", str(tmp_path / "store")]
    assert call("dispute", *words, "--out", str(tmp_path / "b")).code == CANNOT_TELL
    sheet = written(tmp_path / "b")["verdict.md"].splitlines()
    (mark,) = [line for line in sheet if line.startswith("| ? mark allowed by index")]
    assert mark.count("(looked at: ") == 1
    assert sum("index and last price of that second" in line for line in sheet) == 1


def test_the_sheet_tells_the_way_of_a_complaint(runs: Path, tmp_path: Path) -> None:
    """As `recover` does."""
    bundle(runs / WRONG, tmp_path / "b")
    assert "## Where to send it: Binance USDⓈ-M Futures" in written(tmp_path / "b")["verdict.md"]
    assert "Nest Exchange Limited" in written(tmp_path / "b")["verdict.md"]


def test_the_manifest_is_one_of_sha256sum(runs: Path, tmp_path: Path) -> None:
    """Anybody can check it, and repeat the verdict from the evidence."""
    claim = bundle(runs / WRONG, tmp_path / "b")
    done = subprocess.run(
        ["sha256sum", "-c", "manifest.sha256"], cwd=tmp_path / "b", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(written(tmp_path / "b")) - 1
    for each in claim["evidence"]:
        assert sha256((tmp_path / "b" / each["path"]).read_bytes()).hexdigest() == each["sha256"]
    again = json.loads(call("verify", "--no-store", str(tmp_path / "b" / "evidence"), "--json").out)
    assert again["conclusion"] == "irregular"


def test_the_same_files_give_the_same_bundle_and_replace_it(runs: Path, tmp_path: Path) -> None:
    """To the byte; and a folder of ours is written again."""
    for _ in range(2):
        bundle(runs / WRONG, tmp_path / "b")
    bundle(runs / WRONG, tmp_path / "c")
    assert written(tmp_path / "b") == written(tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]


def test_what_is_not_ours_is_not_written_over(runs: Path, tmp_path: Path) -> None:
    """A folder with something else in it, a bundle that was changed, a file: all stay as they are."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    bundle(runs / WRONG, tmp_path / "changed")
    with (tmp_path / "changed" / "ticket_long.txt").open("a") as file:
        file.write("P.S. mine")
    bundle(runs / WRONG, tmp_path / "more")
    (tmp_path / "more" / "notes.txt").write_text("mine")
    before = written(tmp_path)
    for name in ("mine", "file", "changed", "more"):
        said = call("dispute", *files(runs / WRONG), "--out", str(tmp_path / name))
        assert said.code == USAGE, name
    assert written(tmp_path) == before


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        ("--redact", "", True),
        ("--redact-amounts", "", True),
        ("--redact-amounts", "--redact", True),
        ("", "--redact", False),
        ("", "--redact-amounts", False),
        ("--redact", "--redact-amounts", False),
        ("--redact", "--redact", False),
    ],
)
def test_what_was_hidden_is_not_written_over_by_what_shows_it(
    first: str, second: str, is_refused: bool, runs: Path, tmp_path: Path
) -> None:
    """A folder made for publishing stays redacted; a folder that shows everything may be redacted."""
    out = tmp_path / "public"
    bundle(runs / WRONG, out, *filter(None, [first]))
    before = written(out)
    said = call("dispute", *files(runs / WRONG), "--out", str(out), *filter(None, [second]))
    if is_refused:
        assert said.code == USAGE
        assert "redacted" in said.err
        assert first in said.err
        assert written(out) == before
    else:
        assert said.code == DIFFERENCES, said.err
        assert json.loads((out / "claim.json").read_text())["redacted_amounts"] is (second == "--redact-amounts")
        assert not (out / "evidence").exists()


def test_the_bundle_of_another_case_is_not_written_over(runs: Path, tmp_path: Path) -> None:
    """It stays as it is, and the message says what to do; the same case with other files is written again."""
    folder = tmp_path / "b"
    bundle(runs / WRONG, folder)
    before = written(folder)
    said = call("dispute", *files(runs / RIGHT), "--out", str(folder), "--anyway")
    assert said.code == USAGE
    assert "holds the dispute of another case: name another folder" in said.err
    assert written(folder) == before
    bundle(runs / WRONG, folder, level="api")
    assert "evidence/userTrades.json" in written(folder)
    bundle(runs / WRONG, folder, level="csv", code=CANNOT_TELL)
    bundle(runs / WRONG, folder, "--redact")
    assert call("dispute", *files(runs / RIGHT), "--out", str(folder), "--anyway", "--redact").code == USAGE


def test_nothing_irregular_is_said_and_nothing_is_claimed(runs: Path, tmp_path: Path) -> None:
    """Nothing is written; `--anyway` asks a question."""
    said = call("dispute", *files(runs / RIGHT), "--out", str(tmp_path / "b"))
    assert said.code == FINE
    assert "Nothing irregular was found; a dispute is not advised." in said.out
    assert not (tmp_path / "b").exists()
    claim = bundle(runs / RIGHT, tmp_path / "b", "--anyway", code=FINE)
    assert (claim["advice"], claim["refund"]) == ("nothing", {})
    assert [(each["asked"], each["irregularities"]) for each in claim["disputed"]] == [("answer", [])]
    ticket = (tmp_path / "b" / "ticket_short.txt").read_text()
    assert ticket.startswith("Question: ")
    assert "refund" not in ticket
    for name in ("ticket_short.txt", "ticket_long.txt"):
        assert (
            re.search(r"irregular|favour|found|my own check|wrong", (tmp_path / "b" / name).read_text(), re.I) is None
        )
    sheet = (tmp_path / "b" / "verdict.md").read_text()
    assert (
        "Nothing irregular was found; a dispute is not advised. The tickets ask a question and claim nothing." in sheet
    )


def test_what_cannot_be_told_is_asked_for(runs: Path, tmp_path: Path) -> None:
    """Without the marks nobody can tell: the ticket accuses nobody and asks for them."""
    said = call("dispute", str(runs / WRONG / "alice" / "csv"), "--out", str(tmp_path / "b"), "--json")
    assert said.code == CANNOT_TELL
    claim = json.loads(said.out)
    assert (claim["advice"], claim["conclusion"], claim["refund"]) == ("ask", "cannot tell", {})
    assert any("mark price" in each for each in claim["disputed"][0]["settled_by"])
    ticket = (tmp_path / "b" / "ticket_long.txt").read_text()
    assert "I accuse nobody" in ticket
    assert "What is wrong" not in ticket
    assert "mark price" in ticket


def test_the_desk_answers_the_bundle(runs: Path, tmp_path: Path) -> None:
    """Upheld with the fault, rejected without it; of another run it knows nothing; an altered one it does not take."""
    bundle(runs / WRONG, tmp_path / "wrong")
    bundle(runs / RIGHT, tmp_path / "right", "--anyway", code=FINE)
    upheld = json.loads(call("exchange", "judge", WRONG, str(tmp_path / "wrong"), "--json").out)["disputes"]
    assert [(each["upheld"], each["refund"]) for each in upheld] == [(True, {"USDT": "312.89124740"})]
    rejected = call("exchange", "judge", RIGHT, str(tmp_path / "right"))
    assert (rejected.code, "rejected" in rejected.out) == (FINE, True)
    assert call("exchange", "judge", RIGHT, str(tmp_path / "wrong")).code == USAGE
    bundle(runs / WRONG, tmp_path / "other", "--reference", str(number_of("bob")))
    assert "names another account" in call("exchange", "judge", WRONG, str(tmp_path / "other")).err
    with (tmp_path / "wrong" / "claim.json").open("a") as file:
        file.write("\n")
    assert call("exchange", "judge", WRONG, str(tmp_path / "wrong")).code == REFUSED
    assert call("exchange", "judge", WRONG, str(runs)).code == USAGE


def test_a_changed_case_is_refused(runs: Path, tmp_path: Path) -> None:
    """Evidence that was altered is not built upon; nothing is written."""
    case = str(tmp_path / "case")
    assert call("case", "new", case).code == FINE
    assert (
        call("case", "add", case, *(str(path) for each in files(runs / WRONG) for path in _all(Path(each)))).code == 0
    )
    told = json.loads(call("dispute", case, "--out", str(tmp_path / "b"), "--json").out)
    assert {each["origin"] for each in told["evidence"]} != {""}
    for path in Path(case, "evidence").iterdir():
        if path.name == "stream.jsonl":
            path.chmod(0o600)
            path.write_bytes(path.read_bytes().replace(b"49177.4", b"49077.4"))
    said = call("dispute", case, "--out", str(tmp_path / "c"))
    assert (said.code, "was changed" in said.err) == (REFUSED, True)
    assert not (tmp_path / "c").exists()


IDS = re.compile(r'"(?:orderId|id|i|t|tranId|tradeId|clientOrderId|c)":\s*"?([\w-]+)"?')


def identifiers(run: Path) -> set[str]:
    """Everything of alice's files that names an order, a trade, a booking or the account."""
    texts = [path.read_text() for path in sorted((run / "alice").rglob("*.json*"))]
    found = {each for text in texts for each in IDS.findall(text)}
    return {each for each in found if not each.isdigit() or int(each) > 0} | {"alice", str(number_of("alice"))}


@pytest.mark.parametrize("level", ["stream.jsonl", "api", "csv"])
@pytest.mark.parametrize("how", ["--redact", "--redact-amounts"])
def test_a_redacted_bundle_holds_no_identifier(level: str, how: str, runs: Path, tmp_path: Path) -> None:
    """Not one of those that the files hold stands in it as a word; nor does evidence, nor a name of a file."""
    more = ["--reference", str(number_of("alice")), "--anyway"]
    code = CANNOT_TELL if level == "csv" else DIFFERENCES
    open_claim = bundle(runs / WRONG, tmp_path / "open", *more, level=level, code=code)
    claim = bundle(runs / WRONG, tmp_path / "b", *more, how, level=level, code=code)
    texts = written(tmp_path / "b")
    assert set(texts) == NAMES
    said = "\n".join(text for name, text in texts.items() if name != "manifest.sha256")
    own = identifiers(runs / WRONG)
    assert {each["order_ids"][0] for each in open_claim["disputed"]} <= own
    long = {each for each in own if len(each) >= 4}
    assert len(long) > 3
    assert [each for each in sorted(long) if each in said] == []
    named = re.compile(r"(?:trade|order|order id:|booking) (\d+)")
    assert named.findall(said) == []
    assert [name for name in ("stream.jsonl", "userTrades.json", "income.json", ".csv") if name in said] == []
    assert claim["redacted"] is True
    assert call("exchange", "judge", WRONG, str(tmp_path / "b")).code == USAGE
    if how == "--redact-amounts" and level != "csv":
        for amount in ("312.8912474", "979.9964474", "277.84284045", "0.331"):
            assert amount in "\n".join(written(tmp_path / "open").values())
            assert amount not in said


MASKS = re.compile(r"\b(?:account|order|client|trade|booking)-\d+\b")


@pytest.mark.parametrize("how", ["--redact", "--redact-amounts"])
@pytest.mark.parametrize("name", [WRONG, RIGHT])
def test_the_files_of_a_redacted_bundle_agree(name: str, how: str, runs: Path, tmp_path: Path) -> None:
    """The manifest fits; with the masks undone tickets and claim are those that are not redacted, number for number; no
    file names another that is not there."""
    code = DIFFERENCES if name == WRONG else FINE
    more = ("--anyway", "--reference", str(number_of("alice")))
    plain = bundle(runs / name, tmp_path / "open", *more, code=code)
    hidden = bundle(runs / name, tmp_path / "b", *more, how, code=code)
    texts, before = written(tmp_path / "b"), written(tmp_path / "open")
    assert texts["manifest.sha256"] == "".join(
        f"{sha256(texts[each].encode()).hexdigest()}  {each}\n" for each in sorted(NAMES - {"manifest.sha256"})
    )
    masks: dict[str, str] = {hidden["account"]: plain["account"]}
    for old, new in zip(plain["disputed"], hidden["disputed"], strict=True):
        for field in ("order_ids", "client_order_ids", "open_order_ids"):
            masks |= dict(zip(new[field], old[field], strict=True))
        assert new["times_ms"] == old["times_ms"]
    assert all(MASKS.fullmatch(each) for each in masks)
    for file in ("ticket_short.txt", "ticket_long.txt", "verdict.md"):
        assert "evidence/" not in texts[file]
        for old_line, new_line in zip(_figures(before[file]), _figures(texts[file]), strict=True):
            shown = MASKS.sub(lambda found: masks.get(found[0], found[0]), new_line)
            assert "trade-" in shown or how == "--redact-amounts" or shown == old_line
            assert how == "--redact" or all(each in old_line for each in re.findall(r"\d+\.\d+", shown))


def _figures(text: str) -> list[str]:
    """The lines of ids, bookings and the sheet, without the places that they cite."""
    found = [line for line in text.splitlines() if re.match(r"    \S|\| (?:mark|wallet|unr|margin|maint)|  mark", line)]
    return [re.sub(r"\[?\(?(?:looked at: )?evidence[^\s\])|,]*[\])]?", "", line) for line in found]


def test_the_same_id_has_the_same_mask(runs: Path, tmp_path: Path) -> None:
    """In the claim, the ticket and the sheet."""
    claim = bundle(runs / WRONG, tmp_path / "b", "--redact")
    mask = claim["disputed"][0]["order_ids"][0]
    assert re.fullmatch(r"order-\d+", mask)
    assert mask in (tmp_path / "b" / "ticket_long.txt").read_text()
    assert mask in (tmp_path / "b" / "ticket_short.txt").read_text()


@pytest.mark.parametrize("line", ['{"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s"}', "X-MBX-APIKEY: abc"])
def test_a_file_that_names_a_key_is_left_out(line: str, runs: Path, tmp_path: Path) -> None:
    """And the claim says so."""
    stream = tmp_path / "recorded.jsonl"
    stream.write_bytes((runs / WRONG / "alice" / "stream.jsonl").read_bytes() + line.encode() + b"\n")
    said = call("dispute", str(stream), str(runs / WRONG / "market"), "--out", str(tmp_path / "b"), "--json")
    assert said.code == DIFFERENCES
    left = {each["sha256"]: each for each in json.loads(said.out)["evidence"] if each["left_out"]}
    assert left[sha256(stream.read_bytes()).hexdigest()]["path"] == ""
    assert not (tmp_path / "b" / "evidence" / "recorded.jsonl").exists()
    assert line[-20:] not in "\n".join(written(tmp_path / "b").values())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["{tmp}/nothing", "--out", "{tmp}/b"], USAGE),
        (["{run}", "--out", "{tmp}/b", "--number", "9"], USAGE),
        (["{run}"], USAGE),
        (["--out", "{tmp}/b"], USAGE),
        (["{tmp}/empty.json", "--out", "{tmp}/b"], NOTHING_USABLE),
    ],
)
def test_wrong_use_is_told(words: list[str], code: int, runs: Path, tmp_path: Path) -> None:
    """Nothing is written."""
    (tmp_path / "empty.json").write_text("nothing")
    run = str(runs / WRONG / "alice" / "stream.jsonl")
    said = call("dispute", *(word.format(tmp=tmp_path, run=run) for word in words))
    assert said.code == code
    assert said.err or said.out
    assert not (tmp_path / "b").exists()


def test_the_committed_schema_is_the_types_and_answers_follow_it(runs: Path, tmp_path: Path) -> None:
    """Change the types, and the schema is written anew: `python -m tests.cli.test_dispute`."""
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema()))
    claim = bundle(runs / WRONG, tmp_path / "b")
    assert set(claim) == set(Claim.__struct_fields__)
    assert claim["schema"] == "margincall.dispute/1"
    assert msgspec.convert(claim, Claim).refund["USDT"] > 0
    said = json.loads((tmp_path / "b" / "claim.json").read_text())
    assert {key for key in claim if claim[key] != said[key]} <= {"folder", "problems"}


def test_another_account_is_attached_beside(tmp_path: Path) -> None:
    """Whoever gets the bundle can repeat the comparison of two accounts from it."""
    run, rules, found = run_of(KINDS["adl_out_of_rank"](random.Random(3)), faulty=True)
    write_all(run, tmp_path / "run", found.day)
    write_account(tmp_path / OTHER, OTHER, run.events, rules.venue, run.state.time_ms)
    own = [str(tmp_path / "run" / VICTIM / "stream.jsonl"), str(tmp_path / "run" / "market")]
    (tmp_path / OTHER / "marks.jsonl").write_bytes((tmp_path / "run" / "market" / "marks.jsonl").read_bytes())
    said = call("dispute", *own, "--beside", str(tmp_path / OTHER), "--out", str(tmp_path / "b"), "--json")
    assert said.code == DIFFERENCES, said.err
    assert json.loads(said.out)["disputed"][0]["irregularities"][0]["kind"] == "deleveraging_rank"
    assert (tmp_path / "b" / "beside" / "1" / "stream.jsonl").is_file()
    words = re.search(r"margincall (verify .*)", (tmp_path / "b" / "ticket_long.txt").read_text())
    assert words is not None
    again = [str(tmp_path / "b" / word) if "/" in word else word for word in words[1].split()]
    assert call(*again).code == DIFFERENCES


def test_orders_that_stayed_open_are_named_and_filled_ones_are_not(tmp_path: Path) -> None:
    """The stop that stayed, not the order that opened the position."""
    run, _, found = run_of(KINDS["orders_not_cancelled"](random.Random(3)), faulty=True)
    write_all(run, tmp_path / "run", found.day)
    claim = bundle_of(tmp_path / "run" / VICTIM / "stream.jsonl", tmp_path / "run" / "market", tmp_path / "b")
    stops = {each.order_id for each in run.events if isinstance(each, Order) and each.stop_price}
    assert set(claim["disputed"][0]["open_order_ids"]) == stops


@pytest.mark.parametrize(("what", "walks"), [("a refund", 0), ("two questions", 1), ("orders that stayed", 1)])
def test_the_events_are_walked_once_at_most(
    what: str, walks: int, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To say what is asked: however much is disputed, and not for a refund."""
    walked: list[Reconstruction] = []

    class Counted(Founded):
        def __init__(self, history: Reconstruction) -> None:
            walked.append(history)
            super().__init__(history)

    for module in (disputes, asks):
        monkeypatch.setattr(module, "Founded", Counted, raising=False)
    if what == "a refund":
        bundle(runs / WRONG, tmp_path / "b")
    elif what == "two questions":
        assert call("exchange", "run", "two_longs", "--out", str(tmp_path / "run")).code == FINE
        said = call("dispute", str(tmp_path / "run" / "alice" / "api"), "--out", str(tmp_path / "b"), "--json")
        assert [each["asked"] for each in json.loads(said.out)["disputed"]] == ["evidence"] * 2
    else:
        run, _, found = run_of(KINDS["orders_not_cancelled"](random.Random(3)), faulty=True)
        write_all(run, tmp_path / "run", found.day)
        bundle_of(tmp_path / "run" / VICTIM / "stream.jsonl", tmp_path / "run" / "market", tmp_path / "b")
    assert len(walked) == walks


def bundle_of(own: Path, market: Path, to: Path) -> dict[str, Any]:
    """The claim that is written of an irregular liquidation."""
    said = call("dispute", str(own), str(market), "--out", str(to), "--json")
    assert said.code == DIFFERENCES, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n")

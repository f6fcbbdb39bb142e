"""`margincall recover` as a user calls it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.case.recover_document import RecoverDocument
from margincall.case.warning import NO_RECOVERY
from margincall.cli.output import NO_RECOVERY as SHOWN
from tests.case import depegged
from tests.case.test_programmes import COLLATERAL, TOGETHER, ms
from tests.cli.calling import Called, call
from tests.sources import ROOT
from tests.stories import liquidation, written

CANONICAL = re.findall(
    r"```csv\n(.*?)```", (ROOT / "docs" / "reference" / "canonical-csv.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.fixture
def story(tmp_path: Path) -> str:
    """The liquidation of `tests/stories.py` as a file."""
    return str(written(liquidation(), tmp_path / "story.jsonl"))


@pytest.fixture
def fallen(tmp_path: Path) -> str:
    """The account of `tests/case/depegged.py`, inside the window of 2025-10-10."""
    return str(depegged.at(ms("2025-10-10T21:40:00"), depegged.liquidation(), tmp_path / "a.jsonl"))


def flat(called: Called) -> str:
    """What was printed, with one blank between words, whatever the tables' width."""
    return " ".join(re.sub(r"[|+]|-{3,}", " ", called.out).split())


def asked(*arguments: str, code: int = 0) -> Any:
    """The answer for programs."""
    called = call("recover", "--json", *arguments)
    assert (called.code, called.err) == (code, "")
    return json.loads(called.out)


def programme(said: Any, name: str) -> Any:
    """One programme of an answer."""
    return next(each for each in said["programmes"] if each["id"] == name)


def test_the_answer_for_people(story: str) -> None:
    """Money, programmes, complaint, evidence, tax, and the warning, without colour when piped."""
    called = call("recover", story, "--as-of", "2026-06-01")
    text = flat(called)
    assert called.code == 0
    for expected in (
        "Seen from 2026-06-01.", "margin left", "clearance fee", "-75 USDT", "refund of a loss by the",
        "clawback or socialised", "result of the closing trades", "-2500", "tax advice",
        "Way of a complaint: terms of use since 2026-01-05", "seat ADGM", "no deadline found in the",
        "What the venue keeps of it, and until when", "gone", "Compensation programmes and precedents",
        "nothing can be claimed under", NO_RECOVERY,
    ):  # fmt: skip
        assert expected in text, expected
    assert "\x1b[" not in called.out


def test_the_warning_has_one_text(story: str) -> None:
    """It is the last word of every answer, with and without a liquidation, with and without anything usable."""
    assert SHOWN is NO_RECOVERY
    assert asked(story)["warning"] == NO_RECOVERY
    assert flat(call("recover", story)).endswith(NO_RECOVERY)
    assert flat(call("recover")).endswith(NO_RECOVERY)


def test_the_answer_for_programs_follows_the_schema(story: str, fallen: str) -> None:
    """Every key and type; a number is a string of digits."""
    for file in (story, fallen):
        said = asked(file, "--as-of", "2026-06-01")
        assert set(said) == set(RecoverDocument.__struct_fields__)
        document = msgspec.convert(said, RecoverDocument, strict=False)
        assert (document.schema, document.as_of) == ("margincall.recover/1", "2026-06-01")
        assert len(document.programmes) == 11
        amounts = [each["amount"] for each in said["closings"][0]["lines"] if each["amount"] is not None]
        assert amounts
        assert all(re.fullmatch(r"-?\d+(\.\d+)?", each) for each in amounts)


def test_today_is_the_default(story: str) -> None:
    """The clock is asked once, in UTC."""
    before = datetime.now(UTC).date().isoformat()
    assert before <= asked(story)["as_of"] <= datetime.now(UTC).date().isoformat()


def test_prices_and_assets_are_given_by_options(fallen: str) -> None:
    """The formula's figure is a precedent: 200 · (0.9995 − 0.05) = 189.90; the line still says nothing."""
    said = asked(fallen, "--reference", "USDE=0.9995", "--net-assets", "30", "--not-compensated")
    found = programme(said, COLLATERAL)
    assert found["tables"][0]["verdict"] == "inside"
    assert found["tables"][0]["by_formula"][0]["amount"] == "189.9"
    assert (found["line"]["says"], found["line"]["amount"]) == ("nothing", None)
    vouchers = {row["asks"]: row["holds"] for row in programme(said, TOGETHER)["tables"][0]["rows"]}
    assert (vouchers["not_compensated"], vouchers["loss_share"]) == ("met", "met")
    people = flat(call("recover", fallen, "--reference", "USDE=0.9995"))
    assert "189.9 USD" in people
    assert "a precedent, no claim" in people


def test_all_shows_every_table(story: str) -> None:
    """By default those that time and venue rule out are left to one line."""
    assert "a precedent, no claim" not in flat(call("recover", story))
    assert flat(call("recover", story, "--all")).count("a precedent, no claim") == 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--as-of", "yesterday"), "no day"),
        (("--reference", "USDE"), "ASSET=PRICE"),
        (("--reference", "USDE=cheap"), "--reference"),
        (("--reference", "USDE=0"), "above 0"),
        (("--net-assets", "-5"), "above 0"),
    ],
)
def test_usage_errors_say_how(story: str, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 3."""
    called = call("recover", story, *arguments)
    assert called.code == 3
    assert message in called.err


def test_paths_that_are_not_there_or_hold_nothing(tmp_path: Path) -> None:
    """Exit codes 3 and 2; the warning stands there too."""
    assert call("recover", str(tmp_path / "none.csv")).code == 3
    empty = tmp_path / "empty.txt"
    empty.write_text("nothing here\n", encoding="utf-8")
    called = call("recover", str(empty))
    assert called.code == 2
    assert NO_RECOVERY in flat(called)
    said = asked(str(empty), code=2)
    assert (said["closings"], said["account"], said["warning"]) == ([], [], NO_RECOVERY)
    assert said["problems"]


def test_a_case_folder_is_read_and_refused_when_altered(story: str, tmp_path: Path) -> None:
    """Exit code 4: an answer from altered evidence would be worth nothing."""
    folder = tmp_path / "case"
    assert call("case", "new", str(folder)).code == 0
    assert call("case", "add", str(folder), story).code == 0
    assert asked(str(folder))["closings"][0]["order_id"] == "3"
    (saved,) = [each for each in (folder / "evidence").rglob("*") if each.is_file()]
    saved.chmod(0o600)
    saved.write_text(saved.read_text(encoding="utf-8").replace("-2400", "-2300"), encoding="utf-8")
    assert call("recover", str(folder)).code == 4


def test_another_venue_is_told_as_booked(tmp_path: Path) -> None:
    """Its rules and its way of complaint are not in the sources, and no programme of Binance fits."""
    for name, text in zip(("fills", "flows", "marks"), CANONICAL, strict=True):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    said = asked(str(tmp_path))
    rules = {each["what"]: each["says"] for each in said["account"]}
    assert rules["refund of a loss by the insurance fund"] == "cannot tell"
    assert rules["clawback or socialised loss"] == "cannot tell"
    assert said["closings"]
    for closing in said["closings"]:
        lines = {each["what"]: each["says"] for each in closing["lines"]}
        assert lines["position taken over by the fund"] == lines["may be disputed"] == "cannot tell"
        assert "hold nothing on complaints at this venue" in closing["complaint"]["terms"]
        assert closing["evidence"] == []
    assert said["no_verdict"]
    loss = next(each for each in programme(said, TOGETHER)["tables"][0]["rows"] if each["asks"] == "loss")
    assert loss["holds"] == "not met"  # nothing of it lies in the window


def test_whole_seconds_on_the_edge_cannot_tell(tmp_path: Path) -> None:
    """An order history stamps seconds: 21:35:59 is before the window whatever its milliseconds, 22:15:59 within, and
    22:16:00 nobody can tell."""
    header = (
        "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price,Average Price,Amount,Executed Amount,Executed Quote Amount,"
        "Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,Update Time,Order No"
    )
    for second, holds in (
        ("21:35:59", "not met"),
        ("21:36:00", "met"),
        ("22:15:59", "met"),
        ("22:16:00", "cannot tell"),
    ):
        time = f"2025-10-10 {second}"
        row = f"1,{time},BTCUSDT,LIMIT,SELL,BOTH,108000,108100,0.5,0.5,54050,0,FILLED,autoclose-17,IOC,0,0,{time},77"
        file = tmp_path / f"Order History {second.replace(':', '')}.csv"
        file.write_text(f"{header}\n{row}\n", encoding="utf-8")
        (table,) = programme(asked(str(file)), COLLATERAL)["tables"]
        rows = {each["asks"]: each for each in table["rows"]}
        assert rows["window"]["holds"] == holds, (second, rows["window"])
        assert f"{second}.000Z to 2025-10-10T{second}.999Z" in rows["window"]["because"]
        assert rows["collateral"]["holds"] == "cannot tell"

"""A debit that pays for the loss of others: what each command says of it, and that they say the same."""

import json
from pathlib import Path

import pytest

from margincall.errors import CANNOT_TELL, FINE
from tests.cli.calling import call
from tests.cli.test_dispute import written
from tests.sources import ROOT

CASES = {"clawback": ("short", "-305.70449568"), "socialised_loss": ("small-long", "-28.07729674")}


@pytest.fixture(scope="module", name="charged", params=CASES)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str]:
    """What the account that paid has, and the amount."""
    name, (account, amount) = request.param, CASES[request.param]
    run = tmp_path_factory.mktemp("shared") / name
    assert call("exchange", "run", str(ROOT / "docs/learn/scenarios" / f"{name}.toml"), "--out", str(run)).code == FINE
    return [str(run / account / "stream.jsonl"), str(run / "market"), "--no-store"], amount


def test_recover_names_the_debit_and_does_not_deny_it(charged: tuple[list[str], str]) -> None:
    paths, amount = charged
    said = json.loads(call("recover", "--json", *paths).out)
    lines = {each["what"]: each for each in said["account"]}
    assert lines["debit called adjustment"]["amount"] == amount
    assert "dispute" in lines["debit called adjustment"]["settled_by"]
    assert lines["clawback or socialised loss"]["says"] == "cannot tell"


def test_dispute_asks_for_its_reason(charged: tuple[list[str], str], tmp_path: Path) -> None:
    """A question, with the time, the amount and where it is printed; nothing is claimed."""
    paths, amount = charged
    said = call("dispute", *paths, "--out", str(tmp_path / "b"))
    assert said.code == CANNOT_TELL, said.out + said.err
    texts = written(tmp_path / "b")
    for name in ("ticket_short.txt", "ticket_long.txt"):
        assert amount.removeprefix("-") in texts[name], name
        assert "reason of the adjustment" in texts[name]
        assert "refund" not in texts[name]
        assert "[evidence/stream.jsonl:" in texts[name]
    claim = json.loads(texts["claim.json"])
    assert (claim["advice"], claim["conclusion"], claim["refund"]) == ("ask", "cannot tell", {})
    assert [each["subject"] for each in claim["disputed"]] == ["shared loss"]
    assert "not advised" not in said.out


@pytest.mark.parametrize("command", ["verify", "report"])
def test_verify_and_report_end_as_dispute_does(command: str, charged: tuple[list[str], str], tmp_path: Path) -> None:
    said = call(command, "--json", *charged[0])
    assert said.code == CANNOT_TELL
    assert json.loads(said.out).get("conclusion", "cannot tell") == "cannot tell"
    told = call(command, *charged[0], *(["--out", str(tmp_path / "r.html"), "--no-pdf"] if command == "report" else []))
    assert told.code == CANNOT_TELL
    text = told.out + ((tmp_path / "r.html").read_text() if command == "report" else "")
    assert "debit called adjustment" in text
    assert "nothing to judge" not in told.out
    assert "margincall dispute" in told.out

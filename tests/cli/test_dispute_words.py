"""The words of a ticket: what a support desk is told of a booking, and nothing that only this program understands."""

import re
from pathlib import Path

import pytest

from margincall.case.assumed import SENTENCES
from margincall.errors import DIFFERENCES, FINE
from margincall.forensics.verify.assumptions import BY_ID
from tests.cli.calling import call
from tests.cli.test_dispute import written
from tests.sources import ROOT

SCENARIO = """
name = "booked wrongly"
start = {start}
seed = 4
fund = {{ USDT = 100000 }}
[[contract]]
symbol = "BTCUSDT"
path = [["0m", 50000], ["6m", 49900], ["10m", 48000]]
funding = true
index = true
[contract.liquidity]
depth = 60000
[[account]]
name = "alice"
deposit = {{ USDT = 1000 }}
position = [{{ symbol = "BTCUSDT", side = "long", notional = 40000, leverage = 50, at = "20s" }}]
[[fault]]
kind = "{kind}"
at = "1m"
until = "10m"
symbol = "BTCUSDT"
value = {value}
"""
COMMISSION = SCENARIO.format(start="2026-09-20T12:00:00Z", kind="wrong_commission", value="0.002").replace(
    'until = "10m"\nsymbol = "BTCUSDT"', 'until = "10m"'
)
FUNDING = SCENARIO.format(start="2026-09-20T15:57:00Z", kind="wrong_funding_rate", value="0.01")
MARK = (ROOT / "docs/learn/scenarios/bad_mark.toml").read_text(encoding="utf-8")
UNSAYABLE = re.compile(r"\d price\b|cross:USDT|no numbers|time not told|(?<!\()\b\d{13}\b|\.000 UTC")


def tickets(text: str, account: str, folder: Path, level: str = "stream.jsonl") -> tuple[str, dict[str, str]]:
    """What the command said, and the texts of the bundle."""
    scenario = folder / "scenario.toml"
    scenario.write_text(text, encoding="utf-8")
    said = call("exchange", "run", str(scenario), "--out", str(folder / "run"))
    assert said.code == FINE, said.err
    paths = [str(folder / "run" / account / level), str(folder / "run" / "market"), "--no-store"]
    said = call("dispute", *paths, "--out", str(folder / "b"))
    assert said.code == DIFFERENCES, said.out + said.err
    return said.out, written(folder / "b")


def test_a_commission_names_its_trade_rate_and_both_amounts(tmp_path: Path) -> None:
    _, texts = tickets(COMMISSION, "alice", tmp_path)
    for name in ("ticket_short.txt", "ticket_long.txt"):
        text = texts[name]
        assert re.search(r"\btrade:? \d+", text), name
        for part in ("commission charged", "commission due", "0.05 %", "[evidence/stream.jsonl:"):
            assert part in text, (name, part)
        assert "an order of the venue pays the account's own taker rate of that day" in text, name
        assert UNSAYABLE.findall(text) == [], name


def test_a_funding_fee_names_both_rates_and_amounts_and_no_order(tmp_path: Path) -> None:
    said, texts = tickets(FUNDING, "alice", tmp_path)
    short = texts["ticket_short.txt"]
    for part in ("funding fee booked", "funding fee due", "rate 0.01 %", "rate that was applied 1.01 %", "mark price"):
        assert part in short, part
    assert ", order " not in short
    assert ", order " not in said
    for text in (said, short, texts["ticket_long.txt"]):
        assert UNSAYABLE.findall(text) == []


def test_a_mark_says_in_two_sentences_what_it_cost(tmp_path: Path) -> None:
    """By how much in the quote asset, and why no amount is named."""
    said, texts = tickets(MARK, "long", tmp_path)
    assert "by 1000 USDT" in said
    assert "by 1000 USDT" in texts["ticket_short.txt"]
    (amount,) = [each for each in texts["ticket_long.txt"].splitlines() if each.startswith("Amount:")]
    assert len(re.findall(r"\.(?: |$)", amount)) == 2
    assert "the account would have survived. What its closing cost depends on the true mark price" in amount


def test_exports_of_whole_seconds_claim_no_milliseconds(tmp_path: Path) -> None:
    said, texts = tickets(COMMISSION, "alice", tmp_path, "csv")
    assert "12:0" in said
    for name in ("ticket_short.txt", "ticket_long.txt", "verdict.md"):
        assert ".000 UTC" not in texts[name], name
        assert not re.search(r"\(\d{13} ms\)", texts[name]), name


def test_every_assumption_has_a_sentence() -> None:
    assert SENTENCES.keys() == BY_ID.keys()
    assert all(len(text.split()) > 4 and not text.endswith(".") for text in SENTENCES.values())


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_a_sentence_is_short(name: str) -> None:
    assert len(SENTENCES[name]) <= 110

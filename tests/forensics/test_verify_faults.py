"""One fault of the venue at a time, played by the exchange: `verify` names it from the account's own files.

Each story is a scenario file; without its fault nobody is accused, from any of its files.
"""

import json
from pathlib import Path

import pytest

from margincall.errors import FINE
from margincall.forensics.answer import answer
from margincall.forensics.verify.check import Kind, Verified
from margincall.forensics.verify.run import verified
from margincall.history.bracket_store import load_book
from tests.cli.calling import call

FALL = """
name = "a fall"
start = 2026-09-20T12:00:00Z
seed = 3
fund = { USDT = 100000 }
end = "6m"
[[contract]]
symbol = "BTCUSDT"
index = true
path = [["0m", 50000], ["1m", 50000], ["4m", 48200], ["6m", 48100]]
liquidity = { depth = 400000 }
[[account]]
name = "alice"
deposit = { USDT = 1000 }
position = [{ symbol = "BTCUSDT", side = "long", notional = 30000, leverage = 50, at = "20s" }]
[[account]]
name = "noise"
deposit = { USDT = 100000 }
hedge = true
position = [
%s
]
"""
TRADES = ",\n".join(
    f'  {{ symbol = "BTCUSDT", side = "{side}", notional = 60, leverage = 5, at = "{second}s" }}'
    for second in range(25, 355, 5)
    for side in ("long", "short")
)
PLAIN = FALL % TRADES
BIG = (
    PLAIN.replace("deposit = { USDT = 1000 }\n", "deposit = { USDT = 1350000 }\n", 1)
    .replace("notional = 30000, leverage = 50", "notional = 25000000, leverage = 20")
    .replace('["4m", 48200], ["6m", 48100]', '["4m", 47600], ["6m", 47500]')
)
"""A position in a high bracket: the clearance fee does not take all that is left."""
FAULTS: dict[str, tuple[str, str, Kind]] = {
    "wrong_brackets": (PLAIN, 'symbol = "BTCUSDT"\nvalue = 2\nat = "30s"', "wrong_brackets"),
    "wrong_mark": (PLAIN, 'symbol = "BTCUSDT"\nvalue = 48000\nat = "1m30s"\nuntil = "1m31s"', "bad_mark"),
    "early_liquidation": (PLAIN, 'symbol = "BTCUSDT"\naccount = "alice"\nat = "2m"', "too_early"),
    "late_liquidation": (PLAIN, 'symbol = "BTCUSDT"\nat = "1m"\nuntil = "5m"', "too_late"),
    "fee_twice": (BIG, 'value = 0.001\nat = "1m"', "clearance_fee_twice"),
    "wrong_fee_base": (BIG, 'value = 100\nat = "1m"', "clearance_fee_base"),
    "fill_beyond_bankruptcy": (
        PLAIN.replace("depth = 400000", 'depth = 400000, thins_at = "1m30s", thins_to = 0')
        + """[[account]]
name = "buyer"
deposit = { USDT = 90000 }
position = [{ symbol = "BTCUSDT", side = "long", notional = 60000, leverage = 5, at = "21s", add_at = [48300] }]
""",
        'symbol = "BTCUSDT"\nvalue = 200\nat = "1m"',
        "fill_beyond_bankruptcy",
    ),
    "orders_not_cancelled": (
        PLAIN.replace('at = "20s" }]\n', 'at = "20s", take_profit = 50400 }]\n', 1).replace(
            '["6m", 48100]', '["5m30s", 50900], ["6m", 50900]'
        ),
        'at = "1m"',
        "orders_not_cancelled",
    ),
}


def play(folder: Path, text: str) -> Path:
    """The folder of a scenario that was played."""
    (folder / "story.toml").write_text(text, encoding="utf-8")
    said = call("exchange", "run", str(folder / "story.toml"), "--out", str(folder / "out"), "--json")
    assert said.code == FINE, said.err
    return folder / "out"


def judged(folder: Path, account: str, part: str) -> Verified:
    """The verdict on an account by one part of its files and the market's."""
    paths = [folder / account / part, folder / "market"]
    return verified(answer(paths, load_book()), paths)[0]


def named(verdict: Verified) -> set[str]:
    """The kinds of irregularities that a verdict names."""
    found = [*verdict.irregularities, *(one for each in verdict.liquidations for one in each.irregularities)]
    return {each.kind for each in found}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_from_the_stream(tmp_path: Path, fault: str) -> None:
    """And no other."""
    story, fields, kind = FAULTS[fault]
    out = play(tmp_path, f'{story}\n[[fault]]\nkind = "{fault}"\n{fields}\n')
    verdict = judged(out, "alice", "stream.jsonl")
    assert named(verdict) == {kind}, json.dumps([str(each) for each in verdict.liquidations], indent=1)


@pytest.mark.parametrize("story", ["PLAIN", "BIG"])
def test_without_a_fault_nobody_is_accused(tmp_path: Path, story: str) -> None:
    """From any of the files."""
    out = play(tmp_path, {"PLAIN": PLAIN, "BIG": BIG}[story])
    for part in ("stream.jsonl", "api", "csv"):
        verdict = judged(out, "alice", part)
        assert verdict.liquidations
        assert named(verdict) == set()

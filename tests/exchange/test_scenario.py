"""Scenario files: every mistake is refused with its line and key, and the same file gives the same bytes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from margincall.cli.exchange_run import embedded
from margincall.errors import DIFFERENCES, NOTHING_USABLE, USAGE
from tests.cli.calling import Called, call
from tests.sources import ROOT

GOOD = """\
name = "small"
start = 2026-09-20T12:00:00Z

[[contract]]
symbol = "BTCUSDT"
path = [["0s", 50000], ["20s", 48000]]

[[account]]
name = "alice"
deposit = { USDT = 1000 }
[[account.position]]
symbol = "BTCUSDT"
side = "long"
notional = 40000
leverage = 50
at = "5s"

[[account]]
name = "bob"
deposit = { USDT = 1000 }

[[crowd]]
count = 3
within = "10s"
"""


class Mistake(NamedTuple):
    """A text of `GOOD` and what stands in its place (a symbol's name everywhere); the line and key that are named, and
    a part of what is said."""

    old: str
    new: str
    line: int
    key: str
    said: str


FAULT = '[[fault]]\nkind = "wrong_brackets"\nat = "5s"\n'
PATH = 'path = [["0s", 50000], ["20s", 48000]]'
MISTAKES = {
    "wrong key": Mistake("leverage = 50", "leverege = 50", 15, "account[0].position[0].leverege", "mean leverage?"),
    "wrong section": Mistake("[[contract]]", "[[contracts]]", 4, "contracts", "mean contract?"),
    "wrong type": Mistake("leverage = 50", 'leverage = "high"', 15, "account[0].position[0].leverage", "whole number"),
    "unknown rules": Mistake('name = "small"', 'name = "x"\nrules = "binance"', 2, "rules", '"binance_usdm"?'),
    "no zone": Mistake("T12:00:00Z", "T12:00:00", 2, "start", "a time with zone"),
    "no contract": Mistake(GOOD, 'name = "x"\ncontract = []', 2, "contract", "at least 1 long"),
    "contract left out": Mistake(GOOD, 'name = "x"', 1, "contract", "missing"),
    "unknown symbol": Mistake('\nsymbol = "BTCUSDT"\nside', '\nsymbol = "BTC"\nside', 12,
                              "account[0].position[0].symbol", "a contract of this file: BTCUSDT"),
    "symbol of no venue": Mistake("BTCUSDT", "BTCEUR", 5, "contract[0].symbol", "a contract of binance_usdm"),
    "symbol of the other venue": Mistake("BTCUSDT", "BTCUSD_PERP", 5, "contract[0].symbol", "like BTCUSDT"),
    "symbol without brackets": Mistake("BTCUSDT", "NEVERUSDT", 5, "contract[0].symbol", "whose brackets are known"),
    "both sizes": Mistake("notional = 40000", "notional = 40000\nquantity = 1", 15, "account[0].position[0].quantity",
                          "found both"),
    "no size": Mistake("notional = 40000\n", "", 11, "account[0].position[0].quantity", "found neither"),
    "no price": Mistake(PATH, "", 4, "contract[0].path", "found neither"),
    "two prices": Mistake(PATH, PATH + '\ncandles = "x.csv"', 6, "contract[0].path", "found both"),
    "negative deposit": Mistake("USDT = 1000 }\n[[", "USDT = -1 }\n[[", 10, "account[0].deposit.USDT", "above 0"),
    "deposit too fine": Mistake("USDT = 1000 }\n[[", "USDT = 1e-9 }\n[[", 10, "account[0].deposit.USDT", "multiple"),
    "deposit of another asset": Mistake("USDT = 1000 }\n[[", "DOGE = 1 }\n[[", 10, "account[0].deposit.DOGE", "USDT"),
    "fund of another asset": Mistake('name = "small"', 'name = "x"\nfund = { DOGE = 1 }', 2, "fund.DOGE", "USDT"),
    "bad time of a path": Mistake('["20s"', '["soon"', 6, "contract[0].path[1][0]", "like 90s, 10m or 1h30m"),
    "negative time": Mistake('["20s"', '["-20s"', 6, "contract[0].path[1][0]", "like 90s"),
    "time as a number": Mistake('["20s"', "[20", 6, "contract[0].path[1][0]", "like 90s"),
    "times that do not grow": Mistake('["20s"', '["0s"', 6, "contract[0].path[1]", "a later time"),
    "a path that begins late": Mistake('["0s"', '["1s"', 6, "contract[0].path[0]", "the first time is 0s"),
    "between two steps": Mistake('["20s"', '["20s500ms"', 6, "contract[0].path[1]", "steps of 1000 ms"),
    "price of nothing": Mistake("48000]", "0]", 6, "contract[0].path[1][1]", "above 0"),
    "price beside the tick": Mistake("48000]", "48000.05]", 6, "contract[0].path[1]", "a multiple of the tick 0.1"),
    "bad at": Mistake('at = "5s"', 'at = "5 sec"', 16, "account[0].position[0].at", "like 90s"),
    "at after the end": Mistake('at = "5s"', 'at = "21s"', 16, "account[0].position[0].at", "before the scenario ends"),
    "bad step": Mistake('name = "small"', 'name = "x"\nstep = "1"', 2, "step", "like 90s"),
    "step of nothing": Mistake('name = "small"', 'name = "x"\nstep = "0s"', 2, "step", "whole seconds"),
    "step below a second": Mistake('name = "small"', 'name = "x"\nstep = "250ms"', 2, "step", "whole seconds"),
    "bad end": Mistake('name = "small"', 'name = "x"\nend = "never"', 2, "end", "like 90s"),
    "end of nothing": Mistake('name = "small"', 'name = "x"\nend = "0s"', 2, "end", "whole number of steps"),
    "bad within": Mistake('within = "10s"', 'within = "1 week"', 24, "crowd[0].within", "like 90s"),
    "within nothing": Mistake('within = "10s"', 'within = "0s"', 24, "crowd[0].within", "more than 0"),
    "within too long": Mistake('within = "10s"', 'within = "1h"', 24, "crowd[0].within", "before the scenario ends"),
    "two accounts of one name": Mistake('"bob"', '"Alice"', 19, "account[1].name", "stands twice"),
    "two contracts of one name": Mistake("[[account]]\n", '[[contract]]\nsymbol = "BTCUSDT"\npath = [["0s", 1]]\n\n'
                                         "[[account]]\n", 9, "contract[1].symbol", "stands twice"),
    **{
        f"account called {name}": Mistake('"bob"', f'"{name}"', 19, "account[1].name", "expected another name")
        for name in ("maker", "insurance_fund", "fees", "remainder", "market", "Fees", "trader-3")
    },
    "account like a path": Mistake('"bob"', '"../bob"', 19, "account[1].name", "letters"),
    "account without a name": Mistake('"bob"', '""', 19, "account[1].name", "letters"),
    "two crowds of one name": Mistake("[[crowd]]", "[[crowd]]\ncount = 1\n[[crowd]]", 24, "crowd[1].name", "twice"),
    "crowd called maker": Mistake("count = 3", 'count = 3\nname = "maker"', 24, "crowd[0].name", "another name"),
    "crowd of nobody": Mistake("count = 3", "count = 0", 23, "crowd[0].count", "at least 1"),
    "crowd without positions": Mistake("count = 3", "count = 3\npositions = 0", 24, "crowd[0].positions", "at least 1"),
    "crowd without modes": Mistake("count = 3", "count = 3\nmodes = []", 24, "crowd[0].modes", "at least 1"),
    "crowd's range": Mistake("count = 3", "count = 3\nleverage = [9, 5]", 24, "crowd[0].leverage", "least"),
    "crowd's money": Mistake("count = 3", "count = 3\ndeposit = [9, 5]", 24, "crowd[0].deposit", "least"),
    "crowd's leverage": Mistake("count = 3", "count = 3\nleverage = [1, 151]", 24, "crowd[0].leverage[1]", "at most"),
    "crowd in multi-assets mode": Mistake("count = 3", 'count = 3\nmodes = ["multi"]', 24, "crowd[0].modes", "USDT"),
    "account in multi-assets mode": Mistake('"bob"', '"bob"\nmulti_assets = true', 20, "account[1].multi_assets",
                                            "an `asset_index` of USDT"),
    "haircut of all": Mistake("[[crowd]]", '[[asset_index]]\nasset = "USDT"\nhaircut = 1\n[[crowd]]', 24,
                              "asset_index[0].haircut", "below 1"),
    "isolated multi-assets": Mistake('"bob"', '"bob"\nmulti_assets = true\nmargin = "isolated"', 21,
                                     "account[1].margin", "expected cross"),
    "leverage 0": Mistake("leverage = 50", "leverage = 0", 15, "account[0].position[0].leverage", "at least 1"),
    "leverage beyond": Mistake("leverage = 50", "leverage = 151", 15, "account[0].position[0].leverage", "at most 150"),
    "two leverages": Mistake('at = "5s"', 'at = "5s"\n[[account.position]]\nsymbol = "BTCUSDT"\nside = "long"\n'
                             "quantity = 1\n", 17, "account[0].position[1].leverage", "expected 50"),
    "levels 0": Mistake(PATH, PATH + "\nliquidity = { levels = 0 }", 7, "contract[0].liquidity.levels", "at least 1"),
    "brackets missing": Mistake(PATH, PATH + '\nbrackets = "no.json"', 7, "contract[0].brackets", "No such file"),
    "fault of no contract": Mistake("[[crowd]]", FAULT + 'symbol = "ETHUSDT"\nvalue = 2\n[[crowd]]', 25,
                                    "fault[0].symbol", "a contract of this file"),
    "fault without its value": Mistake("[[crowd]]", FAULT + 'symbol = "BTCUSDT"\n[[crowd]]', 22, "fault[0].value",
                                       "expected one for wrong_brackets"),
    "fault beyond all rates": Mistake("[[crowd]]", FAULT + 'symbol = "BTCUSDT"\nvalue = 2.01\n[[crowd]]', 26,
                                      "fault[0].value", "at most 2"),
    "fault after the end": Mistake("[[crowd]]", '[[fault]]\nkind = "orders_not_cancelled"\nat = "1h"\n[[crowd]]', 24,
                                   "fault[0].at", "before the scenario ends"),
    "fault that ends first": Mistake("[[crowd]]", '[[fault]]\nkind = "orders_not_cancelled"\nat = "5s"\n'
                                     'until = "5s"\n[[crowd]]', 25, "fault[0].until", "a later time"),
    "time in quotes": Mistake("2026-09-20T12:00:00Z", '"2026-09-20T12:00:00Z"', 2, "start", "without quotes"),
    "day before the first brackets": Mistake("2026-09-20", "2015-09-20", 5, "contract[0].symbol", "from 2020-05-10 on"),
    "candles missing": Mistake(PATH, 'candles = "no.csv"', 6, "contract[0].candles", "there is no"),
}  # fmt: skip


def run(text: str, folder: Path, *more: str) -> Called:
    """Play a text as `s.toml`."""
    file = folder / "s.toml"
    file.write_text(text, encoding="utf-8")
    return call("exchange", "run", str(file), "--out", str(folder / "out"), *more)


def test_without_a_mistake_it_plays(tmp_path: Path) -> None:
    called = run(GOOD, tmp_path)
    assert (called.code, called.err) == (0, "")
    assert (tmp_path / "out" / "alice" / "stream.jsonl").exists()


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_where_it_stands(mistake: Mistake, tmp_path: Path) -> None:
    """Exit code 3, file, line, key, what was expected; nothing is written."""
    assert mistake.old in GOOD
    called = run(GOOD.replace(mistake.old, mistake.new, -1 if mistake.old == "BTCUSDT" else 1), tmp_path)
    assert called.code == USAGE
    assert f"s.toml:{mistake.line}: {mistake.key}: " in called.err
    assert mistake.said in called.err
    assert "Traceback" not in called.err
    assert not (tmp_path / "out").exists()


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    called = run(GOOD.replace('"5s"', '"later"').replace("count = 3", "count = 0"), tmp_path)
    assert called.err.count("s.toml:") == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[]", "has none"), (b"{", "has none"), (b'[{"symbol": "ETHUSDT", "brackets": []}]', "has none")],
)
def test_a_file_of_brackets_without_the_symbol(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(content)
    called = run(GOOD.replace(PATH, PATH + '\nbrackets = "b.json"'), tmp_path)
    assert called.code == USAGE
    assert "s.toml:7: contract[0].brackets: expected a file with a sound table of BTCUSDT" in called.err
    assert said in called.err


def test_a_damaged_file_of_brackets(tmp_path: Path) -> None:
    (tmp_path / "b.json.gz").write_bytes(b"no gzip")
    called = run(GOOD.replace(PATH, PATH + '\nbrackets = "b.json.gz"'), tmp_path)
    assert called.code == USAGE
    assert "s.toml:7: contract[0].brackets: " in called.err


CANDLES = "open_time,open,high,low,close\n1789905600000,50000,50000,48000,48000\n"


@pytest.mark.parametrize(
    ("name", "content", "step", "code", "said"),
    [
        ("BTCUSDT-1m.csv", CANDLES, "1s", 0, ""),
        ("BTCUSDT-1m.csv", CANDLES, "7s", USAGE, "s.toml:5: contract[0]: a step of 7000 ms must divide"),
        ("BTCUSDT-1m.csv", CANDLES.replace("1789", "1689"), "1s", NOTHING_USABLE, "no candle of BTCUSDT"),
        ("ETHUSDT-1m.csv", CANDLES, "1s", NOTHING_USABLE, "no candle of BTCUSDT"),
        ("candles.csv", CANDLES, "1s", USAGE, "the name must say symbol and interval"),
        ("BTCUSDT-1m.csv", "open_time,open\n1789905600000,x\n", "1s", USAGE, "line 2"),
    ],
)
def test_files_of_candles(name: str, content: str, step: str, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    text = GOOD.replace(PATH, f'candles = "{name}"').replace("[[contract]]", f'step = "{step}"\n[[contract]]', 1)
    called = run(text, tmp_path)
    assert called.code == code
    assert said in called.err


def test_what_the_exchange_refuses_is_told(tmp_path: Path) -> None:
    """A position that the money does not cover is no mistake of the file; but it is not silent."""
    text = GOOD.replace("notional = 40000", "notional = 400000\nstop = 49000")
    assert "Margin is insufficient" in run(text, tmp_path).out
    (refused,) = json.loads(run(text, tmp_path, "--json", "--no-files").out)["problems"]
    assert (refused["account"], refused["code"], refused["wanted"]) == ("alice", -2019, "long 8.08 BTCUSDT")


def test_wherever_files_cannot_go_it_says_so(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a file")
    assert "is a file" in run(GOOD, tmp_path).err
    out.unlink()
    (out / "own").mkdir(parents=True)
    called = run(GOOD, tmp_path)
    assert (called.code, "no run has written it" in called.err) == (USAGE, True)
    called = call("exchange", "run", "two_longs", "--out", "/proc/nothing/here")
    assert (called.code, "cannot create folder /proc/nothing/here" in called.err) == (USAGE, True)


def test_a_run_is_written_over_the_run_before_and_over_nothing_else(tmp_path: Path) -> None:
    """Who was liquidated then and not now has no folder any more; a file that no run wrote stays."""
    assert run(GOOD, tmp_path).code == 0
    (tmp_path / "out" / "alice" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "own").mkdir()
    (tmp_path / "out" / "own" / "stream.jsonl").write_text("{}")
    assert run(GOOD.replace('"alice"', '"carol"'), tmp_path).code == 0
    kept = {str(each.relative_to(tmp_path / "out")) for each in (tmp_path / "out").rglob("*") if each.is_file()}
    assert {"alice/notes.txt", "own/stream.jsonl", "carol/stream.jsonl", "market/marks.jsonl"} <= kept
    assert "alice/stream.jsonl" not in kept


def test_what_is_no_scenario_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, said in (
        ("nothing_like_it", "those that come with margincall are"),
        ("no.toml", "no such file: no.toml"),
        (str(tmp_path / "folder"), "is a folder"),
        (".", "is a folder"),
    ):
        called = call("exchange", "run", name)
        assert (called.code, said in called.err) == (USAGE, True)


def test_where_a_run_fails_no_folder_is_left(tmp_path: Path) -> None:
    text = GOOD.replace(PATH, 'candles = "BTCUSDT-1m.csv"')
    (tmp_path / "BTCUSDT-1m.csv").write_text(CANDLES.replace("1789", "1689"), encoding="utf-8")
    assert run(text, tmp_path).code == NOTHING_USABLE
    assert not (tmp_path / "out").exists()


def test_where_nobody_is_liquidated_it_says_how_they_stand(tmp_path: Path) -> None:
    called = run(GOOD.replace("48000]", "49990]"), tmp_path)
    assert "Nobody was liquidated. Accounts at the end" in called.out
    assert re.search(r"alice +\| +\d+\.\d\d USDT +\| long 0.8 BTCUSDT +\| +16.84 %", called.out)
    assert re.search(r"3 of trader +\| +\| [0-3] hold positions", called.out)
    document = json.loads(run(GOOD.replace("48000]", "49990]"), tmp_path, "--json").out)
    assert [each["account"] for each in document["accounts"]] == ["alice", "bob"]


def test_a_day_long_after_the_last_brackets_says_what_is_assumed(tmp_path: Path) -> None:
    text = GOOD.replace("2026-09-20", "2035-09-20")
    assert "those of 2026-09-01, the latest known (assumed: bracket-unchanged)" in " ".join(
        run(text, tmp_path).out.split()
    )
    document = json.loads(run(text, tmp_path, "--json").out)
    assert "bracket-unchanged" in document["assumptions"]
    assert document["brackets_unchanged_since"] == {"BTCUSDT": "2026-09-01"}


@pytest.mark.parametrize("rules", ["dydx", "socialised_loss", "clawback"])
def test_explain_is_not_recommended_for_rules_that_it_does_not_know(rules: str, tmp_path: Path) -> None:
    called = run(f'rules = "{rules}"\n' + GOOD, tmp_path)
    assert "knows Binance's rules only" in called.out
    assert "Explain one" not in called.out


def test_a_fault_makes_a_wrong_liquidation_that_explain_and_the_desk_find(tmp_path: Path) -> None:
    out = tmp_path / "out"
    called = call("exchange", "run", "wrong_liquidation", "--out", str(out), "--dispute", "alice", "--json")
    (decision,) = json.loads(called.out)["disputes"]
    assert (decision["upheld"], decision["refund"]) == (True, {"USDT": "312.89124740"})
    explained = call("explain", str(out / "alice" / "stream.jsonl"), str(out / "market"))
    said = " ".join(explained.out.split())
    assert (explained.code, "the trigger was NOT reached" in said) == (DIFFERENCES, True)
    called = call("exchange", "run", "wrong_liquidation", "--no-files", "--dispute", "bob")
    assert (called.code, "no liquidation of bob" in called.err) == (USAGE, True)


def test_the_desk_rejects_what_was_right() -> None:
    called = call("exchange", "run", "two_longs", "--no-files", "--dispute", "alice", "--json")
    assert [each["upheld"] for each in json.loads(called.out)["disputes"]] == [False]


def test_the_price_stays_after_the_last_point_until_the_end(tmp_path: Path) -> None:
    assert run('end = "30s"\n' + GOOD, tmp_path).code == 0
    last = (tmp_path / "out" / "market" / "marks.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["E"] == 1789905600000 + 30_000
    assert json.loads(last)["p"] == "48000.00000000"


def test_those_who_are_deleveraged_get_their_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("exchange", "run", "fund_runs_dry", "--out", str(out)).code == 0
    answer = json.loads(call("explain", "--json", str(out / "short-high-leverage"), str(out / "market")).out)
    assert [each["kind"] for each in answer["liquidations"]] == ["adl", "adl"]


@pytest.mark.parametrize("name", embedded())
def test_the_scenarios_of_the_package_play_without_a_refusal(name: str) -> None:
    called = json.loads(call("exchange", "run", name, "--json", "--no-files").out)
    assert called["problems"] == []
    assert called["liquidations"] != []


def test_the_same_scenario_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    """Whatever the seed of Python's hashes; another seed of the scenario gives others."""
    file = tmp_path / "s.toml"
    file.write_text(GOOD.replace("count = 3", "count = 30"), encoding="utf-8")
    written = [
        _written(file, tmp_path / name, hash_seed, seed)
        for name, hash_seed, seed in (("a", "0", "0"), ("b", "4711", "0"), ("c", "0", "1"))
    ]
    assert len(written[0]) > 30
    assert written[0] == written[1]
    assert written[0] != written[2]


def _written(file: Path, out: Path, hash_seed: str, seed: str) -> dict[str, bytes]:
    """All files of a run in a process of its own."""
    code = "from margincall.cli.main import main; main()"
    command = [sys.executable, "-c", code, "exchange", "run", str(file), "--seed", seed, "--out", str(out)]
    variables = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(command, check=True, capture_output=True, env=variables)
    return {str(each.relative_to(out)): each.read_bytes() for each in sorted(out.rglob("*")) if each.is_file()}


def test_the_list_tells_each_scenario_in_a_sentence() -> None:
    lines = call("exchange", "run", "--list").out.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == embedded()
    assert all(line.endswith(".") for line in lines)
    listed = json.loads(call("exchange", "run", "--list", "--json").out)["scenarios"]
    assert [each["name"] for each in listed] == embedded()
    called = call("exchange", "run", "two_longs", "--list")
    assert (called.code, "leave out two_longs" in called.err) == (USAGE, True)

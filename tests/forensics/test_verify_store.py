"""Prices of the market store in a verdict: candles that the files lack, gaps across the minute, other venues."""

import json
from pathlib import Path
from typing import Any

from tests.cli.calling import call
from tests.forensics.test_verify_faults import PLAIN, play

MINUTE = 60_000


def candles(folder: Path) -> dict[int, list[str]]:
    """Candles of a minute of the published marks: time -> row of an answer of `markPriceKlines`."""
    found: dict[int, list[str]] = {}
    for line in (folder / "market" / "marks.jsonl").read_text().splitlines():
        tick = json.loads(line)
        if tick.get("e") != "markPriceUpdate":
            continue
        minute, price = tick["E"] // MINUTE * MINUTE, tick["p"]
        row = found.setdefault(minute, [minute, price, price, price, price])
        row[2] = max(row[2], price, key=float)
        row[3] = min(row[3], price, key=float)
        row[4] = price
    return found


def told(folder: Path, store: Path) -> dict[str, Any]:
    """The verdict on alice from her answers and the store."""
    brackets = next((folder / "market").glob("leverageBracket_*.json"))
    said = call("verify", "--json", str(folder / "alice" / "api"), str(brackets), "--store", str(store))
    found: dict[str, Any] = json.loads(said.out)["liquidations"][0]
    return found


def stored(tmp_path: Path, rows: list[list[str]]) -> None:
    """Bring candles into a store."""
    file = tmp_path / "markPriceKlines-BTCUSDT-1m.json"
    file.write_text(json.dumps([[*row, "0", int(row[0]) + MINUTE - 1, "0", 60, "0", "0", "0"] for row in rows]))
    done = call("market", "import", str(file), "--store", str(tmp_path / "store"))
    assert done.code in (0, 1), done.err


def test_candles_of_the_store_place_the_trigger(tmp_path: Path) -> None:
    """Without them nobody can tell; with a gap over the minute neither, and nobody is accused."""
    out = play(tmp_path, PLAIN)
    alone = told(out, tmp_path / "none")
    trigger = {each["kind"]: each["verdict"] for each in alone["checks"]}["trigger"]
    assert (trigger, alone["conclusion"]) == ("cannot tell", "cannot tell")
    rows = candles(out)
    event = alone["time_ms"] // MINUTE * MINUTE
    stored(tmp_path, [row for minute, row in rows.items() if minute != event])
    gap = told(out, tmp_path / "store")
    assert gap["irregularities"] == []
    assert {each["kind"]: each["verdict"] for each in gap["checks"]}["trigger"] == "cannot tell"
    stored(tmp_path, list(rows.values()))
    whole = told(out, tmp_path / "store")
    assert {each["kind"]: each["verdict"] for each in whole["checks"]}["trigger"] == "holds"
    assert whole["irregularities"] == []
    assert "survived_ms" not in {name for name, time in whole["interval"].items() if time is not None}


def test_a_bar_that_two_sources_tell_differently_tells_nothing(tmp_path: Path) -> None:
    """A conflict is no evidence."""
    out = play(tmp_path, PLAIN)
    rows = candles(out)
    stored(tmp_path, list(rows.values()))
    other = [[row[0], *(str(float(price) + 900) for price in row[1:])] for row in rows.values()]
    stored(tmp_path, other)
    verdict = told(out, tmp_path / "store")
    assert {each["kind"]: each["verdict"] for each in verdict["checks"]}["trigger"] == "cannot tell"
    assert verdict["irregularities"] == []

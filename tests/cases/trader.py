"""The words in which a case tells an account or a history, as plain values.

Numbers stay text: the rules and the oracle each make of them what they need. Nothing here computes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.cases.text import BadCase, Block, Case
from tests.sources import ROOT

TABLES = ROOT / "src" / "margincall" / "venues" / "data"
WORDS = {
    "side": "BOTH|LONG|SHORT",
    "way": "buy|sell",
    "pool": "cross|isolated",
    "direction": "long|short",
    "liquidated": "liquidated",
}
"""Placeholders that stand for one of a few words; others for anything without a blank, comma or colon."""
STATE = {
    "wallet": "wallet <amount> <asset>",
    "position": "<direction> <quantity> <symbol>[ <side>] @ <entry> <pool>[ <wallet>]",
    "mark": "mark <symbol> <price>",
    "multi-assets": "multi-assets on",
    "index": "index <asset> <index>, bid <bid>, ask <ask>",
    "taker": "taker <rate>",
    "sheet": "sheet, target <target>",
}
"""What a state is told by."""
HISTORY = {
    "deposit": "deposit <amount> <asset>",
    "withdraw": "withdraw <amount> <asset>",
    "leverage": "leverage <leverage> <symbol>",
    "isolated": "isolated <symbol>",
    "multi-assets": "multi-assets on",
    "margin": "margin <amount> <asset> to <symbol>[ <side>]",
    "mark": "mark <symbol> <price>",
    "index": "index <asset> <index>, bid <bid>, ask <ask>",
    "trade": "<way> <quantity> <symbol>[ <side>] at <price>, fee <fee> <fee_asset>[, profit <profit>]",
    "unseen": "unseen: <way> <quantity> <symbol>[ <side>] at <price>, fee <fee> <fee_asset>",
    "funding": "funding <amount> <asset> <symbol>[ <side>]",
    "place": "order <order>: <way> <quantity> <symbol>[ <side>] at <price>",
    "expired": "order <order> expired[, <liquidated>]",
    "filled": "order <order> filled: <quantity> at <price>, fee <fee> <fee_asset>",
    "margin call": "margin call <symbol>[ <side>]",
    "liquidation": "liquidation order <order>: <way> <quantity> <symbol>[ <side>], limit <limit>",
    "deleveraging": "deleveraging order <order>: <way> <quantity> <symbol>[ <side>], limit <limit>",
    "taken over": "taken over: <way> <quantity> <symbol>[ <side>] at <price>",
    "clearance": "clearance fee <amount> <asset> <symbol>[ <side>]",
    "made good": "insurance fund pays <amount> <asset>",
    "brackets": "brackets <symbol> unchanged",
    "sheet": "sheet, target <target>",
}
"""What a history is told by, each behind its time."""
ANYTHING = r"[^\s,:]+"
DAY = re.compile(r"\d{4}-\d\d-\d\d")
TIME = re.compile(r"(\d\d:\d\d:\d\d(?:\.\d{3})?) +(.*)")


@dataclass(frozen=True)
class Action:
    """One line: the name of the template it follows, and the values in it."""

    number: int
    time_ms: int
    verb: str
    words: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.words[name]

    def get(self, name: str, default: str = "") -> str:
        return self.words.get(name, default)

    @property
    def key(self) -> tuple[str, str]:
        """Symbol and position side."""
        return self["symbol"], self.get("side", "BOTH")


@dataclass(frozen=True)
class Table:
    """The bracket rows (floor, cap, rate, cum, leverage) of a symbol from a day on; `embedded` if the package
    has it."""

    symbol: str
    as_of: str
    rows: tuple[tuple[str, ...], ...]
    embedded: bool


def actions(case: Case) -> list[Action]:
    """The lines of the given block as values. A line that is only a day dates those after it."""
    templates: Mapping[str, str] = HISTORY if case.is_history else STATE
    found: list[Action] = []
    day = ""
    for line in case.given.lines:
        if line.text.startswith("#") or not line.text:
            continue
        if DAY.fullmatch(line.text):
            day = line.text
            continue
        timed = TIME.fullmatch(line.text)
        if case.is_history and not (day and timed):
            raise BadCase(f"{case.name}.case:{line.number}: a day and a time are needed: {line.text}")
        time_ms = milliseconds(f"{day}T{timed[1]}") if timed else 0
        verb, words = _matched(timed[2] if timed else line.text, templates, f"{case.name}.case:{line.number}")
        found.append(Action(line.number, time_ms, verb, words))
    return found


def milliseconds(text: str) -> int:
    """A UTC time as milliseconds since 1970."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def tables(case: Case) -> list[Table]:
    """The bracket tables that a case names (`brackets SYMBOL DAY`, of the package) or writes out (with rows)."""
    return [_table(block) for block in case.of("brackets")]


def _table(block: Block) -> Table:
    symbol, _, day = block.name.partition(" ")
    lines = [line.text.split() for line in block.lines if not line.text.startswith("#")]
    if lines:
        rows = tuple((floor, cap, _fraction(rate), cum, *lever) for floor, cap, rate, cum, *lever in lines)
        return Table(symbol, day, rows, embedded=False)
    return Table(symbol, day, embedded_rows(symbol, day), embedded=True)


def _fraction(percent: str) -> str:
    """`0.65%` as `0.0065`, without leaving text."""
    digits = percent.removesuffix("%")
    whole, _, part = digits.partition(".")
    return "0." + whole.rjust(2, "0") + part if len(whole) < 3 else "1"


def embedded_rows(symbol: str, day: str) -> tuple[tuple[str, ...], ...]:
    """The rows of a table that comes with the package, as its data file has them."""
    for path in sorted(TABLES.glob("*.json")):
        for sheet in json.loads(path.read_text(encoding="utf-8")):
            if symbol in sheet["tables"] and day in (sheet["as_of"], *sheet.get("also_seen", ())):
                return tuple(tuple(map(str, row)) for row in sheet["tables"][symbol])
    raise BadCase(f"no table of {symbol} as of {day} comes with the package")


def _matched(text: str, templates: Mapping[str, str], place: str) -> tuple[str, dict[str, str]]:
    for verb, template in templates.items():
        if found := _pattern(template).fullmatch(text):
            return verb, {name: value for name, value in found.groupdict().items() if value is not None}
    raise BadCase(f"{place}: not understood: {text}")


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template).replace(r"\[", "(?:").replace(r"\]", ")?").replace(r"\ ", " ")
    return re.compile(re.sub(r"<(\w+)>", lambda found: f"(?P<{found[1]}>{WORDS.get(found[1], ANYTHING)})", escaped))

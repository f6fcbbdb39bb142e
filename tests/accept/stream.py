"""One real account's stream, folded file by file and held against what the venue printed.

Two tables per field: *applied* digit for digit, *derived* within 1e-8 or one unit of the printed digits. Nothing that
the venue printed about a state enters the fold after its first print.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from margincall.forensics.compare import APPLIED, DERIVED, Comparison
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.reconstruct import Reconstruction, reconstruct
from margincall.forensics.rulebook import Rulebook
from margincall.history.read import read
from margincall.venues.embedded import embedded_book

SESSIONS = range(1, 10)
TICK = Decimal("0.01")
LOT = Decimal("0.01")
SMALL = Decimal("1e-7")
ALTERATIONS = {
    "lastFilledPrice": TICK,
    "lastFilledQuantity": LOT,
    "commissionAmount": SMALL,
    "realisedProfit": SMALL,
}


class Row(NamedTuple):
    """One field of a table: how many prints were counted, how many agree, how many are equal to the last digit."""

    table: str
    field: str
    counted: int
    agree: int
    equal: int


def session(shared: Path, number: int) -> Path:
    """The file of one session."""
    return shared / "binance_user_stream" / f"session-{number:02d}.json"


def folded(path: Path) -> Reconstruction:
    """One file folded by itself. Whatever the reader did not understand is an error here."""
    history = read([path])
    assert not history.problems, history.problems
    return reconstruct(history.events, Rulebook({"BNBUSDT"}, embedded_book({"BNBUSDT"})))


def rows(shared: Path) -> list[Row]:
    """Both tables over all sessions."""
    compared = [folded(session(shared, number)).compared for number in SESSIONS]
    found = [each for history in compared for each in history.comparisons if each.counted]
    equal = {field: sum(history.equal.get(field, 0) for history in compared) for field in DERIVED}
    return [
        _row(field, [each for each in found if each.field == field], equal.get(field, 0))
        for field in (*APPLIED, *DERIVED)
    ]


def failures(history: Reconstruction) -> list[str]:
    """What makes a table fail: a counted print that disagrees, or a fill that had to be invented."""
    wrong = [str(each) for each in history.compared.comparisons if each.counted and not each.agrees]
    return wrong + [str(event) for event in history.events if getattr(event, "trade_id", "") == TAKEN_OVER]


def updates(shared: Path) -> int:
    """How many account updates the sessions hold."""
    return sum(
        message["eventType"] == "ACCOUNT_UPDATE"
        for number in SESSIONS
        for message in json.loads(session(shared, number).read_text())
    )


def altered(shared: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every session with one number of one fill altered by the smallest visible step, up and down."""
    for number in SESSIONS:
        messages = json.loads(session(shared, number).read_text(), parse_float=Decimal)
        for place, message in enumerate(messages):
            if message.get("order", {}).get("executionType") != "TRADE":
                continue
            for key, step in ALTERATIONS.items():
                for sign in (1, -1):
                    order = dict(message["order"])
                    order[key] = Decimal(order.get(key) or 0) + sign * step
                    changed = [*messages[:place], {**message, "order": order}, *messages[place + 1 :]]
                    yield f"session {number} fill {order['tradeId']} {key} {sign * step}", changed


def is_noticed(messages: list[dict[str, Any]], folder: Path) -> bool:
    """Whether a table fails for these messages."""
    path = folder / "altered.json"
    path.write_text(json.dumps(messages, default=_number))
    return bool(failures(folded(path)))


def continuity(shared: Path) -> list[tuple[str, str, str, str]]:
    """The second table: what each session ends with against what the next one begins with. Gaps are listed, not
    judged."""
    found = []
    ends: dict[str, tuple[int, Decimal]] = {}
    for number in SESSIONS:
        history = folded(session(shared, number))
        opening, last = history.opening.account, history.timeline.last
        position = ("BNBUSDT", "BOTH")
        begin = {
            "wallet USDT": opening.wallets.get("USDT"),
            "position BNBUSDT": opening.positions[position].quantity if position in opening.positions else None,
        }
        for name, amount in begin.items():
            if amount is not None and name in ends:
                before, end = ends[name]
                gap = amount - end
                found.append(
                    (f"{before:02d} -> {number:02d}", name, str(end), f"{amount} (gap {gap})" if gap else "continues")
                )
        if "USDT" in last.wallets:
            ends["wallet USDT"] = (number, last.wallets["USDT"])
        if position in last.positions:
            ends["position BNBUSDT"] = (number, last.positions[position].quantity)
    return found


def _row(field: str, found: list[Comparison], equal: int) -> Row:
    """`equal` more agree digit for digit and are only counted."""
    return Row(
        table="applied" if field in APPLIED else "derived",
        field=field,
        counted=len(found) + equal,
        agree=sum(each.agrees for each in found) + equal,
        equal=sum(not each.difference for each in found) + equal,
    )


class _Exact(float):
    """A JSON number that is written with the digits of a decimal."""

    def __new__(cls, text: str) -> "_Exact":
        found = super().__new__(cls, text)
        found.text = text
        return found

    text: str

    def __repr__(self) -> str:
        return self.text


def _number(value: object) -> object:
    assert isinstance(value, Decimal)
    return _Exact(format(value, "f"))

"""Which fills of `binance_copy_trades` cannot be folded, decided from quantities alone.

A leg (portfolio, symbol, position side) counts from its first fill, except where a close exceeds the position then
known: something was open before the file begins, so the leg counts from the row after the last such close. This
module looks at no price, fee or profit: `Order` holds none. Its list is committed before the comparison is made.

`python -m tests.accept.copy_trades_excluded [data folder]` writes `docs/accept/copy_trades_excluded.json`.
"""

import csv
import hashlib
import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from tests.conftest import data_folder
from tests.sources import ROOT

LIST = ROOT / "docs" / "accept" / "copy_trades_excluded.json"
RULE = (
    "A leg counts from its first fill, except where a close exceeds the position then known: "
    "it then counts from the row after the last such close. The file is read in reverse."
)
Leg = tuple[str, str, str]
"""Portfolio, symbol, position side."""
READ = ("port_id", "symbol", "positionSide", "side", "qty")


class Order(NamedTuple):
    """What is looked at of a fill. `opens` is whether it adds to its leg; `line` is its line in the file."""

    line: int
    leg: Leg
    opens: bool
    quantity: Decimal


class Counted(NamedTuple):
    """One leg: the lines that do not count, in the order of time, and its closes in all and those that count."""

    leg: Leg
    excluded: tuple[int, ...]
    exceeding: tuple[int, ...]
    closes: int
    counted: int


def fills_file(shared: Path) -> Path:
    """The file of real fills."""
    return shared / "binance_copy_trades" / "fills.csv"


def orders(path: Path) -> list[Order]:
    """The fills in the order of time. The file is newest first with whole seconds, so it is reversed: a stable sort
    by time would leave fills of one second the wrong way round."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        found = [_order(rows.line_num, {name: row[name] for name in READ}) for row in rows]
    return found[::-1]


def _order(line: int, row: dict[str, str]) -> Order:
    leg = (row["port_id"], row["symbol"], row["positionSide"])
    opens = (row["side"], row["positionSide"]) in (("BUY", "LONG"), ("SELL", "SHORT"))
    return Order(line, leg, opens, Decimal(row["qty"]))


def counted(found: Iterable[Order]) -> list[Counted]:
    """Every leg, in the order of its first fill."""
    legs: dict[Leg, list[Order]] = {}
    for order in found:
        legs.setdefault(order.leg, []).append(order)
    return [_counted(leg, fills) for leg, fills in legs.items()]


def _counted(leg: Leg, fills: list[Order]) -> Counted:
    exceeding: list[int] = []
    begin, held = 0, Decimal(0)
    for place, fill in enumerate(fills):
        if fill.opens:
            held += fill.quantity
        elif fill.quantity <= held:
            held -= fill.quantity
        else:
            exceeding.append(fill.line)
            begin, held = place + 1, Decimal(0)
    return Counted(
        leg,
        excluded=tuple(fill.line for fill in fills[:begin]),
        exceeding=tuple(exceeding),
        closes=sum(not fill.opens for fill in fills),
        counted=sum(not fill.opens for fill in fills[begin:]),
    )


def document(path: Path) -> dict[str, object]:
    """The list as it is committed: the rule, the file that it belongs to, and the lines that do not count."""
    legs = counted(orders(path))
    return {
        "rule": RULE,
        "command": "python -m tests.accept.copy_trades_excluded",
        "read": list(READ),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "legs": len(legs),
        "closes": sum(leg.closes for leg in legs),
        "closes_counted": sum(leg.counted for leg in legs),
        "excluded": [
            {
                "portfolio": leg.leg[0],
                "symbol": leg.leg[1],
                "side": leg.leg[2],
                "exceeding_lines": list(leg.exceeding),
                "lines": list(leg.excluded),
            }
            for leg in legs
            if leg.excluded
        ],
    }


def excluded_lines() -> frozenset[int]:
    """The lines of the committed list."""
    listed = json.loads(LIST.read_text(encoding="utf-8"))["excluded"]
    return frozenset(line for leg in listed for line in leg["lines"])


def main() -> int:
    """Write the list and print its figures."""
    shared = Path(sys.argv[1]) if len(sys.argv) > 1 else data_folder()
    found = document(fills_file(shared))
    LIST.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{found['legs']} legs, {found['closes_counted']} of {found['closes']} closes count: {LIST.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

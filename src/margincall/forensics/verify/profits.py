"""Realised profit of each fill against size, price and the exact cost of what it closes.

The cost follows exactly from fills alone, where the files hold all of them since the position was flat. A printed entry
has five digits and would hide what is smaller.
"""

from collections.abc import Iterator

from margincall.core.account import PositionKey
from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.events import Fill, Statement
from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.forensics.compare import Comparison
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.make import check

SETTLED = "every trade since the position was opened (a recorded user-data stream, or GET /fapi/v1/userTrades)"


@exact
def profit_checks(history: Reconstruction) -> list[Check]:
    """A check for each fill whose printed profit is not the derived one; where all are, one that says how many."""
    compared = [each for each in history.compared.comparisons if each.field == "realized"]
    wrong = [each for each in compared if not each.agrees and _is_trade(history, each)]
    agreeing = len(compared) - len(wrong) + history.compared.equal.get("realized", 0)
    found = [_check(history, each) for each in wrong]
    if agreeing:
        found.append(check("realized_pnl", HOLDS, f"{agreeing} fills"))
    return found


def _is_trade(history: Reconstruction, each: Comparison) -> bool:
    fill = history.events[each.place]
    return isinstance(fill, Fill) and fill.trade_id != TAKEN_OVER


def _check(history: Reconstruction, each: Comparison) -> Check:
    fill = history.events[each.place]
    assert isinstance(fill, Fill)
    is_known = is_cost_known(history, (fill.symbol, fill.side), each.place)
    return check(
        "realized_pnl",
        FAILS if is_known else UNCLEAR,
        each.about,
        numbers={"printed": each.printed, "derived": each.folded, "difference": each.difference},
        unit=history.book.contracts[fill.symbol].margin_asset,
        times_ms={"fill": fill.time_ms},
        assumptions=("recording-whole",),
        evidence=str(each.source),
        settled_by="" if is_known else SETTLED,
        points_to=("realized_pnl",),
    )


def is_cost_known(history: Reconstruction, key: PositionKey, place: int) -> bool:
    """Whether the cost of a position before event `place` follows from fills alone: it was flat where the files begin,
    and the files hold all fills since. A recording says so by the positions that it prints in the same file; lists of
    trades by a position that is as large as printed, or flat, where they end."""
    if history.opening.account.position(key).quantity:
        return False
    recorded = list(_printed(history, key, updates=True))
    if recorded:
        file = history.events[place].source.file
        earlier = [number for number, _ in recorded if number < place]
        own = [event.source.file for event in history.events[:place] if _is_of(event, key)]
        agree = all(
            each.agrees
            for each in history.compared.comparisons
            if each.field == "position" and each.about == f"{key[0]} {key[1]}" and each.source.file == file
        )
        return bool(earlier) and agree and set(own) <= {file}
    last = history.timeline.last.position(key).quantity
    printed = [quantity for _, quantity in _printed(history, key, updates=False)]
    return last == (printed[-1] if printed else ZERO)


def _printed(history: Reconstruction, key: PositionKey, *, updates: bool) -> Iterator[tuple[int, object]]:
    """Place and size of each print of a position, by a stream's updates or by answers."""
    for place, event in enumerate(history.events):
        if isinstance(event, Statement) and (event.origin == "update") == updates:
            for each in event.positions:
                if (each.symbol, each.side) == key and each.quantity is not None:
                    yield place, each.quantity


def _is_of(event: object, key: PositionKey) -> bool:
    if isinstance(event, Fill):
        return (event.symbol, event.side) == key
    return isinstance(event, Statement) and any((each.symbol, each.side) == key for each in event.positions)

"""Realised profit of each fill against size, price and the exact cost of what it closes.

The cost follows exactly from fills alone, where the files hold all of them since the position was flat. A printed entry
has five digits and would hide what is smaller.
"""

from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.events import Fill
from margincall.core.rounding import exact
from margincall.forensics.compare import Comparison
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.founded import Founded
from margincall.forensics.verify.make import check

SETTLED = "every trade since the position was opened (a recorded user-data stream, or GET /fapi/v1/userTrades)"


@exact
def profit_checks(history: Reconstruction, founded: Founded) -> list[Check]:
    """A check for each fill whose printed profit is not the derived one; where all are, one that says how many."""
    compared = [each for each in history.compared.comparisons if each.field == "realized"]
    wrong = [each for each in compared if not each.agrees and _is_trade(history, each)]
    agreeing = len(compared) - len(wrong) + history.compared.equal.get("realized", 0)
    found = [_check(history, each, founded) for each in wrong]
    if agreeing:
        found.append(check("realized_pnl", HOLDS, f"{agreeing} fills"))
    return found


def _is_trade(history: Reconstruction, each: Comparison) -> bool:
    fill = history.events[each.place]
    return isinstance(fill, Fill) and fill.trade_id != TAKEN_OVER


def _check(history: Reconstruction, each: Comparison, founded: Founded) -> Check:
    fill = history.events[each.place]
    assert isinstance(fill, Fill)
    is_known = founded.cost_known((fill.symbol, fill.side), each.place)
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

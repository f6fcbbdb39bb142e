"""The maintenance margin that the venue printed, against the brackets in force: which table did it really apply?"""

from margincall.core.brackets import in_force, maintenance
from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.contract import notional
from margincall.core.events import PositionPrint, Statement
from margincall.core.rounding import exact
from margincall.core.units import Price, Quantity
from margincall.forensics.digits import last_digit
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View, tables_confirmed

BEFORE_MS = 24 * 60 * 60 * 1000
"""How long before the liquidation a printed margin still speaks for the table of the day."""


@exact
def bracket_checks(view: View) -> list[Check]:
    """Each symbol of the pool: the last maintenance margin printed before the trigger, and the tables printed to the
    account, against the table in force."""
    pool = view.moment.pool
    if pool is None or not view.moment.brackets_known:
        return []
    found = []
    for symbol in sorted({terms.symbol for terms in pool.positions}):
        found += _printed_margin(view, symbol)
    for terms in pool.positions:
        for table in view.tables:
            if table.symbol == terms.symbol:
                row = in_force(table, terms.notional)
                same = (row.rate, row.cum) == (terms.bracket.rate, terms.bracket.cum)
                found.append(
                    check(
                        "maintenance",
                        HOLDS if same else UNCLEAR,
                        f"{terms.symbol}: brackets printed to the account",
                        numbers={
                            "printed_rate": row.rate,
                            "rate": terms.bracket.rate,
                            "printed_cum": row.cum,
                            "cum": terms.bracket.cum,
                        },
                        unit="rate",
                        note="" if same else "when they were printed no file tells: they show only what was applied",
                        evidence=table.source,
                        settled_by="" if same else "the day on which they were printed, in the file's name",
                    )
                )
    return found


def _printed_margin(view: View, symbol: str) -> list[Check]:
    statement, printed = _last_print(view, symbol)
    if statement is None or printed is None:
        return []
    rules = view.history.rules_at(statement.time_ms)
    assert printed.mark is not None
    assert printed.quantity is not None
    assert printed.maintenance is not None
    contract, table = rules.contract(symbol), rules.brackets(symbol)
    worth = notional(contract, Quantity(printed.quantity), Price(printed.mark))
    derived = maintenance(table, worth)
    rate = in_force(table, worth).rate
    blur = abs(notional(contract, Quantity(printed.quantity), Price(printed.mark + last_digit(printed.mark))) - worth)
    slack = last_digit(printed.maintenance) + blur * rate / 2
    off = printed.maintenance - derived
    differs = abs(off) > slack
    verdict = HOLDS if not differs else FAILS if tables_confirmed(view) else UNCLEAR
    return [
        check(
            "maintenance",
            verdict,
            f"{symbol} {printed.side}: maintenance margin printed",
            numbers={"printed": printed.maintenance, "derived": derived, "difference": off, "notional": worth},
            unit=contract.margin_asset,
            times_ms={"printed": statement.time_ms},
            evidence=str(statement.source),
            settled_by="a bracket table dated on that day (margincall brackets import)" if verdict == UNCLEAR else "",
            points_to=("wrong_brackets",),
        )
    ]


def _last_print(view: View, symbol: str) -> tuple[Statement | None, PositionPrint | None]:
    """The last statement before the liquidation that prints maintenance margin, size and mark of a position."""
    for place in range(view.incident.first - 1, -1, -1):
        event = view.history.events[place]
        if view.incident.time_ms - event.time_ms > BEFORE_MS:
            break
        if isinstance(event, Statement):
            for each in event.positions:
                if each.symbol == symbol and each.maintenance and each.mark and each.quantity:
                    return event, each
    return None, None

"""Balances that a ledger prints beside its rows, when several rows bear one time.

Such rows are a group: either their balances run from row to row, or each prints the balance at the group's end. In both
ways the last one is the balance after all of them. It is kept as the statement of that time; the others would be held
against a wallet in which the whole group is booked. A group that fits neither way is a problem.
"""

from collections.abc import Sequence
from itertools import pairwise

from margincall.core.events import AnyEvent, BalancePrint, Flow, Statement
from margincall.core.units import ZERO
from margincall.wire.problems import Problem
from margincall.wire.row import place_of

Booking = tuple[Flow, Statement]


def one_balance_each_time(events: Sequence[AnyEvent], file: str) -> tuple[list[AnyEvent], list[Problem]]:
    """The events of a file, of the balances of one (account, asset, time) only the last."""
    groups: dict[tuple[str, str, int], list[Booking]] = {}
    last: AnyEvent | None = None
    for event in events:
        if isinstance(event, Statement) and isinstance(last, Flow) and event.source == last.source:
            for printed in event.balances:
                groups.setdefault((event.account, printed.asset, event.time_ms), []).append((last, event))
        last = event
    several = [group for group in groups.values() if len(group) > 1]
    dropped = {id(statement) for group in several for _, statement in group[:-1]}
    problems = [_problem(group, file) for group in several if not _is_sound(group)]
    return [event for event in events if id(event) not in dropped], problems


def _is_sound(group: Sequence[Booking]) -> bool:
    balances = [_printed(statement).wallet for _, statement in group]
    if len(set(balances)) == 1:
        return True
    return all(
        (after or ZERO) - (before or ZERO) == sum(flow.applied.values(), ZERO)
        for (before, after), (flow, _) in zip(pairwise(balances), group[1:], strict=True)
    )


def _printed(statement: Statement) -> BalancePrint:
    return statement.balances[0]


def _problem(group: Sequence[Booking], file: str) -> Problem:
    first, last = group[0][1], group[-1][1]
    asset = _printed(first).asset
    listed = ", ".join(str(_printed(statement).wallet) for _, statement in group)
    message = (
        f"{len(group)} rows of one time (to {place_of(last.source)}) print balances in {asset} that neither follow "
        f"from row to row nor are all the same ({listed}); the last one counts"
    )
    return Problem(file, place_of(first.source), message, listed, "contradiction")

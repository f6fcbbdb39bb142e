"""The position history against the fills: does what the venue printed about a closed position follow from its trades?

A closed position is compared with the fills of its symbol and direction between the seconds in which it was opened and
closed. They must begin and end flat; where they do not, some are missing (or share a second with another position), and
nobody can tell. Averages are weighed by quantity (inverse contracts: by value) and compared to the decimals of printed
entries, profit is gross of fees and compared to 1e-8 for each fill.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Fill, PositionClosed
from margincall.core.rounding import AMOUNT_UNIT, exact, price_nearest, quotient
from margincall.core.units import ZERO
from margincall.forensics.rulebook import RulesAt
from margincall.wire.durations import SECOND_MS

KIND = "position_history"
RULE = "entry, largest size, closed quantity, average close and gross profit follow from the fills of the position"


class Leg(Struct, frozen=True):
    """What the fills of one position come to. `realized` is none where a fill does not print its profit, `entry` where
    it was opened again after a part was closed."""

    entry: Decimal | None
    max_quantity: Decimal
    closed_quantity: Decimal
    average_close: Decimal
    realized: Decimal | None
    fills: int


@exact
def closed_positions(events: Sequence[AnyEvent], rules_at: RulesAt) -> Iterator[Finding]:
    """A finding for each closed position that the files print."""
    closed = [event for event in events if isinstance(event, PositionClosed)]
    if not closed:
        return
    fills: dict[str, list[Fill]] = {}
    for event in events:
        if isinstance(event, Fill):
            fills.setdefault(event.symbol, []).append(event)
    for position in closed:
        contract = rules_at(position.time_ms).contract(position.symbol)
        leg = _leg(position, _between(position, fills.get(position.symbol, [])), contract)
        yield _finding(position, leg, contract) if isinstance(leg, Leg) else _unclear(position, leg)


def _between(position: PositionClosed, fills: Sequence[Fill]) -> list[Fill]:
    """The fills, which are in order of time, that can belong to the position: stamps may be whole seconds."""
    first = position.opened_ms - position.opened_ms % SECOND_MS
    last = position.time_ms - position.time_ms % SECOND_MS + SECOND_MS - 1
    begin = bisect_left(fills, first, key=_time)
    return [
        fill for fill in fills[begin : bisect_right(fills, last, key=_time)] if fill.side in ("BOTH", position.side)
    ]


def _time(fill: Fill) -> int:
    return fill.time_ms


def _leg(position: PositionClosed, fills: Sequence[Fill], contract: Contract) -> Leg | str:
    """What the fills come to, or why that cannot be told."""
    direction = 1 if position.side == "LONG" else -1
    held = largest = ZERO
    opening, closing = [], []
    is_plain = True
    for fill in fills:
        quantity = direction * fill.quantity
        held += quantity
        if held < ZERO:
            return "the fills close more than they open: some are missing, or belong to another position"
        largest = max(largest, held)
        if quantity < ZERO:
            closing.append(fill)
        else:
            is_plain &= not closing
            opening.append(fill)
    if not closing:
        return "no file holds the fills of this position"
    if held:
        return f"the fills leave {held} open: some are missing, or belong to another position"
    profits = [fill.realized for fill in closing if fill.realized is not None]
    return Leg(
        # Whether later openings change the printed entry of what is left is not published.
        entry=_average(opening, contract) if is_plain else None,
        max_quantity=largest,
        closed_quantity=sum((abs(fill.quantity) for fill in closing), ZERO),
        average_close=_average(closing, contract),
        realized=sum(profits, ZERO) if len(profits) == len(closing) else None,
        fills=len(fills),
    )


def _average(fills: Iterable[Fill], contract: Contract) -> Decimal:
    """The average price of fills, weighed by what they are worth at it, freed from what quotients leave behind."""
    total = weight = ZERO
    for fill in fills:
        quantity = abs(fill.quantity)
        total += quantity
        weight += quotient(quantity, fill.price) if contract.is_inverse else quantity * fill.price
    return price_nearest(total / weight if contract.is_inverse else weight / total)


def _finding(position: PositionClosed, leg: Leg, contract: Contract) -> Finding:
    """The first value that differs, else the profit, or the average close price where no profit is known."""
    price_unit = Decimal(1).scaleb(-contract.entry_places)
    values = [
        ("entry", position.entry, leg.entry, price_unit),
        ("largest size", position.max_quantity, leg.max_quantity, ZERO),
        ("closed quantity", position.closed_quantity, leg.closed_quantity, ZERO),
        ("average close price", position.average_close, leg.average_close, price_unit),
        ("profit", position.realized, leg.realized, leg.fills * AMOUNT_UNIT),
    ]
    known = [(name, printed, derived, unit) for name, printed, derived, unit in values if derived is not None]
    differing = [each for each in known if abs(each[1] - each[2]) > each[3]]
    name, printed, derived, _ = differing[0] if differing else known[-1]
    return Finding(
        kind=KIND,
        verdict=_verdict(differing, leg),
        about=f"{_about(position)}: {name}",
        rule=RULE,
        printed=printed,
        derived=derived,
        amount=printed - derived,
        source=str(position.source),
    )


def _verdict(differing: Sequence[tuple[str, Decimal, Decimal, Decimal]], leg: Leg) -> Verdict:
    """Less than a unit of the last printed digit may be rounding, of which no rule is published."""
    if differing:
        return UNCLEAR if all(abs(each[1] - each[2]) < _last_digit(each[1]) for each in differing) else FAILS
    return HOLDS if leg.realized is not None else UNCLEAR


def _unclear(position: PositionClosed, why: str) -> Finding:
    return Finding(
        kind=KIND,
        verdict=UNCLEAR,
        about=_about(position),
        rule=why,
        printed=position.realized,
        source=str(position.source),
    )


def _about(position: PositionClosed) -> str:
    return f"{position.symbol} {position.side} closed at {position.time_ms}"


def _last_digit(printed: Decimal) -> Decimal:
    """One unit of the last printed digit; 0 for a whole number."""
    exponent = printed.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(exponent) if exponent < 0 else ZERO

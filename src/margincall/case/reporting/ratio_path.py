"""The margin ratio of a pool over time, and the events that moved it.

One walk through the history. The ratio is asked where it can be extreme: in each column of the chart at the first and
last mark, at the highest and lowest mark of each symbol, and before and after each event that stands out.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from margincall.case.reporting.facts import Chart, Numbered, Point, RatioDrawing, Spell
from margincall.case.reporting.thinning import column_of, thinned
from margincall.case.reporting.wording import amount, brief_percent, signed
from margincall.core.account import Account
from margincall.core.events import Fill, Flow, MarginMove, Setting
from margincall.core.margin import MissingIndex, PoolTerms
from margincall.core.rounding import exact
from margincall.core.units import ONE, ZERO
from margincall.forensics.cause import describe
from margincall.forensics.markline import FRESH_MS, MarkPoint
from margincall.forensics.pools import NO_BRACKETS, pool_named, terms_of
from margincall.forensics.present import Section, moment
from margincall.forensics.reconstruct import Reconstruction

COLUMNS = 300
EVENTS_MAX = 12
"""So many events are numbered at most: those that moved the ratio most, in the order of their times."""
LEAST = Decimal("0.0005")
"""What moved the ratio by less than a twentieth of a point is not numbered."""
CANDIDATES = 120
"""So many flows, and as many orders, are looked at for that: the largest."""
CUT = Decimal("1.5")
"""The drawing ends at 150 %: what is above is of an account that is being closed."""
NO_RATIO = Decimal(10)
"""Stands for the ratio of a balance that is not positive: beyond every drawing."""


class Candidate(Struct, frozen=True):
    """What may stand out: places of its first and last event, its time, and what it was."""

    first: int
    last: int
    time_ms: int
    what: str


class Moved(Struct, frozen=True):
    """One event and what it did to the ratio; none where a price was missing or no margin was needed."""

    place: int
    time_ms: int
    what: str
    before: Decimal | None
    after: Decimal | None

    @property
    def effect(self) -> Decimal:
        """By how much it moved the ratio, unsigned; without a position there is none, which counts as 0."""
        return abs((self.after or ZERO) - (self.before or ZERO))


@exact
def ratio_chart(
    history: Reconstruction, pool: PoolTerms, spell: Spell, *, trigger: Spell | None, key: str
) -> Chart | None:
    """The chart of the pool that `pool` shows at one moment; none where too little is known to draw a line."""
    symbols = _members(history, pool)
    asked = _asked(history, symbols, spell)
    candidates = _candidates(history, symbols, spell)
    firsts, lasts = ({getattr(each, name) for each in candidates} for name in ("first", "last"))
    line: list[Point] = []
    begun: dict[int, Decimal | None] = {}
    ended: dict[int, Decimal | None] = {}
    for place, (event, before, after) in enumerate(history.timeline.walk()):
        for account, chosen, kept in ((before, firsts, begun), (after, lasts, ended)):
            if place in chosen:
                kept[place] = _ratio(history, account, place, pool.name, symbols)
                line += _points(event.time_ms, kept[place])
        if place in asked:
            line += _points(event.time_ms, _ratio(history, after, place, pool.name, symbols))
    moved = [Moved(each.first, each.time_ms, each.what, begun[each.first], ended[each.last]) for each in candidates]
    points = thinned(line, spell.start_ms, spell.end_ms, COLUMNS)
    if len(points) < 2:
        return None
    most = sorted((each for each in moved if each.effect >= LEAST), key=_effect, reverse=True)
    told = sorted(most[:EVENTS_MAX], key=_place)
    drawing = RatioDrawing(
        start_ms=spell.start_ms,
        end_ms=spell.end_ms,
        line=points,
        events=tuple(Numbered(number, each.time_ms, each.after) for number, each in enumerate(told, 1)),
        trigger=trigger,
        highest=min(max(max(point.value for point in points) * Decimal("1.08"), Decimal("1.15")), CUT),
    )
    return Chart(
        key,
        f"Margin ratio of {pool.name}",
        _says([point for point in line if spell.start_ms <= point.time_ms <= spell.end_ms]),
        drawing,
        _values(told, len(moved)),
    )


def _members(history: Reconstruction, pool: PoolTerms) -> list[str]:
    """The symbols whose positions the pool may hold at any time."""
    if pool.kind == "isolated":
        return [terms.symbol for terms in pool.positions]
    contracts = history.book.contracts
    assets = {terms.asset for terms in pool.assets}
    return sorted(symbol for symbol, contract in contracts.items() if contract.margin_asset in assets)


def _points(time_ms: int, ratio: Decimal | None) -> list[Point]:
    return [] if ratio is None else [Point(time_ms, ratio)]


def _asked(history: Reconstruction, symbols: Sequence[str], spell: Spell) -> frozenset[int]:
    """Places of the marks at which the ratio is asked."""
    found: set[int] = set()
    for symbol in symbols:
        columns: dict[int, list[MarkPoint]] = {}
        for point in history.marks.marks.get(symbol, ()):
            if spell.start_ms <= point.time_ms <= spell.end_ms:
                column = column_of(point.time_ms, spell.start_ms, spell.end_ms, COLUMNS)
                columns.setdefault(column, []).append(point)
        for points in columns.values():
            ends = (points[0], points[-1], min(points, key=_price), max(points, key=_price))
            found.update(point.place for point in ends)
    return frozenset(found)


def _candidates(history: Reconstruction, symbols: Sequence[str], spell: Spell) -> list[Candidate]:
    """The account's events that may stand out: the largest flows, and the largest orders with all their fills."""
    flows: list[tuple[Decimal, Candidate]] = []
    orders: dict[str, list[tuple[int, Fill]]] = {}
    for place, event in enumerate(history.events):
        if not spell.start_ms <= event.time_ms <= spell.end_ms:
            continue
        if isinstance(event, Flow | MarginMove | Setting):
            flows.append((_weight(event), Candidate(place, place, event.time_ms, describe(event))))
        elif isinstance(event, Fill) and event.symbol in symbols:
            orders.setdefault(event.order_id or event.trade_id, []).append((place, event))
    traded = [(sum((abs(fill.quantity) * fill.price for _, fill in fills), ZERO), fills) for fills in orders.values()]
    largest = sorted(traded, key=_first, reverse=True)[:CANDIDATES]
    told = [Candidate(fills[0][0], fills[-1][0], fills[0][1].time_ms, _order(fills)) for _, fills in largest]
    return [each for _, each in sorted(flows, key=_first, reverse=True)[:CANDIDATES]] + told


def _weight(event: Flow | MarginMove | Setting) -> Decimal:
    if isinstance(event, Flow):
        return max((abs(each) for each in event.applied.values()), default=ZERO)
    return abs(event.amount) if isinstance(event, MarginMove) else ZERO


def _order(fills: Sequence[tuple[int, Fill]]) -> str:
    """All fills of one order in words."""
    if len(fills) == 1:
        return describe(fills[0][1])
    whole = sum((fill.quantity for _, fill in fills), ZERO)
    prices = [fill.price for _, fill in fills]
    text = f"{'buy' if whole > 0 else 'sell'} {amount(abs(whole))} {fills[0][1].symbol} in {len(fills):,} fills"
    return f"{text}, {amount(min(prices))} to {amount(max(prices))}"


def _ratio(history: Reconstruction, account: Account, place: int, pool: str, symbols: Sequence[str]) -> Decimal | None:
    """Maintenance ÷ balance of the pool at the marks known after event `place`; none without a fresh mark or without
    positions."""
    time_ms = history.events[place].time_ms
    fresh = [symbol for symbol in symbols if _is_fresh(history.marks.latest(symbol, place + 1), time_ms)]
    try:
        found = pool_named(terms_of(account, history.marks.at(fresh, place + 1), history.rules_at(time_ms)), pool)
    except MissingIndex:
        return None
    if found is None or not found.positions or any(terms.symbol not in fresh for terms in found.positions):
        return None
    return None if any(terms.table is NO_BRACKETS for terms in found.positions) else _shown(found)


def _is_fresh(point: MarkPoint | None, time_ms: int) -> bool:
    return point is not None and time_ms - point.time_ms <= FRESH_MS


def _shown(pool: PoolTerms) -> Decimal:
    return NO_RATIO if pool.ratio is None else min(pool.ratio, NO_RATIO)


def _says(points: Sequence[Point]) -> str:
    lowest, highest = min(points, key=_value), max(points, key=_value)
    reached = next((point for point in points if point.value >= ONE), None)
    first = "Maintenance margin divided by margin balance; at 100 % the account is liquidated. It was at least "
    text = f"{first}{brief_percent(lowest.value)} ({moment(lowest.time_ms)})"
    if reached is None:
        return f"{text} and at most {brief_percent(highest.value)} ({moment(highest.time_ms)}): it did not reach 100 %."
    return f"{text} and reached 100 % at {moment(reached.time_ms)}, with {brief_percent(reached.value)}."


def _values(told: Sequence[Moved], seen: int) -> Section:
    rows = tuple(
        (str(number), moment(each.time_ms), each.what, _percent(each.before), _percent(each.after), _change(each))
        for number, each in enumerate(told, 1)
    )
    note = f"the {len(told)} that moved it most, of {seen:,} looked at" if seen > len(told) else ""
    columns = ("no.", "time (UTC)", "what", "ratio before", "after", "change")
    return Section("What moved it beside the price", columns, rows, right=(0, 3, 4, 5), note=note)


def _percent(value: Decimal | None) -> str:
    return "–" if value is None else brief_percent(value)


def _change(each: Moved) -> str:
    if each.before is None or each.after is None or max(each.before, each.after) >= NO_RATIO:
        return "–"
    return f"{signed(round((each.after - each.before) * 100, 2))} points"


def _first(each: tuple[Decimal, Any]) -> Decimal:
    return each[0]


def _place(each: Moved) -> int:
    return each.place


def _effect(each: Moved) -> Decimal:
    return each.effect


def _price(point: MarkPoint) -> Decimal:
    return point.price


def _value(point: Point) -> Decimal:
    return point.value

"""Profit and fee rows that name no trade, against the fills that booked them.

The transaction history and the statement list what each trade did to the wallet, but not which trade it was. A row
belongs to a fill with this profit or fee in this asset (and symbol, where the rows name one) and this second: one to
one, each file for itself, because each tells of all fills again.

* A row that has its fill is not applied again; a fill that prints no value takes the row's.
* A row beside fills of its second that print other values contradicts them. One that no other row has told is held
  against it, and the row is not applied; where all are told, it is applied, because something unknown has booked it.
  A profit is no riddle where a liquidation order of that second left something over: what the insurance fund takes over
  is no trade.
* A row of a second in which no fill is known is a flow.

Rows of the income history, which name the trade, are held in the same way against fills of exports that name none.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from margincall.core.contract import Contract
from margincall.core.events import Category, Flow
from margincall.history.flows import Matched
from margincall.history.messages import Placed, changed, contradiction, fill_of, flow_of, order_of
from margincall.venues.registry import contract_of
from margincall.wire.problems import Problem
from margincall.wire.row import place_of

BOOKED: tuple[Category, ...] = ("realized_pnl", "commission")
NEAR = (0, -1, 1)
"""Seconds by which the booking of a trade may be stamped earlier or later, nearest first."""
TOGETHER = 4096
"""So many rows at a time, in order of time, are held against the fills of their seconds. An index of all fills would be
large, and slower with every row: it fits into no cache."""
MANY = 3
"""So many rows without their fills in the time of known fills, and more than have them, speak for a wrong time zone."""

Kind = tuple[Category, str, str]
"""Category, asset, and the symbol ("" where rows name none)."""
Index = dict[tuple[str, str, str, int, Decimal], list[int]]
"""Category, asset, symbol, second and amount -> numbers of the fills that booked it."""
LeftOver = Collection[tuple[str, int]]
"""Symbols (and "" for any) and seconds of the venue's own orders that left something over."""


def with_bookings(
    fills: Sequence[Placed],
    flows: Sequence[Placed],
    exported: frozenset[str],
    contracts: Mapping[str, Contract],
    orders: Iterable[Placed] = (),
) -> tuple[list[Placed], Matched]:
    """Fills with the fees and profits that exports know of them, and the flows that are left. `exported` are the files
    of exports, `contracts` those that files describe, `orders` tell what was liquidated."""
    parts: dict[tuple[str, bool, bool], list[Placed]] = {}
    matched = Matched([], Counter(), [])
    has_nameless = any(not fill_of(placed).trade_id for placed in fills)
    for placed in flows:
        flow = flow_of(placed)
        is_row = has_nameless and not placed.stream if flow.trade_id else flow.source.file in exported
        if fills and is_row and flow.category in BOOKED and len(flow.applied) == 1:
            parts.setdefault((flow.source.file, bool(flow.symbol), bool(flow.trade_id)), []).append(placed)
        else:
            matched.kept.append(placed)
    found, left_over = list(fills), _left_over(orders)
    for (_, is_named, is_of_trade), rows in parts.items():
        _Match(found, contracts, left_over, is_named=is_named, nameless=is_of_trade).run(rows, matched)
    return found, matched


def _left_over(orders: Iterable[Placed]) -> LeftOver:
    """Where a profit without a trade can be that of a takeover. A row may be stamped a second later than the order."""
    found: set[tuple[str, int]] = set()
    for placed in orders:
        order, second = order_of(placed), _second_of(placed)
        if order.close == "liquidation" and order.executed < order.quantity:
            found |= {(symbol, at) for symbol in (order.symbol, "") for at in (second, second + 1)}
    return found


class _Match:
    """The rows of one file against all fills, or (`nameless`) those that name no trade. `told`: for each fill, whether
    a row of the file has told its value; `by_second`: the numbers of the fills in order of time."""

    def __init__(
        self,
        fills: list[Placed],
        contracts: Mapping[str, Contract],
        left_over: LeftOver,
        *,
        is_named: bool,
        nameless: bool,
    ) -> None:
        self.fills = fills
        self.contracts = contracts
        self.left_over = left_over
        self.is_named = is_named
        self.nameless = nameless
        self.told = {category: bytearray(len(fills)) for category in BOOKED}
        self.by_second = sorted(range(len(fills)), key=self._second)

    def run(self, rows: Sequence[Placed], matched: Matched) -> None:
        """Take out what has its fill, complete or contradict what stands beside one, keep the rest."""
        left = sorted(rows, key=_second_of)
        for shift in NEAR:
            parts = [left[first : first + TOGETHER] for first in range(0, len(left), TOGETHER)]
            left = [row for part in parts for row in self._without_fills(part, shift)]
        left.sort(key=lambda row: row.place)
        missing = self._beside_fills(left, matched.problems)
        matched.kept.extend(missing)
        matched.repeated[rows[0].event.source.file] += len(rows) - len(missing)
        riddles = [row for row in missing if not self._is_takeover(row)]
        matched.problems.extend(self._zone_problem(riddles, len(rows)))

    def _is_takeover(self, row: Placed) -> bool:
        """Whether a row that no fill booked can be the profit of a takeover."""
        flow = flow_of(row)
        return flow.category == "realized_pnl" and (flow.symbol, _second_of(row)) in self.left_over

    def _index(self, rows: Sequence[Placed], shift: int) -> Index:
        """The fills that booked a value in the seconds of these rows, or `shift` beside them, by what, when and how
        much; those that are not told yet, the first one last, to be taken first."""
        index: Index = {}
        fills, told = self.fills, self.told
        seconds = {row.event.time_ms // 1000 + shift for row in rows}
        first = bisect_left(self.by_second, min(seconds), key=self._second)
        end = bisect_right(self.by_second, max(seconds), key=self._second)
        numbers = [each for each in self.by_second[first:end] if fills[each].event.time_ms // 1000 in seconds]
        for number, (category, asset, symbol), value in self._values(numbers):
            if value and not told[category][number]:
                key = (category, asset, symbol, fills[number].event.time_ms // 1000, value)
                found = index.get(key)
                if found is None:
                    index[key] = [number]
                else:
                    found.append(number)
        for found in index.values():
            found.reverse()
        return index

    def _without_fills(self, rows: Sequence[Placed], shift: int) -> list[Placed]:
        """The rows that no fill booked exactly, in their second or `shift` beside it; the fills of the others are told.
        A fill stands in the index once for each of its values, so that taking it out is enough. (A million rows pass
        here: nothing is called for each.)"""
        left: list[Placed] = []
        told, index = self.told, self._index(rows, shift)
        for row in rows:
            flow = row.event
            assert isinstance(flow, Flow)
            ((asset, amount),) = flow.applied.items()
            numbers = index.get((flow.category, asset, flow.symbol, flow.time_ms // 1000 + shift, amount))
            if numbers:
                told[flow.category][numbers.pop()] = True
            else:
                left.append(row)
        return left

    def _values(self, numbers: Iterable[int]) -> Iterator[tuple[int, Kind, Decimal | None]]:
        """What each of these fills books, in the wallet's sign; none where it does not print it."""
        for number in numbers:
            fill = fill_of(self.fills[number])
            if self.nameless and fill.trade_id:
                continue
            symbol = fill.symbol if self.is_named else ""
            described = self.contracts.get(fill.symbol)
            margin_asset = _margin_asset(fill.symbol) if described is None else described.margin_asset
            yield number, ("realized_pnl", margin_asset, symbol), fill.realized
            fee = None if fill.fee is None else -fill.fee
            yield number, ("commission", fill.fee_asset or margin_asset, symbol), fee

    def _second(self, number: int) -> int:
        return _second_of(self.fills[number])

    def _kind(self, row: Placed) -> Kind:
        flow = flow_of(row)
        return flow.category, _amount(row)[0], flow.symbol

    def _beside_fills(self, rows: Sequence[Placed], problems: list[Problem]) -> list[Placed]:
        """The rows that no fill can have booked; the others complete the fills of their second, or contradict them."""
        seconds = {(self._kind(row), row.event.time_ms // 1000) for row in rows}
        beside: dict[tuple[Kind, int], list[tuple[int, Decimal | None]]] = {}
        for number, kind, value in self._values(range(len(self.fills))) if rows else ():
            if (kind, self._second(number)) in seconds and (value is None or value):
                beside.setdefault((kind, self._second(number)), []).append((number, value))
        # A fill without a printed value first: it cannot be contradicted.
        free = {
            place: iter(sorted((each for each in here if not self.told[place[0][0]][each[0]]), key=_is_printed))
            for place, here in beside.items()
        }
        left: list[Placed] = []
        for row in rows:
            place = (self._kind(row), row.event.time_ms // 1000)
            found = next(free[place], None) if place in free else None
            if found is None:
                left.append(row)
                if place in beside:
                    problems.append(_taken_over(row) if self._is_takeover(row) else _unknown(row))
                continue
            number, value = found
            self.told[flow_of(row).category][number] = True
            if value is None:
                self._complete(number, row)
            else:
                problems.append(_differs(self.fills[number], value, row))
        return left

    def _complete(self, number: int, row: Placed) -> None:
        asset, amount = _amount(row)
        is_fee = flow_of(row).category == "commission"
        changes: dict[str, object] = {"fee": -amount, "fee_asset": asset} if is_fee else {"realized": amount}
        self.fills[number] = changed(self.fills[number], changes)

    def _zone_problem(self, missing: Sequence[Placed], total: int) -> Iterable[Problem]:
        """That most rows of the time of known fills have none of them."""
        first, last = self.fills[0].event.time_ms, self.fills[0].event.time_ms
        for placed in self.fills if len(missing) >= MANY else ():
            first, last = min(first, placed.event.time_ms), max(last, placed.event.time_ms)
        inside = [row for row in missing if first <= row.event.time_ms <= last]
        if len(inside) >= MANY and len(inside) * 2 > total:
            source = inside[0].event.source
            message = (
                f"{len(inside)} of {total} profit and fee rows belong to no known fill, though fills of that time are "
                "known: is the time zone right? They are applied as they are"
            )
            yield Problem(source.file, place_of(source), message, kind="contradiction")


def _second_of(placed: Placed) -> int:
    return placed.event.time_ms // 1000


def _is_printed(each: tuple[int, Decimal | None]) -> bool:
    return each[1] is not None


def _differs(placed: Placed, value: Decimal, row: Placed) -> Problem:
    fill, flow = fill_of(placed), flow_of(row)
    what = f"{flow.category.replace('_', ' ')} of trade {fill.trade_id or 'without id'} of {fill.symbol}"
    return contradiction(what, (fill, value), (flow, _amount(row)[1]))


def _unknown(row: Placed) -> Problem:
    return _untold(row, "no known fill of this second booked it; it is applied", "contradiction")


def _taken_over(row: Placed) -> Problem:
    why = "a liquidation order of this second left something over: it is applied as the profit of its takeover"
    return _untold(row, why, "note")


def _untold(row: Placed, why: str, kind: str) -> Problem:
    asset, amount = _amount(row)
    source, flow = row.event.source, flow_of(row)
    what = f"{flow.category.replace('_', ' ')} of {amount} {asset}"
    return Problem(source.file, place_of(source), f"{what}: {why}", f"{amount} {asset}", kind)


@lru_cache(maxsize=4096)
def _margin_asset(symbol: str) -> str:
    return contract_of(symbol).margin_asset


def _amount(row: Placed) -> tuple[str, Decimal]:
    return next(iter(row.event.applied.items()))

"""Whom a mark concerns: for each symbol, the prices between which no holder can reach its trigger.

When an account is looked at, what its pool can still lose (the *budget*: balance − maintenance, or less, to the
warning) is shared out equally over the pool's positions; each turns its share into a band of marks around the present
one. As long as every mark stays in its band, the pool's losses are at most the budget, so it need not be looked at: a
mark moves at the price of those alone whose band it leaves. Bands are bounds, never verdicts: `margin` decides.

Nothing here belongs to the state: it follows from it, and a digest does not see it.
"""

from decimal import Decimal
from heapq import heapify, heappop, heappush

from margincall.core.margin import UNIT, PoolTerms, PositionTerms, Terms
from margincall.core.units import ONE, ZERO

Entry = tuple[Decimal, str, int]
"""A bound (for lower ones its negative), the account, and the account's version that it belongs to."""
ALWAYS = Decimal("-Infinity")
"""A bound that every mark has left."""
NEARLY = ONE - Decimal("1e-12")
"""A budget is shared out but for this, so that no rounding of a quotient takes a bound beyond where it belongs."""
SLACK = 64
"""Stale entries that a heap may hold beyond twice its living ones before it is made anew."""


class Watch:
    """Bands of all accounts, by symbol."""

    __slots__ = ("_lower", "_upper", "_versions", "looked_at", "moved")

    def __init__(self) -> None:
        """Nobody is watched."""
        self._lower: dict[str, list[Entry]] = {}
        self._upper: dict[str, list[Entry]] = {}
        self._versions: dict[str, int] = {}
        self.looked_at = 0
        """Accounts looked at so far, index upkeep included."""
        self.moved = 0
        """Marks that moved so far."""

    def canonical(self) -> None:
        """Nothing of the state."""

    def concerned(self, symbol: str, mark: Decimal) -> set[str]:
        """Accounts whose band of `symbol` the mark has left. They are no longer watched until `update`."""
        found: set[str] = set()
        self.moved += 1
        for heap, key in ((self._lower.get(symbol), -mark), (self._upper.get(symbol), mark)):
            while heap and heap[0][0] <= key:
                _, name, version = heappop(heap)
                if self._versions.get(name) == version:
                    found.add(name)
        return found

    def update(self, name: str, terms: Terms, warned: list[str], warning: Decimal) -> None:
        """Bands of an account from where it stands now. `warned` pools are watched down to their trigger, and up to
        where they are below the warning ratio again; others down to the warning."""
        version = self._versions[name] = self._versions.get(name, 0) + 1
        self.looked_at += 1
        for pool in terms.pools:
            if not pool.positions:
                continue
            shares = Decimal(len(pool.positions))
            told = pool.name in warned
            # A bound that is a little too near costs a look, one too far away a liquidation.
            down = max(pool.surplus if told else warning * pool.balance - pool.maintenance, ZERO) * NEARLY / shares
            up = max(pool.maintenance - warning * pool.balance, ZERO) * NEARLY / shares if told else None
            if pool.liquidated:
                # Nothing more could be done with it in this command: any mark concerns it.
                for position in pool.positions:
                    self._push(self._lower, position.symbol, (ALWAYS, name, version))
                    self._push(self._upper, position.symbol, (ALWAYS, name, version))
                continue
            for position in pool.positions:
                low, high = _band(position, pool, down, up, warning)
                if low is not None:
                    self._push(self._lower, position.symbol, (-low, name, version))
                if high is not None:
                    self._push(self._upper, position.symbol, (high, name, version))

    def _push(self, side: dict[str, list[Entry]], symbol: str, entry: Entry) -> None:
        heap = side.setdefault(symbol, [])
        heappush(heap, entry)
        if len(heap) > 4 * len(self._versions) + SLACK:
            heap[:] = [each for each in heap if self._versions[each[1]] == each[2]]
            heapify(heap)


def _band(
    position: PositionTerms, pool: PoolTerms, down: Decimal, up: Decimal | None, warning: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    """The marks at which a position alone would have lost `down`, or won `up`; none where no mark does.

    Maintenance grows at most by the highest rate of the table. That of a short, or of an inverse long, grows as it
    loses, so a unit of value lost costs at most 1 + that rate; else it falls, and a unit lost costs at most itself.
    """
    index = next((each.index for each in pool.assets if each.asset == position.contract.margin_asset), UNIT)
    dearest, cheapest = max(index.bid, index.ask, index.index), min(index.bid, index.index)
    rate, is_long = position.table.rows[-1].rate, position.quantity > 0
    per_unit = ONE + rate if position.contract.is_inverse == is_long else ONE
    if rate * dearest >= warning * cheapest:
        # What is won counts for less than the maintenance that grows with it: either way can be the wrong one.
        per_unit = ONE + rate
        down = up = down if up is None else min(down, up)
    per_unit *= abs(position.quantity) * position.contract.contract_size * dearest
    below, above = (down, up) if is_long else (up, down)
    if position.contract.is_inverse:
        inverse = ONE / position.mark
        return (
            None if below is None else _reciprocal(inverse + below / per_unit),
            None if above is None else _reciprocal(inverse - above / per_unit),
        )
    return (
        None if below is None else _positive(position.mark - below / per_unit),
        None if above is None else position.mark + above / per_unit,
    )


def _positive(price: Decimal) -> Decimal | None:
    return price if price > 0 else None


def _reciprocal(inverse: Decimal) -> Decimal | None:
    return ONE / inverse if inverse > 0 else None

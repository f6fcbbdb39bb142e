"""Whom a mark concerns: for each symbol, the prices between which no holder can reach its trigger.

When an account is looked at, what its pool can still lose (the *budget*: balance − maintenance, or less, to the
warning) is shared out equally over the pool's positions; each turns its share into a band of marks around the present
one. As long as every mark stays in its band, the pool's losses are at most the budget, so it need not be looked at: a
mark moves at the price of those alone whose band it leaves. Bands are bounds, never verdicts: `margin` decides.

Nothing here belongs to the state: it is made anew from it (`rebuild`), and a digest does not see it.
"""

from decimal import Decimal
from heapq import heapify, heappop, heappush

from margincall.core.margin import UNIT, PoolTerms, PositionTerms, Terms
from margincall.core.units import ONE, ZERO

Entry = tuple[Decimal, str, int]
"""A bound (for lower ones its negative), the account, and the account's version that it belongs to."""
ALWAYS = Decimal("-Infinity")
"""A bound that every mark has left."""
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
            # Rounded down: a bound that is a little too near costs a look, one too far away a liquidation.
            down = max(pool.surplus if told else warning * pool.balance - pool.maintenance, ZERO) / shares
            up = max(pool.maintenance - warning * pool.balance, ZERO) / shares if told else None
            if pool.liquidated:
                # Nothing more could be done with it in this command: any mark concerns it.
                for position in pool.positions:
                    self._push(self._lower, position.symbol, (ALWAYS, name, version))
                    self._push(self._upper, position.symbol, (ALWAYS, name, version))
                continue
            for position in pool.positions:
                self._add(position, pool, name, version, down, up)

    def _add(
        self, position: PositionTerms, pool: PoolTerms, name: str, version: int, down: Decimal, up: Decimal | None
    ) -> None:
        is_long = position.quantity > 0
        index = next((each.index for each in pool.assets if each.asset == position.contract.margin_asset), UNIT)
        worth = max(index.bid, index.ask, index.index)
        against, towards = _distances(position, down / worth, None if up is None else up / worth)
        low, high = (against, towards) if is_long else (towards, against)
        symbol = position.symbol
        if low is not None:
            self._push(self._lower, symbol, (-low, name, version))
        if high is not None:
            self._push(self._upper, symbol, (high, name, version))

    def _push(self, side: dict[str, list[Entry]], symbol: str, entry: Entry) -> None:
        heap = side.setdefault(symbol, [])
        heappush(heap, entry)
        if len(heap) > 4 * len(self._versions) + SLACK:
            heap[:] = [each for each in heap if self._versions[each[1]] == each[2]]
            heapify(heap)


def _distances(position: PositionTerms, down: Decimal, up: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """The marks at which a position alone would have lost `down`, and won `up`; none where no mark does.

    Maintenance grows at most by the highest rate of the table, so a unit of value lost costs at most 1 + that rate.
    """
    steepest = ONE + position.table.rows[-1].rate
    size = abs(position.quantity)
    direction = position.position.direction
    if not position.contract.is_inverse:
        # A long's maintenance falls with the mark, so its loss is at most the fall itself.
        per_unit = size if direction > 0 else size * steepest
        against = position.mark - direction * down / per_unit
        towards = None if up is None else position.mark + direction * up / per_unit
        return _positive(against), None if towards is None else _positive(towards)
    face = size * position.contract.contract_size
    per_unit = face * steepest if direction > 0 else face
    inverse = ONE / position.mark
    return _reciprocal(inverse + direction * down / per_unit), (
        None if up is None else _reciprocal(inverse - direction * up / per_unit)
    )


def _positive(price: Decimal) -> Decimal | None:
    return price if price > 0 else None


def _reciprocal(inverse: Decimal) -> Decimal | None:
    return ONE / inverse if inverse > 0 else None

"""Whom a mark concerns: for each symbol, the prices between which no holder can reach its trigger.

When an account is looked at, what its pool can still lose (the *budget*: balance − maintenance, or less, to the
warning) is shared out equally over the pool's positions; each turns its share into a band of marks around the present
one. As long as every mark stays in its band, the pool's losses are at most the budget, so it need not be looked at: a
mark moves at the price of those alone whose band it leaves. Bands are bounds, never verdicts: `margin` decides.

Nothing here belongs to the state: it follows from it, and a digest does not see it.
"""

from decimal import Decimal
from heapq import heapify, heappop, heappush

from msgspec import Struct

from margincall.core.account import Position
from margincall.core.brackets import BracketTable, maintenance
from margincall.core.contract import Contract, notional
from margincall.core.margin import UNIT, PoolTerms, PositionTerms, Terms
from margincall.core.units import ONE, ZERO, Price, Quantity

Entry = tuple[Decimal, str, int]
"""A bound (for lower ones its negative), the account, and the account's version that it belongs to."""
ALWAYS = Decimal("-Infinity")
"""A bound that every mark has left."""
HALF, QUARTER = Decimal("0.5"), Decimal("0.25")
CRUMBS = Decimal("1e-6")
"""More than rounding can take from a wallet by one trade."""
NEARLY = ONE - Decimal("1e-12")
"""A budget is shared out but for this, so that no rounding of a quotient takes a bound beyond where it belongs."""
SLACK = 64
"""Stale entries that a heap may hold beyond twice its living ones before it is made anew."""


class Kept(Struct, frozen=True, gc=False):
    """What the watch has to know of a market at a trade."""

    contract: Contract
    table: BracketTable
    mark: Price


class Watch:
    """Bands of all accounts, by symbol."""

    __slots__ = ("_lower", "_spare", "_upper", "_versions", "looked_at", "loose", "moved")

    def __init__(self) -> None:
        """Nobody is watched."""
        self._lower: dict[str, list[Entry]] = {}
        self._upper: dict[str, list[Entry]] = {}
        self._versions: dict[str, int] = {}
        self._spare: dict[str, dict[str, Decimal]] = {}
        self.loose: set[str] = set()
        """Accounts whose trades went beyond what was kept for them: they have to be looked at."""
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
        spare = self._spare[name] = {}
        self.loose.discard(name)
        for pool in terms.pools:
            told = pool.name in warned
            # A bound that is a little too near costs a look, one too far away a liquidation.
            budget = max(pool.surplus if told else warning * pool.balance - pool.maintenance, ZERO) * NEARLY
            if pool.kind == "cross" and not told and not pool.liquidated:
                budget *= HALF
                spare[pool.asset] = budget
            if not pool.positions:
                continue
            shares = Decimal(len(pool.positions))
            down = budget / shares
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
        if any(pool.liquidated for pool in terms.pools):
            spare.clear()  # so does any trade, of whichever pool

    def trade(self, name: str, position: Position, filled: Decimal, cost: Decimal, kept: Kept) -> None:
        """A fill of `filled` (signed) on a position of which `position` is what it was before; `cost` is what the
        account's worth at the mark fell by it.

        Half of what a cross pool can lose is kept for its trades: as long as that pays the cost and the maintenance of
        what is new, and for a band of the position as it is now, nobody has to look. Else the account is loose.
        """
        spare = self._spare.get(name)
        left = spare.get(kept.contract.margin_asset) if spare is not None else None
        if left is None or position.margin == "isolated":
            self.loose.add(name)
            return
        before, after = position.quantity, position.quantity + filled
        left -= max(cost, ZERO) + CRUMBS
        opened = abs(after) if before * after <= 0 else abs(after) - abs(before)
        if after and opened > 0:
            left -= _maintenance(kept, after) - _maintenance(kept, before)
            share = left * QUARTER
            left -= share
            if left > 0:
                self._allot(name, kept, after, share)
        if left <= 0:
            self.loose.add(name)
            return
        assert spare is not None
        spare[kept.contract.margin_asset] = left

    def _allot(self, name: str, kept: Kept, quantity: Decimal, share: Decimal) -> None:
        """A band for all of a position as it is now."""
        per_unit = abs(quantity) * kept.contract.contract_size * (ONE + kept.table.rows[-1].rate)
        loss = share / per_unit
        version = self._versions[name]
        if kept.contract.is_inverse:
            bound = _reciprocal(ONE / kept.mark + loss if quantity > 0 else ONE / kept.mark - loss)
        else:
            bound = _positive(kept.mark - loss) if quantity > 0 else kept.mark + loss
        if bound is not None and quantity > 0:
            self._push(self._lower, kept.contract.symbol, (-bound, name, version))
        elif bound is not None:
            self._push(self._upper, kept.contract.symbol, (bound, name, version))

    def _push(self, side: dict[str, list[Entry]], symbol: str, entry: Entry) -> None:
        heap = side.setdefault(symbol, [])
        heappush(heap, entry)
        if len(heap) > 4 * len(self._versions) + SLACK:
            heap[:] = [each for each in heap if self._versions[each[1]] == each[2]]
            heapify(heap)


def _maintenance(kept: Kept, quantity: Decimal) -> Decimal:
    return maintenance(kept.table, notional(kept.contract, Quantity(quantity), kept.mark))


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

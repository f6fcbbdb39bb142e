"""Where an account survives: the roots of a concave, piecewise linear function.

The surplus (balance − maintenance) of a margin pool is a function of one coordinate `x`: the mark (linear contracts),
its reciprocal (inverse), or the price of a collateral. It is a line plus *bends*: the maintenance of each leg, which
follows its bracket rows, and in multi-assets mode the value of an asset's equity, which changes its rate at zero.
All bends are concave, so the surplus lies under each of its tangents. Newton's method therefore never oversteps from
outside, and ends after at most one step per bracket row: the root it returns is exact
(`docs/spec/liquidation_price.md`).
"""

from bisect import bisect_left, bisect_right
from decimal import Decimal

from msgspec import Struct

from margincall.core.brackets import Bracket, BracketTable
from margincall.core.units import ONE, ZERO

Line = tuple[Decimal, Decimal]
"""Intercept and slope."""


class Leg(Struct, frozen=True):
    """`−weight · maintenance(size·x)`: a position whose notional is `size·x`, `weight` USD (or 1) per margin asset."""

    size: Decimal
    table: BracketTable
    weight: Decimal = ONE

    def right(self, x: Decimal) -> Line:
        """The line that holds just right of `x`."""
        return self._line(self.table.rows[bisect_right(self.table.floors, self.size * x) - 1])

    def left(self, x: Decimal) -> Line:
        """The line that holds just left of `x > 0`."""
        return self._line(self.table.rows[bisect_left(self.table.floors, self.size * x) - 1])

    def far(self) -> Line:
        """The line that holds for large `x`."""
        return self._line(self.table.rows[-1])

    def _line(self, row: Bracket) -> Line:
        return self.weight * row.cum, -self.weight * row.rate * self.size


class Equity(Struct, frozen=True):
    """The USD value of an asset's equity `start + slope·x`: at `bid` while positive, at `ask` while negative."""

    start: Decimal
    slope: Decimal
    bid: Decimal
    ask: Decimal

    def right(self, x: Decimal) -> Line:
        """The line that holds just right of `x`."""
        equity = self.start + self.slope * x
        return self._line(equity if equity else self.slope)

    def left(self, x: Decimal) -> Line:
        """The line that holds just left of `x`."""
        equity = self.start + self.slope * x
        return self._line(equity if equity else -self.slope)

    def far(self) -> Line:
        """The line that holds for large `x`."""
        return self._line(self.slope if self.slope else self.start)

    def _line(self, sign: Decimal) -> Line:
        rate = self.ask if sign < 0 else self.bid
        return rate * self.start, rate * self.slope


class Curve(Struct, frozen=True):
    """`intercept + slope·x + Σ bends`, for `x > 0`."""

    intercept: Decimal
    slope: Decimal
    bends: tuple[Leg | Equity, ...]

    def right(self, x: Decimal) -> Line:
        """Intercept and slope of the curve just right of `x ≥ 0`."""
        intercept, slope = self.intercept, self.slope
        for bend in self.bends:
            line = bend.right(x)
            intercept += line[0]
            slope += line[1]
        return intercept, slope

    def left(self, x: Decimal) -> Line:
        """Intercept and slope of the curve just left of `x > 0`."""
        intercept, slope = self.intercept, self.slope
        for bend in self.bends:
            line = bend.left(x)
            intercept += line[0]
            slope += line[1]
        return intercept, slope

    def far(self) -> Line:
        """Intercept and slope of the curve for large `x`."""
        intercept, slope = self.intercept, self.slope
        for bend in self.bends:
            line = bend.far()
            intercept += line[0]
            slope += line[1]
        return intercept, slope

    def at(self, x: Decimal) -> Decimal:
        """The value of the curve at `x`."""
        intercept, slope = self.right(x)
        return intercept + slope * x


class Survival(Struct, frozen=True):
    """The set where a curve is not negative, as lines through its ends: `None` where it has no end on that side."""

    lower: Line | None = None
    upper: Line | None = None
    empty: bool = False


EMPTY = Survival(empty=True)


def survival(curve: Curve, near: Decimal) -> Survival:
    """`{x > 0 : curve(x) ≥ 0}`. `near` is any `x > 0`, best one close to the answer; it changes the speed only.

    The tangent at `near` lies above the curve: where it has a root, the walk to the end on that side begins with it.
    """
    lower = upper = None
    tangent = curve.right(near)
    first = tangent if tangent[0] < 0 < tangent[1] else curve.right(ZERO)
    if first[0] < 0:
        lower = _from_left(curve, first)
        if lower is None:
            return EMPTY
    last = tangent if tangent[1] < 0 else curve.far()
    if last[1] < 0:
        upper = _from_right(curve, last)
        if upper is None:
            return EMPTY
    elif last[1] == 0 and last[0] < 0:
        return EMPTY
    return Survival(lower, upper)


def _from_left(curve: Curve, line: Line) -> Line | None:
    """Walk right from a point left of the lower end; none where the curve stays negative."""
    while line[1] > 0:
        x = -line[0] / line[1]
        following = curve.right(x)
        if following == line or following[0] + following[1] * x >= 0:
            return line
        line = following
    return None


def _from_right(curve: Curve, line: Line) -> Line | None:
    """Walk left from a point right of the upper end; none where the curve stays negative."""
    while line[1] < 0 < line[0]:
        x = -line[0] / line[1]
        following = curve.left(x)
        if following == line or following[0] + following[1] * x >= 0:
            return line
        line = following
    return None

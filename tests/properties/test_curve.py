"""The search on a curve against brute force: every piece of the curve is looked at, in fractions."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from margincall.core.brackets import BracketTable
from margincall.core.curve import Curve, Equity, Leg, Line, survival
from margincall.core.rounding import exact
from tests.properties.strategies import decimals, tables

End = Fraction | None
FAR = Fraction(10**30)

LEGS = st.builds(Leg, decimals(1, 50, 1), tables(most=4), decimals(1, 3, 1))
EQUITIES = st.builds(
    lambda start, slope, bid, more: Equity(start, slope, bid, bid + more),
    decimals(-1000, 1000, 0),
    decimals(-20, 20, 0),
    decimals(1, 3, 1),
    decimals(0, 2, 1),
)
CURVES = st.builds(
    Curve,
    decimals(-10_000, 10_000, 0),
    decimals(-60, 60, 0),
    st.lists(st.one_of(LEGS, EQUITIES), min_size=1, max_size=4).map(tuple),
)


def value(curve: Curve, x: Fraction) -> Fraction:
    """The curve by definition: line, less each leg's envelope, plus each equity at the lesser of its values."""
    total = Fraction(curve.intercept) + Fraction(curve.slope) * x
    for bend in curve.bends:
        if isinstance(bend, Leg):
            notional = Fraction(bend.size) * x
            lines = [notional * Fraction(row.rate) - Fraction(row.cum) for row in bend.table.rows]
            total -= Fraction(bend.weight) * max(lines)
        else:
            equity = Fraction(bend.start) + Fraction(bend.slope) * x
            total += min(equity * Fraction(bend.bid), equity * Fraction(bend.ask))
    return total


def corners(curve: Curve) -> list[Fraction]:
    """Where the curve may bend, from 0 on, and a place beyond all of them."""
    found = {Fraction(0)}
    for bend in curve.bends:
        if isinstance(bend, Leg):
            found |= {Fraction(row.floor) / Fraction(bend.size) for row in bend.table.rows}
        elif bend.slope:
            found.add(-Fraction(bend.start) / Fraction(bend.slope))
    return [*sorted(x for x in found if x >= 0), FAR]


def by_brute_force(curve: Curve) -> tuple[End, End] | None:
    """Lower and upper end of where the curve is not negative, none for an end at 0 or beyond all; none if nowhere."""
    alive: list[Fraction] = []
    for left, right in pairwise(corners(curve)):
        at_left, at_right = value(curve, left), value(curve, right)
        alive += [x for x, y in ((left, at_left), (right, at_right)) if y >= 0]
        if (at_left < 0) != (at_right < 0):
            alive.append(left + (right - left) * at_left / (at_left - at_right))
    if not alive or max(alive) == 0:
        return None
    return (min(alive) or None), (max(alive) if max(alive) < FAR else None)


def root(line: Line | None) -> End:
    return None if line is None else -Fraction(line[0]) / Fraction(line[1])


@given(CURVES, decimals(0, 10**7, 2).filter(bool))
@exact
def test_survival_is_found_from_any_start(curve: Curve, near: Decimal) -> None:
    found = survival(curve, near)
    expected = by_brute_force(curve)
    assert found.empty == (expected is None)
    assert (root(found.lower), root(found.upper)) == (expected or (None, None))


@given(CURVES, st.lists(decimals(0, 10**5, 2), min_size=1, max_size=5))
@exact
def test_the_value_is_the_one_of_the_definition(curve: Curve, places: list[Decimal]) -> None:
    for x in [*places, *(row.floor for bend in curve.bends if isinstance(bend, Leg) for row in bend.table.rows)]:
        assert Fraction(curve.at(x)) == value(curve, Fraction(x))
        if x > 0:
            intercept, slope = curve.left(x)
            assert Fraction(intercept) + Fraction(slope) * Fraction(x) == value(curve, Fraction(x))
            assert slope >= curve.right(x)[1], "concave: steeper on the left"


@given(tables(), decimals(1, 100, 2))
@exact
def test_far_is_the_last_row(table: BracketTable, size: Decimal) -> None:
    leg = Leg(size, table)
    beyond = table.rows[-1].cap / size + 1
    assert leg.far() == leg.right(beyond)

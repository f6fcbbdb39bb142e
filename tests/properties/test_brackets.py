"""A sound table: the row in force, found by bisection, is the one that attains the envelope."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.brackets import Bracket, BracketTable, envelope, in_force, line, maintenance, problems
from margincall.core.rounding import exact
from margincall.core.units import Notional
from tests.properties.strategies import decimals, tables

STEP = Decimal("1e-30")
ZERO = Decimal(0)


@st.composite
def notionals(draw: st.DrawFn, table: BracketTable) -> Notional:
    """Anywhere, and often at a boundary or one step beside it."""
    bounds = [*(row.floor for row in table.rows), table.rows[-1].cap]
    near = st.builds(
        lambda bound, steps: max(bound + steps * STEP, Decimal(0)), st.sampled_from(bounds), st.integers(-1, 1)
    )
    return Notional(draw(st.one_of(near, decimals(0, 10**10, 8))))


@given(st.data(), tables())
@exact
def test_the_row_in_force_attains_the_envelope(data: st.DataObject, table: BracketTable) -> None:
    notional = data.draw(notionals(table))
    assert maintenance(table, notional) == envelope(table.rows, notional)
    best = [row for row in table.rows if line(row, notional) == envelope(table.rows, notional)]
    assert in_force(table, notional) == best[0], "on a tie the row with the lower number"


@given(st.data(), tables())
@exact
def test_maintenance_is_convex(data: st.DataObject, table: BracketTable) -> None:
    """It rises ever faster from 0, never by more than the notional: what makes surplus concave."""
    low, high = sorted((data.draw(notionals(table)), data.draw(notionals(table))))
    middle = (low + high) / 2
    assert maintenance(table, Notional(Decimal(0))) == 0
    assert 0 <= maintenance(table, high) - maintenance(table, low) <= high - low
    assert 2 * maintenance(table, Notional(middle)) <= maintenance(table, low) + maintenance(table, high)


@given(tables(), st.data())
@exact
def test_any_changed_number_makes_a_table_unsound(table: BracketTable, data: st.DataObject) -> None:
    """Unless it is the last cap, up to which nothing is said, or the only rate."""
    assert problems(table.rows) == []
    place = data.draw(st.integers(0, len(table.rows) - 1))
    field = data.draw(st.sampled_from(["floor", "cap", "rate", "cum"]))
    change = data.draw(st.sampled_from([Decimal("0.00001"), Decimal("-0.00001")]))
    row = table.rows[place]
    changed: Bracket = structs.replace(row, **{field: getattr(row, field) + change})
    rows = (*table.rows[:place], changed, *table.rows[place + 1 :])
    is_last = place == len(table.rows) - 1
    free = (field == "cap" and is_last) or (field == "rate" and len(rows) == 1 and changed.rate <= 1)
    assert bool(problems(rows)) is not free

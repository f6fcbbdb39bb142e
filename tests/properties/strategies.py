"""What the properties are tried on: sound bracket tables, accounts, histories.

Accounts and histories come from the generators of the oracle, which are functions of a seed; a failure names the seed.
"""

import random
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from margincall.core.brackets import Bracket, BracketTable, recurrence
from tests.oracle.generate import random_state
from tests.oracle.histories import random_history

SEEDS = st.integers(0, 2**32 - 1)
RATE_UNIT = Decimal("0.0001")
State = dict[str, Any]
History = tuple[dict[str, Any], list[dict[str, Any]]]


def states(*, linear: bool = False, multi: bool | None = None) -> st.SearchStrategy[State]:
    """Accounts with up to 8 positions in all modes; only linear ones, only (or never) in multi-assets mode."""

    def wanted(state: State) -> bool:
        kinds = {contract["kind"] for contract in state["contracts"].values()}
        asset_mode = {None: state["asset_mode"], True: "multi", False: "single"}[multi]
        return state["asset_mode"] == asset_mode and not (linear and "inverse" in kinds)

    return SEEDS.map(lambda seed: _first(seed, wanted))


def histories() -> st.SearchStrategy[History]:
    """Contracts and events of an account, linear or inverse, one-way or hedged, cross and isolated."""
    return SEEDS.map(lambda seed: random_history(random.Random(seed)))


@st.composite
def tables(draw: st.DrawFn, most: int = 8) -> BracketTable:
    """A sound table of up to `most` rows."""
    count = draw(st.integers(1, most))
    rates = sorted(draw(st.sets(st.integers(1, 10_000), min_size=count, max_size=count)))
    widths = draw(st.lists(st.integers(1, 10**6), min_size=count, max_size=count))
    unit = draw(st.sampled_from([Decimal("0.001"), Decimal(1), Decimal(1000)]))
    rows: list[Bracket] = []
    floor = Decimal(0)
    for number, (rate, width) in enumerate(zip(rates, widths, strict=True), 1):
        row = Bracket(number, floor, floor + width * unit, rate * RATE_UNIT, Decimal(0))
        if rows:
            row = Bracket(row.number, row.floor, row.cap, row.rate, recurrence(rows[-1], row))
        rows.append(row)
        floor = row.cap
    return BracketTable("ANY", tuple(rows), "2021-01-01", "drawn")


def decimals(low: int, high: int, places: int = 2) -> st.SearchStrategy[Decimal]:
    """Multiples of one unit of so many places."""
    return st.integers(low * 10**places, high * 10**places).map(lambda units: Decimal(units).scaleb(-places))


def _first(seed: int, wanted: Any) -> State:
    """The first wanted account that this seed makes."""
    rng = random.Random(seed)
    while True:
        state = random_state(rng)
        if wanted(state):
            return state

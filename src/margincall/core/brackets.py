"""Leverage brackets: what margin a notional must keep.

The maintenance margin is *defined* as the upper envelope of the table's lines, `max_k(notional·rate_k − cum_k)`.
A table is loaded only if it is sound (`problems` finds nothing); then the envelope is the row that contains the
notional, and `in_force` may bisect. Source: FAQ b3c689c1…, recurrence of the maintenance amount;
`docs/spec/brackets.md`.
"""

from bisect import bisect_left
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct, structs

from margincall.core.units import ONE, ZERO, Collateral, Notional


class Bracket(Struct, frozen=True):
    """One row: notionals from `floor` to `cap` keep `notional·rate − cum`. USDⓈ-M in the quote asset, COIN-M
    in coin."""

    number: int
    floor: Decimal
    cap: Decimal
    rate: Decimal
    cum: Decimal
    max_leverage: int | None = None


class BracketTable(Struct, frozen=True):
    """The rows of one symbol as seen on the day `as_of` (ISO date), and where they come from."""

    symbol: str
    rows: tuple[Bracket, ...]
    as_of: str
    source: str
    name: str = ""
    coefficient: Decimal | None = None
    floors: tuple[Decimal, ...] = ()

    def __post_init__(self) -> None:
        """Keep the floors beside the rows, where `bisect` finds them without a key function."""
        structs.force_setattr(self, "floors", tuple(row.floor for row in self.rows))


def line(bracket: Bracket, notional: Decimal) -> Collateral:
    """What one row's line asks at `notional`."""
    return Collateral(notional * bracket.rate - bracket.cum)


def in_force(table: BracketTable, notional: Notional) -> Bracket:
    """The row that attains the envelope; at a boundary the lower one (both ask the same)."""
    return table.rows[max(bisect_left(table.floors, notional) - 1, 0)]


def maintenance(table: BracketTable, notional: Notional) -> Collateral:
    """Maintenance margin of `notional`; 0 for a flat position."""
    return line(in_force(table, notional), notional)


def envelope(rows: tuple[Bracket, ...], notional: Decimal) -> Collateral:
    """The definition itself, `max` over all lines; the proof obligation for a table."""
    return max(line(row, notional) for row in rows)


def problems(rows: tuple[Bracket, ...]) -> list[str]:
    """What makes a table unsound, one sentence per row; empty for a sound one."""
    if not rows:
        return ["the table has no rows"]
    found = [] if rows[0].floor == ZERO else [_row(rows[0], f"the first floor is {rows[0].floor}, not 0")]
    if rows[0].cum != ZERO:
        found.append(_row(rows[0], f"the first cum is {rows[0].cum}, not 0"))
    for row in rows:
        if not ZERO < row.rate <= ONE:
            found.append(_row(row, f"rate {row.rate} is not in (0, 1]"))
        if row.cap <= row.floor:
            found.append(_row(row, f"cap {row.cap} is not above floor {row.floor}"))
    for before, row in pairwise(rows):
        if row.floor != before.cap:
            found.append(_row(row, f"floor {row.floor} is not the cap {before.cap} of the row before"))
        if row.rate <= before.rate:
            found.append(_row(row, f"rate {row.rate} does not rise above {before.rate}"))
        expected = recurrence(before, row)
        if row.cum != expected:
            found.append(_row(row, f"cum {row.cum} breaks the recurrence, which gives {expected}"))
    return found


def recurrence(before: Bracket, row: Bracket) -> Decimal:
    """`cum_n = floor_n·(rate_n − rate_{n−1}) + cum_{n−1}`: lines meet at the floor."""
    return row.floor * (row.rate - before.rate) + before.cum


def _row(row: Bracket, what: str) -> str:
    return f"row {row.number}: {what}"

"""Fewer points that draw the same line: of each column of a chart the first, the lowest, the highest and the last."""

from collections.abc import Iterable, Iterator, Sequence

from margincall.case.reporting.facts import FillGroup, FillKind, Point

COLUMNS = 360
"""So many columns a chart has; with up to four points each, a line has 1,440."""


def thinned(points: Iterable[Point], start_ms: int, end_ms: int, columns: int = COLUMNS) -> tuple[Point, ...]:
    """Points of `[start_ms, end_ms]` in their order, at most four in each column. Exact: no column's extreme, beginning
    or end is lost, so the line covers the same pixels. Points must be in order of time."""
    found: list[Point] = []
    column: list[Point] = []
    current = -1
    for point in points:
        if not start_ms <= point.time_ms <= end_ms:
            continue
        place = column_of(point.time_ms, start_ms, end_ms, columns)
        if place != current:
            found += _kept(column)
            column, current = [], place
        column.append(point)
    return (*found, *_kept(column))


def column_of(time_ms: int, start_ms: int, end_ms: int, columns: int = COLUMNS) -> int:
    """The column of a time, from 0."""
    return min((time_ms - start_ms) * columns // max(end_ms - start_ms, 1), columns - 1)


def grouped(
    fills: Iterable[FillGroup], start_ms: int, end_ms: int, columns: int = COLUMNS // 2
) -> tuple[FillGroup, ...]:
    """Single fills put together, kind by kind and column by column; counts and quantities add up, prices span."""
    found: dict[tuple[FillKind, int], FillGroup] = {}
    for fill in fills:
        key = (fill.kind, column_of(fill.time_ms, start_ms, end_ms, columns))
        known = found.get(key)
        found[key] = fill if known is None else _together(known, fill)
    return tuple(found.values())


def _together(one: FillGroup, other: FillGroup) -> FillGroup:
    return FillGroup(
        kind=one.kind,
        time_ms=one.time_ms,
        low=min(one.low, other.low),
        high=max(one.high, other.high),
        count=one.count + other.count,
        quantity=one.quantity + other.quantity,
    )


def _kept(column: Sequence[Point]) -> Iterator[Point]:
    if not column:
        return
    low = min(range(len(column)), key=lambda place: column[place].value)
    high = max(range(len(column)), key=lambda place: column[place].value)
    for place in sorted({0, low, high, len(column) - 1}):
        yield column[place]

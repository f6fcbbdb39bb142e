"""What the store holds and what an import did, as values: the answers of `margincall market`, `margincall.market/1`.

Times are `*_ms` integers, numbers text. `json_schema()` is committed as `docs/reference/market.schema.json`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from margincall.history.market.importing import CONFLICT, Imported
from margincall.history.market.kinds import KEYS, VALUES, Gap, Series
from margincall.history.market.store import MarketStore
from margincall.wire.problems import Problem

SCHEMA = "margincall.market/1"
NOTES = frozenset({CONFLICT, "duplicate", "units", "damaged", "more"})
"""Kinds of problems that are no impossible value."""


class SeriesRow(Struct, frozen=True):
    """One stored series. `rows` are all rows, `conflicts` times of which sources tell differently, `impossible` the
    rows that imports have refused, `missing` the rows that the gaps lack."""

    venue: str
    symbol: str
    kind: str
    interval: str
    from_ms: int
    to_ms: int
    rows: int
    gaps: tuple[Gap, ...]
    missing: int
    conflicts: int
    impossible: int
    sources: int
    floats: int


class ImportRow(Struct, frozen=True):
    """What came of one table: see `importing.Imported`."""

    source: str
    venue: str = ""
    symbol: str = ""
    kind: str = ""
    interval: str = ""
    rows: int = 0
    added: int = 0
    known: int = 0
    repeated: int = 0
    impossible: int = 0
    conflicts: int = 0
    from_ms: int | None = None
    to_ms: int | None = None
    gaps: tuple[Gap, ...] = ()


class StoredRow(Struct, frozen=True):
    """One row, with where it comes from. `values` are the columns of its kind (`kinds.VALUES`), as printed."""

    time_ms: int
    venue: str
    kind: str
    interval: str
    values: dict[str, str]
    source: str
    line: int
    is_float: bool
    conflict: bool


class MarketDocument(Struct, frozen=True):
    """The answer of `market import`, `fetch` (imports) and `show` (series; rows of one symbol)."""

    schema: str
    folder: str
    imports: tuple[ImportRow, ...] = ()
    series: tuple[SeriesRow, ...] = ()
    rows: tuple[StoredRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    assumptions: tuple[str, ...] = ()


def series_row(store: MarketStore, series: Series) -> SeriesRow:
    """What is stored of a series."""
    frame = store.frame(series)
    gaps = store.stored_gaps(series)
    rivals = frame.filter(frame["conflict"])
    return SeriesRow(
        venue=series.venue,
        symbol=series.symbol,
        kind=series.kind,
        interval=series.interval,
        from_ms=frame["time_ms"].min(),
        to_ms=frame["time_ms"].max(),
        rows=frame.height,
        gaps=gaps,
        missing=sum(gap.missing for gap in gaps),
        conflicts=rivals.select("time_ms", *KEYS[series.group]).n_unique() if rivals.height else 0,
        impossible=sum(each.kind not in NOTES for each in store.problems(series)),
        sources=frame["source"].n_unique(),
        floats=int(frame["is_float"].sum()),
    )


def import_row(done: Imported) -> ImportRow:
    """What came of one table."""
    series = done.series
    if series is None:
        return ImportRow(done.source)
    return ImportRow(
        source=done.source,
        venue=series.venue,
        symbol=series.symbol,
        kind=series.kind,
        interval=series.interval,
        rows=done.rows,
        added=done.added,
        known=done.known,
        repeated=done.repeated,
        impossible=done.bad,
        conflicts=done.conflicts,
        from_ms=done.first_ms,
        to_ms=done.last_ms,
        gaps=done.gaps,
    )


def stored_rows(
    store: MarketStore, series: Sequence[Series], start_ms: int | None, end_ms: int | None
) -> tuple[StoredRow, ...]:
    """The rows of these series from `start_ms` to before `end_ms`, by time."""
    found = [
        StoredRow(
            time_ms=row["time_ms"],
            venue=each.venue,
            kind=each.kind,
            interval=each.interval,
            values={name: row[name] for name in VALUES[each.group]},
            source=row["source"],
            line=row["line"],
            is_float=row["is_float"],
            conflict=row["conflict"],
        )
        for each in series
        for row in store.frame(each, start_ms, end_ms).sort("time_ms", maintain_order=True).iter_rows(named=True)
    ]
    return tuple(sorted(found, key=lambda row: row.time_ms))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `margincall.market/1`."""
    return msgspec.json.schema(MarketDocument)

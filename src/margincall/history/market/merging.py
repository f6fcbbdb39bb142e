"""Rows of several sources as one: which are the same, which are in conflict. Frames in, frames out.

Two rows are about one thing if their time and key are the same (`kinds.KEYS`); fundings, if they lie in one minute,
because some sources stamp the milliseconds of the settlement and some the hour. They are the same if all that both
tell is equal as numbers. What one source leaves out (`kinds.OPTIONAL`: the volume of a candle, the mark of a funding)
does not contradict another that tells it. Rows about one thing that are not the same are a conflict.
"""

from typing import Any

from msgspec import Struct

from margincall.history.market.frames import Frame, polars
from margincall.history.market.kinds import KEYS, OPTIONAL, VALUES, Series
from margincall.wire.durations import MINUTE_MS


class Merged(Struct, frozen=True):
    """What came of new rows: `added` were stored, `known` are there already; `conflicts`: time and line of a new row
    that differs, and source and line of the row that it differs from; `repeated`: lines of rows that the new ones
    hold twice."""

    added: int
    known: int
    conflicts: tuple[tuple[int, int, str], ...] = ()
    repeated: tuple[int, ...] = ()


def schema(series: Series) -> dict[str, Any]:
    """The columns of a stored file."""
    pl = polars()
    texts = dict.fromkeys(VALUES[series.group], pl.String)
    return {"time_ms": pl.Int64, **texts, "source": pl.String, "line": pl.Int64, "is_float": pl.Boolean}


def merged(old: Frame, new: Frame, series: Series) -> tuple[Frame, Merged]:
    """The stored rows with the new ones that are not among them, by time."""
    pl = polars()
    both = _comparable(
        pl.concat([old.with_columns(is_new=pl.lit(False)), new.with_columns(is_new=pl.lit(True))]), series
    )
    same = [*_keys(series), *(f"={name}" for name in VALUES[series.group])]
    fresh = both.filter(pl.col("is_new"))
    repeated = fresh.filter(~pl.struct(same).is_first_distinct())
    kept = _fullest(both.unique(subset=same, keep="first", maintain_order=True), series, only=pl.col("is_new"))
    added = kept.filter(pl.col("is_new")).height
    found = Merged(
        added=added,
        known=fresh.height - added - repeated.height,
        conflicts=_rivals(kept.filter(_is_conflict(series)), series),
        repeated=tuple(repeated["line"].to_list()),
    )
    return kept.select(old.columns).sort("time_ms", maintain_order=True), found


def told(frame: Frame, series: Series) -> Frame:
    """Stored rows as a reader gets them: with a column `conflict`, and of those that are the same the fullest."""
    pl = polars()
    keyed = frame.with_columns(_time(series))
    if not keyed.select(pl.struct(_keys(series)).is_duplicated().any()).item():
        return frame.with_columns(conflict=pl.lit(False))
    keyed = _comparable(frame, series)
    keyed = _fullest(keyed, series, only=pl.lit(True)).with_columns(conflict=_is_conflict(series))
    return keyed.select(*frame.columns, "conflict")


def _keys(series: Series) -> list[str]:
    return ["=time", *KEYS[series.group]]


def _time(series: Series) -> Any:
    column = polars().col("time_ms")
    return (column // MINUTE_MS if series.group == "funding" else column).alias("=time")


def _comparable(frame: Frame, series: Series) -> Frame:
    """With the numbers without zeros at their end, so that 0.10 and 0.1 are the same."""
    return frame.with_columns(_time(series), *(_exact(name) for name in VALUES[series.group]))


def _exact(name: str) -> Any:
    pl = polars()
    column = pl.col(name)
    short = column.str.strip_chars_end("0").str.strip_chars_end(".")
    return pl.when(column.str.contains(".", literal=True)).then(short).otherwise(column).alias(f"={name}")


def _fullest(frame: Frame, series: Series, *, only: Any) -> Frame:
    """Without those of the rows `only` that tell nothing but what another one tells, too."""
    pl = polars()
    optional = OPTIONAL.get(series.group)
    if optional is None:
        return frame
    needed = [f"={name}" for name in VALUES[series.group] if name != optional]
    is_full = pl.col(optional) != ""
    return frame.filter(~only | is_full | ~is_full.any().over([*_keys(series), *needed]))


def _is_conflict(series: Series) -> Any:
    """Whether rows about one thing tell more than one value of a column."""
    pl = polars()
    differs = [
        pl.col(f"={name}").filter(pl.col(name) != "").n_unique().over(_keys(series)) > 1
        for name in VALUES[series.group]
        if name not in KEYS[series.group]
    ]
    return pl.any_horizontal(differs)


def _rivals(conflicts: Frame, series: Series) -> tuple[tuple[int, int, str], ...]:
    """Each new row in conflict, with the first row about the same thing."""
    first: dict[tuple[Any, ...], str] = {}
    found = []
    for row in conflicts.iter_rows(named=True):
        key = tuple(row[name] for name in _keys(series))
        if key in first and row["is_new"]:
            found.append((row["time_ms"], row["line"], first[key]))
        first.setdefault(key, f"{row['source']}:{row['line']}")
    return tuple(found)

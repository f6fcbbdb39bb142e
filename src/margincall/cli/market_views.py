"""Tables of `margincall market`."""

from collections.abc import Sequence

from margincall.forensics.present import Section
from margincall.history.market.document import ImportRow, SeriesRow, StoredRow
from margincall.wire.iso_time import iso_of, utc

GAPS_SHOWN = 20


def short(source: str) -> str:
    """The last part of a path or address; JSON has all of it."""
    return source.rpartition("/")[2]


def imports_section(rows: Sequence[ImportRow]) -> Section:
    """What came of each file."""
    cells = tuple(
        (
            short(row.source),
            row.symbol,
            f"{row.kind} {row.interval}".strip(),
            *(str(each) for each in (row.rows, row.added, row.known, row.repeated, row.impossible, row.conflicts)),
            str(sum(gap.missing for gap in row.gaps)) if row.gaps else "0",
        )
        for row in rows
        if row.kind
    )
    columns = ("source", "symbol", "of", "rows", "stored", "known", "twice", "impossible", "conflicts", "missing")
    return Section("Imported", columns, cells, right=tuple(range(3, 10)))


def gaps_section(rows: Sequence[ImportRow]) -> Section:
    """The gaps between the first and last row of each file."""
    cells = tuple(
        (row.symbol, f"{row.kind} {row.interval}".strip(), utc(gap.start_ms), utc(gap.end_ms), str(gap.missing or "?"))
        for row in rows
        for gap in row.gaps
    )
    note = f"and {len(cells) - GAPS_SHOWN} more; --json lists all" if len(cells) > GAPS_SHOWN else ""
    columns = ("symbol", "of", "from", "to before", "missing")
    return Section("Gaps", columns, cells[:GAPS_SHOWN], right=(4,), note=note)


def series_section(rows: Sequence[SeriesRow]) -> Section:
    """What is stored."""
    cells = tuple(
        (
            row.venue,
            row.symbol,
            f"{row.kind} {row.interval}".strip(),
            utc(row.from_ms),
            utc(row.to_ms),
            *(str(each) for each in (row.rows, len(row.gaps), row.missing, row.conflicts, row.impossible)),
        )
        for row in rows
    )
    columns = ("venue", "symbol", "of", "from", "to", "rows", "gaps", "missing", "conflicts", "impossible")
    return Section("Stored market data", columns, cells, right=tuple(range(5, 10)))


def rows_section(rows: Sequence[StoredRow]) -> Section:
    """Rows with their sources."""
    cells = tuple(
        (
            iso_of(row.time_ms),
            row.venue,
            f"{row.kind} {row.interval}".strip(),
            " ".join(f"{name} {value}" for name, value in row.values.items() if value),
            f"{short(row.source)}:{row.line}",
            "; ".join(word for word, holds in (("floats", row.is_float), ("conflict", row.conflict)) if holds),
        )
        for row in rows
    )
    return Section("Stored rows", ("time", "venue", "of", "values", "source", "note"), cells)

"""Files into the store, with a report: what was stored, what was known, and every row that cannot be true."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from margincall.history.market.checks import Checked, Impossible, check
from margincall.history.market.kinds import VALUES, Gap, Series
from margincall.history.market.merging import Merged
from margincall.history.market.naming import NO_HINTS, Hints
from margincall.history.market.store import MarketStore
from margincall.history.market.tables import DAMAGED, Table, tables_of
from margincall.wire.problems import Problem, excerpt

BATCH = 200_000
"""Rows that are held before they are merged into the store."""
PROBLEMS_MAX = 10_000
"""Problems that are told of one table; a file of which every row is wrong is wrong as a whole."""
CONFLICT = "conflict"


class Imported(Struct, frozen=True):
    """What came of one table of a file.

    `rows` were read, `added` stored, `known` there already, `repeated` stood twice in the file, `bad` cannot be true.
    `gaps` lie between its first and last row. Without a series nothing could be read.
    """

    source: str
    series: Series | None = None
    rows: int = 0
    added: int = 0
    known: int = 0
    repeated: int = 0
    bad: int = 0
    conflicts: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    gaps: tuple[Gap, ...] = ()
    problems: tuple[Problem, ...] = ()


def import_file(store: MarketStore, path: Path, hints: Hints = NO_HINTS) -> tuple[Imported, ...]:
    """Read a file (or the members of an archive) and store its sound rows. Never raises for what is in the file;
    `OSError` if the store cannot be written."""
    try:
        tables: Iterable[Table | Problem] = list(tables_of(path, hints))
    except OSError as error:
        tables = [Problem(str(path), "", f"cannot be opened: {error.strerror or error}")]
    return tuple(
        Imported(each.file, problems=(each,)) if isinstance(each, Problem) else import_table(store, each)
        for each in tables
    )


def import_table(store: MarketStore, table: Table, *, keep: Callable[[int], bool] = lambda time_ms: True) -> Imported:
    """Store the sound rows of one table whose time is to be kept."""
    found = _Import(store, table)
    try:
        for line, cells in table.rows():
            found.take(line, cells, keep)
    except DAMAGED as error:
        found.tell(found.line, f"the file is damaged after this: {excerpt(error)}", "", "damaged")
    return found.done()


class _Import:
    """One table on its way into the store."""

    def __init__(self, store: MarketStore, table: Table) -> None:
        self.store, self.table, self.series = store, table, table.series
        self.names = VALUES[self.series.group]
        self.rows = self.added = self.known = self.repeated = self.bad = self.conflicts = self.line = self.untold = 0
        self.problems: list[Problem] = []
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self.is_micro: bool | None = None
        self.empty()

    def empty(self) -> None:
        self.columns: dict[str, list[Any]] = {name: [] for name in ("time_ms", *self.names, "source", "line")}

    def take(self, line: int, cells: Sequence[str], keep: Callable[[int], bool]) -> None:
        self.line = line
        self.rows += 1
        try:
            found = check(self.series, cells, self.table.fields)
        except Impossible as error:
            self.bad += 1
            self.tell(line, str(error), ",".join(cells), error.kind)
            return
        if not keep(found.time_ms):
            return
        if self.is_micro not in (None, found.is_micro):
            self.tell(line, "times in milliseconds and in microseconds in one file; both are read", cells[0], "units")
        self.is_micro = found.is_micro
        self.put(line, found)

    def put(self, line: int, found: Checked) -> None:
        self.first_ms = found.time_ms if self.first_ms is None else min(self.first_ms, found.time_ms)
        self.last_ms = found.time_ms if self.last_ms is None else max(self.last_ms, found.time_ms)
        columns = self.columns
        for row in found.rows:
            columns["time_ms"].append(found.time_ms)
            columns["line"].append(line)
            for name, value in zip(self.names, row, strict=True):
                columns[name].append(value)
        if len(columns["line"]) >= BATCH:
            self.flush()

    def flush(self) -> None:
        count = len(self.columns["line"])
        if not count:
            return
        self.columns["source"] = [self.table.source] * count
        self.columns["is_float"] = [self.table.is_float] * count
        merged: Merged = self.store.add(self.series, self.columns)
        self.added += merged.added
        self.known += merged.known
        self.repeated += len(merged.repeated)
        self.conflicts += len(merged.conflicts)
        for time_ms, line, other in merged.conflicts:
            self.tell(line, f"differs from {other} about {time_ms}; both are kept", "", CONFLICT)
        for line in merged.repeated:
            self.tell(line, "stands in this file before", "", "duplicate")
        self.empty()

    def tell(self, line: int, message: str, raw: str, kind: str) -> None:
        if len(self.problems) >= PROBLEMS_MAX:
            self.untold += 1
            return
        self.problems.append(Problem(self.table.source, f"{self.table.word} {line}", message, excerpt(raw), kind))

    def done(self) -> Imported:
        self.flush()
        if self.untold:
            self.problems.append(Problem(self.table.source, "", f"and {self.untold} more problems", kind="more"))
        if self.rows:
            self.store.note(self.series, self.problems)
        if not self.rows:
            self.problems.append(Problem(self.table.source, "", "the file holds no rows", kind="empty"))
        return Imported(
            source=self.table.source,
            series=self.series,
            rows=self.rows,
            added=self.added,
            known=self.known,
            repeated=self.repeated,
            bad=self.bad,
            conflicts=self.conflicts,
            first_ms=self.first_ms,
            last_ms=self.last_ms,
            gaps=self._gaps(),
            problems=tuple(self.problems),
        )

    def _gaps(self) -> tuple[Gap, ...]:
        """What the store still lacks between the first and the last row of this table."""
        if self.first_ms is None or self.last_ms is None:
            return ()
        return self.store.stored_gaps(self.series, self.first_ms, self.last_ms + 1)

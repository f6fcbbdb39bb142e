"""What was, on disk: orders that ended, trades, incomes, margin moves, public trades and candles.

A cache of the journal: it is made anew whenever the server starts, so that nothing here needs to outlive a crash, and
memory does not grow with history. Rows are kept as the JSON that is answered, or in a form of which it is made when
somebody asks: about most rows nobody does.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from zlib import crc32

KEPT = frozenset({"orders", "trades", "income", "forceOrders"})
"""Lists of which exports and the rules of older API dates tell more: what is in another goes for good with its time."""
BY_KIND = frozenset({"orders", "algos", "trades", "amendments"})
"""Lists with kinds that few rows share, which are asked for by them: client ids, numbers of orders."""
AT_ONCE = 500
"""Rows that are dropped at once, at most: others wait meanwhile."""
MOST_WAITING = 1_000
"""Rows that wait to be written: a journal that is applied again makes many, and nobody asks meanwhile."""
SCHEMA = """
PRAGMA page_size = 16384;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16000;
CREATE TABLE rows (
    place INTEGER NOT NULL, symbol INTEGER NOT NULL, id INTEGER NOT NULL, kind TEXT NOT NULL, kind_hash INTEGER,
    time_ms INTEGER NOT NULL, keeps_ms INTEGER NOT NULL, row BLOB NOT NULL, PRIMARY KEY (place, symbol, id, kind)
) WITHOUT ROWID;
CREATE INDEX by_time ON rows (place, time_ms);
CREATE INDEX by_end ON rows (keeps_ms) WHERE place >= 0;
CREATE INDEX by_kind ON rows (place, kind_hash) WHERE kind_hash IS NOT NULL;
"""
FORGET = """
DELETE FROM rows WHERE (place, symbol, id) IN (
    SELECT place, symbol, id FROM rows INDEXED BY by_end WHERE keeps_ms <= ? AND place >= 0 LIMIT ?
)
"""


Told = Callable[[bytes], bytes]


class Archive:
    """Rows by list and owner (an account, or empty for the public ones). Closes with the context."""

    def __init__(self, path: Path | None = None) -> None:
        """An empty one, in a file that is made anew, or in memory."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        self._base = sqlite3.connect(str(path) if path is not None else ":memory:", isolation_level=None)
        self._base.executescript(SCHEMA)
        self._waiting: list[Sequence[object]] = []
        self._places: dict[tuple[str, str], int] = {}
        """By list and owner a number, since short keys are written in half the time; of a list that is kept it is
        negative."""
        self._symbols: dict[str, int] = {"": 0}
        self.told: dict[str, Told] = {}
        """By list what makes the JSON of a row; none where the row is that."""

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def add(
        self, name: str, owner: str, symbol: str, number: int, *, time_ms: int, keeps_ms: int, row: bytes,
        kind: str = "",
    ) -> None:  # fmt: skip
        """A row, in place of that of the same number and kind (an account that trades with itself has two rows of one
        trade); written with others before the next question."""
        place, its = self._places.get((name, owner)), self._symbols.get(symbol)
        if place is None:
            place = self._places[name, owner] = (-1 if name in KEPT else 1) * (len(self._places) + 1)
        if its is None:
            its = self._symbols[symbol] = len(self._symbols)
        kind_hash = crc32(kind.encode()) if name in BY_KIND else None
        self._waiting.append((place, its, number, kind, kind_hash, time_ms, keeps_ms, row))
        if len(self._waiting) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._base.execute("BEGIN")
            self._base.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._waiting)
            self._base.execute("COMMIT")
            self._waiting.clear()

    def find(
        self, name: str, owner: str = "", *, now_ms: int, symbol: str = "", kinds: Iterable[str] = (),
        since_ms: int = 0, until_ms: int = 2**62, from_id: int | None = None, limit: int = 1000, last: bool = False,
        skip: int = 0,
    ) -> list[bytes]:  # fmt: skip
        """Rows that are still kept, oldest first: the first `limit` of a span after `skip` of them, or the `last`
        ones."""
        self.flush()
        wheres = ["place = ?", "keeps_ms > ?", "time_ms BETWEEN ? AND ?"]
        given: list[object] = [self._places.get((name, owner)), now_ms, since_ms, until_ms]
        if symbol:
            wheres.append("symbol = ?")
            given.append(self._symbols.get(symbol))
        if from_id is not None:
            wheres.append("id >= ?")
            given.append(from_id)
        table = "rows"
        if chosen := list(kinds):
            places = ", ".join("?" * len(chosen))
            wheres.append(f"kind IN ({places})")
            given += chosen
            if name in BY_KIND:
                wheres.append(f"kind_hash IN ({places})")
                given += [crc32(each.encode()) for each in chosen]
                table = "rows INDEXED BY by_kind"
        order = "DESC" if last else "ASC"
        by = "id" if from_id is not None else "time_ms"
        text = (
            f"SELECT row FROM {table} WHERE {' AND '.join(wheres)} ORDER BY {by} {order}, id {order} LIMIT ? OFFSET ?"
        )
        told = self.told.get(name, bytes)
        found = [told(row) for (row,) in self._base.execute(text, (*given, limit, skip))]
        return found[::-1] if last else found

    def get(self, name: str, owner: str, symbol: str, number: int, *, now_ms: int) -> bytes | None:
        """One row, if it is still kept."""
        self.flush()
        text = "SELECT row FROM rows WHERE place = ? AND symbol = ? AND id = ? AND keeps_ms > ?"
        place = self._places.get((name, owner)), self._symbols.get(symbol)
        found = self._base.execute(text, (*place, number, now_ms)).fetchone()
        return self.told.get(name, bytes)(found[0]) if found else None

    def forget(self, now_ms: int) -> bool:
        """Drop what the venue has forgotten for good, `AT_ONCE` rows at most; whether all of it is gone."""
        self.flush()
        return self._base.execute(FORGET, (now_ms, AT_ONCE)).rowcount < AT_ONCE

    def all(self, name: str, owner: str) -> Iterator[bytes]:
        """Every row of a list, also of what is forgotten soon, oldest first."""
        self.flush()
        told = self.told.get(name, bytes)
        yield from (
            told(row) for (row,) in self._base.execute(
                "SELECT row FROM rows WHERE place = ? ORDER BY time_ms, id", (self._places.get((name, owner)),)
            )
        )  # fmt: skip

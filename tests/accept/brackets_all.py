"""Every published bracket table of the real data: it loads, and the definition equals the recurrence on each row.

The maintenance margin is defined as the upper envelope of a table's lines. For each row, at its floor, middle and cap,
this compares the envelope with the line of that row, whose `cum` is computed here by the recurrence of the FAQ, and
with what the rules evaluate. All are exact.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from margincall.core.brackets import Bracket, BracketTable, envelope, maintenance
from margincall.core.units import ZERO, Notional
from margincall.wire.brackets import read_brackets
from margincall.wire.file_dates import day_in_name

TABLES = 61
ROWS = 135_545


def run(shared: Path) -> tuple[int, int, list[str]]:
    """Files that hold tables, rows of all their symbols, and what is wrong."""
    files = rows = 0
    failures: list[str] = []
    for path in sorted((shared / "binance_brackets").glob("*.json.gz")):
        tables, problems = read_brackets(path.read_bytes(), path.name)
        failures.extend(map(str, problems))
        if day_in_name(path.name) is None:
            failures.append(f"{path.name}: no date in the name")
        files += bool(tables)
        rows += sum(len(table.rows) for table in tables)
        for table in tables:
            proven = BracketTable(table.symbol, table.rows, "", path.name)
            failures.extend(f"{path.name}: {table.symbol}: {failure}" for failure in differences(proven))
    return files, rows, failures


def differences(table: BracketTable) -> Iterator[str]:
    """Where the envelope, the row's own line and the evaluation differ."""
    cum = ZERO
    before: Bracket | None = None
    for row in table.rows:
        if before is not None:
            cum += row.floor * (row.rate - before.rate)
        for notional in (row.floor, (row.floor + row.cap) / 2, row.cap):
            line = notional * row.rate - cum
            found = envelope(table.rows, notional), maintenance(table, Notional(notional))
            if found != (line, line):
                yield f"row {row.number} at {notional}: recurrence {line}, envelope {found[0]}, evaluated {found[1]}"
        before = row


def main() -> int:
    """Print the figures; 1 if anything differs."""
    files, rows, failures = run(Path(sys.argv[1]))
    print(f"{files} tables, {rows} rows, {len(failures)} failures")
    print("\n".join(failures[:20]))
    return int(bool(failures) or (files, rows) != (TABLES, ROWS))


if __name__ == "__main__":
    sys.exit(main())

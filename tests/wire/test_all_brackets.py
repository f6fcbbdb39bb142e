"""Every published bracket table of the real data, against the definition."""

from pathlib import Path

from tests.accept.brackets_all import ROWS, TABLES, run


def test_all_tables_load_and_the_envelope_equals_the_recurrence(shared: Path) -> None:
    tables, rows, failures = run(shared)
    assert failures == []
    assert (tables, rows) == (TABLES, ROWS)

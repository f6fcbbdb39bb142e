"""The fold against one real account's stream: applied digit for digit, derived within one unit."""

from pathlib import Path

import pytest

from tests.accept import stream

NOTES = {
    2: {"update_without_fill"},
    3: {"fee", "fee_missing", "update_without_fill"},
    5: {"leverage_inferred", "update_without_fill"},
    7: {"fee", "realized"},
    8: {"fill_without_update"},
    9: {"realized"},
}
"""What each session's findings are about; the others have none."""


@pytest.mark.shared
def test_every_printed_value_agrees(shared: Path) -> None:
    """41 updates; every counted print agrees, applied ones digit for digit."""
    rows = stream.rows(shared)
    assert stream.updates(shared) == 41
    assert all(row.agree == row.counted > 0 for row in rows), rows
    assert all(row.equal == row.counted for row in rows if row.table == "applied"), rows


@pytest.mark.shared
@pytest.mark.parametrize("number", stream.SESSIONS)
def test_inferred_inputs_and_oddities_are_findings(shared: Path, number: int) -> None:
    """Repeats, the missing fee, update and leverage, and one-unit differences are findings; nothing else is."""
    history = stream.folded(stream.session(shared, number))
    assert {finding.kind for finding in history.findings} == NOTES.get(number, set())


@pytest.mark.shared
def test_any_altered_fill_is_noticed(shared: Path, tmp_path: Path) -> None:
    """One tick, one lot, 1e-7 of fee or of profit, up or down, in any fill: a table fails."""
    missed = [name for name, messages in stream.altered(shared) if not stream.is_noticed(messages, tmp_path)]
    assert not missed


@pytest.mark.shared
def test_gaps_between_sessions_are_listed(shared: Path) -> None:
    """The files do not join up everywhere; where they do not, the table says by how much."""
    gaps = [row for row in stream.continuity(shared) if "gap" in row[3]]
    assert ("03 -> 04", "wallet USDT") in {row[:2] for row in gaps}
    assert ("01 -> 02", "wallet USDT") not in {row[:2] for row in gaps}

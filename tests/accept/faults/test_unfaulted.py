"""Crashes of an exchange that does not err, which accused it once."""

from pathlib import Path
from random import Random

from tests.accept.faults.evidence import Level, save
from tests.accept.faults.judge import accused, verdict
from tests.accept.faults.unfaulted import Draws, composed, played


def test_what_the_fund_pays_at_the_full_ten_minutes_is_for_all_liquidations_of_a_moment(tmp_path: Path) -> None:
    """A wallet of -1e-8 after the last of several orders, brought back to 0 later."""
    run, start_ms = played(191)
    save(run, ["trader-14"], tmp_path / "saved", start_ms)
    draws = Draws(Level("stream", "ticks"), (), is_stale=False, is_changed=False)
    folder = composed(Random(1), tmp_path / "saved", tmp_path / "evidence", "trader-14", draws)
    found = verdict(folder)
    assert accused(found) == []
    notes = [each.note for part in found.liquidations for each in part.checks if each.kind == "balance_after"]
    assert "made good by the fund afterwards" in notes

"""Whether the venue acted in time is told only where wallet and table are known."""

from pathlib import Path

from margincall.forensics.verify.check import Check, Judged
from margincall.forensics.verify.trigger import TABLE_OF_THE_DAY
from tests.forensics.test_verify_faults import PLAIN, judged, play


def moment(liquidation: Judged) -> Check:
    """The check of the moment."""
    return next(each for each in liquidation.checks if each.kind == "moment")


def test_in_time_holds_only_with_a_table_of_the_day(tmp_path: Path) -> None:
    """An older table may have been changed since: by another one the order may have been late."""
    out = play(tmp_path, PLAIN)
    assert moment(judged(out, "alice", "stream.jsonl").liquidations[0]).verdict == "holds"
    table = next((out / "market").glob("leverageBracket_*.json"))
    table.rename(table.with_name("leverageBracket_2026-09-06.json"))
    older = moment(judged(out, "alice", "stream.jsonl").liquidations[0])
    assert (older.verdict, older.settled_by) == ("cannot tell", TABLE_OF_THE_DAY)


def test_assumptions_of_the_moment_are_named(tmp_path: Path) -> None:
    """Answers print the wallet later: it is cast back."""
    found = moment(judged(play(tmp_path, PLAIN), "alice", "api").liquidations[0])
    assert found.assumptions == ("liquidation-delay", "wallet-back-cast")

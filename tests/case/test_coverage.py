"""Since when the lists in a case folder are whole: since it was asked, less what the venue forgets."""

from pathlib import Path

from margincall.case.coverage import coverage_of
from margincall.case.folder import read_manifest
from margincall.case.manifest import Begun
from margincall.case.rescue import Settings
from margincall.forensics.evidence import Coverage
from tests.recorded.account import DAY, EVENT
from tests.recorded.running import recorded_at, rescued


def test_lists_are_whole_since_they_were_asked_less_their_retention(tmp_path: Path) -> None:
    """31 days after the event neither list reaches back to it."""
    recorded, clock = recorded_at("31d")
    rescued(tmp_path / "case", recorded, clock, settings=Settings(exports=False))
    (until_ms,) = (
        each.said.until_ms for each in read_manifest(tmp_path / "case").entries if isinstance(each.said, Begun)
    )
    found = coverage_of((tmp_path / "case",))
    assert found == Coverage(margin=until_ms - 30 * DAY, unfilled=until_ms - 3 * DAY)
    assert until_ms - 30 * DAY > EVENT


def test_loose_files_and_several_cases_tell_nothing(tmp_path: Path) -> None:
    """What stands beside a case may have been asked at another time."""
    recorded, clock = recorded_at("1h")
    case = tmp_path / "case"
    rescued(case, recorded, clock, settings=Settings(exports=False))
    assert coverage_of((tmp_path,)) is None
    assert coverage_of((case, case)) is None
    assert coverage_of((case, tmp_path / "more.csv")) is None

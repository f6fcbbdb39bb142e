"""Since when the lists in a case folder are whole: since it was asked, less what the venue forgets."""

from pathlib import Path

from margincall.case.coverage import coverage_of
from margincall.case.folder import Writer, create, read_manifest
from margincall.case.manifest import Begun, Saved
from margincall.case.rescue import Settings
from margincall.forensics.evidence import Coverage
from tests.recorded.account import DAY, EVENT
from tests.recorded.running import recorded_at, rescued

MARGIN = "/fapi/v1/positionMargin/history"
UNTIL = EVENT + DAY


def case_with(path: Path, *origins: str, until_ms: int | None = UNTIL) -> Path:
    """A case whose rescue was killed after these answers; without `until_ms` they were added by hand."""
    create(path, "test", UNTIL)
    with Writer(path) as writer:
        if until_ms is not None:
            writer.append(Begun("fapi", until_ms, (), (), 120, "may: only read"), UNTIL)
        for origin in origins:
            name, digest, size = writer.write("evidence", "list.json", b"[]")
            writer.append(Saved(name, digest, size, origin), UNTIL)
    return path


def test_lists_are_whole_since_they_were_asked_less_their_retention(tmp_path: Path) -> None:
    """31 days after the event neither list reaches back to it."""
    recorded, clock = recorded_at("31d")
    rescued(tmp_path / "case", recorded, clock, settings=Settings(exports=False))
    (until_ms,) = (
        each.said.until_ms for each in read_manifest(tmp_path / "case").entries if isinstance(each.said, Begun)
    )
    found = coverage_of((tmp_path / "case",))
    since = until_ms - 30 * DAY
    assert found == Coverage({"BTCUSDT": since, "ETHUSDT": since}, unfilled=until_ms - 3 * DAY)
    assert since > EVENT


def test_a_rescue_that_was_killed_knows_the_margin_of_what_it_had_asked(tmp_path: Path) -> None:
    """One symbol says nothing about another; a request that names none counts for all."""
    case = case_with(tmp_path / "case", f"{MARGIN}?symbol=ETHUSDT&startTime=1", f"{MARGIN}?symbol=%E5%B8%81USDT")
    since = UNTIL - 30 * DAY
    assert coverage_of((case,)) == Coverage({"ETHUSDT": since, "币USDT": since}, None)
    assert coverage_of((case_with(tmp_path / "all", MARGIN),)) == Coverage({"": since}, None)


def test_a_case_counts_beside_further_paths_and_from_within(tmp_path: Path) -> None:
    """Loose files know nothing, and take nothing away."""
    case = case_with(tmp_path / "case", "/fapi/v1/allOrders?symbol=BTCUSDT")
    covered = Coverage({}, UNTIL - 3 * DAY)
    more = tmp_path / "more.csv"
    for paths in ((case,), (case, more), (more, case), (case, case), (case / "evidence",), (case / "evidence/a", more)):
        assert coverage_of(paths) == covered
    assert coverage_of((tmp_path,)) is None
    assert coverage_of((more,)) is None


def test_of_several_cases_the_later_time_counts(tmp_path: Path) -> None:
    """Orders that one of them never asked for are not known."""
    origins = (f"{MARGIN}?symbol=BTCUSDT", "/fapi/v1/allOrders?symbol=BTCUSDT")
    early = case_with(tmp_path / "early", *origins, f"{MARGIN}?symbol=ETHUSDT")
    late = case_with(tmp_path / "late", *origins, until_ms=UNTIL + DAY)
    since = UNTIL - 30 * DAY
    joined = Coverage({"BTCUSDT": since + DAY, "ETHUSDT": since}, UNTIL - 2 * DAY)
    assert coverage_of((early, late)) == coverage_of((late, early)) == joined
    other = case_with(tmp_path / "other")
    assert coverage_of((early, other)) == Coverage({"BTCUSDT": since, "ETHUSDT": since}, None)


def test_a_case_without_a_rescue_tells_nothing(tmp_path: Path) -> None:
    """What was added by hand counts as loose files do, whatever its origin is said to be."""
    case = case_with(tmp_path / "case", f"{MARGIN}?symbol=BTCUSDT", until_ms=None)
    assert coverage_of((case,)) is None
    rescued_into = case_with(tmp_path / "other", "/fapi/v1/allOrders?symbol=BTCUSDT")
    assert coverage_of((case, rescued_into)) == coverage_of((rescued_into,))

"""What can be judged with what a case folder holds: every check of every liquidation, with its verdict and, where
nobody can tell, the files that would settle it."""

from pathlib import Path

from msgspec import Struct

from margincall.case.coverage import coverage_of
from margincall.case.folder import readable_paths
from margincall.core.checks import UNCLEAR
from margincall.errors import UsageError
from margincall.forensics.answer import Answer, answer
from margincall.history.bracket_store import load_book


class Judged(Struct, frozen=True):
    """One check of one liquidation. `settled_by` names files that are missing; `rests_on` what no file settles: an
    unpublished rule, or the resolution of a candle."""

    symbol: str
    time_ms: int
    check: str
    verdict: str
    settled_by: str = ""
    rests_on: tuple[str, ...] = ()

    @property
    def is_lost(self) -> bool:
        """Whether it cannot be told for want of a file."""
        return self.verdict == UNCLEAR and bool(self.settled_by)


def explained(folder: Path) -> Answer:
    """A case folder explained. Raises `Refused` if its evidence was altered."""
    return answer(readable_paths((folder,)), load_book(), coverage=coverage_of((folder,)))


def judged(folder: Path) -> tuple[Judged, ...]:
    """The checks of all liquidations; nothing where the evidence cannot be explained."""
    try:
        cases = explained(folder).explained.cases
    except UsageError:
        return ()
    return tuple(
        Judged(
            each.explanation.symbol,
            each.explanation.time_ms,
            finding.kind,
            finding.verdict,
            finding.settled_by,
            finding.assumptions,
        )
        for each in cases
        for finding in each.explanation.findings
    )

"""Since when the lists in a case folder are whole: what the venue had forgotten when it was asked is not in them."""

from pathlib import Path

from margincall.case.folder import is_case, read_manifest
from margincall.case.manifest import Begun, Saved
from margincall.case.report import name_of
from margincall.case.retention import MARGIN_MOVES, UNFILLED, reach_ms
from margincall.forensics.evidence import Coverage

MARGIN_LIST, ORDER_LIST = "positionMargin.history", "allOrders"


def coverage_of(paths: tuple[Path, ...]) -> Coverage | None:
    """What the case folder among these paths covers; none where there is none, or several that may differ."""
    cases = [path for path in paths if is_case(path)]
    return _of_case(cases[0]) if len(cases) == 1 == len(paths) else None


def _of_case(path: Path) -> Coverage:
    """Of several rescues the first counts: it was made soonest after the event."""
    until_ms = 0
    since: dict[str, int] = {}
    for entry in read_manifest(path).entries:
        said = entry.said
        if isinstance(said, Begun):
            until_ms = said.until_ms
        elif isinstance(said, Saved):
            for name, rule in ((MARGIN_LIST, MARGIN_MOVES), (ORDER_LIST, UNFILLED)):
                if name_of(said.origin) == name:
                    since[name] = min(since.get(name, until_ms), reach_ms(rule, until_ms))
    return Coverage(since.get(MARGIN_LIST), since.get(ORDER_LIST))

"""Since when the lists in a case folder are whole: what the venue had forgotten when it was asked is not in them."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

from margincall.case.folder import is_case, read_manifest
from margincall.case.manifest import Begun, Saved
from margincall.case.report import name_of
from margincall.case.retention import MARGIN_MOVES, UNFILLED, reach_ms
from margincall.forensics.evidence import Coverage

MARGIN_LIST, ORDER_LIST = "positionMargin.history", "allOrders"


def coverage_of(paths: tuple[Path, ...]) -> Coverage | None:
    """What the case folders at these paths, or around them, cover; none where nothing was rescued into any.

    Of several the later time of each list counts: an account is known no better than the case that knows it least.
    """
    cases = dict.fromkeys(case for path in paths for case in _cases_at(path.resolve()))
    covered = [found for case in cases if (found := _of_case(case)) is not None]
    return _joined(covered) if covered else None


def _cases_at(path: Path) -> Iterator[Path]:
    return (each for each in (path, *path.parents) if is_case(each))


def _joined(covered: Iterable[Coverage]) -> Coverage:
    """A margin list that only one case holds counts as it stands there: it names its symbol. The orders of another
    account are not known from those of one."""
    first, *others = covered
    margin, unfilled = dict(first.margin), first.unfilled
    for each in others:
        for symbol, since in each.margin.items():
            margin[symbol] = max(margin.get(symbol, since), since)
        unfilled = None if unfilled is None or each.unfilled is None else max(unfilled, each.unfilled)
    return Coverage(margin, unfilled)


def _of_case(path: Path) -> Coverage | None:
    """Of several rescues the first that asked for a list counts: it was made soonest after the event."""
    until_ms: int | None = None
    margin: dict[str, int] = {}
    unfilled: int | None = None
    for entry in read_manifest(path).entries:
        said = entry.said
        if isinstance(said, Begun):
            until_ms = said.until_ms
        elif isinstance(said, Saved) and until_ms is not None:
            name = name_of(said.origin)
            if name == MARGIN_LIST:
                since = reach_ms(MARGIN_MOVES, until_ms)
                symbol = _symbol(said.origin)
                margin[symbol] = min(margin.get(symbol, since), since)
            elif name == ORDER_LIST:
                since = reach_ms(UNFILLED, until_ms)
                unfilled = since if unfilled is None else min(unfilled, since)
    return None if until_ms is None else Coverage(margin, unfilled)


def _symbol(origin: str) -> str:
    """The symbol that a request names, "" for all."""
    return parse_qs(origin.partition("?")[2]).get("symbol", [""])[0]

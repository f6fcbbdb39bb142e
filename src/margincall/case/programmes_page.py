"""The programmes as the page `docs/spec/recovery.md` shows them: conditions, and how each comes out at its boundaries.

Every verdict of the page is what `check` says of an occurrence at that boundary.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import assert_never

from msgspec import structs

from margincall.case.programmes import (
    MINUTE_MS,
    AnyCriterion,
    AsSaid,
    Holding,
    InMode,
    Lost,
    LostShare,
    MarkedDown,
    NotPaidYet,
    OfBase,
    OfClosing,
    OfProduct,
    OfVenue,
    OnDay,
    Programme,
    SinceDay,
    Within,
    programmes,
)
from margincall.case.programmes_check import EASTMOST_MS, WESTMOST_MS, Occurrence, Range, check, words
from margincall.core.rounding import AMOUNT_UNIT, exact, plain
from margincall.wire.durations import DAY_MS
from margincall.wire.iso_time import iso_of, time_of

Case = tuple[str, Occurrence]
NOWHEN = Occurrence(0, 0)
ANOTHER = "another"


def markdown() -> str:
    """All programmes: a summary, then for each its conditions with their boundary cases."""
    return "\n".join([*_summary(), *(line for each in programmes() for line in _programme(each))])


def boundaries(criterion: AnyCriterion) -> Iterator[Case]:
    """Occurrences on both sides of a condition, each with its words; all else of them is unknown."""
    match criterion:
        case OfVenue():
            yield from _names("venue", criterion.names)
        case OfProduct():
            yield from _names("product", criterion.products)
        case OfBase():
            yield from _names("base", criterion.bases)
        case OfClosing():
            for closing in ("liquidation", "adl", ""):
                yield closing or "not told", structs.replace(NOWHEN, closing=closing)
        case Within():
            start, end = criterion.start_ms, criterion.end_ms
            yield from _times(start - 1, start, end - 1, end, end + MINUTE_MS - 1, end + MINUTE_MS)
        case OnDay():
            start = time_of(f"{criterion.day}T00:00:00Z")
            ends = start + DAY_MS + WESTMOST_MS
            yield from _times(start - EASTMOST_MS - 1, start - EASTMOST_MS, start, ends - 1, ends)
        case SinceDay():
            start = time_of(f"{criterion.day}T00:00:00Z")
            ends = start + DAY_MS + WESTMOST_MS
            yield from _times(start - EASTMOST_MS - 1, start - EASTMOST_MS, ends - 1, ends)
        case Holding():
            yield from _collateral(criterion)
        case InMode():
            for mode in (*criterion.modes, "single-asset", ""):
                yield mode or "not told", structs.replace(NOWHEN, mode=mode)
        case MarkedDown():
            asset = criterion.assets[0]
            for amount in (Decimal(-1), Decimal(0)):
                yield f"{amount} USD by the index of {asset}", structs.replace(NOWHEN, index_terms={asset: amount})
            yield "the way to the trigger is not known", NOWHEN
        case Lost():
            yield from _losses(criterion.at_least)
        case LostShare():
            yield from _shares(criterion)
        case NotPaidYet():
            for paid, name in ((False, "not compensated"), (True, "compensated"), (None, "not told")):
                yield name, structs.replace(NOWHEN, compensated=paid)
        case AsSaid():
            yield "any", NOWHEN
        case _:
            assert_never(criterion)


def _names(field: str, names: tuple[str, ...]) -> Iterator[Case]:
    for name in (*names, ANOTHER, ""):
        yield name or "not told", structs.replace(NOWHEN, **{field: name})


def _times(*times_ms: int) -> Iterator[Case]:
    for time_ms in times_ms:
        yield iso_of(time_ms), structs.replace(NOWHEN, earliest_ms=time_ms, latest_ms=time_ms)


def _collateral(criterion: Holding) -> Iterator[Case]:
    for asset in (*criterion.assets, "USDT"):
        yield f"{AMOUNT_UNIT:f} {asset}", structs.replace(NOWHEN, collateral={asset: AMOUNT_UNIT})
    first = criterion.assets[0]
    yield f"0 {first}", structs.replace(NOWHEN, collateral={first: Decimal(0)})
    yield "not among those listed, and not all are", structs.replace(NOWHEN, collateral={}, is_whole=False)
    yield "not told", NOWHEN


@exact
def _losses(at_least: Decimal) -> Iterator[Case]:
    cent = Decimal("0.01")
    for amount in (at_least - cent, at_least):
        yield f"{plain(amount):f} USD", structs.replace(NOWHEN, loss=Range(amount, amount))
    both = Range(at_least - cent, at_least + cent)
    yield f"{plain(both.low):f} without fees, {plain(at_least + cent):f} with", structs.replace(NOWHEN, loss=both)
    yield "not told", NOWHEN


@exact
def _shares(criterion: LostShare) -> Iterator[Case]:
    net = Decimal(10_000)
    for loss in (criterion.at_least * net - 1, criterion.at_least * net):
        found = structs.replace(NOWHEN, loss=Range(loss, loss), net_assets=net)
        yield f"{plain(loss):f} of {net} USD ({plain(loss / net * 100):f} %)", found
    yield "net assets not told", structs.replace(NOWHEN, loss=Range(net, net))


def _summary() -> Iterator[str]:
    yield "| day | programme | kind | status | remedy | paid to all | source | who says so |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in programmes():
        cells = (each.day, f"`{each.id}`", each.kind, each.status, each.remedy, each.paid or "—", each.source)
        yield f"| {' | '.join(cells)} | {each.confidence} |"


def _programme(programme: Programme) -> Iterator[str]:
    yield ""
    yield f"### {programme.id}"
    yield ""
    yield f"{programme.name} ({programme.day}, day of the {programme.day_is}). Status: {programme.status}:"
    over = f" (over by {programme.closed_since})" if programme.closed_since else ""
    yield f"{programme.why_status}{over}. Claim: {programme.claim}."
    formula = programme.formula.words.replace("|", "\\|") if programme.formula is not None else "none published"
    yield f"Formula for an account: {formula}."
    yield ""
    yield "| condition | boundary case | |"
    yield "|---|---|---|"
    for criterion in programme.criteria:
        name = words(criterion) + (" (inferred, not published)" if criterion.inferred else "")
        for said, found in boundaries(criterion):
            yield f"| {name} | {said} | {check(criterion, found).holds} |"
            name = ""

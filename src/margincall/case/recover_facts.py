"""What programmes ask of an account, taken from one explained closing; what the files do not tell is left open."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import structs

from margincall.case.programmes import Closing, Mode, Programme, Within
from margincall.case.programmes_check import MET, NOT_MET, Closed, Occurrence, Range, check
from margincall.core.account import Position
from margincall.core.events import Setting, Statement
from margincall.core.margin import cross_wallet
from margincall.core.rounding import exact
from margincall.core.rules import MissingContract
from margincall.core.units import ZERO
from margincall.forensics.explain import Case
from margincall.forensics.moment import Moment
from margincall.forensics.reconstruct import Reconstruction
from margincall.history.described import ANOTHER
from margincall.venues.registry import venue_of
from margincall.wire.durations import SECOND_MS
from margincall.wire.exports import BINANCE
from margincall.wire.row import TIME_MAX, TIME_MIN

DOLLARS = frozenset({"USDT", "USDC", "BUSD", "FDUSD", "USD1"})
"""Assets taken for one US dollar (assumed: `stablecoin-at-par`)."""
INDEX_TERM = "index "
"""How terms of the cause that belong to the index of a collateral begin."""


@exact
def occurrence(history: Reconstruction, case: Case, *, is_refused: bool = False) -> Occurrence:
    """One closing as programmes look at it. Of an account whose kind is not modelled neither mode nor collateral."""
    told = case.explanation
    earliest, latest = _when(history, case)
    elsewhere = history.book.elsewhere
    is_modelled = elsewhere is None and not is_refused
    found = Occurrence(
        earliest_ms=earliest,
        latest_ms=latest,
        venue=BINANCE if elsewhere is None else "" if elsewhere.name == ANOTHER else elsewhere.name,
        product=_product(told.symbol) if elsewhere is None else "",
        base=history.rules_at(told.time_ms).contract(told.symbol).base if told.symbol else "",
        closing=_closing(case),
        loss=_loss(history, case),
        closed=_closed(history, case),
    )
    return _with_collateral(history, case, found) if is_modelled and case.moment is not None else found


@exact
def loss_in_window(programme: Programme, seen: Iterable[Occurrence]) -> Range | None:
    """What all closings lost that may lie in the programme's window: a threshold counts them together. One of which
    that cannot be told widens the range; one without a known loss leaves it open (none)."""
    windows = [each for each in programme.criteria if isinstance(each, Within)]
    low = ZERO
    high: Decimal | None = ZERO
    for each in seen:
        verdicts = {check(window, each).holds for window in windows}
        if NOT_MET in verdicts or each.closing == "adl":
            continue
        if each.loss is None:
            return None
        is_sure = verdicts <= {MET} and each.closing == "liquidation"
        low += each.loss.low if is_sure else ZERO
        high = None if high is None or each.loss.high is None else high + each.loss.high
    return Range(low, high)


def _when(history: Reconstruction, case: Case) -> tuple[int, int]:
    """Between which milliseconds it happened. A wallet that is found fallen may have fallen at any time before."""
    time_ms = case.explanation.time_ms
    if not time_ms:
        return TIME_MIN, TIME_MAX
    if _closing(case) == "" and case.explanation.kind == "indirect":
        return min(history.events[0].time_ms or TIME_MIN, time_ms), time_ms
    file = history.events[case.incident.first].source.file
    return time_ms, time_ms + (SECOND_MS - 1 if file in history.evidence.whole_seconds else 0)


def _closing(case: Case) -> Closing:
    told = case.explanation
    if told.kind == "liquidation" or (told.kind == "indirect" and told.clearance.fee is not None):
        return "liquidation"
    return "adl" if told.kind == "adl" else ""


def _product(symbol: str) -> str:
    """`usdm` or `coinm`."""
    try:
        return venue_of(symbol).rpartition("_")[2] if symbol else ""
    except MissingContract:
        return ""


def _loss(history: Reconstruction, case: Case) -> Range | None:
    """Without and with its fees: which of the two a programme counts is not published."""
    money, told = case.money, case.explanation
    if money is None or money.realized is None or not told.symbol:
        return None
    asset = history.rules_at(told.time_ms).contract(told.symbol).margin_asset
    if asset not in DOLLARS:
        return None
    bare = max(-money.realized, ZERO)
    foreign = any(step.step == "commission" and step.asset != asset for step in money.steps)
    whole = -money.realized + money.commission + (money.clearance.fee or ZERO)
    return Range(min(bare, max(whole, ZERO)), None if foreign else max(bare, whole))


def _closed(history: Reconstruction, case: Case) -> Closed | None:
    money, told = case.money, case.explanation
    if money is None or not money.quantity or not money.average or not told.symbol:
        return None
    return Closed(history.rules_at(told.time_ms).contract(told.symbol), money.quantity, money.average)


def _with_collateral(history: Reconstruction, case: Case, found: Occurrence) -> Occurrence:
    moment = case.moment
    assert moment is not None
    held = moment.account.positions.get((case.incident.symbol, case.incident.side))
    if held is None or not held.quantity or "mode" in moment.lacks:
        return structs.replace(found, mode=_mode(history, moment))
    # Multi-assets mode and isolated margin exclude each other (error codes -4167 and -4168).
    mode: Mode = "single-asset" if held.margin == "isolated" else _mode(history, moment)
    if not mode:
        return found
    return structs.replace(
        found,
        mode=mode,
        collateral=_collateral(moment, held, mode),
        is_whole=mode != "multi-assets" or _lists_all(history),
        indices={asset.upper(): index.index for asset, index in moment.marks.indices.items()},
        index_terms=_index_terms(case) if mode == "multi-assets" else {},
    )


def _mode(history: Reconstruction, moment: Moment) -> Mode:
    """The mode that some file states; the default of an account says nothing."""
    if not any(isinstance(event, Setting) and event.multi_assets is not None for event in history.events):
        return ""
    return "multi-assets" if moment.account.multi_assets else "single-asset"


def _collateral(moment: Moment, held: Position, mode: Mode) -> Mapping[str, Decimal]:
    asset = moment.rules.contract(held.symbol).margin_asset
    if held.margin == "isolated":
        return {asset.upper(): held.isolated_wallet}
    if mode == "single-asset":
        return {asset.upper(): cross_wallet(moment.account, asset, moment.rules)}
    return {each.upper(): cross_wallet(moment.account, each, moment.rules) for each in moment.account.wallets}


def _lists_all(history: Reconstruction) -> bool:
    """Whether some answer lists the balances of all assets; a stream prints only what changes."""
    return any(isinstance(event, Statement) and event.origin == "account" for event in history.events)


def _index_terms(case: Case) -> Mapping[str, Decimal] | None:
    cause = case.explanation.cause
    if not cause:
        return None
    terms = {term.term: term.amount for term in cause}
    return {name.removeprefix(INDEX_TERM).upper(): each for name, each in terms.items() if name.startswith(INDEX_TERM)}

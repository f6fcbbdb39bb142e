"""Rows of the income history and of exports against the flows that are known already.

They list every change of a wallet again, later and by type. A row that belongs to a known fill or flow completes it
and is not applied a second time. (Profit and fee rows that name no trade: `history/bookings.py`.)
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial

from msgspec import Struct

from margincall.core.events import UPDATE_REASONS, Fill, Flow, MarginMove, Statement
from margincall.core.units import ZERO
from margincall.history.messages import Place, Placed, changed, contradiction, flow_of, time_of, told_by
from margincall.wire.problems import Problem

WINDOW_MS = 60_000
"""How far apart two sources may stamp one flow."""
TRANSFER_WINDOW_MS = 10_000
"""The same for transfers, of which equal amounts follow each other soonest."""
CLOSE_MS = 1_000
"""Flows this close are matched before those further apart."""

NEW_NAME = "TRANSFER"
OLD_NAMES = frozenset({"DEPOSIT", "WITHDRAW"})
"""What old transaction histories call a transfer (docs/spec/exports.md)."""

Spans = Mapping[str, tuple[int, int]]
"""Files -> the times of their first and last row, where these differ."""


class Matched(Struct, frozen=True):
    """Events after a match: those kept, how many of each file were found to repeat them, and contradictions."""

    kept: list[Placed]
    repeated: Counter[str]
    problems: list[Problem]


def with_income(fills: Sequence[Placed], flows: Sequence[Placed]) -> tuple[list[Placed], Matched]:
    """Fills with the fees and profits that the income history knows of them, and the flows that are left.

    REALIZED_PNL and COMMISSION rows name the trade. Where the fill prints the value already the row must agree.
    """
    found = list(fills)
    if not any(flow_of(placed).trade_id and not placed.stream for placed in flows):
        return found, Matched(list(flows), Counter(), [])
    known: dict[tuple[str, str], list[int]] = {}
    for index, placed in enumerate(found):
        if isinstance(placed.event, Fill) and placed.event.trade_id:
            known.setdefault((placed.event.symbol, placed.event.trade_id), []).append(index)
    matched = Matched([], Counter(), [])
    told: set[tuple[int, str]] = set()
    for placed in flows:
        flow = flow_of(placed)
        indices = known.get((flow.symbol, flow.trade_id), []) if flow.category in ("commission", "realized_pnl") else []
        if placed.stream or not indices:
            matched.kept.append(placed)
            continue
        matched.repeated[flow.source.file] += 1
        free = [index for index in indices if (index, flow.category) not in told]
        index = min(free or indices, key=lambda each: _misfit(found[each].event, flow))
        told.add((index, flow.category))
        found[index] = _completed(found[index], flow, matched.problems)
    return found, matched


def _misfit(event: object, flow: Flow) -> int:
    """0 for a fill that agrees with the row, 1 for one that prints no value, 2 for one that differs."""
    assert isinstance(event, Fill)
    printed, row = _printed(event, flow)
    return 1 if printed is None else 0 if printed == row else 2


def _printed(fill: Fill, flow: Flow) -> tuple[Decimal | None, Decimal]:
    """The fill's own value and the row's, both in the fill's sign: a fee is positive if paid, income negative."""
    amount = sum(flow.applied.values(), ZERO)
    return (fill.fee, -amount) if flow.category == "commission" else (fill.realized, amount)


def _completed(placed: Placed, flow: Flow, problems: list[Problem]) -> Placed:
    fill = placed.event
    assert isinstance(fill, Fill)
    printed, row = _printed(fill, flow)
    asset = next(iter(flow.applied), None)
    is_fee = flow.category == "commission"
    what = f"trade {fill.trade_id} of {fill.symbol}: {'fee' if is_fee else 'realized profit'}"
    if printed is not None and printed != row:
        problems.append(contradiction(what, (fill, printed), (flow, row)))
    elif is_fee and fill.fee_asset not in (None, asset):
        problems.append(contradiction(f"{what} asset", (fill, fill.fee_asset), (flow, asset)))
    if printed is not None:
        return placed
    return changed(placed, {"fee": row, "fee_asset": asset} if is_fee else {"realized": row})


def without_doubles(
    flows: Sequence[Placed], exported: frozenset[str] = frozenset(), spans: Spans | None = None
) -> Matched:
    """Each flow once: rows by type and transaction id, then rows against the flows of a stream, then rows of exports
    without any id against all of these, one to one.

    What a row adds (transaction id, symbol) goes to the flow that it repeats. `exported` are the files of exports:
    equal rows of one of them are true. Transfers of files whose `spans` lie apart are never one.
    """
    spans = spans or {}
    stream = [placed for placed in flows if placed.stream]
    answers = [placed for placed in flows if not placed.stream]
    is_bare = [not flow_of(placed).tran_id and placed.event.source.file in exported for placed in answers]
    rows = _distinct_rows([placed for placed, bare in zip(answers, is_bare, strict=True) if not bare])
    rows = _under_one_name(rows)
    found = _once(stream, rows.kept, spans)
    bare = _most_in_one([placed for placed, bare in zip(answers, is_bare, strict=True) if bare])
    if bare.kept:
        whole = _once(found.kept, bare.kept, spans, told_apart=True)
        found = Matched(whole.kept, found.repeated + whole.repeated, whole.problems)
    return Matched(
        found.kept,
        rows.repeated + bare.repeated + found.repeated,
        [*rows.problems, *found.problems],
    )


def _once(known: Sequence[Placed], rows: Sequence[Placed], spans: Spans, *, told_apart: bool = False) -> Matched:
    """Known flows and those of `rows` that do not repeat one of them. `told_apart`: rows that then stand beside a known
    flow of their kind and second, of another amount, contradict it."""
    found = Matched([], Counter(), [])
    if not known or not rows:
        found.kept.extend([*known, *rows])
        return found
    left_known, left_rows = _ordered(known), _ordered(rows)
    for window_ms in (CLOSE_MS, None):
        pairs, left_known, left_rows = _paired(left_known, left_rows, window_ms, spans)
        found.kept.extend(_with_row(one, other) for one, other in pairs)
        found.repeated.update(told_by(other for _, other in pairs))
    summed = _summed([placed for placed in left_known if placed.stream], left_rows)
    found.repeated.update(told_by(summed))
    numbers = {placed.place for placed in summed}
    left_rows = [placed for placed in left_rows if placed.place not in numbers]
    if told_apart:
        contradicting = _contradicting(left_known, left_rows, found.problems)
        found.repeated.update(told_by(contradicting))
        numbers = {placed.place for placed in contradicting}
        left_rows = [placed for placed in left_rows if placed.place not in numbers]
    found.kept.extend([*left_known, *left_rows])
    return found


def _contradicting(known: Sequence[Placed], rows: Sequence[Placed], problems: list[Problem]) -> list[Placed]:
    """Rows that stand beside a known flow of their category and asset within a second, and print another amount."""
    groups: dict[object, tuple[list[Placed], list[Placed]]] = {}
    for side, flows in enumerate((known, rows)):
        for placed in flows:
            kind = (flow_of(placed).category, tuple(sorted(flow_of(placed).applied)))
            groups.setdefault(kind, ([], []))[side].append(placed)
    found: list[Placed] = []
    for ours, theirs in groups.values():
        for one, other in in_step(ours, theirs, CLOSE_MS):
            flow = flow_of(one)
            if (flow.tran_id or one.stream) and flow.category not in ("commission", "realized_pnl"):
                what = f"{flow.category.replace('_', ' ')} at {flow.time_ms}"
                problems.append(contradiction(what, (flow, _words(one)), (other.event, _words(other))))
                found.append(other)
    return found


def _most_in_one(rows: Sequence[Placed]) -> Matched:
    """Rows without ids of several files: of equal ones as many as the file has that has most of them. Files may stamp
    one row a second apart; rows of equal time are matched first."""
    files: dict[str, list[Placed]] = {}
    for placed in rows:
        files.setdefault(placed.event.source.file, []).append(placed)
    found = Matched([], Counter(), [])
    for own in files.values():
        left_known, left = _ordered(found.kept), _ordered(own)
        for window_ms in (0, CLOSE_MS) if left_known else ():
            pairs, left_known, left = _paired(left_known, left, window_ms, {})
            found.repeated.update(told_by(other for _, other in pairs))
        found.kept.extend(left)
    return found


def _distinct_rows(rows: Sequence[Placed]) -> Matched:
    """`tranId` is unique per income type and account (documentation); a second amount under it is a contradiction.

    A row of the transaction history names no trade: it repeats any row of its transaction, of equal amount if there is
    one.
    """
    seen: dict[object, list[Placed]] = {}
    found = Matched([], Counter(), [])
    for placed in rows:
        flow = flow_of(placed)
        key = (flow.reason, flow.tran_id, flow.symbol, tuple(sorted(flow.applied))) if flow.tran_id else placed.place
        known = seen.setdefault(key, [])
        same = [each for each in known if _is_same_trade(flow_of(each), flow)]
        if not same:
            known.append(placed)
            found.kept.append(placed)
            continue
        found.repeated[flow.source.file] += 1
        if not any(flow_of(each).applied == flow.applied for each in same):
            what = f"income {flow.reason} {flow.tran_id}"
            found.problems.append(contradiction(what, (same[0].event, _words(same[0])), (flow, _words(placed))))
    return found


def _under_one_name(rows: Matched) -> Matched:
    """Transfers without those that another file tells of the same second, asset and amount under an old name."""
    groups: dict[object, tuple[list[Placed], list[Placed]]] = {}
    for placed in _ordered(rows.kept):
        reason = flow_of(placed).reason
        if reason == NEW_NAME or reason in OLD_NAMES:
            groups.setdefault(_amounts(placed), ([], []))[reason in OLD_NAMES].append(placed)
    pairs = [pair for own, old in groups.values() for pair in in_step(own, old, CLOSE_MS, _are_of_two_files)]
    again = {other.place for _, other in pairs}
    kept = [placed for placed in rows.kept if placed.place not in again]
    return Matched(kept, rows.repeated + told_by(other for _, other in pairs), rows.problems)


def _are_of_two_files(one: Placed, other: Placed) -> bool:
    return one.event.source.file != other.event.source.file


def _is_same_trade(known: Flow, flow: Flow) -> bool:
    return not (known.trade_id and flow.trade_id) or known.trade_id == flow.trade_id


def _words(placed: Placed) -> str:
    """The amounts of a flow, for a message."""
    return " ".join(f"{amount} {asset}" for asset, amount in _amounts(placed))


def _paired(
    known: Sequence[Placed], rows: Sequence[Placed], window_ms: int | None, spans: Spans
) -> tuple[list[tuple[Placed, Placed]], list[Placed], list[Placed]]:
    """Pairs of equal category, asset and amount near in time (none: as near as their kind asks), and what is left of
    both."""
    waiting: dict[object, list[Placed]] = {}
    for placed in rows:
        waiting.setdefault(_kind(placed), []).append(placed)
    pairs: list[tuple[Placed, Placed]] = []
    left: list[Placed] = []
    by_kind: dict[object, list[Placed]] = {}
    for placed in known:
        by_kind.setdefault(_kind(placed), []).append(placed)
    for kind, ours in by_kind.items():
        window = _window(ours[0]) if window_ms is None else window_ms
        may_be_one = partial(_may_be_one, spans) if flow_of(ours[0]).category == "transfer" else None
        found = in_step(ours, waiting.get(kind, []), window, may_be_one)
        pairs.extend(found)
        taken = {one.place for one, _ in found}
        left.extend(placed for placed in ours if placed.place not in taken)
    used = {other.place for _, other in pairs}
    return pairs, _ordered(left), [placed for placed in rows if placed.place not in used]


def in_step(
    ours: Sequence[Placed],
    theirs: Sequence[Placed],
    window_ms: int,
    may_be_one: Callable[[Placed, Placed], bool] | None = None,
) -> list[tuple[Placed, Placed]]:
    """Pairs of two lists in order of time, each at most `window_ms` apart: as many as there can be. Of each of ours the
    earliest is taken that is left and, where that is asked, `may_be_one` with it."""
    pairs: list[tuple[Placed, Placed]] = []
    used: set[int] = set()
    first = 0
    for one in ours:
        time_ms = one.event.time_ms
        while first < len(theirs) and (first in used or theirs[first].event.time_ms < time_ms - window_ms):
            first += 1
        for place in range(first, len(theirs)):
            other = theirs[place]
            if other.event.time_ms > time_ms + window_ms:
                break
            if place not in used and (may_be_one is None or may_be_one(one, other)):
                pairs.append((one, other))
                used.add(place)
                break
    return pairs


def _may_be_one(spans: Spans, one: Placed, other: Placed) -> bool:
    """Whether two flows near in time may be the same: not if each lies outside of what the other's file spans, by more
    than a second. A file with rows of one time alone spans nothing."""
    return not (_is_outside(one, spans, other) and _is_outside(other, spans, one))


def _is_outside(placed: Placed, spans: Spans, other: Placed) -> bool:
    span = spans.get(other.event.source.file)
    return span is not None and not span[0] - CLOSE_MS <= placed.event.time_ms <= span[1] + CLOSE_MS


def _summed(stream: Sequence[Placed], rows: Sequence[Placed]) -> list[Placed]:
    """Funding rows that a stream printed as one sum: a cross account's funding can come without its symbols."""
    used: set[Place] = set()
    found: list[Placed] = []
    ours, theirs = _funding(stream), _funding(rows)
    for asset, placed in ((asset, placed) for asset, flows in ours.items() for placed in flows):
        near = [each for each in _near(placed, theirs.get(asset, [])) if each.place not in used]
        if near and _total(near) == _total(_near(placed, ours[asset])):
            found.extend(near)
            used.update(each.place for each in near)
    return found


def _funding(flows: Iterable[Placed]) -> dict[object, list[Placed]]:
    """Funding by asset, in order of time."""
    found: dict[object, list[Placed]] = {}
    for placed in _ordered(flows):
        if flow_of(placed).category == "funding":
            found.setdefault(tuple(flow_of(placed).applied), []).append(placed)
    return found


def _near(placed: Placed, flows: Sequence[Placed]) -> Sequence[Placed]:
    """Those of `flows`, which are in order of time, that may be the same as `placed` by their time."""
    time_ms = time_of(placed)
    first = bisect_left(flows, time_ms - WINDOW_MS, key=time_of)
    return flows[first : bisect_right(flows, time_ms + WINDOW_MS, key=time_of)]


def _total(flows: Iterable[Placed]) -> Decimal:
    return sum((amount for placed in flows for _, amount in _amounts(placed)), ZERO)


def _with_row(placed: Placed, row: Placed) -> Placed:
    """The stream's flow with what only the row prints."""
    flow, other = flow_of(placed), flow_of(row)
    names = ("symbol", "tran_id", "trade_id")
    return changed(placed, {name: getattr(other, name) for name in names if not getattr(flow, name)})


def moved_with(moves: Sequence[Placed], statements: Sequence[Placed]) -> list[Placed]:
    """Margin moves of an answer at the time of the stream's MARGIN_TRANSFER statement that shows them, so that the
    statement follows its move and nobody infers it again."""
    shown: dict[object, list[Placed]] = {}
    for placed in _ordered(statements):
        event = placed.event
        if placed.stream and isinstance(event, Statement) and event.about == "MARGIN_TRANSFER":
            for found in event.positions:
                shown.setdefault((found.symbol, found.side), []).append(placed)
    by_position: dict[object, list[Placed]] = {}
    for placed in _ordered(moves):
        if isinstance(placed.event, MarginMove):
            by_position.setdefault((placed.event.symbol, placed.event.side), []).append(placed)
    times = {
        move.place: statement.event.time_ms
        for key, ours in by_position.items()
        for move, statement in in_step(ours, shown.get(key, []), TRANSFER_WINDOW_MS)
    }
    return [changed(placed, {"time_ms": times.get(placed.place, placed.event.time_ms)}) for placed in moves]


def _kind(placed: Placed) -> object:
    """A row of a type that nobody documented may bear the name of an update's reason (`ADJUSTMENT`)."""
    flow = flow_of(placed)
    category = UPDATE_REASONS.get(flow.reason) if flow.category == "unknown" else flow.category
    return category or "unknown", _amounts(placed)


def _amounts(placed: Placed) -> tuple[tuple[str, Decimal], ...]:
    return tuple(sorted(flow_of(placed).applied.items()))


def _window(placed: Placed) -> int:
    return TRANSFER_WINDOW_MS if flow_of(placed).category == "transfer" else WINDOW_MS


def _ordered(placed: Iterable[Placed]) -> list[Placed]:
    return sorted(placed, key=lambda each: (each.event.time_ms, each.place))

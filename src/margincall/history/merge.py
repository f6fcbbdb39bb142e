"""Several sources of one account -> one history: nothing counted twice, nothing dropped without a word.

Files overlap: a recorded stream, the list of trades, the income history, exports, two recordings of the same hours.
Rows of other accounts are left out first (`history/accounts.py`). What is the same is recognised by the venue's own
marks and kept once:

* a message by its time and content (`history/repeats.py`; a repeat is reported); equal rows of one export are true;
* a fill by symbol, trade id and direction (`history/fills.py`), an order by its state (`history/orders.py`);
* profit and commission of the income history by the trade id of their fill, other rows by type and transaction id, and
  by category, asset, amount and nearest time against the flows of the stream (`history/flows.py`);
* profit and fees of exports, which name no trade, by asset, amount and second of their fill (`history/bookings.py`).

Of two sources the stream is believed: it printed at the moment; of the others the one with the finer times. What one
left out is taken from the other; where both speak and differ, that is a problem of kind `contradiction`.

Total order: `time_ms`; then prices, settings, flows and margin moves of answers, the stream in the order of its file
(where a statement stands before the fill that it already holds), orders and fills of answers, their clearance fees,
statements of answers, closed positions.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from margincall.core.contract import Contract
from margincall.core.events import (
    AnyEvent,
    Fill,
    Flow,
    IndexPrice,
    MarginMove,
    MarkCandle,
    MarkPrice,
    Order,
    PositionClosed,
    Setting,
    Statement,
)
from margincall.history.accounts import of_one_account
from margincall.history.bookings import with_bookings
from margincall.history.fills import Silent, merged_fills, with_orders
from margincall.history.flows import Spans, moved_with, with_income, without_doubles
from margincall.history.messages import Message, Place, Placed, changed, contradiction, fill_of, order_of, told_by
from margincall.history.orders import merged_orders
from margincall.history.repeats import content, without_repeats
from margincall.wire.durations import SECOND_MS
from margincall.wire.problems import Problem

STREAM_PHASE = 3
BOOKED = frozenset({"realized_pnl", "commission", "insurance_clear"})
"""Categories of what follows from a fill."""
CLEARANCE_PHASE = 6
PHASES: dict[type[AnyEvent], int] = {
    Setting: 1,
    Flow: 2,
    MarginMove: 2,
    Order: 4,
    Fill: 5,
    Statement: 7,
    PositionClosed: 8,
}
"""Where events of answers stand among those of equal time; prices (0) stand first whoever printed them, and what an
insurance fund books follows the fills that it clears."""
PRICES: tuple[type[AnyEvent], ...] = (MarkPrice, IndexPrice, MarkCandle)
NO_CONTRACTS: Mapping[str, Contract] = {}


class Merged(Struct, frozen=True):
    """One history in total order: `seq` counts from 0."""

    events: tuple[AnyEvent, ...]
    problems: tuple[Problem, ...]


def merge(messages: Iterable[Message], account: str = "", contracts: Mapping[str, Contract] = NO_CONTRACTS) -> Merged:
    """The history that these messages tell together, whatever their order, of the `account` that is chosen, else of
    that of which most is told. `contracts` are those that the files describe. Raises `UsageError` for an account that
    no message names.

    Of a million rows most tell again what is told already. Nothing here holds such a row longer than it is needed:
    lists are taken out (`pop`) and names are bound anew, and `messages` had best be an iterator, which holds none.
    """
    told = _told(messages, account)
    placed, problems = told.placed, told.problems
    prices = [each for kind in PRICES for each in _distinct_prices(placed[kind], problems)]
    orders = merged_orders(placed.pop(Order), told.silent)
    known_fills = merged_fills(placed.pop(Fill), told.silent)
    problems += [*known_fills.problems, *orders.problems]
    repeated = told_by([*known_fills.repeated, *orders.repeated])
    fills, flows = with_income(with_orders(known_fills, orders), placed.pop(Flow))
    problems += flows.problems
    repeated += flows.repeated
    fills, flows = with_bookings(fills, flows.kept, told.exported, contracts, orders.placed)
    problems += flows.problems
    repeated += flows.repeated
    flows = without_doubles(flows.kept, told.exported, told.spans)
    problems += [*flows.problems, *_told_twice(repeated + flows.repeated)]
    moves = moved_with(placed[MarginMove], placed[Statement])
    closed = _distinct_positions(placed[PositionClosed])
    whole = [*fills, *orders.placed, *flows.kept, *prices, *moves, *placed[Setting], *placed[Statement], *closed]
    whole = _undated_last(whole)
    forced = _forced_keys(orders.placed, fills)
    whole.sort(key=lambda each: forced.get(each.place) or _order_key(each, told.coarse))
    return Merged(
        tuple(structs.replace(each.event, seq=seq) for seq, each in enumerate(whole)),
        tuple(problems),
    )


class _Told(Struct, frozen=True):
    """What the messages of one account tell: events by their type, in the order in which they are believed, and what is
    to be known of their files. `exported` are exports, `coarse` those whose times are whole seconds."""

    placed: dict[type[AnyEvent], list[Placed]]
    problems: list[Problem]
    exported: frozenset[str]
    coarse: frozenset[str]
    silent: Silent
    spans: Spans


def _told(messages: Iterable[Message], account: str) -> _Told:
    own, foreign = of_one_account(list(messages), account)
    ranked, ranks = _ranked(own)
    kept, repeats = without_repeats(ranked)
    return _Told(
        placed=_placed(kept, ranks),
        problems=[*foreign, *repeats],
        exported=frozenset(each.source.file for each in kept if each.rows),
        coarse=frozenset(each.source.file for each in kept if each.resolution_ms >= SECOND_MS),
        silent={each.source.file: each.silent for each in kept if each.silent},
        spans=_spans(kept),
    )


def _placed(messages: Sequence[Message], ranks: Mapping[str, int]) -> dict[type[AnyEvent], list[Placed]]:
    """All events by their type, in the order in which they are believed, with their places."""
    found: dict[type[AnyEvent], list[Placed]] = {kind: [] for kind in (*PHASES, *PRICES)}
    for message, first in zip(messages, _first_places(messages, ranks), strict=True):
        stream = message.stream
        for place, event in enumerate(message.events, first):
            found[type(event)].append(Placed(event, stream, place))
    return found


def _first_places(messages: Sequence[Message], ranks: Mapping[str, int]) -> list[Place]:
    """The place of the first event of each message."""
    found = [0] * len(messages)
    place = 0
    for index in sorted(
        range(len(messages)), key=lambda each: (ranks[messages[each].source.file], messages[each].number)
    ):
        found[index] = place
        place += len(messages[index].events)
    return found


def _spans(messages: Iterable[Message]) -> dict[str, tuple[int, int]]:
    """Files -> the times of their first and last dated event, where these differ: between them a file tells all."""
    found: dict[str, tuple[int, int]] = {}
    for message in messages:
        if times := [event.time_ms for event in message.events if event.time_ms]:
            file = message.source.file
            first, last = found.get(file, (times[0], times[0]))
            found[file] = min(first, *times), max(last, *times)
    return {file: span for file, span in found.items() if span[0] < span[1]}


def _ranked(messages: Iterable[Message]) -> tuple[list[Message], dict[str, int]]:
    """Messages in the order in which they are believed, streams and finer times first, and the rank of each file.

    Files are ranked by the time at which they begin: of two recordings the later one goes on where the earlier ends.
    """
    ordered = sorted(messages, key=lambda each: (not each.stream, each.source.file, each.number))
    begins: dict[str, int] = {}
    for message in ordered:
        file, time_ms = message.source.file, message.events[0].time_ms
        begins[file] = min(begins.get(file, 0) or time_ms, time_ms or begins.get(file, 0))
    ranks = {file: rank for rank, file in enumerate(sorted(begins, key=lambda file: (begins[file], file)))}
    ordered.sort(key=lambda each: (not each.stream, each.resolution_ms, ranks[each.source.file], each.number))
    return ordered, ranks


def _order_key(placed: Placed, coarse: frozenset[str]) -> tuple[object, ...]:
    """What a fill books follows it within its second, where the stamps of a file (`coarse`) are whole seconds, and so
    does what is printed of that second."""
    event = placed.event
    if isinstance(event, Fill) and not placed.stream:
        return *_trade_key(event), 1, placed.place
    if isinstance(event, Statement) and event.source.file in coarse:
        return event.time_ms + SECOND_MS - 1, PHASES[Statement], 0, "", placed.place
    if isinstance(event, Flow) and event.category in BOOKED and event.source.file in coarse:
        return _second_end(event.time_ms), CLEARANCE_PHASE, 0, "", placed.place
    if coarse and isinstance(event, Statement) and not placed.stream:
        # An answer dates the last change that it holds: the row of that change may be stamped with the whole second.
        return _second_end(event.time_ms), PHASES[Statement], 0, "", placed.place
    if isinstance(event, PRICES):
        return event.time_ms, 0, 0, "", placed.place
    if placed.stream:
        return event.time_ms, STREAM_PHASE, 0, "", placed.place
    # A profit without a trade is that of a takeover: it follows the order that could not be filled.
    is_clearance = isinstance(event, Flow) and event.category in ("insurance_clear", "realized_pnl")
    return event.time_ms, CLEARANCE_PHASE if is_clearance else PHASES[type(event)], 0, "", placed.place


def _trade_key(fill: Fill) -> tuple[int, int, int, str]:
    """Fills of one millisecond stand by the numbers of their trades."""
    return fill.time_ms, PHASES[Fill], len(fill.trade_id), fill.trade_id


def _forced_keys(orders: Iterable[Placed], fills: Iterable[Placed]) -> dict[Place, tuple[object, ...]]:
    """The keys of the venue's own orders, by their places, that answers tell in one millisecond with fills of their
    symbol: they stand before the first fill of their own or of a later order, else behind those of earlier ones (a
    position that was liquidated as it was opened)."""
    forced = [each for each in orders if not each.stream and order_of(each).close]
    moments: dict[tuple[str, int], list[Fill]] = {_moment(order_of(each)): [] for each in forced}
    for each in fills if forced else ():
        fill = fill_of(each)
        if not each.stream and (found := moments.get(_moment(fill))) is not None:
            found.append(fill)
    keys: dict[Place, tuple[object, ...]] = {}
    for each in forced:
        order = order_of(each)
        here = moments[_moment(order)]
        if own := [fill for fill in here if not _is_older(fill.order_id, order.order_id)]:
            keys[each.place] = (*min(map(_trade_key, own)), 0, each.place)
        elif here:
            keys[each.place] = (*max(map(_trade_key, here)), 2, each.place)
    return keys


def _moment(event: Fill | Order) -> tuple[str, int]:
    return event.symbol, event.time_ms


def _is_older(order_id: str, other: str) -> bool:
    """Whether an order has the lower of two numbers; they rise."""
    return order_id.isdecimal() and other.isdecimal() and int(order_id) < int(other)


def _undated_last(placed: list[Placed]) -> list[Placed]:
    """Answers about a state that date nothing are of now: they stand behind everything else."""
    last = max((each.event.time_ms for each in placed), default=0)
    return [
        changed(each, {"time_ms": last})
        if isinstance(each.event, Statement) and not each.stream and not each.event.time_ms
        else each
        for each in placed
    ]


def _second_end(time_ms: int) -> int:
    return time_ms - time_ms % SECOND_MS + SECOND_MS - 1


def _distinct_prices(placed: Iterable[Placed], problems: list[Problem]) -> list[Placed]:
    """One price or candle of a symbol, and one index of an asset, at a time; another one is a contradiction."""
    seen: dict[object, Placed] = {}
    for each in placed:
        event = each.event
        name = event.asset if isinstance(event, IndexPrice) else getattr(event, "symbol", "")
        first = seen.setdefault((name, event.time_ms, getattr(event, "interval_ms", 0)), each)
        if first is not each:
            values = [_price(found.event) for found in (first, each)]
            problems.append(
                contradiction(f"price of {name} at {event.time_ms}", (first.event, values[0]), (event, values[1]))
            )
    return list(seen.values())


def _distinct_positions(placed: Iterable[Placed]) -> list[Placed]:
    """Closed positions, of equal ones as many as the file has that has most of them."""
    kept: Counter[object] = Counter()
    here: Counter[object] = Counter()
    found = []
    for each in placed:
        what = content(each.event)
        here[each.event.source.file, what] += 1
        if here[each.event.source.file, what] > kept[what]:
            kept[what] += 1
            found.append(each)
    return found


def _price(event: AnyEvent) -> object:
    if isinstance(event, IndexPrice):
        return f"{event.index} (bid {event.bid}, ask {event.ask})"
    if isinstance(event, MarkCandle):
        return f"{event.open}, {event.high}, {event.low}, {event.close} (open, high, low, close)"
    return event.price if isinstance(event, MarkPrice) else None


def _told_twice(times: Counter[str]) -> list[Problem]:
    """A note for each file: how many of its events agree with others and were not counted again."""
    return [
        Problem(file, "", f"{times[file]} of its events are told by another source too: counted once", kind="note")
        for file in sorted(times)
    ]

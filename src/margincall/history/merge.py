"""Several sources of one account -> one history: nothing counted twice, nothing dropped without a word.

Files overlap: a recorded stream, the list of trades, the income history, two recordings of the same hours. What is the
same is recognised by the venue's own marks and kept once:

* a message by its time and content (`history/repeats.py`; a repeat is reported);
* a fill by symbol, trade id and direction, an order by its state (`history/fills.py`);
* profit and commission of the income history by the trade id of their fill, other rows by type and transaction id, and
  by category, asset, amount and nearest time against the flows of the stream (`history/flows.py`).

Of two sources the stream is believed: it printed at the moment. What it left out is taken from the other; where both
speak and differ, that is a problem of kind `contradiction`.

Total order: `time_ms`; then prices, settings, flows and margin moves of answers, the stream in the order of its file
(where a statement stands before the fill that it already holds), orders and fills of answers, statements of answers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from margincall.core.events import (
    AnyEvent,
    Fill,
    Flow,
    IndexPrice,
    MarginMove,
    MarkPrice,
    Order,
    PositionClosed,
    Setting,
    Statement,
)
from margincall.history.fills import merged_fills, merged_orders, with_orders
from margincall.history.flows import moved_with, with_income, without_doubles
from margincall.history.messages import Message, Placed, contradiction
from margincall.history.repeats import without_repeats
from margincall.wire.problems import Problem

STREAM_PHASE = 3
PHASES: dict[type[AnyEvent], int] = {
    Setting: 1, Flow: 2, MarginMove: 2, Order: 4, Fill: 5, Statement: 6, PositionClosed: 7,
}  # fmt: skip
"""Where events of answers stand among those of equal time; prices (0) stand first whoever printed them."""


class Merged(Struct, frozen=True):
    """One history in total order: `seq` counts from 0."""

    events: tuple[AnyEvent, ...]
    problems: tuple[Problem, ...]


def merge(messages: Iterable[Message]) -> Merged:
    """The history that these messages tell together, whatever their order."""
    ranked, ranks = _ranked(messages)
    kept, problems = without_repeats(ranked)
    placed = [
        Placed(event, message.stream, (ranks[message.source.file], message.number, number))
        for message in kept
        for number, event in enumerate(message.events)
    ]
    orders = merged_orders(_of(Order, placed))
    known_fills = merged_fills(_of(Fill, placed))
    fills, income = with_income(with_orders(known_fills.placed, orders.placed), _of(Flow, placed))
    flows = without_doubles(income.kept)
    prices = _distinct_prices(_of(MarkPrice, placed), problems) + _distinct_prices(_of(IndexPrice, placed), problems)
    moves = moved_with(_of(MarginMove, placed), _of(Statement, placed))
    settings, statements = _of(Setting, placed), _of(Statement, placed)
    whole = sorted([*fills, *orders.placed, *flows.kept, *prices, *moves, *settings, *statements], key=_order_key)
    for found in (known_fills, orders, income, flows):
        problems.extend(found.problems)
    problems.extend(_told_twice([*known_fills.repeated, *orders.repeated, *income.repeated, *flows.repeated]))
    return Merged(
        tuple(structs.replace(each.event, seq=seq) for seq, each in enumerate(whole)),
        tuple(problems),
    )


def _ranked(messages: Iterable[Message]) -> tuple[list[Message], dict[str, int]]:
    """Messages in the order in which they are believed, streams first, and the rank of each file.

    Files are ranked by the time at which they begin: of two recordings the later one goes on where the earlier ends.
    """
    ordered = sorted(messages, key=lambda each: (not each.stream, each.source.file, each.number))
    begins: dict[str, int] = {}
    for message in ordered:
        file, time_ms = message.source.file, message.events[0].time_ms
        begins[file] = min(begins.get(file, 0) or time_ms, time_ms or begins.get(file, 0))
    ranks = {file: rank for rank, file in enumerate(sorted(begins, key=lambda file: (begins[file], file)))}
    ordered.sort(key=lambda each: (not each.stream, ranks[each.source.file], each.number))
    return ordered, ranks


def _of(kind: type[AnyEvent], placed: Iterable[Placed]) -> list[Placed]:
    return [each for each in placed if isinstance(each.event, kind)]


def _order_key(placed: Placed) -> tuple[object, ...]:
    event = placed.event
    if isinstance(event, MarkPrice | IndexPrice):
        return event.time_ms, 0, 0, "", placed.place
    if placed.stream:
        return event.time_ms, STREAM_PHASE, 0, "", placed.place
    trade_id = event.trade_id if isinstance(event, Fill) else ""
    return event.time_ms, PHASES[type(event)], len(trade_id), trade_id, placed.place


def _distinct_prices(placed: Iterable[Placed], problems: list[Problem]) -> list[Placed]:
    """One price of a symbol, and one index of an asset, at a time; another one is a contradiction."""
    seen: dict[object, Placed] = {}
    for each in placed:
        event = each.event
        name = event.symbol if isinstance(event, MarkPrice) else event.asset if isinstance(event, IndexPrice) else ""
        first = seen.setdefault((name, event.time_ms), each)
        if first is not each:
            values = [_price(found.event) for found in (first, each)]
            problems.append(
                contradiction(f"price of {name} at {event.time_ms}", (first.event, values[0]), (event, values[1]))
            )
    return list(seen.values())


def _price(event: AnyEvent) -> object:
    if isinstance(event, IndexPrice):
        return f"{event.index} (bid {event.bid}, ask {event.ask})"
    return event.price if isinstance(event, MarkPrice) else None


def _told_twice(repeated: Sequence[Placed]) -> list[Problem]:
    """A note for each file: how many of its events agree with others and were not counted again."""
    times = Counter(each.event.source.file for each in repeated)
    return [
        Problem(file, "", f"{times[file]} of its events are told by another source too: counted once", kind="note")
        for file in sorted(times)
    ]

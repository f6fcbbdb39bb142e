"""What the files of a history can show, whatever they say: which kinds of rows they list, how finely they stamp.

An absent event proves something only where a file lists events of its kind.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from margincall.core.events import AnyEvent, Fill, Flow, Order
from margincall.core.units import ZERO
from margincall.history.messages import SourceFile
from margincall.wire.durations import SECOND_MS

MARGIN_HISTORY = re.compile(r"positionMargin", re.IGNORECASE)
"""In the name of a file that lists margin moves: such a list may be empty, and says something all the same."""
ENDED_UNFILLED = frozenset({"CANCELED", "EXPIRED", "REJECTED"})
ALWAYS = 0
ALL = ""
"""Stands for all symbols."""


class Coverage(Struct, frozen=True):
    """Since when lists that a venue soon forgets are whole, in milliseconds; none where nobody knows.

    `margin`: margin added to and taken from isolated positions, by symbol ("" for all symbols); `unfilled`: orders
    that ended without a fill.
    """

    margin: Mapping[str, int] = {}
    unfilled: int | None = None


class Evidence(Struct, frozen=True):
    """`whole_seconds`: files that stamp whole seconds; `lists_flows`: some file lists wallet changes (a stream, an
    income or transaction history, a statement); `lists_orders`: some file shows client order ids or order types, by
    which a forced close is told from a trader's own; `flows_since`: the earliest wallet change that some file lists;
    `orders_until`: how far the files go that list every order, none where the question was asked later."""

    whole_seconds: frozenset[str] = frozenset()
    lists_flows: bool = False
    lists_orders: bool = False
    coverage: Coverage = Coverage()
    flows_since: int = ALWAYS
    orders_until: int | None = None

    def same_second(self, one: AnyEvent, other: AnyEvent) -> bool:
        """Whether the order of two events cannot be told from their stamps."""
        coarse = one.source.file in self.whole_seconds or other.source.file in self.whole_seconds
        return coarse and one.time_ms // SECOND_MS == other.time_ms // SECOND_MS

    def knows_margin_since(self, time_ms: int, symbol: str) -> bool:
        """Whether every margin move of a symbol since a time is known."""
        margin = self.coverage.margin
        return any(margin[name] <= time_ms for name in (symbol, ALL) if name in margin)

    def knows_unfilled_since(self, time_ms: int) -> bool:
        """Whether every order that ended without a fill since a time is known."""
        is_reached = self.orders_until is None or self.orders_until >= time_ms
        return is_reached and self.coverage.unfilled is not None and self.coverage.unfilled <= time_ms


def evidence_of(
    sources: Iterable[SourceFile], events: Sequence[AnyEvent], coverage: Coverage | None = None
) -> Evidence:
    """What these files can show. A merge leaves no flow of an income history whose rows all belong to known fills: the
    counts of the files still tell of them. `coverage` is given where it is known when the files were made (a case
    folder); else a list that is there is taken for whole."""
    files = list(sources)
    listed = {kind for each in files for kind in each.counts}
    whole_seconds = frozenset(each.file for each in files if each.resolution_ms >= SECOND_MS)
    since = [each.flows_since for each in files if each.flows_since is not None]
    return Evidence(
        whole_seconds=whole_seconds,
        lists_flows="flow" in listed or any(isinstance(event, Flow) for event in events),
        lists_orders="order" in listed or any(_tells_orders(event) for event in events),
        coverage=coverage or Coverage(_margin(files, listed), _unfilled(events, whole_seconds)),
        flows_since=min(since, default=ALWAYS),
        orders_until=None if coverage is not None else _orders_until(events, whole_seconds),
    )


def _orders_until(events: Sequence[AnyEvent], exported: frozenset[str]) -> int | None:
    """The last time in the files that list every order: a recording that ended, or an export that was made, before an
    event says nothing about it. None for answers alone: they are of later."""
    listing = {event.source.file for event in events if isinstance(event, Order) and _is_listing(event, exported)}
    return max((event.time_ms for event in events if event.source.file in listing), default=None) if listing else None


def _is_listing(order: Order, exported: frozenset[str]) -> bool:
    return order.execution not in ("", "ALGO") or order.source.file in exported


def _margin(files: Iterable[SourceFile], listed: set[str]) -> Mapping[str, int]:
    is_listed = "margin_move" in listed or any(MARGIN_HISTORY.search(each.file) for each in files)
    return {ALL: ALWAYS} if is_listed else {}


def _unfilled(events: Sequence[AnyEvent], exported: frozenset[str]) -> int | None:
    """A stream shows every order, and so does the order history that one exports (assumed). A list of the API forgets
    unfilled orders after three days: it is whole as far back as it still shows one."""
    orders = [event for event in events if isinstance(event, Order)]
    if any(_is_listing(order, exported) for order in orders):
        return ALWAYS
    ended = [order.time_ms for order in orders if order.status in ENDED_UNFILLED and order.executed == ZERO]
    return min(ended, default=None)


def _tells_orders(event: AnyEvent) -> bool:
    return isinstance(event, Order) or (isinstance(event, Fill) and bool(event.client_order_id or event.close))

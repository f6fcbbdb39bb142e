"""What the files of a history can show, whatever they say: which kinds of rows they list, how finely they stamp.

An absent event proves something only where a file lists events of its kind.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from margincall.core.events import AnyEvent, Fill, Flow, Order
from margincall.history.messages import SourceFile

SECOND_MS = 1000


class Evidence(Struct, frozen=True):
    """`whole_seconds`: files that stamp whole seconds; `lists_flows`: some file lists wallet changes (a stream, an
    income or transaction history, a statement); `lists_orders`: some file shows client order ids or order types, by
    which a forced close is told from a trader's own."""

    whole_seconds: frozenset[str] = frozenset()
    lists_flows: bool = False
    lists_orders: bool = False

    def same_second(self, one: AnyEvent, other: AnyEvent) -> bool:
        """Whether the order of two events cannot be told from their stamps."""
        coarse = one.source.file in self.whole_seconds or other.source.file in self.whole_seconds
        return coarse and one.time_ms // SECOND_MS == other.time_ms // SECOND_MS


def evidence_of(sources: Iterable[SourceFile], events: Sequence[AnyEvent]) -> Evidence:
    """What these files can show. A merge leaves no flow of an income history whose rows all belong to known fills: the
    counts of the files still tell of them."""
    files = list(sources)
    listed = {kind for each in files for kind in each.counts}
    return Evidence(
        whole_seconds=frozenset(each.file for each in files if each.resolution_ms >= SECOND_MS),
        lists_flows="flow" in listed or any(isinstance(event, Flow) for event in events),
        lists_orders="order" in listed or any(_tells_orders(event) for event in events),
    )


def _tells_orders(event: AnyEvent) -> bool:
    return isinstance(event, Order) or (isinstance(event, Fill) and bool(event.client_order_id or event.close))

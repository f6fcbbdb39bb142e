"""What one element of a file says: events, what was odd about it, and marks of account kinds that are refused."""

from collections.abc import Callable

from msgspec import Struct

from margincall.core.events import AnyEvent, CloseKind, Source
from margincall.wire.kinds import Unmodelled
from margincall.wire.problems import Problem
from margincall.wire.row import BadRow, Notes

CLOSE_PREFIXES: tuple[tuple[str, CloseKind], ...] = (
    ("autoclose-", "liquidation"),
    ("adl_autoclose", "adl"),
    ("settlement_autoclose-", "settlement"),
)
"""Client order ids that the venue itself gives (documentation of ORDER_TRADE_UPDATE and TRADE_LITE)."""


class Reading(Struct, frozen=True):
    """One element, read. Events stand in the venue's order; `stream` tells messages of a stream from answers."""

    events: tuple[AnyEvent, ...] = ()
    problems: tuple[Problem, ...] = ()
    unmodelled: tuple[Unmodelled, ...] = ()
    stream: bool = False


def reading(
    read: Callable[[object, Notes], list[AnyEvent]],
    value: object,
    source: Source,
    raw: object = "",
    *,
    stream: bool,
) -> Reading:
    """Run one reader; what it cannot read becomes a problem with the element's place and text."""
    notes = Notes(source, raw or value)
    try:
        events = tuple(read(value, notes))
    except BadRow as error:
        events = ()
        notes.problem(str(error))
    return Reading(events, tuple(notes.problems), tuple(notes.unmodelled), stream)


def close_kind(client_order_id: str, order_type: str = "", execution: str = "") -> CloseKind:
    """How an order came about. The venue's own client order id says it best: auto-deleveraging is executed as
    CALCULATED too. `o` LIQUIDATION and `x` CALCULATED ("liquidation execution") say it without one."""
    for prefix, kind in CLOSE_PREFIXES:
        if client_order_id.startswith(prefix):
            return kind
    return "liquidation" if order_type == "LIQUIDATION" or execution == "CALCULATED" else ""


def known_id(text: str) -> str:
    """An identifier, "" for the zeros and dashes that the venue prints where there is none."""
    return "" if text in ("0", "-1", "-") else text

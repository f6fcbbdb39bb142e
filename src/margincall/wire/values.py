"""Any decoded JSON value -> readings: it takes off what recorders and libraries wrap around the venue's own shapes."""

from collections.abc import Mapping

from margincall.core.events import AnyEvent, Source
from margincall.wire.api import read_answer
from margincall.wire.candles import candle
from margincall.wire.problems import excerpt
from margincall.wire.reading import Reading, reading
from margincall.wire.row import BadRow, Notes
from margincall.wire.snapshots import joined
from margincall.wire.stream import is_message, read_message

WRAPPERS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"stream", "data"}), "data"),
    (frozenset({"id", "status", "result"}), "result"),
)
"""Keys of a wrapper -> where the venue's value is: combined streams, answers of the WebSocket API."""


def read_value(value: object, source: Source, raw: object = "") -> list[Reading]:
    """The readings of a message, an answer or a list of either, wrapped or not, in their order."""
    value = unwrapped(value)
    if isinstance(value, list):
        if value and not any(isinstance(item, dict | list) for item in value):
            return [reading(candle, value, source, raw, stream=False)]
        return joined([found for item in value for found in read_value(item, source)])
    return joined([_read_object(value, source, raw)])


def unwrapped(value: object) -> object:
    """The venue's own value. ccxt keeps it under `info` of its unified objects."""
    while isinstance(value, dict):
        inner = next((value[key] for shape, key in WRAPPERS if shape <= value.keys()), value.get("info"))
        if not isinstance(inner, dict | list):
            break
        value = inner
    return value


def _read_object(value: object, source: Source, raw: object) -> Reading:
    if not isinstance(value, dict):
        return reading(_no_object, value, source, raw, stream=False)
    found: Mapping[str, object] = value
    return read_message(found, source, raw) if is_message(found) else read_answer(found, source, raw)


def _no_object(value: object, notes: Notes) -> list[AnyEvent]:
    raise BadRow(f"expected an object, found {excerpt(value)!r}")

"""The machine-readable verdict, `margincall.verify/1`. Decimals are strings, times are `*_ms` integers.

The schema is the type `Document`; `json_schema()` is committed as `docs/reference/verify.schema.json`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from margincall.core.assumptions import Assumption
from margincall.forensics.document import Trouble, plain_value, troubles, without_prose
from margincall.forensics.verify.assumptions import BY_ID
from margincall.forensics.verify.check import Check, Conclusion, Interval, Irregularity, Judged, Verified

SCHEMA = "margincall.verify/1"
UNUSABLE = Verified(liquidations=(), checks=(), irregularities=(), refused=("nothing in these files can be used",))
"""The verdict about files of which nothing can be used: cannot tell."""


class JudgedInterval(Struct, frozen=True):
    """When the trigger was reached, and how long the venue took. `to_order_ms`: least and most."""

    survived_ms: int | None
    reached_ms: int | None
    order_ms: int | None
    closed_ms: int | None
    to_order_ms: tuple[int, int] | None
    to_close_ms: int | None


class JudgedLiquidation(Struct, frozen=True):
    """One liquidation or deleveraging with its checks."""

    kind: str
    symbol: str
    position_side: str
    time_ms: int
    order_id: str
    client_order_id: str
    conclusion: Conclusion
    irregularities: tuple[Irregularity, ...]
    interval: JudgedInterval | None
    checks: tuple[Check, ...]


class Document(Struct, frozen=True):
    """`margincall.verify/1`. `checks` and `irregularities` at the top are of what was booked beside the liquidations;
    `refused` says why an account is not judged."""

    schema: str
    conclusion: Conclusion
    refused: tuple[str, ...]
    liquidations: tuple[JudgedLiquidation, ...]
    checks: tuple[Check, ...]
    irregularities: tuple[Irregularity, ...]
    problems: tuple[Trouble, ...]
    assumptions: tuple[Assumption, ...]


def document(verified: Verified, problems: Sequence[Any] = ()) -> dict[str, Any]:
    """The whole verdict as plain values, in the order of the schema."""
    found: dict[str, Any] = plain_value(
        Document(
            schema=SCHEMA,
            conclusion=verified.conclusion,
            refused=verified.refused,
            liquidations=tuple(_liquidation(each) for each in verified.liquidations),
            checks=verified.checks,
            irregularities=verified.irregularities,
            problems=troubles(problems),
            assumptions=tuple(BY_ID[name] for name in verified.assumptions if name in BY_ID),
        )
    )
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the document: names and types, without the prose of the docstrings."""
    found: dict[str, Any] = without_prose(msgspec.json.schema(Document))
    return found


def _liquidation(each: Judged) -> JudgedLiquidation:
    return JudgedLiquidation(
        kind=each.kind,
        symbol=each.symbol,
        position_side=each.position_side,
        time_ms=each.time_ms,
        order_id=each.order_id,
        client_order_id=each.client_order_id,
        conclusion=each.conclusion,
        irregularities=each.irregularities,
        interval=_interval(each.interval),
        checks=each.checks,
    )


def _interval(each: Interval | None) -> JudgedInterval | None:
    if each is None:
        return None
    return JudgedInterval(
        each.survived_ms, each.reached_ms, each.order_ms, each.closed_ms, each.to_order_ms, each.to_close_ms
    )

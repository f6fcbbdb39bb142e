"""The machine-readable answer, `margincall.recover/1`. Decimals are strings, times are `*_ms` integers.

The schema is the type `RecoverDocument`; `json_schema()` is committed as `docs/reference/recover.schema.json`.
"""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from margincall.case.programmes_check import ASSUMPTIONS
from margincall.case.recover import OfClosing, Recovery, UnderProgramme
from margincall.case.recover_lines import Line
from margincall.case.recover_loss import TaxLoss
from margincall.core.assumptions import Assumption
from margincall.forensics.answer import Answer
from margincall.forensics.document import Trouble, plain_value, troubles, without_prose
from margincall.forensics.sheet import Unknown

SCHEMA = "margincall.recover/1"


class RecoverDocument(Struct, frozen=True):
    """`margincall.recover/1`. `closings` are liquidations and deleveragings in the order of their times, and the
    `tables` of each programme follow that order. `warning` is always there. `refused` says why an account is not
    modelled, `no_verdict` why none follows at another venue, `unknown` what the files leave open as a whole."""

    schema: str
    as_of: str
    warning: str
    example: tuple[str, ...]
    refused: tuple[str, ...]
    no_verdict: str
    closings: tuple[OfClosing, ...]
    account: tuple[Line, ...]
    programmes: tuple[UnderProgramme, ...]
    realized_loss: tuple[TaxLoss, ...]
    unknown: tuple[Unknown, ...]
    problems: tuple[Trouble, ...]
    assumptions: tuple[Assumption, ...]


def recover_document(found: Answer, recovery: Recovery) -> dict[str, Any]:
    """The whole answer as plain values, in the order of the schema."""
    said = RecoverDocument(
        schema=SCHEMA,
        as_of=recovery.as_of,
        warning=recovery.warning,
        example=found.example,
        refused=found.refused,
        no_verdict=found.no_verdict,
        closings=recovery.closings,
        account=recovery.account,
        programmes=recovery.programmes,
        realized_loss=recovery.realized_loss,
        unknown=found.explained.unknown,
        problems=troubles(found.problems),
        assumptions=ASSUMPTIONS,
    )
    values: dict[str, Any] = plain_value(msgspec.to_builtins(said, builtin_types=(Decimal,)))
    return values


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the answer: names and types, without the prose of the docstrings."""
    schema: dict[str, Any] = without_prose(msgspec.json.schema(RecoverDocument))
    return schema

"""The claim of a dispute bundle, `claim.json`: what is disputed, by the venue's own numbers, and what is asked.

Who was liquidated writes it (`margincall dispute`), a dispute desk reads it (`margincall exchange judge`). It is what
somebody says, no evidence: a desk finds by it what is meant, and judges by its own records.
"""

import json
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

from margincall.core.rounding import plain
from margincall.errors import UsageError

SCHEMA = "margincall.dispute/1"
CLAIM = "claim.json"
SIZE_MAX = 1 << 24
"""Bytes of a claim: a longer one is not read."""
DIGITS_MAX = 40

Subject = Literal["liquidation", "deleveraging", "shared loss", "booking"]
"""What is disputed. A booking is one beside a liquidation: funding, a commission, the books as a whole."""
Asked = Literal["refund", "evidence", "answer"]
"""To refund what a broken rule cost; to send the evidence that would settle it; to answer a question."""

Advice = Literal["dispute", "ask", "nothing"]
"""Irregular: dispute it. Cannot tell: ask for the evidence. Nothing irregular was found: a dispute is not advised."""


class Wrong(Struct, frozen=True, kw_only=True):
    """One irregularity: `says` what was found, `causes` what may have caused it, in words, the likeliest first (`kind`
    is that one, or what was found itself). `amount` and `unit` are those of its check (a difference; a price, a rate or
    an asset), `rule` and `source` what it breaks and where that is published, `assumptions` what the check rests on
    besides, where no rule is published, `evidence` the files and lines that show it."""

    kind: str
    says: str
    amount: Decimal | None = None
    unit: str = ""
    rule: str = ""
    source: str = ""
    assumptions: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    or_else: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


class Disputed(Struct, frozen=True, kw_only=True):
    """One thing that is disputed, with the venue's ids, UTC milliseconds, and what is asked for it. `refund` is by
    asset, positive, and empty where no amount follows from the files; `how` says how it does, or why none does.
    `open_order_ids` are the account's own orders that should have been cancelled first, `settled_by` is what would
    settle what cannot be told."""

    subject: Subject
    asked: Asked
    symbol: str
    position_side: str
    times_ms: tuple[int, ...]
    order_ids: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()
    open_order_ids: tuple[str, ...] = ()
    irregularities: tuple[Wrong, ...] = ()
    refund: dict[str, Decimal] = {}
    how: str = ""
    settled_by: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


class Attached(Struct, frozen=True):
    """A file of evidence: its place in the bundle ("" where it was left out, and why), SHA-256 and bytes of the
    original (of a redacted bundle neither), and where it came from, as far as a case folder tells."""

    path: str
    sha256: str
    size: int
    left_out: str = ""
    origin: str = ""


class Claim(Struct, frozen=True, kw_only=True):
    """`margincall.dispute/1`. `account` is the account's number at the venue ("" where no file prints it and none was
    given); `conclusion` what `margincall verify` concludes of the files, `advice` what follows; `market_store` says
    that stored market data, which is not enclosed, was used beside the files. `folder`, where it was written, is told
    by the command alone."""

    schema: str = SCHEMA
    venue: str
    account: str
    conclusion: str
    advice: Advice
    disputed: tuple[Disputed, ...]
    refund: dict[str, Decimal] = {}
    redacted: bool = False
    redacted_amounts: bool = False
    evidence: tuple[Attached, ...] = ()
    made_by: str = ""
    folder: str = ""
    market_store: bool = False
    problems: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def encode(claim: Claim) -> bytes:
    """The claim as JSON: decimals as plain text, times as integers."""
    return json.dumps(plain_values(claim), indent=2, ensure_ascii=False).encode() + b"\n"


def plain_values(claim: Claim) -> dict[str, Any]:
    """The claim as plain values, in the order of the schema."""
    found = json.dumps(msgspec.to_builtins(claim, builtin_types=(Decimal,)), default=_text)
    values: dict[str, Any] = json.loads(found)
    return values


def _text(number: Decimal) -> str:
    return format(plain(number), "f")


def decode(data: bytes, name: str = CLAIM) -> Claim:
    """A claim from JSON. Raises `UsageError` for what is none: of another schema or type, too large, a number that is
    none."""
    if len(data) > SIZE_MAX:
        raise UsageError(f"{name} is larger than {SIZE_MAX} bytes: no claim")
    try:
        claim = msgspec.json.decode(data, type=Claim)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is no claim of {SCHEMA}: {error}") from None
    if claim.schema != SCHEMA:
        raise UsageError(f"{name} is of schema {claim.schema[:80]!r}, not {SCHEMA}")
    refunds = [claim.refund, *(each.refund for each in claim.disputed)]
    amounts = [amount for each in refunds for amount in each.values()]
    if any(not amount.is_finite() or amount <= 0 or len(amount.as_tuple().digits) > DIGITS_MAX for amount in amounts):
        raise UsageError(f"{name}: a refund is a positive number of at most {DIGITS_MAX} digits")
    return claim


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a claim; decimals are strings of digits."""
    return msgspec.json.schema(Claim)

"""What a started server says of itself for scripts: `margincall.exchange.serve/1`.

`json_schema()` is committed as `docs/reference/exchange_serve.schema.json`.
"""

from typing import Any

import msgspec
from msgspec import Struct


class IssuedKey(Struct, frozen=True):
    """A key that was made just now; its secret is told once."""

    account: str
    key: str
    secret: str


class ServeDocument(Struct, frozen=True, kw_only=True):
    """Where it listens, and the keys that were made just now."""

    schema: str = "margincall.exchange.serve/1"
    is_simulated: bool = True
    host: str
    port: int
    is_encrypted: bool
    control_port: int
    control_token: str
    folder: str
    is_temporary: bool
    keys: tuple[IssuedKey, ...]
    symbols: tuple[str, ...]
    problems: tuple[str, ...] = ()
    assumptions: tuple[str, ...]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `margincall.exchange.serve/1`."""
    return msgspec.json.schema(ServeDocument)

"""Environment variables that override a configuration: `MARGINCALL__SECTION__KEY=value`.

Parts between double underscores are keys in lower case; a number picks an element that a list in the file already has,
from 0. The value is a text where the field is one (`MARGINCALL__SERVER__HOST=0.0.0.0`), else it is read as TOML
(`MARGINCALL__ACCOUNT__0__LEVERAGE=20`, `MARGINCALL__SYMBOLS=["BTCUSDT"]`).
"""

from collections.abc import Mapping
from typing import Any

from margincall.config.problem import Key
from margincall.config.values import Trouble, Unset

PREFIX = "MARGINCALL__"


def overridden(table: dict[str, Any], environ: Mapping[str, str], out: list[Trouble]) -> dict[Key, str]:
    """Put the values of the variables into `table`. Returns which variable set which key; what has no place in the
    table goes to `out`."""
    names: dict[Key, str] = {}
    for name in sorted(environ):
        if name.startswith(PREFIX):
            parts = name.removeprefix(PREFIX).lower().split("__")
            key = _put(table, parts, environ[name], out)
            names[key] = name
    return names


def _put(table: dict[str, Any], parts: list[str], text: str, out: list[Trouble]) -> Key:
    """Set one value; the key that was set, or at which it failed."""
    here: Any = table
    key: Key = ()
    for place, part in enumerate(parts):
        step: str | int = part
        if isinstance(here, list):
            if not (part.isdecimal() and part.isascii() and int(part) < len(here)):
                out.append(Trouble((*key, part), f"expected a number below {len(here)}: the list has so many elements"))
                return (*key, part)
            step = int(part)
        elif not isinstance(here, dict):
            out.append(Trouble((*key, part), "expected a table to set this key in"))
            return (*key, part)
        key = (*key, step)
        if place == len(parts) - 1:
            here[step] = Unset(text)
        else:
            here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
    return key

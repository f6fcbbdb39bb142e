"""Polars, imported when it is first needed: it is an extra, and heavy."""

from functools import lru_cache
from types import ModuleType
from typing import Any, TypeAlias

from margincall.errors import UsageError

NEEDS = "the store of market data needs polars: pip install 'margincall[market]'"
Frame: TypeAlias = Any
"""A `polars.DataFrame`; its type is not named, because that would import it."""


@lru_cache(maxsize=1)
def polars() -> ModuleType:
    """The module. Raises `UsageError` where it is not installed."""
    try:
        import polars
    except ModuleNotFoundError as error:
        raise UsageError(NEEDS) from error
    return polars


def broken_frame() -> tuple[type[BaseException], ...]:
    """What polars raises for a damaged file. A panic of its compiled part is no `Exception`, so it is named."""
    found = polars().exceptions
    return (found.PolarsError, found.PanicException, OSError)

"""Libraries that only some commands need, and the extra that installs each: a missing one is no bug."""

from collections.abc import Mapping

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "aiohttp": ("market", "live"),
    "keyring": ("live",),
    "polars": ("market",),
    "jinja2": ("report",),
    "matplotlib": ("report",),
    "typst": ("report",),
}
"""Each library with the extras of `pyproject.toml` that hold it; a test compares."""


def missing_extra(error: ModuleNotFoundError) -> str:
    """What to install where an import failed for a library of an extra; "" for any other module, which is a bug."""
    name = (error.name or "").partition(".")[0]
    named = " or ".join(f"'margincall[{each}]'" for each in EXTRAS.get(name, ()))
    return f"this needs {name}, which is not installed: pip install {named}" if named else ""

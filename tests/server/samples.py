"""The venue's samples of stream messages, and whether a message is written like one: key by key and type by type."""

import json
from pathlib import Path
from typing import Any


def sample(shared: Path, name: str) -> Any:
    """The message in a sample of subscriptions."""
    text = (shared / "api_samples/Subscriptions-UsdFutures" / f"{name}.txt").read_text()
    return json.loads(text[text.index("\n=") + 2 :])["data"]


def unlike(told: Any, shown: Any, more: frozenset[str] = frozenset(), path: str = "") -> list[str]:
    """Where a message differs from a sample in keys or types; `more` are keys that came after the sample. A list is
    compared by its first element."""
    if isinstance(shown, dict):
        if not isinstance(told, dict):
            return [f"{path}: no object"]
        found = [f"{path}.{key} is missing" for key in shown if key not in told]
        found += [f"{path}.{key} is new" for key in told if key not in shown and key not in more]
        for key in shown.keys() & told.keys():
            found += unlike(told[key], shown[key], more, f"{path}.{key}")
        return found
    if isinstance(shown, list):
        if not isinstance(told, list):
            return [f"{path}: no list"]
        return unlike(told[0], shown[0], more, f"{path}[]") if told and shown else []
    same = type(told) is type(shown) or (path.endswith("mmr") and isinstance(told, int | float))
    return [] if same else [f"{path}: {type(told).__name__}, not {type(shown).__name__}"]

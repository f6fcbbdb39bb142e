"""The venue's samples, and a comparer of an answer with one: key by key and type by type."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

COMMENT = re.compile(r"(?<![:\"])//[^\n]*")
FOLDER = "api_samples/Endpoints-UsdFutures"


def sample(shared: Path, name: str) -> Any:
    """The answer in a sample file: what follows its first three lines."""
    text = (shared / FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    body = COMMENT.sub("", text.split("\n", 3)[3]).strip()
    return json.JSONDecoder().raw_decode(body)[0]


def kind(value: object) -> str:
    """The JSON type, numbers apart."""
    return type(value).__name__


def unlike(told: object, printed: object, at: str = "", wanted: Mapping[str, str] | None = None) -> Iterator[str]:
    """Where an answer has other keys or types than a sample. Every row of a list is compared with the first one of the
    sample; a list of words may be empty. `wanted` are types by key where the sample is known to be wrong."""
    wanted = wanted or {}
    name = at.rpartition(".")[2]
    if name in wanted:
        if kind(told) != wanted[name]:
            yield f"{at}: {kind(told)}, not {wanted[name]}"
    elif kind(told) != kind(printed):
        yield f"{at or '$'}: {kind(told)}, not {kind(printed)}"
    elif isinstance(told, dict) and isinstance(printed, dict):
        yield from (f"{at}.{key}: is missing" for key in printed.keys() - told.keys())
        for key in sorted(printed.keys() & told.keys()):
            yield from unlike(told[key], printed[key], f"{at}.{key}", wanted)
    elif isinstance(told, list) and isinstance(printed, list):
        if printed and not told and isinstance(printed[0], list | dict):
            yield f"{at or '$'}: no rows"
        if printed and all(not isinstance(each, list | dict) for each in printed) and len(set(map(kind, printed))) > 1:
            if list(map(kind, told)) != list(map(kind, printed)):
                yield f"{at}: {list(map(kind, told))}, not {list(map(kind, printed))}"
            return
        for each in told if printed else ():
            yield from unlike(each, printed[0], f"{at}[]", wanted)


def extra(told: object, printed: object, at: str = "") -> Iterator[str]:
    """Keys of an answer that the sample has not."""
    if isinstance(told, dict) and isinstance(printed, dict):
        for key in sorted(told):
            if key not in printed:
                yield f"{at}.{key}"
            else:
                yield from extra(told[key], printed[key], f"{at}.{key}")
    elif isinstance(told, list) and isinstance(printed, list) and printed:
        for each in told:
            yield from extra(each, printed[0], f"{at}[]")

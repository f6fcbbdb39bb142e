"""The venue's samples of answers and stream messages, and where ours differ from one: key by key, type by type.

Types are those that clients tell apart: a flag, an int, a float, null, a text of digits (an amount), another text.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ENDPOINTS, STREAMS = "api_samples/Endpoints-UsdFutures", "api_samples/Subscriptions-UsdFutures"
COMMENT = re.compile(r"(?<![:\"])//[^\n]*")
AMOUNT = re.compile(r"-?\d+(\.\d+)?")
DISCRIMINATORS = ("filterType",)
"""Keys by which rows of one list are of several kinds."""


class Sample(NamedTuple):
    """The answer to a method of a path, or the message of a stream (of which only `told` is known)."""

    method: str
    path: str
    told: Any


def endpoint_sample(shared: Path, name: str) -> Sample:
    """Method, path and a flag stand above the answer."""
    text = (shared / ENDPOINTS / f"{name}.txt").read_text(encoding="utf-8-sig")
    method, path, _, body = text.split("\n", 3)
    return Sample(method.strip(), path.strip(), _decoded(body))


def stream_sample(shared: Path, name: str) -> Sample:
    """A question, its answer, and the message behind `=`."""
    text = (shared / STREAMS / f"{name}.txt").read_text(encoding="utf-8-sig")
    return Sample("", "", _decoded(text[re.search(r"^=\d?", text, re.MULTILINE).end() :])["data"])  # type: ignore[union-attr]


def names(shared: Path, folder: str) -> list[str]:
    """All samples of a folder."""
    root = shared / folder
    return sorted(str(path.relative_to(root).with_suffix("")) for path in root.rglob("*.txt"))


def _decoded(text: str) -> Any:
    return json.JSONDecoder().raw_decode(COMMENT.sub("", text).strip())[0]


def kind(value: object) -> str:
    """The type of a value."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        return "amount" if AMOUNT.fullmatch(value) else "text"
    return {"NoneType": "null", "dict": "object"}.get(type(value).__name__, type(value).__name__)


def differences(ours: Any, theirs: Any, at: str = "") -> set[str]:
    """Each difference once, as `PATH: what`. Of a list each of our rows is compared with the row of theirs that is most
    like it; no row of ours where they have some is a difference too."""
    return set(_differences(ours, theirs, at))


def _differences(ours: Any, theirs: Any, at: str) -> Iterator[str]:
    if kind(ours) != kind(theirs):
        yield f"{at or '$'}: {kind(ours)}, not {kind(theirs)}"
    elif isinstance(theirs, dict):
        yield from (f"{at}.{key}: more" for key in ours.keys() - theirs.keys())
        yield from (f"{at}.{key}: missing" for key in theirs.keys() - ours.keys())
        for key in ours.keys() & theirs.keys():
            yield from _differences(ours[key], theirs[key], f"{at}.{key}")
    elif isinstance(theirs, list):
        yield from _of_lists(ours, theirs, at)


def _of_lists(ours: list[Any], theirs: list[Any], at: str) -> Iterator[str]:
    is_row = at.endswith("[]") and not any(isinstance(each, list | dict) for each in theirs)
    if is_row:
        if [kind(each) for each in ours] != [kind(each) for each in theirs]:
            yield f"{at}: {' '.join(map(kind, ours))}, not {' '.join(map(kind, theirs))}"
        return
    if theirs and not ours:
        yield f"{at or '$'}: no rows"
    for row in ours if theirs else ():
        yield from _of_row(row, theirs, f"{at}[]")


def _of_row(ours: Any, theirs: list[Any], at: str) -> Iterator[str]:
    for key in DISCRIMINATORS:
        if isinstance(ours, dict) and key in ours:
            theirs = [each for each in theirs if each[key] == ours[key]]
            at = f"{at[:-2]}[{ours[key]}]"
    if not theirs:
        yield f"{at}: more"
        return
    yield from min((list(_differences(ours, each, at)) for each in theirs), key=len)

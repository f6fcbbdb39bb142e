"""Where a number stands: the file of the bundle and the line in which it is printed.

A number is cited only where it can be read. What follows from other numbers is said to be calculated; it has no line.
"""

import gzip
import re
from array import array
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, cast

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
VALUE_LINES = 400
"""So many lines of one JSON value are looked through: in an indented file it begins above its numbers."""
GZIPPED = b"\x1f\x8b"
STORED = "stored market data"
"""What is said to the public of a place that is not in the bundle: the store calls a file as its importer did."""


def placed(evidence: str, places: Mapping[str, str], *, redact: bool = False) -> str:
    """A place of evidence with the file's place in the bundle instead of that on this machine. What is not in the
    bundle is said as it is; `redact`: only that it was stored."""
    for file in sorted(places, key=len, reverse=True):
        if evidence == file or evidence.startswith((f"{file}:", f"{file}/", f"{file}!")):
            return places[file] + evidence[len(file) :]
    return STORED if redact and evidence else evidence


def stands_in(number: Decimal, text: str) -> bool:
    """Whether a number is printed in a text, with any zeros at its end and with either sign."""
    return any(Decimal(found) == abs(number) for found in NUMBER.findall(text))


class Lines:
    """The files of a bundle, read for the lines that are cited. `places` is where in the bundle each file stands."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """Nothing is read before it is asked for."""
        self.places = places
        self._starts: dict[str, array[int] | None] = {}

    def cite(self, source: str, *numbers: Decimal) -> str:
        """The place in the bundle at which all of these numbers are printed: `file:line`, `file:first-last` where they
        stand in several lines of one value; "" where they do not stand there. A row of a table that is no text (in an
        archive) is cited as its reader tells it; what is not in the bundle is not cited."""
        file, _, line = source.rpartition(":")
        is_enclosed = placed(source, self.places) != source
        if not numbers or not is_enclosed or not line.isdigit():
            return ""
        lines = self._value(file, int(line))
        if lines is None:
            return placed(source, self.places)
        held = [next((at for at, text in enumerate(lines) if stands_in(each, text)), None) for each in numbers]
        if None in held:
            return ""
        first, last = (int(line) + pick(cast("list[int]", held)) for pick in (min, max))
        return placed(f"{file}:{first}", self.places) + (f"-{last}" if last > first else "")

    def _value(self, file: str, line: int) -> Sequence[str] | None:
        """The lines of the value that begins in a line; None if the file cannot be read as text."""
        if file not in self._starts:
            self._starts[file] = _starts(file)
        starts = self._starts[file]
        if starts is None:
            return None
        found: list[str] = []
        depth = 0
        with _opened(Path(file)) as data:
            data.seek(starts[line - 1] if line <= len(starts) else 0)
            for raw in data if line <= len(starts) else ():
                text = raw.decode(errors="replace")
                found.append(text)
                depth += text.count("{") - text.count("}")
                if depth <= 0 or len(found) == VALUE_LINES:
                    break
        return found


def _starts(file: str) -> "array[int] | None":
    """Where each line of a file begins; None for what is no file of text."""
    path = Path(file)
    if not path.is_file():
        return None
    starts = array("q", [0])
    with _opened(path) as data:
        if data.read(2) == b"PK":
            return None
        data.seek(0)
        for raw in data:
            starts.append(starts[-1] + len(raw))
    return starts[:-1]


def _opened(path: Path) -> BinaryIO:
    data = path.open("rb")
    if data.read(2) == GZIPPED:
        data.close()
        return cast("BinaryIO", gzip.open(path, "rb"))
    data.seek(0)
    return data

"""Identifiers that a spreadsheet has rewritten as numbers: they name nothing any more, and are taken out.

A spreadsheet shows a long number as `8.38977E+18`, and keeps 15 digits of it: 8389765568816714211 is saved as
8389765568816710000. One such id could be true; a column in which every long one ends in zeros is not.
"""

import re
from collections.abc import Sequence

from msgspec import structs

from margincall.core.events import AnyEvent
from margincall.wire.exports import Shape
from margincall.wire.problems import Problem
from margincall.wire.row import place_of

DIGITS_KEPT = 15
"""Digits that a spreadsheet keeps."""
SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d+", re.ASCII)


def without_damaged_ids(events: list[AnyEvent], shape: Shape, file: str) -> tuple[list[AnyEvent], list[Problem]]:
    """The events without damaged ids, and a problem for each column that has any."""
    found, problems = events, []
    for field in shape.ids:
        values = [getattr(event, field) for event in found]
        damaged = _damaged(values)
        if not damaged:
            continue
        found = list(found)
        for number in damaged:
            found[number] = structs.replace(found[number], **{field: ""})
        first = min(damaged)
        heading = shape.keys.spelled(field)
        message = (
            f"{len(damaged)} of {len(values)} ids in {heading} were cut to {DIGITS_KEPT} digits by a spreadsheet: "
            "these rows count without it. Download the export again and do not save it from a spreadsheet"
        )
        problems.append(Problem(file, place_of(found[first].source), message, values[first], "damaged-id"))
    return found, problems


def _damaged(values: Sequence[str]) -> list[int]:
    """The numbers of the ids that are damaged."""
    found = [number for number, value in enumerate(values) if not value.isdigit() and SCIENTIFIC.fullmatch(value)]
    long = [number for number, value in enumerate(values) if len(value) > DIGITS_KEPT and value.isdigit()]
    if long and not any(values[number][DIGITS_KEPT:].strip("0") for number in long):
        found += long
    return found

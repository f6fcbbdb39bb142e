"""Mistakes that are none: what they change cannot be seen in any answer, each with the reason.

A mutation is one of these if file, what stood there and what stands there now are the same.
"""

from typing import NamedTuple


class Equivalent(NamedTuple):
    """A mutation that changes no answer, and why."""

    file: str
    original: str
    mutated: str
    why: str


EQUIVALENT: tuple[Equivalent, ...] = ()

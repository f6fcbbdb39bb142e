"""Which invariants hold under which rule-set: the matrix of `docs/spec/invariants.md` as a value.

The page is for people and says why; a test holds the two against each other.
"""

from collections.abc import Mapping
from typing import Literal

Verdict = Literal["holds", "violated", "n/a"]
SETS = ("usdm", "coinm", "dydx", "socialised", "clawback")

_H, _V, _N = "h", "v", "n"
_ROWS: Mapping[int, str] = {
    1: "hhhhh", 2: "hhhhh", 3: "hhhhh", 4: "hhhhh", 5: "hhhhh",
    6: "vvvvh", 7: "nnnvh", 8: "hhhhh", 9: "vvhnn", 10: "vvhvv",
    11: "hhvhh", 12: "hhhhh", 13: "hhnhh", 14: "vvvvv", 15: "hhhnn",
    16: "hhvhh", 17: "hhhhh", 18: "vvvhh", 19: "vvvhh", 20: "vvvvh",
    21: "hhhhh", 22: "hhhhh", 23: "hhhhh", 24: "hhhhh", 25: "nnnnn",
    26: "hhhhh",
}  # fmt: skip
_WORDS: Mapping[str, Verdict] = {_H: "holds", _V: "violated", _N: "n/a"}

MATRIX: Mapping[tuple[int, str], Verdict] = {
    (number, name): _WORDS[letter] for number, row in _ROWS.items() for name, letter in zip(SETS, row, strict=True)
}


def holding(name: str) -> list[int]:
    """The numbers of the invariants that hold under a rule-set; all that have a law for one that is not in the page."""
    if name not in SETS:
        return [1, 2, 8, 21, 23, 24]
    return [number for number in _ROWS if MATRIX[number, name] == "holds"]

"""What a reader could not use, as a value: bulk readers return `(values, problems)` and go on."""

from msgspec import Struct

RAW_LENGTH = 200
"""Characters of raw text that a problem keeps."""


class Problem(Struct, frozen=True):
    """One thing in the user's files that could not be used as it stands.

    `place` is a line (`line 12`) or a key path (`[3].brackets[1].cum`), `raw` the text found there, `kind` a short
    word for the sort of problem (`unreadable`, `unknown-key`, `unsound`, …) by which callers may group.
    """

    file: str
    place: str
    message: str
    raw: str = ""
    kind: str = "unreadable"

    def __str__(self) -> str:
        """`file: place: message [raw]`, in one line."""
        where = ": ".join(part for part in (self.file, self.place) if part)
        return f"{where}: {self.message}" + (f" [{self.raw}]" if self.raw else "")


def excerpt(raw: object) -> str:
    """`raw` as text in one line, cut to what a problem keeps."""
    text = " ".join(str(raw).split())
    return text if len(text) <= RAW_LENGTH else text[: RAW_LENGTH - 1] + "…"

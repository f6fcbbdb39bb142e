"""What is wrong with a configuration, and the exception that carries it."""

import re
from collections.abc import Sequence

import msgspec

from margincall.errors import UsageError

Key = tuple[str | int, ...]
"""A place in a TOML document: names of keys, and indexes of lists from 0. `()` is the whole document."""

BARE = re.compile(r"[A-Za-z0-9_-]+")


class ConfigProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake. `file` names the file, or the environment variable that sets the value (then there is no `line`);
    `line` and `column` count from 1, a column is only known of broken TOML; `raw` is the text of that line, secrets
    struck out; `message` says what was expected and what was found, `hint` what was probably meant ("" if unclear)."""

    file: str
    line: int | None = None
    column: int | None = None
    key: str = ""
    raw: str = ""
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`file:line: key: message; did you mean …?` and below it the text of the line."""
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        said = self.message + (f"; did you mean {self.hint}?" if self.hint else "")
        told = ": ".join(part for part in (where, self.key, said) if part)
        return f"{told}\n    {self.raw}" if self.raw else told


class ConfigError(UsageError):
    """A configuration that cannot be used. `problems` holds all of its mistakes, in the order of their lines."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        """The message is all of them, one below the other."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(each) for each in self.problems))


class Misplaced(UsageError):
    """Mistakes in a configuration that show only when it is used: each with the key at which it stands.
    `config.located` finds the lines."""

    def __init__(self, mistakes: Sequence[tuple[Key, str]]) -> None:
        """Keys, and what was expected there."""
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(f"{dotted(key)}: {message}" for key, message in self.mistakes))


def dotted(key: Key) -> str:
    """A key as people write it: `account[2].leverage`, with quotes where TOML needs them."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if BARE.fullmatch(part) else msgspec.json.encode(part).decode())
    return text

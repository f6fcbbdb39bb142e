"""On which line of a TOML text each key stands. `tomllib` does not say.

The text is one that `tomllib` has read without complaint, so only what separates tokens is looked at: strings,
comments, brackets, commas. Every key and every element of a list gets the line on which it begins; a table that has
several headers, or only exists through a longer one (`[a.b]` makes `a`), the line of the first.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable

from margincall.config.problem import Key

BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
"""What may stand between the elements of a list: blanks, line ends, comments."""
SPACE = re.compile(r"[ \t]*")
KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
STRING = re.compile(
    # Up to two quotes may stand right before the three that end a multi-line string.
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|' + r"'''.*?'''(?:'{0,2})|" + r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""",
    re.DOTALL,
)
SCALAR = re.compile(r"[^,\]}#\n]*")


def places(text: str) -> dict[Key, int]:
    """The line, from 1, of every key in a valid TOML text whose lines end in `\\n`; `()` is on line 1."""
    return _Scanner(text).run()


class _Scanner:
    """One pass over a text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [found.start() for found in re.finditer("\n", text)]
        self.found: dict[Key, int] = {(): 1}
        self.counts: dict[Key, int] = {}
        """Headers of each array of tables so far."""

    def run(self) -> dict[Key, int]:
        table: Key = ()
        while self._skip(BLANK) < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.found

    def _skip(self, pattern: re.Pattern[str]) -> int:
        """Go past what matches; the new place."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return self.at

    def _note(self, key: Key, at: int) -> None:
        self.found.setdefault(key, bisect_right(self.ends, at - 1) + 1)

    def _header(self) -> Key:
        """`[a.b]` or `[[a.b]]`: the table that the pairs below it belong to."""
        begin = self.at
        is_array = self.text.startswith("[[", begin)
        self.at += 2 if is_array else 1
        *parents, last = self._parts()
        self.at += 2 if is_array else 1
        key: Key = ()
        for part in parents:
            key = (*key, part)
            self._note(key, begin)
            if key in self.counts:
                key = (*key, self.counts[key] - 1)
        key = (*key, last)
        self._note(key, begin)
        if is_array:
            self.counts[key] = self.counts.get(key, 0) + 1
            key = (*key, self.counts[key] - 1)
            self._note(key, begin)
        return key

    def _parts(self) -> list[str]:
        """The names of a dotted key, up to the `=` or `]` behind it."""
        parts = []
        while True:
            self._skip(SPACE)
            begin = self.at
            parts.append(_name(self.text[begin : self._skip(KEY)]))
            self._skip(SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _pair(self, table: Key) -> None:
        """`a.b = value`, of the document, of a table or within braces."""
        begin = self.at
        key = table
        for part in self._parts():
            key = (*key, part)
            self._note(key, begin)
        self.at += 1
        self._skip(SPACE)
        self._value(key)

    def _value(self, key: Key) -> None:
        sign = self.text[self.at]
        if sign == "[":
            self._list("]", lambda index: self._element((*key, index)))
        elif sign == "{":
            self._list("}", lambda _: self._pair(key))
        else:
            self._skip(STRING if sign in "\"'" else SCALAR)

    def _element(self, key: Key) -> None:
        self._note(key, self.at)
        self._value(key)

    def _list(self, end: str, each: Callable[[int], None]) -> None:
        """What stands between brackets, one by one, and the bracket that closes."""
        self.at += 1
        index = 0
        while self.text[self._skip(BLANK)] != end:
            each(index)
            index += 1
            if self.text[self._skip(BLANK)] == ",":
                self.at += 1
        self.at += 1


def _name(token: str) -> str:
    """A key without its quotes and escapes."""
    if token[:1] not in ('"', "'"):
        return token
    (name,) = tomllib.loads(f"{token} = 0")
    return name

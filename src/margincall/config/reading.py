"""From a file or a text to a value, and from mistakes to lines."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from margincall.config.environment import overridden
from margincall.config.places import places
from margincall.config.problem import ConfigError, ConfigProblem, Key, Misplaced, dotted
from margincall.config.values import Trouble, checked, toml_float
from margincall.wire.numbers import DIGITS_MAX
from margincall.wire.row import SECRETS, readable

T = TypeVar("T")

SIZE_MAX = 4 * 1024 * 1024
"""Bytes of a configuration; a larger file is something else."""
LONG = re.compile(r"[0-9_]{1000,}", re.ASCII)
PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


def load(source: Path | str, kind: type[T], *, name: str = "", environ: Mapping[str, str] | None = None) -> T:
    """The configuration in a file (`Path`) or a text (`str`) as a value of `kind`.

    `name` is what messages call it, by default the path or "configuration". Variables `MARGINCALL__SECTION__KEY` of
    `environ` override the file. None count by default, since a scenario must not depend on who runs it; commands pass
    `os.environ`. Keys that `kind` does not have are refused, whether or not it forbids them.

    Raises `ConfigError` (exit code 3) with every mistake of the file. Of broken TOML only the first place is known.
    """
    name = name or (str(source) if isinstance(source, Path) else "configuration")
    text = _text(source, name)
    table = _parsed(text, name)
    out: list[Trouble] = []
    variables = overridden(table, environ or {}, out)
    value = checked(table, kind, (), out)
    if out:
        found = [_located(each, name, text, variables) for each in _with_lines(out, text)]
        raise ConfigError(found)
    result: T = value
    return result


@contextmanager
def located(source: Path | str, *, name: str = "") -> Iterator[None]:
    """What is `Misplaced` in a configuration that `load` has read is raised as a `ConfigError`, with its lines."""
    try:
        yield
    except Misplaced as error:
        name = name or (str(source) if isinstance(source, Path) else "configuration")
        text = _text(source, name)
        out = [Trouble(key, message) for key, message in error.mistakes]
        raise ConfigError([_located(each, name, text, {}) for each in _with_lines(out, text)]) from None


def _text(source: Path | str, name: str) -> str:
    """The text with line ends as `\\n`, without a byte order mark."""
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                raw = file.read(SIZE_MAX + 1)
        except OSError as error:
            raise ConfigError([ConfigProblem(file=name, message=f"cannot be read: {error.strerror}")]) from None
    else:
        raw = source.encode("utf-8", "surrogatepass")
    if len(raw) > SIZE_MAX:
        raise ConfigError([ConfigProblem(file=name, message=f"expected at most {SIZE_MAX} bytes")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        said = readable(raw.split(b"\n")[line - 1].strip())
        raise ConfigError([ConfigProblem(file=name, line=line, raw=said, message="expected UTF-8 text")]) from None
    return text.replace("\r\n", "\n")


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=toml_float)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_broken(error, text, name)]) from None
    except RecursionError:
        raise ConfigError([ConfigProblem(file=name, message="lists or tables are nested too deeply")]) from None
    except ValueError as error:
        # An integer longer than Python reads, the one complaint of `tomllib` that has no place.
        raise ConfigError([_too_long(error, text, name)]) from None


def _broken(error: tomllib.TOMLDecodeError, text: str, name: str) -> ConfigProblem:
    """Where and why a text is no TOML."""
    said = str(error)
    place = PLACE.search(said)
    lines = text.split("\n")
    line, column = len(lines), len(lines[-1]) + 1
    if place is not None and place["line"]:
        line, column = int(place["line"]), int(place["column"])
    message = f"not valid TOML: {PLACE.sub('', said)}"
    return ConfigProblem(file=name, line=line, column=column, raw=readable(lines[line - 1].strip()), message=message)


def _too_long(error: ValueError, text: str, name: str) -> ConfigProblem:
    """Where an integer of thousands of digits stands, if that is what `tomllib` could not read."""
    found = LONG.search(text)
    if found is None:
        return ConfigProblem(file=name, message=f"not valid TOML: {error}")
    line = text.count("\n", 0, found.start()) + 1
    raw = readable(text.split("\n")[line - 1].strip())
    return ConfigProblem(file=name, line=line, raw=raw, message=f"expected numbers of at most {DIGITS_MAX} digits")


def _with_lines(out: list[Trouble], text: str) -> list[tuple[int, Trouble]]:
    """Each mistake with its line, in the order of lines. A key that is not there has the line of what lacks it."""
    lines = places(text)

    def line(key: Key) -> int:
        while key not in lines:
            key = key[:-1]
        return lines[key]

    return sorted(((line(each.key), each) for each in out), key=lambda found: found[0])


def _located(found: tuple[int, Trouble], name: str, text: str, variables: Mapping[Key, str]) -> ConfigProblem:
    """A mistake with all that a reader wants to know of its place. The value of a secret is left out."""
    line, each = found
    key = dotted(each.key)
    is_shown = each.found and not SECRETS.search(f"{key} = x")
    message = f"{each.message}, found {each.found}" if is_shown else each.message
    for length in range(len(each.key), 0, -1):
        if variable := variables.get(each.key[:length]):
            return ConfigProblem(file=variable, key=key, message=message, hint=each.hint)
    raw = readable(text.split("\n")[line - 1].strip())
    return ConfigProblem(file=name, line=line, key=key, raw=raw, message=message, hint=each.hint)

"""A command to go on with, as it can be copied: with the paths and options that the user gave to this one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

SHARED = frozenset({"beside", "tz", "start", "end", "store_folder", "no_store", "account", "number"})
"""Parameters that mean the same to verify, recover, dispute and report."""
NEVER = frozenset({"as_json", "markdown_file"})
"""What prints or writes the same answer otherwise."""


def again(name: str, *more: str) -> str:
    """`margincall NAME` with the paths of the running command and what of its options NAME has too, quoted for a
    shell; `more` comes last. "" where the running command was given no paths and NAME needs some."""
    context = click.get_current_context()
    paths = [_path(each) for each in context.params.get("paths", ())]
    if not paths and name == "dispute":
        return ""
    is_own = context.command.name == name
    words = ["margincall", name, *paths]
    for each in context.command.params:
        if isinstance(each, click.Option) and each.name not in NEVER and (is_own or each.name in SHARED):
            words += _words(each, context.params.get(each.name or ""))
    return shlex.join([*words, *more])


def _words(option: click.Option, value: Any) -> Iterator[str]:
    """An option with its value, as it was or could have been given; nothing where it is as without it."""
    if value == option.default or value in (None, "", ()) or (value is False and not option.secondary_opts):
        return
    name = next((each for each in option.opts if each.startswith("--")), option.opts[0])
    if option.is_flag:
        yield name if value else option.secondary_opts[0]
        return
    for one in value if isinstance(value, tuple) else (value,):
        text = str(one)
        yield from (f"{name}={text}",) if text.startswith("-") else (name, text)


def _path(path: Path) -> str:
    return f"./{path}" if str(path).startswith("-") else str(path)

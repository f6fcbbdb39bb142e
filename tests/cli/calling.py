"""Calls the command line in this process, as a user's shell would, and returns what it said."""

import contextlib
import io
import os
import sys
from typing import NamedTuple
from unittest import mock

from margincall.cli.main import main


class Called(NamedTuple):
    """Exit code, standard output and standard error of one call."""

    code: int
    out: str
    err: str


def call(*arguments: str, columns: str | None = None) -> Called:
    """`margincall ARGUMENTS…`, piped; `columns` is the variable COLUMNS."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.dict(os.environ, {} if columns is None else {"COLUMNS": columns}),
        mock.patch.object(sys, "argv", ["margincall", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
    return Called(code, out.getvalue(), err.getvalue())

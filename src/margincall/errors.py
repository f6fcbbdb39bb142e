"""The exceptions that reach a user, and the exit codes.

    MargincallError
    ├── UsageError          wrong flags, paths or values: exit code 3
    │   └── ConfigError     mistakes in a configuration, each with its line (in `margincall.config`)
    ├── NothingUsable       no file held anything that can be used: exit code 2
    └── Refused             refused for safety: exit code 4

A bug is an assertion and is never caught as one of these. `CANNOT_TELL` and `NOT_JUDGED` are no errors: they are the
conclusions of commands that judge (verify, dispute, report), beside nothing irregular (0) and irregular (1).
"""

FINE = 0
DIFFERENCES = 1
NOTHING_USABLE = 2
USAGE = 3
REFUSED = 4
CANNOT_TELL = 5
NOT_JUDGED = 6
BUG = 70


class MargincallError(Exception):
    """Base of all errors meant for the user; the message says what to do next."""

    exit_code = USAGE


class UsageError(MargincallError):
    """The command was called in a way that makes no sense."""


class NothingUsable(MargincallError):
    """Nothing in the given files could be used."""

    exit_code = NOTHING_USABLE


class Refused(MargincallError):
    """Refused for safety."""

    exit_code = REFUSED

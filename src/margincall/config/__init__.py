"""Configuration: TOML text -> a msgspec value, or every mistake in it with line, key, and what was expected.

    load(Path("exchange.toml"), Exchange, environ=os.environ)

What a configuration may hold is told by the types of a `msgspec.Struct`; `kinds` has those that TOML needs beside
Python's own. Nothing else in the project reads TOML.
"""

from margincall.config.kinds import Bounds, NotNegative, Positive, Share, TimeMs, time_ms
from margincall.config.problem import ConfigError, ConfigProblem
from margincall.config.reading import load

__all__ = [
    "Bounds",
    "ConfigError",
    "ConfigProblem",
    "NotNegative",
    "Positive",
    "Share",
    "TimeMs",
    "load",
    "time_ms",
]

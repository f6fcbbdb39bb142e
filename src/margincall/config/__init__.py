"""Configuration: TOML text -> a msgspec value, or every mistake in it with line, key, and what was expected.

    load(Path("exchange.toml"), Exchange, environ=os.environ)

What a configuration may hold is told by the types of a `msgspec.Struct`; `kinds` has those that TOML needs beside
Python's own. Nothing else in the project reads TOML.
"""

from margincall.config.kinds import Bounds, NotNegative, Positive, Share, SpanMs, TimeMs, span_ms, time_ms
from margincall.config.problem import ConfigError, ConfigProblem, Misplaced
from margincall.config.reading import load, located

__all__ = [
    "Bounds",
    "ConfigError",
    "ConfigProblem",
    "Misplaced",
    "NotNegative",
    "Positive",
    "Share",
    "SpanMs",
    "TimeMs",
    "load",
    "located",
    "span_ms",
    "time_ms",
]

"""What a file may cost, in one place. Each limit is refused with a sentence that states it.

They protect against files that are not what they seem (a zip of a few kilobytes that unpacks to terabytes, a line
without an end), and leave room for every real export: a million trades are about 140 MB of text.
"""

from margincall.wire.documents import SIZE_MAX

TEXT_MAX = SIZE_MAX
"""Bytes of text of one file that are read without a window of time."""
STREAM_MAX = 16 * 1024**3
"""The same within a window (`--from`, `--to`), where rows outside are dropped as they are read."""
ROWS_MAX = 3_000_000
"""Events that are kept of one file, in memory about 1 KB each."""
RATIO_MAX = 200
"""How many times larger than packed a text may be once it exceeds `RATIO_FROM` bytes; a real export is a few times
larger."""
RATIO_FROM = 16 * 1024**2
MEMBERS_MAX = 1_000
"""Members of a zip archive."""
LINE_MAX = 1024**2
"""Letters of one line."""
HEAD = 1 << 16
"""Bytes at the beginning by which a file is recognised."""
CHUNK = 1 << 18
"""Bytes that are read at a time."""

BOMB = f"more than {RATIO_MAX} times larger than packed: a zip bomb, not read"
WINDOW_HINT = "choose a time with --from and --to, then it is read as a stream"

"""Files for their owner alone, which hold secrets: keys, and what is noted beside the journal."""

import os
from pathlib import Path


def rewritten(path: Path, data: bytes) -> int:
    """A file of these bytes in place of the one that was there, whole or not at all, and on the disk; its descriptor,
    open to append to it. Raises `OSError`."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)  # one that is there may be open to others
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    append(file, data)
    os.fsync(file)
    part.replace(path)
    return file


def append(file: int, data: bytes) -> None:
    """Hand bytes to the system. Raises `OSError`."""
    while data:
        data = data[os.write(file, data) :]

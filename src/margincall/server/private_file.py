"""Files for their owner alone: keys, what is noted beside the journal, exports."""

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
    _sync_folder(path.parent)
    return file


def _sync_folder(path: Path) -> None:
    """Wait until the names of its files are on the disk."""
    if os.name != "nt":  # where a folder cannot be opened
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def append(file: int, data: bytes) -> None:
    """Hand bytes to the system. Raises `OSError`."""
    while data:
        data = data[os.write(file, data) :]

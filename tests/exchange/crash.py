"""Two ways to crash a journal: a power cut on a simulated disk, and SIGKILL of a real process.

    disk = Disk(random, operations=17)
    FileJournal(path, header, opener=disk.open)     raises PowerCut at the 17th operation
    disk.settle()                                   the file is now what the disk would hold

`kill_run` starts a command that prints the seq of what it acknowledges, one a line, and kills it.
"""

import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

from margincall.exchange.journal_file import DiskFile
from tests.sources import ROOT

BLOCK = 512
"""Bytes that a disk writes at once, or fails to."""


class PowerCut(Exception):
    """The power went in the middle of an operation on a file."""


class Write(NamedTuple):
    """Bytes that were written and not synced."""

    data: bytes

    def whole(self, image: bytes) -> bytes:
        return image + self.data

    def broken_off(self, image: bytes, random: Random, is_new: bool) -> bytes:
        """Some of the bytes; then the last block may hold zeros, or anything if the file was there before."""
        written = self.data[: random.randint(0, len(self.data))]
        room = min(len(self.data) - len(written), BLOCK - (len(image) + len(written)) % BLOCK)
        rubbish = [b"", bytes(room), *([] if is_new else [random.randbytes(room)])]
        return image + written + random.choice(rubbish)


class Truncate(NamedTuple):
    """A cut that was not synced."""

    size: int

    def whole(self, image: bytes) -> bytes:
        return image[: self.size]

    def broken_off(self, image: bytes, random: Random, is_new: bool) -> bytes:
        return random.choice([image, self.whole(image)])


class TornFile(DiskFile):
    """A file that writes through, and knows what a power cut would leave of it: what was synced, any number of the
    operations since then, and the next one broken off."""

    def __init__(self, path: Path, disk: "Disk") -> None:
        super().__init__(path)
        self.disk = disk
        self.image = path.read_bytes()
        self.loose: list[Write | Truncate] = []

    def write(self, data: memoryview) -> int:
        part = data[: self.disk.random.randint(1, len(data))]
        self.loose.append(Write(bytes(part)))
        self.disk.tick()
        return super().write(part)

    def truncate(self, size: int) -> None:
        self.loose.append(Truncate(size))
        self.disk.tick()
        super().truncate(size)

    def sync(self) -> None:
        self.disk.tick()
        for each in self.loose:
            self.image = each.whole(self.image)
        self.loose.clear()
        self.disk.tick()

    def sync_folder(self) -> None:
        self.disk.tick()

    def settle(self) -> None:
        """Make of the file what the disk holds after a power cut."""
        is_new = not self.image
        kept = self.disk.random.randint(0, len(self.loose))
        for each in self.loose[:kept]:
            self.image = each.whole(self.image)
        if kept < len(self.loose):
            self.image = self.loose[kept].broken_off(self.image, self.disk.random, is_new)
        self.close()
        self.path.write_bytes(self.image)


class Disk:
    """Where torn files are opened; the power goes at the given operation, counted from 1, or not before `settle`."""

    def __init__(self, random: Random, operations: int = 0) -> None:
        self.random = random
        self.left = operations
        self.files: list[TornFile] = []

    def open(self, path: Path) -> TornFile:
        """An `Opener`."""
        self.files.append(TornFile(path, self))
        return self.files[-1]

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise PowerCut

    def settle(self) -> None:
        for file in self.files:
            file.settle()


def kill_run(
    command: list[str], *, acks: int, delay_s: float, env: Mapping[str, str] | None = None, timeout_s: float = 60
) -> list[int]:
    """Start a command, let it acknowledge `acks` commands and run for `delay_s` more, and kill it: all that it
    acknowledged, whole lines only. Raises `AssertionError` if it ended by itself or said too little in time."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=None if env is None else dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    late = threading.Timer(timeout_s, process.kill)
    late.start()
    try:
        said = [process.stdout.readline() for _ in range(acks)]
        time.sleep(delay_s)
        ended = process.poll()
        process.kill()
        rest, complaint = process.communicate()
    finally:
        late.cancel()
        process.kill()
        process.wait()
    assert ended is None, f"{command} ended by itself with {ended}: {complaint.decode()}"
    lines = b"".join([*said, rest]).split(b"\n")[:-1]
    assert len(lines) >= acks, f"{command} said {len(lines)} lines of {acks} in {timeout_s} s: {complaint.decode()}"
    return [int(line) for line in lines]

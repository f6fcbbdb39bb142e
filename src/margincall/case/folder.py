"""A case folder: files of evidence that are written once and never altered, and the manifest that lists them.

    FOLDER/case.manifest    the records (`manifest.py`)
    FOLDER/evidence/        what the venue gave, and files of the user: what `explain` reads
    FOLDER/refused/         answers in which the venue refused something

A file is written beside its place, flushed to the disk, and moved there; then its record is appended and flushed. So
a file without a record can only be the one that was in work when the power went, and a record without a file never is.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from margincall.case.manifest import (
    MANIFEST,
    Dispute,
    Entry,
    File,
    Flaw,
    Manifest,
    Note,
    Opened,
    Said,
    Saved,
    entry,
    line,
    parsed,
)
from margincall.errors import Refused, UsageError

try:
    import fcntl
except ImportError:  # not on Windows: two rescues at once into one folder are then not noticed
    fcntl = None  # type: ignore[assignment]

EVIDENCE = "evidence"
REFUSED = "refused"
PART = ".part-"
READ_ONLY = 0o444
CHUNK = 1 << 20


def is_case(path: Path) -> bool:
    """Whether a path is a case folder."""
    return (path / MANIFEST).is_file()


def create(path: Path, title: str, time_ms: int) -> None:
    """A new case in a folder that does not exist or is empty. Raises `UsageError`."""
    if is_case(path):
        raise UsageError(f"{path} is a case already")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} exists and is not an empty folder")
    for each in (path, path / EVIDENCE, path / REFUSED):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_whole(path / MANIFEST, line(entry(None, Opened(title), time_ms)), mode=0o600)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a case folder. Raises `UsageError` where there is none."""
    try:
        return parsed((path / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{path} is no case folder: margincall case new {path}") from None


def check(path: Path) -> tuple[Manifest, tuple[Flaw, ...]]:
    """The manifest, and everything that is not as it was written."""
    manifest = read_manifest(path)
    flaws = list(manifest.flaws)
    if manifest.torn:
        what = f"{manifest.torn} bytes of an unfinished record at the end; the next rescue or note removes them"
        flaws.append(Flaw("record", MANIFEST, what))
    listed = {file.path for _, file in manifest.files}
    flaws += [flaw for _, file in manifest.files if (flaw := _flaw(path, file))]
    for found in _present(path):
        if found not in listed:
            flaws.append(Flaw("unlisted", found, "is in the folder and not in the manifest"))
    return manifest, tuple(flaws)


def evidence_files(path: Path) -> list[Path]:
    """The listed files of evidence. Raises `Refused` if one is changed or missing, or the manifest is: an answer from
    altered evidence would be worth nothing."""
    manifest, flaws = check(path)
    grave = [*manifest.flaws, *(flaw for flaw in flaws if flaw.kind in ("changed", "missing"))]
    if grave:
        listed = "; ".join(f"{flaw.path} {flaw.what}" for flaw in grave[:5])
        raise Refused(f"{path} is not as it was written: {listed}. See margincall case check {path}")
    return [path / file.path for _, file in manifest.files if file.path.startswith(f"{EVIDENCE}/")]


def readable_paths(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The paths, with the files of evidence in place of each case folder. A path inside a case is read as it is, if the
    case is as it was written. Raises `Refused`."""
    found: list[Path] = []
    for path in paths:
        if is_case(path):
            found += evidence_files(path)
            continue
        for parent in path.resolve().parents:
            if is_case(parent):
                evidence_files(parent)
        found.append(path)
    return tuple(found)


class Writer:
    """An open case folder; closes with the context. Only one may be open at a time."""

    def __init__(self, path: Path) -> None:
        """Mends what an interruption may leave: parts of files, and an unfinished last record. Raises `UsageError`,
        and `Refused` for a manifest that was altered."""
        self.path = path
        read_manifest(path)
        self._file = (path / MANIFEST).open("r+b")
        try:
            self._lock()
            self.manifest = parsed((path / MANIFEST).read_bytes())
            if self.manifest.flaws:
                raise Refused(f"{self.manifest.flaws[0].what}: nothing is added to an altered manifest")
            size = sum(len(line(each)) for each in self.manifest.entries)
            self._file.truncate(size)
            self._file.seek(size)
        except BaseException:
            self._file.close()
            raise
        for folder in (EVIDENCE, REFUSED):
            for part in (path / folder).glob(f"{PART}*"):
                part.unlink()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _lock(self) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(f"{self.path} is in use by another margincall") from None

    def append(self, said: Said, time_ms: int, offset_ms: int | None = None) -> Entry:
        """Append a record; it is on the disk when this returns."""
        record = entry(self.manifest, said, time_ms, offset_ms)
        self._file.write(line(record))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.manifest = Manifest((*self.manifest.entries, record))
        return record

    def write(self, folder: str, name: str, data: bytes) -> tuple[str, str, int]:
        """Write a file once and for all: its path below the case folder, its SHA-256, its size. A listed file of that
        name stays; the new one gets a number."""
        path = self._free(folder, name)
        digest, size = _write_whole(self.path / path, data, mode=READ_ONLY)
        return path, digest, size

    def _free(self, folder: str, name: str) -> str:
        listed = {file.path for _, file in self.manifest.files}
        return next(each for each in _names(f"{folder}/{name}") if each not in listed)

    def add(self, file: Path, origin: str, time_ms: int) -> Saved | None:
        """Copy a file of the user into the evidence, of any size; none if the case holds the same bytes under its name
        already (two lists that are empty tell different things). Raises `UsageError` if it cannot be read."""
        path = self._free(EVIDENCE, file.name.lstrip(".") or "file")
        part = _part(self.path / path)
        try:
            digest, size = _write_part(part, _chunks(file))
            if any(each.sha256 == digest and _is_called(each.path, file.name) for _, each in self.manifest.files):
                return None
            _move(part, self.path / path, mode=READ_ONLY)
        finally:
            part.unlink(missing_ok=True)
        saved = Saved(path, digest, size, origin)
        self.append(saved, time_ms)
        return saved

    def note(self, text: str, time_ms: int) -> None:
        """Append a note."""
        self.append(Note(text), time_ms)

    def dispute(self, dispute: Dispute, time_ms: int) -> None:
        """Append where the dispute stands."""
        self.append(dispute, time_ms)


def intact(path: Path, file: File) -> bytes:
    """The bytes of a listed file. Raises `Refused` if they are not those that were written."""
    if flaw := _flaw(path, file):
        raise Refused(f"{path / file.path} {flaw.what}: evidence that was altered is not built upon")
    return (path / file.path).read_bytes()


def _flaw(path: Path, file: File) -> Flaw | None:
    folder, *below = PurePosixPath(file.path).parts
    if folder not in (EVIDENCE, REFUSED) or len(below) != 1 or below[0] == "..":
        return Flaw("missing", file.path, "is not a file of the case")
    try:
        with (path / file.path).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return Flaw("missing", file.path, "is missing")
    except OSError as error:
        return Flaw("missing", file.path, f"cannot be read: {error.strerror}")
    return None if digest == file.sha256 else Flaw("changed", file.path, "was changed after it was saved")


def _present(path: Path) -> Iterator[str]:
    """Everything below the folder but the manifest, in order."""
    for found in sorted(path.rglob("*")):
        if found.is_symlink() or not found.is_dir():
            name = found.relative_to(path).as_posix()
            if name != MANIFEST:
                yield name


def _is_called(path: str, name: str) -> bool:
    """Whether a listed file was saved under a name, or under that name with a number."""
    stem, dot, suffix = name.lstrip(".").rpartition(".")
    pattern = rf"{re.escape(stem)}(-\d+)?{re.escape(dot + suffix)}" if stem else rf"{re.escape(name)}(-\d+)?"
    return re.fullmatch(pattern, PurePosixPath(path).name) is not None


def _names(path: str) -> Iterator[str]:
    """`a.json`, `a-2.json`, `a-3.json`, …"""
    yield path
    stem, dot, suffix = path.rpartition(".")
    number = 1
    while True:
        number += 1
        yield f"{stem}-{number}{dot}{suffix}" if stem else f"{path}-{number}"


def _chunks(file: Path) -> Iterator[bytes]:
    """A file of the user in parts. Raises `UsageError`."""
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                yield chunk
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None


def _write_whole(path: Path, data: bytes, *, mode: int) -> tuple[str, int]:
    """Write a file so that it is there whole or not at all, whatever happens; its SHA-256 and size."""
    part = _part(path)
    written = _write_part(part, [data])
    _move(part, path, mode=mode)
    return written


def _part(path: Path) -> Path:
    return path.with_name(PART + path.name)


def _write_part(part: Path, chunks: Iterable[bytes]) -> tuple[str, int]:
    """Write beside the place, down to the disk; SHA-256 and size of what was written."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _move(part: Path, path: Path, *, mode: int) -> None:
    """Put a written part in its place, down to the disk."""
    part.chmod(mode)
    part.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be flushed
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""Zip archives: their members as texts that are read as a stream. Nothing is ever unpacked to disk.

Refused, each with a problem of its own: members with an absolute path or one that leads outside, encrypted ones,
archives inside archives, packings other than deflate, and texts far larger than packed (`history/limits.py`).
"""

import re
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from margincall.history.limits import BOMB, MEMBERS_MAX, RATIO_FROM, RATIO_MAX
from margincall.history.texts import Text
from margincall.wire.problems import Problem, excerpt

ENCRYPTED = 0x1
OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
HIDDEN = re.compile(r"(?:^|/)(?:__MACOSX/|\.[^/]*$)")
"""What a system puts into archives beside the files."""


def members_of(path: Path) -> tuple[list[Text], list[Problem]]:
    """The members of an archive that may be read, in order of their names, and what is wrong with the others."""
    file = str(path)
    try:
        with ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        return [], [Problem(file, "", f"a damaged zip archive: {excerpt(error)}")]
    if len(infos) > MEMBERS_MAX:
        return [], [Problem(file, "", f"a zip archive of {len(infos)} members: more than {MEMBERS_MAX} are not read")]
    size = sum(info.file_size for info in infos)
    if size > RATIO_FROM and size > RATIO_MAX * path.stat().st_size:
        return [], [Problem(file, "", f"its members are {BOMB}", kind="refused")]
    found: list[Text] = []
    problems: list[Problem] = []
    for info in sorted(infos, key=lambda info: info.filename):
        if why := _refused(info):
            problems.append(Problem(file, "", f"member {excerpt(info.filename)!r} {why}", kind="refused"))
        elif not HIDDEN.search(info.filename):
            found.append(_text(path, info))
    if not infos:
        problems.append(Problem(file, "", "the archive is empty"))
    return found, problems


def _refused(info: ZipInfo) -> str:
    """Why a member is not read; "" if it may be."""
    if OUTSIDE.search(info.filename):
        return "has a path outside of the archive: not read"
    if info.flag_bits & ENCRYPTED:
        return "is encrypted: unpack it with its password first"
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return f"is packed by method {info.compress_type}, which is not read"
    return ""


def _text(path: Path, info: ZipInfo) -> Text:
    def opened() -> BinaryIO:
        archive = ZipFile(path)
        try:
            # The member keeps the archive's file open until it is closed itself.
            return cast(BinaryIO, archive.open(info))
        finally:
            archive.close()

    names = (info.filename.rpartition("/")[2], path.name)
    return Text(f"{path}/{info.filename}", names, info.compress_size, info.file_size, opened)

"""The machine-readable answers of the case commands: `margincall.case/1` and `margincall.rescue/1`.

Times are `*_ms` integers. `json_schema()` of the first is committed as `docs/reference/case.schema.json`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from margincall.case.judged import Judged
from margincall.case.manifest import Declined, Dispute, Flaw, Manifest, Note, Opened
from margincall.case.plan import Scope
from margincall.case.report import Line
from margincall.case.rescue import Outcome

SCHEMA = "margincall.case/1"
RESCUE_SCHEMA = "margincall.rescue/1"


class FileRow(Struct, frozen=True):
    """One file: its place, fingerprint, origin and time; `status` and `said` for what the venue refused."""

    path: str
    sha256: str
    size: int
    origin: str
    time_ms: int
    offset_ms: int | None
    status: int = 200
    said: str = ""


class NoteRow(Struct, frozen=True):
    """One note."""

    time_ms: int
    text: str


class DisputeRow(Struct, frozen=True):
    """One step of the dispute."""

    time_ms: int
    status: str
    day: str
    ticket: str
    text: str


class CaseDocument(Struct, frozen=True):
    """A case folder. `sound` is false if anything is not as it was written; `head` is the hash of the last record."""

    schema: str
    folder: str
    title: str
    sound: bool
    head: str
    flaws: tuple[Flaw, ...]
    files: tuple[FileRow, ...]
    notes: tuple[NoteRow, ...]
    dispute: tuple[DisputeRow, ...]
    problems: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


class RescueDocument(Struct, frozen=True):
    """A rescue: its scope, what it did, per endpoint what there is, and which checks that allows."""

    schema: str
    folder: str
    scope: Scope
    key: str
    outcome: Outcome
    events_ms: tuple[int, ...]
    evidence: tuple[Line, ...]
    checks: tuple[Judged, ...] = ()
    problems: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def case_document(folder: str, manifest: Manifest, flaws: Sequence[Flaw]) -> CaseDocument:
    """A case folder as one value."""
    entries = manifest.entries
    return CaseDocument(
        schema=SCHEMA,
        folder=folder,
        title=next((each.said.title for each in entries if isinstance(each.said, Opened)), ""),
        sound=not flaws,
        head=manifest.head,
        flaws=tuple(flaws),
        files=tuple(
            FileRow(file.path, file.sha256, file.size, file.origin, entry.time_ms, entry.offset_ms)
            if not isinstance(file, Declined)
            else FileRow(
                file.path, file.sha256, file.size, file.origin, entry.time_ms, entry.offset_ms, file.status, file.said
            )
            for entry, file in manifest.files
        ),
        notes=tuple(NoteRow(each.time_ms, each.said.text) for each in entries if isinstance(each.said, Note)),
        dispute=tuple(
            DisputeRow(each.time_ms, each.said.status, each.said.day, each.said.ticket, each.said.text)
            for each in entries
            if isinstance(each.said, Dispute)
        ),
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `margincall.case/1`."""
    return msgspec.json.schema(CaseDocument)

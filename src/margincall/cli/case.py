"""`margincall case`: folders of evidence that are never altered; notes and the state of a dispute with dates."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from margincall.case.manifest import STATUSES
from margincall.cli.output import NO_RECOVERY, console, print_json, show
from margincall.errors import DIFFERENCES, FINE, UsageError

if TYPE_CHECKING:
    from margincall.case.document import CaseDocument
    from margincall.forensics.present import Section

SHORT_HASH = 12

folder_argument = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print margincall.case/1 for programs.")


def now_ms() -> int:
    """Our clock, UTC."""
    return time.time_ns() // 1_000_000


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def case() -> None:
    """A folder of evidence that is never altered: files with hashes, origin and time, notes, the state of a dispute.

    Exit codes: 0 sound, 1 something is changed, missing or unlisted, 3 usage, 4 refused.
    """


@case.command("new")
@folder_argument
@click.option("--title", default="", help="What the case is about.")
@json_option
def new_case(folder: Path, title: str, as_json: bool) -> int:
    """Begin a case in FOLDER, which must be new or empty."""
    from margincall.case.folder import create

    create(folder, title or folder.resolve().name, now_ms())
    return _done(folder, as_json, f"{folder} is a new case. Next: margincall rescue --to {folder}")


@case.command("add")
@folder_argument
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--origin", default="", help="Where the files came from, e.g. the page they were downloaded from.")
@click.option("--note", default="", help="Something to remember.")
@click.option("--status", type=click.Choice(STATUSES), help="Where the dispute stands.")
@click.option("--date", "day", metavar="DATE", default="", help="Since when (2026-05-28); today if not given.")
@click.option("--ticket", default="", help="Number of the ticket or complaint.")
@json_option
def add_to_case(folder: Path, files: tuple[Path, ...], as_json: bool, **said: str | None) -> int:
    """Copy FILES into the evidence of FOLDER, once and for all, or note something. The originals stay as they are."""
    from margincall.case.folder import Writer
    from margincall.case.manifest import Dispute

    note, status, ticket = said["note"] or "", said["status"], said["ticket"] or ""
    if not files and not note and status is None:
        raise UsageError("nothing to add: name files, --note TEXT or --status STATUS")
    if (ticket or said["day"]) and status is None:
        raise UsageError("--ticket and --date belong to a --status")
    dispute = None if status is None else Dispute(status, _day(said["day"] or ""), ticket)  # type: ignore[arg-type]
    lines = []
    with Writer(folder) as writer:
        for file in files:
            saved = writer.add(file, said["origin"] or f"file {file.name}", now_ms())
            lines.append(f"{file}: saved as {saved.path}" if saved else f"{file}: the case holds these bytes already")
        if note:
            writer.note(note, now_ms())
        if dispute is not None:
            writer.dispute(dispute, now_ms())
    return _done(folder, as_json, "\n".join(lines) or "noted")


@case.command("show")
@folder_argument
@json_option
def show_case(folder: Path, as_json: bool) -> int:
    """Files with origin and time, notes, and the dispute."""
    found = _document(folder)
    if as_json:
        print_json(found)
    else:
        out = console()
        out.print(f"{found.title} ({folder})", markup=False)
        for part in _sections(found):
            show(out, part)
        out.print(f"last record: {found.head}", markup=False)
        out.print(NO_RECOVERY, style="dim")
    return FINE if found.sound else DIFFERENCES


@case.command("check")
@folder_argument
@json_option
def check_case(folder: Path, as_json: bool) -> int:
    """Whether everything in FOLDER is as it was written. Names what is changed, missing or unlisted."""
    found = _document(folder)
    if as_json:
        print_json(found)
    else:
        for flaw in found.flaws:
            click.echo(f"✗ {flaw.path} {flaw.what}")
        if found.sound:
            click.echo(f"✓ {len(found.files)} files and their records are as they were written")
        click.echo(f"last record: {found.head}")
        click.echo("Write that hash down elsewhere (in a letter, say): records cut off the end show only against it.")
    return FINE if found.sound else DIFFERENCES


def _document(folder: Path) -> CaseDocument:
    from margincall.case.document import case_document
    from margincall.case.folder import check

    return case_document(str(folder), *check(folder))


def _done(folder: Path, as_json: bool, text: str) -> int:
    if as_json:
        print_json(_document(folder))
    else:
        click.echo(text)
    return FINE


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else datetime.now(UTC).date().isoformat()
    except ValueError:
        raise UsageError(f"--date {text}: write it as 2026-05-28") from None


def _sections(found: CaseDocument) -> list[Section]:
    from margincall.forensics.present import Section
    from margincall.wire.iso_time import utc

    parts = []
    if found.flaws:
        flaws = tuple(("✗", str(flaw.kind), flaw.path, flaw.what) for flaw in found.flaws)
        parts.append(Section("Not as it was written", ("", "kind", "where", "what"), flaws))
    if found.dispute:
        steps = tuple((each.day, each.status, each.ticket, each.text) for each in found.dispute)
        parts.append(Section("Dispute", ("since", "status", "ticket", ""), steps))
    if found.notes:
        notes = tuple((utc(each.time_ms), each.text) for each in found.notes)
        parts.append(Section("Notes", ("time", "note"), notes))
    files = tuple(
        (file.path, file.sha256[:SHORT_HASH], str(file.size), utc(file.time_ms), file.said or file.origin)
        for file in found.files
    )
    parts.append(Section("Files", ("path", "sha-256", "bytes", "saved", "origin, or what the venue said"), files, (2,)))
    return parts

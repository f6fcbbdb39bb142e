"""Where imported bracket tables live, and the book of all that is known: the embedded ones with the imported ones.

One file of sheets (`venues/sheets.py`) per imported file, named `<date>_<digest>.json`, so that importing a file again
changes nothing, or corrects its date. The folder is `brackets` in the user's data folder; the environment variable
`MARGINCALL__STORE__FOLDER` names another one.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile

from msgspec import Struct
from platformdirs import user_data_dir

from margincall.errors import MargincallError, UsageError
from margincall.venues.book import BracketBook, book_of
from margincall.venues.embedded import embedded_sheets
from margincall.venues.sheets import BrokenSheet, Sheet, dated_tables, encode_rows, read_sheets, write_sheets
from margincall.wire.brackets import PrintedTable, read_brackets
from margincall.wire.file_dates import day_in_name
from margincall.wire.problems import Problem

FOLDER_VARIABLE = "MARGINCALL__STORE__FOLDER"
UNDATED = "nothing says when these tables were in force: give the day with --as-of, or put it into the file's name"
DIGITS = 16
"""Of the digest, in a file's name: enough to tell a user's files apart."""


class StoreDamaged(MargincallError):
    """A file of the store that cannot be read."""


class Import(Struct, frozen=True):
    """What came of one file. `days` are the dates that its tables got; without tables nothing was stored.

    `replaced` names earlier imports of the same file under another date, which this one has replaced.
    """

    file: str
    tables: int = 0
    rows: int = 0
    days: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    stored: str = ""
    replaced: tuple[str, ...] = ()


def store_folder(folder: Path | None = None) -> Path:
    """The folder of the store: the one given, else the one that the environment names, else the user's own."""
    if folder is not None:
        return folder
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(user_data_dir("margincall")) / "brackets"


def import_file(path: Path, as_of: str | None = None, folder: Path | None = None) -> Import:
    """Read a file of bracket tables and store the sound ones.

    Their date is `as_of` (ISO), else the day of the event that prints them, else the date in the file's name. Tables
    without a date are refused. Raises `UsageError` for an `as_of` that is no date, `OSError` if the file cannot be
    read or the store not written.
    """
    given = _checked_day(as_of) if as_of else ""
    data = path.read_bytes()
    printed, found = read_brackets(data, str(path))
    named, assumed = ("", ()) if given else day_in_name(path.name) or ("", ())
    # Of several events that one given day covers, the last counts.
    dated = {(table.symbol, day): table for table in printed if (day := given or table.day or named)}
    problems = list(found)
    if undated := sum(not (given or table.day or named) for table in printed):
        problems.append(
            Problem(str(path), "", f"{undated} of {len(printed)} tables refused: {UNDATED}", kind="undated")
        )
    if not printed and not found:
        problems.append(Problem(str(path), "", "the file holds no bracket tables", kind="empty"))
    sheets = _sheets(dated, path.name, hashlib.sha256(data).hexdigest(), assumed)
    if not sheets:
        return Import(str(path), problems=tuple(problems))
    target = store_folder(folder) / f"{sheets[0].as_of}_{sheets[0].sha256[:DIGITS]}.json"
    _write(target, write_sheets(sheets))
    return Import(
        file=str(path),
        tables=len(dated),
        rows=sum(len(table.rows) for table in dated.values()),
        days=tuple(sorted({sheet.as_of for sheet in sheets})),
        venues=tuple(sorted({sheet.venue for sheet in sheets})),
        assumed=tuple(sorted({each for sheet in sheets for each in sheet.assumed})),
        problems=tuple(problems),
        stored=str(target),
        replaced=_replaced(target),
    )


def _checked_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"{text!r} is not a day; write it as 2024-10-24") from None


def imported_sheets(folder: Path | None = None) -> tuple[Sheet, ...]:
    """The sheets of the store by date, tables undecoded; raises `StoreDamaged`."""
    found: list[Sheet] = []
    for path in sorted(store_folder(folder).glob("*.json")):
        try:
            found.extend(read_sheets(path.read_bytes()))
        except (BrokenSheet, OSError) as error:
            raise _damaged(path, error) from error
    return tuple(found)


def load_book(folder: Path | None = None, *, symbols: Collection[str] | None = None) -> BracketBook:
    """The known tables of these symbols (of all without). An imported one counts before an embedded one of its date.

    Raises `StoreDamaged`.
    """
    imported = imported_sheets(folder)
    try:
        return book_of(dated_tables((*embedded_sheets(), *imported), symbols))
    except BrokenSheet as error:
        raise _damaged(store_folder(folder), error) from error


def _sheets(
    dated: Mapping[tuple[str, str], PrintedTable], name: str, digest: str, assumed: tuple[str, ...]
) -> tuple[Sheet, ...]:
    """One sheet for each venue and day, oldest first. What is assumed of the name's date is not of an event's."""
    groups: dict[tuple[str, str, bool], list[PrintedTable]] = {}
    for (_, day), table in dated.items():
        groups.setdefault((day, table.venue, bool(table.day)), []).append(table)
    return tuple(
        Sheet(
            as_of=day,
            source=f"imported from {name}",
            venue=venue,
            tables={table.symbol: encode_rows(table.rows) for table in tables},
            assumed=() if is_event else assumed,
            name=name,
            sha256=digest,
            coefficients=_coefficients(tables),
        )
        for (day, venue, is_event), tables in sorted(groups.items(), key=lambda group: group[0])
    )


def _coefficients(tables: Iterable[PrintedTable]) -> dict[str, Decimal]:
    return {table.symbol: table.coefficient for table in tables if table.coefficient is not None}


def _write(target: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.replace(file.name, target)
    except OSError:
        os.unlink(file.name)
        raise


def _replaced(target: Path) -> tuple[str, ...]:
    """Remove imports of the same file under another date."""
    digest = target.name.rpartition("_")[2]
    others = sorted(path for path in target.parent.glob(f"*_{digest}") if path != target)
    for path in others:
        path.unlink()
    return tuple(str(path) for path in others)


def _damaged(path: Path, error: Exception) -> StoreDamaged:
    return StoreDamaged(f"{path}: a stored bracket table cannot be read ({error}); remove it and import its file again")

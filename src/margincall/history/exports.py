"""One CSV export -> what it says, read as a stream of rows.

The table of shapes is `wire/exports.py`. What concerns the file as a whole is decided here: its time zone, the order
of day and month where a spreadsheet rewrote the dates, whether it begins with the newest row, whether its ids are
whole.
"""

import csv
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import BinaryIO, Protocol
from zipfile import BadZipFile

from msgspec import Struct

from margincall.core.events import AnyEvent
from margincall.history.balances import one_balance_each_time
from margincall.history.damaged_ids import without_damaged_ids
from margincall.history.limits import ROWS_MAX
from margincall.history.messages import FileReading, Message, SourceFile, flows_since
from margincall.history.row_order import oldest_first, told_apart
from margincall.history.scope import Scope
from margincall.history.texts import Header, Text, lines_of, measured
from margincall.wire.clock import Clock, DateOrder, sheet_order
from margincall.wire.documents import Unreadable
from margincall.wire.durations import SECOND_MS
from margincall.wire.export_fast import NOT_PLAIN
from margincall.wire.exports import BINANCE, Columns, RefusedFile, Rows
from margincall.wire.problems import Problem, excerpt
from margincall.wire.row import readable
from margincall.wire.zones import UTC_ZONE, Zone, zone_in_name

DECIMAL_COMMA_DELIMITER = ";"
DAMAGED = (EOFError, OSError, zlib.error, BadZipFile)
"""What a damaged gzip file or archive raises while it is read."""
NO_SIDES = (
    "prints no position side: fills are taken as those of one-way mode, unless the order history or another source "
    "tells their side"
)
BOTH_ORDERS = "dates with the day first and with the month first stand in one file: it cannot be read"
SILENT = frozenset({"side"})
"""Fields that a fill or an order has whether its source prints them or not."""
COMMA = re.compile(r"([+-]?\d+),(\d+(?:[eE][+-]?\d+)?)(\s*[A-Z0-9]*)", re.ASCII)


class Reader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]:
        """The rows."""
        ...


class Decoded(Struct):
    """What the rows of a file gave, and how many lay outside of the chosen time."""

    rows: Rows
    skipped: int = 0
    problems: list[Problem] = []


def read_export(text: Text, header: Header, scope: Scope, tell: Callable[[int], None]) -> FileReading:
    """What a CSV says, oldest first. Raises nothing: a file that is refused is a problem. `tell` gets the bytes of the
    text that were read so far."""
    if header.columns is None:
        return _refused(text, Problem(text.file, "line 1", header.problem, readable(header.raw), "columns"))
    try:
        text = measured(text, windowed=scope.is_window)
        clock = Clock(zone_of(text, header.columns, scope), _date_order(text, header, scope))
        decoded = _decoded(text, header, Rows(header.columns, clock, text.file, header.delimiter), scope, tell)
    except RefusedFile as error:
        return _refused(text, error.problem)
    except Unreadable as error:
        return _refused(text, error.problem(text.file))
    return _reading(text, header.columns, decoded)


def zone_of(text: Text, columns: Columns, scope: Scope) -> Zone | None:
    """The zone of the local times in a file: as the heading says, else a name, else the user; none if nothing does."""
    if columns.is_utc:
        return UTC_ZONE
    return next(filter(None, map(zone_in_name, text.names)), scope.zone)


def _date_order(text: Text, header: Header, scope: Scope) -> DateOrder | None:
    """How a spreadsheet wrote the dates: decided by a day that is greater than 12. None if there is no such day, or no
    spreadsheet was at work. Raises `RefusedFile` where two orders are mixed."""
    columns = header.columns
    assert columns is not None
    places = [columns.places[name] for name in columns.shape.times if name in columns.places]
    orders: dict[DateOrder, int] = {}
    is_sheet = False
    with closing(text.open()) as file, suppress(csv.Error, *DAMAGED):
        reader = _table(text, header, file, scope, _silent)
        for row in reader:
            said = [order for place in places if place < len(row) and (order := sheet_order(row[place])) is not None]
            is_sheet |= bool(said)
            if not is_sheet and row:
                break
            for order in said:
                if order:
                    orders.setdefault(order, reader.line_num)
    if len(orders) > 1:
        raise RefusedFile(Problem(text.file, f"line {max(orders.values())}", BOTH_ORDERS, kind="time-zone"))
    return next(iter(orders), None)


def _silent(size: int) -> None:
    """Tell nobody: the file is looked at before it is read."""


def _table(text: Text, header: Header, file: BinaryIO, scope: Scope, tell: Callable[[int], None]) -> Reader:
    """The rows of an opened file behind its header."""
    reader = csv.reader(lines_of(text, file, windowed=scope.is_window, tell=tell), delimiter=header.delimiter)
    for row in reader:
        if any(cell.strip() for cell in row):
            break
    return reader


def _decoded(text: Text, header: Header, rows: Rows, scope: Scope, tell: Callable[[int], None]) -> Decoded:
    """All rows. A damaged file gives what is whole. Raises `Unreadable`, `RefusedFile`."""
    decoded = Decoded(rows)

    def watched(size: int) -> None:
        if len(rows.events) > ROWS_MAX:
            raise Unreadable(f"more than {ROWS_MAX} rows: choose a shorter time with --from and --to")
        tell(size)

    with closing(text.open()) as file:
        try:
            reader = _table(text, header, file, scope, watched)
            while not _read_rows(reader, decoded, scope):
                pass
        except DAMAGED as error:
            problem = Problem(text.file, "", f"damaged data, read up to there: {excerpt(error)}", kind="cut")
            decoded.problems.append(problem)
    return decoded


def _read_rows(reader: Reader, decoded: Decoded, scope: Scope) -> bool:
    """Read rows up to the end; false if it stopped at one that is no CSV and more may follow."""
    rows, has_commas = decoded.rows, decoded.rows.delimiter == DECIMAL_COMMA_DELIMITER
    fast, append, is_window = rows.fast or _none_is_plain, rows.events.append, scope.is_window
    try:
        for row in reader:
            if has_commas:
                row = [with_point(cell) for cell in row]
            try:
                event = fast(row, reader.line_num)
            except NOT_PLAIN:
                found = rows.careful(row, reader.line_num) if row else []
            else:
                if event is None:
                    continue
                if isinstance(event, list):
                    found = event
                elif not is_window:
                    append(event)
                    continue
                else:
                    found = [event]
            for each in found:
                if scope.holds(each.time_ms):
                    append(each)
                else:
                    decoded.skipped += 1
    except csv.Error as error:
        rows.tell([Problem(rows.file, f"line {reader.line_num}", f"no row of a table: {error}")])
        return False
    return True


def _none_is_plain(row: list[str], line: int) -> AnyEvent | None:
    """The fast reader of a shape that has none."""
    raise ValueError


def with_point(cell: str) -> str:
    """A cell with a decimal comma, as spreadsheets write it beside semicolons, with a point; others as they are. A cell
    with both signs stays as it is, because either could part thousands."""
    found = COMMA.fullmatch(cell)
    return f"{found[1]}.{found[2]}{found[3]}" if found else cell


def _reading(text: Text, columns: Columns, decoded: Decoded) -> FileReading:
    """The events of a file in order, without what a spreadsheet damaged, and its problems."""
    rows = decoded.rows
    events, apart = told_apart(oldest_first(rows.events), rows.clock.doubts, text.file)
    events, damaged = without_damaged_ids(events, columns.shape, text.file)
    problems = [*_about_file(text, columns, decoded), *rows.problems, *_untold(rows), *apart, *damaged]
    if columns.shape.venue != BINANCE:
        events, unsound = one_balance_each_time(events, text.file)
        problems += unsound
    unit = _resolution_ms(columns, rows.clock, events)
    message = Message(0, tuple(events), False, rows=True, resolution_ms=unit, silent=_silent_fields(columns))
    counts = {str(kind.__struct_config__.tag): count for kind, count in Counter(type(each) for each in events).items()}
    return FileReading(
        source=SourceFile(
            text.file,
            text.packed,
            {kind: counts[kind] for kind in sorted(counts)},
            unit,
            columns.shape.venue,
            flows_since(events),
        ),
        messages=(message,) if events else (),
        problems=tuple(problems),
        unmodelled=tuple(rows.unmodelled),
        contracts=rows.contracts,
    )


def _resolution_ms(columns: Columns, clock: Clock, events: list[AnyEvent]) -> int:
    """The unit of the times: as the clock that read them saw, or as the events of a shape that reads its own show."""
    if columns.shape.times:
        return clock.resolution_ms
    return 1 if any(event.time_ms % SECOND_MS for event in events) else SECOND_MS


def _silent_fields(columns: Columns) -> frozenset[str]:
    """What a file of fills or orders does not print, though it could."""
    return columns.lacking & SILENT if "buy" in columns.places else frozenset()


def _about_file(text: Text, columns: Columns, decoded: Decoded) -> list[Problem]:
    """What is to be known about a file as a whole."""
    rows, name = decoded.rows, columns.shape.name
    found = list(decoded.problems)
    for heading in columns.unknown:
        message = f"{name}: the column `{excerpt(heading)}` is not known and was not read"
        found.append(Problem(text.file, "line 1", message, excerpt(heading), "unknown-key"))
    if rows.bound.left_out:
        listed = ", ".join(f"{excerpt(place)} {count}" for place, count in sorted(rows.bound.left_out.items()))
        message = f"{name}: {rows.bound.left_out.total()} rows of other accounts than futures are left out ({listed})"
        found.append(Problem(text.file, "", message, kind="note"))
    if decoded.skipped:
        message = f"{decoded.skipped} rows outside of --from and --to are left out"
        found.append(Problem(text.file, "", message, kind="note"))
    if rows.events and _silent_fields(columns):
        found.append(Problem(text.file, "", f"{name} {NO_SIDES}", kind="note"))
    if not (rows.events or rows.problems or rows.bound.left_out or decoded.skipped):
        found.append(Problem(text.file, "", f"{name}: the export holds no rows", kind="note"))
    return found


def _untold(rows: Rows) -> list[Problem]:
    """How many more problems there are than are told."""
    if not rows.untold:
        return []
    return [Problem(rows.file, "", f"{rows.untold} more problems in this file are not listed")]


def _refused(text: Text, problem: Problem) -> FileReading:
    return FileReading(SourceFile(text.file, text.packed, {}), problems=(problem,))

"""Every CSV that is read, in one table: how its header is recognised, and what reads its rows.

A shape is found by its headings, in any order and spelling (`normal`). A row is read by the shape's `read`, given as
a mapping from heading to cell; a long export has a fast reader too, for rows without anything special. To add a CSV,
add a `Shape` with its `Keys` and a function of the type `RowReader`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from msgspec import Struct

from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Source
from margincall.venues import elsewhere
from margincall.wire import bitmex, canonical, export_fast, export_rows, hyperliquid
from margincall.wire import export_keys as keys
from margincall.wire.clock import BadTime, Clock, NoZone, Undecided
from margincall.wire.export_fast import Bound, FastReader, Words
from margincall.wire.export_keys import normal
from margincall.wire.export_rows import RowReader
from margincall.wire.kinds import Unmodelled
from margincall.wire.problems import Problem, excerpt
from margincall.wire.row import BadRow, Keys, Notes
from margincall.wire.zones import is_utc_column

NONE_SIGNS = frozenset({"-", "--"})
"""What a cell holds where there is nothing."""
PROBLEMS_MAX = 1_000
"""Problems of one file that are told one by one."""
NOT_TEXT = "\ufffd"
"""What stands for a byte that is no text."""
NO_DATA = "no data"
"""How the one line of an export without rows begins: `No data matches the criteria.`"""
BINANCE = "Binance"
ANY_VENUE = ""
"""The canonical CSV is of whichever venue its user says."""


class Shape(Struct, frozen=True):
    """One kind of CSV. `required` are the columns (our names) without which a file is refused.

    Cells of `times` are local times: `read` gets them as milliseconds. A shape without any reads its own times, which
    are UTC. A spreadsheet damages `ids` (names of event fields) when they are long. `headers` are the exact headers
    that were seen, `venue` who wrote the file.
    """

    keys: Keys
    required: frozenset[str]
    read: RowReader
    times: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    fast: Callable[[Bound], FastReader] | None = None
    headers: Mapping[str, str] = {}
    venue: str = BINANCE

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.keys.label


class Columns(Struct, frozen=True):
    """The header of a file, understood: for each place in a row the heading as `keys` spells it ("" if not read)."""

    shape: Shape
    headings: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    @property
    def places(self) -> dict[str, int]:
        """Our name -> place in a row."""
        by_key = self.shape.keys.by_key
        return {by_key[heading]: place for place, heading in enumerate(self.headings) if heading in by_key}

    @property
    def lacking(self) -> frozenset[str]:
        """Our names of the columns that other files of this shape have and this one has not."""
        return frozenset(self.shape.keys.names) - self.places.keys()

    @property
    def is_utc(self) -> bool:
        """Whether the heading of the times says that they are UTC."""
        places = self.places
        return any(name in places and is_utc_column(self.headings[places[name]]) for name in self.shape.times)


class BadHeader(ValueError):
    """A header that fits no shape; the message names what is missing, and what may be meant."""


class RefusedFile(ValueError):
    """A file that cannot be used at all, found out at its first row."""

    def __init__(self, problem: Problem) -> None:
        """`problem` says why."""
        super().__init__(problem.message)
        self.problem = problem


SHAPES: tuple[Shape, ...] = (
    Shape(
        keys=keys.TRADE,
        required=frozenset({"time", "symbol", "buy", "price", "quantity", "fee", "realized"}),
        read=export_rows.trade,
        times=("time",),
        ids=("trade_id", "order_id"),
        fast=export_fast.trades,
        headers=keys.TRADE_HEADERS,
    ),
    Shape(
        keys=keys.ORDER,
        required=frozenset({"time", "symbol", "type", "buy", "price", "quantity", "status", "order_id"}),
        read=export_rows.order,
        times=("time", "update_time"),
        ids=("order_id",),
        fast=export_fast.orders,
        headers=keys.ORDER_HEADERS,
    ),
    Shape(
        keys=keys.TRANSACTION,
        required=frozenset({"time", "type", "amount", "asset", "symbol", "tran_id"}),
        read=export_rows.transaction,
        times=("time",),
        ids=("tran_id",),
        fast=export_fast.transactions,
        headers=keys.TRANSACTION_HEADERS,
    ),
    Shape(
        keys=keys.POSITION,
        required=frozenset(keys.POSITION.names) - {"status"},
        read=export_rows.position,
        times=("time", "opened"),
        headers=keys.POSITION_HEADERS,
    ),
    Shape(
        keys=keys.STATEMENT,
        required=frozenset({"time", "wallet", "operation", "asset", "amount"}),
        read=export_rows.statement,
        times=("time",),
        fast=export_fast.statements,
        headers=keys.STATEMENT_HEADERS,
    ),
    Shape(
        keys=bitmex.WALLET_HISTORY,
        required=frozenset(bitmex.WALLET_HISTORY.names),
        read=bitmex.wallet_history,
        venue="BitMEX",
    ),
    *(
        Shape(keys=each, required=frozenset(each.names), read=read, venue="Hyperliquid")
        for each, read in (
            (hyperliquid.TRADE, hyperliquid.trade),
            (hyperliquid.LEDGER, hyperliquid.ledger),
            (hyperliquid.LIQUIDATION, hyperliquid.liquidation),
        )
    ),
    Shape(
        keys=canonical.FILLS,
        required=canonical.FILL_NEEDED,
        read=canonical.fill,
        ids=("trade_id", "order_id"),
        venue=ANY_VENUE,
    ),
    Shape(keys=canonical.FLOWS, required=canonical.FLOW_NEEDED, read=canonical.flow, venue=ANY_VENUE),
    Shape(keys=canonical.MARKS, required=canonical.MARK_NEEDED, read=canonical.mark, venue=ANY_VENUE),
)
"""Every CSV that is read."""


def columns_of(header: Sequence[str], shapes: Sequence[Shape] = SHAPES) -> Columns:
    """The shape whose required columns a header has, of several the one that knows most of it. Raises `BadHeader`."""
    found = [_matched(header, shape) for shape in shapes]
    fitting = [each for each in found if each.shape.required <= each.places.keys()]
    if not fitting:
        raise BadHeader(_nearest(header, found))
    best = max(fitting, key=lambda each: (len(each.places), -len(each.unknown)))
    twice = [heading for heading, count in Counter(filter(None, best.headings)).items() if count > 1]
    if twice:
        raise BadHeader(f"{best.shape.name}: the column `{twice[0]}` stands twice")
    return best


def _matched(header: Sequence[str], shape: Shape) -> Columns:
    spelled = {normal(heading): heading for heading in (*shape.keys.by_key, *sorted(shape.keys.unused))}
    headings = tuple(spelled.get(normal(text), "") for text in header)
    unknown = tuple(text for text, heading in zip(header, headings, strict=True) if not heading and text.strip())
    return Columns(shape, headings, unknown)


def _nearest(header: Sequence[str], found: Sequence[Columns]) -> str:
    """What a header lacks to be of the shape that it is most like."""
    listed = ", ".join(f"`{excerpt(text)}`" for text in header[:20])
    likely = [each for each in found if each.shape.venue == BINANCE or _lacks_one(each)]
    best = max(likely or found, key=_likeness)
    known = best.shape.required & best.places.keys()
    if len(known) * 2 < len(best.shape.required):
        return f"a table whose columns no export has: {listed}"
    wanted = [name for name in best.shape.keys.names if name in best.shape.required - known]
    missing = [_meant(best.shape.keys.names[name], best.unknown) for name in wanted]
    return f"{best.shape.name}: {'; '.join(missing)}; the file has {listed}"


def _lacks_one(columns: Columns) -> bool:
    """The small tables of other venues are not suggested for less: their headings are everywhere."""
    return len(columns.shape.required - columns.places.keys()) == 1


def _likeness(columns: Columns) -> float:
    """How much of what a shape needs a header has, times how much of the header the shape knows: many tables have a
    time and a symbol."""
    required, headings = columns.shape.required, columns.headings
    return len(required & columns.places.keys()) / len(required) * sum(map(bool, headings)) / len(headings)


def _meant(spellings: Sequence[str], unknown: Sequence[str]) -> str:
    """That a column is missing, and which of the unknown ones it may be."""
    by_form = {normal(text): text for text in unknown}
    near = [match for each in spellings for match in get_close_matches(normal(each), by_form, n=1, cutoff=0.6)]
    meant = f" (is `{excerpt(by_form[near[0]])}` meant?)" if near else ""
    return f"the column {' or '.join(f'`{each}`' for each in spellings)} is missing{meant}"


class Rows:
    """Reads the rows of one file, one by one. What they say is in `events`, what was odd in `problems` (the first
    `PROBLEMS_MAX`, of which `untold` counts the rest) and `unmodelled`, the contracts that they describe, each with
    its first place, in `contracts`."""

    def __init__(self, columns: Columns, clock: Clock, file: str, delimiter: str = ",") -> None:
        """Bind the columns of a file."""
        self.columns = columns
        self.clock = clock
        self.file = file
        self.delimiter = delimiter
        self.events: list[AnyEvent] = []
        self.problems: list[Problem] = []
        self.untold = 0
        self.unmodelled: list[Unmodelled] = []
        self.contracts: dict[str, tuple[Contract, Source]] = {}
        self.bound = Bound(file, len(columns.headings), columns.places, clock, Words({}, {}, {}), Counter())
        self.fast = columns.shape.fast(self.bound) if columns.shape.fast is not None else None

    def careful(self, row: list[str], line: int) -> list[AnyEvent]:
        """The events of a row by the shape's own reader; what it cannot read becomes a problem. Raises `RefusedFile`
        if the times of the file cannot be read."""
        text = self.delimiter.join(row)
        notes = Notes(Source(self.file, line), text)
        found: list[AnyEvent] = []
        try:
            if len(row) != self.bound.width:
                self._check_width(row, notes)
            else:
                found = self.columns.shape.read(self._cells(row), notes)
                self._describe(notes)
        except (NoZone, Undecided) as error:
            problem = Problem(
                self.file, f"line {line}", f"{self.columns.shape.name}: {error}", excerpt(text), "time-zone"
            )
            if not self.events:
                raise RefusedFile(problem) from None
            notes.problems.append(problem)
        except BadRow as error:
            found = []
            notes.problem(str(error))
        for event in found:
            self.bound.words.learn(event)
        self.tell(notes.problems)
        self.unmodelled.extend(mark for mark in notes.unmodelled if len(self.unmodelled) < PROBLEMS_MAX)
        return found

    def _describe(self, notes: Notes) -> None:
        """Keep the contracts of a row. Raises `BadRow` for a symbol that an earlier row describes otherwise."""
        for contract in notes.contracts:
            first, source = self.contracts.setdefault(contract.symbol, (contract, notes.source))
            if first != contract:
                here, there = elsewhere.words(contract), elsewhere.words(first)
                raise BadRow(f"{self.columns.shape.name}: {contract.symbol} is {here} here, but {there} in {source}")

    def tell(self, problems: Sequence[Problem]) -> None:
        """Keep problems, or count them where there are very many."""
        room = max(PROBLEMS_MAX - len(self.problems), 0)
        self.problems.extend(problems[:room])
        self.untold += len(problems[room:])

    def _check_width(self, row: list[str], notes: Notes) -> None:
        """A row of another width than the header is not guessed at."""
        if row[0].lower().startswith(NO_DATA):
            notes.problem(f"{self.columns.shape.name}: the export holds no rows", "note")
        elif any(cell.strip() for cell in row):
            count, width = len(row), self.bound.width
            raise BadRow(f"{self.columns.shape.name}: the row has {count} cells, the header {width}: not read")

    def _cells(self, row: list[str]) -> dict[str, str]:
        """Heading -> cell, without empty ones, times as milliseconds."""
        columns = self.columns
        if any(NOT_TEXT in cell for cell in row):
            raise BadRow(f"{columns.shape.name}: a letter in it is no UTF-8 text")
        cells = {
            heading: text
            for heading, cell in zip(columns.headings, row, strict=True)
            if heading and (text := cell.strip()) and text not in NONE_SIGNS
        }
        for name in columns.shape.times:
            place = self.bound.place(name)
            heading = columns.headings[place] if place >= 0 else ""
            if heading in cells:
                try:
                    cells[heading] = str(self.clock.ms(cells[heading]))
                except (NoZone, Undecided):
                    raise
                except BadTime as error:
                    raise BadRow(f"{columns.shape.name}: `{heading}`: {error}") from None
        return cells

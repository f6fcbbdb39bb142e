"""What a report says, as one value. The page, the PDF and the JSON answer are renderings of the same `Facts`.

Every text that a reader sees is made once, here or in what builds these values; a renderer adds none but
headings.
Series of charts are numbers: drawing turns them into shapes, and decides nothing.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.assumptions import Assumption
from margincall.forensics.document import Trouble
from margincall.forensics.present import Section

Tone = Literal["good", "bad", "open", "plain"]
"""How a verdict is coloured: nothing irregular, irregular, cannot tell, or no verdict at all."""
FillKind = Literal["bought", "sold", "liquidation", "taken over", "deleveraged"]


class Tile(Struct, frozen=True):
    """One figure that stands out: its name, the figure, and a word about it."""

    name: str
    text: str
    note: str = ""


class Point(Struct, frozen=True, gc=False):
    """One point of a line: milliseconds UTC, and a price or a share of 1."""

    time_ms: int
    value: Decimal


class Level(Struct, frozen=True):
    """A price that holds for all of a chart. `kind` gives the colour, `text` is the label."""

    kind: Literal["entry", "liquidation", "bankruptcy", "limit"]
    price: Decimal
    text: str


class FillGroup(Struct, frozen=True):
    """Fills of one kind that fall into one column of a chart: how many, how much, between which prices."""

    kind: FillKind
    time_ms: int
    low: Decimal
    high: Decimal
    count: int
    quantity: Decimal


class StopLine(Struct, frozen=True):
    """A stop order: its price, from when to when it waited, and how it ended. `text` is the label."""

    price: Decimal
    start_ms: int
    end_ms: int
    text: str
    ended: str


class Spell(Struct, frozen=True):
    """A time between two moments; they may be the same."""

    start_ms: int
    end_ms: int


class PriceDrawing(Struct, frozen=True, tag_field="kind", tag="price"):
    """A price path. `survives_from` and `survives_to` are the ends of the interval, none where it is open; `trigger` is
    when the trigger was reached, `order_ms` the time of the venue's order; `last` are the market's trades."""

    symbol: str
    start_ms: int
    end_ms: int
    order_ms: int
    mark: tuple[Point, ...]
    last: tuple[Point, ...]
    levels: tuple[Level, ...]
    survives_from: Decimal | None
    survives_to: Decimal | None
    fills: tuple[FillGroup, ...]
    stops: tuple[StopLine, ...]
    trigger: Spell | None


class Numbered(Struct, frozen=True):
    """An event of a chart that its table tells of under this number."""

    number: int
    time_ms: int
    value: Decimal | None


class RatioDrawing(Struct, frozen=True, tag_field="kind", tag="ratio"):
    """The margin ratio over time, 1 is the trigger. `highest` is where the drawing ends: points above are cut there."""

    start_ms: int
    end_ms: int
    line: tuple[Point, ...]
    events: tuple[Numbered, ...]
    trigger: Spell | None
    highest: Decimal


class Bar(Struct, frozen=True):
    """One bar of the money: from and to which balance it leads, and its labels."""

    name: str
    start: Decimal
    end: Decimal
    text: str
    is_sum: bool


class MoneyDrawing(Struct, frozen=True, tag_field="kind", tag="money"):
    """The way of the money, bar by bar, in one asset."""

    asset: str
    bars: tuple[Bar, ...]


Drawing = PriceDrawing | RatioDrawing | MoneyDrawing


class Chart(Struct, frozen=True):
    """A chart with what it says in words, and its key values as a table."""

    key: str
    title: str
    says: str
    drawing: Drawing
    values: Section


class Part(Struct, frozen=True):
    """A chapter: what it says, its charts, and its tables. `level` 1 begins a liquidation or an annex. `steps` are what
    to do next, in order."""

    key: str
    title: str
    says: tuple[str, ...] = ()
    tone: Tone = "plain"
    badge: str = ""
    level: int = 2
    tiles: tuple[Tile, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Section, ...] = ()
    steps: tuple[str, ...] = ()


class Word(Struct, frozen=True):
    """A term of the glossary, and the page about it."""

    key: str
    name: str
    short: str
    page: str


class Facts(Struct, frozen=True):
    """A whole report. `verdict` stands first and is quotable; `warning` is on every report."""

    title: str
    subtitle: str
    as_of: str
    notes: tuple[str, ...]
    verdict: Part
    parts: tuple[Part, ...]
    glossary: tuple[Word, ...]
    warning: str
    problems: tuple[Trouble, ...]
    assumptions: tuple[Assumption, ...]

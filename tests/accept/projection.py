"""The same history in every shape and pair of shapes: the explanation is the same, or says what is missing.

For each story (the golden liquidations, the sessions of the real stream) and each set of kinds of files, the files are
written, read and explained. Each term must equal that of the whole stream, or be marked unknown with the file that
would supply it, and only where the header of the files leaves it open (`tests/accept/shapes.py`).

    python -m tests.accept.projection [data folder]

prints each failure and how many explanations were compared; `--table` writes `docs/accept/evidence.md`.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec

from margincall.core.events import AnyEvent, Fill, Flow, MarginMove, Order
from margincall.forensics.document import document
from margincall.forensics.evidence import evidence_of
from margincall.forensics.explain import Explained, explain
from margincall.history.read import read
from margincall.venues.book import book_of, combine
from margincall.wire import encode
from margincall.wire.encode_csv import encoded, file_name
from tests.accept.shapes import API, HEADERS, NEEDS, STREAM, may_be_unknown
from tests.accept.stories import Story, closed_positions, golden, sessions
from tests.conftest import data_folder
from tests.sources import ROOT

TABLE = ROOT / "docs" / "accept" / "evidence.md"
SETS: tuple[tuple[str, ...], ...] = (*((name,) for name in HEADERS), *combinations(HEADERS, 2))
"""Every kind of file alone, and every pair."""
Json = dict[str, Any]


class Failure(NamedTuple):
    """A term that is neither the same nor rightly unknown."""

    story: str
    shapes: tuple[str, ...]
    term: str
    why: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.story}, {' + '.join(self.shapes)}: {self.term}: {self.why}"


# --- writing ------------------------------------------------------------------------------------------------


def write(story: Story, shapes: tuple[str, ...], folder: Path) -> None:
    """The files of these kinds that tell the story, and what the market showed."""
    if story.market:
        lines = b"".join(msgspec.json.encode(message) + b"\n" for message in story.market)
        (folder / "market.jsonl").write_bytes(lines)
    for shape in shapes:
        WRITERS[shape](story, folder)


def _stream(story: Story, folder: Path) -> None:
    (folder / "stream.jsonl").write_bytes(story.stream)


def _api(story: Story, folder: Path) -> None:
    events = story.events
    answers: dict[str, object] = {
        "userTrades": [encode.user_trade_row(each) for each in events if isinstance(each, Fill)],
        "income": [row for each in events if isinstance(each, Fill | Flow) for row in encode.income_rows(each)],
        "allOrders": [{**encode.order_row(last), "time": placed.time_ms} for placed, last in orders_of(events)],
        "positionMarginHistory": [encode.margin_change_row(each) for each in events if isinstance(each, MarginMove)],
        "symbolConfig": [
            {"symbol": each.symbol, "marginType": "ISOLATED" if each.margin == "isolated" else "CROSSED",
             "isAutoAddMargin": False, "leverage": each.leverage, "maxNotionalValue": "1000000"}
            for each in story.settings if each.symbol
        ],
        "multiAssetsMargin": {"multiAssetsMargin": any(each.multi_assets for each in story.settings)},
        "account": encode.account_answer(story.snapshot),
    }  # fmt: skip
    for name, answer in answers.items():
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(answer))


def orders_of(events: tuple[AnyEvent, ...]) -> list[tuple[Order, Order]]:
    """Each order in its first and its last state: a list of the API shows when it was placed, and how it ended."""
    first: dict[tuple[str, str], Order] = {}
    last: dict[tuple[str, str], Order] = {}
    for each in events:
        if isinstance(each, Order):
            first.setdefault((each.symbol, each.order_id), each)
            last[each.symbol, each.order_id] = each
    return [(order, last[key]) for key, order in first.items()]


def _export(layout: str) -> Callable[[Story, Path], None]:
    def write(story: Story, folder: Path) -> None:
        events = [*story.events, *closed_positions(story.events)]
        name = file_name(layout, MADE_MS)
        (folder / name).write_bytes(encoded(layout, events, user="1"))

    return write


LAYOUTS: Mapping[str, str] = {
    "trade history (web)": "trade history/web",
    "trade history (older)": "trade history/older",
    "trade history (API)": "trade history/asyn",
    "order history": "order history/asyn",
    "transaction history": "transaction history/web",
    "transaction history (legacy)": "transaction history/legacy",
    "position history": "position history/web",
    "statements": "statement/older",
}
MADE_MS = 1_790_000_000_000
"""When the exports are said to have been made: it stands in their names."""
WRITERS: Mapping[str, Callable[[Story, Path], None]] = {
    STREAM: _stream,
    API: _api,
    **{shape: _export(layout) for shape, layout in LAYOUTS.items()},
}


# --- comparing ----------------------------------------------------------------------------------------------


def explained(story: Story, shapes: tuple[str, ...]) -> Explained:
    """What the files of these kinds give."""
    with TemporaryDirectory() as folder:
        write(story, shapes, Path(folder))
        history = read([Path(folder)])
        tables = combine([story.tables, book_of(history.tables)]) if history.tables else story.tables
        return explain(history.events, tables, evidence=evidence_of(history.sources, history.events))


def failures(story: Story, shapes: tuple[str, ...], whole: Json) -> Iterator[Failure]:
    """What of a projection is neither the same as the whole nor rightly unknown."""
    found = document(explained(story, shapes))
    allowed = may_be_unknown(
        shapes, hedged=story.hedged, isolated=story.isolated, taken_over=story.taken_over, crowded=False
    )
    open_terms = {each["term"] for each in found["unknown"] if each["settled_by"]}
    for liquidation in whole["liquidations"]:
        match = next((each for each in found["liquidations"] if _same(each, liquidation)), None)
        if match is None:
            if "liquidations" not in allowed:
                yield Failure(story.name, shapes, "liquidations", f"{liquidation['symbol']} was not found")
            elif "liquidations" not in open_terms:
                yield Failure(story.name, shapes, "liquidations", "missing, and not marked unknown")
            continue
        for term in NEEDS:
            if why := difference(term, liquidation, match, allowed):
                yield Failure(story.name, shapes, term, why)
    yield from (Failure(story.name, shapes, "findings", why) for why in accusations(whole, found))


def _same(one: Json, other: Json) -> bool:
    return (one["kind"], one["symbol"], one["order_id"]) == (other["kind"], other["symbol"], other["order_id"])


def difference(term: str, whole: Json, found: Json, allowed: frozenset[str]) -> str:
    """Why a term is wrong; empty if it is the same, or unknown where it may be."""
    expected, given = value(whole, term), value(found, term)
    if expected == given:
        return ""
    marked = next((each["settled_by"] for each in found["unknown"] if each["term"] == term), "")
    if given in (None, {}, [], ""):
        if term not in allowed:
            return f"unknown ({marked}), though its header tells it: {expected}"
        return "" if marked else "missing, and not marked unknown"
    return f"{given} instead of {expected}"


def value(each: Json, term: str) -> object:
    """A term of an explanation. An interval without any end, and a wallet that nobody knows, are no values."""
    found: Any = each
    for name in term.split("."):
        found = found[name]
    if term == "prices.liquidation":
        return found if any(found.values()) else None
    return found


def accusations(whole: Json, found: Json) -> Iterator[str]:
    """Findings that something does not hold, though the whole stream says that it does."""
    told = {json.dumps([each["kind"], each["about"]]) for each in _failing(whole)}
    for each in _failing(found):
        if json.dumps([each["kind"], each["about"]]) not in told:
            numbers = f"printed {each['printed']}, derived {each['derived']}"
            yield f"{each['kind']} {each['about']}: {numbers}: {each['rule']}"


def _failing(answer: Json) -> list[Json]:
    lists = [answer["findings"], *(each["findings"] for each in answer["liquidations"])]
    return [each for findings in lists for each in findings if each["verdict"] == "does not hold"]


def books(found: Explained) -> dict[str, str]:
    """Where the account stands at the end, of a story without a liquidation."""
    assert found.history is not None
    account = found.history.timeline.last
    lines = {f"position {symbol} {side}": held.quantity for (symbol, side), held in account.positions.items()}
    lines |= {f"profit {symbol} {side}": held.realized for (symbol, side), held in account.positions.items()}
    return {name: format(amount.normalize(), "f") for name, amount in sorted(lines.items()) if amount}


def run(stories: Iterator[Story]) -> tuple[int, list[Failure]]:
    """All projections of these stories: how many explanations were compared, and what failed."""
    compared, failed = 0, []
    for story in stories:
        whole = document(explained(story, (STREAM,)))
        for shapes in SETS:
            compared += max(len(whole["liquidations"]), 1)
            failed += failures(story, shapes, whole)
    return compared, failed


def main(arguments: list[str]) -> int:
    """Print what failed; 1 if anything did."""
    shared = Path(arguments[0]) if arguments else data_folder()
    compared, failed = run(iter([*golden(), *sessions(shared)]))
    for each in failed:
        print(each)
    print(f"{compared} explanations compared, {len(failed)} terms failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

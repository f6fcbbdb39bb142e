"""The same history in every shape and pair of shapes: the explanation is the same, or says what is missing.

For each story (the golden liquidations, the sessions of the real stream) and each set of kinds of files, the files are
written, read and explained. Each term must equal that of the whole stream, or be marked unknown with the file that
would supply it, and only where the header of the files leaves it open (`tests/accept/shapes.py`).

    python -m tests.accept.projection [data folder]

prints each failure and how many explanations were compared; `--table` writes `docs/accept/evidence.md`.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec

from margincall.core.checks import FAILS, HOLDS
from margincall.core.events import AnyEvent, Fill, Flow, MarginMove, Order
from margincall.core.units import ZERO
from margincall.forensics.document import document
from margincall.forensics.evidence import evidence_of
from margincall.forensics.explain import Explained, explain
from margincall.history.read import History, read
from margincall.venues.book import book_of, combine
from margincall.venues.registry import contract_of
from margincall.wire import encode, encode_orders
from margincall.wire.encode_csv import encoded, file_name
from tests.accept.shapes import API, HEADERS, NEEDS, STREAM, SUPPLIES, facts_of, may_be_unknown
from tests.accept.stories import Story, closed_positions, golden, sessions
from tests.conftest import data_folder
from tests.sources import ROOT

TABLE = ROOT / "docs" / "accept" / "evidence.md"
SETS: tuple[tuple[str, ...], ...] = (*((name,) for name in HEADERS), *combinations(HEADERS, 2))
"""Every kind of file alone, and every pair."""
Json = dict[str, Any]
TRACE_MS = 60_000
"""How long after the liquidation its fee may be booked."""
NOTHING: tuple[object, ...] = (None, {}, [], "")


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
        "allOrders": [{**encode_orders.order_row(last), "time": placed.time_ms} for placed, last in orders_of(events)],
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


def explained(story: Story, shapes: tuple[str, ...]) -> tuple[History, Explained]:
    """What the files of these kinds give."""
    with TemporaryDirectory() as folder:
        write(story, shapes, Path(folder))
        history = read([Path(folder)])
        tables = combine([story.tables, book_of(history.tables)]) if history.tables else story.tables
        return history, explain(history.events, tables, evidence=evidence_of(history.sources, history.events))


def failures(story: Story, shapes: tuple[str, ...], whole: Json, found: Json) -> Iterator[Failure]:
    """What of a projection is neither the same as the whole nor rightly unknown."""
    allowed = may_be_unknown(
        shapes,
        hedged=story.hedged,
        isolated=story.isolated,
        taken_over=story.taken_over,
        several=len(whole["liquidations"]) > 1,
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
            why = difference(term, liquidation, match, allowed)
            if not why and value(liquidation, term) not in NOTHING:
                why = misnamed(term, match, shapes)
            if why:
                yield Failure(story.name, shapes, term, why)
    for each in found["liquidations"]:
        if not any(_same(each, liquidation) or _traces(each, liquidation) for liquidation in whole["liquidations"]):
            yield Failure(story.name, shapes, "liquidations", f"{each['symbol']} {each['order_id']} is invented")
    yield from (Failure(story.name, shapes, "findings", why) for why in judged_otherwise(whole, found))


def _same(one: Json, other: Json) -> bool:
    return (one["kind"], one["symbol"], one["order_id"]) == (other["kind"], other["symbol"], other["order_id"])


def _traces(indirect: Json, liquidation: Json) -> bool:
    """Whether a liquidation that is told only by what followed it, without its order, is this one."""
    fits = indirect["symbol"] in ("", liquidation["symbol"])
    return indirect["kind"] == "indirect" and fits and abs(indirect["time_ms"] - liquidation["time_ms"]) <= TRACE_MS


def difference(term: str, whole: Json, found: Json, allowed: frozenset[str]) -> str:
    """Why a term is wrong; empty if it is the same, or unknown where it may be."""
    expected, given = value(whole, term), value(found, term)
    if expected == given:
        return ""
    marked = next((each["settled_by"] for each in found["unknown"] if each["term"] == term), "")
    if given in NOTHING:
        if term not in allowed:
            return f"unknown ({marked}), though its header tells it: {expected}"
        return "" if marked else "missing, and not marked unknown"
    return f"{given} instead of {expected}"


def misnamed(term: str, found: Json, shapes: tuple[str, ...]) -> str:
    """Why the file that is said to settle a term would not; empty if it would. It must tell a fact that the headers
    of these files do not tell, and nothing may be named that they do tell."""
    marked = next((each["settled_by"] for each in found["unknown"] if each["term"] == term), "")
    told = facts_of(shapes)
    absent = {SUPPLIES[fact] for fact in SUPPLIES if fact not in told}
    present = {SUPPLIES[fact] for fact in told if fact in SUPPLIES} - absent
    named = [clause for clause in marked.split("; ") if clause]
    if not named:
        return ""
    if not any(name in marked for name in absent):
        return f"{marked!r} supplies nothing that is missing"
    return next(
        (f"{name!r} is named, and there" for name in present for clause in named if clause.startswith(name)), ""
    )


def value(each: Json, term: str) -> object:
    """A term of an explanation. An interval without any end, and a wallet that nobody knows, are no values."""
    found: Any = each
    for name in term.split("."):
        found = found[name]
    if term == "prices.liquidation":
        return found if any(found.values()) else None
    return found


def judged_otherwise(whole: Json, found: Json) -> Iterator[str]:
    """Findings that accuse where the whole stream says that it holds or is silent, or that say it holds where the
    whole stream accuses."""
    told, given = _verdicts(whole), _verdicts(found)
    for key, each in given.items():
        expected = told[key]["verdict"] if key in told else None
        accuses, holds = each["verdict"] == FAILS, each["verdict"] == HOLDS
        if (accuses and expected != FAILS) or (holds and expected == FAILS):
            numbers = f"printed {each['printed']}, derived {each['derived']}"
            yield f"{each['verdict']} instead of {expected}: {each['kind']} {each['about']}: {numbers}: {each['rule']}"


def _verdicts(answer: Json) -> dict[tuple[str, str], Json]:
    lists = [answer["findings"], *(each["findings"] for each in answer["liquidations"])]
    return {(each["kind"], each["about"]): each for findings in lists for each in findings}


def sums(events: Iterable[AnyEvent]) -> dict[str, Decimal]:
    """What was traded, earned and paid, and how each wallet changed: a merge must count all of it, and once."""
    found: Counter[str] = Counter()
    for event in events:
        if isinstance(event, Fill):
            asset = contract_of(event.symbol).margin_asset
            found[f"traded {event.symbol}"] += event.quantity
            found[f"profit {event.symbol}"] += event.realized or ZERO
            found[f"change {asset}"] += event.realized or ZERO
            found[f"fees {event.fee_asset or asset}"] += event.fee or ZERO
            found[f"change {event.fee_asset or asset}"] -= event.fee or ZERO
        elif isinstance(event, Flow):
            for asset, amount in event.applied.items():
                found[f"change {asset}"] += amount
    return {name: amount for name, amount in found.items() if amount}


def miscounted(story: Story, shapes: tuple[str, ...], events: Iterable[AnyEvent]) -> Iterator[Failure]:
    """Sums of the merged events that differ from what happened, where the headers tell them."""
    told = facts_of(set(shapes) - {STREAM})
    expected, given = sums(story.events), sums(events)
    for name in sorted({*expected, *given}):
        is_told = "flows" in told if name.startswith("change") else "trades" in told
        if is_told and expected.get(name) != given.get(name):
            yield Failure(story.name, shapes, name, f"{given.get(name)} instead of {expected.get(name)}")


class Ran(NamedTuple):
    """All projections: how many explanations were compared, what failed, and in how many of the liquidations that a
    set of files was asked for a term is known."""

    compared: int
    failed: list[Failure]
    known: dict[tuple[tuple[str, ...], str], tuple[int, int]]


def run(stories: Iterable[Story]) -> Ran:
    """Every story in every set of files."""
    compared, failed = 0, []
    known: dict[tuple[tuple[str, ...], str], tuple[int, int]] = {}
    for story in stories:
        whole = document(explained(story, (STREAM,))[1])
        for shapes in SETS:
            history, answer = explained(story, shapes)
            found = document(answer)
            compared += max(len(whole["liquidations"]), 1)
            failed += [*failures(story, shapes, whole, found), *miscounted(story, shapes, history.events)]
            for liquidation in whole["liquidations"]:
                match = next((each for each in found["liquidations"] if _same(each, liquidation)), None)
                for term in NEEDS:
                    if value(liquidation, term) not in NOTHING:
                        of, among = known.get((shapes, term), (0, 0))
                        is_known = match is not None and value(match, term) not in NOTHING
                        known[shapes, term] = (of + is_known, among + 1)
    return Ran(compared, failed, known)


def table(ran: Ran) -> str:
    """Evidence × term, as Markdown."""
    terms = list(NEEDS)
    lines = [
        "# What each kind of file tells",
        "",
        f"Generated by `python -m tests.accept.projection --table`: {ran.compared:,} explanations of golden",
        "liquidations and sessions of a real stream, written down to each kind of file and each pair. ● the term is",
        "known and the same as from the whole stream, ◐ in some of the liquidations (hedge mode, isolated, taken over,",
        "several at once), ○ marked unknown, with the file that would supply it. Marks, indices and bracket tables",
        "are given.",
        "",
        "| evidence | " + " | ".join(f"{number}" for number in range(1, len(terms) + 1)) + " |",
        "|---|" + "---|" * len(terms),
    ]
    for shapes in SETS:
        signs = [_sign(*ran.known.get((shapes, term), (0, 0))) for term in terms]
        lines.append(f"| {' + '.join(shapes)} | " + " | ".join(signs) + " |")
    lines += ["", *(f"{number}. `{term}`" for number, term in enumerate(terms, 1)), ""]
    return "\n".join(lines)


def _sign(known: int, among: int) -> str:
    return "●" if known == among else "◐" if known else "○"


def stories(shared: Path) -> list[Story]:
    """All of them."""
    return [*golden(), *sessions(shared)]


def main(arguments: list[str]) -> int:
    """Print what failed; 1 if anything did."""
    places = [each for each in arguments if not each.startswith("--")]
    ran = run(stories(Path(places[0]) if places else data_folder()))
    for each in ran.failed:
        print(each)
    if "--table" in arguments:
        TABLE.write_text(table(ran), encoding="utf-8")
    print(f"{ran.compared} explanations compared, {len(ran.failed)} terms failed")
    return 1 if ran.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The whole way from paths to an answer: read, choose bracket tables, explain."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import merge
from importlib.resources import as_file, files
from pathlib import Path

from msgspec import Struct, structs

from margincall.core.events import AnyEvent
from margincall.core.rules import MissingContract
from margincall.errors import UsageError
from margincall.forensics.document import differs
from margincall.forensics.evidence import Coverage, evidence_of
from margincall.forensics.explain import Case, Explained, explain
from margincall.forensics.stored import mark_candles
from margincall.history.described import symbols_in
from margincall.history.market.store import MarketStore
from margincall.history.read import History, read, read_within
from margincall.history.scope import EVERYTHING, Scope
from margincall.venues.book import BracketBook, book_of, combine
from margincall.venues.registry import venue_of
from margincall.wire.problems import Problem

HARMLESS = frozenset({"ignored", "note", "repeat", "undated"})
"""Kinds of problems that do not make an answer irregular."""


class Answer(Struct, frozen=True):
    """An explanation with the files' problems. `refused` says why the account's kind is not modelled; `example` what
    the embedded example assumes (empty for the user's own files), `no_verdict` why none is derived at another venue."""

    explained: Explained
    problems: tuple[Problem, ...]
    refused: tuple[str, ...]
    sources: tuple[str, ...]
    example: tuple[str, ...] = ()
    is_usable: bool = True
    no_verdict: str = ""

    @property
    def is_irregular(self) -> bool:
        """Whether something printed does not hold, a row was not understood, or the account is refused."""
        serious = any(problem.kind not in HARMLESS for problem in self.problems)
        return serious or bool(self.refused) or differs(self.explained)


def answer(
    paths: Sequence[Path],
    book: BracketBook,
    *,
    scope: Scope = EVERYTHING,
    progress: Callable[[int], None] | None = None,
    coverage: Coverage | None = None,
    store: MarketStore | None = None,
) -> Answer:
    """Explain what these files and folders hold. `book` are the bracket tables known; tables in the files join it.
    `scope` is the time that is looked at, and the zone of exports that do not tell theirs. `coverage` is given where it
    is known when the files were made. `store` holds candles of the mark that the files may lack."""
    with _uncollected():
        history = read_within(paths, scope, progress)
        found = _answered(history, book, coverage=coverage)
        candles = _stored_candles(found, history, store)
        return _answered(structs.replace(history, events=candles), book, coverage=coverage) if candles else found


def _stored_candles(found: Answer, history: History, store: MarketStore | None) -> tuple[AnyEvent, ...]:
    """The events with the store's candles among them; none if it has none for a liquidation whose mark is missing."""
    if store is None or history.elsewhere is not None:
        return ()
    times = [case.incident.time_ms for case in found.explained.cases if _lacks_marks(case)]
    candles = mark_candles(store, history.events, times) if times else []
    return tuple(merge(candles, history.events, key=lambda event: event.time_ms)) if candles else ()


def _lacks_marks(case: Case) -> bool:
    moment = case.moment
    return moment is not None and (not moment.own_mark_known or bool(moment.missing))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic collector: events hold no cycles, and it would walk a million of them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def example(book: BracketBook) -> Answer:
    """The embedded example: a liquidation that our own exchange simulated (`tools/make_example.py`), with its notes."""
    folder = files("margincall.forensics") / "data"
    said = tuple((folder / "example.txt").read_text(encoding="utf-8").splitlines())
    with as_file(folder / "example.jsonl") as path:
        history = read([path])
    return _answered(history, book, said)


def _one_account(history: History) -> None:
    """Each venue has wallets of its own, and so have USDⓈ-M and COIN-M. Raises `UsageError` naming a file of each."""
    if len(history.venues) > 1:
        raise _several(history.venues)
    if history.elsewhere is not None:
        return
    first: dict[str, str] = {}
    for event in history.events:
        for symbol in symbols_in(event):
            if symbol not in first:
                first[symbol] = event.source.file
    seen: dict[str, str] = {}
    for symbol, file in first.items():
        try:
            seen.setdefault(venue_of(symbol), file)
        except MissingContract:
            continue
    if len(seen) > 1:
        raise _several(seen)


def _several(files: Mapping[str, str]) -> UsageError:
    listed = " and ".join(f"{file} ({venue})" for venue, file in sorted(files.items()))
    return UsageError(f"these files are of two accounts with separate wallets: {listed}. Explain each alone.")


def _answered(
    history: History, book: BracketBook, example: tuple[str, ...] = (), *, coverage: Coverage | None = None
) -> Answer:
    _one_account(history)
    known = combine([book, book_of(history.tables)]) if history.tables else book
    refused = tuple(dict.fromkeys(mark.reason for mark in history.unmodelled))
    evidence = evidence_of(history.sources, history.events, coverage)
    explained = explain(history.events, known, refused=refused, evidence=evidence, elsewhere=history.elsewhere)
    return Answer(
        explained=explained,
        problems=history.problems,
        refused=refused,
        sources=tuple(source.file for source in history.sources),
        example=example,
        is_usable=bool(history.events or history.tables),
        no_verdict=history.elsewhere.why_no_verdict if history.elsewhere is not None else "",
    )

"""Whose files these are, and the contracts that files describe themselves.

Binance's contracts are known by their symbols; rows of other venues bring theirs along. A symbol that Binance's own
files name stays Binance's, whoever describes it: what is described beside them must be the same contract.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Fill, IndexPrice, MarkCandle, MarkPrice, Source, Statement
from margincall.core.rules import MissingContract
from margincall.history.messages import FileReading
from margincall.venues import elsewhere
from margincall.venues.elsewhere import Elsewhere
from margincall.venues.registry import contract_of
from margincall.wire.exports import ANY_VENUE, BINANCE
from margincall.wire.problems import Problem
from margincall.wire.row import place_of

ANOTHER = "a venue other than Binance"
"""What a venue is called that no file names."""
PRICES = (MarkPrice, IndexPrice, MarkCandle)
"""Events that tell of a market, and of no account."""
DESCRIBED = ("kind", "base", "quote", "contract_size")
Listed = Mapping[str, tuple[Contract, Source | None]]


class Owned(Struct, frozen=True):
    """Readings without the rows that contradict a contract. `venues` names those whose accounts the files tell of, each
    with one of its files; `elsewhere` is the one that is none of Binance's."""

    readings: tuple[FileReading, ...]
    problems: tuple[Problem, ...]
    venues: Mapping[str, str]
    elsewhere: Elsewhere | None


def owned(readings: Sequence[FileReading]) -> Owned:
    """Who wrote the files, and which contracts their rows describe."""
    telling = [each for each in readings if any(True for _ in _of_accounts(each))]
    venues: dict[str, str] = {}
    for each in telling:
        if each.source.venue != ANY_VENUE:
            venues.setdefault(each.source.venue, each.source.file)
    own = _binance_contracts(readings) if BINANCE in venues else {}
    kept: list[FileReading] = []
    problems: list[Problem] = []
    listed: dict[str, tuple[Contract, Source | None]] = dict(own)
    for each in readings:
        refused: set[str] = set()
        for symbol, (contract, source) in each.contracts.items():
            first, place = listed.setdefault(symbol, (contract, source))
            if not _is_same(first, contract):
                refused.add(symbol)
                problems.append(_contradiction(contract, source, first, place))
            elif place is None:
                problems.append(_joined(symbol, source))
        kept.append(_without_fills(each, refused))
    found = {symbol: contract for symbol, (contract, _) in listed.items() if symbol not in own}
    if found and not venues.keys() - {BINANCE}:
        venues[ANOTHER] = next(str(listed[symbol][1]) for symbol in found)
    name = next((venue for venue in venues if venue != BINANCE), ANOTHER)
    is_elsewhere = BINANCE not in venues and bool(telling)
    return Owned(tuple(kept), tuple(problems), venues, Elsewhere(name, found) if is_elsewhere else None)


def symbols_in(event: AnyEvent) -> Iterable[str]:
    """The symbols that one event names."""
    if isinstance(event, Statement):
        return [position.symbol for position in event.positions]
    symbol = getattr(event, "symbol", "")
    return [symbol] if symbol else []


def _of_accounts(reading: FileReading) -> Iterable[AnyEvent]:
    return (event for message in reading.messages for event in message.events if not isinstance(event, PRICES))


def _binance_contracts(readings: Sequence[FileReading]) -> Listed:
    """The contracts that Binance's own files name; looked for only where others are described."""
    if not any(each.contracts for each in readings):
        return {}
    own = [each for each in readings if each.source.venue == BINANCE]
    found: dict[str, tuple[Contract, Source | None]] = {}
    for symbol in {symbol for each in own for event in _of_accounts(each) for symbol in symbols_in(event)}:
        try:
            found[symbol] = (contract_of(symbol), None)
        except MissingContract:
            continue
    return found


def _is_same(one: Contract, other: Contract) -> bool:
    """Whether two descriptions agree in what a row can describe; steps and places it cannot."""
    return all(getattr(one, name) == getattr(other, name) for name in DESCRIBED)


def _without_fills(reading: FileReading, symbols: set[str]) -> FileReading:
    if not symbols:
        return reading
    messages = [
        structs.replace(
            message,
            events=tuple(e for e in message.events if not (isinstance(e, Fill) and e.symbol in symbols)),
        )
        for message in reading.messages
    ]
    return structs.replace(reading, messages=tuple(message for message in messages if message.events))


def _contradiction(contract: Contract, source: Source, first: Contract, place: Source | None) -> Problem:
    here, there = elsewhere.words(contract), elsewhere.words(first)
    who = f"in {place}" if place is not None else "as Binance lists it, whose own files name it"
    message = f"{contract.symbol} is {here} here, but {there} {who}; the fills of it in this file are left out"
    return Problem(source.file, place_of(source), message, here, "contradiction")


def _joined(symbol: str, source: Source) -> Problem:
    message = f"{symbol} is in Binance's own files too: these fills are taken as made there"
    return Problem(source.file, place_of(source), message, symbol, "note")

"""What a rescue left: per endpoint what is there, until when the rest can still be had, and which terms of an
explanation each missing answer would settle."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from margincall.case.endpoints import evidence
from margincall.case.manifest import Begun, Declined, Entry, Saved
from margincall.case.retention import RULES, Retention, expires_ms, in_order_of_expiry
from margincall.errors import UsageError
from margincall.forensics.unknown import RESTS_ON

EMPTY_MAX = 2
"""Bytes of an answer without rows: `[]`."""


class Lost(Struct, frozen=True):
    """What the venue had forgotten of the event when the rescue began, since when, and what it would have told."""

    what: str
    since_ms: int
    tells: str


class Line(Struct, frozen=True):
    """One endpoint: how many answers hold something, how many are empty, how many the venue refused.

    `expires_ms` is when its evidence of the event begins to go, none for what shows the present only; `lost` what was
    gone when the rescue began, with what it would have told; `tells` what it tells; `settles` the terms of an
    explanation that rest on what it gives, where nothing gave it.
    """

    endpoint: str
    what: str
    answers: int
    empty: int
    refused: int
    said: str
    expires_ms: int | None
    lost: tuple[Lost, ...]
    tells: str
    settles: tuple[str, ...]

    @property
    def is_asked(self) -> bool:
        """Whether the venue was asked and answered."""
        return bool(self.answers or self.empty or self.refused)

    @property
    def is_missing(self) -> bool:
        """Whether nothing came of it."""
        return not self.answers


class Click(Struct, frozen=True):
    """One line of the list for those without a key: what to save where, until when (none: now)."""

    what: str
    where: str
    expires_ms: int | None
    assumed: bool = False


def lines(entries: Sequence[Entry], event_ms: int) -> list[Line]:
    """The state of the last rescue in these records, in order of expiry."""
    begin, current = last_rescue(entries)
    gives = evidence(begin.market)
    found = [entry.said for entry in current]
    by_name: dict[str, list[Saved | Declined]] = {}
    for said in found:
        if isinstance(said, Saved | Declined):
            by_name.setdefault(name_of(said.origin), []).append(said)
    there = {kind for name, files in by_name.items() if _answers(files) for kind in gives.get(name, ())}
    result: dict[str, Line] = {}
    for name, rule in in_order_of_expiry():
        if name in gives and name not in result:
            lost = _lost(RULES[name], event_ms, begin.until_ms)
            terms = _terms(gives[name], there)
            result[name] = _line(name, rule, by_name.get(name, []), event_ms, lost=lost, terms=terms)
    return list(result.values())


def last_rescue(entries: Sequence[Entry]) -> tuple[Begun, Sequence[Entry]]:
    """How the last rescue began and the records since. Raises `UsageError` where there was none."""
    for place in range(len(entries) - 1, -1, -1):
        said = entries[place].said
        if isinstance(said, Begun):
            return said, entries[place + 1 :]
    raise UsageError("nothing was rescued into this case yet")


def _lost(rules: Sequence[Retention], event_ms: int, until_ms: int) -> tuple[Lost, ...]:
    gone = [(rule, expires_ms(rule, event_ms)) for rule in rules if not rule.is_now_only]
    return tuple(Lost(rule.what, end, rule.tells) for rule, end in gone if end <= until_ms)


def name_of(origin: str) -> str:
    """The endpoint's name in a request's identity; the file of an export counts for the export."""
    path = origin.partition("?")[0].removesuffix("/id")
    parts = path.strip("/").split("/")
    version = parts[1].removeprefix("v") if len(parts) > 2 else "1"
    return ".".join(parts[2:]) + (f"-v{version}" if version != "1" else "")


def _answers(files: Iterable[Saved | Declined]) -> int:
    return sum(isinstance(file, Saved) and file.size > EMPTY_MAX for file in files)


def _line(
    name: str,
    rule: Retention,
    files: Sequence[Saved | Declined],
    event_ms: int,
    *,
    lost: tuple[Lost, ...],
    terms: tuple[str, ...],
) -> Line:
    refused = [file for file in files if isinstance(file, Declined)]
    answers = _answers(files)
    return Line(
        endpoint=name,
        what=rule.what,
        answers=answers,
        empty=len(files) - len(refused) - answers,
        refused=len(refused),
        said=f"{refused[-1].said} ({refused[-1].code})" if refused else "",
        expires_ms=None if rule.is_now_only else expires_ms(RULES[name][0], event_ms),
        lost=lost,
        tells=rule.tells,
        settles=() if answers else terms,
    )


def _terms(gives: Sequence[str], there: set[str]) -> tuple[str, ...]:
    """The terms that rest on kinds of evidence of which nothing else is there."""
    lacking = [kind for kind in gives if kind not in there]
    return tuple(term for term, kinds in RESTS_ON.items() if any(kind in kinds for kind in lacking))


PAGES: tuple[tuple[str, str], ...] = (
    ("positionRisk-v3", "Futures → Positions: a screenshot with sizes, entry, margin and liquidation prices"),
    ("account-v3", "Futures → Assets: a screenshot with wallet and margin balance"),
    ("openOrders", "Futures → Open Orders (all kinds): a screenshot"),
    ("leverageBracket", "Futures → Trading Rules → Leverage & Margin of each symbol: save the page"),
    ("symbolConfig", "Futures → the symbol's margin mode and leverage: a screenshot"),
    ("allOrders", "Orders → Futures Order → Order History: export, with cancelled and expired ones"),
    ("positionMargin.history", "Orders → Futures Order → Transaction History (margin changes are not in every export)"),
    ("forceOrders", "Orders → Futures Order → Order History: the rows “Liquidation” and “ADL”; the notice by e-mail"),
    ("userTrades", "Orders → Futures Order → Trade History: export (Futures Trade History)"),
    ("income", "Orders → Futures Order → Transaction History: export"),
    ("order.asyn", "the same pages, Export: a year at most in one, 5 a month, links for 7 days"),
    ("markPriceKlines", "data of the minutes around the event: public, can be saved later without an account"),
)
"""What stands where on the venue's pages; that the pages keep as long as the API is assumed."""


def click_list(event_ms: int) -> list[Click]:
    """What to save by hand, in order of expiry, with the dates for one event."""
    where = dict(PAGES)
    found: list[Click] = []
    for name, rule in in_order_of_expiry():
        if name in where:
            until = None if rule.is_now_only else expires_ms(rule, event_ms)
            found.append(Click(rule.what, where[name], until, assumed=not rule.is_now_only))
    return found

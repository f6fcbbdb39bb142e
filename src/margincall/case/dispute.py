"""What there is to dispute in a verified history: which liquidations, what each is accused of, what is asked.

    irregular                   a refund of what a broken rule cost, or the venue's own figure of it
    cannot tell                 the evidence that would settle it
    nothing irregular found     nothing: a dispute is not advised (`--anyway`: a question instead)
    irregular, in favour        nothing either, and it is said

Page: `docs/spec/dispute_bundle.md`. Words are in `dispute_text.py`, files in `bundle.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, partial

from msgspec import Struct, structs

from margincall.case.dispute_amounts import Owed, owed_for
from margincall.case.dispute_asks import OF_CHECK, asked_for
from margincall.case.dispute_cited import placed
from margincall.core.checks import FAILS, UNCLEAR
from margincall.core.units import ZERO
from margincall.errors import UsageError
from margincall.forensics.answer import Answer
from margincall.forensics.explain import Case
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.stored import mark_candles, market_rows
from margincall.forensics.verify.charges import stayed
from margincall.forensics.verify.check import IRREGULAR, OPEN, REGULAR, Check, Conclusion, Irregularity, Judged, Kind
from margincall.forensics.verify.check import Verified as Verdict
from margincall.forensics.verify.conclude import CAUSES, SAYS
from margincall.forensics.verify.founded import Founded
from margincall.forensics.verify.view import View
from margincall.history.market.store import MarketStore
from margincall.history.public import NO_MARKET
from margincall.venues.elsewhere import Elsewhere
from margincall.venues.registry import venue_of
from margincall.version import VERSION
from margincall.wire.claims import Advice, Asked, Attached, Claim, Disputed, Subject, Wrong
from margincall.wire.exports import BINANCE
from margincall.wire.problems import Problem

NOT_ADVISED = "nothing irregular was found; a dispute is not advised"
IN_FAVOUR_ALONE = "what is irregular was in your favour; a dispute is not advised"
SUBJECTS: Mapping[str, Subject] = {"liquidation": "liquidation", "adl": "deleveraging", "indirect": "liquidation"}
WORDS: Mapping[Kind, str] = {"loss_socialised": "a debit called adjustment, for which no reason is given"}
"""What is told to the venue in other words than `SAYS`: its own word ADJUSTMENT does not say that a loss was shared."""
FOUND_BY: Mapping[str, Kind] = {"trigger": "too_early", "moment": "too_late"}
"""What a check finds by itself, before its cause: a table, or a mark."""
OF_OTHERS: frozenset[Kind] = frozenset({"loss_socialised"})
"""Irregularities beside the liquidations that are a share of somebody else's loss; the others are bookings."""


class Matter(Struct, frozen=True, kw_only=True):
    """One thing that may be disputed: the orders of a liquidation or deleveraging, first to last; or without any, an
    irregularity of what was booked beside them: `before` are the orders of the next liquidation after it."""

    subject: Subject
    cases: tuple[Case, ...] = ()
    judged: tuple[Judged, ...] = ()
    irregularities: tuple[Irregularity, ...] = ()
    checks: tuple[Check, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def conclusion(self) -> Conclusion:
        """Of all its orders."""
        if self.irregularities:
            return IRREGULAR
        if any(each.verdict == UNCLEAR for each in self.checks):
            return OPEN
        return OPEN if any(each.conclusion == OPEN for each in self.judged) else REGULAR

    def kinds(self) -> dict[Kind, tuple[Check, ...]]:
        """Each irregularity with the checks that show it."""
        found: dict[Kind, tuple[Check, ...]] = {}
        for irregularities, checks in self._lists():
            for each in irregularities:
                shown = tuple(checks[place] for place in each.checks)
                found[each.kind] = (*found.get(each.kind, ()), *shown)
        return found

    def _lists(self) -> Iterator[tuple[Sequence[Irregularity], Sequence[Check]]]:
        if not self.judged:
            yield self.irregularities, self.checks
        for each in self.judged:
            yield each.irregularities, each.checks


class Decided(Struct, frozen=True, kw_only=True):
    """What is to be done: the advice, the matters that it is about, what verify concluded of them, why an account was
    not judged, and what is irregular but cost the account nothing. `venue` is that which the user names, "" for that of
    the files."""

    advice: Advice
    matters: tuple[Matter, ...]
    conclusion: Conclusion
    refused: tuple[str, ...] = ()
    in_favour: tuple[Matter, ...] = ()
    venue: str = ""


def _at_venue(verified: Verdict, venue: str) -> Verdict:
    """The verdict where the user names another venue than Binance: its rules are not modelled, so nothing is judged."""
    bare = [structs.replace(each, conclusion=OPEN, checks=(), irregularities=()) for each in verified.liquidations]
    why = Elsewhere(venue).why_no_verdict
    return structs.replace(verified, liquidations=tuple(bare), checks=(), irregularities=(), refused=(why,))


def decide(answer: Answer, verified: Verdict, number: int = 0, *, venue: str = "") -> Decided:
    """What there is to dispute; of the `number`-th liquidation alone, as they are counted by `explain` (0: of all).
    What was in favour of the account is not disputed; without anything else it stays irregular. `venue` is that which
    the user names: files in the form of Binance's may be those of another. Raises `UsageError` for a number that there
    is not."""
    if venue and venue.casefold() != BINANCE.casefold():
        return structs.replace(decide(answer, _at_venue(verified, venue), number), venue=venue)
    history = answer.explained.history
    everything = [*matters(answer, verified)] if not number else [_numbered(answer, verified, number)]
    irregular = [each for each in everything if each.conclusion == IRREGULAR]
    is_loss = [_is_loss(history, each) for each in irregular]
    wrong = [each for each, lost in zip(irregular, is_loss, strict=True) if lost]
    gained = tuple(each for each, lost in zip(irregular, is_loss, strict=True) if not lost)
    unclear = [each for each in everything if each.conclusion == OPEN or verified.refused]
    if wrong:
        return Decided(advice="dispute", matters=tuple(wrong), conclusion=IRREGULAR, in_favour=gained)
    if unclear:
        return Decided(
            advice="ask", matters=tuple(unclear), conclusion=OPEN, refused=verified.refused, in_favour=gained
        )
    conclusion = IRREGULAR if gained else REGULAR
    return Decided(advice="nothing", matters=tuple(everything), conclusion=conclusion, in_favour=gained)


def unusable(problems: Sequence[Problem]) -> Decided:
    """About files of which nothing can be used: nobody can tell, and there is nothing to send."""
    why = ("nothing in these files can be used", *(str(each) for each in problems))
    return Decided(advice="nothing", matters=(), conclusion=OPEN, refused=why)


def matters(answer: Answer, verified: Verdict) -> Iterator[Matter]:
    """Everything that may be disputed: each liquidation and deleveraging with the orders that go on with it, in order
    of time, then what was booked beside them and does not hold, then debits that nobody can explain."""
    groups = _grouped(answer, verified)
    yield from groups
    for each in verified.irregularities:
        subject: Subject = "shared loss" if each.kind in OF_OTHERS else "booking"
        for place in each.checks:
            one = structs.replace(each, checks=(0,), amount=_difference(verified.checks[place]))
            check = verified.checks[place]
            yield Matter(subject=subject, irregularities=(one,), checks=(check,), before=_next(groups, check))
    yield from (Matter(subject="shared loss", checks=(each,)) for each in verified.open_debits)


def _next(groups: Sequence[Matter], check: Check) -> tuple[str, ...]:
    """The orders of the first liquidation that was not before what a check is about."""
    times = _times((check,))
    for each in groups:
        if times and each.subject == "liquidation" and each.judged[0].time_ms >= times[0]:
            return tuple(one.order_id for one in each.judged if one.order_id)
    return ()


def _grouped(answer: Answer, verified: Verdict) -> list[Matter]:
    groups: dict[tuple[str, str, str], list[tuple[Case, Judged]]] = {}
    for place, (case, judged) in enumerate(zip(answer.explained.cases, verified.liquidations, strict=True)):
        if judged.kind in SUBJECTS:
            told = case.explanation
            name = told.goes_on_from or told.order_id or f"#{place}"
            groups.setdefault((told.symbol, told.position_side, name), []).append((case, judged))
    return [_matter(pairs) for pairs in groups.values()]


def _matter(pairs: Sequence[tuple[Case, Judged]]) -> Matter:
    judged = tuple(each for _, each in pairs)
    return Matter(
        subject=SUBJECTS[judged[0].kind],
        cases=tuple(case for case, _ in pairs),
        judged=judged,
        irregularities=_each_kind([wrong for each in judged for wrong in each.irregularities]),
    )


def _each_kind(found: Sequence[Irregularity]) -> tuple[Irregularity, ...]:
    """Each kind once, though several orders of one liquidation show it; without an amount where they differ in it."""
    by_kind: dict[Kind, Irregularity] = {}
    for each in found:
        first = by_kind.setdefault(each.kind, each)
        others = tuple(sorted({*first.or_else, *each.or_else}))
        amount = first.amount if first.amount == each.amount else None
        by_kind[each.kind] = structs.replace(first, amount=amount, or_else=others)
    return tuple(by_kind.values())


def _numbered(answer: Answer, verified: Verdict, number: int) -> Matter:
    cases = answer.explained.cases
    if not 0 < number <= len(cases):
        raise UsageError(f"--number {number}: the files hold {len(cases)} liquidation(s)")
    for each in _grouped(answer, verified):
        if any(case is cases[number - 1] for case in each.cases):
            return each
    raise UsageError(f"--number {number} is a reply of the support, and no liquidation that can be disputed")


def owed_by_closing(answer: Answer, verified: Verdict) -> tuple[Owed | None, ...]:
    """What a dispute would ask for each closing, in their order: all of its liquidation's at the first of the orders
    that go on with each other. None for the others, and where nothing is irregular."""
    history = answer.explained.history
    if history is None:
        return (None,) * len(answer.explained.cases)
    irregular = [each for each in _grouped(answer, verified) if each.irregularities]
    found = {id(each.cases[0]): owed_for(history, each.cases, each.kinds()) for each in irregular}
    return tuple(found.get(id(case)) for case in answer.explained.cases)


def owed_beside(answer: Answer, verified: Verdict) -> tuple[Owed, ...]:
    """What a dispute would ask for each irregular booking beside the closings."""
    history = answer.explained.history
    if history is None:
        return ()
    beside = (each for each in matters(answer, verified) if each.irregularities and not each.judged)
    return tuple(owed_for(history, (), each.kinds()) for each in beside)


def _is_loss(history: Reconstruction | None, matter: Matter) -> bool:
    return history is not None and owed_for(history, matter.cases, matter.kinds()).is_loss


def claim_of(
    answer: Answer,
    decided: Decided,
    attached: Sequence[Attached],
    *,
    reference: str = "",
    places: Mapping[str, str] = {},
    redact: bool = False,
    market_store: bool = False,
) -> Claim:
    """The claim: `reference` is the account's number at the venue, where no file prints it; `places` says where in the
    bundle each file stands; `redact` that no other place is named; `market_store` that stored market data was used
    beside them."""
    history = answer.explained.history
    place = partial(placed, places=places, redact=redact)

    @cache
    def founded() -> Founded:
        assert history is not None
        return Founded(history)

    disputed = tuple(_disputed(history, decided, each, place, founded) for each in decided.matters)
    total: dict[str, Decimal] = {}
    for each in disputed:
        for asset, amount in each.refund.items():
            total[asset] = total.get(asset, ZERO) + amount
    names = {name for each in disputed for name in each.assumptions}
    return Claim(
        venue=decided.venue or _venue(disputed, history),
        account=reference or account_of(answer),
        conclusion=decided.conclusion,
        advice=decided.advice,
        disputed=disputed,
        refund=total,
        evidence=tuple(attached),
        made_by=f"margincall {VERSION}",
        market_store=market_store,
        problems=decided.refused,
        assumptions=tuple(sorted(names)),
    )


def has_stored(store: MarketStore | None, *answers: Answer) -> bool:
    """Whether a store of market data holds anything about these histories, and so was used beside their files."""
    return store is not None and any(
        next(market_rows(store, each.explained), None) is not None
        or any(mark_candles(store, each.explained.history.events, _case_times(each)))
        for each in answers
        if each.explained.history is not None
    )


def _case_times(answer: Answer) -> list[int]:
    return [case.incident.time_ms for case in answer.explained.cases]


def account_of(answer: Answer) -> str:
    """The account's number, if the files print one."""
    history = answer.explained.history
    named = {event.account for event in history.events if event.account} if history is not None else set()
    return named.pop() if len(named) == 1 else ""


def _disputed(
    history: Reconstruction | None,
    decided: Decided,
    matter: Matter,
    place: Callable[[str], str],
    founded: Callable[[], Founded],
) -> Disputed:
    kinds = matter.kinds()
    owed = owed_for(history, matter.cases, kinds) if history is not None and kinds else Owed({}, "")
    asked: Asked = {"dispute": "refund", "ask": "evidence", "nothing": "answer"}[decided.advice]  # type: ignore[assignment]
    told = [case.explanation for case in matter.cases]
    checks = [*matter.checks, *(check for each in matter.judged for check in each.checks)]
    is_elsewhere = bool(decided.venue) or (history is not None and history.book.elsewhere is not None)
    wanted = tuple(dict.fromkeys(text for each in matter.checks for text in OF_CHECK.get(each.kind, ())))
    if asked == "refund":
        wanted = ()
    elif matter.judged or not matter.checks:
        is_refused = bool(decided.refused)
        wanted = asked_for(
            history, matter.cases, matter.judged, founded, is_refused=is_refused, is_elsewhere=is_elsewhere
        )
    return Disputed(
        subject=matter.subject,
        asked=asked,
        symbol=told[0].symbol if told else _symbol(matter.checks),
        position_side=told[0].position_side if told else "",
        times_ms=tuple(each.time_ms for each in told) or _times(matter.checks) or _printed_at(history, matter.checks),
        order_ids=tuple(each.order_id for each in told if each.order_id) or _led_to(matter),
        client_order_ids=tuple(each.client_order_id for each in told if each.client_order_id),
        open_order_ids=tuple(orders_left(history, matter, founded)) if history is not None and matter.cases else (),
        irregularities=tuple(_wrong(kinds, each, place) for each in matter.irregularities),
        refund=dict(owed.refund),
        how=owed.how,
        settled_by=wanted,
        assumptions=tuple(sorted({name for each in checks for name in each.assumptions if ":" not in name})),
    )


def _led_to(matter: Matter) -> tuple[str, ...]:
    """A booking is disputed for what it led to: a desk looks for it by the orders of the next liquidation."""
    return matter.before if matter.subject == "booking" else ()


def in_words(kind: Kind) -> str:
    """An irregularity as the venue is told of it."""
    return WORDS.get(kind, SAYS[kind])


def _finding(kind: Kind, checks: Sequence[Check]) -> Kind:
    """What is found, before what may have caused it: where the trigger itself fails, that it was not reached."""
    failing = {check.kind for check in checks if check.verdict == FAILS}
    return next((FOUND_BY[each] for each in FOUND_BY if kind in CAUSES and each in failing), kind)


def _wrong(kinds: Mapping[Kind, Sequence[Check]], each: Irregularity, place: Callable[[str], str]) -> Wrong:
    checks = kinds[each.kind]
    shown = next((check for check in checks if each.kind in check.points_to[:1]), checks[0])
    amount, unit, finding = each.amount, each.unit, _finding(each.kind, checks)
    if finding != each.kind:
        shown = next(check for check in checks if FOUND_BY.get(check.kind) == finding and check.verdict == FAILS)
        amount, unit = shown.numbers.get("surplus"), shown.unit
    causes = dict.fromkeys(in_words(kind) for kind in (each.kind, *each.or_else) if kind != finding)
    return Wrong(
        kind=each.kind,
        says=in_words(finding),
        causes=tuple(causes),
        amount=amount,
        unit=unit,
        rule=shown.rule,
        source=f"{shown.source}{f' ({shown.since})' if shown.since else ''}",
        assumptions=tuple(sorted({name for check in checks for name in check.assumptions})),
        evidence=tuple(dict.fromkeys(place(check.evidence) for check in checks if check.evidence)),
        or_else=each.or_else,
    )


def _difference(check: Check) -> Decimal | None:
    return check.numbers.get("difference", check.numbers.get("printed"))


def _times(checks: Sequence[Check]) -> tuple[int, ...]:
    """When what was booked beside was booked."""
    named = [
        check.times_ms[name] for check in checks for name in ("booked", "funding", "fill") if name in check.times_ms
    ]
    return tuple(dict.fromkeys(named))


def _printed_at(history: Reconstruction | None, checks: Sequence[Check]) -> tuple[int, ...]:
    """When the rows were printed that checks without a time of their own are about."""
    places = {each.evidence for each in checks if each.evidence}
    events = history.events if history is not None and places else ()
    found = sorted({event.time_ms for event in events if event.time_ms and str(event.source) in places})
    return tuple(found[:1])


def _symbol(checks: Sequence[Check]) -> str:
    """The symbol that a check of a booking names."""
    for check in checks:
        for word in check.about.split():
            if _is_symbol(word):
                return word
    return ""


def _is_symbol(word: str) -> bool:
    try:
        venue_of(word)
    except LookupError:
        return False
    return True


def _venue(disputed: Sequence[Disputed], history: Reconstruction | None) -> str:
    """Whose files they are, as these name it; of Binance's the product that lists the symbols: what is disputed, else
    what the account traded."""
    if history is not None and history.book.elsewhere is not None:
        return history.book.elsewhere.name
    traded = sorted(history.book.contracts) if history is not None else []
    symbols = [*(each.symbol for each in disputed), *traded]
    return next((venue_of(symbol) for symbol in symbols if _is_symbol(symbol)), "")


def orders_left(history: Reconstruction, matter: Matter, founded: Callable[[], Founded]) -> Iterator[str]:
    """Ids of the account's own orders that the verdict calls open still when the venue's order came, if the venue is
    accused of that. `founded` is what founds the history."""
    found: dict[str, None] = {}
    for case, judged in zip(matter.cases, matter.judged, strict=True):
        if case.moment is not None and any(each.kind == "orders_not_cancelled" for each in judged.irregularities):
            view = View(history, case, NO_MARKET, founded())
            states = history.orders.before(case.incident.first)
            found |= {each.order_id: None for each in states if stayed(view, each)}
    yield from found

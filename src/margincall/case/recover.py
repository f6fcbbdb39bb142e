"""What is left after a liquidation, who got what, and what can be asked for: one line for each, with its source.

Pure: the day is given from outside, and so is whatever the files do not hold. No line promises anything.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct, structs

from margincall.case.dispute import owed_beside, owed_by_closing
from margincall.case.programmes import Programme, programmes
from margincall.case.programmes_check import Occurrence, Table, table
from margincall.case.recover_facts import loss_in_window, occurrence
from margincall.case.recover_lines import Firm, Line, account_dispute, account_lines, dispute_lines, lines_of
from margincall.case.recover_loss import TaxLoss, losses_of, together
from margincall.case.recover_path import Kept, Path, kept, path_of
from margincall.case.warning import NO_RECOVERY
from margincall.core.rounding import exact
from margincall.core.units import ZERO
from margincall.errors import UsageError
from margincall.forensics.answer import Answer
from margincall.forensics.explain import Case
from margincall.forensics.incidents import AFTERMATH_MS
from margincall.forensics.verify.check import Verified
from margincall.wire.exports import BINANCE
from margincall.wire.iso_time import time_of

NOT_YET = "not yet announced on the day asked for"


class Given(Struct, frozen=True):
    """What the user adds to the files: market prices by symbol, base coin or asset at a formula's time, net assets in
    US dollars at a programme's snapshot, and whether the account was compensated otherwise."""

    references: Mapping[str, Decimal] = {}
    net_assets: Decimal | None = None
    compensated: bool | None = None


class OfClosing(Struct, frozen=True):
    """One liquidation or deleveraging: its lines, its realised loss by asset, its way of complaint, its evidence."""

    kind: str
    symbol: str
    position_side: str
    time_ms: int
    order_id: str
    lines: tuple[Line, ...]
    realized_loss: tuple[TaxLoss, ...]
    complaint: Path
    evidence: tuple[Kept, ...]


class UnderProgramme(Struct, frozen=True):
    """One programme: what can be claimed today, and a table for each closing in the order of `closings`. `line` is its
    line; `formula` the published one in words, "" where none was published."""

    id: str
    name: str
    day: str
    kind: str
    status: str
    remedy: str
    paid: str
    formula: str
    line: Line
    tables: tuple[Table, ...]


class Recovery(Struct, frozen=True):
    """The whole answer for one account. `as_of` is the ISO day from which it is seen."""

    as_of: str
    closings: tuple[OfClosing, ...]
    account: tuple[Line, ...]
    programmes: tuple[UnderProgramme, ...]
    realized_loss: tuple[TaxLoss, ...]
    warning: str = NO_RECOVERY


NOTHING_ADDED = Given()


@exact
def recover(
    found: Answer,
    *,
    as_of: str,
    given: Given = NOTHING_ADDED,
    verdict: Verified | None = None,
    book: Sequence[Programme] | None = None,
) -> Recovery:
    """What can be said of recovery, seen from the beginning of an ISO day (UTC). `verdict` is what a verification
    of the same answer found; `book` are the programmes, by default all that are known."""
    today_ms = _midnight(as_of)
    explained = found.explained
    history, cases = explained.history, explained.cases
    if history is None:
        return Recovery(as_of, (), (), (), ())
    elsewhere = history.book.elsewhere
    is_binance, venue = elsewhere is None, BINANCE if elsewhere is None else elsewhere.name
    losses = losses_of(history, cases)
    verdicts = verdict.liquidations if verdict is not None else (None,) * len(cases)
    owed = owed_by_closing(found, verdict) if verdict is not None else (None,) * len(cases)
    beside = account_dispute(verdict.irregularities, owed_beside(found, verdict)) if verdict is not None else ()
    closings = tuple(
        OfClosing(
            kind=case.explanation.kind,
            symbol=case.explanation.symbol,
            position_side=case.explanation.position_side,
            time_ms=case.explanation.time_ms,
            order_id=case.explanation.order_id,
            lines=(
                *lines_of(history, case, went_on=_went_on(cases, number)),
                *dispute_lines(judged, due),
            ),
            realized_loss=loss,
            complaint=path_of(case.explanation.time_ms, venue),
            evidence=kept(case.explanation.time_ms, today_ms) if case.explanation.time_ms and is_binance else (),
        )
        for number, (case, loss, judged, due) in enumerate(zip(cases, losses, verdicts, owed, strict=True))
    )
    seen = [_with_given(occurrence(history, case, is_refused=bool(found.refused)), given) for case in cases]
    return Recovery(
        as_of=as_of,
        closings=closings,
        account=(*account_lines(history, cases), *beside),
        programmes=tuple(_under(each, seen, given, as_of) for each in (programmes() if book is None else book) if seen),
        realized_loss=together(losses),
    )


def only(told: Recovery, number: int) -> Recovery:
    """The answer about the `number`-th closing alone (1 is the first); what is said of the account stays."""
    chosen = slice(number - 1, number)
    return structs.replace(
        told,
        closings=told.closings[chosen],
        programmes=tuple(structs.replace(each, tables=each.tables[chosen]) for each in told.programmes),
    )


def _midnight(day: str) -> int:
    try:
        return time_of(f"{date.fromisoformat(day).isoformat()}T00:00:00Z")
    except ValueError:
        raise UsageError(f"{day!r} is no day: write it as 2026-05-28") from None


def _went_on(cases: Sequence[Case], number: int) -> bool:
    """Whether another closing follows within the time in which it belongs to this one."""
    following = cases[number + 1 : number + 2]
    return any(each.explanation.time_ms - cases[number].explanation.time_ms <= AFTERMATH_MS for each in following)


def _with_given(found: Occurrence, given: Given) -> Occurrence:
    return structs.replace(found, net_assets=given.net_assets, compensated=given.compensated)


def _under(programme: Programme, seen: Sequence[Occurrence], given: Given, as_of: str) -> UnderProgramme:
    loss = loss_in_window(programme, seen)
    tables = tuple(table(programme, structs.replace(each, loss=loss), given.references) for each in seen)
    return UnderProgramme(
        id=programme.id,
        name=programme.name,
        day=programme.day,
        kind=programme.kind,
        status=programme.status_on(as_of) if as_of >= programme.day else NOT_YET,
        remedy=programme.remedy,
        paid=programme.paid,
        formula=programme.formula.words if programme.formula is not None else "",
        line=_programme_line(programme, tables, as_of),
        tables=tables,
    )


def _programme_line(programme: Programme, tables: Sequence[Table], as_of: str) -> Line:
    """What can be claimed: nothing outside, and nothing under one that is closed, refused or not announced yet. Of one
    that is open an amount, if a formula was published and all that it takes is known."""
    verdicts = {each.verdict for each in tables}
    verdict = next(each for each in ("inside", "cannot tell", "outside") if each in verdicts)
    firm: Firm = "published" if programme.confidence == "official" else programme.confidence
    is_announced = as_of >= programme.day
    note = f"this case: {verdict}; {programme.claim_on(as_of) if is_announced else NOT_YET}"
    if verdict == "outside" or not is_announced or programme.status_on(as_of) == "closed":
        return Line(programme.name, "nothing", None, "", "you", firm, programme.source, note)
    sums = _by_formula(programme, tables)
    if programme.status == "open" and verdict == "inside" and len(sums) == 1:
        (asset, amount), *_ = sums.items()
        return Line(programme.name, "amount", amount, asset, "you", firm, programme.source, note)
    note += "; no formula for an account was published" if programme.formula is None else ""
    return Line(programme.name, "cannot tell", None, "", "you", firm, programme.source, note)


def _by_formula(programme: Programme, tables: Sequence[Table]) -> dict[str, Decimal]:
    """The formula's amounts of all closings inside, by asset; nothing where one of them lacks a figure. Of a formula
    that may go by the collateral that reading counts (assumed: `compensation-units`)."""
    sums: dict[str, Decimal] = {}
    for each in tables:
        if each.verdict != "inside":
            continue
        for row in each.counted(by_collateral=programme.formula is not None and programme.formula.collateral):
            if row.amount is None:
                return {}
            sums[row.asset] = sums.get(row.asset, ZERO) + row.amount
    return sums

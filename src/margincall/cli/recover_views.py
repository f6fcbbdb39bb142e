"""The tables of `margincall recover`: lines, losses, programmes, eligibility, complaint, evidence."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from margincall.case.recover import OfClosing, Recovery
from margincall.case.recover_lines import Line
from margincall.case.recover_loss import NOT_ADVICE, TaxLoss
from margincall.case.recover_path import Kept
from margincall.core.rounding import plain
from margincall.forensics.present import Section
from margincall.wire.iso_time import day_of, utc

LISTED = {"what": 2, "programme": 2, "step": 1, "condition": 1}
"""Sections that read better row by row, by the name of their first column: so many columns are a row's heading."""
BARE = ("note", "tells", "this case")
SIGNS = {"met": "✓", "not met": "✗", "cannot tell": "?"}


def closing_sections(closing: OfClosing) -> Iterator[Section]:
    """What one closing left, and its realised result."""
    yield _lines("Money", closing.lines)
    if closing.realized_loss:
        yield _losses("Realised result", closing.realized_loss)


def summary(told: Recovery) -> Iterator[Section]:
    """The account's lines, all losses together, and one line for each programme."""
    if told.account:
        yield _lines("Account, insurance fund, deleveraging, clawback", told.account)
    if len(told.closings) > 1 and told.realized_loss:
        yield _losses("Realised result of all of them", told.realized_loss)
    if told.programmes:
        rows = tuple(
            (f"{each.day} {each.name}", _said(each.line), each.status, each.line.note, _founded(each.line))
            for each in told.programmes
        )
        columns = ("programme", "today", "status", "note", "how firm")
        yield Section("Compensation programmes and precedents", columns, rows)


def eligibility(told: Recovery, *, show_all: bool) -> Iterator[Section]:
    """The eligibility tables: of every programme, or of those that the venue and the time do not rule out."""
    for programme in told.programmes:
        for closing, table in zip(told.closings, programme.tables, strict=True):
            if table.is_ruled_out and not show_all:
                continue
            rows = tuple(
                (
                    f"{SIGNS[row.holds]} {row.criterion}",
                    row.because + (f"; settled by: {row.settled_by}" if row.settled_by else ""),
                )
                for row in table.rows
            )
            rows += tuple(
                (
                    f"formula, by {each.units}: {programme.formula}",
                    each.needs or f"{_plain(each.amount)} {each.asset}",
                )
                for each in table.by_formula
            )
            when = utc(closing.time_ms) if closing.time_ms else "without a time"
            title = f"{programme.name}: {closing.symbol} {when}: {table.verdict}"
            yield Section(title, ("condition", "this case"), rows, note="a precedent, no claim: " + programme.line.note)


def evidence_sections(told: Recovery) -> Iterator[Section]:
    """What the venue keeps, once for closings of the same time."""
    for evidence in dict.fromkeys(closing.evidence for closing in told.closings if closing.evidence):
        rows = tuple(
            (f"{'✗' if each.is_gone else '✓'} {each.what}", _left(each), day_of(each.until_ms), each.tells)
            for each in evidence
        )
        yield Section("What the venue keeps of it, and until when", ("what", "left", "until", "tells"), rows)


def complaint_sections(told: Recovery) -> Iterator[Section]:
    """Each way of complaint once."""
    for path in dict.fromkeys(closing.complaint for closing in told.closings):
        rows = tuple(
            (f"{number}. {each.step}", each.send, each.deadline, each.source)
            for number, each in enumerate(path.steps, 1)
        )
        title = f"Way of a complaint: {path.terms}"
        yield Section(title, ("step", "send", "until", "source"), rows, note=" ".join(path.notes))


def _lines(title: str, lines: Sequence[Line]) -> Section:
    rows = tuple(
        (
            line.what,
            _said(line),
            line.where,
            _founded(line),
            line.note,
            line.settled_by,
        )
        for line in lines
    )
    return Section(title, ("what", "amount", "where, or to whom", "how firm", "note", "settled by"), rows, right=(1,))


def _founded(line: Line) -> str:
    """How firm a line is, and by which source."""
    return f"{line.firm} ({line.source})" if line.source else line.firm


def _said(line: Line) -> str:
    return f"{_plain(line.amount)} {line.asset}".strip() if line.amount is not None else line.says


def _losses(title: str, losses: Sequence[TaxLoss]) -> Section:
    rows = []
    for loss in losses:
        rows += [(part.what, _plain(part.amount), loss.asset) for part in loss.parts]
        rows.append(("together", "cannot tell" if loss.total is None else _plain(loss.total), loss.asset))
        rows += [(f"not in it: {each}", "", "") for each in loss.lacks]
    return Section(title, ("part", "amount", "asset"), tuple(rows), right=(1,), note=NOT_ADVICE)


def _left(each: Kept) -> str:
    return "gone" if each.is_gone else f"{each.days_left} days"


def _plain(amount: Decimal | None) -> str:
    return "" if amount is None else f"{plain(amount):f}"

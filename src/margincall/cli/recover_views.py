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
            (each.day, each.name, each.status, _said(each.line), each.line.note, each.line.firm, each.line.source)
            for each in told.programmes
        )
        columns = ("day", "programme", "status", "today", "", "how firm", "source")
        yield Section("Compensation programmes and precedents", columns, rows)


def eligibility(told: Recovery, *, show_all: bool) -> Iterator[Section]:
    """The eligibility tables: of every programme, or of those that the venue and the time do not rule out."""
    for programme in told.programmes:
        for closing, table in zip(told.closings, programme.tables, strict=True):
            if table.is_ruled_out and not show_all:
                continue
            rows = tuple(
                (
                    SIGNS[row.holds],
                    row.criterion,
                    row.because + (f"; settled by: {row.settled_by}" if row.settled_by else ""),
                )
                for row in table.rows
            )
            rows += tuple(
                (
                    "",
                    f"formula, by {each.units}: {programme.formula}",
                    each.needs or f"{_plain(each.amount)} {each.asset}",
                )
                for each in table.by_formula
            )
            when = utc(closing.time_ms) if closing.time_ms else "without a time"
            title = f"{programme.name}: {closing.symbol} {when}: {table.verdict}"
            yield Section(
                title, ("", "condition", "this case"), rows, note="a precedent, no claim: " + programme.line.note
            )


def evidence_sections(told: Recovery) -> Iterator[Section]:
    """What the venue keeps, once for closings of the same time."""
    for evidence in dict.fromkeys(closing.evidence for closing in told.closings if closing.evidence):
        rows = tuple(
            ("✗" if each.is_gone else "✓", each.what, day_of(each.until_ms), _left(each), each.tells)
            for each in evidence
        )
        yield Section("What the venue keeps of it, and until when", ("", "what", "until", "left", "tells"), rows)


def complaint_sections(told: Recovery) -> Iterator[Section]:
    """Each way of complaint once."""
    for path in dict.fromkeys(closing.complaint for closing in told.closings):
        rows = tuple(
            (str(number), each.step, each.send, each.deadline, each.source) for number, each in enumerate(path.steps, 1)
        )
        title = f"Way of a complaint: {path.terms}"
        yield Section(title, ("", "step", "send", "until", "source"), rows, note=" ".join(path.notes))


def _lines(title: str, lines: Sequence[Line]) -> Section:
    rows = tuple(
        (
            line.what,
            _said(line),
            line.where,
            line.firm,
            line.source,
            "; ".join(filter(None, (line.note, _settled(line)))),
        )
        for line in lines
    )
    return Section(title, ("what", "amount", "where, or to whom", "how firm", "source", "note"), rows, right=(1,))


def _settled(line: Line) -> str:
    return f"settled by: {line.settled_by}" if line.settled_by else ""


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

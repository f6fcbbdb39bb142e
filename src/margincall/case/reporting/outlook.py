"""Recovery as tables of a report: what is left, the realised result, programmes, complaint, what the venue keeps."""

from collections.abc import Iterator, Sequence

from margincall.case.recover import Recovery
from margincall.case.recover_lines import Line
from margincall.case.recover_loss import NOT_ADVICE, TaxLoss
from margincall.case.reporting.wording import signed
from margincall.forensics.present import Section
from margincall.wire.iso_time import day_of

LINES = ("what", "amount", "where, or to whom", "how firm", "source", "note")


def outlook(told: Recovery) -> Iterator[Section]:
    """All tables, closing by closing, then of the account."""
    for closing in told.closings:
        name = "" if len(told.closings) == 1 else f": {closing.symbol}, order {closing.order_id or 'unknown'}"
        yield _lines(f"Money{name}", closing.lines)
        if closing.realized_loss:
            yield _losses(f"Realised result{name}", closing.realized_loss)
    if told.account:
        yield _lines("Account, insurance fund, deleveraging, clawback", told.account)
    if len(told.closings) > 1 and told.realized_loss:
        yield _losses("Realised result of all of them", told.realized_loss)
    if told.programmes:
        yield _programmes(told)
    for path in dict.fromkeys(closing.complaint for closing in told.closings):
        steps = tuple(
            (str(place), each.step, each.send, each.deadline, each.source) for place, each in enumerate(path.steps, 1)
        )
        title = f"Way of a complaint: {path.terms}"
        yield Section(title, ("", "step", "send", "until", "source"), steps, note=" ".join(path.notes))
    for evidence in dict.fromkeys(closing.evidence for closing in told.closings if closing.evidence):
        rows = tuple(
            (each.what, day_of(each.until_ms), "gone" if each.is_gone else f"{each.days_left} days", each.tells)
            for each in evidence
        )
        yield Section("What the venue keeps of it, and until when", ("what", "until", "left", "tells"), rows)


def _programmes(told: Recovery) -> Section:
    rows = tuple(
        (each.day, each.name, each.status, _said(each.line), each.line.note, each.line.firm, each.line.source)
        for each in told.programmes
    )
    columns = ("day", "programme", "status", "today", "this case", "how firm", "source")
    return Section("Compensation programmes and precedents", columns, rows)


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
    return Section(title, LINES, rows, right=(1,))


def _settled(line: Line) -> str:
    return f"settled by: {line.settled_by}" if line.settled_by else ""


def _said(line: Line) -> str:
    return f"{signed(line.amount)} {line.asset}".strip() if line.amount is not None else line.says


def _losses(title: str, losses: Sequence[TaxLoss]) -> Section:
    rows: list[tuple[str, str, str]] = []
    for loss in losses:
        rows += [(part.what, signed(part.amount), loss.asset) for part in loss.parts]
        rows.append(("together", "cannot tell" if loss.total is None else signed(loss.total), loss.asset))
        rows += [(f"not in it: {each}", "", "") for each in loss.lacks]
    return Section(title, ("part", "amount", "asset"), tuple(rows), right=(1,), note=NOT_ADVICE)

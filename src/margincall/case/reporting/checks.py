"""The checks of a verification as tables: many of one kind that hold are one row, what does not hold is listed."""

from collections.abc import Iterator, Sequence

from margincall.case.reporting.wording import amount
from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.forensics.present import MARKS, Section
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.present import LABELS, NAMES

TOGETHER = 4
"""So many checks of one kind with the same verdict are put together."""
LISTED_MAX = 20
"""So many that do not hold are listed, of each kind."""
DUE = frozenset({"maintenance", "commission", "realized_pnl", "funding"})
"""Checks of which what is derived is what was due."""
COMPUTED = {"derived": "computed"}
"""What `derived` is called where no kind says what it is."""
COLUMNS = ("check", "of", "numbers", "note", "rule and source")


def checks_table(title: str, checks: Sequence[Check]) -> Section:
    """Every check in its order; see the module."""
    groups: dict[tuple[str, str], list[Check]] = {}
    for each in checks:
        groups.setdefault((each.kind, each.verdict), []).append(each)
    rows = tuple(row for (_, verdict), group in groups.items() for row in _rows(verdict, group))
    return Section(title, COLUMNS, rows, note=counted(checks))


def counted(checks: Sequence[Check]) -> str:
    """How many hold, do not hold, and cannot be told."""
    texts = {HOLDS: "hold", FAILS: "do not hold", UNCLEAR: "cannot be told"}
    counts = {verdict: sum(each.verdict == verdict for each in checks) for verdict in texts}
    return f"{len(checks):,} checks: " + ", ".join(f"{counts[verdict]:,} {says}" for verdict, says in texts.items())


def _rows(verdict: str, group: Sequence[Check]) -> Iterator[tuple[str, ...]]:
    if verdict == FAILS:
        yield from (_row(each) for each in group[:LISTED_MAX])
        if len(group) > LISTED_MAX:
            yield _together(group[LISTED_MAX:], "more of them")
    elif len(group) < TOGETHER:
        yield from (_row(each) for each in group)
    else:
        yield _together(group, "of them")


def told(each: Check) -> str:
    """The numbers of a check in one text, each under the name of what it is."""
    due = {"derived": "due"} if each.kind in DUE else COMPUTED
    names = {**due, **LABELS.get(each.kind, {})}
    return ", ".join(
        f"{names.get(name, name.replace('_', ' '))} {amount(number)}" for name, number in each.numbers.items()
    )


def _row(each: Check) -> tuple[str, ...]:
    note = each.note or (f"needs: {each.settled_by}" if each.settled_by else "")
    return _name(each), each.about, told(each), note, _source(each)


def _together(group: Sequence[Check], words: str) -> tuple[str, ...]:
    off = [each.numbers["difference"] for each in group if "difference" in each.numbers]
    numbers = f"difference from {amount(min(off))} to {amount(max(off))}" if off else ""
    notes = dict.fromkeys(each.note or (each.settled_by and f"needs: {each.settled_by}") for each in group)
    note = next(iter(notes)) if len(notes) == 1 else ""
    return (
        _name(group[0]),
        f"{len(group):,} {words}, from {group[0].about} to {group[-1].about}",
        numbers,
        note,
        _source(group[0]),
    )


def _name(each: Check) -> str:
    return f"{MARKS.get(each.verdict, '?')} {NAMES.get(each.kind, each.kind)}"


def _source(each: Check) -> str:
    source = f"{each.source}{f' ({each.since})' if each.since else ''}"
    return ". ".join(part for part in (each.rule[:1].upper() + each.rule[1:], source) if part)

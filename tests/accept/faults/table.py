"""The figures of a run: counts by kind, size and evidence, the criteria of the task, and how they are written down."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, get_args

from msgspec import Struct

from tests.accept.faults.evidence import LEVELS
from tests.accept.faults.judge import Class
from tests.accept.faults.registry import FAULTS
from tests.accept.faults.trial import Label, Trial

SCHEMA = "margincall.faults/1"
OUTCOMES: tuple[str, ...] = get_args(Class)
NEAR = Decimal(10)
BEST = "stream, ticks"
HALF = Decimal("0.5")
MOST_OPEN = Decimal("0.2")
LEAST_FOUND = Decimal("0.99")
MOST_ACCUSED = 1
SIZES = ("no bound", "up to the bound", "to 10 × the bound", "above 10 × the bound")
ABOVE = SIZES[2:]


class Accusation(Struct, frozen=True, kw_only=True):
    """An account that was accused of nothing that it met; `evidence` in words."""

    seed: int
    account: str
    evidence: str
    accused: tuple[str, ...]


class Crash(Struct, frozen=True, kw_only=True):
    """One crash of an exchange that does not err."""

    seed: int
    accounts: int
    liquidations: int
    found: tuple[Accusation, ...]
    concluded: dict[str, int] = {}
    """How many liquidations that the files show, by conclusion."""


class Result(Struct, frozen=True, kw_only=True):
    """Everything that a run gave."""

    seed: int
    sizes: int
    hash: str
    seconds: int
    trials: tuple[Trial, ...]
    crashes: tuple[Crash, ...]


class Line(NamedTuple):
    """A criterion in words, and whether it is met."""

    text: str
    is_met: bool

    def __str__(self) -> str:
        """As it is printed."""
        return f"{'ok ' if self.is_met else 'NOT'} {self.text}"


def size_of(label: Label, level: str) -> str:
    """How large a case's fault is against the bound of a level."""
    bound = label.bounds[level]
    if bound is None:
        return SIZES[0]
    if label.effective <= bound:
        return SIZES[1]
    return SIZES[2] if label.effective <= bound * NEAR else SIZES[3]


def counts(trials: Sequence[Trial]) -> Mapping[tuple[str, str, str], Counter[str]]:
    """Outcomes by kind, level and size."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for trial in trials:
        for told in trial.told:
            key = trial.label.kind, told.level, size_of(trial.label, told.level)
            found.setdefault(key, Counter())[told.outcome] += 1
    return found


def above(cells: Mapping[tuple[str, str, str], Counter[str]], kind: str, level: str = "") -> Counter[str]:
    """Outcomes above the bound, of a level or of all."""
    found: Counter[str] = Counter()
    for (each, its, size), outcomes in cells.items():
        if each == kind and size in ABOVE and level in ("", its):
            found += outcomes
    return found


def summary(result: Result) -> list[Line]:
    """The criteria of the task, with the figures."""
    cells = counts(result.trials)
    lines = []
    for kind in dict.fromkeys(trial.label.kind for trial in result.trials):
        own = [trial.label for trial in result.trials if trial.label.kind == kind]
        over = sum(size_of(label, BEST) in ABOVE for label in own)
        lines.append(Line(f"{kind}: {over} of {len(own)} sizes above the bound of {BEST}", over >= len(own) * HALF))
        for level in map(str, LEVELS):
            found = above(cells, kind, level)
            if found:
                lines.append(_judged(f"{kind}, {level}", found))
    if result.crashes:
        accused = sum(len(each.found) for each in result.crashes)
        verified = sum(each.liquidations for each in result.crashes)
        lines.append(Line(f"{accused} accused of {verified} unfaulted liquidations", accused <= MOST_ACCUSED))
    return lines


def _judged(about: str, found: Counter[str]) -> Line:
    """At most one in five open, and of the others 99 in 100 found."""
    total, open_ones, right = found.total(), found["cannot tell"], found["found"]
    told = total - open_ones
    is_met = open_ones <= total * MOST_OPEN and right >= told * LEAST_FOUND
    return Line(f"{about}: above the bound {total}, cannot tell {open_ones}, found {right} of {told}", is_met)


def document(result: Result) -> dict[str, Any]:
    """The run as JSON: every count, every criterion, every accusation."""
    cells = counts(result.trials)
    return {
        "schema": SCHEMA,
        "command": f"python -m tests.accept.faults.run --sizes {result.sizes} --seed {result.seed} --write",
        "hash": result.hash,
        "seed": result.seed,
        "seconds": result.seconds,
        "cases": len(result.trials),
        "verdicts": sum(len(trial.told) for trial in result.trials),
        "kinds": {
            kind: {
                "fault": FAULTS[kind].title,
                "size": FAULTS[kind].unit,
                "sizes": len([trial for trial in result.trials if trial.label.kind == kind]),
                "evidence": {
                    level: {
                        size: {outcome: cells[kind, level, size][outcome] for outcome in OUTCOMES}
                        for size in SIZES
                        if (kind, level, size) in cells
                    }
                    for level in map(str, LEVELS)
                },
            }
            for kind in dict.fromkeys(trial.label.kind for trial in result.trials)
        },
        "unfaulted": {
            "crashes": len(result.crashes),
            "accounts": sum(each.accounts for each in result.crashes),
            "liquidations": sum(each.liquidations for each in result.crashes),
            "concluded": _concluded(result),
            "accused": [each for crash in result.crashes for each in crash.found],
        },
        "criteria": [{"criterion": line.text, "met": line.is_met} for line in summary(result)],
    }


def markdown(result: Result) -> str:
    """The table as a page."""
    return "\n".join(_page(result)) + "\n"


def _page(result: Result) -> Iterator[str]:
    cells = counts(result.trials)
    yield "# What verify finds, and what it cannot"
    yield ""
    yield (
        "Written by `make faults`. Each kind of fault was injected into the exchange, one at a time, in sizes drawn "
        "log-uniformly from the smallest visible unit up; `margincall verify` was given the files of one account and "
        "of the market, and nothing else. The bounds are derived in "
        "[fault_bounds.md](../spec/fault_bounds.md). A cell counts *found / wrong kind / cannot tell / missed*."
    )
    yield ""
    for kind in dict.fromkeys(trial.label.kind for trial in result.trials):
        fault = FAULTS[kind]
        own = [trial.label for trial in result.trials if trial.label.kind == kind]
        least, most = min(each.effective for each in own), max(each.effective for each in own)
        yield f"## {fault.title[:1].upper()}{fault.title[1:]}"
        yield ""
        yield f"{len(own)} sizes from {least:.3g} to {most:.3g} {fault.unit}."
        yield ""
        yield f"| evidence | {' | '.join(SIZES)} |"
        yield f"|---|{'---|' * len(SIZES)}"
        for level in map(str, LEVELS):
            row = [cells.get((kind, level, size)) for size in SIZES]
            yield f"| {level} | {' | '.join(_cell(each) for each in row)} |"
        yield ""
    yield "## Without a fault"
    yield ""
    liquidations = sum(each.liquidations for each in result.crashes)
    accused = [each for crash in result.crashes for each in crash.found]
    yield (
        f"{liquidations} liquidations of {sum(each.accounts for each in result.crashes)} accounts in "
        f"{len(result.crashes)} crashes, from evidence drawn at random, also with missing files, whole seconds and "
        f"bracket tables 14 days old: {len(accused)} accused. What the files show of them, by conclusion: "
        f"{', '.join(f'{name} {count}' for name, count in sorted(_concluded(result).items()))}."
    )
    for each in accused:
        yield f"* crash {each.seed}, {each.account} ({each.evidence}): {', '.join(each.accused)}"
    yield ""


def _concluded(result: Result) -> Counter[str]:
    return sum((Counter(each.concluded) for each in result.crashes), Counter[str]())


def _cell(found: Counter[str] | None) -> str:
    return "" if found is None else " / ".join(str(found[outcome]) for outcome in OUTCOMES)

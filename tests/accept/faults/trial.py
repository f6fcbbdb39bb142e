"""One case of the table: played, its label put where forensics cannot read it, verified from each level of evidence."""

import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.accept.faults.case import Fault, Pair, both
from tests.accept.faults.evidence import LEVELS, Level, compose, save
from tests.accept.faults.judge import Class, accused, classed, verdict
from tests.accept.faults.plan import Draw
from tests.accept.faults.registry import FAULTS

MOST_ATTEMPTS = 60


class Label(Struct, frozen=True, kw_only=True):
    """What is wrong in a case. `effective` is the size that the fault had, `drawn` the one that was wanted; the bounds
    are by level, none where that level shows no size."""

    kind: str
    seed: int
    attempt: int
    symbol: str
    at_ms: int
    drawn: Decimal
    effective: Decimal
    bounds: dict[str, Decimal | None]


class Told(Struct, frozen=True, kw_only=True):
    """What was said from one level of evidence."""

    level: str
    outcome: Class
    accused: tuple[str, ...]


class Trial(Struct, frozen=True, kw_only=True):
    """A case with all that was said of it."""

    label: Label
    told: tuple[Told, ...]


class Effectless(AssertionError):
    """A setting whose fault changes nothing, however often it is drawn."""


def laid_out(kind: str, seed: int, *, most: int = MOST_ATTEMPTS) -> tuple[Pair, Decimal, int]:
    """The first draw of a case whose fault changes what happens to the account; its two runs, its size, the attempt."""
    fault = FAULTS[kind]
    for attempt in range(most):
        pair = both(fault.setting(Draw(kind, seed, attempt)))
        size = fault.effective(pair)
        if size is not None:
            return pair, size, attempt
    raise Effectless(f"{kind}, seed {seed}")


def tried(kind: str, seed: int, labels: Path, levels: tuple[Level, ...] = LEVELS) -> Trial:
    """A case from seed to verdicts. Its label is written below `labels`, its evidence into a folder of its own."""
    fault = FAULTS[kind]
    pair, size, attempt = laid_out(kind, seed)
    setting = pair.setting
    with tempfile.TemporaryDirectory(prefix="evidence-") as place:
        saved = Path(place) / "saved"
        save(pair.faulted, [name for name in (setting.victim, setting.beside) if name], saved, setting.start_ms)
        label = Label(
            kind=kind, seed=seed, attempt=attempt, symbol=setting.symbol, at_ms=setting.at_ms, drawn=setting.drawn,
            effective=size, bounds={str(level): fault.bound(pair, level, saved) for level in levels},
        )  # fmt: skip
        (labels / f"{kind}-{seed}.json").write_bytes(msgspec.json.encode(label))
        told = tuple(_told(fault, pair, saved, Path(place), level) for level in levels)
    return Trial(label=label, told=told)


def _told(fault: Fault, pair: Pair, saved: Path, place: Path, level: Level) -> Told:
    setting = pair.setting
    folder = compose(saved, place / level.account / level.market / "own", setting.victim, level)
    beside = None
    if setting.beside:
        beside = compose(saved, place / level.account / level.market / "beside", setting.beside, level)
    found = verdict(folder, beside)
    return Told(level=str(level), outcome=classed(found, fault), accused=tuple(accused(found)))

"""One check from its rule and what was compared."""

from collections.abc import Mapping
from decimal import Decimal

from margincall.core.checks import Verdict
from margincall.forensics.verify.check import Check, Kind
from margincall.forensics.verify.rules import RULES


def check(
    kind: str,
    verdict: Verdict,
    about: str,
    *,
    numbers: Mapping[str, Decimal | None] | None = None,
    unit: str = "",
    times_ms: Mapping[str, int | None] | None = None,
    note: str = "",
    assumptions: tuple[str, ...] = (),
    evidence: str = "",
    settled_by: str = "",
    points_to: tuple[Kind, ...] = (),
) -> Check:
    """A check of `kind`, with its rule; numbers and times that are none are left out."""
    rule = RULES[kind]
    return Check(
        kind=kind,
        verdict=verdict,
        about=about,
        rule=rule.text,
        source=rule.source,
        since=rule.since,
        firm=rule.firm,
        numbers={name: number for name, number in (numbers or {}).items() if number is not None},
        unit=unit,
        times_ms={name: time for name, time in (times_ms or {}).items() if time is not None},
        note=note,
        assumptions=assumptions,
        evidence=evidence,
        settled_by=settled_by,
        points_to=points_to if verdict == "does not hold" else (),
    )

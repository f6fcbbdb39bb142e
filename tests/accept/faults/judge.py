"""Asks `verify` what was wrong, from a folder of evidence alone, and says whether that is right."""

from pathlib import Path
from typing import Literal

from margincall.forensics.answer import answer
from margincall.forensics.verify.check import Verified
from margincall.forensics.verify.run import verified
from margincall.venues.book import book_of
from tests.accept.faults.case import Fault

Class = Literal["found", "wrong kind", "cannot tell", "missed"]


def verdict(folder: Path, beside: Path | None = None) -> Verified:
    """The verdict of what lies in a folder; bracket tables are those of its files. `beside` is another account's."""
    known = book_of([])
    others = [answer([beside], known)] if beside is not None else []
    return verified(answer([folder], known), [folder], others)[0]


def accused(found: Verified) -> list[str]:
    """All kinds of irregularity, of the liquidations and of what was booked beside them."""
    return [each.kind for part in (found, *found.liquidations) for each in part.irregularities]


def classed(found: Verified, fault: Fault) -> Class:
    """Whether the fault was found."""
    kinds = accused(found)
    if fault.found in kinds:
        return "found"
    if kinds:
        return "wrong kind"
    checks = [each for part in (found, *found.liquidations) for each in part.checks if each.kind in fault.checks]
    return "missed" if checks and all(each.verdict == "holds" for each in checks) else "cannot tell"

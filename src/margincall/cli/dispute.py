"""`margincall dispute`: what to send to the venue, as a folder: ticket, verdict sheet, claim, evidence, hashes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

import click

from margincall.case.folder import readable_paths
from margincall.cli.again import again
from margincall.cli.answers import (
    beside_option,
    from_option,
    judged_code,
    nothing_usable,
    read_answer,
    store_options,
    until_option,
)
from margincall.cli.output import NO_RECOVERY, print_json, say
from margincall.errors import DIFFERENCES, UsageError
from margincall.history.market.store import MarketStore
from margincall.history.scope import scope_of


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the bundle (new).")
@click.option("--number", default=0, metavar="N", help="Only the Nth liquidation found (1 is the first).")
@click.option("--reference", default="", metavar="ID", help="Your account's number, where no file prints it.")
@click.option("--venue", default="", metavar="NAME", help="The venue, where no file names it: nothing is judged then.")
@click.option("--redact", is_flag=True, help="For publishing: other names for ids, no evidence files.")
@click.option("--redact-amounts", is_flag=True, help="As --redact, and without sizes and sums of money.")
@click.option("--anyway", is_flag=True, help="Where nothing irregular was found: write a question, no claim.")
@click.option("--json", "as_json", is_flag=True, help="Print margincall.dispute/1 for programs.")
@beside_option
@click.option("--tz", default="", metavar="ZONE", help="Zone of exports that do not name theirs: UTC+3, Europe/Paris.")
@from_option
@until_option("--to")
@store_options
@click.option("--account", default="", metavar="NAME", help="Of several accounts in the files take this one.")
def dispute(
    paths: tuple[Path, ...],
    folder: Path,
    number: int,
    reference: str,
    *,
    venue: str,
    redact: bool,
    redact_amounts: bool,
    anyway: bool,
    as_json: bool,
    beside: tuple[Path, ...],
    tz: str,
    start: str,
    end: str,
    store_folder: Path | None,
    no_store: bool,
    account: str,
) -> int:
    """Write what to send to the venue about the liquidations in PATHS (the files that `verify` reads, or a case folder)
    to a folder: the ticket, short and long, the verdict sheet, the claim for programs, the evidence, and hashes of all.

    Irregular: the ticket asks for a refund of what a broken rule cost, with the rule and its source. Cannot tell: it
    accuses nobody and asks for the records that would settle it. Nothing irregular, or only in your favour: nothing is
    written, and a dispute is not advised. Stored market data is looked at as `verify` does; it is not enclosed, and
    ticket and sheet say so. With --no-store who gets the bundle can repeat the verdict from it alone.
    Exit codes: 0 nothing irregular was found, 1 something irregular was, 2 nothing usable, 3 usage, 4 the case folder
    was altered, 5 cannot tell (the ticket asks), 6 not judged.
    """
    from msgspec import structs

    from margincall.case.bundle import check_target, copies_of, texts, unwritten, write
    from margincall.case.dispute import decide, has_stored, unusable
    from margincall.case.dispute_text import summary
    from margincall.case.owners import NOBODY_ELSE, owners_of
    from margincall.forensics.verify.run import verified
    from margincall.wire.claims import plain_values

    check_target(folder)
    hidden = redact or redact_amounts
    scope = scope_of(tz, start, end, account)
    store = None if no_store else MarketStore(store_folder)
    found = read_answer(paths, scope, quiet=as_json, store=store)
    if not found.is_usable:
        decided = unusable(() if hidden else found.problems)
        claim = unwritten(found, decided, redact=hidden, amounts=redact_amounts)
        return nothing_usable(found, plain_values(claim) if as_json else None, redact=hidden)
    files = readable_paths(paths)
    others = [read_answer((path,), scope, quiet=True, store=store) for path in beside]
    verdict, problems = verified(found, files, others, store)
    is_stored = has_stored(store, found)
    as_asked = Asked(reference=reference, redact=hidden, amounts=redact_amounts, market_store=is_stored)
    decided = decide(found, verdict, number, venue=venue)
    owners, is_written = NOBODY_ELSE, decided.advice != "nothing" or (anyway and bool(decided.matters))
    if anyway and not decided.matters:
        raise UsageError("these files hold no liquidation, no deleveraging and no debit to ask about")
    if not is_written:
        claim = unwritten(found, decided, **as_asked)
    else:
        owners = owners_of(files, found, scope)
        copies = copies_of(files, redact=hidden, owners=owners)
        for place, (path, other) in enumerate(zip(beside, others, strict=True), 1):
            own = readable_paths((path,))
            copies += copies_of(own, redact=hidden, beside=place, owners=owners_of(own, other, scope))
        bundle = texts(found, decided, copies, **as_asked)
        claim = bundle.claim
        write(folder, bundle, copies)
    if as_json:
        told = () if hidden else tuple(str(each) for each in (*found.problems, *problems))
        where = str(folder) if is_written and not hidden else ""
        print_json(plain_values(structs.replace(claim, folder=where, problems=(*claim.problems, *told))))
    else:
        where = str(folder) if is_written else ""
        _say(summary(claim, decided.advice, where, decided.in_favour, anyhow=again("dispute", "--anyway")))
        for path in () if claim.redacted else (*owners.others, *owners.mixed):
            say(f"Not enclosed, it tells of another account: {path}")
        say(NO_RECOVERY)
    if decided.in_favour:
        return DIFFERENCES
    return judged_code(decided.conclusion, is_judged=bool(decided.matters) and not decided.refused)


class Asked(TypedDict):
    """How the bundle is written."""

    reference: str
    redact: bool
    amounts: bool
    market_store: bool


def _say(texts: Iterable[str]) -> None:
    for text in texts:
        say(text, 4 if text.startswith(" ") else 0)

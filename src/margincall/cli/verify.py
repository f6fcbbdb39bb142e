"""`margincall verify`: was a liquidation right? Each rule, the numbers, the verdict, for people and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from margincall.case.folder import readable_paths
from margincall.cli.again import again
from margincall.cli.answers import (
    beside_option,
    check_number,
    chosen_store,
    from_option,
    judged_code,
    nothing_usable,
    number_option,
    read_answer,
    read_others,
    store_options,
    until_option,
)
from margincall.cli.output import NO_RECOVERY, console, listed, print_json, show, show_problems
from margincall.forensics.verify.check import Verified
from margincall.history.scope import scope_of

if TYPE_CHECKING:
    from rich.console import Console

    from margincall.forensics.answer import Answer
    from margincall.forensics.present import Section

HEADS = {"check": 2, "what": 2}
"""So many columns of a list, by the name of its first, are the heading of a row."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print margincall.verify/1 for programs.")
@beside_option
@click.option("--tz", default="", metavar="ZONE", help="Zone of exports that do not name theirs: UTC+3, Europe/Paris.")
@from_option
@until_option("--to")
@store_options
@click.option("--account", default="", metavar="NAME", help="Of several accounts in the files verify this one.")
@number_option
def verify(
    paths: tuple[Path, ...],
    as_json: bool,
    beside: tuple[Path, ...],
    *,
    tz: str,
    start: str,
    end: str,
    account: str,
    store_folder: Path | None,
    no_store: bool,
    number: int,
) -> int:
    """Verify the liquidations in PATHS: the files that `explain` reads, or a case folder, and beside them what the
    market showed (recorded marks and trades, candles, funding rates, balances of the insurance fund; also from the
    store of `margincall market`). Each rule holds, does not hold, or cannot be told; with the numbers, the source,
    what is assumed, and what would settle it.
    Irregular is only what is irregular under every assumption.

    Exit codes: 0 nothing irregular was found, 1 something irregular was, 2 nothing usable, 3 usage, 4 the case folder
    was altered, 5 cannot tell: a decisive check has no answer, 6 not judged: an account of a kind that is not
    modelled, another venue, or no liquidation (and no debit that nobody can explain) in the files.
    """
    from margincall.forensics.verify.document import UNUSABLE, document
    from margincall.forensics.verify.run import verified

    scope = scope_of(tz, start, end, account)
    store = chosen_store(store_folder, without=no_store)
    found = read_answer(paths, scope, quiet=as_json, store=store)
    if not found.is_usable:
        return nothing_usable(found, document(UNUSABLE, found.problems) if as_json else None)
    others = read_others(beside, scope, store)
    verdict, problems = verified(found, readable_paths(paths), others, store)
    check_number(found, number)
    if number:
        verdict = structs.replace(verdict, liquidations=verdict.liquidations[number - 1 : number])
    if as_json:
        print_json(document(verdict, [*found.problems, *problems]))
    else:
        _print(found, verdict)
    return judged_code(verdict.conclusion, is_judged=verdict.is_judged)


def _print(found: Answer, verdict: Verified) -> None:
    from margincall.forensics.verify.present import headline, history_sections, next_section, not_checked, sections

    out = console()
    for line in found.example:
        out.print(line, markup=False)
    for reason in verdict.refused:
        out.print(f"Refused: {reason} No verdict is derived.", markup=False)
    if not verdict.liquidations:
        out.print("No liquidation and no deleveraging was found in these files.")
    for each in verdict.liquidations:
        out.rule(style="dim")
        out.print(headline(each), style="bold", markup=False)
        for line in not_checked(each):
            out.print(line, style="yellow", markup=False)
        for part in sections(each):
            _show(out, part)
    for part in history_sections(verdict):
        _show(out, part)
    if found.problems:
        show_problems(out, found.problems)
    listed(out, next_section(verdict, again), heads=1, bare=("step",))
    out.print(NO_RECOVERY, style="dim")


def _show(out: Console, part: Section) -> None:
    """Checks, files and what is wrong row by row: their words are too long for columns."""
    if len(part.columns) > 2 or part.columns[0] == "file":
        listed(out, part, heads=HEADS.get(part.columns[0], 1), bare=("numbers", "note", "assumed"))
    else:
        show(out, part)

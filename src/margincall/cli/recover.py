"""`margincall recover`: what is left after a liquidation, who got what, what can be asked for and until when."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from margincall.case.folder import readable_paths
from margincall.case.recover import Given, Recovery, only
from margincall.case.recover import recover as recovered
from margincall.case.recover_document import recover_document
from margincall.case.recover_lines import BY_DISPUTE
from margincall.cli.again import again
from margincall.cli.answers import (
    beside_option,
    check_number,
    from_option,
    nothing_usable,
    number_option,
    read_answer,
    store_options,
    until_option,
)
from margincall.cli.output import NO_RECOVERY, console, copied, listed, print_json, show, show_problems
from margincall.cli.recover_views import (
    BARE,
    LISTED,
    closing_sections,
    complaint_sections,
    eligibility,
    evidence_sections,
    summary,
)
from margincall.errors import FINE, UsageError
from margincall.forensics.answer import Answer
from margincall.forensics.present import Section, headline
from margincall.forensics.verify.present import coarse
from margincall.forensics.verify.run import verified
from margincall.history.market.store import MarketStore
from margincall.history.scope import scope_of
from margincall.wire.numbers import BadNumber, decimal_of

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print margincall.recover/1 for programs.")
@click.option("--as-of", "day", default="", metavar="DATE", help="Seen from this day (2026-05-28); today if not given.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="ASSET=PRICE",
    help="A market price at the time that a programme's formula names; may be given again.",
)
@click.option("--net-assets", default="", metavar="USD", help="Net assets at the time of a programme's snapshot.")
@click.option(
    "--compensated/--not-compensated", default=None, help="Whether the account was compensated for it otherwise."
)
@click.option("--all", "show_all", is_flag=True, help="Show the eligibility table of every programme.")
@beside_option
@click.option("--tz", default="", metavar="ZONE", help="Zone of exports that do not name theirs: UTC+3, Europe/Paris.")
@from_option
@until_option("--to")
@store_options
@click.option("--account", default="", metavar="NAME", help="Of several accounts in the files explain this one.")
@number_option
def recover(
    paths: tuple[Path, ...],
    *,
    as_json: bool,
    day: str,
    references: tuple[str, ...],
    net_assets: str,
    compensated: bool | None,
    show_all: bool,
    beside: tuple[Path, ...],
    tz: str,
    start: str,
    end: str,
    store_folder: Path | None,
    no_store: bool,
    account: str,
    number: int,
) -> int:
    """What is left after the liquidations in PATHS, and what can be asked for: files and folders as `explain` reads
    them, or a case folder. Margin left and where; what the insurance fund pays and does not pay; deleveraging and
    clawback; compensation programmes with their conditions; the way of a complaint; the realised loss as a figure for a
    tax adviser. Each line is an amount or nothing, says how firm it is, and names its source. It promises nothing.
    Without PATHS: an embedded example.
    """
    given = Given(
        references=dict(_reference(each) for each in references),
        net_assets=_amount("--net-assets", net_assets) if net_assets else None,
        compensated=compensated,
    )
    scope = scope_of(tz, start, end, account)
    store = None if no_store else MarketStore(store_folder)
    found = read_answer(paths, scope, quiet=as_json, store=store)
    others = [read_answer((path,), scope, quiet=True, store=store) for path in beside]
    verdict, _ = verified(found, readable_paths(paths), others, store)
    today = day or datetime.now(UTC).date().isoformat()
    told = recovered(found, as_of=today, given=given, verdict=verdict)
    if not found.is_usable:
        code = nothing_usable(found, recover_document(found, told) if as_json else None)
        if not as_json:
            console().print(NO_RECOVERY, style="bold", markup=False)
        return code
    check_number(found, number)
    if number:
        told = only(told, number)
    if as_json:
        print_json(recover_document(found, told))
    else:
        _print(found, told, number, show_all=show_all)
    return FINE


def _reference(text: str) -> tuple[str, Decimal]:
    name, _, price = text.partition("=")
    if not name or not price:
        raise UsageError(f"--reference {text}: write it as ASSET=PRICE, e.g. USDE=0.9995")
    return name, _amount("--reference", price)


def _amount(option: str, text: str) -> Decimal:
    try:
        found = decimal_of(text)
    except BadNumber as error:
        raise UsageError(f"{option} {text}: {error}") from None
    if found <= 0:
        raise UsageError(f"{option} {text}: it must be above 0")
    return found


def _print(found: Answer, told: Recovery, number: int, *, show_all: bool) -> None:
    out = console()
    for line in found.example:
        out.print(line, markup=False)
    out.print(f"Seen from {told.as_of}.", markup=False)
    if not told.closings:
        out.print("No liquidation and no deleveraging was found in these files.")
    cases = found.explained.cases[number - 1 : number] if number else found.explained.cases
    for case, closing in zip(cases, told.closings, strict=True):
        out.rule(f"[bold]{coarse(headline(case.explanation))}", align="left")
        for part in closing_sections(closing):
            _show(out, part)
    out.rule("[bold]The account", align="left")
    for part in (
        *summary(told),
        *eligibility(told, show_all=show_all),
        *complaint_sections(told),
        *evidence_sections(told),
    ):
        _show(out, part)
    if told.programmes and not show_all:
        out.print("Every eligibility table:", style="dim", markup=False)
        copied(out, again("recover", "--all"))
    _print_rest(found, out)
    out.print(NO_RECOVERY, style="bold", markup=False)


def _show(out: Console, part: Section) -> None:
    """Row by row where words are too long for columns; a command as a whole one."""
    ask = again("dispute", "--out", "my-dispute")
    rows = tuple(tuple(ask or cell if cell == BY_DISPUTE else cell for cell in row) for row in part.rows)
    part = structs.replace(part, rows=rows)
    if part.columns[0] in LISTED:
        listed(out, part, heads=LISTED[part.columns[0]], bare=BARE)
    else:
        show(out, part)


def _print_rest(found: Answer, out: Console) -> None:
    if found.no_verdict:
        out.print(found.no_verdict, markup=False)
    for reason in found.refused:
        out.print(f"Refused: {reason} Amounts are shown as the venue applied them.", markup=False)
    for unknown in found.explained.unknown:
        out.print(f"Whether there were other {unknown.term} these files cannot tell: it takes {unknown.settled_by}.")
    if found.problems:
        show_problems(out, found.problems)

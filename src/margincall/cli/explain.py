"""`margincall explain`: past liquidations from the venue's files, for people, for programs, or as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from margincall.cli.again import again
from margincall.cli.answers import check_number, from_option, nothing_usable, read_answer, store_options, until_option
from margincall.cli.output import NO_RECOVERY, console, copied, print_json, show, show_problems
from margincall.errors import DIFFERENCES, FINE, UsageError
from margincall.forensics.answer import Answer
from margincall.forensics.document import document
from margincall.forensics.explain import Case
from margincall.forensics.present import findings_table, headline, holdings, judgement, markdown, sections
from margincall.forensics.why import UnknownTerm, lines, why
from margincall.history.market.store import MarketStore
from margincall.history.scope import scope_of

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print margincall.explain/1 for programs.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path), help="Also write the answer as Markdown.")
@click.option("--why", "term", metavar="TERM", help="Show how a figure follows, e.g. maintenance_margin, cause.")
@click.option("--tz", default="", metavar="ZONE", help="Zone of exports that do not name theirs: UTC+3, Europe/Paris.")
@from_option
@until_option("--to")
@store_options
@click.option("--account", default="", metavar="NAME", help="Of several accounts in the files explain this one.")
@click.option("--number", default=0, metavar="N", help="Explain only the Nth liquidation found (1 is the first).")
def explain(
    paths: tuple[Path, ...],
    as_json: bool,
    markdown_file: Path | None,
    term: str | None,
    number: int,
    *,
    tz: str,
    start: str,
    end: str,
    account: str,
    store_folder: Path | None,
    no_store: bool,
) -> int:
    """Explain the liquidations in PATHS: files or folders with recorded user-data streams, or answers of the API
    (income, userTrades, allOrders, forceOrders, positionRisk, account, leverageBracket; USDⓈ-M and COIN-M), or the
    CSV exports of futures (trade, order, transaction and position history, all statements; plain, gzip or zip), or a
    support reply pasted into a text file. Of other venues: BitMEX's wallet history, or the canonical CSV of fills,
    flows and marks; sizes, profits and wallets follow, no verdict. Of a case folder the evidence is read, and refused
    (exit code 4) if anything in it was altered. Without PATHS: an embedded example.
    """
    store = None if no_store else MarketStore(store_folder)
    found = read_answer(paths, scope_of(tz, start, end, account), quiet=as_json, store=store)
    if not found.is_usable:
        return nothing_usable(found, _document(found) if as_json else None)
    cases = _chosen(found, number)
    if as_json:
        print_json(_document(structs.replace(found, explained=structs.replace(found.explained, cases=cases))))
    elif term is not None:
        _print_why(found, cases, term)
    else:
        _print(found, cases)
    if markdown_file is not None:
        markdown_file.write_text(_markdown(found, cases), encoding="utf-8")
    return DIFFERENCES if found.is_irregular else FINE


def _chosen(found: Answer, number: int) -> tuple[Case, ...]:
    cases = found.explained.cases
    if not number:
        return cases
    check_number(found, number)
    return (cases[number - 1],)


def _document(found: Answer) -> dict[str, Any]:
    return document(
        found.explained,
        problems=found.problems,
        refused=found.refused,
        example=found.example,
        no_verdict=found.no_verdict,
    )


def _markdown(found: Answer, cases: tuple[Case, ...]) -> str:
    parts = [markdown(headline(case.explanation), list(sections(case.explanation))) for case in cases]
    if sums := list(holdings(found.explained)):
        parts.append(markdown("What the files add up to", sums))
    return "\n".join(parts)


def _print_why(found: Answer, cases: tuple[Case, ...], term: str) -> None:
    for case in cases:
        try:
            tree = why(found.explained, case, term)
        except UnknownTerm as error:
            raise UsageError(str(error.args[0])) from None
        click.echo(headline(case.explanation))
        for line in lines(tree):
            click.echo(f"  {line}")


def _print(found: Answer, cases: tuple[Case, ...]) -> None:
    from margincall.forensics.verify.present import coarse

    out = console()
    for line in found.example:
        out.print(line, markup=False)
    if not cases:
        out.print("No liquidation and no deleveraging was found in these files.")
    for case in cases:
        out.rule(f"[bold]{coarse(headline(case.explanation))}", align="left")
        out.print(judgement(case.explanation), markup=False)
        for trace in case.explanation.traces:
            out.print(f"trace: {trace}", markup=False)
        for part in sections(case.explanation):
            show(out, part)
    for part in holdings(found.explained):
        show(out, part)
    _print_rest(found, out)


def _print_rest(found: Answer, out: Console) -> None:
    if found.no_verdict:
        out.print(found.no_verdict, markup=False)
    for reason in found.refused:
        out.print(
            f"Refused: {reason} Amounts are shown as the venue applied them; no verdict is derived.", markup=False
        )
    if found.explained.unknown_symbols:
        names = ", ".join(found.explained.unknown_symbols)
        out.print(f"Left out, because no venue we know lists them: {names}", markup=False)
    for unknown in found.explained.unknown:
        out.print(f"Whether there were other {unknown.term} these files cannot tell: it takes {unknown.settled_by}.")
    if found.explained.findings:
        show(out, findings_table("What the files say about themselves", found.explained.findings))
    if found.problems:
        show_problems(out, found.problems)
    if found.explained.cases:
        out.print(NO_RECOVERY, style="dim")
        out.print("How a figure follows:", style="dim", markup=False)
        copied(out, again("explain", "--why", "maintenance_margin"))

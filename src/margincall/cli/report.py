"""`margincall report`: a whole case on one page that needs no network, as a PDF, and for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from margincall.case.folder import readable_paths
from margincall.cli.again import again
from margincall.cli.answers import (
    beside_option,
    check_number,
    chosen_store,
    from_option,
    judged_code,
    nothing_usable,
    read_answer,
    read_others,
    store_options,
    until_option,
)
from margincall.cli.output import print_json
from margincall.errors import UsageError
from margincall.forensics.verify.check import IRREGULAR, REGULAR
from margincall.history.market.store import MarketStore
from margincall.history.scope import Scope, scope_of

if TYPE_CHECKING:
    from margincall.case.reporting.build import Material
    from margincall.case.reporting.facts import Facts

DEFAULT = Path("margincall-report.html")
NEEDS_EXTRA = "a report is drawn by parts that are not installed: pip install 'margincall[report]'"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help=f"The page (default: {DEFAULT}).")
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path), help="The PDF (default: beside the page).")
@click.option("--no-pdf", is_flag=True, help="Write the page only.")
@click.option("--json", "as_json", is_flag=True, help="Print margincall.report/1; files only where they are named.")
@click.option("--light/--dark", "is_light", default=True, help="Colours of the PDF. The page follows its reader.")
@click.option("--number", default=0, metavar="N", help="Report only the Nth liquidation found (1 is the first).")
@click.option("--redact", is_flag=True, help="Mask the numbers of accounts, orders and trades.")
@click.option(
    "--docs", default="", metavar="BASE", help="Folder or URL of a copy of the documentation: the glossary links to it."
)
@click.option("--as-of", "day", default="", metavar="DATE", help="Recovery as seen from this day; today if not given.")
@click.option("--force", is_flag=True, help="Overwrite files that no report has written.")
@beside_option
@click.option("--tz", default="", metavar="ZONE", help="Zone of exports that do not name theirs: UTC+3, Europe/Paris.")
@from_option
@until_option("--to")
@click.option("--account", default="", metavar="NAME", help="Of several accounts in the files report this one.")
@store_options
def report(
    paths: tuple[Path, ...],
    *,
    out: Path | None,
    pdf: Path | None,
    no_pdf: bool,
    as_json: bool,
    is_light: bool,
    number: int,
    redact: bool,
    docs: str,
    day: str,
    force: bool,
    beside: tuple[Path, ...],
    tz: str,
    start: str,
    end: str,
    account: str,
    store_folder: Path | None,
    no_store: bool,
) -> int:
    """Report the liquidations in PATHS (the files that `explain` reads, or a case folder) as one HTML file that needs
    nothing else, and as a PDF: verdict, price path, margin ratio and what moved it, where the money went, checks,
    recovery, assumptions, glossary. Without PATHS: an embedded example.

    Exit codes: 0 nothing irregular was found, 1 something irregular was, 2 nothing usable, 3 usage, 4 the case folder
    was altered, 5 cannot tell, 6 not judged.
    """
    from margincall.case.reporting.build import facts_of, unusable
    from margincall.case.reporting.files import check_free, page_and_paper

    files = page_and_paper(out, pdf, no_pdf=no_pdf, as_json=as_json, default=DEFAULT)
    for path in filter(None, files):
        check_free(path, force=force)
    store = chosen_store(store_folder, without=no_store)
    material = _material(paths, beside, scope_of(tz, start, end, account), store, day=day, number=number, quiet=as_json)
    found = material.answer
    facts = facts_of(material) if found.is_usable else unusable(found.problems, material.recovery.as_of)
    if redact:
        from margincall.case.reporting.redact import redacted

        facts = redacted(facts, found, material.named)
    if not found.is_usable:
        return nothing_usable(found, _document(facts) if as_json else None, redact=redact)
    if as_json:
        print_json(_document(facts))
    _write(facts, *files, is_light=is_light, base=docs)
    if not as_json:
        conclusion = material.verified.conclusion
        said = conclusion if material.verified.is_judged else "nothing to judge"
        click.echo(f"{facts.title}: {facts.verdict.badge or said}")
        click.echo(f"Written: {', '.join(str(path) for path in files if path is not None)}")
        if conclusion != REGULAR and (ask := again("dispute", "--out", "my-dispute")):
            what = "Write what to send to the venue" if conclusion == IRREGULAR else "Ask the venue for its records"
            click.echo(f"{what}:\n      {ask}")
    return judged_code(material.verified.conclusion, is_judged=material.verified.is_judged)


def _document(facts: Facts) -> dict[str, Any]:
    from margincall.case.reporting.document import report_document

    return report_document(facts)


def _material(
    paths: tuple[Path, ...],
    beside: tuple[Path, ...],
    scope: Scope,
    store: MarketStore | None,
    *,
    day: str,
    number: int,
    quiet: bool,
) -> Material:
    from margincall.case.recover import recover
    from margincall.case.reporting.build import Material
    from margincall.case.reporting.redact import files_in
    from margincall.forensics.stored import market_rows
    from margincall.forensics.verify.judge import verify
    from margincall.history.public import read_market

    found = read_answer(paths, scope, quiet=quiet, store=store)
    if found.is_usable:
        check_number(found, number)
    stored = tuple(market_rows(store, found.explained)) if store is not None else ()
    market = read_market(readable_paths(paths), stored)
    others = read_others(beside, scope, store)
    verified = verify(found, market, beside=others)
    today = day or datetime.now(UTC).date().isoformat()
    return Material(
        answer=found,
        verified=verified,
        recovery=recover(found, as_of=today, verdict=verified),
        market=market,
        problems=(*found.problems, *market.problems),
        cases=(number - 1,) if number else None,
        named=(*files_in(stored), *(file for each in others for file in each.sources)),
    )


def _write(facts: Facts, page: Path | None, paper: Path | None, *, is_light: bool, base: str) -> None:
    """Draw and write what was asked for; nothing is imported for what was not."""
    from margincall.case.reporting.files import write

    try:
        if page is not None:
            from margincall.case.reporting.page import html_of

            write(page, html_of(facts, base=base).encode())
        if paper is not None:
            from margincall.case.reporting.paper import pdf_of

            write(paper, pdf_of(facts, theme="light" if is_light else "dark", base=base))
    except ModuleNotFoundError as error:
        raise UsageError(f"{NEEDS_EXTRA} ({error.name} is missing)") from None

"""`margincall market`: market data in one store: import, fetch, show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import click

from margincall.cli.output import console, print_json, show
from margincall.errors import DIFFERENCES, FINE, NOTHING_USABLE, NothingUsable, UsageError

if TYPE_CHECKING:
    from margincall.history.market.importing import Imported
    from margincall.history.market.kinds import Series
    from margincall.history.market.store import MarketStore
    from margincall.wire.problems import Problem

PROBLEMS_SHOWN = 20

store_option = click.option(
    "--store", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder of the store."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print margincall.market/1 for programs.")
kind_help = "last, mark, index, premium, funding, trades, agg_trades or positioning."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def market() -> None:
    """Candles of last, mark and index price, funding, trades, open interest and ratios, in one store.

    Every row knows its source. Prices are kept as printed.
    """


@market.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, path_type=Path))
@click.option("--kind", default="", metavar="KIND", help=f"What the files are of: {kind_help}")
@click.option("--symbol", default="", metavar="SYMBOL", help="BTCUSDT or BTC/USDT:USDT; else as the name says.")
@click.option("--interval", default="", metavar="INTERVAL", help="1m, 1h, …; else as the name says.")
@click.option("--venue", default="", metavar="NAME", help="binance_usdm, binance_coinm, or another venue's name.")
@store_option
@json_option
def import_files(
    files: tuple[Path, ...], folder: Path | None, as_json: bool, *, kind: str, symbol: str, interval: str, venue: str
) -> int:
    """Store the rows of FILE…; folders are searched.

    Read are files of Binance's data portal (CSV, zip), answers of its API, candles of ccxt (JSON), Parquet and
    freqtrade's feather. What a file is of stands in its name and folders, or is said by options. Missing rows and rows
    that cannot be true are reported; the others are stored. The exit code is 1 if anything was reported.
    """
    from margincall.history.market.importing import import_file
    from margincall.history.market.naming import Hints
    from margincall.history.market.store import MarketStore
    from margincall.history.market.tables import files_in

    store = MarketStore(folder)
    _not_the_store(store, files)
    hints = Hints(kind, venue, symbol, interval)
    done = [each for path in files for file in files_in(path) for each in import_file(store, file, hints)]
    return _imported(store.folder, done, as_json)


def _not_the_store(store: MarketStore, files: Sequence[Path]) -> None:
    """Raises `UsageError` for files of the store itself: what is stored would be stored again with another source."""
    own = store.folder.resolve()
    for path in files:
        given = path.resolve()
        if own.is_dir() and (given.is_relative_to(own) or own.is_relative_to(given)):
            raise UsageError(f"{path} is, holds or lies in the store {store.folder}: name the files to import")


@market.command("show")
@click.argument("symbol", default="")
@click.option("--kind", default="", metavar="KIND", help=f"Only {kind_help}")
@click.option("--venue", default="", metavar="NAME", help="Only this venue.")
@click.option("--interval", default="", metavar="INTERVAL", help="Only this interval.")
@click.option("--from", "start", default="", metavar="TIME", help="Print the rows from this date or time (ISO, UTC).")
@click.option("--to", "end", default="", metavar="TIME", help="… up to this date (inclusive) or time.")
@store_option
@json_option
def show_store(
    symbol: str, folder: Path | None, as_json: bool, *, kind: str, venue: str, interval: str, start: str, end: str
) -> int:
    """Show what is stored; with SYMBOL and a time its rows, each with its source.

    The exit code is 1 if there are gaps, conflicts or impossible values, 2 if nothing is stored.
    """
    from margincall.cli.market_views import rows_section, series_section
    from margincall.history.market.document import SCHEMA, MarketDocument, series_row, stored_rows
    from margincall.history.market.store import MarketStore
    from margincall.history.scope import scope_of

    if (start or end) and not symbol:
        raise UsageError("--from and --to print the rows of one SYMBOL: name it")
    scope = scope_of(start=start, end=end)
    store = MarketStore(folder)
    series = [each for each in store.series(symbol, kind=kind, venue=venue) if interval in ("", each.interval)]
    rows = stored_rows(store, series, scope.from_ms, scope.to_ms) if start or end else ()
    told = tuple(series_row(store, each) for each in series)
    problems = tuple(problem for each in series for problem in store.problems(each))
    if as_json:
        print_json(MarketDocument(SCHEMA, str(store.folder), series=told, rows=rows, problems=problems))
    elif told:
        show(console(), rows_section(rows) if start or end else series_section(told))
        _print_problems(problems)
    if not told or ((start or end) and not rows):
        click.echo(f"nothing of that is stored in {store.folder}: margincall market import FILE", err=True)
        return NOTHING_USABLE
    return DIFFERENCES if any(each.gaps or each.conflicts or each.impossible for each in told) else FINE


@market.command("fetch")
@click.argument("symbol")
@click.option("--kind", default="mark", metavar="KIND", help=f"What to fetch: {kind_help} mark if not given.")
@click.option("--interval", default="1m", metavar="INTERVAL", help="1m if not given.")
@click.option("--from", "start", required=True, metavar="TIME", help="From this date or time (ISO, UTC).")
@click.option("--to", "end", default="", metavar="TIME", help="Up to this date (inclusive) or time; now if not given.")
@click.option("--ccxt", "exchange", default="", metavar="NAME", help="Candles of another venue, through ccxt.")
@click.option("--base", default="", metavar="URL", help="Another address that answers as the venue does.")
@store_option
@json_option
def fetch_data(
    symbol: str, folder: Path | None, as_json: bool, *, kind: str, interval: str, start: str, end: str, **where: str
) -> int:
    """Fetch SYMBOL from the venue's public endpoints into the store. No key; nothing but GET.

    The venue is Binance (USDⓈ-M or COIN-M, by the symbol), or with --ccxt another one (then SYMBOL is as
    BTC/USDT:USDT). Bars that have not ended yet are left out. What was stored before stays.
    """
    from margincall.history.market.store import MarketStore
    from margincall.history.scope import scope_of

    scope = scope_of(start=start, end=end)
    now = time.time_ns() // 1_000_000
    span = (scope.from_ms or 0, scope.to_ms or now)
    store = MarketStore(folder)
    if where["exchange"]:
        from margincall.history.market import ccxt_source

        series = ccxt_source.series_for(where["exchange"], kind, symbol, interval)
        return _imported(store.folder, ccxt_source.fetch(store, series, symbol, span, now, base=where["base"]), as_json)
    from margincall.history.market.naming import Hints, series_in

    series = series_in(symbol, Hints(kind, "", symbol, interval))
    return _imported(store.folder, [asyncio.run(_fetched(store, series, span, now, where["base"]))], as_json)


async def _fetched(store: MarketStore, series: Series, span: tuple[int, int], now: int, base: str) -> Imported:
    """Ask the venue as `rescue` does: with its weights, waits and bans."""
    from margincall.case import transport
    from margincall.case.client import Client, World
    from margincall.case.keys import Credentials
    from margincall.case.request import Request, error_of
    from margincall.cli.rescue import BUDGET, HOSTS
    from margincall.history.market.fetching import Params, fetch
    from margincall.wire.iso_time import utc

    hosts = dict.fromkeys(HOSTS, transport.checked_base(base)) if base else HOSTS
    async with transport.network() as get:
        world = World(get, lambda: time.time_ns() // 1_000_000, asyncio.sleep, utc)
        # The client wants a key; requests that are not signed do not send it, so this one is nobody's.
        client = Client(world, hosts, Credentials(token_hex(16), token_hex(16)), budget=BUDGET)

        async def ask(host: str, path: str, params: Params, weight: int) -> bytes:
            answer = await client.ask(Request(host, path, params, signed=False, weight=weight))
            if not answer.is_good:
                said = error_of(answer.body)
                raise NothingUsable(f"{path}: the venue refuses: {said.msg or answer.status} ({said.code})")
            return answer.body

        return await fetch(store, ask, series, span, now)


def _imported(folder: Path, done: Sequence[Imported], as_json: bool) -> int:
    from margincall.cli.market_views import gaps_section, imports_section
    from margincall.history.market.document import SCHEMA, MarketDocument, import_row

    rows = tuple(import_row(each) for each in done)
    problems = tuple(problem for each in done for problem in each.problems)
    if as_json:
        print_json(MarketDocument(SCHEMA, str(folder), imports=rows, problems=problems))
    else:
        if any(row.kind for row in rows):
            show(console(), imports_section(rows))
        if any(row.gaps for row in rows):
            show(console(), gaps_section(rows))
        _print_problems(problems)
    if not any(each.added or each.known for each in done):
        return NOTHING_USABLE
    return DIFFERENCES if problems or any(each.gaps for each in done) else FINE


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems[:PROBLEMS_SHOWN]:
        click.echo(str(problem), err=True)
    if len(problems) > PROBLEMS_SHOWN:
        click.echo(f"and {len(problems) - PROBLEMS_SHOWN} more; --json lists all", err=True)

"""`margincall exchange serve`: the exchange behind the venue's own API, until it is stopped."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from margincall.cli.output import console
from margincall.errors import FINE, UsageError

if TYPE_CHECKING:
    from margincall.exchange.journal_file import Durability
    from margincall.exchange.rulesets import MarkSource

NEEDS = "serve needs Starlette, uvicorn and cryptography: pip install 'margincall[server]'"
RULES = ("usdm", "coinm", "dydx", "socialised", "clawback")


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Of the API; 0: any.")
@click.option(
    "--control-port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="Of the control API; 0: any."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--expose", is_flag=True, help="Allow an address that others can reach.")
@click.option("--folder", type=click.Path(path_type=Path), help="Journal, keys and archive (default: a temporary one).")
@click.option("--rules", type=click.Choice(RULES), help="Rule-set (default: usdm, or that of the folder's journal).")
@click.option("--symbols", metavar="A,B", help="Symbols to list (default: those of the rule-set).")
@click.option(
    "--marks", type=click.Choice(("given", "rule")), help="Marks as they are set, or made by the venue's rule."
)
@click.option(
    "--durability", type=click.Choice(("group", "none")), default="group", show_default=True,
    help="Whether an order is on the disk before it is acknowledged.",
)  # fmt: skip
@click.option(
    "--api-date", metavar="DATE", default="2026-11-01", show_default=True, help="Behave as the venue's API on that day."
)
@click.option("--clock", type=click.Choice(("wall", "simulated")), default="wall", show_default=True)
@click.option("--start", metavar="TIME", help="Where a simulated clock begins (2026-01-05T00:00:00Z; default: now).")
@click.option("--demo", is_flag=True, help="A market for show: makers, traders with leverage, liquidations, a board.")
@click.option("--no-limits", is_flag=True, help="Count requests and orders, but refuse none.")
@click.option("--strict-streams", is_flag=True, help="Send a stream only over the route that the venue has for it.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Encrypt the API: a certificate in PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key, in PEM and without a passphrase.")
@click.option("--json", "as_json", is_flag=True, help="Print one line with ports and keys for scripts.")
def serve(
    *,
    port: int,
    control_port: int,
    host: str,
    folder: Path | None,
    rules: str | None,
    symbols: str | None,
    marks: MarkSource | None,
    durability: Durability,
    api_date: str,
    clock: Literal["wall", "simulated"],
    start: str | None,
    expose: bool,
    demo: bool,
    no_limits: bool,
    strict_streams: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    as_json: bool,
) -> int:
    """Serve an exchange of this machine by the REST and WebSocket API of Binance USDⓈ-M Futures.

    Bots and clients of that venue can be pointed at it (docs/how-to/serve.md), trade, and be liquidated. Everything is
    simulated: no order reaches a venue, and only keys that were issued here are accepted. Stop it with Ctrl-C; started
    again on the same folder it goes on where it was.
    """
    import asyncio

    from margincall.cli.exchange_board import Board, announce, carrying_out, reading

    try:
        from margincall.server.opened import Options, opened
        from margincall.server.serving import run
    except ModuleNotFoundError as error:
        raise UsageError(f"{NEEDS} ({error.name} is missing)") from None
    options = Options(
        host=host, port=port, control_port=control_port, folder=folder, rules=rules,
        symbols=tuple(filter(None, (symbols or "").split(","))), marks=marks, durability=durability,
        api_date=api_date, clock=clock, start=start, is_demo=demo, is_lenient=no_limits, is_exposed=expose,
        is_strict=strict_streams, tls_cert=tls_cert, tls_key=tls_key,
    )  # fmt: skip
    for told in reading(folder) if folder is not None and not as_json else ():
        click.echo(told, err=True)
    with contextlib.ExitStack() as stack:
        with carrying_out(quiet=as_json) as progress:
            found = stack.enter_context(opened(options, progress))
        if demo and not as_json and console().is_terminal:
            found.serving.beside(Board(found).run)

        async def main() -> None:
            loop = asyncio.get_running_loop()
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: loop.call_soon_threadsafe(found.serving.stop))
            await found.serving.run(host, (port, control_port), lambda at: announce(found, at, as_json=as_json))

        run(main())
    return FINE

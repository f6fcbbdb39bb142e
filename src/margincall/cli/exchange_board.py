"""What `exchange serve` prints: a banner, a line for scripts, a board of the market."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from margincall.cli.output import console
from margincall.core.rounding import plain
from margincall.server.listening import IssuedKey, ServeDocument
from margincall.wire.iso_time import utc

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from margincall.exchange.state import Market
    from margincall.server.opened import Opened
    from margincall.server.replaying import Progress
    from margincall.server.serving import Ports

REFRESH_S = 0.5
LATEST = 8
"""Liquidations on the board, where it is high enough."""
KEYS = 3
"""Keys on the board."""
AROUND = 11
"""Lines of the board beside symbols, liquidations and keys."""
NO_KEYS = (
    "Keys     issued before: their secrets are in keys.json of the folder,",
    "         or issue another by the control API",
)
LONG_BYTES = 1_000_000
"""Of a journal that takes a while to read."""


def reading(folder: Path) -> Iterator[str]:
    """What to say before a long journal is read: nothing answers until that is done."""
    from margincall.server.assembled import JOURNAL

    journal = folder / JOURNAL
    if journal.is_file() and (size := journal.stat().st_size) >= LONG_BYTES:
        yield f"Reading the journal of {folder}, {size / 1_000_000:,.0f} MB: everything is carried out again."


@contextlib.contextmanager
def carrying_out(*, quiet: bool) -> Iterator[Progress | None]:
    """A bar on a terminal, once a journal takes longer than a second; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress

    columns = (progress.BarColumn(), progress.MofNCompleteColumn(), progress.TextColumn("commands"))
    with contextlib.ExitStack() as stack:
        shown: list[tuple[progress.Progress, progress.TaskID]] = []

        def tell(done: int, total: int) -> None:
            if not shown:
                bar = stack.enter_context(progress.Progress(*columns, console=console(stderr=True), transient=True))
                shown.append((bar, bar.add_task("", total=total)))
            shown[0][0].update(shown[0][1], completed=done)

        yield tell


def line(found: Opened, ports: Ports) -> str:
    """One line of JSON: where it listens, and the keys that were made just now."""
    told = ServeDocument(
        host=ports.host,
        port=ports.api,
        is_encrypted=found.tls is not None,
        control_port=ports.control,
        control_token=found.token,
        folder=str(found.built.folder),
        is_temporary=found.options.folder is None,
        keys=tuple(IssuedKey(each.account, each.key, each.secret) for each in found.keys),
        symbols=tuple(found.built.venue.state.markets),
        assumptions=tuple(found.built.venue.state.rules.assumed),
    )
    return msgspec.json.encode(told).decode()


def banner(found: Opened, ports: Ports) -> Iterator[str]:
    """What a user must know to use it."""
    options, venue = found.options, found.built.venue
    yield "SIMULATED EXCHANGE: nothing here is real money, no order reaches a venue,"
    yield "and no venue's key works here."
    yield from warning(found, ports)
    s = "s" if found.tls is not None else ""
    yield f"API      http{s}://{ports.host}:{ports.api}    ws{s}://{ports.host}:{ports.api}"
    yield f"Control  http://{ports.host}:{ports.control}"
    yield f"Token    x-control-token: {found.token}"
    gone = "temporary: gone when the server ends" if options.folder is None else "started again, it goes on"
    yield f"Folder   {found.built.folder}    ({gone})"
    yield f"Rules    {venue.state.rules.name}: {', '.join(venue.state.markets)}    API as of {options.api_date}"
    for each in found.keys:
        yield f"Key      {each.account}"
        yield f"         {each.key}"
        yield f"Secret   {each.account}, shown once"
        yield f"         {each.secret}"
    if not found.keys:
        yield from NO_KEYS
    if not options.is_demo and all(market.mark is None for market in venue.state.markets.values()):
        yield "No prices yet: set or play them by the control API, or start with --demo."
    yield "How to point a client at it: docs/how-to/serve.md. Ctrl-C ends it."


def warning(found: Opened, ports: Ports) -> Iterator[str]:
    """What must be said where others reach it, or where it may be taken for something else."""
    if found.options.is_exposed:
        what = "can use it" if found.tls is not None else "sees everything that is sent, unencrypted"
        yield f"WARNING: it listens on {ports.host}. Whoever reaches it {what}."
    if found.tls is not None:
        yield (
            f"WARNING: it answers as {', '.join(found.tls.names) or 'whom its certificate names'}. Whoever trusts that "
            "certificate takes this SIMULATION for them. Never install its authority where a real account is used."
        )


def announce(found: Opened, ports: Ports, *, as_json: bool) -> None:
    """Print the banner, or the line for scripts."""
    lines = [line(found, ports)] if as_json else list(banner(found, ports))
    for each in warning(found, ports) if as_json else ():
        click.echo(each, err=True)
    click.echo("\n".join(lines))
    sys.stdout.flush()


class Board:
    """The market on a terminal, drawn anew twice a second."""

    def __init__(self, found: Opened) -> None:
        """Nothing is drawn before `run`."""
        self._found = found
        self._seen = (time.monotonic(), 0)
        self._rate = 0.0

    async def run(self) -> None:
        """Draw until it is cancelled."""
        from rich.live import Live

        with Live(console=console(), auto_refresh=False) as live:
            while True:
                live.update(self.drawn(live.console), refresh=True)
                await asyncio.sleep(REFRESH_S)

    def drawn(self, target: Console) -> RenderableType:
        """The board as it is now."""
        from rich.console import Group
        from rich.text import Text

        self._count()
        state = self._found.built.venue.state
        fund = "  ".join(f"{_number(amount, 2)} {asset}" for asset, amount in state.fund.account.wallets.items())
        keys = list(self._found.built.keys.all().values())[:KEYS]
        room = target.height - AROUND - len(state.markets) - len(keys)
        return Group(
            Text("SIMULATED EXCHANGE", style="bold") + Text(f"  {utc(self._found.built.venue.now_ms())}"),
            self._prices(),
            self._liquidations(max(1, min(LATEST, room))),
            Text(f"Insurance fund {fund or '0'}    accounts {sum(1 for _ in state.owners())}    "
                 f"orders {len(state.orders)}    requests {self._rate:.0f}/s"),
            *(Text(f"Key {each.account} {each.key}", style="dim", no_wrap=True) for each in keys),
        )  # fmt: skip

    def _count(self) -> None:
        now, requests = time.monotonic(), self._found.serving.requests
        then, before = self._seen
        if now - then >= 1:
            self._rate = (requests - before) / (now - then)
            self._seen = now, requests

    def _prices(self) -> Table:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD)
        for name in ("symbol", "last", "mark", "24 h", "bid", "ask"):
            table.add_column(name, justify="left" if name == "symbol" else "right")
        venue = self._found.built.venue
        for symbol, market in venue.state.markets.items():
            day = venue.tape.markets[symbol].day.row(venue.now_ms())
            change = f"{day['priceChangePercent']} %" if day["count"] else ""
            moved = f"[{'red' if change.startswith('-') else 'green'}]{change}[/]" if change else ""
            last, mark = (_price(market, each) for each in (market.last, market.mark))
            table.add_row(symbol, last, mark, moved, *_quotes(market))
        return table

    def _liquidations(self, latest: int) -> Table:
        from rich import box
        from rich.table import Table

        state = self._found.built.venue.state
        title = f"{len(state.liquidations)} liquidations, {len(state.deleveraged)} deleveraged"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in ("time", "account", "symbol", "quantity", "price", "lost"):
            table.add_column(name, justify="right" if name in ("quantity", "price", "lost") else "left")
        for each in reversed(state.liquidations[-latest:]):
            table.add_row(
                utc(each.time_ms)[11:19], each.account, each.symbol, _text(each.quantity), _number(each.price, 2),
                f"{_number(each.lost, 2)} {each.asset}",
            )  # fmt: skip
        return table


def _quotes(market: Market) -> Iterator[str]:
    tick = market.contract.tick
    for ticks in (market.book.best_bid, market.book.best_ask):
        yield _price(market, None if ticks is None else ticks * tick)


def _price(market: Market, price: Decimal | None) -> str:
    """With the digits of the tick; a mark may have more, which nobody reads on a board."""
    exponent = plain(market.contract.tick).as_tuple().exponent
    return "" if price is None else format(price, f".{max(-int(exponent), 0)}f")


def _text(number: Decimal) -> str:
    return format(plain(number), "f")


def _number(number: Decimal, places: int) -> str:
    return format(number, f",.{places}f")

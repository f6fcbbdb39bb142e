"""`margincall rescue`: saves what the venue forgets, in order of expiry, with a key that can only read."""

from __future__ import annotations

import asyncio
import importlib
import re
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from margincall.cli.output import NO_RECOVERY, console, copied, print_json, show
from margincall.errors import DIFFERENCES, FINE, MargincallError, Refused, UsageError
from margincall.wire.durations import MINUTE_MS

if TYPE_CHECKING:
    from margincall.case.client import Client
    from margincall.case.endpoints import Market
    from margincall.case.folder import Writer
    from margincall.case.keys import Credentials, Permissions
    from margincall.case.plan import Known, Scope
    from margincall.case.rescue import Outcome, Progress

HOSTS = {"fapi": "https://fapi.binance.com", "dapi": "https://dapi.binance.com", "spot": "https://api.binance.com"}
NEEDS = "rescue needs aiohttp and keyring: pip install 'margincall[live]'"
KEY_FROM = re.compile(r"(env|file:.+|keyring:.+)")
SIGNATURE = re.compile(r"signature=[0-9A-Za-z%+/=_-]+")
BUDGET = 1_800
"""Weight a minute that is used at most: the venue allows 2,400 on an address, others may ask from it too."""
EARLIEST_YEAR = 2017
LINE_S = 10.0
"""So often it is told how far it is where no bar is shown."""


GOING_ON = {
    "resumed": "going on where it stopped: what happened until {until}; --again asks for what came after",
    "finished": "finished before, until {until}; --again asks everything once more",
}


class Crash(AssertionError):
    """A bug on the way to the venue, told without the key."""


def moment(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Times as milliseconds: `2026-05-28`, `2026-05-28T20:26:40` (UTC unless it says otherwise), or 13 digits."""
    if isinstance(value, tuple):
        return tuple(moment(ctx, parameter, each) for each in value)
    if value is None:
        return None
    try:
        if value.isascii() and value.isdigit() and len(value) == 13:
            return int(value)
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time; write it as 2026-05-28T20:26:40", ctx, parameter) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found.year < EARLIEST_YEAR:
        raise click.BadParameter(f"{value!r} is before there were such contracts", ctx, parameter)
    return round(found.timestamp() * 1000)


@click.command()
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="The case folder; made if new.")
@click.option("--key-from", default="env", metavar="WHERE", help="env (default), file:PATH or keyring:NAME.")
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Also this one; others are found.")
@click.option("--event", "events", multiple=True, metavar="TIME", callback=moment, help="Also around this time (UTC).")
@click.option("--around", default=120, metavar="MINUTES", type=click.IntRange(1, 1440), help="Of candles, each side.")
@click.option("--until", metavar="TIME", callback=moment, help="End of what is asked; default the venue's time now.")
@click.option("--coin-m", is_flag=True, help="The COIN-M account instead of USDⓈ-M.")
@click.option("--no-exports", is_flag=True, help="Start no asynchronous exports (the venue allows 5 a month).")
@click.option("--insist", is_flag=True, help="Use a key that may do more than read.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be asked, and its weight. Asks nothing.")
@click.option("--without-key", is_flag=True, help="List what to save by hand until when; needs --event. Asks nothing.")
@click.option("--again", is_flag=True, help="Ask everything once more into a folder whose rescue was finished.")
@click.option("--retry-refused", is_flag=True, help="Ask again what the venue refused.")
@click.option("--weight", default=BUDGET, metavar="N", type=click.IntRange(1), help="Weight a minute at most.")
@click.option("--fapi", default=HOSTS["fapi"], envvar="MARGINCALL__RESCUE__FAPI", help="Base address of USDⓈ-M.")
@click.option("--dapi", default=HOSTS["dapi"], envvar="MARGINCALL__RESCUE__DAPI", help="Base address of COIN-M.")
@click.option("--spot", default=HOSTS["spot"], envvar="MARGINCALL__RESCUE__SPOT", help="Base address of spot.")
@click.option("--json", "as_json", is_flag=True, help="Print margincall.rescue/1 for programs.")
def rescue(folder: Path | None, **options: Any) -> int:
    """Save the evidence of a liquidation before it expires, into a case folder.

    The key comes from MARGINCALL_API_KEY and MARGINCALL_API_SECRET, a file that only you can read, or the system's
    keyring; a key that may trade, transfer or withdraw is refused. Only GET requests are sent. A rescue that was
    stopped goes on where it was: start the same command again.
    """
    if options["without_key"]:
        return _click_list(options)
    if options["only_plan"]:
        return _show_plan(options)
    if folder is None:
        raise UsageError("where to? margincall rescue --to FOLDER")
    credentials = _credentials(options["key_from"])
    try:
        return asyncio.run(_rescue(folder, credentials, options))
    except (MargincallError, click.ClickException, click.exceptions.Exit):
        raise
    except KeyboardInterrupt:
        click.echo("what is saved stays; the same command goes on from here", err=True)
        raise click.Abort from None
    except Exception as error:
        raise Crash(_told(error, credentials)) from None


def _told(error: Exception, credentials: Credentials) -> str:
    """A bug's traceback without key, secret and signature."""
    text = "".join(traceback.format_exception(error))
    return SIGNATURE.sub("signature=(hidden)", credentials.redacted(text))


def now_ms() -> int:
    """Our clock, UTC."""
    return time.time_ns() // 1_000_000


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "margincall":
            raise
        raise UsageError(NEEDS) from None


def _credentials(where: str) -> Credentials:
    from margincall.case import keys

    if not KEY_FROM.fullmatch(where):
        raise UsageError("--key-from takes env, file:PATH or keyring:NAME; never the key itself")
    kind, _, rest = where.partition(":")
    if kind == "file":
        return keys.from_file(Path(rest))
    if kind == "keyring":
        keyring = _module("keyring")
        try:
            return keys.from_keyring(rest, keyring.get_password)
        except keyring.errors.KeyringError as error:
            raise UsageError(f"the system's keyring cannot be used: {type(error).__name__}") from None
    return keys.from_environment()


def _scope(options: Mapping[str, Any], until_ms: int) -> Scope:
    from margincall.case.plan import Scope
    from margincall.case.request import NAME

    symbols = tuple(symbol.upper() for symbol in options["symbols"])
    for symbol in symbols:
        if not NAME.fullmatch(symbol):
            raise UsageError(f"--symbol {symbol}: not a symbol")
    return Scope(
        market="dapi" if options["coin_m"] else "fapi",
        until_ms=until_ms,
        symbols=symbols,
        events=options["events"],
        around_minutes=options["around"],
    )


async def _rescue(folder: Path, credentials: Credentials, options: Mapping[str, Any]) -> int:
    transport = _module("margincall.case.transport")
    from margincall.case.client import Client, World
    from margincall.wire.iso_time import utc

    hosts = {name: transport.checked_base(options[name]) for name in HOSTS}
    async with transport.network() as get:
        world = World(get, now_ms, asyncio.sleep, utc)
        return await _asked(folder, Client(world, hosts, credentials, budget=options["weight"]), options)


async def _asked(folder: Path, client: Client, options: Mapping[str, Any]) -> int:
    from margincall.case.folder import Writer, create, is_case
    from margincall.case.keys import refusal
    from margincall.case.plan import Known
    from margincall.case.rescue import Rescue, Settings, begun, permissions_of
    from margincall.wire.iso_time import utc

    market: Market = "dapi" if options["coin_m"] else "fapi"
    key = await permissions_of(client, market)
    if (why := refusal(key)) and not options["insist"]:
        raise Refused(why)
    wanted = _scope(options, options["until"] or await _minute(client, market))
    if not is_case(folder):
        create(folder, folder.resolve().name, now_ms())
    with Writer(folder) as writer:
        scope, state = begun(writer, wanted, key, now_ms(), again=options["again"])
        known = Known(scope)
        if why:
            click.echo(f"insisted: {why}", err=True)
        if state != "new":
            click.echo(GOING_ON[state].format(until=utc(scope.until_ms)), err=True)
        settings = Settings(exports=not options["no_exports"], retry_refused=options["retry_refused"])
        with _progress() as progress:
            outcome = await Rescue(client, writer, scope, settings).run(known, progress)
        _print(writer, scope, key, outcome, known, as_json=options["as_json"])
    return FINE if outcome.is_whole else DIFFERENCES


async def _minute(client: Client, host: str) -> int:
    """The end of the minute that it is by the server's clock."""
    return -(-await client.server_now_ms(host) // MINUTE_MS) * MINUTE_MS


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines(time.monotonic)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, left, what: bar.update(task, completed=done, total=done + left, description=what[:80])


class _Lines:
    """How far it is, on standard error, at most once in `LINE_S` seconds."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.told_s = now_s()

    def __call__(self, done: int, left: int, what: str) -> None:
        if (now_s := self.now_s()) >= self.told_s + LINE_S:
            self.told_s = now_s
            click.echo(f"{done} of {done + left}, now {what}", err=True)


def _print(
    writer: Writer, scope: Scope, key: Permissions, outcome: Outcome, known: Known, *, as_json: bool
) -> None:  # fmt: skip
    from margincall.case.document import RESCUE_SCHEMA, RescueDocument
    from margincall.case.judged import judged
    from margincall.case.report import lines

    events = tuple(sorted({time_ms for _, time_ms in known.events}))
    found = tuple(lines(writer.manifest.entries, events[-1] if events else scope.until_ms))
    checks = judged(writer.path)
    said = ", ".join(key.acts) if key.acts else "only read"
    if as_json:
        document = RescueDocument(RESCUE_SCHEMA, str(writer.path), scope, said, outcome, events, found, checks)
        print_json(document)
        return
    from margincall.cli.rescue_views import checks_section, evidence_section, missing_section, summary

    out = console()
    for line in summary(scope, outcome, events, said):
        out.print(line, markup=False)
    show(out, evidence_section(found))
    if missing := missing_section(found):
        show(out, missing)
    if checks:
        show(out, checks_section(checks))
    out.print("Next:", markup=False)
    for words in (("explain",), ("case", "check")):
        copied(out, shlex.join(["margincall", *words, str(writer.path)]))
    out.print(NO_RECOVERY, style="dim")


def _show_plan(options: Mapping[str, Any]) -> int:
    from margincall.cli.rescue_views import plan_document, plan_section, planned

    scope = _scope(options, options["until"] or now_ms())
    found = planned(scope, exports=not options["no_exports"])
    if options["as_json"]:
        print_json(plan_document(scope, found))
        return FINE
    out = console()
    show(out, plan_section(scope, found, options["weight"]))
    out.print("Nothing was asked. With a key that can only read: margincall rescue --to FOLDER", markup=False)
    return FINE


def _click_list(options: Mapping[str, Any]) -> int:
    from margincall.case.report import click_list
    from margincall.cli.rescue_views import click_document, click_section

    if not options["events"]:
        raise UsageError("--without-key needs --event TIME, from which the dates follow")
    event = max(options["events"])
    found = click_list(event)
    if options["as_json"]:
        print_json(click_document(event, found))
        return FINE
    out = console()
    show(out, click_section(event, found, now_ms()))
    out.print(NO_RECOVERY, style="dim")
    return FINE

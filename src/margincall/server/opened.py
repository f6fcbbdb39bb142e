"""From what was asked for to a server that is ready to run."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import SystemRandom
from typing import Literal

from msgspec import Struct

from margincall.errors import Refused, UsageError
from margincall.exchange.journal_file import Durability
from margincall.exchange.rulesets import MarkSource
from margincall.server.assembled import JOURNAL, LATEST, Assembled, assembled
from margincall.server.clock import Clock, SimulatedClock, WallClock
from margincall.server.control.app import control_app, new_token
from margincall.server.demo import Demo
from margincall.server.first import begin
from margincall.server.keys import Key
from margincall.server.listing import rules_of_journal
from margincall.server.player import Player
from margincall.server.replaying import Progress
from margincall.server.serving import Serving, is_loopback
from margincall.server.tls import Tls, tls_of
from margincall.wire.iso_time import BadTime, time_of


class Options(Struct, frozen=True, kw_only=True):
    """What was asked for. No folder: a temporary one, gone with the server. `start` is a time as text, or none."""

    host: str = "127.0.0.1"
    port: int = 8000
    control_port: int = 8001
    folder: Path | None = None
    rules: str | None = None
    symbols: tuple[str, ...] = ()
    marks: MarkSource | None = None
    durability: Durability = "group"
    api_date: str = LATEST
    clock: Literal["wall", "simulated"] = "wall"
    start: str | None = None
    is_demo: bool = False
    is_lenient: bool = False
    is_exposed: bool = False
    is_strict: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    seed: int | None = None


class Opened(Struct, frozen=True, kw_only=True):
    """A server that is ready to run. `keys` were issued just now: their secrets are told once."""

    options: Options
    built: Assembled
    player: Player
    serving: Serving
    token: str
    keys: list[Key]
    tls: Tls | None


@contextmanager
def opened(options: Options, progress: Progress | None = None) -> Iterator[Opened]:
    """Open what was asked for; a temporary folder goes with it. `progress` is told of a journal that takes long to
    apply again. Raises `UsageError`, `Refused` for an address that others can reach unless that is asked for, and what
    `Engine.open` raises."""
    if not is_loopback(options.host) and not options.is_exposed:
        raise Refused(
            f"{options.host} can be reached by others, who could trade here with the keys and see everything: add "
            "--expose if that is meant"
        )
    if options.port == options.control_port != 0:
        raise UsageError(f"--port and --control-port are both {options.port}: the two APIs need a port each")
    if not _is_day(options.api_date):
        raise UsageError(f"--api-date: {options.api_date!r} is no day; expected one like {LATEST}")
    clock, tls = _clock(options), tls_of(options.tls_cert, options.tls_key)
    if options.folder is not None:
        yield _opened(options, options.folder, clock, tls, progress)
        return
    with tempfile.TemporaryDirectory(prefix="margincall-") as folder:
        yield _opened(options, Path(folder), clock, tls)


def _opened(
    options: Options, folder: Path, clock: Clock, tls: Tls | None, progress: Progress | None = None
) -> Opened:  # fmt: skip
    rules = rules_of_journal(folder / JOURNAL, options.rules, options.symbols, options.marks)
    built = assembled(
        folder, rules, clock, durability=options.durability, api_date=options.api_date,
        is_lenient=options.is_lenient, is_strict=options.is_strict, progress=progress,
    )  # fmt: skip
    try:
        keys = begin(built)
        player, token = Player(built.venue, built.streaming.tick, built.streaming.hub.is_heard), new_token()
        seed = options.seed if options.seed is not None else SystemRandom().getrandbits(32)
        works = (Demo(built.venue, seed).run,) if options.is_demo else ()
        serving = Serving(built, control_app(built, player, token), player, works=works, tls=tls)
    except BaseException:
        built.close()
        raise
    return Opened(options=options, built=built, player=player, serving=serving, token=token, keys=keys, tls=tls)


def _is_day(text: str) -> bool:
    """Whether a text is a day as the dated changes are compared with: 2026-11-01."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _clock(options: Options) -> Clock:
    if options.clock == "wall":
        if options.start is not None:
            raise UsageError("--start needs --clock simulated: the clock of the machine begins now")
        return WallClock()
    if options.is_demo:
        raise UsageError("--demo needs the clock of the machine: its market moves by itself")
    try:
        return SimulatedClock(WallClock().now_ms() if options.start is None else time_of(options.start))
    except BadTime as error:
        raise UsageError(f"--start: {error}; expected a time like 2026-01-05T00:00:00Z") from None

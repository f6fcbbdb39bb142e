"""The server in one piece, for the command and for tests: everything that belongs to one folder.

FOLDER/journal      every command, and the hash of what it gave
FOLDER/keys.json    the keys that were issued (mode 0600)
FOLDER/notes.jsonl  what the journal does not know, listen keys among it (mode 0600); files of exports in downloads
FOLDER/archive      what lists hold; made anew from the journal whenever the server starts
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from margincall.errors import UsageError
from margincall.exchange.engine import Tell
from margincall.exchange.journal_file import Durability
from margincall.exchange.rulesets import RuleSet
from margincall.server.answers.table import ROUTES
from margincall.server.app import App
from margincall.server.archive import Archive
from margincall.server.clock import Clock, SimulatedClock
from margincall.server.gateway import Gateway
from margincall.server.keys import Keys
from margincall.server.limits import Limits
from margincall.server.replaying import Progress, Replaying
from margincall.server.routing import Table
from margincall.server.streaming import Streaming
from margincall.server.venue import Venue

LATEST = "2026-11-01"
"""The API date that is served unless another is asked for: after every change that is known."""
JOURNAL, KEYS, ARCHIVE = "journal", "keys.json", "archive"


class Assembled(NamedTuple):
    """All parts of one server. `is_new`: its journal was begun just now."""

    folder: Path
    venue: Venue
    keys: Keys
    limits: Limits
    gateway: Gateway
    streaming: Streaming
    app: App
    is_new: bool

    def close(self) -> None:
        """Let go of the files."""
        self.venue.close()


def assembled(
    folder: Path,
    rules: RuleSet,
    clock: Clock,
    *,
    durability: Durability = "group",
    api_date: str = LATEST,
    is_lenient: bool = False,
    is_strict: bool = False,
    takers: Iterable[Tell] = (),
    progress: Progress | None = None,
) -> Assembled:
    """A server on the files of a folder, begun or gone on with. `is_lenient` counts requests and refuses none;
    `is_strict` sends a stream only over the route that the venue has for it. `progress` is told of a journal that takes
    long to apply again.

    A simulated clock that reads less than the journal's is set to that. Raises `UsageError` for a wall clock that
    does, and for what cannot be a folder; and what `Engine.open` raises.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        why = "there is a file of that name" if is_file else error.strerror
        raise UsageError(f"{folder} cannot be the folder of an exchange: {why}") from None
    journal = folder / JOURNAL
    is_new = not journal.exists()
    archive = Archive(folder / ARCHIVE)
    try:
        venue = Venue.opened(
            journal, rules, clock, durability=durability, archive=archive, api_date=api_date, takers=takers,
            replaying=() if progress is None else (Replaying(journal, progress).hear,),
        )  # fmt: skip
    except BaseException:
        archive.close()
        raise
    keys = Keys(folder / KEYS)
    limits = Limits(venue.now_ms, is_lenient=is_lenient)
    gateway = Gateway(venue, Table(ROUTES, api_date), keys, limits)
    streaming = Streaming(gateway, venue.listen_keys, venue.tape, is_strict=is_strict)
    app = App(gateway, streaming.sockets)
    found = Assembled(folder, venue, keys, limits, gateway, streaming, app, is_new)
    _catch_up(found, clock)
    return found


def _catch_up(found: Assembled, clock: Clock) -> None:
    """No clock reads less than the exchange's."""
    then_ms = found.venue.state.time_ms
    if clock.now_ms() >= then_ms:
        return
    if isinstance(clock, SimulatedClock):
        clock.set(then_ms)
        return
    found.close()
    raise UsageError(
        f"the exchange of {found.folder} is ahead of this machine's clock: go on with --clock simulated, or begin "
        "another folder"
    )

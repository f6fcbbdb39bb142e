"""The engine behind the API: one writer, in one thread. What it acknowledged outlives it.

    events = await venue.do(command)     carried out, safe by `durability`, and known to whoever watches

A command is carried out at once; its answer waits until the journal is synced, which is done once for all commands that
came in the same turn of the loop (`group`). Records follow at once, streams are told after the sync.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from margincall.exchange import commands
from margincall.exchange.clock import pieces
from margincall.exchange.engine import Engine, Tell, is_refused
from margincall.exchange.events import AnyExchangeEvent, Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.journal import JournalFailed, read_header
from margincall.exchange.journal_file import Durability
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import Events, Exchange
from margincall.server.archive import Archive
from margincall.server.clock import Clock
from margincall.server.downloads import Downloads
from margincall.server.errors import NOT_AMENDABLE, NOT_TRADING, ApiError, of_rejected
from margincall.server.listen_keys import ListenKeys
from margincall.server.notes import Burning, Exported, Halted, Notes
from margincall.server.records import Records
from margincall.server.tape import Tape

TICK_MS = 10
"""So far at most the exchange's clock lags behind the server's: it follows before a command, or by a timer."""
IDLE_MS = 1_000
"""So far it lags behind where nothing is due and nobody asks: each step of the clock is a line of the journal."""
HALTED = "PENDING_TRADING"
"""What the status of a symbol reads that is halted (assumed: `halt-status`)."""
NOTES = "notes.jsonl"
SYNC_S = 1.0
"""So long at most what nobody waits for (prices, quotes, what the clock brought) is kept from the disk."""
FORGET_MS = 60_000
"""So often what the venue keeps no longer is dropped."""
Watcher = Callable[[Events], None]


class Venue:
    """An exchange, its clock, and what is remembered for questions."""

    def __init__(
        self, engine: Engine, clock: Clock, *, durability: Durability, archive: Archive, api_date: str,
        records: Records, tape: Tape, notes: Notes, takers: Iterable[Tell] = (),
    ) -> None:  # fmt: skip
        """What an opened journal gives; `opened` makes one."""
        self.engine, self.clock, self.durability, self.archive = engine, clock, durability, archive
        self.api_date = api_date
        self.records, self.tape, self.notes = records, tape, notes
        self.takers = list(takers)
        """Told of everything that happened, at once, and when the server starts of everything that the journal
        holds: what lists and charts are made from."""
        self.downloads = Downloads(
            archive, notes.folder, notes.downloads.values(), lambda each: notes.add(Exported(each))
        )  # fmt: skip
        self.listen_keys = ListenKeys(clock.now_ms, notes.listened.values(), notes.add)
        self.fee_burners = notes.burners
        """The accounts that asked to pay fees in BNB."""
        self.watchers: list[Watcher] = []
        """Told of everything that happened, once it is safe."""
        self.lookers: list[Callable[[str], None]] = []
        """Told of a symbol whose book is about to be shown in an answer."""
        self.halted = notes.halted
        """Symbols that take no new orders, as the operator said."""
        self.on_halt: list[Callable[[str], None]] = []
        """Told of a symbol that was halted, or goes on."""
        self.queues: dict[str, tuple[int, Mapping[tuple[str, str], int]]] = {}
        """The last look at each symbol's queue of deleveraging (`lights.py`), with its stamp."""
        self._forgets_ms = 0
        """When it is looked for next."""
        self._untold: list[AnyExchangeEvent] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._is_scheduled = self._is_unsafe = False
        """Whether a sync is due; whether something happened since the last one."""
        self._syncs_s = 0.0
        """When what nobody waits for is synced next."""

    @classmethod
    def opened(
        cls, journal: Path, rules: RuleSet, clock: Clock, *, durability: Durability, archive: Archive, api_date: str,
        takers: Iterable[Tell] = (), replaying: Iterable[Tell] = (),
    ) -> "Venue":  # fmt: skip
        """Begin a journal, or go on with one: records, tape and `takers` hear again what it holds; so does `replaying`,
        which hears nothing more."""
        assets = {symbol: rules.venue.contract(symbol).margin_asset for symbol in rules.listings}
        notes = Notes(journal.with_name(NOTES))
        records = Records(archive, assets, api_date, notes)
        header = read_header(journal) if journal.exists() else None
        genesis_ms = clock.now_ms() if header is None else header.genesis_ms
        tape = Tape(archive, new_exchange(rules, genesis_ms), api_date)
        told: tuple[Tell, ...] = (lambda state, events: records.take(events), tape.hear, *takers, *replaying)

        def tell(state: Exchange, events: Events) -> None:
            for taker in told:
                taker(state, events)

        engine = Engine.open(journal, rules, time_ms=genesis_ms, durability=durability, tell=tell)
        tape.state = engine.state
        notes.restored()
        return cls(
            engine, clock, durability=durability, archive=archive, api_date=api_date, records=records, tape=tape,
            notes=notes, takers=takers,
        )  # fmt: skip

    @property
    def state(self) -> Exchange:
        """The exchange, to be looked at."""
        return self.engine.state

    def now_ms(self) -> int:
        """The server's time."""
        return self.clock.now_ms()

    def advance(self) -> None:
        """Let the exchange's clock follow."""
        now_ms, then_ms = self.clock.now_ms(), self.engine.state.time_ms
        if now_ms >= then_ms + TICK_MS or (self.clock.is_simulated and now_ms > then_ms):
            for time_ms in pieces(then_ms, now_ms):
                self._carry_out(commands.Advance(time_ms=time_ms))

    def tick(self) -> None:
        """What a timer does: let the clock of a machine follow where something is due, hand to the system what waits,
        if nobody syncs it, and drop some of what is kept no longer. Raises `JournalFailed`."""
        now_ms, timers = self.clock.now_ms(), self.state.timers
        if (timers and timers[0][0] <= now_ms) or now_ms >= self.state.time_ms + IDLE_MS:
            self.advance()
        if self.durability == "none":
            self.engine.sync()
        elif (now_s := time.monotonic()) >= self._syncs_s:
            self._syncs_s = now_s + SYNC_S
            self._schedule()
        if not self._is_scheduled:
            self.notes.sync(is_durable=self.durability != "none")
        if now_ms >= self._forgets_ms and self.archive.forget(now_ms):
            self._forgets_ms = now_ms + FORGET_MS

    def carry_out(self, command: commands.AnyCommand) -> Events:
        """Carry out a command at once; it is safe with the next sync. For prices and quotes, of which nobody awaits an
        acknowledgement. Raises `ApiError` if it is refused."""
        if self.halted and not self.halted.isdisjoint(_traded(command)):
            raise NOT_AMENDABLE if isinstance(command, commands.AmendOrder) else NOT_TRADING
        self.advance()
        events = self._carry_out(command)
        if is_refused(events):
            refused = events[0]
            assert isinstance(refused, Rejected)
            raise of_rejected(refused, command, self.state)
        return events

    async def do(self, command: commands.AnyCommand) -> Events:
        """Carry out a command, and make it safe. Raises `ApiError` if it is refused."""
        events = self.carry_out(command)
        if self.durability != "none":
            await self._safe()
        return events

    async def settled(self) -> None:
        """Make safe what happened, if it is not yet: nobody may be answered what a crash could undo."""
        if (self._is_scheduled or self._is_unsafe) and self.durability != "none":
            await self._safe()

    def _carry_out(self, command: commands.AnyCommand) -> Events:
        events = self.engine.carry_out(command)
        if not is_refused(events):
            self._is_unsafe = self._is_unsafe or bool(events)
            self.records.take(events)
            self.tape.take(events)
            for taker in self.takers:
                taker(self.state, events)
            if self.watchers:
                self._untold += events
                self._schedule()
        return events

    async def _safe(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._schedule()
        await waiting

    def _schedule(self) -> None:
        """Sync once this turn of the loop is over; at once where no loop runs, before the server does."""
        if self._is_scheduled:
            return
        self._is_scheduled = True
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._sync()
        else:
            loop.call_soon(self._sync)

    def _sync(self) -> None:
        """Make safe what was carried out; then tell."""
        self._is_scheduled = self._is_unsafe = False
        waiting, self._waiting = self._waiting, []
        try:
            if self.durability != "none":
                self.engine.sync()
                self.notes.sync(is_durable=True)
        except JournalFailed as error:
            for each in waiting:
                if not each.done():
                    each.set_exception(ApiError(-1000, f"The journal failed: {error}.", 500))
            return
        for each in waiting:
            if not each.done():
                each.set_result(None)
        untold, self._untold = self._untold, []
        for watcher in self.watchers if untold else ():
            watcher(untold)

    def halt(self, symbol: str, *, on: bool) -> None:
        """Let a symbol take no new orders, or take them again."""
        if on != (symbol in self.halted):
            self.halted ^= {symbol}
            self.notes.add(Halted(symbol, on=on))
            for tell in self.on_halt:
                tell(symbol)

    def burn_fees(self, account: str, *, on: bool) -> None:
        """Note whether an account asked to pay fees in BNB."""
        (self.fee_burners.add if on else self.fee_burners.discard)(account)
        self.notes.add(Burning(account, on=on))

    async def noted(self) -> None:
        """Make safe what was noted."""
        if self.durability != "none":
            await self._safe()

    def look(self, symbol: str) -> None:
        """To be called by whoever shows the book of a symbol."""
        for looker in self.lookers:
            looker(symbol)

    @property
    def is_told(self) -> bool:
        """Whether the watchers know of everything that the state holds."""
        return not self._untold

    def close(self) -> None:
        """Let go of journal and archive."""
        self.engine.close()
        self.notes.close()
        self.archive.close()


def _traded(command: commands.AnyCommand) -> Iterator[str]:
    """The symbols that a command would trade."""
    if isinstance(command, commands.Batch):
        for each in command.commands:
            yield from _traded(each)
    elif isinstance(command, commands.PlaceOrder | commands.AmendOrder | commands.Quote):
        yield command.symbol

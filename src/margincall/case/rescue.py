"""Evidence saved before it expires, into a case folder; goes on where it was stopped.

The plan is asked what comes next; what the folder holds already is given back to it without asking the venue. Only
what is saved and listed counts, so a rescue that is killed at any moment repeats the one request that was in flight.
At every start the server's clock is measured and the key's permissions are asked again.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from margincall.case import exports
from margincall.case.client import BAD_KEY, REJECTED_KEY, Client, KeyRejected, NoReply, Unanswered
from margincall.case.endpoints import Market
from margincall.case.folder import EVIDENCE, REFUSED, Writer, intact
from margincall.case.keys import UNKNOWN, Permissions, permissions
from margincall.case.manifest import Begun, Declined, File, Finished, Saved
from margincall.case.plan import Known, Scope, plan
from margincall.case.request import Answer, Request, error_of, file_name
from margincall.errors import NothingUsable, UsageError
from margincall.wire.iso_time import day_of

RESTRICTIONS = Request("spot", "/sapi/v1/account/apiRestrictions")
SILENT_MAX = 3
"""Requests in a row without an answer after which the venue counts as out of reach."""
SAID_MAX = 300
Progress = Callable[[int, int, str], None]
"""Told as it goes on: how many requests are settled, how many are left at least, and which one is asked now."""


class Settings(Struct, frozen=True, kw_only=True):
    """How a rescue goes: whether exports are started, whether what was refused is asked again."""

    exports: bool = True
    retry_refused: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """How a rescue ended. `kept`: answers that the folder held already."""

    asked: int
    kept: int
    unanswered: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every request got an answer, good or not, and every export arrived."""
        return not self.unanswered and not self.waiting


async def permissions_of(client: Client, market: Market = "fapi") -> Permissions:
    """What the venue says the key may do; unknown where only the host of `market` answers. Raises `KeyRejected`, and
    `NothingUsable` where neither answers: then nothing is told about the key."""
    try:
        answer = await client.ask(RESTRICTIONS)
    except Unanswered:
        await _reach(client, market)
        return UNKNOWN
    _refuse_bad_key(client, answer, also=REJECTED_KEY)
    return permissions(answer.body) if answer.is_good else UNKNOWN


async def _reach(client: Client, market: Market) -> None:
    try:
        await client.server_now_ms(market)
    except Unanswered as error:
        raise NothingUsable(
            f"the venue cannot be reached: {error}. Nothing was saved: start the same command again when the network, "
            "or the venue, is back"
        ) from None


class Rescue:
    """One run into one open case folder."""

    def __init__(self, client: Client, writer: Writer, scope: Scope, settings: Settings) -> None:
        """`scope` as it stands in the manifest (`begun`)."""
        self.client = client
        self.writer = writer
        self.scope = scope
        self.settings = settings
        self.known = self._known()
        self.asked = self.kept = self.silent = 0
        self.unanswered: list[str] = []

    def _known(self) -> dict[str, File]:
        """The answers that count: those of this rescue, by request."""
        found: dict[str, File] = {}
        for entry in self.writer.manifest.entries:
            if isinstance(entry.said, Begun):
                found = {}
            elif isinstance(entry.said, Saved) or (
                isinstance(entry.said, Declined) and not self.settings.retry_refused
            ):
                found[entry.said.origin] = entry.said
        return found

    async def run(self, known: Known, progress: Progress) -> Outcome:
        """Everything. Raises `Banned`, `KeyRejected`, `Unanswered` where going on makes no sense."""
        talk = plan(self.scope, known)
        step = next(talk, None)
        while step is not None:
            progress(self.asked + self.kept, step.left + 1, step.request.identity)
            answer = await self.settled(step.request)
            try:
                step = talk.send(answer)
            except StopIteration:
                step = None
        waiting = await self._exports(progress) if self.settings.exports else ()
        outcome = Outcome(
            asked=self.asked, kept=self.kept, unanswered=tuple(self.unanswered), waiting=tuple(waiting)
        )  # fmt: skip
        if outcome.is_whole and not _is_finished(self.writer):
            self._append(Finished(self.scope.until_ms))
        return outcome

    async def settled(self, request: Request) -> Answer | None:
        """The answer to a request: from the folder, or asked and saved. None where the venue gave none."""
        if (file := self.known.get(request.identity)) is not None:
            self.kept += 1
            status = file.status if isinstance(file, Declined) else 200
            return Answer(status, intact(self.writer.path, file))
        answer = await self._answer(request)
        if answer is not None:
            self._save(request, answer)
        return answer

    async def _answer(self, request: Request) -> Answer | None:
        try:
            answer = await self.client.ask(request)
        except Unanswered as error:
            self.unanswered.append(str(error))
            self.silent += 1
            if self.silent >= SILENT_MAX:
                raise Unanswered(
                    f"{error}; {SILENT_MAX} requests in a row got no answer. What is saved is saved: start the same "
                    "command again later"
                ) from None
            return None
        self.silent = 0
        self.asked += 1
        _refuse_bad_key(self.client, answer, also=0 if self.known else REJECTED_KEY)
        return answer

    def _save(self, request: Request, answer: Answer) -> None:
        now = self.client.world.now_ms() + answer.offset_ms
        folder = EVIDENCE if answer.is_good else REFUSED
        path, digest, size = self.writer.write(folder, file_name(request, day_of(now)), answer.body)
        if answer.is_good:
            file: File = Saved(path, digest, size, request.identity)
        else:
            code, said = error_of(answer.body).code, _shown(answer, self.client)
            file = Declined(path, digest, size, request.identity, answer.status, code, said)
        self._append(file, answer.offset_ms)
        self.known[request.identity] = file

    def _append(self, said: File | Finished, offset_ms: int | None = None) -> None:
        self.writer.append(said, self.client.world.now_ms(), offset_ms)

    async def _exports(self, progress: Progress) -> list[str]:
        """Start all exports, then wait for them in turns; those that are still in work at the end are named."""
        open_ones: list[exports.Export] = []
        for endpoint, request in exports.starts(self.scope.market, self.scope.until_ms):
            progress(self.asked + self.kept, 2 * len(open_ones) + 2, request.identity)
            export = exports.started(endpoint, await self.settled(request))
            if export is not None:
                if export.link.identity in self.known:
                    self.kept += 1
                else:
                    open_ones.append(export)
        wait = exports.POLL_FIRST_S
        for turn in range(exports.POLLS_MAX):
            if turn and open_ones:
                await self.client.world.sleep(wait)
                wait = min(wait * 2, exports.POLL_MOST_S)
            for export in list(open_ones):
                progress(self.asked + self.kept, len(open_ones), export.link.identity)
                if await self._download(export):
                    open_ones.remove(export)
        return [export.link.identity for export in open_ones]

    async def _download(self, export: exports.Export) -> bool:
        """Whether an export is settled: its file is saved, or the venue refused the link."""
        answer = await self._answer(export.link)
        if answer is None:
            return False
        if not answer.is_good:
            self._save(export.link, answer)
            return True
        if not (link := exports.link_of(answer)):
            return False
        try:
            reply = await self.client.download(link)
        except NoReply as error:
            self.unanswered.append(f"{export.link.identity}: its file did not arrive ({error})")
            return True
        path, digest, size = self.writer.write(EVIDENCE, export.file + exports.ending(reply), reply)
        saved = Saved(path, digest, size, export.link.identity)
        self._append(saved, answer.offset_ms)
        self.known[export.link.identity] = saved
        return True


def begun(
    writer: Writer, wanted: Scope, key: Permissions, now_ms: int, *, again: bool
) -> tuple[Scope, Literal["new", "resumed", "finished"]]:
    """The scope that counts: that of the last rescue in this folder if it is to go on, else a new one.

    A rescue that was begun keeps its end: otherwise every window would be another one. Raises `UsageError` where the
    folder is of the other market.
    """
    last = None
    for entry in writer.manifest.entries:
        if isinstance(entry.said, Begun):
            last = entry.said
    if last is not None and last.market != wanted.market:
        raise UsageError(f"{writer.path} holds another account ({last.market}): USDⓈ-M and COIN-M have folders apart")
    if last is None or (again and _is_finished(writer)):
        said = "its permissions are not known" if not key.is_known else ", ".join(key.acts) or "only read"
        record = Begun(
            wanted.market, wanted.until_ms, wanted.symbols, wanted.events, wanted.around_minutes, f"may: {said}"
        )  # fmt: skip
        writer.append(record, now_ms)
        return wanted, "new"
    scope = Scope(
        market=last.market,
        until_ms=last.until_ms,
        symbols=tuple(dict.fromkeys((*last.symbols, *wanted.symbols))),
        events=tuple(dict.fromkeys((*last.events, *wanted.events))),
        around_minutes=last.around_minutes,
    )
    return scope, "finished" if _is_finished(writer) else "resumed"


def _is_finished(writer: Writer) -> bool:
    finished = False
    for entry in writer.manifest.entries:
        if isinstance(entry.said, Begun | Finished):
            finished = isinstance(entry.said, Finished)
    return finished


def _refuse_bad_key(client: Client, answer: Answer, *, also: int) -> None:
    """Raises `KeyRejected` if the venue knows neither key nor signature; for code `also` too, if that is not 0."""
    code = 0 if answer.is_good else error_of(answer.body).code
    if code and (code in BAD_KEY or code == also):
        raise KeyRejected(
            f"the venue does not accept this key ({code}): {_shown(answer, client)} It must be valid for this address, "
            "and made after the futures account was opened; see docs/how-to/rescue.md"
        )


def _shown(answer: Answer, client: Client) -> str:
    """What the venue said, short, on one line."""
    error = error_of(answer.body)
    text = error.msg or answer.body[:SAID_MAX].decode("utf-8", "replace")
    return client.credentials.redacted(" ".join(text.split())[:SAID_MAX])

"""The asynchronous exports: started, made into a CSV file, and held behind a link for seven days.

Five a month and account (documentation); a month is a calendar month of UTC (assumed). A file is made of the lists that
the API answers from, also of rows that those show no longer: how far back exports reach is not published. It is kept
beside the journal and outlives the server; one that was not whole when that ended is made again.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from margincall.core.events import NOWHERE, AnyEvent
from margincall.exchange.exports import number_of
from margincall.server.archive import Archive
from margincall.server.errors import ApiError
from margincall.server.private_file import rewritten
from margincall.wire.api import read_answer
from margincall.wire.durations import DAY_MS
from margincall.wire.encode_csv import encoded
from margincall.wire.iso_time import day_of

Kind = Literal["order", "trade", "income"]
A_MONTH = 5
VALID_MS, AVERAGE_MS = 7 * DAY_MS, 30 * DAY_MS
FILES = "downloads"


class _Source(NamedTuple):
    """The list that an export tells, and its layout; income in the older one, which names its time zone."""

    rows: str
    layout: str


SOURCES: Mapping[Kind, _Source] = {
    "order": _Source("orders", "order history/asyn"),
    "trade": _Source("trades", "trade history/asyn"),
    "income": _Source("income", "transaction history/legacy"),
}


class Download(Struct, gc=False):
    """One export. `token` is the end of its link, which whoever has it can follow; `done_ms` is when its file was
    whole, 0 before."""

    number: int
    account: str
    kind: Kind
    since_ms: int
    until_ms: int
    asked_ms: int
    token: str
    live: tuple[bytes, ...] = ()
    """Rows of orders that lived when it was asked for."""
    done_ms: int = 0

    @property
    def expires_ms(self) -> int:
        """Until when the link holds, −1 while there is none."""
        return self.done_ms + VALID_MS if self.done_ms else -1


class Downloads:
    """Those of all accounts, for as long as their links hold."""

    def __init__(
        self, archive: Archive, folder: Path | None = None, known: Iterable[Download] = (),
        note: Callable[[Download], None] = lambda each: None,
    ) -> None:  # fmt: skip
        """Those that are known of before. Files are kept in the folder, without one in the archive; `note` is told of
        each export as it stands."""
        self._archive, self._folder, self._note = archive, folder, note
        self._by_number: dict[int, Download] = {}
        self._by_token: dict[str, Download] = {}
        self._started: dict[tuple[str, str], int] = {}
        self._costs: list[tuple[int, int]] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        for each in known:
            self._by_number[each.number] = self._by_token[each.token] = each
            month = each.account, day_of(each.asked_ms)[:7]
            self._started[month] = self._started.get(month, 0) + 1
            if not each.done_ms and folder is not None and self._place(each).exists():
                each.done_ms = each.asked_ms  # a file is there whole or not at all: only the note of it was lost
                each.live = ()
            if each.done_ms:
                self._costs.append((each.done_ms, each.done_ms - each.asked_ms))

    def start(
        self, kind: Kind, account: str, span_ms: tuple[int, int], now_ms: int, live: Iterable[bytes] = ()
    ) -> Download:
        """Begin an export. Raises `ApiError` after the fifth of a month (code and text are assumed)."""
        month = account, day_of(now_ms)[:7]
        if self._started.get(month, 0) >= A_MONTH:
            raise ApiError(-1003, f"Too many requests; current limit is {A_MONTH} downloads per month.")
        self._forget(now_ms)
        self._started[month] = self._started.get(month, 0) + 1
        number = now_ms * 100_000 + len(self._by_number) % 100_000
        while number in self._by_number:
            number += 1
        found = Download(
            number, account, kind, *span_ms, asked_ms=now_ms, token=secrets.token_hex(16), live=tuple(live)
        )  # fmt: skip
        self._by_number[number] = self._by_token[found.token] = found
        self._note(found)
        self.go_on(found)
        return found

    def get(self, kind: Kind, account: str, number: int) -> Download | None:
        """An export of the account."""
        found = self._by_number.get(number)
        return found if found is not None and (found.kind, found.account) == (kind, account) else None

    def go_on(self, download: Download) -> None:
        """See that somebody is at work at it."""
        task = self._tasks.get(download.number)
        if not download.done_ms and (task is None or task.done()):
            self._tasks[download.number] = asyncio.get_running_loop().create_task(self._make(download))

    async def settled(self) -> None:
        """Wait for all that are in work."""
        await asyncio.gather(*self._tasks.values())

    def file(self, token: str, now_ms: int) -> tuple[str, bytes] | None:
        """Name and content of the file behind a link that holds."""
        found = self._by_token.get(token)
        if found is None:
            return None
        if self._folder is not None:
            place = self._place(found)
            is_there = 0 < now_ms < found.expires_ms and place.exists()
            return (place.name, place.read_bytes()) if is_there else None
        content = self._archive.get(FILES, found.account, "", found.number, now_ms=now_ms)
        return None if content is None else (f"{found.kind}-{found.number}.csv", content)

    def average_ms(self, now_ms: int) -> int:
        """How long the exports of the last 30 days took, on average; 0 if there was none."""
        self._costs = [each for each in self._costs if each[0] > now_ms - AVERAGE_MS]
        return sum(cost for _, cost in self._costs) // len(self._costs) if self._costs else 0

    async def _make(self, download: Download) -> None:
        """Collect the rows, day by day so that others get their turn; write the file in another thread."""
        loop, source, rows = asyncio.get_running_loop(), SOURCES[download.kind], list[bytes]()
        begun = loop.time()
        for since_ms in range(download.since_ms, download.until_ms + 1, DAY_MS):
            until_ms = min(since_ms + DAY_MS - 1, download.until_ms)
            rows += self._archive.find(
                source.rows, download.account, now_ms=0, since_ms=since_ms, until_ms=until_ms, limit=-1
            )  # fmt: skip
            await asyncio.sleep(0)
        rows += download.live
        content = await asyncio.to_thread(written, source.layout, rows, download.account)
        if self._folder is not None:
            await asyncio.to_thread(_save, self._place(download), content)
        cost_ms = int((loop.time() - begun) * 1000)
        download.done_ms = download.asked_ms + cost_ms
        download.live = ()
        self._costs.append((download.done_ms, cost_ms))
        del self._tasks[download.number]
        self._note(download)
        if self._folder is not None:
            return
        self._archive.add(
            FILES, download.account, "", download.number, time_ms=download.asked_ms, keeps_ms=download.expires_ms,
            row=content,
        )  # fmt: skip

    def _forget(self, now_ms: int) -> None:
        for each in [
            each for each in self._by_number.values() if each.done_ms and each.expires_ms <= now_ms - VALID_MS
        ]:
            del self._by_number[each.number], self._by_token[each.token]
            if self._folder is not None:
                self._place(each).unlink(missing_ok=True)

    def _place(self, download: Download) -> Path:
        assert self._folder is not None
        return self._folder / f"{download.kind}-{download.number}.csv"


def _save(place: Path, content: bytes) -> None:
    """Write a file, whole or not at all, as the note of it will say; for the account's owner alone."""
    place.parent.mkdir(mode=0o700, exist_ok=True)
    os.close(rewritten(place, content))


def written(layout: str, rows: Iterable[bytes], account: str) -> bytes:
    """A file of rows, as they are answered, in one of the layouts of `encode_csv`."""
    events: list[AnyEvent] = []
    for raw in rows:
        found = read_answer(msgspec.json.decode(raw), NOWHERE)
        assert not found.problems, f"a row of our own that cannot be read: {found.problems}"
        events += found.events
    events.sort(key=lambda event: event.time_ms)
    return encoded(layout, events, user=str(number_of(account)))

"""Measure a depth profile from a recorded stream: the table `RECORDED` of `margincall/exchange/liquidity.py`.

    python -m tools.depth_profile .../order_book_stream/binance-usdm-btcusdt-20240808.gz

Each line holds a receive time in nanoseconds and a message: `depthUpdate` (a size of 0 removes a price), `bookTicker`,
`trade`, and once the answer of the depth snapshot. The venue's rule puts them together ("How to manage a local order
book correctly"): updates that end before the snapshot's `lastUpdateId` are dropped, the first one applied must contain
it (`U <= lastUpdateId <= u`), and every later one must follow its predecessor (`pu` is that one's `u`). Where the chain
breaks, the book is thrown away until the next snapshot.
"""

import gzip
import json
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from margincall.core.units import ZERO
from margincall.exchange.liquidity import BPS, Band, Profile

EDGES = tuple(Decimal(each) for each in (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500))
UNIT_BPS = Decimal(10)
SAMPLE_MS = 1000
COVERED_MIN = 60
"""Samples in which the snapshot must cover a band for its mean to be `whole`."""
LATE_MS = 60_000
"""Other bands are taken from the end of the recording, when most of their prices have changed once."""


class Moment(NamedTuple):
    """A book after an update, price -> size. `low` to `high` are the prices that the snapshot covered; `update` is the
    id of the last update, `time_ms` the venue's time. The dicts are those of the replay: they change with it."""

    time_ms: int
    update: int
    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]
    low: Decimal
    high: Decimal

    @property
    def best(self) -> tuple[Decimal, Decimal]:
        """The highest bid and the lowest ask."""
        return max(self.bids), min(self.asks)


def replay(messages: Iterable[dict[str, Any]]) -> Iterator[Moment]:
    """The book after every depth update that can be applied, in the order of a recording."""
    book: Moment | None = None
    is_chained = False
    waiting: list[dict[str, Any]] = []
    for message in messages:
        if "lastUpdateId" in message and book is None:
            book, is_chained = _snapshot(message), False
            updates, waiting = waiting, []
        elif message.get("data", {}).get("e") == "depthUpdate":
            updates = [message["data"]]
        else:
            continue
        for update in updates:
            if book is None:
                waiting.append(update)
            elif is_chained or update["u"] >= book.update:
                book = _after(book, update, is_chained=is_chained)
                if book is None:
                    waiting.append(update)
                else:
                    is_chained = True
                    yield book


def _snapshot(message: dict[str, Any]) -> Moment:
    bids, asks = (_sizes(message[side]) for side in ("bids", "asks"))
    return Moment(message["T"], message["lastUpdateId"], bids, asks, min(bids), max(asks))


def _after(book: Moment, update: dict[str, Any], *, is_chained: bool) -> Moment | None:
    """The book with an update applied; none if the update does not follow."""
    follows = update["pu"] == book.update if is_chained else update["U"] <= book.update <= update["u"]
    if not follows:
        return None
    for half, key in ((book.bids, "b"), (book.asks, "a")):
        for price, size in _sizes(update[key]).items():
            if size:
                half[price] = size
            else:
                half.pop(price, None)
    return book._replace(update=update["u"], time_ms=update["T"])


def _sizes(rows: list[list[str]]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(size) for price, size in rows}


def messages_of(path: Path) -> Iterator[dict[str, Any]]:
    """The messages of a recording, without their receive times."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line.partition(" ")[2])


class Sample(NamedTuple):
    """One moment: per band the notional per basis point of bids and asks, and whether the snapshot covered it."""

    time_ms: int
    bands: tuple[tuple[Decimal, Decimal, bool], ...]


def sample(moment: Moment) -> Sample:
    """What rests in each band, in the quote asset per basis point."""
    bid, ask = moment.best
    mid = (bid + ask) / 2
    halves = []
    for half, sign in ((moment.bids, 1), (moment.asks, -1)):
        sums = [ZERO] * (len(EDGES) + 1)
        limits = [mid * edge / BPS for edge in EDGES]
        for price, size in half.items():
            sums[bisect_left(limits, sign * (mid - price))] += price * size
        halves.append(sums[:-1])
    bands, begin = [], ZERO
    for bids, asks, edge in zip(*halves, EDGES, strict=True):
        reach = mid * edge / BPS
        is_whole = moment.low <= mid - reach and mid + reach <= moment.high
        bands.append((bids / (edge - begin), asks / (edge - begin), is_whole))
        begin = edge
    return Sample(moment.time_ms, tuple(bands))


def samples(moments: Iterable[Moment]) -> Iterator[Sample]:
    """One sample a second."""
    due = 0
    for moment in moments:
        if moment.time_ms >= due:
            due = moment.time_ms + SAMPLE_MS
            yield sample(moment)


def measured(found: list[Sample], source: str) -> Profile:
    """The mean of each band over samples in which the snapshot covered it; if it rarely did, over the last minute."""
    late = [each for each in found if each.time_ms > found[-1].time_ms - LATE_MS]
    means: list[tuple[Decimal, Decimal, bool]] = []
    for at in range(len(EDGES)):
        covered = [each for each in found if each.bands[at][2]]
        is_whole = len(covered) >= COVERED_MIN
        used = covered if is_whole else late
        bid, ask = (sum((each.bands[at][side] for each in used), ZERO) / len(used) for side in (0, 1))
        means.append((bid, ask, is_whole))
    near, begin = ZERO, ZERO
    for (bid, ask, _), edge in zip(means, EDGES, strict=True):
        if edge <= UNIT_BPS:
            near += (bid + ask) / 2 * (edge - begin)
        begin = edge
    unit = near / UNIT_BPS
    bands = tuple(
        Band(edge, _rounded(bid / unit), _rounded(ask / unit), "whole" if is_whole else "at least")
        for (bid, ask, is_whole), edge in zip(means, EDGES, strict=True)
    )
    return Profile(source, unit.quantize(Decimal(1)), UNIT_BPS, bands)


def _rounded(multiple: Decimal) -> Decimal:
    return multiple.quantize(Decimal("0.001"))


def main() -> None:
    """Print the profile of a recording as Python."""
    found = list(samples(replay(messages_of(Path(sys.argv[1])))))
    profile = measured(found, "")
    print(f"# {len(found)} samples; unit {profile.unit}, the mean within {profile.unit_bps} bp")
    for at, band in enumerate(profile.bands):
        covered = sum(each.bands[at][2] for each in found)
        print(f'    ("{band.upto_bps}", "{band.bid}", "{band.ask}", "{band.seen}"),  # covered in {covered}')


if __name__ == "__main__":
    main()

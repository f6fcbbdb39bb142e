"""What a user would have of a run: an account's files of one level, and what the market showed, as ticks or as
candles.

All files of a run are written once (`save`); a folder of evidence is made of them (`compose`). Whoever verifies is
given that folder alone.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from margincall.exchange.exports import shown_of, write_account, write_market
from margincall.exchange.play import Played
from margincall.exchange.queue import lights_of
from margincall.exchange.scenario import MARKET
from margincall.wire.durations import MINUTE_MS
from margincall.wire.iso_time import day_of

SETTINGS = ("api/symbolConfig.json", "api/multiAssetsMargin.json")
"""The answers that tell an account's settings."""
FILES: Mapping[str, tuple[str, ...]] = {
    "stream": ("stream.jsonl", *SETTINGS),
    "api": ("api/*.json",),
    "csv": ("csv/*.csv",),
}
"""Which of an account's files are of a level."""
TICK_FILES = ("marks.jsonl", "trades.jsonl")
CANDLES = "candles"
"""The folder, beside the market's, that holds the candles made of ticks and trades."""


class Level(NamedTuple):
    """A level of evidence: which files of the account, and ticks or candles of the market."""

    account: str
    market: str

    def __str__(self) -> str:
        """As the table calls it."""
        return f"{self.account}, {self.market}"

    @property
    def has_ticks(self) -> bool:
        """Whether every published mark and trade is there."""
        return self.market == "ticks"


LEVELS = tuple(Level(account, market) for account in FILES for market in ("ticks", "candles"))


def save(run: Played, names: Iterable[str], folder: Path, start_ms: int) -> None:
    """Write all files of these accounts, and of the market."""
    rules = run.state.genuine.venue
    for name in names:
        seen = lights_of(run.state, name)
        write_account(folder / name, name, run.events, rules, run.state.time_ms, lights=seen)
    write_market(folder / MARKET, run.events, rules.tables, day_of(start_ms), shown=shown_of(run))
    write_candles(folder / MARKET, folder / CANDLES)


def compose(saved: Path, folder: Path, name: str, level: Level, *, without: Sequence[str] = ()) -> Path:
    """A folder of evidence about an account; files named in `without` (by what they are called) are left out."""
    for path, target in files(saved, name, level).items():
        if path.name not in without:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / target)
    return folder


def files(saved: Path, name: str, level: Level) -> dict[Path, str]:
    """What is saved of a level, and where it lies in a folder of evidence."""
    own = [each for pattern in FILES[level.account] for each in sorted((saved / name).glob(pattern))]
    public = [each for each in sorted((saved / MARKET).iterdir()) if level.has_ticks or each.name not in TICK_FILES]
    public += [] if level.has_ticks else sorted((saved / CANDLES).iterdir())
    return {
        **{path: f"{path.parent.relative_to(saved / name)}/{_printed(path.name)}" for path in own},
        **{path: f"{MARKET}/{path.name}" for path in public},
    }


def _printed(name: str) -> str:
    """What a user calls an answer: that of the brackets has no day in it, and nobody knows of when it is."""
    return "leverageBracket.json" if name.startswith("leverageBracket") else name


def write_candles(market: Path, folder: Path) -> None:
    """Candles of a minute of mark, index and last price, as the API's answers: made of the ticks and the trades."""
    folder.mkdir(parents=True, exist_ok=True)
    points: dict[tuple[str, str], list[tuple[int, Decimal]]] = {}
    for line in (market / "marks.jsonl").read_bytes().splitlines():
        row = msgspec.json.decode(line)
        if row.get("e") == "markPriceUpdate":
            points.setdefault(("markPriceKlines", row["s"]), []).append((row["E"], Decimal(row["p"])))
            if Decimal(row["i"]):
                points.setdefault(("indexPriceKlines", row["s"]), []).append((row["E"], Decimal(row["i"])))
    for line in (market / "trades.jsonl").read_bytes().splitlines():
        row = msgspec.json.decode(line)
        points.setdefault(("klines", row["s"]), []).append((row["T"], Decimal(row["p"])))
    for (answer, symbol), found in points.items():
        (folder / f"{answer}-{symbol}-1m.json").write_bytes(msgspec.json.encode(list(_candles(found))))


def _candles(points: Iterable[tuple[int, Decimal]]) -> Iterable[list[object]]:
    """One row for each minute from the first price to the last: its time, open, high, low, close, and the columns
    after. In a minute without a price the last one stands, as in the venue's answers."""
    minutes: dict[int, list[Decimal]] = {}
    for time_ms, price in points:
        minutes.setdefault(time_ms - time_ms % MINUTE_MS, []).append(price)
    prices: list[Decimal] = []
    for time_ms in range(min(minutes), max(minutes) + MINUTE_MS, MINUTE_MS):
        prices = minutes.get(time_ms, prices[-1:])
        shown = [format(each, "f") for each in (prices[0], max(prices), min(prices), prices[-1])]
        yield [time_ms, *shown, "0", time_ms + MINUTE_MS - 1, "0", len(prices), "0", "0", "0"]

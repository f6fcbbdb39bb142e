"""The store: Parquet files in folders, written whole or not at all, and the reading of them.

    <folder>/<venue>/<kind>/<symbol>/[<interval>/]2025-02.parquet

one for each month (of trades, for each day). A row is stored once for the same values at the same time, whoever tells
it; two different ones of one time are both kept, each with its source, and are called a conflict. Nothing that is
stored is ever changed or removed. The folder is `market` in the user's data folder; the environment variable
`MARGINCALL__MARKET__FOLDER` names another one.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from msgspec import json
from platformdirs import user_data_dir

from margincall.errors import MargincallError
from margincall.history.market.checks import funding_gaps, gaps_between
from margincall.history.market.frames import Frame, broken_frame, polars
from margincall.history.market.kinds import (
    BY_DAY,
    CANDLES,
    KINDS,
    TIMED,
    CandlePrice,
    Gap,
    Kind,
    Series,
    interval_ms,
)
from margincall.history.market.merging import Merged, merged, schema, told
from margincall.history.market.values import bar_of, rate_of, trade_of
from margincall.history.public import Bar, FundingRate, Trade
from margincall.wire.iso_time import EPOCH
from margincall.wire.problems import Problem

try:
    import fcntl
except ModuleNotFoundError:  # Windows: two imports at once are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

FOLDER_VARIABLE = "MARGINCALL__MARKET__FOLDER"
PROBLEMS = "problems.jsonl"
LOCK = ".lock"
COIN_PAIRS = frozenset({"index", "premium"})
"""Kinds that the coin-margined venue publishes by pair: `BTCUSD` for `BTCUSD_PERP`."""


class StoreDamaged(MargincallError):
    """A file of the store that cannot be read."""


class MarketStore:
    """A folder of market data."""

    def __init__(self, folder: Path | None = None) -> None:
        """The folder given, else the one that the environment names, else the user's own."""
        named = os.environ.get(FOLDER_VARIABLE)
        self.folder = folder or (Path(named) if named else Path(user_data_dir("margincall")) / "market")
        self._listed: tuple[Series, ...] | None = None

    # --- what is there ---------------------------------------------------------------------------

    def series(self, symbol: str = "", *, kind: str = "", venue: str = "") -> tuple[Series, ...]:
        """The stored series, of a symbol, kind or venue alone if one is given, sorted.

        The folder is listed once, and again after `add`; what another process adds meanwhile is not seen.
        """
        if self._listed is None:
            self._listed = tuple(self._list())
        return tuple(
            each
            for each in self._listed
            if symbol in ("", each.symbol) and kind in ("", each.kind) and (not venue or each.venue == venue)
        )

    def frame(self, series: Series, start_ms: int | None = None, end_ms: int | None = None) -> Frame:
        """The rows of a series from `start_ms` to before `end_ms`, by time, with a column `conflict`.

        Of rows that tell the same the fullest is there.
        """
        pl = polars()
        frames = [_within(_read(path), start_ms, end_ms) for path in self._paths(series, start_ms, end_ms)]
        frame = pl.concat(frames or [_empty(series)])
        return told(frame, series)

    def times(self, series: Series, start_ms: int | None = None, end_ms: int | None = None) -> list[int]:
        """The times of the rows, each once, growing; milliseconds."""
        found: list[int] = self.frame(series, start_ms, end_ms)["time_ms"].unique().sort().to_list()
        return found

    def problems(self, series: Series) -> tuple[Problem, ...]:
        """What imports of a series have reported: impossible and unreadable rows, conflicts."""
        path = self._folder(series) / PROBLEMS
        try:
            lines = path.read_bytes().splitlines()
            return tuple(json.decode(line, type=Problem) for line in lines)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            raise StoreDamaged(f"{path}: cannot be read ({error})") from error

    # --- reading ---------------------------------------------------------------------------------

    def candles(
        self,
        symbol: str,
        price: CandlePrice,
        start_ms: int,
        end_ms: int,
        *,
        venue: str | None = None,
        interval: str | None = None,
    ) -> tuple[Bar, ...]:
        """The bars of a symbol that overlap the time from `start_ms` to before `end_ms`, by time; exact.

        Without `venue` those of every venue; without `interval` those of the shortest that each venue has in that
        time. Where sources differ about a bar, each is there with `conflict`. Index and premium of a coin-margined
        contract are those of its pair.
        """
        assert price in CANDLES
        found: list[Bar] = []
        for series in self._chosen(symbol, price, venue, interval, (start_ms, end_ms)):
            rows = self.frame(series, start_ms - series.interval_ms + 1, end_ms)
            found += [bar_of(row, series) for row in rows.iter_rows(named=True)]
        return tuple(sorted(found, key=lambda each: (each.time_ms, each.venue, each.interval_ms)))

    def funding(self, symbol: str, start_ms: int, end_ms: int, *, venue: str | None = None) -> tuple[FundingRate, ...]:
        """The funding rates settled from `start_ms` to before `end_ms`, by time."""
        rows = self._rows(symbol, "funding", start_ms, end_ms, venue)
        return tuple(rate_of(row, series) for series, row in rows)

    def trades(
        self, symbol: str, start_ms: int, end_ms: int, *, venue: str | None = None, aggregated: bool = False
    ) -> tuple[Trade, ...]:
        """The trades (or aggregated trades) from `start_ms` to before `end_ms`, by time and number."""
        kind: Kind = "agg_trades" if aggregated else "trades"
        found = [trade_of(row, series) for series, row in self._rows(symbol, kind, start_ms, end_ms, venue)]
        return tuple(sorted(found, key=lambda each: (each.time_ms, each.venue, each.id)))

    def positioning(
        self, symbol: str, metric: str, start_ms: int, end_ms: int, *, venue: str | None = None
    ) -> tuple[tuple[int, Decimal], ...]:
        """Times and values of one of `kinds.METRICS`, from `start_ms` to before `end_ms`."""
        rows = self._rows(symbol, "positioning", start_ms, end_ms, venue)
        return tuple((row["time_ms"], Decimal(row["value"])) for _, row in rows if row["metric"] == metric)

    def gaps(
        self,
        symbol: str,
        price: CandlePrice,
        start_ms: int,
        end_ms: int,
        *,
        venue: str | None = None,
        interval: str | None = None,
    ) -> tuple[Gap, ...]:
        """The times from `start_ms` to before `end_ms` that no bar of `candles` covers. Without any bar: all of it."""
        covered = sorted(
            (bar.time_ms, bar.time_ms + bar.interval_ms)
            for bar in self.candles(symbol, price, start_ms, end_ms, venue=venue, interval=interval)
        )
        length = min((end - start for start, end in covered), default=interval_ms(interval) if interval else 0)
        found: list[Gap] = []
        due = start_ms
        for start, end in [*covered, (end_ms, end_ms)]:
            if start > due:
                found.append(Gap(due, start, -(-(start - due) // length) if length else 0))
            due = max(due, end)
        return tuple(found)

    def stored_gaps(self, series: Series, start_ms: int | None = None, end_ms: int | None = None) -> tuple[Gap, ...]:
        """The gaps between the first and the last stored row (from `start_ms` to before `end_ms`).

        Candles and positioning lack rows of their interval, fundings stretches longer than any interval, aggregated
        trades numbers, which the venue gives without holes. Of single trades nothing tells: those of the insurance
        fund and of deleveraging are not published, and so their numbers are missing.
        """
        if series.kind == "agg_trades":
            return self._lost_numbers(series, start_ms, end_ms)
        if series.group in TIMED:
            times = self.times(series, start_ms, end_ms)
            return gaps_between(times, series.interval_ms, times[0], times[-1] + 1) if times else ()
        return funding_gaps(self.times(series, start_ms, end_ms)) if series.group == "funding" else ()

    def _lost_numbers(self, series: Series, start_ms: int | None, end_ms: int | None) -> tuple[Gap, ...]:
        """Where the numbers of aggregated trades do not go on; a day at a time."""
        pl = polars()
        found: list[Gap] = []
        before = None
        for path in self._paths(series, start_ms, end_ms):
            frame = _within(_read(path), start_ms, end_ms).select(pl.col("id").cast(pl.Int64), "time_ms").sort("id")
            if before is not None:
                frame = pl.concat([before, frame])
            before = frame.tail(1)
            lost = frame.with_columns(step=pl.col("id").diff(), since=pl.col("time_ms").shift(1))
            holes = lost.filter(pl.col("step") > 1).select("since", "time_ms", pl.col("step") - 1)
            found += [Gap(*row) for row in holes.iter_rows()]
        return tuple(found)

    def _list(self) -> list[Series]:
        found = []
        for folder in {path.parent for path in self.folder.rglob("*.parquet")}:
            parts = folder.relative_to(self.folder).parts
            if len(parts) in (3, 4) and parts[1] in KINDS:
                found.append(Series(parts[0], parts[1], *parts[2:]))
        return sorted(found)

    # --- writing ---------------------------------------------------------------------------------

    def add(self, series: Series, rows: Mapping[str, Sequence[Any]]) -> Merged:
        """Merge rows of one source: columns `time_ms`, those of the kind, `source`, `line`, `is_float`.

        Raises `OSError`, `StoreDamaged`.
        """
        pl = polars()
        new = pl.DataFrame(rows, schema=schema(series))
        is_day = series.group in BY_DAY
        new = new.with_columns(
            pl.from_epoch("time_ms", time_unit="ms").dt.strftime("%Y-%m-%d" if is_day else "%Y-%m").alias("period")
        )
        done = []
        with self._locked(series) as folder:
            for (period,), part in sorted(new.partition_by("period", as_dict=True, include_key=False).items()):
                done.append(_merge(folder / f"{period}.parquet", part, series))
                self._listed = None
        return Merged(
            sum(each.added for each in done),
            sum(each.known for each in done),
            tuple(pair for each in done for pair in each.conflicts),
            tuple(line for each in done for line in each.repeated),
        )

    def note(self, series: Series, problems: Sequence[Problem]) -> None:
        """Keep what an import reported about a series; what is there already stays and is not repeated."""
        known = self.problems(series)
        fresh = [each for each in dict.fromkeys(problems) if each not in set(known)]
        if fresh:
            data = b"".join(json.encode(each) + b"\n" for each in (*known, *fresh))
            with self._locked(series) as folder:
                _write(folder / PROBLEMS, lambda path: path.write_bytes(data))

    # --- inside ----------------------------------------------------------------------------------

    def _folder(self, series: Series) -> Path:
        found = self.folder / series.venue / series.kind / series.symbol
        return found / series.interval if series.interval else found

    def _paths(self, series: Series, start_ms: int | None, end_ms: int | None) -> list[Path]:
        """The files of a series that may hold rows of that time, in order."""
        return [
            path
            for path in sorted(self._folder(series).glob("*.parquet"))
            if (start_ms is None or path.stem >= _period(series, start_ms))
            and (end_ms is None or path.stem <= _period(series, end_ms))
        ]

    @contextmanager
    def _locked(self, series: Series) -> Iterator[Path]:
        """The folder of a series, for one writer at a time."""
        folder = self._folder(series)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("ab") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield folder

    def _rows(
        self, symbol: str, kind: Kind, start_ms: int, end_ms: int, venue: str | None
    ) -> Iterator[tuple[Series, dict[str, Any]]]:
        for series in self.series(symbol, kind=kind, venue=venue or ""):
            for row in self.frame(series, start_ms, end_ms).iter_rows(named=True):
                yield series, row

    def _chosen(
        self, symbol: str, price: CandlePrice, venue: str | None, interval: str | None, span: tuple[int, int]
    ) -> list[Series]:
        """The series of `candles`: of each venue those of the interval, or the shortest that has rows in the span."""
        names = {symbol, symbol.partition("_")[0]} if price in COIN_PAIRS else {symbol}
        series = [each for each in self.series(kind=price, venue=venue or "") if each.symbol in names]
        if interval is not None:
            return [each for each in series if each.interval_ms == interval_ms(interval)]
        chosen: dict[str, Series] = {}
        for each in sorted(series, key=lambda one: one.interval_ms):
            if each.venue not in chosen and self.times(each, span[0] - each.interval_ms + 1, span[1]):
                chosen[each.venue] = each
        return list(chosen.values())


def _empty(series: Series) -> Frame:
    return polars().DataFrame(schema=schema(series))


def _read(path: Path) -> Frame:
    pl = polars()
    try:
        return pl.read_parquet(path)
    except broken_frame() as error:
        raise StoreDamaged(
            f"{path}: a file of the store cannot be read ({error}); move it away and import again"
        ) from (error)


def _within(frame: Frame, start_ms: int | None, end_ms: int | None) -> Frame:
    pl = polars()
    if start_ms is not None:
        frame = frame.filter(pl.col("time_ms") >= start_ms)
    return frame if end_ms is None else frame.filter(pl.col("time_ms") < end_ms)


def _period(series: Series, time_ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=max(time_ms, 0))
    return moment.strftime("%Y-%m-%d" if series.group in BY_DAY else "%Y-%m")


def _merge(path: Path, new: Frame, series: Series) -> Merged:
    """Put new rows into one file of the store."""
    stored, found = merged(_read(path) if path.exists() else _empty(series), new, series)
    if found.added:
        _write(path, lambda target: stored.write_parquet(target, compression="zstd"))
    return found


def _write(target: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all."""
    with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part", delete=False) as file:
        path = Path(file.name)
    try:
        write(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(path, target)
    except BaseException:
        path.unlink(missing_ok=True)
        raise

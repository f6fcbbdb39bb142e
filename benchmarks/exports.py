"""Reading a long trade history, against the least that any reader of it must do.

The least is `csv.reader`, a `Decimal` for each amount that an event holds, and one struct a row, on the same file in
the same run. Ours also checks every cell, turns local times into moments, and keeps each row's place.

`python -m benchmarks.exports [ROWS]` prints JSON and exits with 1 if a bound is broken.
"""

import csv
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from margincall.core.events import AnyEvent, Fill
from margincall.history.merge import merge
from margincall.history.messages import FileReading
from margincall.history.read import readings_of
from margincall.history.scope import EVERYTHING
from margincall.wire.clock import Clock
from margincall.wire.encode_csv import encoded, file_name
from margincall.wire.export_fast import NOT_PLAIN
from margincall.wire.exports import Rows, columns_of
from margincall.wire.zones import UTC_ZONE

ROWS = 1_000_000
ROUNDS = 3
START = 1_767_225_600_000
LAYOUT = "trade history/web"
WIRE_BOUND = 2.5
"""Reading of the rows, at most so many times the least."""
MERGE_BOUND = 6.0
"""Seconds to merge a million fills."""
MERGE_BYTES = 1024
"""Bytes a fill that a merge takes on top."""


class Plain(Struct, frozen=True):
    """A row with its amounts as numbers, and nothing checked."""

    user: str
    time: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    realized: Decimal
    maker: str
    trade_id: str
    order_id: str


def written(folder: Path, rows: int) -> Path:
    """A trade history of `rows` fills: every other one closes, a fill every few seconds, 19-digit order ids."""
    random = Random(1)
    fills = (_fill(number, random) for number in range(rows))
    path = folder / file_name(LAYOUT, START)
    path.write_bytes(encoded(LAYOUT, fills, user="862706699"))
    return path


def _fill(number: int, random: Random) -> AnyEvent:
    price = Decimal(random.randint(600_000, 650_000)) / 10
    quantity = Decimal(random.randint(1, 900)) / 1000
    is_closing = number % 2 == 1
    return Fill(
        time_ms=START + 3000 * number,
        symbol="BTCUSDT",
        side="BOTH",
        quantity=-quantity if is_closing else quantity,
        price=price,
        trade_id=str(419_925_075 + number),
        order_id=str(8_389_765_568_816_714_211 + 7 * number),
        fee=Decimal(int(price * quantity * 50_000)).scaleb(-8),
        fee_asset="USDT",
        realized=Decimal(random.randint(-(10**9), 10**9)).scaleb(-8) if is_closing else Decimal(0),
        maker=False,
    )


def least(path: Path) -> list[Plain]:
    """What any reader must do."""
    found = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        next(reader)
        for user, moment, symbol, side, price, quantity, _, fee, realized, _, maker, trade_id, order_id in reader:
            number, _, asset = fee.partition(" ")
            found.append(
                Plain(
                    user, moment, symbol, side, Decimal(price), Decimal(quantity), Decimal(number), asset,
                    Decimal(realized), maker, trade_id, order_id,
                )
            )  # fmt: skip
    return found


def by_wire(path: Path) -> list[AnyEvent]:
    """The rows of the file, as `wire` reads them."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        rows = Rows(columns_of(next(reader)), Clock(UTC_ZONE), str(path))
        fast, append = rows.fast, rows.events.append
        assert fast is not None
        for row in reader:
            try:
                event = fast(row, reader.line_num)
            except NOT_PLAIN:
                rows.events.extend(rows.careful(row, reader.line_num))
            else:
                if event is not None:
                    append(event)
    return rows.events


def by_history(path: Path) -> list[FileReading]:
    """The file as `history` reads it: streamed, in order, ids checked."""
    return readings_of(path, EVERYTHING)


def measure(rows: int = ROWS) -> dict[str, Any]:
    """Processor seconds of each way, the best of a few rounds in turn, and of a merge."""
    with TemporaryDirectory() as folder:
        path = written(Path(folder), rows)
        ways: dict[str, Callable[[Path], list[Any]]] = {"least": least, "wire": by_wire, "history": by_history}
        seconds = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):
            for name, way in ways.items():
                gc.collect()
                began = time.process_time()
                found = way(path)
                seconds[name] = min(seconds[name], time.process_time() - began)
                del found
        (reading,) = by_history(path)
        size = path.stat().st_size
    assert sum(reading.source.counts.values()) == rows
    before = _resident()
    began = time.process_time()
    merged = merge(reading.messages)
    took = time.process_time() - began
    assert len(merged.events) == rows
    return {
        "rows": rows,
        "bytes": size,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "wire_ratio": round(seconds["wire"] / seconds["least"], 2),
        "history_ratio": round(seconds["history"] / seconds["least"], 2),
        "merge_seconds": round(took, 3),
        "merge_bytes_a_fill": round((_peak() - before) / rows),
        "resident_bytes_a_fill": round(_resident() / rows),
    }


def _resident() -> int:
    """Bytes of this process in memory (Linux); 0 where nothing tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def broken(figures: dict[str, Any]) -> list[str]:
    """The bounds that do not hold."""
    found = []
    if figures["wire_ratio"] > WIRE_BOUND:
        found.append(f"wire: {figures['wire_ratio']} times the least > {WIRE_BOUND}")
    if figures["merge_seconds"] > MERGE_BOUND * figures["rows"] / ROWS:
        found.append(f"merge: {figures['merge_seconds']} s for {figures['rows']} fills")
    if figures["merge_bytes_a_fill"] > MERGE_BYTES:
        found.append(f"merge: {figures['merge_bytes_a_fill']} bytes a fill > {MERGE_BYTES}")
    return found


def main() -> int:
    """Measure and print."""
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    failed = broken(figures)
    print(json.dumps({**figures, "broken": failed}, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""A million rows of exports, from the files to the explanation of the liquidation at their end, against the least.

The files are a trade history, its order history and its transaction history, as one downloads them, and the `account`
answer of today. The least is `csv.reader`, a `Decimal` for each amount that an event holds, and one struct a row, on
the same files in the same run. Times are of the clock, because both cores may be used; the least and the whole take
turns.

`python -m benchmarks.csv_to_explanation [ROWS]` prints JSON and exits with 1 if a bound is broken.
"""

import csv
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec import Struct

from margincall.core.account import Account
from margincall.core.events import AnyEvent, BalancePrint, Fill, Flow, Order, Statement
from margincall.core.fold import fill_terms, fold
from margincall.core.rounding import exact
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.venues.binance_usdm import rules
from margincall.wire.encode import account_answer
from margincall.wire.encode_csv import encoded, file_name

ROWS = 1_000_000
ROUNDS = 4
BOUND, GOAL = 6.0, 3.0
MEMORY = 2 << 30
GROWTH = 2.2
"""cost(2n) / cost(n): linear, sorting and noise allowed."""
START = 1_775_001_600_000
SYMBOL = "BTCUSDT"
DEPOSIT = Decimal(1_000_000_000)
LAYOUTS = {"trades": "trade history/web", "orders": "order history/asyn", "transactions": "transaction history/web"}
ROWS_A_TRADE = Decimal("3.066")
"""A trade has a row of its own, half an order, a fee, mostly a profit, and now and then funding."""


class Plain(Struct, frozen=True):
    """A row with its amounts as numbers, and nothing checked."""

    texts: tuple[str, ...]
    amounts: tuple[Decimal, ...]


AMOUNTS = {"trades": (4, 5, 8), "orders": (6, 7, 8, 9, 11), "transactions": (2,)}
"""Places of the amounts that an event holds; the fee of a trade is cut from its asset beside them."""
FEE = 7


@exact
def story(trades: int) -> list[AnyEvent]:
    """Trades that open and close, funding every eight hours, and a liquidation of what is open at the end: profits and
    fees are what the rules give."""
    random = Random(1)
    venue = rules([SYMBOL], {}, day="2026-04-01")
    account = Account()
    events: list[AnyEvent] = []
    for event in _events(trades, random, venue):
        if isinstance(event, Fill):
            contract = venue.contract(SYMBOL)
            terms = fill_terms(account.position((SYMBOL, "BOTH")), event, contract, venue.fees)
            event = msgspec.structs.replace(event, fee=terms.fee, realized=terms.realized)
        account = fold(account, event, venue)
        events.append(event)
    return events


def _events(trades: int, random: Random, venue: VenueRules) -> Iterator[AnyEvent]:
    yield Flow(time_ms=START, applied={"USDT": DEPOSIT}, category="transfer", reason="TRANSFER", tran_id="1")
    held = ZERO
    next_funding = START + 28_800_000
    for number in range(trades):
        time_ms = START + 20_000 * (number + 1)
        if time_ms >= next_funding:
            paid = {"USDT": Decimal(random.randint(-999, 999)).scaleb(-3)}
            yield Flow(
                time_ms=next_funding, applied=paid, category="funding", reason="FUNDING_FEE", symbol=SYMBOL,
                tran_id=str(5_000_000_000 + number),
            )  # fmt: skip
            next_funding += 28_800_000
        quantity = Decimal(random.randint(1, 900)).scaleb(-3)
        is_last = number == trades - 1
        if is_last:
            quantity = -held
        elif held > 2 or (held > -2 and random.random() < 0.5):
            quantity = -quantity
        held += quantity
        yield from _trade(number, time_ms, quantity, Decimal(random.randint(600_000, 650_000)) / 10, forced=is_last)


def _trade(number: int, time_ms: int, quantity: Decimal, price: Decimal, *, forced: bool) -> Iterator[AnyEvent]:
    """Two trades make an order; the last one is the venue's."""
    order_id = str(8_389_765_568_816_714_211 + number // 2)
    client = f"autoclose-{time_ms}000001" if forced else f"web_{number // 2}"
    order = Order(
        time_ms=time_ms, symbol=SYMBOL, side="BOTH", order_id=order_id + "9" * forced, client_order_id=client,
        status="FILLED", execution="TRADE", order_type="LIMIT", time_in_force="IOC" if forced else "GTC",
        buy=quantity > 0, quantity=abs(quantity), price=price, average_price=price, executed=abs(quantity),
        executed_value=abs(quantity) * price, close="liquidation" if forced else "",
    )  # fmt: skip
    if number % 2 or forced:
        yield order
    yield Fill(
        time_ms=time_ms, symbol=SYMBOL, side="BOTH", quantity=quantity, price=price,
        trade_id=str(419_925_075 + number), order_id=order.order_id, fee_asset="USDT", maker=False,
        close="liquidation" if forced else "", client_order_id=client,
    )  # fmt: skip


def write(folder: Path, rows: int) -> int:
    """The files of a history with about so many rows; how many there are."""
    events = story(int(rows / ROWS_A_TRADE))
    count = 0
    for name, layout in LAYOUTS.items():
        data = encoded(layout, events, user="862706699")
        path = folder / f"{name}-{file_name(layout, START)}"
        path.write_bytes(data)
        count += data.count(b"\n") - 1
    wallet = DEPOSIT
    for event in events:
        if isinstance(event, Fill):
            wallet += (event.realized or ZERO) - (event.fee or ZERO)
        elif isinstance(event, Flow) and event.reason != "TRANSFER":
            wallet += sum(event.applied.values(), ZERO)
    balance = BalancePrint("USDT", wallet=wallet, cross_wallet=wallet)
    statement = Statement(time_ms=events[-1].time_ms, origin="account", balances=(balance,))
    (folder / "account.json").write_bytes(msgspec.json.encode(account_answer(statement)))
    return count


def least(folder: Path) -> list[Plain]:
    """What any reader must do."""
    found: list[Plain] = []
    for name, places in AMOUNTS.items():
        (path,) = folder.glob(f"{name}-*.csv")
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            next(reader)
            is_trade = name == "trades"
            for row in reader:
                amounts = [Decimal(row[place]) for place in places]
                if is_trade:
                    amounts.append(Decimal(row[FEE].partition(" ")[0]))
                found.append(Plain(tuple(row), tuple(amounts)))
    return found


COMMAND = "import sys; from margincall.cli.main import main; sys.exit(main())"
EXPLAIN = (sys.executable, "-c", COMMAND, "explain", "--json")


def whole(folder: Path) -> dict[str, Any]:
    """The command, in a process of its own."""
    done = subprocess.run([*EXPLAIN, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), f"{done.returncode}: {done.stderr}{done.stdout[:2000]}"
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(rows: int = ROWS) -> dict[str, Any]:
    """Seconds of the clock of each way, the best of a few rounds in turn; memory; growth."""
    with TemporaryDirectory() as name:
        folder, half = Path(name) / "whole", Path(name) / "half"
        folder.mkdir()
        half.mkdir()
        count = write(folder, rows)
        write(half, rows // 2)
        answer = whole(folder)
        liquidations = answer["liquidations"]
        assert len(liquidations) == 1, [each["message"] for each in answer["problems"]][:5]
        assert not [each for each in answer["findings"] if each["verdict"] == "does not hold"], answer["findings"][:3]
        ways: dict[str, Callable[[], object]] = {
            "least": lambda: least(folder), "whole": lambda: whole(folder), "half": lambda: whole(half),
        }  # fmt: skip
        seconds = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):
            for way, run in ways.items():
                gc.collect()
                began = time.perf_counter()
                run()
                seconds[way] = min(seconds[way], time.perf_counter() - began)
    return {
        "rows": count,
        "seconds": {way: round(value, 2) for way, value in seconds.items()},
        "ratio": round(seconds["whole"] / seconds["least"], 2),
        "bound": BOUND,
        "goal": GOAL,
        "growth": round(seconds["whole"] / seconds["half"], 2),
        "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        "python": sys.version.split()[0],
    }


def broken(figures: dict[str, Any]) -> list[str]:
    """The bounds that do not hold."""
    found = []
    if figures["ratio"] > BOUND:
        found.append(f"{figures['ratio']} times the least > {BOUND}")
    if figures["peak_bytes"] > MEMORY:
        found.append(f"{figures['peak_bytes']:,} bytes > {MEMORY:,}")
    if figures["growth"] > GROWTH:
        found.append(f"twice the rows take {figures['growth']} times as long > {GROWTH}")
    return found


def main() -> int:
    """Measure and print."""
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    failed = broken(figures)
    print(json.dumps({**figures, "broken": failed}, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

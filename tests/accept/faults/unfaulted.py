"""Liquidations of an exchange that does not err, from evidence of every kind: nobody may be accused.

Crowds in crashes, in all margin modes; of each account the files of a level drawn at random, with ticks or candles, now
and then without some of the files, and now and then with a bracket table that is 14 days old, whose rows the venue may
have changed since.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from margincall.config import SpanMs, TimeMs
from margincall.core.rounding import to_step_down
from margincall.exchange.exports import concerned
from margincall.exchange.play import Played, play
from margincall.exchange.scenario import (
    MARKET,
    AccountPart,
    ContractPart,
    Crowd,
    IndexPart,
    Liquidity,
    PositionPart,
    Scenario,
)
from margincall.exchange.scenario_rules import rule_set_of
from margincall.venues.embedded import embedded_book
from margincall.wire.durations import HOUR_MS, SECOND_MS
from tests.accept.faults.evidence import LEVELS, Level, compose, files
from tests.accept.faults.plan import BEGINS_MS, PRICES

TICKS = {"BTCUSDT": Decimal("0.1"), "ETHUSDT": Decimal("0.01"), "BNBUSDT": Decimal("0.01")}
STALE_DAYS = 14
MISSING = 0.15
"""The share of files that is left out, where files are."""


class Draws(NamedTuple):
    """The evidence drawn for one account."""

    level: Level
    without: tuple[str, ...]
    is_stale: bool
    is_changed: bool

    def __str__(self) -> str:
        """In words, for a line of what was accused."""
        told = [str(self.level)]
        told += [f"without {', '.join(self.without)}"] if self.without else []
        told += [f"table {STALE_DAYS} days old{', changed since' if self.is_changed else ''}"] if self.is_stale else []
        return "; ".join(told)


def scenario_of(seed: int) -> Scenario:
    """A crash of one to three contracts, and who meets it."""
    rng = Random(f"unfaulted:{seed}")
    symbols = rng.sample(list(PRICES), rng.randint(1, 3))
    seconds = rng.randint(140, 260)
    begin = BEGINS_MS + rng.choice((0, 8, 16)) * HOUR_MS + rng.randint(-180, 180) * SECOND_MS
    contracts = tuple(_contract(symbol, seconds, rng) for symbol in symbols)
    first = {part.symbol: part.path[0][1] for part in contracts}
    return Scenario(
        name=f"crash-{seed}",
        seed=seed,
        start=TimeMs(begin),
        end=SpanMs(seconds * SECOND_MS),
        fund={"USDT": Decimal(rng.choice((0, 500, 20_000, 10_000_000)))},
        contract=contracts,
        account=tuple(_with_orders(number, first, rng) for number in range(6)),
        crowd=(
            Crowd(
                count=rng.randint(40, 70),
                deposit=(Decimal(100), Decimal(20_000)),
                leverage=(rng.randint(8, 20), 50),
                longs=Decimal(rng.choice((2, 5, 8))) / 10,
                positions=rng.randint(1, 3),
                within=SpanMs(rng.randint(5, 40) * SECOND_MS),
                modes=("cross", "isolated", "hedge", "multi"),
            ),
        ),
        asset_index=(IndexPart(asset="USDT", price=Decimal(1), haircut=Decimal("0.0001")),),
    )


def _contract(symbol: str, seconds: int, rng: Random) -> ContractPart:
    """A price that falls or rises by up to a tenth, or goes both ways, a little different every few seconds."""
    first, tick = Decimal(rng.randint(*PRICES[symbol])), TICKS[symbol]
    turns = sorted(rng.sample(range(20, seconds - 5), rng.randint(1, 3)))
    moves = [rng.uniform(0.01, 0.1) * rng.choice((-1, -1, 1)) for _ in turns]
    ends = [(0, 0.0), *zip(turns, moves, strict=True), (seconds, moves[-1] * rng.uniform(0.4, 1.1))]
    points: list[tuple[SpanMs, Decimal]] = []
    at = 0
    while at <= seconds:
        place = max(number for number, (time, _) in enumerate(ends) if time <= at)
        (begin, low), (end, high) = ends[place], ends[min(place + 1, len(ends) - 1)]
        share = (at - begin) / (end - begin) if end > begin else 0.0
        moved = low + (high - low) * share + rng.uniform(-0.0015, 0.0015) * (at > 0)
        points.append((SpanMs(at * SECOND_MS), max(to_step_down(first * (1 + Decimal(repr(moved))), tick), tick)))
        at += rng.randint(1, 6)
    return ContractPart(
        symbol=symbol, path=tuple(points), index=True, funding=True,
        liquidity=Liquidity(
            depth=Decimal(rng.choice((500, 8_000, 60_000))), levels=8, requote_bps=Decimal(rng.choice((1, 5))),
            thins_at=SpanMs(rng.randint(30, seconds) * SECOND_MS) if rng.random() < 0.4 else None,
        ),
    )  # fmt: skip


def _with_orders(number: int, prices: dict[str, Decimal], rng: Random) -> AccountPart:
    """An account whose orders rest in the book and wait at stops when it is liquidated."""
    symbol = rng.choice(list(prices))
    price, tick = prices[symbol], TICKS[symbol]
    is_long = rng.random() < 0.6
    way = 1 if is_long else -1
    leverage = rng.randint(10, 50)
    deposit = Decimal(rng.randint(500, 30_000))
    near = price * (1 - way * Decimal(rng.randint(5, 30)) / 1000)
    return AccountPart(
        name=f"orders-{number}",
        deposit={"USDT": deposit},
        margin=rng.choice(("cross", "isolated")),
        position=(
            PositionPart(
                symbol=symbol, side="long" if is_long else "short", notional=deposit * leverage * Decimal("0.4"),
                leverage=leverage, at=SpanMs(rng.randint(2, 15) * SECOND_MS),
                stop=to_step_down(price * (1 - way * Decimal("0.2")), tick) if rng.random() < 0.5 else None,
                take_profit=to_step_down(price * (1 + way * Decimal("0.1")), tick) if rng.random() < 0.5 else None,
                add_at=(to_step_down(near, tick),) if rng.random() < 0.6 else (),
            ),
        ),
    )  # fmt: skip


def played(seed: int) -> tuple[Played, int]:
    """The crash of a seed, and when it began."""
    scenario = scenario_of(seed)
    rules = rule_set_of(scenario, Path(), embedded_book())
    return play(scenario, rules, Path()), scenario.start


def liquidated(run: Played, name: str) -> int:
    """How many liquidations of an account closed something."""
    return len({each.number for each in run.state.liquidations if each.account == name})


def accounts(run: Played) -> list[str]:
    """Whose files are looked at: who was liquidated, deleveraged or charged."""
    return concerned(run.events)


def drawn(rng: Random, saved: Path, name: str) -> Draws:
    """The evidence of one account."""
    level = rng.choice(LEVELS)
    whole = rng.random() < 0.5
    without = () if whole else tuple(path.name for path in files(saved, name, level) if rng.random() < MISSING)
    is_stale = rng.random() < 0.4
    return Draws(level, without, is_stale, is_stale and rng.random() < 0.5)


def composed(rng: Random, saved: Path, folder: Path, name: str, draws: Draws) -> Path:
    """The folder of evidence of one account."""
    compose(saved, folder, name, draws.level, without=draws.without)
    if draws.is_stale:
        for path in (folder / MARKET).glob("leverageBracket_*.json"):
            _make_stale(path, rng if draws.is_changed else None)
    return folder


def _make_stale(path: Path, rng: Random | None) -> None:
    """A table of 14 days before; with `rng`, other rates than those that the venue applies since."""
    content = msgspec.json.decode(path.read_bytes())
    if rng is not None:
        for table in content:
            factor = Decimal(rng.randint(50, 150)) / 100
            table["brackets"] = list(_scaled(table["brackets"], factor))
    day = date.fromisoformat(path.stem.rpartition("_")[2]) - timedelta(days=STALE_DAYS)
    path.with_name(f"leverageBracket_{day.isoformat()}.json").write_bytes(msgspec.json.encode(content))
    path.unlink()


def _scaled(rows: list[dict[str, object]], factor: Decimal) -> Iterator[dict[str, object]]:
    for row in rows:
        changed = {key: Decimal(str(row[key])) * factor for key in ("maintMarginRatio", "cum")}
        yield {**row, **{key: float(value) for key, value in changed.items()}}

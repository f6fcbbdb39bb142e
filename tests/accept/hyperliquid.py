"""33 liquidations of Hyperliquid's sample of 2023: sizes, notional by price source, account value.

Sizes: an account is folded from all its fills before the second of its liquidation, from flat. In each coin in which
it has fills in that second, what it held must be what those fills closed. That no coin fails says too that nothing
was open before the sample begins.

Notional: the sample has no mark price, so three prices stand in for it, each with its age in seconds:

* `own` the account's own fills in that second: the price at which it was taken over;
* `last` the last fill of the coin, by whomever, at or before that second, the liquidation itself (its fills and
  the other sides of them: same coin, second and price) left out;
* `next` the first fill of the coin after that second.

The account value is a hundredth of the notional, so its share is given without price error (the printed notional is
the mark times the size, so nothing else is needed) and with the error of each source. What does not fit is an
outlier: `tests/accept/hyperliquid_causes.py` tests causes.

`python -m tests.accept.hyperliquid [data folder]` prints the figures; exit code 1 if a size differs.
"""

import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

from margincall.core.account import Account, Position
from margincall.core.events import Fill, Flow
from margincall.core.fold import fold, open_account
from margincall.core.rounding import exact
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.venues import elsewhere
from margincall.wire import hyperliquid as wire
from margincall.wire.iso_time import iso_of
from tests.accept import rows
from tests.conftest import data_folder

LIQUIDATIONS = 33
PriceSource = Literal["own", "last", "next"]
SOURCES: tuple[PriceSource, ...] = ("own", "last", "next")


class Sample(NamedTuple):
    """The three files: each account's flows and fills in the order of time, the fills of each coin, liquidations."""

    accounts: Mapping[str, list[Flow | Fill]]
    coins: Mapping[str, list[Fill]]
    liquidations: list[wire.Liquidation]

    @property
    def rules(self) -> VenueRules:
        """The contracts of all coins, and nothing else."""
        return elsewhere.rules({coin: wire.contract(coin) for coin in self.coins})


class Size(NamedTuple):
    """One coin of one liquidation: what was held before that second (signed), what the account's own fills did in it
    (signed), and their average price."""

    coin: str
    held: Decimal
    filled: Decimal
    price: Decimal

    @property
    def agrees(self) -> bool:
        """Whether the fills closed exactly what was held."""
        return self.held + self.filled == ZERO != self.filled


class Priced(NamedTuple):
    """The liquidated coins at one price source. `error` and `share` are fractions.

    `error` is the notional at this price against the printed one; `share` the account value as a share of notional
    if the value is off by the error of this price and by nothing else.
    """

    source: PriceSource
    notional: Decimal
    age: int
    error: Decimal
    share: Decimal


class Case(NamedTuple):
    """One liquidation, reconstructed. `before` is the account before that second, `others` are positions open then in
    coins that have no fill in it."""

    liquidation: wire.Liquidation
    before: Account
    sizes: list[Size]
    others: list[Position]
    prices: list[Priced]

    @property
    def agrees(self) -> bool:
        """Whether every coin with fills in that second agrees, and there is one."""
        return bool(self.sizes) and all(size.agrees for size in self.sizes)

    @property
    def direction(self) -> int:
        """+1 if all liquidated positions are long, −1 if all are short, else 0."""
        signs = {1 if size.held > 0 else -1 for size in self.sizes}
        return signs.pop() if len(signs) == 1 else 0

    @property
    def share(self) -> Decimal:
        """Printed account value as a share of the printed notional: no price of ours is in it."""
        return self.liquidation.value / self.liquidation.notional

    def priced(self, source: PriceSource) -> Priced | None:
        """The figures of one price source, if it has prices."""
        return next((each for each in self.prices if each.source == source), None)

    def __str__(self) -> str:
        """Time and account."""
        return f"{iso_of(self.liquidation.time_ms)[:19]} {self.liquidation.account}"


def read(shared: Path) -> Sample:
    """The three files of the sample."""
    folder = shared / "hyperliquid_2023"
    flows = [event for event in rows.events(folder / "ledger.csv.gz", wire.ledger) if isinstance(event, Flow)]
    fills = [event for event in rows.events(folder / "trades.csv.gz", wire.trade) if isinstance(event, Fill)]
    return sample(flows, fills, rows.values(folder / "liquidations.csv.gz", wire.liquidation_of))


def sample(flows: Iterable[Flow], fills: Iterable[Fill], liquidations: Iterable[wire.Liquidation]) -> Sample:
    """Flows and fills by account, fills by coin. Sorting is stable: within a second the files' order stays."""
    accounts: dict[str, list[Flow | Fill]] = {}
    coins: dict[str, list[Fill]] = {}
    fills = list(fills)
    for event in sorted((*flows, *fills), key=lambda event: event.time_ms):
        accounts.setdefault(event.account, []).append(event)
    for fill in sorted(fills, key=lambda fill: fill.time_ms):
        coins.setdefault(fill.symbol, []).append(fill)
    return Sample(accounts, coins, list(liquidations))


def fresh() -> Account:
    """An account before its first event."""
    return open_account({wire.CURRENCY: ZERO}, contracts={})


@exact
def reconstruct(found: Sample) -> list[Case]:
    """Every liquidation of the sample."""
    return [_case(found, liquidation, found.rules) for liquidation in found.liquidations]


def _case(found: Sample, liquidation: wire.Liquidation, venue: VenueRules) -> Case:
    account, own = fresh(), list[Fill]()
    for event in found.accounts.get(liquidation.account, []):
        if event.time_ms < liquidation.time_ms:
            account = fold(account, event, venue)
        elif event.time_ms == liquidation.time_ms and isinstance(event, Fill):
            own.append(event)
    sizes = [_size(coin, account, own) for coin in sorted({fill.symbol for fill in own})]
    touched = {size.coin for size in sizes}
    case = Case(
        liquidation=liquidation,
        before=account,
        sizes=sizes,
        others=[position for position in account.open_positions() if position.symbol not in touched],
        prices=[],
    )
    for source in SOURCES:
        quotes = [_quote(source, found, own, size) for size in sizes]
        if quotes and all(quotes):
            case.prices.append(_priced(case, source, [quote for quote in quotes if quote]))
    return case


def _size(coin: str, account: Account, own: list[Fill]) -> Size:
    fills = [fill for fill in own if fill.symbol == coin]
    worth = sum((abs(fill.quantity) * fill.price for fill in fills), ZERO)
    return Size(
        coin,
        held=Decimal(account.position((coin, "BOTH")).quantity),
        filled=sum((fill.quantity for fill in fills), ZERO),
        price=worth / sum((abs(fill.quantity) for fill in fills), ZERO),
    )


def _quote(source: PriceSource, found: Sample, own: list[Fill], size: Size) -> tuple[Decimal, int] | None:
    """Price and age in seconds; a next trade's age counts forward."""
    mine = [fill for fill in own if fill.symbol == size.coin]
    time_ms = mine[0].time_ms
    if source == "own":
        return size.price, 0
    trades = found.coins[size.coin]
    trade = last_trade(trades, mine) if source == "last" else next_trade(trades, time_ms)
    return None if trade is None else (trade.price, abs(time_ms - trade.time_ms) // 1000)


def last_trade(trades: list[Fill], own: list[Fill]) -> Fill | None:
    """The last fill of a coin at or before a liquidation, without the liquidation itself."""
    time_ms, prices = own[0].time_ms, {fill.price for fill in own}
    for trade in reversed(trades[: bisect_right(trades, time_ms, key=lambda trade: trade.time_ms)]):
        if trade.time_ms < time_ms or (trade.account != own[0].account and trade.price not in prices):
            return trade
    return None


def next_trade(trades: list[Fill], time_ms: int) -> Fill | None:
    """The first fill of a coin after that second."""
    place = bisect_right(trades, time_ms, key=lambda trade: trade.time_ms)
    return trades[place] if place < len(trades) else None


def _priced(case: Case, source: PriceSource, quotes: list[tuple[Decimal, int]]) -> Priced:
    worth = sum((size.held * price for size, (price, _) in zip(case.sizes, quotes, strict=True)), ZERO)
    notional = sum((abs(size.held) * price for size, (price, _) in zip(case.sizes, quotes, strict=True)), ZERO)
    printed = case.liquidation.notional
    value = case.liquidation.value + worth - case.direction * printed
    return Priced(
        source=source,
        notional=notional,
        age=max(age for _, age in quotes),
        error=notional / printed - 1,
        share=value / notional if notional else ZERO,
    )


class Summary(NamedTuple):
    """One price source over all liquidations: counts, sizes of the error of notional, ages in seconds."""

    source: PriceSource
    counted: int
    median_error: Decimal
    worst_error: Decimal
    median_age: float
    oldest: int
    swamped: int


def summaries(cases: Iterable[Case]) -> list[Summary]:
    """The table by price source; `swamped` counts errors as large as the account value itself."""
    found = []
    for source in SOURCES:
        priced = [(case, each) for case in cases for each in case.prices if each.source == source]
        if priced:
            errors = [abs(each.error) for _, each in priced]
            ages = [each.age for _, each in priced]
            swamped = sum(abs(each.error) >= case.share for case, each in priced)
            found.append(Summary(source, len(priced), median(errors), max(errors), median(ages), max(ages), swamped))
    return found


def failures(cases: list[Case]) -> list[str]:
    """Liquidations whose sizes differ from their fills."""
    return [f"{case}: {case.sizes or 'no fill in that second'}" for case in cases if not case.agrees]


def percent(value: Decimal) -> str:
    """A fraction for a table."""
    return f"{float(value):.2%}"


def line(case: Case) -> str:
    """Sizes, the account value as a share of notional without price error, and by source: error, age, share with it."""
    sizes = " ".join(f"{size.coin} {size.held:f}" for size in case.sizes)
    prices = " ".join(
        f"{each.source} {percent(each.error)} {each.age}s ({percent(each.share)})" for each in case.prices
    )
    return f"    {case} {case.liquidation.leverage_type:8} {sizes}: {percent(case.share)} of notional; {prices}"


def main() -> int:
    """Print every liquidation and the table by price source; 1 if a size differs."""
    cases = reconstruct(read(Path(sys.argv[1]) if len(sys.argv) > 1 else data_folder()))
    for case in cases:
        print(line(case))
    for each in summaries(cases):
        print(
            f"{each.source:5} {each.counted} notionals, error median {percent(each.median_error)}, "
            f"worst {percent(each.worst_error)}; age median {each.median_age:.0f} s, oldest {each.oldest} s; "
            f"{each.swamped} errors as large as the account value"
        )
    missed = failures(cases)
    coins = sum(len(case.sizes) for case in cases)
    print(f"{len(cases) - len(missed)} of {len(cases)} liquidations, {coins} coins: size equals the fills")
    print("\n".join(missed))
    return int(bool(missed) or len(cases) != LIQUIDATIONS)


if __name__ == "__main__":
    sys.exit(main())

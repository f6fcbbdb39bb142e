"""A small venue under the hands of a setting: index, maker, trades second by second, and commands at given times.

Everything is a command; those that inject a fault can be left out, and the rest played again: that is the run that
should have been.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from random import Random

from msgspec import Struct

from margincall.config import SpanMs, TimeMs
from margincall.core.contract import Contract
from margincall.core.events import MarkPrice
from margincall.core.margin import PoolTerms
from margincall.core.rounding import CONTEXT, to_step_down
from margincall.exchange import commands
from margincall.exchange.events import AnyExchangeEvent, Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.liquidation import terms_of
from margincall.exchange.play import ARRIVAL_MS, MAKER_MONEY, SPOT, Played
from margincall.exchange.pricing import moving_average
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.scenario import MAKER, ContractPart, Scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.exchange.state import Exchange
from margincall.exchange.step import step
from margincall.venues.embedded import embedded_book
from margincall.wire.durations import SECOND_MS

TRADERS = ("trader-a", "trader-b", "trader-c")
"""Who makes the last price: each buys a little and sells it again."""
TRADED = Decimal(400)
"""About what one of their trades is worth, in the quote asset."""
LEVELS = 4
ASSET = "USDT"


class Ladder(Struct, frozen=True):
    """What the maker quotes on each side of a symbol: steps of `ticks` away from the middle, each worth `depth`."""

    depth: Decimal
    ticks: int = 1


def rules_for(prices: Mapping[str, Decimal], start_ms: int) -> RuleSet:
    """The venue's rules of the day, with marks made from the index by its rule, and funding."""
    parts = tuple(
        ContractPart(symbol=symbol, path=((SpanMs(0), price),), index=True, funding=True)
        for symbol, price in prices.items()
    )
    scenario = Scenario(name="faults", start=TimeMs(start_ms), contract=parts)
    return rule_set_of(scenario, Path(), embedded_book())


class Venue:
    """An exchange that is told what happens; all commands and events are kept."""

    def __init__(
        self, prices: Mapping[str, Decimal], start_ms: int, *, seed: str, depth: Mapping[str, Decimal], fund: Decimal
    ) -> None:
        """Opens with a maker, three small traders and an insurance fund; `prices` are the first of each index, on the
        tick; `depth` is what the maker quotes at each price, in the quote asset."""
        self.rules = rules_for(prices, start_ms)
        self.start_ms = start_ms
        self.run = Played(new_exchange(self.rules, start_ms), [], [])
        self.rng = Random(seed)
        self.ladders = {symbol: Ladder(depth[symbol], self.rng.randint(1, 3)) for symbol in prices}
        self.basis = {symbol: Decimal(self.rng.randint(-20, 20)) / 1_000_000 for symbol in prices}
        self.waiting: list[tuple[int, int, commands.AnyCommand]] = []
        self.bought: dict[str, tuple[str, Decimal]] = {}
        self.last_index: dict[str, Decimal] = {}
        self.seconds = 0
        self.do(*(self._index(symbol, price) for symbol, price in prices.items()))
        if fund:
            self.do(commands.Fund(asset=ASSET, amount=fund))
        self.open(MAKER, MAKER_MONEY * 10)
        for name in TRADERS:
            self.open(name, Decimal(1_000_000))
        for symbol, price in prices.items():
            self.do(commands.SetLeverage(account=MAKER, symbol=symbol, leverage=1), self._quote(symbol, price))

    @property
    def state(self) -> Exchange:
        """The exchange as it stands."""
        return self.run.state

    @property
    def now_ms(self) -> int:
        """What its clock reads."""
        return self.run.state.time_ms

    def contract(self, symbol: str) -> Contract:
        """The contract of a symbol."""
        return self.rules.venue.contract(symbol)

    def do(self, *told: commands.AnyCommand, refusable: bool = False) -> list[AnyExchangeEvent]:
        """Carry out commands; a refusal is a mistake of the setting."""
        found: list[AnyExchangeEvent] = []
        for command in told:
            events = step(self.run.state, command)
            self.run.commands.append(command)
            self.run.events += events
            found += events
            refused = [event for event in events if isinstance(event, Rejected)]
            assert refusable or not refused, (command, refused)
        return found

    def open(self, name: str, money: Decimal) -> None:
        """A new account with money."""
        self.do(
            commands.OpenAccount(account=name),
            commands.Transfer(account=name, asset=ASSET, amount=money),
        )

    def later(self, time_ms: int, command: commands.AnyCommand) -> None:
        """A command at a time of its own; it may be refused."""
        self.waiting.append((time_ms, len(self.waiting), command))
        self.waiting.sort(key=lambda each: each[:2])

    def advance(self, to_ms: int) -> None:
        """Let time go by, with what was to come later."""
        while self.waiting and self.waiting[0][0] <= to_ms:
            time_ms, _, command = self.waiting.pop(0)
            if time_ms > self.now_ms:
                self.do(commands.Advance(time_ms=time_ms))
            self.do(command, refusable=True)
        if to_ms > self.now_ms:
            self.do(commands.Advance(time_ms=to_ms))

    def second(
        self,
        prices: Mapping[str, Decimal],
        *,
        quotes: Sequence[commands.Quote] = (),
        before_mark: Callable[[], None] | None = None,
        trade: bool = True,
    ) -> None:
        """The next second: the maker quotes around the new price (or `quotes`), the index follows, somebody trades."""
        self.seconds += 1
        self.advance(self.start_ms + self.seconds * SECOND_MS + ARRIVAL_MS)
        given = {each.symbol for each in quotes}
        self.do(*(self._quote(symbol, price) for symbol, price in prices.items() if symbol not in given), *quotes)
        if before_mark is not None:
            before_mark()
        self.do(*(self._index(symbol, price) for symbol, price in prices.items()))
        if trade:
            self.advance(self.now_ms + self.rng.randint(60, 500))
            for symbol in prices:
                self._trade(symbol)

    def finish(self) -> None:
        """Let what is still to come happen."""
        if self.waiting:
            self.advance(self.waiting[-1][0])

    def order(self, account: str, symbol: str, side: str, quantity: Decimal, *, position_side: str = "BOTH") -> None:
        """A market order, which must be filled."""
        self.do(
            commands.PlaceOrder(
                account=account, symbol=symbol, side=side, type="MARKET", quantity=quantity,
                position_side=position_side,
            )
        )  # fmt: skip

    def ladder(self, symbol: str, middle: Decimal) -> commands.Quote:
        """The maker's usual quote around a price."""
        return self._quote(symbol, middle)

    def pool(self, account: str, symbol: str) -> PoolTerms | None:
        """The margin pool that holds an account's position of a symbol, at the present marks; none without one."""
        with localcontext(CONTEXT):
            found = terms_of(self.state, self.state.traders[account])
        return next((pool for pool in found.pools if any(each.symbol == symbol for each in pool.positions)), None)

    def _index(self, symbol: str, price: Decimal) -> commands.SetIndex:
        """Sources on both sides of a price; it is never quite that of the second before, so that each has a mark."""
        tick = self.contract(symbol).tick
        spread = [price - tick * self.rng.randint(0, 2), price, price + tick * self.rng.randint(0, 2)]
        if sum(spread) == self.last_index.get(symbol):
            spread[2] += tick
        self.last_index[symbol] = sum(spread, Decimal(0))
        sources = tuple(commands.Source(name, each) for name, each in zip(SPOT, spread, strict=True))
        return commands.SetIndex(symbol=symbol, sources=sources)

    def _quote(self, symbol: str, price: Decimal) -> commands.Quote:
        contract, ladder = self.contract(symbol), self.ladders[symbol]
        middle = to_step_down(price * (1 + self.basis[symbol]), contract.tick)
        lots = max(to_step_down(ladder.depth / price, contract.lot), contract.lot)
        steps = [contract.tick * (1 + each * ladder.ticks) for each in range(LEVELS)]
        return commands.Quote(
            account=MAKER, symbol=symbol,
            bids=tuple(commands.Level(middle - each, lots) for each in steps),
            asks=tuple(commands.Level(middle + each, lots) for each in steps),
        )  # fmt: skip

    def _trade(self, symbol: str) -> None:
        """Somebody buys, or sells again what was bought."""
        contract = self.contract(symbol)
        held = self.bought.pop(symbol, None)
        if held is not None:
            self.order(held[0], symbol, "SELL", held[1])
            return
        price = self.state.markets[symbol].mark
        assert price is not None
        quantity = max(to_step_down(TRADED * self.rng.randint(1, 9) / price, contract.lot), contract.lot)
        self.bought[symbol] = self.rng.choice(TRADERS), quantity
        self.order(self.bought[symbol][0], symbol, "BUY", quantity)


def replayed(rules: RuleSet, start_ms: int, told: Sequence[commands.AnyCommand], *, faulted: bool) -> Played:
    """The same commands from the beginning, with the faults or without."""
    run = Played(new_exchange(rules, start_ms), [], [])
    for command in told:
        if faulted or not isinstance(command, commands.InjectFault):
            run.commands.append(command)
            for event in step(run.state, command):
                average = moving_average(run.state.markets[event.symbol]) if isinstance(event, MarkPrice) else None
                if average is not None:
                    run.averages[len(run.events)] = average
                run.events.append(event)
    return run

"""Plays a scenario: turns it into commands, step by step, and lets the exchange carry them out.

Everything is a command, so a run can be journalled and replayed. A maker lays a ladder of orders around each price;
accounts open what the scenario says; the price walks, and the exchange does the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, localcontext
from itertools import groupby
from pathlib import Path
from random import Random

from msgspec import Struct, structs

from margincall.config import Misplaced
from margincall.core.account import PositionSide
from margincall.core.contract import Contract
from margincall.core.events import MarkPrice
from margincall.core.rounding import CONTEXT, plain, to_step_down
from margincall.exchange import clock, commands, pricing
from margincall.exchange.book import Side
from margincall.exchange.crowd import drawn
from margincall.exchange.disputes import disputable
from margincall.exchange.events import AnyExchangeEvent, Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.judgement import Decision, answer, judge
from margincall.exchange.liquidity import RECORDED, ladder
from margincall.exchange.paths import candles_of, from_candles, from_points
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.scenario import MAKER, AccountPart, ContractPart, PositionPart, Scenario
from margincall.exchange.state import Exchange
from margincall.exchange.step import step
from margincall.wire.durations import SECOND_MS

MAKER_MONEY = Decimal(10**9)
BPS = Decimal(10_000)
ARRIVAL_MS = 137
"""How long after its time a price reaches the exchange: nothing happens on the very second."""
SPOT = ("spot-a", "spot-b", "spot-c")
"""The sources of an index: one at the price of the path, one a tick below it and one a tick above."""
BUY: Side = "BUY"
SELL: Side = "SELL"
STOP: commands.OrderKind = "STOP_MARKET"
TAKE_PROFIT: commands.OrderKind = "TAKE_PROFIT_MARKET"
Tell = Callable[[int, int], None]
"""Is told how many steps are done, and of how many."""


class Price(Struct, frozen=True):
    """One point of a contract's path."""

    time_ms: int
    symbol: str
    price: Decimal


class Refused(Struct, frozen=True):
    """What an account wanted and the exchange refused, with the exchange's code and text."""

    time_ms: int
    account: str
    wanted: str
    code: int
    text: str


class Played(Struct):
    """A run: the exchange at its end, all commands, all events in order, and what accounts were refused."""

    state: Exchange
    commands: list[commands.AnyCommand]
    events: list[AnyExchangeEvent]
    refused: list[Refused] = []
    averages: dict[int, Decimal] = {}
    """Of marks by rule, by the place of their event: the index and the mean of the basis (Price 2)."""


def play(scenario: Scenario, rules: RuleSet, folder: Path, tell: Tell | None = None) -> Played:
    """Play it through. Paths of files are looked up from `folder`. Raises `UsageError` or `NothingUsable` for candle
    files that cannot be used, `Misplaced` where they do not fit the scenario's steps."""
    run = Played(new_exchange(rules, scenario.start), [], [])
    player = _Player(scenario, run)
    with localcontext(CONTEXT):
        moments = walk(scenario, rules, folder)
        for command in player.opening(moments[0][1]):
            player.do(command)
        for account in player.accounts:
            for command in _settled(account):
                player.ask(command, account.name, type(command).__name__)
        for number, (time_ms, prices) in enumerate(moments, 1):
            player.moment(time_ms, prices)
            if tell is not None:
                tell(number, len(moments))
    return run


def dispute(run: Played, rules: RuleSet, scenario: Scenario, account: str) -> list[Decision]:
    """Dispute all liquidations of an account, and those that hit it, at the end of a run, and let the desk answer:
    refunds are booked, and the commands are of the run as all others are. Empty where there is nothing to dispute."""
    decisions: list[Decision] = []
    for number in disputable(run.state, account):
        opened = run.state.next_dispute
        _carry_out(run, commands.Dispute(account=account, liquidation=number))
        with localcontext(CONTEXT):
            decisions.append(judge(rules, run.commands, run.state.disputes[opened], genesis_ms=scenario.start))
        _carry_out(run, answer(run.state, decisions[-1]))
    return decisions


def _carry_out(run: Played, command: commands.AnyCommand) -> list[AnyExchangeEvent]:
    """One command of the run, kept with what it gave."""
    events = step(run.state, command)
    run.commands.append(command)
    run.events += events
    return events


def walk(scenario: Scenario, rules: RuleSet, folder: Path) -> list[tuple[int, list[Price]]]:
    """All prices of all contracts, by time."""
    points = sorted(
        (at + ARRIVAL_MS, part.symbol, price)
        for number, part in enumerate(scenario.contract)
        for at, price in _placed(number, path_of(part, scenario, rules.venue.contract(part.symbol), folder))
    )
    end = scenario.start + scenario.length_ms + ARRIVAL_MS
    wanted = [Price(*point) for point in points if point[0] <= end]
    return [(at, list(group)) for at, group in groupby(wanted, key=lambda point: point.time_ms)]


def path_of(part: ContractPart, scenario: Scenario, contract: Contract, folder: Path) -> Iterable[tuple[int, Decimal]]:
    """The path of one contract, from the scenario's start on; after its last point the price stays until the end."""
    end = scenario.start + scenario.length_ms
    if part.path:
        points = [(scenario.start + at, price) for at, price in part.path]
        if points[-1][0] < end:
            points.append((end, points[-1][1]))
        return from_points(points, step_ms=scenario.step, tick=contract.tick)
    candles = candles_of(folder / part.candles, part.symbol, scenario.start, end, interval=part.interval)
    return from_candles(candles, scenario.step, scenario.seed, contract.tick)


def _placed(number: int, path: Iterable[tuple[int, Decimal]]) -> Iterator[tuple[int, Decimal]]:
    """What is wrong with a path says at which contract."""
    try:
        yield from path
    except ValueError as error:
        raise Misplaced([(("contract", number), str(error))]) from None


class _Player:
    """What has to be remembered between two moments: prices, when to lay a ladder anew, what is still to be opened."""

    def __init__(self, scenario: Scenario, run: Played) -> None:
        self.scenario = scenario
        self.run = run
        self.rng = Random(f"{scenario.seed}:ladders")
        self.parts: Mapping[str, ContractPart] = {part.symbol: part for part in scenario.contract}
        self.prices: dict[str, Decimal] = {}
        """The last point of each path: what accounts size their orders by, whatever the venue takes for the mark."""
        self.quoted: dict[str, tuple[Decimal, Decimal]] = {}
        self.accounts = [*scenario.account, *drawn(scenario, self._contracts())]
        self.pending = sorted(
            (
                (scenario.start + position.at, account.name, number)
                for account in self.accounts
                for number, position in enumerate(account.position)
            ),
        )
        self.by_name = {account.name: account for account in self.accounts}
        self.faults = sorted(
            (scenario.start + at, is_on, number)
            for number, fault in enumerate(scenario.fault)
            for at, is_on in ((fault.at, True), (fault.until, False))
            if at is not None
        )

    def do(self, command: commands.AnyCommand) -> list[AnyExchangeEvent]:
        """Carry out a command, and keep it with what it gave."""
        events = _carry_out(self.run, command)
        for place, event in enumerate(events, len(self.run.events) - len(events)):
            if isinstance(event, MarkPrice) and self.parts[event.symbol].index:
                average = pricing.moving_average(self.run.state.markets[event.symbol])
                if average is not None:
                    self.run.averages[place] = average
        return events

    def ask(self, command: commands.AnyCommand, account: str, wanted: str) -> bool:
        """Carry out a command of an account; whether it was. What is refused is remembered."""
        refusals = [event for event in self.do(command) if isinstance(event, Rejected)]
        for event in refusals:
            self.run.refused.append(Refused(event.time_ms, account, wanted, event.code, event.text))
        return not refusals

    def opening(self, prices: list[Price]) -> Iterator[commands.AnyCommand]:
        """First marks, indices, the fund's money, the maker."""
        yield from self._priced(prices)
        yield from self._indices()
        for asset, amount in self.scenario.fund.items():
            if amount:
                yield commands.Fund(asset=asset, amount=amount)
        yield commands.OpenAccount(account=MAKER)
        for asset in sorted({contract.margin_asset for contract in self._contracts().values()}):
            yield commands.Transfer(account=MAKER, asset=asset, amount=MAKER_MONEY)
        for symbol in sorted(self.parts):
            yield commands.SetLeverage(account=MAKER, symbol=symbol, leverage=1)

    def moment(self, time_ms: int, prices: list[Price]) -> None:
        """One moment: clock, faults, ladders, marks, faults at which the desk looks again, then what accounts open. A
        maker is faster than a mark: whom the mark liquidates meets the orders of this moment, not of the one before."""
        for reached in self._ticks(time_ms):
            self.do(commands.Advance(time_ms=reached))
        due = [each for each in self.faults if each[0] <= time_ms]
        del self.faults[: len(due)]
        for _, is_on, number in due:
            if not _makes_it_look(self.scenario.fault[number].kind, is_on=is_on):
                self._err(number, is_on=is_on)
        for command in self._indices():
            self.do(command)
        for each in prices:
            self._quote(each.symbol, each.price)
        for command in self._priced(prices):
            self.do(command)
        for _, is_on, number in due:
            if _makes_it_look(self.scenario.fault[number].kind, is_on=is_on):
                self._err(number, is_on=is_on)
        while self.pending and self.pending[0][0] <= time_ms:
            _, name, number = self.pending.pop(0)
            account = self.by_name[name]
            self._open(account, account.position[number])

    def _ticks(self, time_ms: int) -> Iterator[int]:
        """The times to which the clock advances: at once, or second by second where the venue makes a mark in each."""
        if any(part.index for part in self.parts.values()):
            yield from range(self.run.state.time_ms + SECOND_MS, time_ms, SECOND_MS)
        yield from clock.pieces(self.run.state.time_ms, time_ms)

    def _priced(self, prices: list[Price]) -> Iterator[commands.AnyCommand]:
        """What the venue hears of the prices of a moment: marks, or what the sources of an index say."""
        given = {each.symbol: each.price for each in prices if not self.parts[each.symbol].index}
        self.prices |= {each.symbol: each.price for each in prices}
        if given:
            yield commands.SetMarks(prices=given)
        for each in prices:
            if each.symbol not in given:
                tick = self._contracts()[each.symbol].tick
                sources = tuple(
                    commands.Source(name, each.price + step * tick) for step, name in zip((-1, 0, 1), SPOT, strict=True)
                )
                yield commands.SetIndex(symbol=each.symbol, sources=sources)

    def _err(self, number: int, *, is_on: bool) -> None:
        """Switch a fault on or off."""
        fault = self.scenario.fault[number]
        value = fault.value if is_on else None
        command = commands.InjectFault(
            kind=fault.kind, on=is_on, symbol=fault.symbol, value=value, asset=fault.asset, account=fault.account
        )
        self.ask(command, "operator", f"fault {fault.kind}")

    def _indices(self) -> Iterator[commands.AnyCommand]:
        """The venue publishes asset indices as often as marks."""
        for part in self.scenario.asset_index:
            bid, ask = part.price * (1 - part.haircut), part.price * (1 + part.haircut)
            yield commands.SetAssetIndex(asset=part.asset, index=part.price, bid=bid, ask=ask)

    def _quote(self, symbol: str, price: Decimal) -> None:
        """Lay the ladder anew, if the price has moved far enough or the depth is another one."""
        liquidity = self.parts[symbol].liquidity
        depth = liquidity.depth_at(self.run.state.time_ms - self.scenario.start)
        before, laid = self.quoted.get(symbol, (None, None))
        is_near = before is not None and abs(price - before) * BPS < liquidity.requote_bps * before
        if not liquidity.depth or (is_near and depth == laid):
            return
        self.quoted[symbol] = price, depth
        contract = self._contracts()[symbol]
        quotes = ladder(
            RECORDED, price, tick=contract.tick, lot=contract.lot, scale=depth, levels=liquidity.levels,
            rng=self.rng,
        )  # fmt: skip
        levels: dict[Side, list[commands.Level]] = {BUY: [], SELL: []}
        for side, ticks, lots in quotes:
            levels[side].append(commands.Level(contract.tick * ticks, contract.lot * lots))
        self.do(commands.Quote(account=MAKER, symbol=symbol, bids=tuple(levels[BUY]), asks=tuple(levels[SELL])))

    def _open(self, account: AccountPart, position: PositionPart) -> None:
        """Open a position at the market, and place what belongs to it."""
        symbol = position.symbol
        contract, price = self._contracts()[symbol], self.prices[symbol]
        quantity = position.quantity
        if quantity is None:
            assert position.notional is not None
            worth = contract.contract_size if contract.is_inverse else price
            quantity = to_step_down(position.notional / worth, contract.lot)
        long = position.side == "long"
        side: PositionSide = "BOTH" if not account.hedge else "LONG" if long else "SHORT"
        opens, closes = (BUY, SELL) if long else (SELL, BUY)
        market = commands.PlaceOrder(
            account=account.name, symbol=symbol, position_side=side, side=opens, type="MARKET", quantity=quantity
        )
        if not self.ask(market, account.name, f"{position.side} {plain(quantity)} {symbol}"):
            return
        for stop, kind in ((position.stop, STOP), (position.take_profit, TAKE_PROFIT)):
            if stop is not None:
                order = structs.replace(
                    market, side=closes, type=kind, quantity=None, stop_price=stop, close_position=True,
                    working_type="MARK_PRICE",
                )  # fmt: skip
                self.ask(order, account.name, f"{'stop' if kind is STOP else 'take profit'} {symbol} at {plain(stop)}")
        for level in position.add_at:
            order = structs.replace(market, type="LIMIT", time_in_force="GTC", price=level)
            self.ask(order, account.name, f"{position.side} {plain(quantity)} {symbol} more at {plain(level)}")

    def _contracts(self) -> Mapping[str, Contract]:
        return self.run.state.rules.venue.contracts


def _makes_it_look(kind: commands.FaultKind, *, is_on: bool) -> bool:
    """Whether the desk acts as the fault is switched: it does so by the marks of the moment, so these come first."""
    return kind in ("early_liquidation", "wrong_brackets") or (kind == "late_liquidation" and not is_on)


def _settled(account: AccountPart) -> Iterator[commands.AnyCommand]:
    """An account with its money and settings."""
    yield commands.OpenAccount(account=account.name)
    for asset, amount in account.deposit.items():
        yield commands.Transfer(account=account.name, asset=asset, amount=amount)
    if account.hedge:
        yield commands.SetPositionMode(account=account.name, hedge=True)
    if account.multi_assets:
        yield commands.SetAssetMode(account=account.name, multi_assets=True)
    for symbol, leverage in {each.symbol: each.leverage for each in account.position}.items():
        if account.margin == "isolated":
            yield commands.SetMarginType(account=account.name, symbol=symbol, margin="isolated")
        yield commands.SetLeverage(account=account.name, symbol=symbol, leverage=leverage)

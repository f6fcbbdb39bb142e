"""A market for show: makers around prices that walk and jump, and traders with more leverage than is good for them.

Everything is drawn by a seed, in whole units: no binary float takes part. It goes through the engine like everybody's
orders. Who was liquidated comes back with new money, so that it never ends. Where the operator sets or plays a price,
the makers go on from there: a crash is one.
"""

import asyncio
from decimal import Decimal
from random import Random

from msgspec import structs

from margincall.core.account import Position
from margincall.core.rounding import booked, exact, to_step_down
from margincall.core.units import ZERO
from margincall.exchange import commands
from margincall.exchange.book import Side
from margincall.exchange.liquidity import RECORDED, ladder
from margincall.exchange.settings import MOST_LEVERAGE
from margincall.exchange.state import Market, Trader
from margincall.server.errors import ApiError
from margincall.server.listing import margin_assets
from margincall.server.prices import is_given, on_tick, priced
from margincall.server.venue import Venue

STEP_S = 0.25
MAKER, FLOW = "maker", "flow"
CROWD = tuple(f"trader-{number:02}" for number in range(1, 25))
STARTS = {"BTCUSDT": 60_000, "ETHUSDT": 2_500, "BNBUSDT": 600, "BTCUSD_PERP": 60_000, "ETHUSD_PERP": 2_500}
START_ELSE = 100
RICH, FUND = Decimal(10**9), Decimal(10**6)
DEPOSITS = (200, 5_000)
LEVERAGES = (75, 100, 125)
GRAIN = 10_000
"""Parts of the price of which a step is counted: a basis point."""
JUMP_EVERY, JUMP = 20, (60, 150)
"""Steps between two jumps of any symbol, on average, and how far they go, in parts."""
SCALE, LEVELS, REACH_BPS = Decimal(50_000), 20, Decimal(300)
PROFILE = structs.replace(RECORDED, bands=tuple(each for each in RECORDED.bands if each.upto_bps <= REACH_BPS))
"""What rests around a price: the recorded shape, as far as limit prices may lie from the mark."""


class Demo:
    """The market, step by step."""

    def __init__(self, venue: Venue, seed: int) -> None:
        """Nothing happens before `begin`."""
        self._venue, self._rng = venue, Random(seed)
        self.prices: dict[str, Decimal] = {}
        self._told: dict[str, Decimal | None] = {}

    def begin(self) -> None:
        """First prices, the maker, the fund's money, and the crowd; of a journal that is gone on with only what it
        lacks."""
        state = self._venue.state
        for symbol, market in state.markets.items():
            self.prices[symbol] = market.mark or Decimal(STARTS.get(symbol, START_ELSE))
        self._tell_prices()
        assets = margin_assets(state.rules.venue.contracts)
        for name in (MAKER, FLOW, *CROWD):
            if name not in state.traders:
                self._venue.carry_out(commands.OpenAccount(account=name))
                for asset in assets if name in (MAKER, FLOW) else ():
                    self._venue.carry_out(commands.Transfer(account=name, asset=asset, amount=RICH))
        for asset in assets:
            if not state.fund.account.wallets.get(asset):
                self._venue.carry_out(commands.Fund(asset=asset, amount=FUND))
        for symbol in self.prices:
            self._try(commands.SetLeverage(account=MAKER, symbol=symbol, leverage=1))
            self._quote(symbol)
        for name in CROWD:
            self._trade(state.traders[name])

    async def run(self) -> None:
        """Go on until it is cancelled."""
        self.begin()
        while True:
            await asyncio.sleep(STEP_S)
            self.step()

    def step(self) -> None:
        """One moment: prices move, the maker follows, a few trade."""
        self._heed()
        self._walk()
        for symbol in self.prices:
            self._quote(symbol)
        self._tell_prices()
        for _ in range(self._rng.randint(1, 3)):
            self._flow()
        for name in self._rng.sample(CROWD, 2):
            self._trade(self._venue.state.traders[name])

    def _heed(self) -> None:
        """Go on from the prices that the operator has set or plays."""
        for symbol in self.prices:
            price = self._price(symbol)
            if price is not None and price != self._told[symbol]:
                self.prices[symbol] = on_tick(self._venue.state, symbol, price)

    def _price(self, symbol: str) -> Decimal | None:
        """What was told last of a symbol, by whomever: a mark that is given, or the index that makes it."""
        market = self._venue.state.markets[symbol]
        return market.mark if is_given(self._venue.state, symbol) else market.index

    @exact
    def _walk(self) -> None:
        """All prices a step on, half of it together; now and then one jumps."""
        rng = self._rng
        together = _step(rng)
        for symbol, price in self.prices.items():
            parts = together + _step(rng)
            if not rng.randrange(JUMP_EVERY * len(self.prices)):
                parts += rng.choice((-1, 1)) * rng.randint(*JUMP)
            self.prices[symbol] = on_tick(self._venue.state, symbol, price + price * parts / GRAIN)

    def _tell_prices(self) -> None:
        for command in priced(self._venue.state, self.prices):
            self._try(command)
        self._told = {symbol: self._price(symbol) for symbol in self.prices}

    @exact
    def _quote(self, symbol: str) -> None:
        """Lay the maker's ladder anew."""
        contract = self._venue.state.markets[symbol].contract
        levels: dict[Side, list[commands.Level]] = {"BUY": [], "SELL": []}
        quotes = ladder(
            PROFILE, self.prices[symbol], tick=contract.tick, lot=contract.lot, scale=SCALE, levels=LEVELS,
            rng=self._rng,
        )  # fmt: skip
        for side, ticks, lots in quotes:
            levels[side].append(commands.Level(contract.tick * ticks, contract.lot * lots))
        self._try(commands.Quote(account=MAKER, symbol=symbol, bids=tuple(levels["BUY"]), asks=tuple(levels["SELL"])))

    def _flow(self) -> None:
        """Somebody trades something."""
        symbol = self._rng.choice(list(self.prices))
        self._market_order(FLOW, symbol, self._rng.choice(SIDES), Decimal(self._rng.randint(100, 20_000)))

    def _trade(self, trader: Trader) -> None:
        """One of the crowd: closes now and then, or opens as much as its money bears; without money it brings some."""
        held = next(trader.account.open_positions(), None)
        if held is not None:
            if not self._rng.randrange(40):
                self._close(trader.name, held)
            return
        state, symbol = self._venue.state, self._rng.choice(list(self.prices))
        asset = state.markets[symbol].contract.margin_asset
        if trader.account.wallets.get(asset, ZERO) < DEPOSITS[0] // 2:
            money = Decimal(self._rng.randint(*DEPOSITS))
            self._try(commands.Transfer(account=trader.name, asset=asset, amount=money))
        table = state.rules.venue.brackets(symbol)
        leverage = min(self._rng.choice(LEVERAGES), table.rows[0].max_leverage or MOST_LEVERAGE)
        self._try(commands.SetLeverage(account=trader.name, symbol=symbol, leverage=leverage))
        money = trader.account.wallets.get(asset, ZERO)
        notional = booked(min(money * leverage * self._rng.randint(70, 95) / 100, table.rows[0].cap / 2))
        self._market_order(trader.name, symbol, self._rng.choice(SIDES), notional)

    def _close(self, name: str, held: Position) -> None:
        side: Side = "SELL" if held.quantity > 0 else "BUY"
        self._try(
            commands.PlaceOrder(
                account=name, symbol=held.symbol, side=side, type="MARKET", quantity=abs(held.quantity),
                reduce_only=True,
            )
        )  # fmt: skip

    @exact
    def _market_order(self, name: str, symbol: str, side: Side, notional: Decimal) -> None:
        market = self._venue.state.markets[symbol]
        quantity = to_step_down(notional / _unit(market, self.prices[symbol]), market.contract.lot)
        if quantity > 0:
            self._try(commands.PlaceOrder(account=name, symbol=symbol, side=side, type="MARKET", quantity=quantity))

    def _try(self, command: commands.AnyCommand) -> None:
        """What the exchange refuses is not done: a trader without margin, a symbol that is halted, a price too
        large to be one."""
        try:
            self._venue.carry_out(command)
        except ApiError as error:
            error.told()


SIDES: tuple[Side, Side] = ("BUY", "SELL")


def _step(rng: Random) -> int:
    """A step in parts of the price: a sum of four, so that large ones are rare."""
    return sum(rng.randint(-2, 2) for _ in range(4))


def _unit(market: Market, price: Decimal) -> Decimal:
    """What one of the quantity is worth, in the unit of notional."""
    return market.contract.contract_size if market.contract.is_inverse else price

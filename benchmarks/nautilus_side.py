"""nautilus_trader on a flow of orders. `python -m benchmarks.nautilus_side KIND SEED N REPEATS` prints JSON.

Run in an environment that has it. A backtest with a margin account on a crypto perpetual, netting, with a risk engine;
no logs, no analysis, no database. Everything that can be made before the clock starts is: instruments, quotes, orders.
(Orders made on the clock cost a fifth more. A message queue or none, both commands of `limit-cancel` on one quote or on
two, a bypassed risk engine, short caches, a resting garbage collector: no difference that showed above the noise.)
Quotes are a second apart, since the risk engine lets 100 orders a second through and denies the rest.

On the clock is `BacktestEngine.run`, less that of a run with the same quotes and no order: neither the start of the
kernel nor a quote counts against the peer, which needs one for every order; ours has its quotes on the clock, one for
every tenth.

Its margin account works out initial margins of open orders and maintenance margins of positions after every event, but
refuses no order for want of margin. `too_large` says what came of an order for which the account has not enough.
"""

import gc
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from benchmarks.engine_flow import (
    LEVERAGE,
    LOT,
    MAINTENANCE,
    MAKER,
    QUOTED,
    SYMBOL,
    TAKER,
    TICK,
    TOO_LARGE,
    WALLET,
    Operation,
    digest,
    flow,
    outcome,
)

VENUE = Venue("SIM")
PERPETUAL = InstrumentId(Symbol(f"{SYMBOL}-PERP"), VENUE)
SECOND = 1_000_000_000
CENT = Decimal("0.01")
"""Money may differ by less than this from exact arithmetic: the peer averages prices in binary floating point."""


def price_of(ticks: int) -> Price:
    return Price(float(ticks * TICK), precision=1)


def quantity_of(lots: int) -> Quantity:
    return Quantity(float(lots * LOT), precision=3)


def quote(number: int, bid: int, ask: int) -> QuoteTick:
    size = quantity_of(QUOTED)
    return QuoteTick(PERPETUAL, price_of(bid), price_of(ask), size, size, number * SECOND, number * SECOND)


class Submits(Strategy):
    """On each quote: cancels the order before if that was a limit order, and submits the next if there is one."""

    def prepare(self, operations: Sequence[Operation]) -> None:
        """Make all orders."""
        orders = [self.order(each) for each in operations]
        self.made = iter(orders)
        self.resting: Any = None
        self.limits = any(each.price is not None for each in operations)

    def order(self, each: Operation) -> Any:
        side = OrderSide.BUY if each.side == "BUY" else OrderSide.SELL
        if each.price is None:
            return self.order_factory.market(PERPETUAL, side, quantity_of(each.quantity))
        return self.order_factory.limit(PERPETUAL, side, quantity_of(each.quantity), price_of(each.price))

    def on_start(self) -> None:
        self.subscribe_quote_ticks(PERPETUAL)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if self.resting is not None:
            self.cancel_order(self.resting)
            self.resting = None
        order = next(self.made, None)
        if order is not None:
            self.submit_order(order)
            if self.limits:
                self.resting = order


def engine_for(operations: Sequence[Operation], quotes: Sequence[QuoteTick]) -> BacktestEngine:
    """A backtest that is ready to run."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(WALLET, USDT)],
        default_leverage=Decimal(LEVERAGE),
    )
    engine.add_instrument(
        CryptoPerpetual(
            instrument_id=PERPETUAL,
            raw_symbol=Symbol(SYMBOL),
            base_currency=BTC,
            quote_currency=USDT,
            settlement_currency=USDT,
            is_inverse=False,
            price_precision=1,
            price_increment=Price.from_str(str(TICK)),
            size_precision=3,
            size_increment=Quantity.from_str(str(LOT)),
            margin_init=Decimal(1),
            # The peer divides both margins by the leverage.
            margin_maint=MAINTENANCE * LEVERAGE,
            maker_fee=MAKER,
            taker_fee=TAKER,
            ts_event=0,
            ts_init=0,
        )
    )
    engine.add_data(list(quotes))
    strategy = Submits()
    engine.add_strategy(strategy)
    strategy.prepare(operations)
    return engine


def timed(engine: BacktestEngine) -> float:
    """Processor seconds of the run."""
    gc.collect()
    gc.disable()
    began = time.process_time()
    engine.run()
    taken = time.process_time() - began
    gc.enable()
    return taken


def quotes_of(operations: Sequence[Operation]) -> list[QuoteTick]:
    """One for each operation, and one more on which the last limit order is cancelled."""
    last = operations[-1:] if operations[-1].price is not None else []
    return [quote(number, each.bid, each.ask) for number, each in enumerate([*operations, *last], start=1)]


def quotes_seconds(operations: Sequence[Operation]) -> float:
    """What a run takes that has the quotes of the flow and no order."""
    engine = engine_for([], quotes_of(operations))
    taken = timed(engine)
    engine.dispose()
    return taken


def run_seconds(operations: Sequence[Operation]) -> tuple[float, dict[str, Any]]:
    """Processor seconds of one run, and what came of it; raises if that is wrong."""
    engine = engine_for(operations, quotes_of(operations))
    taken = timed(engine)
    found = came_of(engine)
    engine.dispose()
    check(found, operations)
    return taken, found


def came_of(engine: BacktestEngine) -> dict[str, Any]:
    """Counts, the balance and the largest margins that the account ever had."""
    orders = engine.cache.orders()
    account = engine.cache.account_for_venue(VENUE)
    margins = [margin for event in account.events for margin in event.margins]
    return {
        "orders": dict(Counter(order.status_string() for order in orders)),
        "fills": sum(isinstance(event, OrderFilled) for order in orders for event in order.events),
        "balance": str(account.balance_total(USDT).as_decimal()),
        "largest_initial_margin": str(max((m.initial.as_decimal() for m in margins), default=0)),
        "largest_maintenance_margin": str(max((m.maintenance.as_decimal() for m in margins), default=0)),
        "last_maintenance_margin": str(sum(m.as_decimal() for m in account.margins_maint().values())),
    }


def check(found: dict[str, Any], operations: Sequence[Operation]) -> None:
    """Stop if the flow did not trade as it has to, or if no margin was worked out."""
    wanted = outcome(operations)
    limits = [each for each in operations if each.price is not None]
    initial = max((each.price * TICK * each.quantity * LOT / LEVERAGE for each in limits), default=Decimal(0))
    maintenance = abs(wanted.position) * LOT * wanted.entry * MAINTENANCE
    right = (
        found["orders"] == ({"CANCELED": len(operations)} if limits else {"FILLED": len(operations)}),
        found["fills"] == wanted.fills,
        abs(Decimal(found["balance"]) - wanted.balance) < CENT,
        abs(Decimal(found["largest_initial_margin"]) - initial) < CENT,
        # The peer rounds the entry price to a tick here.
        abs(Decimal(found["last_maintenance_margin"]) - maintenance) < CENT + abs(wanted.position) * LOT * TICK,
    )
    if not all(right):
        sys.exit(f"not what has to come of the flow: {found}, {right}, wanted {wanted}")


def too_large() -> str:
    """What comes of an order that needs several times the wallet as initial margin."""
    operation = Operation("BUY", None, TOO_LARGE, 500_000, 500_005)
    engine = engine_for([operation], [quote(1, operation.bid, operation.ask)])
    engine.run()
    status: str = engine.cache.orders()[0].status_string()
    engine.dispose()
    return status


def main() -> None:
    """Best of some repeats of one flow."""
    kind, seed, n, repeats = sys.argv[1], *map(int, sys.argv[2:])
    operations = flow(kind, seed, n)
    quotes_seconds(operations)
    quotes = min(quotes_seconds(operations) for _ in range(5))
    runs = [run_seconds(operations) for _ in range(repeats)]
    taken = min(seconds for seconds, _ in runs)
    seconds = taken - quotes
    print(
        json.dumps(
            {
                "nautilus_trader": version("nautilus_trader"),
                "python": platform.python_version(),
                "kind": kind,
                "n": n,
                "flow": digest(operations),
                "seconds": round(seconds, 6),
                "quotes_seconds": round(quotes, 6),
                "orders_per_s": round(n / seconds),
                **runs[0][1],
                "too_large": too_large(),
            }
        )
    )


if __name__ == "__main__":
    main()

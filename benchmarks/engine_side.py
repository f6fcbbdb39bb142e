"""Our engine on a flow of orders. `python -m benchmarks.engine_side KIND SEED N REPEATS` prints JSON.

Run by `benchmarks.against_nautilus`, in the environment of the peer, so that both sides have the same interpreter.
"""

import gc
import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal as D
from typing import Any, NamedTuple

from benchmarks import engine_flow
from benchmarks.engine_flow import SYMBOL, Operation, digest, flow, outcome
from margincall.core.brackets import Bracket, BracketTable
from margincall.core.contract import Contract
from margincall.core.rules import FeeRates, VenueRules
from margincall.exchange import commands
from margincall.exchange.events import Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.state import Exchange
from margincall.exchange.step import step

QUOTER, TRADER = "quoter", "trader"


def ours(kind: str, flow: Sequence[Operation]) -> float:
    """The processor seconds that our engine takes for the flow, once, from a new account to the last event.

    Before the clock starts, as for the peer: the engine with one account that holds `engine_flow.WALLET` in one-way and
    cross mode at `LEVERAGE`, the symbol with `TICK`, `LOT`, `MAKER`, `TAKER` and one bracket of `MAINTENANCE`, and one
    value of our own types for every command and every quote. Then `gc.collect()` and `gc.disable()`.

    On the clock (`time.process_time`), for each operation: a quote that has moved becomes `bid` and `ask` with `QUOTED`
    lots each, and the mark price; in `limit-cancel`, the order before is cancelled; the order is submitted with its
    margin check. After the last operation of `limit-cancel`, its order is cancelled too. Every command goes through
    the public entry of the engine, and all events are made, as they are when nothing is measured.

    After the clock: compare fills, position and wallet with `engine_flow.outcome(flow)`, that `limit-cancel` has
    cancelled every order, and, outside of the flow, that a market order of `TOO_LARGE` lots is refused. Raise if one
    of them is wrong.
    """
    state = venue()
    prepared = list(prepare(flow))
    gc.collect()
    gc.disable()
    start = time.process_time()
    fills, cancelled = run(state, prepared)
    seconds = time.process_time() - start
    gc.enable()
    check(kind, state, flow, fills, cancelled)
    return seconds


def venue() -> Exchange:
    """The exchange with its one symbol, a market maker, and the account."""
    brackets = (Bracket(1, D(0), D(10**12), engine_flow.MAINTENANCE, D(0), engine_flow.LEVERAGE),)
    rules = VenueRules(
        "binance_usdm",
        {SYMBOL: Contract(SYMBOL, "linear", "BTC", "USDT", "USDT", engine_flow.TICK, engine_flow.LOT)},
        {SYMBOL: BracketTable(SYMBOL, brackets, "2026-01-01", "benchmark")},
        FeeRates(engine_flow.MAKER, engine_flow.TAKER),
    )
    state = new_exchange(RuleSet(name="benchmark", venue=rules, listings={SYMBOL: Listing()}), 1_780_000_000_000)
    middle = engine_flow.MIDDLE * engine_flow.TICK
    for command in (
        commands.SetMark(symbol=SYMBOL, price=middle),
        commands.OpenAccount(account=QUOTER),
        commands.Transfer(account=QUOTER, asset="USDT", amount=D(10**9)),
        commands.OpenAccount(account=TRADER),
        commands.Transfer(account=TRADER, asset="USDT", amount=engine_flow.WALLET),
        commands.SetLeverage(account=QUOTER, symbol=SYMBOL, leverage=engine_flow.LEVERAGE),
        commands.SetLeverage(account=TRADER, symbol=SYMBOL, leverage=engine_flow.LEVERAGE),
    ):
        accepted(step(state, command))
    return state


class Prepared(NamedTuple):
    """An operation in our own types."""

    mark: commands.SetMark | None
    quote: commands.Quote | None
    order: commands.PlaceOrder


def prepare(flow: Sequence[Operation]) -> Iterator[Prepared]:
    """All commands, before the clock starts."""
    size = engine_flow.QUOTED * engine_flow.LOT
    quoted = None
    for number, each in enumerate(flow):
        if (each.bid, each.ask) == quoted:
            yield Prepared(None, None, placed(each, f"c{number}"))
            continue
        quoted = each.bid, each.ask
        bid, ask = each.bid * engine_flow.TICK, each.ask * engine_flow.TICK
        yield Prepared(
            commands.SetMark(symbol=SYMBOL, price=(bid + ask) / 2),
            commands.Quote(
                account=QUOTER, symbol=SYMBOL, bids=(commands.Level(bid, size),), asks=(commands.Level(ask, size),)
            ),
            placed(each, f"c{number}"),
        )


def placed(each: Operation, client_id: str) -> commands.PlaceOrder:
    """The order of an operation."""
    limit = each.price is not None
    return commands.PlaceOrder(
        account=TRADER,
        symbol=SYMBOL,
        side="BUY" if each.side == "BUY" else "SELL",
        type="LIMIT" if limit else "MARKET",
        time_in_force="GTC" if limit else None,
        price=each.price * engine_flow.TICK if each.price is not None else None,
        quantity=each.quantity * engine_flow.LOT,
        client_order_id=client_id,
    )


def run(state: Exchange, prepared: Sequence[Prepared]) -> tuple[int, int]:
    """What is on the clock. Counts trades of the account, and its orders that were cancelled."""
    cancelled = 0
    trades = state.next_trade
    resting: str | None = None
    for mark, quote, order in prepared:
        if mark is not None and quote is not None:
            step(state, mark)
            step(state, quote)
        if resting is not None:
            step(state, commands.CancelOrder(account=TRADER, symbol=SYMBOL, client_order_id=resting))
            cancelled += 1
        step(state, order)
        resting = order.client_order_id if order.price is not None else None
    if resting is not None:
        step(state, commands.CancelOrder(account=TRADER, symbol=SYMBOL, client_order_id=resting))
        cancelled += 1
    return state.next_trade - trades, cancelled


def check(kind: str, state: Exchange, flow: Sequence[Operation], fills: int, cancelled: int) -> None:
    """That the flow really traded, was charged and was refused where it had to be."""
    wanted = outcome(flow)
    trader = state.traders[TRADER]
    position = trader.account.position((SYMBOL, "BOTH")).quantity
    if (fills, position) != (wanted.fills, wanted.position * engine_flow.LOT) or trader.orders:
        raise AssertionError(f"{fills} fills, {position}, {len(trader.orders)} orders: not as {wanted}")
    if abs(trader.account.wallets["USDT"] - wanted.balance) > D("0.01"):
        raise AssertionError(f"wallet {trader.account.wallets['USDT']}, not {wanted.balance}")
    if cancelled != (len(flow) if kind == "limit-cancel" else 0):
        raise AssertionError(f"{cancelled} cancelled")
    last = flow[-1]
    large = Operation("BUY", None, engine_flow.TOO_LARGE, last.bid, last.ask)
    if not any(isinstance(event, Rejected) for event in step(state, placed(large, "large"))):
        raise AssertionError("an order beyond the wallet was taken")


def accepted(events: list[Any]) -> None:
    """Nothing was refused."""
    for event in events:
        if isinstance(event, Rejected):
            raise AssertionError(event.text)


def main() -> None:
    """Best of some repeats of one flow."""
    kind, seed, n, repeats = sys.argv[1], *map(int, sys.argv[2:])
    operations = flow(kind, seed, n)
    found = {"python": platform.python_version(), "kind": kind, "n": n, "flow": digest(operations)}
    print(json.dumps({**found, "seconds": min(ours(kind, operations) for _ in range(repeats))}))


if __name__ == "__main__":
    main()

"""A pool that is left at its trigger waits for the next command that concerns its account, be it in another pool.

Found by the soak, seed 117: what a cross pool keeps for its trades hid the isolated one beside it.
"""

from decimal import Decimal as D

from margincall.exchange import commands
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.events import LiquidationStarted
from margincall.exchange.genesis import new_exchange
from margincall.exchange.step import step

BTC, ETH = "BTC-USD", "ETH-USD"


def test_a_trade_of_another_pool_looks_at_it() -> None:
    state = new_exchange(CATALOGUE["dydx"]())

    def send(*told: commands.AnyCommand) -> list[str]:
        events = [event for command in told for event in step(state, command)]
        return [event.pool for event in events if isinstance(event, LiquidationStarted)]

    def order(account: str, symbol: str, side: str, quantity: str, price: int) -> commands.PlaceOrder:
        return commands.PlaceOrder(account=account, symbol=symbol, side=side, type="LIMIT", quantity=D(quantity),
                                   price=D(price), time_in_force="GTC")  # fmt: skip

    send(commands.SetMark(symbol=BTC, price=D(50_000)), commands.SetMark(symbol=ETH, price=D(2_500)))
    for name in ("ann", "ben"):
        send(commands.OpenAccount(account=name), commands.Transfer(account=name, asset="USDC", amount=D(100_000)))
    send(commands.SetLeverage(account="ann", symbol=BTC, leverage=20))
    send(commands.SetMarginType(account="ann", symbol=ETH, margin="isolated"))
    send(order("ben", ETH, "SELL", "10", 2_500), order("ann", ETH, "BUY", "10", 2_500))
    # 20x: the isolated wallet is 1,250; at 2,400 the balance is 250, maintenance 288. Nobody buys, so it waits.
    assert send(commands.SetMark(symbol=ETH, price=D(2_400))) == ["isolated:ETH-USD:BOTH"]
    assert send(order("ben", BTC, "SELL", "0.1", 50_000)) == []
    assert send(order("ann", BTC, "BUY", "0.1", 50_000)) == ["isolated:ETH-USD:BOTH"]

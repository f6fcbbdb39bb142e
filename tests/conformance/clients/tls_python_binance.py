"""python-binance with the addresses that it comes with: nothing but `REQUESTS_CA_BUNDLE` in its environment."""

from binance import Client
from binance.exceptions import BinanceAPIException
from market import START, SYMBOL, Market
from outcome import Control, Outcomes, arguments, need, refused

said = arguments()
outcomes = Outcomes("tls_python_binance", said.out)
Market(Control(said.control, said.token))
client = outcomes.show("Client (asks ping of the spot API)", lambda: Client(said.key, said.secret))
ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.01}


def placed() -> None:
    """An order is placed, listed and taken back."""
    order = client.futures_create_order(**ORDER, price=float(START) * 0.98)
    (listed,) = client.futures_get_open_orders(symbol=SYMBOL)
    need(listed["orderId"] == order["orderId"], listed)
    client.futures_cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    need(client.futures_get_open_orders(symbol=SYMBOL) == [], "it is still open")


def bought() -> None:
    """A position is opened and closed."""
    client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.01)
    (position,) = client.futures_position_information(symbol=SYMBOL)
    need(position["positionAmt"] == "0.010", position)
    client.futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.01, reduceOnly=True)
    need(client.futures_position_information(symbol=SYMBOL) == [], "it is still open")


outcomes.show("futures_exchange_info", lambda: need(client.futures_exchange_info()["symbols"], "no symbols"))
outcomes.show("futures_account", lambda: need(client.futures_account()["assets"], "no assets"))
outcomes.show("futures_create_order, LIMIT", placed)
outcomes.show("futures_create_order, MARKET", bought)
outcomes.show(
    "an order without margin",
    lambda: refused(
        lambda: client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=20),
        BinanceAPIException, "-2019",
    ),
)  # fmt: skip

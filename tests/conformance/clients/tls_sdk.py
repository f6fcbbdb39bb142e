"""The official SDK's REST with the address that it comes with: nothing but `REQUESTS_CA_BUNDLE` in its environment."""

from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from market import START, SYMBOL, Market
from outcome import Control, Outcomes, arguments, need, refused

said = arguments()
outcomes = Outcomes("tls_sdk", said.out)
Market(Control(said.control, said.token))
api = DerivativesTradingUsdsFutures(
    config_rest_api=ConfigurationRestAPI(api_key=said.key, api_secret=said.secret)
).rest_api


def placed() -> None:
    """An order is placed and taken back."""
    order = api.new_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=float(START) * 0.98
    ).data()
    need(api.query_order(symbol=SYMBOL, order_id=order.order_id).data().status == "NEW", order)
    need(api.cancel_order(symbol=SYMBOL, order_id=order.order_id).data().status == "CANCELED", order)


outcomes.show("exchange_information", lambda: need(api.exchange_information().data().symbols, "no symbols"))
outcomes.show("account_information_v3", lambda: need(api.account_information_v3().data().assets, "no assets"))
outcomes.show("new_order", placed)
outcomes.show(
    "an order without margin",
    lambda: refused(
        lambda: api.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=20), BadRequestError, "Margin"
    ),
)

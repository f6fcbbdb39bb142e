"""Events and prints with what the venue prints beside the books: terms of an order that decide when it acts, and not
what it books; the break-even price of a position.

Who has them says them by these types, and is read like the types that they extend; where one of those is written
instead, the venue's words for "none" stand in their place. Sources: Binance documentation 2026-05, ORDER_TRADE_UPDATE,
`allOrders`, ACCOUNT_UPDATE.
"""

from decimal import Decimal

from margincall.core.events import Order, PositionPrint
from margincall.core.units import ZERO


class PrintedOrder(Order, frozen=True, kw_only=True, tag="order"):
    """A state of an order with its terms. `original_type` is the type before it was triggered; `activation_price` and
    `callback_rate` (in percent) belong to trailing stops; `bids` and `asks` are the value of all resting orders of the
    account that could add to the position."""

    original_type: str = ""
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    self_trade_prevention: str = "NONE"
    good_till_ms: int | None = None
    activation_price: Decimal | None = None
    callback_rate: Decimal | None = None
    bids: Decimal = ZERO
    asks: Decimal = ZERO


class ShownPosition(PositionPrint, frozen=True):
    """A position as an account update prints it, with its break-even price."""

    break_even: Decimal | None = None


def printed(order: Order) -> PrintedOrder:
    """The order with its terms, those of "none" where it has none."""
    if isinstance(order, PrintedOrder):
        return order
    return PrintedOrder(**{name: getattr(order, name) for name in order.__struct_fields__})

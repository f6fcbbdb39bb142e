"""A history in the venue's shape: messages of the user-data stream, one JSON object a line.

What is printed comes from the oracle's account (`from_oracle.told`); the shape from `margincall.wire.encode`. As the
venue does, an account update stands before the fill that it already holds.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from margincall.core.account import SIDES
from margincall.core.events import (
    UPDATE_REASONS,
    AnyEvent,
    BalancePrint,
    Fill,
    Flow,
    IndexPrice,
    MarkPrice,
    Order,
    PositionPrint,
    Setting,
    Statement,
)
from margincall.wire.encode import Json, stream
from tests.cases.from_oracle import Key, Told, told
from tests.cases.text import Case
from tests.cases.trader import Action, actions, tables

FIRST_TRADE = 1001
FIRST_ORDER = 5001
REASONS = {
    "deposit": "DEPOSIT",
    "withdraw": "WITHDRAW",
    "funding": "FUNDING_FEE",
    "clearance": "INSURANCE_CLEAR",
    "made good": "INSURANCE_CLEAR",
    "margin": "MARGIN_TRANSFER",
    "isolated": "MARGIN_TYPE_CHANGE",
    "unseen": "ORDER",
    "taken over": "INSURANCE_CLEAR",
}
"""The reason that an account update prints."""


def rendered(case: Case) -> bytes:
    """The stream file of a history."""
    return b"".join(msgspec.json.encode(message) + b"\n" for message in messages(case))


def messages(case: Case) -> list[Json]:
    """The messages of the stream, in the venue's order."""
    told = list(stream(events(case)))
    return sorted([*told, *_bracket_messages(case)], key=_event_time)


def events(case: Case) -> list[AnyEvent]:
    """What a stream says of a history, in the venue's order."""
    return list(_Venue().events(case))


def _event_time(message: Json) -> int:
    return int(str(message["E"]))


def _bracket_messages(case: Case) -> Iterator[Json]:
    """`!contractInfo` of the market's stream, which shows a symbol's bracket rows."""
    known = {table.symbol: table.rows for table in tables(case)}
    for action in actions(case):
        if action.verb == "brackets":
            rows = [_bracket(number, row) for number, row in enumerate(known[action["symbol"]], 1)]
            yield {"e": "contractInfo", "E": action.time_ms, "s": action["symbol"], "cs": "TRADING", "bks": rows}


def _bracket(number: int, row: tuple[str, ...]) -> Json:
    return {"bs": number, "bnf": row[0], "bnc": row[1], "mmr": row[2], "cf": row[3], "mi": 1, "ma": int(row[4])}


class _Venue:
    """Numbers trades and orders, and remembers what the orders say."""

    def __init__(self) -> None:
        self.trades = FIRST_TRADE
        self.market_orders = FIRST_ORDER
        self.orders: dict[str, Order] = {}

    def events(self, case: Case) -> Iterator[AnyEvent]:
        for step in told(case):
            yield from self.step(step)

    def step(self, step: Told) -> Iterator[AnyEvent]:
        """The events of one line."""
        action, time_ms = step.action, step.action.time_ms
        match action.verb:
            case "mark":
                yield MarkPrice(time_ms=time_ms, symbol=action["symbol"], price=Decimal(action["price"]))
            case "index":
                rates = {name: Decimal(action[name]) for name in ("index", "bid", "ask")}
                yield IndexPrice(time_ms=time_ms, asset=action["asset"], **rates)
            case "leverage":
                yield Setting(time_ms=time_ms, symbol=action["symbol"], leverage=int(action["leverage"]))
            case "multi-assets":
                yield Setting(time_ms=time_ms, multi_assets=True)
            case "margin call":
                yield _margin_call(step)
            case "place" | "liquidation" | "deleveraging":
                self.orders[action["order"]] = _order(action)
                yield self.orders[action["order"]]
            case "expired":
                yield self.ended(action)
            case "trade" | "filled":
                yield from self.trade(step)
            case verb if verb in REASONS:
                yield from _changed(step)

    def ended(self, action: Action) -> Order:
        """The order without a fill: expired, by a liquidation or for want of the other side."""
        reason = "5" if "liquidated" in action.words else "2"
        order = self.orders[action["order"]]
        changes = {"time_ms": action.time_ms, "status": "EXPIRED", "execution": "EXPIRED", "expire_reason": reason}
        return msgspec.structs.replace(order, **changes)

    def trade(self, step: Told) -> Iterator[AnyEvent]:
        """The account update of a trade, then the order with its fill."""
        action = step.action
        order = self.orders.get(action.get("order"))
        fill = self.fill(step, order)
        yield _statement(step, "ORDER", [(fill.symbol, fill.side)], [_asset(fill.symbol), fill.fee_asset or ""])
        if order is not None:
            executed = order.executed + abs(fill.quantity)
            worth = (order.executed_value or Decimal(0)) + abs(fill.quantity) * fill.price
            order = msgspec.structs.replace(
                order,
                time_ms=action.time_ms,
                status="FILLED" if executed == order.quantity else "PARTIALLY_FILLED",
                execution="CALCULATED" if order.close else "TRADE",
                average_price=round(worth / executed, 5),
                executed=executed,
                executed_value=worth,
            )
            self.orders[action["order"]] = order
            yield order
        yield fill

    def fill(self, step: Told, order: Order | None) -> Fill:
        action = step.action
        symbol, side = (order.symbol, SIDES[order.side]) if order else (action.key[0], SIDES[action.key[1]])
        buys = order.buy if order else action["way"] == "buy"
        self.trades += 1
        self.market_orders += order is None
        return Fill(
            time_ms=action.time_ms,
            symbol=symbol,
            side=side,
            quantity=Decimal(action["quantity"]) if buys else -Decimal(action["quantity"]),
            price=Decimal(action["price"]),
            trade_id=str(self.trades),
            order_id=order.order_id if order else str(self.market_orders),
            client_order_id=order.client_order_id if order else f"mine-{self.market_orders}",
            fee=Decimal(action["fee"]),
            fee_asset=action["fee_asset"],
            realized=Decimal(step.profit),
            maker=False,
            close=order.close if order else "",
        )


def _order(action: Action) -> Order:
    """An order when it is placed: by the trader, or by the venue."""
    symbol, side = action.key
    names = {"liquidation": f"autoclose-{action.time_ms}", "deleveraging": "adl_autoclose"}
    liquidates = action.verb == "liquidation"
    return Order(
        time_ms=action.time_ms,
        symbol=symbol,
        side=SIDES[side],
        order_id=action["order"],
        client_order_id=names.get(action.verb, f"mine-{action['order']}"),
        status="NEW",
        execution="NEW",
        order_type="LIQUIDATION" if liquidates else "LIMIT",
        time_in_force="IOC" if liquidates else "GTC",
        buy=action["way"] == "buy",
        quantity=Decimal(action["quantity"]),
        price=Decimal(action.get("limit") or action["price"]),
        close={"liquidation": "liquidation", "deleveraging": "adl"}.get(action.verb, ""),
    )


def _changed(step: Told) -> Iterator[AnyEvent]:
    """The account update of a line that is no trade; a flow stands before it."""
    action = step.action
    reason = REASONS[action.verb]
    keys = [action.key] if "symbol" in action.words else []
    if action.verb == "funding" and step.positions[action.key].margin == "cross":
        keys = []
    asset = action.get("asset") or _asset(action["symbol"])
    if action.verb in ("deposit", "withdraw", "funding", "clearance", "made good"):
        sign = -1 if action.verb in ("withdraw", "clearance") else 1
        yield Flow(
            time_ms=action.time_ms,
            applied={asset: sign * Decimal(action["amount"])},
            category=UPDATE_REASONS[reason] or "unknown",
            reason=reason,
        )
    yield _statement(step, reason, keys, [] if action.verb == "isolated" else [asset])


def _statement(step: Told, reason: str, keys: list[Key], assets: list[str]) -> Statement:
    return Statement(
        time_ms=step.action.time_ms,
        origin="update",
        about=reason,
        balances=tuple(
            BalancePrint(asset, *map(Decimal, step.wallets.get(asset, ("0", "0"))))
            for asset in dict.fromkeys(filter(None, assets))
        ),
        positions=tuple(_printed(step, key) for key in keys),
    )


def _printed(step: Told, key: Key) -> PositionPrint:
    shown = step.positions[key]
    return PositionPrint(
        key[0],
        SIDES[key[1]],
        quantity=Decimal(shown.quantity),
        entry=Decimal(shown.entry),
        realized=Decimal(shown.realized),
        unrealized=None if shown.unrealized is None else Decimal(shown.unrealized),
        margin="isolated" if shown.margin == "isolated" else "cross",
        isolated_wallet=Decimal(shown.isolated_wallet),
    )


def _margin_call(step: Told) -> Statement:
    """A warning: the cross wallet and the position at risk. What the venue prints beside is left out."""
    symbol, _ = step.action.key
    printed = _printed(step, step.action.key)
    printed = msgspec.structs.replace(printed, entry=None, realized=None)
    balances = ()
    if printed.margin == "cross":
        balances = (BalancePrint(_asset(symbol), cross_wallet=Decimal(step.wallets[_asset(symbol)][1])),)
    return Statement(time_ms=step.action.time_ms, origin="margin_call", balances=balances, positions=(printed,))


def _asset(symbol: str) -> str:
    pair, _, expiry = symbol.partition("_")
    return pair.removesuffix("USD") if expiry else "USDT"

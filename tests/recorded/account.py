"""The made-up account behind the recorded answers: one isolated long that is liquidated, and three weeks before it
1,500 small trades in two days, so that every list is longer than one answer.

    D = EVENT − 6 h   3,000 USDT come in
    + 1 h             long 1 BTC @ 50,000, isolated, 20x; fee 25
    + 2 h             100 USDT of margin are added: isolated wallet 2,575, bankruptcy price 47,425
    + 6 h             the mark falls to 47,500: balance 75 ≤ maintenance 190. The limit order and the stop-loss
                      expire; the venue's order, limited at 47,425, fills at 47,500; clearance takes the 75 left
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from margincall.core.events import (
    AnyEvent,
    BalancePrint,
    Fill,
    Flow,
    MarginMove,
    Order,
    PositionPrint,
    Statement,
    TotalsPrint,
)
from margincall.wire import encode, encode_orders

D = Decimal
HOUR = 3_600_000
MINUTE = 60_000
DAY = 24 * HOUR
EVENT = 1_780_000_020_000
"""2026-05-28 20:27:00 UTC: on a whole minute, so that a rescue's end does not depend on the second it begins."""
START = EVENT - 6 * HOUR
NOISE = START - 20 * DAY
NOISE_TRADES = 1500
NOISE_FEE = D("0.01")
Json = dict[str, Any]


class Account:
    """The rows that each list of one market holds, in order of time."""

    def __init__(self, symbol: str, asset: str, events: list[AnyEvent]) -> None:
        self.symbol = symbol
        self.asset = asset
        self.trades = [encode.user_trade_row(each) for each in events if isinstance(each, Fill)]
        self.income = [row for each in events if isinstance(each, Fill | Flow) for row in encode.income_rows(each)]
        self.margin = [encode.margin_change_row(each) for each in events if isinstance(each, MarginMove)]
        orders = [each for each in events if isinstance(each, Order)]
        self.orders = [encode_orders.order_row(each) for each in orders]
        self.forced = [encode_orders.force_order_row(each) for each in orders if each.close]
        self.symbols = sorted({row["symbol"] for row in self.orders})

    def balances(self) -> BalancePrint:
        """What is left after the liquidation."""
        return BalancePrint(self.asset, wallet=D(400), cross_wallet=D(400), maintenance=D(0), unrealized=D(0))


def usdm() -> Account:
    """The USDⓈ-M account."""
    return Account("BTCUSDT", "USDT", [*_noise(), *_story("BTCUSDT", "USDT")])


def coinm() -> Account:
    """A COIN-M account with the same story (its amounts are not checked, only how it is asked for)."""
    return Account("BTCUSD_PERP", "BTC", list(_story("BTCUSD_PERP", "BTC")))


def _noise() -> Iterator[AnyEvent]:
    """Trades in and out of ETHUSDT at one price: only their fees remain."""
    total = NOISE_FEE * NOISE_TRADES
    yield Flow(time_ms=NOISE - HOUR, applied={"USDT": total}, category="transfer", reason="TRANSFER", tran_id="900")
    for number in range(NOISE_TRADES):
        time_ms, buy = NOISE + number * 2 * MINUTE, number % 2 == 0
        quantity = D("0.010") if buy else D("-0.010")
        yield Order(
            time_ms=time_ms, symbol="ETHUSDT", side="BOTH", order_id=str(10_000 + number),
            client_order_id=f"web_{number}", status="FILLED", execution="", order_type="MARKET", time_in_force="GTC",
            buy=buy, quantity=D("0.010"), price=D(0), average_price=D("2000.00"), executed=D("0.010"),
        )  # fmt: skip
        yield Fill(
            time_ms=time_ms, symbol="ETHUSDT", side="BOTH", quantity=quantity, price=D("2000.00"),
            trade_id=str(50_000 + number), order_id=str(10_000 + number), fee=NOISE_FEE, fee_asset="USDT",
            realized=D(0), maker=False,
        )  # fmt: skip


def _story(symbol: str, asset: str) -> Iterator[AnyEvent]:
    base: dict[str, Any] = {"symbol": symbol, "side": "BOTH", "quantity": D(1)}
    yield Flow(time_ms=START, applied={asset: D(3000)}, category="transfer", reason="TRANSFER", tran_id="901")
    opened = START + HOUR
    yield Order(
        time_ms=opened, order_id="20001", client_order_id="web_open", status="FILLED", execution="",
        order_type="MARKET", time_in_force="GTC", buy=True, price=D(0), average_price=D(50000), executed=D(1), **base,
    )  # fmt: skip
    yield Fill(
        time_ms=opened, price=D(50000), trade_id="60001", order_id="20001", fee=D(25), fee_asset=asset, realized=D(0),
        maker=False, **base,
    )  # fmt: skip
    yield MarginMove(time_ms=START + 2 * HOUR, symbol=symbol, side="BOTH", asset=asset, amount=D(100))
    yield Order(
        time_ms=EVENT - 100, order_id="20002", client_order_id="web_take", status="EXPIRED", execution="",
        order_type="LIMIT", time_in_force="GTC", buy=False, price=D(52000), **base,
    )  # fmt: skip
    client = f"autoclose-{EVENT}000001"
    yield Order(
        time_ms=EVENT, order_id="20003", client_order_id=client, status="FILLED", execution="", order_type="LIMIT",
        time_in_force="IOC", buy=False, price=D(47425), average_price=D(47500), executed=D(1), close="liquidation",
        **base,
    )  # fmt: skip
    yield Fill(
        time_ms=EVENT, trade_id="60002", order_id="20003", price=D(47500), fee=D(0), fee_asset=asset,
        realized=D(-2500), maker=False, **{**base, "quantity": D(-1)},
    )  # fmt: skip
    yield Flow(
        time_ms=EVENT + 20, applied={asset: D(-75)}, category="insurance_clear", reason="INSURANCE_CLEAR",
        symbol=symbol, tran_id="902",
    )  # fmt: skip


def algo_orders() -> list[Json]:
    """The stop-loss that was there, and that the venue forgets after three days."""
    return [
        {
            "algoId": 2146760, "clientAlgoId": "stop", "algoType": "CONDITIONAL", "orderType": "STOP_MARKET",
            "symbol": "BTCUSDT", "side": "SELL", "positionSide": "BOTH", "timeInForce": "GTC", "quantity": "1",
            "algoStatus": "EXPIRED", "triggerPrice": "47000", "price": "0", "icebergQuantity": None,
            "selfTradePreventionMode": "EXPIRE_MAKER", "workingType": "CONTRACT_PRICE", "priceMatch": "NONE",
            "closePosition": False, "priceProtect": False, "reduceOnly": True, "createTime": START + HOUR + 5000,
            "updateTime": EVENT - 90, "triggerTime": 0, "goodTillDate": 0, "actualOrderId": "", "actualPrice": "0",
            "actualQty": "0", "actualType": "",
        }
    ]  # fmt: skip


def account_answer(account: Account) -> Json:
    """The `account` answer since the last change."""
    totals = TotalsPrint(wallet=D(400), unrealized=D(0), balance=D(400), maintenance=D(0))
    statement = Statement(time_ms=EVENT + 20, origin="account", balances=(account.balances(),), totals=totals)
    return encode.account_answer(statement)


def position_rows(account: Account, now_ms: int) -> list[Json]:
    """The `positionRisk` v2 rows of a closed position."""
    print_ = PositionPrint(
        account.symbol, "BOTH", quantity=D(0), entry=D(0), unrealized=D(0), margin="isolated", isolated_wallet=D(0),
        mark=mark_at(now_ms), leverage=20,
    )  # fmt: skip
    return encode.position_risk_rows(Statement(time_ms=EVENT, origin="position_risk", positions=(print_,)))


def mark_at(time_ms: int) -> Decimal:
    """The mark price: 50,000 until an hour before the event, then falling to 47,500, where it stays."""
    minutes = min(max((time_ms - (EVENT - HOUR)) // MINUTE, 0), 60)
    return D(50_000) - D(2_500) * minutes / 60


def candle(time_ms: int) -> list[Any]:
    """The one-minute candle that begins at a time."""
    opened, closed = mark_at(time_ms), mark_at(time_ms + MINUTE)
    high, low = max(opened, closed), min(opened, closed)
    prices = [f"{each:.8f}" for each in (opened, high, low, closed)]
    return [time_ms, *prices, "0", time_ms + MINUTE - 1, "0", 60, "0", "0", "0"]


def brackets(account: Account) -> list[Json]:
    """The bracket tables as they are today."""
    rows = [
        {"bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0, "maintMarginRatio": 0.004,
         "cum": 0.0},
        {"bracket": 2, "initialLeverage": 100, "notionalCap": 600000, "notionalFloor": 50000,
         "maintMarginRatio": 0.005, "cum": 50.0},
    ]  # fmt: skip
    return [{"symbol": symbol, "brackets": rows} for symbol in account.symbols]


def export(account: Account, kind: str) -> bytes:
    """The CSV file of an asynchronous export: byte order mark, CRLF, times in UTC."""
    if kind == "trade":
        head = "Uid,Time(UTC),Symbol,Side,Position Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade Id"
        rows = [
            f"1,{stamp(row['time'])},{row['symbol']},{row['side']},BOTH,{row['price']},{row['qty']},{row['quoteQty']},"
            f"{row['commission']} {row['commissionAsset']},{row['realizedPnl']},{str(row['buyer']).lower()},"
            f"{str(row['maker']).lower()},{row['id']},{row['orderId']}"
            for row in account.trades
        ]
        head += ",Order Id"
    elif kind == "order":
        head = (
            "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price,Average Price,Amount,Executed Amount,"
            "Executed Quote Amount,Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,"
            "Update Time,Order No"
        )
        rows = [
            f"1,{stamp(row['time'])},{row['symbol']},{row['type']},{row['side']},BOTH,{row['price']},"
            f"{row['avgPrice']},{row['origQty']},{row['executedQty']},{row['cumQuote']},{row['stopPrice']},"
            f"{row['status']},{row['clientOrderId']},{row['timeInForce']},0,0,{stamp(row['updateTime'])},{row['orderId']}"
            for row in account.orders
        ]
    else:
        head = "Date(UTC),type,Amount,Asset,Symbol,Transaction ID"
        rows = [
            f"{stamp(row['time'])},{row['incomeType']},{row['income']},{row['asset']},{row['symbol']},{row['tranId']}"
            for row in account.income
        ]
    return ("\ufeff" + "\r\n".join([head, *rows]) + "\r\n").encode()


def stamp(time_ms: int) -> str:
    """A time as the exports print it: whole seconds, UTC."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

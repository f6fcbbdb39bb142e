"""The columns of the futures exports: our name -> the venue's headings, and the exact headers that were seen.

Headings are found whatever their case, spaces and signs (`normal`). Sources and confidence: `docs/spec/exports.md`.
"""

import re
from collections.abc import Mapping

from margincall.core.events import INCOME_TYPES, Category
from margincall.wire.row import Keys

ZONED = ("Time", "Time(UTC)", "Date(UTC)")

TRADE = Keys(
    "trade history",
    {
        "account": ("Uid",),
        "time": ZONED,
        "symbol": ("Symbol",),
        "buy": ("Side",),
        "side": ("Position Side",),
        "price": ("Price",),
        "quantity": ("Quantity",),
        "fee": ("Fee",),
        "fee_asset": ("Fee Coin",),
        "realized": ("Realized Profit",),
        "maker": ("Maker",),
        "trade_id": ("Trade ID",),
        "order_id": ("Order ID",),
    },
    frozenset({"Amount", "Buyer", "Quote Asset"}),
)
"""`Amount` is price × quantity, `Buyer` repeats `Side`."""
TRADE_HEADERS: Mapping[str, str] = {
    "web": "Uid,Time,Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade ID,Order ID",
    "without uid": "Time,Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade ID,Order ID",
    "older": "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Fee Coin,Realized Profit,Quote Asset",
    "asyn": "Uid,Time(UTC),Symbol,Side,Position Side,Price,Quantity,Amount,Fee,Realized Profit,"
    "Buyer,Maker,Trade Id,Order Id",
}

ORDER = Keys(
    "order history",
    {
        "account": ("Uid",),
        "time": ZONED,
        "symbol": ("Symbol",),
        "type": ("Type",),
        "buy": ("Side",),
        "side": ("Position Side",),
        "price": ("Price",),
        "average_price": ("Average Price",),
        "quantity": ("Amount",),
        "executed": ("Executed Amount",),
        "executed_value": ("Executed Quote Amount",),
        "stop_price": ("Stop Price",),
        "status": ("Status",),
        "client_order_id": ("Client Order Id",),
        "time_in_force": ("Time In Force",),
        "update_time": ("Update Time",),
        "order_id": ("Order No",),
    },
    frozenset({"Activate Price", "Price Rate"}),
)
ORDER_HEADERS: Mapping[str, str] = {
    variant: f"Uid,{time},Symbol,Type,Side,Position Side,Price,Average Price,Amount,Executed Amount,"
    "Executed Quote Amount,Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,"
    "Update Time,Order No"
    for variant, time in (("web", "Time"), ("asyn", "Time(UTC)"))
}

TRANSACTION = Keys(
    "transaction history",
    {
        "time": ZONED,
        "type": ("Type",),
        "amount": ("Amount",),
        "asset": ("Asset",),
        "symbol": ("Symbol",),
        "tran_id": ("Transaction ID",),
    },
    frozenset({"Uid"}),
)
TRANSACTION_HEADERS: Mapping[str, str] = {
    "web": "Time,Type,Amount,Asset,Symbol,Transaction ID",
    "legacy": "Date(UTC),type,Amount,Asset,Symbol,Transaction ID",
}

POSITION = Keys(
    "position history",
    {
        "symbol": ("Symbol",),
        "margin": ("Margin Mode",),
        "side": ("Position Side",),
        "entry": ("Entry Price",),
        "average_close": ("Avg. Close Price",),
        "max_quantity": ("Max Open Interest",),
        "closed_quantity": ("Closed Vol.",),
        "realized": ("Closing PNL",),
        "opened": ("Opened",),
        "time": ("Closed",),
        "status": ("Status",),
    },
    frozenset({"Uid"}),
)
POSITION_HEADERS: Mapping[str, str] = {
    "web": "Symbol,Margin Mode,Position Side,Entry Price,Avg. Close Price,Max Open Interest,Closed Vol.,"
    "Closing PNL,Opened,Closed,Status"
}

STATEMENT = Keys(
    "statement",
    {
        "account": ("User_ID", "User ID"),
        "time": ("UTC_Time", "Time"),
        "wallet": ("Account",),
        "operation": ("Operation",),
        "asset": ("Coin",),
        "amount": ("Change",),
    },
    frozenset({"Remark"}),
)
STATEMENT_HEADERS: Mapping[str, str] = {
    "older": "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark",
    "newer": "User ID,Time,Account,Operation,Coin,Change,Remark",
    "without user id": "UTC_Time,Account,Operation,Coin,Change,Remark",
}
"""`Generate all statements`: every account of the user, spot and earn too."""

TRANSACTION_TYPES: Mapping[str, Category] = {**INCOME_TYPES, "DEPOSIT": "transfer", "WITHDRAW": "transfer"}
"""Types of the transaction history: those of the income history, and two that only old files have."""

OPERATIONS: Mapping[str, Category] = {
    "realize profit and loss": "realized_pnl",
    "realized profit and loss": "realized_pnl",
    "fee": "commission",
    "funding fee": "funding",
    "insurance fund compensation": "insurance_clear",
    "insurance fund refund": "insurance_clear",
    "referrer rebates": "rebate",
    "referee rebates": "rebate",
    "asset conversion transfer": "conversion",
    "futures convert": "conversion",
    "transfer_in": "transfer",
    "transfer_out": "transfer",
    "transfer between spot account and um futures account": "transfer",
    "transfer between spot account and cm futures account": "transfer",
    "transfer between main account/futures and margin account": "transfer",
}
"""Operations of a statement's futures accounts, in lower case."""

USD_M, COIN_M = "USD-M", "COIN-M"
WALLETS: Mapping[str, str] = {
    "usdtfutures": USD_M,
    "usdmfutures": USD_M,
    "coinmfutures": COIN_M,
    "coinfutures": COIN_M,
}
"""The futures accounts of a statement by their normal form; both have a wallet of their own."""


def normal(heading: str) -> str:
    """A heading in the form by which it is found: lower case, without spaces and signs."""
    return re.sub(r"[^\w()]|_", "", heading.lower())

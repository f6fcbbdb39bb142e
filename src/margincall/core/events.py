"""What happened, in the venue's order: the closed set of events that an account is folded from.

Amounts in `applied` are what the venue booked, as printed. A `Statement` is what the venue printed about a state; it
is never applied, only compared. Total order: `(time_ms, seq)`, where `seq` is given by the reader from the venue's
sequence, the trade id and the place in the source.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.account import MarginType, PositionSide

Category = Literal[
    "opening",
    "transfer",
    "funding",
    "commission",
    "realized_pnl",
    "untraded_pnl",
    "insurance_clear",
    "adjustment",
    "conversion",
    "options",
    "rebate",
    "bonus",
    "reward",
    "settlement",
    "position_limit_fee",
    "strategy",
    "unknown",
]
"""Ledger categories of a wallet change."""

UPDATE_REASONS: Mapping[str, Category | None] = {
    "DEPOSIT": "transfer",
    "WITHDRAW": "transfer",
    "ORDER": None,
    "FUNDING_FEE": "funding",
    "WITHDRAW_REJECT": "transfer",
    "ADJUSTMENT": "adjustment",
    "INSURANCE_CLEAR": "insurance_clear",
    "ADMIN_DEPOSIT": "transfer",
    "ADMIN_WITHDRAW": "transfer",
    "MARGIN_TRANSFER": None,
    "MARGIN_TYPE_CHANGE": None,
    "ASSET_TRANSFER": "transfer",
    "OPTIONS_PREMIUM_FEE": "options",
    "OPTIONS_SETTLE_PROFIT": "options",
    "AUTO_EXCHANGE": "conversion",
    "COIN_SWAP_DEPOSIT": "conversion",
    "COIN_SWAP_WITHDRAW": "conversion",
}
"""ACCOUNT_UPDATE reasons `m` (Binance documentation, 2026-05). None: the wallet is changed by another event, or not."""

INCOME_TYPES: Mapping[str, Category] = {
    "TRANSFER": "transfer",
    "WELCOME_BONUS": "bonus",
    "REALIZED_PNL": "realized_pnl",
    "FUNDING_FEE": "funding",
    "COMMISSION": "commission",
    "INSURANCE_CLEAR": "insurance_clear",
    "REFERRAL_KICKBACK": "rebate",
    "COMMISSION_REBATE": "rebate",
    "API_REBATE": "rebate",
    "CONTEST_REWARD": "reward",
    "CROSS_COLLATERAL_TRANSFER": "transfer",
    "OPTIONS_PREMIUM_FEE": "options",
    "OPTIONS_SETTLE_PROFIT": "options",
    "INTERNAL_TRANSFER": "transfer",
    "AUTO_EXCHANGE": "conversion",
    "DELIVERED_SETTELMENT": "settlement",
    "COIN_SWAP_DEPOSIT": "conversion",
    "COIN_SWAP_WITHDRAW": "conversion",
    "POSITION_LIMIT_INCREASE_FEE": "position_limit_fee",
    "STRATEGY_UMFUTURES_TRANSFER": "strategy",
    "FEE_RETURN": "rebate",
    "BFUSD_REWARD": "reward",
    "SPECIAL_FUNDING_FEE": "funding",
}
"""`incomeType` of the income history (Binance documentation and SDK 18.1; the misspelling is the venue's)."""

CloseKind = Literal["", "liquidation", "adl", "settlement"]
"""How an order came about: by the trader, by liquidation, by auto-deleveraging, by delisting or delivery."""


class Source(Struct, frozen=True, gc=False):
    """Where an event was read: file and line, or file and byte."""

    file: str
    line: int | None = None
    byte: int | None = None

    def __str__(self) -> str:
        place = self.line if self.line is not None else f"byte {self.byte}" if self.byte is not None else None
        return self.file if place is None else f"{self.file}:{place}"


NOWHERE = Source("")


class Event(
    Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """What all events carry. Times are milliseconds since 1970, UTC. `account` is the user's id where the source prints
    one; it is empty where all that the source tells is of one account.

    Events are values that hold no other events, so the garbage collector need not look for cycles among them (`gc`):
    a million of them cost a quarter of the time.
    """

    time_ms: int
    v: int = 1
    seq: int = 0
    source: Source = NOWHERE
    received_ms: int | None = None
    account: str = ""
    applied: Mapping[str, Decimal] = {}


class Fill(Event, frozen=True, kw_only=True, tag="fill"):
    """One trade of one order. `quantity` is signed: positive buys. `fee` (positive: paid) and `realized` are as
    printed, none where the source does not print them. `applied` is left empty: what a fill applies follows from its
    fields."""

    symbol: str
    side: PositionSide
    quantity: Decimal
    price: Decimal
    trade_id: str
    order_id: str = ""
    client_order_id: str = ""
    fee: Decimal | None = None
    fee_asset: str | None = None
    realized: Decimal | None = None
    maker: bool | None = None
    close: CloseKind = ""


class Flow(Event, frozen=True, kw_only=True, tag="flow"):
    """A wallet change that is not a fill: transfers, funding, clearance, … `reason` is the venue's word."""

    category: Category
    reason: str
    symbol: str = ""
    side: PositionSide | None = None
    tran_id: str = ""
    trade_id: str = ""


class MarginMove(Event, frozen=True, kw_only=True, tag="margin_move"):
    """Margin moved between the cross wallet and an isolated position: positive adds to the position."""

    symbol: str
    side: PositionSide
    asset: str
    amount: Decimal


class Setting(Event, frozen=True, kw_only=True, tag="setting"):
    """A changed setting; only the given ones change."""

    symbol: str = ""
    leverage: int | None = None
    margin: MarginType | None = None
    multi_assets: bool | None = None


class Order(Event, frozen=True, kw_only=True, tag="order"):
    """A state of an order that is not a fill: placed, cancelled, expired (`expire_reason` 5: the account was
    liquidated). `executed_value` is what was executed in the margin asset, as printed: an average price is rounded."""

    symbol: str
    side: PositionSide
    order_id: str
    client_order_id: str
    status: str
    execution: str
    order_type: str
    time_in_force: str
    buy: bool
    quantity: Decimal
    price: Decimal
    stop_price: Decimal | None = None
    average_price: Decimal | None = None
    executed: Decimal = Decimal(0)
    executed_value: Decimal | None = None
    reduce_only: bool = False
    close_position: bool = False
    expire_reason: str | None = None
    close: CloseKind = ""


class BalancePrint(Struct, frozen=True):
    """What the venue printed about one asset."""

    asset: str
    wallet: Decimal | None = None
    cross_wallet: Decimal | None = None
    change: Decimal | None = None
    maintenance: Decimal | None = None
    unrealized: Decimal | None = None


class PositionPrint(Struct, frozen=True):
    """What the venue printed about one position."""

    symbol: str
    side: PositionSide
    quantity: Decimal | None = None
    entry: Decimal | None = None
    realized: Decimal | None = None
    unrealized: Decimal | None = None
    margin: MarginType | None = None
    isolated_wallet: Decimal | None = None
    mark: Decimal | None = None
    maintenance: Decimal | None = None
    liquidation_price: Decimal | None = None
    leverage: int | None = None


class TotalsPrint(Struct, frozen=True):
    """The account-wide sums of an `account` answer, or of a support reply."""

    wallet: Decimal | None = None
    unrealized: Decimal | None = None
    balance: Decimal | None = None
    maintenance: Decimal | None = None


StatementReason = Literal["update", "margin_call", "account", "position_risk", "support"]


class Statement(Event, frozen=True, kw_only=True, tag="statement"):
    """The venue's word on a state at `time_ms`; `about` is the venue's reason (ORDER, FUNDING_FEE, …) for updates."""

    origin: StatementReason
    about: str = ""
    balances: tuple[BalancePrint, ...] = ()
    positions: tuple[PositionPrint, ...] = ()
    totals: TotalsPrint | None = None


class MarkPrice(Event, frozen=True, kw_only=True, tag="mark_price"):
    """The mark price of a symbol as the venue published it."""

    symbol: str
    price: Decimal


class IndexPrice(Event, frozen=True, kw_only=True, tag="index_price"):
    """The USD index of a collateral asset with its bid and ask rates (multi-assets mode)."""

    asset: str
    index: Decimal
    bid: Decimal
    ask: Decimal


class MarkCandle(Event, frozen=True, kw_only=True, tag="mark_candle"):
    """The mark price of a symbol over the `interval_ms` that begin at `time_ms`."""

    symbol: str
    interval_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class PositionClosed(Event, frozen=True, kw_only=True, tag="position_closed"):
    """What the position history prints about a position that was closed at `time_ms`; never applied, only compared.

    `side` is the position's direction, also in one-way mode. Quantities are unsigned; `realized` is gross of fees.
    """

    symbol: str
    side: PositionSide
    margin: MarginType
    entry: Decimal
    average_close: Decimal
    max_quantity: Decimal
    closed_quantity: Decimal
    realized: Decimal
    opened_ms: int


AnyEvent = Fill | Flow | MarginMove | Setting | Order | Statement | MarkPrice | IndexPrice | MarkCandle | PositionClosed

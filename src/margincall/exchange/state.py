"""The state of an exchange: accounts, markets and counters. Only `step` changes it.

An account's money and positions are the value of `core/account.py`, folded from the account's events; what is kept
beside it here is what has no place in a history: open orders, what they reserve, and what the desk remembers.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.account import Account, AssetIndex, Marks, PositionKey, PositionSide
from margincall.core.contract import Contract
from margincall.core.protocol.mark import Constituent
from margincall.core.protocol.moves import FUND, VENUE_ACCOUNTS
from margincall.core.units import ZERO, Price
from margincall.exchange.book import Book, Lots, OrderId, Side, Ticks
from margincall.exchange.commands import WITH_POSITION, OrderKind, OrderTimeInForce, WorkingType
from margincall.exchange.events import AnyExchangeEvent
from margincall.exchange.matching import SelfTradePrevention
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.triggers import Triggers
from margincall.exchange.watch import Watch


class OpenOrder(Struct, kw_only=True, gc=False):
    """An order that lives: it rests in the book, or waits for its trigger (`waiting`).

    `lots` is what was ordered (0: `close_position`), `filled` what of it has traded for `traded_value` (unsigned, in
    the margin asset). `extreme` is the best price since a trailing stop was activated.
    """

    id: OrderId
    account: str
    symbol: str
    position_side: PositionSide
    side: Side
    kind: OrderKind
    lots: Lots
    ticks: Ticks | None
    time_in_force: OrderTimeInForce
    reduce_only: bool
    client_order_id: str
    placed_ms: int
    self_trade_prevention: SelfTradePrevention = "EXPIRE_MAKER"
    close_position: bool = False
    filled: Lots = Lots(0)
    traded_value: Decimal = ZERO
    waiting: bool = False
    stop_price: Decimal | None = None
    working_type: WorkingType = "CONTRACT_PRICE"
    price_protect: bool = False
    activation_price: Decimal | None = None
    callback_rate: Decimal | None = None
    extreme: Decimal | None = None
    original_kind: OrderKind | None = None
    """What kind it was before it was triggered; none where it is that still."""
    rested: int = 0
    """When it came to rest, as a number that grows: at one price its place in the queue."""
    good_till_ms: int | None = None
    reserved: Decimal = ZERO
    """What it adds to the exposure of its position while it rests."""

    @property
    def left(self) -> Lots:
        """Lots that have not traded."""
        return Lots(self.lots - self.filled)

    @property
    def key(self) -> PositionKey:
        """The position that the order belongs to."""
        return self.symbol, self.position_side

    @property
    def closes(self) -> bool:
        """Whether the order may only reduce."""
        if self.position_side == "BOTH":
            return self.reduce_only or self.close_position
        return only_reduces(self.position_side, buys=self.side == "BUY", flagged=False)

    @property
    def tied(self) -> bool:
        """Whether the order expires when its position ends."""
        return self.waiting and self.time_in_force == WITH_POSITION


def only_reduces(side: PositionSide, *, buys: bool, flagged: bool) -> bool:
    """Whether an order may only reduce its position: by its flag, or in hedge mode by its side."""
    return flagged if side == "BOTH" else (side == "LONG") != buys


class Exposure(Struct, gc=False):
    """What the resting orders of one position could add to it: unsigned values at their prices, in the margin asset;
    orders that only reduce add nothing."""

    buys: Decimal = ZERO
    sells: Decimal = ZERO
    reduce_only: int = 0
    """How many resting orders only reduce."""


class Trader(Struct, kw_only=True):
    """An account of the books with its orders; `warned` are the pools whose owner was told, `topped_up` whether the
    owner transferred money in while the wallet was negative: then it is not cleared by itself."""

    name: str
    account: Account = Account()
    hedge: bool = False
    orders: dict[OrderId, OpenOrder] = {}
    client_ids: dict[str, OrderId] = {}
    exposures: dict[PositionKey, Exposure] = {}
    reducing: int = 0
    """How many of its resting orders only reduce."""
    tied: int = 0
    """How many of its orders expire when their position ends."""
    quotes: dict[str, list[OrderId]] = {}
    """The orders of the account's quote, by symbol; those that are gone may still be named."""
    warned: list[str] = []
    topped_up: bool = False


class Market(Struct, kw_only=True):
    """One symbol: its book, prices and clocks. `samples` of the basis and `premiums` are the newest last."""

    contract: Contract
    listing: Listing
    book: Book
    mark: Price | None = None
    previous_mark: Price | None = None
    last: Price | None = None
    index: Price | None = None
    live_mark: Price | None = None
    """The last mark that had an index, while none has one and the last price rules; else none."""
    sources: dict[str, Constituent] = {}
    samples: list[Decimal] = []
    premiums: list[Decimal] = []
    rates: list[Decimal] = []
    funding_hours: int = 8
    next_funding_ms: int | None = None
    rate: Decimal = ZERO
    waiting: dict[OrderId, OpenOrder] = {}
    """Orders that wait for their trigger, oldest first."""
    triggers: Triggers


class Liquidation(Struct, frozen=True, kw_only=True):
    """One line of the public history: when, of whom, at which price, how much was lost. `quantity` is signed as fills
    are, `price` the average of them (of an inverse contract the harmonic one), `lost` in `asset`."""

    number: int
    time_ms: int
    account: str
    pool: str
    symbol: str
    quantity: Decimal
    price: Decimal
    lost: Decimal
    asset: str


class DeleveragingLine(Struct, frozen=True, kw_only=True):
    """One position that was closed for the liquidation `number` of `counterparty`. `quantity` is signed as the fill of
    `account` is; `rank` (from 1), `lights` and `score` are its place in the queue."""

    number: int
    time_ms: int
    account: str
    counterparty: str
    symbol: str
    side: PositionSide
    quantity: Decimal
    price: Decimal
    rank: int
    lights: int
    score: Decimal


class SharedLossLine(Struct, frozen=True, kw_only=True):
    """What one account was charged for the loss of the liquidation `number` of `counterparty`, by which rule; `amount`
    (positive) in `asset`."""

    number: int
    time_ms: int
    account: str
    counterparty: str
    asset: str
    amount: Decimal
    rule: str


class FundEntry(Struct, frozen=True, kw_only=True):
    """One change of the insurance fund's wallet, and what it holds after."""

    time_ms: int
    reason: str
    asset: str
    amount: Decimal
    balance: Decimal


class DisputeEntry(Struct, frozen=True, kw_only=True):
    """One dispute of a liquidation, or of what another's liquidation did to the account (`about`): `refund` is what was
    booked, `unpaid` what the fund did not have."""

    number: int
    account: str
    liquidation: int
    pool: str
    """The pool that was liquidated; empty where the account was hit by another's liquidation."""
    opened_ms: int
    status: Literal["open", "upheld", "rejected"] = "open"
    decided_ms: int | None = None
    refund: Mapping[str, Decimal] = {}
    unpaid: Mapping[str, Decimal] = {}
    findings: tuple[str, ...] = ()
    about: Literal["liquidation", "deleveraging", "shared_loss"] = "liquidation"


class Exchange(Struct, kw_only=True):
    """All of it. `traders` holds the venue's own accounts too; `prices` and `indices` are the marks that `core`
    sees."""

    rules: RuleSet
    genuine: RuleSet
    """The rules without what an operator's fault has put wrong."""
    time_ms: int = 0
    traders: dict[str, Trader] = {}
    markets: dict[str, Market] = {}
    prices: dict[str, Price] = {}
    indices: dict[str, AssetIndex] = {}
    orders: dict[OrderId, OpenOrder] = {}
    """All orders that live, by id; the same that their traders hold."""
    next_order: int = 1
    next_trade: int = 1
    next_flow: int = 1
    next_liquidation: int = 1
    next_dispute: int = 1
    deleveragings: int = 0
    deposits: dict[str, Decimal] = {}
    """Money that came in from outside, less what went out, by asset: what the books must add up to."""
    fees_due: dict[str, Decimal] = {}
    """Fees of the step that goes on, not yet booked; empty between steps."""
    countdowns: dict[str, int] = {}
    """When all orders of `account symbol` are taken back."""
    timers: list[tuple[int, str, str]] = []
    """What falls due, sorted: time, kind and what it is about (`exchange/timers.py`)."""
    faults: dict[str, Decimal | None] = {}
    """Faults that are on, as `kind` or `kind:symbol`, with their value."""
    watch: Watch
    liquidations: list[Liquidation] = []
    deleveraged: list[DeleveragingLine] = []
    shared_losses: list[SharedLossLine] = []
    disputes: dict[int, DisputeEntry] = {}
    """All disputes by number."""
    disputed: dict[int, int] = {}
    """The number of the dispute, by the liquidation's."""
    hits_disputed: dict[tuple[int, str], int] = {}
    """The number of the dispute of what a liquidation did to another account, by the liquidation's and the account."""
    fund_history: list[FundEntry] = []

    @property
    def marks(self) -> Marks:
        """The marks of this moment; they follow the state."""
        return Marks(self.prices, self.indices)

    @property
    def fund(self) -> Trader:
        """The insurance fund."""
        return self.traders[FUND]

    def owners(self) -> Iterator[Trader]:
        """The accounts of traders, by name, without the venue's own."""
        for name in sorted(self.traders):
            if name not in VENUE_ACCOUNTS:
                yield self.traders[name]


Events = list[AnyExchangeEvent]

"""What the exchange says happened: the closed set of events that `step` returns.

What happened to an account is said in the words of `core/events.py` (`Fill`, `Flow`, `MarginMove`, `Setting`, `Order`):
each account of the exchange *is* the fold of its events, and they are what its exports and streams are written from.
The events here say what concerns the market, the books of the venue, or the course of a liquidation. Each event of a
liquidation names its rule, the assumptions it rests on, and the amounts applied.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import PositionSide
from margincall.core.events import Fill, Flow, IndexPrice, MarginMove, MarkPrice, Order, Setting
from margincall.core.protocol.moves import MoveReason


class ExchangeEvent(Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, gc=False):
    """Base of the exchange's own events. `time_ms` is the exchange's clock."""

    time_ms: int


class Rejected(ExchangeEvent, frozen=True, kw_only=True, tag="rejected"):
    """A command that was refused and changed nothing. `code` and `text` are the venue's (`exchange/rejections.py`);
    `place` is its place in a batch."""

    code: int
    text: str
    place: int | None = None


class AccountOpened(ExchangeEvent, frozen=True, kw_only=True, tag="account_opened"):
    """A new account."""

    account: str


class PositionMode(ExchangeEvent, frozen=True, kw_only=True, tag="position_mode"):
    """The account is in hedge mode now, or in one-way mode."""

    account: str
    hedge: bool


class Trade(ExchangeEvent, frozen=True, kw_only=True, tag="trade"):
    """A public trade: unsigned quantity; `buyer_is_maker` as the venue prints it."""

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool


class TriggerRefused(ExchangeEvent, frozen=True, kw_only=True, tag="trigger_refused"):
    """A conditional order was triggered, and what it should become was refused, as a command would be: `code` and
    `text` are the venue's. The order has expired."""

    account: str
    symbol: str
    order_id: int
    code: int
    text: str


class Quoted(ExchangeEvent, frozen=True, kw_only=True, tag="quoted"):
    """A market maker's quote stands. `bids` and `asks` are the ids of its orders, one for each level that was asked,
    best price first, and of one price as asked. So they name orders that traded away or expired at once, too: what
    became of those is told before, by their own events; the others rest as asked, and no NEW is told of them."""

    account: str
    symbol: str
    bids: tuple[int, ...]
    asks: tuple[int, ...]


class IndexSet(ExchangeEvent, frozen=True, kw_only=True, tag="index_set"):
    """The index of a symbol, with the median of its sources."""

    symbol: str
    index: Decimal
    median: Decimal


class FundingSet(ExchangeEvent, frozen=True, kw_only=True, tag="funding_set"):
    """The rate of an interval that ended, with its terms; payments follow as flows."""

    symbol: str
    rate: Decimal
    premium: Decimal
    mark: Decimal
    hours: int


class Moved(ExchangeEvent, frozen=True, kw_only=True, tag="moved"):
    """Money moved within the books, for the rule that its reason names; the flows of the two accounts say the same to
    each of them."""

    reason: MoveReason
    giver: str
    taker: str
    asset: str
    amount: Decimal
    assumptions: tuple[str, ...] = ()


class Warned(ExchangeEvent, frozen=True, kw_only=True, tag="warned"):
    """A margin call: a pool's ratio has reached the warning threshold (assumed: `warning-threshold`)."""

    account: str
    pool: str
    ratio: Decimal
    balance: Decimal
    maintenance: Decimal
    assumptions: tuple[str, ...] = ("warning-threshold",)


class LiquidationStarted(ExchangeEvent, frozen=True, kw_only=True, tag="liquidation_started"):
    """A pool at its trigger, with the terms that say so and the marks they were computed at."""

    number: int
    account: str
    pool: str
    balance: Decimal
    maintenance: Decimal
    marks: Mapping[str, Decimal]
    rule: str = "maintenance margin reached"
    assumptions: tuple[str, ...] = ("trigger-comparison",)


class LiquidationStep(ExchangeEvent, frozen=True, kw_only=True, tag="liquidation_step"):
    """One step of a liquidation: what the rule asked for (`asked`), what was applied. Quantities are signed as fills
    of the liquidated account are; a fee is positive where the account pays it, asked before it is bounded by what is
    there. `orders` are the ids of those that a cancellation expired."""

    number: int
    account: str
    step: str
    rule: str
    symbol: str = ""
    side: PositionSide = "BOTH"
    asked: Decimal = Decimal(0)
    price: Decimal | None = None
    applied: Mapping[str, Decimal] = {}
    assumptions: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()


class LiquidationEnded(ExchangeEvent, frozen=True, kw_only=True, tag="liquidation_ended"):
    """How a liquidation ended: `lost` is the fall of the account's wallet, by asset; `uncovered` what nobody took."""

    number: int
    account: str
    pool: str
    lost: Mapping[str, Decimal]
    uncovered: Mapping[str, Decimal] = {}


class Deleveraged(ExchangeEvent, frozen=True, kw_only=True, tag="deleveraged"):
    """An account's position was closed for somebody else's liquidation. `quantity` is signed as its fill is."""

    number: int
    account: str
    symbol: str
    side: PositionSide
    quantity: Decimal
    price: Decimal
    rank: int
    lights: int
    score: Decimal
    assumptions: tuple[str, ...] = ("deleveraging-pnl", "deleveraging-ties", "deleveraging-lights")
    rule: str = ""


class LossShared(ExchangeEvent, frozen=True, kw_only=True, tag="loss_shared"):
    """A loss beyond the fund, and who bears it by which rule; `left` is the debt that stays until it is written off."""

    account: str
    asset: str
    rule: str
    loss: Decimal
    fund: Decimal
    charges: Mapping[str, Decimal]
    left: Decimal
    assumptions: tuple[str, ...] = ()


class FaultSet(ExchangeEvent, frozen=True, kw_only=True, tag="fault_set"):
    """The operator's fault, on or off; only the operator is told."""

    fault: str
    on: bool
    symbol: str
    value: Decimal | None
    asset: str = ""
    account: str = ""


class Disputed(ExchangeEvent, frozen=True, kw_only=True, tag="disputed"):
    """A dispute was taken in."""

    number: int
    account: str
    liquidation: int


class DisputeDecided(ExchangeEvent, frozen=True, kw_only=True, tag="dispute_decided"):
    """The desk's answer: upheld with the refund that was booked, or rejected; with what it found. `unpaid` is what the
    fund did not have."""

    number: int
    account: str
    liquidation: int
    upheld: bool
    refund: Mapping[str, Decimal]
    findings: tuple[str, ...]
    unpaid: Mapping[str, Decimal] = {}


AnyExchangeEvent = (
    Rejected | TriggerRefused | AccountOpened | PositionMode | Quoted | Trade | IndexSet | FundingSet | Moved | Warned
    | LiquidationStarted | LiquidationStep | LiquidationEnded | Deleveraged | LossShared
    | FaultSet | Disputed | DisputeDecided
    | Fill | Flow | MarginMove | Setting | Order | MarkPrice | IndexPrice
)  # fmt: skip

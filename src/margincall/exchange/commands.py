"""What can be asked of the exchange: the closed set of commands. Nothing else changes its state.

Time and prices arrive as commands too: `Advance` moves the clock, and all other commands happen at the time that it
reads. Decimals are money, prices and quantities as the venue's API takes them; sizes are unsigned, the side says the
direction. `decode` reads one command from JSON and refuses what is not one.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct, structs

from margincall.core.account import MarginType, PositionSide
from margincall.exchange.book import Side
from margincall.exchange.matching import SelfTradePrevention, TimeInForce
from margincall.wire.numbers import AMOUNT_DIGITS, NUMBER, is_plausible
from margincall.wire.problems import excerpt

LARGEST = 2**63

OrderKind = Literal[
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"
]
WorkingType = Literal["MARK_PRICE", "CONTRACT_PRICE"]
WITH_POSITION: Final = "GTE_GTC"
"""While it waits an order lives as long as the position that it could reduce; triggered it is good till cancelled."""
OrderTimeInForce = Literal[TimeInForce, "GTE_GTC"]
"""Those of the book, and that of orders that wait alone."""
FaultKind = Literal[
    "stale_index", "wrong_mark", "late_liquidation", "orders_not_cancelled", "wrong_brackets", "wrong_clearance_rate",
    "stale_asset_index", "wrong_asset_index", "early_liquidation", "fee_twice", "wrong_fee_base",
    "fill_beyond_bankruptcy", "adl_out_of_rank", "wrong_funding_rate", "socialise_despite_fund",
    "oversized_order", "wrong_entry", "wrong_commission", "needless_takeover", "adl_commission", "oversized_adl",
]  # fmt: skip


class Command(
    Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """Base of all commands; the JSON key `command` names the kind. What is left at its default is not written."""


class Advance(Command, frozen=True, kw_only=True, tag="advance"):
    """The clock reads `time_ms` now (milliseconds since 1970, UTC). What falls due until then happens first."""

    time_ms: int


class OpenAccount(Command, frozen=True, kw_only=True, tag="open_account"):
    """A new account, without money, in one-way and single-asset mode."""

    account: str


class Transfer(Command, frozen=True, kw_only=True, tag="transfer"):
    """Money into the futures wallet, or out of it where `amount` is negative."""

    account: str
    asset: str
    amount: Decimal


class SetLeverage(Command, frozen=True, kw_only=True, tag="set_leverage"):
    """Leverage of a symbol: it bounds what may be opened, not what must be maintained."""

    account: str
    symbol: str
    leverage: int


class SetMarginType(Command, frozen=True, kw_only=True, tag="set_margin_type"):
    """Cross or isolated, per symbol; refused while there is a position or an order."""

    account: str
    symbol: str
    margin: MarginType


class SetPositionMode(Command, frozen=True, kw_only=True, tag="set_position_mode"):
    """Hedge mode (LONG and SHORT) or one-way mode (BOTH), for the whole account."""

    account: str
    hedge: bool


class SetAssetMode(Command, frozen=True, kw_only=True, tag="set_asset_mode"):
    """Multi-assets mode (all collateral backs all cross positions) or single-asset mode."""

    account: str
    multi_assets: bool


class MoveMargin(Command, frozen=True, kw_only=True, tag="move_margin"):
    """Margin from the cross wallet to an isolated position, or back where `amount` is negative."""

    account: str
    symbol: str
    amount: Decimal
    position_side: PositionSide = "BOTH"


class PlaceOrder(Command, frozen=True, kw_only=True, tag="place_order"):
    """A new order. `quantity` is absent only with `close_position`; `good_till_ms` belongs to GTD; `callback_rate` of a
    trailing stop is in percent."""

    account: str
    symbol: str
    side: Side
    type: OrderKind
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: OrderTimeInForce | None = None
    position_side: PositionSide = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    stop_price: Decimal | None = None
    activation_price: Decimal | None = None
    callback_rate: Decimal | None = None
    working_type: WorkingType = "CONTRACT_PRICE"
    price_protect: bool = False
    self_trade_prevention: SelfTradePrevention = "EXPIRE_MAKER"
    good_till_ms: int | None = None
    client_order_id: str = ""


class AmendOrder(Command, frozen=True, kw_only=True, tag="amend_order"):
    """Another price and size for a resting limit order; `quantity` counts what was filled before."""

    account: str
    symbol: str
    order_id: int
    quantity: Decimal
    price: Decimal


class CancelOrder(Command, frozen=True, kw_only=True, tag="cancel_order"):
    """Take an order back, by the venue's id or by the client's."""

    account: str
    symbol: str
    order_id: int | None = None
    client_order_id: str = ""


class CancelAll(Command, frozen=True, kw_only=True, tag="cancel_all"):
    """Take back all orders of a symbol."""

    account: str
    symbol: str


class Level(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One price of a quote."""

    price: Decimal
    quantity: Decimal


class Quote(Command, frozen=True, kw_only=True, tag="quote"):
    """A market maker's orders on both sides of a symbol, in place of those of its quote before; none: take it back.

    In one-way mode. What rests is told by one event instead of one for each order.
    """

    account: str
    symbol: str
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class Countdown(Command, frozen=True, kw_only=True, tag="countdown"):
    """Take back all orders of a symbol in `countdown_ms`, unless it is set anew before; 0 stops it."""

    account: str
    symbol: str
    countdown_ms: int


class Batch(Command, frozen=True, kw_only=True, tag="batch"):
    """Up to five orders, amendments or cancellations, or ten cancellations; each is answered by itself."""

    commands: tuple[PlaceOrder | AmendOrder | CancelOrder, ...]


class SetMark(Command, frozen=True, kw_only=True, tag="set_mark"):
    """The mark price of a symbol whose mark is given from outside (a recorded path)."""

    symbol: str
    price: Decimal


class SetMarks(Command, frozen=True, kw_only=True, tag="set_marks"):
    """The marks of several symbols at one moment, as a venue publishes them: accounts are looked at once, at all of
    them."""

    prices: dict[str, Decimal]


class Source(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What one spot source of an index says."""

    name: str
    price: Decimal
    weight: Decimal = Decimal(1)


class SetIndex(Command, frozen=True, kw_only=True, tag="set_index"):
    """What the spot sources of a symbol's index say now; one that is not named keeps its price and its time."""

    symbol: str
    sources: tuple[Source, ...]


class SetAssetIndex(Command, frozen=True, kw_only=True, tag="set_asset_index"):
    """USD price of a collateral asset with its bid and ask rates (multi-assets mode)."""

    asset: str
    index: Decimal
    bid: Decimal
    ask: Decimal


class Fund(Command, frozen=True, kw_only=True, tag="fund"):
    """The operator pays into the insurance fund."""

    asset: str
    amount: Decimal


class InjectFault(Command, frozen=True, kw_only=True, tag="inject_fault"):
    """The operator lets the exchange err as real venues did, until `on` is false, about a symbol, an asset, a symbol of
    one `account`, or all of it. `value` is the wrong price, index or rate, a factor, or how far it errs: its unit is
    that of its kind (`exchange/faults.py`)."""

    kind: FaultKind
    on: bool
    symbol: str = ""
    value: Decimal | None = None
    asset: str = ""
    account: str = ""


class Dispute(Command, frozen=True, kw_only=True, tag="dispute"):
    """An account disputes one of its liquidations, by number."""

    account: str
    liquidation: int


class Decide(Command, frozen=True, kw_only=True, tag="decide"):
    """The desk answers a dispute (`exchange/judgement.py`): upheld with a refund by asset, or rejected; with what it
    found."""

    number: int
    upheld: bool
    refund: Mapping[str, Decimal] = {}
    findings: tuple[str, ...] = ()


AnyCommand = (
    Advance | OpenAccount | Transfer | SetLeverage | SetMarginType | SetPositionMode | SetAssetMode | MoveMargin
    | PlaceOrder | AmendOrder | CancelOrder | CancelAll | Countdown | Batch | Quote
    | SetMark | SetMarks | SetIndex | SetAssetIndex | Fund | InjectFault | Dispute | Decide
)  # fmt: skip


class BadCommand(ValueError):
    """Bytes that are no command; the message names the field and what is wrong with it."""


def decode(raw: bytes) -> AnyCommand:
    """One command from JSON. Raises `BadCommand` for what is missing, unknown, of the wrong type or no number."""
    try:
        command = _DECODER.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadCommand(str(error)) from None
    if _is_unusual(raw) and _LOOSE_NUMBER.search(raw):
        _check_texts(command, msgspec.json.decode(raw))
    check_numbers(command)
    return command


def encode(command: AnyCommand) -> bytes:
    """A command as JSON, decimals as text: what the journal keeps and `decode` reads."""
    return _ENCODER.encode(command)


def check_numbers(command: Struct) -> None:
    """Raises `BadCommand` for numbers that exact arithmetic cannot hold (`wire/numbers.py`), and for integers beyond 64
    bits."""
    for field in _fields_with_numbers(type(command)):
        value = getattr(command, field)
        if value is None:
            continue
        kind = type(value)
        for amount in value.values() if kind is dict else (value,):
            if type(amount) is Decimal and not (amount.is_finite() and is_plausible(amount)):
                text = excerpt(str(amount))
                raise BadCommand(f"{text!r} is no number of at most {AMOUNT_DIGITS} digits - at `$.{field}`")
        if kind is int and abs(value) >= LARGEST:
            raise BadCommand(f"the integer is too large - at `$.{field}`")
        if kind is tuple:
            for each in value:
                if isinstance(each, Struct):
                    check_numbers(each)


def _is_unusual(raw: bytes) -> bool:
    """Whether JSON holds anything that `encode` writes nowhere but in names; what does not, has no loose number."""
    return (
        not raw.isascii() or len(raw.translate(None, _NOT_WRITTEN)) < len(raw) or _UNDERSCORED.search(raw) is not None
    )


@cache
def _fields_with_numbers(kind: type[Struct]) -> tuple[str, ...]:
    """The fields that are more than words and flags."""
    return tuple(field.name for field in structs.fields(kind) if not _is_word(field.type))


def _is_word(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return all(map(_is_word, get_args(kind)))
    return kind in (str, bool, NoneType) or origin is Literal


def _check_texts(command: Struct, fields: Any) -> None:
    """Refuse `1_000`, ` 1` and digits of other scripts, which are decimals to the decoder and to nobody else."""
    for field in command.__struct_fields__:
        value, text = getattr(command, field), fields.get(field)
        for amount, its in ((value[key], text[key]) for key in value) if isinstance(value, dict) else ((value, text),):
            if isinstance(amount, Decimal) and isinstance(its, str) and not NUMBER.fullmatch(its):
                raise BadCommand(f"{excerpt(its)!r} is not a number - at `$.{field}`")
        if isinstance(value, tuple):
            for each, its in zip(value, text or (), strict=True):
                if isinstance(each, Struct):
                    _check_texts(each, its)


_LOOSE_NUMBER = re.compile(rb'\d_\d|"\s+[-+.\d]|\d\s+"|\\|[\x80-\xff]')
"""What may hold a number that only the decoder reads: `1_000`, ` 1`, either behind an escape, digits of other
scripts."""
_NOT_WRITTEN = b"\\ \t\n\r\v\f"
_UNDERSCORED = re.compile(rb"_\d")
_DECODER: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_ENCODER = msgspec.json.Encoder(decimal_format="string")

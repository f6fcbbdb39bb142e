"""What the control API takes: one type for each body. Decimals are texts, times milliseconds."""

from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from margincall.exchange import commands

STEP_MS = 1_000
END_MS = 2**62


class NewAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account, its money by asset, its modes; leverage by symbol; the symbols that it trades isolated."""

    name: str
    deposits: dict[str, Decimal] = {}
    hedge: bool = False
    multi_assets: bool = False
    leverage: dict[str, int] = {}
    isolated: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an account's modes is to be changed."""

    hedge: bool | None = None
    multi_assets: bool | None = None
    leverage: dict[str, int] = {}
    margin: dict[str, Literal["cross", "isolated"]] = {}


class Money(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount, negative to take it out."""

    asset: str
    amount: Decimal


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of an account; with `public` (PEM) one that signs by RSA or Ed25519, else by HMAC."""

    account: str
    public: str = ""
    trade: bool = True


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of one moment: of the index, and of marks that are given."""

    prices: dict[str, Decimal]


class Crash(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fall or rise from the mark to a price, slow, fast, slow (`exchange/paths.py`)."""

    to: Decimal
    seconds: int


class NewPath(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A path of a symbol: of a file or folder of candles (`interval` where it holds several; from `start_ms` to
    `end_ms`), of points [milliseconds, price] of which the first comes at once, or a crash; `speed` times as fast."""

    symbol: str
    candles: str = ""
    interval: str = ""
    start_ms: int = 0
    end_ms: int = END_MS
    points: tuple[tuple[int, Decimal], ...] = ()
    crash: Crash | None = None
    speed: Decimal = Decimal(1)
    step_ms: int = STEP_MS
    seed: int = 0


class Halt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A symbol that takes no new orders, or does again."""

    symbol: str
    on: bool = True


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault of `commands.InjectFault`."""

    kind: commands.FaultKind
    on: bool = True
    symbol: str = ""
    value: Decimal | None = None
    asset: str = ""
    account: str = ""


class ClockTo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time of the simulated clock, or how far it goes on."""

    time_ms: int | None = None
    advance_ms: int | None = None


class Disputed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is disputed: a liquidation of an account by number, or what a claim (`claim.json` of a bundle) means."""

    account: str = ""
    liquidation: int | None = None
    claim: dict[str, Any] | None = None

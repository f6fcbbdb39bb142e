"""What a scenario file may say: contracts and their prices, liquidity, accounts and what they do.

It is TOML, read through `config`: a few lines that a trader can write (`docs/how-to/scenario.md`); `play` turns it into
commands. The same file with the same seed gives the same exchange, to the last digit.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from msgspec import Struct

from margincall.config import NotNegative, Positive, Share, TimeMs, load
from margincall.core.account import MarginType

DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAKER = "maker"
"""The account that quotes the ladder of each contract."""
RuleSetName = Literal["binance_usdm", "binance_coinm", "dydx", "socialised_loss", "clawback"]


def duration(text: str) -> int:
    """Milliseconds of `90s`, `10m`, `1h30m`. Raises `ValueError`."""
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise ValueError(f"a span of time like 90s, 10m or 1h30m was expected, found {text!r}")
    return sum(int(number) * UNITS[unit] for number, unit in parts)


class Liquidity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The maker's ladder: `depth` is the notional per basis point near the mid, in the quote asset; `levels` orders on
    each side; it is laid anew when the price has moved by `requote_bps`. A maker of nothing: `depth = 0`. From
    `thins_at` on only the share `thins_to` of the depth is quoted."""

    depth: NotNegative = Decimal(20_000)
    levels: int = 12
    requote_bps: NotNegative = Decimal(2)
    thins_at: str = ""
    thins_to: Share = Decimal("0.05")

    def __post_init__(self) -> None:
        """A time is a span from the start."""
        if self.thins_at:
            duration(self.thins_at)

    def depth_at(self, since_ms: int) -> Decimal:
        """The depth so long after the start."""
        is_thin = bool(self.thins_at) and since_ms >= duration(self.thins_at)
        return self.depth * self.thins_to if is_thin else self.depth


class ContractPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One contract: its price as `path` points ([time, price], straight lines between) or the candles of a file, and
    its own values where they differ from the venue's. `liquidation_fee` is a rate."""

    symbol: str
    path: tuple[tuple[str, Decimal], ...] = ()
    candles: str = ""
    interval: str = ""
    brackets: str = ""
    tick: Positive | None = None
    lot: Positive | None = None
    liquidation_fee: Share | None = None
    liquidity: Liquidity = Liquidity()

    def __post_init__(self) -> None:
        """A contract has exactly one kind of price."""
        if bool(self.path) == bool(self.candles):
            raise ValueError("path: a contract needs either `path` or `candles`")
        for at, price in self.path:
            duration(at)
            if price <= 0:
                raise ValueError("path: prices are positive")


class PositionPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position that the account opens by a market order at `at`: so much `quantity`, or `notional` of the quote
    asset. Then, if given, a stop and a take-profit on all of it, and more of the same size at each of `add_at`."""

    symbol: str
    side: Literal["long", "short"]
    quantity: Positive | None = None
    notional: Positive | None = None
    leverage: int = 20
    at: str = "0s"
    stop: Positive | None = None
    take_profit: Positive | None = None
    add_at: tuple[Positive, ...] = ()

    def __post_init__(self) -> None:
        """A position has exactly one kind of size."""
        if (self.quantity is None) == (self.notional is None):
            raise ValueError("quantity: a position needs either `quantity` or `notional`")
        duration(self.at)


class AccountPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account, its money, its modes, its positions."""

    name: str
    deposit: dict[str, Positive]
    margin: MarginType = "cross"
    hedge: bool = False
    multi_assets: bool = False
    position: tuple[PositionPart, ...] = ()


class Crowd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many accounts, drawn by the seed: each holds one to `positions` positions on some of the scenario's contracts,
    long with the share `longs`, in a mode drawn from `modes`, with a leverage from `leverage` (least and most) and
    money from `deposit` in the margin asset."""

    count: int
    name: str = "trader"
    deposit: tuple[Positive, Positive] = (Decimal(200), Decimal(5000))
    leverage: tuple[int, int] = (5, 50)
    longs: Share = Decimal("0.6")
    positions: int = 2
    within: str = "1m"
    modes: tuple[Literal["cross", "isolated", "hedge", "multi"], ...] = ("cross", "isolated", "hedge", "multi")


class IndexPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD price of a collateral asset (multi-assets mode), with its haircuts as rates."""

    asset: str
    price: Positive = Decimal(1)
    haircut: Share = Decimal(0)


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario. `step` is the time between two prices, `end` when it ends (without: with the paths)."""

    name: str
    rules: RuleSetName = "binance_usdm"
    seed: int = 0
    start: TimeMs = TimeMs(1789905600000)
    step: str = "1s"
    end: str = ""
    fund: dict[str, NotNegative] = {}
    contract: tuple[ContractPart, ...]
    account: tuple[AccountPart, ...] = ()
    crowd: tuple[Crowd, ...] = ()
    asset_index: tuple[IndexPart, ...] = ()

    def __post_init__(self) -> None:
        """Names stand for one thing."""
        if not self.contract:
            raise ValueError("contract: a scenario needs at least one")
        for field, names in (
            ("contract", [each.symbol for each in self.contract]),
            ("account", [each.name for each in self.account]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{field}: a name stands twice")
        known = {each.symbol for each in self.contract}
        for number, account in enumerate(self.account):
            unknown = [each.symbol for each in account.position if each.symbol not in known]
            if unknown:
                raise ValueError(f"account: number {number + 1} trades {unknown[0]}, which is no contract of this file")
        duration(self.step)

    @property
    def day(self) -> str:
        """The ISO day on which it begins: whose brackets and fees are in force."""
        return datetime.fromtimestamp(self.start / 1000, UTC).date().isoformat()


def read_scenario(source: Path | str, name: str = "") -> Scenario:
    """A scenario from a file, or from text. Raises `ConfigError` with every mistake in it."""
    return load(source, Scenario, name=name)

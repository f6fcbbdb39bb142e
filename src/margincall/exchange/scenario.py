"""What a scenario file may say: contracts and their prices, liquidity, accounts and what they do.

It is TOML, read through `config`: a few lines that a trader can write (`docs/how-to/scenario.md`); `play` turns it into
commands. The same file with the same seed gives the same exchange, to the last digit. What a file alone can get wrong
is said here; what is wrong only beside the venue's contracts and brackets, in `scenario_rules`.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from margincall.config import Bounds, NotNegative, Positive, Share, SpanMs, TimeMs, load
from margincall.core.account import MarginType
from margincall.core.protocol.moves import VENUE_ACCOUNTS
from margincall.core.units import ONE, ZERO
from margincall.exchange.commands import FaultKind
from margincall.exchange.faults import SIGNED, WITH_ACCOUNT, WITH_ASSET, WITH_SYMBOL, WITH_VALUE
from margincall.wire.durations import DAY_MS, MINUTE_MS, SECOND_MS

MAKER = "maker"
"""The account that quotes the ladder of each contract."""
MARKET = "market"
"""The folder of what the market showed, beside those of the accounts."""
RESERVED = frozenset({MAKER, MARKET, *VENUE_ACCOUNTS})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
"""Names are those of folders, too."""
RuleSetName = Literal["binance_usdm", "binance_coinm", "dydx", "socialised_loss", "clawback"]
Mode = Literal["cross", "isolated", "hedge", "multi"]
Count = Annotated[int, Meta(ge=1, le=100_000)]
Levels = Annotated[int, Meta(ge=1, le=500)]
Leverage = Annotated[int, Meta(ge=1, le=150)]
Haircut = Annotated[Decimal, Bounds(least=ZERO, below=ONE)]


class Liquidity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The maker's ladder: `depth` is the notional per basis point near the mid, in the quote asset; `levels` orders on
    each side; it is laid anew when the price has moved by `requote_bps`. A maker of nothing: `depth = 0`. From
    `thins_at` on only the share `thins_to` of the depth is quoted."""

    depth: NotNegative = Decimal(20_000)
    levels: Levels = 12
    requote_bps: NotNegative = Decimal(2)
    thins_at: SpanMs | None = None
    thins_to: Share = Decimal("0.05")

    def depth_at(self, since_ms: int) -> Decimal:
        """The depth so long after the start."""
        is_thin = self.thins_at is not None and since_ms >= self.thins_at
        return self.depth * self.thins_to if is_thin else self.depth


class ContractPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One contract: its price as `path` points ([time, price], straight lines between) or the candles of a file, and
    its own values where they differ from the venue's. `liquidation_fee` is a rate."""

    symbol: str
    path: tuple[tuple[SpanMs, Positive], ...] = ()
    candles: str = ""
    interval: str = ""
    brackets: str = ""
    tick: Positive | None = None
    lot: Positive | None = None
    liquidation_fee: Share | None = None
    liquidity: Liquidity = Liquidity()
    index: bool = False
    """The path is the index, and the mark follows from it by the venue's rule; else the path is the mark."""
    funding: bool = False
    """Funding is settled by the venue's rule."""

    def __post_init__(self) -> None:
        """A contract has exactly one kind of price."""
        if bool(self.path) == bool(self.candles):
            found = "both" if self.path else "neither"
            raise ValueError(f"path: expected either `path` or `candles`, found {found}")
        if self.path and self.path[0][0]:
            raise ValueError("path[0]: expected the price at the start: the first time is 0s")
        for place, ((before, _), (at, _)) in enumerate(pairwise(self.path), 1):
            if at <= before:
                raise ValueError(f"path[{place}]: expected a later time than that of the point before")


class PositionPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position that the account opens by a market order at `at`: so much `quantity`, or `notional` of the quote
    asset. Then, if given, a stop and a take-profit on all of it, and more of the same size at each of `add_at`."""

    symbol: str
    side: Literal["long", "short"]
    quantity: Positive | None = None
    notional: Positive | None = None
    leverage: Leverage = 20
    at: SpanMs = SpanMs(0)
    stop: Positive | None = None
    take_profit: Positive | None = None
    add_at: tuple[Positive, ...] = ()

    def __post_init__(self) -> None:
        """A position has exactly one kind of size."""
        if (self.quantity is None) == (self.notional is None):
            found = "neither" if self.quantity is None else "both"
            raise ValueError(f"quantity: expected either `quantity` or `notional`, found {found}")


class AccountPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account, its money, its modes, its positions."""

    name: str
    deposit: dict[str, Positive]
    margin: MarginType = "cross"
    hedge: bool = False
    multi_assets: bool = False
    position: tuple[PositionPart, ...] = ()

    def __post_init__(self) -> None:
        """Modes go together, and leverage is a symbol's."""
        _name(self.name)
        if self.multi_assets and self.margin == "isolated":
            raise ValueError("margin: expected cross: an account in multi-assets mode has no isolated margin")
        leverage: dict[str, int] = {}
        for place, each in enumerate(self.position):
            if leverage.setdefault(each.symbol, each.leverage) != each.leverage:
                raise ValueError(
                    f"position[{place}].leverage: expected {leverage[each.symbol]}, as for the position before: an "
                    f"account has one leverage for {each.symbol}"
                )


class Crowd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many accounts, drawn by the seed: each holds one to `positions` positions on some of the scenario's contracts,
    long with the share `longs`, in a mode drawn from `modes`, with a leverage from `leverage` (least and most) and
    money from `deposit` in the margin asset. `multi` needs the price of that asset (`asset_index`)."""

    count: Count
    name: str = "trader"
    deposit: tuple[Positive, Positive] = (Decimal(200), Decimal(5000))
    leverage: tuple[Leverage, Leverage] = (5, 50)
    longs: Share = Decimal("0.6")
    positions: Count = 2
    within: SpanMs = SpanMs(MINUTE_MS)
    modes: Annotated[tuple[Mode, ...], Meta(min_length=1)] = ("cross", "isolated", "hedge")

    def __post_init__(self) -> None:
        """Ranges go from least to most."""
        _name(self.name)
        if self.deposit[0] > self.deposit[1]:
            raise ValueError("deposit: expected the least and then the most")
        if self.leverage[0] > self.leverage[1]:
            raise ValueError("leverage: expected the least and then the most")
        if not self.within:
            raise ValueError("within: expected more than 0")

    def draws(self, name: str) -> bool:
        """Whether one of its accounts is called so."""
        stem, _, number = name.rpartition("-")
        return stem.casefold() == self.name.casefold() and number.isdecimal() and 1 <= int(number) <= self.count


class IndexPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD price of a collateral asset (multi-assets mode), with its haircuts as rates."""

    asset: str
    price: Positive = Decimal(1)
    haircut: Haircut = Decimal(0)


class FaultPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the venue does wrong from `at` on, to `until` or to the end: a fault of `docs/spec/disputes.md`, on a
    `symbol`, an `asset`, or a symbol of an `account` where it is of one; `value` is a wrong price or rate, a factor, or
    how far the venue errs, in the unit of the kind."""

    kind: FaultKind
    at: SpanMs
    until: SpanMs | None = None
    symbol: str = ""
    value: Decimal | None = None
    asset: str = ""
    account: str = ""

    def __post_init__(self) -> None:
        """Each kind needs what it is about."""
        about = (("symbol", WITH_SYMBOL), ("value", WITH_VALUE), ("asset", WITH_ASSET), ("account", WITH_ACCOUNT))
        for field, kinds in about:
            if (self.kind in kinds) != bool(getattr(self, field)):
                raise ValueError(f"{field}: expected {'one' if self.kind in kinds else 'none'} for {self.kind}")
        if self.value is not None and self.value < 0 and self.kind not in SIGNED:
            raise ValueError(f"value: expected more than 0, found {self.value}")
        if self.kind == "fee_twice" and self.value is not None and self.value > ONE:
            raise ValueError(f"value: expected a share of the fee, at most 1, found {self.value}")
        if self.kind == "adl_out_of_rank" and self.value is not None and self.value % ONE:
            raise ValueError(f"value: expected a number of accounts, found {self.value}")
        if self.until is not None and self.until <= self.at:
            raise ValueError("until: expected a later time than `at`")


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario. `step` is the time between two prices, `end` when it ends (without: with the paths)."""

    name: str
    rules: RuleSetName = "binance_usdm"
    seed: int = 0
    start: TimeMs = TimeMs(1789905600000)
    step: SpanMs = SpanMs(SECOND_MS)
    end: SpanMs | None = None
    fund: dict[str, NotNegative] = {}
    contract: Annotated[tuple[ContractPart, ...], Meta(min_length=1)]
    account: tuple[AccountPart, ...] = ()
    crowd: tuple[Crowd, ...] = ()
    asset_index: tuple[IndexPart, ...] = ()
    fault: tuple[FaultPart, ...] = ()

    def __post_init__(self) -> None:
        """Names stand for one thing, times lie within the scenario and on its steps."""
        _once("contract", "symbol", [each.symbol for each in self.contract])
        _once("account", "name", [each.name for each in self.account])
        _once("crowd", "name", [each.name for each in self.crowd])
        _once("asset_index", "asset", [each.asset for each in self.asset_index])
        if not self.step or self.step % SECOND_MS:
            raise ValueError("step: expected whole seconds: a mark is published with the second that it is of")
        for complaint in (*self._names(), *self._times()):
            raise ValueError(complaint)

    def _names(self) -> Iterator[str]:
        """Accounts that trade what is no contract here, or are called as one of a crowd."""
        known = [each.symbol for each in self.contract]
        for number, account in enumerate(self.account):
            for place, each in enumerate(account.position):
                if each.symbol not in known:
                    at = f"account[{number}].position[{place}].symbol"
                    yield f"{at}: expected a contract of this file: {', '.join(known)}, found {each.symbol!r}"
            if any(crowd.draws(account.name) for crowd in self.crowd):
                yield f"account[{number}].name: expected another name: a crowd has an account of this one"
        for number, fault in enumerate(self.fault):
            drawn = any(crowd.draws(fault.account) for crowd in self.crowd)
            if fault.account and not drawn and fault.account not in [each.name for each in self.account]:
                yield f"fault[{number}].account: expected an account of this file, found {fault.account!r}"
            if fault.asset and fault.asset not in [each.asset for each in self.asset_index]:
                yield f"fault[{number}].asset: expected the asset of an `asset_index`, found {fault.asset!r}"
            if fault.symbol not in ("", *known):
                at = f"fault[{number}].symbol"
                yield f"{at}: expected a contract of this file: {', '.join(known)}, found {fault.symbol!r}"

    def _times(self) -> Iterator[str]:
        """Prices between two steps, and what begins when all is over."""
        for number, part in enumerate(self.contract):
            for place, (at, _) in enumerate(part.path):
                if at % self.step:
                    yield f"contract[{number}].path[{place}]: expected a whole number of steps of {self.step} ms"
        if self.end is not None and (not self.end or self.end % self.step):
            yield f"end: expected a whole number of steps of {self.step} ms, and at least one"
        for number, account in enumerate(self.account):
            for place, each in enumerate(account.position):
                if each.at > self.length_ms:
                    yield f"account[{number}].position[{place}].at: expected a time before the scenario ends"
        for number, crowd in enumerate(self.crowd):
            if crowd.within > self.length_ms:
                yield f"crowd[{number}].within: expected a time before the scenario ends"
        for number, fault in enumerate(self.fault):
            if fault.at > self.length_ms:
                yield f"fault[{number}].at: expected a time before the scenario ends"

    @property
    def length_ms(self) -> int:
        """How long it goes on: to `end`, else as long as the longest path, at most a day of candles."""
        if self.end is not None:
            return self.end
        return max(DAY_MS if part.candles else part.path[-1][0] for part in self.contract)

    @property
    def day(self) -> str:
        """The ISO day on which it begins: whose brackets and fees are in force."""
        return datetime.fromtimestamp(self.start / 1000, UTC).date().isoformat()


def _name(name: str) -> None:
    """A name that is no folder's, or the venue's own, is refused."""
    if not NAME.fullmatch(name):
        raise ValueError("name: expected at most 40 letters (A to Z), digits, - and _, beginning with no sign")
    if name.casefold() in RESERVED:
        raise ValueError(f"name: expected another name: {', '.join(sorted(RESERVED))} are taken")


def _once(field: str, key: str, names: Iterable[str]) -> None:
    """Each name once, whatever its case: folders do not tell cases apart everywhere."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name.casefold() in seen:
            raise ValueError(f"{field}[{number}].{key}: expected another one: {name!r} stands twice")
        seen.add(name.casefold())


def read_scenario(source: Path | str, name: str = "") -> Scenario:
    """A scenario from a file, or from text. Raises `ConfigError` with every mistake in it."""
    return load(source, Scenario, name=name)

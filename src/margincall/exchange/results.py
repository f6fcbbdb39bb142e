"""What came of a run, for people and programs: what each liquidation closed and cost, who paid, how it ended.

Read from the events alone. The exchange's public history (`state.Liquidation`) tells what each position lost before
others paid; here a liquidation has a result for each position, and a total after what others paid of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.account import PositionKey
from margincall.core.events import Fill, Flow
from margincall.core.rounding import exact, quotient
from margincall.core.units import ZERO
from margincall.exchange.events import AnyExchangeEvent, LiquidationEnded, LiquidationStarted
from margincall.exchange.ledger import TAKEN_OVER
from margincall.exchange.liquidation import holdings, terms_of
from margincall.exchange.state import Exchange

Direction = Literal["long", "short"]
CLEARANCE = "INSURANCE_CLEAR"


class Closing(Struct, frozen=True, kw_only=True):
    """A position that a liquidation closed, or a part of it. Sizes are unsigned: what was traded in the `book`, taken
    over by the `fund` at `fund_price`, closed against `deleveraged` accounts; `price` is the average of all. `result`
    is signed, in `asset`: profit less trading fees less the clearance fee, before what others paid."""

    number: int
    time_ms: int
    account: str
    pool: str
    symbol: str
    side: Direction
    book: Decimal
    fund: Decimal
    deleveraged: Decimal
    price: Decimal
    fund_price: Decimal | None
    result: Decimal
    asset: str


class Total(Struct, frozen=True, kw_only=True):
    """What a liquidation did to an account's wallet, signed, by asset, and how much others paid of it."""

    number: int
    time_ms: int
    account: str
    pool: str
    result: Mapping[str, Decimal]
    covered: Mapping[str, Decimal]


class Held(Struct, frozen=True, kw_only=True):
    """A position at the end: `quantity` signed, prices in the quote asset, `unrealized` in the margin asset."""

    symbol: str
    side: str
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    unrealized: Decimal
    asset: str


class AtEnd(Struct, frozen=True, kw_only=True):
    """An account at the end. `ratio` is the highest maintenance margin over balance of its pools; none without a
    position, and where a pool has no balance left."""

    account: str
    wallets: Mapping[str, Decimal]
    positions: tuple[Held, ...]
    ratio: Decimal | None


class _Open(Struct):
    """A liquidation while its events are read."""

    started: LiquidationStarted
    fills: dict[PositionKey, list[Fill]]
    fees: dict[PositionKey, Decimal]


@exact
def results(events: Iterable[AnyExchangeEvent]) -> tuple[list[Closing], list[Total]]:
    """All liquidations, in order: position by position, and each in total. One that closed nothing has no line."""
    told = list(events)
    deleveraged = {each.trade_id for each in told if isinstance(each, Fill) and each.close == "adl"}
    closings: list[Closing] = []
    totals: list[Total] = []
    now: _Open | None = None
    for event in told:
        if isinstance(event, LiquidationStarted):
            now = _Open(event, {}, {})
        elif now is None or getattr(event, "account", "") != now.started.account:
            continue
        elif isinstance(event, Fill) and event.close == "liquidation":
            now.fills.setdefault((event.symbol, event.side), []).append(event)
        elif isinstance(event, Flow) and event.reason == CLEARANCE and event.symbol:
            key = event.symbol, event.side or "BOTH"
            now.fees[key] = now.fees.get(key, ZERO) + sum(event.applied.values(), ZERO)
        elif isinstance(event, LiquidationEnded):
            found = [_closing(now, key, deleveraged) for key in now.fills]
            closings += found
            totals += [_total(now, event, found)] if found else []
            now = None
    return closings, totals


def _closing(now: _Open, key: PositionKey, deleveraged: set[str]) -> Closing:
    fills = now.fills[key]
    sizes = {"book": ZERO, "fund": ZERO, "deleveraged": ZERO}
    for fill in fills:
        by = "fund" if fill.trade_id == TAKEN_OVER else "deleveraged" if fill.trade_id in deleveraged else "book"
        sizes[by] += abs(fill.quantity)
    return Closing(
        number=now.started.number, time_ms=now.started.time_ms, account=now.started.account, pool=now.started.pool,
        symbol=key[0], side="long" if fills[0].quantity < 0 else "short", book=sizes["book"], fund=sizes["fund"],
        deleveraged=sizes["deleveraged"], price=_average(fills) or ZERO,
        fund_price=_average([fill for fill in fills if fill.trade_id == TAKEN_OVER]),
        result=sum(((fill.realized or ZERO) - (fill.fee or ZERO) for fill in fills), now.fees.get(key, ZERO)),
        asset=fills[0].fee_asset or "",
    )  # fmt: skip


def _average(fills: list[Fill]) -> Decimal | None:
    """The average price, by size."""
    size = sum((abs(fill.quantity) for fill in fills), ZERO)
    return quotient(sum((abs(fill.quantity) * fill.price for fill in fills), ZERO), size) if size else None


def _total(now: _Open, ended: LiquidationEnded, closings: list[Closing]) -> Total:
    """The wallet's change; what it fell less than by the positions' results, others have paid."""
    result = {asset: -lost for asset, lost in ended.lost.items()}
    covered: dict[str, Decimal] = dict(result)
    for each in closings:
        covered[each.asset] = covered.get(each.asset, ZERO) - each.result
    return Total(
        number=ended.number, time_ms=ended.time_ms, account=ended.account, pool=now.started.pool, result=result,
        covered={asset: amount for asset, amount in covered.items() if amount},
    )  # fmt: skip


@exact
def held(state: Exchange, name: str) -> tuple[Held, ...]:
    """An account's open positions at the marks of now."""
    return tuple(
        Held(
            symbol=each.symbol, side=each.side, quantity=each.quantity, entry=each.entry or ZERO, mark=each.mark,
            unrealized=each.unrealized, asset=each.contract.margin_asset,
        )
        for each in holdings(state, state.traders[name])
    )  # fmt: skip


def at_end(state: Exchange, names: Iterable[str]) -> Iterator[AtEnd]:
    """How these accounts stand now."""
    for name in names:
        trader = state.traders[name]
        ratios = [pool.ratio for pool in terms_of(state, trader).pools if pool.positions]
        known = [ratio for ratio in ratios if ratio is not None]
        yield AtEnd(
            account=name,
            wallets=dict(sorted(trader.account.wallets.items())),
            positions=held(state, name),
            ratio=max(known, default=None) if len(known) == len(ratios) else None,
        )

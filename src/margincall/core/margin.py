"""The margin formula: where an account stands, every term named.

Positions and collateral that are liquidated together form a margin pool: an isolated position, the cross positions
that share a margin asset, or in multi-assets mode everything. One formula serves the three: a single-asset pool is a
multi-asset pool with one asset worth exactly one. Definitions and sources: `docs/spec/margin.md`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core import brackets
from margincall.core.account import Account, AssetIndex, Marks, Position, PositionSide
from margincall.core.assumptions import Assumptions
from margincall.core.contract import Contract, entry_price, gain, value
from margincall.core.rounding import exact, ratio_nearest
from margincall.core.rules import VenueRules
from margincall.core.units import ONE, ZERO, Collateral, Notional, Price, Quantity

PoolKind = Literal["cross", "isolated", "multi"]
MULTI_ASSET = "USD"
"""The currency of a multi-assets pool."""
UNIT = AssetIndex(ONE, ONE, ONE)
"""The index of a pool's own asset: one unit is worth one unit."""


class MissingMark(LookupError):
    """A position whose mark price is not known."""


class MissingIndex(LookupError):
    """A collateral asset whose index price is not known (multi-assets mode)."""


class PositionTerms(Struct, frozen=True):
    """One position at its mark. Amounts are in the margin asset; `bracket` is the row in force."""

    position: Position
    contract: Contract
    table: brackets.BracketTable
    mark: Price
    notional: Notional
    unrealized: Collateral
    bracket: brackets.Bracket
    maintenance: Collateral

    @property
    def symbol(self) -> str:
        """The contract's symbol."""
        return self.position.symbol

    @property
    def side(self) -> PositionSide:
        """BOTH, LONG or SHORT."""
        return self.position.side

    @property
    def quantity(self) -> Quantity:
        """Signed quantity."""
        return self.position.quantity

    @property
    @exact
    def entry(self) -> Price | None:
        """The average entry as the venue prints it; none for a flat position."""
        return entry_price(self.contract, self.position.quantity, self.position.cost)


class AssetTerms(Struct, frozen=True):
    """One collateral asset of a pool: amounts in the asset, `value` in the pool's currency at bid or ask."""

    asset: str
    wallet: Collateral
    unrealized: Collateral
    maintenance: Collateral
    index: AssetIndex
    value: Collateral


class PoolTerms(Struct, frozen=True):
    """A margin pool. Amounts in `asset` (USD in multi-assets mode); `wallet + unrealized = balance` exactly.

    `ratio` is none where the balance is not positive and margin is needed. `liquidated` is the verdict at these marks.
    """

    name: str
    kind: PoolKind
    asset: str
    wallet: Collateral
    unrealized: Collateral
    balance: Collateral
    maintenance: Collateral
    ratio: Decimal | None
    liquidated: bool
    positions: tuple[PositionTerms, ...]
    assets: tuple[AssetTerms, ...]

    @property
    def surplus(self) -> Decimal:
        """Balance − maintenance: what can be lost before the trigger."""
        return self.balance - self.maintenance


class Terms(Struct, frozen=True):
    """All margin pools of an account, by name."""

    pools: tuple[PoolTerms, ...]

    def pool_of(self, symbol: str, side: PositionSide = "BOTH") -> PoolTerms | None:
        """The pool that holds this position; none if the position is flat."""
        for pool in self.pools:
            for terms in pool.positions:
                if terms.symbol == symbol and terms.side == side:
                    return pool
        return None


@exact
def margin(account: Account, marks: Marks, rules: VenueRules) -> Terms:
    """Where the account stands at these marks under these rules.

    Raises `MissingMark`, `MissingIndex`, `MissingContract` or `MissingBrackets` naming what is not known.
    """
    cross: dict[str, list[PositionTerms]] = {}
    isolated = []
    collateral = dict(account.wallets)
    for position in account.open_positions():
        terms = position_terms(position, marks, rules)
        asset = terms.contract.margin_asset
        if position.margin == "isolated":
            wallets = {asset: position.isolated_wallet}
            name = f"{position.symbol}:{position.side}"
            isolated.append(_pool("isolated", name, wallets, [terms], marks=marks, assumptions=rules.assumptions))
        else:
            cross.setdefault(asset, []).append(terms)
    for position in account.positions.values():
        if position.isolated_wallet:
            asset = rules.contract(position.symbol).margin_asset
            collateral[asset] = Collateral(collateral.get(asset, ZERO) - position.isolated_wallet)
    shared = _shared_pools(account, collateral, cross, marks, rules)
    return Terms(tuple(sorted(isolated + shared, key=_name)))


def cross_wallet(account: Account, asset: str, rules: VenueRules) -> Collateral:
    """Wallet balance less the isolated wallets of positions margined in `asset`."""
    held = sum(
        (
            position.isolated_wallet
            for position in account.positions.values()
            if position.isolated_wallet and rules.contract(position.symbol).margin_asset == asset
        ),
        ZERO,
    )
    return Collateral(account.wallets.get(asset, ZERO) - held)


def position_terms(position: Position, marks: Marks, rules: VenueRules) -> PositionTerms:
    """The terms of one position at its mark. Raises `MissingMark`."""
    mark = marks.prices.get(position.symbol)
    if mark is None:
        raise MissingMark(position.symbol)
    contract = rules.contract(position.symbol)
    table = rules.brackets(position.symbol)
    worth = value(contract, position.quantity, mark)
    size = Notional(abs(worth))
    row = brackets.in_force(table, size)
    return PositionTerms(
        position=position,
        contract=contract,
        table=table,
        mark=mark,
        notional=size,
        unrealized=Collateral(gain(contract, position.cost, worth)),
        bracket=row,
        maintenance=brackets.line(row, size),
    )


def requirement_rate(index: AssetIndex, assumptions: Assumptions) -> Decimal:
    """USD per unit of maintenance margin (assumed: `multi-asset-requirement-rate`)."""
    return index.ask if assumptions.requirement_rate == "ask" else index.index


def is_liquidated(balance: Decimal, maintenance: Decimal, assumptions: Assumptions) -> bool:
    """The trigger: balance has reached (or, assumed otherwise, fallen below) the maintenance margin."""
    if assumptions.trigger == "below":
        return maintenance > 0 and balance < maintenance
    return maintenance > 0 and balance <= maintenance


def _shared_pools(
    account: Account,
    collateral: Mapping[str, Collateral],
    cross: Mapping[str, list[PositionTerms]],
    marks: Marks,
    rules: VenueRules,
) -> list[PoolTerms]:
    assets = sorted({*cross, *(asset for asset, wallet in collateral.items() if wallet)})
    wallets = {asset: Collateral(collateral.get(asset, Collateral(ZERO))) for asset in assets}
    if account.multi_assets:
        positions = [terms for asset in assets for terms in cross.get(asset, [])]
        if not assets:
            return []
        return [_pool("multi", MULTI_ASSET, wallets, positions, marks=marks, assumptions=rules.assumptions)]
    return [
        _pool("cross", asset, {asset: wallet}, cross.get(asset, []), marks=marks, assumptions=rules.assumptions)
        for asset, wallet in wallets.items()
    ]


def _pool(
    kind: PoolKind,
    name: str,
    wallets: Mapping[str, Collateral],
    positions: list[PositionTerms],
    *,
    marks: Marks,
    assumptions: Assumptions,
) -> PoolTerms:
    assets = []
    unrealized = balance = maintenance = ZERO
    for each, wallet in wallets.items():
        index = marks.indices.get(each) if kind == "multi" else UNIT
        if index is None:
            raise MissingIndex(each)
        terms = _asset(each, wallet, index, positions, assumptions)
        assets.append(terms)
        unrealized += terms.unrealized * index.index
        balance += terms.value
        maintenance += terms.maintenance * requirement_rate(index, assumptions)
    ratio = None if maintenance else ZERO
    if maintenance and balance > 0:
        ratio = ratio_nearest(maintenance / balance)
    return PoolTerms(
        name=f"{kind}:{name}",
        kind=kind,
        asset=MULTI_ASSET if kind == "multi" else next(iter(wallets)),
        wallet=Collateral(balance - unrealized),
        unrealized=Collateral(unrealized),
        balance=Collateral(balance),
        maintenance=Collateral(maintenance),
        ratio=ratio,
        liquidated=is_liquidated(balance, maintenance, assumptions),
        positions=tuple(positions),
        assets=tuple(assets),
    )


def _asset(
    asset: str, wallet: Collateral, index: AssetIndex, positions: list[PositionTerms], assumptions: Assumptions
) -> AssetTerms:
    unrealized = maintenance = ZERO
    for terms in positions:
        if terms.contract.margin_asset == asset:
            unrealized += terms.unrealized
            maintenance += terms.maintenance
    if assumptions.equity_rate == "index-pnl":
        worth = wallet * _rate(index, wallet) + unrealized * index.index
    else:
        equity = wallet + unrealized
        worth = equity * _rate(index, equity)
    return AssetTerms(asset, wallet, Collateral(unrealized), Collateral(maintenance), index, Collateral(worth))


def _rate(index: AssetIndex, amount: Decimal) -> Decimal:
    return index.ask if amount < 0 else index.bid


def _name(pool: PoolTerms) -> str:
    return pool.name

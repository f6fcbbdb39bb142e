"""How an account stands now: of the engine's state, with its live orders and when each thing changed last."""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256

from msgspec import structs

from margincall.core.account import Account, PositionKey
from margincall.core.rounding import exact
from margincall.core.units import ZERO, Collateral
from margincall.exchange.standing import Told, limit_of, standing
from margincall.exchange.state import Exchange, Trader
from margincall.server.errors import ApiError
from margincall.server.lights import lights_of
from margincall.server.venue import Venue
from margincall.wire.encode_state import AccountState, PositionState
from margincall.wire.serve_account import listed_sides

NO_LIGHTS: Mapping[PositionKey, int] = {}
ALIAS_LENGTH = 16


def trader_of(venue: Venue, name: str) -> Trader:
    """The account in the books. Raises `ApiError` (−1109) for one that was never opened."""
    found = venue.state.traders.get(name)
    if found is None:
        raise ApiError(-1109, "Invalid account.")
    return found


def settled(state: Exchange, account: Account) -> Account:
    """The account with everything that is only said once it differs: a wallet of each margin asset, and the leverage
    of each symbol."""
    wallets = {market.contract.margin_asset: Collateral(ZERO) for market in state.markets.values()}
    leverage = {symbol: market.listing.default_leverage for symbol, market in state.markets.items()}
    return structs.replace(
        account, wallets={**wallets, **account.wallets}, leverage={**leverage, **account.leverage}
    )  # fmt: skip


def stand(venue: Venue, name: str, *, with_lights: bool = False) -> AccountState:
    """The account as its answers print it. `with_lights`: with its places in the queue of deleveraging, which takes a
    look at everybody; `adl` and `adlQuantile` print one less than the lights of each.

    An asset that never changed is dated with the exchange's clock: clients take 0 for an asset that is not there.
    """
    venue.advance()
    state, trader, record = venue.state, trader_of(venue, name), venue.records.of(name)
    account = settled(state, trader.account)
    told = Told(
        account=account,
        marks=state.marks,
        rules=state.rules.venue,
        orders=[each.order for each in record.live.values()],
        changed={**dict.fromkeys(account.wallets, state.time_ms), **record.changed},
        lights={key: shown - 1 for key, shown in lights_of(venue, name).items()} if with_lights else NO_LIGHTS,
    )
    found = standing(told)
    return structs.replace(found, positions=tuple(_in_lots(each) for each in found.positions))


def stand_whole(venue: Venue, name: str) -> AccountState:
    """The same with a row for every symbol and side, as version 2 lists them."""
    found, state, trader = stand(venue, name), venue.state, trader_of(venue, name)
    account, sides = settled(state, trader.account), listed_sides(hedge=trader.hedge)
    held = {(each.contract.symbol, each.side): each for each in found.positions}
    for symbol in sorted(state.markets):
        for side in sides:
            if (symbol, side) not in held:
                held[symbol, side] = _in_lots(_flat(state, account, (symbol, side)))
    return structs.replace(found, positions=tuple(held[key] for key in sorted(held)))


def _flat(state: Exchange, account: Account, key: PositionKey) -> PositionState:
    market = state.markets[key[0]]
    return PositionState(
        contract=market.contract,
        side=key[1],
        quantity=ZERO,
        leverage=account.leverage[key[0]],
        is_isolated=account.margin_types.get(key[0]) == "isolated",
        limit=limit_of(account, state.rules.venue, key[0]),
        mark=market.mark,
    )


@exact
def _in_lots(each: PositionState) -> PositionState:
    """A position whose size has the decimals of a lot at least, as the venue prints it."""
    return structs.replace(each, quantity=each.quantity + each.contract.lot * Decimal(0))


def collateral(state: Exchange) -> frozenset[str]:
    """The assets that can back positions: those that contracts are margined in, and those with an index."""
    return frozenset({market.contract.margin_asset for market in state.markets.values()} | state.indices.keys())


def alias_of(name: str) -> str:
    """What `balance` calls an account: a word that belongs to its name and does not tell it."""
    return sha256(name.encode()).hexdigest()[:ALIAS_LENGTH]

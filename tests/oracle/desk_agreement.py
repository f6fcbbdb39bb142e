"""Holds the exchange's liquidation desk against the oracle: one venue in, every difference out.

`engine` builds the exchange's state from the oracle's text values; `ours` runs the desk over it and writes the outcome
in the oracle's words. Nothing here computes.
"""

from decimal import Decimal, localcontext
from typing import Any

from margincall.core.account import Account, AssetIndex, Position
from margincall.core.assumptions import Assumptions
from margincall.core.brackets import Bracket, BracketTable
from margincall.core.contract import Contract
from margincall.core.fold import open_account
from margincall.core.protocol.deleverage import DeleverageRules
from margincall.core.protocol.moves import FEES, FUND, REMAINDER
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.core.rounding import CONTEXT
from margincall.core.rules import FeeRates, VenueRules
from margincall.core.units import Price
from margincall.exchange import desk, exposure, orders
from margincall.exchange.book import Lots, OrderId, Resting, Ticks
from margincall.exchange.genesis import new_exchange
from margincall.exchange.ledger import collect_fees
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.state import Exchange, OpenOrder, Trader
from tests.oracle.agreement import FIELDS, Pair, text
from tests.oracle.desk import liquidate

DECIMALS = frozenset(
    {"partial_target", "partial_share", "least_notional", "most_notional", "fillable_adjustment", "fillable_spread"}
    | {"fund_share", "fund_notional", "quote_unit"}
)
"""Fields of `WaterfallRules` that are numbers; `penalty` is the contract's liquidation fee with us."""


def differences(state: dict[str, Any]) -> list[str]:
    """Every term on which the desk and the oracle differ."""
    return [str(pair) for pair in pairs(state) if not pair.agree]


def pairs(state: dict[str, Any]) -> list[Pair]:
    """Every term of the outcome, as both see it."""
    return list(_pairs("", ours(state), liquidate(state)))


def ours(state: dict[str, Any]) -> dict[str, Any]:
    """What the desk makes of the venue, in the oracle's words."""
    with localcontext(CONTEXT):
        exchange = engine(state)
        desk.run(exchange, sorted(state["accounts"]), [], set())
        collect_fees(exchange)
    return outcome(exchange, state)


def outcome(exchange: Exchange, state: dict[str, Any]) -> dict[str, Any]:
    """The exchange as it stands, in the oracle's words."""
    remainders: dict[str, Decimal] = {}
    for trader in exchange.traders.values():
        for asset, amount in trader.account.remainder.items():
            remainders[asset] = remainders.get(asset, Decimal(0)) + amount
    return {
        "accounts": {name: _account(exchange.traders[name]) for name in state["accounts"]},
        "fund": _account(exchange.fund),
        "fees": _wallets(exchange.traders[FEES].account),
        "remainder": _wallets(exchange.traders[REMAINDER].account),
        "fold_remainder": {asset: text(amount) for asset, amount in remainders.items() if amount},
        "deleveragings": exchange.deleveragings,
        "book": {
            symbol: sorted([(order.id, order.lots) for side in ("BUY", "SELL") for order in market.book.orders(side)])
            for symbol, market in exchange.markets.items()
        },
    }


def engine(state: dict[str, Any]) -> Exchange:
    """The venue as a state of the exchange."""
    contracts = {symbol: _contract(symbol, each) for symbol, each in state["contracts"].items()}
    chosen = {FIELDS[name]: value for name, value in state.get("assumptions", {}).items() if name in FIELDS}
    venue = VenueRules(
        "",
        contracts,
        {symbol: _table(symbol, rows) for symbol, rows in state["brackets"].items()},
        FeeRates(Decimal(state["fees"]["maker"]), Decimal(state["fees"]["taker"])),
        Assumptions(**chosen),
    )
    rules = RuleSet(
        name="random",
        venue=venue,
        listings={symbol: Listing() for symbol in contracts},
        waterfall=WaterfallRules(
            **{name: _field(name, value) for name, value in state["waterfall"].items() if name != "penalty"}
        ),
        deleveraging=DeleverageRules(**state["deleveraging"]),
    )
    exchange = new_exchange(rules)
    exchange.deleveragings = state.get("deleveragings", 0)
    for symbol, price in state["marks"].items():
        exchange.prices[symbol] = exchange.markets[symbol].mark = Price(Decimal(price))
        exchange.markets[symbol].previous_mark = Price(Decimal(state["previous_marks"][symbol]))
    for asset, each in state.get("indices", {}).items():
        exchange.indices[asset] = AssetIndex(*(Decimal(each[name]) for name in ("index", "bid", "ask")))
    for name, each in {**state["accounts"], FUND: state["fund"]}.items():
        exchange.traders[name] = _trader(name, each, contracts)
    for symbol, resting in state["book"].items():
        for order in resting:
            _rest(exchange, symbol, order)
    return exchange


def _contract(symbol: str, each: dict[str, Any]) -> Contract:
    fee = each["liquidation_fee"]
    return Contract(
        symbol=symbol,
        kind=each["kind"],
        base=each["base"],
        quote=each["quote"],
        margin_asset=each["margin_asset"],
        tick=Decimal(each["tick"]),
        lot=Decimal(each["lot"]),
        contract_size=Decimal(each["contract_size"]),
        liquidation_fee=None if fee is None else Decimal(fee),
    )


def _table(symbol: str, rows: list[list[str]]) -> BracketTable:
    found = (Bracket(number, *(Decimal(value) for value in row[:4])) for number, row in enumerate(rows, 1))
    return BracketTable(symbol, tuple(found), "", "")


def _waterfall(state: dict[str, Any]) -> WaterfallRules:
    """The rules; the target of a part that restores is the warning's threshold."""
    fields = {name: _field(name, value) for name, value in state["waterfall"].items() if name != "penalty"}
    target = state.get("assumptions", {}).get("warning-threshold")
    return WaterfallRules(**fields, **({} if target is None else {"partial_target": Decimal(target)}))


def _field(name: str, value: Any) -> Any:
    return Decimal(value) if name in DECIMALS and value is not None else value


def _trader(name: str, each: dict[str, Any], contracts: dict[str, Contract]) -> Trader:
    positions = tuple(
        Position(
            held["symbol"],
            held["side"],
            Decimal(held["quantity"]),
            Decimal(held["cost"]),
            held["margin"],
            Decimal(held["isolated_wallet"]),
        )
        for held in each["positions"]
    )
    account = open_account(
        {asset: Decimal(amount) for asset, amount in each["wallets"].items()},
        positions,
        contracts=contracts,
        multi_assets=each.get("asset_mode") == "multi",
        leverage=each.get("leverage", {}),
    )
    margins = {**each.get("margins", {}), **account.margin_types}
    account = Account(
        **{field: getattr(account, field) for field in account.__struct_fields__} | {"margin_types": margins}
    )
    return Trader(name=name, account=account, hedge=any(position.side != "BOTH" for position in positions))


def _rest(exchange: Exchange, symbol: str, each: dict[str, Any]) -> None:
    market, trader = exchange.markets[symbol], exchange.traders[each["owner"]]
    order = OpenOrder(
        id=OrderId(each["id"]),
        account=trader.name,
        symbol=symbol,
        position_side=each.get("position_side", "BOTH"),
        side=each["side"],
        kind="LIMIT",
        lots=Lots(each["lots"]),
        ticks=Ticks(each["ticks"]),
        time_in_force="GTC",
        reduce_only=False,
        client_order_id=f"c{each['id']}",
        placed_ms=0,
    )
    market.book.add(Resting(id=order.id, owner=trader.name, side=order.side, ticks=order.ticks, lots=order.lots))
    orders.remember(exchange, order)
    exposure.add(trader, market, order)
    exchange.next_order = max(exchange.next_order, order.id + 1)


def _account(trader: Trader) -> dict[str, Any]:
    return {
        "wallets": _wallets(trader.account),
        "positions": [
            {
                "symbol": position.symbol,
                "side": position.side,
                "quantity": text(position.quantity),
                "cost": text(position.cost),
                "isolated_wallet": text(position.isolated_wallet),
            }
            for position in trader.account.open_positions()
        ],
    }


def _wallets(account: Account) -> dict[str, str | None]:
    return {asset: text(amount) for asset, amount in account.wallets.items() if amount}


def _pairs(path: str, mine: Any, theirs: Any) -> list[Pair]:
    if isinstance(theirs, dict) and isinstance(mine, dict):
        keys = sorted(mine.keys() | theirs.keys()) if path else sorted(mine)
        return [pair for key in keys for pair in _pairs(f"{path}.{key}", mine.get(key), theirs.get(key))]
    if path.count(".") == 2 and path.startswith(".book."):
        return [Pair(path, mine, sorted((order["id"], order["lots"]) for order in theirs or []))]
    if isinstance(theirs, list) and isinstance(mine, list):
        found = [Pair(path, len(mine), len(theirs))]
        for number, (one, other) in enumerate(zip(mine, theirs, strict=False)):
            found += _pairs(f"{path}[{number}]", one, {key: other[key] for key in one})
        return found
    return [Pair(path, mine, theirs)]

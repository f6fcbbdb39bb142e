"""Holds the rules in `margincall.core` against the oracle: one state in, every difference out.

The oracle's state is plain text values; `to_core` makes our values of it. Nothing here computes.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from margincall.core.account import Account, AssetIndex, Marks, Position
from margincall.core.assumptions import Assumptions
from margincall.core.brackets import Bracket, BracketTable
from margincall.core.contract import Contract
from margincall.core.margin import PoolTerms, margin
from margincall.core.prices import Interval, bankruptcy, collateral_interval, prices
from margincall.core.remedy import remedy
from margincall.core.rounding import exact, plain
from margincall.core.rules import FeeRates, VenueRules
from tests.oracle.oracle import evaluate

FIELDS = {
    "trigger-comparison": "trigger",
    "bankruptcy-split": "bankruptcy_split",
    "multi-asset-equity-rate": "equity_rate",
    "multi-asset-requirement-rate": "requirement_rate",
}
SPLITS = ("maintenance", "notional", "whole")


class Pair(NamedTuple):
    """One term: where it stands in the answer, what the rules say, what the oracle says."""

    path: str
    ours: Any
    theirs: Any

    @property
    def agree(self) -> bool:
        """Numbers are equal if their values are: `1.50` is `1.5`."""
        if isinstance(self.theirs, str) and isinstance(self.ours, str) and _numeric(self.theirs):
            return Decimal(self.ours) == Decimal(self.theirs)
        return bool(self.ours == self.theirs)

    def __str__(self) -> str:
        return f"{self.path}: {self.ours} != {self.theirs}"


def differences(state: dict[str, Any]) -> list[str]:
    """Every term on which the rules and the oracle differ, as `path: ours != oracle's`."""
    return [str(pair) for pair in pairs(state) if not pair.agree]


def pairs(state: dict[str, Any]) -> list[Pair]:
    """Every term of the state, as both see it."""
    return list(_pairs("pools", our_answer(state), evaluate(state)["pools"]))


@exact
def to_core(state: dict[str, Any]) -> tuple[Account, Marks, VenueRules]:
    """The state as values of `margincall.core`."""
    contracts = {
        symbol: Contract(
            symbol=symbol,
            kind=each["kind"],
            base=each["base"],
            quote="",
            margin_asset=each["margin_asset"],
            tick=Decimal(each["tick"]),
            lot=Decimal(each["lot"]),
            contract_size=Decimal(each["contract_size"]),
        )
        for symbol, each in state["contracts"].items()
    }
    tables = {
        symbol: BracketTable(
            symbol,
            tuple(Bracket(n, *(Decimal(value) for value in row[:4])) for n, row in enumerate(rows, 1)),
            "",
            "",
        )
        for symbol, rows in state["brackets"].items()
    }
    positions = [
        Position(
            each["symbol"],
            each["side"],
            Decimal(each["quantity"]),
            Decimal(each["cost"]),
            each["margin"],
            Decimal(each["isolated_wallet"]),
        )
        for each in state["positions"]
    ]
    wallets = {asset: Decimal(amount) for asset, amount in state["wallets"].items()}
    for position in positions:
        asset = contracts[position.symbol].margin_asset
        if position.margin == "isolated":
            wallets[asset] = wallets.get(asset, Decimal(0)) + position.isolated_wallet
    account = Account(
        wallets=wallets,
        positions={position.key: position for position in positions},
        multi_assets=state["asset_mode"] == "multi",
    )
    indices = {
        asset: AssetIndex(*(Decimal(each[name]) for name in ("index", "bid", "ask")))
        for asset, each in state.get("indices", {}).items()
    }
    marks = Marks({symbol: Decimal(price) for symbol, price in state["marks"].items()}, indices)
    taker = Decimal(state["taker"])
    chosen = {FIELDS[name]: value for name, value in state.get("assumptions", {}).items() if name in FIELDS}
    rules = VenueRules("", contracts, tables, FeeRates(taker, taker), Assumptions(**chosen))
    return account, marks, rules


def our_answer(state: dict[str, Any]) -> list[dict[str, Any]]:
    """What `margincall.core` says of the state, in the oracle's words."""
    account, marks, rules = to_core(state)
    terms = margin(account, marks, rules)
    found = {(each.symbol, each.side): each for each in prices(terms, marks, rules)}
    target = Decimal(state["target"])
    pools = []
    for pool in terms.pools:
        ways = remedy(pool, rules.fees.taker, rules.assumptions, target=target)
        pools.append(
            {
                "name": pool.name,
                "wallet": text(pool.wallet),
                "unrealized_pnl": text(pool.unrealized),
                "balance": text(pool.balance),
                "maintenance": text(pool.maintenance),
                "ratio": text(pool.ratio),
                "liquidated": pool.liquidated,
                "positions": [_position(pool, each, found) for each in pool.positions],
                "collateral": {
                    each.asset: _interval(collateral_interval(pool, each.asset, rules.assumptions))
                    for each in pool.assets
                    if pool.kind == "multi"
                },
                "remedy": {
                    "add": {asset: text(amount) for asset, amount in ways.add.items()},
                    "close": [
                        {
                            "symbol": each.symbol,
                            "side": each.side,
                            "quantity": text(each.quantity),
                            "price": text(each.price),
                        }
                        for each in ways.close
                    ],
                },
            }
        )
    return pools


def _position(pool: PoolTerms, each: Any, found: dict[Any, Any]) -> dict[str, Any]:
    price = found[each.symbol, each.side]
    return {
        "symbol": each.symbol,
        "side": each.side,
        "notional": text(each.notional),
        "unrealized_pnl": text(each.unrealized),
        "maintenance": text(each.maintenance),
        "rate": text(each.bracket.rate),
        "cum": text(each.bracket.cum),
        "interval": _interval(price.liquidation),
        "moving": None if price.moving is None else _interval(price.moving),
        "displayed": text(price.displayed),
        "bankruptcy": {split: text(bankruptcy(pool, each, Assumptions(bankruptcy_split=split))) for split in SPLITS},
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {"lower": text(interval.lower), "upper": text(interval.upper), "empty": interval.empty}


def text(value: Decimal | None) -> str | None:
    """A decimal without trailing zeros."""
    if value is None:
        return None
    return format(plain(value), "f") if value else "0"


def _pairs(path: str, ours: Any, theirs: Any) -> Iterator[Pair]:
    """Pair what the oracle prints; positions are matched by symbol and side, so their order does not matter."""
    if isinstance(theirs, dict):
        for key, value in theirs.items():
            if key in ours or not path.endswith(("collateral", "add")):
                yield from _pairs(f"{path}.{key}", ours.get(key), value)
    elif isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield Pair(path, f"{len(ours)} entries", f"{len(theirs)} entries")
        for mine, other in zip(_sorted(ours), _sorted(theirs), strict=False):
            yield from _pairs(f"{path}[{_key(other)}]", mine, other)
    else:
        yield Pair(path, ours, theirs)


def _numeric(value: str) -> bool:
    return value.replace(".", "").replace("-", "").isdigit()


def _sorted(entries: list[Any]) -> list[Any]:
    return sorted(entries, key=_key)


def _key(entry: Any) -> str:
    return f"{entry.get('name', '')}{entry.get('symbol', '')}{entry.get('side', '')}"

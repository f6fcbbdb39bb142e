"""`margincall calc`: where a position stands, from a few flags."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import click

from margincall.cli.output import print_json
from margincall.core.account import Account, MarginType, Marks, Position, PositionSide
from margincall.core.brackets import Bracket, BracketTable, problems
from margincall.core.contract import Contract, value
from margincall.core.margin import PoolTerms, Terms, margin
from margincall.core.prices import PositionPrices, prices
from margincall.core.remedy import Remedy, remedy
from margincall.core.rounding import exact, plain
from margincall.core.rules import MissingContract, VenueRules
from margincall.core.units import Collateral, Price, Quantity
from margincall.errors import DIFFERENCES, FINE, UsageError
from margincall.venues.registry import contract_of, rules_of, venue_of
from margincall.wire.numbers import BadNumber, decimal_of

MAX_LEVERAGE = 1000
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


def _decimal(_: click.Context, parameter: click.Parameter, text: str | None) -> Decimal | None:
    """A flag's number, exactly as typed."""
    try:
        return None if text is None else _grouped(text)
    except BadNumber as error:
        raise click.BadParameter(str(error), param=parameter) from None


@click.command()
@click.argument("symbol")
@click.option("--long", "longs", multiple=True, metavar="QTY@ENTRY", help="A long position; contracts for COIN-M.")
@click.option("--short", "shorts", multiple=True, metavar="QTY@ENTRY", help="A short position.")
@click.option(
    "--wallet",
    metavar="NUMBER",
    callback=_decimal,
    help="Wallet balance (cross) or isolated wallet, in the margin asset.",
)
@click.option(
    "--leverage", type=click.IntRange(1, MAX_LEVERAGE), help="Isolated: wallet = value / leverage, if no --wallet."
)
@click.option(
    "--mark", metavar="NUMBER", callback=_decimal, help="Mark price; by default the entry of the first position."
)
@click.option("--isolated", is_flag=True, help="Isolated margin (default: cross).")
@click.option("--other", "others", multiple=True, metavar="SYMBOL:±QTY@ENTRY[@MARK]", help="Another cross position.")
@click.option(
    "--rate", metavar="NUMBER", callback=_decimal, help="Maintenance margin rate, instead of a bracket table."
)
@click.option(
    "--cum", metavar="NUMBER", callback=_decimal, default="0", help="Maintenance amount to --rate.", show_default=True
)
@click.option(
    "--as-of", "day", metavar="DATE", help="Use the bracket table in force on this day (default: the latest)."
)
@click.option(
    "--target",
    metavar="NUMBER",
    callback=_decimal,
    default="0.8",
    show_default=True,
    help="Margin ratio that the remedy reaches.",
)
@click.option("--json", "as_json", is_flag=True, help="Print margincall.calc/1 for programs.")
def calc(symbol: str, **flags: Any) -> int:
    """Survival interval, liquidation price, bankruptcy price, margin ratio and remedy of a position in SYMBOL
    (BTCUSDT, BTCUSD_PERP).

    \b
    margincall calc BTCUSDT --long 0.1@60000 --wallet 500 --mark 58000
    margincall calc BTCUSDT --long 1@60000 --short 0.6@62000 --wallet 8000     (hedge mode)
    margincall calc BTCUSD_PERP --long 2@37643.1 --isolated --wallet 0.00268058

    Exit code 1 if the position is liquidated at the mark. Isolated legs of a hedge have wallets of their own: calculate
    each alone.
    """
    return run(symbol, flags)


@exact
def run(symbol: str, flags: dict[str, Any]) -> int:
    """Compute and print; 1 if the position is liquidated at the mark."""
    _check(flags)
    symbol = symbol.upper()
    held = _positions(symbol, flags)
    marks = _marks(symbol, held, flags)
    rules = _rules([position.symbol for position in held], flags)
    account = _account(held, rules.contract(symbol), flags)
    terms = margin(account, Marks(marks), rules)
    if any(each.maintenance < 0 for pool in terms.pools for each in pool.positions):
        raise UsageError("--cum is larger than rate × notional: that row is not the one of this size")
    found = prices(terms, Marks(marks), rules)
    target = flags["target"]
    if not 0 < target <= 1:
        raise UsageError(f"--target {target}: a margin ratio lies between 0 and 1")
    ways = [remedy(pool, rules.fees.taker, rules.assumptions, target=target) for pool in terms.pools]
    if flags["as_json"]:
        print_json(_document(terms, found, ways, rules))
    else:
        for pool, way in zip(terms.pools, ways, strict=True):
            _print(pool, found, way)
        click.echo(f"brackets: {', '.join(_named(table) for table in rules.tables.values())}")
    return DIFFERENCES if any(pool.liquidated for pool in terms.pools) else FINE


def _check(flags: dict[str, Any]) -> None:
    """Refuse flags that do not go together."""
    if flags["isolated"] and flags["others"]:
        raise UsageError("--isolated and --other: an isolated position shares its wallet with no other; leave one out")
    if flags["rate"] is not None and flags["others"]:
        raise UsageError("--rate is the rate of one symbol; with --other the bracket tables are used")
    if flags["rate"] is None and flags["cum"]:
        raise UsageError("--cum belongs to --rate: give both")
    if flags["leverage"] and not flags["isolated"]:
        raise UsageError("--leverage sets an isolated wallet and changes no cross liquidation price: leave it out")
    try:
        date.fromisoformat(flags["day"] or "2000-01-01")
    except ValueError:
        raise UsageError(f"--as-of {flags['day']!r} is not a day; write it as 2024-10-24") from None


def _positions(symbol: str, flags: dict[str, Any]) -> list[Position]:
    sides = [(text, 1) for text in flags["longs"]] + [(text, -1) for text in flags["shorts"]]
    if not sides:
        raise UsageError("give a position: --long QTY@ENTRY or --short QTY@ENTRY")
    hedged = bool(flags["longs"]) and bool(flags["shorts"])
    margin_type: MarginType = "isolated" if flags["isolated"] else "cross"
    if hedged and flags["isolated"]:
        raise UsageError("isolated legs of a hedge have wallets of their own: calculate each alone")
    if len(sides) > 2 or (len(sides) == 2 and not hedged):
        raise UsageError("give one long, one short, or one of each (hedge mode)")
    held = []
    for text, sign in sides:
        side: PositionSide = ("LONG" if sign > 0 else "SHORT") if hedged else "BOTH"
        held.append(_position(symbol, side, text, sign, margin_type))
    for other in flags["others"]:
        name, _, rest = other.partition(":")
        parts = rest.split("@")
        if len(parts) not in (2, 3):
            raise UsageError(f"--other {other!r}: write SYMBOL:QTY@ENTRY or SYMBOL:-QTY@ENTRY@MARK")
        sign = -1 if parts[0].startswith("-") else 1
        held.append(_position(name, "BOTH", f"{parts[0].lstrip('+-')}@{parts[1]}", sign, "cross"))
    return held


def _position(symbol: str, side: PositionSide, text: str, sign: int, margin_type: MarginType) -> Position:
    quantity_text, at, entry_text = text.partition("@")
    if not at:
        raise UsageError(f"{text!r}: write QTY@ENTRY, for example 0.1@60000")
    quantity, entry = _number(quantity_text, text), _number(entry_text, text)
    if quantity <= 0 or entry <= 0:
        raise UsageError(f"{text!r}: quantity and entry are positive")
    contract = _contract(symbol)
    signed = Quantity(sign * quantity)
    return Position(symbol, side, signed, value(contract, signed, Price(entry)), margin_type)


def _number(text: str, whole: str) -> Decimal:
    try:
        return _grouped(text)
    except BadNumber:
        hint = " (a comma groups three digits: 60,000; write 0.5 with a point)" if "," in text else ""
        raise UsageError(f"{whole!r}: {text!r} is not a number{hint}") from None


def _grouped(text: str) -> Decimal:
    """A number that may group its thousands by commas; a decimal comma is refused. Raises `BadNumber`."""
    return decimal_of(text.replace(",", "") if GROUPED.fullmatch(text.strip()) else text)


def _contract(symbol: str) -> Contract:
    try:
        return contract_of(symbol)
    except MissingContract:
        raise UsageError(f"{symbol!r} is no symbol we know: write it like BTCUSDT or BTCUSD_PERP") from None


def _marks(symbol: str, held: list[Position], flags: dict[str, Any]) -> dict[str, Price]:
    marks: dict[str, Price] = {}
    for position, text in zip(held[-len(flags["others"]) :] if flags["others"] else [], flags["others"], strict=True):
        parts = text.partition(":")[2].split("@")
        marks[position.symbol] = Price(_number(parts[-1], text))
    first = (flags["longs"] or flags["shorts"])[0].partition("@")[2]
    mark = flags["mark"] if flags["mark"] is not None else _number(first, first)
    if mark <= 0:
        raise UsageError(f"--mark {mark}: a price is positive")
    marks[symbol] = Price(mark)
    return marks


def _account(held: list[Position], contract: Contract, flags: dict[str, Any]) -> Account:
    wallet = flags["wallet"]
    if wallet is None and flags["isolated"] and flags["leverage"]:
        wallet = abs(held[0].cost) / flags["leverage"]
    if wallet is None:
        raise UsageError("give --wallet AMOUNT (or --isolated --leverage N)")
    if flags["isolated"]:
        held = [Position(p.symbol, p.side, p.quantity, p.cost, p.margin, Collateral(wallet)) for p in held]
    positions = {position.key: position for position in held}
    if len(positions) != len(held):
        raise UsageError("two positions with the same symbol and side: add them up first")
    return Account(wallets={contract.margin_asset: Collateral(wallet)}, positions=positions)


def _rules(symbols: list[str], flags: dict[str, Any]) -> VenueRules:
    venue = venue_of(symbols[0])
    if any(venue_of(_contract(symbol).symbol) != venue for symbol in symbols):
        raise UsageError("positions of one account are of one venue: USDⓈ-M or COIN-M")
    day = flags["day"] or "9999-12-31"
    tables = {symbol: _table(symbol, day, flags) for symbol in dict.fromkeys(symbols)}
    return rules_of(venue, symbols, tables, day=day)


def _table(symbol: str, day: str, flags: dict[str, Any]) -> BracketTable:
    if flags["rate"] is not None:
        row = Bracket(1, Decimal(0), Decimal("1e30"), flags["rate"], flags["cum"])
        unsound = [problem for problem in problems((row,)) if "cum" not in problem]
        if unsound:
            raise UsageError(f"--rate: {unsound[0]}")
        return BracketTable(symbol, (row,), "", "--rate and --cum")
    from margincall.history.bracket_store import load_book

    table = load_book(symbols=[symbol]).select(symbol, day).table
    if table is None:
        raise UsageError(
            f"no bracket table of {symbol} is known for that day: import one (margincall brackets import FILE) "
            "or give --rate and --cum"
        )
    return table


def _named(table: BracketTable) -> str:
    return f"{table.symbol} {table.as_of} ({table.source})" if table.as_of else f"{table.symbol} from {table.source}"


def _text(amount: Decimal | None, missing: str = "none") -> str:
    """A number for people: at most eight decimals, thousands separated."""
    return missing if amount is None else format(plain(round(amount, 8)), ",f")


def _print(pool: PoolTerms, found: tuple[PositionPrices, ...], way: Remedy) -> None:
    ratio = "none (balance is not positive)" if pool.ratio is None else f"{_text(pool.ratio * 100)} %"
    state = "LIQUIDATED at this mark" if pool.liquidated else "alive at this mark"
    click.echo(f"{pool.name}: {state}")
    for name, text in (
        ("wallet", _text(pool.wallet)),
        ("unrealised PnL", _text(pool.unrealized)),
        ("margin balance", _text(pool.balance)),
        ("maintenance margin", _text(pool.maintenance)),
        ("margin ratio", ratio),
    ):
        click.echo(f"  {name:<28}{text:>28}")
    for terms in pool.positions:
        price = next(each for each in found if (each.symbol, each.side) == (terms.symbol, terms.side))
        interval = price.liquidation
        click.echo(
            f"  {terms.symbol} {terms.side} {_text(terms.quantity)} @ {_text(terms.entry)}, mark {_text(terms.mark)}"
        )
        for name, text in (
            ("survives from", "no price" if interval.empty else _text(interval.lower, "any lower price")),
            ("survives to", "no price" if interval.empty else _text(interval.upper, "any higher price")),
            ("displayed liquidation price", _text(price.displayed, "--")),
            (_bankruptcy_label(pool), _text(price.bankruptcy)),
            ("bracket", f"{_text(terms.bracket.rate * 100)} %, cum {_text(terms.bracket.cum)}"),
        ):
            click.echo(f"    {name:<30}{text:>24}")
    if not any(way.add.values()):
        click.echo(f"  a ratio of {plain(way.target * 100):f} % is not exceeded: nothing to do")
        return
    adding = " or ".join(f"{_text(amount)} {asset}" for asset, amount in way.add.items())
    click.echo(f"  to reach a ratio of {plain(way.target * 100):f} %: add {adding}")
    click.echo("    closing is priced at the mark with the regular taker fee, which the quantity includes:")
    for each in way.close:
        closing = "cannot be reached by closing" if each.quantity is None else f"close {_text(each.quantity)} of"
        click.echo(f"    or {closing} {each.symbol} {each.side} at {_text(each.price)}")


def _bankruptcy_label(pool: PoolTerms) -> str:
    """With several positions the split of the wallet is assumed, at the present mark."""
    return "bankruptcy price" if len(pool.positions) == 1 else "bankruptcy (split assumed)"


def _document(terms: Terms, found: tuple[PositionPrices, ...], ways: list[Remedy], rules: VenueRules) -> dict[str, Any]:
    return {
        "schema": "margincall.calc/1",
        "pools": [
            {
                "name": pool.name,
                "wallet_balance": _json(pool.wallet),
                "unrealized_pnl": _json(pool.unrealized),
                "margin_balance": _json(pool.balance),
                "maintenance_margin": _json(pool.maintenance),
                "margin_ratio": _json(pool.ratio),
                "liquidated": pool.liquidated,
                "remedy": {
                    "target": _json(way.target),
                    "add": {asset: _json(amount) for asset, amount in way.add.items()},
                    "close": [
                        {"symbol": e.symbol, "side": e.side, "quantity": _json(e.quantity), "price": _json(e.price)}
                        for e in way.close
                    ],
                },
            }
            for pool, way in zip(terms.pools, ways, strict=True)
        ],
        "positions": [
            {
                "symbol": each.symbol,
                "position_side": each.side,
                "liquidation": {
                    "lower": _json(each.liquidation.lower),
                    "upper": _json(each.liquidation.upper),
                    "displayed": _json(each.displayed),
                    "empty": each.liquidation.empty,
                },
                "bankruptcy": _json(each.bankruptcy),
            }
            for each in found
        ],
        "brackets": [_named(table) for table in rules.tables.values()],
        "problems": [],
        "assumptions": ["bankruptcy-split", "displayed-liquidation-price", "trigger-comparison"],
    }


def _json(amount: Decimal | None) -> str | None:
    return None if amount is None else format(plain(amount), "f")

"""What the server's exchange lists and runs by: a rule-set of the catalogue, with the symbols that are asked for.

Symbols that the catalogue does not have are listed like the others, with filters and steps that are assumed
(`contract-filters`, `contract-steps`), and a clearance fee of 1.25 % (`liquidation-fee-rate`).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from margincall.core.contract import Contract
from margincall.core.rules import MissingContract
from margincall.errors import UsageError
from margincall.exchange.catalogue import CATALOGUE, TODAY, tables_of
from margincall.exchange.engine import read_rules
from margincall.exchange.journal import read_header
from margincall.exchange.rulesets import Filters, MarkSource, RuleSet
from margincall.exchange.scenario_rules import FEE
from margincall.venues.registry import contract_of, venue_of

NAMES = tuple(CATALOGUE)
TICK, LOT = Decimal("0.0001"), Decimal("0.001")
FILTERS = Filters(
    min_price=TICK, max_price=Decimal(1_000_000), min_quantity=LOT, max_quantity=Decimal(1_000_000),
    max_market_quantity=Decimal(1_000_000), min_notional=Decimal(5), multiplier_up=Decimal("1.05"),
    multiplier_down=Decimal("0.95"), market_bound=Decimal("0.05"),
)  # fmt: skip
"""Of a symbol whose exchangeInfo is not known: an illustration in the shape of the others."""
ASSUMED = ("contract-filters", "contract-steps", "liquidation-fee-rate")


def rules_for(name: str, symbols: Iterable[str] = (), *, marks: MarkSource = "given", day: str = TODAY) -> RuleSet:
    """The rule-set of a name with these symbols, or with those of the catalogue. Raises `UsageError`."""
    if name not in CATALOGUE:
        raise UsageError(f"no such rules: {name}; there are {', '.join(NAMES)}")
    known = CATALOGUE[name](day=day, marks=marks)
    wanted = tuple(dict.fromkeys(symbols)) or tuple(known.listings)
    more = {symbol: _contract(symbol, known) for symbol in wanted if symbol not in known.listings}
    tables, assumed = tables_of(more, day)
    example = next(iter(known.listings.values()))
    listed = {symbol: structs.replace(example, filters=FILTERS) for symbol in more}
    contracts = {**known.venue.contracts, **more}
    venue = structs.replace(
        known.venue,
        contracts={symbol: contracts[symbol] for symbol in wanted},
        tables={symbol: table for symbol, table in {**known.venue.tables, **tables}.items() if symbol in wanted},
    )
    assumed = (*known.assumed, *(ASSUMED if more else ()), *assumed)
    return structs.replace(
        known,
        venue=venue,
        listings={symbol: {**known.listings, **listed}[symbol] for symbol in wanted},
        assumed=tuple(dict.fromkeys(assumed)),
    )


def rules_of_journal(journal: Path, name: str | None, symbols: Iterable[str], marks: MarkSource | None) -> RuleSet:
    """The rules of a journal that is there, else those that are asked for (by default USDⓈ-M). What is asked for
    and not the journal's own raises `UsageError`."""
    symbols = tuple(symbols)
    is_asked = name is not None or symbols or marks is not None
    if not journal.exists() or (is_asked and read_header(journal) is None):
        return rules_for(name or "usdm", symbols, marks=marks or "given")
    found = read_rules(journal)
    sources = {each.mark_source for each in found.listings.values()}
    for flag, asked, own, is_own in (
        ("--rules", name, found.name, name in (None, found.name)),
        ("--symbols", ",".join(symbols), ",".join(found.listings), not symbols or {*symbols} == {*found.listings}),
        ("--marks", marks, ",".join(sorted(sources)), marks is None or {marks} == sources),
    ):
        if not is_own:
            raise UsageError(
                f"{journal.parent} was begun with {flag} {own}, not {asked}, and keeps its own: leave the flag out, or "
                "choose another --folder"
            )
    return found


def margin_assets(contracts: Mapping[str, Contract]) -> tuple[str, ...]:
    """What can be margin here, by name."""
    return tuple(sorted({each.margin_asset for each in contracts.values()}))


def _contract(symbol: str, known: RuleSet) -> Contract:
    """The contract of a symbol that the catalogue does not list."""
    like = next(iter(known.listings))
    try:
        found = contract_of(symbol) if known.name != "dydx" and venue_of(symbol) == venue_of(like) else None
    except MissingContract:
        found = None
    if found is None:
        raise UsageError(f"no contract of {known.name}: {symbol!r}; expected one like {like}")
    return structs.replace(found, tick=TICK, lot=LOT, liquidation_fee=FEE)

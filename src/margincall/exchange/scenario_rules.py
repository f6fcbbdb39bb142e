"""The rule-set that a scenario runs by: that of the catalogue on its day, with the contracts and tables of the file.

No order filters and no funding: a scenario's maker has no index to follow, and quotes as far away as it likes.
"""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from margincall.config import Misplaced
from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.rounding import AMOUNT_UNIT, booked, plain, to_step_down
from margincall.core.rules import MissingContract
from margincall.core.units import ONE
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.scenario import ContractPart, RuleSetName, Scenario
from margincall.exchange.settings import MOST_LEVERAGE
from margincall.venues import binance_protocol as binance
from margincall.venues import dydx
from margincall.venues.book import BracketBook
from margincall.venues.registry import contract_of, rules_of, venue_of
from margincall.wire.brackets import read_brackets

VENUES: Mapping[RuleSetName, str] = {
    "binance_usdm": "binance_usdm",
    "binance_coinm": "binance_coinm",
    "dydx": "binance_usdm",
    "socialised_loss": "binance_usdm",
    "clawback": "binance_usdm",
}
"""Whose contracts and brackets a rule-set trades; dYdX has none of its own here."""
SETS: Mapping[RuleSetName, str] = {
    "binance_usdm": "usdm",
    "binance_coinm": "coinm",
    "dydx": "dydx",
    "socialised_loss": "socialised",
    "clawback": "clawback",
}
"""What the catalogue calls them."""
PENALTIES: Mapping[RuleSetName, Decimal] = {"dydx": dydx.PENALTY}
"""Rates that belong to the rule-set, not to the contract."""
OF_ITS_CONTRACTS = frozenset({"contract-filters", "bracket-date", "bracket-rows", "package-version-date"})
"""What the catalogue assumes of filters and tables that a scenario does not use."""
STALE_DAYS = 31
"""So old a table may be without an assumption that it still was in force (`bracket-unchanged`)."""
EXAMPLES = {"binance_usdm": "BTCUSDT", "binance_coinm": "BTCUSD_PERP"}
Mistake = tuple[tuple[str | int, ...], str]
"""The key at which it stands, and what was expected."""

FUNDING_HOURS = 8
"""Time between two fundings of a contract that asks for funding, until the venue's own rule changes it."""
FEE = Decimal("0.0125")
"""Clearance fee of contracts whose rate is not known: that of BTCUSDT (assumed: `liquidation-fee-rate`)."""


class Misfit(ValueError):
    """What is wrong with one contract, and at which of its keys."""

    def __init__(self, message: str, *key: str | int) -> None:
        """The message says what was expected."""
        super().__init__(message)
        self.key = key


def rule_set_of(scenario: Scenario, folder: Path, book: BracketBook) -> RuleSet:
    """The rules of a scenario; `book` holds the bracket tables known, files are looked up from `folder`. Raises
    `Misplaced` with every mistake that shows beside the venue's contracts and brackets."""
    contracts: dict[str, Contract] = {}
    tables: dict[str, BracketTable] = {}
    mistakes: list[Mistake] = []
    for number, part in enumerate(scenario.contract):
        try:
            contracts[part.symbol] = _contract(part, scenario)
            tables[part.symbol] = _table(part, scenario, folder, book)
            _check_path(part, contracts[part.symbol], folder)
        except Misfit as error:
            mistakes.append((("contract", number, *error.key), str(error)))
    if mistakes:
        raise Misplaced(mistakes)
    if mistakes := [
        *_leverages(scenario, tables),
        *_assets(scenario, contracts),
        *_faults(scenario, tables, contracts),
    ]:
        raise Misplaced(mistakes)
    known = CATALOGUE[SETS[scenario.rules]](day=scenario.day)
    fees, unknown = _fees(contracts, scenario)
    priced = {symbol: structs.replace(each, liquidation_fee=fees[symbol]) for symbol, each in contracts.items()}
    assumed = [each for each in known.assumed if each not in OF_ITS_CONTRACTS]
    assumed += [each for part in scenario.contract for each in _assumed(part, tables[part.symbol], scenario, book)]
    assumed += ["liquidation-fee-rate"] if unknown else []
    return structs.replace(
        known,
        name=scenario.rules,
        venue=structs.replace(known.venue, contracts=priced, tables=tables),
        listings={part.symbol: _listing(part, scenario, tables[part.symbol], known) for part in scenario.contract},
        assumed=tuple(dict.fromkeys(assumed)),
    )


def stale(rules: RuleSet, day: str) -> dict[str, str]:
    """The symbols whose table is assumed to have been unchanged since, with the day that it is of."""
    if "bracket-unchanged" not in rules.assumed:
        return {}
    return {symbol: table.as_of for symbol, table in rules.venue.tables.items() if _is_stale(table, day)}


def _listing(part: ContractPart, scenario: Scenario, table: BracketTable, known: RuleSet) -> Listing:
    """How a contract of a scenario trades: without filters, its mark given, and no funding, but for what the file asks
    for: index and mark by the venue's rules, funding by those of the rule-set."""
    listing = Listing()
    if part.index:
        spot = part.symbol.partition("USD")[0] + "USDT"
        listing = structs.replace(
            listing, mark_source="rule", index=binance.index_rules(spot), mark=binance.mark_rules(scenario.start)
        )
    if part.funding and scenario.rules == "dydx":
        listing = structs.replace(listing, funding=next(iter(known.listings.values())).funding)
    elif part.funding:
        rules = binance.funding_rules(part.symbol, scenario.start, hours=FUNDING_HOURS, first_rate=table.rows[0].rate)
        listing = structs.replace(listing, funding=rules, intervals=binance.interval_rules(scenario.start))
    return listing


def _is_stale(table: BracketTable, day: str) -> bool:
    return (date.fromisoformat(day) - date.fromisoformat(table.as_of)).days > STALE_DAYS


def _assumed(part: ContractPart, table: BracketTable, scenario: Scenario, book: BracketBook) -> Iterator[str]:
    """What is assumed about a contract's bracket table; nothing about one that the file names."""
    if part.brackets:
        return
    chosen = book.select(part.symbol, scenario.day)
    yield from chosen.assumed
    if chosen.later is None and _is_stale(table, scenario.day):
        yield "bracket-unchanged"


def _contract(part: ContractPart, scenario: Scenario) -> Contract:
    """The venue's contract with the file's own tick, lot and fee."""
    try:
        listed, venue = contract_of(part.symbol), venue_of(part.symbol)
    except MissingContract:
        listed, venue = None, ""
    if listed is None or venue != VENUES[scenario.rules]:
        like = EXAMPLES[VENUES[scenario.rules]]
        raise Misfit(f"expected a contract of {scenario.rules}, like {like}, found {part.symbol!r}", "symbol")
    own: dict[str, Decimal] = {
        name: value
        for name, value in (("tick", part.tick), ("lot", part.lot), ("liquidation_fee", part.liquidation_fee))
        if value is not None
    }
    return structs.replace(listed, **own)


def _fees(contracts: Mapping[str, Contract], scenario: Scenario) -> tuple[dict[str, Decimal], list[str]]:
    """The clearance fee rates: the file's own, else the rule-set's, else the venue's of that day; and the symbols of
    which none is known (assumed: `liquidation-fee-rate`)."""
    dated = rules_of(VENUES[scenario.rules], contracts, {}, day=scenario.day)
    fees, unknown = {}, []
    for symbol, contract in contracts.items():
        listed = PENALTIES.get(scenario.rules, dated.contract(symbol).liquidation_fee)
        own = listed if contract.liquidation_fee is None else contract.liquidation_fee
        fees[symbol] = FEE if own is None else own
        unknown += [symbol] if own is None else []
    return fees, unknown


def _table(part: ContractPart, scenario: Scenario, folder: Path, book: BracketBook) -> BracketTable:
    """The bracket table in force: of the scenario's own file, else the one known for its day."""
    if part.brackets:
        return _own_table(part, scenario, folder / part.brackets)
    chosen = book.select(part.symbol, scenario.day)
    if chosen.table is None and chosen.later is not None:
        raise Misfit(
            f"expected a `start` from {chosen.later.as_of} on, the first day of which brackets of {part.symbol} are "
            f'known, found {scenario.day}: start later, or name a file: brackets = "FILE"',
            "symbol",
        )
    if chosen.table is None:
        raise Misfit(
            f"expected a contract whose brackets are known, found {part.symbol!r}: import them (margincall brackets "
            'import FILE) or name a file: brackets = "FILE"',
            "symbol",
        )
    return chosen.table


def _own_table(part: ContractPart, scenario: Scenario, path: Path) -> BracketTable:
    """The table of a file that the contract names."""
    try:
        data = path.read_bytes()
        printed, problems = read_brackets(gzip.decompress(data) if path.suffix == ".gz" else data, path.name)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or "it is damaged"
        raise Misfit(f"expected a file of bracket tables, {path} cannot be read: {why}", "brackets") from None
    for found in printed:
        if found.symbol == part.symbol:
            return BracketTable(found.symbol, found.rows, scenario.day, path.name, path.name, found.coefficient)
    why = next((f": {each.message}" for each in problems if part.symbol in each.place + each.message), "")
    raise Misfit(f"expected a file with a sound table of {part.symbol}, {path} has none{why}", "brackets")


def _check_path(part: ContractPart, contract: Contract, folder: Path) -> None:
    """Chosen prices lie on the contract's tick; a file of candles is there."""
    for place, (_, price) in enumerate(part.path):
        if to_step_down(price, contract.tick) != price:
            raise Misfit(f"expected a multiple of the tick {plain(contract.tick)}, found {plain(price)}", "path", place)
    if part.candles and not (folder / part.candles).exists():
        raise Misfit(f"expected a file or folder of candles, there is no {folder / part.candles}", "candles")


def _leverages(scenario: Scenario, tables: Mapping[str, BracketTable]) -> Iterator[Mistake]:
    """Leverages beyond the first bracket's."""
    most = {symbol: table.rows[0].max_leverage or MOST_LEVERAGE for symbol, table in tables.items()}
    for number, account in enumerate(scenario.account):
        for place, each in enumerate(account.position):
            if each.leverage > most[each.symbol]:
                key = "account", number, "position", place, "leverage"
                yield key, f"expected at most {most[each.symbol]}, the most on {each.symbol}, found {each.leverage}"
    least = min(most.values())
    for number, crowd in enumerate(scenario.crowd):
        if crowd.leverage[1] > least:
            yield ("crowd", number, "leverage"), f"expected at most {least}, found {crowd.leverage[1]}"


def _faults(
    scenario: Scenario, tables: Mapping[str, BracketTable], contracts: Mapping[str, Contract]
) -> Iterator[Mistake]:
    """Wrong brackets whose maintenance would be more than the position; prices beyond a limit that are not on the
    tick; a wrong rate of a funding that there is not."""
    parts = {part.symbol: part for part in scenario.contract}
    for number, fault in enumerate(scenario.fault):
        if fault.kind == "wrong_funding_rate" and not parts[fault.symbol].funding:
            yield ("fault", number, "kind"), f"expected `funding = true` at the contract {fault.symbol}"
        if fault.kind == "fill_beyond_bankruptcy" and fault.value is not None:
            tick = contracts[fault.symbol].tick
            if to_step_down(fault.value, tick) != fault.value:
                yield ("fault", number, "value"), f"expected a multiple of the tick {plain(tick)}, found {fault.value}"
        if fault.kind == "wrong_brackets" and fault.value is not None:
            steepest = tables[fault.symbol].rows[-1].rate
            if steepest * fault.value > ONE:
                most = plain(to_step_down(ONE / steepest, Decimal("0.01")))
                yield ("fault", number, "value"), f"expected at most {most}: no rate of {fault.symbol} is above 1"


def _assets(scenario: Scenario, contracts: Mapping[str, Contract]) -> Iterator[Mistake]:
    """Money that is no margin here, and multi-assets mode without the prices that it needs."""
    margins = sorted({contract.margin_asset for contract in contracts.values()})
    prices = [each.asset for each in scenario.asset_index]
    known = sorted({*margins, *prices})
    for field, parts in (("deposit", [each.deposit for each in scenario.account]), ("fund", [scenario.fund])):
        for number, amounts in enumerate(parts):
            for asset, amount in amounts.items():
                key = ("account", number, field, asset) if field == "deposit" else (field, asset)
                if asset not in known:
                    yield key, f"expected an asset that is margin or has an `asset_index`: {', '.join(known)}"
                elif booked(amount) != amount:
                    yield key, f"expected a multiple of {AMOUNT_UNIT:f}, found {plain(amount)}"
    missing = [asset for asset in margins if asset not in prices]
    multi = [("account", number, "multi_assets") for number, each in enumerate(scenario.account) if each.multi_assets]
    multi += [("crowd", number, "modes") for number, each in enumerate(scenario.crowd) if "multi" in each.modes]
    for each in multi if missing else ():
        yield each, f"expected an `asset_index` of {missing[0]}: multi-assets mode needs its price"

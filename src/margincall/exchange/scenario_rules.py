"""The rule-set that a scenario runs by: the venue's on its day, with what the file says otherwise."""

import gzip
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.protocol.deleverage import DeleverageRules
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.core.rules import MissingContract, VenueRules
from margincall.errors import UsageError
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.scenario import ContractPart, RuleSetName, Scenario
from margincall.venues import binance_protocol, dydx
from margincall.venues.book import BracketBook
from margincall.venues.registry import contract_of, rules_of
from margincall.wire.brackets import read_brackets

VENUES: Mapping[RuleSetName, str] = {
    "binance_usdm": "binance_usdm",
    "binance_coinm": "binance_coinm",
    "dydx": "binance_usdm",
    "socialised_loss": "binance_usdm",
    "clawback": "binance_usdm",
}
"""Whose contracts and brackets a rule-set trades; dYdX has none of its own here."""
PROTOCOLS: Mapping[RuleSetName, tuple[WaterfallRules, DeleverageRules]] = {
    "binance_usdm": (binance_protocol.WATERFALL, binance_protocol.DELEVERAGING),
    "binance_coinm": (binance_protocol.WATERFALL, binance_protocol.DELEVERAGING),
    "dydx": (dydx.WATERFALL, dydx.DELEVERAGING),
    "socialised_loss": (WaterfallRules(after_fund="socialise"), binance_protocol.DELEVERAGING),
    "clawback": (WaterfallRules(after_fund="claw-back"), binance_protocol.DELEVERAGING),
}
"""What a liquidation does, and who is deleveraged how."""


FEE = Decimal("0.0125")
"""Clearance fee of contracts whose rate is not known: that of BTCUSDT (assumed: `liquidation-fee-rate`)."""


def rule_set_of(scenario: Scenario, folder: Path, book: BracketBook) -> RuleSet:
    """The rules of a scenario; `book` holds the bracket tables known, files are looked up from `folder`. Raises
    `UsageError` for a symbol that the venue does not list, or of which no table is known."""
    contracts = {part.symbol: _contract(part, scenario) for part in scenario.contract}
    tables = {part.symbol: _table(part, scenario, folder, book) for part in scenario.contract}
    venue = rules_of(VENUES[scenario.rules], contracts, tables, day=scenario.day)
    waterfall, deleveraging = PROTOCOLS[scenario.rules]
    return RuleSet(
        name=scenario.rules,
        venue=structs.replace(venue, contracts={each: _with_fee(venue, contracts[each]) for each in contracts}),
        listings={symbol: Listing() for symbol in contracts},
        waterfall=waterfall,
        deleveraging=deleveraging,
    )


def _contract(part: ContractPart, scenario: Scenario) -> Contract:
    """The venue's contract with the file's own tick, lot and fee."""
    try:
        listed = contract_of(part.symbol)
    except MissingContract:
        raise UsageError(f"{part.symbol}: no contract of {scenario.rules} is called so") from None
    own: dict[str, Decimal] = {
        name: value
        for name, value in (("tick", part.tick), ("lot", part.lot), ("liquidation_fee", part.liquidation_fee))
        if value is not None
    }
    return structs.replace(listed, **own)


def _with_fee(venue: VenueRules, contract: Contract) -> Contract:
    """The venue's clearance fee of that day, where the file gives none (assumed: `liquidation-fee-rate`)."""
    if contract.liquidation_fee is not None:
        return contract
    known = venue.contract(contract.symbol).liquidation_fee
    return structs.replace(contract, liquidation_fee=FEE if known is None else known)


def _table(part: ContractPart, scenario: Scenario, folder: Path, book: BracketBook) -> BracketTable:
    """The bracket table in force: of the scenario's own file, else the one known for its day, else the next later."""
    if part.brackets:
        return _own_table(part, scenario, folder / part.brackets)
    chosen = book.select(part.symbol, scenario.day)
    table = chosen.table or chosen.later
    if table is None:
        raise UsageError(
            f"{part.symbol}: no bracket table is known; import one (margincall brackets import FILE) or name a file "
            'in the contract: brackets = "FILE"'
        )
    return structs.replace(table, as_of=min(table.as_of, scenario.day))


def _own_table(part: ContractPart, scenario: Scenario, path: Path) -> BracketTable:
    data = path.read_bytes()
    printed, problems = read_brackets(gzip.decompress(data) if path.suffix == ".gz" else data, path.name)
    for found in printed:
        if found.symbol == part.symbol:
            return BracketTable(found.symbol, found.rows, scenario.day, path.name, path.name, found.coefficient)
    why = next((f": {each.message}" for each in problems if part.symbol in each.place + each.message), "")
    raise UsageError(f"{path}: it has no sound table of {part.symbol}{why}")

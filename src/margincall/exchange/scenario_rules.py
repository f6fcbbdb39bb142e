"""The rule-set that a scenario runs by: the venue's on its day, with what the file says otherwise."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from margincall.config import Misplaced
from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.protocol.deleverage import DeleverageRules
from margincall.core.protocol.waterfall import WaterfallRules
from margincall.core.rounding import AMOUNT_UNIT, booked, plain, to_step_down
from margincall.core.rules import MissingContract, VenueRules
from margincall.exchange.rulesets import Listing, RuleSet
from margincall.exchange.scenario import ContractPart, RuleSetName, Scenario
from margincall.exchange.settings import MOST_LEVERAGE
from margincall.venues import binance_protocol, dydx
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
PROTOCOLS: Mapping[RuleSetName, tuple[WaterfallRules, DeleverageRules]] = {
    "binance_usdm": (binance_protocol.WATERFALL, binance_protocol.DELEVERAGING),
    "binance_coinm": (binance_protocol.WATERFALL, binance_protocol.DELEVERAGING),
    "dydx": (dydx.WATERFALL, dydx.DELEVERAGING),
    "socialised_loss": (WaterfallRules(after_fund="socialise"), binance_protocol.DELEVERAGING),
    "clawback": (WaterfallRules(after_fund="claw-back"), binance_protocol.DELEVERAGING),
}
"""What a liquidation does, and who is deleveraged how."""


EXAMPLES = {"binance_usdm": "BTCUSDT", "binance_coinm": "BTCUSD_PERP"}
Mistake = tuple[tuple[str | int, ...], str]
"""The key at which it stands, and what was expected."""

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
    if mistakes := [*_leverages(scenario, tables), *_assets(scenario, contracts)]:
        raise Misplaced(mistakes)
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
        raise Misfit(
            f"expected a contract whose brackets are known, found {part.symbol!r}: import them (margincall brackets "
            'import FILE) or name a file: brackets = "FILE"',
            "symbol",
        )
    return structs.replace(table, as_of=min(table.as_of, scenario.day))


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

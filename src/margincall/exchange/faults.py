"""Faults that an operator can switch on, as real venues had them: so that a dispute has something to find.

Each is a command of the journal. Without those commands the journal tells what should have happened.
"""

from decimal import Decimal

from msgspec import structs

from margincall.core.brackets import BracketTable
from margincall.core.protocol.moves import VENUE_ACCOUNTS
from margincall.core.units import ONE, Price
from margincall.exchange import pricing
from margincall.exchange.commands import InjectFault
from margincall.exchange.events import FaultSet
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange

WITH_SYMBOL = frozenset(
    {"stale_index", "wrong_mark", "late_liquidation", "wrong_brackets", "early_liquidation", "fill_beyond_bankruptcy"}
    | {"wrong_funding_rate", "oversized_order", "wrong_entry", "needless_takeover", "adl_commission", "oversized_adl"}
)
WITH_ASSET = frozenset({"stale_asset_index", "wrong_asset_index"})
WITH_ACCOUNT = frozenset({"early_liquidation"})
WITH_VALUE = frozenset(
    {"wrong_mark", "wrong_brackets", "wrong_clearance_rate", "wrong_asset_index", "fee_twice", "wrong_fee_base"}
    | {"fill_beyond_bankruptcy", "adl_out_of_rank", "wrong_funding_rate", "socialise_despite_fund"}
    | {"oversized_order", "wrong_entry", "wrong_commission", "adl_commission", "oversized_adl"}
)
SIGNED = frozenset({"wrong_funding_rate"})
"""Faults whose value may be negative."""


def inject(state: Exchange, command: InjectFault, events: Events) -> set[str]:
    """Switch a fault on or off. Returns the accounts that it concerns.

    stale_index: prices of the symbol are not taken in; wrong_mark: the mark is `value`; late_liquidation: the desk
    overlooks the symbol; orders_not_cancelled; wrong_brackets: maintenance rates of the symbol times `value`;
    wrong_clearance_rate: the rate is `value`; stale_asset_index: indices of the asset are not taken in;
    wrong_asset_index: the asset's index is `value`, its bid and ask in proportion. Switched off, a mark by rule is made
    anew at once; a mark or an asset's index that is given stays until the next is given.

    early_liquidation: the desk liquidates at once what `account` holds of the symbol, whole pools, and the fault is
    over; fee_twice: the share `value` of each fee once more; wrong_fee_base: the fee's base is larger by `value` (of
    the margin asset); fill_beyond_bankruptcy: the liquidation order trades up to `value` (of the price) beyond its
    limit; adl_out_of_rank: the first `value` of the queue go to its end; wrong_funding_rate: payments are at the rate
    plus `value`; socialise_despite_fund: of what the fund loses by a takeover, up to `value` (of the margin asset) is
    charged to others.

    oversized_order: the liquidation order is for the whole position and `value` more; wrong_entry: the profit of what a
    liquidation order fills is counted from an entry that is worse by `value` (of the price); wrong_commission: what a
    liquidation order fills is charged the account's rate plus `value`.

    needless_takeover: what the liquidation order leaves is taken over though the pool meets its margin again;
    adl_commission: who is deleveraged is charged the rate `value`; oversized_adl: who is deleveraged, in one-way mode,
    is closed for the whole position and `value` more, so that it turns.
    """
    kind, symbol = command.kind, command.symbol
    check(state, command)
    name = ":".join(part for part in (kind, symbol or command.asset, command.account) if part)
    was_on = name in state.faults
    if command.on:
        state.faults[name] = command.value
    else:
        state.faults.pop(name, None)
    events.append(
        FaultSet(
            time_ms=state.time_ms, fault=kind, on=command.on, symbol=symbol, value=command.value, asset=command.asset,
            account=command.account,
        )
    )  # fmt: skip
    if kind == "wrong_mark":
        market = state.markets[symbol]
        if command.on and command.value is not None:
            told = market.index if market.listing.index is None and market.index is not None else market.mark
            return pricing.set_mark(state, market, told or Price(command.value), events)
        return pricing.remark(state, market, events) if was_on else set()
    if kind == "wrong_asset_index" and command.on:
        return pricing.set_asset_index(state, command.asset, state.indices[command.asset], events)
    if kind == "early_liquidation" and command.on:
        return {command.account}
    if kind == "wrong_brackets":
        _rule_by_brackets(state, symbol, command)
    holders = {
        trader.name
        for trader in state.owners()
        if any(each.symbol == symbol for each in trader.account.open_positions())
    }
    return holders if kind in ("wrong_brackets", "late_liquidation") else set()


def spend(state: Exchange) -> None:
    """What errs only in the moment in which it is switched on is over."""
    for name in [each for each in state.faults if each.startswith("early_liquidation:")]:
        del state.faults[name]


def check(state: Exchange, command: InjectFault) -> None:
    """A fault that cannot be is refused before anything is changed."""
    fields = (("symbol", WITH_SYMBOL), ("asset", WITH_ASSET), ("account", WITH_ACCOUNT))
    for field, kinds in fields:
        if (command.kind in kinds) != bool(getattr(command, field)):
            raise Refusal(Code.BAD_COMBINATION, field)
    if command.asset and command.asset not in state.indices:
        raise Refusal(Code.BAD_ASSET)
    if command.account and (command.account not in state.traders or command.account in VENUE_ACCOUNTS):
        raise Refusal(Code.BAD_ACCOUNT)
    if command.on and (command.kind in WITH_VALUE) != (command.value is not None):
        raise Refusal(Code.BAD_COMBINATION, "value")
    if command.kind == "wrong_funding_rate" and state.markets[command.symbol].listing.funding is None:
        raise Refusal(Code.BAD_COMBINATION, "the symbol has no funding")
    if command.on and command.kind == "oversized_order" and state.rules.waterfall.fee == "improvement":
        raise Refusal(Code.BAD_COMBINATION, "more than is held has no bankruptcy price to improve")
    if command.value is not None:
        _check_value(state, command, command.value)


def _check_value(state: Exchange, command: InjectFault, value: Decimal) -> None:
    if value <= 0 if command.kind not in SIGNED else not value:
        raise Refusal(Code.NOT_VALID, "value")
    match command.kind:
        case "wrong_brackets":
            if state.genuine.venue.brackets(command.symbol).rows[-1].rate * value > ONE:
                raise Refusal(Code.NOT_VALID, "value: no rate is above 1")
        case "fee_twice":
            if value > ONE:
                raise Refusal(Code.NOT_VALID, "value: a share of the fee is at most 1")
        case "adl_out_of_rank":
            if value % ONE:
                raise Refusal(Code.NOT_VALID, "value: so many accounts, a whole number")
        case "fill_beyond_bankruptcy":
            if value % state.markets[command.symbol].contract.tick:
                raise Refusal(Code.NOT_VALID, "value: whole ticks")
        case "oversized_order" | "oversized_adl":
            if value % state.markets[command.symbol].contract.lot:
                raise Refusal(Code.NOT_VALID, "value: whole lots")
        case "wrong_commission" | "adl_commission":
            if value > ONE:
                raise Refusal(Code.NOT_VALID, "value: no rate is above 1")
        case _:
            pass


def wrong_table(table: BracketTable, factor: Decimal) -> BracketTable:
    """A bracket table with rates and amounts scaled alike, so that the lines still meet."""
    rows = tuple(structs.replace(row, rate=row.rate * factor, cum=row.cum * factor) for row in table.rows)
    return BracketTable(table.symbol, rows, table.as_of, table.source, "wrong", table.coefficient)


def _rule_by_brackets(state: Exchange, symbol: str, command: InjectFault) -> None:
    """Let the symbol's brackets be wrong, or right again."""
    table = state.genuine.venue.brackets(symbol)
    if command.on and command.value is not None:
        table = wrong_table(table, command.value)
    state.rules = structs.replace(state.rules, venue=state.rules.venue.with_tables({symbol: table}))

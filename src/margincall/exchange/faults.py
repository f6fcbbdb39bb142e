"""Faults that an operator can switch on, as real venues had them: so that a dispute has something to find.

Each is a command of the journal. Without those commands the journal tells what should have happened.
"""

from msgspec import structs

from margincall.core.brackets import BracketTable
from margincall.core.units import ONE, Price
from margincall.exchange import pricing
from margincall.exchange.commands import InjectFault
from margincall.exchange.events import FaultSet
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange

WITH_SYMBOL = frozenset({"stale_index", "wrong_mark", "late_liquidation", "wrong_brackets"})
WITH_ASSET = frozenset({"stale_asset_index", "wrong_asset_index"})
WITH_VALUE = frozenset({"wrong_mark", "wrong_brackets", "wrong_clearance_rate", "wrong_asset_index"})


def inject(state: Exchange, command: InjectFault, events: Events) -> set[str]:
    """Switch a fault on or off. Returns the accounts that it concerns.

    stale_index: prices of the symbol are not taken in; wrong_mark: the mark is `value`; late_liquidation: the desk
    overlooks the symbol; orders_not_cancelled; wrong_brackets: maintenance rates of the symbol times `value`;
    wrong_clearance_rate: the rate is `value`; stale_asset_index: indices of the asset are not taken in;
    wrong_asset_index: the asset's index is `value`, its bid and ask in proportion. Switched off, a mark by rule is made
    anew at once; a mark or an asset's index that is given stays until the next is given.
    """
    kind, symbol = command.kind, command.symbol
    _check(state, command)
    about = symbol or command.asset
    name = f"{kind}:{about}" if about else kind
    was_on = name in state.faults
    if command.on:
        state.faults[name] = command.value
    else:
        state.faults.pop(name, None)
    events.append(
        FaultSet(
            time_ms=state.time_ms, fault=kind, on=command.on, symbol=symbol, value=command.value, asset=command.asset
        )
    )  # fmt: skip
    if kind == "wrong_mark":
        market = state.markets[symbol]
        if command.on and command.value is not None:
            return pricing.set_mark(state, market, Price(command.value), events)
        return pricing.remark(state, market, events) if was_on else set()
    if kind == "wrong_asset_index" and command.on:
        return pricing.set_asset_index(state, command.asset, state.indices[command.asset], events)
    if kind == "wrong_brackets":
        _rule_by_brackets(state, symbol, command)
    holders = {
        trader.name
        for trader in state.owners()
        if any(each.symbol == symbol for each in trader.account.open_positions())
    }
    return holders if kind in ("wrong_brackets", "late_liquidation") else set()


def _check(state: Exchange, command: InjectFault) -> None:
    """A fault that cannot be is refused before anything is changed."""
    if (command.kind in WITH_SYMBOL) != bool(command.symbol):
        raise Refusal(Code.BAD_COMBINATION, "symbol")
    if (command.kind in WITH_ASSET) != bool(command.asset):
        raise Refusal(Code.BAD_COMBINATION, "asset")
    if command.asset and command.asset not in state.indices:
        raise Refusal(Code.BAD_ASSET)
    if command.on and (command.kind in WITH_VALUE) != (command.value is not None):
        raise Refusal(Code.BAD_COMBINATION, "value")
    if command.value is not None and command.value <= 0:
        raise Refusal(Code.NOT_VALID, "value")
    if command.kind == "wrong_brackets" and command.value is not None:
        steepest = state.genuine.venue.brackets(command.symbol).rows[-1].rate
        if steepest * command.value > ONE:
            raise Refusal(Code.NOT_VALID, "value: no rate is above 1")


def _rule_by_brackets(state: Exchange, symbol: str, command: InjectFault) -> None:
    """Let the symbol's brackets be wrong, or right again. Rates and amounts are scaled alike: the lines still meet."""
    table = state.genuine.venue.brackets(symbol)
    if command.on and command.value is not None:
        rows = tuple(
            structs.replace(row, rate=row.rate * command.value, cum=row.cum * command.value) for row in table.rows
        )
        table = BracketTable(table.symbol, rows, table.as_of, table.source, "wrong", table.coefficient)
    state.rules = structs.replace(state.rules, venue=state.rules.venue.with_tables({symbol: table}))

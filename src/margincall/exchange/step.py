"""`step(state, command) -> events`: the only way in which the exchange changes.

The same commands give the same events and the same state, in any process. A command that is refused gives one
`Rejected` and changes nothing. After each command the liquidation desk looks at the accounts that it concerned.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from margincall.core.account import AssetIndex
from margincall.core.events import Flow, MarginMove, Setting
from margincall.core.protocol.moves import FUND, VENUE_ACCOUNTS
from margincall.core.rounding import exact
from margincall.core.units import ZERO, Price
from margincall.exchange import clock, commands, conditional, desk, disputes, pricing, settings, trading
from margincall.exchange.events import AccountOpened, AnyExchangeEvent, Rejected
from margincall.exchange.faults import inject, spend
from margincall.exchange.ledger import book, collect_fees, flow, note_fund
from margincall.exchange.quoting import quote
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange, Market, Trader

NAME_MAX = 64
OF_MONEY_OR_SETTINGS = (Flow, MarginMove, Setting)


@exact
def step(state: Exchange, command: commands.AnyCommand) -> Events:
    """Carry out one command; returns what happened, in order."""
    try:
        events = _HANDLERS[type(command)](state, command)
        if state.fees_due:
            collect_fees(state)
        return events
    except Refusal as refusal:
        return [rejected(state, refusal)]


def receive(state: Exchange, raw: bytes) -> Events:
    """Carry out a command that comes as JSON; what is no command is rejected."""
    try:
        command = commands.decode(raw)
    except commands.BadCommand as error:
        return [rejected(state, Refusal(Code.MALFORMED, str(error)))]
    return step(state, command)


def take(state: Exchange, command: commands.AnyCommand) -> Events:
    """Carry out a command made by our own code; one with numbers that exact arithmetic cannot hold is rejected."""
    try:
        commands.check_numbers(command)
    except commands.BadCommand as error:
        return [rejected(state, Refusal(Code.MALFORMED, str(error)))]
    return step(state, command)


def rejected(state: Exchange, refusal: Refusal, place: int | None = None) -> Rejected:
    """A refusal as an event."""
    text = f"{refusal.code.text} {refusal.detail}".rstrip()
    return Rejected(time_ms=state.time_ms, code=refusal.code.code, text=text, place=place)


def settle(state: Exchange, concerned: Iterable[str], events: Events, since: int = 0) -> Events:
    """The end of a step: the desk looks at whom it concerned (`events` from `since` on). What the desk trades may
    trigger orders, and what they trade concerns the desk."""
    names = {*concerned, *changed(events[since:] if since else events), *state.watch.loose}
    done: set[tuple[str, str]] = set()
    while names:
        mark = len(events)
        desk.run(state, names, events, done)
        conditional.traded(state, events, mark)
        names = set(state.watch.loose)
    return events


def changed(events: Iterable[AnyExchangeEvent]) -> Iterator[str]:
    """The accounts whose money or settings these events changed; of trades the watch tells whom they concern."""
    for event in events:
        if isinstance(event, OF_MONEY_OR_SETTINGS):
            yield event.account


def _advance(state: Exchange, command: commands.Advance) -> Events:
    clock.check(state.time_ms, command.time_ms)
    events: Events = []
    since = 0
    for concerned in clock.advance(state, command.time_ms, events):
        settle(state, concerned, events, since)
        since = len(events)
    return events


def _open(state: Exchange, command: commands.OpenAccount) -> Events:
    if command.account in VENUE_ACCOUNTS:
        raise Refusal(Code.RESERVED_NAME)
    if command.account in state.traders:
        raise Refusal(Code.ACCOUNT_EXISTS)
    if not command.account or len(command.account) > NAME_MAX or not command.account.isprintable():
        raise Refusal(Code.BAD_ACCOUNT)
    state.traders[command.account] = Trader(name=command.account)
    return [AccountOpened(time_ms=state.time_ms, account=command.account)]


def _of_account(change: Callable[[Exchange, Trader, Any, Events], None]) -> Callable[[Exchange, Any], Events]:
    """A command of an account alone."""

    def handle(state: Exchange, command: Any) -> Events:
        events: Events = []
        change(state, trader_of(state, command.account), command, events)
        return settle(state, (), events)

    return handle


def _of_symbol(change: Callable[[Exchange, Trader, Market, Any, Events], None]) -> Callable[[Exchange, Any], Events]:
    """A command of an account on a symbol."""

    def handle(state: Exchange, command: Any) -> Events:
        events: Events = []
        trader = trader_of(state, command.account)
        change(state, trader, market_of(state, command.symbol), command, events)
        return settle(state, (), events)

    return handle


def trader_of(state: Exchange, name: str) -> Trader:
    """A trader's account, which commands may change."""
    trader = state.traders.get(name)
    if trader is None or name in VENUE_ACCOUNTS:
        raise Refusal(Code.BAD_ACCOUNT)
    return trader


def market_of(state: Exchange, symbol: str) -> Market:
    """The market of a symbol."""
    market = state.markets.get(symbol)
    if market is None:
        raise Refusal(Code.BAD_SYMBOL)
    return market


def _batch(state: Exchange, command: commands.Batch) -> Events:
    only_cancels = all(isinstance(each, commands.CancelOrder) for each in command.commands)
    if not 1 <= len(command.commands) <= (trading.BATCH_CANCEL_MAX if only_cancels else trading.BATCH_MAX):
        raise Refusal(Code.BAD_BATCH_SIZE)
    events: Events = []
    for place, each in enumerate(command.commands):
        try:
            events += _HANDLERS[type(each)](state, each)
        except Refusal as refusal:
            events.append(rejected(state, refusal, place))
    return events


def _set_mark(state: Exchange, command: commands.SetMark) -> Events:
    return _marked(state, {command.symbol: command.price})


def _set_marks(state: Exchange, command: commands.SetMarks) -> Events:
    return _marked(state, command.prices)


def _marked(state: Exchange, prices: Mapping[str, Decimal]) -> Events:
    """Given marks of one moment: all of them are known before any of them triggers an order. A symbol whose prices an
    injected fault holds back keeps its own."""
    for symbol, price in prices.items():
        if market_of(state, symbol).listing.mark_source != "given":
            raise Refusal(Code.MARK_BY_RULE)
        if price <= 0:
            raise Refusal(Code.PRICE_NOT_POSITIVE)
    events: Events = []
    concerned: set[str] = set()
    heard = [symbol for symbol in sorted(prices) if f"stale_index:{symbol}" not in state.faults]
    for symbol in heard:
        concerned |= pricing.take_mark(state, state.markets[symbol], Price(prices[symbol]), events)
    for symbol in heard:
        conditional.marked(state, state.markets[symbol], events)
    return settle(state, concerned, events)


def _set_index(state: Exchange, command: commands.SetIndex) -> Events:
    market = market_of(state, command.symbol)
    if market.listing.index is None:
        raise Refusal(Code.BAD_COMBINATION, "the symbol has no index")
    if not command.sources or any(each.price <= 0 or each.weight < 0 for each in command.sources):
        raise Refusal(Code.PRICE_NOT_POSITIVE)
    if f"stale_index:{command.symbol}" in state.faults:
        return []
    events: Events = []
    return settle(state, pricing.set_index(state, market, command, events), events)


def _set_asset_index(state: Exchange, command: commands.SetAssetIndex) -> Events:
    if not 0 < command.bid <= command.index <= command.ask:
        raise Refusal(Code.NOT_VALID, "0 < bid <= index <= ask")
    if f"stale_asset_index:{command.asset}" in state.faults:
        return []
    events: Events = []
    index = AssetIndex(command.index, command.bid, command.ask)
    return settle(state, pricing.set_asset_index(state, command.asset, index, events), events)


def _fund(state: Exchange, command: commands.Fund) -> Events:
    settings.check_asset(state, command.asset)
    settings.check_amount(command.amount)
    if command.amount < 0:
        raise Refusal(Code.AMOUNT_NOT_POSITIVE)
    events: Events = []
    fund = state.traders[FUND]
    state.deposits[command.asset] = state.deposits.get(command.asset, ZERO) + command.amount
    book(state, fund, flow(state, fund, {command.asset: command.amount}, "transfer", "DEPOSIT"), events)
    note_fund(state, "deposit", command.asset, command.amount)
    return events


def _inject(state: Exchange, command: commands.InjectFault) -> Events:
    if command.symbol:
        market_of(state, command.symbol)
    events: Events = []
    settle(state, inject(state, command, events), events)
    spend(state)
    return events


def _decide(state: Exchange, command: commands.Decide) -> Events:
    events: Events = []
    disputes.decide(state, command, events)
    return settle(state, (), events)


_HANDLERS: dict[type, Callable[[Exchange, Any], Events]] = {
    commands.Advance: _advance,
    commands.OpenAccount: _open,
    commands.Transfer: _of_account(settings.transfer),
    commands.SetLeverage: _of_symbol(settings.set_leverage),
    commands.SetMarginType: _of_symbol(settings.set_margin_type),
    commands.SetPositionMode: _of_account(settings.set_position_mode),
    commands.SetAssetMode: _of_account(settings.set_asset_mode),
    commands.MoveMargin: _of_symbol(settings.move_margin),
    commands.PlaceOrder: _of_symbol(trading.place),
    commands.AmendOrder: _of_symbol(trading.amend),
    commands.CancelOrder: _of_symbol(trading.cancel),
    commands.CancelAll: _of_symbol(trading.cancel_all),
    commands.Countdown: _of_symbol(trading.countdown),
    commands.Quote: _of_symbol(quote),
    commands.Batch: _batch,
    commands.SetMark: _set_mark,
    commands.SetMarks: _set_marks,
    commands.SetIndex: _set_index,
    commands.SetAssetIndex: _set_asset_index,
    commands.Fund: _fund,
    commands.InjectFault: _inject,
    commands.Dispute: _of_account(disputes.open_dispute),
    commands.Decide: _decide,
}

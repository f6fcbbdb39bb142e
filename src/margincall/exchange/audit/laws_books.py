"""Laws of the books and of the trigger: money and positions add up, debts stand, nobody is passed over."""

from collections.abc import Iterator
from decimal import Decimal

from margincall.core.events import Fill
from margincall.core.margin import cross_wallet, is_liquidated
from margincall.core.protocol.moves import BAD_DEBT, FUND
from margincall.exchange.audit.measures import TINY, ZERO, at_trigger, is_flat, wallet
from margincall.exchange.audit.shadow import Around
from margincall.exchange.commands import MoveMargin, SetMark, Transfer
from margincall.exchange.events import LiquidationStarted, Moved


def conservation(around: Around) -> Iterator[str]:
    """Σ wallets = deposits + Σ signed open cost − Σ remainders, per asset; inverse fills that turn a position leave at
    most 1e-30 each."""
    venue, sums = around.rules.venue, dict[str, Decimal]()
    for account in around.after.accounts.values():
        for asset, held in account.wallets.items():
            sums[asset] = sums.get(asset, ZERO) + held
        for asset, left in account.remainder.items():
            sums[asset] = sums.get(asset, ZERO) + left
        for position in account.positions.values():
            contract = venue.contract(position.symbol)
            signed = position.cost if contract.is_inverse else -position.cost
            sums[contract.margin_asset] = sums.get(contract.margin_asset, ZERO) + signed
    for asset, total in sums.items():
        lost = total - around.shadow.deposits.get(asset, ZERO)
        if abs(lost) > TINY * around.shadow.trades:
            yield f"{asset}: {lost} came from nowhere"


def long_is_short(around: Around) -> Iterator[str]:
    """Σ quantities of a symbol = 0."""
    sums: dict[str, Decimal] = {}
    for account in around.after.accounts.values():
        for position in account.positions.values():
            sums[position.symbol] = sums.get(position.symbol, ZERO) + position.quantity
    for symbol, total in sums.items():
        if total:
            yield f"{symbol}: longs exceed shorts by {total}"


def no_hidden_debt(around: Around) -> Iterator[str]:
    """Only a pool without positions is below zero, as a debt that stands in the wallet; or what was left is told. What
    is written off is just the debt that the fund has not paid, of an account that is flat."""
    yield from _written_off(around)
    told = {(event.account, event.pool) for event in around.events if isinstance(event, LiquidationStarted)}
    earlier = at_trigger(around, around.before)
    for (name, pool), terms in at_trigger(around, around.after).items():
        if terms.balance < 0 and (name, pool) not in told and (name, pool) not in earlier:
            yield f"{name} {pool}: {terms.balance} with open positions, and nobody told"


def _written_off(around: Around) -> Iterator[str]:
    for moment in around.of(Moved):
        event = moment.event
        if not (isinstance(event, Moved) and event.reason == "bad_debt"):
            continue
        left, had = wallet(moment, event.taker, event.asset), wallet(moment, FUND, event.asset)
        if event.giver != BAD_DEBT or left or not is_flat(moment, event.taker):
            yield f"{event.amount} {event.asset} of {event.taker} were written off, which leaves {left}"
        if had > 0 and around.rules.waterfall.after_fund == "deleverage":
            yield f"{event.amount} {event.asset} of {event.taker} were written off while the fund has {had}"
    for asset, amount in around.after.accounts[BAD_DEBT].wallets.items():
        if amount > 0:
            yield f"the bad debt is {amount} {asset} above 0"


def nothing_twice(around: Around) -> Iterator[str]:
    """The same mark again liquidates nobody but who waits at its trigger, or has just traded: a conditional order that
    its price protection held back can go now, since the contract price may have come nearer in between."""
    command = around.command
    if not isinstance(command, SetMark) or around.before.marks.prices.get(command.symbol) != command.price:
        return
    waits, traded = at_trigger(around, around.before), set[str]()
    for event in around.events:
        if isinstance(event, Fill):
            traded.add(event.account)
        if not isinstance(event, LiquidationStarted) or event.account in traded:
            continue
        if (event.account, event.pool) not in waits:
            yield f"{event.account} {event.pool} is liquidated by a mark that has not moved"


def numbers_are_finite(around: Around) -> Iterator[str]:
    """No amount is infinite or no number."""
    for name, account in around.after.accounts.items():
        amounts = [*account.wallets.values(), *account.remainder.values()]
        for position in account.positions.values():
            amounts += [position.quantity, position.cost, position.isolated_wallet, position.realized]
        if not all(amount.is_finite() for amount in amounts):
            yield f"{name} holds what is no amount"


def only_what_is_there(around: Around) -> Iterator[str]:
    """No transfer out and no move to isolated margin makes a cross wallet negative."""
    command, venue = around.command, around.rules.venue
    if not isinstance(command, Transfer | MoveMargin) or command.account not in around.before.accounts:
        return
    into = command.amount > 0 and isinstance(command, Transfer)
    asset = command.asset if isinstance(command, Transfer) else None
    for each in around.after.accounts[command.account].wallets:
        left = cross_wallet(around.after.accounts[command.account], each, venue)
        was = cross_wallet(around.before.accounts[command.account], each, venue)
        if left < 0 and left < was and not into and asset in (None, each) and not around.of(LiquidationStarted):
            yield f"{command.account}: the cross wallet of {each} fell from {was} to {left}"


def trigger_is_the_verdict(around: Around) -> Iterator[str]:
    """Liquidated is what is at its trigger, at the numbers that are told; and nothing is passed over."""
    assumptions = around.rules.venue.assumptions
    for moment in around.of(LiquidationStarted):
        event = moment.event
        assert isinstance(event, LiquidationStarted)
        pool = around.pool(moment, event.account, event.pool)
        if pool is None or (pool.balance, pool.maintenance) != (event.balance, event.maintenance):
            yield f"{event.account} {event.pool}: {event.balance}/{event.maintenance} is told, not where it stood"
        if not is_liquidated(event.balance, event.maintenance, assumptions):
            yield f"{event.account} {event.pool} was liquidated at {event.balance}/{event.maintenance}"
    yield from _passed_over(around)


def _passed_over(around: Around) -> Iterator[str]:
    """What is at its trigger when a command has ended, without a reason: the desk saw it once in the command, or it
    was left from before and nothing of it has moved since."""
    at_end = at_trigger(around, around.after)
    if not at_end:
        return
    seen = {(event.account, event.pool) for event in around.events if isinstance(event, LiquidationStarted)}
    left = at_trigger(around, around.before)
    for (name, pool), terms in at_end.items():
        same = around.before.accounts.get(name) is around.after.accounts[name] and all(
            around.before.marks.prices.get(each.symbol) == each.mark for each in terms.positions
        )
        if (name, pool) not in seen and not ((name, pool) in left and same):
            yield f"{name} {pool} is at its trigger ({terms.balance}/{terms.maintenance}) and was passed over"

"""The invariants of `docs/spec/invariants.md` that a single command can break, by their numbers.

Each law looks at what one command did (`shadow.Around`) and yields a sentence for each breach. It asks what the events
say, folded, and never how the engine came to it. Which law holds under which rules, and why one does not, is the page's
matter; a law speaks only where its page says that it holds.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from margincall.core.account import Account
from margincall.core.contract import gain, profit, value
from margincall.core.events import Fill
from margincall.core.margin import PoolTerms, cross_wallet, is_liquidated, position_terms
from margincall.core.protocol.losses import claw_back, socialise
from margincall.core.protocol.moves import FUND, REMAINDER
from margincall.core.units import Price, Quantity
from margincall.exchange.commands import SetMark
from margincall.exchange.events import (
    Deleveraged,
    LiquidationEnded,
    LiquidationStarted,
    LiquidationStep,
    LossShared,
    Moved,
)
from margincall.exchange.ledger import TAKEN_OVER
from margincall.exchange.shadow import Around, Moment, traders

ZERO = Decimal(0)
TINY = Decimal("1e-30")
CENT = Decimal("1e-7")
"""What truncated profits and rounded prices may leave of a balance: each booking at most 1e-8."""
Law = Callable[[Around], Iterator[str]]
LAWS: dict[int, Law] = {}


def law(number: int) -> Callable[[Law], Law]:
    """Enter a law under its number."""

    def enter(check: Law) -> Law:
        LAWS[number] = check
        return check

    return enter


@law(1)
def conservation(around: Around) -> Iterator[str]:
    """Σ wallets = deposits + Σ signed open cost − Σ remainders, per asset; inverse fills that turn a position leave at
    most 1e-30 each."""
    venue, sums = around.rules.venue, dict[str, Decimal]()
    for account in around.after.accounts.values():
        for asset, wallet in account.wallets.items():
            sums[asset] = sums.get(asset, ZERO) + wallet
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


@law(2)
def long_is_short(around: Around) -> Iterator[str]:
    """Σ quantities of a symbol = 0."""
    sums: dict[str, Decimal] = {}
    for account in around.after.accounts.values():
        for position in account.positions.values():
            sums[position.symbol] = sums.get(position.symbol, ZERO) + position.quantity
    for symbol, total in sums.items():
        if total:
            yield f"{symbol}: longs exceed shorts by {total}"


@law(3)
def fund_pays_what_it_has(around: Around) -> Iterator[str]:
    """The fund pays min(loss, its wallet), and takes over only what leaves its equity at the mark at least 0."""
    for moment in around.of((Moved, LossShared, LiquidationStep)):
        event = moment.event
        if isinstance(event, Moved) and event.giver == FUND:
            left = _wallet(moment, FUND, event.asset)
            if left < 0:
                yield f"the fund paid {event.amount} {event.asset}, and had {left + event.amount}"
            debt = _wallet(moment, event.taker, event.asset)
            if event.reason == "negative_balance" and _is_flat(moment, event.taker) and debt < 0 and left > 0:
                yield f"the fund kept {left} {event.asset} and left {event.taker} with {debt}"
        elif isinstance(event, LossShared):
            had = _wallet(moment, FUND, event.asset) + event.fund
            if event.fund != min(event.loss, max(had, ZERO)):
                yield f"the fund paid {event.fund} of {event.loss} {event.asset}, and had {had}"
        elif isinstance(event, LiquidationStep) and event.step == "takeover" and event.applied.get("quantity"):
            taken = -event.applied["quantity"]
            contract, mark = around.rules.venue.contract(event.symbol), moment.marks.prices[event.symbol]
            assert event.price is not None
            won = profit(contract, Quantity(taken), value(contract, Quantity(taken), Price(event.price)), mark)
            equity = _equity(around, moment, contract.margin_asset)
            if won < 0 and equity < -CENT:
                yield f"the fund took {taken} {event.symbol} at {event.price}, its equity is {equity}"


@law(4)
def no_hidden_debt(around: Around) -> Iterator[str]:
    """Only a pool without positions is below zero, as a debt that stands in the wallet; or what was left is told."""
    told = {(event.account, event.pool) for event in around.events if isinstance(event, LiquidationStarted)}
    earlier = _at_trigger(around, around.before)
    for (name, pool), terms in _at_trigger(around, around.after).items():
        if terms.balance < 0 and (name, pool) not in told and (name, pool) not in earlier:
            yield f"{name} {pool}: {terms.balance} with open positions, and nobody told"


@law(5)
def waterfall_order(around: Around) -> Iterator[str]:
    """Deleveraged only what the fund cannot take, shared only what it cannot pay."""
    for moment in around.of((LiquidationStep, LossShared)):
        event = moment.event
        if isinstance(event, LossShared):
            left = _wallet(moment, FUND, event.asset)
            if event.charges and left > 0:
                yield f"{event.charges} are charged while the fund has {left} {event.asset}"
        elif isinstance(event, LiquidationStep) and event.step == "deleverage" and event.applied.get("quantity"):
            yield from _fund_could(around, moment, event)


@law(6)
def principal_is_safe(around: Around) -> Iterator[str]:
    """Clawback: nobody pays more than the open position's profit, and who has no position pays nothing."""
    yield from _within_profits(around)


@law(7)
def sharing_is_bounded(around: Around) -> Iterator[str]:
    """Clawback: what is charged is at most the loss that is left, and at most each one's profit."""
    yield from _within_profits(around)
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        if sum(event.charges.values(), ZERO) > event.loss - event.fund:
            yield f"{event.charges} for a loss of {event.loss}, of which the fund paid {event.fund}"


@law(8)
def only_reduced(around: Around) -> Iterator[str]:
    """A fill of a liquidation or a deleveraging brings its account nearer to flat, and not beyond."""
    for moment in around.of(Fill):
        event = moment.event
        assert isinstance(event, Fill)
        held = moment.accounts[event.account].position((event.symbol, event.side)).quantity
        if held * event.quantity >= 0 or abs(event.quantity) > abs(held):
            yield f"{event.account} held {held} {event.symbol} and was made to trade {event.quantity}"


@law(9)
def overlap_is_skipped(around: Around) -> Iterator[str]:
    """dYdX: who takes over a deleveraged position keeps its ratio of balance to maintenance, or betters it."""
    yield from _no_worse(around, "adl")


@law(10)
def not_worsened(around: Around) -> Iterator[str]:
    """dYdX: a deleveraging does not worsen the liquidated account's ratio, and no fill raises its maintenance."""
    yield from _no_worse(around, "liquidation")


@law(11)
def rest_is_healthy(around: Around) -> Iterator[str]:
    """After a liquidation the rest is above its maintenance, or nothing is left, or it is told that nobody took it."""
    for moment in around.of(LiquidationEnded):
        event = moment.event
        assert isinstance(event, LiquidationEnded)
        pool = around.pool(moment, event.account, event.pool)
        if pool is not None and pool.liquidated and not event.uncovered:
            yield f"{event.account} {event.pool} is at its trigger after its liquidation"


@law(12)
def fee_is_bounded(around: Around) -> Iterator[str]:
    """A fee takes at most the collateral that is left; a penalty at most its rate of the fills."""
    for moment in around.of(LiquidationStep):
        event = moment.event
        if not (isinstance(event, LiquidationStep) and event.step == "fee"):
            continue
        started = around.since(moment.place, LiquidationStarted)
        if around.rules.waterfall.fee == "improvement":
            contract = around.rules.venue.contract(event.symbol)
            fills = [each.event for each in started if isinstance(each.event, Fill)]
            traded = sum((abs(each.quantity * each.price) for each in fills if each.account == event.account), ZERO)
            if event.asked > traded * (contract.liquidation_fee or ZERO):
                yield f"a penalty of {event.asked} on {traded}"
            continue
        name = _pool_name(around, event.number)
        pool = around.pool(moment, event.account, name)
        if pool is not None and event.asked > 0 and pool.balance < -CENT:
            yield f"a fee of {event.asked} leaves {pool.balance} in {event.account} {name}"


@law(13)
def bankruptcy_price_is_neutral(around: Around) -> Iterator[str]:
    """Whoever takes a whole position at its bankruptcy price leaves balance : maintenance of the pool as they were."""
    for moment in around.of(LiquidationStep):
        event = moment.event
        if not (isinstance(event, LiquidationStep) and event.step == "takeover"):
            continue
        earlier = [each.event for each in around.since(moment.place, LiquidationStarted)]
        # All prices are of the moment before the first: a part that went at the mark moves those after it.
        if any(each.applied.get("quantity") != each.asked or "no-bankruptcy-price" in each.assumptions
               for each in (*earlier, event) if isinstance(each, LiquidationStep) and each.step == "takeover"):
            continue
        fill = next(each for each in reversed(around.moments) if each.place < moment.place
                    and isinstance(each.event, Fill) and each.event.trade_id == TAKEN_OVER)  # fmt: skip
        name = _pool_name(around, event.number)
        first, then = around.pool(fill, event.account, name), around.pool(moment, event.account, name)
        if first is None or first.kind != "cross":
            continue
        balance, kept = (then.balance, then.maintenance) if then is not None else (ZERO, ZERO)
        moved = abs(balance * first.maintenance - first.balance * kept)
        if moved > CENT * (first.maintenance + abs(first.balance)):
            yield f"{event.account}: {first.balance}/{first.maintenance} became {balance}/{kept} at {event.price}"


@law(15)
def not_over_deleveraged(around: Around) -> Iterator[str]:
    """Deleveraged is what was asked, less what nobody could take."""
    for moment in around.of(LiquidationStep):
        event = moment.event
        if isinstance(event, LiquidationStep) and event.step == "deleverage":
            closed = ZERO
            for each in around.since(moment.place, LiquidationStep):
                if isinstance(each.event, Deleveraged) and each.event.number == event.number:
                    closed += each.event.quantity
            applied = event.applied["quantity"]
            if closed != -applied or abs(applied) > abs(event.asked) or applied * event.asked < 0:
                yield f"{event.asked} was to be deleveraged, {applied} is told, {closed} was closed"


@law(16)
def nothing_twice(around: Around) -> Iterator[str]:
    """The same mark again does nothing, unless something waits at its trigger."""
    command = around.command
    if not isinstance(command, SetMark) or around.before.marks.prices.get(command.symbol) != command.price:
        return
    waits = _at_trigger(around, around.before)
    for event in around.events:
        if isinstance(event, LiquidationStarted) and (event.account, event.pool) not in waits:
            yield f"{event.account} {event.pool} is liquidated by a mark that has not moved"


@law(18)
def labels_do_not_matter(around: Around) -> Iterator[str]:
    """The same loss with the names turned round is borne by the same holdings."""
    for names, charges, again in _shared_again(around):
        turned = dict(zip(names, reversed(names), strict=True))
        other = again({turned[name]: (name,) for name in names})
        if {turned[name]: charge for name, charge in charges.items()} != other:
            yield f"{charges} became {other} under other names"


@law(19)
def splitting_gains_nothing(around: Around) -> Iterator[str]:
    """Whoever spreads a holding over two accounts bears what one would, up to a unit for each account."""
    for names, charges, again in _shared_again(around):
        halves = again({f"{name}/{half}": (name, 2) for name in names for half in (1, 2)})  # type: ignore[dict-item]
        for name in names:
            split = halves.get(f"{name}/1", ZERO) + halves.get(f"{name}/2", ZERO)
            if abs(split - charges.get(name, ZERO)) > 3 * Decimal("1e-8"):
                yield f"{name} bears {charges.get(name, ZERO)}, split {split}"


@law(20)
def larger_profit_pays_more(around: Around) -> Iterator[str]:
    """Clawback: a larger profit never pays less."""
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        paid = sorted((_profit(around, moment, name, event.asset), charge) for name, charge in event.charges.items())
        charges = [charge for _, charge in paid]
        if charges != sorted(charges):
            yield f"{event.charges} are not in the order of the profits"


@law(21)
def every_liquidation_ends(around: Around) -> Iterator[str]:
    """At most three steps and two a position; and something is closed, or it is told why not."""
    for moment in around.of(LiquidationEnded):
        event = moment.event
        assert isinstance(event, LiquidationEnded)
        during = around.since(moment.place, LiquidationStarted)
        steps = sum(isinstance(each.event, LiquidationStep) for each in during)
        started = next(each for each in around.of(LiquidationStarted) if _number(each) == event.number)
        pool = around.pool(started, event.account, event.pool)
        if pool is None or steps > 3 + 2 * len(pool.positions):
            yield f"{event.account} {event.pool}: {steps} steps"
        closed = any(isinstance(each.event, Fill) for each in during)
        waits = around.rules.waterfall.only_bankrupt  # it tries again with the next command
        if not closed and not event.uncovered and not waits:
            yield f"{event.account} {event.pool}: nothing was closed, and nothing is told of it"


@law(23)
def numbers_are_finite(around: Around) -> Iterator[str]:
    """No amount is infinite or no number."""
    for name, account in around.after.accounts.items():
        amounts = [*account.wallets.values(), *account.remainder.values()]
        for position in account.positions.values():
            amounts += [position.quantity, position.cost, position.isolated_wallet, position.realized]
        if not all(amount.is_finite() for amount in amounts):
            yield f"{name} holds what is no amount"


@law(24)
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


# --- what laws share ------------------------------------------------------------------------------------------


def _wallet(moment: Moment, name: str, asset: str) -> Decimal:
    return moment.accounts[name].wallets.get(asset, ZERO)


def _is_flat(moment: Moment, name: str) -> bool:
    return next(moment.accounts[name].open_positions(), None) is None


def _number(moment: Moment) -> int:
    return getattr(moment.event, "number", 0)


def _pool_name(around: Around, number: int) -> str:
    return next(event.pool for event in around.events
                if isinstance(event, LiquidationStarted) and event.number == number)  # fmt: skip


def _profit(around: Around, moment: Moment, name: str, asset: str) -> Decimal:
    """Unrealised PnL of an account's positions with that margin asset, at the marks."""
    venue, total = around.rules.venue, ZERO
    for position in moment.accounts[name].open_positions():
        contract = venue.contract(position.symbol)
        if contract.margin_asset == asset:
            worth = value(contract, position.quantity, moment.marks.prices[position.symbol])
            total += gain(contract, position.cost, worth)
    return total


def _equity(around: Around, moment: Moment, asset: str) -> Decimal:
    return _wallet(moment, FUND, asset) + _profit(around, moment, FUND, asset)


def _within_profits(around: Around) -> Iterator[str]:
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        for name, charge in event.charges.items():
            won = _profit(around, moment, name, event.asset)
            if charge > max(won, ZERO):
                yield f"{name} pays {charge} of a profit of {won}"


def _fund_could(around: Around, moment: Moment, event: LiquidationStep) -> Iterator[str]:
    """Whether the fund could have taken one lot more of what was deleveraged."""
    rules, venue = around.rules.waterfall, around.rules.venue
    step = next(each.event for each in reversed(around.moments) if each.place < moment.place
                and isinstance(each.event, LiquidationStep) and each.event.step == "takeover")  # fmt: skip
    assert isinstance(step, LiquidationStep)
    assert step.price is not None
    if rules.takeover == "none":
        name = _pool_name(around, event.number)
        taken_over = next(each for each in around.moments if each.event is step)
        pool = around.pool(taken_over, event.account, name)
        if pool is None or pool.balance >= 0:
            yield f"{event.account} was deleveraged with a balance of {pool and pool.balance}"
        return
    contract, mark = venue.contract(event.symbol), moment.marks.prices[event.symbol]
    taken, asked = -step.applied["quantity"], -step.asked
    direction = 1 if asked > 0 else -1
    one = Quantity(contract.lot * direction)
    won = profit(contract, one, value(contract, one, Price(step.price)), mark)
    more = abs(taken) / contract.lot + 1
    equity = _equity(around, moment, contract.margin_asset) - won * (more - 1)
    held = moment.accounts[FUND].position((event.symbol, "BOTH")).quantity - taken
    unit = abs(value(contract, one, mark))
    elsewhere = sum((position_terms(each, moment.marks, venue).notional
                     for each in moment.accounts[FUND].open_positions() if each.symbol != event.symbol
                     and venue.contract(each.symbol).margin_asset == contract.margin_asset), ZERO)  # fmt: skip
    limit = None if rules.fund_notional is None else rules.fund_notional * equity - elsewhere
    room = limit is None or unit * (more + direction * held / contract.lot) <= max(limit, ZERO)
    if equity + won * more >= CENT and room:
        yield f"{event.symbol} was deleveraged while the fund, with {equity}, could take {more} lots"


def _no_worse(around: Around, close: str) -> Iterator[str]:
    """Each deleveraging keeps balance : maintenance of the account on one of its sides, cross-multiplied."""
    fills = [each for each in around.of(Fill) if isinstance(each.event, Fill) and each.event.close]
    for moment in fills:
        event = moment.event
        assert isinstance(event, Fill)
        met = [each for each in fills if isinstance(each.event, Fill) and each.event.trade_id == event.trade_id]
        if event.close != close or not any(isinstance(each.event, Fill) and each.event.close == "adl" for each in met):
            continue
        later = next((each for each in around.moments if each.place > moment.place
                      and isinstance(each.event, Deleveraged)), around.after)  # fmt: skip
        pools = {pool.name: pool for pool in around.shadow.terms(event.account, moment).pools}
        for pool in around.shadow.terms(event.account, later).pools:
            first = pools.get(pool.name)
            if first is None or not any(each.symbol == event.symbol for each in first.positions):
                continue
            if pool.maintenance > first.maintenance:
                yield f"{event.account}: maintenance rose from {first.maintenance} to {pool.maintenance}"
            gap = first.balance * pool.maintenance - pool.balance * first.maintenance
            if gap > CENT * (first.maintenance + abs(first.balance)):
                yield (f"{event.account}: {first.balance}/{first.maintenance} became "
                       f"{pool.balance}/{pool.maintenance}")  # fmt: skip


def _shared_again(
    around: Around,
) -> Iterator[tuple[list[str], dict[str, Decimal], Callable[[dict[str, tuple[str, ...]]], dict[str, Decimal]]]]:
    """For each shared loss: who could bear it, what each paid, and the sharing with the holdings under other names; a
    second part divides the holding."""
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        left, others = event.loss - event.fund, [name for name in traders(moment.accounts) if name != event.account]
        if event.rule == "socialise":
            symbol = next(each.event.symbol for each in reversed(around.moments) if each.place < moment.place
                          and isinstance(each.event, LiquidationStep) and each.event.symbol)  # fmt: skip
            held = {name: _held(moment.accounts[name], symbol) for name in others}
        else:
            held = {name: _profit(around, moment, name, event.asset) for name in others}

        def again(
            named: dict[str, tuple[str, ...]], held: dict[str, Decimal] = held, event: LossShared = event,
            left: Decimal = left,
        ) -> dict[str, Decimal]:  # fmt: skip
            parts = {new: held[old[0]] / (old[1] if len(old) > 1 else 1) for new, old in named.items()}  # type: ignore[operator]
            share = socialise if event.rule == "socialise" else claw_back
            return dict(share(event.account, event.asset, left, parts).charges)  # type: ignore[arg-type]

        yield others, dict(event.charges), again


def _held(account: Account, symbol: str) -> Decimal:
    return sum((abs(each.quantity) for each in account.open_positions() if each.symbol == symbol), ZERO)


def _at_trigger(around: Around, moment: Moment) -> dict[tuple[str, str], PoolTerms]:
    """Every pool that is at its trigger at a moment: a full scan."""
    found = {}
    for name in traders(moment.accounts):
        for pool in around.shadow.terms(name, moment).pools:
            if pool.liquidated:
                found[name, pool.name] = pool
    return found


def _passed_over(around: Around) -> Iterator[str]:
    """What is at its trigger when a command has ended, without a reason: the desk saw it once in the command, or it
    was left from before and nothing of it has moved since."""
    at_end = _at_trigger(around, around.after)
    if not at_end:
        return
    seen = {(event.account, event.pool) for event in around.events if isinstance(event, LiquidationStarted)}
    left = _at_trigger(around, around.before)
    for (name, pool), terms in at_end.items():
        same = around.before.accounts.get(name) is around.after.accounts[name] and all(
            around.before.marks.prices.get(each.symbol) == each.mark for each in terms.positions
        )
        if (name, pool) not in seen and not ((name, pool) in left and same):
            yield f"{name} {pool} is at its trigger ({terms.balance}/{terms.maintenance}) and was passed over"


def debts(around: Around) -> dict[str, Decimal]:
    """Negative cross wallets of accounts with nothing open: the debts that stand, by account and asset."""
    found = {}
    for name in traders(around.after.accounts):
        account = around.after.accounts[name]
        for asset in account.wallets:
            owed = cross_wallet(account, asset, around.rules.venue)
            if owed < 0 and name != REMAINDER:
                found[f"{name} {asset}"] = owed
    return found

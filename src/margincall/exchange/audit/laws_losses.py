"""Laws of shared losses: who bears them, how much at most, and that neither names nor splitting matter."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from margincall.core.account import Account
from margincall.core.protocol.losses import claw_back, socialise
from margincall.core.units import Quantity
from margincall.exchange.audit.measures import ZERO, profit_of
from margincall.exchange.audit.shadow import Around, traders
from margincall.exchange.events import LiquidationStep, LossShared

UNIT = Decimal("1e-8")
Holdings = Mapping[str, Decimal]


def principal_is_safe(around: Around) -> Iterator[str]:
    """Clawback: nobody pays more than the open position's profit, and who has no position pays nothing."""
    yield from _within_profits(around)


def sharing_is_bounded(around: Around) -> Iterator[str]:
    """Clawback: what is charged is at most the loss that is left, and at most each one's profit."""
    yield from _within_profits(around)
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        if sum(event.charges.values(), ZERO) > event.loss - event.fund:
            yield f"{event.charges} for a loss of {event.loss}, of which the fund paid {event.fund}"


def labels_do_not_matter(around: Around) -> Iterator[str]:
    """The same loss with the names turned round is borne by the same holdings."""
    for held, charges, share in _shared(around):
        names = list(held)
        turned = dict(zip(names, reversed(names), strict=True))
        again = share({turned[name]: size for name, size in held.items()})
        if {turned[name]: charge for name, charge in charges.items()} != again:
            yield f"{charges} became {again} under other names"


def splitting_gains_nothing(around: Around) -> Iterator[str]:
    """Whoever spreads a holding over two accounts bears what one would, up to a unit for each account."""
    for held, charges, share in _shared(around):
        halves = share({f"{name}/{half}": size / 2 for name, size in held.items() for half in (1, 2)})
        for name in held:
            split = halves.get(f"{name}/1", ZERO) + halves.get(f"{name}/2", ZERO)
            if abs(split - charges.get(name, ZERO)) > 3 * UNIT:
                yield f"{name} bears {charges.get(name, ZERO)}, split {split}"


def larger_profit_pays_more(around: Around) -> Iterator[str]:
    """Clawback: a larger profit never pays less."""
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        paid = sorted((profit_of(around, moment, name, event.asset), charge) for name, charge in event.charges.items())
        charges = [charge for _, charge in paid]
        if charges != sorted(charges):
            yield f"{event.charges} are not in the order of the profits"


def _within_profits(around: Around) -> Iterator[str]:
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        for name, charge in event.charges.items():
            won = profit_of(around, moment, name, event.asset)
            if charge > max(won, ZERO):
                yield f"{name} pays {charge} of a profit of {won}"


def _shared(around: Around) -> Iterator[tuple[Holdings, Holdings, Callable[[Holdings], Holdings]]]:
    """Each shared loss: what those who could bear it held, what each paid, and how the same loss is shared anew."""
    for moment in around.of(LossShared):
        event = moment.event
        assert isinstance(event, LossShared)
        others = [name for name in traders(moment.accounts) if name != event.account]
        if event.rule == "socialise":
            symbol = next(each.event.symbol for each in reversed(around.moments) if each.place < moment.place
                          and isinstance(each.event, LiquidationStep) and each.event.symbol)  # fmt: skip
            held = {name: _held(moment.accounts[name], symbol) for name in others}
        else:
            held = {name: profit_of(around, moment, name, event.asset) for name in others}
        yield held, event.charges, _sharing(event)


def _sharing(event: LossShared) -> Callable[[Holdings], Holdings]:
    """The rule of a shared loss as a function of what is held."""

    def share(held: Holdings) -> Holdings:
        left = event.loss - event.fund
        if event.rule == "socialise":
            sizes = {name: Quantity(size) for name, size in held.items()}
            return socialise(event.account, event.asset, left, sizes).charges
        return claw_back(event.account, event.asset, left, held).charges

    return share


def _held(account: Account, symbol: str) -> Decimal:
    return sum((abs(each.quantity) for each in account.open_positions() if each.symbol == symbol), ZERO)

"""Events that the venue tells only by their result.

* An update about MARGIN_TRANSFER prints the new isolated wallet, not the amount.
* A changed margin type is printed with the position that has it.
* A position that the insurance fund takes over vanishes: an update prints 0, and no fill says why. Of one that it
  takes over in part an update about INSURANCE_CLEAR prints what is left.
* Where no update is recorded, the profit of a takeover stands in the income history without a trade (assumed).

Each becomes an event of its own, so that the fold stays the only thing that changes an account. What is inferred this
way is listed in the report: the print it comes from proves nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.account import Account, Position, PositionKey, PositionSide
from margincall.core.contract import price_at_profit
from margincall.core.events import AnyEvent, Fill, Flow, MarginMove, Order, Setting, Statement
from margincall.core.fold import FillTerms, fold
from margincall.core.margin import cross_wallet
from margincall.core.rounding import AMOUNT_UNIT, exact, price_nearest, quotient
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Quantity
from margincall.forensics.digits import last_digit
from margincall.forensics.ordering import belongs
from margincall.forensics.rulebook import RulesAt

NEAR_MS = 2000
"""A stated margin move this close to the update is the one that the update reports."""
TAKEOVER_MS = 60_000
"""The insurance fund takes over within this time after the order (the venue states no bound: assumed)."""
Forced = dict[tuple[str, PositionSide], dict[str, Order]]
"""The last state of each liquidation order, by position and order id."""
TAKEN_OVER = "taken-over"
"""Trade id of an inferred fill: the venue printed no trade for it."""


class Inferred(Struct, frozen=True):
    """The events with the inferred ones in place, and the places (in the new list) of the inferred."""

    events: tuple[AnyEvent, ...]
    places: frozenset[int]


class Prober:
    """Sees, while a history is folded, whether a statement implies an event that no file tells: only then is there
    anything to infer."""

    def __init__(self, events: Sequence[AnyEvent], rules_at: RulesAt) -> None:
        """Begin with nothing seen."""
        self.is_needed = False
        self.stated = [event for event in events if isinstance(event, MarginMove)]
        self.shown: dict[PositionKey, Decimal] = {}
        self.forced: Forced = {}
        self.rules_at = rules_at

    def see(self, place: int, event: AnyEvent, before: Account, after: Account, terms: FillTerms | None) -> None:
        """Look at one event."""
        if self.is_needed:
            return
        if isinstance(event, Order):
            _note_forced(event, self.forced)
        elif isinstance(event, Flow):
            self.is_needed = _rest(event, before, self.forced, self.rules_at(event.time_ms)) is not None
        if not isinstance(event, Statement):
            return
        settings = event.origin == "update" and _margin_types(event, before)
        rules = self.rules_at(event.time_ms)
        self.is_needed = bool(
            settings
            or _moves(event, before, self.stated)
            or _vanished(event, before, self.shown)
            or _taken_in_part(event, before, self.forced, rules)
        )
        self.shown |= _quantities(event)


@exact
def infer(opening: Account, events: Sequence[AnyEvent], rules_at: RulesAt) -> Inferred:
    """Insert what the statements imply: before a statement, or before the fill whose result it prints."""
    stated = [event for event in events if isinstance(event, MarginMove)]
    out: list[AnyEvent] = []
    places: list[int] = []
    told: set[int] = set()
    shown: dict[PositionKey, Decimal] = {}
    forced: Forced = {}
    account = earlier = opening
    for event in events:
        rules = rules_at(event.time_ms)
        if isinstance(event, Order):
            _note_forced(event, forced)
        elif isinstance(event, Flow) and (place := _telling(event, out, places, told)) is not None:
            told.add(place)
            continue
        elif isinstance(event, Flow) and (rest := _rest(event, account, forced, rules)) is not None:
            places.append(len(out))
            event = rest
        if isinstance(event, Statement):
            before = out[-1] if out and isinstance(out[-1], Fill) and belongs(event, out[-1]) else None
            settings = _margin_types(event, account) if event.origin == "update" else []
            if settings and before is not None:
                out.pop()
                account = earlier
            for extra in [*settings, *([before] if settings and before is not None else [])]:
                if extra is not before:
                    places.append(len(out))
                out.append(extra)
                account = fold(account, extra, rules)
            gone = _vanished(event, account, shown)
            taken = [*_taken_over(event, account, gone, before, rules), *_taken_in_part(event, account, forced, rules)]
            for extra in [*_moves(event, account, stated), *taken]:
                places.append(len(out))
                out.append(extra)
                account = fold(account, extra, rules)
            shown |= _quantities(event)
        out.append(event)
        earlier, account = account, fold(account, event, rules)
    return Inferred(tuple(out), frozenset(places))


def _quantities(statement: Statement) -> dict[PositionKey, Decimal]:
    return {(each.symbol, each.side): each.quantity for each in statement.positions if each.quantity is not None}


def _margin_types(statement: Statement, account: Account) -> list[AnyEvent]:
    return [
        Setting(
            time_ms=statement.time_ms,
            source=statement.source,
            seq=statement.seq,
            symbol=printed.symbol,
            margin=printed.margin,
        )
        for printed in statement.positions
        if printed.margin is not None and printed.margin != account.position((printed.symbol, printed.side)).margin
    ]


def _moves(statement: Statement, account: Account, stated: Sequence[MarginMove]) -> list[AnyEvent]:
    if statement.about != "MARGIN_TRANSFER":
        return []
    found: list[AnyEvent] = []
    for printed in statement.positions:
        wallet = account.position((printed.symbol, printed.side)).isolated_wallet
        known = any(
            move.symbol == printed.symbol and abs(move.time_ms - statement.time_ms) <= NEAR_MS for move in stated
        )
        if printed.isolated_wallet is not None and printed.isolated_wallet != wallet and not known:
            found.append(
                MarginMove(
                    time_ms=statement.time_ms,
                    source=statement.source,
                    seq=statement.seq,
                    symbol=printed.symbol,
                    side=printed.side,
                    asset="",
                    amount=printed.isolated_wallet - wallet,
                )
            )
    return found


def _taken_over(
    statement: Statement, account: Account, gone: Sequence[Position], before: Fill | None, rules: VenueRules
) -> list[AnyEvent]:
    """Fills that close what has vanished, where no fill of the trader's own explains it."""
    if before is not None and before.close != "liquidation":
        return []
    found: list[AnyEvent] = []
    for position in gone:
        contract = rules.contract(position.symbol)
        change = _wallet_change(statement, account, position, rules) if len(gone) == 1 else None
        realized = _profit(statement, position)
        if realized is None:
            realized = change
        # A fee is paid, never earned: a change that is smaller than the loss was told by another event already.
        fee = ZERO if change is None or realized is None else max(realized - change, ZERO)
        if before is not None and realized == fee == ZERO:
            continue  # nothing was booked beyond the fill: it is the fill's quantity that is wrong
        price = price_at_profit(contract, position.quantity, position.cost, realized or ZERO)
        if price is None:
            continue
        found.append(_takeover(statement, position, price, fee=fee, realized=realized))
    return found


def _telling(flow: Flow, out: Sequence[AnyEvent], places: Sequence[int], told: set[int]) -> int | None:
    """The place of the takeover that an update of the stream told already, if this is its profit without a trade. Each
    is told once: one millisecond may hold several."""
    if flow.category != "realized_pnl":
        return None
    for place in reversed(places):
        last = out[place]
        if flow.time_ms - last.time_ms > NEAR_MS:
            break
        if not (isinstance(last, Fill) and last.trade_id == TAKEN_OVER) or place in told:
            continue
        if flow.symbol in ("", last.symbol) and last.realized in flow.applied.values():
            return place
    return None


def _note_forced(order: Order, forced: Forced) -> None:
    """Keep the last state of each liquidation order."""
    if order.close == "liquidation":
        forced.setdefault((order.symbol, order.side), {})[order.order_id or order.client_order_id] = order


def _unfilled(forced: Forced, key: PositionKey, time_ms: int) -> Iterator[Order]:
    """The liquidation orders of a position, the last first, that left something over a short time ago."""
    for order in reversed(forced.get(key, {}).values()):
        if order.executed < order.quantity and 0 <= time_ms - order.time_ms <= TAKEOVER_MS:
            yield order


def _taken_in_part(statement: Statement, account: Account, forced: Forced, rules: VenueRules) -> list[Fill]:
    """Takeovers of a part: an update about INSURANCE_CLEAR prints a smaller position than the fold holds, and its
    accumulated PnL fell by what the difference books at the limit of a liquidation order that left so much over. At any
    other price it may as well be a fill that the files do not hold."""
    found: list[Fill] = []
    if statement.origin != "update" or statement.about != "INSURANCE_CLEAR":
        return found
    for printed in statement.positions:
        position = account.position((printed.symbol, printed.side))
        left, realized = printed.quantity, _profit(statement, position)
        if not left or realized is None or not ZERO < left * position.direction < abs(position.quantity):
            continue
        part = structs.replace(
            position,
            quantity=Quantity(position.quantity - left),
            cost=quotient(position.cost * (position.quantity - left), position.quantity),
        )
        contract = rules.contract(printed.symbol)
        price = price_at_profit(contract, part.quantity, part.cost, realized)
        # A profit is cut off after its last digit: of a small part it leaves the price open by more than a tick.
        next_price = price_at_profit(contract, part.quantity, part.cost, realized - AMOUNT_UNIT)
        orders = _unfilled(forced, position.key, statement.time_ms)
        if price is None or next_price is None:
            continue
        slack = max(contract.tick, abs(next_price - price))
        if any(
            abs(price - order.price) <= slack and abs(part.quantity) <= order.quantity - order.executed
            for order in orders
        ):
            found.append(_takeover(statement, part, price, fee=ZERO, realized=realized))
    return found


def _rest(flow: Flow, account: Account, forced: Forced, rules: VenueRules) -> Fill | None:
    """The takeover of what a liquidation order could not fill, if a profit without a trade is that of closing the whole
    rest at the order's limit, which is the bankruptcy price. An income row does not name the position side."""
    if flow.category != "realized_pnl":
        return None
    orders = (order for key in forced if key[0] == flow.symbol for order in _unfilled(forced, key, flow.time_ms))
    found = (_rest_of(flow, account, order, rules) for order in orders)
    return next((fill for fill in found if fill is not None), None)


def _rest_of(flow: Flow, account: Account, order: Order, rules: VenueRules) -> Fill | None:
    position = account.position((order.symbol, order.side))
    contract = rules.contract(order.symbol)
    amount = flow.applied.get(contract.margin_asset)
    if amount is None or not position.quantity:
        return None
    unit = last_digit(amount)
    prices = [price_at_profit(contract, position.quantity, position.cost, amount + by) for by in (-unit, ZERO, unit)]
    low, price, high = prices
    if low is None or price is None or high is None:
        return None
    if not min(low, high) - contract.tick <= order.price <= max(low, high) + contract.tick:
        return None
    return structs.replace(_takeover(flow, position, price, fee=ZERO, realized=amount), order_id=order.order_id)


def _takeover(
    told: Statement | Flow, position: Position, price: Decimal, *, fee: Decimal, realized: Decimal | None
) -> Fill:
    """The fill that closes a position (or the part of one) at the moment of what tells it. Its price is rounded as
    derived prices are: a quotient of 50 digits leaves no room for the product with a quantity."""
    return Fill(
        time_ms=told.time_ms,
        source=told.source,
        seq=told.seq,
        symbol=position.symbol,
        side=position.side,
        quantity=-position.quantity,
        price=price_nearest(price),
        trade_id=TAKEN_OVER,
        fee=fee,
        realized=realized,
        close="liquidation",
    )


def _vanished(statement: Statement, account: Account, shown: Mapping[PositionKey, Decimal]) -> list[Position]:
    """Positions printed as 0 that the fold still holds. What a fill has left on the other side of the position that was
    printed before did not vanish: that fill is wrong. An answer of the API proves nothing here: trades between may be
    missing."""
    if statement.origin != "update":
        return []
    printed = [account.position((each.symbol, each.side)) for each in statement.positions if each.quantity == 0]
    return [each for each in printed if each.quantity and each.quantity * shown.get(each.key, each.quantity) > 0]


def _profit(statement: Statement, position: Position) -> Decimal | None:
    """What the printed accumulated PnL says that closing the position booked. The rest of the wallet's change
    is a fee."""
    for printed in statement.positions:
        if (printed.symbol, printed.side) == position.key and printed.realized is not None:
            return printed.realized - position.realized
    return None


def _wallet_change(statement: Statement, account: Account, position: Position, rules: VenueRules) -> Decimal | None:
    """What closing `position` changed in the printed wallet; none where the cross wallet beside it contradicts."""
    asset = rules.contract(position.symbol).margin_asset
    for printed in statement.balances:
        if printed.asset == asset and printed.wallet is not None:
            change = printed.wallet - account.wallets.get(asset, ZERO)
            if printed.cross_wallet is None:
                return change
            crossed = printed.cross_wallet - cross_wallet(account, asset, rules)
            return change if crossed - change == position.isolated_wallet else None
    return None

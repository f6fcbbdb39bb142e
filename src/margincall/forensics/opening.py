"""How an account stood when its files begin, solved from the first print of each value.

Files rarely begin at an account's first day. Wallets are additive: the opening wallet is the first print less all that
was applied until then. A position's quantity likewise. Its cost basis changes by a chain of affine steps, so it is
solved from the first printed entry. A print that the opening was solved from proves nothing. Where there was nothing to
solve (a position that was flat), the first print is a witness like any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.account import SIDES, Account, MarginType, Position, PositionKey
from margincall.core.contract import value
from margincall.core.events import AnyEvent, Fill, Flow, Order, PositionClosed, PositionPrint, Setting, Statement
from margincall.core.fold import fee_asset_of, fill_terms, fold, open_account
from margincall.core.margin import cross_wallet
from margincall.core.rounding import AMOUNT_UNIT, booked, exact
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Collateral, Price, Quantity
from margincall.forensics.rulebook import RulesAt

Known = tuple[str, str]
"""A printed value: field and what it is about, such as ("wallet", "USDT") or ("entry", "BTCUSDT BOTH")."""


class FirstPrint(Struct, frozen=True):
    """Where a value is printed first."""

    place: int
    amount: Decimal


class Opening(Struct, frozen=True):
    """The account before the first event, and what it rests on.

    `first` maps each printed value to its first print, `given` to the print that the opening was solved from.
    `leverage_from` names symbols whose leverage no event states: it follows from the first isolated print at that
    place. `blurred` maps positions whose opening cost comes from a
    printed entry to one unit of that entry; `unknown_entries` are open at the start without any printed entry.
    `unknown_wallets` are assets that move but are never printed: their opening is taken as 0. `snapshots` maps assets
    whose first print is an answer of the API (a snapshot, made whenever somebody asked) to its place. `modes` are the
    symbols of which some file tells whether they are cross or isolated.
    """

    account: Account
    first: Mapping[Known, FirstPrint]
    given: Mapping[Known, FirstPrint]
    leverage_from: Mapping[str, int]
    blurred: Mapping[PositionKey, Decimal]
    unknown_entries: frozenset[PositionKey]
    unknown_wallets: tuple[str, ...]
    snapshots: Mapping[str, int]
    modes: frozenset[str]


@exact
def solve_opening(events: Sequence[AnyEvent], rules_at: RulesAt) -> Opening:
    """Solve the opening account from events in which statements follow their fills."""
    rules = rules_at(events[0].time_ms if events else 0)
    said = [(place, event) for place, event in enumerate(events) if isinstance(event, SAYING)]
    first = first_prints(said)
    margins = _first_margins(said)
    stated = _stated_leverage(said)
    implied = _implied_leverage(events, said, margins, stated, rules)
    blurred: dict[PositionKey, Decimal] = {}
    unknown: set[PositionKey] = set()
    positions = []
    unfilled = _unfilled_orders(events)
    for key, fills in _fills_by_key(events).items():
        position = _opening_position(
            key, fills, first, margins.get(key[0], "cross"), rules, taken_over=key[0] in unfilled
        )
        positions.append(position)
        if position.quantity:
            entry = first.get(("entry", about(position)))
            if entry is None:
                unknown.add(key)
            else:
                blurred[key] = _unit(entry.amount)
    relative = structs.replace(
        open_account({}, tuple(positions), contracts=rules.contracts),
        leverage={**stated, **{symbol: leverage for symbol, (leverage, _) in implied.items()}},
        margin_types=margins,
    )
    given = {known: printed for known, printed in first.items() if _is_needed(known, first, relative)}
    given |= _steady_wallets(said, rules)
    account = _with_first_prints(relative, events, given, rules_at)
    moved = _moved_assets(events, rules)
    return Opening(
        account=account,
        first=first,
        given=given,
        modes=frozenset(margins),
        leverage_from={symbol: place for symbol, (_, place) in implied.items()},
        blurred=blurred,
        unknown_entries=frozenset(unknown),
        unknown_wallets=tuple(sorted(asset for asset in moved if ("wallet", asset) not in first)),
        snapshots={
            name: printed.place
            for (field, name), printed in given.items()
            if field == "wallet" and _is_snapshot(events[printed.place])
        },
    )


def _is_snapshot(event: AnyEvent) -> bool:
    return isinstance(event, Statement) and event.origin in ("account", "position_risk")


SAYING = Statement | Setting | PositionClosed
Said = Sequence[tuple[int, AnyEvent]]
"""Statements and settings with their places: of a million events of exports hardly any is one."""


def first_prints(said: Said) -> dict[Known, FirstPrint]:
    """The first print of each wallet and position value."""
    first: dict[Known, FirstPrint] = {}
    for place, event in said:
        if isinstance(event, Statement):
            for known, amount in printed_values(event):
                first.setdefault(known, FirstPrint(place, amount))
    return first


def _is_needed(known: Known, first: Mapping[Known, FirstPrint], relative: Account) -> bool:
    """Whether the opening is solved from the first print of this value."""
    field, name = known
    if field == "cross_wallet":
        return ("wallet", name) not in first
    return field in ("wallet", "accumulated_pnl") or bool(relative.position(key_of(name)).quantity)


def _steady_wallets(said: Said, rules: VenueRules) -> dict[Known, FirstPrint]:
    """For each asset its first printed wallet; the second, if only that is the sum of the cross and isolated wallets
    printed with it: a wallet that contradicts what is printed beside it is no opening."""
    isolated: dict[PositionKey, Decimal] = {}
    sums: dict[str, Decimal] = {}
    found: dict[Known, FirstPrint] = {}
    settled: set[str] = set()
    for place, event in said:
        if not isinstance(event, Statement):
            continue
        for position in event.positions:
            key, asset = (position.symbol, position.side), rules.contract(position.symbol).margin_asset
            is_held = position.margin == "isolated" and position.quantity
            held = (position.isolated_wallet or ZERO) if is_held else ZERO
            sums[asset] = sums.get(asset, ZERO) + held - isolated.get(key, ZERO)
            isolated[key] = held
        for balance in event.balances:
            if balance.asset in settled or balance.wallet is None:
                continue
            is_sum = balance.wallet - sums.get(balance.asset, ZERO) == balance.cross_wallet
            is_second = ("wallet", balance.asset) in found
            if is_sum or not is_second:
                found["wallet", balance.asset] = FirstPrint(place, balance.wallet)
            settled |= {balance.asset} if is_sum or is_second else set()
    return found


def printed_values(statement: Statement) -> list[tuple[Known, Decimal]]:
    """The wallet and position values that a statement prints. The entry of a flat position is not a value."""
    found: list[tuple[Known, Decimal | None]] = []
    for balance in statement.balances:
        found.append((("wallet", balance.asset), balance.wallet))
        found.append((("cross_wallet", balance.asset), balance.cross_wallet))
    for position in statement.positions:
        name = about(position)
        found.append((("position", name), position.quantity))
        found.append((("entry", name), position.entry if position.quantity else None))
        found.append((("accumulated_pnl", name), position.realized))
        if position.margin == "isolated" and position.quantity:
            found.append((("isolated_wallet", name), position.isolated_wallet))
    return [(known, amount) for known, amount in found if amount is not None]


def about(position: PositionPrint | Position | Fill) -> str:
    """How reports name a position: symbol and side."""
    return f"{position.symbol} {position.side}"


def key_of(name: str) -> PositionKey:
    """The position that `about` named."""
    symbol, _, side = name.partition(" ")
    return symbol, SIDES[side]


def _opening_position(
    key: PositionKey,
    fills: list[tuple[int, Fill]],
    first: Mapping[Known, FirstPrint],
    margin: MarginType,
    rules: VenueRules,
    *,
    taken_over: bool,
) -> Position:
    name = f"{key[0]} {key[1]}"
    printed = first.get(("position", name))
    before = [fill for place, fill in fills if printed is None or place < printed.place]
    moved = sum((fill.quantity for fill in before), ZERO)
    entry = first.get(("entry", name))
    quantity = Quantity(printed.amount - moved if printed is not None else ZERO)
    if printed is not None and entry is not None and len(before) == 1 and _opened_by(before[0], printed, entry, rules):
        quantity = Quantity(ZERO)
    if quantity and entry is None and taken_over and _begins_flat(before, rules):
        quantity = Quantity(ZERO)
    position = Position(key[0], key[1], quantity=quantity, margin=margin)
    if quantity and entry is not None:
        until = [fill for place, fill in fills if place < entry.place]
        position = structs.replace(position, cost=_opening_cost(position, until, Price(entry.amount), rules))
    return position


def _opened_by(fill: Fill, position: FirstPrint, entry: FirstPrint, rules: VenueRules) -> bool:
    """Whether `fill` opened the position although its quantity is another: the position after it has its price as
    entry, and its fee is that of the whole position. Then it is the fill's quantity that is wrong."""
    if fill.realized or fill.fee is None or position.place != entry.place:
        return False
    contract = rules.contract(fill.symbol)
    rate = rules.fees.maker if fill.maker else rules.fees.taker
    fees = [
        booked(abs(value(contract, Quantity(quantity), Price(fill.price))) * rate)
        for quantity in (position.amount, fill.quantity)
    ]
    fits = [abs(fee - fill.fee) <= AMOUNT_UNIT for fee in fees]
    return fits == [True, False] and abs(entry.amount - fill.price) <= _unit(entry.amount)


def _unfilled_orders(events: Iterable[AnyEvent]) -> set[str]:
    """Symbols of liquidation orders that ended with something left: it may have been taken over."""
    return {
        event.symbol
        for event in events
        if isinstance(event, Order) and event.close == "liquidation" and event.status != "NEW"
        if event.executed < event.quantity
    }


def _begins_flat(fills: Sequence[Fill], rules: VenueRules) -> bool:
    """Whether every printed profit follows from a flat beginning. Then a position printed flat later vanished without
    a trade, and was not open before the first one."""
    if not fills or any(fill.realized is None for fill in fills):
        return False
    contract = rules.contract(fills[0].symbol)
    position = Position(fills[0].symbol, fills[0].side)
    for fill in fills:
        terms = fill_terms(position, fill, contract, rules.fees)
        if fill.realized is None or abs(terms.realized - fill.realized) > AMOUNT_UNIT:
            return False
        quantity = Quantity(position.quantity + fill.quantity)
        position = structs.replace(position, quantity=quantity, cost=terms.cost_left)
    return True


def _opening_cost(position: Position, fills: list[Fill], entry: Price, rules: VenueRules) -> Decimal:
    """The cost that leads to `entry` after `fills`: their effect on the cost is affine, so two runs solve it."""
    quantity, from_zero = _run_cost(position, ZERO, fills, rules)
    _, from_one = _run_cost(position, Decimal(1), fills, rules)
    slope = from_one - from_zero
    target = value(rules.contract(position.symbol), quantity, entry)
    return (target - from_zero) / slope if slope else ZERO


def _run_cost(position: Position, cost: Decimal, fills: list[Fill], rules: VenueRules) -> tuple[Quantity, Decimal]:
    contract = rules.contract(position.symbol)
    position = structs.replace(position, cost=cost)
    for fill in fills:
        terms = fill_terms(position, fill, contract, rules.fees)
        quantity = Quantity(position.quantity + fill.quantity)
        position = structs.replace(position, quantity=quantity, cost=terms.cost_left)
    return position.quantity, position.cost


def _with_first_prints(
    relative: Account, events: Sequence[AnyEvent], given: Mapping[Known, FirstPrint], rules_at: RulesAt
) -> Account:
    """Fold from empty wallets until every given print is passed; what is missing there was there at the opening."""
    due: dict[int, list[Known]] = {}
    for known, printed in given.items():
        due.setdefault(printed.place, []).append(known)
    if all(field == "wallet" for field, _ in given):
        added = _added_up(events[: max(due, default=-1) + 1], given, due, rules_at)
        if added is not None:
            return _opened(relative, added, relative.positions, rules_at)
    wallets: dict[str, Decimal] = {}
    positions = dict(relative.positions)
    account = relative
    for place, event in enumerate(events[: max(due, default=-1) + 1]):
        rules = rules_at(event.time_ms)
        account = fold(account, event, rules)
        for field, name in due.get(place, ()):
            missing = given[field, name].amount
            if field == "wallet":
                wallets[name] = missing - account.wallets.get(name, ZERO)
            elif field == "cross_wallet":
                wallets[name] = missing - cross_wallet(account, name, rules)
            elif field in ("accumulated_pnl", "isolated_wallet"):
                key = key_of(name)
                now, opened = account.position(key), positions.get(key, relative.position(key))
                if field == "accumulated_pnl":
                    opened = structs.replace(opened, realized=missing - now.realized)
                else:
                    opened = structs.replace(opened, isolated_wallet=Collateral(missing - now.isolated_wallet))
                positions[key] = opened
    return _opened(relative, wallets, positions, rules_at)


def _opened(
    relative: Account,
    wallets: Mapping[str, Decimal],
    positions: Mapping[PositionKey, Position],
    rules_at: RulesAt,
) -> Account:
    opening = open_account(wallets, tuple(positions.values()), contracts=rules_at(0).contracts)
    return structs.replace(opening, leverage=relative.leverage, margin_types={**relative.margin_types})


def _added_up(
    events: Sequence[AnyEvent],
    given: Mapping[Known, FirstPrint],
    due: Mapping[int, Sequence[Known]],
    rules_at: RulesAt,
) -> dict[str, Decimal] | None:
    """The opening wallets by addition alone; none if a fill's profit or fee has to be derived. A snapshot may lie a
    million events behind the opening, and wallets depend on nothing else."""
    wallets: dict[str, Decimal] = {}
    sums: dict[str, Decimal] = {}
    for place, event in enumerate(events):
        if isinstance(event, Fill):
            if event.realized is None or event.fee is None:
                return None
            contract = rules_at(event.time_ms).contract(event.symbol)
            asset, paid_in = contract.margin_asset, fee_asset_of(event, contract)
            sums[asset] = sums.get(asset, ZERO) + event.realized
            sums[paid_in] = sums.get(paid_in, ZERO) - event.fee
        elif isinstance(event, Flow):
            for asset, amount in event.applied.items():
                sums[asset] = sums.get(asset, ZERO) + amount
        for known in due.get(place, ()):
            wallets[known[1]] = given[known].amount - sums.get(known[1], ZERO)
    return wallets


def _fills_by_key(events: Iterable[AnyEvent]) -> dict[PositionKey, list[tuple[int, Fill]]]:
    """Fills per position, and an empty list for positions that are only printed."""
    found: dict[PositionKey, list[tuple[int, Fill]]] = {}
    for place, event in enumerate(events):
        if isinstance(event, Fill):
            found.setdefault((event.symbol, event.side), []).append((place, event))
        elif isinstance(event, Statement):
            for printed in event.positions:
                found.setdefault((printed.symbol, printed.side), [])
    return found


def _first_margins(said: Said) -> dict[str, MarginType]:
    """The margin type at the start: of the first print, or the opposite of the first change."""
    margins: dict[str, MarginType] = {}
    for _, event in said:
        if isinstance(event, Statement):
            for printed in event.positions:
                if printed.margin is not None:
                    margins.setdefault(printed.symbol, printed.margin)
        elif isinstance(event, PositionClosed):
            margins.setdefault(event.symbol, event.margin)
        elif isinstance(event, Setting) and event.margin is not None:
            margins.setdefault(event.symbol, "cross" if event.margin == "isolated" else "isolated")
    return margins


def _stated_leverage(said: Said) -> dict[str, int]:
    """The first leverage that a snapshot prints per symbol; changes come as events."""
    stated: dict[str, int] = {}
    for _, event in said:
        if isinstance(event, Statement):
            for printed in event.positions:
                if printed.leverage is not None:
                    stated.setdefault(printed.symbol, printed.leverage)
    return stated


def _implied_leverage(
    events: Sequence[AnyEvent],
    said: Said,
    margins: Mapping[str, MarginType],
    stated: Mapping[str, int],
    rules: VenueRules,
) -> dict[str, tuple[int, int]]:
    """Leverage that the first isolated print implies when it follows the fill that opened the position:
    `value / (isolated wallet + fee)`, with the place of that print."""
    changed = {event.symbol for _, event in said if isinstance(event, Setting) and event.leverage is not None}
    implied: dict[str, tuple[int, int]] = {}
    for place, event in said:
        before = events[place - 1] if place else None
        if not isinstance(event, Statement) or not isinstance(before, Fill):
            continue
        for printed in event.positions:
            known = printed.symbol in implied or printed.symbol in stated or printed.symbol in changed
            if known or margins.get(printed.symbol) != "isolated" or printed.quantity != before.quantity:
                continue
            margin = (printed.isolated_wallet or ZERO) + (before.fee or ZERO)
            worth = abs(value(rules.contract(printed.symbol), Quantity(before.quantity), Price(before.price)))
            if printed.symbol == before.symbol and margin > 0:
                implied[printed.symbol] = (int((worth / margin).to_integral_value()), place)
    return implied


def _moved_assets(events: Iterable[AnyEvent], rules: VenueRules) -> set[str]:
    moved: set[str] = set()
    for event in events:
        if isinstance(event, Fill):
            moved.add(rules.contract(event.symbol).margin_asset)
            moved |= {event.fee_asset} if event.fee_asset is not None and event.fee else set()
        elif isinstance(event, Flow):
            moved |= set(event.applied)
    return moved


def _unit(printed: Decimal) -> Decimal:
    """One unit of the last printed digit, at least that of five decimals (JSON numbers lose trailing zeros)."""
    exponent = printed.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(max(min(exponent, 0), -8) if exponent < -5 else -5)

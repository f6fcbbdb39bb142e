"""The moment of the trigger: the account, the prices that the files hold for it, and the margin pool that died.

What is missing is named instead of guessed. If only the liquidated symbol's own mark is missing, its survival interval
is still known, because it does not depend on that mark; then `own_mark_known` is false and no verdict is given.
"""

from collections.abc import Mapping

from msgspec import Struct, structs

from margincall.core.account import Account, Marks, Position, PositionKey
from margincall.core.assumptions import VERDICT_ALTERNATIVES
from margincall.core.brackets import BracketTable, in_force
from margincall.core.contract import entry_price, profit
from margincall.core.events import Fill
from margincall.core.margin import MissingIndex, PoolTerms, PositionTerms
from margincall.core.prices import PositionPrices, prices
from margincall.core.rounding import exact
from margincall.core.rules import VenueRules
from margincall.core.units import ONE, ZERO, Collateral, Price, Quantity
from margincall.forensics.doubt import BACK_CAST, doubt_of, is_back_cast, reaches_snapshot
from margincall.forensics.in_candle import CANDLE_RESOLUTION, candles_of, mark_within
from margincall.forensics.incidents import Incident
from margincall.forensics.markline import FRESH_MS, OPENING, MarkPoint
from margincall.forensics.pools import NO_BRACKETS, pool_named, terms_of
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.sheet import BracketAlternative

WALLET = frozenset({"account", "mode", "margin", "income"})
"""Evidence that the wallet of a pool rests on."""
WORST, BEST = "other symbols at the worst end of their candles", "other symbols at the best end of their candles"
LOWEST, HIGHEST = "the lowest wallet in doubt", "the highest wallet in doubt"
JUST_AFTER_MS = 1000
"""A mark printed with the liquidation itself, this close after its order, counts as the mark of the moment."""


class Moment(Struct, frozen=True):
    """`pool`, `own` and `prices` are none if the position is not open in the files or something needed is missing.

    `missing` names symbols without a fresh mark and assets without an index; `lacks` the evidence without which the
    position or its wallet is not founded in the files ("account", "income", "fills"); `extreme` is how far the candle
    went from which the mark is taken, where it is, `wallets` the lowest and highest wallet where it is in doubt;
    `boxes` are low and high of the other symbols of which only a candle is known: their marks are its opening.
    `tables` says for each symbol of the pool whether a bracket table was in force ("dated", "only_later", "none").
    `alone` are terms and prices of the position as if it stood alone: what of them does not rest on its pool is known
    where the pool is not. `verdicts` are the verdicts under each other assumption or later table, and at both ends of a
    wallet in doubt.
    """

    account: Account
    rules: VenueRules
    marks: Marks
    mark: MarkPoint | None = None
    pool: PoolTerms | None = None
    own: PositionTerms | None = None
    prices: PositionPrices | None = None
    alone: tuple[PositionTerms, PositionPrices] | None = None
    extreme: Price | None = None
    wallets: tuple[Collateral, Collateral] | None = None
    boxes: Mapping[str, tuple[Price, Price]] = {}
    missing: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    tables: Mapping[str, str] = {}
    assumed: tuple[str, ...] = ()
    verdicts: Mapping[str, bool] = {}
    later: tuple[BracketAlternative, ...] = ()

    @property
    def own_mark_known(self) -> bool:
        """Whether the mark of the liquidated symbol is known."""
        return self.mark is not None

    @property
    def has_rows(self) -> bool:
        """Whether there is some table for every symbol of the pool."""
        return "none" not in self.tables.values()

    @property
    def is_complete(self) -> bool:
        """Whether every price and bracket of the pool is known, so that a verdict can be given."""
        return self.pool is not None and self.own_mark_known and not self.missing and self.brackets_known

    @property
    def brackets_known(self) -> bool:
        """Whether a dated table was in force for every symbol of the pool."""
        return all(certainty == "dated" for certainty in self.tables.values())


@exact
def moment_of(history: Reconstruction, incident: Incident) -> Moment:
    """Everything the files say about the pool just before the first event of `incident`."""
    account = history.timeline.before(incident.first)
    rules = history.rules_at(incident.time_ms)
    key: PositionKey = (incident.symbol, incident.side)
    held = account.positions.get(key)
    if held is None or not held.quantity:
        marks = history.marks.at((), incident.first)
        mark = _mark_point(history, incident, incident.symbol)
        return Moment(account, rules, marks, mark, lacks=("account", "fills"))
    members = pool_members(account, held, rules)
    marks, boxes, missing = _fresh_marks(history, incident, members)
    mark = _mark_point(history, incident, incident.symbol)
    used = {symbol: history.book.used(symbol, incident.time_ms) for symbol in members}
    certainty = {symbol: each.certainty for symbol, each in used.items()}
    assumed = tuple(sorted({name for each in used.values() for name in each.assumed}))
    assumed += (CANDLE_RESOLUTION,) if boxes else ()
    moment = Moment(account, rules, marks, mark, boxes=boxes, missing=missing, tables=certainty, assumed=assumed)
    lacks = _unfounded(history, incident, moment, held, members)
    if lacks or any(symbol != incident.symbol for symbol in missing):
        alone = _alone(moment, held) if not {"fills", "sides"} & set(lacks) else None
        return structs.replace(moment, lacks=lacks, alone=alone)
    placeholders = {symbol: NO_BRACKETS for symbol in members if symbol not in rules.tables}
    moment = structs.replace(moment, rules=rules.with_tables(placeholders))
    try:
        return _priced(history, incident, moment, held)
    except MissingIndex as error:
        return structs.replace(moment, rules=rules, missing=(*missing, str(error)))


def _priced(history: Reconstruction, incident: Incident, moment: Moment, held: Position) -> Moment:
    """The moment with its pool and prices; every price but that of `held` is known. Raises `MissingIndex`."""
    mark, marks, extreme, assumed = moment.mark, moment.marks, None, moment.assumed
    if mark is None:
        entry = entry_price(moment.rules.contract(held.symbol), held.quantity, held.cost) or Price(ONE)
        marks = marks.with_price(held.symbol, entry)
        _, priced = _own(moment, marks, held)
        candles = candles_of(history.marks, held.symbol, incident.time_ms) if moment.has_rows else []
        if (found := mark_within(candles, priced.liquidation)) is not None:
            mark, extreme = found.mark, found.extreme
            marks = marks.with_price(held.symbol, mark.price)
            assumed = assumed if CANDLE_RESOLUTION in assumed else (*assumed, CANDLE_RESOLUTION)
    pool, priced = _own(moment, marks, held)
    moment = structs.replace(
        moment,
        marks=marks,
        mark=mark,
        extreme=extreme,
        pool=pool,
        own=next(each for each in pool.positions if each.position.key == held.key),
        prices=priced,
        missing=tuple(each for each in moment.missing if each != held.symbol),
        assumed=(*assumed, *_back_cast(history, incident, pool)),
    )
    return _with_alternatives(history, incident, moment)


def _alone(moment: Moment, held: Position) -> tuple[PositionTerms, PositionPrices] | None:
    """Terms and prices of a position as if it stood alone; none without its mark or any table."""
    if moment.mark is None or held.symbol not in moment.rules.tables:
        return None
    single = structs.replace(moment.account, positions={held.key: held}, multi_assets=False)
    marks = Marks({held.symbol: moment.mark.price})
    pool, found = _own(structs.replace(moment, account=single), marks, held)
    return pool.positions[0], found


def _own(moment: Moment, marks: Marks, held: Position) -> tuple[PoolTerms, PositionPrices]:
    """The pool that holds a position, and the position's prices."""
    terms = terms_of(moment.account, marks, moment.rules)
    pool = terms.pool_of(*held.key)
    assert pool is not None, "the position is open, so a pool holds it"
    found = next(each for each in prices(terms, marks, moment.rules) if (each.symbol, each.side) == held.key)
    return pool, found


def _with_alternatives(history: Reconstruction, incident: Incident, moment: Moment) -> Moment:
    """The moment with the verdicts under each other assumption and later table. Where the mark is taken from a candle
    another rule may find its own trigger in it: it is asked at the candle's extreme."""
    assert moment.pool is not None
    account, rules, pool = moment.account, moment.rules, moment.pool
    marks = moment.marks if moment.extreme is None else moment.marks.with_price(incident.symbol, moment.extreme)
    verdicts = _under_assumptions(account, marks, rules, pool) | _within_boxes(moment, marks)
    later: tuple[BracketAlternative, ...] = ()
    wallets: tuple[Collateral, Collateral] | None = None
    if (doubt := doubt_of(history, incident, account, rules)) is not None:
        poorest, richest = (pool_named(terms_of(each, marks, rules), pool.name) for each in doubt)
        assert poorest is not None, "a flow closes no position"
        assert richest is not None, "a flow closes no position"
        wallets = (poorest.wallet, richest.wallet) if poorest.wallet != richest.wallet else None
        verdicts |= {LOWEST: poorest.liquidated, HIGHEST: richest.liquidated}
    if moment.own_mark_known:
        tables = _later_tables(history, incident, pool)
        later = tuple(_under_table(account, marks, rules, pool.name, table) for table in tables)
        verdicts |= {f"bracket table of {each.symbol} of {each.as_of}": bool(each.liquidated) for each in later}
        if len(tables) > 1:
            together = rules.with_tables({table.symbol: table for table in tables})
            other = pool_named(terms_of(account, marks, together), pool.name)
            verdicts["all later bracket tables"] = other is not None and other.liquidated
    return structs.replace(moment, verdicts=verdicts, later=later, wallets=wallets)


def _within_boxes(moment: Moment, marks: Marks) -> dict[str, bool]:
    """The verdicts with the marks of the other symbols at the ends of their candles that are best and worst."""
    assert moment.pool is not None
    name = moment.pool.name

    def pool_at_marks(found: Marks) -> PoolTerms:
        pool = pool_named(terms_of(moment.account, found, moment.rules), name)
        assert pool is not None, "a price closes no position"
        return pool

    best = worst = marks
    for symbol, (low, high) in moment.boxes.items():
        ends = sorted((low, high), key=lambda price: pool_at_marks(marks.with_price(symbol, price)).surplus)
        worst, best = worst.with_price(symbol, ends[0]), best.with_price(symbol, ends[1])
    if not moment.boxes:
        return {}
    return {WORST: pool_at_marks(worst).liquidated, BEST: pool_at_marks(best).liquidated}


def _back_cast(history: Reconstruction, incident: Incident, pool: PoolTerms) -> tuple[str, ...]:
    return (BACK_CAST,) if any(is_back_cast(history, incident, terms.asset) for terms in pool.assets) else ()


@exact
def pool_at(moment: Moment, account: Account) -> PoolTerms | None:
    """The pool of `moment` as it stands in another account, at the prices of the trigger; none if it is gone."""
    assert moment.pool is not None
    return pool_named(terms_of(account, moment.marks, moment.rules), moment.pool.name)


def pool_members(account: Account, held: Position, rules: VenueRules) -> list[str]:
    """The symbols of the pool that holds `held`, itself included."""
    if held.margin == "isolated":
        return [held.symbol]
    asset = rules.contract(held.symbol).margin_asset
    return sorted(
        {
            position.symbol
            for position in account.open_positions()
            if position.margin == "cross"
            and (account.multi_assets or rules.contract(position.symbol).margin_asset == asset)
        }
    )


def _unfounded(
    history: Reconstruction, incident: Incident, moment: Moment, held: Position, members: list[str]
) -> tuple[str, ...]:
    """The evidence that a pool lacks: an entry that was never printed, a wallet whose opening is not known, or that
    nothing leads back to from the snapshot that prints it."""
    opening, account = history.opening, moment.account
    lacks = [] if set(members) <= opening.modes or account.multi_assets else ["mode"]
    if held.margin == "isolated":
        printed = ("isolated_wallet", f"{held.symbol} {held.side}") in opening.first
        if not printed and held.symbol not in account.leverage:
            lacks.append("account")
        opened_ms = _opened_ms(history, incident, held)
        if not printed and not history.evidence.knows_margin_since(opened_ms, held.symbol):
            lacks.append("margin")
    else:
        counting = {history.book.contracts[symbol].margin_asset for symbol in members}
        counting |= set(account.wallets) if account.multi_assets else set()
        lacks += ["account"] if counting & set(opening.unknown_wallets) else []
        cast = [asset for asset in counting if is_back_cast(history, incident, asset)]
        is_whole = all(reaches_snapshot(history, incident, asset) for asset in cast)
        lacks += [] if is_whole and not _below_zero(history, moment, members, counting) else ["income"]
    if any(key[0] in members for key in opening.unknown_entries):
        lacks.append("fills")
    if any(place < incident.first for symbol in members for place in history.compared.doubtful.get(symbol, ())):
        lacks.append("sides")
    return tuple(lacks)


def _below_zero(history: Reconstruction, moment: Moment, members: list[str], assets: set[str]) -> bool:
    """Whether a wallet that cannot have been negative follows from the files: one that opens below 0, or holds nothing
    under open positions that have not gained more. Rows are missing, of another account, or stamped in another zone."""
    opened = history.opening.account.wallets
    return not moment.account.multi_assets and any(
        opened.get(asset, ZERO) < 0 or _holds_nothing(moment, members, asset) for asset in assets
    )


def _holds_nothing(moment: Moment, members: list[str], asset: str) -> bool:
    """Whether a wallet lacks what unrealised profits at the marks of the moment do not exceed: losses may be booked as
    long as they do."""
    wallet = moment.account.wallets.get(asset, ZERO)
    if wallet > 0:
        return False
    contracts = {symbol: moment.rules.contract(symbol) for symbol in members}
    positions = [
        each
        for each in moment.account.open_positions()
        if each.symbol in contracts and contracts[each.symbol].margin_asset == asset
    ]
    marks = moment.marks.prices
    if any(each.symbol not in marks for each in positions):
        return True
    gains = [profit(contracts[each.symbol], each.quantity, each.cost, marks[each.symbol]) for each in positions]
    return wallet + sum(gains, ZERO) <= 0


def _opened_ms(history: Reconstruction, incident: Incident, held: Position) -> int:
    """When the position was opened, as far as the fills tell: its margin may have been moved since then."""
    left = held.quantity
    opened = history.events[incident.first].time_ms
    for place in range(incident.first - 1, -1, -1):
        event = history.events[place]
        if isinstance(event, Fill) and (event.symbol, event.side) == held.key:
            left = Quantity(left - event.quantity)
            opened = event.time_ms
            if not left * held.quantity > 0:
                break
    return opened


def _fresh_marks(
    history: Reconstruction, incident: Incident, members: list[str]
) -> tuple[Marks, dict[str, tuple[Price, Price]], tuple[str, ...]]:
    """Marks and indices of the moment; low and high of the candles of other symbols, whose opening stands for the mark;
    and the symbols without any."""
    found = {symbol: _mark_point(history, incident, symbol) for symbol in members}
    prices = {symbol: point.price for symbol, point in found.items() if point is not None}
    candles = {
        symbol: holding.candle
        for symbol in members
        if symbol != incident.symbol
        and symbol not in prices
        and (holding := history.marks.candle(symbol, incident.time_ms)) is not None
    }
    opened = {symbol: Price(candle.open) for symbol, candle in candles.items()}
    boxes = {symbol: (Price(candle.low), Price(candle.high)) for symbol, candle in candles.items()}
    indices = {}
    for asset in history.marks.indices:
        point = history.marks.index(asset, incident.first)
        if point is not None and incident.time_ms - point.time_ms <= FRESH_MS:
            indices[asset] = point.index
    known = {**prices, **opened}
    return Marks(known, indices), boxes, tuple(symbol for symbol in members if symbol not in known)


def _mark_point(history: Reconstruction, incident: Incident, symbol: str) -> MarkPoint | None:
    """The mark of the moment. The opening of a candle is none: the candle says what came after."""
    before = history.marks.latest(symbol, incident.first)
    if before is not None and before.how != OPENING and incident.time_ms - before.time_ms <= FRESH_MS:
        return before
    after = history.marks.following(symbol, incident.first)
    if after is not None and after.how != OPENING and after.time_ms - incident.time_ms <= JUST_AFTER_MS:
        is_then = history.evidence.same_second(history.events[incident.first], history.events[after.place])
        # A mark that is published later is that of later; one that a liquidation's own message prints is its own.
        if after.how != "published" or after.time_ms == incident.time_ms or is_then:
            return after
    return None


def _under_assumptions(account: Account, marks: Marks, rules: VenueRules, pool: PoolTerms) -> dict[str, bool]:
    verdicts = {}
    for name, alternative, assumptions in VERDICT_ALTERNATIVES:
        if pool.kind == "multi" or name == "trigger-comparison":
            other = pool_named(terms_of(account, marks, rules.assuming(assumptions)), pool.name)
            assert other is not None, "assumptions change no pool's name"
            verdicts[f"{name}: {alternative}"] = other.liquidated
    return verdicts


def _later_tables(history: Reconstruction, incident: Incident, pool: PoolTerms) -> list[BracketTable]:
    """The next later table of each symbol of the pool whose row differs at the same notional, of any leg."""
    found: dict[str, BracketTable] = {}
    for terms in pool.positions:
        later = history.book.used(terms.symbol, incident.time_ms).later
        if later is None or later is terms.table:
            continue
        row = in_force(later, terms.notional)
        if (row.rate, row.cum) != (terms.bracket.rate, terms.bracket.cum):
            found[terms.symbol] = later
    return list(found.values())


def _under_table(
    account: Account, marks: Marks, rules: VenueRules, pool: str, table: BracketTable
) -> BracketAlternative:
    """The verdict if one symbol, in all its legs, had the other table."""
    other = pool_named(terms_of(account, marks, rules.with_tables({table.symbol: table})), pool)
    assert other is not None, "a table changes no pool's name"
    row = next(terms.bracket for terms in other.positions if terms.symbol == table.symbol)
    return BracketAlternative(table.name, table.as_of, row.rate, row.cum, other.liquidated, table.symbol)

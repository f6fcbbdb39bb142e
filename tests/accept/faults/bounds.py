"""The smallest size that a level of evidence can show, of the case at hand: `docs/spec/fault_bounds.md`, and no more.

It follows from what is printed in the files of the faulted run, and from where the account stood in both runs. No
verdict enters it.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from margincall.core.account import Marks
from margincall.core.brackets import in_force
from margincall.core.events import MarkPrice, Order
from margincall.core.margin import Terms, margin
from margincall.core.protocol.deleverage import leverage_pnl
from margincall.core.rounding import exact
from margincall.core.units import Price
from margincall.exchange import commands
from margincall.exchange.play import Played
from margincall.exchange.scenario import MARKET
from margincall.exchange.state import Exchange
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from tests.accept.faults.booked import notional_paid, paid
from tests.accept.faults.case import UNIT, Pair, begun, fills
from tests.accept.faults.evidence import CANDLES, Level
from tests.accept.faults.trigger import mark_at
from tests.accept.faults.venue import replayed

BETWEEN_MARKS_MS = Decimal(1_000)
"""`D` of the page."""
TOO_LATE_MS = Decimal(3_000 + 1_000)
LATE_SPAN_MS = 4_000
PERIODS_MS = (HOUR_MS, 4 * HOUR_MS, 8 * HOUR_MS)
WINDOW_MS = 150_000
CANDLE_ANSWERS = ("indexPriceKlines", "klines")
WIDEST_RATE = Decimal("0.02")
NAMED_SINCE_MS = 1_786_406_400_000
"""2026-08-11: from then on a stream names the symbol of a cross position's funding."""


def brackets(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """A and B of the page."""
    if level.account == "stream":
        return _printed_margin(pair, saved)
    if level.account == "api" and level.has_ticks:
        return _surplus_between(pair)
    return None


def _printed_margin(pair: Pair, saved: Path) -> Decimal | None:
    """A: what the digits of a MARGIN_CALL leave open, of the position for which that is least."""
    setting = pair.setting
    started = begun(pair.faulted, setting.victim)[0]
    table = setting.rules.venue.brackets(setting.symbol)
    found = []
    for row in _lines(saved / setting.victim / "stream.jsonl"):
        if row.get("e") != "MARGIN_CALL" or row["E"] > started.time_ms:
            continue
        for each in row["p"]:
            if each["s"] == setting.symbol:
                quantity, price = abs(Decimal(each["pa"])), Decimal(each["mp"])
                rate = in_force(table, quantity * price).rate
                found.append(_digit(each["mm"]) + quantity * rate * _digit(each["mp"]) / 2)
    return min(found, default=None)


def _surplus_between(pair: Pair) -> Decimal | None:
    """B: by how much the surplus, by the genuine table, changes from the last mark before the order to the first one
    after; of a table that is too lax, in the four seconds after the true trigger."""
    setting = pair.setting
    faulted, clean = begun(pair.faulted, setting.victim)[0], begun(pair.clean, setting.victim)
    is_late = bool(clean) and clean[0].time_ms < faulted.time_ms
    time_ms = clean[0].time_ms if is_late else faulted.time_ms
    # The marks are those that were printed: the liquidation itself may have moved them.
    nexts = [next_mark_ms(pair.faulted, symbol, time_ms) for symbol in pair.faulted.state.prices]
    after_ms = time_ms + LATE_SPAN_MS if is_late else max((each for each in nexts if each is not None), default=None)
    if after_ms is None:
        return None
    before_ms = time_ms if is_late else _last_mark_ms(pair.faulted, time_ms)
    one, other = (_surplus(pair, time_ms, at, faulted=is_late) for at in (before_ms, after_ms))
    return None if one is None or other is None else abs(other - one)


def _last_mark_ms(run: Played, time_ms: int) -> int:
    """When the last mark before a time was made; the time itself if there is none."""
    times = [each.time_ms for each in run.events if isinstance(each, MarkPrice) and each.time_ms < time_ms]
    return times[-1] if times else time_ms


def next_mark_ms(run: Played, symbol: str, time_ms: int) -> int | None:
    """When the first mark after a time was made."""
    times = [
        each.time_ms
        for each in run.events
        if isinstance(each, MarkPrice) and each.symbol == symbol and each.time_ms > time_ms
    ]
    return times[0] if times else None


def _surplus(pair: Pair, time_ms: int, marks_ms: int, *, faulted: bool) -> Decimal | None:
    """The surplus of the account as it stands at a time, at the marks of the same or a later one: by then it may have
    been liquidated."""
    state = state_at(pair, time_ms, faulted=faulted)
    prices = state.prices if marks_ms == time_ms else state_at(pair, marks_ms, faulted=True).prices
    terms = genuine_terms(state, pair.setting.victim, prices)
    pools = [pool for pool in terms.pools if any(each.symbol == pair.setting.symbol for each in pool.positions)]
    return pools[0].surplus if pools else None


def state_at(pair: Pair, time_ms: int, *, faulted: bool, without_last_marks: bool = False) -> Exchange:
    """The exchange after everything of a time, or before the commands of that time."""
    setting = pair.setting
    told: list[commands.AnyCommand] = []
    for command in setting.commands:
        if isinstance(command, commands.Advance) and (
            command.time_ms >= time_ms if without_last_marks else command.time_ms > time_ms
        ):
            break
        told.append(command)
    if not without_last_marks:
        told.append(commands.Advance(time_ms=time_ms))
    return replayed(setting.rules, setting.start_ms, told, faulted=faulted).state


@exact
def genuine_terms(state: Exchange, account: str, prices: Mapping[str, Price]) -> Terms:
    """Where an account stands by the genuine rules at these marks."""
    return margin(state.traders[account].account, Marks(prices, state.indices), state.genuine.venue)


def bad_mark(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """C: from the true mark to the end of what is allowed, on the side of the fault, and one unit of the last digit."""
    setting = pair.setting
    true = mark_at(pair.clean, setting.symbol, setting.at_ms)
    wrong = begun(pair.faulted, setting.victim)[0].marks[setting.symbol]
    if level.has_ticks:
        allowed = _allowed_at(saved / MARKET, setting.symbol, setting.at_ms)
    else:
        allowed = _allowed_in(saved, setting.symbol, setting.at_ms - setting.at_ms % MINUTE_MS)
    if allowed is None:
        return None
    return (true - allowed.low if wrong < true else allowed.high - true) + allowed.digit


class Allowed(NamedTuple):
    """Between which prices a mark may lie, and the last digit of what that follows from."""

    low: Decimal
    high: Decimal
    digit: Decimal


def _allowed_at(market: Path, symbol: str, time_ms: int) -> Allowed | None:
    """From index, funding and last prices around the tick of a time, and the basis of the ticks before it. None where
    the trades do not tell the last price."""
    ticks = [row for row in _lines(market / "marks.jsonl") if row.get("s") == symbol and row["E"] <= time_ms]
    every = _lines(market / "trades.jsonl")
    trades = [row for row in every if row["s"] == symbol]
    if not ticks or not _tells_last(every, trades, ticks[-1]["E"]):
        return None
    tick = ticks[-1]
    told_ms = tick["E"]
    index = Decimal(tick["i"])
    rates = [Decimal(tick["r"])] if tick["r"] else [-WIDEST_RATE, WIDEST_RATE]
    until = max(tick["T"] - told_ms, 0) if tick["r"] else max(PERIODS_MS)
    ends = [index * (1 + rate * min(until, period) / period) for period in PERIODS_MS for rate in rates]
    ends += _lasts(trades, told_ms, told_ms + SECOND_MS)
    ends += [Decimal(row["p"]) for row in trades if told_ms - WINDOW_MS < row["T"] < told_ms + SECOND_MS]
    window = [row for row in ticks if row["E"] > told_ms - WINDOW_MS]
    for row, after in zip(window, [*window[1:], tick], strict=True):
        lasts = _lasts(trades, row["E"], max(after["E"], row["E"] + SECOND_MS))
        ends += [index + last - Decimal(row["i"]) for last in lasts]
    digit = max(_digit(tick["i"]), _digit(trades[-1]["p"]), _digit(tick["p"]))
    return Allowed(min(ends), max(ends), digit)


def _lasts(trades: Iterable[dict[str, Any]], begin_ms: int, end_ms: int) -> list[Decimal]:
    """The last trade before a span of time, and those within it."""
    before = [Decimal(row["p"]) for row in trades if row["T"] < begin_ms][-1:]
    return before + [Decimal(row["p"]) for row in trades if begin_ms <= row["T"] < end_ms]


def _tells_last(every: Iterable[dict[str, Any]], trades: Iterable[dict[str, Any]], time_ms: int) -> bool:
    """Whether a trade lies at most a minute before a tick, and the file goes on within a minute after its second."""
    end_ms = time_ms + SECOND_MS
    is_fresh = any(time_ms - MINUTE_MS <= row["T"] < end_ms for row in trades)
    return is_fresh and any(end_ms <= row["T"] <= end_ms + MINUTE_MS for row in every)


def _allowed_in(saved: Path, symbol: str, minute_ms: int) -> Allowed | None:
    """From the candles of a minute, with the closes of the minute before, and the basis of the three before."""
    paths = [saved / CANDLES / f"{name}-{symbol}-1m.json" for name in CANDLE_ANSWERS]
    index, last = (_span(path, minute_ms) for path in paths)
    if index is None or last is None:
        return None
    rates = _rates(saved / MARKET / "fundingRate.json", symbol, minute_ms)
    ends = [index.low * (1 + min(rates)), index.high * (1 + max(rates)), last.low, last.high]
    ends += [index.low + last.low - index.high, index.high + last.high - index.low]
    for number in (1, 2, 3):
        then, then_last = (_candle(path, minute_ms - number * MINUTE_MS) for path in paths)
        if then is not None and then_last is not None:
            ends += [price + Decimal(then_last[4]) - Decimal(then[4]) for price in (index.low, index.high)]
    return Allowed(min(ends), max(ends), max(index.digit, last.digit))


def _span(path: Path, minute_ms: int) -> Allowed | None:
    """Low and high of a minute's candle, with the close of the one before; none without either."""
    own, before = (_candle(path, minute_ms - off) for off in (0, MINUTE_MS))
    if own is None or before is None:
        return None
    prices = [own[2], own[3], before[4]]
    return Allowed(min(map(Decimal, prices)), max(map(Decimal, prices)), _digit(own[3]))


def _rates(path: Path, symbol: str, minute_ms: int) -> list[Decimal]:
    """0 and the rates that were settled within a day; without any, the widest."""
    rows = msgspec.json.decode(path.read_bytes()) if path.exists() else []
    found = [
        Decimal(row["fundingRate"])
        for row in rows
        if row["symbol"] == symbol and 0 <= minute_ms + MINUTE_MS - row["fundingTime"] <= DAY_MS
    ]
    return [Decimal(0), *found] if found else [-WIDEST_RATE, WIDEST_RATE]


def _candle(path: Path, minute_ms: int) -> list[str] | None:
    if not path.exists():
        return None
    return next((row for row in msgspec.json.decode(path.read_bytes()) if row[0] == minute_ms), None)


def too_early(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """A whole interval of marks, and the stamp of one."""
    del pair, saved
    return 2 * BETWEEN_MARKS_MS if level.has_ticks and level.account != "csv" else None


def too_late(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """A mark of the slower stream, and the stamp of one."""
    del pair, saved
    return TOO_LATE_MS if level.has_ticks and level.account != "csv" else None


def fee(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """Two units of what is printed."""
    del pair, level, saved
    return 2 * UNIT


def charge(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """One unit of what is printed."""
    del pair, level, saved
    return UNIT


def fill(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """One tick of the contract."""
    del level, saved
    return pair.setting.rules.venue.contract(pair.setting.symbol).tick


def orders(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """One lot; E: none where an order ended in the second of the liquidation order, and times are whole seconds."""
    del saved
    setting = pair.setting
    if level.account == "csv":
        second = begun(pair.faulted, setting.victim)[0].time_ms // SECOND_MS
        ended = [
            each.time_ms // SECOND_MS
            for each in pair.faulted.events
            if isinstance(each, Order) and each.account == setting.victim and each.execution == "CANCELED"
        ]
        if second in ended:
            return None
    return setting.rules.venue.contract(setting.symbol).lot


def funding(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """Two units of the payment, as a share of the notional; none where the size does not follow from the files."""
    del saved
    setting = pair.setting
    time_ms, _, side = paid(pair.faulted, setting.victim, setting.symbol)[0]
    if level.account == "csv":
        later = fills(pair.faulted.events, setting.victim, setting.symbol)
        if not any(each.time_ms > time_ms and each.side == side and each.realized for each in later):
            return None
    if level.account == "stream" and time_ms < NAMED_SINCE_MS and _is_one_of_several(pair, time_ms):
        return None
    return 2 * UNIT / notional_paid(pair)


def _is_one_of_several(pair: Pair, time_ms: int) -> bool:
    """Whether several cross positions were open."""
    account = state_at(pair, time_ms, faulted=True).traders[pair.setting.victim].account
    return len([each for each in account.open_positions() if each.margin == "cross"]) > 1


def rank(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """F: what the digits of wallets and mark leave open in both scores; with candles, what they change by in one."""
    setting = pair.setting
    if level.account == "csv":
        return None
    time_ms = next(each.time_ms for each in pair.faulted.state.deleveraged if each.account == setting.victim)
    state = state_at(pair, time_ms, faulted=True, without_last_marks=True)
    true = mark_at(pair.faulted, setting.symbol, time_ms)
    if level.has_ticks:
        ends = [true - UNIT, true, true + UNIT]
    else:
        row = _candle(saved / CANDLES / f"markPriceKlines-{setting.symbol}-1m.json", time_ms - time_ms % MINUTE_MS)
        if row is None:
            return None
        ends = [Decimal(row[2]), Decimal(row[3])]
    return sum((_spread(state, name, setting.symbol, ends) for name in (setting.victim, setting.beside)), Decimal(0))


@exact
def _spread(state: Exchange, account: str, symbol: str, ends: Iterable[Decimal]) -> Decimal:
    """Between which scores an account's lies at these marks, its wallet known to a unit."""
    scores = []
    for end in ends:
        pool = genuine_terms(state, account, {**state.prices, symbol: Price(end)}).pools[0]
        own = pool.positions[0].unrealized
        scores += [
            leverage_pnl(own, pool.wallet + off, pool.balance + off, pool.maintenance)
            for off in (-UNIT, Decimal(0), UNIT)
        ]
    return max(scores) - min(scores)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _digit(text: str) -> Decimal:
    """One unit of the last digit that is printed."""
    exponent = Decimal(text).as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(exponent)

"""What a rescue asks next: a conversation that yields requests and is sent the answers.

It remembers nothing between runs. Begun again with the same scope and sent the answers that were saved, it yields the
same requests, so a rescue that was stopped goes on where it was. First the state as it is now, then the two lists that
name the symbols, then everything else in order of expiry; within a list the newest days first, because what expires
after three days lies in them.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from margincall.case import endpoints as venue
from margincall.case.endpoints import CANDLES_MAX, Endpoint, Market, of
from margincall.case.request import NAME, Answer, Request
from margincall.case.retention import longest, reach_ms
from margincall.wire.durations import DAY_MS, MINUTE_MS

LATEST_MS = 253_402_300_799_999
Row = dict[str, object]
Asking = Generator[Request, Answer | None, None]
"""Yields requests, is sent answers; none where a request got no answer."""


class Scope(Struct, frozen=True, kw_only=True):
    """What is asked for. `until_ms` is the server's time when it began; `events` and `symbols` those that the user
    names beside what is found; `around_minutes` of candles on each side of an event."""

    market: Market
    until_ms: int
    symbols: tuple[str, ...] = ()
    events: tuple[int, ...] = ()
    around_minutes: int = 120


class Step(Struct, frozen=True):
    """The next request, and how many more are known to follow at least."""

    request: Request
    left: int


class Known:
    """What the answers told so far: symbols, and the times of forced closes by symbol ("" for all symbols)."""

    def __init__(self, scope: Scope) -> None:
        """Begins with what the user named."""
        self.symbols = dict.fromkeys(scope.symbols)
        self.events: dict[tuple[str, int], None] = dict.fromkeys(("", time_ms) for time_ms in scope.events)
        self.multi_assets = False

    def see(self, symbol: object) -> str:
        """Note a symbol; "" for what cannot be one."""
        if not isinstance(symbol, str) or not NAME.fullmatch(symbol):
            return ""
        self.symbols.setdefault(symbol)
        return symbol

    def see_event(self, symbol: str, time_ms: object) -> None:
        """Note a forced close."""
        if isinstance(time_ms, int) and 0 < time_ms < LATEST_MS:
            self.events.setdefault((symbol, time_ms))


class Task(Struct, frozen=True):
    """A part of the plan, and how many requests it takes at least."""

    expected: int
    asking: Callable[[], Asking]


def plan(scope: Scope, known: Known) -> Generator[Step, Answer | None, None]:
    """The whole conversation but for the exports, which `exports.py` leads. `known` learns from the answers."""
    for stage in (_opening, _rest):
        tasks = stage(scope, known)
        for place, task in enumerate(tasks):
            yield from _counted(task.asking(), sum(each.expected for each in tasks[place + 1 :]))


def _counted(asking: Asking, left: int) -> Generator[Step, Answer | None, None]:
    try:
        request = next(asking)
        while True:
            answer = yield Step(request, left)
            request = asking.send(answer)
    except StopIteration:
        return


def _opening(scope: Scope, known: Known) -> list[Task]:
    market = scope.market
    tasks = [Task(1, partial(_now, each, known)) for each in of(market, venue.PRESENT)]
    tasks.append(Task(0, partial(_asset_index, market, known)))
    (forced,), (income,) = of(market, venue.FORCE_ORDERS), of(market, venue.INCOME)
    for window in windows(scope, forced):
        tasks.append(Task(1, partial(_forced, forced, window, known)))
    for window in windows(scope, income):
        tasks.append(Task(1, partial(_income, income, window, known)))
    return tasks


def _rest(scope: Scope, known: Known) -> list[Task]:
    """Per endpoint all symbols, not per symbol all endpoints: that is the order of expiry."""
    market, tasks = scope.market, list[Task]()
    for group in (venue.ALL_ORDERS, venue.ALGO_ORDERS, venue.MARGIN_HISTORY):
        tasks += _listed(of(market, group), scope, known, halved)
    tasks += _listed(of(market, venue.USER_TRADES), scope, known, trades)
    for endpoint in of(market, venue.COMMISSION):
        tasks += [Task(1, partial(_one, endpoint.request(symbol=symbol))) for symbol in known.symbols]
    tasks += _listed(of(market, venue.FUNDING), scope, known, halved)
    return tasks + list(_candles(scope, known))


Listing = Callable[[Endpoint, str, tuple[int, int]], Asking]


def _listed(found: Sequence[Endpoint], scope: Scope, known: Known, listing: Listing) -> list[Task]:
    return [
        Task(1, partial(listing, endpoint, symbol, window))
        for endpoint in found
        for symbol in known.symbols
        for window in windows(scope, endpoint)
    ]


def windows(scope: Scope, endpoint: Endpoint) -> list[tuple[int, int]]:
    """Spans (first and last millisecond) back to what may still be kept, the newest first; public lists as far back
    as the account's own."""
    rule = longest(endpoint.name if endpoint.signed else "income")
    earliest, span = reach_ms(rule, scope.until_ms), endpoint.window_days * DAY_MS
    ends = range(scope.until_ms, earliest, -span)
    return [(max(end - span + 1, earliest), end) for end in ends]


def rows_of(answer: Answer | None) -> list[Row]:
    """The rows of a list; none for anything else."""
    if answer is None or not answer.is_good:
        return []
    try:
        found = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return []
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _one(request: Request) -> Asking:
    yield request


def _now(endpoint: Endpoint, known: Known) -> Asking:
    """The present state: symbols with positions or orders, and the mode of the account."""
    answer = yield endpoint.request()
    rows = rows_of(answer)
    if answer is not None and answer.is_good and not rows:
        try:
            found = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            return
        if isinstance(found, dict) and endpoint.name not in ("exchangeInfo",):
            known.multi_assets |= found.get("multiAssetsMargin") is True
            positions = found.get("positions")
            rows = [row for row in positions if isinstance(row, dict)] if isinstance(positions, list) else []
    if endpoint.name.startswith(("positionRisk", "account-", "account", "open")):
        for row in rows:
            if "positionAmt" not in row or str(row["positionAmt"]).strip("-0."):
                known.see(row.get("symbol"))


def _asset_index(market: Market, known: Known) -> Asking:
    if known.multi_assets:
        for endpoint in of(market, (venue.ASSET_INDEX,)):
            yield endpoint.request()


def _forced(endpoint: Endpoint, window: tuple[int, int], known: Known) -> Asking:
    """Forced orders: without a type the venue gives liquidations and deleveragings."""
    seen: list[Row] = []
    yield from halved(endpoint, "", window, seen)
    for row in seen:
        if symbol := known.see(row.get("symbol")):
            known.see_event(symbol, row.get("time"))


def _income(endpoint: Endpoint, window: tuple[int, int], known: Known) -> Asking:
    """Income, page by page until one is not full."""
    page = 0
    rows: list[Row] = [{}] * endpoint.limit
    while len(rows) >= endpoint.limit:
        page += 1
        rows = rows_of((yield endpoint.request(startTime=window[0], endTime=window[1], page=page)))
        for row in rows:
            symbol = known.see(row.get("symbol"))
            if row.get("incomeType") == "INSURANCE_CLEAR":
                known.see_event(symbol, row.get("time"))


def halved(endpoint: Endpoint, symbol: str, window: tuple[int, int], seen: list[Row] | None = None) -> Asking:
    """A list in a window; a full answer is cut, at whichever end, so both halves of its window are asked too."""
    start, end = window
    rows = rows_of((yield endpoint.request(symbol=symbol, startTime=start, endTime=end)))
    if seen is not None:
        seen.extend(rows)
    if len(rows) >= endpoint.limit and start < end:
        middle = (start + end) // 2
        yield from halved(endpoint, symbol, (middle + 1, end), seen)
        yield from halved(endpoint, symbol, (start, middle), seen)


def trades(endpoint: Endpoint, symbol: str, window: tuple[int, int]) -> Asking:
    """Trades in a window, the oldest first; after a full answer on from its last trade, which takes no window."""
    start, end = window
    rows = rows_of((yield endpoint.request(symbol=symbol, startTime=start, endTime=end)))
    last = -1
    while len(rows) >= endpoint.limit:
        trade, time_ms = rows[-1].get("id"), rows[-1].get("time")
        if not isinstance(trade, int) or not isinstance(time_ms, int) or trade <= last or time_ms > end:
            return
        last = trade
        rows = rows_of((yield endpoint.request(symbol=symbol, fromId=trade + 1)))


def _candles(scope: Scope, known: Known) -> Iterator[Task]:
    """One-minute candles around each event: mark, index and last price of its symbol, and the marks of all others,
    which are part of the same cross pool."""
    (marks,), (index,) = of(scope.market, venue.MARK_CANDLES), of(scope.market, venue.INDEX_CANDLES)
    (last,) = of(scope.market, venue.LAST_CANDLES)
    own = {symbol: [time for name, time in known.events if name in (symbol, "")] for symbol in known.symbols}
    every = [time for _, time in known.events]
    indexed: set[tuple[str, int, int]] = set()
    for symbol in known.symbols:
        pair = symbol.partition("_")[0]
        for begin, count in _minutes(scope, every):
            yield _candle_task(marks, begin, count, symbol=symbol)
        for begin, count in _minutes(scope, own[symbol]):
            if (pair, begin, count) not in indexed:  # contracts of one pair share its index
                indexed.add((pair, begin, count))
                yield _candle_task(index, begin, count, pair=pair)
            yield _candle_task(last, begin, count, symbol=symbol)


def _candle_task(endpoint: Endpoint, begin: int, count: int, **which: str) -> Task:
    weight = 1 if count < 100 else 2 if count < 500 else 5
    end = begin + count * MINUTE_MS - 1
    request = endpoint.request(weight=weight, **which, interval="1m", startTime=begin, endTime=end, limit=count)
    return Task(1, partial(_one, request))


def _minutes(scope: Scope, events: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Spans around events as (first minute, number of minutes), joined where they meet, cut into what one request
    may hold."""
    around = scope.around_minutes * MINUTE_MS
    spans: list[list[int]] = []
    for time_ms in sorted(events):
        minute = time_ms // MINUTE_MS * MINUTE_MS
        begin, end = minute - around, min(minute + around, scope.until_ms) + MINUTE_MS
        if spans and begin <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([begin, end])
    for begin, end in spans:
        for first in range(begin, end, CANDLES_MAX * MINUTE_MS):
            yield first, min(CANDLES_MAX, -(-(end - first) // MINUTE_MS))

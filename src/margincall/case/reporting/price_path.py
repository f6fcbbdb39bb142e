"""The price path of a liquidation: mark, trades, what the position survived, fills and stops, as a chart's facts."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from margincall.case.reporting.facts import (
    Chart,
    FillGroup,
    FillKind,
    Level,
    Point,
    PriceDrawing,
    Spell,
    StopLine,
)
from margincall.case.reporting.thinning import grouped, thinned
from margincall.case.reporting.wording import amount, brief_price
from margincall.core.events import Fill, MarkCandle, Order
from margincall.core.rounding import exact
from margincall.forensics.explain import Case
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.markline import OPENING
from margincall.forensics.orders import ENDED
from margincall.forensics.present import Section, moment
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Judged
from margincall.history.public import Market

FEW = 2
STOPS_MAX = 12
"""So many stops are drawn at most: those nearest to the entry."""
SAYS_KIND: dict[FillKind, str] = {
    "bought": "you bought",
    "sold": "you sold",
    "liquidation": "liquidation order filled",
    "taken over": "taken over by the insurance fund",
    "deleveraged": "deleveraged",
}


@exact
def price_chart(
    history: Reconstruction, case: Case, judged: Judged | None, market: Market, spell: Spell, *, key: str, title: str
) -> Chart | None:
    """The chart of one closing over a time; none where the files hold no price at all."""
    told, symbol = case.explanation, case.incident.symbol
    mark = thinned(_marks(history, symbol), spell.start_ms, spell.end_ms)
    trades = (Point(each.time_ms, each.price) for each in market.trades.get(symbol, ()))
    fills = grouped(_fills(history, case, spell), spell.start_ms, spell.end_ms)
    if not mark and not fills:
        return None
    interval = told.prices.liquidation
    drawing = PriceDrawing(
        symbol=symbol,
        start_ms=spell.start_ms,
        end_ms=spell.end_ms,
        order_ms=case.incident.time_ms,
        mark=mark,
        last=thinned(trades, spell.start_ms, spell.end_ms),
        levels=tuple(_levels(case)),
        survives_from=interval.lower,
        survives_to=interval.upper,
        fills=fills,
        stops=tuple(_stops(history, case, spell)),
        trigger=_trigger(judged),
    )
    return Chart(key, title, _says(drawing, case), drawing, _values(drawing, case))


def _trigger(judged: Judged | None) -> Spell | None:
    found = judged.interval if judged is not None else None
    if found is None or found.survived_ms is None or found.reached_ms is None:
        return None
    return Spell(found.survived_ms, max(found.reached_ms, found.survived_ms))


def _marks(history: Reconstruction, symbol: str) -> Iterator[Point]:
    """Marks in order of time; where the files hold candles only, their openings, extremes and closings."""
    published = [point for point in history.marks.marks.get(symbol, ()) if point.how != OPENING]
    if len(published) >= FEW or symbol not in history.marks.candles:
        points = [Point(point.time_ms, point.price) for point in published]
    else:
        points = [point for each in history.marks.candles[symbol] for point in _of_candle(each.candle)]
    return iter(sorted(points, key=_time))


def _of_candle(candle: MarkCandle) -> Iterator[Point]:
    """A candle as a path. Within it nobody knows the order: the extreme that is further from the end comes first."""
    quarter = candle.interval_ms // 4
    first, then = (candle.high, candle.low) if candle.close < candle.open else (candle.low, candle.high)
    yield Point(candle.time_ms, candle.open)
    yield Point(candle.time_ms + quarter, first)
    yield Point(candle.time_ms + 2 * quarter, then)
    yield Point(candle.time_ms + candle.interval_ms - 1, candle.close)


def _fills(history: Reconstruction, case: Case, spell: Spell) -> Iterator[FillGroup]:
    key = (case.incident.symbol, case.incident.side)
    for event in history.events:
        if not isinstance(event, Fill) or (event.symbol, event.side) != key:
            continue
        if spell.start_ms <= event.time_ms <= spell.end_ms:
            yield FillGroup(_kind(event), event.time_ms, event.price, event.price, 1, abs(event.quantity))


def _kind(fill: Fill) -> FillKind:
    if fill.trade_id == TAKEN_OVER:
        return "taken over"
    if fill.close == "adl":
        return "deleveraged"
    if fill.close == "liquidation":
        return "liquidation"
    return "bought" if fill.quantity > 0 else "sold"


def _levels(case: Case) -> Iterator[Level]:
    prices = case.explanation.prices
    if prices.entry is not None:
        yield Level("entry", prices.entry, f"entry {brief_price(prices.entry)}")
    if prices.liquidation.displayed is not None:
        shown = prices.liquidation.displayed
        yield Level("liquidation", shown, f"liquidation {brief_price(shown)}")
    if prices.bankruptcy is not None:
        yield Level("bankruptcy", prices.bankruptcy, f"bankruptcy {brief_price(prices.bankruptcy)}")
    if prices.order_limit is not None and prices.bankruptcy is None:
        yield Level("limit", prices.order_limit, f"order limit {brief_price(prices.order_limit)}")


def _stops(history: Reconstruction, case: Case, spell: Spell) -> Iterator[StopLine]:
    """The stop orders of the symbol that waited within the time: nearest to the order's limit or entry first."""
    placed: dict[str, tuple[Order, int, str]] = {}
    for event in history.events:
        if not isinstance(event, Order) or event.close or not event.stop_price or event.symbol != case.incident.symbol:
            continue
        name = event.order_id or event.client_order_id
        first = placed[name][0] if name in placed else event
        ended = event.status in ENDED
        end = event.time_ms if ended else spell.end_ms
        placed[name] = (first, end, event.status.lower().replace("_", " ") if ended else "open to the end")
    within = [each for each in placed.values() if each[0].time_ms <= spell.end_ms and each[1] >= spell.start_ms]
    near = case.explanation.prices.entry
    if near is not None:
        within.sort(key=lambda each: abs((each[0].stop_price or near) - near))
    for first, end, how in within[:STOPS_MAX]:
        assert first.stop_price is not None
        start = max(first.time_ms, spell.start_ms)
        yield StopLine(first.stop_price, start, min(end, spell.end_ms), f"stop {brief_price(first.stop_price)}", how)


def _says(drawing: PriceDrawing, case: Case) -> str:
    """The chart in words."""
    told = case.explanation
    parts = [f"{drawing.symbol} from {moment(drawing.start_ms)} to {moment(drawing.end_ms)}."]
    if drawing.mark:
        lowest = min(drawing.mark, key=_value)
        highest = max(drawing.mark, key=_value)
        parts.append(
            f"The mark price was at most {amount(highest.value)} ({_clock(highest.time_ms)}) and at least "
            f"{amount(lowest.value)} ({_clock(lowest.time_ms)})."
        )
    else:
        parts.append("No file holds mark prices of that time.")
    if told.prices.entry is not None:
        parts.append(f"Entry {amount(told.prices.entry)}.")
    if drawing.survives_from is not None or drawing.survives_to is not None:
        low = "any lower price" if drawing.survives_from is None else amount(drawing.survives_from)
        high = "any higher price" if drawing.survives_to is None else amount(drawing.survives_to)
        parts.append(f"At the trigger the account survived marks from {low} to {high}.")
    if told.prices.mark_at_trigger is not None and told.kind == "liquidation":
        parts.append(f"The mark at the trigger was {amount(told.prices.mark_at_trigger)}.")
    if told.prices.bankruptcy is not None:
        parts.append(f"Bankruptcy price {amount(told.prices.bankruptcy)}.")
    return " ".join(parts)


def _values(drawing: PriceDrawing, case: Case) -> Section:
    """The key values: levels, fills by kind, stops."""
    rows = [(level.kind.replace("limit", "limit of the order"), amount(level.price), "") for level in drawing.levels]
    for kind in SAYS_KIND:
        groups = [group for group in drawing.fills if group.kind == kind]
        if groups:
            rows.append(_fills_row(kind, groups))
    rows += [("stop", amount(stop.price), stop.ended) for stop in drawing.stops]
    if drawing.trigger is not None:
        spell = drawing.trigger
        when = moment(spell.start_ms)
        when += "" if spell.end_ms == spell.start_ms else f" to {moment(spell.end_ms)}"
        rows.append(("trigger reached", amount(case.explanation.prices.mark_at_trigger), when))
    return Section("What the chart shows", ("what", "price", "note"), tuple(rows), right=(1,))


def _fills_row(kind: FillKind, groups: Sequence[FillGroup]) -> tuple[str, str, str]:
    low, high = min(group.low for group in groups), max(group.high for group in groups)
    count = sum(group.count for group in groups)
    quantity = sum((group.quantity for group in groups[1:]), groups[0].quantity)
    price = amount(low) if low == high else f"{amount(low)} to {amount(high)}"
    return SAYS_KIND[kind], price, f"{count:,} {'fill' if count == 1 else 'fills'}, {amount(quantity)} in all"


def _clock(time_ms: int) -> str:
    return moment(time_ms).removesuffix(" UTC")[11:]


def _time(point: Point) -> int:
    return point.time_ms


def _value(point: Point) -> Decimal:
    return point.value

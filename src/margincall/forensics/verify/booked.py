"""What was booked beside the liquidation: funding, commissions, profits, losses of others, and the books as a whole."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec import structs

from margincall.core.account import PositionKey
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.contract import value
from margincall.core.events import AnyEvent, Fill, Flow, Statement
from margincall.core.protocol.funding import payment
from margincall.core.rounding import AMOUNT_UNIT, exact, ratio_nearest
from margincall.core.units import ZERO, Price, Quantity
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check, Kind
from margincall.forensics.verify.make import check
from margincall.history.public import FundBalance, FundingRate, Market
from margincall.wire.durations import MINUTE_MS, SECOND_MS

SETTLES_WITHIN_MS = 15 * SECOND_MS
"""Funding may be settled so much later than the hour (FAQ 360033525031)."""
SETTLED_BY_RATES = "the funding rates of that time (GET /fapi/v1/fundingRate, margincall market fetch)"
SETTLED_BY_FUND = "the balance of the insurance fund at that time (GET /fapi/v1/insuranceBalance)"
SETTLED_BY_STREAM = "a recorded user-data stream, or every list of what was booked (income, trades, margin moves)"
POINTS: Mapping[str, tuple[Kind, ...]] = {"fee": ("commission",)}
RULE_OF = {"fee": "commission"}


def book_checks(history: Reconstruction) -> list[Check]:
    """What the files say about themselves: each printed value that does not follow from what was booked; where all do,
    one check that says how many were compared. (Profits: `profits.py`.)"""
    wrong = [each for each in history.findings if each.verdict == FAILS and each.kind != "realized"]
    found = list(_in_doubt(history, wrong)) if wrong else []
    counted = sum(each.counted for each in history.compared.comparisons) + sum(history.compared.equal.values())
    if not any(each.kind == "books" for each in found):
        found.append(check("books", HOLDS if counted else UNCLEAR, f"{counted} printed values"))
    return found


def _in_doubt(history: Reconstruction, wrong: Sequence[Finding]) -> Iterator[Check]:
    """The failing findings in the order of the events, those that a gap between recordings may explain as "cannot
    tell": within one file a recorded stream is taken for whole (assumed: `recording-whole`), between two of them
    anything may have happened. What comes after a
    state in doubt in the same file is in doubt."""
    places = {str(event.source): place for place, event in enumerate(history.events)}
    doubted: set[str] = set()
    for finding in sorted(wrong, key=lambda each: places.get(each.source, 0)):
        place = places.get(finding.source)
        event = history.events[place] if place is not None else None
        file = event.source.file if event is not None else ""
        is_sure = finding.kind in POINTS or _is_sure(history, finding, event)
        if file in doubted and finding.kind != "fee":
            is_sure = False
        if not is_sure:
            doubted.add(file)
        yield _of_finding(finding, is_sure=is_sure)


def _is_sure(history: Reconstruction, finding: Finding, event: AnyEvent | None) -> bool:
    """Whether a printed state accuses: an update of a stream, of a value that the same file prints before. Answers
    print a state, and what changed it in between may be missing."""
    if isinstance(event, Fill):
        return True
    if not isinstance(event, Statement) or event.origin != "update":
        return False
    same = [each for each in history.compared.comparisons if (each.field, each.about) == (finding.kind, finding.about)]
    first = history.opening.first.get((finding.kind, finding.about))
    files = [history.events[first.place].source.file] if first is not None else []
    files += [each.source.file for each in same if each.source != event.source]
    earlier = [each for each in same if each.source.file == event.source.file and each.source != event.source]
    before = [each for each in earlier if (each.source.line or 0) < (event.source.line or 0)]
    return bool(before) or (bool(files) and set(files) == {event.source.file})


def _of_finding(finding: Finding, *, is_sure: bool) -> Check:
    kind = RULE_OF.get(finding.kind, "books")
    return check(
        kind,
        FAILS if is_sure else UNCLEAR,
        finding.about,
        numbers={"printed": finding.printed, "derived": finding.derived, "difference": finding.amount},
        note=f"{finding.kind}: {finding.rule}" if kind == "books" else "",
        assumptions=("recording-whole",) if kind == "books" else (),
        evidence=finding.source,
        settled_by="" if is_sure else SETTLED_BY_STREAM,
        points_to=POINTS.get(finding.kind, ("books",)),
    )


@exact
def commission_checks(history: Reconstruction) -> list[Check]:
    """The rate of the commission on fills that the venue forced, against the one rate that all the account's own taker
    fills of the symbol show: no more than that. (Closings against the fund, or who is deleveraged, are free.) Without
    such fills, or with several rates, nobody can tell."""
    own: dict[str, Counter[Decimal]] = {}
    forced: list[tuple[Fill, Decimal]] = []
    for event in history.events:
        if not isinstance(event, Fill) or event.fee is None or event.trade_id == TAKEN_OVER:
            continue
        contract = history.book.contracts[event.symbol]
        worth = abs(value(contract, Quantity(event.quantity), Price(event.price)))
        if event.fee_asset not in (None, contract.margin_asset) or worth < 1:
            continue
        if event.close == "" and event.maker is False:
            own.setdefault(event.symbol, Counter())[_rate(event.fee, worth)] += 1
        elif event.close == "liquidation":
            forced.append((event, worth))
    return [
        _commission(fill, worth, next(iter(own[fill.symbol])))
        for fill, worth in forced
        if len(own.get(fill.symbol, ())) == 1
    ]


def _commission(fill: Fill, worth: Decimal, rate: Decimal) -> Check:
    assert fill.fee is not None
    derived = worth * rate
    off = fill.fee - derived
    return check(
        "commission",
        FAILS if off > AMOUNT_UNIT else HOLDS,
        f"{fill.symbol} trade {fill.trade_id}",
        numbers={"printed": fill.fee, "derived": derived, "difference": off, "rate": rate},
        unit=fill.fee_asset or "",
        times_ms={"fill": fill.time_ms},
        evidence=str(fill.source),
        points_to=("commission",),
    )


def _rate(fee: Decimal, worth: Decimal) -> Decimal:
    """The rate to the sixth decimal: fees are cut off after eight, rates are multiples of 1e-6."""
    unit = Decimal("1e-6")
    return (ratio_nearest(fee / worth) / unit + Decimal("0.5")) // 1 * unit


@exact
def funding_checks(history: Reconstruction, market: Market) -> list[Check]:
    """Each funding fee against rate × mark × size. Those that hold are counted in one check."""
    wrong: list[Check] = []
    held = untold = 0
    for paid in _settlements(history, market):
        found = _funding(history, paid, market)
        if found is None:
            untold += len(paid.flows)
        elif found.verdict == FAILS:
            wrong.append(found)
        else:
            held += len(paid.flows)
    counted: list[Check] = []
    if held:
        counted.append(check("funding", HOLDS, f"{held} funding fees"))
    if untold:
        counted.append(check("funding", UNCLEAR, f"{untold} funding fees", settled_by=SETTLED_BY_RATES))
    return [*wrong, *counted]


class _Settlement(NamedTuple):
    """The fees of one symbol that one settlement booked: one for each leg, of which not all files tell which. `place`
    is that of the first."""

    place: int
    flows: tuple[Flow, ...]
    rate: FundingRate | None


def _settlements(history: Reconstruction, market: Market) -> list[_Settlement]:
    found: dict[tuple[str, int], _Settlement] = {}
    for place, event in enumerate(history.events):
        if isinstance(event, Flow) and event.category == "funding":
            flow = _with_symbol(history, place, event, market)
            rate = _rate_of(market, flow) if flow.symbol else None
            key = (flow.symbol, rate.time_ms if rate is not None else -place)
            before = found.get(key, _Settlement(place, (), rate))
            found[key] = before._replace(flows=(*before.flows, flow))
    return list(found.values())


def _funding(history: Reconstruction, paid: _Settlement, market: Market) -> Check | None:
    """The fees of one settlement; none where rate, mark or size is not known."""
    flow, rate = paid.flows[0], paid.rate
    if rate is None:
        return None
    contract = history.book.contracts[flow.symbol]
    positions = _positions(history, paid.place, paid.flows)
    amounts = [each.applied.get(contract.margin_asset) for each in paid.flows]
    marks = [rate.mark] if rate.mark is not None else _marks_near(history, flow.symbol, rate.time_ms)
    if not positions or None in amounts or not marks:
        return None
    printed = sum((amount for amount in amounts if amount is not None), ZERO)
    derived = [
        sum((payment(contract, quantity, Price(mark), rate.rate) for quantity in positions), ZERO) for mark in marks
    ]
    nearest = min(derived, key=lambda amount: abs(amount - printed))
    unit = AMOUNT_UNIT * len(positions)
    is_inside = min(derived) - unit <= printed <= max(derived) + unit
    size = sum(positions, ZERO)
    worth = value(contract, Quantity(size), Price(marks[0]))
    return check(
        "funding",
        HOLDS if is_inside else FAILS,
        f"{flow.symbol} at {flow.time_ms}",
        numbers={
            "printed": printed,
            "derived": nearest,
            "difference": printed - nearest,
            "rate": rate.rate,
            "implied_rate": ratio_nearest(-printed / worth) if worth else None,
            "mark": rate.mark,
            "quantity": size,
        },
        unit=contract.margin_asset,
        times_ms={"funding": flow.time_ms},
        evidence=str(flow.source),
        points_to=("funding_rate",),
    )


def _with_symbol(history: Reconstruction, place: int, flow: Flow, market: Market) -> Flow:
    """The fee with its symbol. A stream names none for cross positions: it is that of the one open position whose
    funding was settled then; with several nobody can tell."""
    if flow.symbol:
        return flow
    open_symbols = {each.symbol for each in history.timeline.before(place).open_positions()}
    fitting = [
        symbol
        for symbol in sorted(open_symbols)
        if history.book.contracts[symbol].margin_asset in flow.applied
        and _rate_of(market, structs.replace(flow, symbol=symbol)) is not None
    ]
    return structs.replace(flow, symbol=fitting[0]) if len(fitting) == 1 else flow


def _rate_of(market: Market, flow: Flow) -> FundingRate | None:
    """The published settlement that a funding fee belongs to."""
    rates = market.funding.get(flow.symbol, ())
    near = [each for each in rates if -SECOND_MS <= flow.time_ms - each.time_ms <= SETTLES_WITHIN_MS + SECOND_MS]
    return near[-1] if near else None


def _marks_near(history: Reconstruction, symbol: str, time_ms: int) -> list[Decimal]:
    """The marks published while funding may have been settled."""
    points = history.marks.marks.get(symbol, [])
    return [
        each.price
        for each in points
        if each.how == "published" and time_ms - SECOND_MS <= each.time_ms <= time_ms + SETTLES_WITHIN_MS
    ]


def _positions(history: Reconstruction, place: int, flows: Sequence[Flow]) -> list[Quantity]:
    """The sizes that funding was paid on: of the legs that the fees name, else of all legs of the symbol. None where
    the files do not found them, or there are not as many fees as legs."""
    account, sides = history.timeline.before(place), {flow.side for flow in flows}
    held = [
        each
        for each in account.positions.values()
        if each.symbol == flows[0].symbol and each.quantity and (None in sides or each.side in sides)
    ]
    if len(held) != len(flows) or not all(is_founded(history, each.key, place) for each in held):
        return []
    return [each.quantity for each in held]


def is_founded(history: Reconstruction, key: PositionKey, place: int) -> bool:
    """Whether the files tell how large a position was before event `place`: some print before it says so, or fills that
    closed it agree with it, or it is flat where the files begin and as large as printed where they end."""
    first = history.opening.first.get(("position", f"{key[0]} {key[1]}"))
    if first is not None and first.place < place:
        return True
    if history.compared.doubtful.get(key[0]):
        return False
    fills = (event for event in history.events if isinstance(event, Fill) and (event.symbol, event.side) == key)
    if any(fill.realized for fill in fills):
        return True
    printed = [
        (number, each.quantity)
        for number, event in enumerate(history.events)
        if isinstance(event, Statement)
        for each in event.positions
        if (each.symbol, each.side) == key and each.quantity is not None
    ]
    was_flat = not history.opening.account.position(key).quantity
    last = printed[-1] if printed else None
    return was_flat and last is not None and history.timeline.after(last[0]).position(key).quantity == last[1] != ZERO


@exact
def loss_checks(history: Reconstruction, market: Market) -> list[Check]:
    """Debits that no document explains: an adjustment that takes money while the insurance fund had some."""
    found = []
    for event in history.events:
        if not isinstance(event, Flow) or event.reason != "ADJUSTMENT":
            continue
        for asset, amount in sorted(event.applied.items()):
            if amount < ZERO:
                found.append(_loss(event, asset, amount, market))
    return found


def _loss(flow: Flow, asset: str, amount: Decimal, market: Market) -> Check:
    fund = _fund_at(market, flow, asset)
    is_full = fund is not None and fund.balance > ZERO
    return check(
        "loss_shared",
        FAILS if is_full else UNCLEAR,
        f"{asset} {flow.symbol}".strip(),
        numbers={"printed": amount, "fund": fund.balance if fund is not None else None},
        unit=asset,
        times_ms={"booked": flow.time_ms, "fund": fund.time_ms if fund is not None else None},
        note="" if is_full else "an adjustment, whose reason no document lists",
        evidence=str(flow.source),
        settled_by="" if is_full else SETTLED_BY_FUND,
        points_to=("loss_socialised",),
    )


def _fund_at(market: Market, flow: Flow, asset: str) -> FundBalance | None:
    """The fund of the symbol as it stood after the debit: what was left in it then was not used."""
    fitting = [
        each
        for each in market.fund
        if each.asset == asset and (not each.symbols or not flow.symbol or flow.symbol in each.symbols)
    ]
    until = bisect_left(fitting, flow.time_ms + 1, key=_time)
    return fitting[until - 1] if until else None


def _time(each: FundBalance) -> int:
    return each.time_ms


def warning_check(history: Reconstruction, first: int, time_ms: int) -> Check:
    """Whether a warning was sent before: told, and never irregular, for the venue promises none."""
    warned = [
        event.time_ms
        for event in history.events[:first]
        if isinstance(event, Statement)
        and event.origin == "margin_call"
        and time_ms - event.time_ms <= 24 * 60 * MINUTE_MS
    ]
    note = f"{len(warned)} MARGIN_CALL in the 24 hours before" if warned else "none in these files"
    times = {"first": warned[0], "last": warned[-1], "order": time_ms} if warned else {"order": time_ms}
    return check(
        "warning", HOLDS if warned else UNCLEAR, "the account", times_ms=times, note=note,
        settled_by="" if warned else "a recorded user-data stream, mails and messages of the venue",
    )  # fmt: skip

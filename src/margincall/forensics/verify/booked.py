"""What was booked beside the liquidation: funding, commissions, profits, losses of others, and the books as a whole."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec import structs

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.contract import value
from margincall.core.events import Fill, Flow, Statement
from margincall.core.protocol.funding import payment
from margincall.core.rounding import AMOUNT_UNIT, exact, quotient, ratio_nearest
from margincall.core.units import ONE, ZERO, Price, Quantity
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.markline import MarkPoint
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import DEBIT, Check
from margincall.forensics.verify.founded import Founded
from margincall.forensics.verify.make import check
from margincall.history.public import FundBalance, FundingRate, Market
from margincall.wire.durations import DAY_MS, MINUTE_MS, SECOND_MS

SETTLES_WITHIN_MS = 15 * SECOND_MS
"""Funding may be settled so much later than the hour (FAQ 360033525031)."""
FEE_APART_MS = 1_625_529_600_000
"""2021-07-06: since then `liquidationFee` is printed for each symbol; before, it may have been booked as commission."""
SETTLED_BY_RATES = "the funding rates of that time (GET /fapi/v1/fundingRate, margincall market fetch)"
SETTLED_BY_FUND = "the balance of the insurance fund at that time (GET /fapi/v1/insuranceBalance)"
SETTLED_BY_STREAM = "a recorded user-data stream, or every list of what was booked (income, trades, margin moves)"
MISSING = "messages or rows are missing here, files of two accounts are mixed, or the venue's books do not add up"


def book_checks(history: Reconstruction) -> list[Check]:
    """What the files say about themselves: each printed value that does not follow from what was booked; where all do,
    one check that says how many were compared. (Profits: `profits.py`.) A state that does not follow accuses nobody:
    a message that is missing, or files of two accounts, explain it as well."""
    wrong = [each for each in history.findings if each.verdict == FAILS and each.kind != "realized"]
    found = [_of_finding(each) for each in wrong]
    counted = sum(each.counted for each in history.compared.comparisons) + sum(history.compared.equal.values())
    if not any(each.kind == "books" for each in found):
        found.append(check("books", HOLDS if counted else UNCLEAR, f"{counted} printed values"))
    return found


def _of_finding(finding: Finding) -> Check:
    numbers = {"printed": finding.printed, "derived": finding.derived, "difference": finding.amount}
    if finding.kind == "fee":
        return check(
            "commission", FAILS, finding.about, numbers=numbers, evidence=finding.source, points_to=("commission",)
        )
    return check(
        "books",
        UNCLEAR,
        finding.about,
        numbers=numbers,
        note=f"{finding.kind}: {finding.rule}; it does not: {MISSING}",
        evidence=finding.source,
        settled_by=SETTLED_BY_STREAM,
    )


@exact
def commission_checks(history: Reconstruction) -> list[Check]:
    """The commission on fills that the venue forced, against the rate of the account's own taker fills of the symbol on
    the same day: no more than that. (Closings against the fund, or who is deleveraged, are free.) A rate is known as
    far as its fee's digits tell; tiers change from day to day. Without such fills, or with several rates, nobody can
    tell, nor before the fee for a liquidation had a booking of its own."""
    own: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}
    forced: list[tuple[Fill, Decimal]] = []
    for event in history.events:
        if not isinstance(event, Fill) or event.fee is None or event.trade_id == TAKEN_OVER:
            continue
        contract = history.book.contracts[event.symbol]
        worth = abs(value(contract, Quantity(event.quantity), Price(event.price)))
        if event.fee_asset not in (None, contract.margin_asset) or not worth or event.time_ms < FEE_APART_MS:
            continue
        if event.close == "" and event.maker is False:
            key = event.symbol, event.time_ms // DAY_MS
            least, most = own.get(key, (ZERO, ONE))
            own[key] = max(least, quotient(event.fee, worth)), min(most, quotient(event.fee + AMOUNT_UNIT, worth))
        elif event.close == "liquidation":
            forced.append((event, worth))
    known = [(fill, worth, own.get((fill.symbol, fill.time_ms // DAY_MS))) for fill, worth in forced]
    return [_commission(fill, worth, own) for fill, worth, own in known if own is not None and own[0] <= own[1]]


def _commission(fill: Fill, worth: Decimal, rates: tuple[Decimal, Decimal]) -> Check:
    assert fill.fee is not None
    least, most = (worth * rate for rate in rates)
    return check(
        "commission",
        FAILS if fill.fee > most + AMOUNT_UNIT else HOLDS,
        f"{fill.symbol} trade {fill.trade_id}",
        numbers={
            "printed": fill.fee,
            "derived": least,
            "difference": fill.fee - least,
            "rate": ratio_nearest(rates[0]),
        },
        unit=fill.fee_asset or "",
        times_ms={"fill": fill.time_ms},
        assumptions=("forced-taker-rate",),
        evidence=str(fill.source),
        points_to=("commission",),
    )


@exact
def funding_checks(history: Reconstruction, market: Market, founded: Founded) -> list[Check]:
    """Each funding fee against rate × mark × size. Those that hold are counted in one check."""
    wrong: list[Check] = []
    held = untold = 0
    for paid in _settlements(history, market):
        found = _funding(history, paid, founded)
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


def _funding(history: Reconstruction, paid: _Settlement, founded: Founded) -> Check | None:
    """The fees of one settlement; none where rate, mark or size is not known."""
    flow, rate = paid.flows[0], paid.rate
    if rate is None:
        return None
    contract = history.book.contracts[flow.symbol]
    positions = _positions(history, paid.place, paid.flows, founded)
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
    last = bisect_right(rates, flow.time_ms + SECOND_MS, key=_time)
    if not last or flow.time_ms - rates[last - 1].time_ms > SETTLES_WITHIN_MS + SECOND_MS:
        return None
    return rates[last - 1]


def _marks_near(history: Reconstruction, symbol: str, time_ms: int) -> list[Decimal]:
    """The marks published while funding may have been settled."""
    points = history.marks.marks.get(symbol, [])
    first = bisect_left(points, time_ms - SECOND_MS, key=_time)
    until = bisect_right(points, time_ms + SETTLES_WITHIN_MS, key=_time)
    return [each.price for each in points[first:until] if each.how == "published"]


def _positions(history: Reconstruction, place: int, flows: Sequence[Flow], founded: Founded) -> list[Quantity]:
    """The sizes that funding was paid on: of the legs that the fees name, else of all legs of the symbol. None where
    the files do not found them, or there are not as many fees as legs."""
    account, sides = history.timeline.before(place), {flow.side for flow in flows}
    held = [
        each
        for each in account.positions.values()
        if each.symbol == flows[0].symbol and each.quantity and (None in sides or each.side in sides)
    ]
    if len(held) != len(flows) or not all(founded.size_known(each.key, place) for each in held):
        return []
    return [each.quantity for each in held]


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
    fund = fund_after(market, flow.symbol, asset, flow.time_ms)
    is_full = fund is not None and fund.balance > ZERO
    return check(
        DEBIT,
        FAILS if is_full else UNCLEAR,
        f"{asset} {flow.symbol}".strip(),
        numbers={"printed": amount, "fund": fund.balance if fund is not None else None},
        unit=asset,
        times_ms={"booked": flow.time_ms, "fund": fund.time_ms if fund is not None else None},
        note="a debit called adjustment: no document gives its reason",
        assumptions=("adjustment-is-shared-loss",),
        evidence=str(flow.source),
        settled_by="" if is_full else SETTLED_BY_FUND,
        points_to=("loss_socialised",),
    )


def fund_after(market: Market, symbol: str, asset: str, time_ms: int) -> FundBalance | None:
    """What the fund of a symbol held of an asset right after a time: the first balance of it within a minute. Where the
    booking names no symbol, only a fund that is the only one."""
    groups = {each.symbols for each in market.fund}
    fitting = [
        each
        for each in market.fund
        if each.asset == asset and (symbol in each.symbols or not each.symbols or (not symbol and len(groups) == 1))
    ]
    place = bisect_left(fitting, time_ms, key=_time)
    is_near = place < len(fitting) and fitting[place].time_ms - time_ms <= MINUTE_MS
    return fitting[place] if is_near else None


def _time(each: FundBalance | FundingRate | MarkPoint) -> int:
    return each.time_ms


def warning_check(history: Reconstruction, first: int, time_ms: int) -> Check:
    """Whether a warning was sent before: told, and never irregular, for the venue promises none."""
    warned: list[int] = []
    for place in range(first - 1, -1, -1):
        event = history.events[place]
        if time_ms - event.time_ms > DAY_MS:
            break
        if isinstance(event, Statement) and event.origin == "margin_call":
            warned.insert(0, event.time_ms)
    note = f"{len(warned)} MARGIN_CALL in the 24 hours before" if warned else "none in these files"
    times = {"first": warned[0], "last": warned[-1], "order": time_ms} if warned else {"order": time_ms}
    return check(
        "warning", HOLDS if warned else UNCLEAR, "the account", times_ms=times, note=note,
        settled_by="" if warned else "a recorded user-data stream, mails and messages of the venue",
    )  # fmt: skip

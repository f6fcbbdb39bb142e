"""Maintenance margins as the venue printed them to the user: bytes in, boxes for `venues.infer` out.

Read are `positionRisk` and `account` of any version, `MARGIN_CALL` events, and ccxt positions (their `info`), wherever
they stand in a JSON file. Three fields tell a maintenance margin:

* `maintMargin` at `notional` (else at the position's worth at `markPrice`),
* `mm` of MARGIN_CALL at the position's worth at `mp`,
* `liquidationPrice` of an isolated position: there its balance is the maintenance margin. The balance at that price
  is `isolatedMargin` (at `markPrice`) with the profit from there to the liquidation price. In a cross account it
  depends on every other position, so it is left out.

Every print is truncated toward zero to the decimals it shows; a box holds what it may have been.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import product

from margincall.core.contract import Contract, notional, profit, value
from margincall.core.rounding import exact
from margincall.core.rules import MissingContract
from margincall.core.units import ONE, ZERO, Price, Quantity
from margincall.venues.infer import MarginPrint, Range
from margincall.venues.registry import contract_of
from margincall.wire.documents import Json, documents
from margincall.wire.file_dates import day_of_time
from margincall.wire.numbers import BadNumber, decimal_of
from margincall.wire.problems import Problem, excerpt

DEPTH_MAX = 12
SIZE_MAX = Decimal("1e20")
"""A notional above is no print of a venue, in whatever asset; arithmetic with it would lose digits."""
Row = dict[str, Json]


@exact
def read_margin_prints(data: bytes, file: str, day: str = "") -> tuple[tuple[MarginPrint, ...], tuple[Problem, ...]]:
    """The prints of a file and what could not be read of it. `day` is the date of prints that show none themselves:
    `updateTime` is the last change of the position, not the time of the answer, and is no date of a print."""
    parts, unreadable = documents(data, file)
    found: list[MarginPrint] = []
    problems = list(unreadable)
    for part in parts:
        for place, row, printed_day in _rows(part.value, part.place, day, DEPTH_MAX):
            try:
                found.extend(_prints(row, place, printed_day))
            except BadNumber as error:
                problems.append(Problem(file, place, str(error), excerpt(row)))
            except MissingContract as error:
                problems.append(Problem(file, place, f"{error} is not a symbol of a known venue", excerpt(row)))
            except InvalidOperation:
                problems.append(Problem(file, place, "these numbers cannot be of one position", excerpt(row)))
    return tuple(found), tuple(problems)


def _rows(found: Json, place: str, day: str, depth: int) -> Iterator[tuple[str, Row, str]]:
    """Every object that describes a position, with its place and date."""
    if depth == 0:
        return
    if isinstance(found, list):
        for index, each in enumerate(found):
            yield from _rows(each, f"{place}[{index}]", day, depth - 1)
    elif isinstance(found, dict):
        if found.get("e") == "MARGIN_CALL":
            day = day_of_time(found.get("E")) or day
        if ("positionAmt" in found and "symbol" in found) or ("pa" in found and "mm" in found):
            yield place, found, day
        else:
            for key, each in found.items():
                yield from _rows(each, f"{place}.{key}" if place else key, day, depth - 1)


def _prints(row: Row, place: str, day: str) -> Iterator[MarginPrint]:
    """What one position tells; raises `BadNumber`, `MissingContract`, `InvalidOperation`."""
    symbol = str(row.get("symbol", row.get("s")))
    quantity = _number(row, "positionAmt", "pa")
    if not quantity:
        return
    contract = contract_of(symbol)
    margin = _box(row, "maintMargin", "mm")
    size = _without_sign(_box(row, "notional")) or _worth(contract, quantity, _box(row, "markPrice", "mp"))
    if margin and size and margin.low > ZERO and size.low > ZERO:
        field = "mm" if "mm" in row else "maintMargin"
        yield MarginPrint(symbol, size, _possible(margin, size), field, place, day)
    if (found := _at_liquidation(row, contract, quantity)) is not None:
        size, margin = found
        yield MarginPrint(symbol, size, _possible(margin, size), "liquidationPrice", place, day)


def _possible(margin: Range, size: Range) -> Range:
    """The part of a maintenance margin that a rate of at most 100 % allows; raises `BadNumber` if there is none."""
    if size.high > SIZE_MAX:
        raise BadNumber(str(size.high), "too large for a notional")
    found = margin.meets(Range(ZERO, size.high))
    if found is None:
        raise BadNumber(str(margin.low), f"no maintenance margin of a notional of {size.low}")
    return found


def _at_liquidation(row: Row, contract: Contract, quantity: Decimal) -> tuple[Range, Range] | None:
    """Notional and balance of an isolated position at its liquidation price."""
    price, mark, margin = (_box(row, key) for key in ("liquidationPrice", "markPrice", "isolatedMargin"))
    if price is None or mark is None or margin is None or min(price.low, mark.low, margin.low) <= ZERO:
        return None
    moved = [
        profit(contract, Quantity(quantity), value(contract, Quantity(quantity), Price(start)), Price(end))
        for start, end in product((mark.low, mark.high), (price.low, price.high))
    ]
    size = _worth(contract, quantity, price)
    balance = Range(margin.low + min(moved), margin.high + max(moved))
    return (size, balance) if size and balance.low > ZERO else None


def _worth(contract: Contract, quantity: Decimal, price: Range | None) -> Range | None:
    if price is None or price.low <= ZERO:
        return None
    ends = [notional(contract, Quantity(quantity), Price(end)) for end in (price.low, price.high)]
    return Range(min(ends), max(ends))


def _box(row: Row, *keys: str) -> Range | None:
    """What a truncated print may have been; none if it is not printed."""
    number = _number(row, *keys)
    if number is None:
        return None
    _, _, exponent = number.as_tuple()
    assert isinstance(exponent, int), "`decimal_of` gives finite numbers only"
    last = ONE.scaleb(exponent)
    return Range(number - last, number) if number < ZERO else Range(number, number + last)


def _without_sign(box: Range | None) -> Range | None:
    return Range(-box.high, -box.low) if box and box.high <= ZERO else box


def _number(row: Row, *keys: str) -> Decimal | None:
    for key in keys:
        text = row.get(key)
        if isinstance(text, str) and text:
            return decimal_of(text)
    return None

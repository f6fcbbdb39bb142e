"""The one home of rounding. Every step that loses digits is named here; the table is `docs/spec/rounding.md`.

Arithmetic runs in an own decimal context of 50 digits. A function that computes with money is marked
`@exact`, so the caller's context neither matters nor changes.
"""

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    getcontext,
    localcontext,
)
from functools import wraps
from typing import ParamSpec, TypeVar

from margincall.core.units import Price

PRECISION = 50
CONTEXT = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
WIDE = Context(prec=150, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])

AMOUNT_UNIT = Decimal("1e-8")
"""Smallest amount that the venue books."""
PRICE_UNIT = Decimal("1e-12")
"""Unit of prices that the rules derive."""
QUOTIENT_UNIT = Decimal("1e-30")
"""Unit of a quotient inside the rules, small enough that later sums stay exact."""

ROOT_UNIT = Decimal("1e-24")
"""A root this close to a price of the grid is that price: quotients leave less than this behind."""

P = ParamSpec("P")
R = TypeVar("R")


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` in the project's decimal context."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        context = getcontext()
        if context.prec == PRECISION and context.rounding == ROUND_HALF_EVEN:
            return function(*args, **kwargs)
        with localcontext(CONTEXT):
            return function(*args, **kwargs)

    return call


def wide(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` with 150 digits, enough for the product of four amounts before one division."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(WIDE):
            return function(*args, **kwargs)

    return call


def _to(value: Decimal, unit: Decimal, rounding: str) -> Decimal:
    """`value` as a multiple of `unit`. A value too large to hold the unit within 50 digits stays as it is."""
    if value.adjusted() - unit.adjusted() >= PRECISION:
        return value
    return value.quantize(unit, rounding, CONTEXT)


def booked(amount: Decimal) -> Decimal:
    """An amount as the venue books it: truncated to 8 decimals (Binance API samples)."""
    return _to(amount, AMOUNT_UNIT, ROUND_DOWN)


def amount_up(amount: Decimal) -> Decimal:
    """The smallest bookable amount that is at least `amount`."""
    return _to(amount, AMOUNT_UNIT, ROUND_CEILING)


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal:
    """`numerator / denominator` to 1e-30, half even; exact sums follow from it."""
    return _to(CONTEXT.divide(numerator, denominator), QUOTIENT_UNIT, ROUND_HALF_EVEN)


def root_nearest(price: Decimal) -> Decimal:
    """A root of the surplus, freed from what quotients of 50 digits leave behind; then it is rounded inwards."""
    return _to(price, ROOT_UNIT, ROUND_HALF_EVEN)


def price_up(price: Decimal) -> Price:
    """Lower end of a survival interval: rounded up, so that the end as shown still survives."""
    return Price(_to(price, PRICE_UNIT, ROUND_CEILING))


def price_down(price: Decimal) -> Price:
    """Upper end of a survival interval: rounded down, so that the end as shown still survives."""
    return Price(_to(price, PRICE_UNIT, ROUND_FLOOR))


def price_nearest(price: Decimal) -> Price:
    """A derived price that favours nobody (bankruptcy, break-even): half even."""
    return Price(_to(price, PRICE_UNIT, ROUND_HALF_EVEN))


def ratio_nearest(ratio: Decimal) -> Decimal:
    """A ratio for display; no decision uses it."""
    return _to(ratio, PRICE_UNIT, ROUND_HALF_EVEN)


def displayed_price(price: Decimal) -> Price:
    """A liquidation price as the API prints it: truncated to 8 decimals."""
    return Price(_to(price, AMOUNT_UNIT, ROUND_DOWN))


def published_price(price: Decimal) -> Price:
    """An index or mark price as the venue publishes it: truncated to 8 decimals (assumed: `mark-digits`)."""
    return Price(_to(price, AMOUNT_UNIT, ROUND_DOWN))


def published_rate(rate: Decimal) -> Decimal:
    """A funding rate as the venue publishes it: truncated to 8 decimals (assumed: `funding-rate-digits`)."""
    return _to(rate, AMOUNT_UNIT, ROUND_DOWN)


def printed_entry(price: Decimal, places: int) -> Price:
    """An entry price as the venue prints it: half up to `places` decimals (seen in a real account's stream)."""
    return Price(price.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, CONTEXT))


def to_step_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` (a tick or a lot) that is at most `value`."""
    return CONTEXT.divide(value, step).to_integral_value(ROUND_FLOOR) * step


def to_step_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` (a tick or a lot) that is at least `value`."""
    return CONTEXT.divide(value, step).to_integral_value(ROUND_CEILING) * step


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros or exponent, for printing."""
    value = value.normalize(CONTEXT)
    return value.quantize(Decimal(1), context=CONTEXT) if "E+" in str(value) else value

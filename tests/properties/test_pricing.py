"""Index, mark and funding: bounded by what they are made of, and nothing is lost or made by a payment."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from margincall.core.contract import Contract
from margincall.core.protocol.funding import (
    FundingRules,
    average_premium,
    funding_rate,
    impact_price,
    premium,
    settle_funding,
)
from margincall.core.protocol.mark import (
    Constituent,
    FundingClock,
    IndexRules,
    MarkRules,
    Window,
    mark_price,
    price_index,
)
from margincall.core.protocol.moves import REMAINDER, changes
from tests.core.pools import contract, inverse
from tests.properties.strategies import decimals

UNIT = Decimal("1e-8")
PRICES = decimals(1, 100_000)
NOW = 10_000_000
WINDOW = Window(0, points=30, interval_ms=1000)

constituents = st.lists(
    st.builds(
        Constituent,
        source=st.just(""),
        price=PRICES,
        weight=decimals(0, 1),
        updated_ms=st.integers(NOW - 600_000, NOW),
    ),
    min_size=1,
    max_size=9,
).map(
    lambda made: [
        Constituent(str(number), each.price, each.weight, each.updated_ms) for number, each in enumerate(made)
    ]
)
index_rules = st.builds(
    IndexRules,
    band=st.sampled_from([Decimal("0.01"), Decimal("0.03"), Decimal("0.05")]),
    stale_ms=st.just(300_000),
    outliers=st.sampled_from(["capped", "dropped"]),
    median=st.sampled_from(["unweighted", "weighted"]),
)


@given(constituents, index_rules)
def test_the_index_lies_in_the_band_around_the_median(made: list[Constituent], rules: IndexRules) -> None:
    """And between the lowest and the highest source that counts."""
    terms = price_index(made, NOW, rules)
    live = [each.price for each in made if each.weight and NOW - each.updated_ms < rules.stale_ms]
    assert (terms is None) == (not live)
    if terms is not None:
        assert min(live) - UNIT < terms.index <= max(live)
        if len(live) > 1 or rules.outliers == "capped":
            low, high = terms.median * (1 - rules.band), terms.median * (1 + rules.band)
            assert low - UNIT < terms.index <= high
        assert abs(sum(each.share for each in terms.used) - 1) < Decimal("1e-25")


@given(constituents, index_rules, st.randoms(use_true_random=False))
def test_the_index_does_not_depend_on_the_order_of_sources(
    made: list[Constituent], rules: IndexRules, shuffler: Any
) -> None:
    other = list(made)
    shuffler.shuffle(other)
    first, second = price_index(made, NOW, rules), price_index(other, NOW, rules)
    assert (first and (first.index, first.median)) == (second and (second.index, second.median))


@given(
    PRICES,
    decimals(-1, 1, 4),
    st.integers(0, 8),
    st.lists(decimals(-1000, 1000), max_size=40),
    st.none() | PRICES,
)
def test_the_mark_lies_between_its_extremes(
    index: Decimal, rate: Decimal, hours: int, samples: list[Decimal], last: Decimal | None
) -> None:
    """And of three it is the one in the middle, to the last digit."""
    clock = FundingClock(rate, hours, 8)
    terms = mark_price(index, clock, MarkRules("median", WINDOW), samples=samples, last=last)
    known = sorted(each for each in (terms.price_1, terms.price_2, terms.last) if each is not None)
    assert known[0] - UNIT < terms.mark <= known[-1]
    if len(known) == 3:
        assert terms.mark == known[1]


@given(PRICES, PRICES, PRICES)
def test_a_protected_price_stays_at_the_mark_before(index: Decimal, last: Decimal, previous: Decimal) -> None:
    rules = MarkRules("last-price-protected", WINDOW)
    mark = mark_price(index, FundingClock(Decimal(0), 0, 8), rules, last=last, previous=previous).mark
    assert previous * Decimal("0.95") - UNIT < mark <= previous * Decimal("1.05")


@given(
    st.lists(st.tuples(PRICES, decimals(0, 10, 3)), max_size=8),
    decimals(1, 100_000),
    st.sampled_from([contract(), inverse(size="100")]),
)
def test_the_impact_price_lies_within_the_book(
    levels: list[tuple[Decimal, Decimal]], notional: Decimal, listed: Contract
) -> None:
    found = impact_price(listed, levels, notional)
    filled = [price for price, quantity in levels if quantity]
    assert (found is None) == (not filled)
    if found is not None:
        assert min(filled) - UNIT < found < max(filled) + UNIT


@given(st.lists(decimals(-1, 1, 6), min_size=1, max_size=50), st.sampled_from([1, 4, 8]))
def test_average_premium_and_rate_are_bounded(samples: list[Decimal], hours: int) -> None:
    """An average lies between its samples, a rate within cap and floor, and before those it differs from the premium's
    part by at most the clamp's."""
    tiny = Decimal("1e-25")
    average = average_premium(samples, hours)
    assert min(samples) - tiny <= average <= max(samples) + tiny
    rules = FundingRules(hours, cap=Decimal("0.003"), floor=Decimal("-0.003"))
    terms = funding_rate(average, rules)
    assert rules.floor <= terms.rate <= rules.cap
    part = Decimal(hours) / 8
    assert abs(terms.uncapped - average * part) <= rules.clamp * part + tiny


@given(PRICES, PRICES, PRICES)
def test_the_premium_has_the_sign_of_the_book(bid: Decimal, ask: Decimal, index: Decimal) -> None:
    low, high = min(bid, ask), max(bid, ask)
    found = premium(low, high, index)
    assert (found > 0) == (low > index)
    assert (found < 0) == (high < index)


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), decimals(-100, 100, 3), max_size=12),
    decimals(1, 100_000, 8),
    decimals(-1, 1, 8),
    st.sampled_from([contract(), inverse(size="100")]),
)
def test_funding_sums_to_zero_up_to_truncation(
    holdings: dict[str, Decimal], mark: Decimal, rate: Decimal, listed: Contract
) -> None:
    """Where longs equal shorts, the remainder holds less than one unit for each payment; with the moves all sums to
    zero exactly, and each payment has the sign of the rate against the position."""
    balanced = {**holdings, "the other side": -sum(holdings.values(), Decimal(0))}
    settled = settle_funding(listed, balanced, mark, rate)
    paid = sum((each.amount for each in settled.payments), Decimal(0))
    assert paid + settled.remainder == 0
    assert abs(settled.remainder) < UNIT * (len(settled.payments) or 1)
    booked = changes(settled.moves)
    assert sum(booked.values()) == 0
    assert booked.get((REMAINDER, listed.margin_asset), Decimal(0)) == settled.remainder
    for each in settled.payments:
        assert each.amount * each.quantity * rate <= 0

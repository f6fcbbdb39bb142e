"""Funding: published figures, each rule at its edges."""

from decimal import Decimal

import pytest

from margincall.core.protocol.funding import (
    FundingRules,
    IntervalRules,
    average_premium,
    cap_of,
    funding_rate,
    impact_notional,
    impact_price,
    next_hours,
    payment,
    premium,
    settle_funding,
)
from margincall.core.protocol.moves import REMAINDER, changes
from tests.core.pools import contract, inverse

D = Decimal
RULES = FundingRules(8, cap=D("0.003"), floor=D("-0.003"))


def rate(average: str, hours: int = 8, *, scaled: bool = True, cap: str = "0.02") -> Decimal:
    return funding_rate(D(average), FundingRules(hours, D(cap), -D(cap), scaled=scaled)).rate


@pytest.mark.parametrize(("leverage", "notional"), [(20, 4000), (125, 25_000)])
def test_the_impact_notional(leverage: int, notional: int) -> None:
    """200 USDT over the initial margin rate: 4,000 at 20x, 25,000 at 125x."""
    assert impact_notional(leverage) == notional


def test_the_impact_price_is_the_average_fill() -> None:
    levels = [(D(100), D(10)), (D(90), D(100))]
    assert impact_price(contract(), levels, D(500)) == 100
    assert impact_price(contract(), levels, D(1900)) == 95
    assert impact_price(contract(), levels[:1], D(4000)) == 100  # a thin book: what there is
    assert impact_price(contract(), [], D(4000)) is None
    coin = impact_price(inverse(size="100"), [(D(50), D(1)), (D(25), D(1))], D(200))
    assert coin is not None
    assert abs(coin - D(200) / 6) < D("1e-25")


def test_the_premium_is_outside_the_impact_prices() -> None:
    """An index between them has no premium; above the bid it is negative, under the ask positive."""
    assert premium(D(99), D(101), D(100)) == 0
    assert premium(D(102), D(103), D(100)) == D("0.02")
    assert premium(D(97), D(98), D(100)) == D("-0.02")
    assert premium(None, None, D(100)) == 0


def test_later_samples_weigh_more_but_not_within_one_hour() -> None:
    samples = [D(0), D(0), D(6)]
    assert average_premium(samples, 8) == 3
    assert average_premium(samples, 4) == 3
    assert average_premium(samples, 1) == 2
    assert average_premium([], 8) == 0
    assert average_premium([D("0.0007")] * 5760, 8) == D("0.0007")


def test_the_published_example() -> None:
    """Premium 0.0429 %: interest and clamp bring the rate to 0.0100 %."""
    assert rate("0.000429") == D("0.0001")


@pytest.mark.parametrize(
    ("average", "expected"),
    [("0.0006", "0.0001"), ("0.0007", "0.0002"), ("-0.0004", "0.0001"), ("-0.0005", "0"), ("0", "0.0001")],
)
def test_interest_is_clamped(average: str, expected: str) -> None:
    """Within 0.05 % of the interest the rate is the interest; beyond it the premium shows."""
    assert rate(average) == D(expected)


def test_shorter_intervals_pay_their_part_since_september_2025() -> None:
    """PUMPUSDT, every four hours, is divided by 2; before it was not."""
    assert rate("0.002", 4) == D("0.00075")
    assert rate("0.002", 4, scaled=False) == D("0.0015")
    assert rate("0", 1) == D("0.0000125").quantize(D("1e-8"), "ROUND_DOWN")


def test_cap_and_floor() -> None:
    """0.75 × the first bracket's rate: BTC 0.3 %, BNB 0.375 %, DOGE 0.4875 %; of the divided rate, or (assumed
    otherwise) of the one before."""
    assert [cap_of(D(first)) for first in ("0.004", "0.005", "0.0065")] == [D("0.003"), D("0.00375"), D("0.004875")]
    assert rate("0.05", cap="0.003") == D("0.003")
    assert rate("-0.05", cap="0.003") == D("-0.003")
    before = FundingRules(4, D("0.003"), D("-0.003"), capped="before-division")
    assert rate("0.006", 4, cap="0.003") == D("0.00275")
    assert funding_rate(D("0.006"), before).rate == D("0.0015")


def test_longs_pay_a_positive_rate() -> None:
    assert payment(contract(), D("0.5"), D(20_000), D("0.0001")) == -1
    assert payment(contract(), D("-0.5"), D(20_000), D("0.0001")) == 1
    assert payment(contract(), D("0.5"), D(20_000), D("-0.0001")) == 1
    assert payment(inverse(size="100"), D(10), D(50_000), D("0.0001")) == D("-0.000002")
    assert payment(contract(), D("0.001"), D("12345.678"), D("0.00012345")) == D("-0.00152407")


def test_what_truncation_leaves_goes_to_the_remainder() -> None:
    """One long pays 0.00000001 less than exact, three shorts get so much less together."""
    holdings = {"a": D("0.003"), "b": D("-0.001"), "c": D("-0.001"), "d": D("-0.001"), "flat": D(0)}
    settled = settle_funding(contract(), holdings, D("1000.3333"), D("0.00001"))
    assert [paid.amount for paid in settled.payments] == [D("-0.00003000"), D("0.00001000"), D("0.00001"), D("0.00001")]
    odd = settle_funding(contract(), holdings, D("1000.6666"), D("0.00001"))
    assert odd.remainder == D("0.00000001")
    assert changes(odd.moves)[REMAINDER, "USDT"] == odd.remainder
    assert sum(changes(odd.moves).values()) == 0


def test_intervals_shorten_at_the_cap_and_calm_down() -> None:
    automatic = IntervalRules()
    assert next_hours([D("0.0001"), D("0.003")], RULES, automatic) == 1
    assert next_hours([D("-0.003")], RULES, automatic) == 1
    assert next_hours([D("0.003"), D("0.0001")], RULES, automatic) == 8
    hourly = FundingRules(1, cap=D("0.003"), floor=D("-0.003"))
    assert next_hours([D("0.00025")] * 15, hourly, automatic) == 1
    assert next_hours([D("0.003")] + [D("-0.00025")] * 16, hourly, automatic) == 4
    assert next_hours([D("0.00026")] + [D("0.00025")] * 15, hourly, automatic) == 1
    assert next_hours([D(0)] * 99, hourly, IntervalRules(calm_cycles=None)) == 1

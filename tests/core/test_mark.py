"""Index and mark price: published figures, each rule at its edges."""

from decimal import Decimal

import pytest

from margincall.core.protocol.mark import (
    Constituent,
    FundingClock,
    IndexRules,
    MarkMethod,
    MarkRules,
    Window,
    basis,
    mark_price,
    price_1,
    price_2,
    price_index,
    window_at,
)

D = Decimal
HOUR = 3_600_000
NOW = 1_000_000_000
CLOCK = FundingClock(D("0.0003"), 4 * HOUR, 8 * HOUR)
RULES = IndexRules(D("0.03"), 300_000)
WINDOW = Window(0, points=30, interval_ms=1000)


def sources(*prices: str, weights: tuple[str, ...] = (), ages_ms: tuple[int, ...] = ()) -> list[Constituent]:
    return [
        Constituent(
            f"s{number}",
            D(price),
            D(weights[number]) if weights else D(1),
            NOW - (ages_ms[number] if ages_ms else 0),
        )
        for number, price in enumerate(prices)
    ]


def index_of(constituents: list[Constituent], rules: IndexRules = RULES) -> Decimal:
    terms = price_index(constituents, NOW, rules)
    assert terms is not None
    return terms.index


def test_the_published_example_of_price_1() -> None:
    """Index 10000, funding rate 0.03 %, four of eight hours left: 10001.5; the whole mark before June 2020."""
    assert price_1(D(10000), CLOCK) == D("10001.5")
    terms = mark_price(D(10000), CLOCK, MarkRules("price-1", None), last=D(9000))
    assert terms.mark == D("10001.5")


def test_the_index_is_the_weighted_mean() -> None:
    """The documented weights of BTCUSDT's sources sum to one up to their digits, which scaling takes out."""
    weights = ("0.51282051", "0.15384615", "0.07692308", "0.07692308", "0.07692308", "0.07692308", "0.02564103")
    assert index_of(sources(*["50000"] * 7, weights=weights)) == 50000
    assert index_of(sources("100", "101", weights=("0.75", "0.25"))) == D("100.25")


@pytest.mark.parametrize(
    ("band", "price", "used"),
    [
        ("0.03", "103", "103"),
        ("0.03", "103.01", "103"),
        ("0.03", "97", "97"),
        ("0.03", "50", "97"),
        ("0.01", "101.5", "101"),
        ("0.01", "98", "99"),
    ],
)
def test_an_outlier_is_held_at_the_band(band: str, price: str, used: str) -> None:
    """3 % from the median, 1 % for the listed symbols."""
    terms = price_index(sources("100", "100", price), NOW, IndexRules(D(band), 300_000))
    assert terms is not None
    assert terms.median == 100
    assert terms.used[2].price == D(used)
    assert abs(terms.index - (D(200) + D(used)) / 3) < D("1e-8")


def test_a_source_without_an_update_for_five_minutes_has_no_weight() -> None:
    fresh = sources("100", "102", ages_ms=(0, 299_999))
    stale = sources("100", "102", ages_ms=(0, 300_000))
    assert index_of(fresh) == 101
    terms = price_index(stale, NOW, RULES)
    assert terms is not None
    assert (terms.index, terms.used[1].share) == (100, 0)
    assert price_index(sources("100", ages_ms=(300_000,)), NOW, RULES) is None


def test_the_rule_of_2020_drops_one_outlier_and_falls_back_to_the_median() -> None:
    rules = IndexRules(D("0.05"), 10_000, outliers="dropped")
    assert index_of(sources("100", "102", "110"), rules) == 101
    assert index_of(sources("100", "101", "110", "90", "100"), rules) == 100


def test_the_median_may_count_weights() -> None:
    """One heavy source is then the middle, and the two light ones are the outliers."""
    rules = IndexRules(D("0.03"), 300_000, median="weighted")
    heavy = sources("100", "110", "110", weights=("0.6", "0.2", "0.2"))
    assert index_of(heavy, rules) == D("101.2")
    assert index_of(heavy) == D("0.6") * D("106.7") + D("0.4") * 110
    light = sources("100", "104", "110", weights=("0.4", "0.3", "0.3"))
    assert index_of(light, rules) == D("0.4") * D("100.88") + D("0.3") * 104 + D("0.3") * D("107.12")
    halves = price_index(sources("100", "102", weights=("0.5", "0.5")), NOW, rules)
    assert halves is not None
    assert halves.median == 101


def test_the_average_basis_takes_the_last_samples_of_the_window() -> None:
    samples = [D(1000)] * 10 + [D(3)] * 30
    assert price_2(D(100), samples, WINDOW) == 103
    assert price_2(D(100), [D(1), D(2)], WINDOW) == D("101.5")
    assert price_2(D(100), [], WINDOW) is None
    assert basis(D(99), D(102), D(100)) == D("0.5")


@pytest.mark.parametrize(("last", "mark"), [("9990", "10001.5"), ("10002", "10002"), ("10400", "10003")])
def test_the_mark_is_the_middle_of_three(last: str, mark: str) -> None:
    """Price 1 is 10001.5 and Price 2 10003: the last trade counts only between them."""
    terms = mark_price(D(10000), CLOCK, MarkRules("median", WINDOW), samples=[D(3)], last=D(last))
    assert terms.mark == D(mark)


def test_what_is_not_known_is_left_out() -> None:
    rules = MarkRules("median", WINDOW)
    assert mark_price(D(10000), CLOCK, rules).mark == D("10001.5")
    assert mark_price(D(10000), CLOCK, rules, last=D(10003)).mark == D("10002.25")


@pytest.mark.parametrize(
    ("method", "mark"), [("price-2", "10003"), ("last-price-protected", "9500"), ("median", "10001.5")]
)
def test_extreme_conditions(method: MarkMethod, mark: str) -> None:
    """Price 2 alone; or the last trade, held within 5 % of the mark before it."""
    rules = MarkRules(method, WINDOW)
    terms = mark_price(D(10000), CLOCK, rules, samples=[D(3)], last=D(9000), previous=D(10000))
    assert terms.mark == D(mark)
    first = mark_price(D(10000), CLOCK, rules, samples=[D(3)], last=D(9000))
    assert first.mark == (D(9000) if method == "last-price-protected" else D(mark))
    free = mark_price(D(10000), CLOCK, rules, samples=[D(3)], last=D(10200), previous=D(10000))
    assert free.mark == (D(10200) if method == "last-price-protected" else D(10003))


def test_windows_are_in_force_from_their_time() -> None:
    windows = (Window(10, 30, 60_000), Window(20, 60, 1000))
    assert [window_at(windows, at) for at in (9, 10, 19, 20)] == [None, windows[0], windows[0], windows[1]]

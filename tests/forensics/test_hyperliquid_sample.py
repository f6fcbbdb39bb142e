"""33 real liquidations of another venue, and a small sample that shows what would be noticed."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.core.events import Fill, Flow
from margincall.wire.hyperliquid import Liquidation
from tests.accept import hyperliquid as accept
from tests.accept import hyperliquid_causes as causes

NOON = 1_680_000_000_000


@pytest.fixture(scope="module")
def real(shared: Path) -> tuple[accept.Sample, list[accept.Case]]:
    found = accept.read(shared)
    return found, accept.reconstruct(found)


@pytest.mark.shared
def test_every_size_equals_the_fills(real: tuple[accept.Sample, list[accept.Case]]) -> None:
    """33 of 33 liquidations, 36 coins."""
    _, cases = real
    assert accept.failures(cases) == []
    assert (len(cases), sum(len(case.sizes) for case in cases)) == (33, 36)


@pytest.mark.shared
def test_the_next_trade_is_the_nearest_price(real: tuple[accept.Sample, list[accept.Case]]) -> None:
    """Every source has a price for each; the next trade is seconds away, the last one hours."""
    own, last, following = accept.summaries(real[1])
    assert {own.counted, last.counted, following.counted} == {33}
    assert following.median_age <= 5 < 1_000 < last.median_age
    assert following.median_error < Decimal("0.002") < own.median_error < last.median_error


@pytest.mark.shared
def test_own_fills_are_at_the_bankruptcy_price(real: tuple[accept.Sample, list[accept.Case]]) -> None:
    """31 of 33 within a unit of the price; the other two print the notional of all open coins."""
    found, cases = real
    odd = [case for case in cases if not causes.takeover_fits(case)]
    assert len(odd) == 2
    assert all(causes.is_of_whole_account(found, case) for case in odd)
    assert not any(causes.is_of_whole_account(found, case) for case in cases if case not in odd)


@pytest.mark.shared
def test_one_account_takes_over_each_coin_in_one_fill(real: tuple[accept.Sample, list[accept.Case]]) -> None:
    """36 coins, 36 fills, and the other side of each is the same account's."""
    found, cases = real
    takers = []
    for case in cases:
        liquidation = case.liquidation
        for size in case.sizes:
            trades = [trade for trade in found.coins[size.coin] if trade.time_ms == liquidation.time_ms]
            own = [trade for trade in trades if trade.account == liquidation.account]
            assert [trade.quantity for trade in own] == [size.filled]
            takers += [trade.account for trade in trades if (trade.quantity, trade.price) == (size.held, size.price)]
    assert len(takers) == 36
    assert len(set(takers)) == 1


@pytest.mark.shared
def test_each_outlier_has_a_tested_cause_or_the_file_that_settles_it(
    real: tuple[accept.Sample, list[accept.Case]],
) -> None:
    """68 outliers, 8 unknown."""
    found = causes.outliers(*real)
    assert all(each.causes or each.settled_by for each in found)
    assert (len(found), sum(not each.causes for each in found)) == (68, 8)


@pytest.mark.shared
def test_any_lost_fill_of_a_liquidated_coin_is_noticed(real: tuple[accept.Sample, list[accept.Case]]) -> None:
    """Leave out the first fill of the liquidated coin, for each account in turn: its size differs."""
    found, cases = real
    for case in cases:
        events = found.accounts[case.liquidation.account]
        coins = {size.coin for size in case.sizes}
        lost = next(event for event in events if isinstance(event, Fill) and event.symbol in coins)
        left = {case.liquidation.account: [event for event in events if event is not lost]}
        again = accept.reconstruct(found._replace(accounts=left, liquidations=[case.liquidation]))
        assert accept.failures(again), case


def fill(second: int, quantity: str, price: str, *, account: str = "a", coin: str = "ABC") -> Fill:
    return Fill(
        time_ms=NOON + 1000 * second,
        account=account,
        symbol=coin,
        side="BOTH",
        quantity=Decimal(quantity),
        price=Decimal(price),
        trade_id=f"{account} {second} {quantity}",
    )


def small(fills: list[Fill], notional: str = "99", value: str = "4") -> tuple[accept.Sample, accept.Case]:
    """Ten dollars deposited; the liquidation of account a is at second 100, its mark 99."""
    flow = Flow(time_ms=NOON, account="a", applied={"USD": Decimal(10)}, category="transfer", reason="deposit")
    liquidation = Liquidation(NOON + 100_000, "a", Decimal(notional), Decimal(value), "Cross")
    found = accept.sample([flow], fills, [liquidation])
    (case,) = accept.reconstruct(found)
    return found, case


# Bought 1 at 105 with 10 dollars: worth 4 at a mark of 99, gone at 95, where b takes over; b sells three seconds later.
FILLS = [
    fill(10, "1", "105"),
    fill(40, "-1", "100", account="c"),
    fill(100, "-1", "95"),
    fill(100, "1", "95", account="b"),
    fill(103, "-1", "98.9", account="b"),
]


def test_a_liquidation_that_fits() -> None:
    """The size, the three prices with their ages, the value's share with and without the price's error."""
    found, case = small(FILLS)
    assert case.agrees
    assert [(each.source, each.notional, each.age) for each in case.prices] == [
        ("own", Decimal(95), 0),
        ("last", Decimal(100), 60),
        ("next", Decimal("98.9"), 3),
    ]
    *_, following = case.prices
    assert following.share * following.notional == pytest.approx(Decimal("3.9"))
    assert case.share == Decimal(4) / Decimal(99)
    assert causes.takeover_fits(case)
    assert causes.folded_value(found, case) == 4


@pytest.mark.parametrize(
    ("place", "altered"),
    [(0, fill(10, "1.1", "105")), (0, fill(10, "-1", "105")), (2, fill(100, "-0.9", "95")), (0, fill(101, "1", "105"))],
)
def test_an_altered_size_is_noticed(place: int, altered: Fill) -> None:
    """A larger, an opposite, a smaller fill, and one that comes too late."""
    _, case = small([*FILLS[:place], altered, *FILLS[place + 1 :]])
    assert accept.failures([case])


def test_a_liquidation_without_fills_is_noticed() -> None:
    """A second without fills of the account is no agreement."""
    _, case = small([*FILLS[:2], *FILLS[3:]])
    assert accept.failures([case])


@pytest.mark.parametrize(("notional", "value"), [("99.1", "4"), ("99", "4.1"), ("99", "3.9")])
def test_an_altered_print_does_not_fit_the_bankruptcy_price(notional: str, value: str) -> None:
    """The unit of a price of 95 is 0.0001."""
    _, case = small(FILLS, notional, value)
    assert not causes.takeover_fits(case)


def test_an_altered_price_of_a_fill_changes_the_value() -> None:
    """A dollar in the entry is a dollar in the value, and an outlier without a tested cause."""
    found, case = small([fill(10, "1", "103"), *FILLS[1:]])
    assert causes.folded_value(found, case) == 6
    (outlier,) = [each for each in causes.outliers(found, [case]) if each.kind == "wallet"]
    assert outlier.causes == ()
    assert outlier.settled_by


def test_a_missing_deposit_is_a_tested_cause() -> None:
    """The wallet of an account that is flat cannot be below zero."""
    fills = [fill(5, "1", "150"), fill(6, "-1", "130"), *FILLS]
    found, case = small(fills)
    (outlier,) = [each for each in causes.outliers(found, [case]) if each.kind == "wallet"]
    assert "flat, the wallet was -10.00" in outlier.causes[0]

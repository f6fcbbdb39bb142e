"""The waterfall: published figures, each rule at its edges."""

from decimal import Decimal

import pytest
from msgspec import structs

from margincall.core.account import Account, AssetIndex, Marks, Position
from margincall.core.assumptions import Assumptions
from margincall.core.clearance import clearance_fee
from margincall.core.margin import margin
from margincall.core.prices import bankruptcy, prices
from margincall.core.protocol.moves import FEES, FUND, changes
from margincall.core.protocol.waterfall import (
    Cancel,
    Fund,
    Reduce,
    TakeOver,
    WaterfallRules,
    bankrupt_quote,
    cancels,
    clearance_moves,
    collateral_left,
    fillable_price,
    improvement,
    improvement_moves,
    limit_price,
    liquidation_order,
    may_clear,
    partial_quantity,
    plan,
    take_over,
)
from margincall.venues import dydx
from tests.core.pools import contract, held, inverse, pool, rules, table

D = Decimal
BINANCE = WaterfallRules()
CHOICES = Assumptions()
BTC = contract(fee="0.0125")
ETH = contract("ETHUSDT", fee="0.0125")
FLAT = (("1000000000", "0.1"),)


def test_the_steps_of_a_small_position() -> None:
    """1 BTC at the first tier: the fee is more than the maintenance margin, so no part would do, and all goes."""
    venue = rules(BTC, rows=(("300000", "0.004"), ("800000", "0.005")))
    terms = pool(venue, "500", {"BTCUSDT": "49600"}, held(BTC, "1", "50000"))
    assert plan(terms, "triggered", CHOICES, BINANCE) == (Cancel("cross:USDT", "pool"),)
    limit = D(49500)
    assert plan(terms, "cancelled", CHOICES, BINANCE) == (Reduce("BTCUSDT", "BOTH", D(-1), limit, whole=True),)
    assert plan(terms, "reduced", CHOICES, BINANCE) == (TakeOver("BTCUSDT", "BOTH", D(-1), limit),)


def test_nothing_is_done_above_the_trigger() -> None:
    venue = rules(BTC, rows=FLAT)
    terms = pool(venue, "100000", {"BTCUSDT": "49600"}, held(BTC, "1", "50000"))
    for stage in ("triggered", "cancelled", "reduced"):
        assert plan(terms, stage, CHOICES, BINANCE) == ()


def test_a_large_position_is_reduced_in_part() -> None:
    """Ten percent margin and a fee of 1.25 %: each unit closed frees more than it costs. At least what brings the ratio
    to 80 %."""
    venue = rules(BTC, rows=FLAT)
    terms = pool(venue, "5000", {"BTCUSDT": "50000"}, held(BTC, "1", "50000"))
    (step,) = plan(terms, "cancelled", CHOICES, BINANCE)
    assert isinstance(step, Reduce)
    assert not step.whole
    closed = -step.quantity

    def met(quantity: Decimal) -> bool:
        balance = D(5000) - quantity * 50000 * D("0.0125")
        return (1 - quantity) * 5000 <= D("0.8") * balance

    assert met(closed)
    assert not met(closed - BTC.lot)


def test_drift_partial_sizes() -> None:
    """Shortage 10, margin 10 %, price 100: without a fee 1, at 1 % 10/9, at 2 % 1.25; rounded up to the lot."""
    for fee, expected in (("0", "1"), ("0.01", "1.1112"), ("0.02", "1.25")):
        listed = contract(fee=fee, lot="0.0001")
        terms = pool(rules(listed, rows=FLAT), "90", {"BTCUSDT": "100"}, held(listed, "10", "100"))
        whole = WaterfallRules(partial_target=D(1))
        assert partial_quantity(terms, terms.positions[0], CHOICES, whole) == D(expected)


def test_okx_goes_down_one_tier() -> None:
    """15,000 in the tier above 2,000: 13,000 are closed. In the first tier all are."""
    listed = contract(lot="1")
    rows = (("2000", "0.01"), ("20000", "0.02"), ("50000", "0.03"))
    tier = WaterfallRules(partial="tier")
    for quantity, closed in (("15000", "13000"), ("2000", "2000"), ("30000", "10000")):
        terms = pool(rules(listed, rows=rows), "0", {"BTCUSDT": "1"}, held(listed, quantity, "1"))
        assert partial_quantity(terms, terms.positions[0], CHOICES, tier) == D(closed)
    terms = pool(rules(listed, rows=rows), "0", {"BTCUSDT": "1"}, held(listed, "30000", "1"))
    two = WaterfallRules(partial="tier", tiers=2)
    assert partial_quantity(terms, terms.positions[0], CHOICES, two) == 28000


@pytest.mark.parametrize(
    ("quantity", "closed"), [("1", "0.1"), ("0.1", "0.02"), ("0.02", "0.02"), ("0.01", "0.01"), ("100", "2")]
)
def test_dydx_share(quantity: str, closed: str) -> None:
    """10 %, at least 1,000 of notional, at most 100,000, all of what is small."""
    terms = pool(rules(BTC, rows=FLAT), "0", {"BTCUSDT": "50000"}, held(BTC, quantity, "50000"))
    assert partial_quantity(terms, terms.positions[0], CHOICES, dydx.WATERFALL) == D(closed)


@pytest.mark.parametrize(
    ("quote", "quantity", "part", "expected"),
    [
        ("-4501", "0.1", "1", "4501"),
        ("5499", "-0.1", "1", "-5499"),
        ("-5000", "0.1", "1", "5000"),
        ("-5000", "0.1", "0.5", "2500"),
        ("-5100", "0.1", "1", "5100"),
        ("4900", "-0.1", "1", "-4900"),
    ],
)
def test_dydx_bankruptcy_prices(quote: str, quantity: str, part: str, expected: str) -> None:
    """BTC at 50,000, 10 % margin: what closing at the bankruptcy price gives (positive) or costs."""
    terms = pool(rules(BTC, rows=FLAT), quote, {"BTCUSDT": "50000"}, held(BTC, quantity, "0"))
    price = bankruptcy(terms, terms.positions[0], CHOICES)
    assert price is not None
    assert D(quantity) * D(part) * price == D(expected)


@pytest.mark.parametrize(("quote", "quantity", "units"), [("-13", "1", 2_776), ("13", "-1", -2_775)])
def test_dydx_rounds_bankruptcy_up(quote: str, quantity: str, units: int) -> None:
    """21,347e-8 of 1 BTC are worth 2,775.11 units of 1e-6 at a bankruptcy price of 13: a sale gives 2,776 at least, a
    purchase costs 2,775 at most."""
    terms = pool(rules(BTC, rows=FLAT), quote, {"BTCUSDT": "50000"}, held(BTC, quantity, "0"))
    price = bankruptcy(terms, terms.positions[0], CHOICES)
    part = -D(quantity) * D("0.00021347")
    assert price == 13
    assert bankrupt_quote(D(quantity), part, price, dydx.WATERFALL.quote_unit) == D(units) * D("1e-6")
    assert bankrupt_quote(D(quantity), part, price) == D(quantity) * D("0.00277511"), "exactly, without a unit"


def test_dydx_a_long_that_cannot_be_ruined() -> None:
    """1 BTC with 1 beside: the chain closes it at −1; a price is not negative, so there is none."""
    terms = pool(rules(BTC, rows=FLAT), "1", {"BTCUSDT": "50000"}, held(BTC, "1", "0"))
    assert bankruptcy(terms, terms.positions[0], CHOICES) is None


@pytest.mark.parametrize(("held", "quantity"), [("1", "0"), ("1", "0.1"), ("-1", "-0.1"), ("1", "-1.1"), ("0", "-1")])
def test_dydx_what_closes_nothing_is_an_error(held: str, quantity: str) -> None:
    with pytest.raises(ValueError, match="closes no part"):
        bankrupt_quote(D(held), D(quantity), D(50_000))


@pytest.mark.parametrize(
    ("quote", "btc", "eth", "expected"),
    [("-490", "0.004", "0.1", "294"), ("510", "-0.004", "-0.1", "-306"), ("110", "0.004", "-0.1", "-306")],
)
def test_dydx_bankruptcy_prices_of_a_portfolio(quote: str, btc: str, eth: str, expected: str) -> None:
    """BTC at 50,000 and ETH at 3,000, both 10 %: ETH bears its share of the balance by maintenance margin."""
    marks = {"BTCUSDT": "50000", "ETHUSDT": "3000"}
    terms = pool(rules(BTC, ETH, rows=FLAT), quote, marks, held(BTC, btc, "0"), held(ETH, eth, "0"))
    position = next(each for each in terms.positions if each.symbol == "ETHUSDT")
    price = bankruptcy(terms, position, CHOICES)
    assert price is not None
    assert position.quantity * price == D(expected)


@pytest.mark.parametrize(
    ("quote", "quantity", "adjustment", "spread", "expected"),
    [
        ("-4501", "0.1", "1", "0.1", "49999"),
        ("-4501", "0.1", "2", "0.1", "49998"),
        ("-4501", "0.1", "1", "0.2", "49998"),
        ("5499", "-0.1", "1", "0.1", "50001"),
        ("-5000", "0.1", "1", "0.1", "49500"),
        ("-5100", "0.1", "1", "0.1", "49500"),
        ("5000", "-0.1", "1", "0.1", "50500"),
        ("4900", "-0.1", "1", "0.1", "50500"),
    ],
)
def test_dydx_fillable_prices(quote: str, quantity: str, adjustment: str, spread: str, expected: str) -> None:
    terms = pool(rules(BTC, rows=FLAT), quote, {"BTCUSDT": "50000"}, held(BTC, quantity, "0"))
    chosen = WaterfallRules(limit="fillable", fillable_adjustment=D(adjustment), fillable_spread=D(spread))
    assert fillable_price(terms, terms.positions[0], chosen) == D(expected)
    assert limit_price(terms, terms.positions[0], CHOICES, chosen) == D(expected)


def test_dydx_fillable_price_of_a_portfolio() -> None:
    """Margin 50 in all, 10 left: the ETH position (maintenance 30, 0.1 at 3,000) may go to 2,976."""
    marks = {"BTCUSDT": "50000", "ETHUSDT": "3000"}
    terms = pool(rules(BTC, ETH, rows=FLAT), "-490", marks, held(BTC, "0.004", "0"), held(ETH, "0.1", "0"))
    position = next(each for each in terms.positions if each.symbol == "ETHUSDT")
    chosen = WaterfallRules(limit="fillable", fillable_spread=D("0.1"))
    assert fillable_price(terms, position, chosen) == 2976


@pytest.mark.parametrize(
    ("received", "bankrupt", "rate", "delta"),
    [
        ("5610", "5100", "0.005", "28.05"),
        ("5610", "5100", "0.025", "140.25"),
        ("5610", "5100", "1", "510"),
        ("-4410", "-4900", "0.005", "22.05"),
        ("-4410", "-4900", "0.025", "110.25"),
        ("-4410", "-4900", "1", "490"),
        ("5100", "5100", "1", "0"),
        ("5049", "5100", "1", "-51"),
        ("-4949", "-4900", "1", "-49"),
    ],
)
def test_dydx_fund_deltas(received: str, bankrupt: str, rate: str, delta: str) -> None:
    assert improvement(D(received), D(bankrupt), D(rate)) == D(delta)
    booked = changes(improvement_moves("t", "USDC", D(delta), dydx.WATERFALL))
    assert booked.get((FUND, "USDC"), D(0)) == D(delta)
    assert sum(booked.values()) == 0


@pytest.mark.parametrize(
    ("entry", "leverage", "expected"), [("7890.08", 50, "7735.3725"), ("11383.50", 10, "10348.64")]
)
def test_bybit_bankruptcy_prices(entry: str, leverage: int, expected: str) -> None:
    """An inverse long: entry · leverage / (leverage + 1)."""
    listed = inverse()
    margin_held = str((D(1000) / D(entry) / leverage).quantize(D("1e-20")))
    terms = pool(
        rules(listed, rows=FLAT), margin_held, {listed.symbol: entry}, held(listed, "1000", entry, isolated=margin_held)
    )
    price = bankruptcy(terms, terms.positions[0], CHOICES)
    assert price is not None
    assert price.quantize(D(expected)) == D(expected)


def test_kraken_inverse_prices() -> None:
    """1,000 contracts at 8,000 with 0.01 BTC, maintenance 1 % of the present notional: 7,407 and 7,481."""
    listed = inverse()
    venue = rules(listed, rows=(("1000000", "0.01"),))
    terms = pool(venue, "0.01", {listed.symbol: "8000"}, held(listed, "1000", "8000", isolated="0.01"))
    account = Account({"BTC": D("0.01")}, {("BTCUSD_PERP", "BOTH"): terms.positions[0].position})
    (found,) = prices(margin(account, Marks({listed.symbol: D(8000)}), venue), Marks({}), venue)
    assert found.bankruptcy is not None
    assert found.displayed is not None
    assert (int(found.bankruptcy), int(found.displayed)) == (7407, 7481)


def test_a_limit_lies_on_the_tick_and_never_beyond_bankruptcy() -> None:
    venue = rules(BTC, rows=FLAT)
    marks = {"BTCUSDT": "50000"}
    outside = WaterfallRules(limit_tick="outside")
    for quantity, inside, beyond in (("1", "48999.9", "48999.8"), ("-1", "51000.1", "51000.2")):
        terms = pool(venue, "1000.13", marks, held(BTC, quantity, "50000"))
        assert limit_price(terms, terms.positions[0], CHOICES, BINANCE) == D(inside)
        assert limit_price(terms, terms.positions[0], CHOICES, outside) == D(beyond)


def test_where_no_price_saves_it_the_fund_takes_it_at_the_mark() -> None:
    """A short whose balance is below minus its notional: no order, and a takeover that says what it assumes."""
    terms = pool(rules(BTC, rows=FLAT), "-60000", {"BTCUSDT": "50000"}, held(BTC, "-1", "50000"))
    assert limit_price(terms, terms.positions[0], CHOICES, BINANCE) is None
    (step,) = plan(terms, "cancelled", CHOICES, BINANCE)
    assert isinstance(step, TakeOver)
    assert (step.quantity, step.price) == (1, 50000)
    assert "no-bankruptcy-price" in step.assumptions


def test_several_positions_go_in_order() -> None:
    """ETH has the larger maintenance margin here; taken over are all, or, where each may lose all, one at a time."""
    marks = {"BTCUSDT": "50000", "ETHUSDT": "3000"}
    venue = rules(BTC, ETH, rows=FLAT)
    terms = pool(venue, "1000", marks, held(BTC, "0.1", "50000"), held(ETH, "-3", "3000"))
    for order in ("maintenance", "notional"):
        found = liquidation_order(terms, WaterfallRules(order=order))
        assert [each.symbol for each in found] == ["ETHUSDT", "BTCUSDT"]
    assert [each.symbol for each in liquidation_order(terms, WaterfallRules(order="symbol"))] == ["BTCUSDT", "ETHUSDT"]
    (step,) = plan(terms, "cancelled", CHOICES, BINANCE)
    assert isinstance(step, Reduce)
    assert step.symbol == "ETHUSDT"
    steps = plan(terms, "reduced", CHOICES, BINANCE)
    assert [each.symbol for each in steps if isinstance(each, TakeOver)] == ["ETHUSDT", "BTCUSDT"]
    assert len(plan(terms, "reduced", CHOICES, WaterfallRules(takeover="one-by-one"))) == 1
    assert len(plan(terms, "reduced", Assumptions(bankruptcy_split="whole"), BINANCE)) == 1


def test_dydx_cancels_nothing_and_waits_until_bankrupt() -> None:
    venue = rules(BTC, rows=FLAT)
    alive = pool(venue, "100", {"BTCUSDT": "50000"}, held(BTC, "1", "50000"))
    (step,) = plan(alive, "triggered", CHOICES, dydx.WATERFALL)
    assert isinstance(step, Reduce)
    assert plan(alive, "reduced", CHOICES, dydx.WATERFALL) == ()
    dead = pool(venue, "-100", {"BTCUSDT": "50000"}, held(BTC, "1", "50000"))
    (step,) = plan(dead, "reduced", CHOICES, dydx.WATERFALL)
    assert step == TakeOver("BTCUSDT", "BOTH", D(-1), D(50100))


def test_which_orders_are_cancelled() -> None:
    own = "isolated:BTCUSDT:BOTH"
    for scope, others, same in (("pool", False, True), ("account", True, True), ("none", False, False)):
        chosen = WaterfallRules(cancel=scope)
        assert cancels("cross:USDT", own, chosen) is others
        assert cancels(own, own, chosen) is same


def test_the_clearance_fee() -> None:
    """At today's 1.25 % a first-tier position has less left than the fee: all of it goes, and never more."""
    assert clearance_fee(D(49600), D("0.0125"), D(1000)) == 620
    assert clearance_fee(D(49600), D("0.0125"), D("198.4")) == D("198.4")
    assert clearance_fee(D(49600), D("0.0125"), D(-5)) == 0
    assert clearance_fee(D(49600), D("0.0125"), D(-5), "uncapped") == 620
    assert clearance_fee(D("15.63802"), D("0.005"), D(9)) == D("0.07819010")


def test_the_fee_goes_to_the_fund_and_the_fee_account() -> None:
    shared = changes(clearance_moves("t", "USDT", D("0.00000003"), WaterfallRules(fund_share=D("0.5"))))
    assert shared == {
        ("t", "USDT"): D("-0.00000003"), (FUND, "USDT"): D("0.00000001"), (FEES, "USDT"): D("0.00000002"),
    }  # fmt: skip
    assert changes(clearance_moves("t", "USDT", D(3), BINANCE)) == {("t", "USDT"): -3, (FUND, "USDT"): 3}


def test_collateral_left() -> None:
    venue = rules(BTC, rows=FLAT)
    terms = pool(venue, "600", {"BTCUSDT": "49600"}, held(BTC, "1", "50000"))
    assert collateral_left(terms, "USDT") == 200
    assert collateral_left(structs.replace(terms, balance=D(-1)), "USDT") == 0


def test_collateral_left_in_multi_assets_mode_is_at_the_index() -> None:
    """USD 150 at an index of 1.5 are 100 of the asset."""
    venue = rules(BTC, rows=FLAT)
    account = Account({"USDT": D(100)}, multi_assets=True)
    marks = Marks({}, {"USDT": AssetIndex(D("1.5"), D("1.5"), D("1.5"))})
    (terms,) = margin(account, marks, venue).pools
    assert terms.kind == "multi"
    assert collateral_left(terms, "USDT") == 100


def test_the_largest_maintenance_need_not_be_the_largest_notional() -> None:
    venue = rules(BTC, ETH, rows=FLAT)
    steep = structs.replace(venue, tables={**venue.tables, "ETHUSDT": table("ETHUSDT", ("1000000", "0.5"))})
    marks = {"BTCUSDT": "50000", "ETHUSDT": "3000"}
    terms = pool(steep, "1000", marks, held(BTC, "0.1", "50000"), held(ETH, "1", "3000"))
    assert [each.symbol for each in liquidation_order(terms, BINANCE)] == ["ETHUSDT", "BTCUSDT"]
    by_size = WaterfallRules(order="notional")
    assert [each.symbol for each in liquidation_order(terms, by_size)] == ["BTCUSDT", "ETHUSDT"]


@pytest.mark.parametrize(
    ("equity", "held_before", "elsewhere", "taken", "after"),
    [
        ("100000", "0", "0", "1", "99500"),
        ("30000", "0", "0", "0.6", "29700"),
        ("30000", "0.2", "0", "0.4", "29800"),
        ("30000", "-0.2", "0", "0.8", "29600"),
        ("30000", "0", "10000", "0.4", "29800"),
        ("0", "0", "0", "0", "0"),
        ("-10", "0", "0", "0", "-10"),
    ],
)
def test_the_fund_takes_what_it_may(equity: str, held_before: str, elsewhere: str, taken: str, after: str) -> None:
    """A long of 1 BTC at 50,500 with the mark at 50,000: 500 lost each, notional up to the fund's equity."""
    fund = Fund(D(equity), D(held_before), D(elsewhere))
    found = take_over(BTC, D(1), D(50500), D(50000), fund=fund, rules=BINANCE)
    assert (found.taken, found.left, found.equity) == (D(taken), 1 - D(taken), D(after))


def test_without_the_limit_equity_bounds_the_fund() -> None:
    free = WaterfallRules(fund_notional=None)
    found = take_over(BTC, D(-1), D(49500), D(50000), fund=Fund(D("400.4")), rules=free)
    assert (found.taken, found.left, found.equity) == (D("-0.8"), D("-0.2"), D("0.4"))
    gain = take_over(BTC, D(1), D(49500), D(50000), fund=Fund(D(0)), rules=free)
    assert (gain.taken, gain.equity) == (1, 500)
    nothing = take_over(BTC, D(1), D(49500), D(50000), fund=Fund(D(10**9)), rules=dydx.WATERFALL)
    assert (nothing.taken, nothing.left) == (0, 1)


def test_when_a_negative_balance_is_cleared() -> None:
    open_one = {("BTCUSDT", "BOTH"): Position("BTCUSDT", quantity=D(1))}
    assert may_clear(Account({"USDT": D(-1)}), transferred_in=False)
    assert not may_clear(Account({"USDT": D(-1)}), transferred_in=True)
    assert not may_clear(Account({"USDT": D(-1)}, multi_assets=True), transferred_in=False)
    assert not may_clear(Account({"USDT": D(-1)}, open_one), transferred_in=False)

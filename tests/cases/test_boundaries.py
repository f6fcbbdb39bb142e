"""Golden numbers at the very edge of a rule: equal is inside, one unit further is not."""

from decimal import Decimal as D

import pytest
from msgspec import structs

from margincall.core import checks
from margincall.core.account import Account, AssetIndex, Marks, Position
from margincall.core.assumptions import Assumptions
from margincall.core.brackets import Bracket, BracketTable, problems
from margincall.core.events import Category, Fill, Flow, Source
from margincall.core.fold import books_problem, fill_terms, fold, open_account
from margincall.core.margin import MissingIndex, MissingMark, PoolTerms, is_liquidated, margin, position_terms
from margincall.core.prices import (
    Interval,
    bankruptcy,
    break_even,
    collateral_interval,
    implied_share,
    intervals,
    prices,
    survival_interval,
)
from margincall.core.remedy import remedy
from margincall.core.rounding import (
    amount_up,
    booked,
    exact,
    plain,
    printed_entry,
    published_price,
    published_rate,
    to_step_down,
    to_step_up,
)
from margincall.core.rules import MissingBrackets, MissingContract, VenueRules
from margincall.venues import binance_coinm
from margincall.venues.binance_usdm import rules

RULE = {"about": "x", "source": "file:1"}
UNIT = D("1e-8")


@pytest.mark.parametrize(("off", "verdict"), [("0.1", "holds"), ("-0.1", "holds"), ("0.11", "does not hold")])
def test_printed_agrees_up_to_the_tolerance(off: str, verdict: str) -> None:
    """The tolerance itself still agrees; the amount is printed − derived."""
    found = checks.agrees("k", "x", printed=100 + D(off), derived=D(100), tolerance=D("0.1"), rule="r", source="s")
    assert (found.verdict, found.amount, found.kind, found.source) == (verdict, D(off), "k", "s")


@pytest.mark.parametrize(
    ("buy", "price", "verdict"),
    [
        (False, "100", "holds"),
        (False, "99.9", "does not hold"),
        (False, "100.1", "holds"),
        (True, "100", "holds"),
        (True, "100.1", "does not hold"),
        (True, "99.9", "holds"),
    ],
)
def test_a_fill_at_its_limit_is_within_it(buy: bool, price: str, verdict: str) -> None:
    """A sale fills at the limit or higher, a purchase at the limit or lower."""
    found = checks.fill_within_limit(buy=buy, price=D(price), limit=D(100), **RULE)
    assert (found.verdict, found.amount) == (verdict, D(price) - 100)


@pytest.mark.parametrize(
    ("fee", "left", "verdict", "expected"),
    [
        ("12.5", "100", "holds", "12.5"),
        ("12.50000001", "100", "holds", "12.5"),
        ("12.50000002", "100", "does not hold", "12.5"),
        ("12.49999999", "100", "holds", "12.5"),
        ("7", "7", "holds", "7"),
        ("12.5", "7", "cannot tell", "7"),
        ("13", "7", "does not hold", "7"),
        ("0", "-3", "holds", "0"),
    ],
)
def test_the_clearance_fee_is_capped_by_what_is_left(fee: str, left: str, verdict: str, expected: str) -> None:
    """1.25 % of 1,000, at most the collateral left, within one unit."""
    found = checks.clearance_fee(fee=D(fee), base=D(1000), rate=D("0.0125"), left=D(left), **RULE)
    assert (found.verdict, found.derived, found.amount) == (verdict, D(expected), D(fee) - D(expected))


@pytest.mark.parametrize(("rate", "left"), [(None, D(1)), (D("0.01"), None)])
def test_an_unknown_rate_or_rest_cannot_tell(rate: D | None, left: D | None) -> None:
    """Either is enough."""
    assert checks.clearance_fee(fee=D(1), base=D(1), rate=rate, left=left, **RULE).verdict == "cannot tell"


@pytest.mark.parametrize(
    ("wallet", "verdict", "amount"), [("0", "holds", "0"), ("-1", "does not hold", "-1"), ("5", "holds", "0")]
)
def test_a_wallet_of_zero_is_not_negative(wallet: str, verdict: str, amount: str) -> None:
    """The fund brings a bankrupt account back to exactly 0."""
    found = checks.not_negative(wallet=D(wallet), **RULE)
    assert (found.verdict, found.amount) == (verdict, D(amount))


@pytest.mark.parametrize(("fee", "verdict"), [("0", "holds"), ("0.01", "does not hold"), ("-0.01", "does not hold")])
def test_a_deleveraged_position_pays_nothing(fee: str, verdict: str) -> None:
    """Nothing at all."""
    assert checks.deleveraging_fee(fee=D(fee), **RULE).verdict == verdict


@pytest.mark.parametrize(
    ("still", "evidence", "verdict"), [(0, True, "holds"), (1, True, "does not hold"), (0, False, "cannot tell")]
)
def test_orders_that_are_still_open_were_not_cancelled(still: int, evidence: bool, verdict: str) -> None:
    """2 cancelled; what is still open counts against it."""
    found = checks.orders_cancelled_first(cancelled=2, still_open=still, evidence=evidence, **RULE)
    assert (found.verdict, found.printed, found.derived, found.amount) == (verdict, 2, 2 + still, -still)


@pytest.mark.parametrize(
    ("balance", "reached", "below"), [("10", True, False), ("10.00000001", False, False), ("9.99999999", True, True)]
)
def test_the_trigger_at_exactly_the_maintenance_margin(balance: str, reached: bool, below: bool) -> None:
    """Reached counts by default; under the alternative only below does; without a position nothing does."""
    assert is_liquidated(D(balance), D(10), Assumptions()) is reached
    assert is_liquidated(D(balance), D(10), Assumptions(trigger="below")) is below
    assert not is_liquidated(D(-1), D(0), Assumptions())
    assert not is_liquidated(D(-1), D(0), Assumptions(trigger="below"))


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        (Interval(D(10), D(20)), ("10", "15", "20"), ("9.9", "20.1")),
        (Interval(D(10), None), ("10", "1000"), ("9.9",)),
        (Interval(None, D(20)), ("0.1", "20"), ("20.1",)),
        (Interval(None, None), ("0.1", "1000"), ()),
        (Interval(None, None, empty=True), (), ("0.1", "15")),
    ],
)
def test_the_ends_of_an_interval_survive(interval: Interval, inside: tuple[str, ...], outside: tuple[str, ...]) -> None:
    """Ends are inside; a missing end is no end; an empty interval holds nothing."""
    assert all(interval.contains(D(price)) for price in inside)
    assert not any(interval.contains(D(price)) for price in outside)


def test_a_source_names_line_or_byte() -> None:
    """As reports print it."""
    assert [str(each) for each in (Source("a", 3), Source("a", byte=7), Source("a"), Source("a", 3, 7))] == [
        "a:3",
        "a:byte 7",
        "a",
        "a:3",
    ]


def test_rounding_has_a_direction() -> None:
    """Booked toward zero, added up, entry half up, steps down and up."""
    assert [booked(D("1.234567899")), booked(D("-1.234567899"))] == [D("1.23456789"), D("-1.23456789")]
    assert [amount_up(D("1.234567891")), amount_up(D("-1.234567899"))] == [D("1.23456790"), D("-1.23456789")]
    assert [printed_entry(D("1.000005"), 5), printed_entry(D("1.0000049"), 5)] == [D("1.00001"), D("1.00000")]
    assert [to_step_down(D("1.29"), D("0.1")), to_step_up(D("1.21"), D("0.1"))] == [D("1.2"), D("1.3")]
    assert [str(plain(D(each))) for each in ("1.500", "1E+3", "10", "0.00")] == ["1.5", "1000", "10", "0"]


@pytest.mark.parametrize(("exactly", "printed"), [("0.000123456", "0.00012345"), ("-0.000123456", "-0.00012345")])
def test_a_published_price_and_rate_have_eight_decimals(exactly: str, printed: str) -> None:
    """Truncated toward zero, whatever the sign; a price the same."""
    assert published_rate(D(exactly)) == D(printed)
    assert published_price(D("10001.500000009")) == D("10001.50000000")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Bracket(2, D(100), D(200), D("0.02"), D("1")), None),
        (Bracket(2, D(100), D(200), D("0.02"), D("1.01")), "recurrence"),
        (Bracket(2, D(99), D(200), D("0.02"), D("0.99")), "cap"),
        (Bracket(2, D(100), D(100), D("0.02"), D("1")), "not above floor"),
        (Bracket(2, D(100), D(200), D("0.01"), D("0")), "does not rise"),
        (Bracket(2, D(100), D(200), D("1"), D("99")), None),
        (Bracket(2, D(100), D(200), D("1.01"), D("100")), "not in (0, 1]"),
    ],
)
def test_a_broken_row_is_named(row: Bracket, problem: str | None) -> None:
    """The second row of a table; the sentence names the row and what is wrong."""
    found = problems((Bracket(1, D(0), D(100), D("0.01"), D(0)), row))
    assert (problem is None and not found) or any(problem in each and "row 2" in each for each in found if problem)


def test_a_table_begins_at_zero() -> None:
    """No rows, a first floor above 0, a first cum above 0, a rate of 0."""
    assert problems(()) == ["the table has no rows"]
    assert "first floor" in problems((Bracket(1, D(1), D(2), D("0.1"), D(0)),))[0]
    assert "first cum" in problems((Bracket(1, D(0), D(2), D("0.1"), D(1)),))[0]
    second = Bracket(2, D(2), D(4), D("0.2"), D("0.2"))
    assert "row 1: the first floor" in problems((Bracket(1, D(1), D(2), D("0.1"), D(0)), second))[0]
    assert "row 1: the first cum" in problems((Bracket(1, D(0), D(2), D("0.1"), D(1)), second))[0]
    assert "rate 0" in problems((Bracket(1, D(0), D(2), D(0), D(0)),))[0]


def test_what_is_not_known_is_named() -> None:
    """A mark, an index, a bracket table or a contract that is missing: the error names the symbol or asset."""
    position = Position("BTCUSDT", "BOTH", D(1), D(100))
    account = Account({"USDT": D(50)}, {position.key: position})
    table = BracketTable("BTCUSDT", (Bracket(1, D(0), D(1000), D("0.1"), D(0)),), "", "")
    whole = rules(["BTCUSDT"], {"BTCUSDT": table}, day="2026-01-01")
    marks = Marks({"BTCUSDT": D(90)})
    assert margin(account, marks, whole).pools[0].liquidated is False
    with pytest.raises(MissingMark, match="BTCUSDT"):
        margin(account, Marks({}), whole)
    with pytest.raises(MissingBrackets, match="BTCUSDT"):
        margin(account, marks, rules(["BTCUSDT"], {}, day="2026-01-01"))
    with pytest.raises(MissingContract, match="BTCUSDT"):
        margin(account, marks, rules([], {"BTCUSDT": table}, day="2026-01-01"))
    with pytest.raises(MissingIndex, match="USDT"):
        margin(structs.replace(account, multi_assets=True), marks, whole)


def test_other_tables_replace_and_the_rest_stays() -> None:
    """Tables given later count; symbols without one keep theirs; assumptions change nothing else."""
    old = BracketTable("A", (Bracket(1, D(0), D(10), D("0.1"), D(0)),), "2026-01-01", "")
    new = BracketTable("A", (Bracket(1, D(0), D(10), D("0.2"), D(0)),), "2026-02-01", "")
    other = BracketTable("B", (Bracket(1, D(0), D(10), D("0.3"), D(0)),), "2026-01-01", "")
    base = rules([], {"A": old, "B": other}, day="2026-01-01")
    changed = base.with_tables({"A": new})
    assert [changed.brackets("A").rows[0].rate, changed.brackets("B").rows[0].rate] == [D("0.2"), D("0.3")]
    assert base.brackets("A") is old
    assert base.assuming(Assumptions(trigger="below")).tables == base.tables
    assert base.assuming(Assumptions(trigger="below")).assumptions.trigger == "below"


def test_a_very_small_position_still_dies() -> None:
    """Slopes far below 1: 0.0001 coin at 50, 10x; the lower end is where 0.0001·(m − 50) + 0.0005 = 0.0001·m·0.01."""
    table = BracketTable("XUSDT", (Bracket(1, D(0), D(10000), D("0.01"), D(0)),), "", "")
    venue = rules(["XUSDT"], {"XUSDT": table}, day="2026-01-01")
    for quantity, lower, upper in (("0.0001", "45.454545454546", None), ("-0.0001", None, "54.455445544554")):
        held = Position("XUSDT", "BOTH", D(quantity), D(quantity) * 50)
        account = Account({"USDT": D("0.0005")}, {held.key: held})
        terms = margin(account, Marks({"XUSDT": D(50)}), venue)
        found = prices(terms, Marks({"XUSDT": D(50)}), venue)[0].liquidation
        assert found == Interval(None if lower is None else D(lower), None if upper is None else D(upper))


@pytest.mark.parametrize(
    ("quantity", "floor", "interval"),
    [
        # Row 2 from 48 up; the long dies in row 1: 0.0001·(m − 50) + 0.0005 = 0.0001·m·0.01.
        ("0.0001", "0.0048", Interval(D("45.454545454546"), None)),
        # Row 2 from 52 up; the short dies in it: 0.0005 − 0.0001·(m − 50) = 0.0001·m·0.05 − 0.000208.
        ("-0.0001", "0.0052", Interval(None, D("54.361904761904"))),
    ],
)
def test_a_very_small_position_dies_in_another_row(quantity: str, floor: str, interval: Interval) -> None:
    """The row is resolved at the answer, also where all amounts are far below 1."""
    rows = (Bracket(1, D(0), D(floor), D("0.01"), D(0)), Bracket(2, D(floor), D(1), D("0.05"), D(floor) * D("0.04")))
    assert problems(rows) == []
    venue = rules(["XUSDT"], {"XUSDT": BracketTable("XUSDT", rows, "", "")}, day="2026-01-01")
    held = Position("XUSDT", "BOTH", D(quantity), D(quantity) * 50)
    account = Account({"USDT": D("0.0005")}, {held.key: held})
    marks = Marks({"XUSDT": D(50)})
    assert prices(margin(account, marks, venue), marks, venue)[0].liquidation == interval


@pytest.mark.parametrize(("wallet", "empty"), [("-0.5", False), ("-0.50000001", True), ("0.5", False)])
def test_a_flat_symbol_has_no_ends(wallet: str, empty: bool) -> None:
    """Long 1 @ 100, mark 111.11…: what another symbol or asset does changes nothing; only a dead pool is empty."""
    table = BracketTable("BTCUSDT", (Bracket(1, D(0), D(1000), D("0.1"), D(0)),), "", "")
    venue = rules(["BTCUSDT"], {"BTCUSDT": table}, day="2026-01-01")
    held = Position("BTCUSDT", "BOTH", D(1), D(100))
    account = Account({"USDT": D(wallet) + 10}, {held.key: held})
    pool = margin(account, Marks({"BTCUSDT": D(101)}), venue).pools[0]
    pool = structs.replace(pool, balance=pool.maintenance + D(wallet) + D("0.5"))
    assert survival_interval(pool, "ETHUSDT", venue.assumptions) == Interval(empty=empty)
    assert collateral_interval(pool, "BNB", venue.assumptions) == Interval(empty=empty)


@pytest.mark.parametrize(
    ("maker", "close", "fee"),
    [(True, "", "0.02"), (False, "", "0.05"), (None, "", None), (False, "adl", "0"), (None, "adl", "0")],
)
def test_who_pays_which_fee(maker: bool | None, close: str, fee: str | None) -> None:
    """1 at 100: maker 0.02 %, taker 0.05 %, unknown where neither is known, and nothing for the deleveraged."""
    venue = rules(["BTCUSDT"], {}, day="2026-01-01")
    fill = Fill(
        time_ms=0, symbol="BTCUSDT", side="BOTH", quantity=D(1), price=D(100), trade_id="1", maker=maker, close=close
    )
    terms = fill_terms(Position("BTCUSDT"), fill, venue.contract("BTCUSDT"), venue.fees)
    assert terms.fee == (None if fee is None else D(fee))
    assert fold(Account(), fill, venue).ledger["USDT", "commission"] == -D(fee or 0)


def hedge(wallet: str) -> Interval:
    """Long 1 and short 0.9, both at 100; the long enters a steep row at 100: surplus there is the wallet − 1.9."""
    rows = (Bracket(1, D(0), D(100), D("0.01"), D(0)), Bracket(2, D(100), D(1000), D("0.2"), D(19)))
    venue = rules(["XUSDT"], {"XUSDT": BracketTable("XUSDT", rows, "", "")}, day="2026-01-01")
    legs = [Position("XUSDT", "LONG", D(1), D(100)), Position("XUSDT", "SHORT", D("-0.9"), D("-90"))]
    account = Account({"USDT": D(wallet)}, {leg.key: leg for leg in legs})
    marks = Marks({"XUSDT": D(101)})
    terms = margin(account, marks, venue)
    found = {each.liquidation for each in prices(terms, marks, venue)}
    assert found == set(intervals(terms, venue).values()), "both legs share one interval, however it is asked for"
    return found.pop()


def test_a_single_price_may_survive() -> None:
    """The peak of the surplus is exactly 0 at 100: that price survives, and with one unit less none does."""
    assert hedge("1.9") == Interval(D(100), D(100))
    assert hedge("1.89999999") == Interval(empty=True)


@pytest.mark.parametrize(("wallet", "lower"), [("1", None), ("0.5", None), ("0.4", "0.111111111112")])
def test_a_wallet_that_pays_for_everything_has_no_lower_end(wallet: str, lower: str | None) -> None:
    """Long 1 @ 0.5 at 10 %: it survives every price if the wallet holds the cost."""
    table = BracketTable("XUSDT", (Bracket(1, D(0), D(1000), D("0.1"), D(0)),), "", "")
    venue = rules(["XUSDT"], {"XUSDT": table}, day="2026-01-01")
    held = Position("XUSDT", "BOTH", D(1), D("0.5"))
    account = Account({"USDT": D(wallet)}, {held.key: held})
    marks = Marks({"XUSDT": D("0.6")})
    terms = margin(account, marks, venue)
    assert prices(terms, marks, venue)[0].liquidation == Interval(None if lower is None else D(lower), None)
    assert intervals(terms, venue) == {("cross:USDT", "XUSDT"): Interval(None if lower is None else D(lower), None)}


def test_the_lower_end_may_lie_rows_below_the_mark() -> None:
    """Long 2 @ 10, wallet 19.5: the row at the mark would survive zero, the first row does not: 2m − 0.5 = 0.02·m."""
    rows = (Bracket(1, D(0), D(10), D("0.01"), D(0)), Bracket(2, D(10), D(1000), D("0.07"), D("0.6")))
    assert problems(rows) == []
    venue = rules(["XUSDT"], {"XUSDT": BracketTable("XUSDT", rows, "", "")}, day="2026-01-01")
    held = Position("XUSDT", "BOTH", D(2), D(20))
    marks = Marks({"XUSDT": D(10)})
    terms = margin(Account({"USDT": D("19.5")}, {held.key: held}), marks, venue)
    assert prices(terms, marks, venue)[0].liquidation == Interval(D("0.252525252526"), None)


def test_a_flat_position_breaks_even_nowhere() -> None:
    """Long 2 @ 10 with a fee of 0.02 breaks even at 10.01; flat, nowhere."""
    table = BracketTable("XUSDT", (Bracket(1, D(0), D(1000), D("0.1"), D(0)),), "", "")
    venue = rules(["XUSDT"], {"XUSDT": table}, day="2026-01-01")
    marks = Marks({"XUSDT": D(10)})
    held = Position("XUSDT", "BOTH", D(2), D(20), entry_fees=D("0.02"))
    assert break_even(position_terms(held, marks, venue)) == D("10.01")
    assert break_even(position_terms(Position("XUSDT"), marks, venue)) is None


def two_longs(rate: str, *, multi: bool = False, index: str = "1") -> tuple[PoolTerms, VenueRules]:
    """Long 1 A @ 100 and long 3 B @ 100, both marked at 90, with 1,040 USDT: balance 1,000."""
    row = Bracket(1, D(0), D(10000), D(rate), D(0))
    venue = rules(
        ["AUSDT", "BUSDT"], {s: BracketTable(s, (row,), "", "") for s in ("AUSDT", "BUSDT")}, day="2026-01-01"
    )
    held = [Position("AUSDT", "BOTH", D(1), D(100)), Position("BUSDT", "BOTH", D(3), D(300))]
    account = Account({"USDT": D(1040)}, {each.key: each for each in held}, multi_assets=multi)
    usdt = AssetIndex(D(index), D(index), D(index))
    return margin(account, Marks({"AUSDT": D(90), "BUSDT": D(90)}, {"USDT": usdt}), venue).pools[0], venue


@pytest.mark.parametrize("rate", ["0", "0.1"])
def test_without_maintenance_the_split_is_by_notional(rate: str) -> None:
    """A is a quarter by maintenance and by notional: of 1,000 it may lose 250, of 40 it may lose 10."""
    pool, venue = two_longs(rate)
    small = structs.replace(pool, balance=D(40))
    found = [bankruptcy(small, each, venue.assumptions) for each in small.positions]
    assert found == [D(80), D(80)]
    assert [bankruptcy(pool, each, venue.assumptions) for each in pool.positions] == [None, None]


@pytest.mark.parametrize(("multi", "index"), [(False, "1"), (True, "1"), (True, "2"), (True, "0.5")])
def test_the_share_that_a_limit_implies(multi: bool, index: str) -> None:
    """A limit of 80 gives A 10 of the balance of 1,000 USDT, whatever a USDT is worth; nothing of a balance of 0."""
    pool, _ = two_longs("0.1", multi=multi, index=index)
    assert pool.balance == 1000 * D(index)
    assert implied_share(pool, pool.positions[0], D(80)) == D("0.01")
    assert implied_share(structs.replace(pool, balance=D(0)), pool.positions[0], D(80)) is None


def test_an_empty_account_has_no_pools() -> None:
    """In neither mode."""
    venue = rules([], {}, day="2026-01-01")
    for multi in (False, True):
        assert margin(Account(multi_assets=multi), Marks({}), venue).pools == ()


def test_fifty_digits_are_exact() -> None:
    """The widest sum that the rules promise to keep: 1e14 and 1e-35 together have 50 digits."""
    wide = exact(lambda a, b: a + b)(D("1e14"), D("1e-35"))
    assert str(wide) == "100000000000000.00000000000000000000000000000000001"


def test_books_that_do_not_balance_say_where() -> None:
    """A wallet beside its ledger, and a remainder beside what rounding left."""
    venue = rules(["BTCUSDT"], {}, day="2026-01-01")
    fill = Fill(time_ms=0, symbol="BTCUSDT", side="BOTH", quantity=D(1), price=D(100), trade_id="1", fee=D(0))
    sound = fold(open_account({"USDT": D(5)}, contracts=venue.contracts), fill, venue)
    assert books_problem(sound, venue) is None
    wallet = structs.replace(sound, wallets={"USDT": D(6)})
    assert books_problem(wallet, venue) == "USDT: the wallet holds 6, the ledger 5.00000000"
    remainder = structs.replace(sound, remainder={"USDT": D(1)})
    assert books_problem(remainder, venue) == "USDT: 0.00000000 is left by rounding, the remainder account holds 1"


@pytest.mark.parametrize(("category", "told"), [("realized_pnl", "untraded_pnl"), ("transfer", "transfer")])
def test_profit_without_its_trade_is_kept_apart(category: Category, told: str) -> None:
    """Trade cash and remainder know nothing of it; any other flow is booked under its own name."""
    venue = rules([], {}, day="2026-01-01")
    flow = Flow(time_ms=0, category=category, reason="", applied={"USDT": D(3)})
    ledger = fold(open_account({"USDT": D(5)}, contracts={}), flow, venue).ledger
    assert ledger == {("USDT", "opening"): D(5), ("USDT", told): D(3)}


@pytest.mark.parametrize(("wallet", "price"), [("0.5", "200"), ("1", None), ("1.005", None)])
def test_an_inverse_short_with_more_than_its_notional_is_never_bankrupt(wallet: str, price: str | None) -> None:
    """One contract of 100 USD, short at 100 and marked at 100, loses at most one coin, however high the price goes."""
    table = BracketTable("BTCUSD_PERP", (Bracket(1, D(0), D(1000), D("0.004"), D(0)),), "", "")
    venue = binance_coinm.rules(["BTCUSD_PERP"], {"BTCUSD_PERP": table}, day="2026-01-01")
    held = Position("BTCUSD_PERP", "BOTH", D(-1), D(-1))
    account = Account({"BTC": D(wallet)}, {held.key: held})
    pool = margin(account, Marks({"BTCUSD_PERP": D(100)}), venue).pools[0]
    assert pool.balance == D(wallet)
    assert bankruptcy(pool, pool.positions[0], venue.assumptions) == (None if price is None else D(price))


def test_a_close_frees_margin_at_the_index_of_its_asset() -> None:
    """A USDT is worth 2 USD. Each B closed at 90 frees 18 USD of margin and costs 1.8 USD of fee; 24 USD are wanted:
    72 − 18 q ≤ 0.8 · (60 − 1.8 q) from 1.449 on."""
    pool, venue = two_longs("0.1", multi=True, index="2")
    pool = structs.replace(pool, balance=D(60))
    assert pool.maintenance == 72
    found = remedy(pool, D("0.01"), venue.assumptions, target=D("0.8")).close[1]
    assert (found.symbol, found.quantity) == ("BUSDT", D("1.450"))

"""The worked examples of the pages about liquidations against the oracle, and what must hold of every random venue."""

import copy
import json
import random
from fractions import Fraction

import pytest

from . import deleverage, losses, waterfall
from .book import take
from .desk import clear_negative, liquidate, make_passes, warned
from .generate_desk import TAKEN, features, random_desk
from .oracle import BOOKED_UNIT, ZERO, Pool, Position, exact_text
from .venue import Venue

ASSUMED = {
    "trigger-comparison": "reached",
    "multi-asset-equity-rate": "net",
    "multi-asset-requirement-rate": "index",
}
TINY = Fraction(1, 10**30)
ONES = (Fraction(1),) * 3
DYDX = {"takeover": "none", "limit": "fillable", "partial": "share", "fee": "improvement", "only_bankrupt": True}
CONTRACT = {
    "kind": "linear",
    "base": "BTC",
    "quote": "USDT",
    "margin_asset": "USDT",
    "tick": "0.1",
    "lot": "0.001",
    "contract_size": "1",
    "liquidation_fee": "0.0125",
}
RULES = {
    "cancel": "pool",
    "partial": "restore",
    "partial_share": "0.1",
    "least_notional": "1000",
    "most_notional": "100000",
    "tiers": 1,
    "order": "maintenance",
    "limit": "bankruptcy",
    "limit_tick": "inside",
    "fillable_adjustment": "1",
    "fillable_spread": "0.1",
    "takeover": "pool",
    "fee": "clearance",
    "fee_cap": "collateral-left",
    "fund_share": "1",
    "fund_notional": "1",
    "only_bankrupt": False,
    "after_fund": "deleverage",
}
QUEUE = {"ranking": "leverage-pnl", "choice": "queue", "price": "bankruptcy", "pnl": "position", "skip_overlap": False}


# --- small venues ---------------------------------------------------------------------------------------------------


def account(quantity, cost, wallet, isolated=None):
    """One BTCUSDT position; `wallet` is the cross wallet."""
    own = "0" if isolated is None else isolated
    position = {
        "symbol": "BTCUSDT",
        "side": "BOTH",
        "quantity": quantity,
        "cost": cost,
        "margin": "cross" if isolated is None else "isolated",
        "isolated_wallet": own,
    }
    total = exact_text(Fraction(wallet) + Fraction(own))
    positions = [position] if Fraction(quantity) else []
    return {"asset_mode": "single", "wallets": {"USDT": total}, "leverage": {}, "positions": positions}


def order(number, owner, side, price, size):
    ticks, lots = Fraction(price) / Fraction("0.1"), Fraction(size) / Fraction("0.001")
    return {"id": number, "owner": owner, "side": side, "ticks": int(ticks), "lots": int(lots)}


def venue(accounts, mark, rate="0.004", book=(), fund="0", **rules):
    return {
        "contracts": {"BTCUSDT": CONTRACT},
        "brackets": {"BTCUSDT": [["0", "300000", rate, "0"]]},
        "fees": {"maker": "0", "taker": "0.0005"},
        "marks": {"BTCUSDT": mark},
        "previous_marks": {"BTCUSDT": mark},
        "indices": {},
        "accounts": accounts,
        "fund": {"wallets": {"USDT": fund}, "positions": []},
        "book": {"BTCUSDT": list(book)},
        "waterfall": RULES | rules,
        "deleveraging": dict(QUEUE),
        "assumptions": {},
    }


def steps(result):
    return [step["step"] for step in result["log"]]


def position_of(quantity, cost, mark, rates=(("0.1", "0"),), lot="0.000001"):
    """A cross position, for the formulas alone."""
    given = {"symbol": "BTCUSDT", "side": "BOTH", "quantity": quantity, "cost": cost}
    rows = [(Fraction(rate), Fraction(cum)) for rate, cum in rates]
    return Position(given, CONTRACT | {"lot": lot}, rows, Fraction(mark))


def pool_of(position, wallet):
    """The cross pool in which that position is the only one."""
    return Pool("cross:USDT", {"USDT": Fraction(wallet)}, [position], {"USDT": ONES}, ASSUMED)


# --- docs/spec/liquidation_desk.md ----------------------------------------------------------------------------------


def test_short_isolated():
    """The worked example, number by number."""
    book = [order(1, "maker", "SELL", "50450", "1.2"), order(2, "maker", "SELL", "50600", "5")]
    accounts = {"a": account("-2", "-100000", "0", "1000"), "maker": account("0", "0", "1000000")}
    result = liquidate(venue(accounts, "50400", "0.005", book, fund="100000"))
    assert steps(result) == ["reduce", "fee", "takeover"]
    reduce, fee, takeover = result["log"]
    assert (reduce["quantity"], reduce["limit"], reduce["filled"]) == ("2", "50500", "1.2")
    assert fee["amount"] == "80"
    assert (takeover["quantity"], takeover["price"], takeover["profit"]) == ("-0.8", "50400", "-320")
    assert result["accounts"]["a"] == {"wallets": {"USDT": "29.73"}, "positions": []}
    assert result["fees"] == {"USDT": "30.27"}
    assert result["fund"]["wallets"] == {"USDT": "100080"}
    assert result["fund"]["positions"][0]["quantity"] == "-0.8"


def test_negative_balance():
    """Section g: the fund as far as it has it, then `bad_debt`; not with something open."""
    accounts = {"a": account("0", "0", "-100"), "b": account("0", "0", "-100"), "c": account("1", "50000", "-100")}
    result = clear_negative(venue(accounts, "50000", fund="160"))
    assert [(step["account"], step["amount"], step["debt"]) for step in result["log"]] == [
        ("a", "100", "0"),
        ("b", "60", "40"),
    ]
    assert result["accounts"]["a"]["wallets"] == {}
    assert result["accounts"]["b"]["wallets"] == {}
    assert result["accounts"]["c"]["wallets"] == {"USDT": "-100"}
    assert result["fund"]["wallets"] == {}
    assert result["bad_debt"] == {"USDT": "-40"}


@pytest.mark.parametrize(
    ("rules", "told", "fund", "bad_debt"),
    [
        ({}, [("clear", "30"), ("repay", "40")], "5", {}),
        ({"repay_bad_debt": False}, [("clear", "30")], "45", {"USDT": "-40"}),
        ({"after_fund": "socialise"}, [("clear", "0")], "75", {"USDT": "-70"}),
        ({"after_fund": "claw-back"}, [("clear", "0")], "75", {"USDT": "-70"}),
    ],
)
def test_bad_debt(rules, told, fund, bad_debt):
    """40 from before, a debt of 30, and a fund with 75; where losses are shared it has paid already."""
    state = venue({"a": account("0", "0", "-30")}, "50000", fund="75", **rules) | {"bad_debt": {"USDT": "-40"}}
    result = clear_negative(state)
    assert [(step["step"], step["amount"]) for step in result["log"]] == told
    assert (result["accounts"]["a"]["wallets"], result["bad_debt"]) == ({}, bad_debt)
    assert result["fund"]["wallets"] == {"USDT": fund}


def test_new_debts_before_bad_debt():
    """The fund pays all accounts before it pays anything back."""
    accounts = {"a": account("0", "0", "-10"), "b": account("0", "0", "-10")}
    result = clear_negative(venue(accounts, "50000", fund="25") | {"bad_debt": {"USDT": "-40"}})
    assert [(step["step"], step["amount"]) for step in result["log"]] == [
        ("clear", "10"),
        ("clear", "10"),
        ("repay", "5"),
    ]
    assert result["bad_debt"] == {"USDT": "-35"}


def test_socialised_loss_of_a_venue():
    """An isolated long that is bankrupt by 500: the fund has 100, the holders of 3 BTC pay 400."""
    accounts = {
        "a": account("1", "50000", "0", "500"),
        "b": account("-2", "-100000", "100000"),
        "c": account("1", "50000", "100000"),
    }
    result = liquidate(venue(accounts, "49000", fund="100", fund_notional="0", after_fund="socialise"))
    assert steps(result) == ["reduce", "takeover-at-mark", "loss"]
    loss = result["log"][-1]
    assert (loss["loss"], loss["fund"], loss["debt"]) == ("500", "100", "0")
    assert loss["charged"] == {"b": "266.66666668", "c": "133.33333334"}
    assert result["remainder"] == {"USDT": "0.00000002"}
    assert result["accounts"]["a"] == {"wallets": {}, "positions": []}


def test_clawback_of_a_venue():
    """The winner pays what the fund has not; a loser nothing."""
    accounts = {
        "a": account("1", "50000", "-500"),
        "b": account("-2", "-100000", "100000"),
        "c": account("1", "50000", "100000"),
    }
    result = liquidate(venue(accounts, "49000", fund="100", fund_notional="0", after_fund="claw-back"))
    assert result["log"][-1]["charged"] == {"b": "1400"}
    assert result["accounts"]["a"] == {"wallets": {}, "positions": []}


def with_second_symbol(state, name, position, mark="100"):
    """The same venue with ETHUSDT, in which one account holds a position too; its wallet is the whole one."""
    for key in ("contracts", "brackets", "marks", "previous_marks"):
        state[key]["ETHUSDT"] = copy.deepcopy(state[key]["BTCUSDT"])
    state["marks"]["ETHUSDT"] = state["previous_marks"]["ETHUSDT"] = mark
    position = {"symbol": "ETHUSDT", "side": "BOTH", "margin": "cross", "isolated_wallet": "0", **position}
    state["accounts"][name]["positions"].append(position)
    return state


def of_whom(result):
    """The accounts in the order in which they are liquidated, and which pool of them."""
    return list(dict.fromkeys((step["account"], step["pool"]) for step in result["log"]))


def test_one_turn_in_a_command():
    """dYdX closes a tenth; what is still at its trigger waits for the next command."""
    accounts = {"a": account("10", "500000", "11000"), "maker": account("0", "0", "1000000")}
    state = venue(accounts, "49000", rate="0.04", book=[order(1, "maker", "BUY", "49000", "100")], **DYDX)
    first = liquidate(state)
    assert (steps(first), first["passes"]) == (["reduce", "fee"], 2)
    assert first["accounts"]["a"]["positions"][0]["quantity"] == "9"
    second = liquidate(after(state, first))
    assert (steps(second), second["passes"]) == (["reduce", "fee"], 2)
    assert second["accounts"]["a"]["positions"][0]["quantity"] == "8.1"


def test_cancelled_orders_concern_nobody():
    accounts = {"a": account("10", "500000", "11000"), "b": account("0", "0", "1000")}
    result = liquidate(venue(accounts, "49000", rate="0.04", book=[order(1, "a", "BUY", "40000", "1")], **DYDX))
    assert (steps(result), result["passes"]) == (["cancel", "reduce"], 1)


def test_isolated_drags_cross_down():
    """The fee of the isolated position, 4.99, is more than the cross pool can lose: that one goes in the next pass."""
    accounts = {
        "a": account("0.2", "10000", "0.42", "20"),
        "maker": account("0", "0", "1000000"),
        "b": account("-0.2", "-10000", "1000000"),
    }
    state = venue(accounts, "49900", book=[order(1, "maker", "BUY", "49900", "1")], fund="1000")
    state = with_second_symbol(state, "a", {"quantity": "1", "cost": "100"})
    result = liquidate(state)
    assert of_whom(result) == [("a", "isolated:BTCUSDT:BOTH"), ("a", "cross:USDT")]
    assert steps(result) == ["reduce", "reduce", "takeover"]
    assert result["log"][0]["filled"] == "-0.2"
    assert result["passes"] == 3


def test_charged_falls_in_the_next_pass():
    """The winner `a` comes before the loser `b`: what it is charged takes it to its trigger, and its turn is later."""
    accounts = {
        "a": account("-1", "-50000", "-700"),
        "b": account("1", "50000", "-500"),
    }
    result = liquidate(venue(accounts, "49000", fund_notional="0", after_fund="claw-back"))
    assert [name for name, _ in of_whom(result)] == ["b", "a"]
    assert result["log"][2]["charged"] == {"a": "1000"}
    assert result["log"][2]["debt"] == "500"
    assert result["passes"] == 3


def test_maker_falls_in_the_next_pass():
    """`a` buys above the mark from `b`, and has not the money for it."""
    accounts = {"a": account("0", "0", "1"), "b": account("1", "50000", "500")}
    state = venue(accounts, "49600", book=[order(1, "a", "BUY", "49610", "1")], fund="100000")
    result = liquidate(state)
    assert [name for name, _ in of_whom(result)] == ["b", "a"]
    assert result["passes"] == 3


def test_warned():
    accounts = {
        "a": account("1", "50000", "647"),
        "b": account("1", "50000", "648"),
        "c": account("1", "50000", "598"),
        "d": account("1", "50000", "648.1"),
        "e": account("0", "0", "1"),
    }
    told = warned(venue(accounts, "49600"))  # maintenance 198.4, and 198.4 / 0.8 = 248
    assert told == [{"account": name, "pool": "cross:USDT"} for name in "ab"]


def test_no_loss_is_shared_where_the_book_took_all():
    """Sold at 49,500 the account owes a fee of 24.75; that is no loss of the fund's takeover."""
    accounts = {"a": account("1", "50000", "500"), "b": account("-1", "-50000", "1000000")}
    state = venue(accounts, "49600", book=[order(1, "b", "BUY", "49500", "1")], fund="100", after_fund="socialise")
    result = liquidate(state)
    assert steps(result) == ["reduce"]
    assert result["accounts"]["a"]["wallets"] == {"USDT": "-24.75"}


def test_nothing_more_after_a_rest():
    """Nobody takes the first position of the plan, so the fund is not asked for the second one."""
    accounts = {"a": account("1", "50000", "300"), "b": account("-0.4", "-20000", "1000000")}
    state = venue(accounts, "49600", fund="0")
    state = with_second_symbol(state, "a", {"quantity": "1", "cost": "100"})
    state["deleveraging"] |= {"price": "mark"}
    result = liquidate(state)
    assert steps(result) == ["reduce", "deleverage", "uncovered"]
    assert result["uncovered"][0]["quantity"] == "0.6"
    assert [each["quantity"] for each in result["accounts"]["a"]["positions"]] == ["0.6", "1"]
    assert result["passes"] == 2


# --- docs/spec/waterfall.md -----------------------------------------------------------------------------------------


def test_all_is_sold():
    accounts = {"a": account("1", "50000", "500"), "maker": account("0", "0", "1000000")}
    result = liquidate(venue(accounts, "49600", fund="50000"))
    assert steps(result) == ["reduce", "takeover"]
    assert (result["log"][0]["quantity"], result["log"][0]["limit"]) == ("-1", "49500")
    assert (result["log"][1]["quantity"], result["log"][1]["price"]) == ("1", "49500")
    sold = liquidate(venue(accounts, "49600", book=[order(1, "maker", "BUY", "49500", "2")]))
    assert steps(sold) == ["reduce"]  # the taker fee leaves no collateral for the clearance fee
    assert sold["accounts"]["a"]["wallets"] == {"USDT": "-24.75"}


def test_dydx_fillable_price():
    position = position_of("0.1", "4501", "50000")
    pool = pool_of(position, "0")
    rules = {"fillable_adjustment": "1", "fillable_spread": "0.1"}
    assert waterfall.fillable_price(pool, position, rules) == 49999
    assert waterfall.bankruptcy_price(pool, position, "maintenance") == 45010


def test_dydx_improvement_fee():
    received, bankrupt = Fraction(5610), Fraction(5100)
    assert waterfall.improvement_fee(Fraction("0.005"), received, bankrupt) == Fraction("28.05")
    assert waterfall.improvement_fee(Fraction(1), received, bankrupt) == 510
    assert waterfall.improvement_fee(Fraction(1), bankrupt, received) == -510


@pytest.mark.parametrize(
    ("filled", "unit", "gets"),
    [
        ("-13", "0.000001", "0.002776"),
        ("13", "0.000001", "-0.002775"),
        ("-13", None, "0.00277511"),
        ("-100", "0.000001", "0.021347"),
        ("100", "0.000001", "-0.021347"),
    ],
)
def test_dydx_rounds_bankruptcy(filled, unit, gets):
    """Published: up, so that a sale at bankruptcy gives more and a purchase costs less; a multiple stays."""
    quote_unit = unit and Fraction(unit)
    assert waterfall.at_bankruptcy(Fraction(filled), Fraction("0.00021347"), quote_unit) == Fraction(gets)


def bankrupt_venue(fund, book, **rules):
    """A long that owes 3,000 at the mark 50,000: bankrupt at 53,000, sold down to 47,000; `b` could be deleveraged."""
    accounts = {
        "a": account("1", "50000", "-3000"),
        "b": account("-1", "-50000", "100000"),
        "maker": account("0", "0", "1000000"),
    }
    rules = DYDX | {"partial": "whole", "fillable_spread": "1.5", "cancel": "none"} | rules
    return venue(accounts, "50000", "0.04", book, fund=fund, **rules)


FOUR = (("49900", "0.02"), ("49800", "0.02"), ("49700", "0.02"), ("49600", "0.001"))
"""Bids that lack 62, 64, 66 and 3.4 against 53,000."""


def bids():
    """The four of the maker, and between them two of `a`, at 49,850 and 49,750."""
    book = [order(number, "maker", "BUY", price, size) for number, (price, size) in enumerate(FOUR, 1)]
    return [*book, order(11, "a", "BUY", "49850", "1"), order(12, "a", "BUY", "49750", "1")]


def test_fund_pays_for_a_worse_fill():
    """Filled at the fillable price, worse than bankruptcy: the fund pays what is lacking, `fees` has no part in it."""
    book = [order(1, "maker", "BUY", "49900", "2")]
    result = liquidate(bankrupt_venue("3100", book, fund_share="0.5"))
    fee = next(step for step in result["log"] if step["step"] == "fee")
    assert (fee["amount"], fee["fund"], fee["fees"]) == ("-3100", "-3100", "0")
    assert result["fund"]["wallets"] == {}
    assert result["accounts"]["a"] == {"wallets": {"USDT": "-24.95"}, "positions": []}  # its taker fee


@pytest.mark.parametrize(
    ("fund", "fills", "expired", "cut", "left"),
    [
        ("200", 4, [11, 12], 0, "4.6"),
        ("195.4", 4, [11, 12], 0, None),
        ("195.39999999", 3, [11, 12], 1, "3.39999999"),
        ("192", 3, [11, 12], 1, None),
        ("130", 2, [11], 2, "4"),
        ("126", 2, [11], 2, None),
        ("125.99999999", 1, [], 3, "63.99999999"),
        ("62", 1, [], 3, None),
    ],
)
def test_order_is_cut_by_the_fund(fund, fills, expired, cut, left):
    """Matches are made whole up to the first that the fund cannot pay; the 3.4 of the fourth are not asked by 130."""
    result = liquidate(bankrupt_venue(fund, bids()))
    assert steps(result) == ["reduce", "fee"]  # still below zero, and `b` is not deleveraged
    step, fee = result["log"]
    assert (step["quantity"], step["cut"], step["expired"]) == ("-1", cut, expired)
    assert [each["id"] for each in step["fills"]] == [1, 2, 3, 4][:fills]
    assert result["fund"]["wallets"] == ({} if left is None else {"USDT": left})
    assert Fraction(fee["amount"]) == Fraction(left or 0) - Fraction(fund)
    gone = {*range(1, fills + 1), *expired}
    assert {each["id"] for each in result["book"]["BTCUSDT"]} == {1, 2, 3, 4, 11, 12} - gone


@pytest.mark.parametrize(
    ("unit", "fund", "fills", "fee"),
    [
        ("50", "156", 2, "-156"),  # 2,120 is 2,150, and 1,994 are received
        ("50", "155.99999999", 1, "-102"),  # 1,060 is 1,100
        ("50", "101.99999999", 0, None),
        ("10", "126", 2, "-126"),  # 2,120 is a multiple
        (None, "126", 2, "-126"),
    ],
)
def test_bankruptcy_in_quote_units(unit, fund, fills, fee):
    """What the fund can pay and what it pays are rounded alike: once, for all matches together."""
    result = liquidate(bankrupt_venue(fund, bids()[:2], quote_unit=unit))
    fees = [step["amount"] for step in result["log"] if step["step"] == "fee"]
    assert (len(result["log"][0]["fills"]), fees) == (fills, [fee] if fee else [])


def test_purchase_in_quote_units():
    """A short bankrupt at 50,010: 0.5 cost 25,005, in units of 10 they cost 25,000, so 25,020 paid lack 20, not 15."""
    accounts = {"a": account("-1", "-50000", "10"), "maker": account("0", "0", "1000000")}
    book = [order(1, "maker", "SELL", "50040", "0.5")]
    rules = DYDX | {"partial": "whole", "fillable_spread": "1.5", "quote_unit": "10"}
    result = liquidate(venue(accounts, "50000", "0.04", book, fund="20", **rules))
    assert (result["log"][0]["filled"], result["log"][1]["amount"]) == ("0.5", "-20")


def test_account_is_where_bankruptcy_would_leave_it():
    """0.04 sold for 1,994 instead of 2,120, of which the fund pays 126: −3,000 + 0.04 · 3,000 less the taker fee."""
    result = liquidate(bankrupt_venue("130", bids()))
    assert result["log"][0]["filled"] == "-0.04"
    assert result["fees"] == {"USDT": "0.997"}
    assert result["accounts"]["a"]["wallets"] == {"USDT": "-2880.997"}
    assert result["accounts"]["a"]["positions"][0]["quantity"] == "0.96"
    assert result["accounts"]["b"]["positions"][0]["quantity"] == "-1"
    assert result["passes"] == 2


def test_no_match_is_made_then_deleveraged():
    """A unit less than the 62 of the first match: nothing trades, own orders stay, `b` takes all at 53,000."""
    result = liquidate(bankrupt_venue("61.99999999", bids()))
    assert steps(result) == ["reduce", "deleverage"]
    step, closed = result["log"]
    assert (step["quantity"], step["filled"], step["fills"], step["expired"], step["cut"]) == ("-1", "0", [], [], 4)
    assert (closed["quantity"], closed["price"], closed["counterparty"]) == ("1", "53000", "b")
    assert result["accounts"]["a"] == {"wallets": {}, "positions": []}
    assert result["accounts"]["b"] == {"wallets": {"USDT": "97000"}, "positions": []}
    assert len(result["book"]["BTCUSDT"]) == 6
    assert result["fund"]["wallets"] == {"USDT": "61.99999999"}


def test_deleveraged_in_the_next_command():
    """The first order fills something; the next one nothing, with 4 in the fund, and only then comes deleveraging."""
    state = bankrupt_venue("130", bids())
    first = liquidate(state)
    second = liquidate(after(state, first))
    assert (steps(first), steps(second)) == (["reduce", "fee"], ["reduce", "deleverage"])
    assert (second["log"][0]["fills"], second["log"][0]["cut"]) == ([], 2)
    assert (second["log"][1]["quantity"], second["log"][1]["counterparty"]) == ("0.96", "b")


def test_only_own_orders():
    """No match at all is not a cut: the order meets the book in full."""
    result = liquidate(bankrupt_venue("0", [order(11, "a", "BUY", "49850", "1")]))
    assert steps(result) == ["reduce", "deleverage"]
    assert (result["log"][0]["expired"], result["log"][0]["cut"], result["book"]["BTCUSDT"]) == ([11], 0, [])


@pytest.mark.parametrize(("fund", "filled", "fee"), [("50", "-1", "-50"), ("49.99999999", "-0.5", "50")])
def test_matches_count_together(fund, filled, fee):
    """Bankrupt at 49,900: 0.5 at 50,000 has 50 over, 0.5 at 49,700 lacks 100. Alone the first pays 50 to the fund."""
    accounts = {"a": account("1", "50000", "100"), "maker": account("0", "0", "1000000")}
    rules = DYDX | {"partial": "whole", "fillable_spread": "1.5"}
    book = [order(1, "maker", "BUY", "50000", "0.5"), order(2, "maker", "BUY", "49700", "0.5")]
    result = liquidate(venue(accounts, "50000", "0.04", book, fund=fund, **rules))
    assert steps(result)[:2] == ["reduce", "fee"]
    assert (result["log"][0]["filled"], result["log"][1]["amount"]) == (filled, fee)


def test_nothing_is_taken_over_after_a_fill():
    """`improvement` where the fund takes over: what is left waits for the next command."""
    rules = {"takeover": "pool", "only_bankrupt": False}
    result = liquidate(bankrupt_venue("130", bids(), **rules))
    assert steps(result) == ["reduce", "fee"]
    assert steps(liquidate(bankrupt_venue("0", bids(), **rules))) == ["reduce", "deleverage"]


def test_cut_by_the_mark():
    """A short that owes more than it is worth has no bankruptcy price: what a match lacks is asked against the mark."""
    accounts = {"a": account("-1", "-50000", "-60000"), "maker": account("0", "0", "1000000")}
    rules = DYDX | {"partial": "whole", "fillable_spread": "1.5"}
    book = [order(1, "maker", "SELL", "50100", "0.1"), order(2, "maker", "SELL", "50200", "0.1")]
    result = liquidate(venue(accounts, "50000", "0.04", book, fund="29.99999999", **rules))
    assert steps(result) == ["reduce", "fee"]
    assert (result["log"][0]["filled"], result["log"][0]["cut"], result["log"][1]["amount"]) == ("0.1", 1, "-10")


@pytest.mark.parametrize(("rate", "closes"), [("0", "1"), ("0.01", "1.111112"), ("0.02", "1.25")])
def test_drift_closes(rate, closes):
    """Shortage 10, margin 10 %, price 100."""
    position = position_of("10", "1000", "100")
    pool = pool_of(position, "90")
    assert waterfall.restoring_part(pool, position, {}, Fraction(rate), Fraction(1)) == Fraction(closes)


def test_drift_socialises():
    charges = losses.socialised({"a": Fraction(7), "b": Fraction(4)}, 100, Fraction(1, 10**5))
    assert charges == {"a": 7 * Fraction("9.09091"), "b": 4 * Fraction("9.09091")}


def test_okx_closes_two_brackets():
    table = [["0", "2000", "0.1", "0"], ["2000", "10000", "0.2", "200"], ["10000", "20000", "0.3", "1200"]]
    position = position_of("15000", "15000", "1", [row[2:] for row in table], "1")
    pool = pool_of(position, "0")
    rules = {"partial": "tier", "tiers": 2}
    given = {"table": [[Fraction(number) for number in row] for row in table]}
    assert waterfall.part_to_close(pool, position, rules, given) == 13000
    assert waterfall.part_to_close(pool, position, rules | {"tiers": 3}, given) == 15000


def test_crypto_com_claws_back():
    profits = dict(enumerate(map(Fraction, (50000, 45000, 30000, 30000, 15000, 1000))))
    charges, covered = losses.clawed_back(profits, 10000)
    assert covered == 10000
    paid = [round(float(charge), 2) for charge in charges.values()]
    assert paid == [2923.98, 2631.58, 1754.39, 1754.39, 877.19, 58.48]
    assert 0 <= covered - sum(charges.values()) < 6 * BOOKED_UNIT


def test_sum_of_a_clawback_is_truncated():
    """Profits that are not on the unit, less than the loss."""
    profits = {"a": Fraction("0.000000015"), "b": Fraction("0.000000017"), "c": Fraction(-1)}
    charges, covered = losses.clawed_back(profits, 1)
    assert charges == {"a": BOOKED_UNIT, "b": BOOKED_UNIT}
    assert covered == 3 * BOOKED_UNIT


@pytest.mark.parametrize(
    ("price", "limit", "taken"),
    [("49600", None, "1"), ("49900", None, "0.333"), ("49600", "1", "0.002"), ("49500", "500", "1")],
)
def test_fund_takes(price, limit, taken):
    """Equity 100; at 49,900 each unit loses 300 to the mark."""
    position = position_of("1", "50000", "49600", lot="0.001")
    assert waterfall.taken_by_fund(position, Fraction(price), Fraction(100), [], limit) == Fraction(taken)


# --- docs/spec/deleveraging.md --------------------------------------------------------------------------------------


class Seat:
    """A candidate of whom only the size counts."""

    def __init__(self, name, lots):
        self.name, self.lots = name, lots


def test_bitmex_queue():
    lots, scores = (10, 10, 20, 30, 20, 10), (3, 6, 1, 4, 5, 2)
    queue = sorted((Seat(n + 1, size) for n, size in enumerate(lots)), key=lambda seat: -scores[seat.name - 1])
    assert [seat.name for seat in queue] == [2, 5, 4, 1, 6, 3]
    assert [(seat.name, part) for seat, part in deleverage.chosen(queue, 20, "queue", 0)] == [(2, 10), (5, 10)]


def test_queue_and_proportion():
    queue = [Seat(2, 40), Seat(1, 80), Seat(3, 5)]
    assert [(seat.name, part) for seat, part in deleverage.chosen(queue, 75, "queue", 0)] == [(2, 40), (1, 35)]
    parts = [(seat.name, part) for seat, part in deleverage.chosen(queue, 75, "pro-rata", 0)]
    assert parts == [(2, 24), (1, 48), (3, 3)]
    assert [(seat.name, part) for seat, part in deleverage.chosen(queue, 75, "seeded-start", 5)] == [
        (3, 5),
        (2, 40),
        (1, 30),
    ]


def test_score():
    position = position_of("-1", "-60000", "50000", (("0.01", "0"),))
    candidate = deleverage.Candidate("a", pool_of(position, "10000"), position)
    assert deleverage.leverage_pnl(candidate, "position", "maintenance") == Fraction("0.025")


@pytest.mark.parametrize(("wallet", "score"), [("40000", "1.25"), ("-10000", "0"), ("-20000", "0")])
def test_profit_notional(wallet, score):
    """A profit of 10,000 at the mark 50,000: (50,000 / 40,000) · 50,000 / balance, 0 without a balance above 0."""
    position = position_of("1", "40000", "50000")
    candidate = deleverage.Candidate("a", pool_of(position, wallet), position)
    assert deleverage.profit_notional(candidate, "position", "maintenance") == Fraction(score)


@pytest.mark.parametrize(
    ("quantity", "cost", "wallet", "takes"),
    [("1", "50000", "60000", True), ("-1", "-10000", "-20000", False)],
)
def test_skip_overlap_without_a_bankruptcy_price(quantity, cost, wallet, takes):
    """A long that no price ruins can take, a short that no price saves cannot."""
    position = position_of(quantity, cost, "50000")
    pool = pool_of(position, wallet)
    assert waterfall.bankruptcy_price(pool, position, "maintenance") is None
    candidate = deleverage.Candidate("a", pool, position)
    assert deleverage.can_take(candidate, Fraction(50000), "maintenance") is takes


@pytest.mark.parametrize(
    ("short", "long", "ends"),
    [
        *((s, x, s + x) for s in (54999, 50000, 49999) for x in (50000, -45001) if s + x >= 0),
        *((54999, -50000, 4999), (50000, -50000, 0), (49999, -50000, None)),
        *((54999, -50001, 4998), (50000, -50001, None), (49999, -50001, None)),
    ],
)
def test_dydx_match(short, long, ends):
    """A short of 1 BTC with so much money against a long of 1 BTC with so much."""
    accounts = {"a": account("-1", "0", str(short)), "b": account("1", "0", str(long))}
    state = venue(accounts, "60000", **DYDX)
    state["contracts"]["BTCUSDT"] = CONTRACT | {"lot": "0.0000000001"}
    state["deleveraging"] |= {"ranking": "account", "choice": "seeded-start", "skip_overlap": True}
    result = liquidate(state)
    if ends is None:
        assert result["uncovered"]
        assert steps(result) == ["reduce", "uncovered"]
    else:
        left = result["accounts"]["b"]["wallets"].get("USDT", "0")
        assert (Fraction(left), result["accounts"]["a"]["wallets"]) == (ends, {})


# --- docs/spec/matching.md ------------------------------------------------------------------------------------------


def test_book():
    """The worked example of the page; what is left of an IOC order expires instead."""
    rows = [(1, "alice", "SELL", 102, 4), (2, "erin", "SELL", 102, 2), (3, "carol", "SELL", 103, 3)]
    rows += [(4, "dave", "BUY", 100, 7), (5, "frank", "SELL", 104, 6)]
    orders = [dict(zip(("id", "owner", "side", "ticks", "lots"), row, strict=True)) for row in rows]
    told = [(what, maker["id"], lots) for what, maker, lots in take(orders, "erin", "BUY", 103, 10)]
    assert told == [("fill", 1, 4), ("expire", 2, 2), ("fill", 3, 3)]
    assert [each["id"] for each in orders] == [4, 5]


# --- what holds of every venue --------------------------------------------------------------------------------------


def books(state, holders):
    """By symbol the sum of quantities; by asset the wallets less signed open cost (inverse: plus)."""
    quantities, money = {}, {}
    for holder in holders:
        for asset, amount in holder["wallets"].items():
            money[asset] = money.get(asset, ZERO) + Fraction(amount)
        for position in holder["positions"]:
            contract = state["contracts"][position["symbol"]]
            sign = 1 if contract["kind"] == "inverse" else -1
            quantities[position["symbol"]] = quantities.get(position["symbol"], ZERO) + Fraction(position["quantity"])
            asset = contract["margin_asset"]
            money[asset] = money.get(asset, ZERO) + sign * Fraction(position["cost"])
    return {key: each for key, each in quantities.items() if each}, money


def after(state, result):
    """The state that a result leads to."""
    state = copy.deepcopy(state)
    for name, each in result["accounts"].items():
        state["accounts"][name] |= each
    return state | {key: result[key] for key in ("fund", "book", "bad_debt", "deleveragings")}


def check_books(state, result):
    """Of an inverse fill that turns a position both parts are rounded to 1e-30: so much may be missing each time."""
    sums = ("fees", "remainder", "fold_remainder", "bad_debt")
    venue_money = [{"wallets": result[key], "positions": []} for key in sums]
    written_off = {"wallets": state.get("bad_debt", {}), "positions": []}
    quantities, money = books(state, [*state["accounts"].values(), state["fund"], written_off])
    quantities_after, money_after = books(state, [*result["accounts"].values(), result["fund"], *venue_money])
    assert quantities_after == quantities
    slack = 20 * TINY if any(each["kind"] == "inverse" for each in state["contracts"].values()) else ZERO
    for asset in {*money, *money_after}:
        assert abs(money_after.get(asset, ZERO) - money.get(asset, ZERO)) <= slack


STAGES = ("cancel", "reduce", "fee", "take", "loss")


def check_order(result):
    """A pool has one turn: its stages follow each other, each once; nothing comes after a part that is uncovered."""
    turns = []
    for step in result["log"]:
        assert set(step) >= {"step", "account", "pool"}
        pool = step["account"], step["pool"]
        if not turns or turns[-1][0] != pool:
            turns.append((pool, []))
        turns[-1][1].append(step["step"])
    assert len({pool for pool, _ in turns}) == len(turns)
    for _, names in turns:
        places = [STAGES.index("take" if name in TAKEN else name) for name in names]
        assert places == sorted(places)
        assert all(names.count(name) <= 1 for name in ("cancel", "reduce", "fee", "uncovered", "loss"))
        assert "uncovered" not in names[:-1]


@pytest.mark.parametrize("part", range(10))
def test_random_venues(part):
    for number in range(15):
        state = random_desk(random.Random(f"desk-{part}-{number}"))
        kept = copy.deepcopy(state)
        result = json.loads(json.dumps(liquidate(state)))
        assert state == kept
        check_books(state, result)
        check_order(result)
        state = after(state, result)
        cleared = clear_negative(state)
        check_books(state, cleared)
        check_cleared(state, cleared)


def check_cleared(state, cleared):
    """Whoever may be cleared owes nothing, only the venue does; and that only where the fund has nothing left."""
    for name, each in cleared["accounts"].items():
        if state["accounts"][name]["asset_mode"] == "single" and not each["positions"]:
            assert all(Fraction(amount) >= 0 for amount in each["wallets"].values())
    for asset, amount in cleared["bad_debt"].items():
        assert Fraction(amount) < 0
        if state["waterfall"]["after_fund"] == "deleverage":
            assert Fraction(cleared["fund"]["wallets"].get(asset, "0")) <= 0


@pytest.mark.parametrize("part", range(5))
def test_what_is_at_its_trigger_had_its_turn(part):
    """Nobody is concerned any more: every pool that is still or again at its trigger was liquidated in this command."""
    for number in range(15):
        view = Venue(random_desk(random.Random(f"turn-{part}-{number}")))
        make_passes(view)
        for name in view.traders:
            for pool in view.pools(name).values():
                assert not pool.liquidated() or (name, pool.name) in view.begun


@pytest.mark.parametrize("part", range(5))
def test_nothing_moves_after_the_end(part):
    """One command after the other comes to an end: the last has one pass and moves neither money nor positions."""
    for number in range(15):
        state = random_desk(random.Random(f"end-{part}-{number}"))
        for _ in range(400):
            result = liquidate(state)
            if result["passes"] == 1:
                break
            state = after(state, result)
        else:
            raise AssertionError("no end")
        assert not {"takeover", "takeover-at-mark", "deleverage", "fee", "loss"} & set(steps(result))
        state = after(state, result)
        view = Venue(state)
        at_trigger = [pool for name in view.traders for pool in view.pools(name).values() if pool.liquidated()]
        assert bool(at_trigger) == bool(liquidate(state)["log"])


@pytest.mark.slow
def test_what_occurs():
    """What the agreement with another implementation rests on occurs often enough."""
    seen = {}
    for number in range(200):
        for feature in features(random_desk(random.Random(f"often-{number}"))):
            seen[feature] = seen.get(feature, 0) + 1
    often = {feature for feature, times in seen.items() if times >= 4}
    assert seen["CUT BY THE FUND"] >= 8
    assert often >= {"cut: 0 made", "cut: 0 made, then deleveraged", "cut: 0 made, own maker stays"}
    assert often >= {"fund pays for a worse fill", "filled, still bankrupt, not deleveraged"}
    assert set(seen) >= {"cut: 1 made", "cut: 2 made"}
    assert seen["LIQUIDATION"] >= 120
    assert often >= {"FUND EXHAUSTED", "SOCIALISED", "CLAWED BACK", "RESTORED", "own maker expired", "passes > 2"}
    assert often >= {"fell: by an isolated pool of its own", "fell: charged", "fell: maker"}

"""The worked examples of the pages about liquidations against the oracle, and what must hold of every random venue."""

import copy
import json
import random
from fractions import Fraction

import pytest

from . import deleverage, losses, waterfall
from .book import take
from .desk import clear_negative, liquidate
from .generate_desk import TAKEN, random_desk
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


def pool_of(quantity, cost, wallet, mark, rates=(("0.1", "0"),), lot="0.000001"):
    """A cross pool with one position, for the formulas alone."""
    given = {"symbol": "BTCUSDT", "side": "BOTH", "quantity": quantity, "cost": cost}
    rows = [(Fraction(rate), Fraction(cum)) for rate, cum in rates]
    position = Position(given, CONTRACT | {"lot": lot}, rows, Fraction(mark))
    return Pool("cross:USDT", {"USDT": Fraction(wallet)}, [position], {"USDT": ONES}, ASSUMED), position


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
    """Section g: as far as the fund has it; not with something open."""
    accounts = {"a": account("0", "0", "-100"), "b": account("0", "0", "-100"), "c": account("1", "50000", "-100")}
    result = clear_negative(venue(accounts, "50000", fund="160"))
    assert [(step["account"], step["amount"], step["debt"]) for step in result["log"]] == [
        ("a", "100", "0"),
        ("b", "60", "40"),
    ]
    assert result["accounts"]["a"]["wallets"] == {}
    assert result["accounts"]["b"]["wallets"] == {"USDT": "-40"}
    assert result["accounts"]["c"]["wallets"] == {"USDT": "-100"}
    assert result["fund"]["wallets"] == {}


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
    pool, position = pool_of("0.1", "4501", "0", "50000")
    rules = {"fillable_adjustment": "1", "fillable_spread": "0.1"}
    assert waterfall.fillable_price(pool, position, rules) == 49999
    assert waterfall.bankruptcy_price(pool, position, "maintenance") == 45010


def test_dydx_improvement_fee():
    received, bankrupt = Fraction(5610), Fraction(5100)
    assert waterfall.improvement_fee(Fraction("0.005"), received, bankrupt, ZERO) == Fraction("28.05")
    assert waterfall.improvement_fee(Fraction(1), received, bankrupt, ZERO) == 510
    assert waterfall.improvement_fee(Fraction(1), bankrupt, received, Fraction(400)) == -400


@pytest.mark.parametrize(("rate", "closes"), [("0", "1"), ("0.01", "1.111112"), ("0.02", "1.25")])
def test_drift_closes(rate, closes):
    """Shortage 10, margin 10 %, price 100."""
    pool, position = pool_of("10", "1000", "90", "100")
    assert waterfall.restoring_part(pool, position, {}, Fraction(rate), Fraction(1)) == Fraction(closes)


def test_drift_socialises():
    charges = losses.socialised({"a": Fraction(7), "b": Fraction(4)}, 100, Fraction(1, 10**5))
    assert charges == {"a": 7 * Fraction("9.09091"), "b": 4 * Fraction("9.09091")}


def test_okx_closes_two_brackets():
    table = [["0", "2000", "0.1", "0"], ["2000", "10000", "0.2", "200"], ["10000", "20000", "0.3", "1200"]]
    pool, position = pool_of("15000", "15000", "0", "1", [row[2:] for row in table], "1")
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


@pytest.mark.parametrize(
    ("price", "limit", "taken"),
    [("49600", None, "1"), ("49900", None, "0.333"), ("49600", "1", "0.002"), ("49500", "500", "1")],
)
def test_fund_takes(price, limit, taken):
    """Equity 100; at 49,900 each unit loses 300 to the mark."""
    _, position = pool_of("1", "50000", "0", "49600", lot="0.001")
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
    pool, position = pool_of("-1", "-60000", "10000", "50000", (("0.01", "0"),))
    candidate = deleverage.Candidate("a", pool, position)
    assert deleverage.leverage_pnl(candidate, "position", "maintenance") == Fraction("0.025")


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
    state |= {"fund": result["fund"], "book": result["book"], "deleveragings": result["deleveragings"]}
    return state


def check_books(state, result):
    """Of an inverse fill that turns a position both parts are rounded to 1e-30: so much may be missing each time."""
    venue_money = [{"wallets": result[key], "positions": []} for key in ("fees", "remainder", "fold_remainder")]
    quantities, money = books(state, [*state["accounts"].values(), state["fund"]])
    quantities_after, money_after = books(state, [*result["accounts"].values(), result["fund"], *venue_money])
    assert quantities_after == quantities
    slack = 20 * TINY if any(each["kind"] == "inverse" for each in state["contracts"].values()) else ZERO
    for asset in {*money, *money_after}:
        assert abs(money_after.get(asset, ZERO) - money.get(asset, ZERO)) <= slack


def check_order(result):
    """In one go at a pool the stages follow each other; nothing comes after a part that is uncovered."""
    stages = ["cancel", "reduce", "fee", *["take"] * len(TAKEN), "loss"]
    place = {
        step: stages.index("take" if step in TAKEN else step) for step in (*TAKEN, "cancel", "reduce", "fee", "loss")
    }
    last = None
    for step in result["log"]:
        assert set(step) >= {"step", "account", "pool"}
        stage, at = (step["account"], step["pool"]), place[step["step"]]
        if last is not None and last[0] == stage and at not in (0, 1):
            assert at >= last[1]
            assert last[2] != "uncovered"
        last = stage, at, step["step"]


@pytest.mark.parametrize("part", range(10))
def test_random_venues(part):
    for number in range(15):
        state = random_desk(random.Random(f"desk-{part}-{number}"))
        kept = copy.deepcopy(state)
        result = json.loads(json.dumps(liquidate(state)))
        assert state == kept
        check_books(state, result)
        check_order(result)
        cleared = clear_negative(after(state, result))
        check_books(after(state, result), cleared)


@pytest.mark.parametrize("part", range(5))
def test_nothing_moves_after_the_end(part):
    """Where all accounts are looked at until nothing moves, nothing moves again; a healthy venue has no step."""
    for number in range(15):
        state = random_desk(random.Random(f"end-{part}-{number}"))
        state = after(state, liquidate(state, "all"))
        again = liquidate(state)
        assert again["passes"] == 1
        assert not {"takeover", "takeover-at-mark", "deleverage", "fee"} & set(steps(again))
        view = Venue(state)
        at_trigger = [pool for name in view.traders for pool in view.pools(name).values() if pool.liquidated()]
        assert bool(at_trigger) == bool(again["log"])

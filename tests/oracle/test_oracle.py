"""Published numbers and the worked examples of docs/spec against the oracle, and the oracle against itself.

The last part repeats every search result by a second route: the whole account is evaluated with the answer put in.
"""

import copy
import itertools
import math
import random
from fractions import Fraction

import pytest

from .fold import fold
from .generate import random_state
from .oracle import BOOKED_UNIT, Concave, evaluate, exact_text, first_survivor, half_even, pools_of, survival, truncate

UNIT = Fraction(1, 10**12)
# Half the unit to which a root is rounded before it is rounded inwards.
NEAR = Fraction(1, 2 * 10**24)
# What the rounding of inverse notionals to 1e-30 may do to a sum.
SLACK = Fraction(1, 10**28)

BTC_2021 = [
    ["0", "50000", "0.004", "0"],
    ["50000", "250000", "0.005", "50"],
    ["250000", "1000000", "0.01", "1300"],
    ["1000000", "5000000", "0.025", "16300"],
    ["5000000", "20000000", "0.05", "141300"],
]


def row_above(floor, first_rate, rate, cum):
    """A sound table of two rows, of which the second is the one wanted."""
    assert Fraction(floor) * (Fraction(rate) - Fraction(first_rate)) == Fraction(cum)
    return [["0", floor, first_rate, "0"], [floor, "1000000000", rate, cum]]


def account(*positions, wallets=None, inverse=False, mode="one_way", target="0.8", **assumptions):
    """A single-asset state; a position is (symbol, base, quantity, cost, mark, table[, isolated wallet])."""
    state = {
        "position_mode": mode,
        "asset_mode": "single",
        "contracts": {},
        "brackets": {},
        "wallets": wallets or {},
        "positions": [],
        "marks": {},
        "target": target,
        "taker": "0.0005",
        "assumptions": assumptions,
    }
    for symbol, base, quantity, cost, mark, table, *isolated in positions:
        state["contracts"][symbol] = {
            "kind": "inverse" if inverse else "linear",
            "base": base,
            "margin_asset": base if inverse else "USDT",
            "contract_size": "100" if inverse else "1",
            "tick": "0.1",
            "lot": "1" if inverse else "0.001",
        }
        state["brackets"][symbol] = table
        state["marks"][symbol] = mark
        side = "BOTH" if mode == "one_way" else "LONG" if Fraction(quantity) > 0 else "SHORT"
        state["positions"].append(
            {
                "symbol": symbol,
                "side": side,
                "quantity": quantity,
                "cost": cost,
                "margin": "isolated" if isolated else "cross",
                "isolated_wallet": isolated[0] if isolated else "0",
            }
        )
    return state


def product(quantity, price):
    return exact_text(Fraction(quantity) * Fraction(price))


def only(state):
    (pool,) = evaluate(state)["pools"]
    (position,) = pool["positions"]
    return pool, position


# --- published numbers ----------------------------------------------------------------------------------------------


def test_faq_2020_btc():
    """Others as printed: maintenance 1.3, unrealised PnL 0.47."""
    wallet = exact_text(Fraction("10.72") - Fraction("1.3") + Fraction("0.47"))
    cost = product("-0.005", "9451.53")
    state = account(("BTCUSDT", "BTC", "-0.005", cost, "9463.53", BTC_2021), wallets={"USDT": wallet})
    _, position = only(state)
    assert position["interval"]["lower"] is None
    assert position["interval"]["upper"].startswith("11383.994023")
    assert position["displayed"].startswith("11383.99")


def test_faq_2020_eth():
    """Others as printed: maintenance 0.19, unrealised PnL -0.06."""
    wallet = exact_text(Fraction("10.72") - Fraction("0.19") - Fraction("0.06"))
    table = [["0", "10000", "0.0065", "0"]]
    state = account(("ETHUSDT", "ETH", "1", "199.53", "200", table), wallets={"USDT": wallet})
    _pool, position = only(state)
    assert position["maintenance"] == "1.3"
    assert position["unrealized_pnl"] == "0.47"
    assert position["displayed"].startswith("190.2969")
    assert position["interval"]["upper"] is None


def faq_2021():
    eth = row_above("2000000", "0.0323175", "0.1", "135365")
    return account(
        ("BTCUSDT", "BTC", "109.488", product("109.488", "32481.980"), "31967.27", BTC_2021),
        ("ETHUSDT", "ETH", "3683.979", product("3683.979", "1456.84"), "1335.18", eth),
        wallets={"USDT": "1535443.01"},
    )


def test_faq_2021():
    (pool,) = evaluate(faq_2021())["pools"]
    btc, eth = pool["positions"]
    assert btc["maintenance"] == "71200.811444"
    assert (btc["rate"], btc["cum"]) == ("0.025", "16300")
    assert eth["maintenance"].startswith("356512.508")
    assert btc["unrealized_pnl"].startswith("-56354.5")
    assert eth["unrealized_pnl"].startswith("-448192.8")
    assert btc["interval"]["lower"].startswith("26316.893264")
    assert btc["displayed"].startswith("26316.89")
    assert eth["interval"]["lower"].startswith("1153.2564642")
    assert eth["displayed"].startswith("1153.25")
    assert not pool["liquidated"]


@pytest.mark.parametrize(
    ("number", "maintenance", "pnl", "price"),
    [(0, "356512.508", "-448192.89", "26316.8933089"), (1, "71200.81144", "-56354.57", "1153.25646469")],
)
def test_faq_2021_as_printed(number, maintenance, pnl, price):
    """The terms of the other contract as the FAQ prints them, rounded to cents, moved into the wallet."""
    state = faq_2021()
    state["positions"] = [state["positions"][number]]
    state["wallets"] = {"USDT": exact_text(Fraction("1535443.01") - Fraction(maintenance) + Fraction(pnl))}
    _, position = only(state)
    assert position["interval"]["lower"].startswith(price)


@pytest.mark.parametrize(("number", "price"), [(0, "18778.73"), (1, "1114.78")])
def test_faq_2021_isolated_variant(number, price):
    state = faq_2021()
    state["positions"] = [state["positions"][number]]
    _, position = only(state)
    assert half_even(Fraction(position["displayed"]), 2) == Fraction(price)


def test_bracket_recurrence_2021():
    """At 5,000,000 both rows give the same margin, as 5,000,000 * 0.025 + 16,300 = 141,300; the lower is in force."""
    state = account(("BTCUSDT", "BTC", "100", "5000000", "50000", BTC_2021), wallets={"USDT": "1000000"})
    _, position = only(state)
    assert (position["rate"], position["cum"], position["maintenance"]) == ("0.025", "16300", "108700")


def test_margin_call_sample():
    table = [["0", "10000", "0.0065", "0"]]
    state = account(("ETHUSDT", "ETH", "1.327", "250", "187.17127", table), wallets={"USDT": "10"})
    _, position = only(state)
    assert truncate(Fraction(position["maintenance"]), 6) == Fraction("1.614445")


def test_coin_m_pnl_sample():
    cost = exact_text(half_even(Fraction(100) / Fraction("11707.70000003"), 30))
    table = [["0", "5", "0.004", "0"]]
    state = account(("BTCUSD_201225", "BTC", "1", cost, "11788.66626667", table), wallets={"BTC": "1"}, inverse=True)
    _, position = only(state)
    assert truncate(Fraction(position["unrealized_pnl"])) == Fraction("0.00005866")


def coin_m(quantity, entry, mark, table, wallet, *, isolated=False):
    cost = exact_text(half_even(Fraction(quantity) * 100 / Fraction(entry), 30))
    position = ("BTCUSD_PERP", "BTC", quantity, cost, mark, table)
    if isolated:
        return account((*position, wallet), inverse=True)
    return account(position, wallets={"BTC": wallet}, inverse=True)


def test_coin_m_production_sample():
    table = [["0", "5", "0.004", "0"]]
    pool, position = only(coin_m("2", "37643.10000021", "37000", table, "0.00268058", isolated=True))
    assert pool["name"] == "isolated:BTCUSD_PERP:BOTH"
    assert Fraction(position["displayed"]) == Fraction("25119.97445760")
    assert position["interval"]["upper"] is None


@pytest.mark.parametrize(
    ("first_rate", "cum", "price"), [("0.00895", "11.605", "33599.4186"), ("0.0069", "11.81", "33578.8597")]
)
def test_coin_m_calculator(first_rate, cum, price):
    table = row_above("100", first_rate, "0.125", cum)
    _, position = only(coin_m("100000", "45000", "45000", table, "101"))
    assert truncate(Fraction(position["displayed"]), 4) == Fraction(price)


# --- worked examples of docs/spec -----------------------------------------------------------------------------------


def support_reply(**assumptions):
    table = [["0", "10000000", "0.5", "0"]]
    cost = exact_text(Fraction("17002.884376") + Fraction("17444.086776"))
    position = ("BTCUSDT", "BTC", "1", cost, "17002.884376", table)
    return account(position, wallets={"USDT": "25923.05553202"}, **assumptions)


def test_support_reply():
    pool, position = only(support_reply())
    assert pool["wallet"] == "25923.05553202"
    assert pool["unrealized_pnl"] == "-17444.086776"
    assert pool["balance"] == "8478.96875602"
    assert pool["maintenance"] == "8501.442188"
    assert Fraction(pool["maintenance"]) - Fraction(pool["balance"]) == Fraction("22.47343198")
    assert pool["liquidated"]
    assert Fraction(position["interval"]["lower"]) > Fraction("17002.884376")


def isolated_long(target="0.8", mark="48000", wallet="2500", **assumptions):
    table = [["0", "1000000", "0.004", "0"]]
    return account(("BTCUSDT", "BTC", "1", "50000", mark, table, wallet), target=target, **assumptions)


def test_isolated_long():
    pool, position = only(isolated_long(target="0.2"))
    assert (pool["balance"], pool["maintenance"], pool["ratio"]) == ("500", "192", "0.384")
    assert position["bankruptcy"] == {"maintenance": "47500", "notional": "47500", "whole": "47500"}
    assert pool["remedy"]["add"] == {"USDT": "460"}
    assert pool["remedy"]["close"] == [{"symbol": "BTCUSDT", "side": "BOTH", "quantity": "1", "price": "48000"}]


def test_target_met_already():
    pool, _ = only(isolated_long())
    assert pool["remedy"]["add"] == {"USDT": "0"}
    assert pool["remedy"]["close"][0]["quantity"] == "0"


def test_exactly_at_maintenance():
    """Balance 192 = maintenance 192."""
    pool, position = only(isolated_long(wallet="2192"))
    assert pool["ratio"] == "1"
    assert pool["liquidated"]
    assert position["interval"]["lower"] == "48000"
    pool, _ = only(isolated_long(wallet="2192", **{"trigger-comparison": "below"}))
    assert not pool["liquidated"]


@pytest.mark.parametrize(
    ("distance", "lower", "displayed"),
    [
        ("0", "48000", "48000"),
        ("4e-25", "48000", "48000"),
        ("5e-25", "48000", "48000"),
        ("6e-25", "48000.000000000001", "48000"),
        ("-4e-25", "48000", "48000"),
        ("-5e-25", "48000", "48000"),
        ("-6e-25", "48000", "47999.99999999"),
        ("-1e-12", "47999.999999999999", "47999.99999999"),
    ],
)
def test_root_near_the_mark(distance, lower, displayed):
    """A lower root so far from the mark, which is a price of the grid; surplus is 0.996 m + wallet - 50,000."""
    wallet = 50000 - Fraction("0.996") * (48000 + Fraction(distance))
    _, position = only(isolated_long(wallet=exact_text(wallet)))
    assert position["interval"] == {"lower": lower, "upper": None, "empty": False}
    assert position["displayed"] == displayed


@pytest.mark.parametrize(
    ("distance", "upper", "displayed"),
    [
        ("-5e-25", "48000", "48000"),
        ("-6e-25", "47999.999999999999", "47999.99999999"),
        ("5e-25", "48000", "48000"),
        ("6e-25", "48000", "48000"),
    ],
)
def test_upper_root_near_the_mark(distance, upper, displayed):
    """Surplus is 50,000 + wallet - 1.004 m."""
    table = [["0", "1000000", "0.004", "0"]]
    wallet = exact_text(Fraction("1.004") * (48000 + Fraction(distance)) - 50000)
    _, position = only(account(("BTCUSDT", "BTC", "-1", "-50000", "48000", table, wallet)))
    assert position["interval"] == {"lower": None, "upper": upper, "empty": False}
    assert position["displayed"] == displayed


def test_inverse_end_at_the_mark():
    """The cost is rounded to 1e-30, so the exact root misses the mark by a little: the end is the mark all the same."""
    table = [["0", "5", "0.004", "0"]]
    for entry in ("37643.1", "41000.7", "30000.3", "51234.5"):
        state = coin_m("3", entry, "37000", table, "0")
        _, position = only(state)
        state["wallets"]["BTC"] = exact_text(Fraction(position["maintenance"]) - Fraction(position["unrealized_pnl"]))
        pool, position = only(state)
        assert pool["balance"] == pool["maintenance"]
        assert position["interval"] == {"lower": "37000", "upper": None, "empty": False}
        assert position["displayed"] == "37000"


def test_equal_hedge_dies_upwards_only():
    table = [["0", "1000000", "0.01", "0"]]
    state = account(
        ("BTCUSDT", "BTC", "1", "50000", "50000", table),
        ("BTCUSDT", "BTC", "-1", "-50000", "50000", table),
        wallets={"USDT": "2000"},
        mode="hedge",
    )
    (pool,) = evaluate(state)["pools"]
    for position in pool["positions"]:
        assert position["interval"] == {"lower": None, "upper": "100000", "empty": False}
        assert position["displayed"] == "100000"


def test_multi_assets():
    """Long 1 BTC @ 50,000 at mark 50,000, 1 % margin, wallet 0.1 BTC at bid 47,500: the index matters when it moves."""
    table = [["0", "1000000", "0.01", "0"]]
    state = account(("BTCUSDT", "BTC", "1", "50000", "50000", table), wallets={"BTC": "0.1", "USDT": "-100"})
    state["asset_mode"] = "multi"
    state["indices"] = {
        "USDT": {"index": "1", "bid": "0.9", "ask": "1.1"},
        "BTC": {"index": "50000", "bid": "47500", "ask": "52500"},
    }
    pool, position = only(state)
    assert pool["name"] == "multi:USD"
    assert pool["balance"] == "4640"
    assert pool["maintenance"] == "500"
    # fixed: 4750 + 1.1 (m - 50,100) = 0.01 m         moving: 0.095 m + 1.1 (m - 50,100) = 0.01 m
    assert Fraction(position["interval"]["lower"]) == -(-(Fraction("50360") / Fraction("1.09")) // UNIT) * UNIT
    assert Fraction(position["moving"]["lower"]) == -(-(Fraction("55110") / Fraction("1.185")) // UNIT) * UNIT
    # 0.095 i = 500 + 110
    assert pool["collateral"]["BTC"] == {"lower": "6421.052631578948", "upper": None, "empty": False}
    # 4750 = 110 i + 500 i: the maintenance margin is owed in USDT too
    assert pool["collateral"]["USDT"] == {"lower": None, "upper": "7.786885245901", "empty": False}


def index_pnl(quantity="1", mark="60000", wallets=None, target="0.2"):
    table = [["0", "1000000", "0.01", "0"]]
    state = account(
        ("BTCUSDT", "BTC", quantity, product(quantity, "50000"), mark, table),
        wallets=wallets,
        target=target,
        **{"multi-asset-equity-rate": "index-pnl"},
    )
    state["asset_mode"] = "multi"
    state["taker"] = "0"
    state["indices"] = {"USDT": {"index": "1", "bid": "0.9", "ask": "1.1"}}
    return state


def test_close_moves_pnl_into_the_wallet():
    """Long 1 BTC @ 50,000, wallet -8,000: what is closed of the PnL pays for the wallet, which is negative at ask.

    At mark 60,000: balance -8,800 + 10,000 = 1,200, maintenance 600. After a close of c <= 0.8 the balance is
    1.1 (10,000 c - 8,000) + 10,000 (1 - c) = 1,200 + 1,000 c, and 600 (1 - c) <= 0.2 (1,200 + 1,000 c) from c = 0.45.
    Left as they are (PnL and wallet) it would be 600 (1 - c) <= 240, from c = 0.6.
    """
    pool, _ = only(index_pnl(wallets={"USDT": "-8000"}))
    assert (pool["balance"], pool["maintenance"]) == ("1200", "600")
    assert pool["remedy"]["close"][0]["quantity"] == "0.45"


def test_close_moves_a_profit_to_bid():
    """Wallet 0: a close of c leaves 10,000 (1 - 0.1 c), and 600 (1 - c) <= 0.05 * 10,000 (1 - 0.1 c) from c = 2/11."""
    pool, _ = only(index_pnl(wallets={"USDT": "0"}, target="0.05"))
    assert pool["remedy"]["close"][0]["quantity"] == "0.182"


def test_close_moves_a_loss_to_bid():
    """At mark 45,000, wallet 6,000: 5,400 - 5,000 c * 0.9 - 5,000 (1 - c) = 400 + 500 c; 450 (1 - c) <= 80 + 100 c."""
    pool, _ = only(index_pnl(mark="45000", wallets={"USDT": "6000"}))
    assert pool["remedy"]["close"][0]["quantity"] == "0.673"


def test_rounding_page():
    """The BNB account: the last sale turns the position, and the venue printed 0.25929999."""
    contracts = {"BNBUSDT": {"kind": "linear", "base": "BNB", "margin_asset": "USDT", "contract_size": "1"}}

    def fill(quantity, price, realized="0"):
        return {
            "kind": "fill",
            "symbol": "BNBUSDT",
            "side": "BOTH",
            "quantity": quantity,
            "price": price,
            "fee": "0",
            "fee_asset": "USDT",
            "realized": realized,
        }

    events = [fill("0.02", "395.40"), fill("0.02", "396.00"), fill("-0.03", "396.50", "0.024"), fill("0.13", "394.89")]
    before = fold(events, contracts)
    assert before["positions"][0]["cost"] == "55.2927"
    assert before["remainder"] == {"USDT": "0"}
    after = fold([*events, fill("-0.15", "396.80", "0.25929999")], contracts)
    assert after["positions"][0]["quantity"] == "-0.01"
    assert after["positions"][0]["cost"] == "-3.968"
    assert after["remainder"] == {"USDT": "0.00000001"}
    assert after["wallets"] == {"USDT": "0.28329999"}


def test_fold_isolated_turn():
    contracts = {"BTCUSDT": {"kind": "linear", "base": "BTC", "margin_asset": "USDT", "contract_size": "1"}}
    events = [
        {"kind": "flow", "category": "transfer", "asset": "USDT", "amount": "1000"},
        {"kind": "leverage", "symbol": "BTCUSDT", "leverage": "10"},
        {"kind": "margin_type", "symbol": "BTCUSDT", "margin": "isolated"},
        {"kind": "fill", "symbol": "BTCUSDT", "side": "BOTH", "quantity": "0.01", "price": "50000"},
        {"kind": "margin", "symbol": "BTCUSDT", "side": "BOTH", "amount": "5"},
        {"kind": "flow", "category": "funding", "asset": "USDT", "amount": "-0.5", "symbol": "BTCUSDT"},
    ]
    state = fold(events, contracts)
    # margin 50, fee 0.25 of the increase, 5 moved, 0.5 funding
    assert state["positions"][0]["isolated_wallet"] == "54.25"
    assert state["wallet_balances"] == {"USDT": "999.25"}
    assert state["wallets"] == {"USDT": "945"}
    turn = {"kind": "fill", "symbol": "BTCUSDT", "side": "BOTH", "quantity": "-0.03", "price": "51000"}
    state = fold([*events, turn], contracts)
    # profit 10; fee 0.765, of which 0.255 for the decrease and 0.51 for the increase; margin 0.02 * 51,000 / 10 = 102
    assert state["positions"][0]["isolated_wallet"] == "101.49"
    assert state["wallet_balances"] == {"USDT": "1008.485"}
    assert state["wallets"] == {"USDT": "906.995"}


# --- the searches against brute force -------------------------------------------------------------------------------


def exact_survival(terms):
    """(lowest, highest) x >= 0 with f(x) >= 0, None if there is none; f is linear between crossings of lines."""

    def at(x):
        return sum(min(slope * x + offset for slope, offset in term) for term in terms)

    points = {Fraction(0), Fraction(10**6)}
    for term in terms:
        for slope, offset in term:
            points |= {(offset - there) / (other - slope) for other, there in term if other != slope}
    points = sorted(x for x in points if x >= 0)
    alive = [x for x in points if at(x) >= 0]
    for low, high in itertools.pairwise(points):
        if at(low) * at(high) < 0:
            alive.append(low - at(low) * (high - low) / (at(high) - at(low)))
    return (min(alive), max(alive)) if alive else None


def sixfold(lines, k):
    """Six times a sum of minima, in whole numbers: quick enough to try every k."""
    return sum(min([slope * k + offset for slope, offset in each]) for each in lines)


@pytest.mark.slow
def test_searches_on_small_functions():
    """Random small sums of minima: the searches against the crossings of all lines, and trying every whole number."""
    rng = random.Random(1)
    kinds = set()
    for _ in range(2000):
        terms = [
            [(Fraction(rng.randint(-6, 6), 3), Fraction(rng.randint(-40, 40), 2)) for _ in range(rng.randint(1, 4))]
            for _ in range(rng.randint(1, 3))
        ]
        f = Concave(terms, Fraction(1))
        lines = [[(int(6 * slope), int(6 * offset)) for slope, offset in each] for each in terms]
        assert all((f.at(k) >= 0) == (sixfold(lines, k) >= 0) for k in (*range(31), 800))
        finer = rng.choice((2, 4, 10, 10**12))
        lower, upper, empty = survival(f, rng.randint(0, 30), finer)
        found = exact_survival(terms)
        if found:
            low, high = (Fraction(round(x * finer), finer) for x in found)
            first, last = max(math.ceil(low), 1), math.floor(high)
            kinds.add((first > last, any(sixfold(lines, k) >= 0 for k in range(first, min(last, 800) + 1)), finer))
        assert empty == (found is None or first > last)
        if not empty:
            assert lower == (low if f.at(0) < 0 and low > 0 else None)
            assert upper == (None if found[1] == 10**6 else high)
        reach = 800
        last = rng.randint(0, 30)
        assert first_survivor(f, last) == next((k for k in range(last + 1) if sixfold(lines, k) >= 0), None)
        assert first_survivor(f) == next((k for k in range(reach) if sixfold(lines, k) >= 0), None)
    # Empty, not empty, and not empty only because a root was rounded to a point of the grid.
    assert {(True, False, 2), (False, True, 2), (False, False, 2)} <= kinds


# --- the searches against the whole account -------------------------------------------------------------------------


def ratios(state, scaled=None, factor=1):
    """name -> (balance, maintenance) of each pool, nothing rounded, the rates of one asset scaled."""
    result = {}
    for pool in pools_of(state):
        for position in pool.positions:
            position.pnl, position.maintenance = position.exact_pnl(), position.exact_maintenance()
        if scaled in pool.rates:
            pool.rates[scaled] = tuple(rate * factor for rate in pool.rates[scaled])
        result[pool.name] = pool.balance(), pool.maintenance()
    return result


def survives(state, name, scaled=None, factor=1):
    balance, maintenance = ratios(state, scaled, factor)[name]
    return balance >= maintenance


def with_mark(state, symbol, mark):
    return {**state, "marks": {**state["marks"], symbol: str(mark)}}


def check_interval(interval, alive):
    """`alive(price)` must hold at the ends and not one unit further out, where a root half a root unit off counts."""
    if interval["empty"]:
        assert interval["lower"] is None
        assert interval["upper"] is None
        for price in ("0.000000001", "0.001", "1", "1000", "1000000000"):
            assert not alive(Fraction(price))
        return
    for end, out, near in (("lower", -UNIT, NEAR), ("upper", UNIT, -NEAR)):
        if interval[end] is None:
            far = Fraction(10) ** (-60 if end == "lower" else 60)
            assert alive(far)
        else:
            price = Fraction(interval[end])
            assert alive(price + near)
            assert price + out == 0 or not alive(price + out + near)


def closed_part(state, number, close):
    """The state after a part of the position `number` of a cross pool is closed at the assumed price."""
    state = copy.deepcopy(state)
    position = state["positions"][number]
    contract = state["contracts"][position["symbol"]]
    quantity, cost = Fraction(position["quantity"]), Fraction(position["cost"])
    part, price = Fraction(close["quantity"]), Fraction(close["price"])
    sign = 1 if quantity > 0 else -1
    released = cost * part / abs(quantity)
    if contract["kind"] == "inverse":
        turnover = part * Fraction(contract["contract_size"]) / price
        profit = released - sign * turnover
    else:
        turnover = part * price
        profit = sign * turnover - released
    asset = contract["margin_asset"]
    wallet = Fraction(state["wallets"].get(asset, "0"))
    state["wallets"][asset] = str(wallet + profit - turnover * Fraction(state["taker"]))
    position["quantity"], position["cost"] = str(quantity - sign * part), str(cost - released)
    return state


def excess(state, name):
    """Maintenance above target * balance; a pool that is gone has none."""
    balance, maintenance = ratios(state).get(name, (0, 0))
    return maintenance - Fraction(state["target"]) * balance


def check_intervals(state, pool):
    name = pool["name"]

    def by_mark(symbol, moving_asset=None):
        mark = Fraction(state["marks"][symbol])
        return lambda m: survives(with_mark(state, symbol, m), name, moving_asset, m / mark)

    def by_index(asset):
        index = Fraction(state["indices"][asset]["index"])
        return lambda price: survives(state, name, asset, price / index)

    for position in pool["positions"]:
        symbol = position["symbol"]
        check_interval(position["interval"], by_mark(symbol))
        if position["moving"] is not None:
            check_interval(position["moving"], by_mark(symbol, state["contracts"][symbol]["base"]))
    for asset, interval in pool.get("collateral", {}).items():
        check_interval(interval, by_index(asset))


def check_amounts_to_add(state, pool):
    """With the amount the target is met, with one unit less it is not."""

    def after(asset, amount):
        wallet = Fraction(state["wallets"].get(asset, "0"))
        return {**state, "wallets": {**state["wallets"], asset: str(wallet + amount)}}

    for asset, amount in pool["remedy"]["add"].items():
        assert excess(after(asset, Fraction(amount)), pool["name"]) <= SLACK
        if amount != "0":
            assert excess(after(asset, Fraction(amount) - BOOKED_UNIT), pool["name"]) > -SLACK


def check_quantities_to_close(state, pool):
    """After the close the target is met, after a close of one lot less it is not."""
    numbers = {(given["symbol"], given["side"]): n for n, given in enumerate(state["positions"])}
    for close in pool["remedy"]["close"]:
        if close["quantity"] in (None, "0"):
            continue
        number = numbers[close["symbol"], close["side"]]
        assert excess(closed_part(state, number, close), pool["name"]) <= SLACK
        less = Fraction(close["quantity"]) - Fraction(state["contracts"][close["symbol"]]["lot"])
        if less > 0:
            before = closed_part(state, number, {**close, "quantity": str(less)})
            assert excess(before, pool["name"]) > -SLACK


@pytest.mark.parametrize("seed", range(12))
def test_against_whole_account(seed):
    rng = random.Random(seed)
    for _ in range(12):
        state = random_state(rng)
        for pool in evaluate(state)["pools"]:
            check_intervals(state, pool)
            if not pool["name"].startswith("isolated"):
                check_amounts_to_add(state, pool)
                check_quantities_to_close(state, pool)


def test_random_states_are_varied():
    rng = random.Random(99)
    seen = set()
    for _ in range(150):
        state = random_state(rng)
        seen.add((state["position_mode"], state["asset_mode"]))
        for pool in evaluate(state)["pools"]:
            seen.add(("liquidated", pool["liquidated"]))
            seen.add(("ratio", pool["ratio"] is None))
            for position in pool["positions"]:
                interval = position["interval"]
                seen.add(("ends", interval["lower"] is None, interval["upper"] is None, interval["empty"]))
    assert len(seen) == 4 + 2 + 2 + 5

"""Auto-deleveraging: published figures, each rule at its edges."""

from decimal import Decimal

import pytest

from margincall.core.assumptions import Assumptions
from margincall.core.protocol.deleverage import (
    Candidate,
    DeleverageRules,
    Deleveraging,
    candidate,
    deleverage,
    deleveraging_price,
    leverage_pnl,
    rank,
)
from margincall.venues import dydx
from tests.core.pools import contract, held, inverse, pool, rules

D = Decimal
BINANCE = DeleverageRules()
BTC = contract()


def queue(*entries: tuple[str, str], ranking: DeleverageRules = BINANCE) -> list[tuple[str, int, int]]:
    """Account, rank and lights of (quantity, score) in the order given: accounts 1, 2, …"""
    made = [
        Candidate(str(number), "BTCUSDT", "BOTH", D(quantity), D(score))
        for number, (quantity, score) in enumerate(entries, 1)
    ]
    return [(each.candidate.account, each.rank, each.lights) for each in rank(made, ranking)]


def closed(found: Deleveraging) -> dict[str, Decimal]:
    return {each.candidate.account: each.quantity for each in found.closings}


BITMEX = [("10", "3"), ("10", "6"), ("20", "1"), ("30", "4"), ("20", "5"), ("10", "2")]
"""BitMEX's example: quantities and scores of six accounts."""


def test_bitmex_queue_and_lights() -> None:
    """Order 2, 5, 4, 1, 6, 3; percentiles 20, 40, 60, 80, 80, 100 by quantity."""
    found = queue(*BITMEX, ranking=DeleverageRules(lights="quantity"))
    assert [account for account, _, _ in found] == ["2", "5", "4", "1", "6", "3"]
    assert [20 * (6 - lights) for _, _, lights in found] == [20, 40, 60, 80, 80, 100]


def test_bitmex_twenty_contracts() -> None:
    """Account 2 gives 10, account 5 the other 10 of its 20."""
    made = [Candidate(str(n), "X", "BOTH", D(q), D(s)) for n, (q, s) in enumerate(BITMEX, 1)]
    found = deleverage(rank(made, BINANCE), D(-20), D(100), lot=D(1), rules=BINANCE)
    assert closed(found) == {"2": D(-10), "5": D(-10)}
    assert found.uncovered == 0


def test_queue_against_proportion() -> None:
    """Profits 8, 4, 0.5 and a need of 7.5: the queue (2, 1, 3) takes 3.5, 4, 0; in proportion 4.8, 2.4, 0.3."""
    made = [Candidate(n, "X", "BOTH", D(q), D(s)) for n, q, s in (("1", "8", "2"), ("2", "4", "3"), ("3", "0.5", "1"))]
    ranked = rank(made, BINANCE)
    assert closed(deleverage(ranked, D("-7.5"), D(1), lot=D("0.1"), rules=BINANCE)) == {"2": D(-4), "1": D("-3.5")}
    shared = deleverage(ranked, D("-7.5"), D(1), lot=D("0.1"), rules=DeleverageRules(choice="pro-rata"))
    assert closed(shared) == {"2": D("-2.4"), "1": D("-4.8"), "3": D("-0.3")}


def test_lots_left_over_go_to_the_head() -> None:
    made = [Candidate(str(n), "X", "BOTH", D(3), D(0)) for n in range(3)]
    found = deleverage(rank(made, BINANCE), D(-4), D(1), lot=D(1), rules=DeleverageRules(choice="pro-rata"))
    assert closed(found) == {"0": D(-2), "1": D(-1), "2": D(-1)}


def test_binance_score() -> None:
    """max(0, PnL) / max(1, wallet) × maintenance / balance; losers, and the balance of nobody, score 0."""
    assert leverage_pnl(D(50), D(100), D(150), D(15)) == D("0.05")
    assert leverage_pnl(D(50), D("0.5"), D(100), D(10)) == 5
    assert leverage_pnl(D(-1), D(100), D(99), D(15)) == 0
    assert leverage_pnl(D(50), D(-60), D(-10), D(15)) == 0


def test_scores_from_a_pool() -> None:
    """A short of 1 BTC from 60,000 at 50,000 with a wallet of 10,000: 10,000 / 10,000 × 500 / 20,000. BitMEX's: 1/6 of
    the entry times 50,000 / 20,000; Hyperliquid's: 60/50 × 50,000 / 20,000."""
    venue = rules(BTC, rows=(("1000000", "0.01"),))
    terms = pool(venue, "10000", {"BTCUSDT": "50000"}, held(BTC, "-1", "60000"))
    score = {
        ranking: candidate("a", terms, terms.positions[0], Assumptions(), DeleverageRules(ranking=ranking)).score
        for ranking in ("leverage-pnl", "effective-leverage", "profit-notional", "account")
    }
    assert score["leverage-pnl"] == D("0.025")
    assert abs(score["effective-leverage"] - D(5) / 12) < D("1e-25")
    assert score["profit-notional"] == 3
    assert score["account"] == 0


def test_an_account_that_is_worth_nothing_ranks_last_by_size() -> None:
    venue = rules(BTC, rows=(("1000000", "0.01"),))
    ranking = DeleverageRules(ranking="profit-notional")
    for wallet, entry, score in (("-1", "50000", "0"), ("0.5", "50000", "100000"), ("0.5", "0", "0")):
        terms = pool(venue, wallet, {"BTCUSDT": "50000"}, held(BTC, "1", entry))
        assert candidate("a", terms, terms.positions[0], Assumptions(), ranking).score == D(score)


def test_losses_rank_by_the_quotient() -> None:
    """BitMEX divides a loss by the leverage: the more leveraged loser comes first."""
    venue = rules(BTC, rows=(("1000000", "0.01"),))
    ranking = DeleverageRules(ranking="effective-leverage")
    scores = []
    for wallet in ("20000", "40000"):
        terms = pool(venue, wallet, {"BTCUSDT": "50000"}, held(BTC, "1", "60000"))
        scores.append(candidate("a", terms, terms.positions[0], Assumptions(), ranking).score)
    assert scores[1] < scores[0] < 0


def test_pnl_of_the_position_or_of_the_pool() -> None:
    eth = contract("ETHUSDT")
    venue = rules(BTC, eth, rows=(("1000000", "0.01"),))
    terms = pool(
        venue, "10000", {"BTCUSDT": "50000", "ETHUSDT": "3000"}, held(BTC, "1", "49000"), held(eth, "1", "5000")
    )
    position = next(each for each in terms.positions if each.symbol == "BTCUSDT")
    own = candidate("a", terms, position, Assumptions(), BINANCE).score
    assert abs(own - D("0.1") * D(530) / 9000) < D("1e-25")
    assert candidate("a", terms, position, Assumptions(), DeleverageRules(pnl="pool")).score == 0


def test_lights_by_accounts_and_ties_by_name() -> None:
    """Ten accounts: two in each fifth, the head with five lights; equals in the order of their names."""
    found = queue(*[("1", str(score)) for score in range(10)])
    assert [lights for _, _, lights in found] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert [account for account, _, _ in queue(("1", "0"), ("1", "0"))] == ["1", "2"]
    assert [lights for _, _, lights in queue(("1", "0"))] == [1]


def test_dydx_starts_where_the_seed_says_and_skips_who_would_end_below_zero() -> None:
    made = [Candidate(name, "X", "BOTH", D(1), D(0)) for name in "abc"]
    ranked = rank(made, dydx.DELEVERAGING)
    for seed, order in ((0, "ab"), (1, "bc"), (2, "ca"), (5, "ca")):
        found = deleverage(ranked, D(-2), D(1), lot=D(1), rules=dydx.DELEVERAGING, seed=seed)
        assert list(closed(found)) == list(order)


@pytest.mark.parametrize("carl", [54_999, 50_000, 49_999])
@pytest.mark.parametrize("dave", [50_000, -45_001, -50_000, -50_001])
def test_dydx_deleveraging_table(carl: int, dave: int) -> None:
    """Carl is short 1 BTC with so much quote, Dave long 1; at Carl's bankruptcy price Carl ends at 0, and Dave with
    `dave + carl`, or the match is refused."""
    listed = contract(lot="0.00000001")
    venue = rules(listed, rows=(("100000000", "0.1"),))
    marks = {"BTCUSDT": "50000"}
    short = pool(venue, str(carl), marks, held(listed, "-1", "0"))
    long = pool(venue, str(dave), marks, held(listed, "1", "0"))
    (closing,), (other,) = short.positions, long.positions
    price = candidate("carl", short, closing, Assumptions(), dydx.DELEVERAGING).bankruptcy
    assert price == carl
    assert price is not None
    ranked = rank([candidate("dave", long, other, Assumptions(), dydx.DELEVERAGING)], dydx.DELEVERAGING)
    found = deleverage(ranked, closing.quantity, price, lot=listed.lot, rules=dydx.DELEVERAGING)
    end = dave + carl
    assert closed(found) == ({"dave": D(-1)} if end >= 0 else {})
    assert found.uncovered == (0 if end >= 0 else 1)


def test_dydx_deleverages_a_part() -> None:
    """0.1 of Carl's short of 1 BTC with 54,999, against Dave's 0.1: 5,499.90 change hands, 0.9 are left."""
    venue = rules(BTC, rows=(("100000000", "0.1"),))
    short = pool(venue, "54999", {"BTCUSDT": "50000"}, held(BTC, "-1", "0"))
    long = pool(venue, "50000", {"BTCUSDT": "50000"}, held(BTC, "0.1", "0"))
    (closing,), (other,) = short.positions, long.positions
    price = candidate("carl", short, closing, Assumptions(), dydx.DELEVERAGING).bankruptcy
    assert price is not None
    ranked = rank([candidate("dave", long, other, Assumptions(), dydx.DELEVERAGING)], dydx.DELEVERAGING)
    found = deleverage(ranked, closing.quantity, price, lot=BTC.lot, rules=dydx.DELEVERAGING)
    assert closed(found) == {"dave": D("-0.1")}
    assert D("0.1") * found.price == D("5499.90")
    assert closing.quantity + found.uncovered == D("-0.1")
    assert found.uncovered == D("0.9")


def test_the_same_side_is_never_chosen_and_what_is_left_is_told() -> None:
    made = [Candidate("same", "X", "BOTH", D(-5), D(9)), Candidate("other", "X", "BOTH", D(2), D(1))]
    found = deleverage(rank(made, BINANCE), D("-3.5"), D(1), lot=D(1), rules=BINANCE)
    assert closed(found) == {"other": D(-2)}
    assert found.uncovered == D("1.5")


def test_the_price_is_that_of_the_rule() -> None:
    prices = [
        deleveraging_price(D(1), D(2), D(3), DeleverageRules(price=rule))
        for rule in ("bankruptcy", "mark", "previous-mark")
    ]
    assert prices == [1, 2, 3]


def test_a_short_is_passed_over_above_its_bankruptcy_price() -> None:
    """It buys: at its own bankruptcy price it ends at zero, above it below."""
    made = [Candidate("a", "X", "BOTH", D(-1), D(0), D(100))]
    for price, uncovered in ((99, 0), (100, 0), (101, 1)):
        found = deleverage(rank(made, BINANCE), D(1), D(price), lot=D(1), rules=dydx.DELEVERAGING)
        assert found.uncovered == uncovered


def test_effective_leverage_of_an_inverse_position() -> None:
    """100 contracts of 100 at 40,000 are 0.25 coin, at 50,000 0.2: a long's profit of 0.05 is 20 % of its entry. With a
    wallet of 0.05 it may lose 0.1 of 0.2: leverage 2."""
    listed = inverse(size="100")
    terms = pool(
        rules(listed, rows=(("1000", "0.01"),)), "0.05", {listed.symbol: "50000"}, held(listed, "100", "40000")
    )
    ranking = DeleverageRules(ranking="effective-leverage")
    assert abs(candidate("a", terms, terms.positions[0], Assumptions(), ranking).score - D("0.4")) < D("1e-12")
    size = DeleverageRules(ranking="profit-notional")
    assert candidate("a", terms, terms.positions[0], Assumptions(), size).score == D("2.5")

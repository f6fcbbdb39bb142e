"""The waterfall on random accounts: moves sum to zero, the fund is never below zero, nothing flips, nobody pays more
than the rule asks of anybody."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from margincall.core.clearance import clearance_fee
from margincall.core.contract import Contract
from margincall.core.margin import margin
from margincall.core.prices import bankruptcy
from margincall.core.protocol.deleverage import Candidate, DeleverageRules, deleverage, rank
from margincall.core.protocol.losses import claw_back, fund_pays, socialise
from margincall.core.protocol.moves import FUND, REMAINDER, Move, changes
from margincall.core.protocol.waterfall import (
    Fund,
    Reduce,
    TakeOver,
    WaterfallRules,
    clearance_moves,
    limit_price,
    partial_quantity,
    plan,
    take_over,
)
from tests.core.pools import contract, inverse
from tests.oracle.agreement import to_core
from tests.properties.strategies import State, decimals, states

UNIT = Decimal("1e-8")
AMOUNTS = decimals(0, 1_000_000, 8)
NAMES = st.text("abcdef", min_size=1, max_size=3)
LINEAR, INVERSE = contract(), inverse(size="100")

waterfalls = st.builds(
    WaterfallRules,
    partial=st.sampled_from(["restore", "whole", "share", "tier"]),
    partial_share=st.sampled_from([Decimal("0.1"), Decimal("0.5")]),
    order=st.sampled_from(["maintenance", "notional", "symbol"]),
    takeover=st.sampled_from(["pool", "one-by-one"]),
)
rankings = st.builds(
    DeleverageRules,
    choice=st.sampled_from(["queue", "seeded-start", "pro-rata"]),
    lights=st.sampled_from(["accounts", "quantity"]),
)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Holders of one symbol on both sides, with sizes in lots of 0.001, ties among their scores."""
    names = draw(st.lists(NAMES, unique=True, max_size=12))
    lots = decimals(-5, 5, 3).filter(bool)
    return [Candidate(name, "BTCUSDT", "BOTH", draw(lots), draw(decimals(-2, 2, 0))) for name in names]


def sums_to_zero(moves: tuple[Move, ...]) -> dict[str, Decimal]:
    """What the moves change, by account, after checking that all of it is zero and no move negative."""
    assert all(each.amount > 0 for each in moves)
    booked = changes(moves)
    assert sum(booked.values()) == 0
    return {account: amount for (account, _), amount in booked.items()}


@given(states(), waterfalls)
def test_a_plan_only_reduces(state: State, rules: WaterfallRules) -> None:
    """No step for a pool that lives; every step closes at most what is held, in lots or all of it; a pool that is over
    has every position taken, or the first."""
    account, marks, venue = to_core(state)
    for pool in margin(account, marks, venue).pools:
        held = {(each.symbol, each.side): each.quantity for each in pool.positions}
        for stage in ("triggered", "cancelled", "reduced"):
            steps = plan(pool, stage, venue.assumptions, rules)
            assert bool(steps) == pool.liquidated
            for step in steps:
                if isinstance(step, Reduce | TakeOver):
                    own = held[step.symbol, step.side]
                    assert own * step.quantity < 0
                    assert abs(step.quantity) <= abs(own)
                    assert step.price > 0 if isinstance(step, TakeOver) else step.limit > 0
        if pool.liquidated:
            taken = plan(pool, "reduced", venue.assumptions, rules)
            assert len(taken) == (len(pool.positions) if rules.takeover == "pool" else 1)


@given(states(), waterfalls)
def test_a_limit_is_never_worse_than_bankruptcy(state: State, rules: WaterfallRules) -> None:
    """A sale's limit is at or above the bankruptcy price, a purchase's at or below it unless that is under a tick."""
    account, marks, venue = to_core(state)
    for pool in margin(account, marks, venue).pools:
        for position in pool.positions:
            limit = limit_price(pool, position, venue.assumptions, rules)
            own = bankruptcy(pool, position, venue.assumptions)
            assert (limit is None) == (own is None)
            if limit is not None and own is not None:
                tick = position.contract.tick
                assert limit >= own if position.quantity > 0 else limit <= max(own, tick)
                assert abs(limit - own) < tick or own < tick
            size = partial_quantity(pool, position, venue.assumptions, rules)
            assert 0 < size <= abs(position.quantity)
            assert size == abs(position.quantity) or size % position.contract.lot == 0


@given(
    st.sampled_from([LINEAR, INVERSE]),
    decimals(-50, 50, 0).filter(bool),
    decimals(10, 1000),
    decimals(10, 1000),
    st.tuples(decimals(0, 20_000), decimals(-50, 50, 0), decimals(0, 10_000)),
    st.sampled_from([None, Decimal(1), Decimal("0.2")]),
)
def test_the_fund_is_never_below_zero(
    listed: Contract,
    quantity: Decimal,
    price: Decimal,
    mark: Decimal,
    fund: tuple[Decimal, Decimal, Decimal],
    share: Decimal | None,
) -> None:
    """Whatever it takes; taken and left make the whole, in the direction of the position; one lot more would break the
    limit, or there is none left."""
    before = Fund(*fund)
    rules = WaterfallRules(fund_notional=share)
    found = take_over(listed, quantity, price, mark, fund=before, rules=rules)
    assert found.equity >= 0
    assert found.taken + found.left == quantity
    assert found.taken * quantity >= 0
    assert found.left * quantity >= 0
    unit = Fraction(mark) if listed.kind == "linear" else Fraction(listed.contract_size) / Fraction(mark)

    def allowed(taken: Decimal) -> bool:
        after = Fraction(before.equity) + Fraction(taken) * _gain(listed, price, mark)
        if after < 0:
            return False
        notional = abs(Fraction(before.held + taken)) * unit + Fraction(before.elsewhere)
        return share is None or notional <= Fraction(share) * Fraction(before.equity)

    more = found.taken + (listed.lot if quantity > 0 else -listed.lot)
    if found.left and before.held * quantity >= 0:
        assert not allowed(more)
    if found.taken and before.held * quantity >= 0:
        assert allowed(found.taken)


def _gain(listed: Contract, price: Decimal, mark: Decimal) -> Fraction:
    """What one unit long gains from `price` to the mark."""
    if listed.kind == "linear":
        return Fraction(mark) - Fraction(price)
    return Fraction(listed.contract_size) * (1 / Fraction(price) - 1 / Fraction(mark))


@given(AMOUNTS, decimals(0, 1, 4), decimals(-1000, 100_000, 8), decimals(0, 1))
def test_a_fee_never_takes_more_than_is_left(base: Decimal, rate: Decimal, left: Decimal, share: Decimal) -> None:
    fee = clearance_fee(base, rate, left)
    assert 0 <= fee <= max(left, Decimal(0))
    booked = sums_to_zero(clearance_moves("t", "USDT", fee, WaterfallRules(fund_share=share)))
    assert booked.get("t", Decimal(0)) == -fee
    assert all(amount > 0 for account, amount in booked.items() if account != "t")


@given(AMOUNTS, decimals(-1000, 1_000_000, 8))
def test_the_fund_pays_exactly_the_smaller(loss: Decimal, fund: Decimal) -> None:
    cover = fund_pays("t", "USDT", loss, fund)
    assert cover.paid == min(loss, max(fund, Decimal(0)))
    assert cover.paid + cover.left == loss
    assert sums_to_zero(cover.moves).get("t", Decimal(0)) == cover.paid


@given(AMOUNTS.filter(bool), st.dictionaries(NAMES, decimals(-100, 100, 3).filter(bool), min_size=1))
def test_socialised_loss_covers_all_per_contract(loss: Decimal, holdings: dict[str, Decimal]) -> None:
    """The debtor gets the whole loss; equal positions pay alike; the remainder never gives."""
    shared = socialise("debtor", "USDT", loss, holdings)
    booked = sums_to_zero(shared.moves)
    assert booked["debtor"] == loss
    assert booked.get(REMAINDER, Decimal(0)) >= 0
    assert booked.get(REMAINDER, Decimal(0)) <= sum(abs(each) for each in holdings.values()) * UNIT + UNIT * len(
        holdings
    )
    assert len({shared.charges[name] for name in holdings if abs(holdings[name]) == 1}) <= 1


@given(
    AMOUNTS.filter(bool),
    st.dictionaries(NAMES, decimals(-100_000, 100_000, 8), min_size=1),
    st.sampled_from([Decimal(0), Decimal("0.01")]),
)
def test_clawback_takes_profit_only(loss: Decimal, profits: dict[str, Decimal], minimum: Decimal) -> None:
    """At most each one's profit, in all at most the loss (or the minimum rate); losers are untouched; a larger profit
    never pays less; truncation is borne by the remainder."""
    shared = claw_back("debtor", "USDT", loss, profits, minimum=minimum)
    booked = sums_to_zero(shared.moves)
    gains = sum((each for each in profits.values() if each > 0), Decimal(0))
    assert booked.get("debtor", Decimal(0)) == loss - shared.left == min(loss, gains)
    raised = sum(shared.charges.values(), Decimal(0))
    assert raised <= max(min(loss, gains), minimum * gains)
    assert -UNIT * len(profits) <= booked.get(REMAINDER, Decimal(0)) <= 0
    assert booked.get(FUND, Decimal(0)) >= 0
    for name, charge in shared.charges.items():
        assert 0 <= charge <= profits[name]
    paying = sorted(shared.charges, key=lambda name: profits[name])
    assert [shared.charges[name] for name in paying] == sorted(shared.charges.values())


@given(st.integers(2, 5), decimals(1, 1000), decimals(1, 1000), AMOUNTS.filter(bool))
def test_clawback_is_indifferent_to_splitting(parts: int, one: Decimal, other: Decimal, loss: Decimal) -> None:
    """A winner who is k accounts pays the same in all, up to truncation."""
    whole = claw_back("d", "USDT", loss, {"w": one * parts, "o": other})
    split = claw_back("d", "USDT", loss, {**{f"w{number}": one for number in range(parts)}, "o": other})
    paid = sum((charge for name, charge in split.charges.items() if name != "o"), Decimal(0))
    assert abs(paid - whole.charges["w"]) <= UNIT * parts


@given(candidates(), rankings, st.randoms(use_true_random=False))
def test_ranking_is_total_and_stable(made: list[Candidate], rules: DeleverageRules, shuffler: Any) -> None:
    """Every candidate has one place, whatever order they come in; scores and lights never rise down the queue, and its
    last has one light."""
    ranked = rank(made, rules)
    assert sorted(each.rank for each in ranked) == list(range(1, len(made) + 1))
    other = list(made)
    shuffler.shuffle(other)
    assert rank(other, rules) == ranked
    assert [each.candidate.score for each in ranked] == sorted((each.score for each in made), reverse=True)
    lights = [each.lights for each in ranked]
    assert lights == sorted(lights, reverse=True)
    assert all(1 <= each <= 5 for each in lights)
    if ranked:
        assert lights[-1] == 1


@given(candidates(), rankings, decimals(-8, 8, 3).filter(bool), st.integers(0, 2**32))
def test_deleveraging_closes_exactly_what_is_asked(
    made: list[Candidate], rules: DeleverageRules, quantity: Decimal, seed: int
) -> None:
    """Or all there is on the other side; nobody is closed twice, flipped, or closed on the same side; in a queue nobody
    is touched before all ahead are closed wholly."""
    lot = Decimal("0.001")
    ranked = rank(made, rules)
    found = deleverage(ranked, quantity, Decimal(100), lot=lot, rules=rules, seed=seed)
    capacity = sum((abs(each.quantity) for each in made if each.quantity * quantity < 0), Decimal(0))
    closed = sum((abs(each.quantity) for each in found.closings), Decimal(0))
    assert closed == min(abs(quantity), capacity)
    assert closed + found.uncovered == abs(quantity)
    assert len({each.candidate.account for each in found.closings}) == len(found.closings)
    for each in found.closings:
        assert each.quantity * each.candidate.quantity < 0
        assert each.quantity * quantity > 0
        assert abs(each.quantity) <= abs(each.candidate.quantity)
        assert each.quantity % lot == 0
    if rules.choice != "pro-rata":
        assert all(abs(each.quantity) == abs(each.candidate.quantity) for each in found.closings[:-1])
    if rules.choice == "queue":
        order = [each.candidate.account for each in ranked if each.candidate.quantity * quantity < 0]
        assert [each.candidate.account for each in found.closings] == order[: len(found.closings)]


@given(decimals(1, 5, 3), decimals(1, 5, 3), decimals(1, 5, 3))
def test_in_proportion_the_shares_differ_by_at_most_a_lot(one: Decimal, two: Decimal, wanted: Decimal) -> None:
    lot = Decimal("0.001")
    made = [Candidate("a", "X", "BOTH", one, Decimal(0)), Candidate("b", "X", "BOTH", two, Decimal(0))]
    rules = DeleverageRules(choice="pro-rata")
    found = deleverage(rank(made, rules), Decimal(-wanted), Decimal(1), lot=lot, rules=rules)
    share = min(Fraction(wanted) / Fraction(one + two), Fraction(1))
    for each in found.closings:
        assert abs(Fraction(-each.quantity) - share * Fraction(each.candidate.quantity)) < Fraction(lot)

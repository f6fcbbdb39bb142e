"""The desk under dYdX's rules: a match that the fund cannot pay is not made, and only an order that filled nothing is
followed by deleveraging (docs/spec/liquidation_desk.md, b)."""

from decimal import Decimal, localcontext
from itertools import pairwise

import pytest

from margincall.core.events import Fill
from margincall.core.protocol.waterfall import payable_matches
from margincall.core.rounding import CONTEXT
from margincall.exchange import commands, desk
from margincall.exchange.audit.laws import LAWS
from margincall.exchange.audit.matrix import holding
from margincall.exchange.audit.shadow import Around, Shadow
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.events import Deleveraged, LiquidationStep, Rejected
from margincall.exchange.genesis import new_exchange
from margincall.exchange.step import step

D = Decimal
BTC = "BTC-USD"


class Chain:
    """Carl is long 1 BTC from 50,000 with 2,600, Dave short; at 47,000 Carl is worth −400, bankrupt at 47,400."""

    def __init__(self, fund: str, *bids: tuple[str, int, str]) -> None:
        self.state = new_exchange(CATALOGUE["dydx"]())
        self.shadow = Shadow(self.state)
        self.mark(50_000)
        self.send(commands.Fund(asset="USDC", amount=D(fund)))
        for name, money in (("bob", 500_000), ("carl", 2_600), ("dave", 500_000)):
            self.send(commands.OpenAccount(account=name))
            self.send(commands.Transfer(account=name, asset="USDC", amount=D(money)))
        self.order("dave", "SELL", 50_000, "1")
        self.order("carl", "BUY", 50_000, "1")
        for name, price, quantity in bids:
            self.order(name, "BUY", price, quantity)

    def send(self, command: commands.AnyCommand) -> Around:
        events = step(self.state, command)
        assert not any(isinstance(event, Rejected) for event in events), events
        with localcontext(CONTEXT):
            return self.shadow.tell(self.state, command, events)

    def mark(self, price: int) -> Around:
        return self.send(commands.SetMark(symbol=BTC, price=D(price)))

    def order(self, account: str, side: str, price: int, quantity: str) -> None:
        self.send(commands.PlaceOrder(account=account, symbol=BTC, side=side, type="LIMIT", price=D(price),
                                      quantity=D(quantity), time_in_force="GTC"))  # fmt: skip

    @property
    def fund(self) -> Decimal:
        return self.state.fund.account.wallets.get("USDC", D(0))


def sold(around: Around) -> list[tuple[Decimal, Decimal]]:
    """What Carl sold: quantity and price."""
    return [(-each.quantity, each.price) for each in around.events if isinstance(each, Fill) and each.account == "carl"]


def steps(around: Around) -> list[str]:
    return [each.step for each in around.events if isinstance(each, LiquidationStep)]


def breaches(around: Around) -> list[str]:
    with localcontext(CONTEXT):
        return [said for number in holding("dydx") if number in LAWS for said in LAWS[number](around)]


def test_an_empty_fund_pays_no_bad_fill() -> None:
    chain = Chain("0.00000001", ("bob", 46_800, "1"))
    around = chain.mark(47_000)
    assert sold(around) == [(1, 47_400)]
    assert steps(around) == ["reduce", "takeover", "deleverage"]
    assert any(isinstance(each, Deleveraged) for each in around.events)
    assert breaches(around) == []


def test_what_the_fund_can_pay_is_filled_and_nobody_is_deleveraged_then() -> None:
    """0.1 at 46,800 is 60 short of bankruptcy, and the fund has just that."""
    chain = Chain("60", ("bob", 46_800, "1"))
    around = chain.mark(47_000)
    assert (sold(around), chain.fund) == ([(D("0.1"), 46_800)], 0)
    assert steps(around) == ["reduce", "fee"]
    assert chain.state.traders["carl"].account.wallets["USDC"] == 2_600 - 320 + 60
    assert breaches(around) == []
    again = chain.mark(47_000)
    assert steps(again) == ["reduce", "takeover", "deleverage"], "the next command finds nothing that the fund can pay"
    assert breaches(again) == []


def test_a_match_is_made_whole_or_not_at_all() -> None:
    """0.06 at 47,000 lacks 24, 0.04 at 46,800 lacks another 24; of 47.99 the second cannot be paid."""
    bids = ("bob", 47_000, "0.06"), ("dave", 46_800, "1")
    for fund, size in (("48", D("0.1")), ("47.99", D("0.06")), ("23.99", D(1))):
        chain = Chain(fund, *bids)
        around = chain.mark(47_000)
        assert sum(quantity for quantity, _ in sold(around)) == size, fund
        assert breaches(around) == []


def test_what_was_better_counts_for_what_is_worse() -> None:
    """0.06 at 47,600 are 12 better than bankruptcy, 0.04 at 47,100 as much worse: the empty fund pays nothing."""
    chain = Chain("0.00000001", ("bob", 47_600, "0.06"), ("dave", 47_100, "1"))
    around = chain.mark(47_000)
    assert sold(around) == [(D("0.06"), 47_600), (D("0.04"), 47_100)]
    (fee,) = [each for each in around.events if isinstance(each, LiquidationStep) and each.step == "fee"]
    assert not any(fee.applied.values())


def test_own_orders_that_the_smaller_order_does_not_meet_stay() -> None:
    """Carl's own bid between the two matches: the order for 0.06 ends before it."""
    chain = Chain("24", ("bob", 47_000, "0.06"), ("carl", 46_900, "0.001"), ("dave", 46_800, "1"))
    assert sold(chain.mark(47_000)) == [(D("0.06"), 47_000)]
    assert len(chain.state.traders["carl"].orders) == 1
    whole = Chain("48", ("bob", 47_000, "0.06"), ("carl", 46_900, "0.001"), ("dave", 46_800, "1"))
    whole.mark(47_000)
    assert not whole.state.traders["carl"].orders


def test_without_the_rule_the_laws_would_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "payable_matches", lambda matches, *_: len(matches))
    monkeypatch.setattr(desk, "improvement", lambda *_: D(0))
    around = Chain("0.00000001", ("bob", 46_800, "1")).mark(47_000)
    with localcontext(CONTEXT):
        assert any("by its order" in said for said in LAWS[10](around))


def test_payable_matches() -> None:
    sale = [(D(-1), D(110)), (D(-1), D(95)), (D(-1), D(90))]
    bankrupt = D(100)
    found = [payable_matches(sale, bankrupt, D(fund)) for fund in ("0", "4.9", "5", "-1")]
    assert found == [2, 2, 3, 2]
    assert payable_matches([(D(1), D(101)), (D(1), D(100))], bankrupt, D(0)) == 0, "what comes behind does not count"
    assert payable_matches([], bankrupt, D(0)) == 0
    assert all(one <= other for one, other in pairwise(found[:3]))

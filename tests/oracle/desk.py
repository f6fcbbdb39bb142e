"""docs/spec/liquidation_desk.md a second time: passes over the accounts, and the stages a to g of a liquidation.

`liquidate(state)` is what the desk does after one command, `clear_negative(state)` is one full ten minutes (section g),
`warned(state)` says who is warned then. The shapes are in README.md. The letters are those of the page.
"""

from fractions import Fraction

from . import book, deleverage, losses, waterfall
from .oracle import ZERO
from .venue import Deal, Venue, amounts


def liquidate(state):
    """All passes after one command that concerns all accounts, as a mark of each symbol does."""
    venue = Venue(state)
    make_passes(venue)
    return venue.report()


def make_passes(venue):
    """Passes until nobody is concerned; `venue.begun` says of each pool that was liquidated in which pass."""
    concerned = sorted(venue.traders)
    while concerned:
        venue.passes += 1
        changed = set()
        for name in concerned:
            at_trigger = [pool.name for pool in venue.pools(name).values() if pool.liquidated()]
            for pool_name in at_trigger:
                changed |= Liquidation(venue, name, pool_name).run()
        concerned = sorted(changed)


def warned(state):
    """The pools that are near their trigger, but not at it, by account and name."""
    venue = Venue(state)
    threshold = Fraction(venue.assumptions["warning-threshold"])
    return [
        {"account": name, "pool": pool.name}
        for name in venue.traders
        for pool in venue.pools(name).values()
        if pool.maintenance() > 0 and pool.maintenance() >= threshold * pool.balance() and not pool.liquidated()
    ]


class Liquidation:
    """One pool of one account, from its trigger to the end of what is done with it in a command."""

    def __init__(self, venue, name, pool_name):
        self.venue, self.rules = venue, venue.rules
        self.name, self.pool_name = name, pool_name
        self.trader = venue.traders[name]
        self.split = venue.assumptions["bankruptcy-split"]
        self.profits, self.last_symbol, self.asset = ZERO, None, None

    def pool(self):
        """The pool with fresh terms, None if there is none any more."""
        return self.venue.pools(self.name).get(self.pool_name)

    def due(self):
        """The same if it is at its trigger: nothing is done with a pool that is not."""
        pool = self.pool()
        return pool if pool is not None and pool.liquidated() else None

    def note(self, step, **details):
        self.venue.note(step, account=self.name, pool=self.pool_name, **details)

    def is_open(self):
        pool = self.pool()
        return pool is not None and bool(pool.positions)

    def run(self):
        """If the pool is at its trigger and has not had its turn. Returns whose money or positions it changed."""
        venue, key = self.venue, (self.name, self.pool_name)
        if key in venue.begun or self.due() is None:
            return set()
        venue.begun[key] = venue.passes
        before = {name: trader.report() for name, trader in venue.traders.items()}
        self.cancel()
        filled = self.reduce(self.pool())
        if self.is_open() and not (filled and self.rules["fee"] == "improvement"):
            isolated_wallet = self.isolated_wallet()
            self.take_over()
            if not self.is_open() and self.rules["after_fund"] in ("socialise", "claw-back"):
                SharedLoss(self, isolated_wallet).share()
        return {name for name, trader in venue.traders.items() if trader.report() != before[name]}

    def isolated_wallet(self):
        """Of an isolated pool that is open."""
        if not self.pool_name.startswith("isolated:"):
            return ZERO
        _, symbol, side = self.pool_name.split(":")
        return self.trader.book(symbol, side).isolated_wallet

    # a

    def cancel(self):
        scope = self.rules["cancel"]
        if scope == "none":
            return

        def in_scope(order, symbol):
            if order["owner"] != self.name:
                return False
            return scope == "account" or self.venue.pool_of_order(order, symbol) == self.pool_name

        gone = self.venue.cancel(in_scope)
        if gone:
            self.note("cancel", orders=gone)

    # b

    def reduce(self, pool):
        """One IOC order for the first position, limited by the bankruptcy price; its fee. True if anything filled."""
        venue = self.venue
        position = waterfall.in_order(pool, self.rules["order"])[0]
        limit = waterfall.limit_ticks(pool, position, self.rules, self.split)
        if limit is None:
            return False
        given = {
            "rate": venue.liquidation_fee(position.symbol),
            "target": Fraction(venue.assumptions["warning-threshold"]),
            "table": venue.brackets[position.symbol],
        }
        part = waterfall.part_to_close(pool, position, self.rules, given)
        order = Reduction(self, position, limit, part)
        if self.rules["fee"] == "improvement":
            order.cut(self.own_price(pool, position), venue.fund.wallets.get(position.asset, ZERO))
        order.meet_book()
        self.note(
            "reduce",
            symbol=position.symbol,
            side=position.side,
            quantity=-position.sign * part,
            limit=limit * position.tick,
            filled=order.filled,
            fills=order.fills,
            expired=order.expired,
            cut=order.not_made,
        )
        if order.filled:
            self.charge_fee(pool, position, order)
        return bool(order.filled)

    # c

    def own_price(self, pool, position):
        """The bankruptcy price of `improvement`: not on the tick, the mark where there is none."""
        price = waterfall.bankruptcy_price(pool, position, self.split)
        return position.mark if price is None else price

    def quote_unit(self):
        """What `improvement` rounds to; None if it does not."""
        unit = self.rules.get("quote_unit")
        return None if unit is None else Fraction(unit)

    def charge_fee(self, pool, position, order):
        rate = self.venue.liquidation_fee(position.symbol)
        if self.rules["fee"] == "improvement":
            if self.rules.get("penalty") is not None:
                rate = Fraction(self.rules["penalty"])
            bankrupt = waterfall.at_bankruptcy(order.filled, self.own_price(pool, position), self.quote_unit())
            fee = waterfall.improvement_fee(rate, order.received, bankrupt)
        else:
            left = self.collateral_left(position, order)
            fee = waterfall.clearance_fee(rate, order.turnover, left, self.rules["fee_cap"])
        if fee:
            self.book_fee(position, fee)

    def collateral_left(self, position, order):
        """In the margin asset. Of an isolated position that is closed whole: what its wallet has become."""
        if self.pool_name.startswith("isolated:") and -order.filled == position.quantity:
            return order.isolated_wallet_before + order.profits - order.fees
        pool = self.pool()
        return ZERO if pool is None else pool.balance() / pool.index(position.asset)

    def book_fee(self, position, fee):
        """A flow of the account: an open isolated position pays from (or is paid into) its own wallet."""
        venue, asset = self.venue, position.asset
        held = self.trader.book(position.symbol, position.side)
        if held.quantity and self.trader.is_isolated(position.symbol):
            held.isolated_wallet -= fee
        venue.pay(self.trader.wallets, asset, -fee)
        of_fund = fee
        if fee > 0:
            of_fund = waterfall.truncate(fee * Fraction(self.rules["fund_share"]))
        venue.pay(venue.fund.wallets, asset, of_fund)
        venue.pay_fees(asset, fee - of_fund)
        self.note(
            "fee", symbol=position.symbol, side=position.side, asset=asset, amount=fee, fund=of_fund, fees=fee - of_fund
        )

    # d, e

    def take_over(self):
        """The steps of the plan; the first one that leaves something over is the last."""
        one_by_one = self.rules["takeover"] == "one-by-one" or self.split == "whole"
        while (pool := self.due()) is not None:
            if self.rules["only_bankrupt"] and self.rules["takeover"] == "none" and pool.balance() >= 0:
                return
            plan = [
                (position, waterfall.bankruptcy_price(pool, position, self.split) or position.mark)
                for position in waterfall.in_order(pool, self.rules["order"])
            ]
            for position, price in plan[:1] if one_by_one else plan:
                if not self.take_over_one(position, price):
                    return

    def take_over_one(self, position, price):
        """The fund takes what it can, the rest goes the way of the rules. False if something is left."""
        venue = self.venue
        taken = ZERO
        if self.rules["takeover"] != "none":
            wallet = venue.fund.wallets.get(position.asset, ZERO)
            held = venue.fund_positions()
            taken = waterfall.taken_by_fund(position, price, wallet, held, self.rules["fund_notional"])
        if taken:
            self.to_fund(position, taken, price, "takeover")
        rest = position.held - taken
        if rest and self.rules["after_fund"] == "deleverage":
            return self.deleverage(position, rest, price)
        if rest:
            self.to_fund(position, rest, position.mark, "takeover-at-mark")
        return True

    def to_fund(self, position, amount, price, step):
        quantity = position.sign * amount
        deal = Deal(position.symbol, (position.side, "BOTH"), -quantity, price)
        profit = self.venue.trade(self.trader, self.venue.fund, deal)
        self.profits += profit
        self.last_symbol, self.asset = position.symbol, position.asset
        self.note(step, symbol=position.symbol, side=position.side, quantity=quantity, price=price, profit=profit)

    def deleverage(self, position, rest, price):
        """Close against the other side. False if nobody can take all of it."""
        venue, rules = self.venue, self.venue.deleveraging
        price = {
            "bankruptcy": price,
            "mark": position.mark,
            "previous-mark": venue.marks_before.get(position.symbol, position.mark),
        }[rules["price"]]
        queue = deleverage.ranked(self.candidates(position), rules, self.split)
        if rules["skip_overlap"]:
            queue = [candidate for candidate in queue if deleverage.can_take(candidate, price, self.split)]
        seed, venue.seed = venue.seed, venue.seed + 1
        lots = rest // position.lot
        for candidate, part in deleverage.chosen(queue, lots, rules["choice"], seed):
            lots -= part
            self.deleverage_one(position, candidate, position.sign * part * position.lot, price)
        left = position.sign * lots * position.lot
        if left:
            self.note("uncovered", symbol=position.symbol, side=position.side, quantity=left)
            venue.uncovered.append({key: venue.log[-1][key] for key in venue.log[-1] if key != "step"})
        return not left

    def candidates(self, position):
        """All opposite positions of the symbol, but the account's own (the fund is not among the accounts)."""
        return [
            deleverage.Candidate(name, pool, other)
            for name in self.venue.traders
            if name != self.name
            for pool in self.venue.pools(name).values()
            for other in pool.positions
            if other.symbol == position.symbol and other.sign == -position.sign
        ]

    def deleverage_one(self, position, candidate, quantity, price):
        """`quantity` has the sign of the liquidated position."""
        venue, symbol, other = self.venue, position.symbol, candidate.position.side
        gone = venue.cancel(lambda order, of: of == symbol and order["owner"] == candidate.name)
        trader = venue.traders[candidate.name]
        venue.trade(self.trader, trader, Deal(symbol, (position.side, other), -quantity, price))
        self.note(
            "deleverage",
            symbol=symbol,
            side=position.side,
            quantity=quantity,
            price=price,
            counterparty=candidate.name,
            counterparty_side=other,
            cancelled=gone,
        )


class Reduction:
    """The reducing order of a liquidation: what it meets in the book, and the sums of its fills."""

    def __init__(self, liquidation, position, limit, part):
        self.liquidation, self.position, self.limit = liquidation, position, limit
        self.lots = int(part // position.lot)
        self.side = "SELL" if position.sign > 0 else "BUY"
        self.isolated_wallet_before = liquidation.isolated_wallet()
        self.filled = self.received = self.turnover = self.profits = self.fees = ZERO
        self.fills, self.expired = [], []
        self.not_made = 0

    def resting(self):
        return self.liquidation.venue.orders.get(self.position.symbol, [])

    def cut(self, bankruptcy_price, fund_wallet):
        """Make no match that the fund cannot pay, and none behind it; then the order is one for what is left."""
        matches = book.matches(self.resting(), self.liquidation.name, self.side, self.limit, self.lots)
        terms = [self.terms(maker, lots) for maker, lots in matches]
        made = waterfall.payable_matches(terms, bankruptcy_price, fund_wallet, self.liquidation.quote_unit())
        self.not_made = len(matches) - made
        if self.not_made:
            self.lots = sum(lots for _, lots in matches[:made])

    def meet_book(self):
        for what, maker, lots in book.take(self.resting(), self.liquidation.name, self.side, self.limit, self.lots):
            if what == "expire":
                self.expired.append(maker["id"])
            else:
                self.fill(maker, lots)

    def terms(self, maker, lots):
        """Of a fill of so many lots: the quantity as the account gets it, and the price."""
        return -self.position.sign * lots * self.position.lot, maker["ticks"] * self.position.tick

    def fill(self, maker, lots):
        venue, symbol, trader = self.liquidation.venue, self.position.symbol, self.liquidation.trader
        quantity, price = self.terms(maker, lots)
        other = venue.traders[maker["owner"]]
        sides = self.position.side, maker.get("position_side", "BOTH")
        profit, fee = venue.market_trade(trader, other, Deal(symbol, sides, quantity, price))
        value = trader.worth(symbol, quantity, price)
        self.filled += quantity
        self.received -= value
        self.turnover += abs(value)
        self.profits += profit
        self.fees += fee
        self.fills.append({"id": maker["id"], "owner": maker["owner"], "quantity": quantity, "price": price})


# f


class SharedLoss:
    """What the closed pool of a liquidation lacks: the fund pays first, then holders or winners; the rest stays a
    debt. `isolated_wallet` is what an isolated pool had before it was taken over."""

    def __init__(self, liquidation, isolated_wallet):
        self.liquidation, self.isolated_wallet = liquidation, isolated_wallet
        self.venue, self.asset = liquidation.venue, liquidation.asset

    def lacking(self):
        """0 or less if nothing is lacking."""
        liquidation = self.liquidation
        if liquidation.pool_name.startswith("isolated:"):
            return -(self.isolated_wallet + liquidation.profits)
        return -liquidation.trader.cross_wallets().get(self.asset, ZERO)

    def share(self):
        venue, asset, trader = self.venue, self.asset, self.liquidation.trader
        if trader.asset_mode == "multi":
            return
        loss = self.lacking()
        if loss <= 0:
            return
        of_fund = min(loss, max(venue.fund.wallets.get(asset, ZERO), ZERO))
        charges, covered = self.charges(loss - of_fund)
        venue.pay(venue.fund.wallets, asset, -of_fund)
        for name, amount in charges.items():
            venue.pay(venue.traders[name].wallets, asset, -amount)
        venue.pay(trader.wallets, asset, of_fund + covered)
        venue.pay(venue.remainder, asset, sum(charges.values(), ZERO) - covered)
        debt = loss - of_fund - covered
        charged = amounts(charges)
        self.liquidation.note("loss", asset=asset, loss=loss, fund=of_fund, charged=charged, covered=covered, debt=debt)

    def charges(self, loss):
        """By account what it pays, and how much of the loss that covers."""
        others = {name: trader for name, trader in self.venue.traders.items() if name != self.liquidation.name}
        if not loss:
            return {}, ZERO
        if self.venue.rules["after_fund"] == "claw-back":
            return losses.clawed_back({name: self.profit_of(name) for name in others}, loss)
        sizes = {name: trader.size(self.liquidation.last_symbol) for name, trader in others.items()}
        charges = losses.socialised(sizes, loss)
        return charges, loss if charges else ZERO

    def profit_of(self, name):
        """Unrealised PnL of the positions with the margin asset."""
        pools = self.venue.pools(name).values()
        return sum((each.pnl for pool in pools for each in pool.positions if each.asset == self.asset), ZERO)


# g


def may_clear(trader):
    """Single-asset mode, and nothing open."""
    return trader.asset_mode == "single" and not trader.positions()


def clear_negative(state):
    """One full ten minutes: no account that may be cleared owes anything after it; the fund pays, or `bad_debt`."""
    venue = Venue(state)
    of_fund = venue.rules["after_fund"] == "deleverage"
    for name, trader in venue.traders.items():
        if may_clear(trader):
            for asset, amount in sorted(trader.wallets.items()):
                if amount < 0:
                    clear(venue, name, asset, fund_pays=of_fund)
    if of_fund and venue.rules.get("repay_bad_debt", True):
        repay_bad_debt(venue)
    return venue.report()


def clear(venue, name, asset, *, fund_pays):
    """Bring a negative wallet to 0; where losses are shared the fund has paid its part already."""
    trader = venue.traders[name]
    owed = -trader.wallets[asset]
    paid = min(owed, max(venue.fund.wallets.get(asset, ZERO), ZERO)) if fund_pays else ZERO
    debt = owed - paid
    venue.pay(venue.fund.wallets, asset, -paid)
    venue.pay(venue.bad_debt, asset, -debt)
    venue.pay(trader.wallets, asset, owed)
    venue.note("clear", account=name, asset=asset, amount=paid, debt=debt)


def repay_bad_debt(venue):
    for asset, amount in sorted(venue.bad_debt.items()):
        repaid = min(-amount, max(venue.fund.wallets.get(asset, ZERO), ZERO))
        if repaid > 0:
            venue.pay(venue.fund.wallets, asset, -repaid)
            venue.pay(venue.bad_debt, asset, repaid)
            venue.note("repay", asset=asset, amount=repaid)

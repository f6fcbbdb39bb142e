"""Quotes: one command for many orders, under the same rules as orders by themselves."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec import structs

from margincall.core.events import Order as OrderEvent
from margincall.exchange import commands
from margincall.exchange.events import Quoted, Trade
from margincall.exchange.exposure import free
from margincall.exchange.rejections import Code
from tests.exchange.world import BTC, ETH, LISTINGS, World, listed, of, order


def quote(bids: Any = (), asks: Any = (), *, name: str = "maker", symbol: str = BTC) -> commands.Quote:
    """A quote of (price, quantity)."""
    levels = [
        tuple(commands.Level(D(str(price)), D(str(quantity))) for price, quantity in side) for side in (bids, asks)
    ]
    return commands.Quote(account=name, symbol=symbol, bids=levels[0], asks=levels[1])


@pytest.fixture
def world() -> World:
    found = World(listed(BTC, filters=structs.replace(LISTINGS[BTC].filters, max_orders=3)))
    found.rich("maker", "bob")
    return found


def prices(world: World, ids: Any) -> list[D]:
    return [world.state.markets[BTC].contract.tick * (world.state.orders[each].ticks or 0) for each in ids]


def test_its_orders_are_told_best_first_whatever_was_asked(world: World) -> None:
    world = World()
    world.rich("maker")
    (quoted,) = of(Quoted, world.do(quote([(49_800, 1), (49_900, 1), (49_700, 1)], [(50_200, 1), (50_100, 1)])))
    assert prices(world, quoted.bids) == [49_900, 49_800, 49_700]
    assert prices(world, quoted.asks) == [50_100, 50_200]
    assert [*quoted.bids, *quoted.asks] == sorted([*quoted.bids, *quoted.asks])


def test_what_trades_at_once_is_told_and_named(world: World) -> None:
    """The better bid meets the offer first, though it was asked last; both ids are named, one of them lives on."""
    world.sell("bob", 1, 50_000)
    events = world.do(quote([(50_000, 1), (50_010, 1)]))
    (quoted,), (trade,) = of(Quoted, events), of(Trade, events)
    done = [each.order_id for each in of(OrderEvent, events) if each.account == "maker" and each.status == "FILLED"]
    assert (done, trade.price) == ([str(quoted.bids[0])], 50_000)
    assert [each.id for each in world.orders("maker")] == [quoted.bids[1]]


def test_only_what_is_in_the_book_of_its_symbol_counts(world: World) -> None:
    """Two stops and an order of another symbol leave room for three; the quote before gives up its own."""
    world.buy("maker", 1, type="STOP_MARKET", stop_price=51_000)
    world.buy("maker", 1, type="STOP_MARKET", stop_price=52_000)
    world.buy("maker", 1, 1_900, symbol=ETH)
    bids = [(49_900 - step, "0.1") for step in range(4)]
    assert world.refused(quote(bids)) == Code.MAX_OPEN_ORDERS
    world.do(quote(bids[:3]))
    assert world.refused(order("maker", "BUY", 1, 49_000)) == Code.MAX_OPEN_ORDERS
    world.do(quote(bids[1:]))
    assert world.refused(quote(bids)) == Code.MAX_OPEN_ORDERS


@pytest.mark.parametrize("quoted", [False, True])
def test_an_order_that_the_position_covers_loses_nothing(world: World, quoted: bool) -> None:
    """Short 1 from 50,000 with 500 free: a purchase of 1 at 51,000 closes it and needs nothing; one of 2 does."""
    world.rich("poor", amount=3_050)
    world.trade("bob", "poor", 1, 50_000)
    assert 0 < free(world.state, world.trader("poor"), "USDT") < 1_000

    def bid(size: int) -> commands.AnyCommand:
        return quote([(51_000, size)], name="poor") if quoted else order("poor", "BUY", size, 51_000)

    assert world.refused(bid(2)) == Code.MARGIN_NOT_SUFFICIENT
    world.do(bid(1))


def test_the_order_of_its_checks(world: World) -> None:
    """Lot before tick of the level before; all levels before the mark, that before the count, and so on."""
    fresh = World(marks=False)
    fresh.rich("maker")
    assert fresh.refused(quote([(49_900, "0.0001")])) == Code.QUANTITY_TOO_SMALL
    assert fresh.refused(quote([(49_900, 1)])) == Code.MARK_UNKNOWN
    wrong = [("49900.05", 1), (49_900, "0.0001")]
    assert world.refused(quote(wrong)) == Code.PRICE_NOT_ON_TICK
    many = [(49_900 - step, "0.001") for step in range(3)]
    assert world.refused(quote([*many, (10, "0.001")])) == Code.MAX_OPEN_ORDERS
    assert world.refused(quote([(10, "0.001"), (99_000, 1)])) == Code.ABOVE_CAP  # the better bid is asked first
    assert world.refused(quote([(10, "0.001")], [(50_000, 1_000)])) == Code.NOTIONAL_TOO_SMALL
    assert world.refused(quote([(50_000, 900)], [(49_000, 900)])) == Code.MAX_LEVERAGE_RATIO
    assert world.refused(quote([(50_000, 1)], [(50_000, 1)])) == Code.BAD_COMBINATION
    world.do(commands.SetPositionMode(account="maker", hedge=True))
    assert world.refused(quote(wrong)) == Code.POSITION_SIDE_MISMATCH

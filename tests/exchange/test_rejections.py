"""Every code: the command that provokes it is answered by one `Rejected` with that code, and changes nothing."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from margincall.core.units import Price
from margincall.exchange import clock, commands
from margincall.exchange.digest import digest
from margincall.exchange.events import Rejected
from margincall.exchange.rejections import Code
from margincall.exchange.step import receive, step
from tests.exchange.world import BTC, COIN, ETH, LISTINGS, NOON, RULED, World, code_of, listed, rule_set

OF_DISPUTES = {Code.ALREADY_DISPUTED}
"""Needs a liquidation first: `tests/exchange/test_disputes.py`."""

Prepare = Callable[[World], None]


def nothing(world: World) -> None:
    """As `a_venue` has it."""


def a_venue() -> World:
    """Alice is rich and has nothing open; hedge is in hedge mode; multi in multi-assets mode; iso isolated and long;
    long holds a long; poor has 100."""
    world = World(listed(BTC, filters=structs.replace(LISTINGS[BTC].filters, max_orders=3, max_stop_orders=2)))
    world.rich("alice", "hedge", "multi", "iso", "long", "short")
    world.rich("poor", amount=100)
    world.do(commands.SetPositionMode(account="hedge", hedge=True))
    world.do(commands.SetMarginType(account="iso", symbol=BTC, margin="isolated"))
    for asset, price in (("USDT", 1), ("BTC", 50_000)):
        world.do(
            commands.SetAssetIndex(asset=asset, index=Decimal(price), bid=Decimal(price) * 95 / 100, ask=Decimal(price))
        )
    world.do(commands.SetAssetMode(account="multi", multi_assets=True))
    world.trade("iso", "short", 1, 50_000)
    world.trade("long", "short", 1, 50_000)
    return world


def order(**changed: Any) -> dict[str, Any]:
    """A limit order that would be accepted, but for what is changed; None leaves a field out."""
    fields = {
        "command": "place_order", "account": "alice", "symbol": BTC, "side": "BUY", "type": "LIMIT", "quantity": "0.1",
        "price": "49000", **changed,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


def market(**changed: Any) -> dict[str, Any]:
    return order(**{"type": "MARKET", "price": None, **changed})


def stop(**changed: Any) -> dict[str, Any]:
    return order(
        **{"type": "STOP_MARKET", "price": None, "stop_price": "51000", "working_type": "MARK_PRICE", **changed}
    )


def tied(**changed: Any) -> dict[str, Any]:
    """A stop of long's position that ends with it."""
    return stop(**{"account": "long", "side": "SELL", "stop_price": "49000", "time_in_force": "GTE_GTC", **changed})


def said(command: str, **fields: Any) -> dict[str, Any]:
    """Another command; of alice, on BTCUSDT where it has a symbol."""
    return {"command": command, **fields}


def of_alice(command: str, **fields: Any) -> dict[str, Any]:
    return {"command": command, "account": "alice", "symbol": BTC, **fields}


def rests(world: World, name: str = "alice", **more: Any) -> int:
    """Let an order rest, and give its id."""
    world.buy(name, "0.1", 49_000, **more)
    return world.newest(name).id


def three_rest(world: World) -> None:
    for _ in range(3):
        rests(world)


def two_wait(world: World) -> None:
    for _ in range(2):
        world.buy("alice", 1, type="STOP_MARKET", stop_price=51_000, working_type="MARK_PRICE")


def protected(world: World) -> None:
    world.sell("long", None, type="STOP_MARKET", stop_price=48_000, close_position=True, time_in_force="GTE_GTC")


def twice_ordered(world: World) -> None:
    rests(world, client_order_id="mine")


def far_ask(world: World) -> None:
    world.sell("short", 1, 57_000)


def near_ask(world: World) -> None:
    world.sell("short", "0.05", 50_000)


def unmarked(world: World) -> None:
    world.state.markets[BTC].mark = None
    del world.state.prices[BTC]


def in_debt(world: World) -> None:
    """Multi lost in BTC what it has in USDT."""
    world.rich("alice", asset="BTC", amount=10)
    world.trade("multi", "alice", 100, 50_000, symbol=COIN)
    world.trade("alice", "multi", 100, 49_000, symbol=COIN)
    assert world.wallet("multi", "BTC") < 0


def isolated_elsewhere(world: World) -> None:
    world.do(commands.SetMarginType(account="alice", symbol=ETH, margin="isolated"))


def at_50x(world: World) -> None:
    world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=100))


def rests_large(world: World) -> None:
    world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=50))
    world.buy("alice", 3, 49_000)


def poor_ordered(world: World) -> None:
    world.buy("poor", "0.04", 49_000)


def low_leverage_would_not_fit(world: World) -> None:
    world.buy("poor", "0.03", 50_000)


# The orders of `a_venue` are 1 to 4; what a case lets rest has the next id.

CASES: list[tuple[Code, Prepare, dict[str, Any]]] = [
    # what is no command
    (Code.MALFORMED, nothing, {"command": "advance"}),
    (Code.MALFORMED, nothing, {"command": "nonsense"}),
    (Code.MALFORMED, nothing, {"time_ms": 1}),
    (Code.MALFORMED, nothing, said("advance", time_ms=NOON, more=1)),
    (Code.MALFORMED, nothing, said("advance", time_ms="soon")),
    (Code.MALFORMED, nothing, said("advance", time_ms=1.5)),
    (Code.MALFORMED, nothing, said("advance", time_ms=True)),
    (Code.MALFORMED, nothing, said("advance", time_ms=2**63)),
    (Code.MALFORMED, nothing, said("advance", time_ms=10**4000)),
    (Code.MALFORMED, nothing, order(price="NaN")),
    (Code.MALFORMED, nothing, order(price="sNaN")),
    (Code.MALFORMED, nothing, order(price="-Infinity")),
    (Code.MALFORMED, nothing, order(price="1e999999999999999999999")),
    (Code.MALFORMED, nothing, order(price="1e20")),
    (Code.MALFORMED, nothing, order(price="1e-21")),
    (Code.MALFORMED, nothing, order(price="123456789012345678901")),
    (Code.MALFORMED, nothing, order(price="49_000")),
    (Code.MALFORMED, nothing, order(price=" 49000")),
    (Code.MALFORMED, nothing, order(price="49000\n")),
    (Code.MALFORMED, nothing, order(price="\uff14\uff19000")),
    (Code.MALFORMED, nothing, order(price="")),
    (Code.MALFORMED, nothing, order(price=True)),
    (Code.MALFORMED, nothing, order(side="HOLD")),
    (Code.MALFORMED, nothing, order(type="ICEBERG")),
    (Code.MALFORMED, nothing, order(position_side="NEITHER")),
    (Code.MALFORMED, nothing, order(time_in_force="RPI")),
    (Code.MALFORMED, nothing, order(reduce_only="yes")),
    (Code.MALFORMED, nothing, order(account=7)),
    (Code.MALFORMED, nothing, said("batch", commands=[said("advance", time_ms=NOON)])),
    (Code.MALFORMED, nothing, said("batch", commands=[order(price="49_000")])),
    (Code.MALFORMED, nothing, said("set_index", symbol=RULED, sources=[{"name": "a", "price": "1_0"}])),
    (Code.MALFORMED, nothing, order(quantity=None)),
    (Code.MALFORMED, nothing, order(price=None)),
    (Code.MALFORMED, nothing, stop(stop_price=None)),
    (Code.MALFORMED, nothing, stop(type="TRAILING_STOP_MARKET", stop_price=None)),
    (Code.MALFORMED, nothing, of_alice("cancel_order")),
    # who, what, when
    (Code.CLOCK_RUNS_BACK, nothing, said("advance", time_ms=NOON - 1)),
    (Code.CLOCK_RUNS_BACK, nothing, said("advance", time_ms=-(2**63) + 1)),
    (Code.CLOCK_TOO_FAR, nothing, said("advance", time_ms=NOON + clock.SPAN_MS + 1)),
    (Code.CLOCK_TOO_FAR, nothing, said("advance", time_ms=2**62)),
    (Code.BAD_ACCOUNT, nothing, order(account="nobody")),
    (Code.BAD_ACCOUNT, nothing, order(account="insurance_fund")),
    (Code.BAD_ACCOUNT, nothing, order(account="")),
    (Code.BAD_ACCOUNT, nothing, said("transfer", account="fees", asset="USDT", amount="1")),
    (Code.BAD_ACCOUNT, nothing, said("open_account", account="")),
    (Code.BAD_ACCOUNT, nothing, said("open_account", account="a" * 65)),
    (Code.BAD_ACCOUNT, nothing, said("open_account", account="a\nb")),
    (Code.RESERVED_NAME, nothing, said("open_account", account="remainder")),
    (Code.ACCOUNT_EXISTS, nothing, said("open_account", account="alice")),
    (Code.BAD_SYMBOL, nothing, order(symbol="BTCUSD")),
    (Code.BAD_SYMBOL, nothing, of_alice("set_leverage", symbol="", leverage=5)),
    (Code.BAD_SYMBOL, nothing, of_alice("set_margin_type", symbol="X", margin="isolated")),
    (Code.BAD_SYMBOL, nothing, said("set_mark", symbol="X", price="1")),
    (Code.BAD_SYMBOL, nothing, said("set_index", symbol="X", sources=[])),
    (Code.BAD_SYMBOL, nothing, said("inject_fault", kind="stale_index", on=True, symbol="X")),
    (Code.BAD_ASSET, nothing, said("transfer", account="alice", asset="DOGE", amount="1")),
    (Code.BAD_ASSET, nothing, said("fund", asset="DOGE", amount="1")),
    # an order's shape
    (Code.BAD_CLIENT_ID, nothing, order(client_order_id="i" * 37)),
    (Code.BAD_CLIENT_ID, nothing, order(client_order_id="a,b")),
    (Code.BAD_CLIENT_ID, nothing, order(client_order_id="a\n")),
    (Code.BAD_CLIENT_ID, nothing, order(client_order_id="autoclose-1")),
    (Code.BAD_CLIENT_ID, nothing, order(client_order_id="adl_autoclose")),
    (Code.DUPLICATED_CLIENT_ID, twice_ordered, order(client_order_id="mine")),
    (Code.POSITION_SIDE_MISMATCH, nothing, order(position_side="LONG")),
    (Code.POSITION_SIDE_MISMATCH, nothing, order(account="hedge")),
    (Code.REDUCE_ONLY_CONFLICT, nothing, order(account="hedge", position_side="LONG", reduce_only=True)),
    (Code.CLOSE_POSITION_HAS_QUANTITY, nothing, stop(close_position=True)),
    (Code.CLOSE_POSITION_REDUCE_ONLY, nothing, stop(close_position=True, quantity=None, reduce_only=True)),
    (Code.BAD_COMBINATION, nothing, order(close_position=True, quantity=None)),
    (Code.BAD_COMBINATION, nothing, order(good_till_ms=NOON + 700_000)),
    (Code.BAD_COMBINATION, nothing, order(time_in_force="GTD")),
    (Code.BAD_COMBINATION, nothing, said("set_index", symbol=BTC, sources=[{"name": "a", "price": "1"}])),
    (Code.BAD_COMBINATION, nothing, said("inject_fault", kind="stale_index", on=True)),
    (Code.BAD_COMBINATION, nothing, said("inject_fault", kind="stale_asset_index", on=True)),
    (
        Code.BAD_COMBINATION,
        nothing,
        said("inject_fault", kind="wrong_mark", on=True, symbol=BTC, asset="USDT", value="1"),
    ),
    (Code.BAD_COMBINATION, nothing, said("inject_fault", kind="wrong_asset_index", on=True, asset="USDT")),
    (Code.BAD_ASSET, nothing, said("inject_fault", kind="wrong_asset_index", on=True, asset="X", value="1")),
    (Code.BAD_COMBINATION, nothing, said("inject_fault", kind="orders_not_cancelled", on=True, symbol=BTC)),
    (Code.BAD_COMBINATION, nothing, said("inject_fault", kind="wrong_mark", on=True, symbol=BTC)),
    (Code.PARAM_NOT_REQUIRED, nothing, market(price="49000")),
    (Code.PARAM_NOT_REQUIRED, nothing, order(stop_price="49000")),
    (Code.PARAM_NOT_REQUIRED, nothing, order(callback_rate="1")),
    (Code.PARAM_NOT_REQUIRED, nothing, stop(activation_price="49000")),
    (Code.TIF_NOT_REQUIRED, nothing, market(time_in_force="IOC")),
    (Code.BAD_TIME_IN_FORCE, nothing, order(time_in_force="GTE_GTC")),
    (Code.BAD_TIME_IN_FORCE, nothing, market(time_in_force="GTE_GTC")),
    (Code.NOT_VALID, nothing, stop(type="TRAILING_STOP_MARKET", stop_price=None, callback_rate="0.09")),
    (Code.NOT_VALID, nothing, stop(type="TRAILING_STOP_MARKET", stop_price=None, callback_rate="20.1")),
    (Code.NOT_VALID, nothing, of_alice("countdown", countdown_ms=-1)),
    (Code.NOT_VALID, nothing, said("set_asset_index", asset="USDT", index="1", bid="1.1", ask="1.2")),
    (Code.NOT_VALID, nothing, said("inject_fault", kind="wrong_mark", on=True, symbol=BTC, value="0")),
    (Code.BAD_GOOD_TILL, nothing, order(time_in_force="GTD", good_till_ms=NOON + 600_000)),
    (Code.BAD_GOOD_TILL, nothing, order(time_in_force="GTD", good_till_ms=253_402_300_799_000)),
    (Code.BAD_GOOD_TILL, nothing, order(time_in_force="GTD", good_till_ms=-1)),
    # filters
    (Code.QUANTITY_NOT_POSITIVE, nothing, order(quantity="0")),
    (Code.QUANTITY_NOT_POSITIVE, nothing, order(quantity="-1")),
    (Code.QUANTITY_TOO_SMALL, nothing, order(quantity="0.0005")),
    (Code.QUANTITY_TOO_LARGE, nothing, order(quantity="1000.001")),
    (Code.QUANTITY_TOO_LARGE, nothing, market(quantity="100.001")),
    (Code.QUANTITY_NOT_ON_STEP, nothing, order(quantity="0.0015")),
    (Code.PRICE_NOT_POSITIVE, nothing, order(price="0")),
    (Code.PRICE_NOT_POSITIVE, nothing, order(price="-49000")),
    (Code.PRICE_NOT_POSITIVE, nothing, said("set_mark", symbol=BTC, price="0")),
    (Code.PRICE_NOT_POSITIVE, nothing, said("set_index", symbol=RULED, sources=[])),
    (Code.PRICE_NOT_POSITIVE, nothing, said("set_index", symbol=RULED, sources=[{"name": "a", "price": "0"}])),
    (Code.PRICE_TOO_LOW, nothing, order(price="9.9")),
    (Code.PRICE_TOO_HIGH, nothing, order(price="1000000.1")),
    (Code.PRICE_NOT_ON_TICK, nothing, order(price="49000.05")),
    (Code.STOP_NOT_POSITIVE, nothing, stop(stop_price="0")),
    (Code.STOP_TOO_HIGH, nothing, stop(stop_price="1000000.1")),
    (Code.PRICE_TOO_LOW, nothing, stop(stop_price="9.9")),
    (Code.PRICE_NOT_ON_TICK, nothing, stop(stop_price="51000.05")),
    (Code.MARK_UNKNOWN, unmarked, order()),
    (Code.MAX_OPEN_ORDERS, three_rest, order()),
    (Code.MAX_STOP_ORDERS, two_wait, stop()),
    (Code.NOTIONAL_TOO_SMALL, nothing, order(price="10", quantity="0.001", side="SELL")),
    (Code.ABOVE_STOP_CAP, nothing, stop(type="STOP", price="61200.1")),
    (Code.BELOW_STOP_FLOOR, nothing, stop(type="TAKE_PROFIT", side="SELL", price="40799.9")),
    (Code.ABOVE_STOP_CAP, nothing, stop(type="STOP", price="60000", stop_price="49999")),
    (Code.WOULD_TRIGGER, nothing, stop(type="STOP", price="58000", stop_price="49999")),
    (Code.WOULD_TRIGGER, nothing, stop(stop_price="50000")),
    (Code.WOULD_TRIGGER, nothing, tied(stop_price="50000")),
    (Code.NO_POSITION_TO_FOLLOW, nothing, tied(account="alice")),
    (Code.NO_POSITION_TO_FOLLOW, nothing, tied(side="BUY", stop_price="51000")),
    (Code.NO_POSITION_TO_FOLLOW, nothing, tied(symbol=ETH, stop_price="1900")),
    (Code.NO_POSITION_TO_FOLLOW, nothing, tied(quantity=None, close_position=True, account="alice")),
    (Code.ANOTHER_CLOSES, protected, tied(quantity=None, close_position=True)),
    (Code.ABOVE_CAP, nothing, order(price="60000.1")),
    (Code.BELOW_FLOOR, nothing, order(side="SELL", price="39999.9")),
    (Code.REDUCE_ONLY_REJECT, nothing, order(reduce_only=True)),
    (Code.REDUCE_ONLY_REJECT, nothing, order(account="long", reduce_only=True)),
    (Code.NO_COUNTERPARTY, far_ask, market()),
    (Code.MAX_LEVERAGE_RATIO, at_50x, order(quantity="3")),
    (Code.MARGIN_NOT_SUFFICIENT, nothing, order(account="poor", quantity="0.1")),
    (Code.FOK_REJECTED, near_ask, order(price="50000", time_in_force="FOK")),
    (Code.POST_ONLY_REJECTED, near_ask, order(price="50000", time_in_force="GTX")),
    # orders that are there
    (Code.CANCEL_REJECTED, nothing, of_alice("cancel_order", order_id=99)),
    (Code.CANCEL_REJECTED, twice_ordered, of_alice("cancel_order", client_order_id="yours")),
    (Code.CANCEL_REJECTED, twice_ordered, said("cancel_order", account="alice", symbol=ETH, order_id=5)),
    (Code.CANCEL_REJECTED, twice_ordered, said("cancel_order", account="long", symbol=BTC, order_id=5)),
    (Code.NO_SUCH_ORDER, nothing, of_alice("amend_order", order_id=99, quantity="1", price="49000")),
    (
        Code.NO_SUCH_ORDER,
        twice_ordered,
        said("amend_order", account="long", symbol=BTC, order_id=5, quantity="1", price="49000"),
    ),
    (Code.ONLY_LIMIT, two_wait, of_alice("amend_order", order_id=5, quantity="1", price="49000")),
    (Code.NOTHING_TO_AMEND, twice_ordered, of_alice("amend_order", order_id=5, quantity="0.1", price="49000")),
    (Code.AMENDED_TOO_SMALL, twice_ordered, of_alice("amend_order", order_id=5, quantity="0.001", price="10")),
    (Code.ABOVE_CAP, twice_ordered, of_alice("amend_order", order_id=5, quantity="0.1", price="60000.1")),
    (
        Code.MARGIN_NOT_SUFFICIENT,
        poor_ordered,
        of_alice("amend_order", account="poor", order_id=5, quantity="0.041", price="49000"),
    ),
    (Code.PRICE_NOT_ON_TICK, twice_ordered, of_alice("amend_order", order_id=5, quantity="0.1", price="49000.01")),
    (Code.QUANTITY_NOT_ON_STEP, twice_ordered, of_alice("amend_order", order_id=5, quantity="0.1001", price="49000")),
    (Code.BAD_BATCH_SIZE, nothing, said("batch", commands=[])),
    (Code.BAD_BATCH_SIZE, nothing, said("batch", commands=[order()] * 6)),
    (Code.BAD_BATCH_SIZE, nothing, said("batch", commands=[*[of_alice("cancel_order", order_id=9)] * 5, order()])),
    (Code.BAD_BATCH_SIZE, nothing, said("batch", commands=[of_alice("cancel_order", order_id=9)] * 11)),
    # settings and money
    (Code.AMOUNT_NOT_POSITIVE, nothing, said("transfer", account="alice", asset="USDT", amount="0")),
    (Code.AMOUNT_NOT_POSITIVE, nothing, said("fund", asset="USDT", amount="-1")),
    (Code.BAD_PRECISION, nothing, said("transfer", account="alice", asset="USDT", amount="0.000000001")),
    (Code.BALANCE_NOT_SUFFICIENT, nothing, said("transfer", account="poor", asset="USDT", amount="-100.00000001")),
    (Code.BAD_LEVERAGE, nothing, of_alice("set_leverage", leverage=0)),
    (Code.BAD_LEVERAGE, nothing, of_alice("set_leverage", leverage=101)),
    (Code.BAD_LEVERAGE, nothing, of_alice("set_leverage", leverage=2**62)),
    (Code.MIN_LEVERAGE_RATIO, low_leverage_would_not_fit, of_alice("set_leverage", account="poor", leverage=5)),
    (Code.MAX_LEVERAGE_RATIO, rests_large, of_alice("set_leverage", leverage=100)),
    (Code.REDUCE_LEVERAGE_ISOLATED, nothing, of_alice("set_leverage", account="iso", leverage=5)),
    (Code.SAME_MARGIN_TYPE, nothing, of_alice("set_margin_type", margin="cross")),
    (Code.ISOLATED_IN_MULTI, nothing, of_alice("set_margin_type", account="multi", margin="isolated")),
    (Code.MARGIN_TYPE_HAS_ORDERS, twice_ordered, of_alice("set_margin_type", margin="isolated")),
    (Code.MARGIN_TYPE_HAS_POSITION, nothing, of_alice("set_margin_type", account="iso", margin="cross")),
    (Code.SAME_POSITION_MODE, nothing, said("set_position_mode", account="alice", hedge=False)),
    (Code.POSITION_MODE_HAS_ORDERS, twice_ordered, said("set_position_mode", account="alice", hedge=True)),
    (Code.POSITION_MODE_HAS_POSITION, nothing, said("set_position_mode", account="long", hedge=True)),
    (Code.SAME_ASSET_MODE, nothing, said("set_asset_mode", account="alice", multi_assets=False)),
    (Code.ASSET_MODE_IS_HELD, isolated_elsewhere, said("set_asset_mode", account="alice", multi_assets=True)),
    (Code.ASSET_MODE_HAS_ORDERS, twice_ordered, said("set_asset_mode", account="alice", multi_assets=True)),
    (Code.ASSET_MODE_HAS_ORDERS, nothing, said("set_asset_mode", account="long", multi_assets=True)),
    (Code.ASSET_MODE_NEGATIVE, in_debt, said("set_asset_mode", account="multi", multi_assets=False)),
    (Code.ONLY_ISOLATED, nothing, of_alice("move_margin", account="long", amount="1")),
    (Code.NO_POSITION_TO_ADD, isolated_elsewhere, of_alice("move_margin", symbol=ETH, amount="1")),
    (Code.AMOUNT_NOT_POSITIVE, nothing, of_alice("move_margin", account="iso", amount="0")),
    (Code.BAD_PRECISION, nothing, of_alice("move_margin", account="iso", amount="0.123456789")),
    (Code.CROSS_INSUFFICIENT, nothing, of_alice("move_margin", account="iso", amount="1000000")),
    (Code.ISOLATED_INSUFFICIENT, nothing, of_alice("move_margin", account="iso", amount="-1")),
    # disputes
    (Code.NO_SUCH_LIQUIDATION, nothing, said("dispute", account="alice", liquidation=99)),
    (Code.NO_OPEN_DISPUTE, nothing, said("decide", number=99, upheld=True)),
    # prices
    (Code.MARK_BY_RULE, nothing, said("set_mark", symbol=RULED, price="1")),
]


@pytest.mark.parametrize(
    ("code", "prepare", "command"), CASES, ids=lambda each: each.name if isinstance(each, Code) else ""
)
def test_refused(code: Code, prepare: Prepare, command: dict[str, Any]) -> None:
    world = a_venue()
    prepare(world)
    before = digest(world.state)
    (event,) = receive(world.state, json.dumps(command).encode())
    assert isinstance(event, Rejected)
    assert (event.code, event.text[: len(code.text)], event.place) == (code.code, code.text, None)
    assert event.time_ms == world.state.time_ms
    assert digest(world.state) == before


def test_every_code_can_be_provoked() -> None:
    assert {code for code, _, _ in CASES} == set(Code) - OF_DISPUTES


def poor_rests(world: World) -> None:
    for _ in range(3):
        world.buy("poor", "0.001", 49_000)


def marked(world: World) -> None:
    world.state.markets[BTC].mark = world.state.prices[BTC] = Price(Decimal(50_000))


def taken_back(world: World) -> None:
    world.do(commands.CancelAll(account="poor", symbol=BTC))


def enriched(world: World) -> None:
    world.rich("poor")
    world.buy("long", "0.1", 40_000)


LADDER: list[tuple[Code | None, Prepare, dict[str, Any]]] = [
    (
        Code.BAD_ACCOUNT,
        poor_rests,
        {"account": "nobody", "symbol": "X", "client_order_id": "autoclose-", "side": "SELL"},
    ),
    (Code.BAD_SYMBOL, nothing, {"account": "poor", "position_side": "LONG", "quantity": None, "stop_price": "0"}),
    (Code.BAD_CLIENT_ID, unmarked, {"symbol": BTC, "price": "0", "time_in_force": "GTD", "good_till_ms": 1}),
    (Code.POSITION_SIDE_MISMATCH, nothing, {"client_order_id": ""}),
    (Code.MALFORMED, nothing, {"position_side": "BOTH"}),
    (Code.PARAM_NOT_REQUIRED, nothing, {"quantity": "0"}),
    (Code.BAD_GOOD_TILL, nothing, {"stop_price": None}),
    (Code.QUANTITY_NOT_POSITIVE, nothing, {"time_in_force": "GTX", "good_till_ms": None}),
    (Code.QUANTITY_TOO_SMALL, nothing, {"quantity": "0.0009"}),
    (Code.QUANTITY_TOO_LARGE, nothing, {"quantity": "1000.0001"}),
    (Code.QUANTITY_NOT_ON_STEP, nothing, {"quantity": "0.0011"}),
    (Code.PRICE_NOT_POSITIVE, nothing, {"quantity": "0.001"}),
    (Code.PRICE_TOO_HIGH, nothing, {"price": "1000000.01"}),
    (Code.PRICE_TOO_LOW, nothing, {"price": "9.99"}),
    (Code.PRICE_NOT_ON_TICK, nothing, {"price": "10.01"}),
    (Code.MARK_UNKNOWN, nothing, {"price": "10"}),
    (Code.MAX_OPEN_ORDERS, marked, {}),
    (Code.NOTIONAL_TOO_SMALL, taken_back, {}),
    (Code.BELOW_FLOOR, nothing, {"quantity": "30"}),
    (Code.REDUCE_ONLY_REJECT, nothing, {"price": "40000", "reduce_only": True}),
    (Code.MAX_LEVERAGE_RATIO, nothing, {"reduce_only": False}),
    (Code.MARGIN_NOT_SUFFICIENT, nothing, {"quantity": "24"}),
    (Code.POST_ONLY_REJECTED, enriched, {}),
    (None, nothing, {"time_in_force": "GTC"}),
]
"""An order that breaks nearly every rule, and what is set right step by step."""


def test_the_order_of_the_checks() -> None:
    world = a_venue()
    fields: dict[str, Any] = {}
    for code, prepare, changed in LADDER:
        prepare(world)
        fields |= changed
        events = receive(world.state, json.dumps(order(**fields)).encode())
        assert [code_of(each) for each in events if isinstance(each, Rejected)] == ([code] if code else []), fields


def test_codes_are_different() -> None:
    assert len({code.code for code in Code}) == len(Code)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"null", b"[]", b"7", b'"advance"', b"\xff\xfe", b"{", b'{"command":"advance","time_ms":1}x',
        b'{"command":"set_mark","symbol":"BTCUSDT","price":NaN}',
        b'{"command":"set_mark","symbol":"BTCUSDT","price":Infinity}',
        b'{"command":"set_mark","symbol":"BTCUSDT","price":1e999}',
        b'{"command":"set_mark","symbol":"BTCUSDT","price":"1\\u005f000"}',
        b'{"command":"set_mark","symbol":"BTCUSDT","price":"\\uff11"}',
        b'{"command":"set_mark","symbol":"BTCUSDT","price":"\\u00201"}',
        b'{"command":"open_account","account":"\\ud800"}',
        b'{"command":"advance","time_ms":' + b"9" * 10_000 + b"}",
        b'{"x":' + b"[" * 200_000,
        b'{"command":' + b'{"a":' * 50_000,
    ],
    ids=lambda raw: repr(raw[:60]),
)  # fmt: skip
def test_bytes_that_are_no_command(raw: bytes) -> None:
    world = a_venue()
    before = digest(world.state)
    (event,) = receive(world.state, raw)
    assert isinstance(event, Rejected)
    assert event.code == Code.MALFORMED.code
    assert len(event.text) < 500
    assert digest(world.state) == before


def test_a_command_that_is_sent_is_the_command_that_is_read() -> None:
    for command in (
        commands.Advance(time_ms=NOON),
        commands.PlaceOrder(
            account="ä_1", symbol=BTC, side="BUY", type="LIMIT", quantity=Decimal("1E-3"), price=Decimal(5)
        ),
        commands.SetIndex(symbol=RULED, sources=(commands.Source("\\a 1_0", Decimal(1)),)),
    ):
        assert commands.decode(commands.encode(command)) == command


def test_the_same_refusal_in_a_batch_names_its_place() -> None:
    world = a_venue()
    before = digest(world.state)
    batch = {"command": "batch", "commands": [order(price="0"), of_alice("cancel_order", order_id=99)]}
    events = receive(world.state, json.dumps(batch).encode())
    assert [(each.code, each.place) for each in events if isinstance(each, Rejected)] == [(-4001, 0), (-2011, 1)]
    assert digest(world.state) == before


def test_the_clock_ends_with_the_year_9999() -> None:
    world = World(rule_set(listings={BTC: LISTINGS[BTC]}), time_ms=clock.END_MS - 5_000, marks=False)
    assert world.refused(commands.Advance(time_ms=clock.END_MS + 1)) == Code.CLOCK_TOO_FAR
    world.to(clock.END_MS)
    assert world.refused(commands.Advance(time_ms=clock.END_MS + 1)) == Code.CLOCK_TOO_FAR


def test_31_days_at_once_are_not_too_far() -> None:
    rules = rule_set(listings={BTC: LISTINGS[BTC]}, clearance_ms=clock.SPAN_MS)
    world = World(rules, marks=False)
    world.to(NOON + clock.SPAN_MS)
    last = list(clock.pieces(NOON, NOON + 2 * clock.SPAN_MS + 1))
    assert last == [NOON + clock.SPAN_MS, NOON + 2 * clock.SPAN_MS, NOON + 2 * clock.SPAN_MS + 1]


def test_an_index_too_small_to_be_published_makes_no_mark() -> None:
    world = a_venue()
    events = step(world.state, commands.SetIndex(symbol=RULED, sources=(commands.Source("a", Decimal("1e-9")),)))
    assert (events, world.state.markets[RULED].mark) == ([], None)


def test_ten_orders_are_cancelled_by_one_batch() -> None:
    world = World()
    world.rich("alice")
    for _ in range(10):
        world.buy("alice", "0.1", 49_000)
    cancels = [of_alice("cancel_order", order_id=each.id) for each in world.orders("alice")]
    receive(world.state, json.dumps({"command": "batch", "commands": cancels}).encode())
    assert world.orders("alice") == []

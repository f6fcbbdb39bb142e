"""The user-data stream: every event that the venue has, and the messages of orders and accounts key by key against the
sample of the documentation and the recorded stream of a real account."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.exchange import commands
from margincall.wire import keys
from tests.server.comparison import differences, kind, stream_sample
from tests.server.socket_world import DATE, HOUR_MS, World, settled
from tests.server.stream_scenes import (
    ANN,
    BOB,
    Heard,
    configured,
    deleveraged,
    followed,
    liquidated,
    positions,
    refused,
    stop,
    stopped,
    warned,
)

D = Decimal
Scene = Callable[[Heard], Awaitable[None]]


def heard(folder: Path, scene: Scene, account: str = ANN, date: str = DATE) -> list[Any]:
    """What an account is told of a scene."""

    async def play() -> list[Any]:
        world = World(folder, date=date)
        try:
            await world.begin(ANN, BOB)
            found = Heard(world)
            found.follow(account)
            await scene(found)
            return await found.told(account)
        finally:
            world.venue.close()

    return asyncio.run(play())


def of(messages: list[Any], name: str, part: str) -> list[Any]:
    return [each[part] for each in messages if each["e"] == name]


def orders(messages: list[Any]) -> list[Any]:
    return of(messages, "ORDER_TRADE_UPDATE", "o")


# --- every event ----------------------------------------------------------------------------------------------


async def paid(heard: Heard) -> None:
    await heard.world.do(commands.Transfer(account=ANN, asset="USDT", amount=D(5)))


async def expires(heard: Heard) -> None:
    heard.world.tick(HOUR_MS)


async def traded(heard: Heard) -> None:
    await positions(heard)


EVENTS: Mapping[str, tuple[Scene, str]] = {
    "MARGIN_CALL": (warned, DATE),
    "ACCOUNT_UPDATE": (paid, DATE),
    "ORDER_TRADE_UPDATE": (traded, DATE),
    "TRADE_LITE": (traded, DATE),
    "ACCOUNT_CONFIG_UPDATE": (configured, DATE),
    "ALGO_UPDATE": (stopped, DATE),
    "listenKeyExpired": (expires, DATE),
    "CONDITIONAL_ORDER_TRIGGER_REJECT": (refused, "2025-12-14"),
}
NOT_TOLD = {"STRATEGY_UPDATE": "no strategies", "GRID_UPDATE": "no grids, and deprecated by the venue"}
DOCUMENTED = {
    "MARGIN_CALL", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE", "TRADE_LITE", "ACCOUNT_CONFIG_UPDATE", "ALGO_UPDATE",
    "STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT", "listenKeyExpired",
}  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_told(tmp_path: Path, name: str) -> None:
    scene, date = EVENTS[name]
    assert name in {each["e"] for each in heard(tmp_path, scene, date=date)}


def test_every_documented_event_has_a_case() -> None:
    assert EVENTS.keys() | NOT_TOLD.keys() == DOCUMENTED


async def ordered(heard: Heard) -> None:
    await heard.world.limit(ANN, "BUY", "49000")


@pytest.mark.parametrize(("scene", "told"), [(ordered, []), (traded, [100]), (configured, [7])])
def test_a_leverage_is_told_when_it_is_set(tmp_path: Path, scene: Scene, told: list[int]) -> None:
    """The one that an account begins with is none that was set."""
    found = [each for each in heard(tmp_path, scene) if each["e"] == "ACCOUNT_CONFIG_UPDATE"]
    assert [each["ac"]["l"] for each in found if "ac" in each] == told


# --- reasons of account updates -------------------------------------------------------------------------------


async def drawn(heard: Heard) -> None:
    await heard.world.do(commands.Transfer(account=ANN, asset="USDT", amount=D(-5)))


async def isolated(heard: Heard) -> None:
    await heard.world.do(commands.SetMarginType(account=ANN, symbol="BTCUSDT", margin="isolated"))


async def moved(heard: Heard) -> None:
    await isolated(heard)
    await positions(heard, wallet=2_000)
    await heard.world.do(commands.MoveMargin(account=ANN, symbol="BTCUSDT", amount=D(5)))


async def funded(heard: Heard) -> None:
    world = heard.world
    await world.do(commands.SetIndex(symbol="BTCUSDT", sources=(commands.Source(name="a", price=D(50_000)),)))
    await world.limit(BOB, "SELL", "50000")
    await world.limit(ANN, "BUY", "50000")
    for _ in range(16):
        world.listening.create(ANN)
        world.tick(HOUR_MS // 2)
        await settled()


REASONS: Mapping[str, Scene] = {
    "DEPOSIT": paid, "WITHDRAW": drawn, "ORDER": traded, "FUNDING_FEE": funded, "INSURANCE_CLEAR": liquidated,
    "MARGIN_TRANSFER": moved, "MARGIN_TYPE_CHANGE": isolated,
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_account_updates_name_their_reason(tmp_path: Path, shared: Path, reason: str) -> None:
    updates = of(heard(tmp_path, REASONS[reason]), "ACCOUNT_UPDATE", "a")
    found = [each for each in updates if each["m"] == reason]
    assert found
    theirs = stream_sample(shared, "AccountUpdate").told["a"]
    for each in found:
        more = differences({**each, "B": each["B"] or theirs["B"], "P": each["P"] or theirs["P"]}, theirs)
        assert more == ({".S: more"} if reason == "FUNDING_FEE" else set())


# --- orders, key by key ---------------------------------------------------------------------------------------


async def cancelled(heard: Heard) -> None:
    (order,) = [each for each in await heard.world.limit(ANN, "BUY", "49000") if hasattr(each, "order_id")]
    await heard.world.do(commands.CancelOrder(account=ANN, symbol="BTCUSDT", order_id=int(order.order_id)))


async def amended(heard: Heard) -> None:
    (order,) = [each for each in await heard.world.limit(ANN, "BUY", "49000") if hasattr(each, "order_id")]
    await heard.world.do(
        commands.AmendOrder(
            account=ANN, symbol="BTCUSDT", order_id=int(order.order_id), quantity=D("0.02"), price=D(49_010)
        )
    )


async def expired(heard: Heard) -> None:
    """At once or not at all, and nobody sells."""
    await heard.order(ANN, "BUY", "0.01", type="LIMIT", price=D(50_000), time_in_force="IOC")


async def closed_with_orders(heard: Heard) -> None:
    """A liquidation that takes a resting order back."""
    await heard.world.limit(ANN, "BUY", "48000", "0.002")
    await liquidated(heard)


NO_FEE = {".N: missing", ".n: missing"}
OF_TRAILING_STOPS = {".AP: missing", ".cr: missing"}
LATER = {".er: more"}
EXECUTIONS: Mapping[str, tuple[Scene, str, str]] = {
    "NEW": (traded, ANN, "LIMIT"),
    "TRADE": (traded, ANN, "LIMIT"),
    "CANCELED": (cancelled, ANN, "LIMIT"),
    "AMENDMENT": (amended, ANN, "LIMIT"),
    "EXPIRED": (expired, ANN, "LIMIT"),
    "NEW of a liquidation": (liquidated, ANN, "LIQUIDATION"),
    "TRADE of a liquidation": (liquidated, ANN, "LIQUIDATION"),
    "EXPIRED of a liquidation": (closed_with_orders, ANN, "LIMIT"),
    "TRADE of deleveraging": (deleveraged, BOB, "LIQUIDATION"),
}


@pytest.mark.parametrize("name", EXECUTIONS)
def test_an_order_is_told_in_the_keys_of_the_sample(tmp_path: Path, shared: Path, name: str) -> None:
    """The keys of trailing stops stand there alone, the commission at trades alone."""
    scene, account, order_type = EXECUTIONS[name]
    execution = name.partition(" ")[0]
    found = [
        each for each in orders(heard(tmp_path, scene, account)) if (each["x"], each["o"]) == (execution, order_type)
    ]
    assert found
    theirs = stream_sample(shared, "OrderUpdate").told["o"]
    for each in found:
        lacking = OF_TRAILING_STOPS | LATER | (set() if execution == "TRADE" else NO_FEE)
        assert differences(each, theirs) == lacking


def test_a_liquidation_is_told_in_order(tmp_path: Path) -> None:
    """The resting order goes, the venue's own order comes and trades, the rest is taken (assumed: no documented
    sequence)."""
    messages = heard(tmp_path, closed_with_orders)
    end = messages[next(at for at, each in enumerate(messages) if each.get("o", {}).get("er") == "5") :]
    steps = [(each["e"], each.get("o", each.get("a", {})).get("x") or each.get("a", {}).get("m")) for each in end]
    assert steps == [
        ("ORDER_TRADE_UPDATE", "EXPIRED"), ("ORDER_TRADE_UPDATE", "NEW"), ("ACCOUNT_UPDATE", "ORDER"),
        ("TRADE_LITE", None), ("ORDER_TRADE_UPDATE", "TRADE"), ("ACCOUNT_UPDATE", "INSURANCE_CLEAR"),
    ]  # fmt: skip
    own = [each for each in orders(end) if each["o"] == "LIQUIDATION"]
    assert {each["c"] for each in own} == {own[0]["c"]}
    assert own[0]["c"].startswith("autoclose-")
    assert (own[0]["f"], own[0]["S"], own[1]["X"]) == ("IOC", "SELL", "FILLED")


def test_deleveraging_is_told_to_both_sides(tmp_path: Path) -> None:
    """At the bankruptcy price, by `adl_autoclose`, without a fee; the position is gone."""
    for name in (ANN, BOB):
        (tmp_path / name).mkdir()
    messages = heard(tmp_path / BOB, deleveraged, BOB)
    (order,) = [each for each in orders(messages) if each["c"] == "adl_autoclose"]
    assert (order["S"], order["x"], order["X"], order["q"], D(order["n"])) == ("BUY", "TRADE", "FILLED", "1.000", 0)
    assert D(order["ap"]) == D(49_025)
    assert order["L"] == "49025"
    assert D(order["rp"]) == D(975)
    update = of(messages, "ACCOUNT_UPDATE", "a")[-1]
    assert (update["m"], update["P"][0]["pa"], update["P"][0]["cr"]) == ("ORDER", "0.000", "975.00000000")
    own = [each for each in orders(heard(tmp_path / ANN, deleveraged)) if each["c"].startswith("autoclose-")]
    assert (own[-1]["X"], D(own[-1]["L"]), D(own[-1]["rp"])) == ("FILLED", D(49_025), D(-975))
    assert own[-1]["t"] == order["t"]


# --- algo orders ----------------------------------------------------------------------------------------------


async def algo_filled(heard: Heard) -> None:
    await positions(heard, wallet=50_000)
    await heard.world.limit(BOB, "BUY", "49400", "1")
    await heard.order(ANN, "SELL", "1", **stop())
    await heard.mark(49_450)


async def algo_expired(heard: Heard) -> None:
    """Its date comes."""
    world = heard.world
    await heard.order(
        ANN, "SELL", "0.01", type="STOP", price=D(49_400), stop_price=D(49_500), time_in_force="GTD",
        good_till_ms=world.clock.now_ms() + 700_000,
    )  # fmt: skip
    world.tick(700_001)


STATUSES: Mapping[str, tuple[Scene, list[str]]] = {
    "CANCELED": (stopped, ["NEW", "CANCELED"]),
    "REJECTED": (refused, ["NEW", "REJECTED"]),
    "FINISHED": (algo_filled, ["NEW", "TRIGGERED", "FINISHED"]),
    "EXPIRED": (algo_expired, ["NEW", "EXPIRED"]),
    "NEW": (followed, ["NEW"]),
}
UNTOLD = {"TRIGGERING": "what is triggered is placed in the same step (assumed: `algo-triggered`)"}


@pytest.mark.parametrize("name", STATUSES)
def test_an_algo_order_tells_its_statuses(tmp_path: Path, shared: Path, name: str) -> None:
    scene, wanted = STATUSES[name]
    found = of(heard(tmp_path, scene), "ALGO_UPDATE", "o")
    assert [each["X"] for each in found] == wanted
    theirs = stream_sample(shared, "AlgoOrderUpdate").told["o"]
    for each in found:
        placed = (
            {".ai: amount, not text", ".act: text, not amount"} if each["X"] in ("TRIGGERED", "FINISHED") else set()
        )
        assert differences(each, theirs) - placed == {".ia: more"} | ({".rm: more"} if "rm" in each else set())
        assert ("rm" in each) == (each["X"] == "REJECTED")


async def position_closed(heard: Heard) -> None:
    """A stop waits no longer than its position."""
    await positions(heard, wallet=50_000)
    await heard.order(ANN, "SELL", "1", **stop(time_in_force="GTE_GTC", reduce_only=True))
    await heard.world.limit(BOB, "BUY", "49900", "1")
    await heard.order(ANN, "SELL", "1")


@pytest.mark.parametrize(("date", "name"), [(DATE, "ALGO_UPDATE"), ("2025-12-08", "ORDER_TRADE_UPDATE")])
def test_an_order_that_ends_with_its_position_says_so(tmp_path: Path, date: str, name: str) -> None:
    """EXPIRED (documentation of ALGO_UPDATE); before, with reason 6 of ORDER_TRADE_UPDATE."""
    found = [each for each in of(heard(tmp_path, position_closed, date=date), name, "o") if each["f"] == "GTE_GTC"]
    assert [(each["o"], each["X"], each["R"]) for each in found] == [
        ("STOP_MARKET", "NEW", True), ("STOP_MARKET", "EXPIRED", True),
    ]  # fmt: skip
    if name == "ORDER_TRADE_UPDATE":
        assert [(each["x"], each["er"]) for each in found] == [("NEW", "0"), ("EXPIRED", "6")]


def test_every_status_of_an_algo_order_has_a_case() -> None:
    """NEW, CANCELED, TRIGGERING, TRIGGERED, FINISHED, REJECTED, EXPIRED (documentation)."""
    told = {status for _, statuses in STATUSES.values() for status in statuses}
    assert told | UNTOLD.keys() == {
        "NEW", "CANCELED", "TRIGGERING", "TRIGGERED", "FINISHED", "REJECTED", "EXPIRED",
    }  # fmt: skip


# --- the recorded stream --------------------------------------------------------------------------------------

UNUSED_LONG = {
    "bidsNotional": "b", "asksNotional": "a", "stopPriceWorkingType": "wt", "originalOrderType": "ot",
    "trailingStopActivationPrice": "AP", "trailingStopCallbackRate": "cr",
}  # fmt: skip
SINCE_2022 = {
    "V": "2023-09-05", "pm": "2024-01", "gtd": "2024-01", "er": "2025-10-23", "bep": "2023-11",
    "si": "not read by the client that recorded", "ss": "the same", "pP": "the same",
}  # fmt: skip
"""Keys that the recording of 2022-03 has not."""
KINDS = {"amount": "number", "int": "number", "float": "number"}


def short_names(*tables: keys.Keys) -> dict[str, str]:
    """The venue's key by the long name of the client that recorded the stream."""
    found = dict(UNUSED_LONG)
    for table in tables:
        for names in table.names.values():
            found |= dict.fromkeys(names[1:], names[0])
    return found


def shortened(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Kinds by the venue's key, of what is not null."""
    return {names[key]: KINDS.get(kind(value), kind(value)) for key, value in row.items() if value is not None}


def kinds(row: Mapping[str, Any]) -> dict[str, str]:
    return {key: KINDS.get(kind(value), kind(value)) for key, value in row.items() if key not in SINCE_2022}


def recorded(shared: Path) -> Iterator[Any]:
    for path in sorted((shared / "binance_user_stream").glob("session-*.json")):
        yield from json.loads(path.read_text())


@pytest.mark.parametrize(
    ("execution", "scene"), [("NEW", traded), ("TRADE", traded), ("CANCELED", cancelled), ("EXPIRED", expired)]
)
def test_orders_are_told_as_in_the_recorded_stream(tmp_path: Path, shared: Path, execution: str, scene: Scene) -> None:
    """A fee that is missing in one recorded trade is a gap of the recording."""
    names = short_names(keys.ORDER)
    theirs = [
        shortened(each["order"], names)
        for each in recorded(shared)
        if each["eventType"] == "ORDER_TRADE_UPDATE" and each["order"]["executionType"] == execution
    ]
    assert theirs
    ours = [kinds(each) for each in orders(heard(tmp_path, scene)) if each["x"] == execution]
    assert ours
    for each in ours:
        assert each in theirs


def test_accounts_are_told_as_in_the_recorded_stream(tmp_path: Path, shared: Path) -> None:
    names = short_names(keys.UPDATE, keys.UPDATE_BALANCE) | {"asset": "a"}
    of_positions = short_names(keys.UPDATE_POSITION)
    theirs = [each["updateData"] for each in recorded(shared) if each["eventType"] == "ACCOUNT_UPDATE"]
    balances = [shortened(row, names) for each in theirs for row in each["updatedBalances"] or ()]
    places = [shortened(row, of_positions) for each in theirs for row in each["updatedPositions"] or ()]
    told = of(heard(tmp_path, liquidated), "ACCOUNT_UPDATE", "a")
    assert all(kinds(row) in balances for each in told for row in each["B"])
    assert all(kinds(row) in places for each in told for row in each["P"])
    reasons = {each["updateEventType"] for each in theirs}
    assert reasons <= REASONS.keys()
    assert [row for each in told for row in each["B"]]
    assert [row for each in told for row in each["P"]]

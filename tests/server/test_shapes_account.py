"""Answers about one account, key by key and type by type, against the samples of the venue's documentation.

`EXTRA` are keys that later documentation has and the samples lack; none of theirs may be missing.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.exchange import commands
from tests.server.account_desk import BEGUN_MS, Desk

D = Decimal
Samples = Callable[[str], Any]
EXTRA: dict[str, frozenset[str]] = {
    "/fapi/v2/account": frozenset({"breakEvenPrice", "notional", "isolatedWallet", "feeBurn"}),
    "/fapi/v1/userTrades": frozenset({"pair", "marginAsset", "baseQty"}),
    "/fapi/v1/forceOrders": frozenset({"pair", "cumBase"}),
    "/fapi/v1/allOrders": frozenset({"pair", "cumBase"}),
    "/fapi/v1/commissionRate": frozenset({"rpiCommissionRate"}),
}
AMOUNT = re.compile(r"-?\d+(\.\d+)?")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Alice holds a position, has an order, amended one, added margin; Bob was liquidated."""
    with Desk(tmp_path) as found:
        found.do(commands.Transfer(account="maker", asset="USDT", amount=D(1_000_000)))
        found.ask("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
        number = found.limit("alice", "BUY", "0.1", "40000")["orderId"]
        found.do(
            commands.AmendOrder(account="alice", symbol="BTCUSDT", order_id=number, quantity=D("0.2"), price=D(40_000))
        )
        found.trade(quantity="0.01")
        found.ask("POST", "/fapi/v1/positionMargin", symbol="BTCUSDT", amount=100, type=1)
        found.trade("bob", "40")
        found.limit("maker", "BUY", "40", "47590")
        found.do(commands.SetMark(symbol="BTCUSDT", price=D(47_600)))
        yield found


@pytest.fixture
def sample(shared: Path) -> Samples:
    """The answer in one of the sample files: method, path and a flag stand above it."""

    def answer(name: str) -> Any:
        text = (shared / "api_samples" / "Endpoints-UsdFutures" / f"{name}.txt").read_text(encoding="utf-8-sig")
        return msgspec.json.decode(text.split("\n", 3)[3])

    return answer


def kind(value: object) -> str:
    """The type of a value, as clients read it: any number is one, a text of digits is an amount."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "amount" if AMOUNT.fullmatch(value) else "text"
    return type(value).__name__


def differences(ours: Any, theirs: Any, where: str, extra: frozenset[str]) -> Iterator[str]:
    """Where an answer is not of the shape of a sample; of a list every row of ours against all of theirs together."""
    if isinstance(theirs, list):
        if not isinstance(ours, list) or not ours:
            yield f"{where}: {ours!r} is no list with rows"
            return
        for number, each in enumerate(ours):
            found = [list(differences(each, other, f"{where}[{number}]", extra)) for other in theirs]
            if theirs and all(found):
                yield from found[0]
        return
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            yield f"{where}: {ours!r} is no object"
            return
        if ours.keys() - extra != theirs.keys():
            yield f"{where}: {sorted(ours.keys() - extra - theirs.keys())} more, {sorted(theirs.keys() - ours)} missing"
        for key in ours.keys() & theirs.keys():
            yield from differences(ours[key], theirs[key], f"{where}.{key}", extra)
    elif kind(ours) != kind(theirs):
        yield f"{where}: {ours!r} is {kind(ours)}, not {kind(theirs)} like {theirs!r}"


GETS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("Account/GetAccountInfo", "/fapi/v2/account", "alice", {}),
    ("Account/GetAccountInfoV3", "/fapi/v3/account", "alice", {}),
    ("Account/GetBalances", "/fapi/v3/balance", "alice", {}),
    ("Account/GetBalances", "/fapi/v2/balance", "alice", {}),
    ("Account/GetPositionInformation", "/fapi/v2/positionRisk", "alice", {}),
    ("Account/GetAccountConfiguration", "/fapi/v1/accountConfig", "alice", {}),
    ("Account/GetBnbBurnStatus", "/fapi/v1/feeBurn", "alice", {}),
    ("Account/GetMultiAssetsMode", "/fapi/v1/multiAssetsMargin", "alice", {}),
    ("Account/GetOrderRateLimit", "/fapi/v1/rateLimit/order", "alice", {}),
    ("Account/GetUserCommissionRate", "/fapi/v1/commissionRate", "alice", {"symbol": "BTCUSDT"}),
    ("Account/GetMarginChangeHistory", "/fapi/v1/positionMargin/history", "alice", {"symbol": "BTCUSDT"}),
    ("Trading/GetForcedOrders", "/fapi/v1/forceOrders", "bob", {}),
    ("Trading/GetUserTrades", "/fapi/v1/userTrades", "alice", {"symbol": "BTCUSDT"}),
    ("Trading/GetOrderEditHistory", "/fapi/v1/orderAmendment", "alice", {"symbol": "BTCUSDT"}),
)


@pytest.mark.parametrize(("name", "path", "who", "params"), GETS)
def test_answers_have_the_shape_of_their_sample(
    desk: Desk, sample: Samples, name: str, path: str, who: str, params: dict[str, Any]
) -> None:
    ours = desk.get(path, who, **params)
    assert list(differences(ours, sample(name), path, EXTRA.get(path, frozenset()))) == []


TRAILING = frozenset({"activatePrice", "priceRate"})
"""Keys of the sample that stand at trailing stops only (documentation)."""


@pytest.mark.parametrize(
    ("name", "path"), [("Trading/GetOrders", "/fapi/v1/allOrders"), ("Trading/GetOpenOrder", "/fapi/v1/openOrder")]
)
def test_orders_have_the_shape_of_their_sample(desk: Desk, sample: Samples, name: str, path: str) -> None:
    number = desk.get("/fapi/v1/openOrders")[0]["orderId"]
    ours, theirs = desk.get(path, symbol="BTCUSDT", orderId=number), sample(name)
    for row in theirs if isinstance(theirs, list) else [theirs]:
        for key in TRAILING:
            del row[key]
    assert list(differences(ours, theirs, path, EXTRA.get(path, frozenset()))) == []


def test_what_the_venues_own_client_reads_otherwise_than_the_samples(desk: Desk, sample: Samples) -> None:
    """`isAutoAddMargin` is a flag, `tranId` a number and `tradeId` text (models of its version 18.1)."""
    config, income = sample("Account/GetSymbolConfiguration"), sample("Account/GetIncomeHistory")
    for row in config:
        row["isAutoAddMargin"] = row["isAutoAddMargin"] == "true"
    for row in income:
        row["tranId"], row["tradeId"] = int(row["tranId"]), str(row["tradeId"])
    assert list(differences(desk.get("/fapi/v1/symbolConfig"), config, "symbolConfig", frozenset())) == []
    assert list(differences(desk.get("/fapi/v1/income", "bob"), income, "income", frozenset())) == []


def test_the_keys_of_coin_m_came_in_august_2026(tmp_path: Path) -> None:
    with Desk(tmp_path, "2026-08-06") as desk:
        desk.trade()
        for path in ("/fapi/v1/userTrades", "/fapi/v1/allOrders"):
            (row,) = desk.get(path, symbol="BTCUSDT")
            assert not row.keys() & EXTRA[path]


def test_brackets_have_the_shape_of_their_sample(desk: Desk, sample: Samples) -> None:
    theirs = sample("Account/GetBrackets")
    for row in theirs:
        del row["notionalCoef"]  # only where a user's brackets are adjusted
    assert list(differences(desk.get("/fapi/v1/leverageBracket"), theirs, "brackets", frozenset())) == []


def test_the_queue_has_the_shape_of_its_sample(desk: Desk, sample: Samples) -> None:
    """The two rows of the sample have BOTH and HEDGE; ours may be of either kind."""
    ours, theirs = desk.get("/fapi/v1/adlQuantile"), sample("Account/GetPositionAdlQuantileEstimation")
    assert list(differences(ours, theirs, "adlQuantile", frozenset())) == []


def test_version_3_of_the_positions(desk: Desk) -> None:
    """The sample file of this path is one of version 2: keys as the documentation of version 3 prints them."""
    (row,) = desk.get("/fapi/v3/positionRisk")
    numbers = {"adl", "updateTime"}
    words = {"symbol", "positionSide", "marginAsset"}
    amounts = {
        "positionAmt", "entryPrice", "breakEvenPrice", "markPrice", "unRealizedProfit", "liquidationPrice",
        "isolatedMargin", "notional", "isolatedWallet", "initialMargin", "maintMargin", "positionInitialMargin",
        "openOrderInitialMargin", "bidNotional", "askNotional",
    }  # fmt: skip
    assert {key: kind(value) for key, value in row.items()} == {
        **dict.fromkeys(numbers, "number"), **dict.fromkeys(words, "text"), **dict.fromkeys(amounts, "amount")
    }  # fmt: skip


POSTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Account/ChangeInitialLeverage", "/fapi/v1/leverage", {"symbol": "ETHUSDT", "leverage": 7}),
    ("Account/ChangeMarginType", "/fapi/v1/marginType", {"symbol": "ETHUSDT", "marginType": "ISOLATED"}),
    ("Account/ModifyPositionMargin", "/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": "5.5", "type": 1}),
    ("Account/SetBnbBurnStatus", "/fapi/v1/feeBurn", {"feeBurn": "true"}),
    ("Account/StartUserStream", "/fapi/v1/listenKey", {}),
)


@pytest.mark.parametrize(("name", "path", "params"), POSTS)
def test_settings_answer_in_the_shape_of_their_sample(
    desk: Desk, sample: Samples, name: str, path: str, params: dict[str, Any]
) -> None:
    assert list(differences(desk.ask("POST", path, **params), sample(name), path, frozenset())) == []


def test_modes_answer_in_the_shape_of_their_sample(tmp_path: Path, sample: Samples) -> None:
    with Desk(tmp_path) as desk:
        desk.do(commands.SetAssetIndex(asset="USDT", index=D(1), bid=D(1), ask=D(1)))
        for name, path, key in (
            ("Account/ModifyPositionMode", "/fapi/v1/positionSide/dual", "dualSidePosition"),
            ("Account/SetMultiAssetsMode", "/fapi/v1/multiAssetsMargin", "multiAssetsMargin"),
        ):
            assert list(differences(desk.ask("POST", path, **{key: "true"}), sample(name), path, frozenset())) == []


def test_nothing_is_locked_in_the_shape_of_the_sample(desk: Desk, sample: Samples) -> None:
    ours, theirs = desk.get("/fapi/v1/apiTradingStatus"), sample("Account/GetTradingStatus")
    assert ours.keys() == theirs.keys()
    assert isinstance(ours["indicators"], dict)


@pytest.mark.parametrize("what", ["Order", "Trade", "Transaction"])
def test_exports_have_the_shape_of_their_samples(desk: Desk, sample: Samples, what: str) -> None:
    path = f"/fapi/v1/{'income' if what == 'Transaction' else what.lower()}/asyn"
    ours = desk.get(path, startTime=BEGUN_MS, endTime=BEGUN_MS)
    theirs = sample(f"Account/GetDownloadIdFor{what}History")
    assert list(differences(ours, theirs, path, frozenset())) == []
    desk.runner.run(desk.venue.downloads.settled())
    found = desk.get(f"{path}/id", downloadId=ours["downloadId"])
    theirs = sample(f"Account/GetDownloadLinkFor{what}History")
    assert list(differences(found, theirs, path, frozenset())) == []


def test_a_difference_is_seen() -> None:
    """The comparison itself: what it must not let pass."""
    theirs = [{"a": "1.5", "b": 1, "c": {"d": True}}]
    good = {"a": "2", "b": 2.5, "c": {"d": False}}
    assert list(differences([good], theirs, "x", frozenset())) == []
    for bad in (
        {**good, "a": 1},
        {**good, "e": 1},
        {"a": "1", "b": 2},
        {**good, "c": {"d": "true"}},
        {**good, "a": "x"},
    ):
        assert list(differences([good, bad], theirs, "x", frozenset()))
    assert list(differences([], theirs, "x", frozenset()))

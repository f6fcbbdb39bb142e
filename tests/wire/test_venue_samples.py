"""The documentation's samples, one for nearly every endpoint and stream: read whole, and matched in shape when written.

A sample file holds the request, then the answer; of a stream the subscription, then the message after `=`.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from margincall.core.events import AnyEvent, Fill, Flow, MarginMove, Order, PositionPrint, Setting, Source, Statement
from margincall.history.files import decoded
from margincall.wire import encode, encode_orders
from margincall.wire.reading import Reading
from margincall.wire.values import read_value

UM, CM, STREAMS = "Endpoints-UsdFutures", "Endpoints-CoinFutures", "Subscriptions-UsdFutures"
PLACE = Source("sample", 1, 0)

# sample -> kinds of its events, and kinds of what is noted
SAMPLES: Mapping[str, tuple[str, str]] = {
    f"{STREAMS}/AccountUpdate": ("statement", "note note"),
    f"{STREAMS}/AlgoOrderUpdate": ("order", ""),
    f"{STREAMS}/AssetIndex": ("index_price index_price", ""),
    f"{STREAMS}/ConditionalTrigger": ("", "note"),
    f"{STREAMS}/GridUpdate": ("", ""),
    f"{STREAMS}/Leverage": ("setting", ""),
    f"{STREAMS}/Liquidations": ("", "ignored"),
    f"{STREAMS}/MarginUpdate": ("statement", ""),
    f"{STREAMS}/MarkPrice": ("mark_price", ""),
    f"{STREAMS}/MultiAssetMode": ("setting", ""),
    f"{STREAMS}/OrderUpdate": ("order", ""),
    f"{STREAMS}/StrategyUpdate": ("", ""),
    f"{STREAMS}/TradeUpdate": ("", "ignored"),
    f"{UM}/Account/ChangeInitialLeverage": ("setting", "note"),
    f"{UM}/Account/ChangeMarginType": ("", ""),
    f"{UM}/Account/GetAccountConfiguration": ("setting", "note"),
    f"{UM}/Account/GetAccountInfo": ("setting statement", ""),
    f"{UM}/Account/GetAccountInfoV3": ("statement", ""),
    f"{UM}/Account/GetBalances": ("statement", ""),
    f"{UM}/Account/GetIncomeHistory": ("flow flow", ""),
    f"{UM}/Account/GetMarginChangeHistory": ("margin_move margin_move", ""),
    f"{UM}/Account/GetMultiAssetsMode": ("setting", "note"),
    f"{UM}/Account/GetPositionInformation": ("statement", ""),
    f"{UM}/Account/GetSymbolConfiguration": ("setting", "note"),
    f"{UM}/Account/GetUserCommissionRate": ("", "ignored"),
    f"{UM}/ExchangeData/GetAssetIndexes": ("index_price", ""),
    f"{UM}/ExchangeData/GetFundingRates": ("mark_price mark_price", ""),
    f"{UM}/ExchangeData/GetMarkPrice": ("mark_price", ""),
    f"{UM}/Trading/CancelMultipleOrders": ("order", "refused"),
    f"{UM}/Trading/GetConditionalOrders": ("order order", ""),
    f"{UM}/Trading/GetForcedOrders": ("order order order order", ""),
    f"{UM}/Trading/GetOpenConditionalOrders": ("order", ""),
    f"{UM}/Trading/GetOrders": ("order", ""),
    f"{UM}/Trading/GetPositions": ("statement", ""),
    f"{UM}/Trading/GetUserTrades": ("fill", "note"),
    f"{UM}/Trading/PlaceOrder": ("order", ""),
    f"{CM}/Account/GetAccountInfo": ("statement", ""),
    f"{CM}/Account/GetBalances": ("statement", ""),
    f"{CM}/Account/GetIncomeHistory": ("flow flow", ""),
    f"{CM}/Account/GetMarginChangeHistory": ("margin_move margin_move", ""),
    f"{CM}/Account/GetPositionInformation": ("statement", ""),
    f"{CM}/ExchangeData/GetMarkPrices": ("mark_price mark_price", ""),
    f"{CM}/Trading/GetForcedOrders": ("order order order order", ""),
    f"{CM}/Trading/GetOrder": ("order", ""),
    f"{CM}/Trading/GetOrders": ("order", ""),
    f"{CM}/Trading/GetUserTrades": ("fill", ""),
}


def sample(shared: Path, name: str) -> object:
    """The venue's value in a sample file."""
    text = (shared / "api_samples" / f"{name}.txt").read_text(encoding="utf-8")
    body = text.split("\n=", 1)[1] if name.startswith(STREAMS) else text.split("\n", 3)[3]
    return decoded(body.strip().encode())


def read(shared: Path, name: str) -> list[Reading]:
    return read_value(sample(shared, name), PLACE)


def events(shared: Path, name: str) -> list[AnyEvent]:
    return [event for each in read(shared, name) for event in each.events]


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample(shared: Path, name: str) -> None:
    readings = read(shared, name)
    kinds = [type(event).__struct_config__.tag for each in readings for event in each.events]
    noted = [problem.kind for each in readings for problem in each.problems]
    assert (" ".join(map(str, kinds)), " ".join(noted)) == SAMPLES[name]


def test_samples_of_accounts_that_are_refused(shared: Path) -> None:
    for name in ("GridUpdate", "StrategyUpdate"):
        assert [mark.kind for each in read(shared, f"{STREAMS}/{name}") for mark in each.unmodelled] == ["strategy"]


def test_values_of_samples(shared: Path) -> None:
    """A few figures, so that no table of keys is off by one."""
    _, liquidated, _, deleveraged = events(shared, f"{UM}/Trading/GetForcedOrders")
    assert isinstance(liquidated, Order)
    assert (liquidated.close, liquidated.price, liquidated.average_price) == (
        "liquidation",
        Decimal("10871.09"),
        Decimal("10913.21"),
    )
    assert isinstance(deleveraged, Order)
    assert (deleveraged.close, deleveraged.buy, deleveraged.side) == ("adl", True, "SHORT")
    (risk,) = events(shared, f"{CM}/Account/GetPositionInformation")
    assert isinstance(risk, Statement)
    assert risk.time_ms == 1627026881327
    assert risk.positions[1] == PositionPrint(
        "BTCUSD_201225",
        "LONG",
        quantity=Decimal(1),
        entry=Decimal("11707.70000003"),
        unrealized=Decimal("0.00005866"),
        margin="cross",
        mark=Decimal("11788.66626667"),
        liquidation_price=Decimal("11667.63509587"),
        leverage=125,
    )
    (trade,) = events(shared, f"{UM}/Trading/GetUserTrades")
    assert isinstance(trade, Fill)
    assert (trade.quantity, trade.fee, trade.realized) == (
        Decimal("-0.002"),
        Decimal("0.07819010"),
        Decimal("-0.91539999"),
    )


def shape(value: object) -> dict[str, type]:
    assert isinstance(value, dict)
    return {key: type(field) for key, field in value.items()}


def item(value: object, *path: str | int) -> object:
    """What stands under keys and numbers, one below the other."""
    for step in path:
        value = value[step]  # type: ignore[index]
    return value


def encoded_order(found: AnyEvent) -> object:
    assert isinstance(found, Order)
    return encode.order_update(found)["o"]


def encoded_update(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Statement)
    return encode.account_update(found)


def encoded_call(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Statement)
    return encode.margin_call(found)


def encoded_setting(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Setting)
    return encode.setting_update(found)


def encoded_trade(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Fill)
    return encode.user_trade_row(found)


def encoded_income(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Flow)
    return encode.income_rows(found)[0]


def encoded_force_order(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Order)
    return encode_orders.force_order_row(found)


def encoded_move(found: AnyEvent) -> encode.Json:
    assert isinstance(found, MarginMove)
    return encode.margin_change_row(found)


def encoded_risk(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Statement)
    return encode.position_risk_rows(found)[0]


def encoded_account(found: AnyEvent) -> encode.Json:
    assert isinstance(found, Statement)
    return encode.account_answer(found)


# sample, place in it, encoder, place in what it writes, keys that are not written
SHAPES: list[tuple[str, tuple[str | int, ...], Callable[[AnyEvent], object], tuple[str | int, ...], str]] = [
    (f"{STREAMS}/OrderUpdate", ("data", "o"), encoded_order, (), "N n"),
    (f"{STREAMS}/AccountUpdate", ("data",), encoded_update, (), ""),
    (f"{STREAMS}/AccountUpdate", ("data", "a"), encoded_update, ("a",), ""),
    (f"{STREAMS}/AccountUpdate", ("data", "a", "B", 0), encoded_update, ("a", "B", 0), ""),
    (f"{STREAMS}/AccountUpdate", ("data", "a", "P", 1), encoded_update, ("a", "P", 1), ""),
    (f"{STREAMS}/MarginUpdate", ("data",), encoded_call, (), ""),
    (f"{STREAMS}/MarginUpdate", ("data", "p", 0), encoded_call, ("p", 0), ""),
    (f"{STREAMS}/Leverage", ("data",), encoded_setting, (), ""),
    (f"{STREAMS}/Leverage", ("data", "ac"), encoded_setting, ("ac",), ""),
    (f"{STREAMS}/MultiAssetMode", ("data", "ai"), encoded_setting, ("ai",), ""),
    (f"{UM}/Trading/GetUserTrades", (0,), encoded_trade, (), ""),
    (f"{UM}/Account/GetIncomeHistory", (0,), encoded_income, (), ""),
    (f"{UM}/Trading/GetForcedOrders", (0,), encoded_force_order, (), ""),
    (f"{UM}/Account/GetMarginChangeHistory", (0,), encoded_move, (), ""),
    (
        f"{UM}/Trading/GetPositions",
        (0,),
        encoded_risk,
        (),
        "breakEvenPrice isAutoAddMargin isolatedMargin maxNotionalValue notional",
    ),
    (
        f"{UM}/Account/GetAccountInfoV3",
        (),
        encoded_account,
        (),
        "totalInitialMargin totalPositionInitialMargin totalOpenOrderInitialMargin totalCrossWalletBalance"
        " totalCrossUnPnl availableBalance maxWithdrawAmount",
    ),
    (
        f"{UM}/Account/GetAccountInfoV3",
        ("positions", 0),
        encoded_account,
        ("positions", 0),
        "isolatedMargin notional initialMargin",
    ),
]


@pytest.mark.parametrize(("name", "place", "write", "written_at", "left_out"), SHAPES)
def test_shapes(
    shared: Path,
    name: str,
    place: tuple[str | int, ...],
    write: Callable[[AnyEvent], object],
    written_at: tuple[str | int, ...],
    left_out: str,
) -> None:
    printed = shape(item(sample(shared, name), *place))
    written = msgspec.json.decode(msgspec.json.encode(item(write(events(shared, name)[0]), *written_at)))
    expected = {key: kind for key, kind in printed.items() if key not in left_out.split()}
    extra = {"er": str} if name.endswith("OrderUpdate") else {}  # the sample is older than this key
    assert shape(written) == expected | extra

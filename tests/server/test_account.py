"""How an account stands, asked after things that change it; what it sets, seen in its other answers."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.exchange import commands
from margincall.exchange.queue import lights
from margincall.server import lights as server_lights
from tests.server.account_desk import BEGUN_MS, Desk

D = Decimal
ASSET_TERMS = ("walletBalance", "marginBalance", "availableBalance", "initialMargin", "maintMargin")


def test_a_trade_and_an_order_stand_in_every_version(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.wait(1_000)
        desk.trade()
        desk.limit("alice", "BUY", "0.1", "49000")
        one, two = desk.get("/fapi/v3/account"), desk.get("/fapi/v2/account")
        asset = one["assets"][0]
        assert [asset[name] for name in ASSET_TERMS] == [
            "99975.00000000", "99975.00000000", "97230.00000000", "2745.00000000", "200.00000000"
        ]  # fmt: skip
        assert asset["updateTime"] == BEGUN_MS + 1_000
        assert one["totalMarginBalance"] == two["totalMarginBalance"] == "99975.00000000"
        assert [row["symbol"] for row in one["positions"]] == ["BTCUSDT"]
        assert {row["symbol"]: row["positionAmt"] for row in two["positions"]} == {
            "BTCUSDT": "1.000", "ETHUSDT": "0.000", "BNBUSDT": "0.00"
        }  # fmt: skip
        for version in ("v2", "v3"):
            (row,) = desk.get(f"/fapi/{version}/balance")
            assert (row["balance"], row["availableBalance"]) == ("99975.00000000", "97230.00000000")
            (position,) = desk.get(f"/fapi/{version}/positionRisk", symbol="BTCUSDT")
            assert (position["positionAmt"], position["entryPrice"]) == ("1.000", "50000")
            assert (position["markPrice"], position["notional"]) == ("50000.00000000", "50000")
        assert len(desk.get("/fapi/v2/positionRisk")) == 3


def test_the_mark_moves_profit_and_the_liquidation_price_is_that_of_the_engine(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.trade(quantity="20")
        before = desk.get("/fapi/v3/positionRisk")[0]
        desk.do(commands.SetMark(symbol="BTCUSDT", price=D("49500")))
        after = desk.get("/fapi/v3/positionRisk")[0]
        assert after["unRealizedProfit"] == "-10000.00000000"
        assert after["liquidationPrice"] == before["liquidationPrice"] != "0"
        price = D(after["liquidationPrice"])
        desk.do(commands.SetMark(symbol="BTCUSDT", price=price + 1))
        assert desk.get("/fapi/v3/positionRisk")[0]["positionAmt"] == "20.000"
        desk.do(commands.SetMark(symbol="BTCUSDT", price=price - 1))
        assert desk.get("/fapi/v3/positionRisk") == []


def test_an_account_without_money_has_a_dated_asset(tmp_path: Path) -> None:
    """Clients drop an asset with `updateTime` 0, and then have no balance at all."""
    with Desk(tmp_path) as desk:
        desk.open("carol")
        for version in ("v2", "v3"):
            (asset,) = desk.get(f"/fapi/{version}/account", "carol")["assets"]
            assert asset["asset"] == "USDT"
            assert asset["walletBalance"] == "0.00000000"
            assert asset["updateTime"] == BEGUN_MS
            assert desk.get(f"/fapi/{version}/balance", "carol")[0]["updateTime"] == BEGUN_MS


def test_the_queue_of_deleveraging_is_one_figure_in_both_answers(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.trade("alice", "10")
        desk.trade("bob", "1")
        desk.do(commands.SetMark(symbol="BTCUSDT", price=D(51_000)))
        found = {}
        for name in ("alice", "bob"):
            (row,) = desk.get("/fapi/v1/adlQuantile", name)
            found[name] = row["adlQuantile"]["BOTH"]
            assert desk.get("/fapi/v3/positionRisk", name)[0]["adl"] == found[name]
        assert found["alice"] > found["bob"]
        assert desk.get("/fapi/v1/adlQuantile", symbol="ETHUSDT") == []


def test_everybody_is_looked_at_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of a machine; by a simulated one whenever something was carried out."""
    looks: list[str] = []
    monkeypatch.setattr(server_lights, "lights", lambda state, symbol: looks.append(symbol) or lights(state, symbol))
    with Desk(tmp_path) as desk:
        desk.do(commands.Transfer(account="maker", asset="USDT", amount=D(1_000_000)))
        desk.trade("alice", "10")
        desk.trade("bob", "1")
        desk.do(commands.SetMark(symbol="BTCUSDT", price=D(50_100)))

        def asked() -> list[int]:
            return [desk.get("/fapi/v3/positionRisk", name)[0]["adl"] for name in ("alice", "bob", "alice")]

        before = asked()
        assert len(looks) == 1
        desk.trade("bob", "18")
        assert asked() != before
        assert len(looks) == 2
        desk.clock.is_simulated = False  # type: ignore[misc]
        desk.wait(1_000)
        moved = asked()
        desk.trade("alice", "15")
        desk.wait(900)
        assert asked() == moved
        assert len(looks) == 3
        desk.wait(1_000)
        assert asked() != moved
        assert looks == ["BTCUSDT"] * 4


def test_position_mode(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        path = "/fapi/v1/positionSide/dual"
        assert desk.get(path) == {"dualSidePosition": False}
        assert desk.ask("POST", path, dualSidePosition="true") == {"code": 200, "msg": "success"}
        assert desk.get(path) == {"dualSidePosition": True}
        assert desk.get(path, "bob") == {"dualSidePosition": False}
        assert desk.get("/fapi/v1/accountConfig")["dualSidePosition"] is True
        sides = [row["positionSide"] for row in desk.get("/fapi/v2/positionRisk", symbol="BTCUSDT")]
        assert sides == ["LONG", "SHORT"]
        assert desk.refusal("POST", path, dualSidePosition="true") == (-4059, "No need to change position side.")
        assert desk.refusal("POST", path, dualSidePosition="perhaps")[0] == -1130
        assert desk.refusal("POST", path)[0] == -1102


def test_asset_mode(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        path = "/fapi/v1/multiAssetsMargin"
        desk.do(commands.SetAssetIndex(asset="USDT", index=D(1), bid=D("0.999"), ask=D("1.001")))
        assert desk.get(path) == {"multiAssetsMargin": False}
        assert desk.ask("POST", path, multiAssetsMargin=True) == {"code": 200, "msg": "success"}
        assert desk.get(path) == {"multiAssetsMargin": True}
        assert desk.get("/fapi/v1/accountConfig")["multiAssetsMargin"] is True
        assert desk.get("/fapi/v2/account")["multiAssetsMargin"] is True
        assert desk.get("/fapi/v3/account")["totalWalletBalance"] == "99900.00000000"
        assert desk.refusal("POST", path, multiAssetsMargin=True)[0] == -4171


def test_leverage(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        found = desk.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
        (row,) = desk.get("/fapi/v1/symbolConfig", symbol="BTCUSDT")
        assert found == {"leverage": 50, "maxNotionalValue": row["maxNotionalValue"], "symbol": "BTCUSDT"}
        assert row["leverage"] == 50
        (table,) = desk.get("/fapi/v1/leverageBracket", symbol="BTCUSDT")
        assert D(found["maxNotionalValue"]) == max(
            each["notionalCap"] for each in table["brackets"] if each["initialLeverage"] >= 50
        )
        desk.trade()
        assert desk.get("/fapi/v3/account")["totalInitialMargin"] == "1000.00000000"
        for wanted in (-1, 0, 151, 10**9):
            assert desk.refusal("POST", "/fapi/v1/leverage", symbol="ETHUSDT", leverage=wanted)[0] == -4028
        desk.limit("alice", "BUY", "10", "49000")
        assert desk.refusal("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=150)[0] == -2027
        assert desk.refusal("POST", "/fapi/v1/leverage", symbol="NONE", leverage=2) == (-1121, "Invalid symbol.")
        assert desk.refusal("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage="x")[0] == -1100


def test_margin_type_and_isolated_margin(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        move = "/fapi/v1/positionMargin"
        assert desk.refusal("POST", move, symbol="BTCUSDT", amount=1, type=1)[0] == -4049
        done = desk.ask("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
        assert done == {"code": 200, "msg": "success"}
        assert desk.refusal("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")[0] == -4046
        assert desk.refusal("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="OTHER")[0] == -1130
        assert desk.get("/fapi/v1/symbolConfig", symbol="BTCUSDT")[0]["marginType"] == "ISOLATED"
        assert desk.refusal("POST", move, symbol="BTCUSDT", amount=1, type=1)[0] == -4054
        desk.trade()
        before = D(desk.get("/fapi/v3/positionRisk")[0]["isolatedWallet"])
        found = desk.ask("POST", move, symbol="BTCUSDT", amount="100.50", type=1)
        assert found == {"amount": 100.5, "code": 200, "msg": "Successfully modify position margin.", "type": 1}
        desk.wait(1_000)
        desk.ask("POST", move, symbol="BTCUSDT", amount="40", type=2)
        (position,) = desk.get("/fapi/v2/positionRisk", symbol="BTCUSDT")
        assert D(position["isolatedWallet"]) == before + D("60.5")
        assert position["marginType"] == "isolated"
        history = desk.get(f"{move}/history", symbol="BTCUSDT")
        assert [(row["type"], row["amount"]) for row in history] == [(1, "100.50000000"), (2, "40.00000000")]
        assert [row["type"] for row in desk.get(f"{move}/history", symbol="BTCUSDT", type=2)] == [2]
        assert desk.get(f"{move}/history", symbol="BTCUSDT", startTime=BEGUN_MS + 1)[0]["type"] == 2
        assert desk.refusal("POST", move, symbol="BTCUSDT", amount="-1", type=1) == (-4055, "Amount must be positive.")
        assert desk.refusal("POST", move, symbol="BTCUSDT", amount="9e9", type=1)[0] == -4050
        assert desk.refusal("POST", move, symbol="BTCUSDT", amount="9e9", type=2)[0] == -4051
        assert desk.refusal("POST", move, symbol="BTCUSDT", amount="1", type=3)[0] == -1130
        day = 86_400_000
        desk.wait(30 * day - 1_001)
        assert len(desk.get(f"{move}/history", symbol="BTCUSDT", startTime=BEGUN_MS)) == 2
        desk.wait(1_000)
        assert len(desk.get(f"{move}/history", symbol="BTCUSDT", startTime=BEGUN_MS)) == 1
        desk.wait(1_001)
        assert desk.get(f"{move}/history", symbol="BTCUSDT", startTime=BEGUN_MS) == []


def test_fee_burning_is_kept_per_account(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        assert desk.get("/fapi/v1/feeBurn") == {"feeBurn": False}
        assert desk.ask("POST", "/fapi/v1/feeBurn", feeBurn="true") == {"code": 200, "msg": "success"}
        assert desk.get("/fapi/v1/feeBurn") == {"feeBurn": True}
        assert desk.get("/fapi/v1/feeBurn", "bob") == {"feeBurn": False}
        desk.ask("POST", "/fapi/v1/feeBurn", feeBurn="false")
        assert desk.get("/fapi/v1/feeBurn") == {"feeBurn": False}


def test_brackets_are_the_genuine_ones_also_while_others_are_applied(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        genuine = desk.get("/fapi/v1/leverageBracket")
        assert [row["symbol"] for row in genuine] == ["BNBUSDT", "BTCUSDT", "ETHUSDT"]
        desk.trade()
        kept = desk.get("/fapi/v3/positionRisk")[0]["maintMargin"]
        desk.do(commands.InjectFault(kind="wrong_brackets", on=True, symbol="BTCUSDT", value=D("1.5")))
        assert desk.get("/fapi/v3/positionRisk")[0]["maintMargin"] != kept
        assert desk.get("/fapi/v1/leverageBracket") == genuine


def test_fees_are_those_that_are_charged(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        rates = desk.get("/fapi/v1/commissionRate", symbol="BTCUSDT")
        desk.trade()
        paid = {name: 100_000 - D(desk.get("/fapi/v3/balance", name)[0]["balance"]) for name in ("alice", "maker")}
        assert paid["alice"] == 50_000 * D(rates["takerCommissionRate"])
        assert paid["maker"] == 50_000 * D(rates["makerCommissionRate"])
        assert desk.refusal("GET", "/fapi/v1/commissionRate")[0] == -1102


@pytest.mark.parametrize(
    ("method", "path", "params", "code"),
    [
        ("GET", "/fapi/v1/pmAccountInfo", {"asset": "USDT"}, -21001),
        ("GET", "/fapi/v1/pmAccountInfo", {}, -1102),
        ("POST", "/fapi/v1/convert/getQuote", {"fromAsset": "USDT", "toAsset": "BTC", "fromAmount": 1}, -1020),
        ("POST", "/fapi/v1/convert/acceptQuote", {"quoteId": "1"}, -1020),
        ("GET", "/fapi/v1/convert/orderStatus", {"orderId": "1"}, -1020),
    ],
)
def test_what_is_refused_as_the_venue_does(
    tmp_path: Path, method: str, path: str, params: dict[str, str], code: int
) -> None:
    with Desk(tmp_path) as desk:
        assert desk.refusal(method, path, **params)[0] == code


def test_answers_come_and_go_with_the_api_date(tmp_path: Path) -> None:
    for number, (date, first, third) in enumerate((("2023-07-14", 200, 404), ("2023-07-15", 404, 404),
                                                   ("2024-07-24", 404, 200))):  # fmt: skip
        with Desk(tmp_path / str(number), date) as desk:
            assert desk.reply("GET", "/fapi/v1/account").status == first
            for name in ("v3/account", "v3/balance", "v3/positionRisk", "v1/symbolConfig", "v1/accountConfig"):
                assert desk.reply("GET", f"/fapi/{name}").status == third
            assert desk.reply("GET", "/fapi/v2/account").status == 200
            assert "rpiCommissionRate" not in desk.get("/fapi/v1/commissionRate", symbol="BTCUSDT")

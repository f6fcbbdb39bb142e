"""Asynchronous exports: from the start to the file behind the link, and what `explain` reads out of it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.core.events import Fill, Flow, Order
from margincall.exchange import commands
from margincall.history.read import read
from margincall.server.app import App
from margincall.server.request import Request
from tests.server.account_desk import BEGUN_MS, Desk

D = Decimal
DAY_MS = 86_400_000
KINDS = ("order", "trade", "income")
HEADS = {
    "order": "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price",
    "trade": "Uid,Time(UTC),Symbol,Side,Position Side,Price,Quantity",
    "income": "Date(UTC),type,Amount,Asset,Symbol,Transaction ID",
}


def started(desk: Desk, kind: str, since_ms: int = BEGUN_MS, until_ms: int | None = None) -> str:
    """The id of an export of everything up to now."""
    until = desk.clock.now_ms() if until_ms is None else until_ms
    found = desk.get(f"/fapi/v1/{kind}/asyn", startTime=since_ms, endTime=until)
    assert isinstance(found["avgCostTimestampOfLast30d"], int)
    return str(found["downloadId"])


def told(desk: Desk, kind: str, number: str, name: str = "alice") -> Any:
    """What is said of an export."""
    return desk.get(f"/fapi/v1/{kind}/asyn/id", name, downloadId=number)


def fetched(desk: Desk, link: str) -> tuple[int, bytes]:
    """What is behind a link, asked without a key."""
    path = link.removeprefix("http://127.0.0.1")
    reply = desk.runner.run(desk.gateway.answer(Request(method="GET", path=path)))
    return reply.status, reply.body


def finished(desk: Desk, kind: str, number: str) -> bytes:
    """The file, once it is whole."""
    desk.runner.run(desk.venue.downloads.settled())
    found = told(desk, kind, number)
    assert found["status"] == "completed"
    status, content = fetched(desk, found["url"])
    assert status == 200
    return content


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_holds_what_the_lists_hold(tmp_path: Path, kind: str) -> None:
    with Desk(tmp_path) as desk:
        desk.trade(quantity="0.5")
        desk.limit("alice", "BUY", "0.1", "49000")
        desk.trade("bob")
        number = started(desk, kind)
        first = told(desk, kind, number)
        assert (first["status"], first["url"], first["notified"]) == ("processing", "", False)
        content = finished(desk, kind, number)
        assert content.startswith(f"\ufeff{HEADS[kind]}".encode())
        assert content.endswith(b"\r\n")
        path = tmp_path / f"{kind}.csv"
        path.write_bytes(content)
        found = read([path])
        assert not found.problems
        if kind == "trade":
            rows = desk.get("/fapi/v1/userTrades", symbol="BTCUSDT")
            fills = [each for each in found.events if isinstance(each, Fill)]
            assert [(each.trade_id, each.price, each.fee) for each in fills] == [
                (str(row["id"]), D(row["price"]), D(row["commission"])) for row in rows
            ]
        elif kind == "order":
            rows = desk.get("/fapi/v1/allOrders", symbol="BTCUSDT")
            orders = {each.order_id: each.status for each in found.events if isinstance(each, Order)}
            assert orders == {str(row["orderId"]): row["status"] for row in rows}
            assert set(orders.values()) == {"FILLED", "NEW"}
        else:
            rows = desk.get("/fapi/v1/income")
            flows = [each for each in found.events if isinstance(each, Flow)]
            assert sorted((each.reason, *each.applied.values()) for each in flows) == sorted(
                (row["incomeType"], D(row["income"])) for row in rows
            )


def test_a_link_holds_for_seven_days(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        number = started(desk, "trade")
        finished(desk, "trade", number)
        found = told(desk, "trade", number)
        assert (found["notified"], found["isExpired"]) == (True, None)
        desk.wait(found["expirationTimestamp"] - desk.clock.now_ms() - 1)
        assert fetched(desk, found["url"])[0] == 200
        desk.wait(1)
        status, body = fetched(desk, found["url"])
        assert (status, msgspec.json.decode(body)["code"]) == (404, -1099)
        after = told(desk, "trade", number)
        assert (after["url"], after["isExpired"]) == ("", True)


def test_five_a_month_of_all_kinds(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        numbers = {started(desk, kind) for kind in (*KINDS, "order", "trade")}
        assert len(numbers) == 5
        span: dict[str, Any] = {"startTime": BEGUN_MS, "endTime": BEGUN_MS}
        assert desk.refusal("GET", "/fapi/v1/income/asyn", **span)[0] == -1003
        assert desk.reply("GET", "/fapi/v1/income/asyn", "bob", **span).status == 200
        desk.wait(31 * DAY_MS)
        assert started(desk, "income") not in numbers


def test_what_the_lists_show_no_longer_is_told_still(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        number = desk.limit("alice", "BUY", "0.1", "40000")["orderId"]
        desk.ask("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=number)
        desk.trade()
        desk.wait(120 * DAY_MS)
        desk.venue.archive.forget(desk.clock.now_ms())
        end = BEGUN_MS + DAY_MS
        assert desk.get("/fapi/v1/allOrders", symbol="BTCUSDT", startTime=BEGUN_MS, endTime=end) == []
        content = finished(desk, "order", started(desk, "order", BEGUN_MS, end)).decode()
        assert content.count("\r\n") == 3
        assert f",{number}\r\n" in content
        assert finished(desk, "order", started(desk, "order", BEGUN_MS + 1, end)).decode().count("\r\n") == 1


def test_the_link_leads_to_where_the_client_is(tmp_path: Path) -> None:
    """The host that was asked is the host of the link, whatever this machine is called."""
    with Desk(tmp_path) as desk:
        number = started(desk, "trade")
        desk.runner.run(desk.venue.downloads.settled())
        method, path, query, key = desk.signed("GET", "/fapi/v1/trade/asyn/id", downloadId=number)
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query, "scheme": "https",
            "headers": [(b"host", b"fapi.example:8443"), (b"x-mbx-apikey", key.encode())], "client": ("127.0.0.1", 1),
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            sent.append(message)

        desk.runner.run(App(desk.gateway)(scope, receive, send))
        link = msgspec.json.decode(sent[1]["body"])["url"]
        assert link.startswith("https://fapi.example:8443/downloads/")
        scope |= {"path": link.removeprefix("https://fapi.example:8443"), "query_string": b"", "headers": []}
        desk.runner.run(App(desk.gateway)(scope, receive, send))
        assert dict(sent[2]["headers"])[b"content-type"] == b"text/csv"
        assert sent[3]["body"].startswith(b"\xef\xbb\xbfUid,")


def test_refusals(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        now, path = desk.clock.now_ms(), "/fapi/v1/trade/asyn"
        assert desk.refusal("GET", path, endTime=now)[0] == -1102
        assert desk.refusal("GET", path, startTime=now, endTime=now - 1)[0] == -1023
        assert desk.refusal("GET", path, startTime=now, endTime=now + 1)[0] == -4165
        assert desk.refusal("GET", path, startTime=now - 365 * DAY_MS - 1, endTime=now)[0] == -4165
        number = started(desk, "trade")
        desk.runner.run(desk.venue.downloads.settled())
        for name, kind, wanted in (("bob", "trade", number), ("alice", "order", number), ("alice", "trade", "1")):
            assert desk.refusal("GET", f"/fapi/v1/{kind}/asyn/id", name, downloadId=wanted)[0] == -1130
        assert fetched(desk, "http://127.0.0.1/downloads/0123")[0] == 404
        assert fetched(desk, "http://127.0.0.1/downloads/a/b")[0] == 404


def test_a_liquidation_can_be_told_from_the_files(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.trade("alice", "40")
        desk.limit("bob", "BUY", "40", "47590")
        desk.do(commands.SetMark(symbol="BTCUSDT", price=D(47_600)))
        paths = []
        for kind in KINDS:
            paths.append(tmp_path / f"{kind}.csv")
            paths[-1].write_bytes(finished(desk, kind, started(desk, kind)))
        orders = [each for each in read(paths).events if isinstance(each, Order) and each.close == "liquidation"]
        assert {each.order_id for each in orders} == {str(row["orderId"]) for row in desk.get("/fapi/v1/forceOrders")}

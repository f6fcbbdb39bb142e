"""How much may be asked: weights, orders, their headers, 429 and 418."""

import msgspec
import pytest

from margincall.server.request import BODY_MAX
from tests.server.conftest import Opened
from tests.server.desk import Desk, form

MINUTE_MS = 60_000
ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.002", "price": "49000",
}  # fmt: skip


@pytest.fixture
def strict(opened: Opened) -> Desk:
    """A desk that counts and refuses."""
    return opened(is_lenient=False)


def asked(desk: Desk, path: str = "time", ip: str = "") -> tuple[int, dict[str, str], dict[str, object]]:
    """Status, headers and body of a request without a key."""
    reply = desk.send("GET", f"/fapi/v1/{path}", **({"ip": ip} if ip else {}))
    return reply.status, dict(reply.headers), msgspec.json.decode(reply.body)


def used(desk: Desk) -> int:
    return int(asked(desk)[1]["x-mbx-used-weight-1m"])


def test_weights_add_up_within_a_minute(strict: Desk) -> None:
    assert [used(strict) for _ in range(3)] == [1, 2, 3]
    strict.ask("GET", "openOrders", symbol="BTCUSDT")
    assert used(strict) == 5
    strict.ask("GET", "openOrders")
    assert used(strict) == 46
    strict.ask("POST", "order", **ORDER)
    assert used(strict) == 47
    strict.refusal("GET", "nothing")
    assert used(strict) == 49
    strict.pass_ms(MINUTE_MS)
    assert used(strict) == 1


@pytest.mark.parametrize("path", ["futures/data/basis", "fapi/v1/fundingInfo"])
def test_what_counts_by_itself_tells_the_weight_that_was_used(strict: Desk, path: str) -> None:
    assert [used(strict) for _ in range(5)][-1] == 5
    told = [dict(strict.send("GET", f"/{path}").headers)["x-mbx-used-weight-1m"] for _ in range(2)]
    assert told == ["5", "5"]


@pytest.mark.parametrize("sent", [{"query": b"a=%ff"}, {"query": b"a=1&a=2"}, {"body": bytes(BODY_MAX + 1)}])
def test_what_cannot_be_read_weighs_too_and_does_not_hide_a_ban(strict: Desk, sent: dict[str, bytes]) -> None:
    strict.clock.set(strict.clock.now_ms() // MINUTE_MS * MINUTE_MS + MINUTE_MS)
    replies = [strict.send("GET", "/fapi/v1/time", **sent) for _ in range(3_602)]
    assert [dict(each.headers)["x-mbx-used-weight-1m"] for each in replies[:2]] == ["1", "2"]
    assert [replies[at].status for at in (2_399, 2_400, 3_599, 3_600, 3_601)] == [replies[0].status, 429, 429, 418, 418]
    assert asked(strict)[0] == 418


def test_too_much_weight_is_refused_until_the_minute_is_over(strict: Desk) -> None:
    strict.clock.set(strict.clock.now_ms() // MINUTE_MS * MINUTE_MS + MINUTE_MS + 15_500)
    for _ in range(2_400):
        assert asked(strict)[0] == 200
    status, headers, found = asked(strict)
    assert (status, found["code"], headers["retry-after"]) == (429, -1003, "45")
    assert headers["x-mbx-used-weight-1m"] == "2401"
    assert found["msg"] == (
        "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute. Please use the websocket for "
        "live updates to avoid polling the API."
    )
    assert asked(strict, ip="10.0.0.2")[0] == 200
    strict.clock.set(strict.clock.now_ms() + 44_499)
    assert asked(strict)[0] == 429
    strict.clock.set(strict.clock.now_ms() + 1)
    assert asked(strict)[0] == 200


def go_on_until_banned(desk: Desk) -> tuple[dict[str, str], dict[str, object]]:
    for _ in range(3_601):
        status, headers, found = asked(desk)
        if status == 418:
            return headers, found
    raise AssertionError("never banned")


def test_who_goes_on_is_banned_and_longer_each_time(strict: Desk) -> None:
    lengths = []
    for _ in range(2):
        now_ms = strict.clock.now_ms()
        headers, found = go_on_until_banned(strict)
        assert found["code"] == -1003
        until_ms = int(str(found["msg"]).partition("banned until ")[2].partition(".")[0])
        lengths.append(until_ms - now_ms)
        assert int(headers["retry-after"]) == lengths[-1] // 1000 + 1
        assert found["msg"] == (
            f"Way too many requests; IP(127.0.0.1) banned until {until_ms}. Please use the websocket for live updates "
            "to avoid bans."
        )
        strict.clock.set(until_ms - 1)
        assert asked(strict)[0] == 418
        assert asked(strict, ip="10.0.0.2")[0] == 200
        strict.clock.set(until_ms)
        assert asked(strict)[0] == 200
    assert lengths == [120_000, 240_000]


def test_orders_are_counted_by_account_in_ten_seconds_and_a_minute(strict: Desk) -> None:
    def counts(account: str, path: str = "order", **given: object) -> tuple[str, str]:
        headers = dict(strict.reply("POST", path, account, **given).headers)
        return headers["x-mbx-order-count-10s"], headers["x-mbx-order-count-1m"]

    strict.clock.set(strict.clock.now_ms() // MINUTE_MS * MINUTE_MS + MINUTE_MS)
    assert counts("alice", **ORDER) == ("1", "1")
    batch = msgspec.json.encode([ORDER] * 3).decode()
    assert counts("alice", "batchOrders", batchOrders=batch) == ("6", "2")
    assert counts("bob", **ORDER) == ("1", "1")
    strict.pass_ms(10_000)
    assert counts("alice", **ORDER) == ("1", "3")
    strict.pass_ms(50_000)
    assert counts("alice", **ORDER) == ("1", "1")
    assert "x-mbx-order-count-10s" not in dict(strict.reply("GET", "openOrders").headers)


def test_too_many_orders_are_refused_and_not_placed(strict: Desk) -> None:
    strict.clock.set(strict.clock.now_ms() // MINUTE_MS * MINUTE_MS + MINUTE_MS)
    for _ in range(300):
        reply = strict.reply("POST", "order", **{**ORDER, "timeInForce": "IOC"})
        assert reply.status == 200
    before = strict.venue.state.next_order
    reply = strict.reply("POST", "order", **ORDER)
    found = msgspec.json.decode(reply.body)
    assert (reply.status, found["code"]) == (429, -1015)
    assert found["msg"] == "Too many new orders; current limit is 300 orders per 10 SECOND."
    assert dict(reply.headers)["retry-after"] == "11"
    assert strict.venue.state.next_order == before
    assert strict.reply("POST", "order", "bob", **ORDER).status == 200


def test_too_many_orders_of_a_minute(strict: Desk) -> None:
    strict.clock.set(strict.clock.now_ms() // MINUTE_MS * MINUTE_MS + MINUTE_MS)
    for _ in range(4):
        strict.limits.order("alice", 300, 300)
        strict.pass_ms(10_000)
    status, code, text = strict.refusal("POST", "order", **ORDER)
    assert (status, code, text) == (429, -1015, "Too many new orders; current limit is 1200 orders per 1 MINUTE.")


def test_a_lenient_server_counts_and_refuses_nothing(desk: Desk) -> None:
    for _ in range(3_700):
        assert asked(desk)[0] == 200
    assert used(desk) == 3_701


def test_every_answer_says_that_it_is_simulated(desk: Desk) -> None:
    for reply in (desk.send("GET", "/fapi/v1/time"), desk.send("GET", "/x"), desk.signed("GET", "/fapi/v1/order", b"")):
        assert dict(reply.headers)["x-simulated"] == "1"
    assert desk.signed("GET", "/fapi/v1/openOrders", form({"timestamp": desk.clock.now_ms()})).status == 200

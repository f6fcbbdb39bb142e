"""No error of the server is without a test: each code and text in its source is given by one of the cases.

The cases of orders and settings are in `test_errors.py`; here are all others.
"""

import ast
import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from margincall.exchange.events import Rejected
from margincall.exchange.journal import JournalFailed
from margincall.exchange.rejections import Code
from margincall.server.errors import TEXTS, of_rejected
from margincall.server.gateway import Reply
from margincall.server.hub import Listener
from margincall.server.keys import issue
from margincall.server.ws_api import WsApi
from tests.server.conftest import Opened
from tests.server.desk import Desk, form, key_name
from tests.server.signing import signed as signed_query
from tests.server.test_errors import CASES, OURS, SETTINGS, limit, nothing, resting
from tests.server.test_errors import TEXTS as TOLD_BY_THE_ENGINE
from tests.sources import ROOT

SERVER = ROOT / "src/margincall/server"
DAY_MS = 86_400_000
BTC = {"symbol": "BTCUSDT"}
Way = Callable[[Desk], Reply]


class Case(NamedTuple):
    """A request that is refused, after something happened."""

    code: int
    text: str
    way: Way
    status: int = 400
    before: Callable[[Desk], object] = nothing
    is_lenient: bool = True


def signed(method: str, path: str, account: str = "alice", **params: object) -> Way:
    """A signed request of `/fapi/v1`."""
    return lambda desk: desk.reply(method, path, account, **params)


def sent(path: str, query: bytes = b"", key: str | None = "", body: bytes = b"") -> Way:
    """A GET as it is, with a key that is none unless it is `None`."""
    return lambda desk: desk.send("GET", path, query=query, key=key_name("alice") if key is None else key, body=body)


def stamped(**params: object) -> Way:
    """A signed question whose time is that of the server and so much later."""

    def way(desk: Desk) -> Reply:
        later = int(str(params.pop("later_ms", 0)))
        return desk.signed("GET", "/fapi/v1/openOrders", form({**params, "timestamp": desk.clock.now_ms() + later}))

    return way


def asked_over_socket(asked: Callable[[Desk], object]) -> Way:
    """What the WebSocket API answers, as a reply of REST."""

    def way(desk: Desk) -> Reply:
        async def ask() -> Any:
            listener = Listener()
            api = WsApi(desk.gateway, listener, {"client": ("127.0.0.1", 1), "query_string": b""})
            found = asked(desk)
            api.hear(found if isinstance(found, str) else json.dumps(found))
            await asyncio.gather(*api._under_way)
            return json.loads(listener.take() or "{}")

        found = asyncio.run(ask())
        return Reply(found["status"], msgspec.json.encode(found["error"]))

    return way


def logon(desk: Desk) -> object:
    return {"id": 1, "method": "session.logon", "params": {"apiKey": key_name("alice")}}


def of_nobody(desk: Desk) -> Reply:
    """A question by a key of an account that was never opened."""
    key = issue("nobody")
    desk.keys.add(key)
    return desk.send(
        "GET", "/fapi/v2/account", query=signed_query(key, {"timestamp": desk.clock.now_ms()}), key=key.key
    )


def journal_fails(desk: Desk) -> None:
    def sync() -> None:
        raise JournalFailed("the disk is full")

    desk.venue.durability = "group"
    desk.venue.engine.sync = sync  # type: ignore[method-assign]


def five_exports(desk: Desk) -> None:
    for _ in range(5):
        desk.ask("GET", "income/asyn", startTime=0, endTime=0)


def used_up(desk: Desk) -> None:
    desk.limits.ask("127.0.0.1", 2_400)


def over_used(desk: Desk) -> None:
    with pytest.raises(Exception, match="banned"):
        desk.limits.ask("127.0.0.1", 3_601)


def ordered_often(desk: Desk) -> None:
    desk.limits.order("alice", 300, 0)


def halted(desk: Desk) -> None:
    resting(desk)
    desk.venue.halt("BTCUSDT", on=True)


NO_SIGN = "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
FULL = "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute. Please use the websocket for live updates to avoid polling the API."  # noqa: E501
BANNED = "Way too many requests; IP(127.0.0.1) banned until 1790000120000. Please use the websocket for live updates to avoid bans."  # noqa: E501
NO_KEY = "This listenKey does not exist. Please use `POST /fapi/v1/listenKey` to recreate `listenKey`"
MANY = b"&".join(b"p%d=1" % number for number in range(202))
ORDERS = "/fapi/v1/openOrders"
OTHERS = (
    Case(-1000, "The journal failed: the disk is full.", signed("POST", "order", **limit()), 500, journal_fails),
    Case(-1003, FULL, signed("GET", "openOrders"), 429, used_up, is_lenient=False),
    Case(-1003, BANNED, signed("GET", "openOrders"), 418, over_used, is_lenient=False),
    Case(-1003, "Too many requests; current limit is 5 downloads per month.",
         signed("GET", "income/asyn", startTime=0, endTime=0), before=five_exports),
    Case(-1013, "INVALID_MESSAGE.", asked_over_socket(lambda desk: "{")),
    Case(-1015, "Too many new orders; current limit is 300 orders per 10 SECOND.", signed("POST", "order", **limit()),
         429, ordered_often, is_lenient=False),
    Case(-1020, "This operation is not supported.", signed("POST", "convert/getQuote")),
    Case(-1021, "Timestamp for this request was 1000ms ahead of the server's time.", stamped(later_ms=1_000)),
    Case(-1021, "Timestamp for this request is outside of the recvWindow.", stamped(later_ms=-5_001)),
    Case(-1022, "Signature for this request is not valid.",
         lambda desk: desk.send("GET", ORDERS, key=key_name("alice"),
                                query=b"timestamp=%d&signature=00" % desk.clock.now_ms())),
    Case(-1099, "Not found, unauthenticated, or unauthorized.", sent("/downloads/none"), 404),
    Case(-1101, "Too many parameters; expected '200' and received '202'.", sent(ORDERS, MANY)),
    Case(-1101, "Duplicate values for a parameter detected.", sent(ORDERS, b"a=1&a=2")),
    Case(-1101, "Too many parameters sent for this endpoint.", sent(ORDERS, body=b"a" * ((1 << 20) + 1)), 413),
    Case(-1102, NO_SIGN, lambda desk: desk.send("GET", ORDERS, key=key_name("alice"),
                                                query=b"timestamp=%d" % desk.clock.now_ms())),
    Case(-1109, "Invalid account.", of_nobody),
    Case(-1120, "Invalid interval.", sent("/fapi/v1/klines", b"symbol=BTCUSDT&interval=1s")),
    Case(-1125, NO_KEY, signed("PUT", "listenKey")),
    Case(-1127, "More than 1 hours between startTime and endTime.",
         sent("/fapi/v1/aggTrades", b"symbol=BTCUSDT&startTime=0&endTime=3600001")),
    Case(-1128, "Combination of optional parameters invalid.",
         signed("GET", "userTrades", **BTC, fromId=1, startTime=0, endTime=1)),
    Case(-1130, "parameter 'startTime' is invalid.",
         sent("/futures/data/basis", b"pair=BTCUSDT&contractType=PERPETUAL&period=5m&startTime=0&endTime=1")),
    Case(-1130, "Data sent for parameter 'side' is not valid.",
         signed("PUT", "order", **BTC, side="SELL", orderId=1, quantity="0.02", price="49000"), before=resting),
    Case(-1131, "recvWindow must be less than 60000", stamped(recvWindow=60_001)),
    Case(-2014, "API-key format invalid.", sent("/fapi/v1/historicalTrades", b"symbol=BTCUSDT"), 401),
    Case(-2015, "Invalid API-key, IP, or permissions for action.",
         sent("/fapi/v1/historicalTrades", b"symbol=BTCUSDT", key="x" * 64), 401),
    Case(-4021, "3 is not valid depth limit", sent("/fapi/v1/depth", b"symbol=BTCUSDT&limit=3")),
    Case(-4056, "Invalid api key type.", asked_over_socket(logon)),
    Case(-4165, "Maximum time interval is 30 days",
         signed("GET", "positionMargin/history", **BTC, startTime=0, endTime=31 * DAY_MS)),
    Case(-4165, "Maximum time interval is 365 days", signed("GET", "income/asyn", startTime=0, endTime=367 * DAY_MS)),
    Case(-5000, "Path or method is invalid.", sent("/fapi/v1/none"), 404),
    Case(-5024, "Symbol is not in trading status. Order amendment is not permitted.",
         signed("PUT", "order", **BTC, side="BUY", orderId=1, quantity="0.02", price="49000"), before=halted),
    Case(-21001, "invalid request: request ID is not a Portfolio Margin Account",
         signed("GET", "pmAccountInfo", asset="USDT")),
)  # fmt: skip


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: f"{case.code} {case.text[:30]}")
def test_a_request_is_refused(opened: Opened, case: Case) -> None:
    desk = opened(is_lenient=case.is_lenient)
    case.before(desk)
    reply = case.way(desk)
    assert (reply.status, msgspec.json.decode(reply.body)) == (case.status, {"code": case.code, "msg": case.text})


@pytest.mark.parametrize("word", ["GTE_GTC", "RPI"])
def test_times_in_force_that_no_symbol_here_lists(opened: Opened, word: str) -> None:
    """`exchangeInfo` lists neither (as BTCUSDT at the venue, 2026-09-15); GTE_GTC is of orders that wait alone."""
    desk = opened()
    reply = desk.send("GET", "/fapi/v1/exchangeInfo")
    assert all(word not in row["timeInForce"] for row in msgspec.json.decode(reply.body)["symbols"])
    assert desk.refusal("POST", "order", **limit(timeInForce=word)) == (400, -1115, "Invalid timeInForce.")


NAMELESS = {
    Code.NOT_VALID: "Invalid data sent for a parameter.",
    Code.MALFORMED: "A mandatory parameter was not sent, was empty/null, or malformed.",
}
"""Where the engine names no parameter."""


@pytest.mark.parametrize("code", NAMELESS, ids=lambda code: str(code.code))
def test_the_engine_need_not_name_a_parameter(code: Code) -> None:
    error = of_rejected(Rejected(time_ms=0, code=code.code, text=code.text))
    assert (error.code, error.msg) == (code.code, NAMELESS[code])


# --- none without a test -------------------------------------------------------------------------------------

GRID = {(-4014, "Price not increased by tick size."), (-4023, "Qty not increased by step size."),
        (-4004, "Quantity less than min quantity.")}  # fmt: skip
TESTED = (
    {(case.code, case.text) for case in (*CASES, *SETTINGS, *OTHERS)}
    | {(code.code, text) for texts in (TOLD_BY_THE_ENGINE, NAMELESS) for code, text in texts.items()}
    | GRID
)
PATTERNED = frozenset({
    Code.MALFORMED, Code.PARAM_NOT_REQUIRED, Code.NOT_VALID, Code.BAD_LEVERAGE, Code.NOTIONAL_TOO_SMALL,
    Code.AMENDED_TOO_SMALL,
})  # fmt: skip
"""Refusals of the engine whose text `of_rejected` makes anew."""
Found = tuple[int, str]


def errors_of(path: Path) -> Iterator[Found]:
    """Code and pattern of each error that a module makes from literals, and of each word that is refused with one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        parts = node.args[:2] if name == "ApiError" else node.args[2:4] if name in ("word", "need_word") else []
        if len(parts) == 2:
            code, text = _value(parts[0]), _pattern(parts[1])
            if code is not None and text is not None:
                yield code, text


def _value(node: ast.expr) -> Any:
    """A number or a text: a literal, or one of `Code`."""
    text = ast.unparse(node)
    if match := re.fullmatch(r"Code\.([A-Z_]+)\.(code|text)", text):
        return getattr(Code[match[1]], match[2])
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _pattern(node: ast.expr) -> str | None:
    """A text as a pattern, with anything in its gaps."""
    if not isinstance(node, ast.JoinedStr):
        found = _value(node)
        return re.escape(found) if isinstance(found, str) else None
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in node.values
    )  # fmt: skip


def test_each_error_of_the_source_is_given_by_a_case() -> None:
    """The control API, which is our own, has its own tests."""
    files = [path for path in SERVER.rglob("*.py") if "control" not in path.parts]
    found = {each for path in files for each in errors_of(path)}
    assert len(found) > 50
    lacking = {
        (code, pattern)
        for code, pattern in found
        if not any(code == own and re.fullmatch(pattern, text) for own, text in TESTED)
    }
    assert lacking == set()
    print(f"{len(found)} errors of the source, {len(TESTED)} codes with their texts tested")


def test_each_refusal_of_the_engine_is_given_by_a_case() -> None:
    wanted = {(code.code, TEXTS.get(code, code.text)) for code in Code if code not in OURS | PATTERNED}
    assert wanted - TESTED == set()
    assert {code.code for code in PATTERNED} <= {code for code, _ in TESTED}


def test_a_code_without_a_case_is_seen(tmp_path: Path) -> None:
    """The search itself."""
    path = tmp_path / "module.py"
    path.write_text(
        'ApiError(-1, f"a {b} c")\nparams.word("x", WORDS, -2, "y.")\nApiError(Code.NO_SUCH_ORDER.code, "z")\n'
    )  # fmt: skip
    assert set(errors_of(path)) == {(-1, r"a\ .*\ c"), (-2, r"y\."), (-2013, "z")}

"""Whatever is asked about markets, the answer is one, or a refusal with a code of the venue: never a failure."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.server.answers import candles, futures_data, market, venue_data
from margincall.server.limits import Limits
from margincall.server.routing import Param, Route
from tests.server.market_world import BEGUN_MS, HOUR_MS, TODAY, Market

ROUTES = [
    route for each in (market, candles, venue_data, futures_data) for route in each.ROUTES
    if route.params and (not route.until or route.until > TODAY)
]  # fmt: skip
NUMBERS = [
    "0", "1", "-1", "5", "500", "1500", "1501", str(BEGUN_MS), str(BEGUN_MS + HOUR_MS), str(2**52), str(2**53),
    str(2**63 - 1), str(2**63), "1" * 25, "", "x", "1.5", "\u0661", "1e3", " 7",
]  # fmt: skip
TEXTS = ["BTCUSDT", "ETHUSDT", "btcusdt", "NOPE", "", "é", "x" * 5000, "BTCUSD"]


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with Market(tmp_path_factory.mktemp("questions")) as found:
        found.limits = found.gateway.limits = Limits(found.clock.now_ms, is_lenient=True)
        found.trade("0.5", 50_000)
        found.wait(HOUR_MS)
        found.venue.advance()
        found.trade("0.5", 50_100)
        yield found


def value_of(param: Param) -> st.SearchStrategy[str]:
    """Something that somebody may send."""
    if param.words:
        return st.sampled_from([*param.words, "", "never"])
    return st.sampled_from(NUMBERS) if param.kind == "integer" else st.sampled_from(TEXTS)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Route, dict[str, str]]:
    route = draw(st.sampled_from(ROUTES))
    sent = [param for param in route.params if draw(st.integers(0, 9)) < (9 if param.required else 5)]
    return route, {param.name: draw(value_of(param)) for param in sent}


def check(lively: Market, question: tuple[Route, dict[str, str]]) -> int:
    """The status of the reply, which is well formed."""
    route, params = question
    key = lively.key.key if route.security == "key" else ""
    before = lively.venue.engine.digest()
    reply = lively.reply(route.path, key=key, **params)
    body = msgspec.json.decode(reply.body)
    assert reply.status == 200 or (reply.status in (400, 401) and body["code"] < 0 and body["msg"])
    assert lively.venue.engine.digest() == before
    return reply.status


@given(question=questions())
def test_no_question_fails(lively: Market, question: tuple[Route, dict[str, str]]) -> None:
    check(lively, question)


@pytest.mark.parametrize("interval", ["1m", "1M", "1w"])
def test_spans_at_the_ends_of_time(lively: Market, interval: str) -> None:
    for since in NUMBERS:
        for until in ("", *NUMBERS):
            params = {"symbol": "BTCUSDT", "interval": interval, "startTime": since}
            check(lively, (candles.ROUTES[0], params | ({"endTime": until} if until else {})))

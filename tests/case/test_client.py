"""The client's manners, without a network and without waiting."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping

import pytest

from margincall.case.client import (
    BACKOFF_S,
    RATE_TRIES,
    Banned,
    Client,
    NoReply,
    Reply,
    Unanswered,
    World,
    is_safe_link,
    retry_after_s,
)
from margincall.case.keys import Credentials
from margincall.case.request import Answer, Request
from margincall.errors import REFUSED, Refused
from margincall.wire.iso_time import utc
from tests.recorded.running import Clock
from tests.recorded.server import KEY, SECRET

NOW = 1_780_000_000_000
SKEW = -7_000
HOSTS = {"fapi": "https://fapi.test", "dapi": "https://dapi.test", "spot": "https://spot.test"}
PUBLIC = Request("fapi", "/fapi/v1/exchangeInfo", signed=False)
SIGNED = Request("fapi", "/fapi/v1/allOrders", (("symbol", "BTCUSDT"),), weight=5)
Scripted = Reply | NoReply


class Venue:
    """Answers from a script; `/time` from its clock."""

    def __init__(self, replies: Iterable[Scripted], *, clock: Clock, skew: int = SKEW) -> None:
        self.replies = list(replies)
        self.clock = clock
        self.skew = skew
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.clock_asked = 0

    async def get(self, address: str, headers: Mapping[str, str]) -> Reply:
        if address.endswith("/time"):
            self.clock_asked += 1
            return Reply(200, {}, json.dumps({"serverTime": self.clock.ms + self.skew}).encode())
        self.asked.append(address)
        self.headers.append(headers)
        reply = self.replies.pop(0)
        if isinstance(reply, NoReply):
            raise reply
        return reply


def reply(status: int = 200, body: bytes = b"[]", **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def client_and_venue(*replies: Scripted, budget: int = 2000) -> tuple[Client, Venue, Clock]:
    clock = Clock(NOW)
    venue = Venue(replies, clock=clock)
    world = World(venue.get, clock.now_ms, clock.sleep, utc)
    return Client(world, HOSTS, Credentials(KEY, SECRET), budget=budget), venue, clock


def ask(client: Client, *requests: Request) -> list[Answer]:
    async def run() -> list[Answer]:
        return [await client.ask(request) for request in requests]

    return asyncio.run(run())


def test_a_signed_request_names_the_key_in_its_header_and_signs_the_servers_time() -> None:
    """The clock is measured once, before the first signed request."""
    client, venue, _ = client_and_venue(reply(), reply())
    answers = ask(client, SIGNED, SIGNED)
    assert venue.clock_asked == 1
    assert f"timestamp={NOW + SKEW}&signature=" in venue.asked[0]
    assert venue.asked[0].startswith("https://fapi.test/fapi/v1/allOrders?symbol=BTCUSDT&recvWindow=5000&timestamp=")
    assert venue.headers == [{"X-MBX-APIKEY": KEY}] * 2
    assert answers[0].offset_ms == SKEW
    assert SECRET not in "".join(venue.asked)


def test_a_public_request_does_not_name_the_key() -> None:
    """What needs no key gets none."""
    client, venue, _ = client_and_venue(reply())
    ask(client, PUBLIC)
    assert venue.asked == ["https://fapi.test/fapi/v1/exchangeInfo"]
    assert venue.headers == [{}]


def test_429_waits_as_long_as_the_venue_says() -> None:
    """Then asks again; without a time a minute."""
    client, venue, clock = client_and_venue(reply(429, retry_after="7"), reply(429), reply())
    assert ask(client, PUBLIC)[0].is_good
    assert clock.slept == [7.0, 60.0]
    assert len(venue.asked) == 3


def test_429_without_end_is_not_waited_for_for_ever() -> None:
    """After some tries the request counts as unanswered."""
    client, venue, _ = client_and_venue(*[reply(429, retry_after="1")] * (RATE_TRIES + 1))
    with pytest.raises(Unanswered, match="status 429"):
        ask(client, PUBLIC)
    assert len(venue.asked) == RATE_TRIES + 1


def test_a_long_wait_ends_the_run_with_its_end() -> None:
    """Nobody sits through an hour."""
    client, _, clock = client_and_venue(reply(429, retry_after="3600"))
    with pytest.raises(Refused, match="2026-05-28 21:26:40 UTC"):
        ask(client, PUBLIC)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("body", "retry", "until"),
    [
        (b'{"code":-1003,"msg":"Way too many requests; IP banned until 1780000123000."}', "5", 1_780_000_123_000),
        (b"", "120", NOW + 120_000),
    ],
)
def test_418_stops_at_once_and_says_until_when(body: bytes, retry: str, until: int) -> None:
    """No further request is sent."""
    client, venue, clock = client_and_venue(reply(418, body, retry_after=retry))
    with pytest.raises(Banned, match=utc(until)) as caught:
        ask(client, PUBLIC)
    assert caught.value.until_ms == until
    assert caught.value.exit_code == REFUSED
    assert len(venue.asked) == 1
    assert clock.slept == []


@pytest.mark.parametrize("failure", [NoReply("broken"), reply(503, b"Service Unavailable."), reply(500), reply(408)])
def test_what_passes_is_asked_again_with_growing_waits(failure: Scripted) -> None:
    """Bounded: then it counts as unanswered."""
    client, _, clock = client_and_venue(failure, failure, reply())
    assert ask(client, PUBLIC)[0].is_good
    assert clock.slept == list(BACKOFF_S[:2])
    client, venue, clock = client_and_venue(*[failure] * 9)
    with pytest.raises(Unanswered):
        ask(client, SIGNED)
    assert clock.slept == list(BACKOFF_S)
    assert len(venue.asked) == len(BACKOFF_S) + 1


@pytest.mark.parametrize("status", [301, 302, 307, 403])
def test_a_redirection_is_not_followed_and_a_firewall_not_argued_with(status: int) -> None:
    """One request, no answer."""
    client, venue, _ = client_and_venue(reply(status, location="https://elsewhere.test"))
    with pytest.raises(Unanswered, match=str(status)):
        ask(client, SIGNED)
    assert len(venue.asked) == 1


def test_a_time_stamp_out_of_the_window_measures_the_clock_again_and_tries_once() -> None:
    """−1021 twice is an answer like any other."""
    stamp = reply(400, b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}')
    client, venue, clock = client_and_venue(stamp, reply())
    client.offsets["fapi"] = 0
    venue.clock.ms += 5
    assert ask(client, SIGNED)[0].is_good
    assert venue.clock_asked == 1
    assert f"timestamp={clock.ms + SKEW}&" in venue.asked[1]
    client, venue, _ = client_and_venue(stamp, stamp)
    answer = ask(client, SIGNED)[0]
    assert (answer.status, len(venue.asked)) == (400, 2)


def test_what_was_waited_before_the_clock_is_measured_is_no_part_of_it() -> None:
    """A time stamp is refused in a minute whose weight is used up: the question for the time waits for the next."""
    stamp = reply(400, b'{"code":-1021,"msg":"Timestamp."}', x_mbx_used_weight_1m="2000")
    client, venue, clock = client_and_venue(stamp, reply())
    client.offsets["fapi"] = 0
    answer = ask(client, SIGNED)[0]
    assert clock.slept
    assert (answer.is_good, answer.offset_ms) == (True, SKEW)
    assert f"timestamp={clock.ms + SKEW}&" in venue.asked[1]


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_the_venue_refuses_is_an_answer(status: int) -> None:
    """As received, to be kept."""
    body = b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
    client, _, _ = client_and_venue(reply(status, body))
    assert ask(client, SIGNED) == [Answer(status, body, SKEW)]


@pytest.mark.parametrize(
    "strange",
    [
        reply(522, b"error code: 522"),
        reply(520, b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}'),
        reply(451, b"<html>Unavailable For Legal Reasons</html>"),
        reply(451, b'{"code":0,"msg":"Service unavailable from a restricted location."}'),
        reply(404, b"[]"),
        reply(400, b'{"code":-1102}'),
        reply(400, b'{"msg":"no"}'),
        reply(204, b""),
    ],
)
def test_what_is_not_the_venues_own_word_is_no_answer(strange: Reply) -> None:
    """Of a content network, a firewall, a gateway: asked again some times, then unanswered."""
    client, _, clock = client_and_venue(strange, reply())
    assert ask(client, PUBLIC)[0].is_good
    assert clock.slept == [BACKOFF_S[0]]
    client, venue, _ = client_and_venue(*[strange] * 9)
    with pytest.raises(Unanswered, match=f"status {strange.status}"):
        ask(client, SIGNED)
    assert len(venue.asked) == len(BACKOFF_S) + 1


def test_the_weight_of_a_minute_is_kept_within_its_budget() -> None:
    """By the server's own count and clock: the wait ends with its minute, not with ours."""
    used = {"x_mbx_used_weight_1m": "1990"}
    client, venue, clock = client_and_venue(reply(**used), reply(), reply(), budget=2000)
    ask(client, SIGNED)
    server = clock.ms + SKEW
    ask(client, Request("fapi", "/fapi/v1/klines", signed=False, weight=5))
    assert clock.slept == []
    client.used["fapi"] = (server // 60_000, 1990)
    ask(client, Request("fapi", "/fapi/v1/forceOrders", weight=50))
    assert clock.slept == [(60_000 - server % 60_000) / 1000 + 1]
    assert (clock.ms + SKEW) // 60_000 == server // 60_000 + 1
    assert len(venue.asked) == 3


def test_a_request_heavier_than_the_budget_is_sent_in_a_fresh_minute() -> None:
    """It would wait for ever else."""
    client, venue, clock = client_and_venue(reply(), budget=500)
    ask(client, Request("fapi", "/fapi/v1/income/asyn", weight=1000))
    assert clock.slept == []
    assert len(venue.asked) == 1


@pytest.mark.parametrize("said", [lambda key, query: key, lambda key, query: query.rpartition("=")[2]])
def test_an_answer_that_repeats_the_key_or_the_signature_is_not_kept(said: Callable[[str, str], str]) -> None:
    """A server that echoes is no reason to write a secret down."""
    clock = Clock(NOW)

    async def get(address: str, headers: Mapping[str, str]) -> Reply:
        if address.endswith("/time"):
            return Reply(200, {}, b'{"serverTime":1780000000000}')
        return Reply(400, {}, said(headers["X-MBX-APIKEY"], address).encode())

    client = Client(World(get, clock.now_ms, clock.sleep, utc), HOSTS, Credentials(KEY, SECRET), budget=9)
    with pytest.raises(Unanswered) as caught:
        ask(client, SIGNED)
    assert KEY not in str(caught.value)
    assert "signature=" not in str(caught.value)


def test_a_server_without_a_clock_is_no_venue() -> None:
    """The time must be there."""
    clock = Clock(NOW)

    async def get(address: str, headers: Mapping[str, str]) -> Reply:
        return Reply(200, {}, b"<html>")

    client = Client(World(get, clock.now_ms, clock.sleep, utc), HOSTS, Credentials(KEY, SECRET), budget=9)
    with pytest.raises(Unanswered, match="does not tell its time"):
        ask(client, SIGNED)


@pytest.mark.parametrize(
    ("link", "safe"),
    [
        ("https://bin-prod.s3.amazonaws.test/x?sig=1", True),
        ("https://fapi.test/x", True),
        ("http://elsewhere.test/x", False),
        ("file:///etc/passwd", False),
        ("www.binance.com", False),
        ("http://127.0.0.1.evil.test/x", False),
    ],
)
def test_files_are_fetched_over_tls_or_from_the_named_host(link: str, safe: bool) -> None:
    """A link of the venue is followed no further."""
    assert is_safe_link(link, ["https://fapi.test", "http://127.0.0.1"]) is safe


def test_retry_after_is_seconds() -> None:
    """A date, or nothing, counts as a minute."""
    assert retry_after_s(reply(retry_after="12")) == 12
    assert retry_after_s(reply(retry_after="Wed, 21 Oct 2026 07:28:00 GMT")) == 60

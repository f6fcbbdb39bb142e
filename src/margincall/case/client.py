"""Asking the venue politely: signing, the server's clock, weights, waiting, trying again. It can only read.

The network is one function from address and headers to a reply (`transport.py`), the clock and waiting are given too:
so every rule here is tested without a network and without waiting. Sources: Binance documentation, general info.

    200                   an answer
    429                   wait as `Retry-After` says, then ask again
    418                   stop: the address is banned, and asking would lengthen the ban
    −1021                 measure the server's clock again, ask once more
    4xx with code, msg    an answer: what the venue itself refuses is evidence too (but for 408, which passes)
    3xx, 403              unanswered: a redirection is not followed, a firewall is not argued with
    anything else, none   ask again after 1, 2, 4, 8 s; then the request counts as unanswered
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
from msgspec import Struct

from margincall.case.keys import Credentials
from margincall.case.request import Answer, Host, Request, error_of, query, signed_query
from margincall.errors import NOTHING_USABLE, MargincallError, Refused
from margincall.wire.durations import MINUTE_MS

TIME_PATH: Mapping[Host, str] = {"fapi": "/fapi/v1/time", "dapi": "/dapi/v1/time", "spot": "/api/v3/time"}
WEIGHT_HEADER = "x-mbx-used-weight-1m"
WINDOW_MS = 5_000
"""`recvWindow`: the venue's default, sent explicitly."""
BACKOFF_S = (1.0, 2.0, 4.0, 8.0)
RATE_TRIES = 5
WAIT_MAX_S = 600.0
"""Longer waits are not sat through: the run ends and says when to start again."""
FINAL = frozenset({301, 302, 303, 307, 308, 403})
"""Asking again would change nothing."""
TIMED_OUT = 408
RETRY_DEFAULT_S = 60.0
BANNED_UNTIL = re.compile(rb"until (\d{13})")
STAMP = -1021
BAD_KEY = frozenset({-2014, -1022})
REJECTED_KEY = -2015


class Reply(Struct, frozen=True):
    """What came over the network: status, headers with lower-case names, the raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoReply(Exception):
    """No whole answer came: refused or broken connection, time out, too many bytes. Its text holds no address."""


class Unanswered(MargincallError):
    """One request got no answer that counts; the others may."""

    exit_code = NOTHING_USABLE


class Banned(Refused):
    """The venue bans this address until `until_ms`."""

    def __init__(self, until_ms: int, said: str) -> None:
        """`said` is the time in words."""
        super().__init__(
            f"the venue bans this address until {said}; asking before would lengthen the ban. What is saved is saved: "
            "start the same command again after that time"
        )
        self.until_ms = until_ms


class KeyRejected(MargincallError):
    """The venue does not accept the key at all."""


Get = Callable[[str, Mapping[str, str]], Awaitable[Reply]]
"""GET of an address with headers. Raises `NoReply`."""


class World(Struct, frozen=True):
    """What the client takes from outside: the network, our clock in milliseconds, waiting in seconds, time in words."""

    get: Get
    now_ms: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    words: Callable[[int], str]


class Client:
    """Asks one venue's hosts with one key. `budget` is the weight that may be used in a minute on each host."""

    def __init__(self, world: World, hosts: Mapping[Host, str], credentials: Credentials, *, budget: int) -> None:
        """`hosts`: base addresses without a slash at the end."""
        self.world = world
        self.hosts = hosts
        self.credentials = credentials
        self.budget = budget
        self.offsets: dict[Host, int] = {}
        self.used: dict[Host, tuple[int, int]] = {}
        self.trip = (0, 0)
        """When the last request was sent and answered, by our clock, without what was waited before."""

    async def server_now_ms(self, host: Host) -> int:
        """The server's time now; measures its clock first if that was not done yet."""
        if host not in self.offsets:
            await self.measure_clock(host)
        return self.world.now_ms() + self.offsets[host]

    async def measure_clock(self, host: Host) -> int:
        """The server's clock minus ours, in milliseconds, taken in the middle of the round trip."""
        answer = await self._asked(Request(host, TIME_PATH[host], signed=False))
        sent_ms, heard_ms = self.trip
        try:
            time_ms = msgspec.json.decode(answer.body, type=dict[str, int])["serverTime"]
        except (msgspec.DecodeError, KeyError):
            raise Unanswered(
                f"{TIME_PATH[host]}: the server does not tell its time (is this the API's address?)"
            ) from None
        self.offsets[host] = time_ms - (sent_ms + heard_ms) // 2
        return self.offsets[host]

    async def ask(self, request: Request) -> Answer:
        """The venue's answer, good or not. Raises `Unanswered`, `Banned`."""
        if request.signed:
            await self.server_now_ms(request.host)
        answer = await self._asked(request)
        if request.signed and error_of(answer.body).code == STAMP and not answer.is_good:
            await self.measure_clock(request.host)
            answer = await self._asked(request)
        return answer

    async def download(self, link: str) -> bytes:
        """The file behind a link of the venue, without naming the key. Raises `NoReply`."""
        if not is_safe_link(link, self.hosts.values()):
            raise NoReply("its link is not https")
        reply = await self.world.get(link, {})
        if reply.status != 200:
            raise NoReply(f"status {reply.status}")
        if self.credentials.is_in(reply.body):
            raise NoReply("the file holds the key; it is not kept")
        return reply.body

    async def _asked(self, request: Request) -> Answer:
        """One request with its waits and further tries."""
        failures = limited = 0
        while True:
            await self._keep_within(request)
            try:
                reply = await self._reply(request)
            except NoReply as error:
                why = str(error)
            else:
                if reply.status == 418:
                    raise self._ban(reply)
                if reply.status == 429 and limited < RATE_TRIES:
                    limited += 1
                    await self._wait(request, retry_after_s(reply))
                    self.used.pop(request.host, None)
                    continue
                if is_of_venue(reply):
                    return Answer(reply.status, reply.body, self.offsets.get(request.host, 0))
                why = f"status {reply.status}"
                failures = len(BACKOFF_S) if reply.status in FINAL | {429} else failures
            if failures >= len(BACKOFF_S):
                raise Unanswered(f"{request.identity}: no answer ({why})")
            await self.world.sleep(BACKOFF_S[failures])
            failures += 1

    async def _reply(self, request: Request) -> Reply:
        signature = ""
        if request.signed:
            stamp = self.world.now_ms() + self.offsets.get(request.host, 0)
            text = signed_query(request, self.credentials, stamp, WINDOW_MS)
            signature = text.rpartition("=")[2]
        else:
            text = query(request.params)
        address = f"{self.hosts[request.host]}{request.path}" + (f"?{text}" if text else "")
        sent_ms = self.world.now_ms()
        reply = await self.world.get(address, self.credentials.header() if request.signed else {})
        self.trip = sent_ms, self.world.now_ms()
        self._note_weight(request.host, reply)
        # An answer that repeats what must stay secret is worth nothing as evidence, and is never written down.
        if self.credentials.is_in(reply.body) or (signature and signature.encode() in reply.body):
            raise NoReply("the answer repeats the key or the signature; it is not kept")
        return reply

    def _note_weight(self, host: Host, reply: Reply) -> None:
        used = reply.headers.get(WEIGHT_HEADER, "")
        if used.isascii() and used.isdigit():
            self.used[host] = (self._minute(host), int(used))

    def _minute(self, host: Host) -> int:
        return (self.world.now_ms() + self.offsets.get(host, 0)) // MINUTE_MS

    async def _keep_within(self, request: Request) -> None:
        """Wait for the next minute of the server's clock where the request would pass the budget of this one. A
        request that weighs more than the budget is sent at the start of a minute."""
        minute, used = self.used.get(request.host, (0, 0))
        if minute == self._minute(request.host) and used and used + request.weight > self.budget:
            now = self.world.now_ms() + self.offsets.get(request.host, 0)
            await self.world.sleep((MINUTE_MS - now % MINUTE_MS) / 1000 + 1)
            self.used.pop(request.host, None)

    async def _wait(self, request: Request, seconds: float) -> None:
        if seconds > WAIT_MAX_S:
            at = self.world.words(self.world.now_ms() + round(seconds * 1000))
            raise Refused(f"{request.identity}: the venue asks to wait until {at}; start the same command again then")
        await self.world.sleep(seconds)

    def _ban(self, reply: Reply) -> Banned:
        found = BANNED_UNTIL.search(reply.body)
        until = int(found[1]) if found else self.world.now_ms() + round(retry_after_s(reply) * 1000)
        return Banned(until, self.world.words(until))


def is_of_venue(reply: Reply) -> bool:
    """Whether a reply is the venue's own word: what was asked for, or a refusal with its code and message. Anything
    else may come from whatever stands between (a content network, a geographic block, whose code is 0)."""
    if reply.status == 200:
        return True
    error = error_of(reply.body)
    is_refusal = 400 <= reply.status < 500 and reply.status not in (TIMED_OUT, 429)
    return is_refusal and error.code != 0 and bool(error.msg)


def is_safe_link(link: str, hosts: Iterable[str]) -> bool:
    """Whether a file may be fetched from there: over TLS, or from the very host that was named for the venue."""
    return link.startswith(("https://", *(f"{host}/" for host in hosts)))


def retry_after_s(reply: Reply) -> float:
    """Seconds to wait as the venue says in `Retry-After`; a minute where it says nothing."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else RETRY_DEFAULT_S

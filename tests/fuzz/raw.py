"""The fuzzer of raw HTTP and of sockets: sends inputs one after the other, slow ones beside them, and looks at what
came.

After every input of which nothing was taken the exchange must be what it was. Beside it two clients that behave ask
all the time, and must be served.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz import http_inputs, slow, socket_inputs
from tests.fuzz.healthy import Healthy
from tests.fuzz.http_inputs import Input, World
from tests.fuzz.player import played
from tests.fuzz.replies import Wrong, refusal, replies
from tests.fuzz.socket_frames import CLOSE, TEXT, frames
from tests.fuzz.target import Target

DEFECT = 1011
"""The code of a closing that tells of an error of the server."""
PATIENCE_S = 10.0
"""So long a client that behaves may wait at most. (Two cores may be shared by much.)"""
PASS_EVERY, PASS_MS = 200, 6_000
"""After so many inputs time goes by, and the last request about an order that was taken is sent again."""
SLOW_AT_ONCE = 2 * slow.COUNT
MOST_WRONG = 20
CHANGING = (b"POST ", b"PUT ", b"DELETE ")


class Figures(NamedTuple):
    """What came of it. `wrong`: one text for each input that was answered wrongly."""

    counts: Counter[str]
    wrong: list[str]
    slowest_s: float = 0.0
    served: int = 0

    @property
    def figure(self) -> str:
        """One line."""
        kinds = {name: self.counts[name] for name in ("http", "socket", "slow", "replayed")}
        return (
            f"{sum(kinds.values()):,} connections {kinds}, of them {self.counts['taken']:,} with something that was "
            f"carried out; after {self.counts['looked']:,} others the exchange was as before; {self.counts['cut']:,} "
            f"were cut off; {self.served:,} requests of clients that behave, the slowest {self.slowest_s:.2f} s; "
            f"{len(self.wrong)} wrong"
        )


class Raw:
    """One run against a server."""

    def __init__(self, target: Target, seed: int) -> None:
        """Nothing was sent yet."""
        self._target, self._seed = target, seed
        self._digest = target.digest()
        self._taken: Input | None = None
        self.figures = Figures(Counter(), [])

    async def run(self, seconds: float, *, slow_at_once: int = SLOW_AT_ONCE) -> Figures:
        """Send what there is for so long; slow connections are waited for."""
        until = time.monotonic() + seconds
        healthy = Healthy(self._target)
        watching = asyncio.ensure_future(healthy.run())
        slowly = asyncio.ensure_future(self._slowly(slow_at_once, until - 25))
        number = 0
        while time.monotonic() < until and len(self.figures.wrong) < MOST_WRONG:
            await self.one("http", number)
            if number % 2:
                await self.one("socket", number // 2)
            number += 1
            if number % PASS_EVERY == 0:
                await self._later(number)
        await slowly
        healthy.stop()
        (failed,) = await asyncio.gather(watching, return_exceptions=True)
        if failed is not None:
            self.figures.wrong.append(f"a client that behaves was not served: {failed!r}")
        if healthy.slowest_s > PATIENCE_S:
            self.figures.wrong.append(f"a client that behaves waited {healthy.slowest_s:.1f} s")
        return self.figures._replace(slowest_s=healthy.slowest_s, served=healthy.count)

    async def one(self, family: str, number: int) -> None:
        """One input of a family; what is wrong with it goes into the figures."""
        world = World(self._target.keys[0], self._target.now_ms, self._target.listen_key)
        await self._play(family, number, MADE[family](self._seed, number, world))

    async def _play(self, family: str, number: int, sent: Input) -> None:
        self.figures.counts[family] += 1
        self.figures.counts[f"{family} {sent.name}"] += 1
        try:
            found = await played(self._target.port, sent)
            self.figures.counts["cut"] += found.is_cut
            is_taken = CHECKS[family](sent, found.raw, found.is_cut)
            if is_taken and family == "http" and sent.name == "as_it_should_be" and b"/order" in sent.pieces[0][:30]:
                self._taken = sent
            self._look(is_taken=is_taken)
        except Wrong as error:
            self._tell(family, number, sent, error)
        except OSError as error:
            self._tell(family, number, sent, Wrong(f"no connection: {error!r}"))

    def _look(self, *, is_taken: bool) -> None:
        now = self._target.digest()
        if is_taken:
            self.figures.counts["taken"] += 1
        elif now != self._digest:
            self._digest = now
            raise Wrong("the exchange has changed, and nothing was taken")
        else:
            self.figures.counts["looked"] += 1
        self._digest = now

    def _tell(self, family: str, number: int, sent: Input, error: Wrong) -> None:
        bytes_sent = b"".join(sent.pieces)
        shown = repr(bytes_sent) if len(bytes_sent) <= 4_000 else f"{bytes_sent[:4_000]!r}… ({len(bytes_sent)} bytes)"
        self.figures.wrong.append(
            f"{family} {sent.name}: {error}\n  again: python -m tests.fuzz.run --seed {self._seed} --replay {family} "
            f"{number}\n  sent: {shown}"
        )

    async def _later(self, number: int) -> None:
        """Time goes by; what was taken before is too old now."""
        self._target.wait(PASS_MS)
        self._digest = self._target.digest()
        if self._taken is not None:
            await self._play("replayed", number, self._taken)

    async def _slowly(self, at_once: int, until: float) -> None:
        """Slow connections, so many at once; no new ones after a time, but one round in any case."""
        number = 0
        while number == 0 or time.monotonic() < until:
            waiting = [self._one_slowly(each) for each in range(number, number + at_once)]
            await asyncio.gather(*waiting)
            number += at_once
            if at_once == 0:
                return

    async def _one_slowly(self, number: int) -> None:
        sent = slow.slow(self._seed, number, World(self._target.keys[0], self._target.now_ms))
        self.figures.counts["slow"] += 1
        try:
            found = await played(self._target.port, sent)
            if not any(piece.startswith(b"GET /ws") or b"pgrade" in piece for piece in sent.pieces):
                replies(found.raw, has_head=False, is_upgrade=False)
        except (Wrong, OSError) as error:
            self._tell("slow", number, sent, Wrong(str(error)))


def http_taken(sent: Input, raw: bytes, is_cut: bool) -> bool:
    """Whether anything was taken that may change the exchange. Raises `Wrong`."""
    asked = b"".join(sent.pieces)
    try:
        found = replies(raw, has_head=b"HEAD" in asked, is_upgrade=b"pgrade" in asked)
    except Wrong:
        if not is_cut or not raw:
            raise
        return False
    return any(each.status in (101, 200) for each in found) and any(method in asked for method in CHANGING)


def replay_taken(sent: Input, raw: bytes, is_cut: bool) -> bool:
    """An order that is sent again after its time is refused for that. Raises `Wrong`."""
    found = replies(raw, has_head=False, is_upgrade=False)
    if [(each.status, json.loads(each.body).get("code")) for each in found] != [(400, -1021)]:
        raise Wrong(f"sent again too late, it was answered {found}")
    return False


def socket_taken(sent: Input, raw: bytes, is_cut: bool) -> bool:
    """Whether a request was carried out that may change the exchange, or may have been: answers are lost where the
    client closes before them. Raises `Wrong`."""
    if not raw and is_cut:
        return False
    first = replies(raw, has_head=False, is_upgrade=True)
    if first[0].status != 101:
        return False
    told = [_is_taken(each.opcode, each.payload) for each in frames(first[0].body, is_cut=is_cut)]
    asked = b"".join(sent.pieces)
    is_unsure = socket_inputs.API.encode() in sent.pieces[0] and len(told) < asked.count(b'"method"')
    return any(told) or is_unsure


def _is_taken(opcode: int, payload: bytes) -> bool:
    if opcode == CLOSE and payload[:2] == DEFECT.to_bytes(2, "big"):
        raise Wrong(f"the server closes for an error of its own: {payload!r}")
    if opcode != TEXT:
        return False
    try:
        found = json.loads(payload)
    except ValueError:
        raise Wrong(f"no JSON: {payload[:200]!r}") from None
    if not isinstance(found, dict):
        raise Wrong(f"no message: {payload[:200]!r}")
    if "status" not in found:
        return False
    if found["status"] >= 500:
        raise Wrong(f"{payload[:300]!r}")
    if found["status"] != 200:
        refusal({name: value for name, value in found["error"].items() if name != "data"})
    return found["status"] == 200


Check = Callable[[Input, bytes, bool], bool]
CHECKS: dict[str, Check] = {"http": http_taken, "socket": socket_taken, "replayed": replay_taken}
MADE = {"http": http_inputs.made, "socket": socket_inputs.made}


async def again(target: Target, seed: int, family: str, number: int) -> Figures:
    """One input again, against a new server."""
    run = Raw(target, seed)
    if family == "slow":
        await run._one_slowly(number)
    else:
        await run.one(family, number)
    return run.figures

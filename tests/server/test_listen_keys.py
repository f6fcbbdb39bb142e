"""Listen keys: one per account, an hour of the server's clock, the venue's refusal of unknown ones."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from margincall.server.archive import Archive
from margincall.server.clock import SimulatedClock
from margincall.server.hub import Listener
from margincall.server.listen_keys import ListenKeys
from margincall.server.streams_user import UserStreams
from margincall.server.venue import Venue
from tests.server.account_desk import RULES, TODAY, Desk
from tests.server.socket_world import World, settled

MINUTE_MS = 60_000
PATH = "/fapi/v1/listenKey"
UNKNOWN = (-1125, "This listenKey does not exist. Please use `POST /fapi/v1/listenKey` to recreate `listenKey`")


def test_the_active_key_is_given_again_and_is_the_accounts_own(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        key = desk.ask("POST", PATH)["listenKey"]
        assert len(key) == 64
        assert desk.ask("POST", PATH)["listenKey"] == key
        assert desk.ask("POST", PATH, "bob")["listenKey"] != key
        assert desk.venue.listen_keys.account_of(key) == "alice"


def test_a_key_runs_out_after_an_hour_and_is_told_once(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        key = desk.ask("POST", PATH)["listenKey"]
        desk.wait(60 * MINUTE_MS - 1)
        assert desk.venue.listen_keys.account_of(key) == "alice"
        desk.wait(1)
        assert desk.venue.listen_keys.account_of(key) is None
        assert desk.refusal("PUT", PATH) == UNKNOWN
        other = desk.ask("POST", PATH)["listenKey"]
        assert other != key
        assert desk.venue.listen_keys.expired(desk.clock.now_ms()) == [(key, "alice")]
        assert desk.venue.listen_keys.expired(desk.clock.now_ms()) == []
        assert desk.venue.listen_keys.account_of(other) == "alice"


def test_it_is_renewed_with_the_key_or_without(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        key = desk.ask("POST", PATH)["listenKey"]
        for params in ({}, {"listenKey": key}):
            desk.wait(50 * MINUTE_MS)
            assert desk.ask("PUT", PATH, **params) == {"listenKey": key}
        desk.wait(50 * MINUTE_MS)
        assert desk.venue.listen_keys.account_of(key) == "alice"


def test_it_is_closed_with_the_key_or_without(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        for with_key in (True, False):
            key = desk.ask("POST", PATH)["listenKey"]
            assert desk.ask("DELETE", PATH, **({"listenKey": key} if with_key else {})) == {}
            assert desk.venue.listen_keys.account_of(key) is None
            assert desk.refusal("DELETE", PATH) == UNKNOWN


def test_nobody_renews_or_closes_the_key_of_another(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        key = desk.ask("POST", PATH)["listenKey"]
        desk.ask("POST", PATH, "bob")
        for method in ("PUT", "DELETE"):
            assert desk.refusal(method, PATH, "bob", listenKey=key) == UNKNOWN
            assert desk.refusal(method, PATH, "bob", listenKey="x" * 64) == UNKNOWN
        assert desk.venue.listen_keys.account_of(key) == "alice"


def test_before_april_2024_renewing_told_nothing(tmp_path: Path) -> None:
    with Desk(tmp_path, "2024-04-24") as desk:
        desk.ask("POST", PATH)
        assert desk.ask("PUT", PATH) == {}


def test_keys_outlive_a_restart_with_their_ends(tmp_path: Path) -> None:
    """Renewed, closed and run out as they were; what runs out while nobody serves has run out."""
    with Desk(tmp_path) as desk:
        renewed, closed, short = (desk.ask("POST", PATH, name)["listenKey"] for name in ("alice", "bob", "maker"))
        desk.wait(30 * MINUTE_MS)
        desk.ask("PUT", PATH)
        desk.ask("DELETE", PATH, "bob")
        begun_ms = desk.clock.now_ms()
    for _ in range(2):  # the second time from notes that were written anew
        with reopened(tmp_path, begun_ms) as venue:
            names = [venue.listen_keys.account_of(key) for key in (renewed, closed, short)]
            assert names == ["alice", None, "maker"]
    with reopened(tmp_path, begun_ms + 30 * MINUTE_MS) as venue:
        assert venue.listen_keys.account_of(short) is None
        assert venue.listen_keys.active("alice") == renewed
        assert venue.listen_keys.create("alice") == renewed
        assert venue.listen_keys.expired(venue.now_ms()) == [(short, "maker")]
        venue.listen_keys.close(renewed)
        other = venue.listen_keys.create("alice")
    with reopened(tmp_path, begun_ms) as venue:  # by a clock that went back, what ended has ended
        assert [venue.listen_keys.account_of(key) for key in (renewed, short, other)] == [None, None, "alice"]
    assert (tmp_path / "notes.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_key_that_ran_out_ends_no_key_that_came_after_it(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        old = desk.ask("POST", PATH)["listenKey"]
        desk.wait(60 * MINUTE_MS)
        new = desk.ask("POST", PATH)["listenKey"]
        now_ms = desk.clock.now_ms()
        assert desk.venue.listen_keys.expired(now_ms) == [(old, "alice")]
    with reopened(tmp_path, now_ms) as venue:
        assert (venue.listen_keys.account_of(old), venue.listen_keys.account_of(new)) == (None, "alice")


@contextmanager
def reopened(folder: Path, time_ms: int) -> Iterator[Venue]:
    """The venue of a desk that is closed, by another clock."""
    clock = SimulatedClock(time_ms)
    venue = Venue.opened(
        folder / "journal", RULES, clock, durability="none", archive=Archive(), api_date=TODAY
    )  # fmt: skip
    try:
        yield venue
    finally:
        venue.close()


def test_closing_it_closes_the_sockets_that_have_nothing_else(tmp_path: Path) -> None:
    """The key with a stream beside it goes silent; another account's socket stays."""

    async def test() -> None:
        world = World(tmp_path)
        keys = ListenKeys(world.clock.now_ms)
        users = UserStreams(world.venue, world.hub, keys)
        assert users.count == 0
        await world.begin()
        ann, bob = keys.create("ann"), keys.create("bob")
        alone, beside, other = Listener(), Listener(), Listener()
        for listener, topic in ((alone, ann), (beside, ann), (beside, "btcusdt@trade"), (other, bob)):
            world.hub.join(listener, topic)
        keys.close(ann)
        await world.limit("ann", "BUY", "50000")
        await settled()
        assert alone.closing == (1000, "The listen key was closed.")
        assert beside.closing is other.closing is None
        assert alone.take() is beside.take() is None
        assert not world.hub.wants(ann)
        assert users.count == 1
        world.venue.close()

    asyncio.run(test())

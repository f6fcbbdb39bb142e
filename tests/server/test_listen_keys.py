"""Listen keys: one per account, an hour of the server's clock, the venue's refusal of unknown ones."""

import asyncio
from pathlib import Path

from margincall.server.hub import Listener
from margincall.server.listen_keys import ListenKeys
from margincall.server.streams_user import UserStreams
from tests.server.account_desk import Desk
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

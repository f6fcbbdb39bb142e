"""What the archive drops: only what is of no more use to anybody, a little at a time."""

from pathlib import Path

import pytest

from margincall.server.archive import AT_ONCE, BY_KIND, FORGET, Archive
from margincall.server.venue import FORGET_MS
from tests.server.desk import Desk

LISTS = ("orders", "trades", "income", "forceOrders", "positionMargin", "amendments", "publicTrades")
FOR_EXPORTS = {"orders", "trades", "income", "forceOrders"}


def filled(archive: Archive, name: str, count: int, keeps_ms: int) -> None:
    """So many rows of a list."""
    for number in range(count):
        archive.add(name, "alice", "BTCUSDT", number, time_ms=0, keeps_ms=keeps_ms, row=b"{}")


def test_what_exports_tell_stays_and_what_nobody_tells_goes_with_its_time() -> None:
    with Archive() as archive:
        for name in LISTS:
            filled(archive, name, 3, keeps_ms=100)
        assert archive.forget(99)
        assert all(len(list(archive.all(name, "alice"))) == 3 for name in LISTS)
        assert archive.forget(100)
        assert {name for name in LISTS if list(archive.all(name, "alice"))} == FOR_EXPORTS


def test_it_drops_so_many_at_once_and_says_whether_more_are_left() -> None:
    with Archive() as archive:
        filled(archive, "publicTrades", 2 * AT_ONCE + 1, keeps_ms=100)
        filled(archive, "amendments", 1, keeps_ms=200)
        told = [archive.forget(100) for _ in range(3)]
        assert told == [False, False, True]
        assert len(list(archive.all("amendments", "alice"))) == 1


def test_it_looks_at_nothing_but_what_it_drops() -> None:
    with Archive() as archive:
        plan = " ".join(str(row) for row in archive._base.execute(f"EXPLAIN QUERY PLAN {FORGET}", (0, 1)))
        assert "by_end (keeps_ms<?)" in plan
        assert "SCAN rows" not in plan


@pytest.mark.parametrize("name", sorted(BY_KIND))
def test_a_row_is_found_by_its_kind_without_a_look_at_the_others(name: str) -> None:
    """Counted in steps of the machine of SQLite: how long the list is makes no difference."""
    with Archive() as archive:
        for number in range(3_000):
            kind = str(number % 1_000)
            archive.add(name, "alice", "BTCUSDT", number, time_ms=number, keeps_ms=9_999, row=b"%d" % number, kind=kind)
        archive.flush()
        steps: list[int] = []
        archive._base.set_progress_handler(lambda: steps.append(1), 10)
        assert archive.find(name, "alice", now_ms=0, symbol="BTCUSDT", kinds=["7"], limit=1, last=True) == [b"2007"]
        assert archive.find(name, "alice", now_ms=0, kinds=["7"], since_ms=8) == [b"1007", b"2007"]
        assert archive.find(name, "alice", now_ms=0, kinds=["7"], from_id=8, limit=1) == [b"1007"]
        assert archive.find(name, "alice", now_ms=0, symbol="ETHUSDT", kinds=["7"]) == []
        assert archive.find(name, "alice", now_ms=0, kinds=["none"]) == archive.find(name, "bob", now_ms=0) == []
        assert len(steps) < 50
        archive.find(name, "alice", now_ms=0, symbol="BTCUSDT")
        assert len(steps) > 500


def test_the_timer_drops_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    archive, began_ms = desk.venue.archive, desk.clock.now_ms()
    desk.venue.tick()
    filled(archive, "publicTrades", AT_ONCE + 1, keeps_ms=began_ms + 1)
    desk.clock.set(began_ms + FORGET_MS - 1)
    desk.venue.tick()
    assert len(list(archive.all("publicTrades", "alice"))) == AT_ONCE + 1
    desk.clock.set(began_ms + FORGET_MS)
    desk.venue.tick()
    assert len(list(archive.all("publicTrades", "alice"))) == 1
    desk.venue.tick()
    assert list(archive.all("publicTrades", "alice")) == []
    desk.venue.close()

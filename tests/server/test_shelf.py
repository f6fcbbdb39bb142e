"""A shelf is a list: whatever lies in memory and whatever in the archive."""

from random import Random

import msgspec
import pytest

from margincall.case.retention import PUBLIC, Retention
from margincall.server import shelf as shelves
from margincall.server.archive import Archive
from margincall.server.shelf import Shelf

DAY_MS = 86_400_000
BEGUN_MS = 1_795_003_200_000


@pytest.mark.parametrize("seed", range(6))
def test_it_answers_as_a_list_would(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(seed)
    monkeypatch.setattr(shelves, "NEWEST", chance.choice((1, 5, 50)))
    with Archive() as archive:
        shelf: Shelf[int] = Shelf(archive, "numbers", "A", PUBLIC, lambda value: {"n": value})
        other: Shelf[int] = Shelf(archive, "numbers", "B", PUBLIC, lambda value: {"n": -value})
        rows: list[tuple[int, int, int]] = []
        time_ms = BEGUN_MS
        for number in range(1, 200):
            time_ms += chance.choice((0, 0, 1, 50))
            value = number * 3
            if rows and chance.random() < 0.2:
                rows[-1] = (rows[-1][0], time_ms, value)
            else:
                rows.append((number, time_ms, value))
            shelf.add(rows[-1][0], time_ms, value)
            other.add(number, time_ms, value)
        for _ in range(200):
            since, until = sorted(chance.randint(BEGUN_MS - 5, time_ms + 5) for _ in range(2))
            number, limit = chance.randint(0, 210), chance.randint(1, 60)
            span = [each for each in rows if since <= each[1] <= until and each[0] >= number][:limit]
            told = shelf.find(time_ms, since_ms=since, until_ms=until, from_id=number, limit=limit)
            assert plain(told) == [{"n": each[2]} for each in span]
            last = [each for each in rows if each[1] <= until][-limit:]
            assert plain(shelf.newest(time_ms, until_ms=until, limit=limit)) == [{"n": each[2]} for each in last]


@pytest.mark.parametrize("newest", [1, 1000])
def test_what_is_too_old_is_gone(monkeypatch: pytest.MonkeyPatch, newest: int) -> None:
    monkeypatch.setattr(shelves, "NEWEST", newest)
    with Archive() as archive:
        shelf: Shelf[int] = Shelf(archive, "numbers", "A", Retention("a week", days=7), lambda value: {"n": value})
        for day in range(10):
            shelf.add(day, BEGUN_MS + day * DAY_MS, day)
        now_ms = BEGUN_MS + 9 * DAY_MS + 1
        assert plain(shelf.newest(now_ms, limit=100)) == [{"n": day} for day in range(3, 10)]
        assert plain(shelf.find(now_ms, limit=2)) == [{"n": 3}, {"n": 4}]


def plain(rows: list[object]) -> object:
    """Rows as a client gets them."""
    return msgspec.json.decode(msgspec.json.encode(rows))

"""No stateful method is constant: each write is seen in another answer and in the user stream, each read follows."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from margincall.server.answers.table import ROUTES
from margincall.server.hub import Hub, Listener
from margincall.server.streams_user import UserStreams
from tests.server.account_desk import Desk
from tests.server.effect_cases import READS, WRITES, Read

STATEFUL = {f"{route.method} {route.path}" for route in ROUTES if route.kind == "stateful"}


def heard(desk: Desk, listener: Listener) -> list[Any]:
    """What was told since the last time."""
    desk.runner.run(asyncio.sleep(0))
    found = []
    while (text := listener.take()) is not None:
        found.append(json.loads(text))
    return found


@pytest.mark.parametrize("route", WRITES)
def test_a_write_is_seen_elsewhere_and_told(tmp_path: Path, route: str) -> None:
    """What is looked at does not move by itself."""
    case = WRITES[route]
    seen = []
    for name in ("without", "with"):
        with Desk(tmp_path / name) as desk:
            case.before(desk)
            hub, listener = Hub(), Listener()
            UserStreams(desk.venue, hub, desk.venue.listen_keys)
            if "listenKey" not in route:
                hub.join(listener, desk.venue.listen_keys.create("alice"))
            if name == "with":
                case.do(desk)
                told = heard(desk, listener)
                assert tuple(each["e"] for each in told) == case.told
            seen.append(case.see(desk))
    assert seen[0] != seen[1]


def answer(folder: Path, route: str, case: Read, *, changed: bool) -> Any:
    method, path = route.split()
    with Desk(folder, case.date) as desk:
        case.before(desk)
        if changed:
            case.change(desk)
        if case.later_ms:
            desk.wait(case.later_ms)
            desk.venue.advance()
        return case.ask(desk, method, path) if case.ask else desk.ask(method, path, **case.params)


@pytest.mark.parametrize("route", READS)
def test_a_read_follows_what_happened(tmp_path: Path, route: str) -> None:
    """Two exchanges at the same time, asked the same: one to which something happened."""
    case = READS[route]
    still, again, changed = (
        answer(tmp_path / name, route, case, changed=name == "changed") for name in ("still", "again", "changed")
    )
    assert still == again, "an answer that differs by itself proves nothing"
    assert still != changed


def test_every_stateful_method_has_a_case() -> None:
    assert {*WRITES, *READS} == STATEFUL
    assert not WRITES.keys() & READS.keys()
    print(f"{len(WRITES)} writes and {len(READS)} reads of {len(ROUTES)} routes are stateful")

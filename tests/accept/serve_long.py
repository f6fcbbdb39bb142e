"""The bullet of the long runs against a served exchange: what `make serve-soak` left, if it ran on this code, and a
short sample of each run."""

import json
from typing import Any

from tests.accept import serve_kills, serve_soak, serve_sockets
from tests.accept.bullets import ACCEPT, Failed, need
from tests.accept.hashes import serve_hash

COMMAND = "make serve-soak"
HOURS, SYMBOLS, BOTS, SOCKETS, KILLS = 24, 50, 10, 200, 100
SAMPLE_HOURS, SAMPLE_SECONDS, SAMPLE_KILLS = 1, 40, 5
MORE_MIB = 16
"""So much more than in the stored run may a server hold after the sample's hour: another machine, another allocator."""


def stored(name: str) -> dict[str, Any]:
    """The figures of a long run, if it ran on this code. Raises `Failed`."""
    path = ACCEPT / name
    if not path.is_file():
        raise Failed(f"docs/accept/{name} is missing: {COMMAND}")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found["hash"] != serve_hash():
        raise Failed(f"docs/accept/{name} was measured on other code: {COMMAND}")
    return found


def memory() -> str:
    """A day's memory, and the first hour of it again."""
    found = stored("serve_soak.json")
    again = serve_soak.run(SAMPLE_HOURS, found["seed"])
    before, now = found["memory_mib"][SAMPLE_HOURS - 1]["rss"], again["memory_mib"][-1]["rss"]
    slope = found["slope_mib_an_hour"]["rss"]
    is_whole = found["hours"] >= HOURS and found["symbols"] >= SYMBOLS and found["bots"] >= BOTS
    figure = (
        f"{found['hours']} h, {found['symbols']} symbols, {found['bots']} bots, {found['requests']:,} requests: "
        f"{slope:+.2f} MiB an hour after {found['warm_up_hours']} h; {SAMPLE_HOURS} h again: {now} MiB, then {before}"
    )
    return need(is_whole and slope < serve_soak.MOST_MIB and now < before + MORE_MIB, figure)


def sockets() -> str:
    """Two minutes of sockets, and less than one again."""
    found, again = stored("serve_sockets.json"), serve_sockets.run(SAMPLE_SECONDS, 2)
    figure = (
        f"{found['sockets']} sockets, {sum(found['messages'].values()):,} messages in {found['seconds']} s, "
        f"{found['wrong_count']} wrong; orders {found['order_ms']}; {SAMPLE_SECONDS} s again: "
        f"{sum(again['messages'].values()):,} messages, {again['wrong_count']} wrong"
    )
    good = found["sockets"] >= SOCKETS and serve_sockets.is_good(found) and serve_sockets.is_whole(again)
    return need(good, figure)


def kills() -> str:
    """A hundred kills, and a few again."""
    found, again = stored("serve_kills.json"), serve_kills.run(SAMPLE_KILLS, 2)
    figure = (
        f"{found['kills']} kills, {found['orders_acknowledged']:,} orders acknowledged, not kept: "
        f"{found['unkept'] or 'none'}; started in {found['start_seconds']} s; {SAMPLE_KILLS} again: "
        f"{again['orders_acknowledged']:,} orders, not kept: {again['unkept'] or 'none'}"
    )
    return need(found["kills"][serve_kills.UNDER_LOAD] >= KILLS and not found["unkept"] and not again["unkept"], figure)


def shown() -> str:
    """All three."""
    return "; ".join((memory(), sockets(), kills()))

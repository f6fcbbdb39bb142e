"""`make accept-serve`: every bullet of the task, shown by a command, one line each.

Run as `python -m tests.accept.serve`. Exit code 0 only if all pass; a bullet that cannot run fails. The long runs
(`make serve-soak`, `make conformance`) leave their figures in docs/accept; here their hash is checked and a part is
repeated.
"""

import json
import re
import sys

from benchmarks import serve_orders
from tests.accept import serve_fuzz, serve_long, serve_way
from tests.accept.bullets import ACCEPT, Bullet, Failed, need, passing, run, show
from tests.accept.hashes import src_hash
from tests.conformance.run import CLIENTS, FAILING
from tests.sources import ROOT

PAGES = (
    "docs/spec/serve.md", "docs/how-to/serve.md", "docs/how-to/practise.md", "docs/reference/serve-coverage.md",
    "docs/reference/openapi.json", "docs/reference/clients.md",
)  # fmt: skip
CI_STEPS = ("make test", "make fuzz", "make lint", "make conformance-quick")
SHOWN_BY: dict[str, tuple[str, ...]] = {
    "rest": (
        "account", "algo_orders", "archive", "candles", "dates", "documents", "downloads", "effects", "history",
        "long_jump", "market", "market_questions", "order_fuzz", "shelf", "tape", "trading", "venue_data",
    ),
    "guards": ("signing", "limits", "errors", "error_codes", "refusals_forget", "tls"),
    "sockets": (
        "sockets", "streams_market", "streams_user", "user_events", "ws_api", "ws_methods", "listen_keys", "cut_off",
        "connections",
    ),
    "engine": ("durable", "kill", "notes", "replaying"),
    "control": ("control", "control_fuzz", "halts", "schemas", "serve"),
    "shapes": ("shapes", "shapes_dated"),
    "elsewhere": ("fuzz", "howto_practise", "lost_when"),
}  # fmt: skip
"""Which of tests/server show which bullet."""


def tests_of(group: str, least: int) -> str:
    """The tests of a group of files."""
    return passing(*(f"tests/server/test_{name}.py" for name in SHOWN_BY[group]), least=least)


def rest() -> str:
    """Each route is stateful, static or refused, as its effects show; behaviour by API date; retention."""
    return tests_of("rest", 400)


def guards() -> str:
    """Signatures of three kinds over raw bytes, windows, weights, 429 and 418, every code and text."""
    return tests_of("guards", 150)


def sockets() -> str:
    """Streams on every route, subscriptions, depth chain, user events, WebSocket API, slow consumers."""
    return tests_of("sockets", 200)


def engine() -> str:
    """Killed and restarted, nothing that was acknowledged is lost."""
    return tests_of("engine", 12)


def control() -> str:
    """The control API, the demo with its board, loopback unless told otherwise, only its own keys."""
    return tests_of("control", 80)


def clients() -> str:
    """All real clients on this code, without an error or warning; the quick ones again."""
    path = ACCEPT / "conformance.json"
    if not path.is_file():
        raise Failed("docs/accept/conformance.json is missing: make conformance")
    rows = json.loads(path.read_text(encoding="utf-8"))["clients"]
    old = [row["client"] for row in rows if row["hash"] != src_hash()]
    if old:
        raise Failed(f"measured on other code: {', '.join(old)}: make conformance")
    missing = {each.name for each in CLIENTS} - {row["client"] for row in rows}
    failed = [
        f"{row['client']} {line['method']}" for row in rows for line in row["methods"] if line["result"] in FAILING
    ]
    again = run(sys.executable, "-m", "tests.conformance.run", "--quick")
    told = ", ".join(f"{row['client']} {row['results'].get('ok', 0)} of {len(row['methods'])}" for row in rows)
    quick = "; ".join(re.findall(r"^(\S+: \d+ of \d+) methods ok", again, flags=re.MULTILINE))
    figure = f"{told}; failed: {failed or 'none'}; missing: {sorted(missing) or 'none'}; again {quick}"
    return need(not failed and not missing, figure)


def shapes() -> str:
    """Every answer and stream with a sample, key by key and type by type."""
    return tests_of("shapes", 100)


def way() -> str:
    """A user's way from the liquidation to the dispute, by the commands of the page."""
    return serve_way.page()


def lost_when() -> str:
    """What is lost at each age, from rescues at this server."""
    return serve_way.lost_when()


def fuzz() -> str:
    """Three minutes of schemathesis and the own fuzzers."""
    is_good, figure = serve_fuzz.run()
    return need(is_good, " ".join(figure.split()) + "; " + passing("tests/server/test_fuzz.py"))


def continuous() -> str:
    """What runs in CI."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    missing = [step for step in CI_STEPS if not re.search(rf"^{step}$", script, flags=re.MULTILINE)]
    return need(not missing, f"{', '.join(CI_STEPS)}; missing: {missing or 'none'}")


def documents() -> str:
    """The pages of the task, and no test of the server that no bullet runs."""
    missing = [page for page in PAGES if not (ROOT / page).is_file()]
    named = {name for names in SHOWN_BY.values() for name in names}
    unnamed = {path.stem.removeprefix("test_") for path in (ROOT / "tests/server").glob("test_*.py")} ^ named
    told = passing("tests/test_links.py", "tests/conformance", least=10)
    figure = (
        f"{len(PAGES)} pages, missing: {missing or 'none'}; tests in no bullet: {sorted(unnamed) or 'none'}; {told}"
    )
    return need(not missing and not unnamed, figure)


def speed() -> str:
    """Signed order POSTs against bare Starlette with uvicorn."""
    found = serve_orders.measure(serve_orders.ROUNDS, serve_orders.ORDERS)
    told = "; ".join(
        f"{load}: "
        + ", ".join(
            f"{name} {ratio:.2f}x (bound {found['bounds'][name]}; {found['of_best'][load][name]:.2f}x at best)"
            for name, ratio in by.items()
        )
        for load, by in found["ratios"].items()
    )
    bare = ", ".join(f"{load} {by['bare']:,.0f} a second" for load, by in found["per_second"].items())
    return need(not serve_orders.broken(found), f"{told}; bare: {bare}")


BULLETS = (
    Bullet("REST: every route and its effect, by API date", rest),
    Bullet("signatures, limits, error codes", guards),
    Bullet("sockets", sockets),
    Bullet("one writer, journalled, killed and restarted", engine),
    Bullet("control API, demo, loopback, own keys", control),
    Bullet("real clients, unmodified", clients),
    Bullet("shapes against samples and the recorded stream", shapes),
    Bullet("rescue, explain, verify, dispute by a user's commands", way),
    Bullet("what is lost when, at a living server", lost_when),
    Bullet("schemathesis and fuzzers, three minutes", fuzz),
    Bullet("24 simulated hours, memory", serve_long.memory),
    Bullet("200 sockets without a missed period", serve_long.sockets),
    Bullet("100 SIGKILLs, nothing lost or doubled", serve_long.kills),
    Bullet("what runs in CI", continuous),
    Bullet("documents, and every test in a bullet", documents),
    Bullet("speed of signed orders", speed),
)


def main() -> int:
    """Show all of them."""
    behind = " Long runs behind it: `make serve-soak`, `make conformance`."
    return show("serve", BULLETS, sys.argv[1:], behind)


if __name__ == "__main__":
    sys.exit(main())

"""Real clients against a living market of the server.

    python -m tests.conformance.run [--quick] [CLIENT ...]

Each client has its environment (`.clients/`, pins in `requirements/`), a server of its own with makers and liquidations
(`--demo`), and a script in `clients/`, which is told addresses and a key and writes what each method did
(`clients/outcome.py`). What was found goes to `docs/accept/conformance.json` and `docs/reference/clients.md`, where
clients that were not run keep what they had; the quick part writes nothing. The exit code is 0 only if no method ended
in an error or a warning.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.accept.hashes import src_hash
from tests.conformance.clients.outcome import ERROR, FAILING, OK
from tests.conformance.environments import clean, environment, version
from tests.conformance.table import page
from tests.conformance.tls import run_script
from tests.server.running import Process, process
from tests.sources import ROOT

PAGE, RESULT = ROOT / "docs/reference/clients.md", ROOT / "docs/accept/conformance.json"
SCRIPTS = Path(__file__).parent / "clients"
COMMAND = "python -m tests.conformance.run"
AT_ONCE = 2
DEMO = ("--demo", "--no-limits")
"""A market that moves; one client asks more in a minute than the limits allow, most of it for downloads."""
STILL = ("--clock", "simulated", "--start", "2026-11-28T00:00:00Z")
"""A server whose clock a script sets, with the limits of the venue."""
REQUESTS, CONTEXTS = "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"
"""By which requests learns of an authority, and Python's own contexts."""


class Client(NamedTuple):
    """A script, the environment that it runs in, whose version counts there, how long it may take, and what its server
    is started with. With `trust` it is told no address: in a network of its own the venue's names lead to the server,
    and these variables name the authority to trust (`tls.py`)."""

    name: str
    environment: str
    package: str
    is_quick: bool = True
    patience_s: int = 300
    flags: tuple[str, ...] = DEMO
    trust: tuple[str, ...] | None = None


class Run(NamedTuple):
    """What a client did: its lines, and seconds."""

    client: Client
    lines: list[dict[str, str]]
    seconds: int


def _genuine(name: str, environment: str, package: str, *trust: str) -> Client:
    """A client that is told no address."""
    return Client(name, environment, package, is_quick=False, patience_s=480, flags=(), trust=trust)


CLIENTS = (
    Client("sdk", "sdk", "binance-sdk-derivatives-trading-usds-futures"),
    Client("python_binance", "python_binance", "python-binance"),
    Client("ccxt_rest", "ccxt", "ccxt"),
    Client("ccxt_pro", "ccxt", "ccxt"),
    Client("ccxt_classes", "ccxt", "ccxt", flags=()),
    Client("freqtrade", "freqtrade", "freqtrade", is_quick=False, patience_s=480, flags=()),
    _genuine("tls_sdk", "sdk", "binance-sdk-derivatives-trading-usds-futures", REQUESTS),
    _genuine("tls_sdk_sockets", "sdk", "binance-sdk-derivatives-trading-usds-futures", CONTEXTS),
    _genuine("tls_python_binance", "python_binance", "python-binance", REQUESTS),
    _genuine("tls_python_binance_async", "python_binance", "python-binance", CONTEXTS),
    _genuine("tls_ccxt", "ccxt", "ccxt", REQUESTS),
    _genuine("tls_ccxt_pro", "ccxt", "ccxt"),
    _genuine("tls_freqtrade", "freqtrade", "freqtrade", REQUESTS, CONTEXTS),
)


def main() -> int:
    """Run, print, and write where all was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clients", nargs="*", metavar="CLIENT")
    parser.add_argument("--quick", action="store_true", help="the part that runs in CI")
    chosen = parser.parse_args()
    names = set(chosen.clients)
    if unknown := names - {each.name for each in CLIENTS}:
        parser.error(f"no such client: {', '.join(sorted(unknown))}")
    clients = [each for each in CLIENTS if (not names or each.name in names) and (each.is_quick or not chosen.quick)]
    code = src_hash()
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(environment, dict.fromkeys(each.environment for each in clients)))
    print(f"{len(clients)} clients, environments ready after {time.monotonic() - began:.0f} s", flush=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [_printed(each) for each in pool.map(run, clients)]
    failing = sum(line["result"] in FAILING for each in runs for line in each.lines)
    if not chosen.quick:
        _write(runs, code)
    print(f"{sum(len(each.lines) for each in runs)} methods, {failing} failed, {time.monotonic() - began:.0f} s")
    return 1 if failing else 0


def run(client: Client) -> Run:
    """Let a client do all that its script says, against servers of its own, which must end without an error."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="margincall-") as name:
        folder = Path(name)
        out = folder / "results.jsonl"
        problems = _plain(client, folder, out) if client.trust is None else _own_network(client, folder, out)
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    found = [json.loads(line) for line in lines]
    for problem in filter(None, problems):
        found.append({"client": client.name, "method": "(the run)", "result": ERROR, "detail": problem})
    return Run(client, found, round(time.monotonic() - began))


def _plain(client: Client, folder: Path, out: Path) -> list[str]:
    """What went wrong with a client that is told addresses."""
    with process(folder / "living", *client.flags) as server, process(folder / "still", *STILL) as still:
        own = server.keys[0]
        said = {**_addresses(server), "key": own.key, "secret": own.secret, "still": json.dumps(_addresses(still))}
        arguments = [part for name, value in {**said, "out": str(out)}.items() for part in (f"--{name}", value)]
        return [_script(client, arguments), *(_ended(each) for each in (server, still))]


def _own_network(client: Client, folder: Path, out: Path) -> list[str]:
    """What went wrong with a client that is told none."""
    return run_script(
        [*_command(client), "--out", str(out)], folder, trust=client.trust or (), flags=client.flags,
        patience_s=client.patience_s,
    )  # fmt: skip


def _command(client: Client) -> list[str]:
    return [str(environment(client.environment)), str(SCRIPTS / f"{client.name}.py")]


def _addresses(server: Process) -> dict[str, str]:
    host = "127.0.0.1"
    return {
        "rest": f"http://{host}:{server.port}", "ws": f"ws://{host}:{server.port}",
        "control": f"http://{host}:{server.control_port}", "token": server.told["control_token"],
    }  # fmt: skip


def _ended(server: Process) -> str:
    """End a server; what was wrong with it, or nothing."""
    code, errors = server.end()
    return f"the server: exit {code}: {errors[-600:]}" if code or errors.strip() else ""


def _script(client: Client, said: list[str]) -> str:
    """Run the script in its environment; what went wrong with it as a whole, or nothing."""
    command = [*_command(client), *said]
    try:
        done = subprocess.run(
            command, env=clean(), capture_output=True, text=True, timeout=client.patience_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done after {client.patience_s} s"
    return f"exit {done.returncode}: {done.stderr[:1500]}" if done.returncode else ""


def _printed(each: Run) -> Run:
    """Say how it went; each failure by itself."""
    for line in each.lines:
        if line["result"] in FAILING:
            print(f"{line['result']}: {each.client.name} {line['method']}: {line['detail']}")
    good = sum(line["result"] == OK for line in each.lines)
    print(f"{each.client.name}: {good} of {len(each.lines)} methods ok, {each.seconds} s", flush=True)
    return each


def _write(runs: list[Run], code: str) -> None:
    """Put what was found in the place of what these clients had, and make the page anew."""
    known = json.loads(RESULT.read_text(encoding="utf-8"))["clients"] if RESULT.is_file() else []
    rows = {row["client"]: row for row in known} | {each.client.name: _row(each, code) for each in runs}
    result = {"command": COMMAND, "clients": [rows[each.name] for each in CLIENTS if each.name in rows]}
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(result["clients"]), encoding="utf-8")


def _row(each: Run, code: str) -> dict[str, Any]:
    return {
        "client": each.client.name,
        "package": each.client.package,
        "version": version(each.client.environment, each.client.package),
        "results": counted(each.lines),
        "seconds": each.seconds,
        "hash": code,
        "methods": [{name: line[name] for name in ("method", "result", "detail")} for line in each.lines],
    }


def counted(lines: list[dict[str, str]]) -> dict[str, int]:
    """How many methods had each result."""
    results = [line["result"] for line in lines]
    return {each: results.count(each) for each in sorted(set(results))}


if __name__ == "__main__":
    sys.exit(main())

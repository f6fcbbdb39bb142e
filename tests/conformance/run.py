"""Real clients against a living market of the server.

    python -m tests.conformance.run [--quick] [CLIENT ...]

Each client has its environment (`.clients/`, pins in `requirements/`), a server of its own (with makers and
liquidations, `--demo`, unless its script moves the prices), and a script in `clients/`, which is told addresses and a
key and writes what each method did (`clients/outcome.py`). All of them together write `docs/reference/clients.md` and
`docs/accept/conformance.json`; some of them, or the quick part, only print. The exit code is 0 only if no method ended
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
from tests.server.running import process
from tests.sources import ROOT

PAGE, RESULT = ROOT / "docs/reference/clients.md", ROOT / "docs/accept/conformance.json"
SCRIPTS = Path(__file__).parent / "clients"
AT_ONCE = 2
DEMO = ("--demo", "--no-limits")


class Client(NamedTuple):
    """A script, the environment that it runs in, whose version counts there, how long it may take, and what the server
    is started with."""

    name: str
    environment: str
    package: str
    is_quick: bool = True
    patience_s: int = 300
    flags: tuple[str, ...] = DEMO


class Run(NamedTuple):
    """What a client did: its lines, and seconds."""

    client: Client
    lines: list[dict[str, str]]
    seconds: int


CLIENTS = (
    Client("sdk", "sdk", "binance-sdk-derivatives-trading-usds-futures"),
    Client("python_binance", "python_binance", "python-binance"),
    Client("ccxt_rest", "ccxt", "ccxt"),
    Client("ccxt_pro", "ccxt", "ccxt"),
    Client("freqtrade", "freqtrade", "freqtrade", is_quick=False, patience_s=480, flags=()),
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
    if len(clients) == len(CLIENTS):
        _write(runs, code)
    print(f"{sum(len(each.lines) for each in runs)} methods, {failing} failed, {time.monotonic() - began:.0f} s")
    return 1 if failing else 0


def run(client: Client) -> Run:
    """Let a client do all that its script says, against a server of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="margincall-") as folder:
        out = Path(folder) / "results.jsonl"
        with process(Path(folder) / "exchange", *client.flags) as server:
            own = server.keys[0]
            said = {
                "rest": f"http://127.0.0.1:{server.port}", "ws": f"ws://127.0.0.1:{server.port}",
                "control": f"http://127.0.0.1:{server.control_port}", "token": server.told["control_token"],
                "key": own.key, "secret": own.secret, "out": str(out),
            }  # fmt: skip
            problem = _script(client, [part for name, value in said.items() for part in (f"--{name}", value)])
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    found = [json.loads(line) for line in lines]
    if problem:
        found.append({"client": client.name, "method": "(the script)", "result": ERROR, "detail": problem})
    return Run(client, found, round(time.monotonic() - began))


def _script(client: Client, said: list[str]) -> str:
    """Run the script in its environment; what went wrong with it as a whole, or nothing."""
    command = [str(environment(client.environment)), str(SCRIPTS / f"{client.name}.py"), *said]
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
    """The page and the figures."""
    told: list[dict[str, Any]] = [
        {
            "client": each.client.name,
            "package": each.client.package,
            "version": version(each.client.environment, each.client.package),
            "methods": len(each.lines),
            "results": counted(each.lines),
            "seconds": each.seconds,
        }
        for each in runs
    ]
    PAGE.write_text(page([(row, each.lines) for row, each in zip(told, runs, strict=True)]), encoding="utf-8")
    result = {"command": "python -m tests.conformance.run", "clients": told, "hash": code}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def counted(lines: list[dict[str, str]]) -> dict[str, int]:
    """How many methods had each result."""
    results = [line["result"] for line in lines]
    return {each: results.count(each) for each in sorted(set(results))}


if __name__ == "__main__":
    sys.exit(main())

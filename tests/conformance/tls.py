"""The venue's own addresses, for clients that are told none: a network where the venue's names lead to the server.

A mount and network namespace of its own (`unshare`), with an `/etc/hosts` of its own and nothing but a loopback; in it
the server listens on port 443 with a certificate of an authority that was made for this run, and the client trusts that
authority by the means that it has (a variable, or a setting in its script). Nothing outside sees any of it.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance.environments import clean
from tests.server.running import process
from tests.sources import ROOT

DOMAIN = "binance.com"
HOSTS = tuple(
    f"{name}.{DOMAIN}"
    for name in ("api", "api1", "api2", "api3", "api4", "dapi", "eapi", "fapi", "papi", "sapi", "stream", "dstream",
                 "fstream", "ws-api", "ws-dapi", "ws-fapi")
)  # fmt: skip
REST, WS = f"https://fapi.{DOMAIN}", f"wss://fstream.{DOMAIN}"
AUTHORITY = "authority.pem"
PORT = 443
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def run_script(
    command: Sequence[str], folder: Path, *, trust: Sequence[str], flags: Sequence[str], patience_s: float
) -> list[str]:
    """Run a client's script there; what went wrong, or nothing. `command` ends with the script's own arguments;
    `trust`: the variables that shall name the authority's file; `flags`: of the server."""
    made = _certificates(folder)
    told = {"command": list(command), "trust": list(trust), "flags": [*made, *flags], "patience_s": patience_s}
    inside = [*_unshare(), sys.executable, "-m", "tests.conformance.tls", str(folder), json.dumps(told)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    if shutil.which(inside[0]) is None:
        return ["no network of its own: there is no unshare here"]
    try:
        done = subprocess.run(
            inside, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=patience_s + 60, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"not done after {patience_s} s"]
    if done.returncode:
        return [f"no network of its own: exit {done.returncode}: {done.stderr[-600:]}"]
    found: list[str] = json.loads(done.stdout)
    return found


def _unshare() -> list[str]:
    """Namespaces of one's own; who is not root here becomes it there. All processes end with the first."""
    own = () if os.geteuid() == 0 else ("--map-root-user",)
    return ["unshare", *own, "--mount", "--net", "--pid", "--fork", "--kill-child"]


def _certificates(folder: Path) -> list[str]:
    """An authority and a certificate of the venue's names; the server's flags."""
    import trustme

    authority = trustme.CA()
    found = authority.issue_cert(*HOSTS)
    authority.cert_pem.write_to_path(folder / AUTHORITY)
    certificate, key = folder / "certificate.pem", folder / "certificate.key"
    found.cert_chain_pems[0].write_to_path(certificate)
    found.private_key_pem.write_to_path(key)
    return ["--tls-cert", str(certificate), "--tls-key", str(key)]


def inside(folder: Path, told: dict[str, Any]) -> list[str]:
    """What runs there: the server, and the script with addresses and a key."""
    _raise_loopback()
    _bind_hosts(folder)
    authority = str(folder / AUTHORITY)
    with process(folder / "exchange", "--port", str(PORT), *told["flags"]) as server:
        own = server.keys[0]
        said = {
            "rest": REST, "ws": WS, "control": f"http://127.0.0.1:{server.control_port}",
            "token": server.told["control_token"], "key": own.key, "secret": own.secret, "still": "{}",
            "authority": authority,
        }  # fmt: skip
        arguments = [part for name, value in said.items() for part in (f"--{name}", value)]
        environment = clean() | dict.fromkeys(told["trust"], authority)
        try:
            done = subprocess.run(
                [*told["command"], *arguments], env=environment, capture_output=True, text=True,
                timeout=told["patience_s"], check=False,
            )  # fmt: skip
            found = [f"exit {done.returncode}: {done.stderr[-1500:]}"] if done.returncode else []
        except subprocess.TimeoutExpired:
            found = [f"not done after {told['patience_s']} s"]
        code, errors = server.end()
    wrong = [line for line in errors.splitlines() if line.strip() and not line.startswith(EXPECTED)]
    return [*found, f"the server: exit {code}: {' '.join(wrong)[-600:]}"] if code or wrong else found


EXPECTED = ("WARNING: it answers", "Cancel 0 running task(s)")
"""What the server says of its certificate, and uvicorn where a client has not closed its connection."""


def _raise_loopback() -> None:
    """Let the loopback of a new network work."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING))


def _bind_hosts(folder: Path) -> None:
    """Put a file over `/etc/hosts`, in this namespace only."""
    hosts = folder / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {each}\n" for each in ("localhost", *HOSTS)), encoding="utf-8")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


if __name__ == "__main__":
    print(json.dumps(inside(Path(sys.argv[1]), json.loads(sys.argv[2]))))

"""What all acceptance commands share: run commands and tests, show bullets one line each, write docs/status.md."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.sources import ROOT

SHARED = (ROOT / os.environ.get("MARGINCALL_SHARED", "../shared") / "data").resolve()
ACCEPT = ROOT / "docs" / "accept"
STATUS = ROOT / "docs" / "status.md"
HEAD = """# Status

One line per bullet of each task, written by the command that shows it (`--status`); the commit may be the parent of the
one that records it.
"""


class Failed(Exception):
    """A bullet that does not hold; the message is the true figure."""


@dataclass(frozen=True)
class Bullet:
    """One bullet: a short name and the function that shows it and returns its figure."""

    name: str
    show: Callable[[], str]


def run(*command: str, cwd: Path = ROOT, codes: tuple[int, ...] = (0,), timeout: int = 1500) -> str:
    """Run a command; its output, or `Failed` with the end of it."""
    environment = {**os.environ, "MARGINCALL_SHARED_REQUIRED": "1", "MARGINCALL_SHARED": str(SHARED.parent)}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode not in codes:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}: {(done.stdout + done.stderr)[-600:]}")
    return done.stdout


def passing(*paths: str, least: int = 1) -> str:
    """Run tests; all must pass and none may be skipped."""
    out = run(sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *paths)
    passed = int((re.search(r"(\d+) passed", out) or [0, "0"])[1])
    if passed < least or re.search(r"\d+ (skipped|failed|error|xfailed)", out):
        raise Failed(out[-400:])
    return f"{passed} tests"


def need(condition: bool, figure: str) -> str:
    """The figure, if the condition holds."""
    if not condition:
        raise Failed(figure)
    return figure


def show(task: str, bullets: Sequence[Bullet], arguments: Sequence[str], behind: str = "") -> int:
    """Show every bullet; print one line each and the total last. With `--status`, write the task's part of
    docs/status.md as well; `behind` names the long runs behind it."""
    lines = []
    passed = 0
    for bullet in bullets:
        began = time.monotonic()
        try:
            figure, mark = bullet.show(), "PASS"
            passed += 1
        except Exception as error:
            figure, mark = f"{type(error).__name__}: {error}", "FAIL"
        print(f"{mark}  {bullet.name}: {figure}  [{time.monotonic() - began:.0f} s]", flush=True)
        lines.append(f"| {bullet.name} | {mark} | {figure.replace('|', '/')} |")
    total = f"accept-{task}: {passed} of {len(bullets)}"
    if "--status" in arguments:
        write_status(task, lines, total, behind)
    print(total)
    return 0 if passed == len(bullets) else 1


def write_status(task: str, lines: Sequence[str], total: str, behind: str) -> None:
    """One line per bullet: what shows it, the figure, and the commit it was measured on. Other tasks' parts stay."""
    commit = run("git", "rev-parse", "--short", "HEAD").strip()
    part = [
        f"## {task}",
        "",
        f"Shown by `make accept-{task}` at commit {commit}: **{total}**.{behind}",
        "",
        "| bullet | result | figure |",
        "|---|---|---|",
        *lines,
        "",
    ]
    text = STATUS.read_text(encoding="utf-8") if STATUS.is_file() else ""
    parts = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL))
    parts[task] = "\n".join(part[1:])
    STATUS.write_text(
        HEAD + "".join(f"\n## {name}\n{body.rstrip()}\n" for name, body in parts.items()), encoding="utf-8"
    )

"""`docs/how-to/practise.md` is true: what it says to save and to run is saved and run, and what it quotes is said."""

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import click
import pytest

from margincall.cli.main import cli
from margincall.errors import CANNOT_TELL, DIFFERENCES, FINE
from tests.server.commands import PATIENCE_S, environment
from tests.server.running import CODE
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "how-to" / "practise.md").read_text(encoding="utf-8")
PART = re.compile(r"^```(\w+)(?: ([\w.-]+))?\n(.*?)^```$|^(#+) ", re.MULTILINE | re.DOTALL)
OWN_TERMINAL = "own-terminal"
SERVE = ("margincall", "exchange", "serve")
CODES = {
    ("margincall verify bob", 1): CANNOT_TELL,
    ("margincall explain bob", 1): DIFFERENCES,
    ("margincall verify late", 1): CANNOT_TELL,
    ("margincall verify bob", 2): DIFFERENCES,
    ("margincall dispute bob --out ticket", 1): DIFFERENCES,
}
"""Exit codes of commands that do not end with 0, by the how manieth time they are run."""
COMMANDS_MIN = 18


class Part(NamedTuple):
    """A heading, or a fenced block: its language, what else stands behind the fence, and its text."""

    kind: str
    name: str = ""
    text: str = ""


def parts(page: str) -> Iterator[Part]:
    for kind, name, text, heading in PART.findall(page):
        yield Part("heading") if heading else Part(kind, name, text)


def bare(line: str) -> str:
    """A line without the blanks that fill a table."""
    return " ".join(line.split())


class Shell:
    """Runs commands in a folder as a user would; the two ports of the page are free ones."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self._environment = environment(COLUMNS="120", XDG_DATA_HOME=str(folder / "data"))
        self.ran: list[str] = []
        self.said: set[str] = set()
        self._port = "8000"

    def run(self, command: str) -> None:
        """A command that ends, with the exit code that the page gives."""
        done = subprocess.run(
            self._words(command), cwd=self.folder, env=self._environment, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        self.ran.append(command)
        assert done.returncode == CODES.get((command, self.ran.count(command)), FINE), (command, done)
        self.said |= {bare(line) for line in done.stdout.splitlines()}

    def start(self, command: str) -> subprocess.Popen[str]:
        """A command that goes on; it has begun once it has said something. It ends with the test at the latest."""
        command, _, target = command.partition(" > ")
        path = self.folder / (target or f"own-{len(self.ran)}.txt")
        out: IO[str] = self._stack.enter_context(path.open("w", encoding="utf-8"))
        process = subprocess.Popen(
            self._words(command), cwd=self.folder, env=self._environment, stdout=out, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        self._stack.callback(end, process)
        self.ran.append(command)
        deadline = time.monotonic() + PATIENCE_S
        while not path.read_text(encoding="utf-8").endswith("\n"):
            assert process.poll() is None, path.read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.02)
        told = re.search(r'"port":(\d+)', path.read_text(encoding="utf-8"))
        self._port = told[1] if told else self._port
        return process

    def _words(self, command: str) -> list[str]:
        words = shlex.split(command.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}"))
        if tuple(words[:3]) == SERVE:
            words += ["--port", "0", "--control-port", "0"]
        program = {"python": [sys.executable], "margincall": [sys.executable, "-c", CODE]}[words[0]]
        return [*program, *words[1:]]


def end(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does; one that does not end by that is killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE_S)
        except BaseException:
            process.kill()
            process.wait()
            raise


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """What is started here hears Ctrl-C, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_it_runs_there_is() -> None:
    """Without running it: its programs are Python, its commands have the flags that it gives them."""
    for part in parts(PAGE):
        if part.kind == "python":
            compile(part.text, part.name, "exec")
        for line in part.text.splitlines() if part.kind == "sh" else ():
            program, *words = shlex.split(line.partition(" > ")[0])
            if program == "margincall":
                assert flags(words) <= known(words), line


def flags(words: list[str]) -> set[str]:
    """The flags of a command line."""
    return {each for each in words if each.startswith("--")}


def known(words: list[str]) -> set[str]:
    """Those of the command that it runs."""
    command: click.Command = cli
    context = click.Context(command)
    for word in words:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        command = found
    return {name for each in command.params for name in each.opts}


@pytest.mark.slow
def test_it_is_saved_run_and_said(tmp_path: Path) -> None:
    """What was started in a terminal of its own under the first heading goes on, else it ends with its section."""
    assert PAGE.count("```") == 2 * sum(each.kind != "heading" for each in parts(PAGE))
    sections, own = 0, list[subprocess.Popen[str]]()
    with ExitStack() as stack:
        shell = Shell(tmp_path, stack)
        for part in parts(PAGE):
            lines = part.text.splitlines()
            match part.kind:
                case "heading":
                    sections += 1
                    for process in own:
                        end(process)
                    own.clear()
                case "python":
                    (tmp_path / part.name).write_text(part.text, encoding="utf-8")
                case "sh" if part.name == OWN_TERMINAL:
                    found = [shell.start(line) for line in lines]
                    own += found if sections > 2 else []
                case "sh":
                    shell.said.clear()
                    for line in lines:
                        shell.run(line)
                case _:
                    assert part.kind == "text"
                    assert [line for line in lines if bare(line) not in shell.said] == []
        assert len(shell.ran) >= COMMANDS_MIN
    assert {"alice", "bob", "late", "ticket"} <= {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "question").exists()

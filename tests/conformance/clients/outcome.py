"""What all client scripts share. They run in the client's own environment: nothing but the standard library here.

A script is called with the arguments of `arguments`, and writes one line of JSON for each method that it tried.
Whatever the client logs as a warning on the way, or warns of, makes a result a warning, which fails the run.
"""

import argparse
import asyncio
import json
import logging
import urllib.request
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

OK, REFUSED, UNSUPPORTED = "ok", "refused as the venue does", "unsupported by the venue"
ERROR, WARNING = "error", "warning"
FAILING = (ERROR, WARNING)
PATIENCE_S = 40


class Control:
    """The operator's API of the server."""

    def __init__(self, url: str, token: str) -> None:
        """`url` without a slash at its end."""
        self._url, self._token = url, token

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """A good answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"x-control-token": self._token}, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def account(self, name: str, usdt: str = "10000", **settings: object) -> tuple[str, str]:
        """A new account with money; its key and secret."""
        self.ask("POST", "/accounts", {"name": name, "deposits": {"USDT": usdt}, **settings})
        found = self.ask("POST", "/keys", {"account": name})
        return found["key"], found["secret"]


class _Heard(logging.Handler):
    """Keeps what is logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = f" ({record.exc_info[1]!r})" if record.exc_info and record.exc_info[1] else ""
        self.lines.append(f"{record.name}: {record.getMessage()[:200]}{cause}")


class Refused(Exception):
    """A method that is refused, as it has to be; the message says by what."""


class Unsupported(Exception):
    """A method of something that the venue has not, as it has to be; the message says of what."""


class Outcomes:
    """The results of one client, written as they come."""

    def __init__(self, client: str, path: Path) -> None:
        """From here on warnings are heard."""
        self.client, self.path = client, path
        self.told: set[str] = set()
        self._heard = _Heard()
        logging.getLogger().addHandler(self._heard)
        logging.captureWarnings(True)
        warnings.simplefilter("default", UserWarning)

    def tell(self, method: str, result: str, detail: str = "") -> None:
        """One result."""
        self.told.add(method)
        line = {"client": self.client, "method": method, "result": result, "detail": " ".join(detail.split())[:400]}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def show(self, method: str, work: Callable[[], object]) -> Any:
        """Call; `ok` unless it raises; `Refused` and `Unsupported` are results too. A text that is returned is the
        detail. What `work` returned, or none."""

        async def worked() -> object:
            return work()

        return asyncio.run(self.watch(method, worked))

    async def watch(self, method: str, work: Callable[[], Awaitable[object]], patience_s: float = PATIENCE_S) -> Any:
        """The same of what is awaited, for so long at most."""
        self._between()
        found = None
        try:
            async with asyncio.timeout(patience_s):
                found = await work()
            result, detail = OK, found if isinstance(found, str) else ""
        except Refused as refusal:
            result, detail = REFUSED, str(refusal)
        except Unsupported as found_out:
            result, detail = UNSUPPORTED, str(found_out)
        except Exception as error:
            result, detail = ERROR, f"{type(error).__name__}: {error}"
        if self._heard.lines and result != ERROR:
            result, detail = WARNING, "; ".join(self._heard.lines)
        self._heard.lines.clear()
        self.tell(method, result, detail)
        return found

    def need(self, methods: set[str]) -> None:
        """An error for each method that nobody tried."""
        for method in sorted(methods - self.told):
            self.tell(method, ERROR, "not tried")
        self._between()

    def _between(self) -> None:
        """What was logged while no method was tried: by a socket that listens, for instance."""
        if self._heard.lines:
            self.tell("(between two methods)", WARNING, "; ".join(self._heard.lines))
            self._heard.lines.clear()


def arguments() -> argparse.Namespace:
    """What the runner says: addresses without a slash at their ends, and a key of an account with 10,000 USDT; `still`
    is another server without a market, whose clock the control API sets: addresses and token, as JSON; `authority` the
    file of an authority to trust, where the addresses are the venue's own."""
    parser = argparse.ArgumentParser()
    for name in ("rest", "ws", "control", "token", "key", "secret", "still"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--authority", default="")
    return parser.parse_known_args()[0]


def refused(work: Callable[[], object], kind: type[Exception], *parts: str) -> None:
    """Raise `Refused` where `work` is refused by an error of that very class, whose text has those parts."""
    try:
        work()
    except kind as error:
        _as_refused(error, kind, parts)
    raise AssertionError("it was not refused")


async def refused_later(work: Awaitable[object], kind: type[Exception], *parts: str) -> None:
    """The same of what is awaited."""
    try:
        await work
    except kind as error:
        _as_refused(error, kind, parts)
    raise AssertionError("it was not refused")


def _as_refused(error: Exception, kind: type[Exception], parts: tuple[str, ...]) -> None:
    if type(error) is not kind or not all(part in str(error) for part in parts):
        raise error
    raise Refused(f"{kind.__name__} {' '.join(parts)}".strip()) from None


def need(condition: object, what: object) -> None:
    """An assertion with its reason."""
    if not condition:
        raise AssertionError(str(what))

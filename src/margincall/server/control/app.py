"""The application of the control API. Every request needs the token that was printed at the start."""

import hmac
from random import SystemRandom

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from margincall.server.assembled import Assembled
from margincall.server.control.accounts import Accounts
from margincall.server.control.http import endpoint, refusal
from margincall.server.control.market import Market
from margincall.server.control.whole import Whole
from margincall.server.errors import UNKNOWN_METHOD
from margincall.server.keys import ALPHABET
from margincall.server.player import Player

TOKEN_HEADER = "x-control-token"


def new_token() -> str:
    """A token that nobody guesses."""
    return "".join(SystemRandom().choice(ALPHABET) for _ in range(32))


def control_app(built: Assembled, player: Player, token: str) -> "Guarded":
    """The application."""
    tables = (Whole(built, player).table(), Accounts(built).table(), Market(built, player).table())
    routes = [
        Route(path, endpoint(answer, built.venue.settled), methods=[method])
        for table in tables
        for path, answers in table.items()
        for method, answer in zip(("GET", "POST"), answers, strict=True)
        if answer is not None
    ]
    return Guarded(Starlette(routes=routes, exception_handlers={404: _no_path, 405: _no_path}), token)


async def _no_path(request: Request, error: Exception) -> Response:
    """A path that there is not, or no such method of it."""
    assert isinstance(error, HTTPException), "these are Starlette's"
    return refusal(error.status_code, UNKNOWN_METHOD.code, UNKNOWN_METHOD.msg)


class Guarded:
    """Whoever has not the token is refused unread."""

    def __init__(self, app: Starlette, token: str) -> None:
        """What is behind the token."""
        self.app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(TOKEN_HEADER.encode(), b"")
            if not hmac.compare_digest(given, self._token):
                await refusal(401, -2015, f"The header {TOKEN_HEADER} is missing or wrong.")(scope, receive, send)
                return
        await self.app(scope, receive, send)

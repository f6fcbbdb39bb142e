"""The control API: the exchange as a whole."""

import msgspec
from starlette.requests import Request

from margincall.exchange import commands
from margincall.exchange.digest import digest
from margincall.server.assembled import Assembled
from margincall.server.control.bodies import Disputed
from margincall.server.control.http import Answers, body
from margincall.server.desk import dispute, dispute_claimed
from margincall.server.errors import ApiError
from margincall.server.openapi import openapi
from margincall.server.player import Player
from margincall.server.summary import summary
from margincall.wire.claims import decode as decode_claim


class Whole:
    """The exchange as a whole: how it stands, disputes, any other command, what the API serves."""

    def __init__(self, built: Assembled, player: Player) -> None:
        """What it acts on."""
        self._built, self._venue, self._player = built, built.venue, player

    def table(self) -> Answers:
        """Its paths, with what GET and POST answer."""
        return {
            "/state": (self._state, None),
            "/digest": (self._digest, None),
            "/openapi.json": (self._document, None),
            "/disputes": (self._disputes, self._dispute),
            "/commands": (None, self._command),
        }

    async def _state(self, request: Request) -> object:
        return summary(self._built, self._player.playing())

    async def _digest(self, request: Request) -> object:
        return {"seq": self._venue.engine.seq, "digest": digest(self._venue.state)}

    async def _document(self, request: Request) -> object:
        return openapi(self._built.gateway.table.routes.values(), self._venue.api_date)

    async def _disputes(self, request: Request) -> object:
        return list(self._venue.state.disputes.values())

    async def _dispute(self, request: Request) -> object:
        wanted = await body(request, Disputed)
        if wanted.claim is not None:
            return await dispute_claimed(self._built, decode_claim(msgspec.json.encode(wanted.claim)))
        if wanted.liquidation is None:
            raise ApiError(-1130, "expected account and liquidation, or claim")
        return [await dispute(self._built, wanted.account, wanted.liquidation)]

    async def _command(self, request: Request) -> object:
        try:
            command = commands.decode(await request.body())
        except commands.BadCommand as error:
            raise ApiError(-1130, str(error)) from None
        if isinstance(command, commands.Advance):
            raise ApiError(-1130, "the exchange's clock follows the server's: POST /clock")
        return {"events": await self._venue.do(command)}

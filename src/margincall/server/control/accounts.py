"""The control API: accounts and their keys."""

from collections.abc import Iterable

from starlette.requests import Request

from margincall.core.protocol.moves import VENUE_ACCOUNTS
from margincall.exchange import commands
from margincall.exchange.commands import AnyCommand
from margincall.exchange.state import Trader
from margincall.server.assembled import Assembled
from margincall.server.control.bodies import Money, NewAccount, NewKey, Settings
from margincall.server.control.http import Answers, body
from margincall.server.errors import ApiError
from margincall.server.keys import Key, issue
from margincall.server.listing import margin_assets
from margincall.server.summary import account_summary

NO_ACCOUNT = ApiError(-1130, "no such account", 404)


class Accounts:
    """Accounts and their keys."""

    def __init__(self, built: Assembled) -> None:
        """What it acts on."""
        self._keyring, self._venue = built.keys, built.venue

    def table(self) -> Answers:
        """Its paths, with what GET and POST answer."""
        return {
            "/accounts": (self._accounts, self._open),
            "/accounts/{name}": (self._account, None),
            "/accounts/{name}/deposit": (None, self._deposit),
            "/accounts/{name}/settings": (None, self._set),
            "/keys": (self._keys, self._issue),
        }

    async def _accounts(self, request: Request) -> object:
        return [account_summary(trader) for trader in self._venue.state.owners()]

    async def _account(self, request: Request) -> object:
        return account_summary(self._trader(request))

    def _trader(self, request: Request) -> Trader:
        return self._named(request.path_params["name"])

    def _named(self, name: str) -> Trader:
        """A trader's account."""
        found = self._venue.state.traders.get(name)
        if found is None or name in VENUE_ACCOUNTS:
            raise NO_ACCOUNT
        return found

    async def _open(self, request: Request) -> object:
        wanted = await body(request, NewAccount)
        name = wanted.name
        self._check_assets(wanted.deposits)
        await self._venue.do(commands.OpenAccount(account=name))
        for asset, amount in wanted.deposits.items():
            await self._venue.do(commands.Transfer(account=name, asset=asset, amount=amount))
        await self._settle(
            name,
            Settings(
                hedge=wanted.hedge or None, multi_assets=wanted.multi_assets or None, leverage=wanted.leverage,
                margin=dict.fromkeys(wanted.isolated, "isolated"),
            ),
        )  # fmt: skip
        return account_summary(self._venue.state.traders[name])

    def _check_assets(self, assets: Iterable[str]) -> None:
        """Looked at before an account is opened, which could not be opened again."""
        state = self._venue.state
        known = sorted({*state.indices, *margin_assets(state.rules.venue.contracts)})
        for asset in assets:
            if asset not in known:
                there = ", ".join(known)
                raise ApiError(
                    -1108, f"{asset} is no margin here; there are {there}, and what set_asset_index gave an index"
                )

    async def _settle(self, name: str, wanted: Settings) -> None:
        asked: list[AnyCommand] = []
        if wanted.hedge is not None:
            asked.append(commands.SetPositionMode(account=name, hedge=wanted.hedge))
        if wanted.multi_assets is not None:
            asked.append(commands.SetAssetMode(account=name, multi_assets=wanted.multi_assets))
        asked += [
            commands.SetMarginType(account=name, symbol=symbol, margin=margin)
            for symbol, margin in wanted.margin.items()
        ]
        asked += [
            commands.SetLeverage(account=name, symbol=symbol, leverage=leverage)
            for symbol, leverage in wanted.leverage.items()
        ]
        for command in asked:
            await self._venue.do(command)

    async def _deposit(self, request: Request) -> object:
        money, trader = await body(request, Money), self._trader(request)
        self._check_assets((money.asset,))
        await self._venue.do(commands.Transfer(account=trader.name, asset=money.asset, amount=money.amount))
        return account_summary(trader)

    async def _set(self, request: Request) -> object:
        wanted, trader = await body(request, Settings), self._trader(request)
        await self._settle(trader.name, wanted)
        return account_summary(trader)

    async def _keys(self, request: Request) -> object:
        return [key_row(each) for each in self._keyring.all().values()]

    async def _issue(self, request: Request) -> object:
        wanted = await body(request, NewKey)
        self._named(wanted.account)
        key = issue(wanted.account, public=wanted.public, trade=wanted.trade)
        self._keyring.add(key)
        return key_row(key, with_secret=True)


def key_row(key: Key, *, with_secret: bool = False) -> dict[str, object]:
    """What is told of a key; its secret only when it is made."""
    row: dict[str, object] = {"key": key.key, "account": key.account, "kind": key.kind, "trade": key.trade}
    return {**row, "secret": key.secret} if with_secret and key.secret else row

"""The table of routes: what is served, how it is guarded, what it weighs, and whether its answer follows the state.

`stateful`: a test sees the effect of it in another call, or of another call in it; none may be constant. `static`: the
same whatever happened. `refused`: as the venue refuses it. The coverage table of the docs and the OpenAPI document are
written from this table.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from margincall.server.call import Call
from margincall.server.limits import Pool
from margincall.server.request import Params

Kind = Literal["stateful", "static", "refused"]
Security = Literal["none", "key", "read", "trade"]
"""Nothing; a key (market data, user streams); key, time and signature, for reading or for trading."""
Handler = Callable[[Call], object | Awaitable[object]]
Weight = int | Callable[[Params], int]
ParamKind = Literal["text", "symbol", "integer", "decimal", "flag", "word", "json"]


class Param(NamedTuple):
    """One parameter, for the documents."""

    name: str
    kind: ParamKind = "text"
    required: bool = False
    words: tuple[str, ...] = ()


class Route(NamedTuple):
    """One method of one path. `orders`: what it counts as orders in ten seconds and in a minute. `since` and `until`
    are API dates (ISO) between which it is served."""

    method: str
    path: str
    handler: Handler
    kind: Kind = "stateful"
    security: Security = "none"
    weight: Weight = 1
    orders: tuple[int, int] = (0, 0)
    pool: Pool = "weight"
    params: tuple[Param, ...] = ()
    since: str = ""
    until: str = ""

    def weighs(self, params: Params) -> int:
        """What a request with these parameters weighs."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


class Table:
    """Routes by path and method, as they are on an API date."""

    def __init__(self, routes: Iterable[Route], api_date: str) -> None:
        """Raises `ValueError` where two routes are the same."""
        found: dict[tuple[str, str], Route] = {}
        for route in routes:
            if (route.since and api_date < route.since) or (route.until and api_date >= route.until):
                continue
            if (route.method, route.path) in found:
                raise ValueError(f"two routes {route.method} {route.path}")
            found[route.method, route.path] = route
        self.routes: Mapping[tuple[str, str], Route] = found

    def get(self, method: str, path: str) -> Route | None:
        """The route, if it is served; `FOLDER/*` serves every path below a folder that has no route of its own."""
        found = self.routes.get((method, path))
        return self.routes.get((method, f"{path.rpartition('/')[0]}/*")) if found is None else found

"""The page that lists what is served: `docs/reference/serve-coverage.md` is written from the tables that serve it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from margincall.server.openapi import path_of, weights
from margincall.server.routing import Route
from margincall.server.stream_names import OF_ALL, OF_SYMBOL
from margincall.server.ws_api import METHODS, SESSIONS

HEAD = """# What `exchange serve` answers

Generated from the tables that serve it (`src/margincall/server`); a test compares. The same as OpenAPI:
[openapi.json](openapi.json). How it behaves: [serve.md](../spec/serve.md).

* **stateful**: the answer follows what happened, or another call shows its effect.
* **static**: the same whatever happened.
* **refused**: as the venue refuses it.
* Security: *key* needs an API key, *read* and *trade* a key, `timestamp` and a signature.
* Weight counts against 2,400 a minute, *data* and *funding* against 1,000 and 500 in five minutes; several weights
  where parameters decide (a `limit` that is refused weighs 1). Orders: counted in ten seconds and in a minute.
* Since and until are API dates (`--api-date`).
"""
SPEEDS = "`SYMBOL@depth`, `SYMBOL@depth5`, `10`, `20`, each also with `@100ms` and `@500ms`; `SYMBOL@rpiDepth@500ms`"
CANDLES = "`SYMBOL@kline_INTERVAL`, `PAIR_perpetual@continuousKline_INTERVAL`"


def coverage(routes: Iterable[Route], api_date: str) -> str:
    """The page; `api_date` is that of the counts, and all routes are listed."""
    found = sorted(routes, key=lambda each: (each.path, each.method, each.since))
    lines = [HEAD, *_counted(found, api_date), "", *_rest(found), "", *_sockets()]
    return "\n".join(lines) + "\n"


def _counted(routes: Sequence[Route], api_date: str) -> list[str]:
    served = [each for each in routes if each.since <= api_date and not ("" < each.until <= api_date)]
    kinds = Counter(each.kind for each in served)
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in ("stateful", "static", "refused"))
    return [f"On {api_date} {len(served)} methods of {len({each.path for each in served})} paths: {counts}."]


def _rest(routes: Sequence[Route]) -> list[str]:
    return [
        "## REST",
        "",
        "| method | path | kind | security | weight | orders | since | until |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {each.method} | `{path_of(each)}` | {each.kind} | {each.security} | {_weight(each)} | "
            f"{_orders(each)} | {each.since or '—'} | {each.until or '—'} |"
            for each in routes
        ),
    ]


def _weight(route: Route) -> str:
    found = ", ".join(str(each) for each in weights(route))
    return found if route.pool == "weight" else f"{found} ({route.pool})"


def _orders(route: Route) -> str:
    return "—" if route.orders == (0, 0) else "{}, {}".format(*route.orders)


def _sockets() -> list[str]:
    of_symbol = ", ".join(f"`SYMBOL@{name}`" for name in OF_SYMBOL)
    of_all = ", ".join(f"`{name}`" for name in OF_ALL)
    return [
        "## WebSocket API",
        "",
        "`/ws-fapi/v1`; each method is answered by the handler of a route.",
        "",
        "| method | route |",
        "|---|---|",
        *(f"| `{name}` | {method} `{path}` |" for name, (method, path) in METHODS.items()),
        *(f"| `{name}` | the connection itself |" for name in sorted(SESSIONS)),
        "",
        "## Market streams",
        "",
        "| of | streams |",
        "|---|---|",
        f"| one symbol | {of_symbol} |",
        f"| its book | {SPEEDS} |",
        f"| its candles | {CANDLES} |",
        "| an asset | `ASSET@assetIndex` |",
        f"| all | {of_all} |",
    ]

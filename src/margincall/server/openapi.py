"""The table of routes as an OpenAPI document (3.1): for clients in other languages, and for tools that try every route.

What the table does not know is not said: an answer is JSON of no further shape. Parameters stand in the query; they may
as well be a form in the body, whatever the method.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from margincall.server.errors import ApiError
from margincall.server.request import Params
from margincall.server.routing import Param, ParamKind, Route

VERSION = "3.1.0"
KEY, SIGNATURE = "key", "signature"
SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "none": [], "key": [{KEY: []}], "read": [{KEY: [], SIGNATURE: []}], "trade": [{KEY: [], SIGNATURE: []}],
}  # fmt: skip
SCHEMAS: Mapping[ParamKind, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "symbol": {"type": "string", "examples": ["BTCUSDT"]},
    "integer": {"type": "integer", "format": "int64"},
    "decimal": {"type": "number"},
    "flag": {"type": "boolean"},
    "word": {"type": "string"},
    "json": {"type": "array"},
}
REFUSALS: Mapping[str, str] = {
    "400": "What was sent cannot be carried out.",
    "401": "The key was not issued here, or may not do that.",
    "404": "There is no such path, or no such method of it.",
    "413": "The body is larger than any request may be.",
    "418": "The address is banned for a while.",
    "429": "The address or the account has asked too much.",
}
RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
SIMULATED = {"X-SIMULATED": {"schema": {"const": "1"}, "description": "No order reaches a venue.", "required": True}}
SAMPLE_LIMITS = ("", "5", "10", "20", "50", "100", "500", "1000", "1500")
"""Enough to see every weight that depends on how many rows are asked for."""
SAMPLES = tuple({"symbol": symbol, "limit": limit} for symbol in ("", "BTCUSDT") for limit in SAMPLE_LIMITS)


def openapi(routes: Iterable[Route], api_date: str) -> dict[str, Any]:
    """The document of routes that are served on an API date (`Table(…).routes`)."""
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda each: (each.path, each.method)):
        paths.setdefault(path_of(route), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": VERSION,
        "info": {
            "title": "margincall exchange serve",
            "version": api_date,
            "description": "A simulated exchange behind the REST API of Binance USDⓈ-M Futures, as of this API date.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Refusal": _refusal()},
            "responses": {status: _refused(status) for status in REFUSALS},
            "securitySchemes": {
                KEY: {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"},
                SIGNATURE: {
                    "type": "apiKey", "in": "query", "name": "signature",
                    "description": "HMAC-SHA256 (hexadecimal), RSA or Ed25519 (Base64) over query and body without it.",
                },
            },
        },
    }  # fmt: skip


def path_of(route: Route) -> str:
    """The path of a route; what serves a whole folder has the name in it as a parameter."""
    return route.path.replace("*", "{name}")


def weights(route: Route) -> list[int]:
    """What a request may weigh, ascending; several where it depends on its parameters."""
    if isinstance(route.weight, int):
        return [route.weight]
    found = set()
    for sample in SAMPLES:
        try:
            found.add(route.weight(Params({name: value for name, value in sample.items() if value})))
        except ApiError:
            continue
    return sorted(found)


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{route.path.rstrip('/*').replace('/', '_')}",
        "tags": [route.path.split("/")[1]],
        "security": SECURITY[route.security],
        "parameters": [_param(each) for each in (*route.params, *_of_security(route))],
        "responses": _responses(route),
        "x-kind": route.kind,
        "x-weight": weights(route),
        "x-limit": route.pool,
    }
    if path_of(route) != route.path:
        name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        found["parameters"] = [name, *found["parameters"]]
    if route.orders != (0, 0):
        found["x-orders"] = list(route.orders)
    return found | {f"x-{name}": date for name, date in (("since", route.since), ("until", route.until)) if date}


def _of_security(route: Route) -> tuple[Param, ...]:
    if route.security in ("none", "key"):
        return ()
    return Param("timestamp", "integer", required=True), Param("recvWindow", "decimal")


def _param(param: Param) -> dict[str, Any]:
    schema = dict(SCHEMAS[param.kind])
    if param.words:
        schema["enum"] = list(param.words)
    found: dict[str, Any] = {"name": param.name, "in": "query", "required": param.required}
    if param.kind == "json":
        return {**found, "content": {"application/json": {"schema": schema}}}
    return {**found, "schema": schema}


def _responses(route: Route) -> dict[str, Any]:
    refused = {status: {"$ref": f"#/components/responses/{status}"} for status in REFUSALS}
    if route.kind == "refused":
        return refused
    kind = "text/csv" if path_of(route) != route.path else "application/json"
    return {"200": {"description": "The answer.", "headers": SIMULATED, "content": {kind: {}}}, **refused}


def _refused(status: str) -> dict[str, Any]:
    headers = {**SIMULATED, **(RETRY if status in ("418", "429") else {})}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {"description": REFUSALS[status], "headers": headers, "content": content}


def _refusal() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"code": {"type": "integer", "maximum": -1}, "msg": {"type": "string"}},
        "required": ["code", "msg"],
        "additionalProperties": False,
    }

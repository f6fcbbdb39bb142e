"""The documents that are written from the table of routes: OpenAPI, and the page of what is served."""

import json
from pathlib import Path

import pytest

from margincall.server.answers.table import ROUTES
from margincall.server.assembled import LATEST
from margincall.server.coverage import coverage
from margincall.server.openapi import openapi, path_of, weights
from margincall.server.routing import Table
from tests.server.running import running
from tests.sources import ROOT

DOCUMENT = ROOT / "docs" / "reference" / "openapi.json"
PAGE = ROOT / "docs" / "reference" / "serve-coverage.md"


def document(api_date: str = LATEST) -> str:
    """The OpenAPI document as it is committed."""
    found = openapi(Table(ROUTES, api_date).routes.values(), api_date)
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def test_the_committed_documents_are_the_tables() -> None:
    """Change a route, and they are written anew: `python -m tests.server.test_documents`."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()
    assert PAGE.read_text(encoding="utf-8") == coverage(ROUTES, LATEST)


def test_every_route_stands_in_both() -> None:
    operations = json.loads(document())["paths"]
    served = Table(ROUTES, LATEST).routes.values()
    assert {(path, method.upper()) for path, each in operations.items() for method in each} == {
        (path_of(route), route.method) for route in served
    }
    page = PAGE.read_text(encoding="utf-8")
    for route in ROUTES:
        assert f"| {route.method} | `{path_of(route)}` | {route.kind} | {route.security} |" in page


def test_names_are_given_once() -> None:
    """Clients are generated with one function for each name."""
    names = [each["operationId"] for path in json.loads(document())["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/fapi/v1/depth", [1, 2, 5, 10, 20]),
        ("GET", "/fapi/v1/klines", [1, 2, 5, 10]),
        ("GET", "/fapi/v1/openOrders", [1, 40]),
        ("GET", "/fapi/v1/ping", [1]),
    ],
)
def test_weights_that_depend_on_parameters_are_all_told(method: str, path: str, found: list[int]) -> None:
    assert weights(Table(ROUTES, LATEST).routes[method, path]) == found


def test_an_api_date_has_its_own_document() -> None:
    old, new = json.loads(document("2023-01-01"))["paths"], json.loads(document())["paths"]
    assert "/fapi/v1/algoOrder" in new
    assert "/fapi/v1/algoOrder" not in old
    assert "/fapi/v1/account" in old
    assert "/fapi/v1/account" not in new


def test_the_operator_is_told_too(tmp_path: Path) -> None:
    with running(tmp_path, api_date="2024-08-01") as (server, _):
        assert server.control("GET", "/openapi.json") == json.loads(document("2024-08-01"))


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    PAGE.write_text(coverage(ROUTES, LATEST), encoding="utf-8")

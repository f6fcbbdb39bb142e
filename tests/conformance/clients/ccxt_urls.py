"""How ccxt is told another address: the way its documentation names, without a change to it."""

import argparse
from typing import Any
from urllib.parse import urlsplit


def sandbox(kind: Any, key: str, secret: str, said: argparse.Namespace) -> Any:
    """A client of a class of ccxt, in sandbox mode, with the server in the place of every host of the venue."""
    rest = {name: url for name, url in kind().urls["api"].items() if isinstance(url, str)}
    test: dict[str, Any] = {name: said.rest + urlsplit(url).path for name, url in rest.items()}
    test["ws"] = {"linear": f"{said.ws}/ws", "ws-api": {"linear": f"{said.ws}/ws-fapi/v1"}}
    found = kind({"apiKey": key, "secret": secret, "urls": {"test": test}})
    found.set_sandbox_mode(True)
    return found

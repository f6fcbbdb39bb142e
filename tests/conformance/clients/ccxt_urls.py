"""How ccxt is told another address: the way its documentation names, without a change to it."""

import argparse
from typing import Any


def sandbox(kind: Any, key: str, secret: str, said: argparse.Namespace) -> Any:
    """A client of a class of ccxt, in sandbox mode, with the addresses of the server as those of the sandbox."""
    rest = {"fapiPublic": "fapi/v1", "fapiPublicV2": "fapi/v2", "fapiPublicV3": "fapi/v3"}
    rest |= {name.replace("Public", "Private"): path for name, path in rest.items()}
    rest |= {"fapiData": "futures/data", "public": "api/v3", "sapi": "sapi/v1", "dapiPublic": "dapi/v1"}
    sockets = {"linear": f"{said.ws}/ws", "ws-api": {"linear": f"{said.ws}/ws-fapi/v1"}}
    test: dict[str, Any] = {name: f"{said.rest}/{path}" for name, path in rest.items()}
    found = kind({"apiKey": key, "secret": secret, "urls": {"test": {**test, "ws": sockets}}})
    found.set_sandbox_mode(True)
    return found

"""The network: GET only, raw bytes, no redirections, TLS unless it is this machine."""

import ast

import pytest

from margincall.case.client import Client, Unanswered
from margincall.case.request import Answer, Request
from margincall.case.transport import checked_base
from margincall.errors import UsageError
from tests.recorded.running import recorded_at, with_client
from tests.sources import python_sources

INFO = Request("fapi", "/fapi/v1/exchangeInfo", signed=False)
NETWORK = frozenset({"aiohttp", "http", "requests", "httpx", "urllib3", "socket", "ssl", "websockets"})
WRITING = frozenset({"post", "put", "delete", "patch", "ws_connect"})


def test_no_other_method_than_get_exists() -> None:
    """One file of the package may send, and all that it does with its session is `get`."""
    senders, used = set(), set()
    for source in python_sources("src/margincall/case/", "src/margincall/cli/"):
        for node in source.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                if any(module.split(".")[0] in NETWORK or module == "urllib.request" for module in modules):
                    senders.add(source.path)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "session":
                used.add(node.attr)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in WRITING, source.at(node.lineno, f"`{node.func.attr}(`")
    assert senders == {"src/margincall/case/transport.py"}
    assert used == {"get", "_retry_connection"}


def test_bytes_are_kept_as_received() -> None:
    """Whatever they are."""
    recorded, clock = recorded_at("1h", faults={1: "garbage"})

    async def use(client: Client) -> Answer:
        return await client.ask(INFO)

    assert with_client(recorded, clock, use) == Answer(200, b"<html>we are moving</html>")


@pytest.mark.parametrize("fault", ["break", "half", "503"])
def test_a_broken_answer_is_asked_again(fault: str) -> None:
    """Half an answer is none."""
    recorded, clock = recorded_at("1h", faults={1: fault})

    async def use(client: Client) -> Answer:
        return await client.ask(INFO)

    assert with_client(recorded, clock, use).is_good
    assert clock.slept == [1.0]
    assert len(recorded.log) == 2


def test_a_redirection_is_not_followed() -> None:
    """The key would go elsewhere."""
    recorded, clock = recorded_at("1h", faults={2: "redirect"})

    async def use(client: Client) -> Answer:
        return await client.ask(Request("fapi", "/fapi/v3/account"))

    with pytest.raises(Unanswered, match="302"):
        with_client(recorded, clock, use)
    assert not any("elsewhere" in line for line in recorded.log)


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("https://fapi.binance.com", "https://fapi.binance.com"),
        ("https://fapi.binance.com/", "https://fapi.binance.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://localhost:1", "http://localhost:1"),
    ],
)
def test_a_base_address_is_https_or_this_machine(address: str, base: str) -> None:
    """Without the slash at its end."""
    assert checked_base(address) == base


@pytest.mark.parametrize(
    "address",
    [
        "http://fapi.binance.com", "http://127.0.0.1.evil.test", "http://localhost.evil.test", "ftp://127.0.0.1",
        "fapi.binance.com", "https://", "https://user:pass@fapi.binance.com", "https://fapi.binance.com?x=1",
        "https://fapi.binance.com:99999", "http://10.0.0.1", "http://2130706433",
    ],
)  # fmt: skip
def test_any_other_is_refused(address: str) -> None:
    """A key is not sent in the clear."""
    with pytest.raises(UsageError):
        checked_base(address)

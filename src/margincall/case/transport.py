"""The network: GET and nothing else, over TLS or to this machine, without following redirections.

Answers come as sent: no compression is asked for, so the bytes that are saved are the bytes that were received.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from margincall.case.client import Get, NoReply, Reply
from margincall.errors import UsageError

TIMEOUT_S = 600.0
SILENCE_S = 30.0
"""Seconds for a whole answer, and without a byte of one."""
SIZE_MAX = 256 * 1024 * 1024
CHUNK = 1 << 16
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "margincall"}


@asynccontextmanager
async def network() -> AsyncIterator[Get]:
    """A function that sends GET requests, for as long as the context lasts."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=SILENCE_S, sock_read=SILENCE_S)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar, headers=HEADERS) as session:
        # aiohttp would send a GET again by itself when a connection breaks. Some here start something (an export), and
        # waits and tries are the client's. There is no public switch; a test sees that nothing is sent twice.
        session._retry_connection = False

        async def get(address: str, headers: Mapping[str, str]) -> Reply:
            try:
                # The signature covers these very characters: `encoded` keeps them as they are.
                url = URL(address, encoded=True)
                async with session.get(url, headers=headers, allow_redirects=False) as response:
                    body = await _whole(response)
                    names = {name.lower(): value for name, value in response.headers.items()}
                    return Reply(response.status, names, body)
            except TimeoutError:
                raise NoReply("no answer in time") from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                # Only the kind of the error: its text may hold the signed address.
                raise NoReply(f"the connection failed: {type(error).__name__}") from None

        yield get


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(CHUNK):
        size += len(part)
        if size > SIZE_MAX:
            raise NoReply(f"an answer of more than {SIZE_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


def checked_base(address: str) -> str:
    """A base address without the slash at its end. Raises `UsageError` for one that would send a key in the clear."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{address}: {error}") from None
    if not host or parts.query or parts.fragment or parts.username is not None:
        raise UsageError(f"{address}: a base address is https://HOST[:PORT][/PATH], without user, query or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(host)):
        raise UsageError(f"{address}: only https, so that nobody on the way can read the key")
    return address.rstrip("/")


def is_this_machine(host: str) -> bool:
    """Whether a host is the loopback of this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

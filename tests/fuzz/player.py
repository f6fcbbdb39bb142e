"""One input sent to the server over a connection of its own, and what came back until the connection ended."""

import asyncio
import contextlib
from typing import NamedTuple

from tests.fuzz.http_inputs import Input
from tests.fuzz.replies import Wrong

SOON_S = 20.0
"""So long the server may take to end a connection whose client has said that it has said all."""
LATE_S = 45.0
"""So long it may keep one over which nothing comes: two looks of `server/connections.py`, and patience."""
ANSWERED_S = 0.02
"""So long a socket waits for answers before it closes."""
MOST = 64 << 20


class Played(NamedTuple):
    """What came back, and whether the connection was cut off."""

    raw: bytes
    is_cut: bool


async def played(port: int, sent: Input) -> Played:
    """Send it, and read until the connection ends. Raises `Wrong` where it does not."""
    limit_s = LATE_S if sent.is_silent else SOON_S
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found, is_cut = bytearray(), False

    begun = asyncio.Event()

    async def read() -> None:
        while piece := await reader.read(1 << 16):
            found.extend(piece)
            begun.set()
            if len(found) > MOST:
                raise Wrong(f"more than {MOST} bytes came back")

    reading = asyncio.ensure_future(read())
    try:
        async with asyncio.timeout(limit_s):
            try:
                for at, piece in enumerate(sent.pieces):
                    if sent.waits and at == len(sent.pieces) - 1:
                        await asyncio.sleep(ANSWERED_S)
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(sent.pause_s)
                    if at == 0 and sent.waits:
                        await asyncio.wait(
                            {reading, asyncio.ensure_future(begun.wait())}, return_when="FIRST_COMPLETED"
                        )
                if not sent.is_silent:
                    writer.write_eof()
            except OSError:
                is_cut = True
            with contextlib.suppress(OSError):
                await reading
            is_cut = is_cut or isinstance(reading.exception(), OSError)
    except TimeoutError:
        raise Wrong(f"the connection is stuck after {limit_s:.0f} s: {bytes(found[:200])!r}") from None
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return Played(bytes(found), is_cut)

"""The venue's asynchronous exports: started, waited for, downloaded. Five a month, shared with the web page, so a
started one is never started again: its id is in the saved answer.

The link is not saved: whoever has it can download the file. The file is.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from margincall.case.endpoints import EXPORTS, Endpoint, Market, of
from margincall.case.request import NAME, Answer, Request
from margincall.wire.durations import DAY_MS, MINUTE_MS

YEAR_MS = 365 * DAY_MS
POLLS_MAX = 12
POLL_FIRST_S = 5.0
POLL_MOST_S = 60.0


class Export(Struct, frozen=True):
    """A started export: the request for its link."""

    endpoint: Endpoint
    link: Request

    @property
    def file(self) -> str:
        """The name of the downloaded file, without its ending."""
        return f"{self.endpoint.name}-{self.link.param('downloadId')}"


class Started(Struct, frozen=True):
    """The answer to a start."""

    downloadId: str


class Link(Struct, frozen=True):
    """The answer to a question for the link."""

    status: str = ""
    url: str = ""


def starts(market: Market, until_ms: int) -> Sequence[tuple[Endpoint, Request]]:
    """The requests that start the exports of the last year. The end is in the past by the server's clock."""
    end = until_ms - MINUTE_MS
    return [(each, each.request(startTime=end - YEAR_MS + 1, endTime=end)) for each in of(market, EXPORTS)]


def started(endpoint: Endpoint, answer: Answer | None) -> Export | None:
    """The export that an answer says was started."""
    if answer is None or not answer.is_good:
        return None
    try:
        found = msgspec.json.decode(answer.body, type=Started, strict=False).downloadId
    except msgspec.DecodeError:
        return None
    if not NAME.fullmatch(found):
        return None
    link = Request(endpoint.market, f"{endpoint.path}/id", (("downloadId", found),), weight=10)
    return Export(endpoint, link)


def link_of(answer: Answer) -> str:
    """The link of a finished export, "" while it is in work or where the answer holds none."""
    try:
        found = msgspec.json.decode(answer.body, type=Link)
    except msgspec.DecodeError:
        return ""
    return found.url if found.status == "completed" else ""


def ending(data: bytes) -> str:
    """The ending of a downloaded file, by its first bytes."""
    if data.startswith(b"PK\x03\x04"):
        return ".zip"
    if data.startswith(b"\x1f\x8b"):
        return ".tar.gz" if b"ustar" in data[:600] else ".gz"
    return ".csv"

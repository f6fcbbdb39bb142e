"""Refusals of the API: the venue's codes and texts (USDⓈ-M documentation, 2026-05) that no command of the engine has.

What the engine refuses (`exchange/rejections.py`) is answered with its own code and text.
"""

from margincall.exchange.events import Rejected


class ApiError(Exception):
    """Answered as `{"code", "msg"}`. `status` is that of HTTP, `retry_after_s` goes into the header."""

    def __init__(self, code: int, msg: str, status: int = 400, retry_after_s: int | None = None) -> None:
        """`code` is negative."""
        super().__init__(msg)
        self.code, self.msg, self.status, self.retry_after_s = code, msg, status, retry_after_s


def of_rejected(event: Rejected) -> ApiError:
    """What the engine refused."""
    return ApiError(event.code, event.text)


def missing(name: str) -> ApiError:
    """A mandatory parameter was not sent, was empty, or is no value of its kind."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def empty(name: str) -> ApiError:
    """A parameter was sent without a value."""
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def illegal(name: str, legal: str) -> ApiError:
    """A parameter holds what no such parameter may hold; `legal` is the range as the venue prints it."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def invalid(name: str) -> ApiError:
    """A value that is none of those allowed."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


UNKNOWN_METHOD = ApiError(-5000, "Path or method is invalid.", 404)
KEY_FORMAT = ApiError(-2014, "API-key format invalid.", 401)
KEY_UNKNOWN = ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
SIGNATURE = ApiError(-1022, "Signature for this request is not valid.")
AHEAD = ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
OUTSIDE = ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
WINDOW_TOO_LARGE = ApiError(-1131, "recvWindow must be less than 60000")
BAD_SYMBOL = ApiError(-1121, "Invalid symbol.")
BAD_INTERVAL = ApiError(-1120, "Invalid interval.")
TOO_LARGE = ApiError(-1101, "Too many parameters sent for this endpoint.", 413)
